//! `gannet.v1.Hit`.

use crate::decode::Reject;
use crate::model::{
    DnsFacts, Endpoint, EventTime, FlowFacts, Hit, HitKind, HitMatch, MatchedIndicator, Named,
    Position, SnapshotId, VictimReason,
};
use crate::proto;

use super::{all_named, class, endpoint, filled, from_protobuf, named};

/// Decodes one hit.
pub(super) fn hit(bytes: &[u8]) -> Result<Hit, Reject> {
    let message: proto::Hit = from_protobuf(bytes)?;
    let victim_reason: Option<VictimReason> = word(&message.victim_reason)?;
    if message.victim_evidence != victim_reason.is_none() {
        return Err(Reject::Schema);
    }
    let client = message.client.as_ref().map_or(Ok(None), end)?;
    let snapshot = message.snapshot.ok_or(Reject::Schema)?;
    let source = message.source.ok_or(Reject::Schema)?;
    Ok(Hit {
        hit_id: message.hit_id.parse().map_err(|_| Reject::Schema)?,
        event_fp: message.event_fp.parse().map_err(|_| Reject::Schema)?,
        event_time: EventTime::from_nanos(message.event_time_ns),
        time_source: named(&message.time_source)?,
        matched_at: EventTime::from_nanos(message.matched_at_ns),
        client,
        client_hint: message.client.and_then(|client| text(client.hint)),
        remote: message.remote.as_ref().map_or(Ok(None), end)?,
        kind: kind(message.kind.ok_or(Reject::Schema)?)?,
        matched: matched(message.r#match.ok_or(Reject::Schema)?)?,
        campaign: message.campaign,
        indicators: message
            .indicators
            .into_iter()
            .map(indicator)
            .collect::<Result<_, _>>()?,
        evidence: named(&message.evidence)?,
        flags: all_named(&message.flags)?,
        direction: named(&message.direction)?,
        victim_reason,
        sampling_rate: message.sampling_rate,
        snapshot: SnapshotId {
            generation: snapshot.generation,
            hash: snapshot.hash,
        },
        source: Position {
            cluster: source.cluster,
            topic: source.topic,
            partition: source.partition,
            offset: source.offset,
            index: source.index,
            observer: text(source.observer),
        },
        truncated: message.truncated,
    })
}

/// A port in its wider wire type.
pub(super) fn port(port: Option<u32>) -> Result<Option<u16>, Reject> {
    port.map(u16::try_from)
        .transpose()
        .map_err(|_| Reject::Schema)
}

/// `text`, with nothing in place of an empty one.
pub(super) fn text(text: String) -> Option<String> {
    filled(Some(text))
}

/// The closed value that `word` names; empty is none.
fn word<T: Named>(word: &str) -> Result<Option<T>, Reject> {
    if word.is_empty() {
        Ok(None)
    } else {
        named(word).map(Some)
    }
}

/// An end of the event, if it has an address.
fn end(end: &proto::HitEndpoint) -> Result<Option<Endpoint>, Reject> {
    if end.ip.is_empty() {
        return Ok(None);
    }
    endpoint(&end.ip, port(end.port)?).map(Some)
}

/// A number of 8 bits in its wider wire type.
fn small(number: u32) -> Result<u8, Reject> {
    u8::try_from(number).map_err(|_| Reject::Schema)
}

/// What is shown of the event.
fn kind(kind: proto::hit::Kind) -> Result<HitKind, Reject> {
    Ok(match kind {
        proto::hit::Kind::Dns(dns) => HitKind::Dns(DnsFacts {
            qname: dns.qname,
            qtype: text(dns.qtype),
            rcode: text(dns.rcode),
            answers: dns.answers,
        }),
        proto::hit::Kind::Flow(flow) => HitKind::Flow(FlowFacts {
            protocol: flow.protocol.map(small).transpose()?,
            bytes_out: flow.bytes_out,
            bytes_in: flow.bytes_in,
            packets_out: flow.packets_out,
            packets_in: flow.packets_in,
            tcp_flags: flow.tcp_flags.map(small).transpose()?,
        }),
    })
}

/// What was found where.
fn matched(message: proto::HitMatch) -> Result<HitMatch, Reject> {
    let kind = named(&message.kind)?;
    let word_of_class = text(message.class);
    Ok(HitMatch {
        field: named(&message.field)?,
        kind,
        class: class(word_of_class.as_deref(), kind, &message.value)?,
        side: word(&message.side)?,
        value: message.value,
        valid_at_event: message.valid_at_event,
    })
}

/// An indicator.
fn indicator(message: proto::HitIndicator) -> Result<MatchedIndicator, Reject> {
    let role: crate::model::Role = named(&message.role)?;
    Ok(MatchedIndicator {
        feed: message.feed.into(),
        id: text(message.id),
        written: message.written,
        role,
        malware: text(message.malware).map(Into::into),
        confidence: small(message.confidence)?,
        valid_from: message.valid_from_ns.map(EventTime::from_nanos),
        valid_until: message.valid_until_ns.map(EventTime::from_nanos),
        state: word(&message.state)?.unwrap_or_default(),
        victim_direction: word(&message.victim_direction)?
            .unwrap_or_else(|| role.victim_direction()),
        reference: text(message.reference),
        tags: message.tags.into_iter().map(Into::into).collect(),
    })
}
