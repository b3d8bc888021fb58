//! A set of numbers that may say "perhaps" too often and "no" never wrongly, with one look at
//! memory: two bits of the word that a multiplication chooses. Not keyed, since a collision costs
//! a lookup and nothing else.

use super::bits::Words;

/// Keys of which each has two bits in one word.
#[derive(Debug)]
pub(super) struct Sieve {
    /// A power of two of them, or none.
    words: Words,
    /// How far a hash is shifted for the number of its word.
    shift: u32,
}

impl Sieve {
    /// An empty sieve for so many keys, with at least so many bits for each, but not more than
    /// `words_max` words in all.
    pub(super) fn new(keys: usize, key_bits: usize, words_max: usize) -> Self {
        let words = keys.saturating_mul(key_bits).div_ceil(64).min(words_max);
        let words = words.max(2).next_power_of_two();
        Self {
            words: Words::new(words),
            shift: u64::BITS - words.ilog2(),
        }
    }

    /// Adds a key.
    pub(super) fn insert(&mut self, key: u64) {
        let hash = spread(key);
        self.words.set(self.word(hash), bits(hash));
    }

    /// Adds all keys there could be.
    pub(super) fn insert_all(&mut self) {
        for word in 0..self.words.len() {
            self.words.set(word, u64::MAX);
        }
    }

    /// Whether a key is in it, perhaps.
    #[inline(always)]
    pub(super) fn holds(&self, key: u64) -> bool {
        let hash = spread(key);
        !self.words.get(self.word(hash)) & bits(hash) == 0
    }

    /// Memory, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.words.bytes()
    }

    /// The number of the word of a hash.
    #[inline(always)]
    fn word(&self, hash: u64) -> usize {
        usize::try_from(hash >> self.shift).unwrap_or(usize::MAX)
    }
}

/// Takes no memory and holds nothing.
impl Default for Sieve {
    fn default() -> Self {
        Self {
            words: Words::default(),
            shift: u64::BITS - 1,
        }
    }
}

/// The hash of a key. All bits of it count in the highest ones.
#[inline(always)]
fn spread(key: u64) -> u64 {
    key.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// The bits of a hash in its word: chosen by what is not likely to have chosen the word.
#[inline(always)]
fn bits(hash: u64) -> u64 {
    1 << (hash >> 40 & 63) | 1 << (hash >> 34 & 63)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_inserted_is_held(
            keys in proptest::collection::vec(any::<u64>(), 0..200),
            key_bits in 0_usize..20,
            words_max in 0_usize..20,
        ) {
            let mut sieve = Sieve::new(keys.len(), key_bits, words_max);
            for &key in &keys {
                sieve.insert(key);
            }
            prop_assert!(keys.iter().all(|&key| sieve.holds(key)));
        }
    }

    #[test]
    fn few_of_the_others_are_held() {
        let mut sieve = Sieve::new(10_000, 16, usize::MAX);
        (0..10_000).for_each(|key| sieve.insert(key << 8));
        let held = (10_000..110_000).filter(|&key| sieve.holds(key << 8));
        let held = held.count();
        assert!(held < 3000, "{held}");
    }

    #[test]
    fn nothing_and_everything_are_sets() {
        let mut sieve = Sieve::default();
        assert!((0..1000).all(|key| !sieve.holds(key << 50 | key)));
        assert_eq!(sieve.bytes(), 0);
        sieve = Sieve::new(0, 16, 0);
        assert!((0..1000).all(|key| !sieve.holds(key << 50 | key)));
        sieve.insert_all();
        assert!((0..1000).all(|key| sieve.holds(key << 50 | key)));
        assert_eq!(sieve.bytes(), 16);
    }
}
