//! Words that lookups read at random: large arrays of them lie in large pages, because the table
//! of the small pages that they would need does not fit into the processor, and every look would
//! wait for it as well.

use std::fmt;

use memmap2::MmapMut;

/// A fixed number of words of 64 bits, all 0 at first.
pub(super) struct Words {
    /// Where they are, behind `start` words that are not used.
    memory: Memory,
    start: usize,
    /// How many.
    len: usize,
}

/// Where bytes are.
enum Memory {
    /// Among everything else.
    Shared(Vec<u8>),
    /// In pages of their own.
    Pages(MmapMut),
}

/// Bytes of a large page. Fewer do not need one.
const PAGE: usize = 2 << 20;

/// Bytes of a word.
const WORD: usize = 8;

impl Words {
    /// So many words. Where the system has no large pages, they lie in small ones.
    pub(super) fn new(len: usize) -> Self {
        let bytes = WORD * len;
        let pages = (bytes >= PAGE).then(|| MmapMut::map_anon(bytes + PAGE));
        let Some(Ok(pages)) = pages else {
            let memory = Memory::Shared(vec![0; bytes]);
            return Self {
                memory,
                start: 0,
                len,
            };
        };
        // Large pages start at multiples of their size. Systems without them refuse.
        #[cfg(target_os = "linux")]
        let _refused = pages.advise(memmap2::Advice::HugePage);
        let start = pages.as_ptr().align_offset(PAGE).min(PAGE) / WORD;
        let memory = Memory::Pages(pages);
        Self { memory, start, len }
    }

    /// How many words.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The word at `index`; 0 beyond the last.
    #[inline(always)]
    pub(super) fn get(&self, index: usize) -> u64 {
        let word = self.all().get(index.wrapping_add(self.start)).copied();
        u64::from_ne_bytes(word.unwrap_or_default())
    }

    /// All words, as this machine writes them: for many looks.
    #[inline(always)]
    pub(super) fn words(&self) -> &[[u8; WORD]] {
        let words = self.all().get(self.start..self.start + self.len);
        words.unwrap_or_default()
    }

    /// All words that there is room for, those that are not used as well.
    #[inline(always)]
    fn all(&self) -> &[[u8; WORD]] {
        let bytes: &[u8] = match &self.memory {
            Memory::Shared(bytes) => bytes,
            Memory::Pages(pages) => pages,
        };
        bytes.as_chunks().0
    }

    /// Sets bits of the word at `index`, if there is one.
    pub(super) fn set(&mut self, index: usize, bits: u64) {
        let bytes: &mut [u8] = match &mut self.memory {
            Memory::Shared(bytes) => bytes,
            Memory::Pages(pages) => pages,
        };
        let (words, _) = bytes.as_chunks_mut();
        if let Some(word) = words.get_mut(index.wrapping_add(self.start)) {
            *word = (u64::from_ne_bytes(*word) | bits).to_ne_bytes();
        }
    }

    /// Memory, in bytes.
    pub(super) fn bytes(&self) -> usize {
        WORD * self.len
    }
}

impl Default for Words {
    fn default() -> Self {
        Self::new(0)
    }
}

impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pages = matches!(self.memory, Memory::Pages(_));
        write!(f, "{} words, in pages of their own: {pages}", self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_keep_what_is_set_in_small_and_large_arrays() {
        for len in [0, 1, 100, PAGE / WORD - 1, PAGE / WORD, 3 * PAGE / WORD + 5] {
            let mut words = Words::new(len);
            assert_eq!((words.len(), words.bytes()), (len, WORD * len));
            for index in (0..len).rev().step_by(97) {
                assert_eq!(words.get(index), 0);
                words.set(index, 0x8000_0000_0000_0001);
                words.set(index, index as u64);
                assert_eq!(words.get(index), 0x8000_0000_0000_0001 | index as u64);
            }
        }
    }

    #[test]
    fn no_words_take_no_memory() {
        let words = Words::default();
        assert_eq!((words.bytes(), words.get(0)), (0, 0));
    }
}
