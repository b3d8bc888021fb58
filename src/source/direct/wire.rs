//! Reads the small answers of a broker field by field. Lengths and counts are checked against
//! what is there before anything is made of them, so that an answer costs no more memory than
//! its own bytes, whatever it claims.

/// What is left of an answer.
pub(super) struct Wire<'a> {
    rest: &'a [u8],
    /// Whether lengths are compact and tagged fields follow ("flexible" versions).
    flexible: bool,
}

/// Why an answer could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// It ends before a field does.
    #[error("it ends in the middle of a field")]
    CutShort,
    /// A length or count is negative or larger than what is left.
    #[error("a length in it is impossible")]
    Length,
    /// A text is not UTF-8.
    #[error("a text in it is not utf-8")]
    NotText,
    /// A list is longer than is allowed.
    #[error("a list in it has more than {0} items")]
    TooMany(usize),
}

impl<'a> Wire<'a> {
    /// The fields of `bytes`.
    pub(super) fn new(bytes: &'a [u8], flexible: bool) -> Self {
        Self {
            rest: bytes,
            flexible,
        }
    }

    /// The next `len` bytes.
    fn take(&mut self, len: usize) -> Result<&'a [u8], WireError> {
        let (head, rest) = self.rest.split_at_checked(len).ok_or(WireError::CutShort)?;
        self.rest = rest;
        Ok(head)
    }

    /// The next `N` bytes.
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (head, rest) = self.rest.split_first_chunk().ok_or(WireError::CutShort)?;
        self.rest = rest;
        Ok(*head)
    }

    /// A boolean.
    pub(super) fn flag(&mut self) -> Result<bool, WireError> {
        self.array::<1>().map(|[byte]| byte != 0)
    }

    /// A number of 16 bits.
    pub(super) fn int16(&mut self) -> Result<i16, WireError> {
        self.array().map(i16::from_be_bytes)
    }

    /// A number of 32 bits.
    pub(super) fn int32(&mut self) -> Result<i32, WireError> {
        self.array().map(i32::from_be_bytes)
    }

    /// A number of 64 bits.
    pub(super) fn int64(&mut self) -> Result<i64, WireError> {
        self.array().map(i64::from_be_bytes)
    }

    /// A number of 32 bits without sign, seven bits a byte.
    pub(super) fn varint(&mut self) -> Result<u32, WireError> {
        let mut value = 0_u32;
        for shift in [0, 7, 14, 21, 28] {
            let [byte] = self.array::<1>()?;
            let bits = u32::from(byte & 0x7f);
            if shift == 28 && bits > 0xf {
                return Err(WireError::Length);
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(WireError::Length)
    }

    /// A compact length; `None` is null.
    fn compact(&mut self) -> Result<Option<usize>, WireError> {
        let written = self.varint()?;
        match written.checked_sub(1) {
            Some(len) => usize::try_from(len)
                .map(Some)
                .map_err(|_| WireError::Length),
            None => Ok(None),
        }
    }

    /// A text, or null.
    pub(super) fn text_or_null(&mut self) -> Result<Option<&'a str>, WireError> {
        let len = if self.flexible {
            self.compact()?
        } else {
            known(self.int16()?.into())?
        };
        let Some(len) = len else {
            return Ok(None);
        };
        let text = self.take(len)?;
        std::str::from_utf8(text)
            .map(Some)
            .map_err(|_| WireError::NotText)
    }

    /// A text.
    pub(super) fn text(&mut self) -> Result<&'a str, WireError> {
        self.text_or_null()?.ok_or(WireError::Length)
    }

    /// Bytes; null is empty.
    pub(super) fn bytes(&mut self) -> Result<&'a [u8], WireError> {
        let len = if self.flexible {
            self.compact()?
        } else {
            known(self.int32()?)?
        };
        self.take(len.unwrap_or(0))
    }

    /// The count of a list of at most `items_max`, of which each has at least one byte. Null
    /// is empty.
    pub(super) fn count(&mut self, items_max: usize) -> Result<usize, WireError> {
        let count = if self.flexible {
            self.compact()?
        } else {
            known(self.int32()?)?
        };
        let count = count.unwrap_or(0);
        if count > items_max {
            return Err(WireError::TooMany(items_max));
        }
        if count > self.rest.len() {
            return Err(WireError::Length);
        }
        Ok(count)
    }

    /// Passes over a list of numbers of 32 bits.
    pub(super) fn skip_int32s(&mut self) -> Result<(), WireError> {
        let count = self.count(self.rest.len())?;
        self.take(count.checked_mul(4).ok_or(WireError::Length)?)?;
        Ok(())
    }

    /// Passes over tagged fields, where this version has them.
    pub(super) fn skip_tags(&mut self) -> Result<(), WireError> {
        self.tags(|_, _| Ok(()))
    }

    /// Hands every tagged field, its number and its bytes, to `field`, where this version has them.
    pub(super) fn tags(
        &mut self,
        mut field: impl FnMut(u32, &'a [u8]) -> Result<(), WireError>,
    ) -> Result<(), WireError> {
        if !self.flexible {
            return Ok(());
        }
        let count = self.varint()?;
        for _ in 0..count {
            let number = self.varint()?;
            let len = usize::try_from(self.varint()?).map_err(|_| WireError::Length)?;
            field(number, self.take(len)?)?;
        }
        Ok(())
    }

    /// How many bytes are left.
    pub(super) fn remaining(&self) -> usize {
        self.rest.len()
    }
}

/// A written length: -1 is null, anything else below zero is impossible.
fn known(len: i32) -> Result<Option<usize>, WireError> {
    match len {
        -1 => Ok(None),
        len => usize::try_from(len)
            .map(Some)
            .map_err(|_| WireError::Length),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_that_lie_are_told_before_anything_is_made_of_them() {
        let huge = [0x7f, 0xff, 0xff, 0xff, 1];
        assert_eq!(
            Wire::new(&huge, false).count(usize::MAX),
            Err(WireError::Length)
        );
        assert_eq!(Wire::new(&huge, false).count(9), Err(WireError::TooMany(9)));
        assert_eq!(Wire::new(&huge, false).bytes(), Err(WireError::CutShort));
        let negative = [0xff, 0xff, 0xff, 0xfe];
        assert_eq!(Wire::new(&negative, false).bytes(), Err(WireError::Length));
        assert_eq!(
            Wire::new(&[0xff, 0xff], false).text(),
            Err(WireError::Length)
        );
        let too_wide = [0xff, 0xff, 0xff, 0xff, 0x1f];
        assert_eq!(Wire::new(&too_wide, true).varint(), Err(WireError::Length));
        assert_eq!(Wire::new(&[0x80], true).varint(), Err(WireError::CutShort));
        assert_eq!(
            Wire::new(&[3, 0xff, 0xff], true).text(),
            Err(WireError::NotText)
        );
    }

    #[test]
    fn both_ways_of_writing_are_read() {
        let mut plain = Wire::new(&[0, 2, b'a', b'b', 0xff, 0xff, 0, 0, 0, 1, 9], false);
        assert_eq!(plain.text(), Ok("ab"));
        assert_eq!(plain.text_or_null(), Ok(None));
        assert_eq!(plain.bytes(), Ok(&[9_u8][..]));
        let mut compact = Wire::new(&[3, b'a', b'b', 0, 1, 7, 2, 8, 8, 0x80, 1], true);
        assert_eq!(compact.text(), Ok("ab"));
        assert_eq!(compact.text_or_null(), Ok(None));
        assert_eq!(compact.skip_tags(), Ok(()));
        assert_eq!(compact.varint(), Ok(128));
        assert_eq!(compact.remaining(), 0);
    }
}
