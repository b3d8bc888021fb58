//! Made records in memory: what sensors send, in every event format, with hits planted at even
//! distances and known beforehand. For measuring, and for tests of what is measured.
//!
//! Everything follows from [`TrafficOptions`] and the [`MadeFeed`]: equal options make equal
//! bytes. A working set is made up to a limit of bytes that should exceed the caches, and is
//! walked as often as there are events to be had.
//!
//! The truth is by construction, as everywhere in the laboratory: listed names have a hyphen in
//! their registered label and benign ones never do, listed addresses lie in the lower half of
//! their blocks and benign servers in the upper one, and nothing listed covers anything else
//! that is listed, so that every planted value is one hit.

mod events;
mod feed;
mod input;
mod space;

use std::num::NonZeroU32;

use crate::encode::event;
use crate::hits::Orientation;
use crate::model::{Event, EventFormat, Named};
use crate::source::{Record, RecordHeaders, StreamId};

pub use events::{Events, MadeEvent};
pub use feed::{FeedOptions, MadeFeed};

/// What is sent: a format, and for those with several kinds of record, which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Workload {
    /// Zeek `dns` rows.
    ZeekDns,
    /// Zeek `conn` rows.
    ZeekConn,
    /// dnstap, four in five of them responses.
    Dnstap,
    /// DNS-collector's flat JSON.
    DnsCollectorJson,
    /// goflow2 messages with their lengths.
    Goflow2Protobuf,
    /// goflow2 JSON.
    Goflow2Json,
    /// Our own JSON: DNS and flows.
    GannetJson,
    /// Our own protobuf: DNS and flows.
    GannetProtobuf,
}

impl Named for Workload {
    const ALL: &'static [Self] = &[
        Self::ZeekDns,
        Self::ZeekConn,
        Self::Dnstap,
        Self::DnsCollectorJson,
        Self::Goflow2Protobuf,
        Self::Goflow2Json,
        Self::GannetJson,
        Self::GannetProtobuf,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::ZeekConn => "zeek-json-conn",
            Self::ZeekDns
            | Self::Dnstap
            | Self::DnsCollectorJson
            | Self::Goflow2Protobuf
            | Self::Goflow2Json
            | Self::GannetJson
            | Self::GannetProtobuf => self.format().as_str(),
        }
    }
}

impl Workload {
    /// The format of its records.
    pub fn format(self) -> EventFormat {
        match self {
            Self::ZeekDns | Self::ZeekConn => EventFormat::ZeekJson,
            Self::Dnstap => EventFormat::Dnstap,
            Self::DnsCollectorJson => EventFormat::DnsCollectorJson,
            Self::Goflow2Protobuf => EventFormat::Goflow2Protobuf,
            Self::Goflow2Json => EventFormat::Goflow2Json,
            Self::GannetJson => EventFormat::GannetJson,
            Self::GannetProtobuf => EventFormat::GannetProtobuf,
        }
    }

    /// The first workload of a format.
    pub fn of(format: EventFormat) -> Self {
        match format {
            EventFormat::ZeekJson => Self::ZeekDns,
            EventFormat::Dnstap => Self::Dnstap,
            EventFormat::DnsCollectorJson => Self::DnsCollectorJson,
            EventFormat::Goflow2Protobuf => Self::Goflow2Protobuf,
            EventFormat::Goflow2Json => Self::Goflow2Json,
            EventFormat::GannetJson => Self::GannetJson,
            EventFormat::GannetProtobuf => Self::GannetProtobuf,
        }
    }

    /// What its records tell of.
    pub fn kind(self) -> TrafficKind {
        match self {
            Self::ZeekDns | Self::Dnstap | Self::DnsCollectorJson => TrafficKind::Dns,
            Self::ZeekConn | Self::Goflow2Protobuf | Self::Goflow2Json => TrafficKind::Flow,
            Self::GannetJson | Self::GannetProtobuf => TrafficKind::Both,
        }
    }

    /// How many events a record holds unless someone says otherwise: as files and producers
    /// that batch have them.
    pub fn events_per_record(self) -> NonZeroU32 {
        match self {
            Self::Goflow2Protobuf | Self::GannetProtobuf => BATCHED,
            Self::ZeekDns
            | Self::ZeekConn
            | Self::Dnstap
            | Self::DnsCollectorJson
            | Self::Goflow2Json
            | Self::GannetJson => NonZeroU32::MIN,
        }
    }

    /// Whether a record of it may hold several events.
    fn batches(self) -> bool {
        match self {
            Self::Goflow2Protobuf | Self::GannetProtobuf | Self::GannetJson => true,
            Self::ZeekDns
            | Self::ZeekConn
            | Self::Dnstap
            | Self::DnsCollectorJson
            | Self::Goflow2Json => false,
        }
    }
}

/// Events in a record of length-delimited messages.
const BATCHED: NonZeroU32 = NonZeroU32::MIN.saturating_add(99);

/// What records tell of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TrafficKind {
    /// DNS transactions.
    Dns,
    /// Flows or connections.
    Flow,
    /// Three DNS transactions for two flows.
    Both,
}

/// What traffic is made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrafficOptions {
    /// What is sent.
    pub workload: Workload,
    /// Different events that are wanted; at least 1. Fewer are made when they are larger than
    /// `bytes_max`.
    pub events: u64,
    /// Where the making of further records ends, in bytes.
    pub bytes_max: usize,
    /// Events in a record; the last record may have fewer. More than one only where the format
    /// has room for it.
    pub events_per_record: NonZeroU32,
    /// The share of events that are planted hits, 0 to 1.
    pub hit_share: f64,
    /// Equal options with an equal seed make equal records.
    pub seed: u64,
}

impl TrafficOptions {
    /// One hit in a thousand events, up to a working set of [`WORKING_SET_BYTES`].
    pub fn new(workload: Workload) -> Self {
        Self {
            workload,
            events: u64::MAX,
            bytes_max: WORKING_SET_BYTES,
            events_per_record: workload.events_per_record(),
            hit_share: 0.001,
            seed: 1,
        }
    }
}

/// A working set that no cache of today's processors holds.
pub const WORKING_SET_BYTES: usize = 96 << 20;

/// Why traffic or a feed cannot be made.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TrafficError {
    /// No event is asked for.
    #[error("there must be at least one event")]
    NoEvents,
    /// A share is none.
    #[error("the share of hits must be 0 to 1, not {given}")]
    HitShare {
        /// What was asked for.
        given: f64,
    },
    /// Hits are asked for on a feed that has nothing that they could hit.
    #[error("{workload} has no hits on a feed of {names} names and {prefixes} prefixes")]
    NothingToHit {
        /// What is sent.
        workload: &'static str,
        /// Listed names.
        names: u32,
        /// Listed prefixes.
        prefixes: u32,
    },
    /// The format has one event a record.
    #[error("{workload} has one event a record, not {given}")]
    OneEventARecord {
        /// What is sent.
        workload: &'static str,
        /// What was asked for.
        given: u32,
    },
    /// A feed is larger than the made address space or the tables.
    #[error("at most {max} {what} can be made, not {given}")]
    TooMany {
        /// Names or prefixes.
        what: &'static str,
        /// What was asked for.
        given: u32,
        /// The most there can be.
        max: u32,
    },
    /// There is not enough memory.
    #[error("no memory for {bytes} bytes of made records")]
    Memory {
        /// How much was asked for.
        bytes: usize,
    },
}

/// What must come of one walk over the records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrafficTruth {
    /// Events with at least one hit.
    pub matched: u64,
    /// All other events.
    pub unmatched: u64,
    /// Hits: one for every planted value.
    pub hits: u64,
    /// The wrapping sum of the [`value_hash`] of every hit's value: hits on other values than
    /// the planted ones are not as many right ones.
    pub values: u64,
}

/// A number that tells listed values apart (FNV-1a). Not against someone who seeks collisions.
pub fn value_hash(value: &str) -> u64 {
    value.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

impl TrafficTruth {
    /// Events of either sort.
    pub fn events(self) -> u64 {
        self.matched + self.unmatched
    }
}

/// Records in memory, one behind the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traffic {
    format: EventFormat,
    bytes: Vec<u8>,
    /// Where each record ends.
    ends: Vec<usize>,
    truth: TrafficTruth,
}

impl Traffic {
    /// Makes records on `feed`.
    ///
    /// # Errors
    /// [`TrafficError`] when the options cannot be meant or there is no memory.
    pub fn make(options: &TrafficOptions, feed: &MadeFeed) -> Result<Self, TrafficError> {
        let events = Events::new(options, feed)?;
        let TrafficOptions {
            workload,
            bytes_max,
            events_per_record,
            ..
        } = *options;
        let memory = TrafficError::Memory { bytes: bytes_max };
        let mut made = Self {
            format: workload.format(),
            bytes: Vec::new(),
            ends: Vec::new(),
            truth: TrafficTruth::default(),
        };
        let size = usize::try_from(options.events)
            .unwrap_or(usize::MAX)
            .saturating_mul(EVENT_BYTES)
            .min(bytes_max);
        let room = size.saturating_add(SLACK_BYTES);
        made.bytes.try_reserve(room).map_err(|_| memory)?;
        let mut record = Vec::new();
        for event in events {
            made.count(&event);
            record.push(event.event);
            if record.len() == events_per_record.get() as usize {
                made.push(&mut record);
                if made.bytes.len() >= bytes_max {
                    break;
                }
            }
        }
        made.push(&mut record);
        Ok(made)
    }

    /// No records of `format` yet.
    pub fn empty(format: EventFormat) -> Self {
        Self {
            format,
            bytes: Vec::new(),
            ends: Vec::new(),
            truth: TrafficTruth::default(),
        }
    }

    /// Appends a record whose truth nobody knows.
    pub fn push_record(&mut self, record: &[u8]) {
        self.bytes.extend_from_slice(record);
        self.ends.push(self.bytes.len());
    }

    /// The format of the records.
    pub fn format(&self) -> EventFormat {
        self.format
    }

    /// What must come of one walk.
    pub fn truth(&self) -> TrafficTruth {
        self.truth
    }

    /// How many bytes the records have.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// How often the records must be walked over for `events` events or a few more.
    pub fn walks(&self, events: u64) -> u64 {
        events.div_ceil(self.truth.events().max(1)).max(1)
    }

    /// The values of the records, in order.
    pub fn values(&self) -> impl Iterator<Item = &[u8]> + Clone {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(&self.ends)
            .map(|(start, &end)| self.bytes.get(start..end).unwrap_or_default())
    }

    /// The records as one partition of the first stream of a topic holds them.
    pub fn records(&self) -> Vec<Record<'_>> {
        (0..)
            .zip(self.values())
            .map(|(offset, value)| Record {
                stream: StreamId(0),
                partition: 0,
                offset,
                timestamp_ms: Some(RECORD_TIME_MS),
                key: None,
                value: Some(value),
                headers: RecordHeaders::default(),
            })
            .collect()
    }

    /// Counts an event that is about to be written.
    fn count(&mut self, event: &MadeEvent) {
        if event.hits.is_empty() {
            self.truth.unmatched += 1;
        } else {
            self.truth.matched += 1;
        }
        self.truth.hits += event.hits.len() as u64;
        for value in &event.hits {
            self.truth.values = self.truth.values.wrapping_add(value_hash(value));
        }
    }

    /// Writes a record of `events`, if there are any, and takes them.
    fn push(&mut self, events: &mut Vec<Event>) {
        if events.is_empty() {
            return;
        }
        event::write(self.format, events, &mut self.bytes);
        self.ends.push(self.bytes.len());
        events.clear();
    }
}

/// Whose networks are whose in made traffic.
pub fn orientation() -> Orientation {
    space::orientation()
}

/// What the records of a made partition have as their timestamp, in milliseconds.
const RECORD_TIME_MS: i64 = 1_767_225_900_000;

/// More than an event has on average, to reserve room by.
const EVENT_BYTES: usize = 2_048;

/// Room for a record that begins below the limit and ends above it.
const SLACK_BYTES: usize = 256 << 10;

#[cfg(test)]
mod tests;
