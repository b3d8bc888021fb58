//! The Kafka producer of a worker: idempotent, acknowledged by all replicas, never giving up on
//! a message. What the library gives back as failed is sent again with the same bytes.

use std::collections::VecDeque;
use std::error::Error;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::client::OAuthToken;
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, Message, OwnedHeaders};
use rdkafka::producer::{
    BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext, PurgeConfig,
};

use super::{Acknowledged, MessageSink, Outgoing, SinkError};
use crate::config::{ClusterConfig, OauthSettings};

/// How long a failed message waits before it is sent again, at first and at most.
const RETRY_WAIT: Duration = Duration::from_millis(200);
const RETRY_WAIT_MAX: Duration = Duration::from_secs(10);

/// How long a producer that is replaced may take to give back what it holds.
const PURGE_MAX: Duration = Duration::from_secs(5);

/// A producer that keeps every message until the broker has acknowledged it.
pub struct KafkaSink {
    producer: BaseProducer<Context>,
    cluster: ClusterConfig,
    /// Not handed to the library, or given back by it.
    waiting: VecDeque<Outgoing>,
    not_before: Instant,
    retry_wait: Duration,
    /// Messages that the library would not take, since the last poll.
    refused: u64,
}

impl KafkaSink {
    /// A producer for `cluster`. Does not wait for brokers.
    ///
    /// # Errors
    /// [`SinkError::Create`] when the library refuses the configuration.
    pub fn open(cluster: &ClusterConfig) -> Result<Self, SinkError> {
        Ok(Self {
            producer: create(cluster)?,
            cluster: cluster.clone(),
            waiting: VecDeque::new(),
            not_before: Instant::now(),
            retry_wait: RETRY_WAIT,
            refused: 0,
        })
    }

    /// What the library has told of messages since the last call.
    fn take_reports(&self) -> Vec<Report> {
        let reports = &self.producer.context().reports;
        std::mem::take(&mut *reports.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Gives `message` to the library; keeps it (in front if it was there) when it cannot be
    /// taken.
    fn hand_over(&mut self, message: Outgoing, in_front: bool) -> bool {
        let mut headers = OwnedHeaders::new_with_capacity(message.headers.len());
        for (key, value) in &message.headers {
            headers = headers.insert(Header {
                key,
                value: Some(value),
            });
        }
        let sent = {
            let mut record = BaseRecord::with_opaque_to(&message.topic, Box::new(message.token))
                .payload(&message.value);
            if let Some(key) = &message.key {
                record = record.key(key);
            }
            if !message.headers.is_empty() {
                record = record.headers(headers);
            }
            self.producer.send(record).map_err(|(error, _)| error)
        };
        match sent {
            Ok(()) => true,
            Err(error) => {
                if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) {
                    tracing::warn!(%error, topic = message.topic, "cannot send; will try again");
                    self.refused += 1;
                    self.back_off();
                }
                if in_front {
                    self.waiting.push_front(message);
                } else {
                    self.waiting.push_back(message);
                }
                false
            }
        }
    }

    fn back_off(&mut self) {
        self.not_before = Instant::now() + self.retry_wait;
        self.retry_wait = (self.retry_wait * 2).min(RETRY_WAIT_MAX);
    }

    /// Replaces a producer that the library has declared dead; what it still holds comes back
    /// as failed and is sent again by the new one.
    fn renew(&mut self) {
        tracing::error!("the producer failed for good and is replaced; messages are sent again");
        self.producer
            .purge(PurgeConfig::default().queue().inflight());
        let deadline = Instant::now() + PURGE_MAX;
        while self.producer.in_flight_count() > 0 && Instant::now() < deadline {
            self.producer.poll(Duration::from_millis(50));
        }
        let reports = self.take_reports();
        match create(&self.cluster) {
            Ok(producer) => {
                for report in &reports {
                    if let Report::Failed(message) = report {
                        self.waiting.push_back((**message).clone());
                    }
                }
                let delivered = reports
                    .into_iter()
                    .filter(|report| matches!(report, Report::Delivered(_)))
                    .collect();
                *producer
                    .context()
                    .reports
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner) = delivered;
                self.producer = producer;
            }
            Err(error) => tracing::error!(%error, "cannot replace the producer"),
        }
        self.back_off();
    }
}

impl MessageSink for KafkaSink {
    fn send(&mut self, message: Outgoing) {
        if self.waiting.is_empty() {
            self.hand_over(message, false);
        } else {
            self.waiting.push_back(message);
        }
    }

    fn poll(&mut self, wait: Duration) -> Acknowledged {
        self.producer.poll(wait);
        let mut reports = self.take_reports();
        // Without a wait the library serves one event a call; the rest are served as well.
        loop {
            self.producer.poll(Duration::ZERO);
            let more = self.take_reports();
            if more.is_empty() {
                break;
            }
            reports.extend(more);
        }
        let mut acknowledged = Acknowledged {
            failed: std::mem::take(&mut self.refused),
            ..Acknowledged::default()
        };
        let mut returned = false;
        for report in reports {
            match report {
                Report::Delivered(token) => acknowledged.tokens.push(token),
                Report::Failed(message) => {
                    acknowledged.failed += 1;
                    returned = true;
                    self.waiting.push_back(*message);
                }
            }
        }
        if returned {
            self.back_off();
        } else if !acknowledged.tokens.is_empty() {
            self.retry_wait = RETRY_WAIT;
        }
        if self.producer.client().fatal_error().is_some() {
            self.renew();
        }
        if Instant::now() >= self.not_before {
            for _ in 0..self.waiting.len() {
                let Some(message) = self.waiting.pop_front() else {
                    break;
                };
                if !self.hand_over(message, true) {
                    break;
                }
            }
        }
        acknowledged
    }

    fn abandon(&mut self) {
        self.waiting.clear();
        self.producer
            .purge(PurgeConfig::default().queue().inflight());
        self.producer.poll(Duration::from_millis(100));
    }
}

/// A producer that never gives up by itself.
fn create(cluster: &ClusterConfig) -> Result<BaseProducer<Context>, SinkError> {
    let mut config = ClientConfig::new();
    config.set("enable.idempotence", "true");
    config.set("acks", "all");
    config.set("message.timeout.ms", "0");
    config.set("linger.ms", "10");
    config.set("compression.type", "lz4");
    // The broker's limit counts, not ours: dead letters may be allowed to be large. Batches of
    // several messages stay below `batch.size`, which is less than brokers take by default.
    config.set("message.max.bytes", "17825792");
    config.set("queue.buffering.max.messages", "200000");
    config.set("queue.buffering.max.kbytes", "131072");
    config.set("allow.auto.create.topics", "false");
    for (name, value) in cluster.client_settings() {
        config.set(name, value);
    }
    config
        .create_with_context(Context {
            oauth: OauthSettings::of(&cluster.properties),
            reports: Mutex::default(),
        })
        .map_err(SinkError::Create)
}

/// What became of a message.
enum Report {
    Delivered(u64),
    Failed(Box<Outgoing>),
}

/// Collects delivery reports; the library calls it from `poll`, on the worker's thread.
struct Context {
    /// Which tokens prove who we are, if any do.
    oauth: Option<OauthSettings>,
    reports: Mutex<Vec<Report>>,
}

impl ClientContext for Context {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn generate_oauth_token(&self, _written: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        let token = OauthSettings::renewed(self.oauth.as_ref())?;
        Ok(OAuthToken {
            lifetime_ms: token.until_ms()?,
            token: token.text,
            principal_name: token.principal,
        })
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(%error, reason, "kafka producer");
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = Box<u64>;

    fn delivery(&self, result: &DeliveryResult<'_>, token: Box<u64>) {
        let report = match result {
            Ok(_) => Report::Delivered(*token),
            Err((error, message)) => {
                tracing::warn!(%error, topic = message.topic(), "not delivered; will try again");
                let headers = message
                    .headers()
                    .map(|headers| {
                        use rdkafka::message::Headers;
                        headers
                            .iter()
                            .map(|header| {
                                (
                                    header.key.to_owned(),
                                    header.value.unwrap_or_default().to_vec(),
                                )
                            })
                            .collect()
                    })
                    .unwrap_or_default();
                Report::Failed(Box::new(Outgoing {
                    topic: message.topic().to_owned(),
                    key: message.key().map(<[u8]>::to_vec),
                    value: message.payload().unwrap_or_default().to_vec(),
                    headers,
                    token: *token,
                }))
            }
        };
        self.reports
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(report);
    }
}
