//! The demo: a made operation through the real stages, over the embedded broker, compared with
//! its planted truth one by one.

mod readers;
mod result;
mod stages;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use readers::{HitsWatch, Watches};
use stages::DemoStages;

use crate::encode;
use crate::feeds::LoadError;
use crate::lab::{
    BrokerError, EmbeddedBroker, FeedError, Feeder, Operation, OperationError, OperationOptions,
    Reached, Stream,
};
use crate::source::SourceError;

pub use result::DemoResult;

/// Partitions of every topic of the demo.
const PARTITIONS: i32 = 8;

/// How many planted hits may be under way: the embedded broker forgets what lies too long.
const HITS_AHEAD_MAX: u64 = 20_000;

/// How long nothing may move before the demo gives up waiting for what is missing.
const STALL: Duration = Duration::from_secs(20);

/// Flows that one record of the flows topic holds.
const FLOWS_A_RECORD: usize = 4;

/// What a demo is told.
#[derive(Clone, Debug)]
pub struct DemoOptions {
    /// The operation.
    pub operation: OperationOptions,
    /// Worker threads of the match stage.
    pub threads: usize,
    /// Where the report goes.
    pub report: PathBuf,
    /// Whether one planted indicator is changed after the truth was written: a demo that does
    /// not notice is worth nothing.
    pub tamper: Tamper,
}

/// Whether a demo is broken on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tamper {
    /// It is not.
    No,
    /// One planted indicator is changed in the feeds.
    OneIndicator,
}

/// How far a demo is, for whoever shows it.
#[derive(Debug, Default)]
pub struct DemoProgress {
    /// Leases that the identify stage knows.
    pub leases: AtomicU64,
    /// Leases that there will be.
    pub leases_total: AtomicU64,
    /// Events produced.
    pub produced: AtomicU64,
    /// Events that came through the match stage.
    pub events: AtomicU64,
    /// Hits delivered.
    pub hits: AtomicU64,
    /// Hits that the identify stage has folded in.
    pub identified: AtomicU64,
    /// Episodes delivered.
    pub episodes: AtomicU64,
}

/// Why a demo could not be run.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The operation cannot be made.
    #[error(transparent)]
    Operation(#[from] OperationError),
    /// The embedded broker.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// Producing to it.
    #[error(transparent)]
    Feed(#[from] FeedError),
    /// Reading from it.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The feeds of the operation do not load.
    #[error("the operation's feeds do not load: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Feeds(Vec<LoadError>),
    /// A file of the demo.
    #[error("cannot write {path}")]
    File {
        /// The full path.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Threads.
    #[error("cannot start a thread")]
    Thread(#[source] std::io::Error),
}

/// Runs a demo to its end. `progress` is written while it runs.
///
/// # Errors
/// [`DemoError`] when it cannot be run; a demo that finds differences is no error.
pub fn demo(options: &DemoOptions, progress: &Arc<DemoProgress>) -> Result<DemoResult, DemoError> {
    let started = Instant::now();
    let operation = Operation::plan(&options.operation)?;
    let directory = tempfile::Builder::new()
        .prefix("gannet-demo-")
        .tempdir()
        .map_err(|source| DemoError::File {
            path: std::env::temp_dir(),
            source,
        })?;
    let snapshot = stages::load_feeds(&operation, directory.path(), options.tamper)?;
    let listings = snapshot.indicators();
    let broker = EmbeddedBroker::start()?;
    for topic in Stream::ALL.map(Stream::topic) {
        broker.create_topic(topic, PARTITIONS)?;
    }
    for topic in stages::OWN_TOPICS {
        broker.create_topic(topic, PARTITIONS)?;
    }
    let stop = Arc::new(AtomicBool::new(false));
    let reached = Arc::new(AllReached::new());
    let wiring = stages::Wiring {
        cluster: broker.cluster(),
        networks: operation.networks(),
        threads: options.threads,
        store: directory.path().join("episodes.redb"),
        stop: &stop,
        reached: &reached,
        progress,
    };
    let stages = DemoStages::start(&wiring, snapshot)?;
    let watches = Watches::start(&broker.cluster(), &operation, &stop, progress)?;
    let mut feeder = Feeder::open(&broker.cluster())?;
    feed_leases(&operation, &mut feeder, &reached, progress)?;
    let streaming = Instant::now();
    let fed = feed_events(&operation, &mut feeder, &reached, &watches.hits, progress);
    let records = match fed {
        Ok(records) => records,
        Err(error) => {
            stop.store(true, Ordering::Relaxed);
            return Err(error);
        }
    };
    await_end(&feeder, &reached, &watches, &stages);
    let streamed = streaming.elapsed();
    stop.store(true, Ordering::Relaxed);
    let attribution = stages.join();
    let (hits, victims, report) = watches.finish(&operation);
    let mut result = DemoResult {
        seed: options.operation.seed,
        events: options.operation.events,
        records,
        indicators: options.operation.indicators,
        listings,
        countries: operation.countries(),
        taken_down_share: operation.taken_down_share(),
        victims,
        hits,
        attribution,
        seconds: 0.0,
        streamed,
        report: options.report.clone(),
    };
    result::write_report(&result, &operation, &report).map_err(|source| DemoError::File {
        path: options.report.clone(),
        source,
    })?;
    result.seconds = started.elapsed().as_secs_f64();
    Ok(result)
}

/// How far the readers of every topic have got that the feeder paces itself by.
pub(super) struct AllReached {
    streams: Vec<Reached>,
    leases: Reached,
}

impl AllReached {
    fn new() -> Self {
        let partitions = usize::try_from(PARTITIONS).unwrap_or(1);
        Self {
            streams: Stream::ALL.map(|_| Reached::new(partitions)).into(),
            leases: Reached::new(partitions),
        }
    }

    /// That of a stream, by its index in `Stream::ALL`.
    pub(super) fn stream(&self, index: usize) -> Option<&Reached> {
        self.streams.get(index)
    }

    /// That of the leases.
    pub(super) fn leases(&self) -> &Reached {
        &self.leases
    }
}

/// Produces all leases and waits until the identify stage has read them.
fn feed_leases(
    operation: &Operation,
    feeder: &mut Feeder,
    reached: &AllReached,
    progress: &DemoProgress,
) -> Result<(), DemoError> {
    let mut value = Vec::new();
    for lease in operation.leases() {
        value.clear();
        encode::lease(&lease, &mut value);
        feeder.send(
            stages::LEASES,
            Some(lease.lease_id.as_bytes()),
            &value,
            reached.leases(),
        )?;
        progress.leases_total.fetch_add(1, Ordering::Relaxed);
    }
    feeder.flush()?;
    let produced = i64::try_from(feeder.produced(stages::LEASES)).unwrap_or(i64::MAX);
    let mut stall = Stall::new();
    while reached.leases().total() < produced && stall.moves(reached.leases().total()) {
        std::thread::park_timeout(Duration::from_millis(5));
    }
    Ok(())
}

/// Produces all events; how many records that took.
fn feed_events(
    operation: &Operation,
    feeder: &mut Feeder,
    reached: &AllReached,
    hits: &HitsWatch,
    progress: &DemoProgress,
) -> Result<u64, DemoError> {
    let mut value = Vec::new();
    let mut flows = Vec::with_capacity(FLOWS_A_RECORD);
    let mut planted = 0;
    for planned in operation.events() {
        for hit in &planned.hits {
            hits.expect(hit);
            planted += 1;
        }
        let index = Stream::ALL
            .iter()
            .position(|stream| *stream == planned.stream)
            .unwrap_or(0);
        let Some(stream_reached) = reached.stream(index) else {
            continue;
        };
        value.clear();
        let (topic, format) = (planned.stream.topic(), planned.stream.format());
        if planned.stream == Stream::Flows {
            flows.push(planned.event);
            if flows.len() == FLOWS_A_RECORD {
                encode::event::write(format, &flows, &mut value);
                flows.clear();
                feeder.send(topic, None, &value, stream_reached)?;
            }
        } else {
            encode::event::write(format, std::slice::from_ref(&planned.event), &mut value);
            feeder.send(topic, None, &value, stream_reached)?;
        }
        progress.produced.fetch_add(1, Ordering::Relaxed);
        pace_by_hits(planted, progress);
    }
    if !flows.is_empty() {
        value.clear();
        encode::event::write(Stream::Flows.format(), &flows, &mut value);
        let index = Stream::ALL
            .iter()
            .position(|stream| *stream == Stream::Flows)
            .unwrap_or(0);
        if let Some(stream_reached) = reached.stream(index) {
            feeder.send(Stream::Flows.topic(), None, &value, stream_reached)?;
        }
    }
    feeder.flush()?;
    Ok(Stream::ALL
        .iter()
        .map(|stream| feeder.produced(stream.topic()))
        .sum())
}

/// Waits while the slower reader of the hits topic is too far behind what was planted.
fn pace_by_hits(planted: u64, progress: &DemoProgress) {
    let behind = || {
        let read = progress.hits.load(Ordering::Relaxed);
        let identified = progress.identified.load(Ordering::Relaxed);
        planted.saturating_sub(read.min(identified))
    };
    let mut stall = Stall::new();
    while behind() > HITS_AHEAD_MAX && stall.moves(i64::try_from(behind()).unwrap_or(0)) {
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

/// Waits until every record went through both stages and every output was read, or nothing
/// moves any more.
fn await_end(feeder: &Feeder, reached: &AllReached, watches: &Watches, stages: &DemoStages) {
    let mut stall = Stall::new();
    loop {
        let mut read = 0;
        let mut records_read = true;
        for (index, stream) in Stream::ALL.iter().enumerate() {
            let total = reached.stream(index).map_or(0, Reached::total);
            let produced = i64::try_from(feeder.produced(stream.topic())).unwrap_or(i64::MAX);
            records_read &= total >= produced;
            read += total;
        }
        let counts = stages.counts();
        let done = records_read
            && counts.acknowledged == counts.sent
            && watches.hits.seen() >= counts.sent
            && counts.settled >= counts.sent
            && watches.episodes_seen() >= counts.episodes_sent;
        let moved = u64::try_from(read).unwrap_or(0)
            + counts.identified
            + watches.hits.seen()
            + watches.episodes_seen();
        if done || !stall.moves(i64::try_from(moved).unwrap_or(0)) {
            return;
        }
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// Notices when a number has stopped moving.
struct Stall {
    last: i64,
    since: Instant,
}

impl Stall {
    fn new() -> Self {
        Self {
            last: i64::MIN,
            since: Instant::now(),
        }
    }

    /// Whether `value` has moved lately.
    fn moves(&mut self, value: i64) -> bool {
        if value != self.last {
            self.last = value;
            self.since = Instant::now();
        }
        self.since.elapsed() < STALL
    }
}
