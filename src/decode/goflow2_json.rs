//! goflow2 flows as JSON: snake case (versions 2 and 3) and the older camel case, which may be
//! mixed in one row; of several values for one field the last counts. Protocols are names or
//! numbers, times numbers or RFC 3339, and addresses are text or, from some products, base64.
//!
//! A row without both addresses (a marker, a flow that is not IP) is rejected.

use std::net::IpAddr;

use serde_json::value::RawValue;

use crate::model::{Endpoint, Event, EventKind, EventTime, FlowEvent, Half, Initiator};

use super::fields::{Members, scalar, text};
use super::json::{self, Meaning, Route, Spot, Text};
use super::text::{TCP, Unit, absent, event_time, has_ports, packed_address, port, protocol, time};
use super::{KeySink, Outcome, Reject};

/// Hands out both ends of every flow.
pub(super) fn keys<'r, S: KeySink<'r>>(route: &mut Route<Field>, record: &'r [u8], sink: &mut S) {
    json::rows(record, route, sink, |mut cursor, route, sink| {
        let mut ends = Ends::default();
        let read = |key: Text<'_>| key.with_plain(Field::of).unwrap_or(Field::None);
        let mut spot = Spot::first(ROW);
        while let Some(field) = cursor.member(route, &mut spot, read)? {
            match field {
                Field::None => cursor.pass(route, spot)?,
                Field::Source => ends.source = cursor.text()?,
                Field::SourcePort => ends.source_port = cursor.scalar()?,
                Field::Destination => ends.destination = cursor.text()?,
                Field::DestinationPort => ends.destination_port = cursor.scalar()?,
                Field::Protocol => ends.protocol = cursor.scalar()?,
            }
        }
        let after = cursor.end()?;
        ends.hand_out(sink).map(|()| (after, Outcome::Event))
    });
}

/// The level of a row, for the route.
const ROW: u8 = 0;

/// The level of the objects in it, of which none is of interest.
const OTHER: u8 = 1;

/// What the key scan keeps of a row.
#[derive(Default)]
struct Ends<'r> {
    source: Option<Text<'r>>,
    source_port: Option<Text<'r>>,
    destination: Option<Text<'r>>,
    destination_port: Option<Text<'r>>,
    protocol: Option<Text<'r>>,
}

/// What a key means to the key scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    /// Nothing.
    None,
    /// The source address.
    Source,
    /// The source port.
    SourcePort,
    /// The destination address.
    Destination,
    /// The destination port.
    DestinationPort,
    /// The transport.
    Protocol,
}

impl Meaning for Field {
    const NOTHING: Self = Self::None;
    const ELSEWHERE: u8 = OTHER;

    fn passing(self) -> Option<u8> {
        (self == Self::None).then_some(0)
    }
}

impl Field {
    /// What `key` means. Looks at the length first: most keys mean nothing.
    #[inline]
    fn of(key: &[u8]) -> Self {
        match key.len() {
            8 if key == b"src_addr" => Self::Source,
            8 if key == b"dst_addr" => Self::Destination,
            8 if key == b"src_port" => Self::SourcePort,
            8 if key == b"dst_port" => Self::DestinationPort,
            7 if key == b"SrcAddr" => Self::Source,
            7 if key == b"DstAddr" => Self::Destination,
            7 if key == b"SrcPort" => Self::SourcePort,
            7 if key == b"DstPort" => Self::DestinationPort,
            5 if key == b"proto" || key == b"Proto" => Self::Protocol,
            _ => Self::None,
        }
    }
}

impl<'r> Ends<'r> {
    /// Hands out both ends.
    fn hand_out<S: KeySink<'r>>(&self, sink: &mut S) -> Result<(), Reject> {
        let address = |text: Option<Text<'_>>| {
            let read = text.ok_or(Reject::Schema)?.with_plain(end_address);
            read.unwrap_or(Err(Reject::BadAddress))
        };
        let source = address(self.source)?;
        let destination = address(self.destination)?;
        let protocol = self.protocol.and_then(|text| text.with_plain(protocol));
        let port = |text: Option<Text<'_>>| {
            let port = text?.with_plain(port).flatten();
            port.filter(|_| has_ports(protocol.flatten()))
        };
        sink.address(source, port(self.source_port));
        sink.address(destination, port(self.destination_port));
        Ok(())
    }
}

/// The address of one end.
///
/// # Errors
/// [`Reject::Schema`] when it is written as absent, [`Reject::BadAddress`] when it is none.
fn end_address(text: &[u8]) -> Result<IpAddr, Reject> {
    if absent(text) {
        return Err(Reject::Schema);
    }
    packed_address(text).ok_or(Reject::BadAddress)
}

/// Decodes one row. Its time is the start of the flow, else when it was received.
///
/// # Errors
/// [`Reject`] says why the row is undecodable.
pub(super) fn event(item: &[u8], record_time: Option<EventTime>) -> Result<Option<Event>, Reject> {
    let members = Members::read(item)?;
    let mut row = Row::default();
    for (key, value) in members.iter() {
        row.note(key, value);
    }
    let flow = row.flow()?;
    let (time, time_source) = event_time(row.time(), record_time)?;
    let sampling_rate = number(&row.sampling_rate).filter(|&rate| rate > 0);
    Ok(Some(Event {
        time,
        time_source,
        observer: row.sampler.as_deref().and_then(observer),
        hint: None,
        sampling_rate: sampling_rate.unwrap_or(1),
        kind: EventKind::Flow(flow),
    }))
}

/// The fields of a row, as written.
#[derive(Default)]
struct Row {
    start_nanos: Option<String>,
    start_millis: Option<String>,
    start_seconds: Option<String>,
    received_nanos: Option<String>,
    received_seconds: Option<String>,
    sampling_rate: Option<String>,
    sampler: Option<String>,
    source: Option<String>,
    source_port: Option<String>,
    destination: Option<String>,
    destination_port: Option<String>,
    protocol: Option<String>,
    bytes: Option<String>,
    packets: Option<String>,
    tcp_flags: Option<String>,
}

impl Row {
    /// Takes over one member; a later one replaces an earlier.
    fn note(&mut self, key: &str, value: &RawValue) {
        match key {
            "src_addr" | "SrcAddr" => self.source = text(value),
            "dst_addr" | "DstAddr" => self.destination = text(value),
            "sampler_address" | "SamplerAddress" => self.sampler = text(value),
            _ => {
                if let Some(field) = self.scalar_field(key) {
                    *field = scalar(value);
                }
            }
        }
    }

    /// The field of a key whose value may be a string or number.
    fn scalar_field(&mut self, key: &str) -> Option<&mut Option<String>> {
        Some(match key {
            "src_port" | "SrcPort" => &mut self.source_port,
            "dst_port" | "DstPort" => &mut self.destination_port,
            "proto" | "Proto" => &mut self.protocol,
            "bytes" | "Bytes" => &mut self.bytes,
            "packets" | "Packets" => &mut self.packets,
            "tcp_flags" | "TcpFlags" | "TCPFlags" => &mut self.tcp_flags,
            "sampling_rate" | "SamplingRate" => &mut self.sampling_rate,
            "time_flow_start_ns" | "TimeFlowStartNs" => &mut self.start_nanos,
            "time_flow_start_ms" | "TimeFlowStartMs" => &mut self.start_millis,
            "time_flow_start" | "TimeFlowStart" => &mut self.start_seconds,
            "time_received_ns" | "TimeReceivedNs" => &mut self.received_nanos,
            "time_received" | "TimeReceived" => &mut self.received_seconds,
            _ => return None,
        })
    }

    /// When the flow started, else when it was received; 0 stands for unknown.
    fn time(&self) -> Option<EventTime> {
        let candidates = [
            (&self.start_nanos, Unit::Nanos),
            (&self.start_millis, Unit::Millis),
            (&self.start_seconds, Unit::Seconds),
            (&self.received_nanos, Unit::Nanos),
            (&self.received_seconds, Unit::Seconds),
        ];
        candidates
            .iter()
            .filter_map(|(text, unit)| time(text.as_deref()?, *unit))
            .find(|time| time.nanos() != 0)
    }

    /// The row as a flow, one way.
    fn flow(&self) -> Result<FlowEvent, Reject> {
        let address =
            |text: &Option<String>| end_address(text.as_deref().ok_or(Reject::Schema)?.as_bytes());
        let source = address(&self.source)?;
        let destination = address(&self.destination)?;
        let protocol = self.protocol.as_deref();
        let protocol = protocol.and_then(|text| super::text::protocol(text.as_bytes()));
        let port = |text: &Option<String>| {
            let port = port(text.as_deref()?.as_bytes());
            port.filter(|_| has_ports(protocol))
        };
        // Versions differ in whether the reserved bits are among the flags.
        let tcp_flags = number(&self.tcp_flags).and_then(|flags| u8::try_from(flags & 0xff).ok());
        Ok(FlowEvent {
            source: Endpoint {
                ip: source,
                port: port(&self.source_port),
            },
            destination: Endpoint {
                ip: destination,
                port: port(&self.destination_port),
            },
            protocol,
            forward: Half {
                packets: number(&self.packets),
                bytes: number(&self.bytes),
                payload: None,
            },
            reverse: None,
            tcp_flags,
            state: None,
            initiator: initiator(protocol, tcp_flags),
        })
    }
}

/// The TCP flag that opens a connection.
const SYN: u8 = 0x02;

/// The TCP flag of everything but the first segment of a connection.
const ACK: u8 = 0x10;

/// Who started the flow: a SYN without ACK comes from whoever does. Both flags together do not
/// tell, as either end sends both in the course of a connection.
fn initiator(protocol: Option<u8>, tcp_flags: Option<u8>) -> Initiator {
    match (protocol, tcp_flags) {
        (Some(TCP), Some(flags)) if flags & (SYN | ACK) == SYN => Initiator::Source,
        _ => Initiator::Unknown,
    }
}

/// The exporter: its address, or what is written in place of one.
fn observer(written: &str) -> Option<String> {
    if absent(written.as_bytes()) {
        return None;
    }
    let address = packed_address(written.as_bytes());
    Some(address.map_or_else(|| written.to_owned(), |address| address.to_string()))
}

/// The number that a field holds.
fn number(text: &Option<String>) -> Option<u64> {
    text.as_deref()?.parse().ok()
}

#[cfg(test)]
mod tests;
