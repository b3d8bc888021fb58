//! What a row says, read slowly and plainly from its parsed text: the judge of the decoders.
//! Where a row is ambiguous (a key twice, two spellings of one field, several faults) it has no
//! opinion.

use gannet::decode::{JSON_DEPTH_MAX, Reject};
use gannet::model::{Answer, Endpoint, Event, EventFormat, EventKind, unmapped};

use crate::scan::{FORMATS, normal};
use crate::tree::Tree;

mod collector;
mod flows;
mod ours;
mod zeek;

/// What matching needs of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// A DNS transaction.
    Dns(String, Vec<Answer>),
    /// A flow, with its ends.
    Flow(Endpoint, Endpoint),
}

impl Reading {
    /// What a decoder read.
    pub(crate) fn of(event: Event) -> Self {
        match event.kind {
            EventKind::Dns(dns) => Self::Dns(dns.qname, dns.answers),
            EventKind::Flow(flow) => Self::Flow(flow.source, flow.destination),
        }
    }
}

/// What a row is: an event, none of ours, or undecodable.
pub(crate) type Judged = Result<Option<Reading>, Reject>;

/// Members of an object.
type Members = [(String, Tree)];

/// What `item` of a JSON format is, given that its record has a time; `None` where that is
/// ambiguous.
pub(crate) fn reading(format: EventFormat, item: &[u8]) -> Option<Judged> {
    if !FORMATS.contains(&format) {
        return None;
    }
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    if item.iter().all(blank) {
        return Some(Err(Reject::Empty));
    }
    let brackets = item.iter().filter(|byte| matches!(byte, b'[' | b'{'));
    let shallow = brackets.count() <= JSON_DEPTH_MAX;
    let row: Tree = match serde_json::from_slice(item) {
        Ok(row) => row,
        // Numbers of any size are well formed; where exactly nesting became too deep is not told.
        Err(error) if error.to_string().starts_with("number out of range") => return None,
        Err(_) => return shallow.then_some(Err(Reject::NotJson)),
    };
    if depth(&row) > JSON_DEPTH_MAX {
        return Some(Err(Reject::TooDeep));
    }
    if row.repeats() {
        return None;
    }
    let Tree::Object(members) = &row else {
        return Some(Err(Reject::Schema));
    };
    match format {
        EventFormat::ZeekJson => zeek::reading(members),
        EventFormat::DnsCollectorJson => collector::reading(members),
        EventFormat::Goflow2Json => flows::reading(members),
        EventFormat::GannetJson => ours::reading(members),
        _ => None,
    }
}

/// How deep a value is nested.
fn depth(tree: &Tree) -> usize {
    match tree {
        Tree::Bare(_) | Tree::Text(_) => 0,
        Tree::List(elements) => 1 + elements.iter().map(depth).max().unwrap_or(0),
        Tree::Object(members) => {
            1 + members
                .iter()
                .map(|(_, value)| depth(value))
                .max()
                .unwrap_or(0)
        }
    }
}

/// A string.
fn text(tree: &Tree) -> Option<&str> {
    match tree {
        Tree::Text(text) => Some(text),
        Tree::Bare(_) | Tree::List(_) | Tree::Object(_) => None,
    }
}

/// A string, number or boolean, as text.
fn scalar(tree: &Tree) -> Option<&str> {
    match tree {
        Tree::Text(text) => Some(text),
        Tree::Bare(text) if text != "null" => Some(text),
        Tree::Bare(_) | Tree::List(_) | Tree::Object(_) => None,
    }
}

/// An address, unmapped.
fn address(text: &str) -> Option<std::net::IpAddr> {
    text.parse().ok().map(unmapped)
}

/// A name in its normal form, else as it is written.
fn name(text: &str) -> String {
    normal(text.as_bytes()).unwrap_or_else(|| text.to_owned())
}

/// A port; 0 is none.
fn port(text: &str) -> Option<u16> {
    let digits = text.len() <= 5 && text.bytes().all(|byte| byte.is_ascii_digit());
    let port = text.parse().ok().filter(|&port: &u16| port != 0);
    port.filter(|_| digits)
}

/// A protocol by its name or number.
fn protocol(text: &str) -> Option<u8> {
    let number = match text.to_ascii_lowercase().as_str() {
        "tcp" => 6,
        "udp" => 17,
        "icmp" => 1,
        "icmp6" | "icmpv6" | "ipv6-icmp" => 58,
        "igmp" => 2,
        "dccp" => 33,
        "ipv6" => 41,
        "gre" => 47,
        "esp" => 50,
        "ah" => 51,
        "ospf" => 89,
        "pim" => 103,
        "sctp" => 132,
        "udplite" => 136,
        _ => return text.parse().ok(),
    };
    Some(number)
}

/// Whether a protocol has ports; one that is not known keeps them.
fn has_ports(protocol: Option<u8>) -> bool {
    matches!(protocol, None | Some(6 | 17 | 33 | 132 | 136))
}

/// Whether a text stands for nothing.
fn absent(text: &str) -> bool {
    ["", "-", "<nil>"].contains(&text)
}
