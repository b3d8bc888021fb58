//! What the client's callbacks do: assignments are taken at once, revocations noted for the
//! reader, who acts on them between batches.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::ClientContext;
use rdkafka::client::OAuthToken;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::statistics::Statistics;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaRespErr;

use super::REQUEST_TIMEOUT;
use crate::config::{OauthSettings, Start};
use crate::source::client::renewed_token;
use crate::source::{Stream, StreamId, stream_of};

/// What the client's callbacks note for the reader.
pub(in crate::source) struct Context {
    pub(super) streams: Arc<[Stream]>,
    pub(super) starts: Vec<Start>,
    /// Whether records are not to be fetched by the library.
    pub(super) pauses: bool,
    /// Which tokens prove who we are, if any do.
    pub(super) oauth: Option<OauthSettings>,
    pub(super) state: Mutex<State>,
}

/// The notes.
#[derive(Default)]
pub(super) struct State {
    pub(super) revoking: Option<Revocation>,
    pub(super) assigned_anew: bool,
    pub(super) closing: bool,
    /// Where reading of each assigned partition was asked to start; `None` is its first record.
    pub(super) starts: BTreeMap<(StreamId, i32), Option<i64>>,
    pub(super) lag: BTreeMap<(StreamId, i32), i64>,
}

/// A revocation that waits for the worker.
#[derive(Clone, Copy)]
pub(super) struct Revocation {
    pub(super) lost: bool,
}

impl Context {
    pub(super) fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Assigns `list` at the committed offsets, and where there are none, at the start that
    /// the source wants.
    fn assign(&self, consumer: &BaseConsumer<Self>, list: &TopicPartitionList) -> KafkaResult<()> {
        let committed = consumer.committed_offsets(list.clone(), REQUEST_TIMEOUT)?;
        let mut assignment = TopicPartitionList::with_capacity(list.count());
        let mut starts = BTreeMap::new();
        for element in committed.elements() {
            let stream = stream_of(&self.streams, element.topic());
            let offset = match element.offset() {
                Offset::Offset(offset) => Some(offset),
                Offset::Beginning
                | Offset::End
                | Offset::Stored
                | Offset::Invalid
                | Offset::OffsetTail(_) => {
                    let start = stream
                        .and_then(|stream| self.starts.get(usize::from(stream.0)))
                        .copied()
                        .unwrap_or(Start::Earliest);
                    match (start, stream) {
                        (Start::Latest, Some(_)) => {
                            // A number, so that reading can be taken up again from here.
                            let (topic, partition) = (element.topic(), element.partition());
                            let (_, end) =
                                consumer.fetch_watermarks(topic, partition, REQUEST_TIMEOUT)?;
                            Some(end)
                        }
                        (Start::Earliest, _) | (Start::Latest, None) => None,
                    }
                }
            };
            if let Some(stream) = stream {
                starts.insert((stream, element.partition()), offset);
            }
            let offset = offset.map_or(Offset::Beginning, Offset::Offset);
            assignment.add_partition_offset(element.topic(), element.partition(), offset)?;
        }
        {
            let mut state = self.state();
            state.starts = starts;
            state.assigned_anew = true;
            state.lag.clear();
        }
        consumer.assign(&assignment)?;
        if self.pauses {
            consumer.pause(&assignment)?;
        }
        Ok(())
    }
}

impl ClientContext for Context {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn generate_oauth_token(&self, _written: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        renewed_token(self.oauth.as_ref())
    }

    fn stats(&self, statistics: Statistics) {
        let mut state = self.state();
        for topic in statistics.topics.values() {
            let Some(stream) = stream_of(&self.streams, &topic.topic) else {
                continue;
            };
            for partition in topic.partitions.values() {
                if partition.partition >= 0 && partition.consumer_lag >= 0 {
                    state
                        .lag
                        .insert((stream, partition.partition), partition.consumer_lag);
                }
            }
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(%error, reason, "kafka consumer");
    }
}

impl ConsumerContext for Context {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        event: RDKafkaRespErr,
        list: &mut TopicPartitionList,
    ) {
        if event == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            tracing::info!(partitions = list.count(), "partitions assigned");
            if let Err(error) = self.assign(consumer, list) {
                // Without an assignment the broker gives the partitions to someone else, or
                // to us again; nothing is lost.
                tracing::warn!(%error, "cannot take assigned partitions");
                if let Err(error) = consumer.unassign() {
                    tracing::warn!(%error, "cannot give partitions back");
                }
            }
            return;
        }
        tracing::info!(partitions = list.count(), "partitions revoked");
        if self.state().closing {
            if let Err(error) = consumer.unassign() {
                tracing::warn!(%error, "cannot give partitions back");
            }
            return;
        }
        let lost = consumer.assignment_lost();
        self.state().revoking = Some(Revocation { lost });
    }

    fn commit_callback(&self, result: KafkaResult<()>, _offsets: &TopicPartitionList) {
        if let Err(error) = result {
            tracing::warn!(%error, "commit refused; the records will be read again");
        }
    }
}
