//! `bench pipeline`: decode, match, hits and encode from memory, by format and by threads.
//!
//! What a worker of the match stage does between reading and sending, with nothing else: batches
//! of records through `pipeline::process`, hits as JSON into a buffer. Threads share the
//! snapshot and the records, which nobody writes; each has its own room, and each walks over
//! all records, beginning at a place of its own.

use std::thread;

use super::harness::{BenchError, Contender, Settings, Step, TurnError, Work, WrongAnswer, run};
use super::result::ResultRow;
use super::traffic::{Traffic, TrafficTruth, value_hash};
use crate::encode;
use crate::hits::Orientation;
use crate::model::{EventTime, Hit, Named, OutputFormat};
use crate::pipeline::{BatchStats, DeadLetter, Output, Path, Scratch, process};
use crate::snapshot::Snapshot;
use crate::source::{Record, Stream};

/// How the pipeline is measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PipelineOptions {
    /// Events of a turn of one thread; the records are walked over as often as that takes.
    pub events: u64,
    /// Numbers of threads, each a contender; none is 0.
    pub threads: Vec<usize>,
    /// How many turns.
    pub settings: Settings,
}

/// Measures the pipeline over `traffic`, whose truth is known. A row for each number of
/// threads, in their order.
///
/// # Errors
/// [`BenchError`] when what comes out is not the truth.
pub fn pipeline(
    traffic: &Traffic,
    snapshot: &Snapshot,
    orientation: &Orientation,
    options: &PipelineOptions,
    progress: &mut dyn FnMut(&str, Step),
) -> Result<Vec<ResultRow>, BenchError> {
    let streams = [Stream {
        source: "bench".to_owned(),
        topic: "events".to_owned(),
        format: traffic.format(),
    }];
    let course = Course {
        records: &traffic.records(),
        batch_records: batch_records(traffic),
        truth: traffic.truth(),
        path: Path {
            snapshot,
            orientation,
            streams: &streams,
            cluster: "bench",
            now: NOW,
        },
    };
    let walks = traffic.walks(options.events);
    let bytes = traffic.bytes() as u64 * walks;
    let mut contenders: Vec<Contender<'_>> = options
        .threads
        .iter()
        .map(|&threads| {
            let mut workers: Vec<Worker> = (0..threads).map(|_| Worker::new(&course)).collect();
            let check = || checked(&course);
            let turn = move |_| {
                turn(&course, &mut workers, walks)?;
                let threads = threads as u64;
                Ok(Work {
                    ops: course.truth.events() * walks * threads,
                    bytes: bytes * threads,
                    answers: Some(course.truth.hits),
                })
            };
            Contender::new("gannet", check, turn)
        })
        .collect();
    let measured = run(&mut contenders, options.settings, progress)?;
    let truth = traffic.truth();
    let first_is_one = options.threads.first() == Some(&1);
    let rows = measured.iter().zip(&options.threads);
    Ok(rows
        .map(|(measured, &threads)| ResultRow {
            format: Some(traffic.format().as_str().to_owned()),
            threads: Some(threads as u64),
            size: Some(snapshot.indicators()),
            bytes_per_indicator: Some(
                snapshot.bytes() as f64 / snapshot.indicators().max(1) as f64,
            ),
            events_per_record: Some(truth.events() as f64 / traffic.len().max(1) as f64),
            events_per_second: Some(1e9 / measured.ns_per_op.max(1e-6)),
            cpu_ns_per_event: Some(measured.cpu_ns_per_op),
            miss_share: Some(truth.unmatched as f64 / truth.events().max(1) as f64),
            questions: Some(truth.events()),
            working_set_bytes: Some(traffic.bytes() as u64),
            times_one_thread: first_is_one.then_some(1.0 / measured.times_first.max(1e-9)),
            times_gannet: None,
            ..ResultRow::of("pipeline", measured, "gannet")
        })
        .collect())
}

/// What hits carry as `matched_at`: some instant.
const NOW: EventTime = EventTime::from_nanos(1_767_226_000_000_000_000);

/// Most records of a batch: what a read from Kafka gives under load.
const BATCH_RECORDS: usize = 1024;

/// About as many events in a batch when a record holds several.
const BATCH_EVENTS: u64 = 8192;

/// How many records a batch has.
fn batch_records(traffic: &Traffic) -> usize {
    let per_record = traffic
        .truth()
        .events()
        .div_ceil(traffic.len().max(1) as u64);
    let records = usize::try_from(BATCH_EVENTS / per_record.max(1)).unwrap_or(BATCH_RECORDS);
    records.clamp(1, BATCH_RECORDS)
}

/// What all workers share.
#[derive(Clone, Copy)]
struct Course<'a> {
    records: &'a [Record<'a>],
    batch_records: usize,
    /// What must come of one walk.
    truth: TrafficTruth,
    path: Path<'a>,
}

/// What a worker has of its own.
struct Worker {
    scratch: Scratch,
    stats: BatchStats,
    output: HitBytes,
}

impl Worker {
    /// A worker without counts.
    fn new(course: &Course<'_>) -> Self {
        Self {
            scratch: Scratch::new(course.path.streams),
            stats: BatchStats::new(course.path.streams.len()),
            output: HitBytes::default(),
        }
    }

    /// Walks over all records, beginning at the record `start`.
    fn walk(&mut self, course: &Course<'_>, start: usize) {
        let (before, after) = course.records.split_at(start.min(course.records.len()));
        for part in [after, before] {
            for batch in part.chunks(course.batch_records) {
                self.output.bytes.clear();
                process(
                    batch,
                    course.path,
                    &mut self.scratch,
                    &mut self.output,
                    &mut self.stats,
                );
            }
        }
    }

    /// What came of its walks, and forgets it.
    fn take_truth(&mut self) -> TrafficTruth {
        let total = self.stats.total();
        self.stats.clear();
        TrafficTruth {
            matched: total.matched,
            unmatched: total.unmatched,
            hits: total.hits_total(),
            values: 0,
        }
    }
}

/// Encodes hits and keeps the bytes of a batch, as a sink does.
#[derive(Default)]
struct HitBytes {
    bytes: Vec<u8>,
}

impl Output for HitBytes {
    fn hit(&mut self, hit: &mut Hit) {
        encode::hit(OutputFormat::Json, hit, &mut self.bytes);
        self.bytes.push(b'\n');
    }

    fn dead(&mut self, _: &DeadLetter<'_>) {}
}

/// Lets all workers walk and compares their counts with the truth.
fn turn(course: &Course<'_>, workers: &mut [Worker], walks: u64) -> Result<(), TurnError> {
    let share = course.records.len() / workers.len().max(1);
    let walk = |worker: &mut Worker, start| {
        for _ in 0..walks {
            worker.walk(course, start);
        }
    };
    if let [only] = workers {
        walk(only, 0);
    } else {
        thread::scope(|scope| {
            for (number, worker) in workers.iter_mut().enumerate() {
                scope.spawn(move || walk(worker, number * share));
            }
        });
    }
    let expected = TrafficTruth {
        matched: course.truth.matched * walks,
        unmatched: course.truth.unmatched * walks,
        hits: course.truth.hits * walks,
        values: 0,
    };
    for worker in workers {
        let actual = worker.take_truth();
        if actual != expected {
            return Err(format!("found {actual:?} where {expected:?} is right").into());
        }
    }
    Ok(())
}

/// Walks once and compares what came of it with the truth: the counts, and the values of hits.
fn checked(course: &Course<'_>) -> Result<(), WrongAnswer> {
    let mut output = Values::default();
    let mut scratch = Scratch::new(course.path.streams);
    let mut stats = BatchStats::new(course.path.streams.len());
    for batch in course.records.chunks(course.batch_records) {
        process(batch, course.path, &mut scratch, &mut output, &mut stats);
    }
    let total = stats.total();
    let actual = TrafficTruth {
        matched: total.matched,
        unmatched: total.unmatched,
        hits: output.hits,
        values: output.values,
    };
    if actual == course.truth && total.hits_total() == output.hits {
        return Ok(());
    }
    Err(WrongAnswer {
        question: format!("{} records", course.records.len()),
        expected: format!("{:?}", course.truth),
        answered: format!("{actual:?}, {} rejected", total.rejected_total()),
    })
}

/// Adds up the values of hits.
#[derive(Default)]
struct Values {
    hits: u64,
    values: u64,
}

impl Output for Values {
    fn hit(&mut self, hit: &mut Hit) {
        self.hits += 1;
        self.values = self.values.wrapping_add(value_hash(&hit.matched.value));
    }

    fn dead(&mut self, _: &DeadLetter<'_>) {}
}

#[cfg(test)]
mod tests;
