//! `gannet.hit.v1`. Unknown is null; times are RFC 3339 in UTC with nine digits. Fields are only
//! ever added.

use serde::Serialize;

use crate::encode::json::{self, EndpointJson, Text, filled, words};
use crate::model::{
    DnsFacts, EventTime, FlowFacts, Hit, HitKind, HitMatch, MatchedIndicator, Named, Position,
    SnapshotId,
};

/// Appends the JSON object of one indicator.
pub(super) fn append_indicator(indicator: &MatchedIndicator, out: &mut Vec<u8>) {
    json::append(&IndicatorJson::new(indicator), out);
}

/// Appends `hit`.
pub(super) fn append(hit: &Hit, out: &mut Vec<u8>) {
    json::append(&HitJson::new(hit), out);
}

/// A whole hit.
#[derive(Serialize)]
struct HitJson<'a> {
    schema: &'static str,
    hit_id: Text<crate::model::HitId>,
    event_fp: Text<crate::model::EventFingerprint>,
    kind: &'static str,
    event_time: Text<EventTime>,
    time_source: &'static str,
    matched_at: Text<EventTime>,
    client: Option<ClientJson<'a>>,
    remote: Option<EndpointJson>,
    dns: Option<DnsJson<'a>>,
    flow: Option<FlowJson>,
    #[serde(rename = "match")]
    matched: MatchJson<'a>,
    campaign: &'a str,
    indicators: Vec<IndicatorJson<'a>>,
    evidence: &'static str,
    flags: Vec<&'static str>,
    direction: &'static str,
    victim_evidence: bool,
    victim_reason: Option<&'static str>,
    sampling_rate: u64,
    snapshot: SnapshotJson<'a>,
    source: SourceJson<'a>,
    #[serde(skip_serializing_if = "is_false")]
    truncated: bool,
}

impl<'a> HitJson<'a> {
    /// The form of `hit`.
    fn new(hit: &'a Hit) -> Self {
        let (kind, dns, flow) = match &hit.kind {
            HitKind::Dns(facts) => ("dns", Some(DnsJson::new(facts)), None),
            HitKind::Flow(facts) => ("flow", None, Some(FlowJson::new(facts))),
        };
        Self {
            schema: "gannet.hit.v1",
            hit_id: Text(hit.hit_id),
            event_fp: Text(hit.event_fp),
            kind,
            event_time: Text(hit.event_time),
            time_source: hit.time_source.as_str(),
            matched_at: Text(hit.matched_at),
            client: ClientJson::new(hit),
            remote: hit.remote.map(EndpointJson::new),
            dns,
            flow,
            matched: MatchJson::new(&hit.matched),
            campaign: &hit.campaign,
            indicators: hit.indicators.iter().map(IndicatorJson::new).collect(),
            evidence: hit.evidence.as_str(),
            flags: words(&hit.flags),
            direction: hit.direction.as_str(),
            victim_evidence: hit.victim_evidence(),
            victim_reason: hit.victim_reason.map(Named::as_str),
            sampling_rate: hit.sampling_rate,
            snapshot: SnapshotJson::new(&hit.snapshot),
            source: SourceJson::new(&hit.source),
            truncated: hit.truncated,
        }
    }
}

/// For fields that are written only when they hold.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde calls"
)]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// The client with the subscriber id that the event carried; null only when neither is known.
#[derive(Serialize)]
struct ClientJson<'a> {
    ip: Option<Text<std::net::IpAddr>>,
    port: Option<u16>,
    hint: Option<&'a str>,
}

impl<'a> ClientJson<'a> {
    /// The client of `hit`.
    fn new(hit: &'a Hit) -> Option<Self> {
        let hint = hit.client_hint.as_deref().and_then(filled);
        (hit.client.is_some() || hint.is_some()).then(|| Self {
            ip: hit.client.map(|client| Text(client.ip)),
            port: hit.client.and_then(|client| client.port),
            hint,
        })
    }
}

/// What is shown of a DNS event.
#[derive(Serialize)]
struct DnsJson<'a> {
    qname: Option<&'a str>,
    qtype: Option<&'a str>,
    rcode: Option<&'a str>,
    answers: &'a [String],
}

impl<'a> DnsJson<'a> {
    /// The form of `facts`.
    fn new(facts: &'a DnsFacts) -> Self {
        Self {
            qname: filled(&facts.qname),
            qtype: facts.qtype.as_deref(),
            rcode: facts.rcode.as_deref(),
            answers: &facts.answers,
        }
    }
}

/// What is shown of a flow.
#[derive(Serialize)]
struct FlowJson {
    protocol: Option<u8>,
    bytes_out: Option<u64>,
    bytes_in: Option<u64>,
    packets_out: Option<u64>,
    packets_in: Option<u64>,
    tcp_flags: Option<u8>,
}

impl FlowJson {
    /// The form of `facts`.
    fn new(facts: &FlowFacts) -> Self {
        Self {
            protocol: facts.protocol,
            bytes_out: facts.bytes_out,
            bytes_in: facts.bytes_in,
            packets_out: facts.packets_out,
            packets_in: facts.packets_in,
            tcp_flags: facts.tcp_flags,
        }
    }
}

/// What was found where.
#[derive(Serialize)]
struct MatchJson<'a> {
    field: &'static str,
    kind: &'static str,
    side: Option<&'static str>,
    value: &'a str,
    valid_at_event: bool,
    class: &'static str,
}

impl<'a> MatchJson<'a> {
    /// The form of `found`.
    fn new(found: &'a HitMatch) -> Self {
        Self {
            field: found.field.as_str(),
            kind: found.kind.as_str(),
            side: found.side.map(Named::as_str),
            value: &found.value,
            valid_at_event: found.valid_at_event,
            class: found.class,
        }
    }
}

/// An indicator.
#[derive(Serialize)]
struct IndicatorJson<'a> {
    feed: &'a str,
    id: Option<&'a str>,
    written: &'a str,
    role: &'static str,
    malware: Option<&'a str>,
    confidence: u8,
    valid_from: Option<Text<EventTime>>,
    valid_until: Option<Text<EventTime>>,
    state: &'static str,
    reference: Option<&'a str>,
    tags: Vec<&'a str>,
    victim_direction: &'static str,
}

impl<'a> IndicatorJson<'a> {
    /// The form of `indicator`.
    fn new(indicator: &'a MatchedIndicator) -> Self {
        Self {
            feed: &indicator.feed,
            id: indicator.id.as_deref(),
            written: &indicator.written,
            role: indicator.role.as_str(),
            malware: indicator.malware.as_deref(),
            confidence: indicator.confidence,
            valid_from: indicator.valid_from.map(Text),
            valid_until: indicator.valid_until.map(Text),
            state: indicator.state.as_str(),
            reference: indicator.reference.as_deref(),
            tags: indicator.tags.iter().map(AsRef::as_ref).collect(),
            victim_direction: indicator.victim_direction.as_str(),
        }
    }
}

/// The snapshot that judged the hit.
#[derive(Serialize)]
struct SnapshotJson<'a> {
    generation: u64,
    hash: &'a str,
}

impl<'a> SnapshotJson<'a> {
    /// The form of `snapshot`.
    fn new(snapshot: &'a SnapshotId) -> Self {
        Self {
            generation: snapshot.generation,
            hash: &snapshot.hash,
        }
    }
}

/// Where the record lies.
#[derive(Serialize)]
struct SourceJson<'a> {
    cluster: &'a str,
    topic: &'a str,
    partition: i32,
    offset: i64,
    index: u32,
    observer: Option<&'a str>,
}

impl<'a> SourceJson<'a> {
    /// The form of `position`.
    fn new(position: &'a Position) -> Self {
        Self {
            cluster: &position.cluster,
            topic: &position.topic,
            partition: position.partition,
            offset: position.offset,
            index: position.index,
            observer: position.observer.as_deref(),
        }
    }
}
