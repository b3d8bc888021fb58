//! The keyed hash of a name, and the walk through the label suffixes of a name.
//!
//! A name is cut into blocks of 32 bytes, the last one filled up with zeros. No byte of a name is
//! zero, so two different names never feed the hash the same blocks. Nearly all suffixes that are
//! asked for are of one block. Names are chosen by strangers, hence the key.

use std::hash::{BuildHasher, RandomState};

use crate::model::{LABEL_LEN_MAX, NAME_LEN_MAX};

/// The secret of one table: who does not know it cannot make names collide.
#[derive(Clone, Copy, Debug)]
pub struct HashKey([u64; BLOCK_LEN / 8]);

impl HashKey {
    /// The key derived from two numbers; the same numbers give the same key.
    pub fn new(first: u64, second: u64) -> Self {
        let (first, second) = (scramble(first), scramble(!second));
        let mixed = scramble(first ^ second.rotate_left(32));
        Self([first, second, mixed, scramble(mixed ^ first)])
    }

    /// A key from the randomness that the standard library seeds its own maps with.
    pub fn random() -> Self {
        let number = || RandomState::new().hash_one(0_u8);
        Self::new(number(), number())
    }

    /// The numbers that are secret.
    #[inline(always)]
    pub(super) fn numbers(&self) -> [u64; BLOCK_LEN / 8] {
        self.0
    }

    /// Takes a block in lower case into a state, which is 0 before the first one. Two products, so
    /// that neither waits for the other.
    #[inline]
    fn take(&self, state: u64, block: &[u8; BLOCK_LEN]) -> u64 {
        let mut words = [0; BLOCK_LEN / 8];
        for ((word, bytes), key) in words.iter_mut().zip(block.as_chunks().0).zip(self.0) {
            *word = u64::from_le_bytes(*bytes) ^ key;
        }
        let [a, b, c, d] = words;
        multiply(a ^ state, b) ^ multiply(c, d)
    }
}

/// Bytes of a block.
const BLOCK_LEN: usize = 32;

/// The hash of a name. Letters count as lower case. O(`name.len()`).
pub(super) fn hash_name(name: &[u8], key: &HashKey) -> u64 {
    name.chunks(BLOCK_LEN).fold(0, |state, chunk| {
        let mut block = [0; BLOCK_LEN];
        if let Some(room) = block.get_mut(..chunk.len()) {
            room.copy_from_slice(chunk);
        }
        block.make_ascii_lowercase();
        key.take(state, &block)
    })
}

/// The name holds something that only `DomainName::parse` can judge: an escape, a byte that is
/// not ASCII or not allowed, a label or name that is empty or too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unusual;

/// Walks through the starts of the label suffixes of a name, the shortest suffix first, the whole
/// name last.
pub(super) struct Suffixes<'n> {
    /// What is left of the suffix before.
    rest: Option<&'n [u8]>,
}

impl<'n> Suffixes<'n> {
    /// The suffixes of `name`. O(`name.len()`); no allocation.
    ///
    /// # Errors
    /// [`Unusual`] exactly when `name` (without a trailing dot) is not a run of plain letters,
    /// digits and marks in labels of legal length.
    pub(super) fn of(name: &'n [u8]) -> Result<Self, Unusual> {
        let plain = |byte: &u8| byte.is_ascii_graphic() && *byte != b'\\';
        let fits = |label: &[u8]| (1..=LABEL_LEN_MAX).contains(&label.len());
        let mut labels = name.split(|&byte| byte == b'.');
        if name.len() <= NAME_LEN_MAX && name.iter().all(plain) && labels.all(fits) {
            Ok(Self { rest: Some(name) })
        } else {
            Err(Unusual)
        }
    }
}

impl Iterator for Suffixes<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let rest = self.rest?;
        let dot = rest.iter().rposition(|&byte| byte == b'.');
        self.rest = dot.and_then(|dot| rest.get(..dot));
        Some(dot.map_or(0, |dot| dot + 1))
    }
}

/// Multiplies to 128 bits and folds the halves: every bit of both reaches every bit.
#[inline(always)]
#[expect(
    clippy::cast_possible_truncation,
    reason = "the two halves are what is wanted"
)]
pub(super) fn multiply(one: u64, other: u64) -> u64 {
    let product = u128::from(one) * u128::from(other);
    (product as u64) ^ (product >> 64) as u64
}

/// Spreads a seed over all bits (the finalizer of SplitMix64).
fn scramble(seed: u64) -> u64 {
    let mut bits = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::DomainName;

    const KEY: fn() -> HashKey = || HashKey::new(1, 2);

    #[test]
    fn names_are_hashed_in_lower_case() {
        for name in ["A", "WWW.Bad.Example", &"aB.".repeat(70)] {
            let lower = name.to_ascii_lowercase();
            assert_eq!(
                hash_name(name.as_bytes(), &KEY()),
                hash_name(lower.as_bytes(), &KEY())
            );
        }
    }

    #[test]
    fn names_of_every_length_have_hashes_of_their_own() {
        let long = "ab".repeat(120);
        let names =
            (1..240).flat_map(|len| [long[..len].to_owned(), format!("x{}", &long[1..len])]);
        let mut hashes: Vec<u64> = names
            .map(|name| hash_name(name.as_bytes(), &KEY()))
            .collect();
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), 2 * 239);
    }

    #[test]
    fn keys_change_every_hash() {
        let name = b"bad.example";
        assert_ne!(
            hash_name(name, &HashKey::new(1, 2)),
            hash_name(name, &HashKey::new(1, 3))
        );
        assert_ne!(
            hash_name(name, &HashKey::random()),
            hash_name(name, &HashKey::random())
        );
    }

    proptest! {
        #[test]
        fn plain_names_have_the_suffixes_of_parsed_ones_and_all_others_are_unusual(
            raw in crate::matching::plain::tests::raw_name(),
        ) {
            let mut scratch = [0; NAME_LEN_MAX];
            let parsed = DomainName::parse(&raw, &mut scratch);
            let stripped = raw.strip_suffix(b".").unwrap_or(&raw);
            match Suffixes::of(stripped) {
                Ok(starts) => {
                    let name = parsed.unwrap().as_str();
                    let mut starts: Vec<usize> = starts.collect();
                    prop_assert!(starts.len() <= 127);
                    starts.reverse();
                    let expected = DomainName::parse(name.as_bytes(), &mut [0; NAME_LEN_MAX])
                        .map(|name| name.suffixes().map(|suffix| name.as_str().len() - suffix.len()).collect());
                    prop_assert_eq!(Ok(starts), expected);
                }
                Err(Unusual) => prop_assert!(
                    parsed.is_err() || raw.iter().any(|&byte| byte >= 0x80 || byte == b'\\')
                ),
            }
        }
    }
}
