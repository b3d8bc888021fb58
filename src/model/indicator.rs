//! Indicators: what a feed lists, with its metadata and validity. Borrowed from the feed's
//! text while it is parsed; the snapshot keeps a compact copy.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

use super::format::Named;
use super::name::DomainName;
use super::time::EventTime;

/// One accepted row of a feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Indicator<'a> {
    /// What it lists.
    pub value: IndicatorValue<'a>,
    /// The row as its feed wrote it (the value only, defanged if it was).
    pub written: &'a str,
    /// The feed's own id for it.
    pub id: Option<&'a str>,
    /// What it is used for; [`Role::Allow`] makes it an allow rule.
    pub role: Role,
    /// The malware family, in the feed's spelling.
    pub malware: Option<&'a str>,
    /// 0 to 100.
    pub confidence: u8,
    /// First instant at which it is valid.
    pub valid_from: Option<EventTime>,
    /// First instant at which it is no longer valid.
    pub valid_until: Option<EventTime>,
    /// What became of it.
    pub state: IndicatorState,
    /// Where to read about it.
    pub reference: Option<&'a str>,
    /// Free words.
    pub tags: &'a [&'a str],
}

/// What an indicator lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IndicatorValue<'a> {
    /// A domain name.
    Name {
        /// The name.
        name: DomainName<'a>,
        /// Which names it covers.
        scope: Scope,
    },
    /// A substring or glob of a name, lower case: `*login-bank*`, `login-bank`, `pay??.*`.
    /// Without `*` and `?` it is a substring; with them it must cover the whole name.
    Pattern(&'a str),
    /// A prefix; a single address is its /32 or /128.
    Prefix(IpNet),
    /// An address on one port.
    Endpoint {
        /// The address.
        ip: IpAddr,
        /// The port.
        port: u16,
    },
}

/// Which names a listed name covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// The name alone.
    Exact,
    /// The name and all below it.
    Subtree,
    /// Only what is below it (RPZ `*.x`).
    Below,
}

/// What an indicator is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Command and control.
    C2,
    /// Payload delivery.
    Payload,
    /// Phishing.
    Phishing,
    /// A sinkhole: contact shows an infection, harm is over.
    Sinkhole,
    /// A scanner or brute forcer: it comes to us.
    Scanner,
    /// Suspicious without more.
    Suspicious,
    /// An allow rule.
    Allow,
}

/// What became of an indicator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum IndicatorState {
    /// In use.
    #[default]
    Active,
    /// Taken down; contact still shows an infection.
    TakenDown,
    /// Answered by a sinkhole.
    Sinkholed,
    /// Withdrawn by its feed: never matches.
    Revoked,
}

/// In which direction contact with a feed's indicators is victim evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VictimDirection {
    /// The client contacted the indicator.
    Outbound,
    /// The indicator contacted the client.
    Inbound,
    /// Either.
    Any,
    /// Never.
    None,
}

/// A text that names none of a closed set of values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{written}` is not one of {known}")]
pub struct ValueError {
    /// What was written.
    pub written: String,
    /// What would be right, with commas.
    pub known: String,
}

impl ValueError {
    /// An error for `written` that lists `known`.
    pub fn new(written: &str, known: &[&str]) -> Self {
        Self {
            written: written.to_owned(),
            known: known.join(", "),
        }
    }
}

impl Named for Role {
    const ALL: &'static [Self] = &[
        Self::C2,
        Self::Payload,
        Self::Phishing,
        Self::Sinkhole,
        Self::Scanner,
        Self::Suspicious,
        Self::Allow,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::C2 => "c2",
            Self::Payload => "payload",
            Self::Phishing => "phishing",
            Self::Sinkhole => "sinkhole",
            Self::Scanner => "scanner",
            Self::Suspicious => "suspicious",
            Self::Allow => "allow",
        }
    }
}

impl Role {
    /// The direction that counts as victim evidence unless the feed says otherwise.
    pub fn victim_direction(self) -> VictimDirection {
        match self {
            Self::C2 | Self::Payload | Self::Phishing | Self::Sinkhole => VictimDirection::Outbound,
            Self::Scanner | Self::Suspicious | Self::Allow => VictimDirection::None,
        }
    }
}

impl Named for IndicatorState {
    const ALL: &'static [Self] = &[
        Self::Active,
        Self::TakenDown,
        Self::Sinkholed,
        Self::Revoked,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::TakenDown => "taken_down",
            Self::Sinkholed => "sinkholed",
            Self::Revoked => "revoked",
        }
    }
}

impl Named for VictimDirection {
    const ALL: &'static [Self] = &[Self::Outbound, Self::Inbound, Self::Any, Self::None];

    fn as_str(self) -> &'static str {
        match self {
            Self::Outbound => "outbound",
            Self::Inbound => "inbound",
            Self::Any => "any",
            Self::None => "none",
        }
    }
}

impl IndicatorValue<'_> {
    /// The class that `hit_id` hashes: `name`, `pattern`, `prefix` or `endpoint`.
    pub fn class(&self) -> &'static str {
        match self {
            Self::Name { .. } => "name",
            Self::Pattern(_) => "pattern",
            Self::Prefix(_) => "prefix",
            Self::Endpoint { .. } => "endpoint",
        }
    }
}

impl fmt::Display for IndicatorValue<'_> {
    /// The canonical value as hits show it: a single address without its length.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name { name, .. } => name.fmt(formatter),
            Self::Pattern(text) => formatter.write_str(text),
            Self::Prefix(net) if net.prefix_len() == net.max_prefix_len() => {
                net.addr().fmt(formatter)
            }
            Self::Prefix(net) => net.fmt(formatter),
            Self::Endpoint {
                ip: IpAddr::V4(ip),
                port,
            } => write!(formatter, "{ip}:{port}"),
            Self::Endpoint {
                ip: IpAddr::V6(ip),
                port,
            } => write!(formatter, "[{ip}]:{port}"),
        }
    }
}
