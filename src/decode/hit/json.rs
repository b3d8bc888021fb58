//! `gannet.hit.v1`.

use std::borrow::Cow;

use serde::Deserialize;

use crate::decode::Reject;
use crate::model::{
    DnsFacts, Endpoint, EventTime, FlowFacts, Hit, HitKind, HitMatch, MatchedIndicator, Position,
    Role, SnapshotId,
};

use super::{all_named, class, endpoint, filled, from_json, named};

/// The schema that is read.
const SCHEMA: &str = "gannet.hit.v1";

/// Decodes one hit.
pub(super) fn hit(bytes: &[u8]) -> Result<Hit, Reject> {
    from_json::<HitJson<'_>>(bytes)?.into_hit()
}

/// Parses a written time.
pub(super) fn time(text: &str) -> Result<EventTime, Reject> {
    EventTime::parse_rfc3339(text).map_err(|_| Reject::Schema)
}

/// Text of a JSON string, borrowed where it holds no escapes.
type Text<'b> = Cow<'b, str>;

/// A whole hit.
#[derive(Deserialize)]
struct HitJson<'b> {
    schema: Text<'b>,
    hit_id: Text<'b>,
    event_fp: Text<'b>,
    kind: Text<'b>,
    event_time: Text<'b>,
    time_source: Text<'b>,
    matched_at: Text<'b>,
    #[serde(borrow)]
    client: Option<EndJson<'b>>,
    #[serde(borrow)]
    remote: Option<EndJson<'b>>,
    dns: Option<DnsJson>,
    flow: Option<FlowJson>,
    #[serde(rename = "match", borrow)]
    matched: MatchJson<'b>,
    campaign: String,
    indicators: Vec<IndicatorJson<'b>>,
    evidence: Text<'b>,
    flags: Vec<Text<'b>>,
    direction: Text<'b>,
    victim_evidence: bool,
    victim_reason: Option<Text<'b>>,
    sampling_rate: u64,
    snapshot: SnapshotJson,
    source: SourceJson,
    #[serde(default)]
    truncated: bool,
}

impl HitJson<'_> {
    /// The hit that it says.
    fn into_hit(self) -> Result<Hit, Reject> {
        let victim_reason = self.victim_reason.as_deref().map(named).transpose()?;
        if self.schema != SCHEMA || self.victim_evidence != victim_reason.is_none() {
            return Err(Reject::Schema);
        }
        let kind = match (&*self.kind, self.dns, self.flow) {
            ("dns", Some(dns), _) => HitKind::Dns(dns.into_facts()),
            ("flow", _, Some(flow)) => HitKind::Flow(flow.into_facts()),
            _ => return Err(Reject::Schema),
        };
        let client = self.client.as_ref().map_or(Ok(None), EndJson::endpoint)?;
        let client_hint = self
            .client
            .and_then(|client| client.hint)
            .map(Cow::into_owned);
        Ok(Hit {
            hit_id: self.hit_id.parse().map_err(|_| Reject::Schema)?,
            event_fp: self.event_fp.parse().map_err(|_| Reject::Schema)?,
            event_time: time(&self.event_time)?,
            time_source: named(&self.time_source)?,
            matched_at: time(&self.matched_at)?,
            client,
            client_hint: filled(client_hint),
            remote: self.remote.as_ref().map_or(Ok(None), EndJson::endpoint)?,
            kind,
            matched: self.matched.into_match()?,
            campaign: self.campaign,
            indicators: self
                .indicators
                .into_iter()
                .map(IndicatorJson::into_indicator)
                .collect::<Result<_, _>>()?,
            evidence: named(&self.evidence)?,
            flags: all_named(&self.flags)?,
            direction: named(&self.direction)?,
            victim_reason,
            sampling_rate: self.sampling_rate,
            snapshot: SnapshotId {
                generation: self.snapshot.generation,
                hash: self.snapshot.hash,
            },
            source: self.source.into_position(),
            truncated: self.truncated,
        })
    }
}

/// An end of the event.
#[derive(Deserialize)]
pub(super) struct EndJson<'b> {
    #[serde(borrow)]
    ip: Option<Text<'b>>,
    port: Option<u16>,
    #[serde(borrow)]
    hint: Option<Text<'b>>,
}

impl EndJson<'_> {
    /// Its address and port, if it has an address.
    pub(super) fn endpoint(&self) -> Result<Option<Endpoint>, Reject> {
        self.ip
            .as_deref()
            .map(|ip| endpoint(ip, self.port))
            .transpose()
    }
}

/// What is shown of a DNS event.
#[derive(Deserialize)]
struct DnsJson {
    qname: Option<String>,
    qtype: Option<String>,
    rcode: Option<String>,
    #[serde(default)]
    answers: Vec<String>,
}

impl DnsJson {
    /// What it says.
    fn into_facts(self) -> DnsFacts {
        DnsFacts {
            qname: self.qname.unwrap_or_default(),
            qtype: filled(self.qtype),
            rcode: filled(self.rcode),
            answers: self.answers,
        }
    }
}

/// What is shown of a flow.
#[derive(Deserialize)]
struct FlowJson {
    protocol: Option<u8>,
    bytes_out: Option<u64>,
    bytes_in: Option<u64>,
    packets_out: Option<u64>,
    packets_in: Option<u64>,
    tcp_flags: Option<u8>,
}

impl FlowJson {
    /// What it says.
    fn into_facts(self) -> FlowFacts {
        FlowFacts {
            protocol: self.protocol,
            bytes_out: self.bytes_out,
            bytes_in: self.bytes_in,
            packets_out: self.packets_out,
            packets_in: self.packets_in,
            tcp_flags: self.tcp_flags,
        }
    }
}

/// What was found where.
#[derive(Deserialize)]
struct MatchJson<'b> {
    #[serde(borrow)]
    field: Text<'b>,
    #[serde(borrow)]
    kind: Text<'b>,
    #[serde(borrow)]
    side: Option<Text<'b>>,
    value: String,
    valid_at_event: bool,
    #[serde(borrow)]
    class: Option<Text<'b>>,
}

impl MatchJson<'_> {
    /// What it says.
    fn into_match(self) -> Result<HitMatch, Reject> {
        let kind = named(&self.kind)?;
        Ok(HitMatch {
            field: named(&self.field)?,
            kind,
            class: class(self.class.as_deref(), kind, &self.value)?,
            side: self.side.as_deref().map(named).transpose()?,
            value: self.value,
            valid_at_event: self.valid_at_event,
        })
    }
}

/// An indicator.
#[derive(Deserialize)]
struct IndicatorJson<'b> {
    #[serde(borrow)]
    feed: Text<'b>,
    id: Option<String>,
    written: String,
    #[serde(borrow)]
    role: Text<'b>,
    #[serde(borrow)]
    malware: Option<Text<'b>>,
    confidence: u8,
    #[serde(borrow)]
    valid_from: Option<Text<'b>>,
    #[serde(borrow)]
    valid_until: Option<Text<'b>>,
    #[serde(borrow)]
    state: Option<Text<'b>>,
    reference: Option<String>,
    #[serde(borrow, default)]
    tags: Vec<Text<'b>>,
    #[serde(borrow)]
    victim_direction: Option<Text<'b>>,
}

impl IndicatorJson<'_> {
    /// What it says. Without a direction it is the role's.
    fn into_indicator(self) -> Result<MatchedIndicator, Reject> {
        let role: Role = named(&self.role)?;
        Ok(MatchedIndicator {
            feed: self.feed.into(),
            id: filled(self.id),
            written: self.written,
            role,
            malware: self
                .malware
                .filter(|malware| !malware.is_empty())
                .map(Into::into),
            confidence: self.confidence,
            valid_from: self.valid_from.as_deref().map(time).transpose()?,
            valid_until: self.valid_until.as_deref().map(time).transpose()?,
            state: self
                .state
                .as_deref()
                .map(named)
                .transpose()?
                .unwrap_or_default(),
            victim_direction: self
                .victim_direction
                .as_deref()
                .map(named)
                .transpose()?
                .unwrap_or_else(|| role.victim_direction()),
            reference: filled(self.reference),
            tags: self.tags.into_iter().map(Into::into).collect(),
        })
    }
}

/// The snapshot that judged the hit.
#[derive(Deserialize)]
struct SnapshotJson {
    generation: u64,
    hash: String,
}

/// Where the record lies.
#[derive(Deserialize)]
struct SourceJson {
    cluster: String,
    topic: String,
    partition: i32,
    offset: i64,
    index: u32,
    observer: Option<String>,
}

impl SourceJson {
    /// What it says.
    fn into_position(self) -> Position {
        Position {
            cluster: self.cluster,
            topic: self.topic,
            partition: self.partition,
            offset: self.offset,
            index: self.index,
            observer: filled(self.observer),
        }
    }
}
