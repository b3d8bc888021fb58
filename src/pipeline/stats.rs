//! What a batch came to: plain integers, one set a stream.

use std::collections::BTreeMap;

use crate::decode::Reject;
use crate::telemetry::HitCounts;

/// What one worker counted in one batch, a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatchStats {
    /// By index of the stream.
    pub streams: Vec<StreamStats>,
}

/// What was counted of one stream. Items in = matched + unmatched + ignored + rejected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamStats {
    /// Records read.
    pub records: u64,
    /// Bytes of their values.
    pub bytes: u64,
    /// Events with at least one hit.
    pub matched: u64,
    /// Events without a hit.
    pub unmatched: u64,
    /// Items that are not events of ours.
    pub ignored: u64,
    /// Undecodable items.
    pub rejected: BTreeMap<Reject, u64>,
    /// Names of events that cannot match, by reason; the events count as (un)matched.
    pub unfit_names: BTreeMap<&'static str, u64>,
    /// Hits, by kind of event and evidence.
    pub hits: HitCounts,
    /// Values that an event has and that are muted; without another one the event is unmatched.
    pub muted: u64,
    /// Dead letters, by reason: at most one a record.
    pub dead_letters: BTreeMap<Reject, u64>,
}

impl StreamStats {
    /// Undecodable items of any reason.
    pub fn rejected_total(&self) -> u64 {
        self.rejected.values().sum()
    }

    /// Events: what could be decoded and is ours.
    pub fn events(&self) -> u64 {
        self.matched + self.unmatched
    }

    /// Hits of any evidence.
    pub fn hits_total(&self) -> u64 {
        self.hits.dns.iter().chain(&self.hits.flow).sum()
    }

    /// Adds another count.
    pub fn add(&mut self, other: &Self) {
        let Self {
            records,
            bytes,
            matched,
            unmatched,
            ignored,
            rejected,
            unfit_names,
            hits,
            muted,
            dead_letters,
        } = other;
        self.records += records;
        self.bytes += bytes;
        self.matched += matched;
        self.unmatched += unmatched;
        self.ignored += ignored;
        self.muted += muted;
        self.hits.victim_evidence += hits.victim_evidence;
        add_each(&mut self.hits.dns, &hits.dns);
        add_each(&mut self.hits.flow, &hits.flow);
        add_all(&mut self.rejected, rejected);
        add_all(&mut self.unfit_names, unfit_names);
        add_all(&mut self.dead_letters, dead_letters);
    }
}

impl BatchStats {
    /// Zeros for `streams` streams.
    pub fn new(streams: usize) -> Self {
        Self {
            streams: vec![StreamStats::default(); streams],
        }
    }

    /// Events of all streams.
    pub fn events(&self) -> u64 {
        self.streams.iter().map(StreamStats::events).sum()
    }

    /// All streams together.
    pub fn total(&self) -> StreamStats {
        let mut total = StreamStats::default();
        for stream in &self.streams {
            total.add(stream);
        }
        total
    }

    /// Adds another count of the same streams.
    pub fn add(&mut self, other: &Self) {
        for (own, other) in self.streams.iter_mut().zip(&other.streams) {
            own.add(other);
        }
    }

    /// Back to zeros.
    pub fn clear(&mut self) {
        self.streams.fill_with(StreamStats::default);
    }
}

/// Adds counts of the same things in the same order.
fn add_each(own: &mut [u64], other: &[u64]) {
    for (own, other) in own.iter_mut().zip(other) {
        *own += other;
    }
}

/// Adds counts by key.
fn add_all<K: Ord + Copy>(own: &mut BTreeMap<K, u64>, other: &BTreeMap<K, u64>) {
    for (key, count) in other {
        *own.entry(*key).or_default() += count;
    }
}
