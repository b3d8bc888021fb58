//! Names of many events, waiting to be looked up together: the lookups of a batch do not depend
//! on each other, so the memory that they touch is fetched side by side, and ten million listed
//! names cost hardly more than ten thousand.

use super::plain::{LANE, LANES_MAX, Plain};

/// Names, each with the hash that decides whether it is looked at again. Its room is made once.
#[derive(Debug)]
pub struct NameBatch {
    /// Of each name the hash of what may be a gate: where it is none, nothing covers the name.
    gates: Box<[u64; NAMES]>,
    /// What else is kept of each.
    kept: Box<[Kept; NAMES]>,
    /// How many there are.
    len: usize,
    /// The names that passed: room for the lookup.
    passed: Box<[u8; NAMES]>,
}

/// What is kept of a name: enough to look it up.
#[derive(Clone, Copy, Debug)]
struct Kept {
    /// It, from `start` to `end`.
    text: [u8; TEXT_LEN],
    start: u8,
    end: u8,
    /// To whom it belongs.
    owner: u32,
}

/// Names that a batch holds. Few, so that all of it stays in the first cache.
const NAMES: usize = 128;

/// Most bytes of a text in a batch.
const TEXT_LEN: usize = 4 * LANE;

impl NameBatch {
    /// An empty batch. About 10 KiB.
    pub fn new() -> Self {
        let none = Kept {
            text: [0; TEXT_LEN],
            start: 0,
            end: 0,
            owner: 0,
        };
        Self {
            gates: Box::new([0; NAMES]),
            kept: Box::new([none; NAMES]),
            len: 0,
            passed: Box::new([0; NAMES]),
        }
    }

    /// Whether it must be looked up before more is added.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.len >= NAMES
    }

    /// How much is in it: for [`Self::rewind`].
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing is in it.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Forgets what was added since it was `len` long.
    #[inline]
    pub fn rewind(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Adds a name with its gate, unless it is full.
    #[inline(always)]
    pub(super) fn add(&mut self, name: &Plain<'_>, gate: u64, owner: u32) {
        let (Some(hash), Some(kept)) = (self.gates.get_mut(self.len), self.kept.get_mut(self.len))
        else {
            return;
        };
        self.len += 1;
        *hash = gate;
        let all = name.text.len();
        for (start, lane) in name.lanes {
            let to = kept.text.get_mut(start..);
            if let Some(to) = to.and_then(<[u8]>::first_chunk_mut) {
                *to = *lane;
            }
        }
        if all > LANES_MAX
            && let Some(to) = kept.text.get_mut(..all)
        {
            to.copy_from_slice(name.text);
        }
        (kept.start, kept.end, kept.owner) = (small(all - name.len), small(all), owner);
    }

    /// Empties it: calls `found` with each name whose gate `may_pass`, and its owner. Two loops, of
    /// which the first takes nearly all out without a branch that waits for memory.
    #[inline(always)]
    pub(super) fn drain(
        &mut self,
        may_pass: impl Fn(u64) -> bool,
        mut found: impl FnMut(&[u8], u32),
    ) {
        let mut count = 0;
        for (place, &gate) in (0..).zip(self.gates.iter().take(self.len)) {
            if let Some(passed) = self.passed.get_mut(count) {
                *passed = place;
            }
            count += usize::from(may_pass(gate));
        }
        for &place in self.passed.iter().take(count) {
            if let Some(kept) = self.kept.get(usize::from(place)) {
                let text = kept
                    .text
                    .get(usize::from(kept.start)..usize::from(kept.end));
                found(text.unwrap_or_default(), kept.owner);
            }
        }
        self.len = 0;
    }
}

/// A place in a text of a batch.
#[inline(always)]
fn small(place: usize) -> u8 {
    u8::try_from(place).unwrap_or(u8::MAX)
}

impl Default for NameBatch {
    fn default() -> Self {
        Self::new()
    }
}
