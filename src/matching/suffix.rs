//! The suffix table: a hash table whose keys are names, probed once a label suffix, with a
//! small filter in front that may say only "surely absent".
//!
//! Memory a name: its text, 4 bytes for its end, 1 for its scopes, 5 to 11 for its slots and 2
//! to 4 for its bits in the filter.

use super::KeyId;
use super::hash::{HashKey, Unusual, hash_name, walk_suffixes};
use super::names::{Full, NameKeys, NameProbe, probe_parsed};
use crate::model::{DomainName, Scope};

/// Finds listed names by the hashes of their texts, and confirms by comparing the texts.
#[derive(Debug)]
pub struct SuffixTable {
    key: HashKey,
    keys: NameKeys,
    /// Numbers of names at the places that their hashes choose, or the next free ones. A power
    /// of two of them, at most three quarters filled.
    slots: Vec<u32>,
    /// While the table is built, a byte of the hash for each slot: names that only share a place
    /// are told apart without a look at their texts.
    tags: Vec<u8>,
    /// Two bits a name in the word that its hash chooses. A power of two of words, or none.
    filter: Vec<u64>,
    /// Bit n: a name of n labels is listed; bit 63 stands for all that have more.
    depths: u64,
}

/// A slot that holds no name.
const EMPTY: u32 = u32::MAX;

/// Fewest slots of a table.
const SLOTS_MIN: usize = 16;

/// Bits of the filter a name, at least.
const FILTER_BITS: usize = 16;

impl SuffixTable {
    /// A table without names.
    pub(super) fn new(key: HashKey) -> Self {
        Self {
            key,
            keys: NameKeys::default(),
            slots: vec![EMPTY; SLOTS_MIN],
            tags: vec![0; SLOTS_MIN],
            filter: Vec::new(),
            depths: 0,
        }
    }

    /// The key of `name`, old or new, with `scope` added to it; `hash` is that of the name.
    pub(super) fn insert(
        &mut self,
        name: DomainName<'_>,
        scope: Scope,
        hash: u64,
    ) -> Result<KeyId, Full> {
        let id = match self.find_tagged(name.as_str().as_bytes(), hash) {
            Ok(id) => id,
            Err(free) => {
                let id = self.keys.push(name)?;
                self.fill(free, id, hash);
                if self.keys.len() * 4 > self.slots.len() * 3 {
                    self.grow();
                }
                id
            }
        };
        self.keys.add_scope(id, scope);
        Ok(id)
    }

    /// Reads where a name with this hash would be, so that an insertion soon after does not
    /// wait for memory. What it returns means nothing.
    pub(super) fn touch(&self, hash: u64) -> u32 {
        let place = index(hash >> 12, self.slots.len());
        let slot = self.slots.get(place).copied().unwrap_or_default();
        slot ^ u32::from(self.tags.get(place).copied().unwrap_or_default())
    }

    /// The table with its filter, without room to grow.
    pub(super) fn finished(mut self) -> Self {
        self.keys.shrink();
        self.tags = Vec::new();
        let words = (self.keys.len() * FILTER_BITS / 64)
            .max(1)
            .next_power_of_two();
        self.filter = vec![0; words];
        for (_, name) in self.keys.names() {
            let hash = hash_name(name.as_bytes(), &self.key);
            let dots = name.bytes().filter(|&byte| byte == b'.').count();
            self.depths |= depth_bit(dots + 1);
            if let Some(word) = self.filter.get_mut(index(hash >> 40, words)) {
                *word |= filter_bits(hash);
            }
        }
        self
    }

    /// Only the names.
    pub(super) fn into_keys(mut self) -> NameKeys {
        self.keys.shrink();
        self.keys
    }

    /// The listed names.
    pub(super) fn keys(&self) -> &NameKeys {
        &self.keys
    }

    /// Memory, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.keys.bytes() + 4 * self.slots.capacity() + 8 * self.filter.capacity()
    }

    /// Whether something listed covers `raw`.
    #[inline]
    pub(super) fn probe(&self, raw: &[u8]) -> NameProbe {
        let name = raw.strip_suffix(b".").unwrap_or(raw);
        let mut covered = false;
        let mut depth = 0;
        // The walk goes on after a find, since a byte further left may make the name unfit.
        let walked = walk_suffixes(name, &self.key, |start, hash| {
            depth += 1;
            if self.depths & depth_bit(depth) != 0 && self.may_hold(hash) {
                covered = covered || self.covered_by(name, start, hash).is_some();
            }
        });
        match walked {
            Ok(()) if covered => NameProbe::Candidate,
            Ok(()) => NameProbe::Miss,
            Err(Unusual) => probe_parsed(raw, |name| self.covers(name)),
        }
    }

    /// Appends every listed name that covers `name`, longest first.
    pub(super) fn covering(&self, name: DomainName<'_>, found: &mut Vec<KeyId>) {
        let before = found.len();
        self.walk(name, |id| found.push(id));
        if let Some(added) = found.get_mut(before..) {
            added.reverse();
        }
    }

    /// Whether anything listed covers `name`.
    fn covers(&self, name: DomainName<'_>) -> bool {
        let mut covered = false;
        self.walk(name, |_| covered = true);
        covered
    }

    /// Hands out every listed name that covers `name`, shortest first.
    fn walk(&self, name: DomainName<'_>, mut visit: impl FnMut(KeyId)) {
        let text = name.as_str().as_bytes();
        let walked = walk_suffixes(text, &self.key, |start, hash| {
            if self.may_hold(hash)
                && let Some(id) = self.covered_by(text, start, hash)
            {
                visit(id);
            }
        });
        debug_assert!(walked.is_ok(), "a parsed name walks");
    }

    /// Whether a name with this hash may be listed; `false` is certain.
    #[inline]
    fn may_hold(&self, hash: u64) -> bool {
        let bits = filter_bits(hash);
        self.filter
            .get(index(hash >> 40, self.filter.len()))
            .is_some_and(|word| word & bits == bits)
    }

    /// The listed name that equals `name` from `start` on and covers `name`.
    fn covered_by(&self, name: &[u8], start: usize, hash: u64) -> Option<KeyId> {
        let id = self.find(name.get(start..)?, hash).ok()?;
        self.keys.covers(id, start == 0).then_some(id)
    }

    /// The key that equals `text` in any case, else the free slot where it would be.
    fn find(&self, text: &[u8], hash: u64) -> Result<KeyId, usize> {
        let mut place = index(hash >> 12, self.slots.len());
        loop {
            match self.slots.get(place) {
                Some(&number) if number != EMPTY => {
                    let known = self.keys.name(KeyId(number)).as_bytes();
                    if known.eq_ignore_ascii_case(text) {
                        return Ok(KeyId(number));
                    }
                    place = (place + 1) & (self.slots.len() - 1);
                }
                Some(_) | None => return Err(place),
            }
        }
    }

    /// As `find`, while the table is built.
    fn find_tagged(&self, text: &[u8], hash: u64) -> Result<KeyId, usize> {
        let tag = tag(hash);
        let mut place = index(hash >> 12, self.slots.len());
        loop {
            match (self.slots.get(place), self.tags.get(place)) {
                (Some(&number), Some(&tagged)) if number != EMPTY => {
                    let same = || self.keys.name(KeyId(number)).as_bytes() == text;
                    if tagged == tag && same() {
                        return Ok(KeyId(number));
                    }
                    place = (place + 1) & (self.slots.len() - 1);
                }
                (Some(_) | None, Some(_) | None) => return Err(place),
            }
        }
    }

    /// Puts a name into a free slot.
    fn fill(&mut self, place: usize, id: KeyId, hash: u64) {
        if let Some(slot) = self.slots.get_mut(place) {
            *slot = id.0;
        }
        if let Some(tagged) = self.tags.get_mut(place) {
            *tagged = tag(hash);
        }
    }

    /// Doubles the slots.
    fn grow(&mut self) {
        let len = self.slots.len() * 2;
        // The old ones go first: what they hold is in the names.
        (self.slots, self.tags) = (Vec::new(), Vec::new());
        (self.slots, self.tags) = (vec![EMPTY; len], vec![0; len]);
        for number in (0..).take(self.keys.len()) {
            let name = self.keys.name(KeyId(number));
            let hash = hash_name(name.as_bytes(), &self.key);
            let mut place = index(hash >> 12, len);
            while self.slots.get(place).is_some_and(|&slot| slot != EMPTY) {
                place = (place + 1) & (len - 1);
            }
            self.fill(place, KeyId(number), hash);
        }
    }

    /// Empties all slots.
    #[cfg(test)]
    pub(super) fn forget(&mut self) {
        self.slots.fill(EMPTY);
    }

    /// The longest run of filled slots: no probe of a suffix looks at more.
    #[cfg(test)]
    pub(super) fn longest_run(&self) -> usize {
        let runs = self.slots.split(|&slot| slot == EMPTY).map(<[u32]>::len);
        runs.max().unwrap_or_default()
    }
}

/// The bit of a number of labels.
#[inline]
fn depth_bit(labels: usize) -> u64 {
    1 << labels.min(63)
}

/// The two bits of a hash in its word of the filter.
#[inline]
fn filter_bits(hash: u64) -> u64 {
    1 << (hash & 63) | 1 << (hash >> 6 & 63)
}

/// A byte of a hash that has no part in the choice of the slot.
#[inline]
fn tag(hash: u64) -> u8 {
    (hash >> 56) as u8
}

/// The low bits of `hash` as a place among `len`, a power of two.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "only low bits are wanted")]
fn index(hash: u64, len: usize) -> usize {
    hash as usize & len.wrapping_sub(1)
}
