//! The whole job: workers of the match stage on a topic, with hits that are produced, acknowledged
//! and committed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;

use super::topic::MadeTopic;
use super::{KafkaOptions, PATIENCE, TurnFault, reader_options, stuck};
use crate::config::{DeadConfig, TopicConfig, WorkersConfig};
use crate::hits::Orientation;
use crate::lab::bench::harness::{Clock, TurnError, Work};
use crate::lab::bench::traffic::orientation;
use crate::model::{EventTime, OutputFormat};
use crate::pipeline::{Worker, WorkerOptions, WorkerOutput};
use crate::sink::KafkaSink;
use crate::snapshot::SnapshotReader;
use crate::source::{KafkaReaderOptions, open};

/// What all turns have in common.
pub(super) struct Stage<'a> {
    topic: &'a MadeTopic,
    /// Hits that are planted in the topic.
    planted: u64,
    /// Bytes of the values of its records.
    bytes: u64,
    snapshots: SnapshotReader,
    workers: usize,
    fetch_thread: bool,
    orientation: Arc<Orientation>,
}

/// What a worker says.
enum Said {
    /// It processed so many records.
    Records(u64),
    /// So many messages were acknowledged.
    Acknowledged(u64),
    /// It committed.
    Committed,
    /// It has ended: it left so many messages unacknowledged, or failed.
    Ended(Result<usize, String>),
}

impl<'a> Stage<'a> {
    /// A stage on `topic`.
    pub(super) fn new(
        topic: &'a MadeTopic,
        snapshots: &SnapshotReader,
        options: &KafkaOptions,
    ) -> Self {
        Self {
            topic,
            planted: topic.planted(),
            bytes: topic.bytes(),
            snapshots: snapshots.clone(),
            workers: options.workers,
            fetch_thread: options.fetch_thread,
            orientation: Arc::new(orientation()),
        }
    }

    /// Reads the whole topic, until its last commit.
    pub(super) fn turn(&self, turn: usize, clock: &mut Clock<'_>) -> Result<Work, TurnError> {
        let stop = AtomicBool::new(false);
        let (sender, said) = channel();
        thread::scope(|scope| {
            for member in 0..self.workers {
                let (sender, stop) = (sender.clone(), &stop);
                let job = Job {
                    topic: self.topic,
                    group: self.topic.group("gannet", turn),
                    member,
                    fetch_thread: self.fetch_thread,
                    snapshots: self.snapshots.clone(),
                    orientation: Arc::clone(&self.orientation),
                };
                scope.spawn(move || {
                    let ended = job.run(stop, &mut |output| {
                        if let Some(said) = Said::of(&output) {
                            let _ = sender.send(said);
                        }
                    });
                    let ended = ended.map_err(|error| error.to_string());
                    let _ = sender.send(Said::Ended(ended));
                });
            }
            let followed = self.follow(&said, &stop, clock);
            stop.store(true, Ordering::Relaxed);
            followed
        })
    }

    /// Follows the workers until all is done.
    fn follow(
        &self,
        said: &Receiver<Said>,
        stop: &AtomicBool,
        clock: &mut Clock<'_>,
    ) -> Result<Work, TurnError> {
        let (mut records, mut hits, mut done) = (0, 0, 0);
        while done < self.workers {
            match said.recv_timeout(PATIENCE) {
                Ok(Said::Records(more)) => {
                    if records == 0 {
                        clock.start();
                    }
                    records += more;
                    if records >= self.topic.records() {
                        stop.store(true, Ordering::Relaxed);
                    }
                }
                Ok(Said::Acknowledged(more)) => hits += more,
                Ok(Said::Committed) => {
                    // The commit that counts is the last one of each worker.
                    if stop.load(Ordering::Relaxed) {
                        clock.stop();
                    }
                }
                Ok(Said::Ended(Ok(0))) => done += 1,
                Ok(Said::Ended(Ok(left))) => {
                    return Err(format!("{left} messages were not acknowledged").into());
                }
                Ok(Said::Ended(Err(error))) => return Err(error.into()),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    return Err(stuck(records, self.topic).into());
                }
            }
        }
        if hits != self.planted {
            let planted = self.planted;
            return Err(TurnFault::Hits {
                found: hits,
                planted,
            }
            .into());
        }
        Ok(Work {
            ops: records,
            bytes: self.bytes,
            answers: Some(self.bytes),
        })
    }
}

impl Said {
    /// What is told of a report, if it counts.
    fn of(output: &WorkerOutput<'_>) -> Option<Self> {
        match output {
            WorkerOutput::Batch { stats, .. } => {
                let streams = stats.streams.iter();
                Some(Self::Records(streams.map(|stream| stream.records).sum()))
            }
            WorkerOutput::Acknowledged { done, .. } => Some(Self::Acknowledged(*done)),
            WorkerOutput::Committed { done: true } => Some(Self::Committed),
            WorkerOutput::Committed { done: false }
            | WorkerOutput::Revoked { .. }
            | WorkerOutput::Gap(_)
            | WorkerOutput::State { .. }
            | WorkerOutput::Noticed(_)
            | WorkerOutput::ReadFailed(_) => None,
        }
    }
}

/// One worker on a topic, as in the daemon.
pub(super) struct Job<'a> {
    pub(super) topic: &'a MadeTopic,
    pub(super) group: String,
    pub(super) member: usize,
    pub(super) fetch_thread: bool,
    pub(super) snapshots: SnapshotReader,
    pub(super) orientation: Arc<Orientation>,
}

impl Job<'_> {
    /// Works until `stop` is set; how many messages were left unacknowledged.
    pub(super) fn run(
        self,
        stop: &AtomicBool,
        report: &mut dyn FnMut(WorkerOutput<'_>),
    ) -> Result<usize, TurnError> {
        let cluster = self.topic.cluster();
        let reader = KafkaReaderOptions {
            member: self.member,
            fetch_thread: self.fetch_thread,
            ..reader_options(self.topic, cluster, &self.group)
        };
        let options = WorkerOptions {
            workers: WorkersConfig::default(),
            hits: TopicConfig {
                topic: self.topic.hits().to_owned(),
                format: OutputFormat::Json,
            },
            dead: DeadConfig::default(),
            cluster: "bench".to_owned(),
            orientation: self.orientation,
            commits: true,
            watches: true,
            now: || EventTime::from_nanos(1_767_226_000_000_000_000),
        };
        let sink = KafkaSink::open(cluster)?;
        let worker = Worker::new(open(&reader)?, sink, self.snapshots, options);
        Ok(worker.run(stop, report)?)
    }
}
