//! Counts of hits by indicator, in bounded memory however many there are: those that have many hits
//! are counted well, which are the only ones that anybody asks about.
//!
//! When twice as many indicators as are to be kept have counts, the middle count is taken off every
//! one, and those that have nothing left are forgotten (the way of Misra and Gries, in batches). At
//! least half of them lose that much, so that of all hits together no indicator loses more than the
//! part `1 / kept`. No count is ever too high.

use std::hash::RandomState;

use hashbrown::{Equivalent, HashMap};

/// A value and the feed that lists it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Pair {
    /// The value, canonical.
    pub(super) value: Box<str>,
    /// The feed's name.
    pub(super) feed: Box<str>,
}

/// The same, borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct PairRef<'a> {
    /// The value, canonical.
    pub(super) value: &'a str,
    /// The feed's name.
    pub(super) feed: &'a str,
}

impl Equivalent<Pair> for PairRef<'_> {
    fn equivalent(&self, pair: &Pair) -> bool {
        *self.value == *pair.value && *self.feed == *pair.feed
    }
}

impl From<&PairRef<'_>> for Pair {
    fn from(pair: &PairRef<'_>) -> Self {
        Self {
            value: pair.value.into(),
            feed: pair.feed.into(),
        }
    }
}

impl Pair {
    /// The same, borrowed.
    pub(super) fn as_ref(&self) -> PairRef<'_> {
        PairRef {
            value: &self.value,
            feed: &self.feed,
        }
    }
}

/// Counts of the indicators with the most hits.
#[derive(Clone, Debug)]
pub(super) struct Heavy {
    /// Every count may be too low by `lost`; who is not here had no more than that. Strangers choose
    /// the values, hence a keyed hash.
    counts: HashMap<Pair, u64, RandomState>,
    /// How much was taken off.
    lost: u64,
    /// How many indicators are surely kept.
    kept: usize,
}

impl Heavy {
    /// No counts yet. At most twice `kept` indicators are held at a time.
    pub(super) fn new(kept: usize) -> Self {
        Self {
            counts: HashMap::default(),
            lost: 0,
            kept: kept.max(1),
        }
    }

    /// Counts hits. Amortized O(1).
    pub(super) fn add(&mut self, pair: PairRef<'_>, hits: u64) {
        if hits == 0 {
            return;
        }
        let count = self.counts.entry_ref(&pair).or_insert(0);
        *count = count.saturating_add(hits);
        if self.counts.len() >= self.kept.saturating_mul(2) {
            self.forget();
        }
    }

    /// How many hits an indicator has at least.
    pub(super) fn least(&self, pair: PairRef<'_>) -> u64 {
        self.counts.get(&pair).copied().unwrap_or_default()
    }

    /// How many hits an indicator has at most.
    pub(super) fn most(&self, pair: PairRef<'_>) -> u64 {
        self.least(pair).saturating_add(self.lost)
    }

    /// By how much a count may be too low: at most the part `1 / kept` of all hits.
    pub(super) fn lost(&self) -> u64 {
        self.lost
    }

    /// What is counted, in no order, with how many hits it has at least.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Pair, u64)> {
        self.counts.iter().map(|(pair, count)| (pair, *count))
    }

    /// Forgets everything, and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.counts.clear();
        self.lost = 0;
    }

    /// Takes the middle count off every one.
    fn forget(&mut self) {
        let mut sorted: Vec<u64> = self.counts.values().copied().collect();
        sorted.sort_unstable();
        // So many that at least `kept` lose all of it, and at most `kept` are left.
        let place = sorted.len().saturating_sub(self.kept).saturating_sub(1);
        let middle = sorted.get(place).copied().unwrap_or_default();
        self.lost = self.lost.saturating_add(middle);
        self.counts.retain(|_, count| {
            *count = count.saturating_sub(middle);
            *count > 0
        });
    }
}

#[cfg(test)]
mod tests;
