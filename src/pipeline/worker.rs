//! One worker of the match stage: read, process, emit, commit. It runs to completion on its own
//! thread and shares nothing but the snapshot. The commit protocol: an offset is committed
//! when every hit and dead letter of the records before it is acknowledged, at intervals, at a
//! revocation, and at the end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::dead_letter::dead_message;
use super::process::{DeadLetter, Output, Path, Scratch, process};
use super::stats::BatchStats;
use super::watch::{Noticed, Watch};
use crate::config::{DeadConfig, TopicConfig, WorkersConfig};
use crate::encode;
use crate::hits::Orientation;
use crate::model::{EventTime, Hit, Named};
use crate::sink::{MessageSink, Outgoing};
use crate::snapshot::SnapshotReader;
use crate::source::{
    BatchId, CommitWait, FetchSums, Gap, NextOffset, Progress, ReadLimits, Record, RecordReader,
    SourceError, Stream, StreamId, Watermark,
};

/// Largest hit that is sent whole; brokers take 1 MiB a message unless told otherwise.
const HIT_BYTES_MAX: usize = 900 * 1024;

/// How long a worker waits after a read that failed.
const ERROR_WAIT: Duration = Duration::from_millis(500);

/// What a worker is told once.
#[derive(Clone)]
pub struct WorkerOptions {
    /// Batches, commits, drains.
    pub workers: WorkersConfig,
    /// Where hits go.
    pub hits: TopicConfig,
    /// Where dead letters go.
    pub dead: DeadConfig,
    /// The id of the cluster that is read.
    pub cluster: String,
    /// Which networks are whose.
    pub orientation: Arc<Orientation>,
    /// Whether offsets are committed; not in a dry run.
    pub commits: bool,
    /// Whether what is hit and a sample of the traffic are told.
    pub watches: bool,
    /// The clock, for `matched_at`.
    pub now: fn() -> EventTime,
}

/// What a worker reports while it works, a batch at most once each.
#[derive(Debug)]
pub enum WorkerOutput<'a> {
    /// A batch was processed.
    Batch {
        /// What it came to.
        stats: &'a BatchStats,
        /// The next offset of every partition in it.
        next: &'a [NextOffset],
    },
    /// Messages were acknowledged, or failed and are sent again.
    Acknowledged {
        /// How many were acknowledged.
        done: u64,
        /// How many failed.
        failed: u64,
    },
    /// Offsets were committed (or, unwaited, sent).
    Committed {
        /// Whether it worked.
        done: bool,
    },
    /// Partitions were given back or lost.
    Revoked {
        /// Lost without warning.
        lost: bool,
    },
    /// Records were gone before they could be read.
    Gap(Gap),
    /// The state at this moment, about once a second.
    State {
        /// Partitions assigned.
        assigned: usize,
        /// Messages not acknowledged.
        unacknowledged: usize,
        /// Records behind, a partition.
        lag: &'a [(StreamId, i32, i64)],
        /// What fetching came to since the last time.
        fetched: FetchSums,
    },
    /// What was noticed of the traffic, some times a second while there is any.
    Noticed(Noticed<'a>),
    /// A read failed; it is tried again.
    ReadFailed(&'a SourceError),
}

/// A worker.
pub struct Worker<R, S> {
    reader: R,
    sink: S,
    snapshots: SnapshotReader,
    options: WorkerOptions,
    watermark: Watermark,
    scratch: Scratch,
    watch: Option<Watch>,
    stats: BatchStats,
    next: Vec<NextOffset>,
    committed_at: Instant,
    reported_at: Instant,
}

impl<R: RecordReader, S: MessageSink> Worker<R, S> {
    /// A worker that reads from `reader` and sends to `sink`.
    pub fn new(reader: R, sink: S, snapshots: SnapshotReader, options: WorkerOptions) -> Self {
        let scratch = Scratch::new(reader.streams());
        let stats = BatchStats::new(reader.streams().len());
        let watch = options
            .watches
            .then(|| Watch::new(reader.streams(), Instant::now()));
        Self {
            reader,
            sink,
            snapshots,
            options,
            watermark: Watermark::default(),
            scratch,
            watch,
            stats,
            next: Vec::new(),
            committed_at: Instant::now(),
            reported_at: Instant::now(),
        }
    }

    /// Works until `stop` is set or the reader has ended, then drains: waits for what is in
    /// flight, commits, and says how many messages were left unacknowledged.
    ///
    /// # Errors
    /// [`SourceError::Fatal`] and [`SourceError::Unfit`] when the reader must be built anew;
    /// nothing unacknowledged was committed.
    pub fn run(
        mut self,
        stop: &AtomicBool,
        report: &mut dyn FnMut(WorkerOutput<'_>),
    ) -> Result<usize, SourceError> {
        while !stop.load(Ordering::Relaxed) {
            if !self.turn(report)? {
                break;
            }
        }
        let left = self.drain(report);
        self.commit(CommitWait::Done, report);
        if left > 0 {
            self.sink.abandon();
        }
        Ok(left)
    }

    /// One turn of the loop; `false` when the reader has ended.
    fn turn(&mut self, report: &mut dyn FnMut(WorkerOutput<'_>)) -> Result<bool, SourceError> {
        let full = self.watermark.outstanding() >= self.options.workers.unacknowledged_max;
        self.reader.hold(full)?;
        self.acknowledge(
            if full {
                Duration::from_millis(20)
            } else {
                Duration::ZERO
            },
            report,
        );
        match self.read_batch() {
            Ok(Progress::Read) => {
                report(WorkerOutput::Batch {
                    stats: &self.stats,
                    next: &self.next,
                });
                self.stats.clear();
                self.tell(report);
            }
            Ok(Progress::Idle) => self.tell(report),
            Ok(Progress::Revoking) => {
                self.drain(report);
                self.commit(CommitWait::Done, report);
                self.watermark.forget();
                self.reader.release()?;
                report(WorkerOutput::Revoked { lost: false });
            }
            Ok(Progress::Lost) => {
                self.watermark.forget();
                self.reader.release()?;
                report(WorkerOutput::Revoked { lost: true });
            }
            Ok(Progress::Ended) => return Ok(false),
            Err(error @ (SourceError::Fatal(_) | SourceError::Unfit(_))) => return Err(error),
            Err(error) => {
                report(WorkerOutput::ReadFailed(&error));
                self.acknowledge(ERROR_WAIT, report);
            }
        }
        if self.committed_at.elapsed() >= self.options.workers.commit_interval {
            self.commit(CommitWait::Sent, report);
        }
        if self.reported_at.elapsed() >= Duration::from_secs(1) {
            self.reported_at = Instant::now();
            report(WorkerOutput::State {
                assigned: self.reader.assigned(),
                unacknowledged: self.watermark.outstanding(),
                lag: &self.reader.lag(),
                fetched: self.reader.take_fetched(),
            });
        }
        for gap in self.reader.take_gaps() {
            report(WorkerOutput::Gap(gap));
        }
        Ok(true)
    }

    /// Reads and processes one batch under one snapshot.
    fn read_batch(&mut self) -> Result<Progress, SourceError> {
        let limits = ReadLimits {
            records_max: self.options.workers.batch_records_max,
            wait: self.options.workers.batch_wait,
        };
        let streams = Arc::clone(self.reader.streams());
        let (options, watermark) = (&self.options, &mut self.watermark);
        let (scratch, stats) = (&mut self.scratch, &mut self.stats);
        let watch = &mut self.watch;
        let (snapshots, sink, next) = (&mut self.snapshots, &mut self.sink, &mut self.next);
        self.reader.read(limits, &mut |records| {
            let path = Path {
                snapshot: snapshots.current(),
                orientation: &options.orientation,
                streams: &streams,
                cluster: &options.cluster,
                now: (options.now)(),
            };
            let batch = watermark.open();
            let mut output = Messages {
                sink,
                options,
                streams: &streams,
                batch,
                watch: watch.as_mut(),
                sent: 0,
            };
            process(records, path, scratch, &mut output, stats);
            let sent = output.sent;
            if let Some(watch) = watch {
                watch.look(records, stats.events(), &options.orientation);
            }
            watermark.sent(batch, sent);
            *next = next_offsets(records);
            watermark.close(batch, next.clone());
        })
    }

    /// Tells what was noticed, if it is time to.
    fn tell(&mut self, report: &mut dyn FnMut(WorkerOutput<'_>)) {
        let now = Instant::now();
        if let Some(watch) = &mut self.watch
            && let Some(noticed) = watch.due(now)
        {
            report(WorkerOutput::Noticed(noticed));
            watch.forget(now);
        }
    }

    /// Takes acknowledgements, working for up to `wait`.
    fn acknowledge(&mut self, wait: Duration, report: &mut dyn FnMut(WorkerOutput<'_>)) {
        let acknowledged = self.sink.poll(wait);
        for token in &acknowledged.tokens {
            self.watermark.acknowledge(BatchId::from_token(*token));
        }
        let done = acknowledged.tokens.len() as u64;
        if done + acknowledged.failed > 0 {
            report(WorkerOutput::Acknowledged {
                done,
                failed: acknowledged.failed,
            });
        }
    }

    /// Waits until everything is acknowledged or the drain has taken too long; says how much
    /// is left.
    fn drain(&mut self, report: &mut dyn FnMut(WorkerOutput<'_>)) -> usize {
        let deadline = Instant::now() + self.options.workers.drain_timeout;
        while self.watermark.outstanding() > 0 && Instant::now() < deadline {
            self.acknowledge(Duration::from_millis(10), report);
        }
        self.watermark.outstanding()
    }

    fn commit(&mut self, wait: CommitWait, report: &mut dyn FnMut(WorkerOutput<'_>)) {
        self.committed_at = Instant::now();
        let offsets = self.watermark.take_committable();
        if offsets.is_empty() || !self.options.commits {
            return;
        }
        let done = self.reader.commit(&offsets, wait);
        if let Err(error) = &done {
            tracing::warn!(%error, "offsets not committed; the records will be read again");
        }
        report(WorkerOutput::Committed { done: done.is_ok() });
    }
}

/// The next offset of every partition in a batch. Records of a partition come in runs.
fn next_offsets(records: &[Record<'_>]) -> Vec<NextOffset> {
    let same = |one: &Record<'_>, other: &Record<'_>| {
        (one.stream, one.partition) == (other.stream, other.partition)
    };
    let mut next: BTreeMap<(StreamId, i32), i64> = BTreeMap::new();
    for run in records.chunk_by(same) {
        if let Some(last) = run.last() {
            next.insert((last.stream, last.partition), last.offset + 1);
        }
    }
    next.into_iter()
        .map(|((stream, partition), offset)| NextOffset {
            stream,
            partition,
            offset,
        })
        .collect()
}

/// Turns hits and dead letters into messages of a batch.
struct Messages<'a, S> {
    sink: &'a mut S,
    options: &'a WorkerOptions,
    streams: &'a [Stream],
    batch: BatchId,
    watch: Option<&'a mut Watch>,
    sent: usize,
}

impl<S: MessageSink> Output for Messages<'_, S> {
    fn hit(&mut self, hit: &mut Hit) {
        let format = self.options.hits.format;
        let mut value = Vec::with_capacity(1024);
        encode::hit(format, hit, &mut value);
        if value.len() > HIT_BYTES_MAX {
            encode::fit(format, hit, HIT_BYTES_MAX);
            value.clear();
            encode::hit(format, hit, &mut value);
        }
        if let Some(watch) = &mut self.watch {
            watch.hit(hit);
        }
        self.sent += 1;
        self.sink.send(Outgoing {
            topic: self.options.hits.topic.clone(),
            key: hit.client.map(|client| client.ip.to_string().into_bytes()),
            value,
            headers: vec![(
                "content-type".to_owned(),
                format!("gannet.hit.v1+{}", format.as_str()).into_bytes(),
            )],
            token: self.batch.token(),
        });
    }

    fn dead(&mut self, dead: &DeadLetter<'_>) {
        self.sent += 1;
        self.sink
            .send(dead_message(dead, self.streams, self.options, self.batch));
    }
}
