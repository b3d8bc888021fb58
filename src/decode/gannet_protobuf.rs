//! Gannet's own protobuf: one `gannet.v1.EventBatch` a record, each of its events one item.
//!
//! The key face reads in place and checks all that the full face, which goes by the generated
//! types, would refuse: an event that it calls an event decodes. A batch that breaks off in the
//! middle gives its events up to there and one rejected item.

use std::net::IpAddr;

use prost::Message;

use crate::decode::dns::normalized;
use crate::decode::wire::{Broken, Fields, Known, address, bytes_tag};
use crate::decode::{ITEMS_MAX, Item, KeySink, Outcome, Reject};
use crate::model::{
    Answer, ConnState, DnsEvent, DnsMessage, DnsSide, Endpoint, Event, EventKind, EventTime,
    FlowEvent, Half, Initiator, TimeSource,
};
use crate::proto;

use scan::{End, scan};

mod scan;

/// Hands the keys of the items of `record` to `sink`. Linear; allocates nothing.
pub(super) fn keys<'r, S: KeySink<'r>>(record: &'r [u8], sink: &mut S) {
    if record.is_empty() {
        return reject(record, Reject::Empty, sink);
    }
    const EVENT: u32 = bytes_tag(1);
    const KNOWN: Known = Known::of(&[EVENT]);
    let mut fields = Fields::new(record);
    let mut count = 0;
    loop {
        let rest = fields.rest();
        let step = match fields.tag() {
            Ok(None) => return,
            Ok(Some(EVENT)) => fields.bytes().map(Some),
            Ok(Some(other)) => fields.skip_unknown(other, KNOWN).map(|()| None),
            Err(Broken) => Err(Broken),
        };
        match step {
            Ok(Some(_)) if count == ITEMS_MAX => return reject(rest, Reject::TooMany, sink),
            Ok(Some(event)) => {
                count += 1;
                let outcome = match scan(event, sink) {
                    Ok(()) => Outcome::Event,
                    Err(reject) => Outcome::Rejected(reject),
                };
                sink.end(Item {
                    bytes: event,
                    outcome,
                });
            }
            Ok(None) => {}
            Err(Broken) => return reject(rest, Reject::NotProtobuf, sink),
        }
    }
}

/// Ends an item as rejected.
fn reject<'r, S: KeySink<'r>>(bytes: &'r [u8], reject: Reject, sink: &mut S) {
    let outcome = Outcome::Rejected(reject);
    sink.end(Item { bytes, outcome });
}

/// Decodes an item (one `gannet.v1.Event`) whole. An item without a time of its own takes
/// `record_time`. Never none: every event is ours.
///
/// # Errors
/// The [`Reject`] that says why the item is undecodable.
pub(super) fn event(item: &[u8], record_time: Option<EventTime>) -> Result<Option<Event>, Reject> {
    scan(item, &mut Nowhere)?;
    let event = proto::Event::decode(item).map_err(|_| Reject::NotProtobuf)?;
    let kind = match event.kind.ok_or(Reject::Schema)? {
        proto::event::Kind::Dns(dns) => EventKind::Dns(dns_event(dns)?),
        proto::event::Kind::Flow(flow) => EventKind::Flow(flow_event(&flow)?),
    };
    let (time, time_source) = match (event.time_ns, record_time) {
        (Some(nanos), _) => (EventTime::from_nanos(nanos), TimeSource::Event),
        (None, Some(time)) => (time, TimeSource::Record),
        (None, None) => return Err(Reject::NoTime),
    };
    Ok(Some(Event {
        time,
        time_source,
        observer: Some(event.observer).filter(|text| !text.is_empty()),
        hint: Some(event.client_hint).filter(|text| !text.is_empty()),
        sampling_rate: event.sampling_rate.max(1),
        kind,
    }))
}

/// A sink for scans that only check.
struct Nowhere;

impl KeySink<'_> for Nowhere {
    fn name(&mut self, _name: &[u8]) {}
    fn address(&mut self, _address: IpAddr, _port: Option<u16>) {}
    fn end(&mut self, _item: Item<'_>) {}
}

/// A DNS event from its message.
fn dns_event(dns: proto::Dns) -> Result<DnsEvent, Reject> {
    let answers = dns
        .answers
        .into_iter()
        .filter_map(|answer| match answer.value? {
            proto::answer::Value::Name(name) if name.is_empty() => None,
            proto::answer::Value::Name(name) => Some(Ok(Answer::Name(normalized(name.as_bytes())))),
            proto::answer::Value::Ip(ip) => {
                let address = address(&ip).map(Answer::Address);
                Some(address.ok_or(Reject::BadAddress))
            }
        });
    let small = |number: u32| u16::try_from(number).map_err(|_| Reject::Schema);
    Ok(DnsEvent {
        client: endpoint(dns.client.as_ref())?,
        resolver: endpoint(dns.resolver.as_ref())?,
        side: if dns.upstream {
            DnsSide::Upstream
        } else {
            DnsSide::Client
        },
        message: if dns.query_only {
            DnsMessage::Query
        } else {
            DnsMessage::Response
        },
        qname: if dns.qname.is_empty() {
            String::new()
        } else {
            normalized(dns.qname.as_bytes())
        },
        qtype: dns.qtype.map(small).transpose()?,
        rcode: dns.rcode.map(small).transpose()?,
        answers: answers.collect::<Result<_, _>>()?,
        blocked: dns.blocked,
    })
}

/// A flow from its message.
fn flow_event(flow: &proto::Flow) -> Result<FlowEvent, Reject> {
    let protocol = flow.protocol.map(byte).transpose()?;
    let end = |endpoint_field| {
        let mut end = endpoint(endpoint_field)?.ok_or(Reject::Schema)?;
        if has_no_ports(protocol) {
            end.port = None;
        }
        Ok(end)
    };
    Ok(FlowEvent {
        source: end(flow.source.as_ref())?,
        destination: end(flow.destination.as_ref())?,
        protocol,
        forward: Half {
            packets: flow.packets,
            bytes: flow.bytes,
            payload: flow.payload_bytes,
        },
        reverse: flow.two_way.then_some(Half {
            packets: flow.reverse_packets,
            bytes: flow.reverse_bytes,
            payload: flow.reverse_payload_bytes,
        }),
        tcp_flags: flow.tcp_flags.map(byte).transpose()?,
        state: match flow.state() {
            proto::ConnState::Unspecified => None,
            proto::ConnState::NoReply => Some(ConnState::NoReply),
            proto::ConnState::Refused => Some(ConnState::Refused),
            proto::ConnState::Established => Some(ConnState::Established),
            proto::ConnState::Other => Some(ConnState::Other),
        },
        initiator: match flow.initiator() {
            proto::Initiator::Unspecified => Initiator::Unknown,
            proto::Initiator::Source => Initiator::Source,
            proto::Initiator::Destination => Initiator::Destination,
        },
    })
}

/// An end from its message; none if it is absent or has no address.
fn endpoint(end: Option<&proto::Endpoint>) -> Result<Option<Endpoint>, Reject> {
    let Some(end) = end else {
        return Ok(None);
    };
    let end = End {
        ip: &end.ip,
        port: end.port,
    };
    end.checked()
}

/// A number that must fit a byte.
fn byte(number: u32) -> Result<u8, Reject> {
    u8::try_from(number).map_err(|_| Reject::Schema)
}

/// Whether an IP protocol is ICMP, whose "ports" are types and codes.
fn has_no_ports(protocol: Option<u8>) -> bool {
    matches!(protocol, Some(1 | 58))
}

#[cfg(test)]
mod tests;
