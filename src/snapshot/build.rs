//! Builds a snapshot: takes indicators feed by feed, refuses what must not be listed, and
//! counts what became of every row.

use std::sync::Arc;
use std::time::Duration;

use super::Snapshot;
use super::batch::RowBatch;
use super::catalog::{CatalogBuilder, SetForm};
use super::check::check;
use super::counts::{Accepted, BatchTaken, FeedCounts, Refusal};
use super::digest::FeedDigest;
use super::ids::IdIndex;
use super::layer::{Layer, Rule};
use super::plant::plant;
use super::protect::Protected;
use super::rows::Row;
use super::samples::Samples;
use super::self_test::SelfTestError;
use super::tables::TablesBuilder;
use super::vet::{Vetted, Vetter};
use crate::matching::{HashKey, TableError};
use crate::model::{
    Indicator, IndicatorState, IndicatorValue, NameEngine, Role, Scope, VictimDirection,
};

/// How a snapshot is built.
#[derive(Clone, Debug, Default)]
pub struct BuildOptions {
    /// Which structure finds names.
    pub names: NameEngine,
    /// Whether matches outside the validity of their indicators are reported.
    pub emit_invalid: bool,
    /// The secret that names are hashed with; `None`: a random one.
    pub hash_key: Option<HashKey>,
    /// What no feed may list, unless it overrides.
    pub protected: Arc<Protected>,
}

/// The rules of a feed that matching needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedInfo {
    /// Its name, as hits show it.
    pub name: Arc<str>,
    /// In which direction contact is victim evidence; `None`: by each indicator's role.
    pub victim: Option<VictimDirection>,
    /// How long indicators stay valid beyond their `valid_until`.
    pub grace: Duration,
    /// Whether its `address:port` match the address on every port.
    pub ignore_ports: bool,
    /// Whether its indicators or allow rules win whatever their specificity.
    pub overrides: bool,
    /// Whether it changes row by row: a row with an id takes the place of the one that had it.
    pub keyed: bool,
}

/// The number of a feed in a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FeedId(pub u16);

/// Why there is no snapshot.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A table could not be built.
    #[error("cannot build the tables of what is {rules}")]
    Table {
        /// `listed`, `allowed` or `revoked`.
        rules: &'static str,
        /// Why not.
        source: TableError,
    },
    /// The snapshot does not find what is in it.
    #[error("the snapshot does not find its own {class} `{value}`")]
    SelfTest {
        /// What kind of value.
        class: &'static str,
        /// The value.
        value: String,
    },
    /// The snapshot does not answer as it must.
    #[error("the snapshot did not pass its self-test")]
    Asked(#[from] SelfTestError),
    /// More than a table can hold, though each of its parts could.
    #[error("too many indicators for one snapshot")]
    Full,
}

/// Most rows that list one value; hits show all of them.
pub const VALUE_INDICATORS_MAX: usize = 256;

/// Collects what a snapshot is made of.
#[derive(Debug)]
pub struct SnapshotBuilder {
    options: BuildOptions,
    pub(super) key: HashKey,
    pub(super) counts: Vec<FeedCounts>,
    /// Of every feed.
    vetters: Vec<Vetter>,
    pub(super) contents: Contents,
}

/// What is listed.
#[derive(Debug)]
pub(super) struct Contents {
    pub(super) catalog: CatalogBuilder,
    /// Of every feed.
    pub(super) digests: Vec<FeedDigest>,
    /// For the self-test.
    pub(super) samples: Samples,
    pub(super) rules: Rules,
}

/// What is listed, by what it means.
#[derive(Debug)]
pub(super) struct Rules {
    listed: TablesBuilder,
    allowed: TablesBuilder,
    revoked: TablesBuilder,
}

impl SnapshotBuilder {
    /// A builder without feeds.
    pub fn new(options: BuildOptions) -> Self {
        let key = options.hash_key.unwrap_or_else(HashKey::random);
        Self {
            options,
            key,
            counts: Vec::new(),
            vetters: Vec::new(),
            contents: Contents {
                catalog: CatalogBuilder::default(),
                digests: Vec::new(),
                samples: Samples::default(),
                rules: Rules {
                    listed: TablesBuilder::new(key),
                    allowed: TablesBuilder::new(key),
                    revoked: TablesBuilder::new(key),
                },
            },
        }
    }

    /// Adds a feed, whose name no other feed should have. After 65,535 feeds the number it gets
    /// is nobody's, and its rows are refused.
    pub fn add_feed(&mut self, feed: FeedInfo) -> FeedId {
        let id = u16::try_from(self.counts.len()).unwrap_or(u16::MAX);
        if id < u16::MAX {
            self.counts.push(FeedCounts::new(&feed.name));
            // Who overrides, says that others are mistaken.
            let protected = if feed.overrides {
                Arc::default()
            } else {
                Arc::clone(&self.options.protected)
            };
            let vetter = Vetter::new(&feed.name, self.key, protected);
            self.vetters.push(vetter);
            self.contents.digests.push(FeedDigest::new(&feed));
            self.contents.catalog.push_feed(feed);
        }
        FeedId(id)
    }

    /// Vets rows of a feed for [`Self::add_batch`], on whatever thread; none for a feed that was
    /// not added.
    pub fn vetter(&self, feed: FeedId) -> Option<Vetter> {
        self.vetters.get(usize::from(feed.0)).cloned()
    }

    /// Adds a row of a feed. Amortized O(length of the row); no allocation of its own for a
    /// row whose words (malware, tags) were seen before.
    ///
    /// # Errors
    /// [`Refusal`] when the row must not be listed; it is counted, and all others stay.
    pub fn add(&mut self, feed: FeedId, indicator: &Indicator<'_>) -> Result<Accepted, Refusal> {
        let outcome = match self.vetters.get_mut(usize::from(feed.0)) {
            Some(vetter) => vetter
                .vet(indicator)
                .and_then(|row| self.contents.place(feed, &row)),
            None => Err(Refusal::UnknownFeed),
        };
        if let Some(counts) = self.counts.get_mut(usize::from(feed.0)) {
            counts.add(indicator.role, outcome);
        }
        outcome
    }

    /// Adds the rows of a batch up to the first one that is refused, exactly as [`Self::add`]
    /// would one by one. Whoever vetted them sees to [`Self::count_refused`].
    pub fn add_batch(&mut self, feed: FeedId, batch: &RowBatch) -> BatchTaken {
        // One wait for memory serves many rows.
        let touched = batch.rows().map(|row| self.contents.touch(&row));
        std::hint::black_box(touched.fold(0, |all, one| all ^ one));
        let mut taken = BatchTaken::default();
        for row in batch.rows() {
            let Ok(accepted) = self.contents.place(feed, &row) else {
                break;
            };
            if let Some(counts) = self.counts.get_mut(usize::from(feed.0)) {
                counts.add(row.set.role, Ok(accepted));
            }
            taken.rows += 1;
            taken.narrowed += u64::from(accepted.narrowed);
            taken.reserved += u64::from(accepted.reserved);
            taken.duplicates += u64::from(accepted.duplicate);
        }
        taken
    }

    /// Counts rows of a feed that were refused when they were vetted.
    pub fn count_refused(&mut self, feed: FeedId, refusal: Refusal, rows: u64) {
        if let Some(counts) = self.counts.get_mut(usize::from(feed.0)) {
            *counts.refused.entry(refusal.reason()).or_default() += rows;
        }
    }

    /// A snapshot of nothing else, after it has found a sample of its own keys.
    ///
    /// # Errors
    /// As [`Self::build_layer`].
    pub fn build(self, generation: u64) -> Result<Snapshot, BuildError> {
        let emit_invalid = self.options.emit_invalid;
        let layer = self.build_layer()?;
        Ok(Snapshot::new(layer, emit_invalid, generation))
    }

    /// A layer, after it has found a sample of its own keys.
    ///
    /// # Errors
    /// [`BuildError`] when a table cannot be built or does not find what is in it.
    pub fn build_layer(self) -> Result<Layer, BuildError> {
        let engine = self.options.names;
        let build = |tables: TablesBuilder, rules| {
            tables
                .build(engine)
                .map_err(|source| BuildError::Table { rules, source })
        };
        let mut contents = self.contents;
        let planted = plant(&mut contents.rules, self.key);
        let mut layer = Layer {
            feeds: self.counts,
            digests: contents.digests,
            catalog: contents.catalog.build(),
            listed: build(contents.rules.listed, "listed")?,
            allowed: build(contents.rules.allowed, "allowed")?,
            revoked: build(contents.rules.revoked, "revoked")?,
            ids: IdIndex::default(),
            samples: contents.samples.finish(),
            planted,
        };
        #[cfg(test)]
        super::broken::lose(&mut layer);
        check(&layer.listed)?;
        check(&layer.allowed)?;
        layer.ids = ids_of(&layer);
        Ok(layer)
    }
}

/// Where the rows of feeds are that change row by row.
fn ids_of(layer: &Layer) -> IdIndex {
    let mut ids = IdIndex::default();
    if layer.catalog.feeds().iter().any(|feed| feed.keyed) {
        layer.each_row(&mut |placed| {
            let keyed = layer
                .catalog
                .feed(placed.row)
                .is_some_and(|feed| feed.keyed);
            if keyed && let Some(id) = layer.catalog.detail(placed.row).id {
                ids.push(id, placed.rule, placed.class, placed.key);
            }
        });
    }
    ids.finish();
    ids
}

/// What a row with this set does.
pub(super) fn rule_of(set: SetForm<'_>) -> Rule {
    if set.state == IndicatorState::Revoked {
        Rule::Revoked
    } else if set.role == Role::Allow {
        Rule::Allowed
    } else {
        Rule::Listed
    }
}

impl Rules {
    /// The tables of a rule.
    pub(super) fn tables(&mut self, rule: Rule) -> &mut TablesBuilder {
        match rule {
            Rule::Listed => &mut self.listed,
            Rule::Allowed => &mut self.allowed,
            Rule::Revoked => &mut self.revoked,
        }
    }

    /// The tables of a rule, to be looked at.
    pub(super) fn of(&self, rule: Rule) -> &TablesBuilder {
        match rule {
            Rule::Listed => &self.listed,
            Rule::Allowed => &self.allowed,
            Rule::Revoked => &self.revoked,
        }
    }
}

impl Contents {
    /// Reads where a row will be placed.
    fn touch(&self, row: &Vetted<'_>) -> u32 {
        match row.value {
            IndicatorValue::Name { .. } => self.rules.of(rule_of(row.set)).touch(row.hash),
            IndicatorValue::Pattern(_)
            | IndicatorValue::Prefix(_)
            | IndicatorValue::Endpoint { .. } => 0,
        }
    }

    /// Takes a row, or says why not.
    pub(super) fn place(&mut self, feed: FeedId, row: &Vetted<'_>) -> Result<Accepted, Refusal> {
        let info = self.catalog.feeds().get(usize::from(feed.0));
        let any_port = info.ok_or(Refusal::UnknownFeed)?.ignore_ports;
        let mut accepted = Accepted {
            narrowed: row.narrowed,
            reserved: row.reserved,
            duplicate: false,
            revoked: row.set.state == IndicatorState::Revoked,
        };
        let set = self.catalog.set(feed.0, row.set)?;
        let scope = scope_of(&row.value);
        let details = self.catalog.details();
        let tables = self.rules.tables(rule_of(row.set));
        let (key, rows) = tables.insert(&row.value, row.hash, any_port)?;
        let mut of_value = 0;
        for known in rows.of(key) {
            if known.is_like(set, scope) && details.is(known.detail, row.detail) {
                accepted.duplicate = true;
                return Ok(accepted);
            }
            of_value += 1;
        }
        if of_value >= VALUE_INDICATORS_MAX {
            return Err(Refusal::TooManyOfValue);
        }
        if rows.is_full() {
            return Err(Refusal::TooMany);
        }
        rows.push(key, Row::new(set, scope, details.add(row.detail)?));
        if let Some(digest) = self.digests.get_mut(usize::from(feed.0)) {
            digest.add(row.digest);
        }
        if !row.set.removed {
            self.samples.offer(feed.0, rule_of(row.set), &row.value);
        }
        Ok(accepted)
    }
}

/// Which names a value covers; only names tell.
fn scope_of(value: &IndicatorValue<'_>) -> Scope {
    match value {
        IndicatorValue::Name { scope, .. } => *scope,
        IndicatorValue::Pattern(_)
        | IndicatorValue::Prefix(_)
        | IndicatorValue::Endpoint { .. } => Scope::Exact,
    }
}
