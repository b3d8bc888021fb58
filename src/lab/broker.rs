//! The embedded broker: librdkafka's mock cluster in this process, on loopback. It keeps at most
//! 5 MiB or 100,000 messages a partition and drops older ones without a word, so whoever writes
//! to it is paced by who reads (see [`super::feeder`]).

use std::collections::BTreeMap;

use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;

use crate::config::ClusterConfig;

/// Bytes a partition that the embedded broker is trusted to keep; it drops above 5 MiB.
pub(super) const PARTITION_BYTES_MAX: u64 = 3 << 20;

/// Records a partition that the embedded broker is trusted to keep; it drops above 100,000.
pub(super) const PARTITION_RECORDS_MAX: u64 = 60_000;

/// A running embedded broker; it ends when dropped.
pub struct EmbeddedBroker {
    cluster: MockCluster<'static, DefaultProducerContext>,
}

/// Why there is no embedded broker.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// The library could not start it.
    #[error("cannot start the embedded broker: {0}")]
    Start(#[source] rdkafka::error::KafkaError),
    /// The library could not create a topic on it.
    #[error("cannot create topic `{topic}` on the embedded broker: {source}")]
    Topic {
        /// The topic.
        topic: String,
        /// The library's own words.
        source: rdkafka::error::KafkaError,
    },
}

impl EmbeddedBroker {
    /// Starts a broker on free loopback ports.
    ///
    /// # Errors
    /// [`BrokerError::Start`] when the library cannot.
    pub fn start() -> Result<Self, BrokerError> {
        Ok(Self {
            cluster: MockCluster::new(1).map_err(BrokerError::Start)?,
        })
    }

    /// Creates `topic` with `partitions`.
    ///
    /// # Errors
    /// [`BrokerError::Topic`] when the library cannot.
    pub fn create_topic(&self, topic: &str, partitions: i32) -> Result<(), BrokerError> {
        self.cluster
            .create_topic(topic, partitions, 1)
            .map_err(|source| BrokerError::Topic {
                topic: topic.to_owned(),
                source,
            })
    }

    /// How clients reach it.
    pub fn cluster(&self) -> ClusterConfig {
        ClusterConfig {
            brokers: self.cluster.bootstrap_servers(),
            properties: BTreeMap::new(),
        }
    }
}
