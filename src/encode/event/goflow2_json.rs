//! goflow2 JSON (v2 and v3): snake case, protocols by name. One-way, as its protobuf.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::text::{mixed, push_ip, push_number, push_string};
use crate::model::{Event, EventKind};

/// Appends one object; nothing if `event` is not a flow.
pub(super) fn write(event: &Event, out: &mut Vec<u8>) {
    let EventKind::Flow(flow) = &event.kind else {
        return;
    };
    let start = event.time.nanos().max(0).unsigned_abs();
    out.extend_from_slice(b"{\"type\":\"IPFIX\"");
    push(out, "time_received_ns", start.saturating_add(2_000_000_000));
    push(out, "sequence_num", mixed(event.time.nanos()) & 0xffff_ffff);
    push(out, "sampling_rate", event.sampling_rate);
    if let Some(sampler) = &event.observer {
        out.extend_from_slice(b",\"sampler_address\":");
        push_string(out, sampler);
    }
    push(out, "time_flow_start_ns", start);
    push(out, "time_flow_end_ns", start.saturating_add(350_000_000));
    push(out, "bytes", flow.forward.bytes.unwrap_or(0));
    push(out, "packets", flow.forward.packets.unwrap_or(0));
    for (key, net, end) in [
        ("src_addr", "src_net", flow.source),
        ("dst_addr", "dst_net", flow.destination),
    ] {
        push_key(out, key);
        out.push(b'"');
        push_ip(out, end.ip);
        out.push(b'"');
        push_key(out, net);
        push_net(out, end.ip);
    }
    let v4 = flow.source.ip.is_ipv4();
    out.extend_from_slice(if v4 {
        b",\"etype\":\"IPv4\"".as_slice()
    } else {
        b",\"etype\":\"IPv6\""
    });
    push_key(out, "proto");
    push_string(out, protocol_name(flow.protocol));
    push(out, "src_port", flow.source.port.unwrap_or(0).into());
    push(out, "dst_port", flow.destination.port.unwrap_or(0).into());
    push(out, "in_if", 10);
    push(out, "out_if", 20);
    let bits = mixed(event.time.nanos());
    push_mac(out, "src_mac", bits);
    push_mac(out, "dst_mac", bits >> 16);
    push(out, "ip_tos", (bits >> 34) % 4 * 8);
    push(out, "tcp_flags", flow.tcp_flags.unwrap_or(0).into());
    out.push(b'}');
}

/// The network that a router's table may hold for `ip`: its /24 or /48, quoted.
fn push_net(out: &mut Vec<u8>, ip: IpAddr) {
    let (net, length) = match ip {
        IpAddr::V4(v4) => (Ipv4Addr::from(v4.to_bits() >> 8 << 8).into(), "/24\""),
        IpAddr::V6(v6) => (Ipv6Addr::from(v6.to_bits() >> 80 << 80).into(), "/48\""),
    };
    out.push(b'"');
    push_ip(out, net);
    out.extend_from_slice(length.as_bytes());
}

/// The name that goflow2 gives a protocol.
fn protocol_name(protocol: Option<u8>) -> &'static str {
    match protocol {
        Some(1) => "ICMP",
        Some(2) => "IGMP",
        Some(6) => "TCP",
        Some(17) => "UDP",
        Some(47) => "GRE",
        Some(50) => "ESP",
        Some(58) => "IPv6-ICMP",
        Some(132) => "SCTP",
        Some(_) => "unassigned",
        None => "unknown",
    }
}

/// A hardware address, locally administered.
fn push_mac(out: &mut Vec<u8>, key: &str, bits: u64) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    push_key(out, key);
    out.extend_from_slice(b"\"02");
    let [a, b, c, d, e, ..] = bits.to_le_bytes();
    for byte in [a, b, c, d, e] {
        out.push(b':');
        out.push(DIGITS[usize::from(byte >> 4)]);
        out.push(DIGITS[usize::from(byte & 15)]);
    }
    out.push(b'"');
}

/// A number field.
fn push(out: &mut Vec<u8>, key: &str, number: u64) {
    push_key(out, key);
    push_number(out, number);
}

/// `,"key":`
fn push_key(out: &mut Vec<u8>, key: &str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(b"\":");
}
