//! From append to visible hit, at a rate that is held: how long after a record was due to be sent its
//! hit can be read.
//!
//! Records are sent by a schedule, and time is taken from when a record was due, not from when it
//! was sent: a generator or a broker that stands still makes all that wait behind it late, as it
//! is for whoever waits for the hits (no coordinated omission).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::Message as _;
use rdkafka::producer::Producer as _;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use serde::Deserialize;

use super::stage::Job;
use super::topic::MadeTopic;
use super::{PATIENCE, TurnFault};
use crate::lab::bench::harness::TurnError;
use crate::lab::bench::traffic::{Traffic, orientation};
use crate::pipeline::WorkerOutput;
use crate::snapshot::SnapshotReader;
use crate::source::consumer_config;

/// At which rate, for how long, by how many.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LatencyOptions {
    /// Records a second.
    pub rate: f64,
    /// How long records are sent.
    pub lasts: Duration,
    /// Workers.
    pub workers: usize,
}

/// What came of it. Milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LatencyResult {
    /// Records that were sent.
    pub records: u64,
    /// Records a second, as they were really sent.
    pub rate: f64,
    /// Hits that were read.
    pub hits: u64,
    /// Half of them were there so soon.
    pub p50_ms: f64,
    /// 99 of 100 were.
    pub p99_ms: f64,
    /// 999 of 1000 were.
    pub p999_ms: f64,
}

/// Measures it on `topic`, into which nothing was sent yet.
///
/// # Errors
/// When somebody fails, or hits are missing in the end.
pub fn latency(
    topic: &MadeTopic,
    traffic: &Traffic,
    snapshots: &SnapshotReader,
    options: LatencyOptions,
) -> Result<LatencyResult, TurnError> {
    let (stop, ready) = (AtomicBool::new(false), AtomicBool::new(false));
    let orientation = Arc::new(orientation());
    thread::scope(|scope| {
        let workers = (0..options.workers).map(|member| {
            let job = Job {
                topic,
                group: topic.group("latency", 0),
                member,
                snapshots: snapshots.clone(),
                orientation: Arc::clone(&orientation),
            };
            let (stop, ready) = (&stop, &ready);
            scope.spawn(move || {
                let ended = job.run(stop, &mut |output| {
                    if matches!(output, WorkerOutput::State { assigned: 1.., .. }) {
                        ready.store(true, Ordering::Relaxed);
                    }
                });
                // Without one of them the others need not go on.
                let ended = ended.inspect_err(|_| stop.store(true, Ordering::Relaxed));
                ended.map_err(|error| error.to_string())
            })
        });
        let workers: Vec<_> = workers.collect();
        let measured = measure(topic, traffic, options, (&stop, &ready));
        stop.store(true, Ordering::Relaxed);
        for worker in workers {
            worker.join().map_err(|_| "a worker panicked")??;
        }
        measured
    })
}

/// Sends by the schedule and reads hits at the same time.
fn measure(
    topic: &MadeTopic,
    traffic: &Traffic,
    options: LatencyOptions,
    (stop, ready): (&AtomicBool, &AtomicBool),
) -> Result<LatencyResult, TurnError> {
    let tap = tap(topic)?;
    let begun = Instant::now();
    while !ready.load(Ordering::Relaxed) && !stop.load(Ordering::Relaxed) {
        tap.poll(Duration::from_millis(20));
        if begun.elapsed() > PATIENCE {
            return Err("no partition was assigned".into());
        }
    }
    let wanted = options.rate * options.lasts.as_secs_f64();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count of walks, above 0 and small"
    )]
    let walks = (wanted / traffic.len().max(1) as f64).ceil().max(1.0) as u64;
    let schedule = Schedule {
        begun: Instant::now(),
        step: Duration::from_secs_f64(1.0 / options.rate.max(1.0)),
        partitions: topic.options().partitions,
    };
    thread::scope(|scope| {
        let generator = scope.spawn(|| {
            let sent = send(topic, traffic, schedule, walks);
            sent.map_err(|error| error.to_string())
        });
        let mut waits = Vec::new();
        while !generator.is_finished() {
            waits.extend(next_wait(&tap, schedule));
        }
        let sent = generator.join().map_err(|_| "the generator panicked")??;
        let mut last = Instant::now();
        while (waits.len() as u64) < sent.hits {
            if let Some(wait) = next_wait(&tap, schedule) {
                waits.push(wait);
                last = Instant::now();
            } else if last.elapsed() > PATIENCE {
                let found = TurnFault::Hits {
                    found: waits.len() as u64,
                    planted: sent.hits,
                };
                return Err(found.into());
            }
        }
        waits.sort_by(f64::total_cmp);
        Ok(LatencyResult {
            records: sent.records,
            rate: sent.records as f64 / sent.took.as_secs_f64().max(1e-9),
            hits: waits.len() as u64,
            p50_ms: quantile(&waits, 0.5),
            p99_ms: quantile(&waits, 0.99),
            p999_ms: quantile(&waits, 0.999),
        })
    })
}

/// How long the next hit took, if one comes soon.
fn next_wait(tap: &BaseConsumer, schedule: Schedule) -> Option<f64> {
    let message = tap.poll(Duration::from_millis(5))?.ok()?;
    schedule.wait_of(message.payload().unwrap_or_default())
}

/// What was sent.
struct Sent {
    records: u64,
    hits: u64,
    took: Duration,
}

/// Sends records by the schedule: whole walks, so that it is known how many hits there are.
fn send(
    topic: &MadeTopic,
    traffic: &Traffic,
    schedule: Schedule,
    walks: u64,
) -> Result<Sent, TurnError> {
    let producer = topic.producer(PRODUCER_LINGER_MS)?;
    let mut partitions = (0..schedule.partitions).cycle();
    let mut records = 0_u32;
    for _ in 0..walks {
        for value in traffic.values() {
            let due = schedule.due(records);
            loop {
                producer.poll(Duration::ZERO);
                let early = due.saturating_duration_since(Instant::now());
                if early.is_zero() {
                    break;
                }
                // Short waits: many records are due within a millisecond.
                thread::park_timeout(early.min(Duration::from_micros(500)));
            }
            topic.send(&producer, value, partitions.next().unwrap_or(0))?;
            records = records.saturating_add(1);
        }
    }
    producer.flush(PATIENCE)?;
    Ok(Sent {
        records: records.into(),
        hits: traffic.truth().hits * walks,
        took: schedule.begun.elapsed(),
    })
}

/// Reads the hits, all partitions, from their beginning.
fn tap(topic: &MadeTopic) -> Result<BaseConsumer, TurnError> {
    let mut config = consumer_config(topic.cluster());
    config.set("group.id", topic.group("tap", 0));
    config.set("fetch.wait.max.ms", "5");
    let consumer: BaseConsumer = config.create()?;
    let mut list = TopicPartitionList::new();
    for partition in 0..topic.options().partitions {
        list.add_partition_offset(topic.hits(), partition, Offset::Beginning)?;
    }
    consumer.assign(&list)?;
    Ok(consumer)
}

/// Which record a hit is of.
#[derive(Deserialize)]
struct HitOf {
    source: Position,
}

/// Its place.
#[derive(Deserialize)]
struct Position {
    partition: i64,
    offset: i64,
}

/// When records are due: the n-th one n steps after the begin. Records go to partitions in turn, so
/// that a record's place says which one it is.
#[derive(Clone, Copy)]
struct Schedule {
    begun: Instant,
    step: Duration,
    partitions: i32,
}

impl Schedule {
    /// When the n-th record is due.
    fn due(self, number: u32) -> Instant {
        self.begun + self.step * number
    }

    /// How long ago the record of a hit was due, in milliseconds.
    fn wait_of(self, hit: &[u8]) -> Option<f64> {
        let HitOf { source } = serde_json::from_slice(hit).ok()?;
        let number = source.offset * i64::from(self.partitions) + source.partition;
        let due = self.due(u32::try_from(number).ok()?);
        Some(due.elapsed().as_secs_f64() * 1e3)
    }
}

/// The value below which `share` of `sorted` lie; 0 of none.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index into what is in memory"
    )]
    let at = (sorted.len() as f64 * share).ceil() as usize;
    sorted
        .get(at.saturating_sub(1))
        .copied()
        .unwrap_or_default()
}

/// How long the generator gathers records: as producers of telemetry do.
const PRODUCER_LINGER_MS: u32 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_sorting_by_hand() {
        let sorted: Vec<f64> = (1..=1000).map(f64::from).collect();
        for (share, expected) in [(0.5, 500.0), (0.99, 990.0), (0.999, 999.0), (1.0, 1000.0)] {
            assert!((quantile(&sorted, share) - expected).abs() < 0.5);
        }
        assert!(quantile(&[], 0.5).abs() < 0.1);
        assert!((quantile(&[7.0], 0.999) - 7.0).abs() < 0.1);
    }
}
