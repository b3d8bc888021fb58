//! The data path: records in, hits and dead letters out, counts back.

use std::net::IpAddr;

use super::stats::{BatchStats, StreamStats};
use crate::decode::{self, Item, KeyScanner, KeySink, Outcome, Reject};
use crate::hits::{HitContext, Orientation, hits};
use crate::matching::{NameBatch, NameProbe};
use crate::model::{EventTime, Hit, HitKind, Position, SnapshotId};
use crate::snapshot::Snapshot;
use crate::source::{Record, Stream};

/// What a batch is judged by and where it comes from: constant for the batch.
#[derive(Clone, Copy)]
pub struct Path<'a> {
    /// The one snapshot that judges the batch.
    pub snapshot: &'a Snapshot,
    /// Which networks are whose.
    pub orientation: &'a Orientation,
    /// What the records' streams are.
    pub streams: &'a [Stream],
    /// The id of the cluster that the records come from; `file` for files.
    pub cluster: &'a str,
    /// What hits carry as `matched_at`.
    pub now: EventTime,
}

/// What a worker keeps from batch to batch, so that a batch allocates nothing: what the scanners
/// remember of each stream, and room. It never changes what a batch comes to.
#[derive(Debug)]
pub struct Scratch {
    scanners: Vec<KeyScanner>,
    names: NameBatch,
}

impl Scratch {
    /// For records of `streams`.
    pub fn new(streams: &[Stream]) -> Self {
        let scanner = |stream: &Stream| KeyScanner::new(stream.format);
        Self {
            scanners: streams.iter().map(scanner).collect(),
            names: NameBatch::new(),
        }
    }
}

/// An undecodable record, with the first reason found in it.
#[derive(Clone, Copy, Debug)]
pub struct DeadLetter<'a> {
    /// The record.
    pub record: &'a Record<'a>,
    /// Why it is undecodable.
    pub reject: Reject,
    /// The ordinal of the item that is.
    pub index: u32,
    /// How many of its items are.
    pub rejected: u64,
}

/// Where hits and dead letters go.
pub trait Output {
    /// Takes a hit.
    fn hit(&mut self, hit: &mut Hit);

    /// Takes a dead letter.
    fn dead(&mut self, dead: &DeadLetter<'_>);
}

/// Takes every record through the whole data path, in order:
/// keys → probe → (rarely) event → match → hits → output.
///
/// Names are probed together: an event that has any waits until there are enough of them. The
/// way of a record without a candidate allocates nothing, locks nothing and formats nothing.
pub fn process(
    records: &[Record<'_>],
    path: Path<'_>,
    scratch: &mut Scratch,
    output: &mut impl Output,
    stats: &mut BatchStats,
) {
    let Scratch { scanners, names } = scratch;
    let mut walk = Walk {
        path,
        records,
        snapshot_id: path.snapshot.id(),
        output,
        stats: &mut stats.streams,
        names,
        waiting: [Waiting::default(); WAITING],
        waits: 0,
        record: 0,
        stream: 0,
        item: 0,
        candidate: false,
        named: 0,
        unreadable: None,
    };
    for (number, record) in records.iter().enumerate() {
        let stream = usize::from(record.stream.0);
        let (Some(scanner), Some(stats)) = (scanners.get_mut(stream), walk.stats.get_mut(stream))
        else {
            continue;
        };
        let value = record.value.unwrap_or_default();
        stats.records += 1;
        stats.bytes += value.len() as u64;
        (walk.record, walk.stream, walk.item) = (number, stream, 0);
        scanner.keys(value, &mut walk);
        walk.end_record();
    }
    walk.judge();
    walk.bury();
}

/// Most events that wait for their names to be probed.
const WAITING: usize = 128;

/// An event that waits for its names to be probed.
#[derive(Clone, Copy, Default)]
struct Waiting<'r> {
    /// Its bytes.
    bytes: &'r [u8],
    /// The number of its record in the batch.
    record: usize,
    /// Its ordinal in the record.
    item: u32,
    /// Whether a key of it may match.
    candidate: bool,
}

/// What of a record could not be decoded.
#[derive(Clone, Copy)]
struct Unreadable {
    /// The number of the record in the batch.
    record: usize,
    /// Why, of its first such item.
    reject: Reject,
    /// The ordinal of that.
    item: u32,
    /// How many such items it has.
    items: u64,
}

/// The walk through a batch: takes the keys of items, and follows up on candidates.
struct Walk<'a, 'r, O> {
    path: Path<'a>,
    records: &'a [Record<'r>],
    snapshot_id: SnapshotId,
    output: &'a mut O,
    stats: &'a mut [StreamStats],
    /// Names of events that wait. Each belongs to the place of its event in `waiting`.
    names: &'a mut NameBatch,
    waiting: [Waiting<'r>; WAITING],
    /// How many wait.
    waits: usize,
    /// The number of the record at hand.
    record: usize,
    /// Its stream.
    stream: usize,
    /// The ordinal of the item at hand.
    item: u32,
    /// Whether a key of it may match.
    candidate: bool,
    /// How many names waited when it began.
    named: usize,
    /// What of a record could not be decoded: of the one at hand, or while candidates are
    /// followed up of the one whose items are.
    unreadable: Option<Unreadable>,
}

impl<'r, O: Output> KeySink<'r> for Walk<'_, 'r, O> {
    #[inline]
    fn name(&mut self, name: &[u8]) {
        // At most `WAITING`, so the narrowing is exact.
        let owner = u32::try_from(self.waits).unwrap_or(u32::MAX);
        match self.path.snapshot.queue_name(name, owner, self.names) {
            NameProbe::Miss => {}
            NameProbe::Candidate => self.candidate = true,
            NameProbe::Unfit(error) => {
                if let Some(stats) = self.stats.get_mut(self.stream) {
                    *stats.unfit_names.entry(error.reason()).or_default() += 1;
                }
            }
        }
        if self.names.is_full() {
            self.settle();
        }
    }

    #[inline]
    fn address(&mut self, address: IpAddr, port: Option<u16>) {
        self.candidate |= self.path.snapshot.probe_address(address, port);
    }

    #[inline]
    fn end(&mut self, item: Item<'r>) {
        match item.outcome {
            Outcome::Event if self.candidate || self.names.len() > self.named => {
                self.wait(item.bytes);
            }
            Outcome::Event => self.count(|stats| &mut stats.unmatched),
            Outcome::Ignored => self.count(|stats| &mut stats.ignored),
            Outcome::Rejected(reject) => {
                self.judge();
                self.reject(self.record, self.item, reject);
            }
        }
        // Names of what is no event are of no interest.
        self.names.rewind(self.named);
        self.candidate = false;
        self.item += 1;
    }
}

impl<'r, O: Output> Walk<'_, 'r, O> {
    /// Counts an item of the record at hand.
    #[inline]
    fn count(&mut self, counter: impl FnOnce(&mut StreamStats) -> &mut u64) {
        if let Some(stats) = self.stats.get_mut(self.stream) {
            *counter(stats) += 1;
        }
    }

    /// Lets the event at hand wait.
    #[inline]
    fn wait(&mut self, bytes: &'r [u8]) {
        if let Some(place) = self.waiting.get_mut(self.waits) {
            *place = Waiting {
                bytes,
                record: self.record,
                item: self.item,
                candidate: self.candidate,
            };
        }
        self.waits += 1;
        self.named = self.names.len();
        if self.waits == WAITING {
            self.judge();
        }
    }

    /// Probes the names that wait and marks the events that they belong to.
    fn settle(&mut self) {
        let (waiting, waits) = (&mut self.waiting, self.waits);
        let candidate = &mut self.candidate;
        self.path.snapshot.settle_names(self.names, |owner| {
            match waiting
                .get_mut(..waits)
                .and_then(|all| all.get_mut(owner as usize))
            {
                Some(event) => event.candidate = true,
                None => *candidate = true,
            }
        });
        self.named = 0;
    }

    /// Ends the wait of all events: those without a candidate among their keys are counted,
    /// the others followed up, in their order.
    fn judge(&mut self) {
        self.settle();
        let waits = std::mem::take(&mut self.waits);
        for place in 0..waits {
            let Some(&event) = self.waiting.get(place) else {
                return;
            };
            if event.candidate {
                self.follow_up(&event);
            } else if let Some(stats) = self.stats_of(event.record) {
                stats.unmatched += 1;
            }
        }
        if self.unreadable.is_some_and(|of| of.record != self.record) {
            self.bury();
        }
    }

    /// After the last item of a record.
    #[inline]
    fn end_record(&mut self) {
        if self.unreadable.is_some() {
            self.judge();
            self.bury();
        }
    }

    /// The counts of the stream of a record.
    fn stats_of(&mut self, record: usize) -> Option<&mut StreamStats> {
        let stream = self.records.get(record)?.stream;
        self.stats.get_mut(usize::from(stream.0))
    }

    /// Decodes a candidate whole and confirms it: the only place where hits are made.
    #[inline(never)]
    fn follow_up(&mut self, item: &Waiting<'_>) {
        let Some(record) = self.records.get(item.record) else {
            return;
        };
        let stream = usize::from(record.stream.0);
        let (Some(source), Some(stats)) =
            (self.path.streams.get(stream), self.stats.get_mut(stream))
        else {
            return;
        };
        let record_time = record.timestamp_ms.map(EventTime::from_millis);
        let event = match decode::event(source.format, item.bytes, record_time) {
            Ok(Some(event)) => event,
            Ok(None) => {
                stats.ignored += 1;
                return;
            }
            Err(reject) => {
                self.reject(item.record, item.item, reject);
                return;
            }
        };
        let mut matches = Vec::new();
        stats.muted += self.path.snapshot.matches(&event, &mut matches);
        if matches.is_empty() {
            stats.unmatched += 1;
            return;
        }
        stats.matched += 1;
        let position = Position {
            cluster: self.path.cluster.to_owned(),
            topic: source.topic.clone(),
            partition: record.partition,
            offset: record.offset,
            index: item.item,
            observer: event.observer.clone(),
        };
        let context = HitContext {
            orientation: self.path.orientation,
            snapshot: &self.snapshot_id,
            matched_at: self.path.now,
            record_time_ms: record.timestamp_ms,
        };
        let mut found = Vec::with_capacity(matches.len());
        hits(&event, matches, &position, &context, &mut found);
        for hit in &mut found {
            let counts = match hit.kind {
                HitKind::Dns(_) => &mut stats.hits.dns,
                HitKind::Flow(_) => &mut stats.hits.flow,
            };
            if let Some(count) = counts.get_mut(hit.evidence as usize) {
                *count += 1;
            }
            stats.hits.victim_evidence += u64::from(hit.victim_evidence());
            self.output.hit(hit);
        }
    }

    /// Counts an item that cannot be decoded. Records come in order: what was noted of another
    /// one is complete.
    #[inline(never)]
    fn reject(&mut self, record: usize, item: u32, reject: Reject) {
        if self.unreadable.is_some_and(|of| of.record != record) {
            self.bury();
        }
        if let Some(stats) = self.stats_of(record) {
            *stats.rejected.entry(reject).or_default() += 1;
        }
        let unreadable = self.unreadable.get_or_insert(Unreadable {
            record,
            reject,
            item,
            items: 0,
        });
        unreadable.items += 1;
    }

    /// One dead letter for all that could not be decoded of a record.
    fn bury(&mut self) {
        let Some(unreadable) = self.unreadable.take() else {
            return;
        };
        if let Some(stats) = self.stats_of(unreadable.record) {
            *stats.dead_letters.entry(unreadable.reject).or_default() += 1;
        }
        if let Some(record) = self.records.get(unreadable.record) {
            self.output.dead(&DeadLetter {
                record,
                reject: unreadable.reject,
                index: unreadable.item,
                rejected: unreadable.items,
            });
        }
    }
}
