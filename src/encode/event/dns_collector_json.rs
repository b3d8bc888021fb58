//! DNS-collector's flat JSON, its default in Kafka: one object of dotted keys and a line feed.
//! Ports are strings, and what is missing is `"-"`.

use super::text::{mixed, push_ip, push_number, push_rfc3339, push_string};
use crate::model::{
    Answer, DnsEvent, DnsMessage, DnsSide, Endpoint, Event, EventKind, qtype_name, rcode_name,
};

/// Appends one object; nothing if `event` is a flow.
pub(super) fn write(event: &Event, out: &mut Vec<u8>) {
    let EventKind::Dns(dns) = &event.kind else {
        return;
    };
    let answered = dns.message == DnsMessage::Response;
    write_dns(event.time.nanos(), dns, out);
    write_answers(dns, out);
    out.extend_from_slice(
        b",\"dns.resource-records.ns\":\"-\",\"dns.resource-records.ar\":\"-\",\"dnstap.identity\":",
    );
    push_string(out, event.observer.as_deref().unwrap_or("-"));
    out.extend_from_slice(
        b",\"dnstap.extra\":\"-\",\"dnstap.version\":\"unbound 1.22\",\"dnstap.operation\":\"",
    );
    out.extend_from_slice(match (dns.side, answered) {
        (DnsSide::Client, false) => b"CLIENT_QUERY",
        (DnsSide::Client, true) => b"CLIENT_RESPONSE",
        (DnsSide::Upstream, false) => b"RESOLVER_QUERY",
        (DnsSide::Upstream, true) => b"RESOLVER_RESPONSE",
    });
    out.extend_from_slice(b"\",\"dnstap.timestamp-rfc3339ns\":\"");
    push_rfc3339(out, event.time.nanos());
    out.extend_from_slice(b"\",\"dnstap.latency\":");
    out.extend_from_slice(if answered { b"0.016543" } else { b"0" });
    write_policy(dns, out);
    out.extend_from_slice(
        b",\"dnstap.peer-name\":\"-\",\"dnstap.query-zone\":\"-\",\"edns.udp-size\":1232,\
          \"edns.rcode\":0,\"edns.version\":0,\"edns.dnssec-ok\":0,\"edns.options\":\"-\"}\n",
    );
}

/// The network and question keys.
fn write_dns(nanos: i64, dns: &DnsEvent, out: &mut Vec<u8>) {
    let answered = dns.message == DnsMessage::Response;
    let v6 = dns.client.is_some_and(|client| client.ip.is_ipv6());
    out.extend_from_slice(b"{\"network.family\":\"");
    out.extend_from_slice(if v6 { b"IPv6" } else { b"IPv4" });
    out.extend_from_slice(b"\",\"network.protocol\":\"UDP\"");
    push_end(out, "query", dns.client);
    push_end(out, "response", dns.resolver);
    out.extend_from_slice(
        b",\"network.ip-defragmented\":false,\"network.tcp-reassembled\":false,\"dns.id\":",
    );
    push_number(out, mixed(nanos) & 0xffff);
    out.extend_from_slice(b",\"dns.length\":");
    push_number(out, 33 + dns.qname.len() as u64);
    out.extend_from_slice(b",\"dns.opcode\":0,\"dns.rcode\":");
    match dns.rcode {
        Some(rcode) => push_string(out, &rcode_name(rcode)),
        None => push_string(out, "NOERROR"),
    }
    out.extend_from_slice(b",\"dns.qname\":");
    push_string(
        out,
        if dns.qname.is_empty() {
            "-"
        } else {
            &dns.qname
        },
    );
    out.extend_from_slice(b",\"dns.qclass\":\"IN\",\"dns.qtype\":");
    match dns.qtype {
        Some(qtype) => push_string(out, &qtype_name(qtype)),
        None => push_string(out, "-"),
    }
    out.extend_from_slice(b",\"dns.qdcount\":1,\"dns.ancount\":");
    push_number(out, dns.answers.len() as u64);
    out.extend_from_slice(b",\"dns.nscount\":0,\"dns.arcount\":0,\"dns.flags.qr\":");
    out.extend_from_slice(if answered { b"true" } else { b"false" });
    out.extend_from_slice(
        b",\"dns.flags.tc\":false,\"dns.flags.aa\":false,\"dns.flags.ra\":true,\
          \"dns.flags.ad\":false,\"dns.flags.rd\":true,\"dns.flags.cd\":false,\
          \"dns.malformed-packet\":false",
    );
}

/// One end: its address and its port as a string.
fn push_end(out: &mut Vec<u8>, side: &str, end: Option<Endpoint>) {
    out.extend_from_slice(b",\"network.");
    out.extend_from_slice(side.as_bytes());
    out.extend_from_slice(b"-ip\":\"");
    match end {
        Some(end) => push_ip(out, end.ip),
        None => out.push(b'-'),
    }
    out.extend_from_slice(b"\",\"network.");
    out.extend_from_slice(side.as_bytes());
    out.extend_from_slice(b"-port\":\"");
    match end.and_then(|end| end.port) {
        Some(port) => push_number(out, port.into()),
        None => out.push(b'-'),
    }
    out.push(b'"');
}

/// The answers, each owned by the target of the last name.
fn write_answers(dns: &DnsEvent, out: &mut Vec<u8>) {
    if dns.answers.is_empty() {
        out.extend_from_slice(b",\"dns.resource-records.an\":\"-\"");
        return;
    }
    let mut owner = dns.qname.as_str();
    for (index, answer) in dns.answers.iter().enumerate() {
        push_answer_key(out, index, "name");
        push_string(out, owner);
        push_answer_key(out, index, "rdatatype");
        push_string(
            out,
            match answer {
                Answer::Name(_) => "CNAME",
                Answer::Address(ip) if ip.is_ipv4() => "A",
                Answer::Address(_) => "AAAA",
            },
        );
        push_answer_key(out, index, "class");
        out.extend_from_slice(b"\"IN\"");
        push_answer_key(out, index, "ttl");
        out.extend_from_slice(b"60");
        push_answer_key(out, index, "rdata");
        match answer {
            Answer::Name(name) => {
                push_string(out, name);
                owner = name;
            }
            Answer::Address(ip) => {
                out.push(b'"');
                push_ip(out, *ip);
                out.push(b'"');
            }
        }
    }
}

/// `,"dns.resource-records.an.<index>.<leaf>":`
fn push_answer_key(out: &mut Vec<u8>, index: usize, leaf: &str) {
    out.extend_from_slice(b",\"dns.resource-records.an.");
    push_number(out, index as u64);
    out.push(b'.');
    out.extend_from_slice(leaf.as_bytes());
    out.extend_from_slice(b"\":");
}

/// What the resolver says of its policies.
fn write_policy(dns: &DnsEvent, out: &mut Vec<u8>) {
    out.extend_from_slice(if !dns.blocked {
        b",\"dnstap.policy-rule\":\"-\",\"dnstap.policy-type\":\"-\",\"dnstap.policy-action\":\"-\",\
          \"dnstap.policy-match\":\"-\",\"dnstap.policy-value\":\"-\""
            .as_slice()
    } else if dns.rcode == Some(3) {
        b",\"dnstap.policy-rule\":\"-\",\"dnstap.policy-type\":\"RPZ\",\
          \"dnstap.policy-action\":\"NXDOMAIN\",\"dnstap.policy-match\":\"QNAME\",\
          \"dnstap.policy-value\":\"-\""
    } else {
        b",\"dnstap.policy-rule\":\"-\",\"dnstap.policy-type\":\"RPZ\",\
          \"dnstap.policy-action\":\"LOCAL_DATA\",\"dnstap.policy-match\":\"QNAME\",\
          \"dnstap.policy-value\":\"-\""
    });
}
