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
    snapshots: SnapshotReader,
    options: &'a KafkaOptions,
}

/// What a worker says.
enum Said {
    /// It processed so many records.
    Records(u64),
    /// So many messages were acknowledged.
    Acknowledged(u64),
    /// It committed.
    Committed,
}

impl<'a> Stage<'a> {
    /// A stage on `topic`.
    pub(super) fn new(
        topic: &'a MadeTopic,
        snapshots: &SnapshotReader,
        options: &'a KafkaOptions,
    ) -> Self {
        Self {
            topic,
            snapshots: snapshots.clone(),
            options,
        }
    }

    /// Reads the whole topic, until its last commit.
    pub(super) fn turn(&self, turn: usize, clock: &mut Clock<'_>) -> Result<Work, TurnError> {
        let stop = AtomicBool::new(false);
        let (sender, said) = channel();
        let crew = Crew {
            topic: self.topic,
            group: self.topic.group("gannet", turn),
            snapshots: self.snapshots.clone(),
            options: self.options,
        };
        crew.work(
            &stop,
            move |_, output| {
                if let Some(said) = Said::of(output) {
                    let _ = sender.send(said);
                }
            },
            || self.follow(&said, &stop, clock),
        )
    }

    /// Follows the workers until all have ended.
    fn follow(
        &self,
        said: &Receiver<Said>,
        stop: &AtomicBool,
        clock: &mut Clock<'_>,
    ) -> Result<Work, TurnError> {
        let (mut records, mut hits) = (0, 0);
        loop {
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
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => return Err(stuck(records, self.topic).into()),
            }
        }
        let planted = self.topic.planted();
        if hits != planted {
            return Err(TurnFault::Hits {
                found: hits,
                planted,
            }
            .into());
        }
        Ok(Work {
            ops: records,
            bytes: self.topic.bytes(),
            answers: Some(self.topic.bytes()),
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

/// Workers that do the whole job on a topic, as in the daemon, each on a thread of its own.
pub(super) struct Crew<'a> {
    pub(super) topic: &'a MadeTopic,
    pub(super) group: String,
    pub(super) snapshots: SnapshotReader,
    pub(super) options: &'a KafkaOptions,
}

impl Crew<'_> {
    /// Lets them work until `stop` is set, while `follow` goes on, which sets it when it ends, as does
    /// a worker that fails. `report` is told what each of them reports, and is gone when all have ended.
    ///
    /// # Errors
    /// When a worker fails or leaves messages unacknowledged; else what `follow` says.
    pub(super) fn work<T>(
        &self,
        stop: &AtomicBool,
        report: impl Fn(usize, &WorkerOutput<'_>) + Clone + Send,
        follow: impl FnOnce() -> Result<T, TurnError>,
    ) -> Result<T, TurnError> {
        let orientation = Arc::new(orientation());
        thread::scope(|scope| {
            let workers = (0..self.options.workers).map(|member| {
                let (report, orientation) = (report.clone(), Arc::clone(&orientation));
                scope.spawn(move || {
                    let mut report = |output: WorkerOutput<'_>| report(member, &output);
                    let ended = self.run(member, orientation, stop, &mut report);
                    // Without one of them the others need not go on.
                    let ended = ended.inspect_err(|_| stop.store(true, Ordering::Relaxed));
                    ended.map_err(|error| error.to_string())
                })
            });
            let workers: Vec<_> = workers.collect();
            drop(report);
            let followed = follow();
            stop.store(true, Ordering::Relaxed);
            for worker in workers {
                match worker.join().map_err(|_| "a worker panicked")?? {
                    0 => {}
                    left => return Err(format!("{left} messages were not acknowledged").into()),
                }
            }
            followed
        })
    }

    /// One worker, until `stop` is set; how many messages were left unacknowledged.
    fn run(
        &self,
        member: usize,
        orientation: Arc<Orientation>,
        stop: &AtomicBool,
        report: &mut dyn FnMut(WorkerOutput<'_>),
    ) -> Result<usize, TurnError> {
        let cluster = self.topic.cluster();
        let reader = KafkaReaderOptions {
            member,
            fetch_thread: self.options.fetch_thread,
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
            orientation,
            commits: true,
            watches: true,
            now: || EventTime::from_nanos(1_767_226_000_000_000_000),
        };
        let sink = KafkaSink::open(cluster)?;
        let worker = Worker::new(open(&reader)?, sink, self.snapshots.clone(), options);
        Ok(worker.run(stop, report)?)
    }
}
