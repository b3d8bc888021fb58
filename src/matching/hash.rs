//! The keyed hash of every label suffix of a name, from one pass over its bytes.
//!
//! The pass goes right to left in words of eight bytes. A running state takes in each whole
//! word; a suffix that starts inside a word is closed with the part of that word that belongs
//! to it. No byte of a name is zero, so two different suffixes never feed the hash the same
//! words. Names are chosen by strangers, hence the key.
//!
//! Blocks of 64 bytes are read first and their dots are visited then, because a loop that does
//! both mispredicts a branch at nearly every word.

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
    let mut part = 0;
    let mut unusual = 0;
    let mut bad_label = false;
    // How many bytes lie right of the label at hand, and of the block at hand.
    let (mut label_right, mut block_right) = (0, 0);
    for block in name.rchunks(BLOCK) {
        let mut states = [0; BLOCK / WORD];
        let mut words = [0; BLOCK / WORD];
        let mut dots = 0;
        let chunks = block.rchunks_exact(WORD);
        let rest = chunks.remainder().len();
        let whole = chunks.len();
        for (index, (chunk, kept)) in chunks
            .zip(states.iter_mut().zip(words.iter_mut()))
            .enumerate()
        {
            let folded = fold_case(word_of(chunk));
            unusual |= folded.unusual;
            dots |= gather(folded.dots) << (WORD * index);
            (*kept.0, *kept.1) = (state, folded.lower);
            state = mix(state ^ folded.lower, key.step);
        }
        if rest > 0 {
            // Missing bytes pass as letters and are cut off again.
            let filler = (LOW * u64::from(b'a')) & !low_bytes(rest);
            let folded = fold_case(first_bytes(block, rest) | filler);
            unusual |= folded.unusual;
            dots |= gather(folded.dots) << (WORD * whole);
            part = folded.lower ^ filler;
            // A block that ends in a part of a word has fewer whole words than fit.
            (states[whole % states.len()], words[whole % words.len()]) = (state, part);
        }
        while dots != 0 {
            let place = dots.trailing_zeros() as usize;
            dots &= dots - 1;
            let right = block_right + place;
            bad_label |= !label_fits(label_right, right);
            label_right = right + 1;
            let word = place / WORD % words.len();
            let tail = words[word] & low_bytes(place % WORD);
            visit(name.len() - right, mix(states[word] ^ tail, key.last));
        }
        block_right += block.len();
    }
    if unusual & HIGH != 0 || bad_label || !label_fits(label_right, name.len()) {
        return Err(Unusual);
    }
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

/// Bytes in a block: one bit for each in a word.
const BLOCK: usize = 64;

/// The lowest bit of every byte.
const LOW: u64 = 0x0101_0101_0101_0101;

/// The highest bit of every byte.
const HIGH: u64 = 0x8080_8080_8080_8080;

/// Eight bytes as a word, the last one lowest.
#[inline]
fn word_of(chunk: &[u8]) -> u64 {
    chunk
        .first_chunk()
        .map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// The first `count` (one to seven) bytes of `block`, the last one lowest, zeros on top.
#[inline]
fn first_bytes(block: &[u8], count: usize) -> u64 {
    match block.first_chunk() {
        Some(bytes) => u64::from_be_bytes(*bytes) >> (8 * (WORD - count)),
        None => padded(block),
    }
}

/// Up to eight bytes, the last one lowest, zeros on top.
fn padded(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0, |word, &byte| word << 8 | u64::from(byte))
}

/// A mask of the `count` (at most seven) low bytes.
#[inline]
fn low_bytes(count: usize) -> u64 {
    (1 << (8 * count)) - 1
}

/// A word, looked at byte by byte.
struct Folded {
    /// It in lower case.
    lower: u64,
    /// The highest bit of each byte that is a dot.
    dots: u64,
    /// The highest bit of each byte that only a full parse can judge, and bits without meaning.
    unusual: u64,
}

/// Looks at the bytes of a word.
#[inline]
fn fold_case(word: u64) -> Folded {
    let set = word | HIGH;
    // The highest bit of each byte that is at least `least`, if all bytes are ASCII.
    let at_least = |least: u8| set - LOW * u64::from(least);
    let escape = at_least(b'\\') & !at_least(b'\\' + 1);
    let upper = at_least(b'A') & !at_least(b'Z' + 1) & HIGH;
    Folded {
        // 0x80 moved two bits down is 0x20, the difference between the cases.
        lower: word | upper >> 2,
        dots: at_least(b'.') & !at_least(b'.' + 1) & HIGH,
        unusual: word | !at_least(b'!') | at_least(0x7f) | escape,
    }
}

/// Moves the highest bits of the eight bytes side by side, in their order.
#[inline]
fn gather(high_bits: u64) -> u64 {
    (high_bits >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

/// Whether a label has 1 to 63 bytes, given how many bytes lie right of it and of what stands
/// left of it.
#[inline]
fn label_fits(right: usize, left: usize) -> bool {
    left.wrapping_sub(right).wrapping_sub(1) < 63
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
            raw in prop_oneof![
                proptest::collection::vec(prop_oneof![
                    8 => proptest::sample::select(b"abAZ09-_.".to_vec()),
                    1 => any::<u8>(),
                ], 0..40),
                // Long enough for several blocks, and now and then too long.
                proptest::collection::vec("[aB]{1,3}|[aB]{50,64}", 1..30)
                    .prop_map(|labels| labels.join(".").into_bytes()),
            ]
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
