//! Matches: indicators found in one event, with everything that a hit must say of them.

use std::sync::Arc;

use super::format::Named;
use super::indicator::{IndicatorState, Role, VictimDirection};
use super::time::EventTime;

/// One indicator value found in one event.
#[derive(Clone, Debug, PartialEq)]
pub struct Match {
    /// The field of the event that holds it; the first, if several do.
    pub field: Field,
    /// How it was found.
    pub kind: MatchKind,
    /// What `hit_id` hashes as the kind: `name`, `pattern`, `prefix` or `endpoint`.
    pub class: &'static str,
    /// The canonical value of the indicator.
    pub value: String,
    /// Whether at least one of `indicators` is valid at the time of the event.
    pub valid_at_event: bool,
    /// The indicators of that value that cover the event, most confident first, then by feed,
    /// id and written form; those valid at the time of the event if there are any.
    pub indicators: Vec<MatchedIndicator>,
}

/// An indicator as a hit shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct MatchedIndicator {
    /// The feed that lists it.
    pub feed: Arc<str>,
    /// The feed's own id for it.
    pub id: Option<String>,
    /// The value as the feed wrote it.
    pub written: String,
    /// What it is used for.
    pub role: Role,
    /// The malware family.
    pub malware: Option<Arc<str>>,
    /// 0 to 100.
    pub confidence: u8,
    /// First instant at which it is valid.
    pub valid_from: Option<EventTime>,
    /// First instant at which it is no longer valid.
    pub valid_until: Option<EventTime>,
    /// What became of it.
    pub state: IndicatorState,
    /// In which direction its feed counts contact as victim evidence.
    pub victim_direction: VictimDirection,
    /// Where to read about it.
    pub reference: Option<String>,
    /// Free words.
    pub tags: Vec<Arc<str>>,
}

/// The field of an event in which an indicator was found, in order of preference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Field {
    /// The question name.
    Qname,
    /// A name in the answer: CNAME, SVCB or HTTPS target.
    AnswerName,
    /// An address in the answer.
    AnswerAddress,
    /// A flow's source.
    Source,
    /// A flow's destination.
    Destination,
}

/// How an indicator was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MatchKind {
    /// The name itself is listed.
    Exact,
    /// A name above it is listed.
    Parent,
    /// A pattern fits.
    Pattern,
    /// The address itself is listed, with or without the port.
    Address,
    /// A shorter prefix that covers the address is listed.
    Prefix,
}

/// On which side of an event an indicator was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The subscriber's side.
    Client,
    /// The other side.
    Remote,
}

impl Named for Field {
    const ALL: &'static [Self] = &[
        Self::Qname,
        Self::AnswerName,
        Self::AnswerAddress,
        Self::Source,
        Self::Destination,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Qname => "qname",
            Self::AnswerName => "cname",
            Self::AnswerAddress => "answer",
            Self::Source => "src",
            Self::Destination => "dst",
        }
    }
}

impl Named for MatchKind {
    const ALL: &'static [Self] = &[
        Self::Exact,
        Self::Parent,
        Self::Pattern,
        Self::Address,
        Self::Prefix,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Parent => "parent",
            Self::Pattern => "pattern",
            Self::Address => "address",
            Self::Prefix => "prefix",
        }
    }
}

impl Named for Side {
    const ALL: &'static [Self] = &[Self::Client, Self::Remote];

    fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Remote => "remote",
        }
    }
}
