//! Hits: a match with its event and its reasons, as emitted on the hits topic.

use super::event::{Endpoint, TimeSource};
use super::format::Named;
use super::id::{EventFingerprint, HitId};
use super::matched::{Field, MatchKind, MatchedIndicator, Side};
use super::time::EventTime;

/// One hit: one (event, indicator value) pair. The JSON and protobuf forms have the same fields.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// Identifies the pair.
    pub hit_id: HitId,
    /// Identifies the fact, for input that was mirrored or logged twice.
    pub event_fp: EventFingerprint,
    /// When it happened.
    pub event_time: EventTime,
    /// Where `event_time` comes from.
    pub time_source: TimeSource,
    /// When Gannet found it: the only clock of ours in a hit.
    pub matched_at: EventTime,
    /// The side that belongs to a subscriber.
    pub client: Option<Endpoint>,
    /// A subscriber id that the event itself carried.
    pub client_hint: Option<String>,
    /// The other side; for DNS the resolver.
    pub remote: Option<Endpoint>,
    /// What happened.
    pub kind: HitKind,
    /// What was found where.
    pub matched: HitMatch,
    /// What the hit belongs to: the malware of its most confident indicator (ties: the
    /// lexically first), else the indicator's value.
    pub campaign: String,
    /// The indicators of the value, most confident first.
    pub indicators: Vec<MatchedIndicator>,
    /// How far it went.
    pub evidence: Evidence,
    /// What else is known of it; sorted, without repeats.
    pub flags: Vec<Flag>,
    /// Which way it went, seen from the client.
    pub direction: Direction,
    /// `None` when the hit speaks for an infected client, else why it does not.
    pub victim_reason: Option<VictimReason>,
    /// One in how many packets the sensor looked at.
    pub sampling_rate: u64,
    /// The snapshot that judged it.
    pub snapshot: SnapshotId,
    /// Where its record lies.
    pub source: Position,
    /// Whether parts were left out to fit a record.
    pub truncated: bool,
}

impl Hit {
    /// Whether the hit speaks for an infected client.
    pub fn victim_evidence(&self) -> bool {
        self.victim_reason.is_none()
    }
}

/// What kind of event a hit is of, with what it shows of the event.
#[derive(Clone, Debug, PartialEq)]
pub enum HitKind {
    /// A DNS transaction.
    Dns(DnsFacts),
    /// A flow.
    Flow(FlowFacts),
}

/// What a hit shows of a DNS event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DnsFacts {
    /// The question name.
    pub qname: String,
    /// The question type's mnemonic.
    pub qtype: Option<String>,
    /// The response code's mnemonic.
    pub rcode: Option<String>,
    /// Names and addresses of the answer, in order, at most [`DnsFacts::ANSWERS_MAX`].
    pub answers: Vec<String>,
}

impl DnsFacts {
    /// Most answers that a hit shows.
    pub const ANSWERS_MAX: usize = 32;
}

/// What a hit shows of a flow, seen from the client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlowFacts {
    /// The IP protocol number.
    pub protocol: Option<u8>,
    /// Bytes from client to remote.
    pub bytes_out: Option<u64>,
    /// Bytes from remote to client.
    pub bytes_in: Option<u64>,
    /// Packets from client to remote.
    pub packets_out: Option<u64>,
    /// Packets from remote to client.
    pub packets_in: Option<u64>,
    /// The OR of the TCP flags, as the sensor reports them.
    pub tcp_flags: Option<u8>,
}

/// What was found where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HitMatch {
    /// The field of the event.
    pub field: Field,
    /// How it was found.
    pub kind: MatchKind,
    /// `name`, `pattern`, `prefix` or `endpoint`: what `hit_id` hashes.
    pub class: &'static str,
    /// For addresses of a flow: on which side.
    pub side: Option<Side>,
    /// The canonical value of the indicator.
    pub value: String,
    /// Whether an indicator of the value is valid at the time of the event.
    pub valid_at_event: bool,
}

/// How far it went, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Evidence {
    /// Asked, no usable answer.
    LookedUp,
    /// An address came back.
    Resolved,
    /// The client sent, no reply seen.
    Attempted,
    /// A handshake, or packets both ways.
    Connected,
    /// Payload both ways.
    Transferred,
}

/// What stands beside the evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Flag {
    /// The client was kept from what it asked for: the resolver says that a policy changed the
    /// answer, or all its addresses lead nowhere.
    Blocked,
    /// A sinkhole answers: the indicator says so, or the answer leads to one.
    Sinkholed,
}

/// Which way an event went, seen from the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The client started it.
    Outbound,
    /// The remote side started it.
    Inbound,
    /// Both sides are own networks.
    Internal,
    /// Neither side is an own network.
    Transit,
}

/// Why a hit does not speak for an infected client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VictimReason {
    /// A resolver asked an authority or forwarder.
    ResolverToAuthority,
    /// The client is one of our own resolvers.
    Resolver,
    /// The remote side started it, with nothing or little in return.
    InboundScan,
    /// The client lies in an excluded network.
    ExcludedNetwork,
    /// The feed's role or direction does not count this as victim evidence.
    FeedDirection,
    /// No client is known, or it lies outside our networks.
    NotOwnClient,
    /// The indicator was not valid at the time of the event.
    NotValidAtEvent,
}

/// Which snapshot judged a hit.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SnapshotId {
    /// Counts the snapshots that this process published.
    pub generation: u64,
    /// Hash of its content: equal content, equal hash, on any machine.
    pub hash: String,
}

/// Where the item of a record lies.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    /// The Kafka cluster's id; `file` for files.
    pub cluster: String,
    /// The topic, or the file's name.
    pub topic: String,
    /// The partition; 0 for files.
    pub partition: i32,
    /// The record's offset; for files the ordinal of the record in the file.
    pub offset: i64,
    /// The ordinal of the item in its record, rejected ones counted.
    pub index: u32,
    /// The sensor that saw it.
    pub observer: Option<String>,
}

/// How sure it is to which subscriber a hit belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Attribution {
    /// One lease covers the time of the event.
    Exact,
    /// No lease covers it, one does within the grace.
    Grace,
    /// Several subscribers are possible.
    Ambiguous,
    /// The address is shared and the event has no port to tell them apart.
    Shared,
    /// No lease is known.
    None,
}

impl Named for Evidence {
    const ALL: &'static [Self] = &[
        Self::LookedUp,
        Self::Resolved,
        Self::Attempted,
        Self::Connected,
        Self::Transferred,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::LookedUp => "looked_up",
            Self::Resolved => "resolved",
            Self::Attempted => "attempted",
            Self::Connected => "connected",
            Self::Transferred => "transferred",
        }
    }
}

impl Named for Flag {
    const ALL: &'static [Self] = &[Self::Blocked, Self::Sinkholed];

    fn as_str(self) -> &'static str {
        match self {
            Self::Blocked => "blocked",
            Self::Sinkholed => "sinkholed",
        }
    }
}

impl Named for Direction {
    const ALL: &'static [Self] = &[Self::Outbound, Self::Inbound, Self::Internal, Self::Transit];

    fn as_str(self) -> &'static str {
        match self {
            Self::Outbound => "outbound",
            Self::Inbound => "inbound",
            Self::Internal => "internal",
            Self::Transit => "transit",
        }
    }
}

impl Named for VictimReason {
    const ALL: &'static [Self] = &[
        Self::ResolverToAuthority,
        Self::Resolver,
        Self::InboundScan,
        Self::ExcludedNetwork,
        Self::FeedDirection,
        Self::NotOwnClient,
        Self::NotValidAtEvent,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::ResolverToAuthority => "resolver_to_authority",
            Self::Resolver => "resolver",
            Self::InboundScan => "inbound_scan",
            Self::ExcludedNetwork => "excluded_network",
            Self::FeedDirection => "feed_direction",
            Self::NotOwnClient => "not_own_client",
            Self::NotValidAtEvent => "not_valid_at_event",
        }
    }
}

impl Named for Attribution {
    const ALL: &'static [Self] = &[
        Self::Exact,
        Self::Grace,
        Self::Ambiguous,
        Self::Shared,
        Self::None,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Grace => "grace",
            Self::Ambiguous => "ambiguous",
            Self::Shared => "shared",
            Self::None => "none",
        }
    }
}
