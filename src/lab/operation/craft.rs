//! Events from their parts: what a resolver or router would have seen.

use std::net::IpAddr;

use super::Stream;
use super::names;
use super::random::Rng;
use super::space::{benign, resolver, v4};
use crate::model::{
    Answer, ConnState, DnsEvent, DnsMessage, DnsSide, Endpoint, Event, EventKind, EventTime,
    FlowEvent, Half, Initiator, TimeSource,
};

/// The IP protocol numbers in use.
const TCP: u8 = 6;
/// The other one.
const UDP: u8 = 17;

/// An event as the sensors behind `stream` report it.
pub(in crate::lab) fn event(
    stream: Stream,
    time: EventTime,
    kind: EventKind,
    rng: &mut Rng,
) -> Event {
    let number = rng.below_u32(4) + 1;
    let (observer, sampling_rate) = match stream {
        Stream::Dns | Stream::Conn => (None, 1),
        Stream::Dnstap | Stream::Collector => (Some(format!("res{number}")), 1),
        Stream::Flows => (Some(v4(0x0aff_0100 + number).to_string()), 1000),
    };
    Event {
        time,
        time_source: TimeSource::Event,
        observer,
        hint: None,
        sampling_rate,
        kind,
    }
}

/// One of the streams that carry DNS, as their shares go.
pub(in crate::lab) fn dns_stream(rng: &mut Rng) -> Stream {
    match rng.below(100) {
        0..50 => Stream::Dns,
        50..91 => Stream::Dnstap,
        _ => Stream::Collector,
    }
}

/// A transaction of `client` with one of our resolvers that ended well. The type asked for is
/// that of the first address in `answers`.
pub(in crate::lab) fn resolved(
    client: Endpoint,
    qname: String,
    answers: Vec<Answer>,
    rng: &mut Rng,
) -> DnsEvent {
    let ipv6 = answers.iter().find_map(|answer| match answer {
        Answer::Address(ip) => Some(ip.is_ipv6()),
        Answer::Name(_) => None,
    });
    DnsEvent {
        client: Some(client),
        resolver: Some(resolver(rng, client.ip)),
        side: DnsSide::Client,
        message: DnsMessage::Response,
        qname,
        qtype: Some(if ipv6 == Some(true) { 28 } else { 1 }),
        rcode: Some(0),
        answers,
        blocked: false,
    }
}

/// The same without an answer, with a response code.
pub(in crate::lab) fn denied(
    client: Endpoint,
    qname: String,
    rcode: u16,
    rng: &mut Rng,
) -> DnsEvent {
    let mut dns = resolved(client, qname, Vec::new(), rng);
    dns.qtype = Some(rng.pick(&[1, 1, 1, 28, 65]));
    dns.rcode = Some(rcode);
    dns
}

/// The same, of which only the question was seen.
pub(in crate::lab) fn question(client: Endpoint, qname: String, rng: &mut Rng) -> DnsEvent {
    let mut dns = denied(client, qname, 0, rng);
    dns.message = DnsMessage::Query;
    dns.rcode = None;
    dns
}

/// The question of one of our resolvers to an authority, in mixed case.
pub(in crate::lab) fn upstream(qname: &str, rng: &mut Rng) -> DnsEvent {
    let client = resolver(rng, v4(0));
    let client = Endpoint {
        port: Some(super::space::ephemeral(rng)),
        ..client
    };
    let mut dns = question(client, names::mixed_case(qname, rng), rng);
    dns.resolver = Some(Endpoint {
        ip: benign(rng.below(1 << 10), false),
        port: Some(53),
    });
    dns.side = DnsSide::Upstream;
    dns
}

/// The address of a benign server as an answer.
pub(in crate::lab) fn benign_answer(rng: &mut Rng) -> Answer {
    Answer::Address(benign(rng.bits(), rng.chance(200)))
}

/// A benign server.
pub(in crate::lab) fn benign_server(rng: &mut Rng, ipv6: bool) -> Endpoint {
    Endpoint {
        ip: benign(rng.popular(1 << 16), ipv6),
        port: Some(rng.pick(&[443, 443, 443, 443, 80, 8443, 123, 5228])),
    }
}

/// How a flow went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::lab) enum Went {
    /// Sent without reply.
    Unanswered,
    /// A handshake, no payload.
    Connected,
    /// Payload both ways.
    Transferred,
}

/// A flow that `source` began, as a sensor of connections sees it: both ways.
pub(in crate::lab) fn connection(
    source: Endpoint,
    destination: Endpoint,
    went: Went,
    rng: &mut Rng,
) -> FlowEvent {
    let half = |packets: u64, payload: Option<u64>| Half {
        packets: Some(packets),
        bytes: Some(packets * 52 + payload.unwrap_or(0)),
        payload,
    };
    let (forward, reverse) = match went {
        Went::Unanswered => (half(1 + rng.below(3), None), half(0, None)),
        Went::Connected => (half(3, Some(0)), half(2, Some(0))),
        Went::Transferred => {
            let (out, back) = (64 + rng.below(40_000), 64 + rng.below(900_000));
            (
                half(4 + out / 1200, Some(out)),
                half(3 + back / 1200, Some(back)),
            )
        }
    };
    FlowEvent {
        source,
        destination,
        protocol: Some(TCP),
        forward,
        reverse: Some(reverse),
        tcp_flags: None,
        state: Some(if went == Went::Unanswered {
            ConnState::NoReply
        } else {
            ConnState::Established
        }),
        initiator: Initiator::Source,
    }
}

/// A flow that `source` began and nobody answered, as one of the two kinds of sensor sees it.
pub(in crate::lab) fn attempt(
    source: Endpoint,
    destination: Endpoint,
    rng: &mut Rng,
) -> (Stream, FlowEvent) {
    match rng.below(10) {
        0..4 => (
            Stream::Conn,
            connection(source, destination, Went::Unanswered, rng),
        ),
        4 => (
            Stream::Flows,
            datagrams(source, destination, 1 + rng.below(4)),
        ),
        _ => (
            Stream::Flows,
            first_packets(source, destination, 1 + rng.below(3)),
        ),
    }
}

/// A first packet from `source`, as a sampling router sees it: one way.
pub(in crate::lab) fn first_packets(
    source: Endpoint,
    destination: Endpoint,
    packets: u64,
) -> FlowEvent {
    FlowEvent {
        source,
        destination,
        protocol: Some(TCP),
        forward: Half {
            packets: Some(packets),
            bytes: Some(packets * 60),
            payload: None,
        },
        reverse: None,
        tcp_flags: Some(0x02),
        state: None,
        initiator: Initiator::Unknown,
    }
}

/// Datagrams from `source`, as a sampling router sees them: one way.
pub(in crate::lab) fn datagrams(
    source: Endpoint,
    destination: Endpoint,
    packets: u64,
) -> FlowEvent {
    FlowEvent {
        protocol: Some(UDP),
        tcp_flags: None,
        ..first_packets(source, destination, packets)
    }
}

/// A whole half of a connection, as a sampling router sees it: its flags show the handshake.
pub(in crate::lab) fn acknowledged(
    source: Endpoint,
    destination: Endpoint,
    rng: &mut Rng,
) -> FlowEvent {
    let mut flow = first_packets(source, destination, 4 + rng.below(20));
    flow.tcp_flags = Some(0x1b);
    flow
}

/// A part of a flow in its middle, as a sampling router sees it: one way.
pub(in crate::lab) fn middle(source: Endpoint, destination: Endpoint, rng: &mut Rng) -> FlowEvent {
    let packets = 1 + rng.popular(64);
    let mut flow = first_packets(source, destination, packets);
    flow.forward.bytes = Some(packets * (60 + rng.below(1_400)));
    flow.tcp_flags = Some(rng.pick(&[0x10, 0x18, 0x18, 0x1b]));
    flow
}

/// The other end, on a usual port of command servers.
pub(in crate::lab) fn server(ip: IpAddr, port: Option<u16>, rng: &mut Rng) -> Endpoint {
    let port = port.unwrap_or_else(|| rng.pick(&[443, 443, 80, 8080, 4443, 9001]));
    Endpoint {
        ip,
        port: Some(port),
    }
}
