//! Texts in one block of bytes, referred to by small ids: what keeps a million leases small.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

/// Refers to a text; the offset of its length in the block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct TextId(u32);

/// Append-only texts. Nothing is ever freed, so the block has a limit.
#[derive(Debug)]
pub(super) struct Texts {
    /// Two bytes of length, then the text, again and again.
    bytes: Vec<u8>,
    /// The interned ones, by their text.
    interned: HashTable<TextId>,
    /// Keyed: others choose the texts.
    hasher: RandomState,
    /// Most bytes in the block.
    bytes_max: usize,
}

/// Longest text that is kept, in bytes.
const TEXT_LEN_MAX: usize = 1024;

impl Texts {
    /// An empty block that never grows above `bytes_max` (at most 4 GiB).
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            bytes: Vec::new(),
            interned: HashTable::new(),
            hasher: RandomState::new(),
            bytes_max: bytes_max.min(u32::MAX as usize),
        }
    }

    /// Whether `texts` could all be added; [`Texts::append`] then cannot fail for them.
    pub(super) fn has_room(&self, texts: &[&str]) -> bool {
        let needed: usize = texts.iter().map(|text| 2 + text.len()).sum();
        texts.iter().all(|text| text.len() <= TEXT_LEN_MAX)
            && self.bytes.len().saturating_add(needed) <= self.bytes_max
    }

    /// Adds a text that is expected to be new; `None` when there is no room for it.
    pub(super) fn append(&mut self, text: &str) -> Option<TextId> {
        if !self.has_room(&[text]) {
            return None;
        }
        let id = u32::try_from(self.bytes.len()).ok()?;
        let len = u16::try_from(text.len()).ok()?;
        self.bytes.extend_from_slice(&len.to_le_bytes());
        self.bytes.extend_from_slice(text.as_bytes());
        Some(TextId(id))
    }

    /// The id of `text`, which is added if it is new; equal texts get equal ids. `None` when
    /// there is no room for it.
    pub(super) fn intern(&mut self, text: &str) -> Option<TextId> {
        let hash = self.hasher.hash_one(text);
        let known = self
            .interned
            .find(hash, |&id| text_at(&self.bytes, id) == text);
        if let Some(&id) = known {
            return Some(id);
        }
        let id = self.append(text)?;
        let (bytes, hasher) = (&self.bytes, &self.hasher);
        self.interned
            .insert_unique(hash, id, |&id| hasher.hash_one(text_at(bytes, id)));
        Some(id)
    }

    /// The text of `id`.
    pub(super) fn text(&self, id: TextId) -> &str {
        text_at(&self.bytes, id)
    }

    /// The text of `id`, unless it is empty.
    pub(super) fn some(&self, id: TextId) -> Option<&str> {
        Some(self.text(id)).filter(|text| !text.is_empty())
    }
}

/// The text at `id`; empty for an id of another block.
fn text_at(bytes: &[u8], TextId(offset): TextId) -> &str {
    let after = bytes.get(offset as usize..).unwrap_or_default();
    let Some((&len, after)) = after.split_first_chunk::<2>() else {
        return "";
    };
    let text = after.get(..usize::from(u16::from_le_bytes(len)));
    std::str::from_utf8(text.unwrap_or_default()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interned_texts_are_equal_exactly_when_their_ids_are() {
        let mut texts = Texts::new(1 << 20);
        let words: Vec<String> = (0..2000).map(|n| format!("w{}", n % 700)).collect();
        let ids: Vec<TextId> = words
            .iter()
            .map(|word| texts.intern(word).unwrap())
            .collect();
        for (left, right) in [(0, 700), (0, 1), (699, 1399), (1, 701)] {
            assert_eq!(ids[left] == ids[right], words[left] == words[right]);
            assert_eq!(texts.text(ids[left]), words[left]);
        }
        let empty = texts.intern("").unwrap();
        assert_eq!((texts.some(empty), texts.some(ids[0])), (None, Some("w0")));
    }

    #[test]
    fn a_full_block_refuses() {
        let mut texts = Texts::new(10);
        let kept = texts.intern("abcd").unwrap();
        assert_eq!(texts.append("abc"), None);
        assert_eq!(texts.intern("abcd"), Some(kept));
        assert!(texts.append("ab").is_some());
        assert_eq!(
            Texts::new(1 << 20).append(&"a".repeat(TEXT_LEN_MAX + 1)),
            None
        );
    }
}
