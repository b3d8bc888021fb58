//! The whole job: workers of the match stage on a topic, with hits that are produced, acknowledged
//! and committed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;

use super::topic::MadeTopic;
use super::{PATIENCE, TurnFault, reader_options, stuck};
use crate::config::{DeadConfig, TopicConfig, WorkersConfig};
use crate::hits::Orientation;
use crate::lab::bench::harness::{Clock, TurnError, Work};
use crate::lab::bench::traffic::{Traffic, orientation};
use crate::model::{EventTime, OutputFormat};
use crate::pipeline::{Worker, WorkerOptions, WorkerOutput};
use crate::sink::KafkaSink;
use crate::snapshot::{Publisher, Snapshot};
use crate::source::{KafkaReaderOptions, open};

/// What all turns have in common.
pub(super) struct Stage<'a> {
    topic: &'a MadeTopic,
    /// Hits that are planted in the topic.
    planted: u64,
    /// Bytes of the values of its records.
    bytes: u64,
    publisher: Publisher,
    workers: usize,
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
    /// A stage of `workers` on `topic`, which was made of `traffic`.
    pub(super) fn new(
        topic: &'a MadeTopic,
        traffic: &Traffic,
        snapshot: Snapshot,
        workers: usize,
    ) -> Self {
        Self {
            topic,
            planted: traffic.truth().hits * topic.walks(),
            bytes: traffic.bytes() as u64 * topic.walks(),
            publisher: Publisher::new(snapshot),
            workers,
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
                scope.spawn(move || {
                    let ended = self.work(turn, member, stop, &sender);
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

    /// One worker.
    fn work(
        &self,
        turn: usize,
        member: usize,
        stop: &AtomicBool,
        sender: &Sender<Said>,
    ) -> Result<usize, TurnError> {
        let group = self.topic.group("gannet", turn);
        let reader = KafkaReaderOptions {
            member,
            ..reader_options(self.topic, self.topic.cluster(), &group)
        };
        let sink = KafkaSink::open(self.topic.cluster())?;
        let worker = Worker::new(
            open(&reader)?,
            sink,
            self.publisher.reader(),
            worker_options(self.topic, &self.orientation),
        );
        let left = worker.run(stop, &mut |output| {
            let said = match output {
                WorkerOutput::Batch { stats, .. } => {
                    let streams = stats.streams.iter();
                    Said::Records(streams.map(|stream| stream.records).sum())
                }
                WorkerOutput::Acknowledged { done, .. } => Said::Acknowledged(done),
                WorkerOutput::Committed { done: true } => Said::Committed,
                WorkerOutput::Committed { done: false }
                | WorkerOutput::Revoked { .. }
                | WorkerOutput::Gap(_)
                | WorkerOutput::State { .. }
                | WorkerOutput::Noticed(_)
                | WorkerOutput::ReadFailed(_) => return,
            };
            let _ = sender.send(said);
        })?;
        Ok(left)
    }
}

/// How workers work, as in the daemon.
pub(super) fn worker_options(topic: &MadeTopic, orientation: &Arc<Orientation>) -> WorkerOptions {
    WorkerOptions {
        workers: WorkersConfig::default(),
        hits: TopicConfig {
            topic: topic.hits().to_owned(),
            format: OutputFormat::Json,
        },
        dead: DeadConfig::default(),
        cluster: "bench".to_owned(),
        orientation: Arc::clone(orientation),
        commits: true,
        watches: true,
        now: || EventTime::from_nanos(1_767_226_000_000_000_000),
    }
}
