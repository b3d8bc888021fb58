//! `Fetch`: the question for the records of many partitions, and its answer as plain data with the
//! records still as bytes. Versions 4 to 12, which name topics; from version 9 on a question carries
//! the leader's epoch, and from version 12 on the answer says where a log was cut back.

use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::{FetchRequest, TopicName};
use kafka_protocol::protocol::StrBytes;

use super::wire::{Wire, WireError};
use crate::source::StreamId;

/// Oldest version of the question that is used: the first that knows of transactions.
pub const FETCH_VERSION_MIN: i16 = 4;
/// Newest version of the question that is used: the last that names topics.
pub const FETCH_VERSION_MAX: i16 = 12;

/// What a partition is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// The topic.
    pub topic: &'a str,
    /// The partition.
    pub partition: i32,
    /// The first offset that is wanted.
    pub offset: i64,
    /// In which epoch its leader is believed to be; -1 is not known.
    pub leader_epoch: i32,
    /// The epoch of what was fetched last; -1 is nothing yet.
    pub fetched_epoch: i32,
    /// Most bytes; a first batch that is larger comes whole all the same.
    pub bytes_max: i32,
}

/// What an answer may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// How long the broker may wait for the first byte.
    pub wait: Duration,
    /// How many bytes it waits for.
    pub bytes_min: i32,
    /// Most bytes of the answer; a first batch that is larger comes whole all the same.
    pub bytes_max: i32,
    /// Whether records of open and aborted transactions are wanted too.
    pub uncommitted: bool,
}

/// The question for `wanted`, in the order of topics as they first come.
pub fn request<'a>(
    wanted: impl IntoIterator<Item = Wanted<'a>>,
    terms: &Terms,
    version: i16,
) -> FetchRequest {
    let mut topics: Vec<FetchTopic> = Vec::new();
    for one in wanted {
        // A field that the version does not have must be left as it is.
        let fetched_epoch = if version >= 12 { one.fetched_epoch } else { -1 };
        let partition = FetchPartition::default()
            .with_partition(one.partition)
            .with_current_leader_epoch(one.leader_epoch)
            .with_fetch_offset(one.offset)
            .with_last_fetched_epoch(fetched_epoch)
            .with_partition_max_bytes(one.bytes_max);
        match topics.iter_mut().find(|topic| **topic.topic == *one.topic) {
            Some(topic) => topic.partitions.push(partition),
            None => topics.push(
                FetchTopic::default()
                    .with_topic(TopicName(StrBytes::from_string(one.topic.to_owned())))
                    .with_partitions(vec![partition]),
            ),
        }
    }
    FetchRequest::default()
        .with_max_wait_ms(i32::try_from(terms.wait.as_millis()).unwrap_or(i32::MAX))
        .with_min_bytes(terms.bytes_min)
        .with_max_bytes(terms.bytes_max)
        .with_isolation_level(i8::from(!terms.uncommitted))
        .with_topics(topics)
}

/// What a broker answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FetchAnswer {
    /// How long the broker asks us to be quiet, in milliseconds.
    pub throttle_ms: u32,
    /// Kafka's code for what is wrong with the question; 0 is nothing.
    pub error_code: i16,
    /// What it says of each partition.
    pub partitions: Vec<Fetched>,
}

/// What a broker says of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The stream whose topic it is of.
    pub stream: StreamId,
    /// The partition.
    pub partition: i32,
    /// Kafka's code for what is wrong with it; 0 is nothing.
    pub error_code: i16,
    /// The offset after the last record that all replicas have; -1 is not known.
    pub high_watermark: i64,
    /// The offset of the first record of an open transaction, or else the high watermark; -1 is
    /// not known.
    pub last_stable: i64,
    /// The offset at which the log was found to part from what was fetched.
    pub diverged_at: Option<i64>,
    /// Aborted transactions: producer and first offset.
    pub aborted: Vec<(i64, i64)>,
    /// Record batches.
    pub records: Bytes,
}

impl FetchAnswer {
    /// Reads the body of an answer to version `version` of the question. `stream` says
    /// which stream a topic is; topics that it does not know are left out.
    ///
    /// # Errors
    /// [`WireError`] when it is malformed, or names more than `PARTITIONS_MAX` partitions.
    pub fn read(
        body: &Bytes,
        version: i16,
        stream: impl Fn(&str) -> Option<StreamId>,
    ) -> Result<Self, WireError> {
        let wire = &mut Wire::new(body, version >= 12);
        let throttle_ms = u32::try_from(wire.int32()?).unwrap_or(0);
        let error_code = if version >= 7 { wire.int16()? } else { 0 };
        if version >= 7 {
            wire.int32()?; // The session, of which there is none.
        }
        let mut partitions = Vec::new();
        for _ in 0..wire.count(TOPICS_MAX)? {
            let stream = stream(wire.text()?);
            for _ in 0..wire.count(PARTITIONS_MAX)? {
                let fetched = partition(wire, body, version, stream.unwrap_or_default())?;
                if partitions.len() >= PARTITIONS_MAX {
                    return Err(WireError::TooMany(PARTITIONS_MAX));
                }
                if stream.is_some() {
                    partitions.push(fetched);
                }
            }
            wire.skip_tags()?;
        }
        Ok(Self {
            throttle_ms,
            error_code,
            partitions,
        })
    }
}

/// Reads a partition.
fn partition(
    wire: &mut Wire<'_>,
    body: &Bytes,
    version: i16,
    stream: StreamId,
) -> Result<Fetched, WireError> {
    let partition = wire.int32()?;
    let error_code = wire.int16()?;
    let high_watermark = wire.int64()?;
    let last_stable = wire.int64()?;
    if version >= 5 {
        wire.int64()?; // Where the log starts.
    }
    let count = wire.count(wire.remaining())?;
    let mut aborted = Vec::with_capacity(count.min(1024));
    for _ in 0..count {
        aborted.push((wire.int64()?, wire.int64()?));
        wire.skip_tags()?;
    }
    if version >= 11 {
        wire.int32()?; // The replica to read from, which is for those who say where they are.
    }
    let records = body.slice_ref(wire.bytes()?);
    let mut diverged_at = None;
    wire.tags(|number, field| {
        if number == DIVERGING_EPOCH {
            let mut field = Wire::new(field, true);
            let (_, end) = (field.int32()?, field.int64()?);
            diverged_at = (end >= 0).then_some(end);
        }
        Ok(())
    })?;
    Ok(Fetched {
        stream,
        partition,
        error_code,
        high_watermark,
        last_stable,
        diverged_at,
        aborted,
        records,
    })
}

/// The tagged field that says where a log parts from what was fetched.
const DIVERGING_EPOCH: u32 = 0;
/// Most topics of an answer.
const TOPICS_MAX: usize = 10_000;
/// Most partitions of an answer.
const PARTITIONS_MAX: usize = 200_000;

#[cfg(test)]
mod tests;
