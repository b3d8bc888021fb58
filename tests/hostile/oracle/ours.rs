//! Rows of `gannet.event.v1`. Every fault is collected: which of several is told is no promise.

use gannet::decode::Reject;
use gannet::model::{Answer, Endpoint, qtype_number, rcode_number};

use super::{Judged, Members, Reading, absent, address, name, protocol, scalar, text};
use crate::tree::Tree;

/// What a row says.
pub(super) fn reading(members: &Members) -> Option<Judged> {
    let row = Row(members);
    match row.get("schema").map(text) {
        None | Some(None) => return Some(Err(Reject::Schema)),
        Some(Some("gannet.event.v1")) => {}
        Some(Some(_)) => return Some(Ok(None)),
    }
    let mut faults = Vec::new();
    let found = match (row.get("dns"), row.get("flow")) {
        (Some(Tree::Object(dns)), None) => Row(dns).dns(&mut faults),
        (None, Some(Tree::Object(flow))) => Row(flow).flow(&mut faults),
        _ => return Some(Err(Reject::Schema)),
    };
    for key in ["observer", "client_hint"] {
        row.want(key, |value| text(value).is_some(), &mut faults);
    }
    row.want("sampling_rate", is_number, &mut faults);
    faults.dedup();
    match (found, &faults[..]) {
        (Some(found), []) => Some(Ok(Some(found))),
        (_, [fault]) => Some(Err(*fault)),
        _ => None,
    }
}

/// An object.
struct Row<'r>(&'r Members);

impl<'r> Row<'r> {
    /// A value that is not null.
    fn get(&self, key: &str) -> Option<&'r Tree> {
        let (_, value) = self.0.iter().find(|(name, _)| name == key)?;
        (*value != Tree::Bare("null".to_owned())).then_some(value)
    }

    /// Notes a fault if a value is there and not as it should be.
    fn want(&self, key: &str, fits: impl Fn(&Tree) -> bool, faults: &mut Vec<Reject>) {
        if !self.get(key).is_none_or(fits) {
            faults.push(Reject::Schema);
        }
    }

    /// Notes a fault if a value is there and none of `words`.
    fn want_word(&self, key: &str, words: &[&str], faults: &mut Vec<Reject>) {
        let fits = |value: &Tree| text(value).is_some_and(|text| words.contains(&text));
        self.want(key, fits, faults);
    }

    fn end(&self, key: &str, faults: &mut Vec<Reject>) -> Option<Endpoint> {
        let Tree::Object(members) = self.get(key)? else {
            faults.push(Reject::Schema);
            return None;
        };
        let row = Row(members);
        let port = row.get("port").map(|value| scalar(value)?.parse().ok());
        if port == Some(None) {
            faults.push(Reject::Schema);
        }
        let Some(ip) = row.get("ip").and_then(text) else {
            faults.push(Reject::Schema);
            return None;
        };
        let Some(ip) = address(ip) else {
            faults.push(Reject::BadAddress);
            return None;
        };
        let port = port.flatten().filter(|&port: &u16| port != 0);
        Some(Endpoint { ip, port })
    }

    fn dns(&self, faults: &mut Vec<Reject>) -> Option<Reading> {
        self.want("qname", |value| text(value).is_some(), faults);
        self.want_word("message", &["query", "response"], faults);
        self.want_word("side", &["client", "upstream"], faults);
        self.end("client", faults);
        self.end("resolver", faults);
        let code = |value: &Tree, named: fn(&str) -> Option<u16>| {
            scalar(value).is_some_and(|text| text.parse::<u16>().is_ok() || named(text).is_some())
        };
        self.want("qtype", |value| code(value, qtype_number), faults);
        self.want("rcode", |value| code(value, rcode_number), faults);
        let is_boolean =
            |value: &Tree| matches!(value, Tree::Bare(text) if text == "true" || text == "false");
        self.want("blocked", is_boolean, faults);
        let mut answers = Vec::new();
        match self.get("answers") {
            None => {}
            Some(Tree::List(texts)) if texts.iter().all(|value| text(value).is_some()) => {
                let texts = texts.iter().filter_map(text).filter(|text| !absent(text));
                let answer = |text: &str| {
                    address(text).map_or_else(|| Answer::Name(name(text)), Answer::Address)
                };
                answers.extend(texts.map(answer));
            }
            Some(_) => faults.push(Reject::Schema),
        }
        let qname = self.get("qname").and_then(text).map(name);
        Some(Reading::Dns(qname.unwrap_or_default(), answers))
    }

    fn flow(&self, faults: &mut Vec<Reject>) -> Option<Reading> {
        let states = ["no_reply", "refused", "established", "other"];
        self.want_word("state", &states, faults);
        let initiators = ["source", "destination", "unknown"];
        self.want_word("initiator", &initiators, faults);
        let known = |value: &Tree| scalar(value).and_then(protocol).is_some();
        self.want("protocol", known, faults);
        let flags = |value: &Tree| {
            let number = scalar(value).and_then(|text| text.parse::<u64>().ok());
            number.is_some_and(|number| number <= 255)
        };
        self.want("tcp_flags", flags, faults);
        self.half(faults);
        match self.get("reverse") {
            None => {}
            Some(Tree::Object(members)) => Row(members).half(faults),
            Some(_) => faults.push(Reject::Schema),
        }
        let ends = ["source", "destination"].map(|key| {
            if self.get(key).is_none() {
                faults.push(Reject::Schema);
            }
            self.end(key, faults)
        });
        let [Some(source), Some(destination)] = ends else {
            return None;
        };
        Some(Reading::Flow(source, destination))
    }

    fn half(&self, faults: &mut Vec<Reject>) {
        for key in ["packets", "bytes", "payload_bytes"] {
            self.want(key, is_number, faults);
        }
    }
}

/// Whether a value is a whole number that is not negative.
fn is_number(value: &Tree) -> bool {
    scalar(value).is_some_and(|text| text.parse::<u64>().is_ok())
}
