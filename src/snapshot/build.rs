//! Builds a snapshot: takes indicators feed by feed, refuses what must not be listed, and
//! counts what became of every row.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use super::Snapshot;
use super::catalog::CatalogBuilder;
use super::check::check;
use super::detail::DetailsFull;
use super::digest::Digest;
use super::rows::Row;
use super::tables::{InsertError, TablesBuilder};
use crate::matching::{
    Full, Guarded, HashKey, PatternError, TableError, guard_name, reserved_name, reserved_net,
    too_wide,
};
use crate::model::{
    DomainName, Indicator, IndicatorState, IndicatorValue, NameEngine, Role, Scope,
    VictimDirection, unmapped,
};

/// How a snapshot is built.
#[derive(Clone, Copy, Debug, Default)]
pub struct BuildOptions {
    /// Which structure finds names.
    pub names: NameEngine,
    /// Whether matches outside the validity of their indicators are reported.
    pub emit_invalid: bool,
    /// The secret that names are hashed with; `None`: a random one.
    pub hash_key: Option<HashKey>,
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
}

/// The number of a feed in a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FeedId(pub u16);

/// What became of a row that was taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    /// Others register names below it: only the name itself is listed.
    pub narrowed: bool,
    /// Reserved for examples or documentation: nobody's.
    pub reserved: bool,
    /// The same row was there already; it is kept once.
    pub duplicate: bool,
    /// Withdrawn by its feed: it matches nothing.
    pub revoked: bool,
}

/// Why a row was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A name that belongs to a registry, or a single label.
    #[error("public suffix")]
    PublicSuffix,
    /// An IPv4 prefix shorter than /8 or an IPv6 prefix shorter than /16.
    #[error("prefix too wide")]
    PrefixTooWide,
    /// A pattern without a literal of three bytes.
    #[error("pattern without a literal of 3 bytes")]
    PatternTooShort,
    /// A pattern that is too long or holds what no name holds.
    #[error("pattern that fits no name")]
    BadPattern,
    /// [`VALUE_INDICATORS_MAX`] rows list the same value already.
    #[error("too many indicators of one value")]
    TooManyOfValue,
    /// A table is full.
    #[error("too many indicators")]
    TooMany,
    /// The feed was not added to this builder.
    #[error("unknown feed")]
    UnknownFeed,
}

/// Most rows that list one value; hits show all of them.
pub const VALUE_INDICATORS_MAX: usize = 256;

impl Refusal {
    /// The value of a `reason` label: a small closed set.
    pub fn reason(self) -> &'static str {
        match self {
            Self::PublicSuffix => "public_suffix",
            Self::PrefixTooWide => "prefix_too_wide",
            Self::PatternTooShort => "pattern_too_short",
            Self::BadPattern => "bad_pattern",
            Self::TooManyOfValue => "too_many_of_value",
            Self::TooMany => "too_many",
            Self::UnknownFeed => "unknown_feed",
        }
    }
}

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
}

/// What became of a feed's rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedCounts {
    /// The feed.
    pub name: Arc<str>,
    /// Indicators that can match.
    pub indicators: u64,
    /// Allow rules.
    pub allow_rules: u64,
    /// Rows that their feed withdrew.
    pub revoked: u64,
    /// Rows that were there already.
    pub duplicates: u64,
    /// Rows that list only the name itself, since others register below it.
    pub narrowed: u64,
    /// Rows with reserved names or networks.
    pub reserved: u64,
    /// Rows that were not taken, by reason.
    pub refused: BTreeMap<&'static str, u64>,
}

/// Collects what a snapshot is made of.
#[derive(Debug)]
pub struct SnapshotBuilder {
    options: BuildOptions,
    catalog: CatalogBuilder,
    digest: Digest,
    counts: Vec<FeedCounts>,
    listed: TablesBuilder,
    allowed: TablesBuilder,
    revoked: TablesBuilder,
    /// The canonical text of the value at hand.
    text: String,
}

impl SnapshotBuilder {
    /// A builder without feeds.
    pub fn new(options: BuildOptions) -> Self {
        let key = options.hash_key.unwrap_or_else(HashKey::random);
        Self {
            options,
            catalog: CatalogBuilder::default(),
            digest: Digest::default(),
            counts: Vec::new(),
            listed: TablesBuilder::new(key),
            allowed: TablesBuilder::new(key),
            revoked: TablesBuilder::new(key),
            text: String::new(),
        }
    }

    /// Adds a feed, whose name no other feed should have. After 65,535 feeds the number it gets
    /// is nobody's, and its rows are refused.
    pub fn add_feed(&mut self, feed: FeedInfo) -> FeedId {
        let id = u16::try_from(self.counts.len()).unwrap_or(u16::MAX);
        if id < u16::MAX {
            self.counts.push(FeedCounts {
                name: feed.name.clone(),
                indicators: 0,
                allow_rules: 0,
                revoked: 0,
                duplicates: 0,
                narrowed: 0,
                reserved: 0,
                refused: BTreeMap::new(),
            });
            self.digest.add_feed(&feed);
            self.catalog.push_feed(feed);
        }
        FeedId(id)
    }

    /// Adds a row of a feed. Amortized O(length of the row); no allocation of its own for a
    /// row whose words (malware, tags) were seen before.
    ///
    /// # Errors
    /// [`Refusal`] when the row must not be listed; it is counted, and all others stay.
    pub fn add(&mut self, feed: FeedId, indicator: &Indicator<'_>) -> Result<Accepted, Refusal> {
        let outcome = self.take(feed, indicator);
        if let Some(counts) = self.counts.get_mut(usize::from(feed.0)) {
            counts.add(indicator.role, outcome);
        }
        outcome
    }

    /// The snapshot, after it has found a sample of its own keys.
    ///
    /// # Errors
    /// [`BuildError`] when a table cannot be built or does not find what is in it.
    pub fn build(self, generation: u64) -> Result<Snapshot, BuildError> {
        let engine = self.options.names;
        let build = |tables: TablesBuilder, rules| {
            tables
                .build(engine)
                .map_err(|source| BuildError::Table { rules, source })
        };
        let snapshot = Snapshot {
            generation,
            hash: self.digest.finish(),
            emit_invalid: self.options.emit_invalid,
            feeds: self.counts,
            catalog: self.catalog.build(),
            listed: build(self.listed, "listed")?,
            allowed: build(self.allowed, "allowed")?,
            revoked: build(self.revoked, "revoked")?,
        };
        check(&snapshot.listed)?;
        check(&snapshot.allowed)?;
        Ok(snapshot)
    }

    /// Takes a row, or says why not.
    fn take(&mut self, feed: FeedId, row: &Indicator<'_>) -> Result<Accepted, Refusal> {
        let info = self.catalog.feeds().get(usize::from(feed.0));
        let info = info.ok_or(Refusal::UnknownFeed)?;
        let (feed_name, any_port) = (Arc::clone(&info.name), info.ignore_ports);
        let mut accepted = Accepted::default();
        let mut row = *row;
        (row.value, accepted.narrowed) = guarded(row.value, row.role)?;
        accepted.reserved = reserved(&row.value);
        accepted.revoked = row.state == IndicatorState::Revoked;

        let set = self.catalog.set(feed.0, &row)?;
        let tables = if accepted.revoked {
            &mut self.revoked
        } else if row.role == Role::Allow {
            &mut self.allowed
        } else {
            &mut self.listed
        };
        let (key, rows) = tables.insert(&row.value, any_port)?;
        let value = match row.value {
            IndicatorValue::Name { name, .. } => name.as_str(),
            IndicatorValue::Pattern(text) => text,
            IndicatorValue::Prefix(_) | IndicatorValue::Endpoint { .. } => {
                self.text.clear();
                // Writing to a string does not fail.
                let _ = write!(self.text, "{}", row.value);
                &self.text
            }
        };
        let detail = CatalogBuilder::detail(&row, value);
        let scope = scope_of(&row.value);
        let details = self.catalog.details();
        let mut of_value = 0;
        for known in rows.of(key) {
            if known.is_like(set, scope) && details.read(known.detail) == detail {
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
        rows.push(key, Row::new(set, scope, details.add(&detail)?));
        self.digest.add_row(&feed_name, &row);
        Ok(accepted)
    }
}

impl FeedCounts {
    /// Counts a row.
    fn add(&mut self, role: Role, outcome: Result<Accepted, Refusal>) {
        let Accepted {
            narrowed,
            reserved,
            duplicate,
            revoked,
        } = match outcome {
            Ok(accepted) => accepted,
            Err(refusal) => {
                *self.refused.entry(refusal.reason()).or_default() += 1;
                return;
            }
        };
        if duplicate {
            self.duplicates += 1;
            return;
        }
        let kind = if revoked {
            &mut self.revoked
        } else if role == Role::Allow {
            &mut self.allow_rules
        } else {
            &mut self.indicators
        };
        *kind += 1;
        self.narrowed += u64::from(narrowed);
        self.reserved += u64::from(reserved);
    }
}

impl From<InsertError> for Refusal {
    fn from(error: InsertError) -> Self {
        match error {
            InsertError::Full | InsertError::Pattern(PatternError::TooMany) => Self::TooMany,
            InsertError::Pattern(PatternError::TooShort) => Self::PatternTooShort,
            InsertError::Pattern(PatternError::TooLong | PatternError::BadByte) => Self::BadPattern,
        }
    }
}

impl From<Full> for Refusal {
    fn from(Full: Full) -> Self {
        Self::TooMany
    }
}

impl From<DetailsFull> for Refusal {
    fn from(DetailsFull: DetailsFull) -> Self {
        Self::TooMany
    }
}

/// A value in the form in which it is listed, and whether that covers less than was written.
/// Allow rules are taken as they are.
fn guarded(value: IndicatorValue<'_>, role: Role) -> Result<(IndicatorValue<'_>, bool), Refusal> {
    let guards = role != Role::Allow;
    match value {
        IndicatorValue::Name { name, scope } if guards => guarded_name(name, scope),
        IndicatorValue::Prefix(net) if guards && too_wide(net) => Err(Refusal::PrefixTooWide),
        IndicatorValue::Prefix(net) => Ok((IndicatorValue::Prefix(net.trunc()), false)),
        IndicatorValue::Endpoint { ip, port } => {
            let ip = unmapped(ip);
            Ok((IndicatorValue::Endpoint { ip, port }, false))
        }
        IndicatorValue::Name { .. } | IndicatorValue::Pattern(_) => Ok((value, false)),
    }
}

/// A name with the scope with which it is listed.
fn guarded_name(name: DomainName<'_>, scope: Scope) -> Result<(IndicatorValue<'_>, bool), Refusal> {
    match guard_name(name, scope) {
        Guarded::Accepted(scope) => Ok((IndicatorValue::Name { name, scope }, false)),
        Guarded::Narrowed => {
            let scope = Scope::Exact;
            Ok((IndicatorValue::Name { name, scope }, true))
        }
        Guarded::Refused => Err(Refusal::PublicSuffix),
    }
}

/// Whether a value can be nobody's.
fn reserved(value: &IndicatorValue<'_>) -> bool {
    match value {
        IndicatorValue::Name { name, .. } => reserved_name(*name),
        IndicatorValue::Pattern(_) => false,
        IndicatorValue::Prefix(net) => reserved_net(*net),
        IndicatorValue::Endpoint { ip, .. } => reserved_net((*ip).into()),
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
