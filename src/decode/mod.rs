//! Records in, keys or events out. Every format has two faces:
//!
//! - [`KeyScanner::keys`] walks a record once and hands out the names and addresses of its items, borrowed,
//!   without building anything: all that matching needs. It may hand out too much, never too
//!   little.
//! - [`event`] decodes one item whole. It runs only for items whose keys may match, and it alone
//!   decides what the item says.
//!
//! Pure: no I/O, no clock, no log. Every input, of any bytes, ends in an [`Outcome`].

#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

pub mod hit;
pub mod lease;

mod dns;
mod dns_collector_json;
mod dnstap;
mod fields;
mod gannet_json;
mod gannet_protobuf;
mod goflow2_json;
mod goflow2_protobuf;
mod json;
mod places;
#[cfg(test)]
mod tests;
mod text;
mod wire;
mod zeek_json;

use std::net::IpAddr;

use crate::model::{Event, EventFormat, EventTime};
use json::Route;

/// Walks records of one stream for their keys. It may remember what records of its stream look
/// like, which makes the walk faster and never changes what it finds.
#[derive(Debug)]
pub struct KeyScanner(Face);

/// The key face of a format, with what it remembers.
#[derive(Debug)]
enum Face {
    /// `zeek-json`.
    ZeekJson(zeek_json::Memory),
    /// `dns-collector-json`.
    DnsCollectorJson(Route<dns_collector_json::Place>),
    /// `goflow2-json`.
    Goflow2Json(Route<goflow2_json::Field>),
    /// `gannet-json`.
    GannetJson(Route<gannet_json::Field>),
    /// `dnstap`.
    Dnstap,
    /// `goflow2-protobuf`.
    Goflow2Protobuf,
    /// `gannet-protobuf`.
    GannetProtobuf,
}

impl KeyScanner {
    /// A scanner that remembers nothing yet.
    pub fn new(format: EventFormat) -> Self {
        Self(match format {
            EventFormat::ZeekJson => Face::ZeekJson(zeek_json::Memory::new()),
            EventFormat::DnsCollectorJson => Face::DnsCollectorJson(Route::new()),
            EventFormat::Goflow2Json => Face::Goflow2Json(Route::new()),
            EventFormat::GannetJson => Face::GannetJson(Route::new()),
            EventFormat::Dnstap => Face::Dnstap,
            EventFormat::Goflow2Protobuf => Face::Goflow2Protobuf,
            EventFormat::GannetProtobuf => Face::GannetProtobuf,
        })
    }

    /// Walks all items of `record`, handing their keys and ends to `sink`. Allocates nothing;
    /// O(`record.len()`).
    pub fn keys<'r, S: KeySink<'r>>(&mut self, record: &'r [u8], sink: &mut S) {
        match &mut self.0 {
            Face::ZeekJson(memory) => zeek_json::keys(memory, record, sink),
            Face::DnsCollectorJson(route) => dns_collector_json::keys(route, record, sink),
            Face::Goflow2Json(route) => goflow2_json::keys(route, record, sink),
            Face::GannetJson(route) => gannet_json::keys(route, record, sink),
            Face::Dnstap => dnstap::keys(record, sink),
            Face::Goflow2Protobuf => goflow2_protobuf::keys(record, sink),
            Face::GannetProtobuf => gannet_protobuf::keys(record, sink),
        }
    }
}

/// Walks a single record with a scanner of its own: for whoever has no stream of them.
pub fn keys<'r, S: KeySink<'r>>(format: EventFormat, record: &'r [u8], sink: &mut S) {
    KeyScanner::new(format).keys(record, sink);
}

/// Decodes one item whole; `None` when it is not an event of ours. An event without a usable
/// time of its own takes `record_time`. Allocates; meant for items whose keys may match.
///
/// # Errors
/// [`Reject`] says why the item is undecodable.
pub fn event(
    format: EventFormat,
    item: &[u8],
    record_time: Option<EventTime>,
) -> Result<Option<Event>, Reject> {
    match format {
        EventFormat::ZeekJson => zeek_json::event(item, record_time),
        EventFormat::DnsCollectorJson => dns_collector_json::event(item, record_time),
        EventFormat::Goflow2Json => goflow2_json::event(item, record_time),
        EventFormat::GannetJson => gannet_json::event(item, record_time),
        EventFormat::Dnstap => dnstap::event(item, record_time),
        EventFormat::Goflow2Protobuf => goflow2_protobuf::event(item, record_time),
        EventFormat::GannetProtobuf => gannet_protobuf::event(item, record_time),
    }
}

/// Where a decoder puts what it finds while it walks a record: all keys of an item, then its
/// end, then the next item.
pub trait KeySink<'r> {
    /// A domain name in text form (any case, a trailing dot allowed, escapes as in
    /// `model::DomainName::parse`). JSON escapes are already undone.
    fn name(&mut self, name: &[u8]);

    /// An address, unmapped, with its port if it is a flow's; the addresses of DNS answers have
    /// none.
    fn address(&mut self, address: IpAddr, port: Option<u16>);

    /// Ends an item: the keys since the last end are its keys.
    fn end(&mut self, item: Item<'r>);
}

/// One item of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item<'r> {
    /// Its bytes, to be given to [`event`].
    pub bytes: &'r [u8],
    /// What it is, as far as the key scan can tell.
    pub outcome: Outcome,
}

/// What an item of a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// An event of ours.
    Event,
    /// Well formed, but not an event of ours: another log type, a marker.
    Ignored,
    /// Undecodable.
    Rejected(Reject),
}

/// Why an item is undecodable. The names are metric labels and dead-letter reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
pub enum Reject {
    /// The record has no bytes.
    #[error("empty record")]
    Empty,
    /// Not JSON, or JSON cut short.
    #[error("not JSON")]
    NotJson,
    /// JSON nested deeper than the limit.
    #[error("JSON nested too deeply")]
    TooDeep,
    /// Not the protobuf message that the format expects, or one cut short.
    #[error("not the expected protobuf message")]
    NotProtobuf,
    /// Not a DNS message, or one cut short before the end of its question.
    #[error("not a DNS message")]
    NotDns,
    /// A field that the event needs is missing or has another type.
    #[error("a needed field is missing or has another type")]
    Schema,
    /// An address that is none.
    #[error("not an address")]
    BadAddress,
    /// A time that is none, and the record has no timestamp either.
    #[error("no usable time")]
    NoTime,
    /// More items in one record than the limit.
    #[error("too many items in one record")]
    TooMany,
}

/// Most items of one record; what follows is rejected as one [`Reject::TooMany`].
pub const ITEMS_MAX: usize = 100_000;

/// Deepest nesting of JSON that is read.
pub const JSON_DEPTH_MAX: usize = 32;

impl Reject {
    /// All reasons.
    pub const ALL: [Self; 9] = [
        Self::Empty,
        Self::NotJson,
        Self::TooDeep,
        Self::NotProtobuf,
        Self::NotDns,
        Self::Schema,
        Self::BadAddress,
        Self::NoTime,
        Self::TooMany,
    ];

    /// The value of the `reason` label.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::NotJson => "not_json",
            Self::TooDeep => "too_deep",
            Self::NotProtobuf => "not_protobuf",
            Self::NotDns => "not_dns",
            Self::Schema => "schema",
            Self::BadAddress => "bad_address",
            Self::NoTime => "no_time",
            Self::TooMany => "too_many",
        }
    }
}
