//! goflow2 `FlowMessage`s: one bare message a record, or one or several with a length prefix
//! each, and the field numbers of its first major version as well as of the later ones.
//!
//! # Bare or prefixed
//! goflow2 writes the prefix into Kafka too, other producers do not. [`keys`] decides by record:
//!
//! 1. A record that begins `08 00` to `08 07` is bare: that is the field `type`, first in
//!    every message whose type is known. Read as a prefix it would announce a message that begins
//!    with field 0, which there is not.
//! 2. A record that splits exactly into prefixed messages, each beginning like a message, is
//!    prefixed if the first of them begins `08 00` to `08 07`, too.
//! 3. If it does not (the type is left out), the record is prefixed, unless its first message
//!    is no flow with two addresses while the record as one message is.
//! 4. Every other record is bare.

use crate::decode::places::{Places, Wanted};
use crate::decode::wire::{Broken, Fields, address, begins_message, bytes_tag, port, varint_tag};
use crate::decode::{ITEMS_MAX, Item, KeySink, Outcome, Reject};
use crate::model::{Endpoint, Event, EventKind, EventTime, FlowEvent, Half, Initiator, TimeSource};

/// Hands the keys of the items of `record` to `sink`; an item's bytes are one message without
/// its prefix. Linear; allocates nothing.
pub(super) fn keys<'r, S: KeySink<'r>>(record: &'r [u8], sink: &mut S) {
    if record.is_empty() {
        let outcome = Outcome::Rejected(Reject::Empty);
        return sink.end(Item {
            bytes: record,
            outcome,
        });
    }
    // What nearly all records are: rule 2 with a single message.
    let mut fields = Fields::new(record);
    if let Ok(message) = fields.bytes()
        && fields.rest().is_empty()
        && begins_with_type(message)
        && !begins_with_type(record)
    {
        return item_keys(message, sink);
    }
    match framing(record) {
        Framing::Bare => item_keys(record, sink),
        Framing::Prefixed => {
            for (index, message) in prefixed(record).enumerate() {
                if index == ITEMS_MAX {
                    let outcome = Outcome::Rejected(Reject::TooMany);
                    return sink.end(Item {
                        bytes: message,
                        outcome,
                    });
                }
                item_keys(message, sink);
            }
        }
    }
}

/// Decodes an item (one message without its prefix) whole; none for what is not an event of
/// ours. An item without a time of its own takes `record_time`.
///
/// # Errors
/// The [`Reject`] that says why the item is undecodable.
pub(super) fn event(item: &[u8], record_time: Option<EventTime>) -> Result<Option<Event>, Reject> {
    if item.is_empty() {
        return Err(Reject::Empty);
    }
    let mut places = Places::new(item);
    let message = Message::read(&mut places).map_err(|_| Reject::NotProtobuf)?;
    let Some((source, destination)) = message.ends()? else {
        return Ok(None);
    };
    let (time, time_source) = match (message.time(), record_time) {
        (Some(time), _) => (time, TimeSource::Event),
        (None, Some(time)) => (time, TimeSource::Record),
        (None, None) => return Err(Reject::NoTime),
    };
    Ok(Some(Event {
        time,
        time_source,
        observer: address(message.bytes(Field::Sampler)).map(|sampler| sampler.to_string()),
        hint: None,
        sampling_rate: message.number(Field::SamplingRate).max(1),
        kind: EventKind::Flow(FlowEvent {
            source,
            destination,
            protocol: u8::try_from(message.number(Field::Proto))
                .ok()
                .filter(|proto| *proto != 0),
            forward: Half {
                packets: known(message.number(Field::Packets)),
                bytes: known(message.number(Field::Bytes)),
                payload: None,
            },
            reverse: None,
            tcp_flags: message.tcp_flags(),
            state: None,
            initiator: message.initiator(),
        }),
    }))
}

/// How the messages of a record lie in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    /// The record is one message.
    Bare,
    /// The record is one or several messages, each after its length.
    Prefixed,
}

/// Decides how the messages of `record` lie in it, by the rules at the top of this file.
fn framing(record: &[u8]) -> Framing {
    if begins_with_type(record) || !splits(record) {
        return Framing::Bare;
    }
    let Some(first) = prefixed(record).next() else {
        return Framing::Bare;
    };
    if begins_with_type(first) || is_flow(first) || !is_flow(record) {
        Framing::Prefixed
    } else {
        Framing::Bare
    }
}

/// Whether `message` begins with the field `type`, of a value that there is.
fn begins_with_type(message: &[u8]) -> bool {
    matches!(message, [0x08, 0..=7, ..])
}

/// Whether `record` is nothing but prefixed messages, each beginning like a message.
fn splits(record: &[u8]) -> bool {
    let mut fields = Fields::new(record);
    while !fields.rest().is_empty() {
        match fields.bytes() {
            Ok([first, ..]) if begins_message(*first) => {}
            Ok(_) | Err(Broken) => return false,
        }
    }
    true
}

/// The messages of a record that splits.
fn prefixed(record: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut fields = Fields::new(record);
    std::iter::from_fn(move || fields.bytes().ok())
}

/// Whether `message` is a flow with two addresses.
fn is_flow(message: &[u8]) -> bool {
    Message::read(&mut Places::new(message))
        .is_ok_and(|message| matches!(message.ends(), Ok(Some(_))))
}

/// Hands the keys of one message to `sink`.
fn item_keys<'r, S: KeySink<'r>>(message: &'r [u8], sink: &mut S) {
    let ends = match Message::read(&mut Places::new(message)) {
        Ok(read) => read.ends(),
        Err(Broken) => Err(Reject::NotProtobuf),
    };
    let outcome = match ends {
        Ok(Some((source, destination))) => {
            sink.address(source.ip, source.port);
            sink.address(destination.ip, destination.port);
            Outcome::Event
        }
        Ok(None) => Outcome::Ignored,
        Err(reject) => Outcome::Rejected(reject),
    };
    sink.end(Item {
        bytes: message,
        outcome,
    });
}

/// A count; none for 0, which stands for unknown.
fn known(count: u64) -> Option<u64> {
    Some(count).filter(|count| *count != 0)
}

/// The fields of `FlowMessage` that an event needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    /// `time_received` of version 1, in seconds.
    ReceivedSec,
    /// `sampling_rate`.
    SamplingRate,
    /// `src_addr`.
    Source,
    /// `dst_addr`.
    Destination,
    /// `bytes`.
    Bytes,
    /// `packets`.
    Packets,
    /// `sampler_address`.
    Sampler,
    /// `proto`.
    Proto,
    /// `src_port`.
    SourcePort,
    /// `dst_port`.
    DestinationPort,
    /// `tcp_flags`.
    TcpFlags,
    /// `etype`.
    Ethertype,
    /// Field 38: `time_flow_start` of version 1, in seconds; `ip_flags` of later versions.
    StartSecOrFlags,
    /// `time_flow_start_ms` of version 1.
    StartMs,
    /// `time_received_ns` of later versions.
    ReceivedNs,
    /// `time_flow_start_ns` of later versions.
    StartNs,
}

/// The tags of all [`Field`]s, in their order.
static FIELDS: Wanted = Wanted::of(&[
    varint_tag(2),
    varint_tag(3),
    bytes_tag(6),
    bytes_tag(7),
    varint_tag(9),
    varint_tag(10),
    bytes_tag(11),
    varint_tag(20),
    varint_tag(21),
    varint_tag(22),
    varint_tag(26),
    varint_tag(30),
    varint_tag(38),
    varint_tag(63),
    varint_tag(110),
    varint_tag(111),
]);

/// A `FlowMessage`, whose values are read when they are asked for.
#[derive(Debug)]
struct Message<'p, 'm>(&'p Places<'m>);

impl<'p, 'm> Message<'p, 'm> {
    /// Finds the fields in the message of `places`. Of a field that is there twice the last one counts; unknown
    /// ones are passed over whatever their type, 104 to 106 among them, which changed it.
    #[inline]
    fn read(places: &'p mut Places<'m>) -> Result<Self, Broken> {
        FIELDS.find(places)?;
        Ok(Self(places))
    }

    /// A number; 0 if it is absent.
    #[inline]
    fn number(&self, field: Field) -> u64 {
        self.0.varint(field as usize)
    }

    /// Bytes; none if they are absent.
    #[inline]
    fn bytes(&self, field: Field) -> &'m [u8] {
        self.0.bytes(field as usize)
    }

    /// Source and destination; none if the message says that it is not about IP.
    #[inline]
    fn ends(&self) -> Result<Option<(Endpoint, Endpoint)>, Reject> {
        let (source, destination) = (self.bytes(Field::Source), self.bytes(Field::Destination));
        if source.is_empty() || destination.is_empty() {
            let bare = source.is_empty() && destination.is_empty();
            return if bare && !self.may_be_ip() {
                Ok(None)
            } else {
                Err(Reject::Schema)
            };
        }
        let source = address(source).ok_or(Reject::BadAddress)?;
        let destination = address(destination).ok_or(Reject::BadAddress)?;
        let has_ports = !self.is_icmp();
        let end = |ip, port_field| Endpoint {
            ip,
            port: port(self.number(port_field)).filter(|_| has_ports),
        };
        Ok(Some((
            end(source, Field::SourcePort),
            end(destination, Field::DestinationPort),
        )))
    }

    /// Whether the message may be about IP, by its ethertype.
    fn may_be_ip(&self) -> bool {
        const NOT_SAID: u64 = 0;
        const IPV4: u64 = 0x0800;
        const IPV6: u64 = 0x86dd;
        matches!(self.number(Field::Ethertype), NOT_SAID | IPV4 | IPV6)
    }

    /// Whether the ports, if any, are none: ICMP types and codes come in their place.
    #[inline]
    fn is_icmp(&self) -> bool {
        matches!(self.number(Field::Proto), 1 | 58)
    }

    /// When the flow began, else when it was received. Field 2 tells version 1 from the later
    /// ones, unless field 110 speaks for these.
    fn time(&self) -> Option<EventTime> {
        let of = |field, unit_ns| instant(self.number(field), unit_ns);
        if self.number(Field::ReceivedNs) == 0 && self.number(Field::ReceivedSec) != 0 {
            return of(Field::StartMs, 1_000_000)
                .or_else(|| of(Field::StartSecOrFlags, 1_000_000_000))
                .or_else(|| of(Field::ReceivedSec, 1_000_000_000));
        }
        of(Field::StartNs, 1).or_else(|| of(Field::ReceivedNs, 1))
    }

    /// The low eight TCP flags; none for other protocols and when there are none.
    fn tcp_flags(&self) -> Option<u8> {
        let flags = u8::try_from(self.number(Field::TcpFlags) & 0xff).ok()?;
        (self.number(Field::Proto) == 6 && flags != 0).then_some(flags)
    }

    /// Who started it: a SYN without an ACK comes from who did.
    fn initiator(&self) -> Initiator {
        const SYN: u8 = 0x02;
        const ACK: u8 = 0x10;
        match self.tcp_flags() {
            Some(flags) if flags & (SYN | ACK) == SYN => Initiator::Source,
            Some(_) | None => Initiator::Unknown,
        }
    }
}

/// The instant of `count` units of `unit_ns` nanoseconds; none for 0 and beyond the range.
fn instant(count: u64, unit_ns: i64) -> Option<EventTime> {
    let nanos = i64::try_from(count).ok()?.checked_mul(unit_ns)?;
    (nanos != 0).then(|| EventTime::from_nanos(nanos))
}

#[cfg(test)]
mod tests;
