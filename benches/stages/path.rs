//! The calls into the data path, in one place: what the stages run.

use std::net::IpAddr;

use gannet::decode::{self, Item, KeySink, Outcome};
use gannet::hits::Orientation;
use gannet::lab::bench::{Traffic, orientation};
use gannet::model::{EventFormat, EventTime, Hit};
use gannet::pipeline::{BatchStats, DeadLetter, Output, Path, process};
use gannet::snapshot::Snapshot;
use gannet::source::Stream;

/// When everything happens, in milliseconds since the epoch.
pub(crate) const NOW_MS: i64 = 1_767_225_900_000;

/// Adds up what a key scan hands out, so that none of it can be left out.
#[derive(Debug, Default)]
struct Tally {
    /// Names and addresses.
    keys: u64,
    /// Bytes of names.
    bytes: u64,
    /// Ports.
    ports: u64,
    /// Events.
    events: u64,
}

impl KeySink for Tally {
    fn name(&mut self, name: &[u8]) {
        self.keys += 1;
        self.bytes += name.len() as u64;
    }

    fn address(&mut self, address: IpAddr, port: Option<u16>) {
        self.keys += 1;
        self.bytes += u64::from(address.is_ipv4());
        self.ports += u64::from(port.unwrap_or_default());
    }

    fn end(&mut self, item: Item<'_>) {
        self.events += u64::from(item.outcome == Outcome::Event);
    }
}

/// Scans all records for keys; gives a sum of what was found.
pub(crate) fn scan_keys(traffic: &Traffic) -> u64 {
    let mut tally = Tally::default();
    for value in traffic.values() {
        decode::keys(traffic.format(), value, &mut tally);
    }
    tally.keys + tally.bytes + tally.ports + 1_000_000 * tally.events
}

/// Keeps what a key scan hands out.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// Names.
    pub(crate) names: Vec<Vec<u8>>,
    /// Addresses and ports.
    pub(crate) addresses: Vec<(IpAddr, Option<u16>)>,
    /// Items and what each is.
    pub(crate) items: Vec<(Vec<u8>, Outcome)>,
}

impl KeySink for Kept {
    fn name(&mut self, name: &[u8]) {
        self.names.push(name.to_vec());
    }

    fn address(&mut self, address: IpAddr, port: Option<u16>) {
        self.addresses.push((address, port));
    }

    fn end(&mut self, item: Item<'_>) {
        self.items.push((item.bytes.to_vec(), item.outcome));
    }
}

/// The keys and items of all records.
pub(crate) fn kept(traffic: &Traffic) -> Kept {
    let mut kept = Kept::default();
    for value in traffic.values() {
        decode::keys(traffic.format(), value, &mut kept);
    }
    kept
}

/// What a batch needs besides its snapshot and records.
#[derive(Debug)]
pub(crate) struct Batch {
    orientation: Orientation,
    streams: Vec<Stream>,
    stats: BatchStats,
}

/// Counts hits.
#[derive(Debug, Default)]
struct Counted(u64);

impl Output for Counted {
    fn hit(&mut self, _hit: &mut Hit) {
        self.0 += 1;
    }

    fn dead(&mut self, _dead: &DeadLetter<'_>) {}
}

/// Keeps hits.
#[derive(Debug, Default)]
struct KeptHits(Vec<Hit>);

impl Output for KeptHits {
    fn hit(&mut self, hit: &mut Hit) {
        self.0.push(hit.clone());
    }

    fn dead(&mut self, _dead: &DeadLetter<'_>) {}
}

impl Batch {
    /// Batches of one stream of `format`.
    pub(crate) fn new(format: EventFormat) -> Self {
        let stream = Stream {
            source: "bench".to_owned(),
            topic: "events".to_owned(),
            format,
        };
        Self {
            orientation: orientation(),
            streams: vec![stream],
            stats: BatchStats::new(1),
        }
    }

    /// Takes the records through the whole data path; gives the number of hits.
    pub(crate) fn count_hits(&mut self, snapshot: &Snapshot, traffic: &Traffic) -> u64 {
        let mut output = Counted::default();
        self.process(snapshot, traffic, &mut output);
        output.0
    }

    /// Takes the records through the whole data path; gives the hits.
    pub(crate) fn hits(&mut self, snapshot: &Snapshot, traffic: &Traffic) -> Vec<Hit> {
        let mut output = KeptHits::default();
        self.process(snapshot, traffic, &mut output);
        output.0
    }

    /// Events with and without hits, and items that are no events, of the last records.
    pub(crate) fn outcomes(&self) -> [u64; 3] {
        let total = self.stats.total();
        let others = total.ignored + total.rejected_total();
        [total.matched, total.unmatched, others]
    }

    fn process(&mut self, snapshot: &Snapshot, traffic: &Traffic, output: &mut impl Output) {
        let path = Path {
            snapshot,
            orientation: &self.orientation,
            streams: &self.streams,
            cluster: "bench",
            now: EventTime::from_millis(NOW_MS),
        };
        self.stats.clear();
        process(&traffic.records(), path, output, &mut self.stats);
    }
}
