//! The reader on librdkafka's own consumer, with `poll`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::membership::{Fetching, Membership, Wish};
use super::{
    CommitWait, Gap, NextOffset, Progress, ReadLimits, Record, RecordHeaders, RecordReader,
    SourceError, Stream, StreamId, stream_of,
};
use crate::config::{KafkaConfig, Start};

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
    /// Whether the direct reader fetches on a thread of its own: worth it where there are more
    /// cores than workers. librdkafka always does.
    pub fetch_thread: bool,
}

/// A member of the consumer group that lets the library fetch.
pub struct KafkaReader {
    membership: Membership,
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
        Ok(Self {
            membership: Membership::join(options, Fetching::Library)?,
            streams: Arc::clone(&options.streams),
            positions: BTreeMap::new(),
            gaps: Vec::new(),
            held: false,
            repairing: false,
        })
    }

    /// Pauses or resumes what is assigned.
    fn apply_hold(&self) {
        let consumer = self.membership.consumer();
        let Ok(assignment) = consumer.assignment() else {
            return;
        };
        let done = if self.held {
            consumer.pause(&assignment)
        } else {
            consumer.resume(&assignment)
        };
        if let Err(error) = done {
            tracing::warn!(%error, "cannot pause or resume partitions");
        }
    }

    /// Moves partitions whose offset is out of range to the earliest record that is left, notes
    /// what is gone, and assigns all partitions anew where they stand: the library has stopped
    /// fetching those that were out of range.
    fn repair_offsets(&mut self) -> Result<(), SourceError> {
        let consumer = self.membership.consumer();
        let assignment = consumer
            .assignment()
            .map_err(|source| SourceError::kafka("cannot list the assignment", source))?;
        let starts = self.membership.starts();
        let mut list = TopicPartitionList::with_capacity(assignment.count());
        let mut gaps = Vec::new();
        for element in assignment.elements() {
            let (topic, partition) = (element.topic(), element.partition());
            let wanted = stream_of(&self.streams, topic).and_then(|stream| {
                let key = (stream, partition);
                let wanted = self.positions.get(&key).copied();
                Some((stream, wanted.or_else(|| *starts.get(&key)?)?))
            });
            // What was never read and has no number yet starts at its beginning.
            let mut offset = Offset::Beginning;
            if let Some((stream, wanted)) = wanted {
                let place = (stream, partition);
                let found = self.membership.place_to_go_on(topic, place, Some(wanted))?;
                let (resumed, gap) = found;
                offset = Offset::Offset(resumed);
                gaps.extend(gap);
            }
            list.add_partition_offset(topic, partition, offset)
                .map_err(|source| SourceError::kafka("cannot assign", source))?;
        }
        consumer
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

    /// Polls until `limits` are reached or nothing more is at hand.
    fn gather<'a>(
        &'a self,
        limits: ReadLimits,
        messages: &mut Vec<BorrowedMessage<'a>>,
    ) -> Result<(), KafkaError> {
        let (consumer, mut wait) = (self.membership.consumer(), limits.wait);
        while messages.len() < limits.records_max {
            match consumer.poll(wait) {
                Some(Ok(message)) => messages.push(message),
                Some(Err(error)) => return Err(error),
                None => return Ok(()),
            }
            wait = Duration::ZERO;
            if self.membership.revoking() {
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
        match self.membership.wish() {
            Some(Wish::Revoking { lost: true }) => return Ok(Progress::Lost),
            Some(Wish::Revoking { lost: false }) => return Ok(Progress::Revoking),
            Some(Wish::Assigned) => self.apply_hold(),
            None => {}
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
        self.membership.commit(offsets, wait)
    }

    fn release(&mut self) -> Result<(), SourceError> {
        self.repairing = false;
        self.positions.clear();
        self.membership.release()
    }

    fn hold(&mut self, on: bool) -> Result<(), SourceError> {
        if self.held != on {
            self.held = on;
            self.apply_hold();
        }
        Ok(())
    }

    fn lag(&self) -> Vec<(StreamId, i32, i64)> {
        self.membership.lag()
    }

    fn take_gaps(&mut self) -> Vec<Gap> {
        std::mem::take(&mut self.gaps)
    }

    fn assigned(&self) -> usize {
        self.membership.assigned()
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
