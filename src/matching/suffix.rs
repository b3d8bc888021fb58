//! The suffix table: a hash table whose keys are names, probed once a label suffix, with a
//! small filter in front that may say only "surely absent".
//!
//! Beside every name the filter holds its *stem*, its last two labels: where the stem of a name
//! that is asked for is surely absent, nothing below it is listed, so most names cost one look
//! at the filter whatever they are made of.
//!
//! Memory a name: its text, 4 bytes for its end, 1 for its scopes, 7 to 13 for its slots and 2
//! to 4 for its bits in the filter.

use super::KeyId;
use super::batch::NameBatch;
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
    /// A byte of the hash of the name in each slot; 0 for none.
    tags: Vec<u8>,
    /// Four bits a name in the word that its hash chooses.
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
        let id = match self.find(name.as_str().as_bytes(), hash) {
            Ok(id) => id,
            Err(free) => {
                let id = self.keys.push(name)?;
                fill(&mut self.slots, &mut self.tags, free, (id, hash));
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
        let place = slot(hash, self.slots.len());
        let slot = self.slots.get(place).copied().unwrap_or_default();
        slot ^ u32::from(self.tags.get(place).copied().unwrap_or_default())
    }

    /// The table with its filter, without room to grow.
    pub(super) fn finished(mut self) -> Self {
        self.keys.shrink();
        let stems = self
            .keys
            .names()
            .filter(|(_, name)| stem(name).len() < name.len());
        let words = ((self.keys.len() + stems.count()) * FILTER_BITS / 64).max(1);
        self.filter = vec![0; words];
        for (_, name) in self.keys.names() {
            let dots = name.bytes().filter(|&byte| byte == b'.').count();
            self.depths |= depth_bit(dots + 1);
            for text in [name, stem(name)] {
                let hash = hash_name(text.as_bytes(), &self.key);
                if let Some(word) = self.filter.get_mut(filter_word(hash, words)) {
                    *word |= filter_bits(hash);
                }
                if text.len() == stem(name).len() {
                    break;
                }
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
        let slots = 4 * self.slots.capacity() + self.tags.capacity();
        self.keys.bytes() + slots + 8 * self.filter.capacity()
    }

    /// Whether something listed covers `raw`.
    #[inline]
    pub(super) fn probe(&self, raw: &[u8]) -> NameProbe {
        let name = raw.strip_suffix(b".").unwrap_or(raw);
        let mut covered = false;
        let mut depth = 0;
        let mut stem_absent = false;
        // The walk goes on after a find, since a byte further left may make the name unfit.
        let walked = walk_suffixes(name, &self.key, |start, hash| {
            depth += 1;
            let listable = self.depths & depth_bit(depth) != 0;
            if stem_absent || !(listable || depth == STEM_LABELS) {
                return;
            }
            if self.may_hold(hash) {
                covered = covered || self.covered_by(name, start, hash).is_some();
            } else {
                stem_absent = depth == STEM_LABELS;
            }
        });
        match walked {
            Ok(()) if covered => NameProbe::Candidate,
            Ok(()) => NameProbe::Miss,
            Err(Unusual) => probe_parsed(raw, |name| self.covers(name)),
        }
    }

    /// Adds the suffixes of `raw` to a batch; of a name that does not walk, says at once whether
    /// something listed covers it.
    #[inline]
    pub(super) fn queue(&self, raw: &[u8], owner: u32, batch: &mut NameBatch) -> NameProbe {
        let name = raw.strip_suffix(b".").unwrap_or(raw);
        let before = batch.len();
        let mut depth = 0;
        let walked = walk_suffixes(name, &self.key, |_, hash| {
            depth += 1;
            let listable = self.depths & depth_bit(depth) != 0;
            if depth == STEM_LABELS || depth < STEM_LABELS && listable {
                batch.begin(hash, owner);
            } else if listable {
                batch.add(hash);
            }
        });
        match walked {
            Ok(()) => NameProbe::Miss,
            Err(Unusual) => {
                batch.rewind(before);
                probe_parsed(raw, |name| self.covers(name))
            }
        }
    }

    /// Looks up a batch and empties it: calls `found` with the owner of every name that has a
    /// suffix whose hash may be listed. Two loops, of which the first takes nearly all out without
    /// a branch that waits for memory. The text of a name is not compared, its tag is.
    pub(super) fn settle(&self, batch: &mut NameBatch, mut found: impl FnMut(u32)) {
        batch.passed.clear();
        batch.passed.resize(batch.names.len(), 0);
        let mut count = 0;
        for (place, name) in (0_u32..).zip(&batch.names) {
            if let Some(passed) = batch.passed.get_mut(count) {
                *passed = place;
            }
            let first = batch.hashes.get(name.start as usize);
            count += usize::from(first.is_some_and(|&hash| self.may_hold(hash)));
        }
        for &place in batch.passed.iter().take(count) {
            let place = place as usize;
            let mut hashes = batch.of(place).iter();
            if hashes.any(|&hash| self.may_hold(hash) && self.may_be_in_slot(hash))
                && let Some(name) = batch.names.get(place)
            {
                found(name.owner);
            }
        }
        batch.rewind(0);
    }

    /// Appends to `found` every listed name that covers `name`, longest first.
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
        let word = self.filter.get(filter_word(hash, self.filter.len()));
        word.is_some_and(|word| word & bits == bits)
    }

    /// Whether a slot where a name with this hash may be has its tag; `false` is certain.
    fn may_be_in_slot(&self, hash: u64) -> bool {
        let mut place = slot(hash, self.tags.len());
        loop {
            match self.tags.get(place) {
                None | Some(0) => return false,
                Some(&known) if known == tag(hash) => return true,
                Some(_) => place = (place + 1) & (self.tags.len() - 1),
            }
        }
    }

    /// The listed name that equals `name` from `start` on and covers `name`.
    fn covered_by(&self, name: &[u8], start: usize, hash: u64) -> Option<KeyId> {
        let id = self.find(name.get(start..)?, hash).ok()?;
        self.keys.covers(id, start == 0).then_some(id)
    }

    /// The key that equals `text` in any case, else the free slot where it would be.
    fn find(&self, text: &[u8], hash: u64) -> Result<KeyId, usize> {
        let mut place = slot(hash, self.tags.len());
        loop {
            match self.tags.get(place) {
                None | Some(0) => return Err(place),
                Some(&known) if known == tag(hash) => {
                    let number = self.slots.get(place).copied().unwrap_or(EMPTY);
                    let known = self.keys.name(KeyId(number)).as_bytes();
                    if known.eq_ignore_ascii_case(text) {
                        return Ok(KeyId(number));
                    }
                }
                Some(_) => {}
            }
            place = (place + 1) & (self.tags.len() - 1);
        }
    }

    /// Doubles the slots.
    fn grow(&mut self) {
        let len = self.slots.len() * 2;
        // The old ones go first: what they hold is in the names.
        (self.slots, self.tags) = (Vec::new(), Vec::new());
        (self.slots, self.tags) = (vec![EMPTY; len], vec![0; len]);
        for (id, name) in self.keys.names() {
            let hash = hash_name(name.as_bytes(), &self.key);
            let mut place = slot(hash, len);
            while self.tags.get(place).is_some_and(|&tag| tag != 0) {
                place = (place + 1) & (len - 1);
            }
            fill(&mut self.slots, &mut self.tags, place, (id, hash));
        }
    }

    /// Empties all slots.
    #[cfg(test)]
    pub(super) fn forget(&mut self) {
        self.slots.fill(EMPTY);
        self.tags.fill(0);
    }

    /// The longest run of filled slots: no probe of a suffix looks at more.
    #[cfg(test)]
    pub(super) fn longest_run(&self) -> usize {
        let runs = self.slots.split(|&slot| slot == EMPTY).map(<[u32]>::len);
        runs.max().unwrap_or_default()
    }
}

/// Labels of a stem: as many as most listed names have at least.
const STEM_LABELS: usize = 2;

/// The last two labels of a name; all of one that has no more.
fn stem(name: &str) -> &str {
    let mut dots = name.rmatch_indices('.').skip(STEM_LABELS - 1);
    dots.next()
        .and_then(|(dot, _)| name.get(dot + 1..))
        .unwrap_or(name)
}

/// The bit of a number of labels.
#[inline]
fn depth_bit(labels: usize) -> u64 {
    1 << labels.min(63)
}

/// Puts a name with its hash into a slot.
fn fill(slots: &mut [u32], tags: &mut [u8], place: usize, (id, hash): (KeyId, u64)) {
    if let (Some(slot), Some(known)) = (slots.get_mut(place), tags.get_mut(place)) {
        (*slot, *known) = (id.0, tag(hash));
    }
}

/// The word of a filter of `words` words that a hash chooses: by its high half, spread evenly
/// over any number of words below 2^32.
#[inline]
fn filter_word(hash: u64, words: usize) -> usize {
    (((hash >> 32) * words as u64) >> 32) as usize
}

/// The four bits of a hash in its word of the filter.
#[inline]
fn filter_bits(hash: u64) -> u64 {
    1 << (hash & 63) | 1 << (hash >> 6 & 63) | 1 << (hash >> 12 & 63) | 1 << (hash >> 18 & 63)
}

/// The slot where a name with this hash stands unless others stand there, of `len`, a power of
/// two.
#[inline]
fn slot(hash: u64, len: usize) -> usize {
    (hash >> 20) as usize & len.wrapping_sub(1)
}

/// What of a hash stands beside the slot: not 0, and of bits that do not choose the slot.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "one byte is wanted")]
fn tag(hash: u64) -> u8 {
    (hash as u8).max(1)
}

#[cfg(test)]
mod tests;
