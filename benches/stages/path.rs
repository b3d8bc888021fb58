//! The calls into the data path, in one place: what the stages run.

use std::net::IpAddr;

use gannet::decode::{Item, KeyScanner, KeySink, Outcome};
use gannet::hits::Orientation;
use gannet::lab::bench::{Traffic, orientation};
use gannet::matching::{NameBatch, NameProbe};
use gannet::model::{EventFormat, EventTime, Hit};
use gannet::pipeline::{BatchStats, DeadLetter, Output, Path, Scratch, process};
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

impl KeySink<'_> for Tally {
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
pub(crate) fn scan_keys(scanner: &mut KeyScanner, traffic: &Traffic) -> u64 {
    let mut tally = Tally::default();
    for value in traffic.values() {
        scanner.keys(value, &mut tally);
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

impl KeySink<'_> for Kept {
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
    let mut scanner = KeyScanner::new(traffic.format());
    for value in traffic.values() {
        scanner.keys(value, &mut kept);
    }
    kept
}

/// Probes names as the data path does, many together; gives how many may match.
pub(crate) fn probe_names(snapshot: &Snapshot, batch: &mut NameBatch, names: &[Vec<u8>]) -> u64 {
    let mut candidates = 0;
    for (owner, name) in (0..).zip(names) {
        let probe = snapshot.queue_name(name, owner, batch);
        candidates += u64::from(probe == NameProbe::Candidate);
        if batch.is_full() {
            snapshot.settle_names(batch, |_| candidates += 1);
        }
    }
    snapshot.settle_names(batch, |_| candidates += 1);
    candidates
}

/// What a batch needs besides its snapshot and records.
#[derive(Debug)]
pub(crate) struct Batch {
    orientation: Orientation,
    streams: Vec<Stream>,
    scratch: Scratch,
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
        let streams = vec![Stream {
            source: "bench".to_owned(),
            topic: "events".to_owned(),
            format,
        }];
        Self {
            orientation: orientation(),
            scratch: Scratch::new(&streams),
            streams,
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
        process(
            &traffic.records(),
            path,
            &mut self.scratch,
            output,
            &mut self.stats,
        );
    }
}
