//! Words that lookups read at random: large arrays of them lie in large pages, because the table
//! of the small pages that they would need does not fit into the processor, and every look would
//! wait for it as well.

use std::fmt;

use memmap2::MmapMut;

/// A fixed number of words of 64 bits, all 0 at first.
pub(super) struct Words {
    /// Where they are, from `start` on.
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
        let start = pages.as_ptr().align_offset(PAGE).min(PAGE);
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
        let bytes: &[u8] = match &self.memory {
            Memory::Shared(bytes) => bytes,
            Memory::Pages(pages) => pages,
        };
        let word = bytes.get(self.start + WORD * index..);
        word.and_then(<[u8]>::first_chunk)
            .map_or(0, |word| u64::from_ne_bytes(*word))
    }

    /// Sets bits of the word at `index`, if there is one.
    pub(super) fn set(&mut self, index: usize, bits: u64) {
        let bytes: &mut [u8] = match &mut self.memory {
            Memory::Shared(bytes) => bytes,
            Memory::Pages(pages) => pages,
        };
        let word = bytes.get_mut(self.start + WORD * index..);
        if let Some(word) = word.and_then(<[u8]>::first_chunk_mut) {
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

/// A set of small numbers: one bit each.
#[derive(Debug, Default)]
pub(super) struct BitSet(Words);

impl BitSet {
    /// An empty set of numbers below `bits`.
    pub(super) fn new(bits: usize) -> Self {
        Self(Words::new(bits.div_ceil(64)))
    }

    /// Adds a number.
    pub(super) fn insert(&mut self, bit: usize) {
        self.0.set(bit / 64, 1 << (bit % 64));
    }

    /// Adds the numbers from `first` to `last`.
    pub(super) fn insert_all(&mut self, first: usize, last: usize) {
        let mut bit = first;
        while bit <= last {
            if bit.is_multiple_of(64) && bit + 63 <= last {
                self.0.set(bit / 64, u64::MAX);
                bit += 64;
            } else {
                self.insert(bit);
                bit += 1;
            }
        }
    }

    /// Whether a number is in it.
    #[inline(always)]
    pub(super) fn contains(&self, bit: usize) -> bool {
        self.0.get(bit / 64) >> (bit % 64) & 1 == 1
    }

    /// Memory, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.0.bytes()
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
    fn ranges_hold_their_ends_and_nothing_else() {
        for (first, last) in [(0, 0), (3, 60), (63, 64), (64, 127), (1, 200), (130, 191)] {
            let mut set = BitSet::new(256);
            set.insert_all(first, last);
            for bit in 0..300 {
                assert_eq!(set.contains(bit), (first..=last).contains(&bit), "{bit}");
            }
        }
    }

    #[test]
    fn an_empty_set_takes_no_memory() {
        assert_eq!(
            (BitSet::default().bytes(), BitSet::default().contains(0)),
            (0, false)
        );
    }
}
