//! The one place that calls the decoders, and the check that every row has to pass.

use std::net::IpAddr;

use gannet::decode::{Item, KeyScanner, KeySink, Outcome, Reject, event};
use gannet::model::{Answer, DomainName, Event, EventFormat, EventKind, EventTime, NAME_LEN_MAX};

use crate::oracle::{Reading, reading};
use crate::rows;

/// The formats that are JSON.
pub(crate) const FORMATS: [EventFormat; 4] = [
    EventFormat::ZeekJson,
    EventFormat::DnsCollectorJson,
    EventFormat::Goflow2Json,
    EventFormat::GannetJson,
];

/// One item of a record, with what the key scan handed out for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Its bytes.
    pub(crate) bytes: Vec<u8>,
    /// What it is.
    pub(crate) outcome: Outcome,
    /// Its names, as handed out.
    pub(crate) names: Vec<Vec<u8>>,
    /// Its addresses and ports.
    pub(crate) addresses: Vec<(IpAddr, Option<u16>)>,
}

/// Remembers everything.
#[derive(Default)]
struct Memory {
    names: Vec<Vec<u8>>,
    addresses: Vec<(IpAddr, Option<u16>)>,
    items: Vec<Seen>,
}

impl KeySink<'_> for Memory {
    fn name(&mut self, name: &[u8]) {
        self.names.push(name.to_vec());
    }

    fn address(&mut self, address: IpAddr, port: Option<u16>) {
        self.addresses.push((address, port));
    }

    fn end(&mut self, item: Item<'_>) {
        self.items.push(Seen {
            bytes: item.bytes.to_vec(),
            outcome: item.outcome,
            names: std::mem::take(&mut self.names),
            addresses: std::mem::take(&mut self.addresses),
        });
    }
}

/// Forgets everything but how many keys there were.
#[derive(Debug, Default)]
pub(crate) struct Count {
    /// Names and addresses.
    pub(crate) keys: usize,
    /// Items.
    pub(crate) items: usize,
}

impl KeySink<'_> for Count {
    fn name(&mut self, _name: &[u8]) {
        self.keys += 1;
    }

    fn address(&mut self, _address: IpAddr, _port: Option<u16>) {
        self.keys += 1;
    }

    fn end(&mut self, _item: Item<'_>) {
        self.items += 1;
    }
}

/// Counts the keys of `record`, after those of `before`.
pub(crate) fn count<'r>(format: EventFormat, before: &[&'r [u8]], record: &'r [u8]) -> Count {
    let mut scanner = KeyScanner::new(format);
    for row in before {
        scanner.keys(row, &mut Count::default());
    }
    let mut count = Count::default();
    scanner.keys(record, &mut count);
    count
}

/// The items of `record`, as a scanner sees them that has seen `before`.
fn scan(format: EventFormat, before: &[&[u8]], record: &[u8]) -> Vec<Seen> {
    let mut scanner = KeyScanner::new(format);
    for row in before {
        scanner.keys(row, &mut Memory::default());
    }
    let mut memory = Memory::default();
    scanner.keys(record, &mut memory);
    assert!(
        memory.names.is_empty() && memory.addresses.is_empty(),
        "keys behind the last item: {}",
        shown(record)
    );
    memory.items
}

/// The items of `record`, which are the same whatever the scanner has seen before: nothing, rows
/// as they should be, the record itself, `before`.
#[track_caller]
pub(crate) fn items(format: EventFormat, before: &[&[u8]], record: &[u8]) -> Vec<Seen> {
    let fresh = scan(format, &[], record);
    let usual: Vec<&[u8]> = rows::of(format).iter().map(|row| row.as_bytes()).collect();
    // Often enough for whatever is learned to be learned.
    let often = usual.repeat(20);
    let mixed = [&usual, before, &usual, before].concat();
    for warm in [&often[..], &[record, record], before, &mixed] {
        let seen = scan(format, warm, record);
        assert_eq!(seen, fresh, "after other rows: {}", shown(record));
    }
    fresh
}

/// A time for rows without one.
fn record_time() -> Option<EventTime> {
    Some(EventTime::from_nanos(1_767_225_600_000_000_000))
}

/// Holds what the key scan says of `record` against the full decoding of its items, and that
/// against a plain reading of their text where there is one. Gives the items.
#[track_caller]
pub(crate) fn check_after(format: EventFormat, before: &[&[u8]], record: &[u8]) -> Vec<Seen> {
    let seen = items(format, before, record);
    for item in &seen {
        let full = event(format, &item.bytes, record_time());
        match (&full, item.outcome) {
            (Ok(Some(event)), Outcome::Event) => check_handed_out(event, item),
            (Ok(None), Outcome::Ignored) => {}
            (Err(reject), Outcome::Rejected(scanned)) if *reject == scanned => {}
            // A record without any item: nothing is there to be decoded.
            (Err(_), Outcome::Rejected(Reject::Empty)) if seen.len() == 1 => {}
            // What is left of a broken batch is no item of its own.
            (Err(_), Outcome::Rejected(_)) if !FORMATS.contains(&format) => {}
            // The scan of this format looks only at the fields that it reads.
            (Err(_), Outcome::Event) if format == EventFormat::GannetJson => {}
            _ => panic!("{full:?} but {:?}: {}", item.outcome, shown(&item.bytes)),
        }
        if let Some(wanted) = reading(format, &item.bytes) {
            let found = full.map(|event| event.map(Reading::of));
            assert_eq!(found, wanted, "{}", shown(&item.bytes));
        }
    }
    seen
}

/// [`check_after`] nothing.
#[track_caller]
pub(crate) fn check(format: EventFormat, record: &[u8]) -> Vec<Seen> {
    check_after(format, &[], record)
}

/// Asserts that all that can match in `event` was handed out.
#[track_caller]
fn check_handed_out(event: &Event, item: &Seen) {
    let has_name = |name: &str| {
        let wanted = normal(name.as_bytes());
        let mut handed = item.names.iter().map(|name| normal(name));
        wanted.is_none() || handed.any(|name| name == wanted)
    };
    let has = |ip, port| item.addresses.contains(&(ip, port));
    let complete = match &event.kind {
        EventKind::Dns(dns) => {
            has_name(&dns.qname)
                && dns.answers.iter().all(|answer| match answer {
                    Answer::Name(name) => has_name(name),
                    Answer::Address(ip) => has(*ip, None),
                })
        }
        EventKind::Flow(flow) => {
            let (source, destination) = (flow.source, flow.destination);
            has(source.ip, source.port) && has(destination.ip, destination.port)
        }
    };
    assert!(complete, "{item:?} of {event:?}: {}", shown(&item.bytes));
}

/// The normal form of a name, if it has one.
pub(crate) fn normal(name: &[u8]) -> Option<String> {
    let mut scratch = [0; NAME_LEN_MAX];
    let name = DomainName::parse(name, &mut scratch).ok()?;
    Some(name.as_str().to_owned())
}

/// The first part of `bytes`, for a message.
pub(crate) fn shown(bytes: &[u8]) -> String {
    let first = &bytes[..bytes.len().min(2_000)];
    first.escape_ascii().to_string()
}
