//! The reader on librdkafka's own consumer, with `poll`. Rebalances are noted in the callback
//! and acted on outside of it, so that the worker can finish its batch first: a revocation
//! waits until [`RecordReader::release`].

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

mod context;

use context::{Context, Revocation};

use super::client::consumer_config;
use super::{
    CommitWait, Gap, NextOffset, Progress, ReadLimits, Record, RecordHeaders, RecordReader,
    SourceError, Stream, StreamId,
};
use crate::config::{KafkaConfig, Start};

/// How long one request to a broker may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// What a reader reads.
#[derive(Clone, Debug)]
pub struct KafkaReaderOptions {
    /// The cluster and our membership in it.
    pub kafka: KafkaConfig,
    /// Distinguishes the members of one instance that has a name.
    pub member: usize,
    /// What is read.
    pub streams: Arc<[Stream]>,
    /// Where each stream starts without a committed offset.
    pub starts: Vec<Start>,
}

/// A member of the consumer group.
pub struct KafkaReader {
    consumer: BaseConsumer<Context>,
    streams: Arc<[Stream]>,
    /// What was handed out last, a partition.
    positions: BTreeMap<(StreamId, i32), i64>,
    gaps: Vec<Gap>,
    held: bool,
    /// Whether an offset was out of range, and this was not repaired yet.
    repairing: bool,
}

impl KafkaReader {
    /// Joins the group. Does not wait for brokers: an unreachable one is logged and retried.
    ///
    /// # Errors
    /// [`SourceError::Kafka`] when the library refuses the configuration.
    pub fn join(options: &KafkaReaderOptions) -> Result<Self, SourceError> {
        let kafka = &options.kafka;
        let mut config = consumer_config(&kafka.cluster);
        config.set("group.id", &kafka.group);
        config.set(
            "session.timeout.ms",
            kafka.session_timeout.as_millis().to_string(),
        );
        let heartbeat = kafka.session_timeout.as_millis() / 5;
        config.set("heartbeat.interval.ms", heartbeat.to_string());
        config.set("auto.offset.reset", "error");
        // The lag comes from the library's statistics. Other consumers ask for none, since
        // whoever does not take them has them logged.
        config.set("statistics.interval.ms", "1000");
        if let Some(instance) = &kafka.instance {
            config.set(
                "group.instance.id",
                format!("{instance}-{}", options.member),
            );
        }
        let context = Context {
            streams: Arc::clone(&options.streams),
            starts: options.starts.clone(),
            state: Mutex::default(),
        };
        let consumer: BaseConsumer<Context> = config
            .create_with_context(context)
            .map_err(|source| SourceError::kafka("cannot create consumer", source))?;
        let topics: Vec<&str> = options
            .streams
            .iter()
            .map(|stream| stream.topic.as_str())
            .collect();
        consumer.subscribe(&topics).map_err(|source| {
            SourceError::kafka(format!("cannot subscribe to {topics:?}"), source)
        })?;
        Ok(Self {
            consumer,
            streams: Arc::clone(&options.streams),
            positions: BTreeMap::new(),
            gaps: Vec::new(),
            held: false,
            repairing: false,
        })
    }

    /// Whether a rebalance waits to be acted on.
    fn pending(&self) -> Option<Progress> {
        let mut state = self.consumer.context().state();
        match state.revoking {
            Some(Revocation { lost: true, .. }) => Some(Progress::Lost),
            Some(_) => Some(Progress::Revoking),
            None => {
                if std::mem::take(&mut state.assigned_anew) {
                    self.apply_hold();
                }
                None
            }
        }
    }

    /// Pauses or resumes what is assigned.
    fn apply_hold(&self) {
        let Ok(assignment) = self.consumer.assignment() else {
            return;
        };
        let done = if self.held {
            self.consumer.pause(&assignment)
        } else {
            self.consumer.resume(&assignment)
        };
        if let Err(error) = done {
            tracing::warn!(%error, "cannot pause or resume partitions");
        }
    }

    /// Moves partitions whose offset is out of range to the earliest record that is left, notes
    /// what is gone, and assigns all partitions anew where they stand: the library has stopped
    /// fetching those that were out of range.
    fn repair_offsets(&mut self) -> Result<(), SourceError> {
        let assignment = self
            .consumer
            .assignment()
            .map_err(|source| SourceError::kafka("cannot list the assignment", source))?;
        let starts = self.consumer.context().state().starts.clone();
        let mut list = TopicPartitionList::with_capacity(assignment.count());
        let mut gaps = Vec::new();
        for element in assignment.elements() {
            let (topic, partition) = (element.topic(), element.partition());
            let wanted = stream_of(&self.streams, topic).and_then(|stream| {
                let key = (stream, partition);
                let wanted = self.positions.get(&key).or_else(|| starts.get(&key))?;
                Some((stream, *wanted))
            });
            // What was never read and has no number yet starts at its beginning.
            let mut offset = Offset::Beginning;
            if let Some((stream, wanted)) = wanted {
                let (low, high) = self.watermarks(topic, partition)?;
                offset = Offset::Offset(wanted);
                if !(low..=high).contains(&wanted) {
                    offset = Offset::Offset(low);
                    gaps.push(Gap {
                        stream,
                        partition,
                        wanted,
                        resumed: low,
                    });
                }
            }
            list.add_partition_offset(topic, partition, offset)
                .map_err(|source| SourceError::kafka("cannot assign", source))?;
        }
        self.consumer
            .assign(&list)
            .map_err(|source| SourceError::kafka("cannot assign partitions anew", source))?;
        for gap in &gaps {
            self.positions
                .insert((gap.stream, gap.partition), gap.resumed);
        }
        self.gaps.extend(gaps);
        self.repairing = false;
        self.apply_hold();
        Ok(())
    }

    /// The first offset of a partition and its next.
    fn watermarks(&self, topic: &str, partition: i32) -> Result<(i64, i64), SourceError> {
        self.consumer
            .fetch_watermarks(topic, partition, REQUEST_TIMEOUT)
            .map_err(|source| {
                SourceError::kafka(
                    format!("cannot ask for offsets of {topic}/{partition}"),
                    source,
                )
            })
    }

    /// Polls until `limits` are reached or nothing more is at hand.
    fn gather<'a>(
        &'a self,
        limits: ReadLimits,
        messages: &mut Vec<BorrowedMessage<'a>>,
    ) -> Result<(), KafkaError> {
        let mut wait = limits.wait;
        while messages.len() < limits.records_max {
            match self.consumer.poll(wait) {
                Some(Ok(message)) => messages.push(message),
                Some(Err(error)) => return Err(error),
                None => return Ok(()),
            }
            wait = Duration::ZERO;
            if self.consumer.context().state().revoking.is_some() {
                return Ok(());
            }
        }
        Ok(())
    }
}

impl RecordReader for KafkaReader {
    fn streams(&self) -> &Arc<[Stream]> {
        &self.streams
    }

    fn read(
        &mut self,
        limits: ReadLimits,
        handle: &mut dyn FnMut(&[Record<'_>]),
    ) -> Result<Progress, SourceError> {
        if let Some(progress) = self.pending() {
            return Ok(progress);
        }
        if self.repairing {
            self.repair_offsets()?;
        }
        let mut messages = Vec::new();
        let gathered = self.gather(limits, &mut messages);
        let mut reached = BTreeMap::new();
        let progress = if messages.is_empty() {
            Progress::Idle
        } else {
            let records = borrow_records(&self.streams, &messages, &mut reached);
            handle(&records);
            Progress::Read
        };
        drop(messages);
        self.positions.extend(reached);
        match gathered {
            Ok(()) => Ok(progress),
            Err(KafkaError::MessageConsumption(
                RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange,
            )) => {
                self.repairing = true;
                Ok(progress)
            }
            Err(KafkaError::MessageConsumptionFatal(code)) => {
                Err(SourceError::Fatal(code.to_string()))
            }
            Err(source) => Err(SourceError::kafka("cannot read", source)),
        }
    }

    fn commit(&mut self, offsets: &[NextOffset], wait: CommitWait) -> Result<(), SourceError> {
        if offsets.is_empty() {
            return Ok(());
        }
        let mut list = TopicPartitionList::with_capacity(offsets.len());
        for next in offsets {
            let Some(stream) = self.streams.get(usize::from(next.stream.0)) else {
                continue;
            };
            list.add_partition_offset(&stream.topic, next.partition, Offset::Offset(next.offset))
                .map_err(|source| SourceError::kafka("cannot commit", source))?;
        }
        let mode = match wait {
            CommitWait::Sent => CommitMode::Async,
            CommitWait::Done => CommitMode::Sync,
        };
        self.consumer
            .commit(&list, mode)
            .map_err(|source| SourceError::kafka("cannot commit offsets", source))
    }

    fn release(&mut self) -> Result<(), SourceError> {
        self.consumer.context().state().revoking = None;
        self.repairing = false;
        self.positions.clear();
        self.consumer
            .unassign()
            .map_err(|source| SourceError::kafka("cannot give partitions back", source))
    }

    fn hold(&mut self, on: bool) -> Result<(), SourceError> {
        if self.held != on {
            self.held = on;
            self.apply_hold();
        }
        Ok(())
    }

    fn lag(&self) -> Vec<(StreamId, i32, i64)> {
        let state = self.consumer.context().state();
        state
            .lag
            .iter()
            .map(|((stream, partition), lag)| (*stream, *partition, *lag))
            .collect()
    }

    fn take_gaps(&mut self) -> Vec<Gap> {
        std::mem::take(&mut self.gaps)
    }

    fn assigned(&self) -> usize {
        self.consumer
            .assignment()
            .map_or(0, |assignment| assignment.count())
    }
}

impl Drop for KafkaReader {
    fn drop(&mut self) {
        // Closing the consumer serves one more revocation, which nobody waits for any more.
        self.consumer.context().state().closing = true;
    }
}

/// Turns messages into records and notes how far each partition got.
fn borrow_records<'a>(
    streams: &[Stream],
    messages: &'a [BorrowedMessage<'a>],
    reached: &mut BTreeMap<(StreamId, i32), i64>,
) -> Vec<Record<'a>> {
    let mut records = Vec::with_capacity(messages.len());
    for message in messages {
        let Some(stream) = stream_of(streams, message.topic()) else {
            continue;
        };
        let (partition, offset) = (message.partition(), message.offset());
        reached.insert((stream, partition), offset + 1);
        records.push(Record {
            stream,
            partition,
            offset,
            timestamp_ms: message.timestamp().to_millis(),
            key: message.key(),
            value: message.payload(),
            headers: RecordHeaders::of(message),
        });
    }
    records
}

/// The stream of `topic`.
fn stream_of(streams: &[Stream], topic: &str) -> Option<StreamId> {
    let index = streams.iter().position(|stream| stream.topic == topic)?;
    u16::try_from(index).ok().map(StreamId)
}
