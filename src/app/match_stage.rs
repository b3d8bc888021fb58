//! The match stage: one thread a worker, each with its own consumer and producer. A worker
//! whose consumer failed for good is built anew.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::chain;
use crate::config::{ClusterConfig, ReaderChoice};
use crate::pipeline::{Worker, WorkerOptions, WorkerOutput};
use crate::sink::{KafkaSink, NullSink, SinkError};
use crate::snapshot::SnapshotReader;
use crate::source::{KafkaReaderOptions, SourceError, open};

/// How long a worker that failed waits before it is built anew.
const REBUILD_WAIT: Duration = Duration::from_secs(1);

/// What the stage is told.
#[derive(Clone)]
pub struct MatchStageOptions {
    /// What is read, by whom.
    pub reader: KafkaReaderOptions,
    /// Where hits and dead letters go; `None` in a dry run.
    pub output: Option<ClusterConfig>,
    /// How each worker works.
    pub worker: WorkerOptions,
}

/// The running stage.
pub struct MatchStage {
    threads: Vec<JoinHandle<usize>>,
}

/// Where a worker's reports go.
pub type Report = Box<dyn FnMut(WorkerOutput<'_>) + Send>;

/// Why a worker ended.
#[derive(Debug, thiserror::Error)]
enum WorkError {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Sink(#[from] SinkError),
}

impl WorkError {
    /// Which reader to go on with after this.
    fn fitting(&self, reader: ReaderChoice) -> ReaderChoice {
        match (self, reader) {
            (Self::Source(SourceError::Unfit(_)), ReaderChoice::Auto) => ReaderChoice::Librdkafka,
            _ => reader,
        }
    }
}

impl MatchStage {
    /// Starts the workers; `report` makes what each worker, by its number, reports to. They
    /// work until `stop` is set.
    ///
    /// # Errors
    /// When the system has no thread for us.
    pub fn start(
        options: &MatchStageOptions,
        snapshots: &SnapshotReader,
        stop: &Arc<AtomicBool>,
        report: &dyn Fn(usize) -> Report,
    ) -> std::io::Result<Self> {
        let mut threads = Vec::with_capacity(options.worker.workers.threads);
        for member in 0..options.worker.workers.threads {
            let mut options = options.clone();
            options.reader.member = member;
            let snapshots = snapshots.clone();
            let stop = Arc::clone(stop);
            let mut report = report(member);
            let thread = std::thread::Builder::new()
                .name(format!("gannet-match-{member}"))
                .spawn(move || {
                    let mut left = 0;
                    while !stop.load(Ordering::Relaxed) {
                        match work(&options, &snapshots, &stop, &mut report) {
                            Ok(unacknowledged) => left = unacknowledged,
                            Err(error) => {
                                let why = chain(&error);
                                tracing::error!(why, member, "worker is built anew");
                                options.reader.kafka.reader =
                                    error.fitting(options.reader.kafka.reader);
                                std::thread::park_timeout(REBUILD_WAIT);
                            }
                        }
                    }
                    left
                })?;
            threads.push(thread);
        }
        Ok(Self { threads })
    }

    /// Whether every worker has ended.
    pub fn finished(&self) -> bool {
        self.threads.iter().all(JoinHandle::is_finished)
    }

    /// Waits for the workers; how many messages were left unacknowledged. A worker that
    /// panicked counts as one.
    pub fn join(self) -> usize {
        self.threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or(1))
            .sum()
    }
}

/// Builds a worker and runs it to its end.
fn work(
    options: &MatchStageOptions,
    snapshots: &SnapshotReader,
    stop: &AtomicBool,
    report: &mut Report,
) -> Result<usize, WorkError> {
    let reader = open(&options.reader)?;
    let (snapshots, worker) = (snapshots.clone(), options.worker.clone());
    match &options.output {
        Some(cluster) => {
            let sink = KafkaSink::open(cluster)?;
            Ok(Worker::new(reader, sink, snapshots, worker).run(stop, report)?)
        }
        None => Ok(Worker::new(reader, NullSink::default(), snapshots, worker).run(stop, report)?),
    }
}
