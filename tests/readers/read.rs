//! A reader under test, and what it read.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use gannet::config::{ClusterConfig, KafkaConfig, ReaderChoice, Start};
use gannet::model::EventFormat;
use gannet::source::{
    CommitWait, Gap, KafkaReaderOptions, NextOffset, Progress, ReadLimits, RecordReader,
    SourceError, Stream, StreamId, open,
};

use crate::support::PATIENCE;

/// A reader that is tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reader {
    /// Our own, which fetches on the worker's thread.
    Direct,
    /// Our own, which fetches on a thread of its own.
    Beside,
    /// librdkafka's.
    Librdkafka,
    /// Our own if it can, else librdkafka's.
    Auto,
}

/// Both readers.
pub(crate) const BOTH: [Reader; 2] = [Reader::Direct, Reader::Librdkafka];

/// All ways to read.
pub(crate) const READERS: [Reader; 3] = [Reader::Direct, Reader::Beside, Reader::Librdkafka];

impl Reader {
    /// What is configured for it.
    fn choice(self) -> ReaderChoice {
        match self {
            Self::Direct | Self::Beside => ReaderChoice::Direct,
            Self::Librdkafka => ReaderChoice::Librdkafka,
            Self::Auto => ReaderChoice::Auto,
        }
    }
}

/// A record as it was read, but for its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) offset: i64,
    pub(crate) timestamp_ms: Option<i64>,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<(String, Option<Vec<u8>>)>,
}

/// What was read of each partition of each topic, in order.
pub(crate) type Read = BTreeMap<(u16, i32), Vec<Seen>>;

/// How a reader is opened.
#[derive(Clone)]
pub(crate) struct Opening {
    pub(crate) reader: Reader,
    pub(crate) cluster: ClusterConfig,
    pub(crate) group: String,
    pub(crate) topics: Vec<String>,
    pub(crate) start: Start,
    pub(crate) session_timeout: Duration,
}

impl Opening {
    /// A reader of `topics` from their beginning, in a group of its own.
    pub(crate) fn new(reader: Reader, brokers: &str, topics: &[&str]) -> Self {
        static GROUPS: AtomicU32 = AtomicU32::new(0);
        let number = GROUPS.fetch_add(1, Ordering::Relaxed);
        Self {
            reader,
            cluster: ClusterConfig::new(brokers),
            group: format!("readers-{}-{number}", std::process::id()),
            topics: topics.iter().map(|topic| (*topic).to_owned()).collect(),
            start: Start::Earliest,
            session_timeout: Duration::from_secs(6),
        }
    }

    /// The same with one more property.
    pub(crate) fn with(mut self, property: &str, value: &str) -> Self {
        let properties = &mut self.cluster.properties;
        properties.insert(property.to_owned(), value.to_owned());
        self
    }

    /// Opens it.
    pub(crate) fn open(&self) -> Reading {
        self.try_open().expect("a reader")
    }

    /// Opens it, or says why it cannot be had.
    pub(crate) fn try_open(&self) -> Result<Reading, SourceError> {
        let streams = self.topics.iter().map(|topic| Stream {
            source: "test".to_owned(),
            topic: topic.clone(),
            format: EventFormat::ZeekJson,
        });
        let options = KafkaReaderOptions {
            kafka: KafkaConfig {
                reader: self.reader.choice(),
                session_timeout: self.session_timeout,
                ..KafkaConfig::new(self.cluster.clone(), self.group.clone())
            },
            member: 0,
            streams: Arc::from(streams.collect::<Vec<_>>()),
            starts: vec![self.start; self.topics.len()],
            fetch_thread: self.reader == Reader::Beside,
        };
        Ok(Reading {
            reader: open(&options)?,
            read: Read::new(),
            gaps: Vec::new(),
            errors: Vec::new(),
            records_max: 100,
        })
    }
}

/// A reader at work.
pub(crate) struct Reading {
    pub(crate) reader: Box<dyn RecordReader>,
    pub(crate) read: Read,
    pub(crate) gaps: Vec<Gap>,
    pub(crate) errors: Vec<String>,
    pub(crate) records_max: usize,
}

impl Reading {
    /// Reads once; partitions that are taken away are committed and given back.
    pub(crate) fn step(&mut self) -> Progress {
        let limits = ReadLimits {
            records_max: self.records_max,
            wait: Duration::from_millis(50),
        };
        let read = &mut self.read;
        let mut seen = 0;
        let progress = self.reader.read(limits, &mut |records| {
            seen += records.len();
            for record in records {
                let headers = record.headers.iter();
                let headers = headers
                    .map(|(name, value)| (name.to_owned(), value.map(<[u8]>::to_vec)))
                    .collect();
                let place = (record.stream.0, record.partition);
                read.entry(place).or_default().push(Seen {
                    offset: record.offset,
                    timestamp_ms: record.timestamp_ms,
                    key: record.key.map(<[u8]>::to_vec),
                    value: record.value.map(<[u8]>::to_vec),
                    headers,
                });
            }
        });
        assert!(seen <= self.records_max, "{seen} records at once");
        self.gaps.extend(self.reader.take_gaps());
        match progress {
            Ok(progress @ (Progress::Revoking | Progress::Lost)) => {
                if progress == Progress::Revoking {
                    self.commit();
                }
                self.reader.release().expect("partitions are given back");
                progress
            }
            Ok(progress) => progress,
            Err(error) => {
                assert!(!matches!(error, SourceError::Fatal(_)), "{error}");
                self.errors.push(error.to_string());
                Progress::Idle
            }
        }
    }

    /// Commits what was read.
    pub(crate) fn commit(&mut self) {
        let next = self.read.iter().filter_map(|(&(stream, partition), seen)| {
            let offset = seen.last()?.offset + 1;
            let stream = StreamId(stream);
            Some(NextOffset {
                stream,
                partition,
                offset,
            })
        });
        let next: Vec<NextOffset> = next.collect();
        self.reader
            .commit(&next, CommitWait::Done)
            .expect("a commit");
    }

    /// How many records were read.
    pub(crate) fn count(&self) -> usize {
        self.read.values().map(Vec::len).sum()
    }

    /// Reads until `done`.
    #[track_caller]
    pub(crate) fn until(&mut self, what: &str, mut done: impl FnMut(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !done(self) {
            assert!(
                Instant::now() < deadline,
                "{what}: {} records, lag {:?}, errors {:?}",
                self.count(),
                self.reader.lag(),
                self.errors
            );
            self.step();
        }
    }

    /// Reads `count` records, and then nothing more comes.
    #[track_caller]
    pub(crate) fn exactly(&mut self, count: usize) {
        self.until("records are read", |reading| reading.count() >= count);
        for _ in 0..5 {
            self.step();
        }
        assert_eq!(self.count(), count);
    }
}
