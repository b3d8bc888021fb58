//! Zeek rows.

use std::collections::BTreeMap;

use gannet::decode::Reject;
use gannet::model::{Answer, Endpoint, qtype_number};

use super::{Judged, Members, Reading, address, has_ports, name, port, protocol, scalar, text};
use crate::scan::normal;
use crate::tree::Tree;

/// The fields of a row by one spelling of their names.
#[derive(Default)]
struct Row<'r> {
    fields: BTreeMap<&'r str, &'r Tree>,
    /// The log type that wraps it.
    tag: Option<&'static str>,
    /// Whether a field is there twice.
    ambiguous: bool,
}

/// What a row says.
pub(super) fn reading(members: &Members) -> Option<Judged> {
    let mut row = Row::default();
    row.take(members, true);
    if row.ambiguous {
        return None;
    }
    let has = |keys: &[&str]| keys.iter().any(|key| row.fields.contains_key(key));
    let host = |key| row.fields.get(key).and_then(|value| text(value));
    let (source, destination) = (host("orig_h"), host("resp_h"));
    let named = row.fields.get("_path").and_then(|path| text(path)).map(log);
    let told = if has(&["query", "qtype", "rcode", "answers"]) {
        "dns"
    } else if source.is_some()
        && destination.is_some()
        && has(&[
            "conn_state",
            "history",
            "orig_bytes",
            "resp_bytes",
            "orig_pkts",
            "resp_pkts",
            "orig_ip_bytes",
            "resp_ip_bytes",
        ])
    {
        "conn"
    } else {
        ""
    };
    Some(match named.or(row.tag).unwrap_or(told) {
        "dns" => Ok(Some(row.dns())),
        "conn" => match (source, destination) {
            (Some(source), Some(destination)) => row.flow(source, destination).map(Some),
            _ => Err(Reject::Schema),
        },
        _ => Ok(None),
    })
}

/// The log that a path names, without the number of a rotation.
fn log(path: &str) -> &'static str {
    let bare = match path.rsplit_once('-') {
        Some((bare, number))
            if matches!(number.len(), 1 | 2)
                && number.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            bare
        }
        _ => path,
    };
    match bare {
        "dns" => "dns",
        "conn" => "conn",
        _ => "",
    }
}

impl<'r> Row<'r> {
    /// Takes the members of the row, or of what its log type wraps.
    fn take(&mut self, members: &'r Members, root: bool) {
        for (key, value) in members {
            let end = key.strip_prefix("id.").or_else(|| key.strip_prefix("id_"));
            match (key.as_str(), value) {
                ("id", Tree::Object(ends)) => {
                    for (key, value) in ends {
                        self.end(key, value);
                    }
                }
                ("id", _) => {}
                ("@stream", _) => self.set("_path", value),
                (_, Tree::Object(inner)) if root && !log(key).is_empty() => {
                    self.ambiguous |= self.tag.is_some();
                    self.tag = Some(log(key));
                    self.take(inner, false);
                }
                _ => match end {
                    Some(end) => self.end(end, value),
                    None if ENDS.contains(&key.as_str()) => {}
                    None => self.set(key, value),
                },
            }
        }
    }

    /// Takes one field of an end.
    fn end(&mut self, key: &'r str, value: &'r Tree) {
        if ENDS.contains(&key) {
            self.set(key, value);
        }
    }

    fn set(&mut self, key: &'r str, value: &'r Tree) {
        self.ambiguous |= self.fields.insert(key, value).is_some();
    }

    fn scalar(&self, key: &str) -> Option<&str> {
        self.fields.get(key).and_then(|value| scalar(value))
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.fields.get(key).and_then(|value| text(value))
    }

    fn dns(&self) -> Reading {
        let number = self.scalar("qtype").and_then(|text| text.parse().ok());
        let qtype = number.or_else(|| self.text("qtype_name").and_then(qtype_number));
        let texts = matches!(qtype, Some(16 | 99));
        let answers = match self.fields.get("answers") {
            Some(Tree::List(answers)) => &answers[..],
            _ => &[],
        };
        let answer = |text: &str| {
            if let Some(address) = address(text) {
                return Some(Answer::Address(address));
            }
            if texts || text.starts_with("TXT ") || text.starts_with("SPF ") {
                return None;
            }
            normal(text.as_bytes()).map(Answer::Name)
        };
        let answers = answers.iter().filter_map(text).filter_map(answer);
        Reading::Dns(
            self.text("query").map(name).unwrap_or_default(),
            answers.collect(),
        )
    }

    fn flow(&self, source: &str, destination: &str) -> Result<Reading, Reject> {
        let named = self.text("proto").and_then(protocol);
        let protocol = named.or_else(|| self.scalar("ip_proto").and_then(protocol));
        let end = |host, port_key| {
            let port = self.scalar(port_key).and_then(port);
            Ok(Endpoint {
                ip: address(host).ok_or(Reject::BadAddress)?,
                port: port.filter(|_| has_ports(protocol)),
            })
        };
        Ok(Reading::Flow(
            end(source, "orig_p")?,
            end(destination, "resp_p")?,
        ))
    }
}

/// Fields of the two ends.
const ENDS: [&str; 4] = ["orig_h", "orig_p", "resp_h", "resp_p"];
