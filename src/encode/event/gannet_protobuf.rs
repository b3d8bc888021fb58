//! Our own protobuf: one `EventBatch` a record.

use std::net::IpAddr;

use prost::Message as _;

use crate::model::{
    Answer, ConnState, DnsEvent, DnsMessage, DnsSide, Endpoint, Event, EventKind, FlowEvent,
    Initiator, TimeSource,
};
use crate::proto;

/// Appends a batch of `events`.
pub(super) fn write(events: &[Event], out: &mut Vec<u8>) {
    let batch = proto::EventBatch {
        events: events.iter().map(event).collect(),
    };
    out.reserve(batch.encoded_len());
    // The buffer grows, so that encoding cannot fail.
    let _ = batch.encode(out);
}

/// One event.
fn event(event: &Event) -> proto::Event {
    proto::Event {
        time_ns: match event.time_source {
            TimeSource::Event => Some(event.time.nanos()),
            TimeSource::Record => None,
        },
        observer: event.observer.clone().unwrap_or_default(),
        client_hint: event.hint.clone().unwrap_or_default(),
        sampling_rate: event.sampling_rate,
        kind: Some(match &event.kind {
            EventKind::Dns(event) => proto::event::Kind::Dns(dns(event)),
            EventKind::Flow(event) => proto::event::Kind::Flow(flow(event)),
        }),
    }
}

/// A DNS transaction.
fn dns(event: &DnsEvent) -> proto::Dns {
    proto::Dns {
        client: event.client.map(endpoint),
        resolver: event.resolver.map(endpoint),
        qname: event.qname.clone(),
        qtype: event.qtype.map(u32::from),
        rcode: event.rcode.map(u32::from),
        answers: event.answers.iter().map(answer).collect(),
        query_only: event.message == DnsMessage::Query,
        upstream: event.side == DnsSide::Upstream,
        blocked: event.blocked,
    }
}

/// One item of an answer.
fn answer(answer: &Answer) -> proto::Answer {
    proto::Answer {
        value: Some(match answer {
            Answer::Name(name) => proto::answer::Value::Name(name.clone()),
            Answer::Address(ip) => proto::answer::Value::Ip(octets(*ip)),
        }),
    }
}

/// A flow.
fn flow(event: &FlowEvent) -> proto::Flow {
    let reverse = event.reverse.unwrap_or_default();
    let state = match event.state {
        None => proto::ConnState::Unspecified,
        Some(ConnState::NoReply) => proto::ConnState::NoReply,
        Some(ConnState::Refused) => proto::ConnState::Refused,
        Some(ConnState::Established) => proto::ConnState::Established,
        Some(ConnState::Other) => proto::ConnState::Other,
    };
    let initiator = match event.initiator {
        Initiator::Unknown => proto::Initiator::Unspecified,
        Initiator::Source => proto::Initiator::Source,
        Initiator::Destination => proto::Initiator::Destination,
    };
    proto::Flow {
        source: Some(endpoint(event.source)),
        destination: Some(endpoint(event.destination)),
        protocol: event.protocol.map(u32::from),
        packets: event.forward.packets,
        bytes: event.forward.bytes,
        payload_bytes: event.forward.payload,
        two_way: event.reverse.is_some(),
        reverse_packets: reverse.packets,
        reverse_bytes: reverse.bytes,
        reverse_payload_bytes: reverse.payload,
        tcp_flags: event.tcp_flags.map(u32::from),
        state: state.into(),
        initiator: initiator.into(),
    }
}

/// One end; a port that is not known is 0.
fn endpoint(end: Endpoint) -> proto::Endpoint {
    proto::Endpoint {
        ip: octets(end.ip),
        port: end.port.map_or(0, u32::from),
    }
}

/// The 4 or 16 bytes of an address.
fn octets(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}
