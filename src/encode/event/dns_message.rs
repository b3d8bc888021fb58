//! DNS messages in wire form: one question, and an answer of CNAME, A and AAAA records with
//! compressed names, as a resolver sends it to a client.

use std::net::IpAddr;

use crate::model::{Answer, DnsEvent};

/// The offset of the question name: right behind the header.
const QUESTION_AT: u16 = 12;

/// Time to live of a CNAME and of an address, in seconds.
const TTL_SECONDS: (u32, u32) = (300, 60);

/// Appends the query of `event`.
pub(super) fn write_query(event: &DnsEvent, id: u16, out: &mut Vec<u8>) {
    push_header(out, id, 0x0100, 0);
    push_question(event, out);
}

/// Appends the response of `event`: its answers in order, each owned by the target of the last
/// name. Of a response code only the four bits of the header are written.
pub(super) fn write_response(event: &DnsEvent, id: u16, out: &mut Vec<u8>) {
    let start = out.len();
    let rcode = event.rcode.unwrap_or(0) & 0x0f;
    let answers = u16::try_from(event.answers.len()).unwrap_or(u16::MAX);
    push_header(out, id, 0x8180 | rcode, answers);
    push_question(event, out);
    let mut owner_at = QUESTION_AT;
    for answer in event.answers.iter().take(usize::from(answers)) {
        push_u16(out, 0xc000 | owner_at);
        match answer {
            Answer::Name(target) => {
                push_record_head(out, 5, TTL_SECONDS.0);
                let length_at = out.len();
                push_u16(out, 0);
                let target_at = u16::try_from(out.len() - start).unwrap_or(QUESTION_AT);
                push_compressed(target, &event.qname, out);
                let length = u16::try_from(out.len() - length_at - 2).unwrap_or(0);
                out[length_at..length_at + 2].copy_from_slice(&length.to_be_bytes());
                if target_at < 0x4000 {
                    owner_at = target_at;
                }
            }
            Answer::Address(IpAddr::V4(v4)) => {
                push_record_head(out, 1, TTL_SECONDS.1);
                push_u16(out, 4);
                out.extend_from_slice(&v4.octets());
            }
            Answer::Address(IpAddr::V6(v6)) => {
                push_record_head(out, 28, TTL_SECONDS.1);
                push_u16(out, 16);
                out.extend_from_slice(&v6.octets());
            }
        }
    }
}

/// Appends a big-endian number.
fn push_u16(out: &mut Vec<u8>, number: u16) {
    out.extend_from_slice(&number.to_be_bytes());
}

/// Appends the header of a message with one question.
fn push_header(out: &mut Vec<u8>, id: u16, flags: u16, answers: u16) {
    for word in [id, flags, 1, answers, 0, 0] {
        push_u16(out, word);
    }
}

/// Appends the question; a type that is not known is written as A.
fn push_question(event: &DnsEvent, out: &mut Vec<u8>) {
    push_labels(&event.qname, out);
    out.push(0);
    push_u16(out, event.qtype.unwrap_or(1));
    push_u16(out, 1);
}

/// Appends type, class and time to live of a record.
fn push_record_head(out: &mut Vec<u8>, kind: u16, ttl: u32) {
    push_u16(out, kind);
    push_u16(out, 1);
    out.extend_from_slice(&ttl.to_be_bytes());
}

/// Appends the labels of `name` without the root. An empty label is left out, a label too long
/// is cut: the wire has no form for them.
fn push_labels(name: &str, out: &mut Vec<u8>) {
    for label in name.split('.').filter(|label| !label.is_empty()) {
        let label = label.as_bytes().get(..63).unwrap_or(label.as_bytes());
        out.push(u8::try_from(label.len()).unwrap_or(63));
        out.extend_from_slice(label);
    }
}

/// Appends `name`, ending in a pointer into the question `qname` where they share an ending.
fn push_compressed(name: &str, qname: &str, out: &mut Vec<u8>) {
    let mut rest = name;
    loop {
        if let Some(at) = shared_at(rest, qname) {
            push_labels(&name[..name.len() - rest.len()], out);
            push_u16(out, 0xc000 | at);
            return;
        }
        match rest.split_once('.') {
            Some((_, tail)) if !tail.is_empty() => rest = tail,
            _ => break,
        }
    }
    push_labels(name, out);
    out.push(0);
}

/// Where in the message the question holds `ending` as its last labels. Names with empty
/// labels have no such place, since those are not written.
fn shared_at(ending: &str, qname: &str) -> Option<u16> {
    if ending.is_empty()
        || qname
            .split('.')
            .any(|label| !(1..=63).contains(&label.len()))
    {
        return None;
    }
    let before = qname.strip_suffix(ending)?;
    if !(before.is_empty() || before.ends_with('.')) {
        return None;
    }
    u16::try_from(before.len()).ok()?.checked_add(QUESTION_AT)
}
