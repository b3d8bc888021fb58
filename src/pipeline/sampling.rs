//! Events on their way into a sample of the traffic: their keys, as matching would see them.

use std::net::IpAddr;

use crate::decode::{Item, KeyScanner, KeySink, Outcome};
use crate::model::{EventFormat, SampleKey, TrafficSample};

/// Takes events of one format into samples. It has a scanner of its own, since what a scanner
/// remembers belongs to the way of all records.
#[derive(Debug)]
pub struct Sampler {
    scanner: KeyScanner,
    room: Room,
}

impl Sampler {
    /// For records of a format.
    pub fn new(format: EventFormat) -> Self {
        Self {
            scanner: KeyScanner::new(format),
            room: Room::default(),
        }
    }

    /// Adds all events of a record to a sample, without the addresses that are a subscriber's.
    pub fn add(
        &mut self,
        record: &[u8],
        sample: &mut TrafficSample,
        is_own: &impl Fn(IpAddr) -> bool,
    ) {
        let mut sampling = Sampling {
            room: &mut self.room,
            sample,
            is_own,
        };
        self.scanner.keys(record, &mut sampling);
        self.room.clear();
    }
}

/// Room for the keys of an event.
#[derive(Debug, Default)]
struct Room {
    /// The names, one after another.
    names: Vec<u8>,
    keys: Vec<Key>,
}

/// A key of an event.
#[derive(Clone, Copy, Debug)]
enum Key {
    /// Where the name ends in the room; it begins where the one before it ends.
    Name(usize),
    /// An address.
    Address(IpAddr, Option<u16>),
}

impl Room {
    fn clear(&mut self) {
        self.names.clear();
        self.keys.clear();
    }

    /// The keys.
    fn keys(&self) -> impl Iterator<Item = SampleKey<'_>> {
        let mut start = 0;
        self.keys.iter().map(move |key| match *key {
            Key::Name(end) => {
                let name = self.names.get(start..end).unwrap_or_default();
                start = end;
                SampleKey::Name(name)
            }
            Key::Address(address, port) => SampleKey::Address(address, port),
        })
    }
}

/// Puts the keys of events into a sample.
struct Sampling<'a, F> {
    room: &'a mut Room,
    sample: &'a mut TrafficSample,
    is_own: &'a F,
}

impl<'r, F: Fn(IpAddr) -> bool> KeySink<'r> for Sampling<'_, F> {
    fn name(&mut self, name: &[u8]) {
        self.room.names.extend_from_slice(name);
        self.room.keys.push(Key::Name(self.room.names.len()));
    }

    fn address(&mut self, address: IpAddr, port: Option<u16>) {
        self.room.keys.push(Key::Address(address, port));
    }

    fn end(&mut self, item: Item<'r>) {
        if item.outcome == Outcome::Event {
            self.sample.push(self.room.keys(), self.is_own);
        }
        self.room.clear();
    }
}
