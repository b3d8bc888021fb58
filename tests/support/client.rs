//! Kafka as seen from outside of Gannet: topics made, records sent, topics read whole.

use std::time::{Duration, Instant};

use gannet::lab::EmbeddedBroker;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::{Header, Headers as _, Message as _, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::kafka::{Broker, broker, broker_or_skip};
use super::{PATIENCE, eventually};

/// Longest wait for one answer of a broker.
const REQUEST: Duration = Duration::from_secs(15);

/// A cluster to test against.
pub enum Cluster {
    /// The one in this process.
    Embedded(EmbeddedBroker),
    /// Apache Kafka.
    Real(&'static Broker),
}

/// A record as a reader sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub value: Vec<u8>,
    /// Its headers.
    pub headers: Vec<(String, Vec<u8>)>,
}

/// A record to send.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub value: Vec<u8>,
    /// Its headers.
    pub headers: Vec<(String, Vec<u8>)>,
}

impl Cluster {
    /// The embedded broker.
    pub fn embedded() -> Self {
        Self::Embedded(EmbeddedBroker::start().expect("the embedded broker starts"))
    }

    /// Apache Kafka, or `None` after saying that `test` was skipped and why.
    pub fn real_or_skip(test: &str) -> Option<Self> {
        broker_or_skip(test).map(Self::Real)
    }

    /// Apache Kafka if there is one, else the embedded broker.
    pub fn best() -> Self {
        broker().map_or_else(|_| Self::embedded(), Self::Real)
    }

    /// Where it answers.
    pub fn brokers(&self) -> String {
        match self {
            Self::Embedded(broker) => broker.cluster().brokers,
            Self::Real(broker) => broker.address.clone(),
        }
    }

    /// Makes `topic`.
    pub fn create(&self, topic: &str, partitions: i32) {
        self.create_with(topic, partitions, &[]);
    }

    /// Makes `topic`, with as many copies as the cluster makes if nobody says; the embedded broker
    /// knows no settings.
    pub fn create_with(&self, topic: &str, partitions: i32, settings: &[(&str, &str)]) {
        match self {
            Self::Embedded(broker) => broker.create_topic(topic, partitions).expect("a topic"),
            Self::Real(_) => {
                let admin: AdminClient<DefaultClientContext> =
                    self.client().create().expect("an admin client");
                let mut new = NewTopic::new(topic, partitions, TopicReplication::Fixed(-1));
                for (name, value) in settings {
                    new = new.set(name, value);
                }
                let options = AdminOptions::new().operation_timeout(Some(REQUEST));
                let runtime = tokio::runtime::Builder::new_current_thread().build();
                let made = runtime
                    .expect("a runtime")
                    .block_on(admin.create_topics([&new], &options));
                for made in made.expect("an answer to the creation of a topic") {
                    made.expect("a topic is created");
                }
            }
        }
        let consumer: BaseConsumer = self.client().create().expect("a client");
        eventually("the new topic has its partitions", || {
            let metadata = consumer.fetch_metadata(Some(topic), REQUEST).ok()?;
            let found = metadata.topics().first()?;
            let led = |found: &rdkafka::metadata::MetadataPartition| found.leader() >= 0;
            let wanted = usize::try_from(partitions).expect("a number of partitions");
            (found.partitions().len() == wanted && found.partitions().iter().all(led)).then_some(())
        });
    }

    /// Deletes the records of a partition before `offset`, as retention does. Only Apache Kafka
    /// can.
    pub fn delete_before(&self, topic: &str, partition: i32, offset: i64) {
        let admin: AdminClient<DefaultClientContext> =
            self.client().create().expect("an admin client");
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, Offset::Offset(offset))
            .expect("a partition");
        let options = AdminOptions::new().operation_timeout(Some(REQUEST));
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let deleted = runtime
            .expect("a runtime")
            .block_on(admin.delete_records(&list, &options));
        deleted.expect("records are deleted");
    }

    /// A client's settings.
    pub fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.brokers());
        config.set("allow.auto.create.topics", "false");
        config
    }

    /// The next offsets that `group` has committed of `topic`; `None` where there is none.
    pub fn committed(&self, group: &str, topic: &str, partitions: i32) -> Vec<Option<i64>> {
        let mut config = self.client();
        config.set("group.id", group);
        let consumer: BaseConsumer = config.create().expect("a consumer");
        let mut list = TopicPartitionList::new();
        for partition in 0..partitions {
            list.add_partition(topic, partition);
        }
        let list = eventually("committed offsets are told", || {
            consumer.committed_offsets(list.clone(), REQUEST).ok()
        });
        let offset = |offset| match offset {
            Offset::Offset(at) => Some(at),
            _ => None,
        };
        list.elements()
            .iter()
            .map(|element| offset(element.offset()))
            .collect()
    }

    /// The next offset of each partition of `topic`.
    pub fn ends(&self, topic: &str, partitions: i32) -> Vec<i64> {
        let consumer: BaseConsumer = self.client().create().expect("a client");
        let end = |partition| {
            eventually("the end of a partition is told", || {
                consumer.fetch_watermarks(topic, partition, REQUEST).ok()
            })
            .1
        };
        (0..partitions).map(end).collect()
    }
}

/// Sends records to partitions of the test's own choice.
pub struct Producer {
    producer: BaseProducer,
}

impl Producer {
    /// A producer for `cluster`.
    pub fn to(cluster: &Cluster) -> Self {
        let mut config = cluster.client();
        config.set("linger.ms", "5");
        config.set("message.max.bytes", "16000000");
        config.set("queue.buffering.max.messages", "200000");
        Self {
            producer: config.create().expect("a producer"),
        }
    }

    /// Sends `sent`, not waiting for its acknowledgement.
    pub fn send(&self, topic: &str, partition: i32, sent: &Sent) {
        let mut headers = OwnedHeaders::new_with_capacity(sent.headers.len());
        for (key, value) in &sent.headers {
            let value = Some(value);
            headers = headers.insert(Header { key, value });
        }
        let mut record = BaseRecord::<[u8], [u8]>::to(topic)
            .partition(partition)
            .headers(headers)
            .payload(&sent.value);
        if let Some(key) = &sent.key {
            record = record.key(key);
        }
        let deadline = Instant::now() + PATIENCE;
        while let Err((error, back)) = self.producer.send(record) {
            assert_eq!(
                error.rdkafka_error_code(),
                Some(RDKafkaErrorCode::QueueFull)
            );
            assert!(Instant::now() < deadline, "cannot send to {topic}");
            self.producer.poll(Duration::from_millis(5));
            record = back;
        }
    }

    /// Sends a record without a value, which removes what `key` had.
    pub fn remove(&self, topic: &str, partition: i32, key: &[u8]) {
        let record = BaseRecord::<[u8], [u8]>::to(topic);
        let sent = self.producer.send(record.partition(partition).key(key));
        assert!(sent.is_ok(), "cannot send to {topic}");
    }

    /// Sends values to the partitions of `topic` in turn, and waits until they are there.
    pub fn spread<'v>(
        &self,
        topic: &str,
        partitions: i32,
        values: impl IntoIterator<Item = &'v Vec<u8>>,
    ) {
        for (value, partition) in values.into_iter().zip((0..partitions).cycle()) {
            let value = value.clone();
            self.send(
                topic,
                partition,
                &Sent {
                    value,
                    ..Sent::default()
                },
            );
        }
        self.flush();
    }

    /// Waits until everything is with the broker.
    pub fn flush(&self) {
        self.producer.flush(PATIENCE).expect("records are taken");
    }
}

/// Reads a topic from its beginning, outside of any group.
pub struct Tap {
    consumer: BaseConsumer,
    topic: String,
    partitions: i32,
    /// The next offset of each partition.
    next: Vec<i64>,
    /// Everything read so far.
    pub records: Vec<Received>,
}

impl Tap {
    /// A tap on all partitions of `topic`.
    pub fn on(cluster: &Cluster, topic: &str, partitions: i32) -> Self {
        let mut config = cluster.client();
        config.set("group.id", "a-tap");
        config.set("enable.auto.commit", "false");
        config.set("fetch.wait.max.ms", "20");
        let consumer: BaseConsumer = config.create().expect("a consumer");
        let mut list = TopicPartitionList::new();
        for partition in 0..partitions {
            list.add_partition_offset(topic, partition, Offset::Beginning)
                .expect("a partition");
        }
        consumer.assign(&list).expect("an assignment");
        let count = usize::try_from(partitions).expect("a number of partitions");
        Self {
            consumer,
            topic: topic.to_owned(),
            partitions,
            next: vec![0; count],
            records: Vec::new(),
        }
    }

    /// Takes what is at hand; waits up to `wait` for the first record.
    pub fn take(&mut self, wait: Duration) {
        let mut wait = wait;
        while let Some(message) = self.consumer.poll(wait) {
            wait = Duration::ZERO;
            let Ok(message) = message else { continue };
            let headers = message.headers().into_iter().flat_map(|headers| {
                headers.iter().map(|header| {
                    let value = header.value.unwrap_or_default();
                    (header.key.to_owned(), value.to_vec())
                })
            });
            let partition = usize::try_from(message.partition()).expect("a partition");
            self.next[partition] = message.offset() + 1;
            self.records.push(Received {
                partition: message.partition(),
                offset: message.offset(),
                key: message.key().map(<[u8]>::to_vec),
                value: message.payload().unwrap_or_default().to_vec(),
                headers: headers.collect(),
            });
        }
    }

    /// Reads until `enough`, which sees everything read so far.
    #[track_caller]
    pub fn until(&mut self, what: &str, mut enough: impl FnMut(&[Received]) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !enough(&self.records) {
            let read = self.records.len();
            assert!(
                Instant::now() < deadline,
                "waited in vain: {what}; {} has {read} records",
                self.topic
            );
            self.take(Duration::from_millis(20));
        }
    }

    /// Reads everything that is there now.
    #[track_caller]
    pub fn read_all(&mut self, cluster: &Cluster) {
        let ends = cluster.ends(&self.topic, self.partitions);
        let deadline = Instant::now() + PATIENCE;
        while self.next.iter().zip(&ends).any(|(next, end)| next < end) {
            assert!(
                Instant::now() < deadline,
                "{} does not reach its end",
                self.topic
            );
            self.take(Duration::from_millis(20));
        }
    }

    /// The values read so far, as JSON.
    pub fn json(&self) -> Vec<serde_json::Value> {
        let parse = |record: &Received| serde_json::from_slice(&record.value).expect("JSON");
        self.records.iter().map(parse).collect()
    }
}
