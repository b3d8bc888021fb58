//! What becomes of rows: taken, with what remark, or refused, why; and how many of each.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::detail::DetailsFull;
use super::layer::{HiddenRow, Rule};
use super::tables::InsertError;
use crate::matching::{Full, PatternError};
use crate::model::Role;

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
    /// An IPv4 prefix shorter than /9 or an IPv6 prefix shorter than /20.
    #[error("prefix too wide")]
    PrefixTooWide,
    /// An address that no packet from elsewhere has.
    #[error("address that is nobody's on the Internet")]
    Unroutable,
    /// An address of a network that is private to whoever uses it.
    #[error("private address")]
    PrivateNetwork,
    /// An address of the operator's own networks.
    #[error("address of the own networks")]
    OwnNetwork,
    /// A name of the operator, or one that covers it.
    #[error("own name")]
    OwnName,
    /// A resolver.
    #[error("address of a resolver")]
    Resolver,
    /// A name that many ask for every day, or one that covers it.
    #[error("popular name")]
    PopularName,
    /// A pattern without a literal of three bytes.
    #[error("pattern without a literal of 3 bytes")]
    PatternTooShort,
    /// A pattern that is too long or holds what no name holds.
    #[error("pattern that fits no name")]
    BadPattern,
    /// [`VALUE_INDICATORS_MAX`](super::VALUE_INDICATORS_MAX) rows list the same value already.
    #[error("too many indicators of one value")]
    TooManyOfValue,
    /// A table is full.
    #[error("too many indicators")]
    TooMany,
    /// The feed was not added to this builder.
    #[error("unknown feed")]
    UnknownFeed,
}

impl Refusal {
    /// The value of a `reason` label: a small closed set.
    pub fn reason(self) -> &'static str {
        match self {
            Self::PublicSuffix => "public_suffix",
            Self::PrefixTooWide => "prefix_too_wide",
            Self::Unroutable => "unroutable",
            Self::PrivateNetwork => "private_network",
            Self::OwnNetwork => "own_network",
            Self::OwnName => "own_name",
            Self::Resolver => "resolver",
            Self::PopularName => "popular_name",
            Self::PatternTooShort => "pattern_too_short",
            Self::BadPattern => "bad_pattern",
            Self::TooManyOfValue => "too_many_of_value",
            Self::TooMany => "too_many",
            Self::UnknownFeed => "unknown_feed",
        }
    }
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
    /// Indicators and allow rules that it lists no longer, kept for events before that.
    pub removed: u64,
    /// Rows that were there already.
    pub duplicates: u64,
    /// Rows that list only the name itself, since others register below it.
    pub narrowed: u64,
    /// Rows with reserved names or networks.
    pub reserved: u64,
    /// Rows that were not taken, by reason.
    pub refused: BTreeMap<&'static str, u64>,
}

/// What became of the rows of a batch that were taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BatchTaken {
    /// How many were taken. When that is not all, the next one was refused, and neither it nor
    /// any behind it is counted.
    pub rows: usize,
    /// How many are listed without what is below them.
    pub narrowed: u64,
    /// How many list what is nobody's.
    pub reserved: u64,
    /// How many repeat another.
    pub duplicates: u64,
}

impl FeedCounts {
    /// Nothing counted yet.
    pub(super) fn new(name: &Arc<str>) -> Self {
        Self {
            name: Arc::clone(name),
            indicators: 0,
            allow_rules: 0,
            revoked: 0,
            removed: 0,
            duplicates: 0,
            narrowed: 0,
            reserved: 0,
            refused: BTreeMap::new(),
        }
    }

    /// Adds what is counted of another part of the feed.
    pub(super) fn add_all(&mut self, other: &Self) {
        let Self {
            name: _,
            indicators,
            allow_rules,
            revoked,
            removed,
            duplicates,
            narrowed,
            reserved,
            refused,
        } = other;
        self.indicators += indicators;
        self.allow_rules += allow_rules;
        self.revoked += revoked;
        self.removed += removed;
        self.duplicates += duplicates;
        self.narrowed += narrowed;
        self.reserved += reserved;
        for (reason, count) in refused {
            *self.refused.entry(reason).or_default() += count;
        }
    }

    /// No longer counts a row that is hidden.
    pub(super) fn subtract(&mut self, row: &HiddenRow) {
        let kind = match row.rule {
            _ if row.removed => &mut self.removed,
            Rule::Listed => &mut self.indicators,
            Rule::Allowed => &mut self.allow_rules,
            Rule::Revoked => &mut self.revoked,
        };
        *kind = kind.saturating_sub(1);
    }

    /// Counts a row.
    pub(super) fn add(&mut self, role: Role, outcome: Result<Accepted, Refusal>) {
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
