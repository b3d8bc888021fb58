//! Reads protobuf messages in place, field by field, without building anything. Every read
//! consumes bytes, so a walk is linear; nested messages are slices that the caller walks by
//! another reader, so nothing here recurses. Groups are refused.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::model::unmapped;

/// The bytes are not a protobuf message, or one cut short, or a known field has another type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a protobuf message")]
pub(super) struct Broken;

/// Wire type of integers, enums and booleans.
const VARINT: u32 = 0;
/// Wire type of eight bytes.
const FIXED64: u32 = 1;
/// Wire type of strings, bytes and messages.
const BYTES: u32 = 2;
/// Wire type of four bytes.
const FIXED32: u32 = 5;

/// The tag of an integer field.
pub(super) const fn varint_tag(number: u32) -> u32 {
    number << 3 | VARINT
}

/// The tag of an eight-byte field.
pub(super) const fn fixed64_tag(number: u32) -> u32 {
    number << 3 | FIXED64
}

/// The tag of a string, bytes or message field.
pub(super) const fn bytes_tag(number: u32) -> u32 {
    number << 3 | BYTES
}

/// The tag of a four-byte field.
pub(super) const fn fixed32_tag(number: u32) -> u32 {
    number << 3 | FIXED32
}

/// Whether `byte` can begin a message: a field number of 1 or more and a wire type that is not
/// a group's.
pub(super) fn begins_message(byte: u8) -> bool {
    byte >> 3 != 0 && matches!(u32::from(byte & 7), VARINT | FIXED64 | BYTES | FIXED32)
}

/// The field numbers (below 64) that a reader knows: one of them under a tag that the reader
/// did not expect has the wrong type.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known(u64);

impl Known {
    /// The set of the field numbers of `tags`.
    pub(super) const fn of(tags: &[u32]) -> Self {
        let mut set = 0;
        let mut rest = tags;
        while let [tag, tail @ ..] = rest {
            set |= 1 << (*tag >> 3);
            rest = tail;
        }
        Self(set)
    }

    /// Whether the field of `tag` is in the set.
    fn holds(self, tag: u32) -> bool {
        let number = tag >> 3;
        number < 64 && self.0 >> number & 1 == 1
    }
}

/// A reader of one message: a tag, then its value, and so on to the end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'m> {
    /// What is not read yet.
    rest: &'m [u8],
}

impl<'m> Fields<'m> {
    /// A reader at the start of `message`.
    pub(super) fn new(message: &'m [u8]) -> Self {
        Self { rest: message }
    }

    /// What is not read yet.
    pub(super) fn rest(self) -> &'m [u8] {
        self.rest
    }

    /// Whether the next field has this tag, of one byte; passes over the tag if it has. For
    /// readers that first look for the fields in the order in which writers put them.
    #[inline(always)]
    pub(super) fn next_is(&mut self, tag: u32) -> bool {
        match self.rest {
            [first, rest @ ..] if u32::from(*first) == tag => {
                self.rest = rest;
                true
            }
            [..] => false,
        }
    }

    /// The next tag; none at the end of the message.
    ///
    /// # Errors
    /// [`Broken`] when the tag is cut short, too large, or of field 0.
    #[inline(always)]
    pub(super) fn tag(&mut self) -> Result<Option<u32>, Broken> {
        match self.rest {
            [] => Ok(None),
            [tag @ 8..0x80, rest @ ..] => {
                self.rest = rest;
                Ok(Some(u32::from(*tag)))
            }
            [..] => {
                let tag = u32::try_from(self.varint()?).map_err(|_| Broken)?;
                if tag >> 3 == 0 {
                    return Err(Broken);
                }
                Ok(Some(tag))
            }
        }
    }

    /// An integer.
    ///
    /// # Errors
    /// [`Broken`] when it is cut short or has more than 64 bits.
    #[inline(always)]
    pub(super) fn varint(&mut self) -> Result<u64, Broken> {
        if let [low @ ..0x80, rest @ ..] = self.rest {
            self.rest = rest;
            return Ok(u64::from(*low));
        }
        if let Some((word, _)) = self.rest.split_first_chunk::<8>() {
            let word = u64::from_le_bytes(*word);
            let ends = !word & HIGHS;
            if ends != 0 {
                let len = ends.trailing_zeros() / 8 + 1;
                self.rest = self.rest.get(widened(len)..).ok_or(Broken)?;
                return Ok(squeezed(word & (ends ^ (ends - 1))));
            }
        }
        if let [low, high @ ..0x80, rest @ ..] = self.rest {
            self.rest = rest;
            return Ok(u64::from(*low & 0x7f) | u64::from(*high) << 7);
        }
        let (value, rest) = varint_by_bytes(self.rest)?;
        self.rest = rest;
        Ok(value)
    }

    /// Eight bytes, little-endian.
    ///
    /// # Errors
    /// [`Broken`] when they are cut short.
    #[inline(always)]
    pub(super) fn fixed64(&mut self) -> Result<u64, Broken> {
        let (chunk, rest) = self.rest.split_first_chunk().ok_or(Broken)?;
        self.rest = rest;
        Ok(u64::from_le_bytes(*chunk))
    }

    /// Four bytes, little-endian.
    ///
    /// # Errors
    /// [`Broken`] when they are cut short.
    #[inline(always)]
    pub(super) fn fixed32(&mut self) -> Result<u32, Broken> {
        let (chunk, rest) = self.rest.split_first_chunk().ok_or(Broken)?;
        self.rest = rest;
        Ok(u32::from_le_bytes(*chunk))
    }

    /// A string, bytes or message: a length and as many bytes.
    ///
    /// # Errors
    /// [`Broken`] when the length reaches beyond the end.
    #[inline(always)]
    pub(super) fn bytes(&mut self) -> Result<&'m [u8], Broken> {
        let len = usize::try_from(self.varint()?).map_err(|_| Broken)?;
        let (bytes, rest) = self.rest.split_at_checked(len).ok_or(Broken)?;
        self.rest = rest;
        Ok(bytes)
    }

    /// Text in UTF-8.
    ///
    /// # Errors
    /// [`Broken`] when the length reaches beyond the end or the bytes are not UTF-8.
    #[inline(always)]
    pub(super) fn text(&mut self) -> Result<&'m [u8], Broken> {
        let text = self.bytes()?;
        if text.is_ascii() || std::str::from_utf8(text).is_ok() {
            Ok(text)
        } else {
            Err(Broken)
        }
    }

    /// Passes over the value of a field that the caller does not know.
    ///
    /// # Errors
    /// [`Broken`] when the value is cut short, belongs to a group, or the field is one of
    /// `known` and so should have had another type.
    #[inline(always)]
    pub(super) fn skip_unknown(&mut self, tag: u32, known: Known) -> Result<(), Broken> {
        if known.holds(tag) {
            return Err(Broken);
        }
        self.skip(tag)
    }

    /// Passes over the value of a field.
    ///
    /// # Errors
    /// [`Broken`] when the value is cut short or belongs to a group.
    #[inline(always)]
    pub(super) fn skip(&mut self, tag: u32) -> Result<(), Broken> {
        match tag & 7 {
            VARINT => self.varint().map(|_| ()),
            FIXED64 => self.fixed64().map(|_| ()),
            BYTES => self.bytes().map(|_| ()),
            FIXED32 => self.fixed32().map(|_| ()),
            _ => Err(Broken),
        }
    }
}

/// An integer, byte by byte, and what follows it: the definition.
#[cold]
#[inline(never)]
fn varint_by_bytes(mut bytes: &[u8]) -> Result<(u64, &[u8]), Broken> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let [byte, rest @ ..] = bytes else {
            return Err(Broken);
        };
        bytes = rest;
        let bits = u64::from(byte & 0x7f);
        if bits << shift >> shift != bits {
            return Err(Broken);
        }
        value |= bits << shift;
        if *byte < 0x80 {
            return Ok((value, bytes));
        }
    }
    Err(Broken)
}

/// The high bit of each byte of a word.
pub(super) const HIGHS: u64 = 0x8080_8080_8080_8080;

/// Joins the lower seven bits of the eight bytes of `word`, lowest byte first.
#[inline]
pub(super) fn squeezed(word: u64) -> u64 {
    let word = word & 0x7f7f_7f7f_7f7f_7f7f;
    let pairs = word & 0x007f_007f_007f_007f | (word & 0x7f00_7f00_7f00_7f00) >> 1;
    let fours = pairs & 0x0000_3fff_0000_3fff | (pairs & 0x3fff_0000_3fff_0000) >> 2;
    fours & 0x0fff_ffff | (fours & 0x0fff_ffff_0000_0000) >> 4
}

/// A byte count as an index.
fn widened(count: u32) -> usize {
    count as usize
}

/// The address that 4 or 16 bytes stand for, unmapped; none for another length.
#[inline]
pub(super) fn address(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return Some(IpAddr::V4(Ipv4Addr::from(v4)));
    }
    let v6 = <[u8; 16]>::try_from(bytes).ok()?;
    Some(unmapped(IpAddr::V6(Ipv6Addr::from(v6))))
}

/// The port that a field holds; none for 0 and for what is no port.
#[inline]
pub(super) fn port(value: u64) -> Option<u16> {
    u16::try_from(value).ok().filter(|port| *port != 0)
}

#[cfg(test)]
mod tests;
