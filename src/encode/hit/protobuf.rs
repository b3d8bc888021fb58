//! `gannet.v1.Hit`: the fields of the JSON form, with times as numbers.

use prost::Message;

use crate::model::{EventTime, Hit, HitKind, MatchedIndicator, Named};
use crate::proto;

/// Appends `hit`.
pub(super) fn append(hit: &Hit, out: &mut Vec<u8>) {
    out.extend_from_slice(&message(hit).encode_to_vec());
}

/// The message of `hit`.
fn message(hit: &Hit) -> proto::Hit {
    proto::Hit {
        hit_id: hit.hit_id.to_string(),
        event_fp: hit.event_fp.to_string(),
        event_time_ns: hit.event_time.nanos(),
        time_source: hit.time_source.as_str().to_owned(),
        matched_at_ns: hit.matched_at.nanos(),
        client: client(hit),
        remote: hit.remote.map(|remote| proto::HitEndpoint {
            ip: remote.ip.to_string(),
            port: remote.port.map(u32::from),
            hint: String::new(),
        }),
        kind: Some(kind(&hit.kind)),
        r#match: Some(proto::HitMatch {
            field: hit.matched.field.as_str().to_owned(),
            kind: hit.matched.kind.as_str().to_owned(),
            side: word(hit.matched.side),
            value: hit.matched.value.clone(),
            valid_at_event: hit.matched.valid_at_event,
            class: hit.matched.class.to_owned(),
        }),
        campaign: hit.campaign.clone(),
        indicators: hit.indicators.iter().map(indicator).collect(),
        evidence: hit.evidence.as_str().to_owned(),
        flags: words(&hit.flags),
        direction: hit.direction.as_str().to_owned(),
        victim_evidence: hit.victim_evidence(),
        victim_reason: word(hit.victim_reason),
        sampling_rate: hit.sampling_rate,
        snapshot: Some(proto::Snapshot {
            generation: hit.snapshot.generation,
            hash: hit.snapshot.hash.clone(),
        }),
        source: Some(proto::Source {
            cluster: hit.source.cluster.clone(),
            topic: hit.source.topic.clone(),
            partition: hit.source.partition,
            offset: hit.source.offset,
            index: hit.source.index,
            observer: hit.source.observer.clone().unwrap_or_default(),
        }),
        truncated: hit.truncated,
    }
}

/// The client with the subscriber id that the event carried.
fn client(hit: &Hit) -> Option<proto::HitEndpoint> {
    let hint = hit.client_hint.clone().unwrap_or_default();
    (hit.client.is_some() || !hint.is_empty()).then(|| proto::HitEndpoint {
        ip: hit
            .client
            .map_or_else(String::new, |client| client.ip.to_string()),
        port: hit.client.and_then(|client| client.port).map(u32::from),
        hint,
    })
}

/// What is shown of the event.
fn kind(kind: &HitKind) -> proto::hit::Kind {
    match kind {
        HitKind::Dns(dns) => proto::hit::Kind::Dns(proto::HitDns {
            qname: dns.qname.clone(),
            qtype: dns.qtype.clone().unwrap_or_default(),
            rcode: dns.rcode.clone().unwrap_or_default(),
            answers: dns.answers.clone(),
        }),
        HitKind::Flow(flow) => proto::hit::Kind::Flow(proto::HitFlow {
            protocol: flow.protocol.map(u32::from),
            bytes_out: flow.bytes_out,
            bytes_in: flow.bytes_in,
            packets_out: flow.packets_out,
            packets_in: flow.packets_in,
            tcp_flags: flow.tcp_flags.map(u32::from),
        }),
    }
}

/// An indicator.
fn indicator(indicator: &MatchedIndicator) -> proto::HitIndicator {
    proto::HitIndicator {
        feed: indicator.feed.to_string(),
        id: indicator.id.clone().unwrap_or_default(),
        written: indicator.written.clone(),
        role: indicator.role.as_str().to_owned(),
        malware: indicator.malware.as_deref().unwrap_or_default().to_owned(),
        confidence: u32::from(indicator.confidence),
        valid_from_ns: indicator.valid_from.map(EventTime::nanos),
        valid_until_ns: indicator.valid_until.map(EventTime::nanos),
        state: indicator.state.as_str().to_owned(),
        reference: indicator.reference.clone().unwrap_or_default(),
        tags: indicator.tags.iter().map(ToString::to_string).collect(),
        victim_direction: indicator.victim_direction.as_str().to_owned(),
    }
}

/// The word of a closed value; empty for none.
fn word<T: Named>(value: Option<T>) -> String {
    value.map_or_else(String::new, |value| value.as_str().to_owned())
}

/// The words of closed values.
fn words<T: Named>(values: &[T]) -> Vec<String> {
    values
        .iter()
        .map(|value| value.as_str().to_owned())
        .collect()
}
