//! Kafka client settings that every consumer of ours shares, and why each is set.

use std::error::Error;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::client::OAuthToken;
use rdkafka::consumer::{BaseConsumer, Consumer};

use crate::config::{ClusterConfig, OauthSettings};

/// The settings of every consumer: offsets are ours to keep, and a full local queue never
/// makes the client sleep for a second.
pub fn consumer_config(cluster: &ClusterConfig) -> ClientConfig {
    let mut config = ClientConfig::new();
    for (name, value) in DEFAULTS {
        config.set(name, value);
    }
    for (name, value) in cluster.client_settings() {
        config.set(name, value);
    }
    config
}

/// What librdkafka is told where the configuration does not say otherwise.
pub(super) const DEFAULTS: [(&str, &str); 10] = [
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("enable.partition.eof", "false"),
    ("allow.auto.create.topics", "false"),
    // The default of one second is a silent speed limit once the queue is full.
    ("fetch.queue.backoff.ms", "5"),
    ("fetch.wait.max.ms", "100"),
    ("queued.min.messages", "50000"),
    ("queued.max.messages.kbytes", "32768"),
    ("fetch.max.bytes", "16777216"),
    // A new topic or partition is noticed within this time.
    ("topic.metadata.refresh.interval.ms", "30000"),
];

/// The next token of OAUTHBEARER, as the library wants it.
pub(super) fn renewed_token(oauth: Option<&OauthSettings>) -> Result<OAuthToken, Box<dyn Error>> {
    let token = OauthSettings::renewed(oauth)?;
    Ok(OAuthToken {
        lifetime_ms: token.until_ms()?,
        token: token.text,
        principal_name: token.principal,
    })
}

/// Why a cluster could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No broker answered in time.
    #[error("no answer from brokers `{brokers}`: {source}")]
    Unreachable {
        /// As configured.
        brokers: String,
        /// The library's own words.
        source: rdkafka::error::KafkaError,
    },
}

/// The id of `cluster`; `unknown` if its brokers are too old to have one.
///
/// # Errors
/// [`ClientError`] when no broker answers within `timeout`.
pub fn cluster_id(cluster: &ClusterConfig, timeout: Duration) -> Result<String, ClientError> {
    let unreachable = |source| ClientError::Unreachable {
        brokers: cluster.brokers.clone(),
        source,
    };
    let consumer: BaseConsumer = consumer_config(cluster).create().map_err(unreachable)?;
    match consumer.client().fetch_cluster_id(timeout) {
        Some(id) => Ok(id),
        None => consumer
            .fetch_metadata(None, timeout)
            .map(|_| "unknown".to_owned())
            .map_err(unreachable),
    }
}
