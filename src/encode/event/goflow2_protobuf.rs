//! goflow2 `flowpb.FlowMessage` (v2 and v3), with its length in front as goflow2 writes it
//! into Kafka. One-way: what came back is another record of another flow.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{text, wire};
use crate::model::{Event, EventKind, FlowEvent, parse_address};

/// How long after its start a flow ends, and after that is received, in nanoseconds.
const DELAY_NANOS: (u64, u64) = (350_000_000, 1_650_000_000);

/// Appends `event` with its length in front; nothing if it is not a flow.
pub(super) fn write(event: &Event, out: &mut Vec<u8>) {
    if let EventKind::Flow(flow) = &event.kind {
        wire::push_delimited(out, |out| write_message(event, flow, out));
    }
}

/// Appends the fields of the message in the order of their numbers.
pub(super) fn write_message(event: &Event, flow: &FlowEvent, out: &mut Vec<u8>) {
    wire::push_number(out, 1, 4);
    wire::push_number(out, 3, event.sampling_rate);
    wire::push_number(out, 4, text::mixed(event.time.nanos()) & 0xffff_ffff);
    wire::push_ip(out, 6, flow.source.ip);
    wire::push_ip(out, 7, flow.destination.ip);
    push_known(out, 9, flow.forward.bytes);
    push_known(out, 10, flow.forward.packets);
    let sampler = event.observer.as_deref().map(parse_address);
    if let Some(Ok(sampler)) = sampler {
        wire::push_ip(out, 11, sampler);
    }
    let bits = text::mixed(event.time.nanos());
    wire::push_ip(out, 12, next_hop(flow.source.ip, bits));
    // Autonomous systems and networks as the router's table has them; ports of the router.
    wire::push_number(out, 14, 64_496 + bits % 16);
    wire::push_number(out, 15, 65_536 + (bits >> 4) % 16);
    wire::push_number(out, 16, 10 + (bits >> 8) % 15);
    wire::push_number(out, 17, 12 + (bits >> 12) % 13);
    wire::push_number(out, 18, 10 + (bits >> 16) % 500);
    wire::push_number(out, 19, 20 + (bits >> 25) % 500);
    push_known(out, 20, flow.protocol.map(u64::from));
    push_known(out, 21, flow.source.port.map(u64::from));
    push_known(out, 22, flow.destination.port.map(u64::from));
    push_known(out, 23, Some((bits >> 34) % 4 * 8));
    push_known(out, 26, flow.tcp_flags.map(u64::from));
    let etype = if flow.source.ip.is_ipv4() {
        0x0800
    } else {
        0x86dd
    };
    wire::push_number(out, 30, etype);
    wire::push_number(out, 70, 256 + (bits >> 36) % 4);
    let start = event.time.nanos().cast_unsigned();
    let end = start.wrapping_add(DELAY_NANOS.0);
    wire::push_number(out, 110, end.wrapping_add(DELAY_NANOS.1));
    wire::push_number(out, 111, start);
    wire::push_number(out, 112, end);
}

/// A router behind the exporter, of the family of `ip`.
fn next_hop(ip: IpAddr, bits: u64) -> IpAddr {
    let [low, ..] = bits.to_le_bytes();
    match ip {
        IpAddr::V4(_) => Ipv4Addr::new(10, 255, 0, low).into(),
        IpAddr::V6(_) => Ipv6Addr::new(0x2001, 0xdb8, 0x7fff, 0, 0, 0, 0, low.into()).into(),
    }
}

/// Appends a number field if it is known and not the default, as proto3 does.
fn push_known(out: &mut Vec<u8>, field: u32, number: Option<u64>) {
    if let Some(number) = number.filter(|&number| number != 0) {
        wire::push_number(out, field, number);
    }
}
