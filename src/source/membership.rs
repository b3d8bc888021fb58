//! Our membership in the consumer group, which librdkafka holds whoever fetches the records:
//! assignments, committed offsets, offsets by place. Rebalances are noted in the callback and
//! acted on outside of it, so that the worker can finish its batch first: a revocation waits
//! until [`Membership::release`].

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

mod context;

use context::{Context, Revocation};

use super::client::consumer_config;
use super::{CommitWait, Gap, KafkaReaderOptions, NextOffset, SourceError, Stream, StreamId};
use crate::config::OauthSettings;

/// How long one request to a broker may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Most events that are served at a time.
const SERVED_MAX: usize = 100;

/// Who fetches the records of what is assigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fetching {
    /// The library.
    Library,
    /// We do; for the library all partitions are paused.
    Ours,
}

/// A member of the consumer group.
pub(super) struct Membership {
    consumer: BaseConsumer<Context>,
    streams: Arc<[Stream]>,
}

/// What the group wants of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// Partitions were assigned since the last call.
    Assigned,
    /// Partitions are being taken away; it waits for [`Membership::release`].
    Revoking {
        /// They are gone already.
        lost: bool,
    },
}

impl Membership {
    /// Joins the group. Does not wait for brokers: an unreachable one is logged and retried.
    ///
    /// # Errors
    /// [`SourceError::Kafka`] when the library refuses the configuration.
    pub(super) fn join(
        options: &KafkaReaderOptions,
        fetching: Fetching,
    ) -> Result<Self, SourceError> {
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
        if fetching == Fetching::Library {
            // The lag comes from the library's statistics. Other consumers ask for none, since
            // whoever does not take them has them logged.
            config.set("statistics.interval.ms", "1000");
        }
        if let Some(instance) = &kafka.instance {
            config.set(
                "group.instance.id",
                format!("{instance}-{}", options.member),
            );
        }
        let context = Context {
            streams: Arc::clone(&options.streams),
            starts: options.starts.clone(),
            pauses: fetching == Fetching::Ours,
            oauth: OauthSettings::of(&kafka.cluster.properties),
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
        })
    }

    /// What the group wants, if anything.
    pub(super) fn wish(&self) -> Option<Wish> {
        let mut state = self.consumer.context().state();
        match state.revoking {
            Some(Revocation { lost }) => Some(Wish::Revoking { lost }),
            None => std::mem::take(&mut state.assigned_anew).then_some(Wish::Assigned),
        }
    }

    /// Lets the library do what it has to: rebalances, callbacks of commits, errors. Only for
    /// members whose partitions are paused.
    pub(super) fn serve(&self) {
        for _ in 0..SERVED_MAX {
            match self.consumer.poll(Duration::ZERO) {
                // It was on its way before the pause; it is fetched again by whoever fetches.
                Some(Ok(_)) => {}
                Some(Err(error)) => tracing::warn!(%error, "kafka consumer"),
                None => return,
            }
        }
    }

    /// Whether partitions are being taken away.
    pub(super) fn revoking(&self) -> bool {
        self.consumer.context().state().revoking.is_some()
    }

    /// Where reading of each assigned partition was to start; `None` is its first record.
    pub(super) fn starts(&self) -> BTreeMap<(StreamId, i32), Option<i64>> {
        self.consumer.context().state().starts.clone()
    }

    /// Records behind the end of each partition, as the library's statistics have it.
    pub(super) fn lag(&self) -> Vec<(StreamId, i32, i64)> {
        let state = self.consumer.context().state();
        let lag = state.lag.iter();
        lag.map(|((stream, partition), lag)| (*stream, *partition, *lag))
            .collect()
    }

    /// The library's consumer.
    pub(super) fn consumer(&self) -> &BaseConsumer<Context> {
        &self.consumer
    }

    /// Where to go on with a partition whose offset may be out of range: where it wanted to, if there
    /// is such an offset, else at the earliest record that is left. What is gone is a gap.
    ///
    /// # Errors
    /// [`SourceError::Kafka`] when no broker answers in time.
    pub(super) fn place_to_go_on(
        &self,
        topic: &str,
        (stream, partition): (StreamId, i32),
        wanted: Option<i64>,
    ) -> Result<(i64, Option<Gap>), SourceError> {
        let (low, high) = self.watermarks(topic, partition)?;
        let resumed = wanted.filter(|wanted| (low..=high).contains(wanted));
        let resumed = resumed.unwrap_or(low);
        let gone = wanted.filter(|wanted| *wanted != resumed);
        let gap = gone.map(|wanted| Gap {
            stream,
            partition,
            wanted,
            resumed,
        });
        Ok((resumed, gap))
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

    /// Commits that everything before `offsets` is done.
    ///
    /// # Errors
    /// [`SourceError::Kafka`] when the broker refused (or, unwaited, when it could not be sent).
    pub(super) fn commit(
        &self,
        offsets: &[NextOffset],
        wait: CommitWait,
    ) -> Result<(), SourceError> {
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

    /// Gives the partitions of a revocation back.
    ///
    /// # Errors
    /// [`SourceError::Kafka`] when the library refused.
    pub(super) fn release(&self) -> Result<(), SourceError> {
        self.consumer.context().state().revoking = None;
        self.consumer
            .unassign()
            .map_err(|source| SourceError::kafka("cannot give partitions back", source))
    }

    /// How many partitions are assigned.
    pub(super) fn assigned(&self) -> usize {
        self.consumer
            .assignment()
            .map_or(0, |assignment| assignment.count())
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        // Closing the consumer serves one more revocation, which nobody waits for any more.
        self.consumer.context().state().closing = true;
    }
}
