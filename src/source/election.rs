//! Which of several instances is active: the one to which the group gives partition 0 of a
//! topic. Nothing is read here; the membership alone decides, and a commit through it fails
//! once another instance has taken over.

use std::error::Error;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::client::OAuthToken;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaRespErr;

use super::SourceError;
use super::client::{consumer_config, renewed_token};
use crate::config::{KafkaConfig, OauthSettings};

/// A candidate.
pub struct Election {
    consumer: BaseConsumer<Context>,
    topic: String,
}

impl Election {
    /// Stands for election on `topic` in group `group`.
    ///
    /// # Errors
    /// [`SourceError`] when the library refuses the configuration.
    pub fn stand(kafka: &KafkaConfig, group: &str, topic: &str) -> Result<Self, SourceError> {
        let mut config = consumer_config(&kafka.cluster);
        config.set("group.id", group);
        config.set(
            "session.timeout.ms",
            kafka.session_timeout.as_millis().to_string(),
        );
        config.set(
            "heartbeat.interval.ms",
            (kafka.session_timeout.as_millis() / 5).to_string(),
        );
        config.set("auto.offset.reset", "earliest");
        // Partition 0 goes to one member whatever the number of partitions.
        config.set("partition.assignment.strategy", "range");
        let consumer: BaseConsumer<Context> = config
            .create_with_context(Context {
                oauth: OauthSettings::of(&kafka.cluster.properties),
                active: Mutex::default(),
            })
            .map_err(|source| SourceError::kafka("cannot create consumer", source))?;
        consumer
            .subscribe(&[topic])
            .map_err(|source| SourceError::kafka(format!("cannot subscribe to {topic}"), source))?;
        Ok(Self {
            consumer,
            topic: topic.to_owned(),
        })
    }

    /// Serves the membership for up to `wait` and says whether this instance is active.
    pub fn serve(&self, wait: Duration) -> bool {
        // What was fetched before the pause took hold is not for us.
        if let Some(Err(error)) = self.consumer.poll(wait) {
            tracing::debug!(%error, "election");
        }
        self.active()
    }

    /// Whether this instance is active, as far as it knows.
    pub fn active(&self) -> bool {
        !self.consumer.assignment_lost()
            && *self
                .consumer
                .context()
                .active
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
    }

    /// Commits `next` of partition 0, which the broker accepts only from the member that it
    /// was given to: an instance that was overtaken learns it here.
    ///
    /// # Errors
    /// [`SourceError`] when this instance is no longer active, or no broker answers.
    pub fn confirm(&self, next: i64) -> Result<(), SourceError> {
        let mut list = TopicPartitionList::with_capacity(1);
        list.add_partition_offset(&self.topic, 0, Offset::Offset(next))
            .map_err(|source| SourceError::kafka("cannot commit", source))?;
        self.consumer
            .commit(&list, CommitMode::Sync)
            .map_err(|source| SourceError::kafka("not confirmed as the active instance", source))
    }
}

/// Notes whether partition 0 is ours.
struct Context {
    /// Which tokens prove who we are, if any do.
    oauth: Option<OauthSettings>,
    active: Mutex<bool>,
}

impl ClientContext for Context {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn generate_oauth_token(&self, _written: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        renewed_token(self.oauth.as_ref())
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(%error, reason, "kafka election");
    }
}

impl ConsumerContext for Context {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        event: RDKafkaRespErr,
        list: &mut TopicPartitionList,
    ) {
        let assigned = event == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        let done = if assigned {
            consumer.assign(list).and_then(|()| consumer.pause(list))
        } else {
            consumer.unassign()
        };
        if let Err(error) = done {
            tracing::warn!(%error, "election");
        }
        let first = list
            .elements()
            .iter()
            .any(|element| element.partition() == 0);
        *self.active.lock().unwrap_or_else(PoisonError::into_inner) = assigned && first;
    }
}
