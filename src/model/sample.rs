//! A sample of recent traffic: only what matching looks at, and no subscriber. A list is tried on it
//! before it is published, so that one which would hit half of the traffic is found out first.
//!
//! Addresses of subscribers never enter. A name may still speak of one (that of a reverse lookup
//! does): a sample lives in memory and is written nowhere.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::net::unmapped;

/// The keys of the most recent events, in a ring of bytes: what comes in pushes the oldest out.
///
/// All memory is taken when it is made; nothing is allocated afterwards. An event lies in one piece,
/// so that up to [`EVENT_BYTES_MAX`] bytes before the end of the ring may stay unused.
#[derive(Clone, Debug)]
pub struct TrafficSample {
    /// The ring. A position counts bytes since the beginning of time; its place is the remainder.
    bytes: Box<[u8]>,
    /// The events, the oldest first.
    events: VecDeque<Span>,
    /// Most events.
    events_max: usize,
    /// The position after the newest event.
    end: u64,
    /// Where an event is put together before its length is known.
    unfinished: Vec<u8>,
}

/// What matching looks at in an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SampleKey<'a> {
    /// A name as it stands in the record.
    Name(&'a [u8]),
    /// An address, with the port if it is an end of a flow.
    Address(IpAddr, Option<u16>),
}

/// The keys of one event, in the order in which they were pushed.
#[derive(Clone, Debug)]
pub struct SampleKeys<'a> {
    /// What is still to come, encoded.
    rest: &'a [u8],
}

/// Where an event is.
#[derive(Clone, Copy, Debug)]
struct Span {
    /// Its position.
    start: u64,
    /// Its length in bytes; 0 for an event without keys.
    len: u32,
}

/// How many events a sample holds unless told otherwise.
pub const SAMPLE_EVENTS_MAX: usize = 200_000;

/// How many bytes of keys a sample holds unless told otherwise.
pub const SAMPLE_BYTES_MAX: usize = 32 << 20;

/// Most keys of one event; further ones are left out.
pub const EVENT_KEYS_MAX: usize = 64;

/// Most bytes of one event: keys that no longer fit are left out. The longest name that can match,
/// with every byte escaped, takes a quarter.
pub const EVENT_BYTES_MAX: usize = 4096;

/// The first byte of a name: two bytes of length and the name follow.
const NAME: u8 = 0;
/// The first byte of an IPv4 address: four bytes follow.
const V4: u8 = 1;
/// The first byte of an IPv4 address with a port: six bytes follow.
const V4_PORT: u8 = 2;
/// The first byte of an IPv6 address: sixteen bytes follow.
const V6: u8 = 3;
/// The first byte of an IPv6 address with a port: eighteen bytes follow.
const V6_PORT: u8 = 4;

impl TrafficSample {
    /// An empty sample of at most so many events in so many bytes, of both at least what one event
    /// takes.
    pub fn new(events_max: usize, bytes_max: usize) -> Self {
        let events_max = events_max.max(1);
        Self {
            bytes: vec![0; bytes_max.max(EVENT_BYTES_MAX)].into_boxed_slice(),
            events: VecDeque::with_capacity(events_max),
            events_max,
            end: 0,
            unfinished: Vec::with_capacity(EVENT_BYTES_MAX),
        }
    }

    /// Adds an event; the oldest ones make room for it. Amortized O(bytes of the event).
    ///
    /// `is_own` tells the addresses of subscribers, which are left out: of a flow the far end is
    /// kept, and both ends if neither is known to be a subscriber's. An event of which nothing is
    /// left still counts as one.
    pub fn push<'k>(
        &mut self,
        keys: impl IntoIterator<Item = SampleKey<'k>>,
        is_own: impl Fn(IpAddr) -> bool,
    ) {
        self.unfinished.clear();
        let mut count = 0;
        for key in keys {
            if count >= EVENT_KEYS_MAX {
                break;
            }
            count += usize::from(append(&mut self.unfinished, key, &is_own));
        }
        let size = widened(self.bytes.len());
        let len = self.unfinished.len();
        let place = self.end % size;
        let start = if widened(len) <= size - place {
            self.end
        } else {
            self.end + (size - place)
        };
        self.end = start + widened(len);
        while self.events.front().is_some_and(|oldest| {
            self.events.len() >= self.events_max || self.end - oldest.start > size
        }) {
            self.events.pop_front();
        }
        let place = self.place(start);
        if let Some(room) = self.bytes.get_mut(place..place + len) {
            room.copy_from_slice(&self.unfinished);
        }
        self.events.push_back(Span {
            start,
            len: u32::try_from(len).unwrap_or_default(),
        });
    }

    /// Forgets all events.
    pub fn clear(&mut self) {
        self.events.clear();
    }

    /// How many events it holds.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// The keys of every event, the oldest event first.
    pub fn events(&self) -> impl Iterator<Item = SampleKeys<'_>> {
        self.events.iter().map(|span| {
            let place = self.place(span.start);
            let end = place.saturating_add(usize::try_from(span.len).unwrap_or_default());
            SampleKeys {
                rest: self.bytes.get(place..end).unwrap_or_default(),
            }
        })
    }

    /// The place of a position in the ring.
    fn place(&self, position: u64) -> usize {
        usize::try_from(position % widened(self.bytes.len())).unwrap_or_default()
    }
}

impl Default for TrafficSample {
    fn default() -> Self {
        Self::new(SAMPLE_EVENTS_MAX, SAMPLE_BYTES_MAX)
    }
}

impl<'a> SampleKeys<'a> {
    /// The next `N` bytes; `None` behind the last key.
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*taken)
    }

    /// The next port.
    fn port(&mut self) -> Option<u16> {
        self.take().map(u16::from_le_bytes)
    }

    /// The next name.
    fn name(&mut self) -> Option<&'a [u8]> {
        let len = self.take().map(u16::from_le_bytes)?;
        let (name, rest) = self.rest.split_at_checked(usize::from(len))?;
        self.rest = rest;
        Some(name)
    }
}

impl<'a> Iterator for SampleKeys<'a> {
    type Item = SampleKey<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let [kind] = self.take()?;
        if kind == NAME {
            return self.name().map(SampleKey::Name);
        }
        let ip = if matches!(kind, V4 | V4_PORT) {
            IpAddr::V4(Ipv4Addr::from(self.take::<4>()?))
        } else {
            IpAddr::V6(Ipv6Addr::from(self.take::<16>()?))
        };
        let port = if matches!(kind, V4_PORT | V6_PORT) {
            Some(self.port()?)
        } else {
            None
        };
        Some(SampleKey::Address(ip, port))
    }
}

/// Appends a key to an event; whether it is there now.
fn append(event: &mut Vec<u8>, key: SampleKey<'_>, is_own: impl Fn(IpAddr) -> bool) -> bool {
    let left = EVENT_BYTES_MAX.saturating_sub(event.len());
    match key {
        SampleKey::Name(name) => {
            let Ok(len) = u16::try_from(name.len()) else {
                return false;
            };
            if name.len().saturating_add(3) > left {
                return false;
            }
            event.push(NAME);
            event.extend_from_slice(&len.to_le_bytes());
            event.extend_from_slice(name);
        }
        SampleKey::Address(ip, port) => {
            let ip = unmapped(ip);
            // The longest form of an address takes 19 bytes.
            if left < 19 || is_own(ip) {
                return false;
            }
            match ip {
                IpAddr::V4(v4) => {
                    event.push(if port.is_some() { V4_PORT } else { V4 });
                    event.extend_from_slice(&v4.octets());
                }
                IpAddr::V6(v6) => {
                    event.push(if port.is_some() { V6_PORT } else { V6 });
                    event.extend_from_slice(&v6.octets());
                }
            }
            if let Some(port) = port {
                event.extend_from_slice(&port.to_le_bytes());
            }
        }
    }
    true
}

/// A length as a position.
fn widened(len: usize) -> u64 {
    len as u64
}

#[cfg(test)]
mod tests;
