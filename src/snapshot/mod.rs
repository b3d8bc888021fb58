//! The snapshot: everything that is listed, compiled once and never changed.
//!
//! [`SnapshotBuilder`] takes indicators and allow rules feed by feed and refuses what must not
//! be listed. [`Snapshot`] answers the two questions of the data path: *may this key match?*
//! (probes: a superset, free of allocation) and *what matches in this event?* ([`Snapshot::matches`],
//! the authority). [`Publisher`] and [`SnapshotReader`] hand a new snapshot to the workers whole,
//! and see to it that no worker ever frees the old one.
//!
//! Pure apart from the publisher: no I/O, no clock, no log.

mod batch;
mod build;
mod catalog;
mod check;
mod counts;
mod detail;
mod digest;
mod find;
mod judge;
mod lookup;
mod protect;
mod publish;
mod rows;
mod tables;
mod vet;

use std::net::IpAddr;

use crate::matching::{NameBatch, NameProbe};
use crate::model::SnapshotId;

pub use crate::matching::HashKey;
pub use batch::RowBatch;
pub use build::{
    BuildError, BuildOptions, FeedId, FeedInfo, SnapshotBuilder, VALUE_INDICATORS_MAX,
};
pub use counts::{Accepted, BatchTaken, FeedCounts, Refusal};
pub use lookup::Lookup;
pub use protect::Protected;
pub use publish::{Publisher, SnapshotReader};
pub use vet::{Vetted, Vetter, may_be_listed};

use catalog::Catalog;
use tables::Tables;

/// The immutable, compiled set of all accepted indicators and allow rules.
#[derive(Debug)]
pub struct Snapshot {
    generation: u64,
    hash: String,
    emit_invalid: bool,
    feeds: Vec<FeedCounts>,
    catalog: Catalog,
    /// What matches.
    listed: Tables,
    /// What must not match.
    allowed: Tables,
    /// What its feed withdrew: never matches, but a lookup can say so.
    revoked: Tables,
}

impl Snapshot {
    /// Its number among the snapshots of this process.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The hash of its content, 32 hexadecimal digits: the same feeds with the same indicators,
    /// in whatever order, give the same hash on any machine.
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
        self.listed.len()
    }

    /// How many allow rules there are.
    pub fn allow_rules(&self) -> u64 {
        self.allowed.len()
    }

    /// What became of every feed's rows, in the order in which the feeds were added.
    pub fn feeds(&self) -> &[FeedCounts] {
        &self.feeds
    }

    /// Memory, in bytes, as far as vectors and automata know their own.
    pub fn bytes(&self) -> usize {
        self.catalog.bytes() + self.listed.bytes() + self.allowed.bytes() + self.revoked.bytes()
    }

    /// Whether an event with this raw name (any case, a trailing dot, escapes) may match.
    ///
    /// Never says [`NameProbe::Miss`] of a name in which [`Self::matches`] finds something;
    /// validity and allow rules are not looked at. No allocation for ASCII names without escapes.
    #[inline]
    pub fn probe_name(&self, raw: &[u8]) -> NameProbe {
        match self.listed.names.probe(raw) {
            NameProbe::Miss if !self.listed.patterns.is_empty() => {
                if self.listed.patterns.probe(raw) {
                    NameProbe::Candidate
                } else {
                    NameProbe::Miss
                }
            }
            probe @ (NameProbe::Miss | NameProbe::Candidate | NameProbe::Unfit(_)) => probe,
        }
    }

    /// Adds a raw name to a batch for [`Self::settle_names`]: of many names together that is
    /// cheaper than [`Self::probe_name`]. What can be told at once is told at once; a
    /// [`NameProbe::Miss`] is only one if `settle_names` does not name its `owner`.
    #[inline]
    pub fn queue_name(&self, raw: &[u8], owner: u32, batch: &mut NameBatch) -> NameProbe {
        let probe = self.listed.names.queue(raw, owner, batch);
        if probe == NameProbe::Miss
            && !self.listed.patterns.is_empty()
            && self.listed.patterns.probe(raw)
        {
            return NameProbe::Candidate;
        }
        probe
    }

    /// Looks up all names of a batch and empties it: `found` is told the owners of those that
    /// may match.
    pub fn settle_names(&self, batch: &mut NameBatch, found: impl FnMut(u32)) {
        self.listed.names.settle(batch, found);
    }

    /// Whether an event with this address may match: on this port if it is an end of a flow,
    /// without one if it stands in a DNS answer.
    ///
    /// Never `false` for an address in which [`Self::matches`] finds something. No allocation.
    #[inline]
    pub fn probe_address(&self, ip: IpAddr, port: Option<u16>) -> bool {
        self.listed.addresses.probe(ip, port)
    }
}

#[cfg(test)]
mod tests;
