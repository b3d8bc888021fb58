//! The snapshot: everything that is listed, compiled once and never changed.
//!
//! [`SnapshotBuilder`] takes indicators and allow rules feed by feed and refuses what must not
//! be listed. [`Snapshot`] answers the two questions of the data path: *may this key match?*
//! (probes: a superset, free of allocation) and *what matches in this event?* ([`Snapshot::matches`],
//! the authority). [`Publisher`] and [`SnapshotReader`] hand a new snapshot to the workers whole,
//! and see to it that no worker ever frees the old one.
//!
//! Pure apart from the publisher: no I/O, no clock, no log.

mod absorb;
mod batch;
#[cfg(test)]
mod broken;
mod build;
mod catalog;
mod check;
mod counts;
mod detail;
mod digest;
mod find;
mod ids;
mod judge;
mod layer;
mod lookup;
mod muted;
mod plant;
mod protect;
mod publish;
mod removed;
mod rows;
mod same;
mod samples;
mod self_test;
mod tables;
mod update;
mod vet;

use std::net::IpAddr;
use std::sync::Arc;

use crate::matching::{NameBatch, NameProbe};
use crate::model::SnapshotId;

pub use crate::matching::HashKey;
pub use batch::RowBatch;
#[cfg(test)]
pub(crate) use broken::lose_rows_of;
pub use build::{
    BuildError, BuildOptions, FeedId, FeedInfo, SnapshotBuilder, VALUE_INDICATORS_MAX,
};
pub use counts::{Accepted, BatchTaken, FeedCounts, Refusal};
pub use layer::Layer;
pub use lookup::Lookup;
pub use muted::Muted;
pub use protect::Protected;
pub use publish::{Publisher, SnapshotReader};
pub use removed::{Gone, Keep, Removed};
pub use self_test::SelfTestError;
pub use update::{Merge, Update};
pub use vet::{Vetted, Vetter, may_be_listed};

use layer::{Stack, Stacked};

/// The immutable, compiled set of all accepted indicators and allow rules.
#[derive(Clone, Debug)]
pub struct Snapshot {
    generation: u64,
    hash: String,
    emit_invalid: bool,
    feeds: Vec<FeedCounts>,
    stack: Stack,
    /// What matches no more until an operator says so.
    muted: Arc<Muted>,
}

impl Snapshot {
    /// A snapshot of one layer.
    fn new(layer: Layer, emit_invalid: bool, generation: u64) -> Self {
        let stack = Stack {
            base: Stacked::new(layer),
            upper: Vec::new(),
        };
        Self::of(stack, emit_invalid, Arc::default(), generation)
    }

    /// A snapshot of a stack of layers.
    fn of(stack: Stack, emit_invalid: bool, muted: Arc<Muted>, generation: u64) -> Self {
        let mut feeds: Vec<FeedCounts> = Vec::new();
        for feed in stack.layers().flat_map(|stacked| &stacked.layer.feeds) {
            if !feeds.iter().any(|known| known.name == feed.name) {
                feeds.push(FeedCounts::new(&feed.name));
            }
        }
        for counts in stack.layers().flat_map(Stacked::counts) {
            if let Some(feed) = feeds.iter_mut().find(|feed| feed.name == counts.name) {
                feed.add_all(&counts);
            }
        }
        Self {
            generation,
            hash: digest::hash_of(stack.layers().flat_map(Stacked::digests)),
            emit_invalid,
            feeds,
            stack,
            muted,
        }
    }

    /// Its number among the snapshots of this process.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The hash of its content, 32 hexadecimal digits: the same feeds with the same indicators,
    /// in whatever order and in however many steps, give the same hash on any machine.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Generation and hash, as hits carry them.
    pub fn id(&self) -> SnapshotId {
        SnapshotId {
            generation: self.generation,
            hash: self.hash.clone(),
        }
    }

    /// How many indicators can match.
    pub fn indicators(&self) -> u64 {
        self.feeds.iter().map(|feed| feed.indicators).sum()
    }

    /// How many allow rules there are.
    pub fn allow_rules(&self) -> u64 {
        self.feeds.iter().map(|feed| feed.allow_rules).sum()
    }

    /// What became of every feed's rows, in the order in which the feeds were added.
    pub fn feeds(&self) -> &[FeedCounts] {
        &self.feeds
    }

    /// What matches no more until an operator says so.
    pub fn muted(&self) -> &Muted {
        &self.muted
    }

    /// Memory, in bytes, as far as vectors and automata know their own.
    pub fn bytes(&self) -> usize {
        self.stack
            .layers()
            .map(|stacked| stacked.layer.bytes())
            .sum()
    }

    /// Whether an event with this raw name (any case, a trailing dot, escapes) may match.
    ///
    /// Never says [`NameProbe::Miss`] of a name in which [`Self::matches`] finds something;
    /// validity and allow rules are not looked at. No allocation for ASCII names without escapes.
    #[inline]
    pub fn probe_name(&self, raw: &[u8]) -> NameProbe {
        let listed = &self.stack.base.layer.listed;
        let probe = listed.names.probe(raw);
        if probe == NameProbe::Miss && !listed.patterns.is_empty() && listed.patterns.probe(raw) {
            return NameProbe::Candidate;
        }
        self.probe_upper(raw, probe)
    }

    /// Adds a raw name to a batch for [`Self::settle_names`]: of many names together that is
    /// cheaper than [`Self::probe_name`]. What can be told at once is told at once; a
    /// [`NameProbe::Miss`] is only one if `settle_names` does not name its `owner`.
    #[inline]
    pub fn queue_name(&self, raw: &[u8], owner: u32, batch: &mut NameBatch) -> NameProbe {
        let listed = &self.stack.base.layer.listed;
        let probe = listed.names.queue(raw, owner, batch);
        if probe == NameProbe::Miss && !listed.patterns.is_empty() && listed.patterns.probe(raw) {
            return NameProbe::Candidate;
        }
        self.probe_upper(raw, probe)
    }

    /// What becomes of the probe of a name by what has changed since the base was built. That is
    /// little, and its filters stay in the cache.
    #[inline]
    fn probe_upper(&self, raw: &[u8], probe: NameProbe) -> NameProbe {
        if self.stack.upper.is_empty() || probe == NameProbe::Candidate {
            return probe;
        }
        let may_match = |stacked: &Stacked| {
            let listed = &stacked.layer.listed;
            let found = listed.names.probe(raw) == NameProbe::Candidate;
            found || !listed.patterns.is_empty() && listed.patterns.probe(raw)
        };
        if self.stack.upper.iter().any(may_match) {
            return NameProbe::Candidate;
        }
        probe
    }

    /// Looks up all names of a batch and empties it: `found` is told the owners of those that
    /// may match.
    pub fn settle_names(&self, batch: &mut NameBatch, found: impl FnMut(u32)) {
        self.stack.base.layer.listed.names.settle(batch, found);
    }

    /// Whether an event with this address may match: on this port if it is an end of a flow,
    /// without one if it stands in a DNS answer.
    ///
    /// Never `false` for an address in which [`Self::matches`] finds something. No allocation.
    #[inline]
    pub fn probe_address(&self, ip: IpAddr, port: Option<u16>) -> bool {
        self.stack.base.layer.listed.addresses.probe(ip, port)
            || !self.stack.upper.is_empty() && self.probe_address_upper(ip, port)
    }

    /// The probe of an address in what has changed since the base was built. Out of the way of the
    /// probe in the base, which it would make larger than fits where that is inlined.
    #[inline(never)]
    fn probe_address_upper(&self, ip: IpAddr, port: Option<u16>) -> bool {
        let mut upper = self.stack.upper.iter();
        upper.any(|stacked| stacked.layer.listed.addresses.probe(ip, port))
    }
}

#[cfg(test)]
mod tests;
