//! Names of zone files: relative or absolute, with escapes. A name is kept as labels of any bytes,
//! so that a dot in a label is never one between labels.

use super::super::reason::{self, Reason};
use crate::model::NameError;

/// Longest name, with the length of each label.
const WIRE_LEN_MAX: usize = 254;

/// Longest label.
const LABEL_LEN_MAX: u8 = 63;

/// A name.
#[derive(Clone, Debug, Default)]
pub(super) struct Name {
    /// Each label with its length before it, as on the wire but without the root.
    wire: Vec<u8>,
    /// Whether it is known what all of it is below: it had a trailing dot, or an origin.
    absolute: bool,
}

/// Some labels of a name, from the first on. Equal whatever the case.
#[derive(Clone, Copy, Debug)]
pub(super) struct Relative<'n>(&'n [u8]);

impl Name {
    /// Reads `written` in place of what the name was. `@` is the origin, and what has no trailing dot
    /// is below it.
    ///
    /// # Errors
    /// The [`Reason`] when it is no name; the name is then any.
    pub(super) fn read(&mut self, written: &[u8], origin: Option<&Self>) -> Result<(), Reason> {
        self.wire.clear();
        self.absolute = written == b".";
        if self.absolute {
            return Ok(());
        }
        if written != b"@" {
            self.absolute = self.push_labels(written)?;
        }
        if let (false, Some(origin)) = (self.absolute, origin) {
            self.wire.extend_from_slice(&origin.wire);
            self.absolute = origin.absolute;
        }
        if self.wire.len() > WIRE_LEN_MAX {
            return Err(NameError::TooLong.reason());
        }
        Ok(())
    }

    /// Whether it is known what all of it is below.
    pub(super) fn is_absolute(&self) -> bool {
        self.absolute
    }

    /// All its labels.
    pub(super) fn whole(&self) -> Relative<'_> {
        Relative(&self.wire)
    }

    /// The labels before those of `apex`; `None` if it does not end in them.
    pub(super) fn below(&self, apex: &Self) -> Option<Relative<'_>> {
        if self.absolute != apex.absolute {
            return None;
        }
        let len = self.wire.len().checked_sub(apex.wire.len())?;
        let (labels, end) = self.wire.split_at_checked(len)?;
        let mut at = 0;
        while at < len {
            at += 1 + usize::from(*labels.get(at)?);
        }
        (at == len && end.eq_ignore_ascii_case(&apex.wire)).then_some(Relative(labels))
    }

    /// Appends the labels of `written`; whether it ends with a dot.
    fn push_labels(&mut self, written: &[u8]) -> Result<bool, Reason> {
        let mut rest = written;
        loop {
            let start = self.wire.len();
            self.wire.push(0);
            rest = self.push_label(rest)?;
            let len = u8::try_from(self.wire.len() - start - 1).unwrap_or(u8::MAX);
            if len == 0 {
                return Err(NameError::EmptyLabel.reason());
            }
            if len > LABEL_LEN_MAX {
                return Err(NameError::LabelTooLong.reason());
            }
            if let Some(room) = self.wire.get_mut(start) {
                *room = len;
            }
            if self.wire.len() > WIRE_LEN_MAX {
                return Err(NameError::TooLong.reason());
            }
            match rest {
                [] => return Ok(false),
                [b'.'] => return Ok(true),
                [_, after @ ..] => rest = after,
            }
        }
    }

    /// Appends the bytes up to the first dot that is one between labels; the rest from that dot on.
    fn push_label<'w>(&mut self, written: &'w [u8]) -> Result<&'w [u8], Reason> {
        let mut rest = written;
        loop {
            rest = match rest {
                [] | [b'.', ..] => return Ok(rest),
                [b'\\', after @ ..] => {
                    let (byte, after) = unescape(after).ok_or(reason::BAD_ESCAPE)?;
                    self.wire.push(byte);
                    after
                }
                [byte, after @ ..] => {
                    self.wire.push(*byte);
                    after
                }
            };
        }
    }
}

impl<'n> Relative<'n> {
    /// The labels, first to last.
    pub(super) fn iter(self) -> impl Iterator<Item = &'n [u8]> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let (&len, after) = rest.split_first()?;
            let (label, after) = after.split_at_checked(usize::from(len))?;
            rest = after;
            Some(label)
        })
    }

    /// The first label, and those behind it.
    pub(super) fn split_first(self) -> Option<(&'n [u8], Self)> {
        let (&len, after) = self.0.split_first()?;
        let (label, after) = after.split_at_checked(usize::from(len))?;
        Some((label, Self(after)))
    }

    /// Whether it has no labels.
    pub(super) fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// Bytes of all labels with their lengths.
    pub(super) fn wire_len(self) -> usize {
        self.0.len()
    }
}

impl PartialEq for Relative<'_> {
    fn eq(&self, other: &Self) -> bool {
        // No length of a label is a letter.
        self.0.eq_ignore_ascii_case(other.0)
    }
}

/// The byte that an escape stands for, and what follows: `\DDD` is the byte of that number, `\`
/// before anything else is that.
fn unescape(after: &[u8]) -> Option<(u8, &[u8])> {
    let digit = |byte: u8| byte.is_ascii_digit().then(|| u16::from(byte - b'0'));
    match after {
        [first, rest @ ..] if !first.is_ascii_digit() => Some((*first, rest)),
        [hundreds, tens, ones, rest @ ..] => {
            let number = digit(*hundreds)? * 100 + digit(*tens)? * 10 + digit(*ones)?;
            Some((u8::try_from(number).ok()?, rest))
        }
        _ => None,
    }
}
