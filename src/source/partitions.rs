//! All partitions of one topic, read by one reader outside of any group: for the stages and
//! tools that keep their own offsets (hits, leases, episodes).

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::client::{Client, OAuthToken};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::SourceError;
use super::client::{consumer_config, renewed_token};
use crate::config::{ClusterConfig, OauthSettings};

/// How long one request to a broker may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// A record that outlives its batch: these topics are small.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedRecord {
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Its timestamp, milliseconds since the epoch.
    pub timestamp_ms: Option<i64>,
    /// Its key; empty if it has none.
    pub key: Vec<u8>,
    /// Its value; empty for a tombstone.
    pub value: Vec<u8>,
}

/// Reads all partitions of a topic, each from its own offset.
pub struct PartitionReader {
    consumer: BaseConsumer<Context>,
    /// Asks for offsets. Brokers answer a connection's requests in order, and those of the
    /// reading one wait behind fetches that wait for records.
    asker: BaseConsumer<Context>,
    topic: String,
    /// The next offset of each partition.
    next: BTreeMap<i32, i64>,
    /// Records that were gone before they could be read.
    skipped: u64,
    /// Partitions that were read to the end they had then.
    ended: BTreeSet<i32>,
    /// Partitions that are read anew from where they stood, since they ended before the offset
    /// given here, the end that the brokers told.
    probed: BTreeMap<i32, i64>,
    /// Whether the last read found nothing.
    idle: bool,
}

impl PartitionReader {
    /// A reader of `topic` that starts each partition at its offset in `from`, others at the
    /// earliest record.
    ///
    /// # Errors
    /// [`SourceError`] when the brokers cannot be asked or the topic does not exist.
    pub fn open(
        cluster: &ClusterConfig,
        topic: &str,
        from: &[(i32, i64)],
    ) -> Result<Self, SourceError> {
        let mut config = consumer_config(cluster);
        // Never joins: the name only has to be there for the library's consumer queue.
        config.set("group.id", "gannet-unjoined");
        config.set("auto.offset.reset", "error");
        config.set("enable.partition.eof", "true");
        let create = || {
            let created: Result<BaseConsumer<Context>, KafkaError> =
                config.create_with_context(Context {
                    oauth: OauthSettings::of(&cluster.properties),
                });
            created.map_err(|source| SourceError::kafka("cannot create consumer", source))
        };
        let mut reader = Self {
            consumer: create()?,
            asker: create()?,
            topic: topic.to_owned(),
            next: BTreeMap::new(),
            skipped: 0,
            ended: BTreeSet::new(),
            probed: BTreeMap::new(),
            idle: false,
        };
        let partitions = topic_partitions(reader.asker.client(), topic)?;
        for partition in partitions {
            let (low, high) = reader.watermarks(partition)?;
            let wanted = from
                .iter()
                .find(|(number, _)| *number == partition)
                .map(|(_, at)| *at);
            let start = match wanted {
                Some(at) if at > high => low,
                Some(at) if at < low => {
                    reader.skipped += u64::try_from(low - at).unwrap_or(0);
                    low
                }
                Some(at) => at,
                None => low,
            };
            reader.next.insert(partition, start);
        }
        reader.assign()?;
        Ok(reader)
    }

    /// Gathers records until there are `records_max` or `wait` has passed.
    ///
    /// # Errors
    /// [`SourceError`]; reading may go on unless it is fatal.
    pub fn read(
        &mut self,
        records_max: usize,
        wait: Duration,
    ) -> Result<Vec<OwnedRecord>, SourceError> {
        let mut records = Vec::new();
        let deadline = Instant::now() + wait;
        while records.len() < records_max {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.consumer.poll(left) {
                None => break,
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    note_end(&mut self.next, &mut self.probed, partition);
                    self.ended.insert(partition);
                    continue;
                }
                Some(Ok(message)) => {
                    self.next.insert(message.partition(), message.offset() + 1);
                    self.ended.remove(&message.partition());
                    records.push(OwnedRecord {
                        partition: message.partition(),
                        offset: message.offset(),
                        timestamp_ms: message.timestamp().to_millis(),
                        key: message.key().unwrap_or_default().to_vec(),
                        value: message.payload().unwrap_or_default().to_vec(),
                    });
                }
                Some(Err(KafkaError::MessageConsumption(
                    RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange,
                ))) => {
                    self.repair()?;
                    break;
                }
                Some(Err(KafkaError::MessageConsumptionFatal(code))) => {
                    return Err(SourceError::Fatal(code.to_string()));
                }
                Some(Err(source)) if records.is_empty() => {
                    return Err(SourceError::kafka(
                        format!("cannot read {}", self.topic),
                        source,
                    ));
                }
                Some(Err(_)) => break,
            }
        }
        self.idle = records.is_empty();
        Ok(records)
    }

    /// The next offset of each partition.
    pub fn positions(&self) -> Vec<(i32, i64)> {
        self.next
            .iter()
            .map(|(partition, next)| (*partition, *next))
            .collect()
    }

    /// Records that were gone before they could be read.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// How many offsets the topic has beyond what was read, asked from the brokers now. Not
    /// every offset is a record: transactions leave marks. Once a read finds nothing although
    /// there seems to be something, the next one finds out whether it is only marks.
    ///
    /// # Errors
    /// [`SourceError`] when the brokers do not answer.
    pub fn behind(&mut self) -> Result<u64, SourceError> {
        let (mut behind, mut anew) = (0, false);
        for (partition, end) in self.ends()? {
            let next = self.next.get(&partition).copied().unwrap_or(0);
            behind += u64::try_from(end - next).unwrap_or(0);
            // At its end, and yet not: look again, so that the next end is later than `end`.
            if self.idle && end > next && self.ended.remove(&partition) {
                self.probed.insert(partition, end);
                anew = true;
            }
        }
        if anew {
            self.assign()?;
        }
        Ok(behind)
    }

    /// The end of every partition, asked from the brokers now: one request a broker.
    fn ends(&self) -> Result<Vec<(i32, i64)>, SourceError> {
        let failed = |source| {
            SourceError::kafka(format!("cannot ask for the end of {}", self.topic), source)
        };
        let mut ends = TopicPartitionList::with_capacity(self.next.len());
        for partition in self.next.keys() {
            // The "time" of an end is the library's own number for it.
            ends.add_partition_offset(&self.topic, *partition, Offset::End)
                .map_err(failed)?;
        }
        let ends = self
            .asker
            .offsets_for_times(ends, REQUEST_TIMEOUT)
            .map_err(failed)?;
        let mut found = Vec::with_capacity(self.next.len());
        for element in ends.elements() {
            element.error().map_err(failed)?;
            let end = match element.offset() {
                Offset::Offset(end) => end,
                Offset::Beginning
                | Offset::End
                | Offset::Stored
                | Offset::Invalid
                | Offset::OffsetTail(_) => self.watermarks(element.partition())?.1,
            };
            found.push((element.partition(), end));
        }
        Ok(found)
    }

    /// Looks for partitions that were added since, and reads them from their beginning.
    ///
    /// # Errors
    /// [`SourceError`] when the brokers do not answer.
    pub fn refresh(&mut self) -> Result<(), SourceError> {
        let known = self.next.len();
        for partition in topic_partitions(self.asker.client(), &self.topic)? {
            self.next.entry(partition).or_insert(0);
        }
        if self.next.len() > known {
            self.assign()
        } else {
            Ok(())
        }
    }

    fn assign(&self) -> Result<(), SourceError> {
        let mut list = TopicPartitionList::with_capacity(self.next.len());
        for (partition, next) in &self.next {
            list.add_partition_offset(&self.topic, *partition, Offset::Offset(*next))
                .map_err(|source| SourceError::kafka("cannot assign", source))?;
        }
        self.consumer
            .assign(&list)
            .map_err(|source| SourceError::kafka(format!("cannot assign {}", self.topic), source))
    }

    fn repair(&mut self) -> Result<(), SourceError> {
        for (partition, next) in self.positions() {
            let (low, high) = self.watermarks(partition)?;
            if !(low..=high).contains(&next) {
                self.skipped += u64::try_from(low - next).unwrap_or(0);
                self.next.insert(partition, low);
            }
        }
        self.assign()
    }

    fn watermarks(&self, partition: i32) -> Result<(i64, i64), SourceError> {
        self.asker
            .fetch_watermarks(&self.topic, partition, REQUEST_TIMEOUT)
            .map_err(|source| {
                SourceError::kafka(
                    format!("cannot ask for offsets of {}/{partition}", self.topic),
                    source,
                )
            })
    }
}

/// Logs what the library says, but for the ends of partitions, which it takes for errors.
struct Context {
    /// Which tokens prove who we are, if any do.
    oauth: Option<OauthSettings>,
}

impl ClientContext for Context {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn generate_oauth_token(&self, _written: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        renewed_token(self.oauth.as_ref())
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let code = error.rdkafka_error_code();
        if code != Some(RDKafkaErrorCode::PartitionEOF) {
            tracing::warn!(%error, reason, "kafka reader");
        }
    }
}

impl ConsumerContext for Context {}

/// Takes up that `partition` was read to its end: if it was probed, there are no records before
/// the end that the brokers had told.
fn note_end(next: &mut BTreeMap<i32, i64>, probed: &mut BTreeMap<i32, i64>, partition: i32) {
    if let (Some(end), Some(next)) = (probed.remove(&partition), next.get_mut(&partition)) {
        *next = end.max(*next);
    }
}

/// The partitions of `topic`.
///
/// # Errors
/// [`SourceError`] when the brokers do not answer or the topic does not exist.
pub fn topic_partitions<C: ClientContext>(
    client: &Client<C>,
    topic: &str,
) -> Result<Vec<i32>, SourceError> {
    let action = || format!("cannot find topic `{topic}`");
    let metadata = client
        .fetch_metadata(Some(topic), REQUEST_TIMEOUT)
        .map_err(|source| SourceError::kafka(action(), source))?;
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    match found {
        Some(found) if found.error().is_none() && !found.partitions().is_empty() => {
            let mut partitions: Vec<i32> = found
                .partitions()
                .iter()
                .map(|partition| partition.id())
                .collect();
            partitions.sort_unstable();
            Ok(partitions)
        }
        _ => Err(SourceError::kafka(
            action(),
            KafkaError::MetadataFetch(RDKafkaErrorCode::UnknownTopicOrPartition),
        )),
    }
}
