//! A paced producer for the embedded broker and for load: every partition is filled only as far
//! ahead of its slowest reader as the broker is trusted to keep.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer};

use super::broker::{PARTITION_BYTES_MAX, PARTITION_RECORDS_MAX};
use crate::config::ClusterConfig;

/// How far the readers of a topic have got: the next offset of each partition.
#[derive(Debug)]
pub struct Reached {
    partitions: Vec<AtomicI64>,
}

impl Reached {
    /// Nothing read of `partitions` partitions.
    pub fn new(partitions: usize) -> Self {
        Self {
            partitions: (0..partitions).map(|_| AtomicI64::new(0)).collect(),
        }
    }

    /// Notes that `partition` was read up to `next`.
    pub fn note(&self, partition: i32, next: i64) {
        if let Some(reached) = usize::try_from(partition)
            .ok()
            .and_then(|index| self.partitions.get(index))
        {
            reached.fetch_max(next, Ordering::Relaxed);
        }
    }

    /// The next offset of `partition`.
    pub fn next(&self, partition: usize) -> i64 {
        self.partitions
            .get(partition)
            .map_or(0, |reached| reached.load(Ordering::Relaxed))
    }

    /// Records read of all partitions.
    pub fn total(&self) -> i64 {
        self.partitions
            .iter()
            .map(|reached| reached.load(Ordering::Relaxed))
            .sum()
    }

    /// How many partitions there are.
    pub fn partitions(&self) -> usize {
        self.partitions.len()
    }
}

/// Why feeding failed.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The library refused the configuration or a record.
    #[error("cannot produce: {0}")]
    Produce(#[source] KafkaError),
    /// The readers made no progress for too long.
    #[error("readers of `{topic}` stand still at {reached} of {produced} records")]
    Stalled {
        /// The topic.
        topic: String,
        /// Records read.
        reached: i64,
        /// Records produced.
        produced: i64,
    },
}

/// Produces to partitions of its own choice, evenly, never too far ahead.
pub struct Feeder {
    producer: BaseProducer,
    topics: BTreeMap<String, Topic>,
    records: u64,
}

/// What was produced to a topic.
#[derive(Default)]
struct Topic {
    produced: Vec<i64>,
    bytes: u64,
    records: u64,
    turn: usize,
}

/// How long a feeder waits for readers before it gives up.
const STALL: Duration = Duration::from_secs(30);

impl Feeder {
    /// A feeder for `cluster`.
    ///
    /// # Errors
    /// [`FeedError::Produce`] when the library refuses the configuration.
    pub fn open(cluster: &ClusterConfig) -> Result<Self, FeedError> {
        let mut config = ClientConfig::new();
        config.set("linger.ms", "5");
        config.set("compression.type", "lz4");
        config.set("acks", "1");
        config.set("message.timeout.ms", "60000");
        config.set("queue.buffering.max.messages", "100000");
        config.set("queue.buffering.max.kbytes", "65536");
        config.set("batch.num.messages", "5000");
        for (name, value) in cluster.client_settings() {
            config.set(name, value);
        }
        let producer = config
            .create_with_context(DefaultProducerContext)
            .map_err(FeedError::Produce)?;
        Ok(Self {
            producer,
            topics: BTreeMap::new(),
            records: 0,
        })
    }

    /// Produces `value` to the next partition of `topic`, waiting while that partition is as
    /// far ahead of `reached` as the broker is trusted to keep.
    ///
    /// # Errors
    /// [`FeedError`] when the library refuses or the readers stand still.
    pub fn send(
        &mut self,
        topic: &str,
        key: Option<&[u8]>,
        value: &[u8],
        reached: &Reached,
    ) -> Result<(), FeedError> {
        if !self.topics.contains_key(topic) {
            let state = Topic {
                produced: vec![0; reached.partitions()],
                ..Topic::default()
            };
            self.topics.insert(topic.to_owned(), state);
        }
        let Some(state) = self.topics.get_mut(topic) else {
            return Ok(());
        };
        // A few records at a time go to one partition, so that batches compress well.
        let partition = (state.turn / 64) % reached.partitions().max(1);
        state.turn += 1;
        state.bytes += value.len() as u64;
        state.records += 1;
        let mean = (state.bytes / state.records).max(1);
        let ahead_max = PARTITION_RECORDS_MAX.min(PARTITION_BYTES_MAX / mean).max(1);
        let ahead_max = i64::try_from(ahead_max).unwrap_or(i64::MAX);
        let produced = state.produced.get(partition).copied().unwrap_or(0);
        let mut waited = Duration::ZERO;
        let mut seen = reached.next(partition);
        while produced - reached.next(partition) >= ahead_max {
            self.producer.poll(Duration::from_millis(2));
            waited += Duration::from_millis(2);
            if reached.next(partition) > seen {
                seen = reached.next(partition);
                waited = Duration::ZERO;
            }
            if waited > STALL {
                return Err(FeedError::Stalled {
                    topic: topic.to_owned(),
                    reached: reached.total(),
                    produced: state.produced.iter().sum(),
                });
            }
        }
        if let Some(produced) = state.produced.get_mut(partition) {
            *produced += 1;
        }
        self.records += 1;
        let number = i32::try_from(partition).unwrap_or(0);
        if self.records.is_multiple_of(256) {
            self.producer.poll(Duration::ZERO);
        }
        let mut record = BaseRecord::<[u8], [u8]>::to(topic)
            .partition(number)
            .payload(value);
        if let Some(key) = key {
            record = record.key(key);
        }
        loop {
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((error, back))
                    if error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull) =>
                {
                    self.producer.poll(Duration::from_millis(1));
                    record = back;
                }
                Err((error, _)) => return Err(FeedError::Produce(error)),
            }
        }
    }

    /// Waits until everything is with the broker.
    ///
    /// # Errors
    /// [`FeedError::Produce`] when it is not within a minute.
    pub fn flush(&self) -> Result<(), FeedError> {
        self.producer
            .flush(Duration::from_secs(60))
            .map_err(FeedError::Produce)
    }

    /// Records produced to `topic`.
    pub fn produced(&self, topic: &str) -> u64 {
        self.topics.get(topic).map_or(0, |state| state.records)
    }
}
