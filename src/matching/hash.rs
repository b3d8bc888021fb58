//! The keyed hash of every label suffix of a name, from one pass over its bytes.
//!
//! The pass goes right to left in words of eight bytes. A running state takes in each whole
//! word; a suffix that starts inside a word is closed with the part of that word that belongs
//! to it. No byte of a name is zero, so two different suffixes never feed the hash the same
//! words. Names are chosen by strangers, hence the key.

use std::hash::{BuildHasher, RandomState};

use crate::model::NAME_LEN_MAX;

/// The secret of one table: who does not know it cannot make names collide.
#[derive(Clone, Copy, Debug)]
pub struct HashKey {
    start: u64,
    step: u64,
    last: u64,
}

impl HashKey {
    /// The key derived from two numbers; the same numbers give the same key.
    pub fn new(first: u64, second: u64) -> Self {
        Self {
            start: scramble(first),
            step: scramble(second) | 1,
            last: scramble(first ^ second.rotate_left(32)) | 1,
        }
    }

    /// A key from the randomness that the standard library seeds its own maps with.
    pub fn random() -> Self {
        let number = || RandomState::new().hash_one(0_u8);
        Self::new(number(), number())
    }
}

/// The name holds something that only `DomainName::parse` can judge: an escape, a byte that is
/// not ASCII or not allowed, a label or name that is empty or too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unusual;

/// Calls `visit` with the start and the hash of every label suffix of `name`, shortest first,
/// the whole name last. Letters count as lower case. No allocation; O(`name.len()`).
///
/// # Errors
/// [`Unusual`], perhaps after some visits, exactly when `name` (without a trailing dot) is not
/// a run of plain letters, digits and marks in labels of legal length.
#[inline]
pub(super) fn walk_suffixes(
    name: &[u8],
    key: &HashKey,
    mut visit: impl FnMut(usize, u64),
) -> Result<(), Unusual> {
    if name.is_empty() || name.len() > NAME_LEN_MAX {
        return Err(Unusual);
    }
    let mut state = key.start;
    let mut label_end = name.len();
    let mut base = name.len();
    let mut part = 0;
    while base > 0 {
        let (word, len) = word_before(name, base);
        base -= len;
        let (lower, mut dots) = fold_case(word, len)?;
        while dots != 0 {
            let top = 63 - dots.leading_zeros();
            dots ^= 1 << top;
            let start = base + byte_of(top) + 1;
            check_label(start, label_end)?;
            label_end = start - 1;
            // `top` is the highest bit of the dot's byte: what lies above it is the suffix.
            visit(start, mix(state ^ (lower >> top >> 1), key.last));
        }
        if len == WORD {
            state = mix(state ^ lower, key.step);
        } else {
            part = lower;
        }
    }
    check_label(0, label_end)?;
    visit(0, mix(state ^ part, key.last));
    Ok(())
}

/// The hash that [`walk_suffixes`] gives for the whole of a normalized name.
pub(super) fn hash_name(name: &[u8], key: &HashKey) -> u64 {
    let (mut state, mut part) = (key.start, 0);
    for chunk in name.rchunks(WORD) {
        let word = padded(chunk);
        if chunk.len() == WORD {
            state = mix(state ^ word, key.step);
        } else {
            part = word;
        }
    }
    mix(state ^ part, key.last)
}

/// Bytes in a word.
const WORD: usize = 8;

/// The lowest bit of every byte.
const LOW: u64 = 0x0101_0101_0101_0101;

/// The highest bit of every byte.
const HIGH: u64 = 0x8080_8080_8080_8080;

/// The last up to eight bytes of `name` before `end`, in the low bytes, and how many.
#[inline]
fn word_before(name: &[u8], end: usize) -> (u64, usize) {
    let whole = end
        .checked_sub(WORD)
        .and_then(|start| name.get(start..)?.first_chunk());
    if let Some(bytes) = whole {
        return (u64::from_le_bytes(*bytes), WORD);
    }
    // The first bytes of a name of eight or more can be cut out of its first word.
    let word = match name.first_chunk() {
        Some(bytes) => u64::from_le_bytes(*bytes) & low_bytes(end),
        None => padded(name.get(..end).unwrap_or_default()),
    };
    (word, end)
}

/// Up to eight bytes in the low bytes of a word, zeros above.
fn padded(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .rev()
        .fold(0, |word, &byte| word << 8 | u64::from(byte))
}

/// A mask of the `count` (at most seven) low bytes.
#[inline]
fn low_bytes(count: usize) -> u64 {
    (1 << (8 * count)) - 1
}

/// The word in lower case, and the highest bit of each byte that is a dot.
#[inline]
fn fold_case(word: u64, len: usize) -> Result<(u64, u64), Unusual> {
    // Bytes beyond `len` are zero: they pass as letters and are cut off again.
    let filler = if len == WORD {
        0
    } else {
        (LOW * u64::from(b'a')) & !low_bytes(len)
    };
    let word = word | filler;
    let set = word | HIGH;
    // The highest bit of each byte that is at least `least`, if all bytes are ASCII.
    let at_least = |least: u8| (set - LOW * u64::from(least)) & HIGH;
    let printable = at_least(b'!') & !at_least(0x7f);
    let escape = at_least(b'\\') & !at_least(b'\\' + 1);
    if (word & HIGH) | escape | (printable ^ HIGH) != 0 {
        return Err(Unusual);
    }
    let dots = at_least(b'.') & !at_least(b'.' + 1);
    let upper = at_least(b'A') & !at_least(b'Z' + 1);
    // 0x80 moved two bits down is 0x20, the difference between the cases.
    Ok(((word | upper >> 2) ^ filler, dots))
}

/// The number of the byte that holds `bit`.
#[inline]
fn byte_of(bit: u32) -> usize {
    (bit / 8) as usize
}

/// Refuses labels that are empty or longer than 63 bytes.
#[inline]
fn check_label(start: usize, end: usize) -> Result<(), Unusual> {
    match end.wrapping_sub(start) {
        1..=63 => Ok(()),
        _ => Err(Unusual),
    }
}

/// Multiplies to 128 bits and folds the halves: every bit of `state` reaches every bit.
#[inline]
#[expect(
    clippy::cast_possible_truncation,
    reason = "the two halves are what is wanted"
)]
fn mix(state: u64, factor: u64) -> u64 {
    let product = u128::from(state) * u128::from(factor);
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

    fn walk(raw: &[u8]) -> Result<Vec<(usize, u64)>, Unusual> {
        let mut seen = Vec::new();
        walk_suffixes(raw, &KEY(), |start, hash| seen.push((start, hash))).map(|()| seen)
    }

    /// The definition: the hash of each suffix on its own.
    fn oracle(name: &str) -> Vec<(usize, u64)> {
        let mut scratch = [0; NAME_LEN_MAX];
        let name = DomainName::parse(name.as_bytes(), &mut scratch).unwrap();
        let whole = name.as_str().len();
        let mut all: Vec<(usize, u64)> = name
            .suffixes()
            .map(|suffix| (whole - suffix.len(), hash_name(suffix.as_bytes(), &KEY())))
            .collect();
        all.reverse();
        all
    }

    #[test]
    fn every_suffix_hashes_as_it_would_alone() {
        for name in [
            "a",
            "com",
            "a.b",
            "example",
            "examples",
            "a.example",
            "ab.example",
            "a.examples.test",
            "WWW.Bad.Example",
            &"a.".repeat(126),
            &format!("{}.x", "b".repeat(63)),
        ] {
            let name = name.strip_suffix('.').unwrap_or(name);
            assert_eq!(walk(name.as_bytes()), Ok(oracle(name)), "{name}");
        }
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
        fn plain_names_walk_and_all_others_are_unusual(
            raw in proptest::collection::vec(prop_oneof![
                8 => proptest::sample::select(b"abAZ09-_.".to_vec()),
                1 => any::<u8>(),
            ], 0..40)
        ) {
            let mut scratch = [0; NAME_LEN_MAX];
            let parsed = DomainName::parse(&raw, &mut scratch);
            let stripped = raw.strip_suffix(b".").unwrap_or(&raw);
            match walk(stripped) {
                Ok(seen) => {
                    let name = parsed.map(|name| name.as_str().to_owned());
                    prop_assert_eq!(name.as_deref().map(oracle), Ok(seen));
                }
                Err(Unusual) => prop_assert!(
                    parsed.is_err() || raw.iter().any(|&byte| byte >= 0x80 || byte == b'\\')
                ),
            }
        }
    }
}
