//! What was usual before the last change of the snapshot.

use std::collections::BTreeMap;

use super::window::Window;
use crate::feeds::gate::exposure::VALUES_KEPT;
use crate::feeds::gate::heavy::Pair;
use crate::feeds::gate::limits::{HitLimits, Share};
use crate::feeds::gate::subject::Muted;

/// The shares of values and feeds at one time. Those that are so small that whatever exceeds its
/// limit has outgrown them are not kept, which leaves some hundreds with limits that make sense.
#[derive(Clone, Debug, Default)]
pub(super) struct Baseline {
    events: u64,
    values: BTreeMap<String, u64>,
    feeds: BTreeMap<String, u64>,
}

impl Baseline {
    /// What a window holds, without what is muted.
    pub(super) fn of(window: &Window, muted: &Muted, limits: HitLimits) -> Self {
        let events = window.events();
        let matters = |hits, limit| !Share { hits, of: events }.is_negligible(limit);
        let mut pairs: BTreeMap<&Pair, u64> = BTreeMap::new();
        for (pair, hits) in window.pairs() {
            if !muted.mutes(&pair.value, &pair.feed) {
                let sum = pairs.entry(pair).or_default();
                *sum = sum.saturating_add(hits);
            }
        }
        let mut pairs: Vec<(&Pair, u64)> = pairs.into_iter().collect();
        pairs.retain(|(_, hits)| matters(*hits, limits.indicator_hits_max));
        pairs.sort_by_key(|(_, hits)| *hits);
        let surplus = pairs.len().saturating_sub(VALUES_KEPT);
        // Of the feeds that list a value the one with the most hits comes last and stays.
        let values = pairs.into_iter().skip(surplus);
        let values = values.map(|(pair, hits)| (pair.value.to_string(), hits));
        let mut feeds: BTreeMap<String, u64> = BTreeMap::new();
        for (feed, hits) in window.feeds() {
            if !muted.has_feed(feed) {
                let sum = feeds.entry(feed.clone()).or_default();
                *sum = sum.saturating_add(hits);
            }
        }
        feeds.retain(|_, hits| matters(*hits, limits.feed_hits_max));
        Self {
            events,
            values: values.collect(),
            feeds,
        }
    }

    /// The share of a value.
    pub(super) fn value(&self, value: &str) -> Share {
        self.share(self.values.get(value))
    }

    /// The share of a feed.
    pub(super) fn feed(&self, feed: &str) -> Share {
        self.share(self.feeds.get(feed))
    }

    /// How many values it holds.
    #[cfg(test)]
    pub(super) fn values_len(&self) -> usize {
        self.values.len()
    }

    /// So many hits of the events.
    fn share(&self, hits: Option<&u64>) -> Share {
        let hits = hits.copied().unwrap_or_default();
        let of = self.events;
        Share { hits, of }
    }
}
