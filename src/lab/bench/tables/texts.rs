//! Many texts in one block of memory, one behind the other, as they lie in feeds and records.

use std::ops::Range;

/// Texts and where they end. No allocation a text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Texts {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Texts {
    /// Appends a text.
    pub(super) fn push(&mut self, text: &[u8]) {
        self.bytes.extend_from_slice(text);
        self.ends.push(self.bytes.len());
    }

    /// Keeps the first `len` texts.
    pub(super) fn truncate(&mut self, len: usize) {
        self.ends.truncate(len);
        self.bytes.truncate(self.ends.last().copied().unwrap_or(0));
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// How many.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The text at `index`; empty if there is none.
    pub(super) fn text(&self, index: usize) -> &[u8] {
        self.range(index..index + 1).next().unwrap_or_default()
    }

    /// All texts.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.range(0..self.len())
    }

    /// The texts of a range of places.
    pub(super) fn range(&self, range: Range<usize>) -> impl Iterator<Item = &[u8]> {
        let before = range.start.checked_sub(1);
        let mut start = before.map_or(0, |index| self.ends.get(index).copied().unwrap_or(0));
        let ends = self.ends.get(range).unwrap_or_default();
        ends.iter().map(move |&end| {
            let text = self.bytes.get(start..end).unwrap_or_default();
            start = end;
            text
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back_as_they_went_in() {
        let mut texts = Texts::default();
        for text in ["a.example", "", "b.test"] {
            texts.push(text.as_bytes());
        }
        let all: Vec<&[u8]> = texts.iter().collect();
        assert_eq!(all, [&b"a.example"[..], b"", b"b.test"]);
        assert_eq!(texts.range(1..3).collect::<Vec<_>>(), all[1..]);
        assert_eq!((texts.text(2), texts.text(3)), (&b"b.test"[..], &b""[..]));
        assert_eq!(texts.len(), 3);
        texts.truncate(1);
        texts.push(b"c.test");
        let all: Vec<&[u8]> = texts.iter().collect();
        assert_eq!(all, [&b"a.example"[..], b"c.test"]);
        texts.truncate(0);
        assert!(texts.is_empty() && texts.bytes.is_empty());
    }
}
