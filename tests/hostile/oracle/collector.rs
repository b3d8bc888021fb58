//! DNS-collector rows, nested and flat.

use std::collections::BTreeMap;

use gannet::decode::Reject;
use gannet::model::Answer;

use super::{Judged, Members, Reading, absent, address, name, text};
use crate::tree::Tree;

/// Values by their dotted paths.
type Paths<'r> = BTreeMap<String, Vec<&'r Tree>>;

/// What a row says.
pub(super) fn reading(members: &Members) -> Option<Judged> {
    let mut paths = Paths::new();
    flatten("", members, &mut paths);
    if paths.values().any(|values| values.len() > 1) {
        return None;
    }
    let said = |path: &str| paths.get(path).and_then(|values| text(values[0]));
    let Some(qname) = said("dns.qname") else {
        return Some(Err(Reject::Schema));
    };
    let mut records: BTreeMap<u32, &str> = BTreeMap::new();
    for path in paths.keys() {
        let rest = path.strip_prefix("dns.resource-records.an.");
        let Some((index, _)) = rest.and_then(|rest| rest.split_once('.')) else {
            continue;
        };
        let digits = index.bytes().all(|byte| byte.is_ascii_digit());
        let Some(number) = index.parse().ok().filter(|_| digits) else {
            continue;
        };
        if records
            .insert(number, index)
            .is_some_and(|known| known != index)
        {
            return None;
        }
    }
    let mut answers = Vec::new();
    for index in records.values() {
        let field = |field: &str| said(&format!("dns.resource-records.an.{index}.{field}"));
        let data = field("rdata").unwrap_or_default();
        push(field("rdatatype").unwrap_or_default(), data, &mut answers);
    }
    let qname = if absent(qname) {
        String::new()
    } else {
        name(qname)
    };
    Some(Ok(Some(Reading::Dns(qname, answers))))
}

/// Collects the values of an object by their paths. What is longer than any path of ours is left
/// out.
fn flatten<'r>(before: &str, members: &'r Members, paths: &mut Paths<'r>) {
    for (key, value) in members {
        if before.len().saturating_sub(1) + key.len() < 64 {
            note(format!("{before}{key}"), value, paths);
        }
    }
}

/// Collects a value and all that is in it.
fn note<'r>(path: String, value: &'r Tree, paths: &mut Paths<'r>) {
    match value {
        Tree::Object(members) => flatten(&format!("{path}."), members, paths),
        Tree::List(elements) => {
            for (index, element) in elements.iter().enumerate() {
                note(format!("{path}.{index}"), element, paths);
            }
        }
        Tree::Bare(_) | Tree::Text(_) => {}
    }
    paths.entry(path).or_default().push(value);
}

/// Adds what a record holds.
fn push(kind: &str, data: &str, answers: &mut Vec<Answer>) {
    match kind {
        "A" | "AAAA" => answers.extend(address(data).map(Answer::Address)),
        "CNAME" | "DNAME" if !absent(data) && address(data).is_none() => {
            answers.push(Answer::Name(name(data)));
        }
        "HTTPS" | "SVCB" if data.len() <= 4096 => {
            let words: Vec<&str> = data.split(' ').filter(|word| !word.is_empty()).collect();
            let [priority, target, parameters @ ..] = &words[..] else {
                return;
            };
            if !priority.bytes().all(|byte| byte.is_ascii_digit()) {
                return;
            }
            if *target != "." {
                answers.push(Answer::Name(name(target)));
            }
            for parameter in parameters {
                if let Some(("ipv4hint" | "ipv6hint", hints)) = parameter.split_once('=') {
                    let hints = hints.split([',', '"']).filter_map(address);
                    answers.extend(hints.map(Answer::Address));
                }
            }
        }
        _ => {}
    }
}
