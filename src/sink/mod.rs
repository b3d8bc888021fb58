//! Bytes out, acknowledgements back. Nothing here knows what the bytes mean.

mod file;
mod kafka;
mod topics;

pub use file::FileSink;
pub use kafka::KafkaSink;
pub use topics::{TopicState, TopicWanted, TopicsError, check_topics, create_topics};

use std::time::Duration;

/// One message to send.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outgoing {
    /// The topic.
    pub topic: String,
    /// The key, if any.
    pub key: Option<Vec<u8>>,
    /// The value.
    pub value: Vec<u8>,
    /// Names and values, in order.
    pub headers: Vec<(String, Vec<u8>)>,
    /// What to give back with the acknowledgement.
    pub token: u64,
}

/// What was acknowledged since the last poll.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Acknowledged {
    /// The token of each acknowledged message.
    pub tokens: Vec<u64>,
    /// Messages that failed and will be sent again.
    pub failed: u64,
}

/// Whoever takes messages and acknowledges them later. A message that was taken is either
/// acknowledged or kept and tried again; none is dropped before [`MessageSink::abandon`].
pub trait MessageSink {
    /// Takes a message; never waits.
    fn send(&mut self, message: Outgoing);

    /// Works for up to `wait` and says what was acknowledged.
    fn poll(&mut self, wait: Duration) -> Acknowledged;

    /// Gives up on what is not acknowledged: at the end of a drain that took too long.
    fn abandon(&mut self);
}

/// Takes everything and sends nothing, for dry runs.
#[derive(Debug, Default)]
pub struct NullSink {
    taken: Vec<u64>,
}

impl MessageSink for NullSink {
    fn send(&mut self, message: Outgoing) {
        self.taken.push(message.token);
    }

    fn poll(&mut self, _wait: Duration) -> Acknowledged {
        Acknowledged {
            tokens: std::mem::take(&mut self.taken),
            failed: 0,
        }
    }

    fn abandon(&mut self) {}
}

/// Why a sink cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// The client library refused a configuration.
    #[error("cannot create producer: {0}")]
    Create(#[source] rdkafka::error::KafkaError),
    /// A file could not be opened or written.
    #[error("cannot write {path}")]
    File {
        /// The full path.
        path: std::path::PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}
