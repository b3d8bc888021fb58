//! The data path: records in, hits and dead letters out, counts back.

use std::net::IpAddr;

use super::stats::{BatchStats, StreamStats};
use crate::decode::{self, Item, KeySink, Outcome, Reject};
use crate::hits::{HitContext, Orientation, hits};
use crate::matching::NameProbe;
use crate::model::{EventTime, Hit, HitKind, Position};
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
/// The way of a record without a candidate allocates nothing, locks nothing and formats
/// nothing.
pub fn process(
    records: &[Record<'_>],
    path: Path<'_>,
    output: &mut impl Output,
    stats: &mut BatchStats,
) {
    let snapshot_id = path.snapshot.id();
    for record in records {
        let stream = usize::from(record.stream.0);
        let (Some(source), Some(stats)) = (path.streams.get(stream), stats.streams.get_mut(stream))
        else {
            continue;
        };
        let value = record.value.unwrap_or_default();
        stats.records += 1;
        stats.bytes += value.len() as u64;
        let mut walk = Walk {
            path,
            context: HitContext {
                orientation: path.orientation,
                snapshot: &snapshot_id,
                matched_at: path.now,
                record_time_ms: record.timestamp_ms,
            },
            record,
            source,
            output,
            stats,
            candidate: false,
            index: 0,
            rejected: None,
        };
        decode::keys(source.format, value, &mut walk);
        walk.finish();
    }
}

/// The walk through one record: takes its keys, and follows up on candidates.
struct Walk<'a, O> {
    path: Path<'a>,
    context: HitContext<'a>,
    record: &'a Record<'a>,
    source: &'a Stream,
    output: &'a mut O,
    stats: &'a mut StreamStats,
    /// Whether a key of the current item may match.
    candidate: bool,
    /// The ordinal of the current item.
    index: u32,
    /// The first undecodable item, and how many there are.
    rejected: Option<(Reject, u32, u64)>,
}

impl<O: Output> KeySink for Walk<'_, O> {
    fn name(&mut self, name: &[u8]) {
        match self.path.snapshot.probe_name(name) {
            NameProbe::Miss => {}
            NameProbe::Candidate => self.candidate = true,
            NameProbe::Unfit(error) => {
                *self.stats.unfit_names.entry(error.reason()).or_default() += 1;
            }
        }
    }

    fn address(&mut self, address: IpAddr, port: Option<u16>) {
        self.candidate |= self.path.snapshot.probe_address(address, port);
    }

    fn end(&mut self, item: Item<'_>) {
        match item.outcome {
            Outcome::Event if self.candidate => self.follow_up(item.bytes),
            Outcome::Event => self.stats.unmatched += 1,
            Outcome::Ignored => self.stats.ignored += 1,
            Outcome::Rejected(reject) => self.reject(reject),
        }
        self.candidate = false;
        self.index += 1;
    }
}

impl<O: Output> Walk<'_, O> {
    /// Decodes a candidate whole and confirms it: the only place where hits are made.
    fn follow_up(&mut self, item: &[u8]) {
        let record_time = self.record.timestamp_ms.map(EventTime::from_millis);
        let event = match decode::event(self.source.format, item, record_time) {
            Ok(Some(event)) => event,
            Ok(None) => {
                self.stats.ignored += 1;
                return;
            }
            Err(reject) => {
                self.reject(reject);
                return;
            }
        };
        let mut matches = Vec::new();
        self.path.snapshot.matches(&event, &mut matches);
        if matches.is_empty() {
            self.stats.unmatched += 1;
            return;
        }
        self.stats.matched += 1;
        let position = Position {
            cluster: self.path.cluster.to_owned(),
            topic: self.source.topic.clone(),
            partition: self.record.partition,
            offset: self.record.offset,
            index: self.index,
            observer: event.observer.clone(),
        };
        let mut found = Vec::with_capacity(matches.len());
        hits(&event, matches, &position, &self.context, &mut found);
        for hit in &mut found {
            let counts = match hit.kind {
                HitKind::Dns(_) => &mut self.stats.hits.dns,
                HitKind::Flow(_) => &mut self.stats.hits.flow,
            };
            if let Some(count) = counts.get_mut(hit.evidence as usize) {
                *count += 1;
            }
            self.stats.hits.victim_evidence += u64::from(hit.victim_evidence());
            self.output.hit(hit);
        }
    }

    fn reject(&mut self, reject: Reject) {
        *self.stats.rejected.entry(reject).or_default() += 1;
        match &mut self.rejected {
            Some((_, _, count)) => *count += 1,
            None => self.rejected = Some((reject, self.index, 1)),
        }
    }

    /// After the last item: one dead letter for all that could not be decoded.
    fn finish(self) {
        if let Some((reject, index, rejected)) = self.rejected {
            *self.stats.dead_letters.entry(reject).or_default() += 1;
            self.output.dead(&DeadLetter {
                record: self.record,
                reject,
                index,
                rejected,
            });
        }
    }
}
