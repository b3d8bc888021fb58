//! The full decoding of a Zeek row.

use serde_json::value::RawValue;

use crate::model::{
    Answer, ConnState, DnsEvent, DnsMessage, DnsSide, Endpoint, Event, EventKind, EventTime,
    FlowEvent, Half, Initiator, parse_address, qtype_number, rcode_number,
};

use super::super::fields::{Members, elements, scalar, text};
use super::super::text::{Unit, event_time, has_ports, name, normal_name, port, protocol, time};
use super::{Level, Log, Reject, Signs, is_text};

/// Decodes one row; `None` when it is of another log.
pub(super) fn event(item: &[u8], record_time: Option<EventTime>) -> Result<Option<Event>, Reject> {
    let mut row = Row::default();
    row.read(Level::Root, &Members::read(item)?);
    let ends = row.source.host.is_some() && row.destination.host.is_some();
    let kind = match row.signs.log(ends) {
        Log::Dns => EventKind::Dns(row.dns()),
        Log::Conn => EventKind::Flow(row.flow()?),
        Log::Other => return Ok(None),
    };
    let own = row
        .time
        .as_deref()
        .and_then(|text| time(text, Unit::SecondsOrMillis));
    let (time, time_source) = event_time(own, record_time)?;
    let hint = match kind {
        EventKind::Dns(_) => row.source.unreadable(),
        EventKind::Flow(_) => None,
    };
    Ok(Some(Event {
        time,
        time_source,
        observer: row.system.or(row.peer),
        hint,
        sampling_rate: 1,
        kind,
    }))
}

/// The fields of a row, as written.
#[derive(Default)]
struct Row {
    signs: Signs,
    time: Option<String>,
    system: Option<String>,
    peer: Option<String>,
    source: End,
    destination: End,
    protocol: Option<String>,
    protocol_number: Option<String>,
    query: Option<String>,
    qtype: Option<String>,
    qtype_name: Option<String>,
    rcode: Option<String>,
    rcode_name: Option<String>,
    answers: Option<Vec<String>>,
    state: Option<String>,
    forward: Counts,
    reverse: Counts,
}

/// One end of a transaction or connection, as written.
#[derive(Default)]
struct End {
    host: Option<String>,
    port: Option<String>,
}

/// What went one way, as written.
#[derive(Default)]
struct Counts {
    packets: Option<String>,
    bytes: Option<String>,
    payload: Option<String>,
}

impl Row {
    /// Takes over all members of an object at `level`; a later one replaces an earlier.
    fn read(&mut self, level: Level, members: &Members<'_>) {
        for (key, value) in members.iter() {
            self.note(level, key, value);
        }
    }

    /// Takes over one member.
    fn note(&mut self, level: Level, key: &str, value: &RawValue) {
        if level == Level::Id {
            return self.note_id(key, value);
        }
        match key {
            "_path" | "@stream" => {
                self.signs.named = text(value).map(|path| Log::from_path(path.as_bytes()));
            }
            "query" | "qtype" | "rcode" | "answers" => {
                self.signs.dns = true;
                self.note_dns(key, value);
            }
            "conn_state" | "history" | "orig_bytes" | "resp_bytes" | "orig_pkts" | "resp_pkts"
            | "orig_ip_bytes" | "resp_ip_bytes" => {
                self.signs.conn = true;
                self.note_conn(key, value);
            }
            "ts" => self.time = scalar(value),
            "_system_name" | "@system" => self.system = text(value),
            "peer" => self.peer = text(value),
            "proto" => self.protocol = text(value),
            "ip_proto" => self.protocol_number = scalar(value),
            "qtype_name" => self.qtype_name = text(value),
            "rcode_name" => self.rcode_name = text(value),
            "id" => {
                if let Some(members) = Members::of(value) {
                    self.read(Level::Id, &members);
                }
            }
            _ => match key.strip_prefix("id.").or_else(|| key.strip_prefix("id_")) {
                Some(key) => self.note_id(key, value),
                None if level == Level::Root => self.note_tagged(key, value),
                None => {}
            },
        }
    }

    /// Takes over an object that its log type wraps.
    fn note_tagged(&mut self, key: &str, value: &RawValue) {
        let log = Log::from_path(key.as_bytes());
        if let (Log::Dns | Log::Conn, Some(members)) = (log, Members::of(value)) {
            self.read(Level::Tagged, &members);
            self.signs.tag = Some(log);
        }
    }

    /// Takes over one member of `id`.
    fn note_id(&mut self, key: &str, value: &RawValue) {
        match key {
            "orig_h" => self.source.host = text(value),
            "orig_p" => self.source.port = scalar(value),
            "resp_h" => self.destination.host = text(value),
            "resp_p" => self.destination.port = scalar(value),
            _ => {}
        }
    }

    /// Takes over one field that only `dns` rows have.
    fn note_dns(&mut self, key: &str, value: &RawValue) {
        match key {
            "query" => self.query = text(value),
            "qtype" => self.qtype = scalar(value),
            "rcode" => self.rcode = scalar(value),
            _ => {
                let texts = |list: Vec<&RawValue>| list.into_iter().filter_map(text).collect();
                self.answers = elements(value).map(texts);
            }
        }
    }

    /// Takes over one field that only `conn` rows have.
    fn note_conn(&mut self, key: &str, value: &RawValue) {
        let field = match key {
            "conn_state" => &mut self.state,
            "orig_pkts" => &mut self.forward.packets,
            "orig_ip_bytes" => &mut self.forward.bytes,
            "orig_bytes" => &mut self.forward.payload,
            "resp_pkts" => &mut self.reverse.packets,
            "resp_ip_bytes" => &mut self.reverse.bytes,
            "resp_bytes" => &mut self.reverse.payload,
            _ => return,
        };
        *field = scalar(value);
    }

    /// The row as a DNS transaction. A row without a query is one too; it matches by its
    /// answers only.
    fn dns(&self) -> DnsEvent {
        let number = |text: &Option<String>| text.as_deref().and_then(|text| text.parse().ok());
        let qtype =
            number(&self.qtype).or_else(|| self.qtype_name.as_deref().and_then(qtype_number));
        let rcode =
            number(&self.rcode).or_else(|| self.rcode_name.as_deref().and_then(rcode_number));
        let message = if rcode.is_some() || self.answers.is_some() {
            DnsMessage::Response
        } else {
            DnsMessage::Query
        };
        let answers = self.answers.iter().flatten();
        DnsEvent {
            client: self.source.endpoint(None),
            resolver: self.destination.endpoint(None),
            side: DnsSide::Client,
            message,
            qname: self.query.as_deref().map(name).unwrap_or_default(),
            qtype,
            rcode,
            answers: answers.filter_map(|text| answer(text, qtype)).collect(),
            blocked: false,
        }
    }

    /// The row as a flow from originator to responder; a `^` in its history means that Zeek
    /// has already put them the right way round.
    fn flow(&self) -> Result<FlowEvent, Reject> {
        if self.source.host.is_none() || self.destination.host.is_none() {
            return Err(Reject::Schema);
        }
        let written = self
            .protocol
            .as_deref()
            .and_then(|text| protocol(text.as_bytes()));
        let number = || {
            self.protocol_number
                .as_deref()
                .and_then(|text| protocol(text.as_bytes()))
        };
        let written = written.or_else(number);
        let source = self.source.endpoint(written).ok_or(Reject::BadAddress)?;
        let destination = self
            .destination
            .endpoint(written)
            .ok_or(Reject::BadAddress)?;
        // Zeek says `icmp` for both families.
        let protocol = match written {
            Some(ICMP) if source.ip.is_ipv6() => Some(ICMP6),
            other => other,
        };
        let reverse = self.reverse.half();
        Ok(FlowEvent {
            source,
            destination,
            protocol,
            forward: self.forward.half(),
            reverse: (reverse != Half::default()).then_some(reverse),
            tcp_flags: None,
            state: self.state.as_deref().map(conn_state),
            initiator: Initiator::Source,
        })
    }
}

impl End {
    /// The end, if its address is one, with its port if `protocol` has ports.
    fn endpoint(&self, protocol: Option<u8>) -> Option<Endpoint> {
        let written = self.port.as_deref();
        Some(Endpoint {
            ip: parse_address(self.host.as_deref()?).ok()?,
            port: written
                .and_then(|text| port(text.as_bytes()))
                .filter(|_| has_ports(protocol)),
        })
    }

    /// What stands in place of an address when it was masked or hashed away.
    fn unreadable(&self) -> Option<String> {
        let host = self.host.as_deref()?;
        let written = !super::text::absent(host.as_bytes()) && parse_address(host).is_err();
        written.then(|| host.to_owned())
    }
}

impl Counts {
    /// The numbers that can be read.
    fn half(&self) -> Half {
        let number = |text: &Option<String>| text.as_deref().and_then(|text| text.parse().ok());
        Half {
            packets: number(&self.packets),
            bytes: number(&self.bytes),
            payload: number(&self.payload),
        }
    }
}

/// The protocol numbers of ICMP and ICMPv6.
const ICMP: u8 = 1;
/// See [`ICMP`].
const ICMP6: u8 = 58;

/// The record types whose answers are texts.
const TEXT_TYPES: [u16; 2] = [16, 99];

/// One element of `answers`: an address, else a name if it can be one. Texts are not matched.
fn answer(text: &str, qtype: Option<u16>) -> Option<Answer> {
    if let Ok(address) = parse_address(text) {
        return Some(Answer::Address(address));
    }
    if is_text(text.as_bytes()) || qtype.is_some_and(|qtype| TEXT_TYPES.contains(&qtype)) {
        return None;
    }
    normal_name(text).map(Answer::Name)
}

/// What `conn_state` says.
fn conn_state(state: &str) -> ConnState {
    match state {
        "S0" => ConnState::NoReply,
        "REJ" => ConnState::Refused,
        "S1" | "S2" | "S3" | "SF" | "RSTO" | "RSTR" => ConnState::Established,
        _ => ConnState::Other,
    }
}
