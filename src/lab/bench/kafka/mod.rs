//! `bench kafka`: the whole job beside the bare reading, over one made topic of a real broker.
//!
//! Three contenders take turns: `gannet` (workers of the match stage that read, match, produce hits,
//! wait for their acknowledgement and commit), `direct-drain` (our own reader, which does nothing
//! with what it reads) and `drain` (librdkafka's consumer by its batch call, which does nothing
//! either: the most that anything on a client library can reach). Each turn is timed from the first
//! record, since a consumer needs up to a second to get there, to the last; that of `gannet` until
//! its last commit.

mod client;
mod drain;
mod latency;
mod stage;
mod swap;
mod topic;

use std::time::{Duration, Instant};

use self::stage::Stage;
use super::harness::{BenchError, Clock, Contender, Settings, Step, TurnError, Work, run};
use super::result::ResultRow;
use super::traffic::Traffic;
use crate::config::{ClusterConfig, KafkaConfig, ReaderChoice, Start};
use crate::model::Named as _;
use crate::snapshot::SnapshotReader;
use crate::source::{
    KafkaReaderOptions, Progress, ReadLimits, RecordReader as _, Stream, direct::DirectReader,
    direct_settings,
};

pub use latency::{LatencyOptions, LatencyResult, latency};
pub use swap::{SwapResult, swap};
pub use topic::{Compression, Host, MadeTopic, TopicError, TopicOptions};

/// How reading is measured.
#[derive(Clone, Debug)]
pub struct KafkaOptions {
    /// Workers of `gannet`.
    pub workers: usize,
    /// Whether each of them fetches on a thread of its own.
    pub fetch_thread: bool,
    /// How many turns.
    pub settings: Settings,
}

/// Longest time that a turn may go without a record.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a turn does when nothing comes.
#[derive(Debug, thiserror::Error)]
pub enum TurnFault {
    /// Nothing came for a long time.
    #[error("{read} of {wanted} records came, and nothing more for {PATIENCE:?}")]
    Stuck {
        /// What came.
        read: u64,
        /// What should have come.
        wanted: u64,
    },
    /// The hits are not those that were planted.
    #[error("{found} hits were acknowledged where {planted} are planted")]
    Hits {
        /// Hits that the broker acknowledged.
        found: u64,
        /// Hits that are planted.
        planted: u64,
    },
    /// The direct reader cannot be measured with this cluster.
    #[error("the direct reader cannot read from this cluster: {0}")]
    Unfit(String),
}

/// Measures reading `topic`, which was made of `traffic`, and the whole job on it with `snapshots`. A
/// row for each contender; ratios are to `gannet`.
///
/// # Errors
/// [`BenchError`] when a turn fails, or what comes out of it is not what was put in.
pub fn kafka(
    topic: &MadeTopic,
    traffic: &Traffic,
    snapshots: &SnapshotReader,
    options: &KafkaOptions,
    progress: &mut dyn FnMut(&str, Step),
) -> Result<Vec<ResultRow>, BenchError> {
    let indicators = snapshots.clone().current().indicators();
    let stage = Stage::new(topic, snapshots, options);
    let truth = traffic.truth();
    let mut contenders = [
        Contender::with_clock("gannet", |turn, clock| stage.turn(turn, clock)),
        Contender::with_clock("direct-drain", |turn, clock| {
            direct_drain(topic, turn, clock)
        }),
        Contender::with_clock("drain", |_, clock| drain::turn(topic, clock)),
    ];
    let measured = run(&mut contenders, options.settings, progress)?;
    let per_record = truth.events() as f64 / traffic.len().max(1) as f64;
    let rows = measured.iter().map(|measured| {
        let per_second = 1e9 / measured.ns_per_op.max(1e-6);
        let whole = measured.engine == "gannet";
        ResultRow {
            format: Some(traffic.format().as_str().to_owned()),
            codec: Some(topic.options().codec.as_str().to_owned()),
            threads: Some(if whole { options.workers as u64 } else { 1 }),
            size: Some(indicators),
            events_per_record: Some(per_record),
            records_per_second: Some(per_second),
            events_per_second: Some(per_second * per_record),
            cpu_ns_per_record: Some(measured.cpu_ns_per_op),
            miss_share: Some(truth.unmatched as f64 / truth.events().max(1) as f64),
            ..ResultRow::of("kafka", measured, "gannet")
        }
    });
    Ok(rows.collect())
}

/// How a member reads `topic` from its beginning, in a group that nobody else is in.
fn reader_options(topic: &MadeTopic, cluster: &ClusterConfig, group: &str) -> KafkaReaderOptions {
    KafkaReaderOptions {
        kafka: KafkaConfig {
            reader: ReaderChoice::Auto,
            ..KafkaConfig::new(cluster.clone(), group)
        },
        member: 0,
        streams: [Stream {
            source: "bench".to_owned(),
            topic: topic.name().to_owned(),
            format: topic.format(),
        }]
        .into(),
        starts: vec![Start::Earliest],
        fetch_thread: false,
    }
}

/// Reads the topic with our own reader and does nothing with it.
fn direct_drain(topic: &MadeTopic, turn: usize, clock: &mut Clock<'_>) -> Result<Work, TurnError> {
    let cluster = topic.cluster();
    let settings = direct_settings(cluster).map_err(|error| TurnFault::Unfit(error.to_string()))?;
    let options = reader_options(topic, cluster, &topic.group("direct", turn));
    let mut reader = DirectReader::join(&options, settings)?;
    let limits = ReadLimits {
        records_max: READ_RECORDS,
        wait: Duration::from_millis(100),
    };
    drained(topic, clock, || {
        let (mut records, mut bytes) = (0, 0);
        let progress = reader.read(limits, &mut |batch| {
            records = batch.len() as u64;
            let values = batch.iter().filter_map(|record| record.value);
            bytes = values.map(|value| value.len() as u64).sum();
        })?;
        if matches!(progress, Progress::Revoking | Progress::Lost) {
            reader.release()?;
        }
        Ok((records, bytes))
    })
}

/// Takes records until the topic was read: `take` says how many it took, and the bytes of their
/// values.
fn drained(
    topic: &MadeTopic,
    clock: &mut Clock<'_>,
    mut take: impl FnMut() -> Result<(u64, u64), TurnError>,
) -> Result<Work, TurnError> {
    let (mut records, mut bytes) = (0, 0);
    let mut last = Instant::now();
    while records < topic.records() {
        let (more, len) = take()?;
        if more > 0 {
            if records == 0 {
                clock.start();
            }
            last = Instant::now();
        } else if last.elapsed() > PATIENCE {
            return Err(stuck(records, topic).into());
        }
        records += more;
        bytes += len;
    }
    clock.stop();
    Ok(Work {
        ops: records,
        bytes,
        answers: Some(bytes),
    })
}

/// Nothing comes any more.
fn stuck(read: u64, topic: &MadeTopic) -> TurnFault {
    TurnFault::Stuck {
        read,
        wanted: topic.records(),
    }
}

/// Records of a read, as in the match stage.
const READ_RECORDS: usize = 1024;
