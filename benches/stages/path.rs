//! The calls into the data path, in one place: what the stages run.

use std::net::IpAddr;

use gannet::decode::{self, Item, KeySink, Outcome};
use gannet::hits::Orientation;
use gannet::model::{EventFormat, EventTime, Hit};
use gannet::pipeline::{BatchStats, DeadLetter, Output, Path, process};
use gannet::snapshot::Snapshot;
use gannet::source::{Record, RecordHeaders, Stream, StreamId};

/// When everything happens, in milliseconds since the epoch.
pub(crate) const NOW_MS: i64 = 1_767_225_600_000;

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
pub(crate) fn scan_keys(format: EventFormat, records: &[Vec<u8>]) -> u64 {
    let mut tally = Tally::default();
    for record in records {
        decode::keys(format, record, &mut tally);
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
    /// Items and whether each is an event.
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
pub(crate) fn kept(format: EventFormat, records: &[Vec<u8>]) -> Kept {
    let mut kept = Kept::default();
    for record in records {
        decode::keys(format, record, &mut kept);
    }
    kept
}

/// Everything that a batch needs besides its snapshot.
#[derive(Debug)]
pub(crate) struct Batch {
    orientation: Orientation,
    streams: Vec<Stream>,
    stats: BatchStats,
}

/// Counts hits, or keeps them.
#[derive(Debug, Default)]
struct Hits {
    count: u64,
    dead: u64,
    kept: Option<Vec<Hit>>,
}

impl Output for Hits {
    fn hit(&mut self, hit: &mut Hit) {
        self.count += 1;
        if let Some(kept) = &mut self.kept {
            kept.push(hit.clone());
        }
    }

    fn dead(&mut self, _dead: &DeadLetter<'_>) {
        self.dead += 1;
    }
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
            orientation: Orientation::default(),
            streams: vec![stream],
            stats: BatchStats::new(1),
        }
    }

    /// Takes the records through the whole data path; gives the number of hits.
    pub(crate) fn hits(&mut self, snapshot: &Snapshot, records: &[Record<'_>]) -> u64 {
        self.process(snapshot, records, Hits::default()).count
    }

    /// The hits of the records, and the number of events.
    pub(crate) fn kept(&mut self, snapshot: &Snapshot, records: &[Record<'_>]) -> (Vec<Hit>, u64) {
        let kept = Some(Vec::new());
        let hits = self.process(
            snapshot,
            records,
            Hits {
                kept,
                ..Hits::default()
            },
        );
        (hits.kept.unwrap_or_default(), self.stats.total().events())
    }

    fn process(&mut self, snapshot: &Snapshot, records: &[Record<'_>], mut output: Hits) -> Hits {
        let path = Path {
            snapshot,
            orientation: &self.orientation,
            streams: &self.streams,
            cluster: "bench",
            now: EventTime::from_millis(NOW_MS),
        };
        self.stats.clear();
        process(records, path, &mut output, &mut self.stats);
        output
    }
}

/// Values as records of one stream.
pub(crate) fn records(values: &[Vec<u8>]) -> Vec<Record<'_>> {
    (0..)
        .zip(values)
        .map(|(offset, value)| Record {
            stream: StreamId(0),
            partition: 0,
            offset,
            timestamp_ms: Some(NOW_MS),
            key: None,
            value: Some(value),
            headers: RecordHeaders::default(),
        })
        .collect()
}
