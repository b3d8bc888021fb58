//! Zeek `dns` and `conn` rows as JSON, with epoch seconds as Zeek writes them by default.

use super::text::{mixed, push_ip, push_number, push_padded, push_seconds, push_string};
use crate::model::{
    Answer, ConnState, DnsEvent, DnsMessage, Endpoint, Event, EventKind, FlowEvent, qtype_name,
    rcode_name,
};

/// Appends one row.
pub(super) fn write(event: &Event, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"ts\":");
    push_seconds(out, event.time.nanos());
    out.extend_from_slice(b",\"uid\":\"");
    push_uid(out, mixed(event.time.nanos()));
    out.push(b'"');
    match &event.kind {
        EventKind::Dns(dns) => write_dns(event.time.nanos(), dns, out),
        EventKind::Flow(flow) => write_conn(flow, out),
    }
    out.push(b'}');
}

/// The rest of a `dns` row. Zeek has no words for policies and for who asks whom.
fn write_dns(nanos: i64, dns: &DnsEvent, out: &mut Vec<u8>) {
    push_end(out, "orig", dns.client);
    push_end(out, "resp", dns.resolver);
    out.extend_from_slice(b",\"proto\":\"udp\",\"trans_id\":");
    push_number(out, mixed(nanos) & 0xffff);
    if dns.message == DnsMessage::Response {
        // A double with all its digits, as Zeek writes it.
        out.extend_from_slice(b",\"rtt\":0.0");
        push_padded(out, mixed(nanos) >> 16, 15);
    }
    out.extend_from_slice(b",\"query\":");
    push_string(out, &dns.qname);
    out.extend_from_slice(b",\"qclass\":1,\"qclass_name\":\"C_INTERNET\"");
    if let Some(qtype) = dns.qtype {
        out.extend_from_slice(b",\"qtype\":");
        push_number(out, qtype.into());
        out.extend_from_slice(b",\"qtype_name\":");
        push_mnemonic(out, qtype, common_qtype(qtype), qtype_name);
    }
    let answered = dns.message == DnsMessage::Response;
    if let Some(rcode) = dns.rcode.filter(|_| answered) {
        out.extend_from_slice(b",\"rcode\":");
        push_number(out, rcode.into());
        out.extend_from_slice(b",\"rcode_name\":");
        push_mnemonic(out, rcode, common_rcode(rcode), rcode_name);
    }
    out.extend_from_slice(b",\"AA\":false,\"TC\":false,\"RD\":true,\"RA\":");
    out.extend_from_slice(if answered { b"true" } else { b"false" });
    out.extend_from_slice(b",\"Z\":0");
    if answered && !dns.answers.is_empty() {
        write_answers(mixed(nanos), &dns.answers, out);
    }
    // Zeek's word for a response without any record: also one that says NOERROR.
    let empty = answered && dns.answers.is_empty() && dns.rcode != Some(3);
    out.extend_from_slice(if empty {
        b",\"rejected\":true".as_slice()
    } else {
        b",\"rejected\":false"
    });
}

/// The answers and their times to live, which follow from `bits`.
fn write_answers(bits: u64, answers: &[Answer], out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"answers\":");
    for (index, answer) in answers.iter().enumerate() {
        out.push(if index == 0 { b'[' } else { b',' });
        match answer {
            Answer::Name(name) => push_string(out, name),
            Answer::Address(ip) => {
                out.push(b'"');
                push_ip(out, *ip);
                out.push(b'"');
            }
        }
    }
    out.extend_from_slice(b"],\"TTLs\":");
    for index in 0..answers.len() {
        out.extend_from_slice(if index == 0 { b"[" } else { b"," });
        push_number(out, 1 + (bits >> (index % 4 * 8)) % 3600);
        out.extend_from_slice(b".0");
    }
    out.push(b']');
}

/// The rest of a `conn` row. What is not known is absent.
fn write_conn(flow: &FlowEvent, out: &mut Vec<u8>) {
    push_end(out, "orig", Some(flow.source));
    push_end(out, "resp", Some(flow.destination));
    let (protocol, tcp) = match flow.protocol {
        Some(6) => ("tcp", true),
        Some(17) => ("udp", false),
        Some(1 | 58) => ("icmp", false),
        Some(_) | None => ("unknown_transport", false),
    };
    out.extend_from_slice(b",\"proto\":");
    push_string(out, protocol);
    let (state, history) = match flow.state {
        Some(ConnState::NoReply) => ("S0", if tcp { "S" } else { "D" }),
        Some(ConnState::Refused) => ("REJ", "Sr"),
        Some(ConnState::Established) => ("SF", if tcp { "ShADadFf" } else { "Dd" }),
        Some(ConnState::Other) | None => ("OTH", "Dd"),
    };
    if flow.state == Some(ConnState::Established) {
        out.extend_from_slice(b",\"duration\":1.528024");
    }
    let reverse = flow.reverse.unwrap_or_default();
    push_known(out, "orig_bytes", flow.forward.payload);
    push_known(out, "resp_bytes", reverse.payload);
    out.extend_from_slice(b",\"conn_state\":");
    push_string(out, state);
    out.extend_from_slice(b",\"missed_bytes\":0,\"history\":");
    push_string(out, history);
    push_known(out, "orig_pkts", flow.forward.packets);
    push_known(out, "orig_ip_bytes", flow.forward.bytes);
    push_known(out, "resp_pkts", reverse.packets);
    push_known(out, "resp_ip_bytes", reverse.bytes);
    push_known(out, "ip_proto", flow.protocol.map(u64::from));
}

/// One end as `id.<side>_h` and `id.<side>_p`; Zeek writes port 0 where there is none.
fn push_end(out: &mut Vec<u8>, side: &str, end: Option<Endpoint>) {
    let Some(end) = end else { return };
    out.extend_from_slice(b",\"id.");
    out.extend_from_slice(side.as_bytes());
    out.extend_from_slice(b"_h\":\"");
    push_ip(out, end.ip);
    out.extend_from_slice(b"\",\"id.");
    out.extend_from_slice(side.as_bytes());
    out.extend_from_slice(b"_p\":");
    push_number(out, end.port.unwrap_or(0).into());
}

/// A number field that is absent when it is not known.
fn push_known(out: &mut Vec<u8>, key: &str, number: Option<u64>) {
    if let Some(number) = number {
        out.extend_from_slice(b",\"");
        out.extend_from_slice(key.as_bytes());
        out.extend_from_slice(b"\":");
        push_number(out, number);
    }
}

/// A mnemonic, from `common` if it is one of those, else from `all`, which allocates.
fn push_mnemonic(out: &mut Vec<u8>, number: u16, common: &str, all: fn(u16) -> String) {
    if common.is_empty() {
        push_string(out, &all(number));
    } else {
        push_string(out, common);
    }
}

/// The mnemonic of a record type that makes up most traffic, else nothing.
pub(super) fn common_qtype(qtype: u16) -> &'static str {
    match qtype {
        1 => "A",
        12 => "PTR",
        28 => "AAAA",
        65 => "HTTPS",
        _ => "",
    }
}

/// The mnemonic of a response code that makes up most traffic, else nothing.
pub(super) fn common_rcode(rcode: u16) -> &'static str {
    match rcode {
        0 => "NOERROR",
        2 => "SERVFAIL",
        3 => "NXDOMAIN",
        _ => "",
    }
}

/// A connection id in Zeek's style: `C` and base-62 digits.
fn push_uid(out: &mut Vec<u8>, mut bits: u64) {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    out.push(b'C');
    for _ in 0..16 {
        let digit = usize::try_from(bits % 62).unwrap_or(0);
        out.push(DIGITS[digit]);
        bits = (bits / 62) ^ (bits << 40);
    }
}
