//! Whoever subscribes to the outputs: reads hits and episodes back from the broker and compares
//! them with the planted truth, one by one.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::stages::{EPISODES, HITS};
use super::{DemoError, DemoProgress};
use crate::config::ClusterConfig;
use crate::decode;
use crate::encode::report::ReportBuilder;
use crate::lab::{HitReport, Operation, TruthHit, TruthLedger, VictimLedger, VictimReport};
use crate::model::OutputFormat;
use crate::source::PartitionReader;

/// Most records taken in one go.
const BATCH: usize = 10_000;

/// The subscribers to both outputs.
pub(super) struct Watches {
    /// That of the hits.
    pub(super) hits: HitsWatch,
    episodes: Arc<EpisodesWatch>,
    threads: Vec<JoinHandle<()>>,
}

/// The subscriber to hits.
#[derive(Clone)]
pub(super) struct HitsWatch {
    ledger: Arc<Mutex<TruthLedger>>,
    seen: Arc<AtomicU64>,
}

/// The subscriber to episodes.
struct EpisodesWatch {
    state: Mutex<(VictimLedger, ReportBuilder)>,
    seen: AtomicU64,
}

impl HitsWatch {
    /// Notes a planted hit before its event is sent.
    pub(super) fn expect(&self, hit: &TruthHit) {
        self.ledger
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(hit);
    }

    /// Hits read so far.
    pub(super) fn seen(&self) -> u64 {
        self.seen.load(Ordering::Relaxed)
    }
}

impl Watches {
    /// Starts to read both outputs; until `stop` is set.
    pub(super) fn start(
        cluster: &ClusterConfig,
        operation: &Operation,
        stop: &Arc<AtomicBool>,
        progress: &Arc<DemoProgress>,
    ) -> Result<Self, DemoError> {
        let hits = HitsWatch {
            ledger: Arc::default(),
            seen: Arc::default(),
        };
        let state = (VictimLedger::new(operation), ReportBuilder::new());
        let episodes = Arc::new(EpisodesWatch {
            state: Mutex::new(state),
            seen: AtomicU64::new(0),
        });
        let (watch, counts) = (hits.clone(), Arc::clone(progress));
        let watch_hits = move |value: &[u8]| {
            if let Ok(hit) = decode::hit::hit(OutputFormat::Json, value) {
                watch
                    .ledger
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .deliver(&hit);
            }
            watch.seen.fetch_add(1, Ordering::Relaxed);
            counts.hits.fetch_add(1, Ordering::Relaxed);
        };
        let (watch, counts) = (Arc::clone(&episodes), Arc::clone(progress));
        let watch_episodes = move |value: &[u8]| {
            if let Ok(episode) = decode::hit::episode(OutputFormat::Json, value) {
                let mut state = watch.state.lock().unwrap_or_else(PoisonError::into_inner);
                state.0.deliver(&episode);
                state.1.add(&episode);
            }
            watch.seen.fetch_add(1, Ordering::Relaxed);
            counts.episodes.fetch_add(1, Ordering::Relaxed);
        };
        let threads = vec![
            watch_topic(cluster, HITS, stop, watch_hits)?,
            watch_topic(cluster, EPISODES, stop, watch_episodes)?,
        ];
        Ok(Self {
            hits,
            episodes,
            threads,
        })
    }

    /// Episodes read so far.
    pub(super) fn episodes_seen(&self) -> u64 {
        self.episodes.seen.load(Ordering::Relaxed)
    }

    /// Waits for the readers and gives the accounts.
    pub(super) fn finish(self, operation: &Operation) -> (HitReport, VictimReport, ReportBuilder) {
        for thread in self.threads {
            let _ = thread.join();
        }
        let ledger = self
            .hits
            .ledger
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut state = self
            .episodes
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let victims = state.0.report(operation);
        (
            ledger.report(operation),
            victims,
            std::mem::take(&mut state.1),
        )
    }
}

/// Reads `topic` on a thread of its own and hands every value to `take`.
fn watch_topic(
    cluster: &ClusterConfig,
    topic: &str,
    stop: &Arc<AtomicBool>,
    mut take: impl FnMut(&[u8]) + Send + 'static,
) -> Result<JoinHandle<()>, DemoError> {
    let mut reader = PartitionReader::open(cluster, topic, &[])?;
    let stop = Arc::clone(stop);
    std::thread::Builder::new()
        .name(format!("watch {topic}"))
        .spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                match reader.read(BATCH, Duration::from_millis(20)) {
                    Ok(records) => records.iter().for_each(|record| take(&record.value)),
                    Err(error) => tracing::warn!(%error, "cannot read back"),
                }
            }
        })
        .map_err(DemoError::Thread)
}
