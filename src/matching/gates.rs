//! Gates: of each listed name the suffix of two labels, or of three where much is listed below the
//! two ([`BroadStems`]). A name whose own such suffix is no gate is not covered, and one look at a
//! small filter says so of nearly all that are not.
//!
//! Of a suffix the first 8 bytes, the last 16 and the length count; one that is shorter has zeros
//! in front. Letters count as lower case, and some marks as other marks: that lets a few more names
//! through. Who makes names that share a gate with a listed one gains no more than who asks for
//! names below that one.

use std::hint::select_unpredictable;

use super::bits::Words;
use super::broad::BroadStems;
use super::hash::{HashKey, multiply};
use super::names::NameKeys;
use super::plain::{LANE, Plain, SHORT_MAX};

/// The gates of listed names.
#[derive(Debug, Default)]
pub(super) struct Gates {
    /// Of each gate four bits in the word that its hash chooses.
    filter: Words,
    /// Pairs of labels that say too little to be a gate.
    broad: BroadStems,
}

/// Bits of the filter a name.
const FILTER_BITS: usize = 16;

impl Gates {
    /// The gates of all names. O(names).
    pub(super) fn of(keys: &NameKeys, key: &HashKey) -> Self {
        let names = || keys.names().map(|(_, name)| name.as_bytes());
        let stride = (keys.len() / BroadStems::SAMPLE).max(1);
        let deep = names().step_by(stride).filter(|name| labels(name) > 2);
        let mut broad = BroadStems::among(deep.map(|name| stem_of(name, key)).collect());
        for name in names().filter(|name| labels(name) <= 2) {
            broad.remove(stem_of(name, key));
        }
        let words = (keys.len() * FILTER_BITS).div_ceil(64);
        let mut filter = Words::new(words);
        for name in names() {
            let labels = 2 + usize::from(broad.contains(stem_of(name, key)));
            let hash = with_lane(ending(name, labels), |text, len| hash(text, len, key));
            filter.set(word(hash, words), bits(hash));
        }
        Self { filter, broad }
    }

    /// The hash of the suffix of a name that would be a gate if something listed covered it.
    #[inline(always)]
    pub(super) fn hash(&self, name: &Plain<'_>, key: &HashKey) -> u64 {
        let broad = self.broad.contains(stem(name.last(), name.two, key));
        let len = select_unpredictable(broad, name.three, name.two);
        hash((name.text, name.last()), len, key)
    }

    /// Whether a suffix with a hash may be a gate; `false` is certain. To be asked for many hashes.
    #[inline(always)]
    pub(super) fn contains(&self) -> impl Fn(u64) -> bool {
        let words = self.filter.words();
        move |hash| {
            let found = words.get(word(hash, words.len())).copied();
            let bits = bits(hash);
            u64::from_ne_bytes(found.unwrap_or_default()) & bits == bits
        }
    }

    /// Memory, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.filter.bytes()
    }
}

/// How many labels a name has.
fn labels(name: &[u8]) -> usize {
    1 + name.iter().filter(|&&byte| byte == b'.').count()
}

/// The suffix of so many labels; all of a name that has fewer.
fn ending(name: &[u8], labels: usize) -> &[u8] {
    let mut starts = (0..name.len())
        .rev()
        .filter(|&at| name.get(at) == Some(&b'.'));
    let start = starts.nth(labels - 1).map_or(0, |dot| dot + 1);
    name.get(start..).unwrap_or_default()
}

/// The [`stem`] of a listed name.
fn stem_of(name: &[u8], key: &HashKey) -> u64 {
    with_lane(ending(name, 2), |(_, last), len| stem(last, len, key))
}

/// A text, and the last bytes of it.
type Text<'t> = (&'t [u8], &'t [u8; LANE]);

/// Calls with a text of a lane or more that ends with `suffix`, and how long that is.
fn with_lane(suffix: &[u8], call: impl Fn(Text<'_>, usize) -> u64) -> u64 {
    if let Some(last) = suffix.last_chunk() {
        return call((suffix, last), suffix.len());
    }
    let mut lane = [0; LANE];
    for (to, from) in lane.iter_mut().rev().zip(suffix.iter().rev()) {
        *to = *from;
    }
    call((&lane, &lane), suffix.len())
}

/// What tells a pair of labels from nearly all others, given what a text that ends with its `len`
/// bytes ends with.
#[inline(always)]
fn stem(last: &[u8; LANE], len: usize, key: &HashKey) -> u64 {
    let [mask, more] = mask(len);
    let (one, other) = words(last);
    let [first, second, ..] = key.numbers();
    multiply(one & mask ^ first, other & more ^ second)
}

/// The hash of a suffix, the last `len` bytes of a text.
#[inline(always)]
fn hash((text, last): Text<'_>, len: usize, key: &HashKey) -> u64 {
    let start = text.len() - select_unpredictable(len > LANE, len, LANE);
    let head = text.get(start..).and_then(<[u8]>::first_chunk);
    let head = head.map_or(0, lower) & mask(len)[0];
    let [.., third, fourth] = key.numbers();
    stem(last, len, key) ^ multiply(head ^ third, len as u64 ^ fourth)
}

/// The two words of a lane.
#[inline(always)]
fn words(lane: &[u8; LANE]) -> (u64, u64) {
    match lane.as_chunks().0 {
        [one, other] => (lower(one), lower(other)),
        _ => (0, 0),
    }
}

/// Eight bytes, letters in lower case.
#[inline(always)]
fn lower(bytes: &[u8; 8]) -> u64 {
    u64::from_le_bytes(*bytes) | u64::from_ne_bytes([0x20; 8])
}

/// What of the last words of a text belongs to its last `len` bytes. Suffixes that are longer than
/// a short name are not asked for.
#[inline(always)]
fn mask(len: usize) -> [u64; 2] {
    MASKS[len % MASKS.len()]
}

/// [`mask`] for all lengths.
static MASKS: [[u64; 2]; SHORT_MAX + 1] = {
    let mut masks = [[u64::MAX; 2]; SHORT_MAX + 1];
    masks[0] = [0, 0];
    let mut len = 1;
    while len <= LANE / 2 {
        let mask = u64::MAX << (8 * (LANE / 2 - len));
        masks[len] = [0, mask];
        masks[LANE / 2 + len] = [mask, u64::MAX];
        len += 1;
    }
    masks
};

/// The word of a filter of so many words that a hash chooses: by its high half, spread evenly over
/// any number of words below 2^32.
#[inline(always)]
fn word(hash: u64, words: usize) -> usize {
    (((hash >> 32) * words as u64) >> 32) as usize
}

/// The four bits of a gate.
#[inline(always)]
fn bits(hash: u64) -> u64 {
    1 << (hash & 63) | 1 << (hash >> 6 & 63) | 1 << (hash >> 12 & 63) | 1 << (hash >> 18 & 63)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::matching::plain::tests::{filled, raw_name};
    use crate::model::{DomainName, NAME_LEN_MAX, Scope};

    const KEY: fn() -> HashKey = || HashKey::new(1, 2);

    /// Names as they are listed.
    fn listed(names: impl IntoIterator<Item = String>) -> NameKeys {
        let mut keys = NameKeys::default();
        let mut scratch = [0; NAME_LEN_MAX];
        for name in names {
            if let Ok(name) = DomainName::parse(name.as_bytes(), &mut scratch) {
                let id = keys.push(name).unwrap();
                keys.add_scope(id, Scope::Subtree);
            }
        }
        keys
    }

    /// Whether a short name passes.
    fn passes(gates: &Gates, name: &[u8]) -> Option<bool> {
        let text = filled(name);
        let plain = Plain::look(&text, name.len()).ok()?;
        Some(gates.contains()(gates.hash(&plain, &KEY())))
    }

    #[test]
    fn of_broad_pairs_of_labels_the_third_counts() {
        let below = |stem| (0..300).map(move |number| format!("{number}-shop.{stem}"));
        let names = below("co.example").chain(below("broad.longer-than-a-lane"));
        let gates = Gates::of(&listed(names), &KEY());
        for stem in ["co.example", "broad.longer-than-a-lane"] {
            let passing = |name: String| passes(&gates, name.as_bytes()) == Some(true);
            assert!((0..300).all(|number| passing(format!("www.{number}-shop.{stem}"))));
            let passed = (300..1300).filter(|number| passing(format!("{number}-shop.{stem}")));
            assert!(passed.count() < 50, "below {stem}");
        }
    }

    #[test]
    fn a_broad_pair_of_labels_that_is_listed_lets_all_below_it_pass() {
        let names = (0..300).map(|number| format!("{number}-shop.co.example"));
        let names = names.chain(["co.example".to_owned()]);
        let gates = Gates::of(&listed(names), &KEY());
        for name in ["www.fine.co.example", "co.example", "CO.Example"] {
            assert_eq!(passes(&gates, name.as_bytes()), Some(true), "{name}");
        }
    }

    #[test]
    fn nothing_passes_where_nothing_is_listed() {
        for gates in [Gates::default(), Gates::of(&listed([]), &KEY())] {
            assert_eq!(passes(&gates, b"www.fine.example"), Some(false));
        }
    }

    #[test]
    fn one_name_in_a_hundred_passes_by_chance_at_most() {
        let names = (0..20_000).map(|number| format!("bad{number}.example"));
        let gates = Gates::of(&listed(names), &KEY());
        let asked = (0..20_000).map(|number| format!("www.good{number}.example"));
        let passed = asked.filter(|name| passes(&gates, name.as_bytes()) == Some(true));
        let count = passed.count();
        assert!(count < 200, "{count}");
    }

    proptest! {
        #[test]
        fn names_at_and_below_listed_ones_pass(
            names in proptest::collection::vec("[ab]{1,3}([.][ab]{1,9}){1,3}", 1..40),
            below in "([a-c]{1,9}[.]){0,2}",
        ) {
            let gates = Gates::of(&listed(names.clone()), &KEY());
            for name in names {
                let asked = format!("{below}{name}").to_ascii_uppercase();
                prop_assert_ne!(passes(&gates, asked.as_bytes()), Some(false), "{}", asked);
            }
        }

        #[test]
        fn suffixes_have_the_hash_that_they_have_alone(name in raw_name()) {
            let text = filled(&name);
            if let Ok(plain) = Plain::look(&text, name.len()) {
                for (labels, len) in [(2, plain.two), (3, plain.three)] {
                    let alone = ending(&name, labels);
                    prop_assert_eq!(alone.len(), len);
                    let expected = with_lane(alone, |text, len| hash(text, len, &KEY()));
                    let found = hash((plain.text, plain.last()), len, &KEY());
                    prop_assert_eq!(found, expected);
                }
            }
        }
    }
}
