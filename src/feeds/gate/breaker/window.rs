//! Events and hits of the last few seconds, by indicator and by feed. The window consists of
//! [`SLOTS`] parts, of which the oldest is forgotten when a new one begins, so that it slides.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::feeds::gate::exposure::VALUES_KEPT;
use crate::feeds::gate::heavy::{Heavy, Pair, PairRef};

/// The parts of a window.
pub(super) const SLOTS: usize = 10;

/// Most feeds with a count of their own; a configuration has some dozens.
const FEEDS_MAX: usize = 4_096;

/// A sliding window.
#[derive(Clone, Debug)]
pub(super) struct Window {
    /// A ring.
    slots: Vec<Slot>,
    /// The place of the newest one.
    newest: usize,
    /// When the newest one began.
    began_at: Option<Instant>,
    /// How long each of them lasts.
    slot: Duration,
}

/// A part of a window.
#[derive(Clone, Debug)]
struct Slot {
    events: u64,
    /// Hits by indicator, also on what is muted.
    pairs: Heavy,
    /// Hits by feed, on what is neither muted nor released.
    feeds: BTreeMap<String, u64>,
}

impl Window {
    /// An empty window.
    pub(super) fn new(len: Duration) -> Self {
        let slot = Slot {
            events: 0,
            pairs: Heavy::new(VALUES_KEPT),
            feeds: BTreeMap::new(),
        };
        Self {
            slots: vec![slot; SLOTS],
            newest: 0,
            began_at: None,
            slot: (len / 10).max(Duration::from_millis(1)),
        }
    }

    /// Forgets what is too old at `now`. A clock that goes back stands still.
    pub(super) fn advance(&mut self, now: Instant) {
        let began_at = *self.began_at.get_or_insert(now);
        let over = now.saturating_duration_since(began_at).as_nanos() / self.slot.as_nanos();
        if over == 0 {
            return;
        }
        for _ in 0..over.min(10) {
            self.newest = (self.newest + 1) % SLOTS;
            let newest = self.newest;
            if let Some(slot) = self.slots.get_mut(newest) {
                slot.events = 0;
                slot.pairs.clear();
                slot.feeds.clear();
            }
        }
        let passed = u32::try_from(over).ok();
        let passed = passed.and_then(|over| self.slot.checked_mul(over));
        let next = passed.and_then(|passed| began_at.checked_add(passed));
        self.began_at = Some(next.unwrap_or(now));
    }

    /// Counts events.
    pub(super) fn add_events(&mut self, events: u64) {
        if let Some(slot) = self.slots.get_mut(self.newest) {
            slot.events = slot.events.saturating_add(events);
        }
    }

    /// Counts hits of an indicator.
    pub(super) fn add_hits(&mut self, pair: PairRef<'_>, hits: u64) {
        if let Some(slot) = self.slots.get_mut(self.newest) {
            slot.pairs.add(pair, hits);
        }
    }

    /// Counts hits of a feed.
    pub(super) fn add_feed_hits(&mut self, feed: &str, hits: u64) {
        let Some(slot) = self.slots.get_mut(self.newest) else {
            return;
        };
        if let Some(count) = slot.feeds.get_mut(feed) {
            *count = count.saturating_add(hits);
        } else if hits > 0 && slot.feeds.len() < FEEDS_MAX {
            slot.feeds.insert(feed.to_owned(), hits);
        }
    }

    /// Takes all that a value was hit out of the hits of the feeds that list it, and rather more
    /// than less where its count is not exact.
    pub(super) fn leave_out(&mut self, value: &str) {
        for slot in &mut self.slots {
            let pairs = &slot.pairs;
            slot.feeds.retain(|feed, hits| {
                let pair = PairRef { value, feed };
                if pairs.least(pair) > 0 {
                    *hits = hits.saturating_sub(pairs.most(pair));
                }
                *hits > 0
            });
        }
    }

    /// All events.
    pub(super) fn events(&self) -> u64 {
        self.slots
            .iter()
            .map(|slot| slot.events)
            .fold(0, u64::saturating_add)
    }

    /// The hits of an indicator, at least.
    pub(super) fn hits(&self, pair: PairRef<'_>) -> u64 {
        let hits = self.slots.iter().map(|slot| slot.pairs.least(pair));
        hits.fold(0, u64::saturating_add)
    }

    /// The hits of a feed without those that were left out.
    pub(super) fn feed_hits(&self, feed: &str) -> u64 {
        let hits = self.slots.iter().filter_map(|slot| slot.feeds.get(feed));
        hits.copied().fold(0, u64::saturating_add)
    }

    /// The indicators that were hit of late.
    pub(super) fn newest_pairs(&self) -> impl Iterator<Item = &Pair> {
        let newest = self.slots.get(self.newest);
        newest
            .into_iter()
            .flat_map(|slot| slot.pairs.iter())
            .map(|(pair, _)| pair)
    }

    /// The feeds that were hit of late, by name.
    pub(super) fn newest_feeds(&self) -> impl Iterator<Item = &str> {
        let newest = self.slots.get(self.newest);
        newest
            .into_iter()
            .flat_map(|slot| slot.feeds.keys())
            .map(String::as_str)
    }

    /// Every indicator with hits, some of them more than once, with a part of its hits each time.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&Pair, u64)> {
        self.slots.iter().flat_map(|slot| slot.pairs.iter())
    }

    /// Every feed with hits, the same way.
    pub(super) fn feeds(&self) -> impl Iterator<Item = (&String, u64)> {
        let feeds = self.slots.iter().flat_map(|slot| slot.feeds.iter());
        feeds.map(|(feed, hits)| (feed, *hits))
    }
}
