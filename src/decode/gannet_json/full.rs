//! The full decoding of a `gannet.event.v1` row.

use serde_json::value::RawValue;

use crate::model::{
    ConnState, DnsEvent, DnsMessage, DnsSide, Endpoint, Event, EventKind, EventTime, FlowEvent,
    Half, Initiator, parse_address, qtype_number, rcode_number,
};

use super::super::fields::{Members, elements, scalar, text};
use super::super::text::{Unit, answer, event_time, name, protocol, time};
use super::{Reject, SCHEMA, port_number};

/// Decodes one row; `None` when it is of another schema.
pub(super) fn event(item: &[u8], record_time: Option<EventTime>) -> Result<Option<Event>, Reject> {
    let row = Members::read(item)?;
    let schema = row.last("schema").and_then(text).ok_or(Reject::Schema)?;
    if schema != SCHEMA {
        return Ok(None);
    }
    let kind = match (row.last("dns"), row.last("flow")) {
        (Some(value), None) => EventKind::Dns(dns(&object(value)?)?),
        (None, Some(value)) => EventKind::Flow(flow(&object(value)?)?),
        (Some(_), Some(_)) | (None, None) => return Err(Reject::Schema),
    };
    let own = row.last("time").and_then(text);
    let own = own.and_then(|text| time(&text, Unit::Seconds));
    let (time, time_source) = event_time(own, record_time)?;
    Ok(Some(Event {
        time,
        time_source,
        observer: optional(&row, "observer", text)?,
        hint: optional(&row, "client_hint", text)?,
        sampling_rate: optional(&row, "sampling_rate", number)?.unwrap_or(1).max(1),
        kind,
    }))
}

/// The DNS event that `members` hold.
fn dns(members: &Members<'_>) -> Result<DnsEvent, Reject> {
    let qname = optional(members, "qname", text)?;
    let answers = optional(members, "answers", texts)?.unwrap_or_default();
    let message = optional(members, "message", |value| match text(value)?.as_str() {
        "query" => Some(DnsMessage::Query),
        "response" => Some(DnsMessage::Response),
        _ => None,
    })?;
    let side = optional(members, "side", |value| match text(value)?.as_str() {
        "client" => Some(DnsSide::Client),
        "upstream" => Some(DnsSide::Upstream),
        _ => None,
    })?;
    Ok(DnsEvent {
        client: endpoint(members, "client")?,
        resolver: endpoint(members, "resolver")?,
        side: side.unwrap_or(DnsSide::Client),
        message: message.unwrap_or(DnsMessage::Response),
        qname: qname.as_deref().map(name).unwrap_or_default(),
        qtype: optional(members, "qtype", |value| code(value, qtype_number))?,
        rcode: optional(members, "rcode", |value| code(value, rcode_number))?,
        answers: answers.iter().filter_map(|text| answer(text)).collect(),
        blocked: optional(members, "blocked", boolean)?.unwrap_or(false),
    })
}

/// The flow that `members` hold.
fn flow(members: &Members<'_>) -> Result<FlowEvent, Reject> {
    let source = endpoint(members, "source")?.ok_or(Reject::Schema)?;
    let destination = endpoint(members, "destination")?.ok_or(Reject::Schema)?;
    let reverse = optional(members, "reverse", Members::of)?;
    let state = optional(members, "state", |value| match text(value)?.as_str() {
        "no_reply" => Some(ConnState::NoReply),
        "refused" => Some(ConnState::Refused),
        "established" => Some(ConnState::Established),
        "other" => Some(ConnState::Other),
        _ => None,
    })?;
    let initiator = optional(members, "initiator", |value| match text(value)?.as_str() {
        "source" => Some(Initiator::Source),
        "destination" => Some(Initiator::Destination),
        "unknown" => Some(Initiator::Unknown),
        _ => None,
    })?;
    let number = |value: &RawValue| number(value).and_then(|number| u8::try_from(number).ok());
    Ok(FlowEvent {
        source,
        destination,
        protocol: optional(members, "protocol", |value| {
            protocol(scalar(value)?.as_bytes())
        })?,
        forward: half(members)?,
        reverse: reverse.as_ref().map(half).transpose()?,
        tcp_flags: optional(members, "tcp_flags", number)?,
        state,
        initiator: initiator.unwrap_or(Initiator::Unknown),
    })
}

/// One direction of a flow.
fn half(members: &Members<'_>) -> Result<Half, Reject> {
    Ok(Half {
        packets: optional(members, "packets", number)?,
        bytes: optional(members, "bytes", number)?,
        payload: optional(members, "payload_bytes", number)?,
    })
}

/// The address and port that `key` holds.
fn endpoint(members: &Members<'_>, key: &str) -> Result<Option<Endpoint>, Reject> {
    let Some(members) = optional(members, key, Members::of)? else {
        return Ok(None);
    };
    let ip = members.last("ip").and_then(text).ok_or(Reject::Schema)?;
    let port = optional(&members, "port", |value| {
        port_number(scalar(value)?.as_bytes())
    })?;
    Ok(Some(Endpoint {
        ip: parse_address(&ip).map_err(|_| Reject::BadAddress)?,
        port: port.filter(|&port| port != 0),
    }))
}

/// What `read` makes of the value of `key`, if that is there and not null.
fn optional<'r, T>(
    members: &Members<'r>,
    key: &str,
    read: impl FnOnce(&'r RawValue) -> Option<T>,
) -> Result<Option<T>, Reject> {
    let value = members.last(key);
    value
        .map(|value| read(value).ok_or(Reject::Schema))
        .transpose()
}

/// The members of a value that must be an object.
fn object(value: &RawValue) -> Result<Members<'_>, Reject> {
    Members::of(value).ok_or(Reject::Schema)
}

/// The strings of a list of nothing else.
fn texts(value: &RawValue) -> Option<Vec<String>> {
    elements(value)?.into_iter().map(text).collect()
}

/// A number that is whole and not negative.
fn number(value: &RawValue) -> Option<u64> {
    scalar(value)?.parse().ok()
}

/// `true` or `false`.
fn boolean(value: &RawValue) -> Option<bool> {
    value.get().parse().ok()
}

/// A code, as a number or as one of the mnemonics that `named` knows.
fn code(value: &RawValue, named: fn(&str) -> Option<u16>) -> Option<u16> {
    let written = scalar(value)?;
    written.parse().ok().or_else(|| named(&written))
}
