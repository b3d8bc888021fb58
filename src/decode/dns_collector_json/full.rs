//! The full decoding of a DNS-collector row: both forms are brought to one list of dotted
//! paths, from which the event is built.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::model::{
    Answer, DnsEvent, DnsMessage, DnsSide, Endpoint, Event, EventKind, EventTime, parse_address,
    qtype_number, rcode_number,
};

use super::super::dns::{ERROR_OPTION, is_blocking};
use super::super::fields::{Members, elements, scalar, text};
use super::super::text::{Unit, absent, event_time, name, port, time};
use super::Reject;
use super::rdata::{Part, service};

/// Decodes one row.
pub(super) fn event(item: &[u8], record_time: Option<EventTime>) -> Result<Option<Event>, Reject> {
    let mut row = Row::default();
    row.read(None, &Members::read(item)?);
    let qname = row.texts.get("dns.qname").cloned().flatten();
    let qname = qname.ok_or(Reject::Schema)?;
    let own = row
        .said("dnstap.timestamp-rfc3339ns")
        .and_then(|text| time(text, Unit::Seconds));
    let (time, time_source) = event_time(own, record_time)?;
    let client = row.said("network.query-ip");
    let masked = client.filter(|text| parse_address(text).is_err());
    let hint = row
        .said("powerdns.requestor-id")
        .or_else(|| row.said("powerdns.device-id"))
        .or(masked);
    let sampling_rate = row
        .said("filtering.sample-rate")
        .and_then(|text| text.parse().ok());
    Ok(Some(Event {
        time,
        time_source,
        observer: row.said("dnstap.identity").map(str::to_owned),
        hint: hint.map(str::to_owned),
        sampling_rate: sampling_rate.unwrap_or(1).max(1),
        kind: EventKind::Dns(row.dns(&qname)),
    }))
}

/// Most bytes of a path that can be one of ours.
const PATH_LEN_MAX: usize = 64;

/// The scalars of a row by their paths, the last of each.
#[derive(Default)]
struct Row {
    /// Strings, numbers and booleans as text; `None` for null, lists and objects.
    scalars: BTreeMap<String, Option<String>>,
    /// Strings alone; `None` for anything else.
    texts: BTreeMap<String, Option<String>>,
}

impl Row {
    /// Takes over all members of an object at `path`; the row itself has none.
    fn read(&mut self, path: Option<&str>, members: &Members<'_>) {
        for (key, value) in members.iter() {
            if path.unwrap_or_default().len() + key.len() < PATH_LEN_MAX {
                let path = path.map_or_else(|| key.to_owned(), |path| format!("{path}.{key}"));
                self.note(path, value);
            }
        }
    }

    /// Takes over the value at `path` and all that is in it.
    fn note(&mut self, path: String, value: &RawValue) {
        if let Some(members) = Members::of(value) {
            self.read(Some(&path), &members);
        } else if let Some(elements) = elements(value) {
            for (index, element) in elements.into_iter().enumerate() {
                self.note(format!("{path}.{index}"), element);
            }
        }
        self.texts.insert(path.clone(), text(value));
        self.scalars.insert(path, scalar(value));
    }

    /// What the row says at `path`, unless that stands for nothing.
    fn said(&self, path: &str) -> Option<&str> {
        let text = self.scalars.get(path)?.as_deref()?;
        (!absent(text.as_bytes())).then_some(text)
    }

    /// The row as a DNS event.
    fn dns(&self, qname: &str) -> DnsEvent {
        let qname = if absent(qname.as_bytes()) { "" } else { qname };
        let operation = self.said("dnstap.operation").unwrap_or_default();
        let answers = self.answers();
        let message = self.message(operation, !answers.is_empty());
        let answered = message == DnsMessage::Response;
        DnsEvent {
            client: self.endpoint("network.query-ip", "network.query-port"),
            resolver: self.endpoint("network.response-ip", "network.response-port"),
            side: side(operation),
            message,
            qname: name(qname),
            qtype: self
                .said("dns.qtype")
                .and_then(|text| code(text, qtype_number)),
            rcode: self
                .said("dns.rcode")
                .and_then(|text| code(text, rcode_number)),
            answers,
            blocked: self.blocked() || (answered && self.says_blocked()),
        }
    }

    /// The address and port at two paths. A masked or hashed address is none.
    fn endpoint(&self, address_path: &str, port_path: &str) -> Option<Endpoint> {
        Some(Endpoint {
            ip: parse_address(self.said(address_path)?).ok()?,
            port: self.said(port_path).and_then(|text| port(text.as_bytes())),
        })
    }

    /// Which half the message is: what its own flag says, else the operation, else whether it
    /// has answers.
    fn message(&self, operation: &str, answered: bool) -> DnsMessage {
        let flag = self
            .said("dns.flags.qr")
            .or_else(|| self.said("dns.qr"))
            .or_else(|| self.said("dns.type"));
        let response = match flag.map(str::to_ascii_lowercase).as_deref() {
            Some("true" | "r" | "reply" | "response") => true,
            Some("false" | "q" | "query") => false,
            _ if operation.ends_with("_RESPONSE") => true,
            _ if operation.ends_with("_QUERY") => false,
            _ => match operation {
                "CR" | "RR" | "FR" | "SR" | "TR" | "AR" => true,
                "CQ" | "RQ" | "FQ" | "SQ" | "TQ" | "AQ" => false,
                _ => answered,
            },
        };
        if response {
            DnsMessage::Response
        } else {
            DnsMessage::Query
        }
    }

    /// Whether a policy of the resolver changed the answer.
    fn blocked(&self) -> bool {
        let action = self.said("dnstap.policy-action");
        let policy = self.said("powerdns.applied-policy");
        // A named policy that let the query pass says so in its kind.
        let kind = self.said("powerdns.applied-policy-kind");
        action.is_some_and(|action| !passes(action))
            || policy.is_some_and(|policy| !passes(policy) && !kind.is_some_and(passes))
    }

    /// Whether an extended error beside the answer says that a policy took it away or changed it.
    fn says_blocked(&self) -> bool {
        self.texts.iter().any(|(path, data)| {
            let option = path.strip_suffix(".data");
            let option = option.filter(|option| option.starts_with(OPTIONS));
            let (Some(option), Some(data)) = (option, data) else {
                return false;
            };
            let is_error = match self.said(&format!("{option}.code")) {
                Some(code) => code.parse() == Ok(ERROR_OPTION),
                None => self.said(&format!("{option}.name")) == Some(ERROR_NAME),
            };
            is_error && error(data).is_some_and(is_blocking)
        })
    }

    /// What the answers hold that can be matched, in order.
    fn answers(&self) -> Vec<Answer> {
        let mut records: BTreeMap<u32, (&str, &str)> = BTreeMap::new();
        for (path, value) in &self.texts {
            let Some(rest) = path.strip_prefix(ANSWERS) else {
                continue;
            };
            let (Some((index, field)), Some(value)) = (rest.split_once('.'), value) else {
                continue;
            };
            let digits = !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit());
            let (true, Ok(index)) = (digits, index.parse()) else {
                continue;
            };
            let record = records.entry(index).or_default();
            match field {
                "rdatatype" => record.0 = value,
                "rdata" => record.1 = value,
                _ => {}
            }
        }
        let mut answers = Vec::new();
        for (kind, data) in records.into_values() {
            push_answers(kind, data, &mut answers);
        }
        answers
    }
}

/// The path of the answers.
const ANSWERS: &str = "dns.resource-records.an.";

/// The path of what a message carries beside its records (EDNS).
const OPTIONS: &str = "edns.options.";

/// What an option with an extended error is called.
const ERROR_NAME: &str = "ERRORS";

/// The code of an extended error, with which its text begins: `15 Blocked rpz`.
fn error(data: &str) -> Option<u16> {
    let (code, _) = data.split_once(' ').unwrap_or((data, ""));
    code.parse().ok()
}

/// Adds what a record of type `kind` holds that can be matched.
fn push_answers(kind: &str, data: &str, answers: &mut Vec<Answer>) {
    match kind {
        "A" | "AAAA" => answers.extend(parse_address(data).map(Answer::Address)),
        "CNAME" | "DNAME" if !absent(data.as_bytes()) && parse_address(data).is_err() => {
            answers.push(Answer::Name(name(data)));
        }
        "HTTPS" | "SVCB" => service(data.as_bytes(), |part| {
            answers.push(match part {
                Part::Target(target) => Answer::Name(name(&String::from_utf8_lossy(target))),
                Part::Hint(address) => Answer::Address(address),
            });
        }),
        _ => {}
    }
}

/// Between whom a message went. Only clients, stubs and tools speak for a client; what is not
/// known is taken to be a client's.
fn side(operation: &str) -> DnsSide {
    let upstream = ["RESOLVER_", "AUTH_", "FORWARDER_"];
    let short = ["RQ", "RR", "FQ", "FR", "AQ", "AR"];
    if upstream.iter().any(|prefix| operation.starts_with(prefix)) || short.contains(&operation) {
        DnsSide::Upstream
    } else {
        DnsSide::Client
    }
}

/// Whether a policy's action let the query pass.
fn passes(action: &str) -> bool {
    let known = ["pass", "passthru", "noaction", "none"];
    known.contains(&action.to_ascii_lowercase().as_str())
}

/// A code, as a number or as one of the mnemonics that `named` knows.
fn code(text: &str, named: fn(&str) -> Option<u16>) -> Option<u16> {
    text.parse().ok().or_else(|| named(text))
}
