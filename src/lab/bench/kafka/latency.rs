//! From append to visible hit, at a rate that is held: how long after a record was due to be sent its
//! hit can be read.
//!
//! Records are sent by a schedule, and time is taken from when a record was due, not from when it
//! was sent: a generator or a broker that stands still makes all that wait behind it late, as it
//! is for whoever waits for the hits (no coordinated omission). So that the generator costs next to
//! nothing, it sends whole batches, compressed long before, as a producer made them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::Message as _;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use serde::Deserialize;

use super::client::{Client, WholeBatch};
use super::stage::Crew;
use super::topic::MadeTopic;
use super::{KafkaOptions, PATIENCE, TurnFault};
use crate::lab::bench::harness::TurnError;
use crate::pipeline::WorkerOutput;
use crate::snapshot::SnapshotReader;
use crate::source::consumer_config;

/// At which rate, and for how long.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LatencyOptions {
    /// Records a second.
    pub rate: f64,
    /// How long records are sent.
    pub lasts: Duration,
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

/// Measures it on `topic`, into which nothing was sent yet, with the batches that `stock` has.
///
/// # Errors
/// When somebody fails, or hits are missing in the end.
pub fn latency(
    topic: &MadeTopic,
    stock: &MadeTopic,
    snapshots: &SnapshotReader,
    (workers, options): (&KafkaOptions, LatencyOptions),
) -> Result<LatencyResult, TurnError> {
    let batches = Client::connect(stock.cluster(), stock.name())?.batches()?;
    let schedule = Schedule::new(&batches, topic.options().partitions, options);
    let planted = stock.planted() * schedule.walks;
    let (stop, ready) = (AtomicBool::new(false), AtomicBool::new(false));
    let crew = Crew {
        topic,
        group: topic.group("latency", 0),
        snapshots: snapshots.clone(),
        options: workers,
    };
    crew.work(
        &stop,
        |_, output| {
            if matches!(output, WorkerOutput::State { assigned: 1.., .. }) {
                ready.store(true, Ordering::Relaxed);
            }
        },
        || measure(topic, (&batches, planted), schedule, (&stop, &ready)),
    )
}

/// Sends batches by the schedule and reads the hits that are planted in them at the same time.
fn measure(
    topic: &MadeTopic,
    (batches, planted): (&[WholeBatch], u64),
    mut schedule: Schedule,
    (stop, ready): (&AtomicBool, &AtomicBool),
) -> Result<LatencyResult, TurnError> {
    let mut client = Client::connect(topic.cluster(), topic.name())?;
    let tap = tap(topic)?;
    let begun = Instant::now();
    while !ready.load(Ordering::Relaxed) && !stop.load(Ordering::Relaxed) {
        tap.poll(Duration::from_millis(20));
        if begun.elapsed() > PATIENCE {
            return Err("no partition was assigned".into());
        }
    }
    schedule.begun = Instant::now();
    let schedule = &schedule;
    thread::scope(|scope| {
        let generator = scope.spawn(|| {
            let sent = send(&mut client, batches, schedule);
            sent.map_err(|error| error.to_string())
        });
        let mut waits = Vec::new();
        while !generator.is_finished() {
            waits.extend(next_wait(&tap, schedule));
        }
        let took = generator.join().map_err(|_| "the generator panicked")??;
        let mut last = Instant::now();
        while (waits.len() as u64) < planted {
            if let Some(wait) = next_wait(&tap, schedule) {
                waits.push(wait);
                last = Instant::now();
            } else if last.elapsed() > PATIENCE {
                let found = TurnFault::Hits {
                    found: waits.len() as u64,
                    planted,
                };
                return Err(found.into());
            }
        }
        waits.sort_by(f64::total_cmp);
        Ok(LatencyResult {
            records: schedule.records,
            rate: schedule.records as f64 / took.as_secs_f64().max(1e-9),
            hits: waits.len() as u64,
            p50_ms: quantile(&waits, 0.5),
            p99_ms: quantile(&waits, 0.99),
            p999_ms: quantile(&waits, 0.999),
        })
    })
}

/// How long the next hit took, if one comes soon.
fn next_wait(tap: &BaseConsumer, schedule: &Schedule) -> Option<f64> {
    let message = tap.poll(Duration::from_millis(5))?.ok()?;
    schedule.wait_of(message.payload().unwrap_or_default())
}

/// Sends batches by the schedule, again and again from the first one, each when its last record is
/// due; how long that took until the last one was acknowledged.
fn send(
    client: &mut Client,
    batches: &[WholeBatch],
    schedule: &Schedule,
) -> Result<Duration, TurnError> {
    let mut number = 0;
    let mut partitions = (0..schedule.partitions).cycle();
    for _ in 0..schedule.walks {
        for batch in batches {
            number += batch.records;
            client.wait_until(schedule.due(number))?;
            client.produce(partitions.next().unwrap_or(0), batch)?;
        }
    }
    client.settle(0)?;
    Ok(schedule.begun.elapsed())
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
    partition: i32,
    offset: i64,
}

/// When records are due: the n-th one so long after the begin as n of them take at the rate. Batches
/// go to partitions in turn, so that a record's place says which one it is.
struct Schedule {
    begun: Instant,
    /// Records a second.
    rate: f64,
    partitions: i32,
    /// How often all batches are sent.
    walks: u64,
    /// Records of all walks.
    records: u64,
    /// The first offset of every batch of each partition, and the number of its first record.
    firsts: Vec<Vec<(i64, u64)>>,
}

impl Schedule {
    /// That of `batches`, at a rate and for as long as `options` say.
    fn new(batches: &[WholeBatch], partitions: i32, options: LatencyOptions) -> Self {
        let walk: u64 = batches.iter().map(|batch| batch.records).sum();
        let wanted = options.rate * options.lasts.as_secs_f64();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a count of walks, above 0 and small"
        )]
        let walks = (wanted / walk.max(1) as f64).ceil().max(1.0) as u64;
        let mut firsts: Vec<Vec<(i64, u64)>> = (0..partitions).map(|_| Vec::new()).collect();
        let mut offsets = vec![0_i64; firsts.len()];
        let mut number = 0;
        let mut turns = (0..firsts.len()).cycle();
        for batch in (0..walks).flat_map(|_| batches) {
            let turn = turns.next().unwrap_or(0);
            if let (Some(firsts), Some(offset)) = (firsts.get_mut(turn), offsets.get_mut(turn)) {
                firsts.push((*offset, number));
                *offset += batch.records.cast_signed();
            }
            number += batch.records;
        }
        Self {
            begun: Instant::now(),
            rate: options.rate.max(1.0),
            partitions,
            walks,
            records: walk * walks,
            firsts,
        }
    }

    /// When the n-th record is due.
    fn due(&self, number: u64) -> Instant {
        self.begun + Duration::from_secs_f64(number as f64 / self.rate)
    }

    /// The number of the record at a place.
    fn number(&self, partition: i32, offset: i64) -> Option<u64> {
        let firsts = self.firsts.get(usize::try_from(partition).ok()?)?;
        let behind = firsts.partition_point(|(first, _)| *first <= offset);
        let (first, number) = firsts.get(behind.checked_sub(1)?)?;
        Some(number + (offset - first).cast_unsigned())
    }

    /// How long ago the record of a hit was due, in milliseconds.
    fn wait_of(&self, hit: &[u8]) -> Option<f64> {
        let HitOf { source } = serde_json::from_slice(hit).ok()?;
        let due = self.due(self.number(source.partition, source.offset)?);
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

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn a_place_says_which_record_it_is_and_when_it_was_due() {
        let batch = |records| WholeBatch {
            bytes: Bytes::new(),
            records,
        };
        let batches = [batch(3), batch(1), batch(4)];
        let options = LatencyOptions {
            rate: 1000.0,
            lasts: Duration::from_millis(9),
        };
        // Two walks of eight records, batches in turn to two partitions.
        let schedule = Schedule::new(&batches, 2, options);
        assert_eq!((schedule.walks, schedule.records), (2, 16));
        let mut places = [(0, 0); 2];
        let mut number = 0;
        for (turn, batch) in batches.iter().chain(&batches).enumerate() {
            let (partition, offset) = (turn % 2, &mut places[turn % 2].0);
            for _ in 0..batch.records {
                let found = schedule.number(i32::try_from(partition).unwrap(), *offset);
                assert_eq!(found, Some(number));
                *offset += 1;
                number += 1;
            }
        }
        let due = schedule.due(5).saturating_duration_since(schedule.begun);
        assert_eq!(due.as_millis(), 5);
        assert_eq!(
            (schedule.number(7, 0), schedule.number(0, -1)),
            (None, None)
        );
    }

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
