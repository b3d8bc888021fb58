//! How far it went. What a format cannot tell is the lower step.

use std::net::IpAddr;

use crate::model::{ConnState, DnsEvent, Event, EventKind, Evidence, FlowEvent, Half};

use super::answers::is_usable;

/// The protocol number of TCP.
const TCP: u8 = 6;

/// The protocol number of UDP.
const UDP: u8 = 17;

/// Most header bytes that TCP packets have on average: 20, and options like those of a SYN.
const TCP_HEADER: u64 = 40;

/// Header bytes of a UDP packet.
const UDP_HEADER: u64 = 8;

/// The evidence in `event`.
pub(super) fn evidence(event: &Event) -> Evidence {
    match &event.kind {
        EventKind::Dns(dns) => dns_evidence(dns),
        EventKind::Flow(flow) => flow_evidence(flow),
    }
}

/// Resolved when a usable address came back. What a policy put in the place of the answer, and
/// addresses that lead nowhere, are none.
fn dns_evidence(dns: &DnsEvent) -> Evidence {
    if is_usable(dns) {
        Evidence::Resolved
    } else {
        Evidence::LookedUp
    }
}

/// The sensor's verdict where there is one, else what packets, bytes and flags tell.
fn flow_evidence(flow: &FlowEvent) -> Evidence {
    let connected = match flow.state {
        Some(ConnState::NoReply | ConnState::Refused) => false,
        Some(ConnState::Established) => true,
        Some(ConnState::Other) | None => handshake_seen(flow),
    };
    if !connected {
        return Evidence::Attempted;
    }
    let header = header_len(flow);
    let payload_both_ways = flow.reverse.is_some_and(|reverse| {
        carries_payload(&flow.forward, header) && carries_payload(&reverse, header)
    });
    if payload_both_ways {
        Evidence::Transferred
    } else {
        Evidence::Connected
    }
}

/// Whether packets went both ways, or the flags of one way show more than an attempt.
fn handshake_seen(flow: &FlowEvent) -> bool {
    let flags = Flags::of(flow);
    match &flow.reverse {
        Some(reverse) => {
            let only_attempted = (flags.syn || flags.rst) && !flags.ack;
            moved(&flow.forward) && moved(reverse) && !only_attempted
        }
        None => flags.ack && (flags.syn || flags.psh),
    }
}

/// Whether anything was counted.
pub(super) fn moved(half: &Half) -> bool {
    [half.packets, half.bytes, half.payload]
        .iter()
        .any(|count| count.is_some_and(|count| count > 0))
}

/// Whether `half` surely holds payload: by its payload count, else by bytes beyond headers.
fn carries_payload(half: &Half, header: u64) -> bool {
    if let Some(payload) = half.payload {
        return payload > 0;
    }
    match (half.bytes, half.packets) {
        (Some(bytes), Some(packets)) => bytes > packets.saturating_mul(header),
        (None, _) | (_, None) => false,
    }
}

/// Most header bytes of one packet, IP and transport together.
fn header_len(flow: &FlowEvent) -> u64 {
    let network = match flow.source.ip {
        IpAddr::V4(_) => 20,
        IpAddr::V6(_) => 40,
    };
    let transport = if flow.protocol == Some(UDP) {
        UDP_HEADER
    } else {
        TCP_HEADER
    };
    network + transport
}

/// The TCP flags that a source sent, all packets together.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Flags {
    /// It opened a connection, or agreed to.
    pub(super) syn: bool,
    /// It aborted or refused one.
    pub(super) rst: bool,
    /// It pushed data.
    psh: bool,
    /// It acknowledged something: it has seen packets of the other end.
    pub(super) ack: bool,
}

impl Flags {
    /// Those of `flow`; none when it is not TCP or the sensor does not say.
    pub(super) fn of(flow: &FlowEvent) -> Self {
        if flow.protocol.is_some_and(|number| number != TCP) {
            return Self::default();
        }
        let bits = flow.tcp_flags.unwrap_or(0);
        Self {
            syn: bits & 0x02 != 0,
            rst: bits & 0x04 != 0,
            psh: bits & 0x08 != 0,
            ack: bits & 0x10 != 0,
        }
    }

    /// Whether they are those of a connection under way: neither opened nor refused here.
    pub(super) fn midstream(self) -> bool {
        self.ack && !self.syn && !self.rst
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hits::fixtures::{dns, event_of, flow};
    use crate::model::Answer;

    #[test]
    fn only_an_address_without_error_is_a_resolution() {
        let address = Answer::Address([203, 0, 113, 66].into());
        let zero = Answer::Address([0, 0, 0, 0].into());
        let name = Answer::Name("b.example".into());
        for (rcode, answers, expected) in [
            (Some(0), vec![address.clone()], Evidence::Resolved),
            (
                Some(0),
                vec![name.clone(), address.clone()],
                Evidence::Resolved,
            ),
            (Some(0), vec![zero.clone()], Evidence::LookedUp),
            (Some(0), vec![zero, address.clone()], Evidence::Resolved),
            (Some(0), vec![name], Evidence::LookedUp),
            (Some(0), vec![], Evidence::LookedUp),
            (Some(3), vec![address.clone()], Evidence::LookedUp),
            (None, vec![address], Evidence::LookedUp),
        ] {
            let dns = DnsEvent {
                rcode,
                answers,
                ..dns("bad.example")
            };
            assert_eq!(dns_evidence(&dns), expected, "{dns:?}");
            let blocked = DnsEvent {
                blocked: true,
                ..dns
            };
            assert_eq!(dns_evidence(&blocked), Evidence::LookedUp, "{blocked:?}");
        }
    }

    /// Packets, bytes, payload; negative: not known.
    fn half(packets: i64, bytes: i64, payload: i64) -> Half {
        let known = |count: i64| u64::try_from(count).ok();
        Half {
            packets: known(packets),
            bytes: known(bytes),
            payload: known(payload),
        }
    }

    #[track_caller]
    fn check(flow: FlowEvent, expected: Evidence) {
        assert_eq!(evidence(&event_of(flow)), expected, "{flow:?}");
    }

    #[test]
    fn a_two_way_record_is_judged_by_both_halves() {
        let base = flow("198.51.100.7:50000", "203.0.113.66:443");
        let with = |state, forward, reverse| FlowEvent {
            state,
            forward,
            reverse: Some(reverse),
            ..base
        };
        use ConnState::{Established, NoReply, Other, Refused};
        use Evidence::{Attempted, Connected, Transferred};
        let full = half(9, 900, 300);
        check(with(Some(NoReply), full, half(0, 0, 0)), Attempted);
        check(with(Some(Refused), full, half(1, 40, 0)), Attempted);
        check(with(Some(Established), full, full), Transferred);
        check(with(Some(Established), full, half(9, 900, 0)), Connected);
        check(with(Some(Established), half(-1, -1, -1), full), Connected);
        check(with(Some(Other), full, half(1, 40, 0)), Connected);
        check(with(Some(Other), full, full), Transferred);
        check(with(Some(Other), full, half(0, 0, 0)), Attempted);
        check(with(None, full, full), Transferred);
        check(with(None, half(3, 180, -1), half(3, 180, -1)), Connected);
        check(with(None, half(3, 181, -1), half(3, 181, -1)), Transferred);
        check(with(None, half(-1, 181, -1), half(-1, 181, -1)), Connected);
        let refused = FlowEvent {
            tcp_flags: Some(2),
            ..with(None, full, half(1, 40, -1))
        };
        check(refused, Attempted);
        let udp = FlowEvent {
            protocol: Some(17),
            ..with(None, half(1, 60, -1), half(1, 29, -1))
        };
        check(udp, Transferred);
    }

    #[test]
    fn a_one_way_record_never_shows_a_transfer() {
        let base = flow("198.51.100.7:50000", "203.0.113.66:443");
        let with = |state, tcp_flags| FlowEvent {
            state,
            tcp_flags,
            forward: half(90, 90_000, 80_000),
            reverse: None,
            ..base
        };
        use Evidence::{Attempted, Connected};
        check(with(Some(ConnState::Established), None), Connected);
        check(with(None, None), Attempted);
        check(with(None, Some(0x02)), Attempted);
        check(with(None, Some(0x06)), Attempted);
        check(with(None, Some(0x14)), Attempted);
        check(with(None, Some(0x12)), Connected);
        check(with(None, Some(0x1b)), Connected);
        check(with(None, Some(0x18)), Connected);
        let udp = FlowEvent {
            protocol: Some(17),
            ..with(None, Some(0x1b))
        };
        check(udp, Attempted);
    }
}
