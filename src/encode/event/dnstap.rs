//! dnstap: one `dnstap.Dnstap` message, its fields in the order of their numbers.

use super::{dns_message, text, wire};
use crate::model::{DnsEvent, DnsMessage, DnsSide, Event, EventKind};

/// How long the resolver took, in nanoseconds: what lies between query and response time.
const LATENCY_NANOS: i64 = 16_543_211;

/// The version that the resolver gives itself.
const VERSION: &[u8] = b"unbound 1.2x";

/// Appends `event`; nothing if it is a flow.
pub(super) fn write(event: &Event, out: &mut Vec<u8>) {
    let EventKind::Dns(dns) = &event.kind else {
        return;
    };
    if let Some(identity) = &event.observer {
        wire::push_bytes(out, 1, identity.as_bytes());
    }
    wire::push_bytes(out, 2, VERSION);
    wire::push_nested(out, 14, |out| write_message(event.time.nanos(), dns, out));
    wire::push_number(out, 15, 1);
}

/// Appends the fields of `dnstap.Message`.
fn write_message(nanos: i64, dns: &DnsEvent, out: &mut Vec<u8>) {
    let kind = match (dns.side, dns.message) {
        (DnsSide::Client, DnsMessage::Query) => 5,
        (DnsSide::Client, DnsMessage::Response) => 6,
        (DnsSide::Upstream, DnsMessage::Query) => 3,
        (DnsSide::Upstream, DnsMessage::Response) => 4,
    };
    wire::push_number(out, 1, kind);
    let v6 = [dns.client, dns.resolver]
        .iter()
        .flatten()
        .any(|end| end.ip.is_ipv6());
    wire::push_number(out, 2, if v6 { 2 } else { 1 });
    wire::push_number(out, 3, 1);
    let ends = [(dns.client, 4, 6), (dns.resolver, 5, 7)];
    for (end, address, _) in ends {
        if let Some(end) = end {
            wire::push_ip(out, address, end.ip);
        }
    }
    for (end, _, port_field) in ends {
        if let Some(port) = end.and_then(|end| end.port) {
            wire::push_number(out, port_field, port.into());
        }
    }
    let id = text::mixed(nanos);
    let id = u16::from_le_bytes([id.to_le_bytes()[0], id.to_le_bytes()[1]]);
    match dns.message {
        DnsMessage::Query => {
            push_time(out, 8, nanos);
            wire::push_nested(out, 10, |out| dns_message::write_query(dns, id, out));
        }
        DnsMessage::Response => {
            push_time(out, 8, nanos.saturating_sub(LATENCY_NANOS));
            push_time(out, 12, nanos);
            wire::push_nested(out, 14, |out| dns_message::write_response(dns, id, out));
        }
    }
    if dns.blocked {
        wire::push_nested(out, 15, |out| write_policy(dns, out));
    }
}

/// Appends a time as the fields `field` (seconds) and the next (nanoseconds).
fn push_time(out: &mut Vec<u8>, field: u32, nanos: i64) {
    let seconds = nanos.div_euclid(1_000_000_000);
    let rest = u32::try_from(nanos.rem_euclid(1_000_000_000)).unwrap_or(0);
    wire::push_number(out, field, seconds.cast_unsigned());
    wire::push_fixed32(out, field + 1, rest);
}

/// Appends the policy that changed the answer: RPZ by question name, saying NXDOMAIN or
/// answering itself.
fn write_policy(dns: &DnsEvent, out: &mut Vec<u8>) {
    wire::push_bytes(out, 1, b"RPZ");
    wire::push_number(out, 3, if dns.rcode == Some(3) { 1 } else { 6 });
    wire::push_number(out, 4, 1);
}
