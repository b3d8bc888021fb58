//! The topic that is read: made, filled with made records as a producer sends them, and deleted in
//! the end.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use super::super::traffic::Traffic;
use crate::config::ClusterConfig;
use crate::lab::broker::{BrokerError, EmbeddedBroker};
use crate::model::{EventFormat, Named};
use crate::source::consumer_config;

/// How records are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// lz4.
    Lz4,
    /// zstd.
    Zstd,
}

impl Named for Compression {
    const ALL: &'static [Self] = &[Self::None, Self::Lz4, Self::Zstd];

    fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }
}

/// What a topic is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopicOptions {
    /// Events in all, about: made records are sent whole, as often as that takes.
    pub events: u64,
    /// Its partitions.
    pub partitions: i32,
    /// How records are compressed.
    pub codec: Compression,
}

/// Why there is no topic.
#[derive(Debug, thiserror::Error)]
pub enum TopicError {
    /// The client library or the broker refused.
    #[error("cannot {action} topic `{topic}`")]
    Kafka {
        /// What was attempted.
        action: &'static str,
        /// The topic.
        topic: String,
        /// The library's own words.
        source: KafkaError,
    },
    /// The embedded broker refused.
    #[error(transparent)]
    Embedded(#[from] BrokerError),
    /// The system has no runtime for us.
    #[error("cannot wait for brokers")]
    Runtime(#[source] std::io::Error),
}

/// Where a topic is made.
#[derive(Clone, Copy)]
pub enum Host<'a> {
    /// On a Kafka.
    Kafka(&'a ClusterConfig),
    /// On the embedded broker, which lets nobody administer it from outside, and goes with all that it
    /// has.
    Embedded(&'a EmbeddedBroker),
}

/// A topic of made records and one for hits. Both are deleted when it is dropped.
pub struct MadeTopic {
    cluster: ClusterConfig,
    /// Whether it has to be deleted.
    stays: bool,
    name: String,
    hits: String,
    format: EventFormat,
    options: TopicOptions,
    records: u64,
    walks: u64,
    /// Hits that are planted in it.
    planted: u64,
    /// Bytes of the values of its records.
    bytes: u64,
}

impl MadeTopic {
    /// Makes the topics and sends the records of `traffic`.
    ///
    /// # Errors
    /// [`TopicError`] when the broker does not take them.
    pub fn make(
        host: Host<'_>,
        traffic: &Traffic,
        options: TopicOptions,
    ) -> Result<Self, TopicError> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("gannet-bench-{}-{number}", std::process::id());
        let walks = traffic.walks(options.events);
        let topic = Self {
            cluster: match host {
                Host::Kafka(cluster) => cluster.clone(),
                Host::Embedded(broker) => broker.cluster(),
            },
            stays: matches!(host, Host::Kafka(_)),
            hits: format!("{name}-hits"),
            name,
            format: traffic.format(),
            options,
            records: traffic.len() as u64 * walks,
            walks,
            planted: traffic.truth().hits * walks,
            bytes: traffic.bytes() as u64 * walks,
        };
        match host {
            Host::Kafka(_) => topic.create()?,
            Host::Embedded(broker) => {
                broker.create_topic(&topic.name, options.partitions)?;
                broker.create_topic(&topic.hits, options.partitions)?;
            }
        }
        if options.events > 0 {
            topic.fill(traffic)?;
        }
        Ok(topic)
    }

    /// Where it is.
    pub fn cluster(&self) -> &ClusterConfig {
        &self.cluster
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The topic for hits.
    pub fn hits(&self) -> &str {
        &self.hits
    }

    /// The format of its records.
    pub fn format(&self) -> EventFormat {
        self.format
    }

    /// What it is made of.
    pub fn options(&self) -> TopicOptions {
        self.options
    }

    /// How many records it has.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Hits that are planted in it.
    pub fn planted(&self) -> u64 {
        self.planted
    }

    /// Bytes of the values of its records.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// A group for one turn of `engine`.
    pub fn group(&self, engine: &str, turn: usize) -> String {
        format!("{}-{engine}-{turn}", self.name)
    }

    /// A producer that sends as those do that have much to send.
    ///
    /// # Errors
    /// [`TopicError::Kafka`] when the library refuses.
    fn producer(&self) -> Result<BaseProducer, TopicError> {
        let mut config = rdkafka::ClientConfig::new();
        for (name, value) in self.cluster.client_settings() {
            config.set(name, value);
        }
        config.set("linger.ms", "50");
        config.set("batch.size", "1000000");
        config.set("batch.num.messages", "100000");
        config.set("queue.buffering.max.kbytes", "65536");
        config.set("compression.codec", self.options.codec.as_str());
        config
            .create()
            .map_err(|source| self.cannot("write", source))
    }

    /// Sends `value` to `partition`; waits while the client's queue is full.
    ///
    /// # Errors
    /// [`TopicError::Kafka`] when the library refuses.
    fn send(
        &self,
        producer: &BaseProducer,
        value: &[u8],
        partition: i32,
    ) -> Result<(), TopicError> {
        let mut record = BaseRecord::<(), [u8]>::to(&self.name)
            .partition(partition)
            .payload(value);
        while let Err((error, back)) = producer.send(record) {
            if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) {
                return Err(self.cannot("write", error));
            }
            producer.poll(Duration::from_millis(10));
            record = back;
        }
        Ok(())
    }

    /// Sends the records of `traffic`, to the partitions in turn.
    fn fill(&self, traffic: &Traffic) -> Result<(), TopicError> {
        let producer = self.producer()?;
        let mut partitions = (0..self.options.partitions).cycle();
        for _ in 0..self.walks {
            for value in traffic.values() {
                let partition = partitions.next().unwrap_or(0);
                self.send(&producer, value, partition)?;
                producer.poll(Duration::ZERO);
            }
        }
        producer
            .flush(FLUSH_MAX)
            .map_err(|source| self.cannot("write", source))
    }

    /// Makes both topics, and waits until they are led.
    fn create(&self) -> Result<(), TopicError> {
        let fresh = |name| {
            let fresh = NewTopic::new(name, self.options.partitions, TopicReplication::Fixed(1));
            fresh.set("retention.ms", "-1").set("retention.bytes", "-1")
        };
        let topics = [fresh(&self.name), fresh(&self.hits)];
        self.administer("create", async |admin| {
            admin.create_topics(&topics, &AdminOptions::new()).await
        })
    }

    /// Does something with topics as an administrator.
    fn administer(
        &self,
        action: &'static str,
        work: impl AsyncFnOnce(
            &AdminClient<DefaultClientContext>,
        ) -> Result<Vec<rdkafka::admin::TopicResult>, KafkaError>,
    ) -> Result<(), TopicError> {
        let admin: AdminClient<DefaultClientContext> = consumer_config(&self.cluster)
            .create()
            .map_err(|source| self.cannot(action, source))?;
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let runtime = runtime.map_err(TopicError::Runtime)?;
        let done = runtime.block_on(work(&admin));
        for done in done.map_err(|source| self.cannot(action, source))? {
            done.map_err(|(_, code)| self.cannot(action, KafkaError::AdminOp(code)))?;
        }
        Ok(())
    }

    /// An error with what was attempted.
    fn cannot(&self, action: &'static str, source: KafkaError) -> TopicError {
        TopicError::Kafka {
            action,
            topic: self.name.clone(),
            source,
        }
    }
}

impl Drop for MadeTopic {
    fn drop(&mut self) {
        if !self.stays {
            return;
        }
        let topics = [self.name.as_str(), self.hits.as_str()];
        let deleted = self.administer("delete", async |admin| {
            admin.delete_topics(&topics, &AdminOptions::new()).await
        });
        if let Err(error) = deleted {
            tracing::warn!(%error, "made topics are left behind");
        }
    }
}

/// Longest wait for the broker to take what was sent last.
const FLUSH_MAX: Duration = Duration::from_secs(120);
