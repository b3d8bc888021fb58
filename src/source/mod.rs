//! Records in: from Kafka, files and standard input, as batches of borrowed bytes with their
//! positions. Whoever works on a batch cannot tell who read it. Nothing here knows what the
//! bytes mean.

mod client;
pub mod direct;
mod election;
mod files;
pub mod framing;
mod kafka;
mod membership;
mod open;
mod partitions;
mod watermark;

pub use client::{ClientError, cluster_id, consumer_config};
pub use direct::{DirectError, DirectReader, FetchSettings, SettingsError};
pub use election::Election;
pub use files::{Block, FileError, FileInput, FileReader};
pub use kafka::{KafkaReader, KafkaReaderOptions};
pub use open::{direct_settings, open};
pub use partitions::{OwnedRecord, PartitionReader, topic_partitions};
pub use watermark::{BatchId, Watermark};

use std::sync::Arc;
use std::time::Duration;

use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};

use crate::model::EventFormat;
use direct::RawHeaders;

/// A topic of a source, or a file: what all records of a stream have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// The source's name, as configured.
    pub source: String,
    /// The topic, or the file's name.
    pub topic: String,
    /// How records are decoded.
    pub format: EventFormat,
}

/// An index into the streams of a reader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId(pub u16);

/// One record, borrowed from the batch that holds it.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Which stream it is of.
    pub stream: StreamId,
    /// Its partition; 0 for files.
    pub partition: i32,
    /// Its offset; for files its ordinal.
    pub offset: i64,
    /// Its timestamp, milliseconds since the epoch, if it has one.
    pub timestamp_ms: Option<i64>,
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its value; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
    /// Its headers.
    pub headers: RecordHeaders<'a>,
}

/// The headers of a record, looked at only when they are needed.
#[derive(Clone, Copy, Default)]
pub struct RecordHeaders<'a>(Written<'a>);

/// Where headers are written.
#[derive(Clone, Copy, Default)]
enum Written<'a> {
    /// Nowhere.
    #[default]
    Nowhere,
    /// In a message of the library.
    Message(&'a BorrowedMessage<'a>),
    /// In the bytes of a record.
    Raw(RawHeaders<'a>),
}

impl std::fmt::Debug for RecordHeaders<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("RecordHeaders")
    }
}

impl<'a> RecordHeaders<'a> {
    /// The headers of `message`.
    fn of(message: &'a BorrowedMessage<'a>) -> Self {
        Self(Written::Message(message))
    }

    /// The headers that are written in a record.
    fn raw(headers: RawHeaders<'a>) -> Self {
        Self(Written::Raw(headers))
    }

    /// Names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, Option<&'a [u8]>)> {
        let (message, raw) = match self.0 {
            Written::Nowhere => (None, None),
            Written::Message(message) => (message.headers(), None),
            Written::Raw(raw) => (None, Some(raw)),
        };
        let message = message.into_iter();
        let message =
            message.flat_map(|headers| headers.iter().map(|header| (header.key, header.value)));
        message.chain(raw.into_iter().flatten())
    }
}

/// The stream of `topic`.
fn stream_of(streams: &[Stream], topic: &str) -> Option<StreamId> {
    let index = streams.iter().position(|stream| stream.topic == topic)?;
    u16::try_from(index).ok().map(StreamId)
}

/// The next offset to read of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NextOffset {
    /// Which stream.
    pub stream: StreamId,
    /// Which partition.
    pub partition: i32,
    /// The offset after the last record that is done.
    pub offset: i64,
}

/// How much one read may take.
#[derive(Clone, Copy, Debug)]
pub struct ReadLimits {
    /// Most records.
    pub records_max: usize,
    /// Longest wait for the first one.
    pub wait: Duration,
}

/// What a read came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Nothing to read for now.
    Idle,
    /// A batch was handed out.
    Read,
    /// Partitions are being taken away: finish and commit what was handed out, then call
    /// [`RecordReader::release`]. Until then nothing more is read.
    Revoking,
    /// The partitions were lost without warning: what was handed out may not be committed.
    Lost,
    /// There will be no more records.
    Ended,
}

/// Why reading failed. Everything here passes by itself or is retried; the message says what
/// to look at.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The client library refused a configuration or call.
    #[error("{action}: {source}")]
    Kafka {
        /// What was attempted, and on what.
        action: String,
        /// The library's own words.
        source: rdkafka::error::KafkaError,
    },
    /// The direct reader cannot read for now.
    #[error(transparent)]
    Direct(#[from] DirectError),
    /// The direct reader is asked for, and cannot be had.
    #[error("the direct reader cannot be had")]
    Settings(#[from] SettingsError),
    /// Only the librdkafka reader can read this.
    #[error(transparent)]
    Unfit(DirectError),
    /// A fatal state of the client: it must be built anew.
    #[error("fatal consumer error: {0}")]
    Fatal(String),
}

impl SourceError {
    /// A library error with what was attempted.
    fn kafka(action: impl Into<String>, source: rdkafka::error::KafkaError) -> Self {
        Self::Kafka {
            action: action.into(),
            source,
        }
    }
}

/// How a commit waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitWait {
    /// Sent, not waited for; a failure is counted when it shows.
    Sent,
    /// Waited for.
    Done,
}

/// Whoever reads records for a worker.
pub trait RecordReader {
    /// The streams that [`Record::stream`] points into.
    fn streams(&self) -> &Arc<[Stream]>;

    /// Reads up to `limits` and hands the batch to `handle`, at most once. Serves the group
    /// membership; to be called often, also while [`RecordReader::hold`] is on.
    ///
    /// # Errors
    /// [`SourceError`]; reading may go on unless it is fatal.
    fn read(
        &mut self,
        limits: ReadLimits,
        handle: &mut dyn FnMut(&[Record<'_>]),
    ) -> Result<Progress, SourceError>;

    /// Commits that everything before `offsets` is done.
    ///
    /// # Errors
    /// [`SourceError`] when the broker refused (or, unwaited, when it could not be sent).
    fn commit(&mut self, offsets: &[NextOffset], wait: CommitWait) -> Result<(), SourceError>;

    /// Gives the partitions of a [`Progress::Revoking`] back.
    ///
    /// # Errors
    /// [`SourceError`] when the library refused.
    fn release(&mut self) -> Result<(), SourceError>;

    /// Stops (or starts again) handing out records, without leaving the group.
    ///
    /// # Errors
    /// [`SourceError`] when the library refused.
    fn hold(&mut self, on: bool) -> Result<(), SourceError>;

    /// Records behind the end of each assigned partition, as far as known.
    fn lag(&self) -> Vec<(StreamId, i32, i64)>;

    /// Records that were gone before they could be read, since the last call.
    fn take_gaps(&mut self) -> Vec<Gap>;

    /// How many partitions are assigned.
    fn assigned(&self) -> usize;

    /// What fetching came to since the last call; nothing where that is not known.
    fn take_fetched(&mut self) -> FetchSums {
        FetchSums::default()
    }
}

/// What fetching came to, by readers that can tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FetchSums {
    /// Answers with records or without.
    pub answers: u64,
    /// Bytes of record batches.
    pub bytes: u64,
    /// Record batches.
    pub batches: u64,
    /// From question to answer, over all answers.
    pub waited: Duration,
    /// How long brokers asked us to be quiet.
    pub throttled: Duration,
    /// How long batches were checked and inflated.
    pub inflating: Duration,
}

impl FetchSums {
    /// Adds what came after it.
    pub fn add(&mut self, other: Self) {
        self.answers = self.answers.saturating_add(other.answers);
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.batches = self.batches.saturating_add(other.batches);
        self.waited = self.waited.saturating_add(other.waited);
        self.throttled = self.throttled.saturating_add(other.throttled);
        self.inflating = self.inflating.saturating_add(other.inflating);
    }
}

impl RecordReader for Box<dyn RecordReader> {
    fn streams(&self) -> &Arc<[Stream]> {
        (**self).streams()
    }

    fn read(
        &mut self,
        limits: ReadLimits,
        handle: &mut dyn FnMut(&[Record<'_>]),
    ) -> Result<Progress, SourceError> {
        (**self).read(limits, handle)
    }

    fn commit(&mut self, offsets: &[NextOffset], wait: CommitWait) -> Result<(), SourceError> {
        (**self).commit(offsets, wait)
    }

    fn release(&mut self) -> Result<(), SourceError> {
        (**self).release()
    }

    fn hold(&mut self, on: bool) -> Result<(), SourceError> {
        (**self).hold(on)
    }

    fn lag(&self) -> Vec<(StreamId, i32, i64)> {
        (**self).lag()
    }

    fn take_gaps(&mut self) -> Vec<Gap> {
        (**self).take_gaps()
    }

    fn assigned(&self) -> usize {
        (**self).assigned()
    }

    fn take_fetched(&mut self) -> FetchSums {
        (**self).take_fetched()
    }
}

/// Records that were gone (retention, truncation) before they could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Which stream.
    pub stream: StreamId,
    /// Which partition.
    pub partition: i32,
    /// The first offset that was wanted.
    pub wanted: i64,
    /// Where reading went on.
    pub resumed: i64,
}
