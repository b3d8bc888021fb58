//! The dry run: what a snapshot would hit in a sample of recent traffic.
//!
//! By value the count is bounded ([`VALUES_KEPT`]) and still tells all that can matter. Hits of one
//! value may be missed only up to the part `1 / VALUES_KEPT` of all hits: while not one event in
//! twenty is hit, that is a fortieth of the least limit anybody would set (5 of 10,000), and when
//! more are hit, the limits of feeds and of all events have spoken already. Nothing is ever counted
//! twice, so a value that is held back was really that often in the sample.

use std::collections::{BTreeMap, BTreeSet};

use super::heavy::{Heavy, PairRef};
use super::limits::Share;
use crate::model::{SampleKey, TrafficSample};

/// What a snapshot would hit in a sample.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exposure {
    /// The events of the sample.
    pub events: u64,
    /// Those with at least one hit.
    pub hit_events: u64,
    /// Those with a hit of each feed that has any.
    pub by_feed: BTreeMap<String, u64>,
    /// Those with a hit of each value; under twice [`VALUES_KEPT`] values, those with the most.
    pub by_value: BTreeMap<String, ValueHits>,
    /// By how much a number of `by_value` may be too low, for every feed that lists the value.
    pub uncounted_max: u64,
}

/// How often a value would be hit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueHits {
    /// A feed that lists it: that of most of its hits.
    pub feed: String,
    /// The events with a hit.
    pub events: u64,
    /// How many of them the feed stands for.
    by_feed: u64,
}

/// Of how many values the hits are surely kept.
pub const VALUES_KEPT: usize = 4096;

impl Exposure {
    /// Judges every event of a sample. `judge` tells of a key every canonical value that it hits,
    /// with each feed that lists it; the order does not matter, nor does it when a value is told
    /// again: an event counts once for a value and once for a feed.
    pub fn of(
        sample: &TrafficSample,
        mut judge: impl FnMut(SampleKey<'_>, &mut dyn FnMut(&str, &str)),
    ) -> Self {
        let mut exposure = Self::default();
        let mut values = Heavy::new(VALUES_KEPT);
        let mut found: BTreeSet<(String, String)> = BTreeSet::new();
        for keys in sample.events() {
            exposure.events += 1;
            for key in keys {
                judge(key, &mut |value, feed| {
                    found.insert((value.to_owned(), feed.to_owned()));
                });
            }
            exposure.hit_events += u64::from(!found.is_empty());
            exposure.count(&found, &mut values);
            found.clear();
        }
        exposure.uncounted_max = values.lost();
        for (pair, events) in values.iter() {
            exposure.keep(&pair.value, &pair.feed, events);
        }
        exposure
    }

    /// The values with the most hits, at most `count`, most first: what an operator is shown.
    pub fn most_hit(&self, count: usize) -> Vec<(&str, &ValueHits)> {
        let mut values: Vec<(&str, &ValueHits)> = self
            .by_value
            .iter()
            .map(|(value, hits)| (value.as_str(), hits))
            .collect();
        values.sort_by_key(|(_, hits)| std::cmp::Reverse(hits.events));
        values.truncate(count);
        values
    }

    /// The events that a value would hit.
    pub fn of_value(&self, value: &str) -> Share {
        self.share(self.by_value.get(value).map_or(0, |hits| hits.events))
    }

    /// The events that a feed would hit.
    pub fn of_feed(&self, feed: &str) -> Share {
        self.share(self.by_feed.get(feed).copied().unwrap_or_default())
    }

    /// The events that would be hit.
    pub fn of_all(&self) -> Share {
        self.share(self.hit_events)
    }

    /// So many of the events.
    fn share(&self, hits: u64) -> Share {
        let of = self.events;
        Share { hits, of }
    }

    /// Counts what one event hits.
    fn count(&mut self, found: &BTreeSet<(String, String)>, values: &mut Heavy) {
        let mut last = None;
        for (value, feed) in found {
            // The first of several feeds stands for the value, so that it counts once.
            if last.replace(value) != Some(value) {
                values.add(PairRef { value, feed }, 1);
            }
        }
        let feeds: BTreeSet<&String> = found.iter().map(|(_, feed)| feed).collect();
        for feed in feeds {
            if let Some(events) = self.by_feed.get_mut(feed) {
                *events += 1;
            } else {
                self.by_feed.insert(feed.clone(), 1);
            }
        }
    }

    /// Adds what was counted of a value.
    fn keep(&mut self, value: &str, feed: &str, events: u64) {
        let hits = self.by_value.entry(value.to_owned());
        let hits = hits.or_insert_with(|| ValueHits {
            feed: feed.to_owned(),
            events: 0,
            by_feed: 0,
        });
        hits.events += events;
        let (most, now) = ((hits.by_feed, feed), (events, hits.feed.as_str()));
        // Counts come in no order; of equals the first name.
        if now > most {
            hits.by_feed = events;
            feed.clone_into(&mut hits.feed);
        }
    }
}

#[cfg(test)]
mod tests;
