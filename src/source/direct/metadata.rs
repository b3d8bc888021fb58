//! Who leads which partition: the question for named topics, and its answer as plain data.
//! What is wrong with a topic or a partition is data too; only an answer that cannot be read
//! is an error.

use std::collections::BTreeMap;

use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{MetadataRequest, TopicName};
use kafka_protocol::protocol::StrBytes;

use super::address::BrokerAddress;
use super::wire::{Wire, WireError};

/// Oldest version of the question that is used: it can say that no topic shall be made.
pub const METADATA_VERSION_MIN: i16 = 4;
/// Newest version of the question that is used. Leader epochs are there from version 7.
pub const METADATA_VERSION_MAX: i16 = 12;

/// What a broker knows of its cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// How long the broker asks us to be quiet, in milliseconds.
    pub throttle_ms: u32,
    /// The cluster, if it has an id.
    pub cluster_id: Option<String>,
    /// Brokers by id. One whose address cannot be one is left out.
    pub brokers: BTreeMap<i32, BrokerAddress>,
    /// Topics by name: those that were asked for.
    pub topics: BTreeMap<String, TopicMetadata>,
}

/// A topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopicMetadata {
    /// Kafka's code for what is wrong with it; 0 is nothing.
    pub error_code: i16,
    /// Its id, from version 10 on; zero before.
    pub id: [u8; 16],
    /// Partitions by number.
    pub partitions: BTreeMap<i32, PartitionMetadata>,
}

/// A partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionMetadata {
    /// Kafka's code for what is wrong with it; 0 is nothing.
    pub error_code: i16,
    /// The broker that leads it, if one does.
    pub leader: Option<i32>,
    /// Since which epoch, if the version of the answer tells.
    pub leader_epoch: Option<i32>,
}

impl Metadata {
    /// The question for `topics`. Topics that do not exist are not made.
    pub fn request<'a>(topics: impl IntoIterator<Item = &'a str>) -> MetadataRequest {
        let topics = topics.into_iter().map(|name| {
            let name = TopicName(StrBytes::from_string(name.to_owned()));
            MetadataRequestTopic::default().with_name(Some(name))
        });
        MetadataRequest::default()
            .with_topics(Some(topics.collect()))
            .with_allow_auto_topic_creation(false)
    }

    /// Reads the body of an answer to version `version` of the question.
    ///
    /// # Errors
    /// [`WireError`] when it is malformed, or names more than `BROKERS_MAX` brokers or
    /// `PARTITIONS_MAX` partitions.
    pub fn read(body: &[u8], version: i16) -> Result<Self, WireError> {
        let wire = &mut Wire::new(body, version >= 9);
        let throttle_ms = u32::try_from(wire.int32()?).unwrap_or(0);
        let mut brokers = BTreeMap::new();
        for _ in 0..wire.count(BROKERS_MAX)? {
            let id = wire.int32()?;
            let (host, port) = (wire.text()?, wire.int32()?);
            wire.text_or_null()?;
            wire.skip_tags()?;
            brokers.extend(BrokerAddress::new(host, port).map(|address| (id, address)));
        }
        let cluster_id = wire.text_or_null()?.map(str::to_owned);
        wire.int32()?; // The controller.
        let mut topics = BTreeMap::new();
        let mut partitions_left = PARTITIONS_MAX;
        for _ in 0..wire.count(TOPICS_MAX)? {
            let (name, topic) = topic(wire, version, &mut partitions_left)?;
            topics.extend(name.map(|name| (name, topic)));
        }
        // What may follow are permissions, which nobody asked for.
        Ok(Self {
            throttle_ms,
            cluster_id,
            brokers,
            topics,
        })
    }

    /// Who leads a partition: the broker's id and address, and the leader's epoch.
    pub fn leader(
        &self,
        topic: &str,
        partition: i32,
    ) -> Option<(i32, &BrokerAddress, Option<i32>)> {
        let found = self.topics.get(topic)?.partitions.get(&partition)?;
        let id = found.leader?;
        Some((id, self.brokers.get(&id)?, found.leader_epoch))
    }
}

/// Reads a topic; of all topics at most `partitions_left` partitions.
fn topic(
    wire: &mut Wire<'_>,
    version: i16,
    partitions_left: &mut usize,
) -> Result<(Option<String>, TopicMetadata), WireError> {
    let error_code = wire.int16()?;
    let name = wire.text_or_null()?.map(str::to_owned);
    let id = if version >= 10 {
        wire.array()?
    } else {
        [0; 16]
    };
    wire.flag()?; // Whether it is internal.
    let count = wire.count(*partitions_left)?;
    *partitions_left = partitions_left.saturating_sub(count);
    let mut partitions = BTreeMap::new();
    for _ in 0..count {
        let (number, found) = partition(wire, version)?;
        partitions.insert(number, found);
    }
    if version >= 8 {
        wire.int32()?; // Permissions.
    }
    wire.skip_tags()?;
    let topic = TopicMetadata {
        error_code,
        id,
        partitions,
    };
    Ok((name, topic))
}

/// Reads a partition.
fn partition(wire: &mut Wire<'_>, version: i16) -> Result<(i32, PartitionMetadata), WireError> {
    let error_code = wire.int16()?;
    let number = wire.int32()?;
    let leader = wire.int32()?;
    let leader_epoch = if version >= 7 { wire.int32()? } else { -1 };
    wire.skip_int32s()?; // Replicas.
    wire.skip_int32s()?; // Those in sync.
    if version >= 5 {
        wire.skip_int32s()?; // Those that are away.
    }
    wire.skip_tags()?;
    let known = |number: i32| (number >= 0).then_some(number);
    let partition = PartitionMetadata {
        error_code,
        leader: known(leader),
        leader_epoch: known(leader_epoch),
    };
    Ok((number, partition))
}

/// Most brokers of a cluster.
const BROKERS_MAX: usize = 10_000;
/// Most topics of an answer.
const TOPICS_MAX: usize = 10_000;
/// Most partitions of an answer, over all its topics.
const PARTITIONS_MAX: usize = 200_000;

#[cfg(test)]
mod tests;
