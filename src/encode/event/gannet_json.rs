//! Our own JSON: one `gannet.event.v1` object. What is not known is absent.

use super::text::{push_ip, push_number, push_rfc3339, push_string};
use crate::model::{
    Answer, ConnState, DnsEvent, DnsMessage, DnsSide, Endpoint, Event, EventKind, FlowEvent, Half,
    Initiator, TimeSource, qtype_name, rcode_name,
};

/// Appends one object.
pub(super) fn write(event: &Event, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"schema\":\"gannet.event.v1\"");
    if event.time_source == TimeSource::Event {
        out.extend_from_slice(b",\"time\":\"");
        push_rfc3339(out, event.time.nanos());
        out.push(b'"');
    }
    for (key, text) in [("observer", &event.observer), ("client_hint", &event.hint)] {
        if let Some(text) = text {
            push_key(out, key);
            push_string(out, text);
        }
    }
    push_known(out, "sampling_rate", Some(event.sampling_rate));
    match &event.kind {
        EventKind::Dns(dns) => write_dns(dns, out),
        EventKind::Flow(flow) => write_flow(flow, out),
    }
    out.push(b'}');
}

/// The `dns` object.
fn write_dns(dns: &DnsEvent, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"dns\":{\"message\":");
    push_string(
        out,
        match dns.message {
            DnsMessage::Query => "query",
            DnsMessage::Response => "response",
        },
    );
    push_text(
        out,
        "side",
        match dns.side {
            DnsSide::Client => "client",
            DnsSide::Upstream => "upstream",
        },
    );
    for (key, end) in [("client", dns.client), ("resolver", dns.resolver)] {
        if let Some(end) = end {
            push_end(out, key, end);
        }
    }
    push_text(out, "qname", &dns.qname);
    if let Some(qtype) = dns.qtype {
        push_text(out, "qtype", &qtype_name(qtype));
    }
    if let Some(rcode) = dns.rcode {
        push_text(out, "rcode", &rcode_name(rcode));
    }
    out.extend_from_slice(b",\"answers\":[");
    for (index, answer) in dns.answers.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        match answer {
            Answer::Name(name) => push_string(out, name),
            Answer::Address(ip) => {
                out.push(b'"');
                push_ip(out, *ip);
                out.push(b'"');
            }
        }
    }
    out.extend_from_slice(if dns.blocked {
        b"],\"blocked\":true}".as_slice()
    } else {
        b"],\"blocked\":false}"
    });
}

/// The `flow` object.
fn write_flow(flow: &FlowEvent, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"flow\":{\"initiator\":");
    out.extend_from_slice(match flow.initiator {
        Initiator::Source => b"\"source\"".as_slice(),
        Initiator::Destination => b"\"destination\"",
        Initiator::Unknown => b"null",
    });
    push_end(out, "source", flow.source);
    push_end(out, "destination", flow.destination);
    push_known(out, "protocol", flow.protocol.map(u64::from));
    push_half(out, flow.forward);
    if let Some(reverse) = flow.reverse {
        // Every field brings its comma; the first one needs none.
        out.extend_from_slice(b",\"reverse\":{");
        let from = out.len();
        push_half(out, reverse);
        if out.get(from) == Some(&b',') {
            out.remove(from);
        }
        out.push(b'}');
    } else {
        out.extend_from_slice(b",\"reverse\":null");
    }
    push_known(out, "tcp_flags", flow.tcp_flags.map(u64::from));
    if let Some(state) = flow.state {
        push_text(
            out,
            "state",
            match state {
                ConnState::NoReply => "no_reply",
                ConnState::Refused => "refused",
                ConnState::Established => "established",
                ConnState::Other => "other",
            },
        );
    }
    out.push(b'}');
}

/// The counts of one direction.
fn push_half(out: &mut Vec<u8>, half: Half) {
    push_known(out, "packets", half.packets);
    push_known(out, "bytes", half.bytes);
    push_known(out, "payload_bytes", half.payload);
}

/// One end as an object.
fn push_end(out: &mut Vec<u8>, key: &str, end: Endpoint) {
    push_key(out, key);
    out.extend_from_slice(b"{\"ip\":\"");
    push_ip(out, end.ip);
    out.push(b'"');
    push_known(out, "port", end.port.map(u64::from));
    out.push(b'}');
}

/// A number field, if it is known.
fn push_known(out: &mut Vec<u8>, key: &str, number: Option<u64>) {
    if let Some(number) = number {
        push_key(out, key);
        push_number(out, number);
    }
}

/// A text field.
fn push_text(out: &mut Vec<u8>, key: &str, text: &str) {
    push_key(out, key);
    push_string(out, text);
}

/// `,"key":`
fn push_key(out: &mut Vec<u8>, key: &str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(b"\":");
}
