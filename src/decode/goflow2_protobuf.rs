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

use crate::decode::wire::{
    Broken, Fields, Known, address, begins_message, bytes_tag, port, varint_tag,
};
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
    let message = Message::read(item).map_err(|_| Reject::NotProtobuf)?;
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
        observer: address(message.sampler).map(|sampler| sampler.to_string()),
        hint: None,
        sampling_rate: message.sampling_rate.max(1),
        kind: EventKind::Flow(FlowEvent {
            source,
            destination,
            protocol: u8::try_from(message.proto).ok().filter(|proto| *proto != 0),
            forward: Half {
                packets: known(message.packets),
                bytes: known(message.bytes),
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
    Message::read(message).is_ok_and(|message| matches!(message.ends(), Ok(Some(_))))
}

/// Hands the keys of one message to `sink`.
fn item_keys<'r, S: KeySink<'r>>(message: &'r [u8], sink: &mut S) {
    let ends = match Message::read(message) {
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

/// The fields of `FlowMessage` that an event needs; what is absent is empty or 0.
#[derive(Clone, Copy, Debug, Default)]
struct Message<'m> {
    /// `time_received` of version 1, in seconds.
    received_sec: u64,
    /// `sampling_rate`.
    sampling_rate: u64,
    /// `src_addr`.
    source: &'m [u8],
    /// `dst_addr`.
    destination: &'m [u8],
    /// `bytes`.
    bytes: u64,
    /// `packets`.
    packets: u64,
    /// `sampler_address`.
    sampler: &'m [u8],
    /// `proto`.
    proto: u64,
    /// `src_port`.
    source_port: u64,
    /// `dst_port`.
    destination_port: u64,
    /// `tcp_flags`.
    tcp_flags: u64,
    /// `etype`.
    ethertype: u64,
    /// Field 38: `time_flow_start` of version 1, in seconds; `ip_flags` of later versions.
    start_sec_or_flags: u64,
    /// `time_flow_start_ms` of version 1.
    start_ms: u64,
    /// `time_received_ns` of later versions.
    received_ns: u64,
    /// `time_flow_start_ns` of later versions.
    start_ns: u64,
}

impl<'m> Message<'m> {
    /// Reads the fields from `message`. Of a field that is there twice the last one counts;
    /// unknown ones are passed over whatever their type, 104 to 106 among them, which changed it.
    fn read(message: &'m [u8]) -> Result<Self, Broken> {
        const RECEIVED_SEC: u32 = varint_tag(2);
        const SAMPLING_RATE: u32 = varint_tag(3);
        const SOURCE: u32 = bytes_tag(6);
        const DESTINATION: u32 = bytes_tag(7);
        const BYTES: u32 = varint_tag(9);
        const PACKETS: u32 = varint_tag(10);
        const SAMPLER: u32 = bytes_tag(11);
        const PROTO: u32 = varint_tag(20);
        const SOURCE_PORT: u32 = varint_tag(21);
        const DESTINATION_PORT: u32 = varint_tag(22);
        const TCP_FLAGS: u32 = varint_tag(26);
        const ETHERTYPE: u32 = varint_tag(30);
        const START_SEC_OR_FLAGS: u32 = varint_tag(38);
        const START_MS: u32 = varint_tag(63);
        const RECEIVED_NS: u32 = varint_tag(110);
        const START_NS: u32 = varint_tag(111);
        const KNOWN: Known = Known::of(&[
            RECEIVED_SEC,
            SAMPLING_RATE,
            SOURCE,
            DESTINATION,
            BYTES,
            PACKETS,
            SAMPLER,
            PROTO,
            SOURCE_PORT,
            DESTINATION_PORT,
            TCP_FLAGS,
            ETHERTYPE,
            START_SEC_OR_FLAGS,
            START_MS,
            RECEIVED_NS,
            START_NS,
        ]);
        let mut read = Self::default();
        let mut fields = Fields::new(message);
        while let Some(tag) = fields.tag()? {
            match tag {
                RECEIVED_SEC => read.received_sec = fields.varint()?,
                SAMPLING_RATE => read.sampling_rate = fields.varint()?,
                SOURCE => read.source = fields.bytes()?,
                DESTINATION => read.destination = fields.bytes()?,
                BYTES => read.bytes = fields.varint()?,
                PACKETS => read.packets = fields.varint()?,
                SAMPLER => read.sampler = fields.bytes()?,
                PROTO => read.proto = fields.varint()?,
                SOURCE_PORT => read.source_port = fields.varint()?,
                DESTINATION_PORT => read.destination_port = fields.varint()?,
                TCP_FLAGS => read.tcp_flags = fields.varint()?,
                ETHERTYPE => read.ethertype = fields.varint()?,
                START_SEC_OR_FLAGS => read.start_sec_or_flags = fields.varint()?,
                START_MS => read.start_ms = fields.varint()?,
                RECEIVED_NS => read.received_ns = fields.varint()?,
                START_NS => read.start_ns = fields.varint()?,
                other => fields.skip(other, KNOWN)?,
            }
        }
        Ok(read)
    }

    /// Source and destination; none if the message says that it is not about IP.
    fn ends(&self) -> Result<Option<(Endpoint, Endpoint)>, Reject> {
        const NOT_SAID: u64 = 0;
        const IPV4: u64 = 0x0800;
        const IPV6: u64 = 0x86dd;
        if self.source.is_empty() || self.destination.is_empty() {
            let ip = matches!(self.ethertype, NOT_SAID | IPV4 | IPV6);
            let bare = self.source.is_empty() && self.destination.is_empty();
            return if bare && !ip {
                Ok(None)
            } else {
                Err(Reject::Schema)
            };
        }
        let end = |bytes, number| {
            let ip = address(bytes).ok_or(Reject::BadAddress)?;
            let port = if self.is_icmp() { None } else { port(number) };
            Ok(Endpoint { ip, port })
        };
        Ok(Some((
            end(self.source, self.source_port)?,
            end(self.destination, self.destination_port)?,
        )))
    }

    /// Whether the ports, if any, are none: ICMP types and codes come in their place.
    fn is_icmp(&self) -> bool {
        matches!(self.proto, 1 | 58)
    }

    /// When the flow began, else when it was received. Field 2 tells version 1 from the later
    /// ones, unless field 110 speaks for these.
    fn time(&self) -> Option<EventTime> {
        if self.received_ns == 0 && self.received_sec != 0 {
            return instant(self.start_ms, 1_000_000)
                .or_else(|| instant(self.start_sec_or_flags, 1_000_000_000))
                .or_else(|| instant(self.received_sec, 1_000_000_000));
        }
        instant(self.start_ns, 1).or_else(|| instant(self.received_ns, 1))
    }

    /// The low eight TCP flags; none for other protocols and when there are none.
    fn tcp_flags(&self) -> Option<u8> {
        let flags = u8::try_from(self.tcp_flags & 0xff).ok()?;
        (self.proto == 6 && flags != 0).then_some(flags)
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
