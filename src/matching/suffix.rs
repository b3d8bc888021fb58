//! The suffix table: a hash table whose keys are names, probed once a label suffix, with a
//! small filter in front that may say only "surely absent".
//!
//! The filter says of a suffix whether it may be listed, and whether it may lie above something
//! listed. So the walk through the suffixes of a name that is asked for ends where nothing below
//! is listed. Before that walk stand the [`Gates`]: of nearly all names that are not covered, one
//! look at them says so.
//!
//! Memory a name: its text, 4 bytes for its end, 1 for its scopes, 7 to 13 for its slots, 2 to 4
//! for its bits in the filter and 2 for those of its gate.

use super::KeyId;
use super::batch::NameBatch;
use super::bits::Words;
use super::gates::Gates;
use super::hash::{HashKey, Suffixes, Unusual, hash_name};
use super::names::{Full, NameKeys, NameProbe, probe_parsed};
use super::plain::{LANE, Plain};
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
    /// Of each listed name four bits in the word that its hash chooses, and of each suffix of it
    /// that has two labels or more four others in the word that the hash of that chooses.
    filter: Words,
    /// What a name must pass before the filter is asked.
    gates: Gates,
    /// Whether a name of one label is listed.
    singles: bool,
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
            filter: Words::default(),
            gates: Gates::default(),
            singles: false,
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

    /// The key of `name`, if it is listed; `hash` is that of the name.
    pub(super) fn position(&self, name: DomainName<'_>, hash: u64) -> Option<KeyId> {
        self.find(name.as_str().as_bytes(), hash).ok()
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
        let names = self.keys.names();
        let above: usize = names.map(|(_, name)| all_above(name).count()).sum();
        // Most suffixes lie above many names.
        let entries = (self.keys.len() + above.min(self.keys.len())).max(1);
        let words = (entries * FILTER_BITS).div_ceil(64);
        let mut filter = Words::new(words);
        let mut add = |text: &str, bits: fn(u64) -> u64| {
            let hash = hash_name(text.as_bytes(), &self.key);
            filter.set(filter_word(hash, words), bits(hash));
        };
        for (_, name) in self.keys.names() {
            self.singles |= !name.contains('.');
            add(name, listed_bits);
            for suffix in all_above(name) {
                add(suffix, above_bits);
            }
        }
        self.filter = filter;
        self.gates = Gates::of(&self.keys, &self.key);
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
        self.keys.bytes() + slots + self.filter.bytes() + self.gates.bytes()
    }

    /// Whether something listed covers `raw`.
    #[inline]
    pub(super) fn probe(&self, raw: &[u8]) -> NameProbe {
        let name = without_dot(raw);
        let mut lane = [0; LANE];
        let text = in_lane(name, &mut lane);
        match Plain::look(text, name.len()) {
            Ok(plain) if !self.singles => {
                if !self.gates.contains()(self.gates.hash(&plain, &self.key)) {
                    return NameProbe::Miss;
                }
                self.probe_plain(name)
            }
            Ok(_) | Err(Unusual) => self.probe_slowly(raw),
        }
    }

    /// Adds `raw` to a batch; what cannot wait is told at once: of a name that is long or not
    /// plain, and of all where single labels are listed.
    #[inline]
    pub(super) fn queue(&self, raw: &[u8], owner: u32, batch: &mut NameBatch) -> NameProbe {
        let name = without_dot(raw);
        let mut lane = [0; LANE];
        let text = in_lane(name, &mut lane);
        match Plain::look(text, name.len()) {
            Ok(plain) if !self.singles && !batch.is_full() => {
                let gate = self.gates.hash(&plain, &self.key);
                batch.add(&plain, gate, owner);
                NameProbe::Miss
            }
            Ok(_) | Err(Unusual) => self.probe_slowly(raw),
        }
    }

    /// Looks up a batch and empties it: calls `found` with the owner of every name that something
    /// listed covers.
    pub(super) fn settle(&self, batch: &mut NameBatch, mut found: impl FnMut(u32)) {
        batch.drain(self.gates.contains(), |name, owner| {
            if self.probe_plain(name) == NameProbe::Candidate {
                found(owner);
            }
        });
    }

    /// Whether something listed covers `raw`, whatever it is.
    #[inline(never)]
    fn probe_slowly(&self, raw: &[u8]) -> NameProbe {
        let name = raw.strip_suffix(b".").unwrap_or(raw);
        if Suffixes::of(name).is_ok() {
            return self.probe_plain(name);
        }
        probe_parsed(raw, |name| self.covers(name))
    }

    /// Whether something listed covers a plain name.
    #[inline(never)]
    fn probe_plain(&self, name: &[u8]) -> NameProbe {
        let mut covered = false;
        self.walk(name, |_| covered = true);
        match covered {
            true => NameProbe::Candidate,
            false => NameProbe::Miss,
        }
    }

    /// Appends to `found` every listed name that covers `name`, longest first.
    pub(super) fn covering(&self, name: DomainName<'_>, found: &mut Vec<KeyId>) {
        let before = found.len();
        self.walk(name.as_str().as_bytes(), |id| found.push(id));
        if let Some(added) = found.get_mut(before..) {
            added.reverse();
        }
    }

    /// Whether anything listed covers `name`.
    fn covers(&self, name: DomainName<'_>) -> bool {
        self.probe_plain(name.as_str().as_bytes()) == NameProbe::Candidate
    }

    /// Hands out every listed name that covers a plain name, shortest first.
    fn walk(&self, name: &[u8], mut visit: impl FnMut(KeyId)) {
        let Ok(suffixes) = Suffixes::of(name) else {
            return;
        };
        for (labels, start) in (1..).zip(suffixes) {
            let hash = hash_name(name.get(start..).unwrap_or_default(), &self.key);
            let filtered = self.filtered(hash);
            if filtered.listed
                && let Some(id) = self.covered_by(name, start, hash)
            {
                visit(id);
            }
            if labels > 1 && !filtered.above {
                return;
            }
        }
    }

    /// What the filter says of a suffix with this hash.
    #[inline(always)]
    fn filtered(&self, hash: u64) -> Filtered {
        let word = self.filter.get(filter_word(hash, self.filter.len()));
        let (listed, above) = (listed_bits(hash), above_bits(hash));
        Filtered {
            listed: word & listed == listed,
            above: word & above == above,
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

/// What the filter says of a suffix; `false` is certain.
#[derive(Clone, Copy)]
struct Filtered {
    /// Whether it may be listed.
    listed: bool,
    /// Whether it may lie above something listed; only of suffixes of two labels or more.
    above: bool,
}

/// A name without the dot at its end.
#[inline(always)]
fn without_dot(raw: &[u8]) -> &[u8] {
    let dot = usize::from(raw.last() == Some(&b'.'));
    raw.get(..raw.len() - dot).unwrap_or_default()
}

/// A text of a lane or more that ends with `name`.
#[inline(always)]
fn in_lane<'t>(name: &'t [u8], lane: &'t mut [u8; LANE]) -> &'t [u8] {
    if name.len() >= LANE {
        return name;
    }
    fill_lane(name, lane);
    lane
}

/// Puts a name that is shorter than a lane at the end of one.
#[inline(never)]
fn fill_lane(name: &[u8], lane: &mut [u8; LANE]) {
    *lane = [b'x'; LANE];
    if put::<8>(name, lane) || put::<4>(name, lane) {
        return;
    }
    for (to, from) in lane.iter_mut().rev().zip(name.iter().rev()) {
        *to = *from;
    }
}

/// Puts a name that has at least so many bytes, and at most twice as many, at the end of a lane.
fn put<const BYTES: usize>(name: &[u8], lane: &mut [u8; LANE]) -> bool {
    let (Some(first), Some(last)) = (name.first_chunk::<BYTES>(), name.last_chunk()) else {
        return false;
    };
    let start = lane.get_mut(LANE - name.len()..);
    if let Some(to) = start.and_then(<[u8]>::first_chunk_mut) {
        *to = *first;
    }
    if let Some(to) = lane.last_chunk_mut::<BYTES>() {
        *to = *last;
    }
    true
}

/// The suffixes of two labels or more that lie above a name.
fn all_above(name: &str) -> impl Iterator<Item = &str> {
    let dots = name.rmatch_indices('.').skip(1);
    dots.filter_map(|(dot, _)| name.get(dot + 1..))
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

/// The four bits of a suffix that lies above a listed name.
#[inline]
fn above_bits(hash: u64) -> u64 {
    listed_bits(hash).rotate_left(23)
}

/// The four bits of a listed name.
#[inline]
fn listed_bits(hash: u64) -> u64 {
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
