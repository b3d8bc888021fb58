//! What goes into a step of the stage and what it reports.

use std::time::Duration;

use super::attribute::AttributionRules;
use crate::model::{Attribution, EpisodeId, EventTime, Hit};

/// How the stage works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// A longer gap between hits starts a new spell. A change holds for hits from then on.
    pub quiet_period: Duration,
    /// An episode that only counts more hits is sent at most once in this time.
    pub update_interval: Duration,
    /// How long repeats of a hit are recognized: the retention of the hits topic.
    pub repeats_kept: Duration,
    /// How strictly a lease must fit.
    pub rules: AttributionRules,
    /// How long a hit waits for leases before it is provisional.
    pub wait_max: Duration,
    /// Most hits that wait without being provisional; above it the oldest become so.
    pub waiting_max: usize,
    /// Most provisional hits; above it the oldest are given up.
    pub provisional_max: usize,
    /// Most leases.
    pub leases_max: usize,
}

/// A hit as it comes from the hits topic.
#[derive(Clone, Debug, PartialEq)]
pub struct IncomingHit {
    /// The hit.
    pub hit: Hit,
    /// The partition of the hits topic.
    pub partition: i32,
    /// Its offset there.
    pub offset: i64,
    /// The timestamp of its record there.
    pub record_time: EventTime,
}

/// Counts by attribution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attributions {
    /// One lease covers the time.
    pub exact: u64,
    /// One lease is near enough.
    pub grace: u64,
    /// Several subscribers are possible.
    pub ambiguous: u64,
    /// The address is shared and the port unknown.
    pub shared: u64,
    /// Nobody is known.
    pub none: u64,
}

/// What one step did. Every hit is new, a repeat or too old; every new one is settled, waits,
/// or was given up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepReport {
    /// Hits seen for the first time.
    pub new: u64,
    /// Hits of which a copy was seen.
    pub repeats: u64,
    /// Hits refused because their record is older than repeats are recognized.
    pub too_old: u64,
    /// Hits attributed for good in this step, new ones and ones that had waited.
    pub settled: Attributions,
    /// Hits that waited too long or were too many, and became provisional in this step.
    pub provisional: u64,
    /// Provisional hits that were too many: nobody will be told of them.
    pub given_up: u64,
    /// Hits that wait after this step and are not provisional.
    pub waiting: u64,
    /// Hits that are provisional after this step.
    pub waiting_provisional: u64,
    /// Whether hits still wait for leases that are known: a step without hits goes on with them.
    pub more: bool,
    /// Episodes that changed, by id.
    pub episodes_changed: Vec<EpisodeId>,
}

impl Attributions {
    /// Counts one.
    pub fn add(&mut self, attribution: Attribution) {
        *match attribution {
            Attribution::Exact => &mut self.exact,
            Attribution::Grace => &mut self.grace,
            Attribution::Ambiguous => &mut self.ambiguous,
            Attribution::Shared => &mut self.shared,
            Attribution::None => &mut self.none,
        } += 1;
    }

    /// How many were counted.
    pub fn sum(&self) -> u64 {
        self.counts().iter().sum()
    }

    /// The counts in the order of the fields, which is that of `Attribution::ALL`.
    pub fn counts(&self) -> [u64; 5] {
        [
            self.exact,
            self.grace,
            self.ambiguous,
            self.shared,
            self.none,
        ]
    }

    /// The counts of both.
    pub(super) fn plus(&self, other: &Self) -> Self {
        Self {
            exact: self.exact + other.exact,
            grace: self.grace + other.grace,
            ambiguous: self.ambiguous + other.ambiguous,
            shared: self.shared + other.shared,
            none: self.none + other.none,
        }
    }

    /// As they are stored.
    pub(super) fn bytes(&self) -> Vec<u8> {
        self.counts()
            .iter()
            .flat_map(|count| count.to_le_bytes())
            .collect()
    }

    /// Those stored as `bytes`; `None` when they are something else.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (counts, []) = bytes.as_chunks::<8>() else {
            return None;
        };
        let counts: Vec<u64> = counts
            .iter()
            .map(|count| u64::from_le_bytes(*count))
            .collect();
        let [exact, grace, ambiguous, shared, none] = *counts.as_slice() else {
            return None;
        };
        Some(Self {
            exact,
            grace,
            ambiguous,
            shared,
            none,
        })
    }
}
