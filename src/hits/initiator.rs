//! Which end started a flow, when its sensor does not say: one-way records of routers above all.

use crate::model::{FlowEvent, Half, Initiator};

use super::evidence::{Flags, moved};
use super::orient::End;

/// Most packets of a one-way record from the remote side that still look like a scan or like
/// backscatter.
const FEW_PACKETS: u64 = 3;

/// Ports below it are services.
const WELL_KNOWN_END: u16 = 1024;

/// From here on systems choose the ports of their own connections.
const EPHEMERAL_START: u16 = 32_768;

/// Protocol numbers of ICMP, whose "ports" are types and codes.
const ICMP: [u8; 2] = [1, 58];

/// The end that started `flow`. `client` is the end that is ours, when exactly one is;
/// `listening` the end whose port the indicator itself lists. The first case that holds decides:
///
/// | # | case | started by |
/// |---|---|---|
/// | 1 | the sensor says | whom it says |
/// | 2 | TCP: the source sent SYN and never ACK | the source |
/// | 3 | packets both ways, one end serves | the other end |
/// | 4 | packets both ways, neither serves | the source |
/// | 5 | remote to client, the remote serves, TCP with ACK but neither SYN nor RST | the client: this is the answering half |
/// | 6 | remote to client, the remote serves, more than [`FEW_PACKETS`] packets | the client: this is the answering half |
/// | 7 | remote to client, anything else (few packets: a scan, or backscatter) | the remote |
/// | 8 | TCP: the source sent RST and never SYN | the destination: this is a refusal |
/// | 9 | one end serves | the other end |
/// | 10 | nothing tells | the source |
///
/// Cases 5 to 7 are for one-way records from the remote side to our client, 8 to 10 for all
/// others. An end *serves* when the indicator lists its port; else when its port is below 1024
/// and the other's is not, or below 32,768 and the other's is not.
pub(super) fn started_by(flow: &FlowEvent, client: Option<End>, listening: Option<End>) -> End {
    match flow.initiator {
        Initiator::Source => return End::Source,
        Initiator::Destination => return End::Destination,
        Initiator::Unknown => {}
    }
    let flags = Flags::of(flow);
    if flags.syn && !flags.ack {
        return End::Source;
    }
    let serving = serving_end(flow, listening);
    if flow.reverse.as_ref().is_some_and(moved) {
        return serving.map_or(End::Source, End::other);
    }
    if client == Some(End::Destination) {
        let answering = serving == Some(End::Source) && (flags.midstream() || many(&flow.forward));
        return if answering {
            End::Destination
        } else {
            End::Source
        };
    }
    if flags.rst && !flags.syn {
        return End::Destination;
    }
    serving.map_or(End::Source, End::other)
}

/// Whether there are more packets than a scan leaves.
fn many(half: &Half) -> bool {
    half.packets.is_some_and(|packets| packets > FEW_PACKETS)
}

/// The end that serves, as [`started_by`] defines it.
fn serving_end(flow: &FlowEvent, listening: Option<End>) -> Option<End> {
    if listening.is_some() {
        return listening;
    }
    if flow.protocol.is_some_and(|number| ICMP.contains(&number)) {
        return None;
    }
    let (source, destination) = (flow.source.port?, flow.destination.port?);
    if serves(destination, source) {
        Some(End::Destination)
    } else if serves(source, destination) {
        Some(End::Source)
    } else {
        None
    }
}

/// Whether `port` is the service of a connection whose other end has the port `other`.
fn serves(port: u16, other: u16) -> bool {
    let below = |limit| port < limit && other >= limit;
    below(WELL_KNOWN_END) || below(EPHEMERAL_START)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hits::fixtures::flow;

    const FIN: u8 = 1;
    const SYN: u8 = 2;
    const RST: u8 = 4;
    const PSH: u8 = 8;
    const ACK: u8 = 16;

    /// A one-way TCP record between two ports.
    fn record(ports: (u16, u16), packets: u64, flags: u8) -> FlowEvent {
        FlowEvent {
            initiator: Initiator::Unknown,
            protocol: Some(6),
            tcp_flags: Some(flags),
            forward: Half {
                packets: Some(packets),
                ..Half::default()
            },
            ..flow(
                &format!("198.51.100.7:{}", ports.0),
                &format!("203.0.113.66:{}", ports.1),
            )
        }
    }

    #[track_caller]
    fn check(case: u8, flow: FlowEvent, client: Option<End>, listening: Option<End>, is: End) {
        assert_eq!(
            started_by(&flow, client, listening),
            is,
            "case {case}: {flow:?}"
        );
    }

    #[test]
    fn the_first_case_that_holds_decides() {
        let (source, destination) = (End::Source, End::Destination);
        let (to_remote, to_client) = (Some(source), Some(destination));
        let both_ways = |flow| FlowEvent {
            reverse: Some(Half {
                packets: Some(1),
                ..Half::default()
            }),
            ..flow
        };
        let silent = |flow| FlowEvent {
            reverse: Some(Half {
                packets: Some(0),
                ..Half::default()
            }),
            ..flow
        };
        let says = |initiator, flow| FlowEvent { initiator, ..flow };
        let udp = |flow| FlowEvent {
            protocol: Some(17),
            tcp_flags: None,
            ..flow
        };
        let r = record;
        let says_destination = says(Initiator::Destination, r((50_000, 443), 1, SYN));
        check(1, says_destination, to_remote, None, destination);
        let says_source = says(Initiator::Source, r((443, 50_000), 9, ACK));
        check(1, says_source, to_client, None, source);
        check(2, r((443, 50_000), 9, SYN), to_client, None, source);
        check(2, r((443, 50_000), 9, SYN), to_remote, None, source);
        check(2, r((443, 50_000), 9, SYN), None, None, source);
        let answered = both_ways(udp(r((443, 50_000), 1, 0)));
        check(3, answered, to_client, None, destination);
        check(3, answered, to_remote, None, destination);
        check(3, answered, None, None, destination);
        let peers = both_ways(udp(r((50_000, 50_001), 1, 0)));
        check(4, peers, to_client, None, source);
        check(3, peers, to_client, to_client, source);
        check(3, peers, to_client, Some(source), destination);
        let push = r((443, 50_000), 1, PSH | ACK);
        check(5, push, to_client, None, destination);
        check(5, silent(push), to_client, None, destination);
        check(
            6,
            r((443, 50_000), 4, SYN | ACK),
            to_client,
            None,
            destination,
        );
        check(
            6,
            udp(r((8080, 50_000), 4, 0)),
            to_client,
            None,
            destination,
        );
        check(
            6,
            udp(r((50_001, 50_000), 4, 0)),
            to_client,
            Some(source),
            destination,
        );
        check(7, r((443, 50_000), 3, SYN | ACK), to_client, None, source);
        check(7, r((443, 50_000), 1, RST | ACK), to_client, None, source);
        check(7, udp(r((53, 50_000), 3, 0)), to_client, None, source);
        check(7, udp(r((50_000, 53), 9, 0)), to_client, None, source);
        check(7, r((50_000, 22), 9, ACK), to_client, None, source);
        check(
            8,
            r((50_000, 40_000), 1, RST | ACK),
            to_remote,
            None,
            destination,
        );
        check(
            8,
            r((50_000, 40_000), 1, RST | ACK),
            None,
            None,
            destination,
        );
        check(
            9,
            r((50_000, 443), 9, SYN | ACK | FIN),
            to_remote,
            None,
            source,
        );
        check(
            9,
            r((22, 50_000), 9, SYN | ACK | FIN),
            to_remote,
            None,
            destination,
        );
        check(9, r((2000, 4444), 9, ACK), to_remote, to_client, source);
        check(9, udp(r((443, 50_000), 1, 0)), None, None, destination);
        check(10, r((50_000, 50_001), 9, ACK), to_remote, None, source);
        check(10, r((50_000, 50_001), 9, ACK), None, None, source);
    }

    #[test]
    fn types_and_codes_of_icmp_are_no_ports() {
        let echo = FlowEvent {
            protocol: Some(1),
            tcp_flags: None,
            ..record((0, 2048), 9, 0)
        };
        check(7, echo, Some(End::Destination), None, End::Source);
        check(10, echo, Some(End::Source), None, End::Source);
    }
}
