//! A client that asks brokers one thing at a time, on the connections of the direct reader: what a
//! generator needs to take whole batches out of a topic and to send them again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{ApiKey, ProduceRequest, ProduceResponse, TopicName};
use kafka_protocol::protocol::{Decodable as _, StrBytes};
use mio::Token;

use super::PATIENCE;
use crate::config::ClusterConfig;
use crate::lab::bench::harness::TurnError;
use crate::source::StreamId;
use crate::source::direct::batch::{Batches, Crcs};
use crate::source::direct::fetch::{
    FETCH_VERSION_MAX, FETCH_VERSION_MIN, FetchAnswer, Terms, Wanted, request,
};
use crate::source::direct::{
    Access, BrokerAddress, Connection, ConnectionOptions, FramePool, METADATA_VERSION_MAX,
    METADATA_VERSION_MIN, Metadata, Poller, Response, Start,
};

/// A batch of records as it was fetched, to be sent again.
#[derive(Clone, Debug)]
pub(super) struct WholeBatch {
    /// Its bytes, with the base offset that producers write.
    pub(super) bytes: Bytes,
    /// How many records are in it.
    pub(super) records: u64,
}

/// Connections to those who lead the partitions of a topic.
pub(super) struct Client {
    topic: TopicName,
    poller: Poller,
    connections: BTreeMap<i32, Connection>,
    /// The broker that leads each partition.
    leaders: BTreeMap<i32, i32>,
}

impl Client {
    /// Connects to the leaders of `topic`.
    ///
    /// # Errors
    /// When no broker can be reached, or a partition has no leader.
    pub(super) fn connect(cluster: &ClusterConfig, topic: &str) -> Result<Self, TurnError> {
        let options = Arc::new(ConnectionOptions {
            access: Access::from_properties(&cluster.properties)?,
            frames: FramePool::new(ANSWER_BYTES_MAX, 2),
            in_flight_max: IN_FLIGHT_MAX,
        });
        let mut client = Self {
            topic: TopicName(StrBytes::from_string(topic.to_owned())),
            poller: Poller::new()?,
            connections: BTreeMap::new(),
            leaders: BTreeMap::new(),
        };
        let first = BrokerAddress::list(&cluster.brokers)?;
        let first = first.first().ok_or("no broker is named")?;
        client.open(BOOTSTRAP, first, &options)?;
        let versions = (METADATA_VERSION_MIN, METADATA_VERSION_MAX);
        let question = Metadata::request([topic]);
        let answer = client.ask(BOOTSTRAP, ApiKey::Metadata, versions, &question)?;
        let metadata = Metadata::read(&answer.body, answer.api_version)?;
        let partitions = metadata.topics.get(topic).map(|found| &found.partitions);
        for &partition in partitions.into_iter().flat_map(BTreeMap::keys) {
            let leader = metadata.leader(topic, partition);
            let (id, broker, _) = leader.ok_or("a partition has no leader")?;
            client.leaders.insert(partition, id);
            if !client.connections.contains_key(&id) {
                client.open(id, broker, &options)?;
            }
        }
        Ok(client)
    }

    /// Connects to a broker and waits until it can be asked.
    fn open(
        &mut self,
        id: i32,
        broker: &BrokerAddress,
        options: &Arc<ConnectionOptions>,
    ) -> Result<(), TurnError> {
        let addresses = broker.resolve(options.access.network.family)?;
        let token = Token(self.connections.len());
        let at = (self.poller.registry(), token);
        let started = Start::at(Instant::now());
        let mut connection = Connection::start(broker, &addresses, options, at, started)?;
        let until = Instant::now() + PATIENCE;
        while !connection.ready() {
            let now = Instant::now();
            connection.poll(now)?;
            if now > until {
                return Err(format!("{broker} is not ready").into());
            }
            if !connection.ready() {
                self.poller.wait(now, now + WAIT)?;
            }
        }
        self.connections.insert(id, connection);
        Ok(())
    }

    /// Asks a broker and waits for the answer.
    fn ask(
        &mut self,
        id: i32,
        api: ApiKey,
        versions: (i16, i16),
        question: &impl kafka_protocol::protocol::Encodable,
    ) -> Result<Response, TurnError> {
        self.send(id, api, versions, question)?;
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(answer) = self.answer(id)? {
                return Ok(answer);
            }
            let now = Instant::now();
            if now > until {
                return Err("no answer".into());
            }
            self.poller.wait(now, now + WAIT)?;
        }
    }

    /// Sends a question.
    fn send(
        &mut self,
        id: i32,
        api: ApiKey,
        (min, max): (i16, i16),
        question: &impl kafka_protocol::protocol::Encodable,
    ) -> Result<(), TurnError> {
        let connection = self.connections.get_mut(&id).ok_or("not connected")?;
        let key = api as i16;
        let version = connection.version(key, min, max)?;
        connection.send((key, version), question, Instant::now())?;
        Ok(())
    }

    /// The next answer of a broker, if one has come.
    fn answer(&mut self, id: i32) -> Result<Option<Response>, TurnError> {
        let connection = self.connections.get_mut(&id).ok_or("not connected")?;
        Ok(connection.poll(Instant::now())?)
    }

    /// All batches of the topic, partition by partition.
    ///
    /// # Errors
    /// When a broker refuses, or batches are bad.
    pub(super) fn batches(&mut self) -> Result<Vec<WholeBatch>, TurnError> {
        let mut batches = Vec::new();
        for (partition, leader) in self.leaders.clone() {
            let (mut offset, mut end) = (0, i64::MAX);
            while offset < end {
                let answer = self.fetch(leader, partition, offset)?;
                let fetched = answer.partitions.first().ok_or("an empty answer")?;
                if fetched.error_code != 0 {
                    return Err(format!("code {} for a fetch", fetched.error_code).into());
                }
                end = fetched.high_watermark;
                let (before, mut at) = (offset, 0);
                for batch in Batches::new(&fetched.records, Crcs::Check) {
                    let batch = batch?;
                    let end = at + batch.total_len;
                    batches.push(WholeBatch {
                        bytes: as_produced(fetched.records.get(at..end).unwrap_or_default()),
                        records: batch.count.into(),
                    });
                    (offset, at) = (batch.next_offset(), end);
                }
                if offset == before && offset < end {
                    return Err("a batch is larger than an answer".into());
                }
            }
        }
        Ok(batches)
    }

    /// Fetches from `offset` on.
    fn fetch(
        &mut self,
        leader: i32,
        partition: i32,
        offset: i64,
    ) -> Result<FetchAnswer, TurnError> {
        let topic = self.topic.to_string();
        let wanted = Wanted {
            topic: &topic,
            partition,
            offset,
            leader_epoch: -1,
            fetched_epoch: -1,
            bytes_max: FETCH_BYTES_MAX,
        };
        let terms = Terms {
            wait: WAIT,
            bytes_min: 1,
            bytes_max: FETCH_BYTES_MAX,
            uncommitted: true,
        };
        let connection = self.connections.get(&leader).ok_or("not connected")?;
        let versions = (FETCH_VERSION_MIN, FETCH_VERSION_MAX);
        let version = connection.version(ApiKey::Fetch as i16, versions.0, versions.1)?;
        let question = request([wanted], &terms, version);
        let answer = self.ask(leader, ApiKey::Fetch, versions, &question)?;
        let stream = |name: &str| (*name == *topic).then_some(StreamId(0));
        Ok(FetchAnswer::read(&answer.body, answer.api_version, stream)?)
    }

    /// Sends a batch to a partition; the answer comes later, and is looked at by [`Self::settle`].
    ///
    /// # Errors
    /// When the connection fails.
    pub(super) fn produce(&mut self, partition: i32, batch: &WholeBatch) -> Result<(), TurnError> {
        let leader = *self.leaders.get(&partition).ok_or("no such partition")?;
        let data = PartitionProduceData::default()
            .with_index(partition)
            .with_records(Some(batch.bytes.clone()));
        let topic = TopicProduceData::default()
            .with_name(self.topic.clone())
            .with_partition_data(vec![data]);
        let question = ProduceRequest::default()
            .with_acks(1)
            .with_timeout_ms(30_000)
            .with_topic_data(vec![topic]);
        self.send(leader, ApiKey::Produce, PRODUCE_VERSIONS, &question)
    }

    /// Looks at what brokers say of batches that were sent, until at most `left` are not answered,
    /// and at all that has come until then.
    ///
    /// # Errors
    /// When a broker refuses a batch, or does not answer.
    pub(super) fn settle(&mut self, left: usize) -> Result<(), TurnError> {
        let until = Instant::now() + PATIENCE;
        loop {
            let ids: Vec<i32> = self.connections.keys().copied().collect();
            for id in ids {
                while let Some(answer) = self.answer(id)? {
                    accepted(&answer)?;
                }
            }
            let under_way = self.connections.values().map(Connection::in_flight);
            let now = Instant::now();
            if under_way.sum::<usize>() <= left {
                return Ok(());
            }
            if now > until {
                return Err("batches are not acknowledged".into());
            }
            self.poller.wait(now, now + WAIT)?;
        }
    }

    /// Waits until `due`, and looks meanwhile at what brokers say.
    ///
    /// # Errors
    /// As [`Self::settle`].
    pub(super) fn wait_until(&mut self, due: Instant) -> Result<(), TurnError> {
        loop {
            self.settle(IN_FLIGHT_MAX - 1)?;
            let now = Instant::now();
            if now >= due {
                return Ok(());
            }
            // The poller rounds up to whole milliseconds; what is due a little sooner waits for it.
            self.poller.wait(now, due)?;
        }
    }
}

/// A batch with the base offset 0, as brokers want it; no checksum covers that.
fn as_produced(batch: &[u8]) -> Bytes {
    let mut bytes = batch.to_vec();
    if let Some(offset) = bytes.first_chunk_mut::<8>() {
        *offset = [0; 8];
    }
    Bytes::from(bytes)
}

/// Whether a broker took all that a question had.
fn accepted(answer: &Response) -> Result<(), TurnError> {
    let mut body = answer.body.clone();
    let said = ProduceResponse::decode(&mut body, answer.api_version)?;
    let partitions = said
        .responses
        .iter()
        .flat_map(|topic| &topic.partition_responses);
    match partitions
        .map(|partition| partition.error_code)
        .find(|code| *code != 0)
    {
        Some(code) => Err(format!("code {code} for a batch that was sent").into()),
        None => Ok(()),
    }
}

/// Stands for the first broker that is named, before its id is known.
const BOOTSTRAP: i32 = i32::MIN;
/// Versions of the question with batches that are used.
const PRODUCE_VERSIONS: (i16, i16) = (3, 9);
/// Most questions under way on a connection.
const IN_FLIGHT_MAX: usize = 64;
/// Most bytes of a fetch.
const FETCH_BYTES_MAX: i32 = 8 << 20;
/// Largest answer that is taken.
const ANSWER_BYTES_MAX: usize = 128 << 20;
/// How long a wait lasts before it is looked at what else there is.
const WAIT: Duration = Duration::from_millis(100);
