//! For tests: a sink that keeps what it is given, and the promise that the two faces of a
//! decoder owe each other.

use std::net::IpAddr;

use crate::decode::dns::normalized;
use crate::decode::{Item, KeySink, Outcome, Reject};
use crate::model::{Answer, Event, EventKind, EventTime};

/// One item as the key face gave it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::decode) struct Recorded {
    /// Its bytes.
    pub(in crate::decode) bytes: Vec<u8>,
    /// Its outcome; none until it ends.
    pub(in crate::decode) outcome: Option<Outcome>,
    /// Its names, as given.
    pub(in crate::decode) names: Vec<String>,
    /// Its addresses and ports, as given.
    pub(in crate::decode) addresses: Vec<(IpAddr, Option<u16>)>,
}

/// Keeps every item.
#[derive(Debug, Default)]
pub(in crate::decode) struct Recorder {
    /// The items so far; the last one has not ended.
    items: Vec<Recorded>,
    /// The item under way.
    open: Recorded,
}

impl KeySink<'_> for Recorder {
    fn name(&mut self, name: &[u8]) {
        assert!(name.is_ascii() || std::str::from_utf8(name).is_ok());
        self.open
            .names
            .push(String::from_utf8(name.into()).unwrap());
    }

    fn address(&mut self, address: IpAddr, port: Option<u16>) {
        self.open.addresses.push((address, port));
    }

    fn end(&mut self, item: Item<'_>) {
        self.open.bytes = item.bytes.to_vec();
        self.open.outcome = Some(item.outcome);
        self.items.push(std::mem::take(&mut self.open));
    }
}

/// What `keys` gives for a record: all items, each ended.
pub(in crate::decode) fn recorded(keys: impl FnOnce(&mut Recorder)) -> Vec<Recorded> {
    let mut recorder = Recorder::default();
    keys(&mut recorder);
    assert_eq!(recorder.open, Recorded::default(), "an item has no end");
    assert!(!recorder.items.is_empty(), "a record without an outcome");
    recorder.items
}

/// A time that a record may have.
pub(in crate::decode) const RECORD_TIME: EventTime =
    EventTime::from_nanos(1_767_225_600_000_000_000);

/// Asserts that `event` agrees with the outcome of `item`, and that all that could be matched
/// in the event was among the item's keys. Gives the event.
#[track_caller]
pub(in crate::decode) fn check_faces(
    item: &Recorded,
    event: impl Fn(&[u8], Option<EventTime>) -> Result<Option<Event>, Reject>,
) -> Option<Event> {
    let event = event(&item.bytes, Some(RECORD_TIME));
    let outcome = match &event {
        Ok(Some(_)) => Outcome::Event,
        Ok(None) => Outcome::Ignored,
        Err(reject) => Outcome::Rejected(*reject),
    };
    assert_eq!(item.outcome, Some(outcome));
    let event = event.ok().flatten()?;
    check_covered(item, &event);
    Some(event)
}

/// Asserts that all that could be matched in `event` is among the keys of `item`.
#[track_caller]
fn check_covered(item: &Recorded, event: &Event) {
    let has_name = |name: &str| {
        let normal = |key: &String| normalized(key.as_bytes()) == name;
        assert!(item.names.iter().any(normal), "{name:?} is no key");
    };
    let has_address = |address: IpAddr, port: Option<u16>| {
        assert!(
            item.addresses.contains(&(address, port)),
            "{address} {port:?} is no key"
        );
    };
    match &event.kind {
        EventKind::Dns(dns) => {
            if !dns.qname.is_empty() {
                has_name(&dns.qname);
            }
            for answer in &dns.answers {
                match answer {
                    Answer::Name(name) => has_name(name),
                    Answer::Address(address) => has_address(*address, None),
                }
            }
        }
        EventKind::Flow(flow) => {
            has_address(flow.source.ip, flow.source.port);
            has_address(flow.destination.ip, flow.destination.port);
        }
    }
}

/// The bytes that hexadecimal digits stand for.
pub(in crate::decode) fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text
        .chars()
        .filter_map(|digit| digit.to_digit(16))
        .collect();
    let byte = |pair: &[u32]| u8::try_from(pair[0] * 16 + pair[1]).unwrap();
    digits.chunks_exact(2).map(byte).collect()
}

/// A file of the real data, if it stands beside the checkout.
pub(in crate::decode) fn data(path: &str) -> Option<Vec<u8>> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/");
    let read = std::fs::read(format!("{root}{path}")).ok();
    if read.is_none() {
        println!("skipped: no data");
    }
    read
}
