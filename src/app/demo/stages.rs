//! The two stages of the demo, wired to the embedded broker as the daemon wires them to a real
//! one.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::result::AttributionCounts;
use super::{AllReached, DemoError, DemoProgress, Tamper};
use crate::app::identify_stage::start_identify;
use crate::app::{MatchStage, MatchStageOptions, now, orientation};
use crate::config::{
    ClusterConfig, DeadConfig, EpisodesConfig, FeedConfig, FetchThread, IdentifyConfig,
    KafkaConfig, LeaseLocation, LeaseSource, NetworksConfig, Start, TopicConfig, WorkersConfig,
};
use crate::feeds::load;
use crate::lab::{Operation, OperationNetworks, Stream};
use crate::model::{LeaseFormat, OutputFormat};
use crate::pipeline::{IdentifyOutput, IdentifyStageOptions, WorkerOptions, WorkerOutput};
use crate::snapshot::{BuildOptions, Publisher, Snapshot};
use crate::source::{KafkaReaderOptions, Stream as SourceStream, cluster_id};

/// Where the demo's hits go.
pub(super) const HITS: &str = "gannet.hits";
/// Where its episodes go.
pub(super) const EPISODES: &str = "gannet.episodes";
/// Where its leases come from.
pub(super) const LEASES: &str = "gannet.leases";
/// The topics beside the events.
pub(super) const OWN_TOPICS: [&str; 4] = [HITS, EPISODES, LEASES, "gannet.dead"];

/// What the stages are started with.
pub(super) struct Wiring<'a> {
    /// The broker.
    pub(super) cluster: ClusterConfig,
    /// Which networks are whose.
    pub(super) networks: OperationNetworks,
    /// Worker threads.
    pub(super) threads: usize,
    /// The identify stage's store.
    pub(super) store: PathBuf,
    /// Ends the stages.
    pub(super) stop: &'a Arc<AtomicBool>,
    /// Where the stages note how far they have read.
    pub(super) reached: &'a Arc<AllReached>,
    /// Where they note what they did.
    pub(super) progress: &'a Arc<DemoProgress>,
}

/// The running stages.
pub(super) struct DemoStages {
    matching: MatchStage,
    identify: JoinHandle<bool>,
    counters: Arc<Counters>,
    /// Replaced snapshots would be freed here; the demo has one.
    _publisher: Publisher,
}

/// What the stages have done.
#[derive(Default)]
struct Counters {
    sent: AtomicU64,
    acknowledged: AtomicU64,
    identified: AtomicU64,
    /// Hits that it had read when it last had nothing left to do.
    settled: AtomicU64,
    episodes_sent: AtomicU64,
    attribution: [AtomicU64; 5],
}

/// What the stages have done so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct StageCounts {
    /// Hits sent by the match stage.
    pub(super) sent: u64,
    /// Those acknowledged by the broker.
    pub(super) acknowledged: u64,
    /// Hits that the identify stage has read.
    pub(super) identified: u64,
    /// Hits that it had read when it last had nothing left to do.
    pub(super) settled: u64,
    /// Episodes that it has sent.
    pub(super) episodes_sent: u64,
}

impl DemoStages {
    /// Starts both stages.
    pub(super) fn start(wiring: &Wiring<'_>, snapshot: Snapshot) -> Result<Self, DemoError> {
        // The embedded broker is in this process: it answers.
        let cluster = cluster_id(&wiring.cluster, Duration::from_secs(10))
            .unwrap_or_else(|_| "embedded".to_owned());
        let counters = Arc::new(Counters::default());
        let kafka = KafkaConfig::new(wiring.cluster.clone(), "gannet-demo");
        let identify = start_identify(
            identify_options(wiring, &kafka, &cluster),
            &wiring.cluster,
            wiring.stop,
            identify_report(wiring, &counters),
        )
        .map_err(DemoError::Thread)?;
        let publisher = Publisher::new(snapshot);
        let matching = MatchStage::start(
            &match_options(wiring, kafka, cluster),
            &publisher.reader(),
            wiring.stop,
            &|_| match_report(wiring, &counters),
        )
        .map_err(DemoError::Thread)?;
        Ok(Self {
            matching,
            identify,
            counters,
            _publisher: publisher,
        })
    }

    /// What was done so far.
    pub(super) fn counts(&self) -> StageCounts {
        StageCounts {
            sent: self.counters.sent.load(Ordering::Relaxed),
            acknowledged: self.counters.acknowledged.load(Ordering::Relaxed),
            identified: self.counters.identified.load(Ordering::Relaxed),
            settled: self.counters.settled.load(Ordering::Relaxed),
            episodes_sent: self.counters.episodes_sent.load(Ordering::Relaxed),
        }
    }

    /// Waits for both stages to end, and tells how hits were attributed.
    pub(super) fn join(self) -> AttributionCounts {
        self.matching.join();
        let _ = self.identify.join();
        let [exact, grace, ambiguous, shared, none] = [0, 1, 2, 3, 4].map(|index: usize| {
            self.counters
                .attribution
                .get(index)
                .map_or(0, |count| count.load(Ordering::Relaxed))
        });
        AttributionCounts {
            exact,
            grace,
            ambiguous,
            shared,
            none,
        }
    }
}

fn match_options(wiring: &Wiring<'_>, kafka: KafkaConfig, cluster: String) -> MatchStageOptions {
    let streams: Vec<SourceStream> = Stream::ALL
        .iter()
        .map(|stream| SourceStream {
            source: stream.topic().to_owned(),
            topic: stream.topic().to_owned(),
            format: stream.format(),
        })
        .collect();
    let starts = vec![Start::Earliest; streams.len()];
    let OperationNetworks {
        own,
        resolvers,
        exclude,
    } = wiring.networks.clone();
    MatchStageOptions {
        reader: KafkaReaderOptions {
            kafka,
            member: 0,
            streams: streams.into(),
            starts,
            fetch_thread: FetchThread::Auto.applies(wiring.threads),
        },
        output: Some(wiring.cluster.clone()),
        worker: WorkerOptions {
            workers: WorkersConfig {
                threads: wiring.threads,
                batch_records_max: 8192,
                batch_wait: Duration::from_millis(20),
                commit_interval: Duration::from_secs(1),
                drain_timeout: Duration::from_secs(10),
                unacknowledged_max: 20_000,
            },
            hits: TopicConfig {
                topic: HITS.to_owned(),
                format: OutputFormat::Json,
            },
            dead: DeadConfig {
                topic: "gannet.dead".to_owned(),
                value_bytes_max: 512 << 10,
            },
            cluster,
            orientation: Arc::new(orientation(&NetworksConfig {
                own,
                resolvers,
                exclude,
                sinkholes: Vec::new(),
            })),
            commits: true,
            watches: false,
            now,
        },
    }
}

fn identify_options(
    wiring: &Wiring<'_>,
    kafka: &KafkaConfig,
    cluster: &str,
) -> IdentifyStageOptions {
    let day = Duration::from_secs(86_400);
    IdentifyStageOptions {
        kafka: kafka.clone(),
        hits_cluster: wiring.cluster.clone(),
        hits: TopicConfig {
            topic: HITS.to_owned(),
            format: OutputFormat::Json,
        },
        episodes: EpisodesConfig {
            topic: EPISODES.to_owned(),
            format: OutputFormat::Json,
            // Every change is sent, so that the last word on every episode can be compared.
            update_interval: Duration::ZERO,
        },
        identify: IdentifyConfig {
            leases: vec![LeaseSource {
                location: LeaseLocation::Topic(LEASES.to_owned()),
                format: LeaseFormat::GannetJson,
            }],
            store: wiring.store.clone(),
            quiet_period: day,
            lease_delay: Duration::from_secs(10),
            lease_grace: Duration::from_secs(60),
            guard_band: Duration::from_secs(2),
            wait_max: Duration::from_secs(600),
            waiting_max: 1_000_000,
            repeats_kept: day * 7,
            commit_hits_max: 20_000,
            leases_max: 10_000_000,
        },
        cluster: cluster.to_owned(),
        now,
    }
}

fn match_report(wiring: &Wiring<'_>, counters: &Arc<Counters>) -> super::super::Report {
    let (reached, progress) = (Arc::clone(wiring.reached), Arc::clone(wiring.progress));
    let counters = Arc::clone(counters);
    Box::new(move |output| match output {
        WorkerOutput::Batch { stats, next } => {
            let total = stats.total();
            counters
                .sent
                .fetch_add(total.hits_total(), Ordering::Relaxed);
            progress.events.fetch_add(total.events(), Ordering::Relaxed);
            for offset in next {
                if let Some(stream) = reached.stream(usize::from(offset.stream.0)) {
                    stream.note(offset.partition, offset.offset);
                }
            }
        }
        WorkerOutput::Acknowledged { done, .. } => {
            counters.acknowledged.fetch_add(done, Ordering::Relaxed);
        }
        WorkerOutput::Committed { .. }
        | WorkerOutput::Revoked { .. }
        | WorkerOutput::Gap(_)
        | WorkerOutput::State { .. }
        | WorkerOutput::Noticed(_)
        | WorkerOutput::ReadFailed(_) => {}
    })
}

fn identify_report(
    wiring: &Wiring<'_>,
    counters: &Arc<Counters>,
) -> crate::app::identify_stage::IdentifyReport {
    let (reached, progress) = (Arc::clone(wiring.reached), Arc::clone(wiring.progress));
    let counters = Arc::clone(counters);
    Box::new(move |output| match output {
        IdentifyOutput::Step { report, .. } => {
            let read = report.new + report.repeats;
            counters.identified.fetch_add(read, Ordering::Relaxed);
            progress.identified.fetch_add(read, Ordering::Relaxed);
            for (count, by) in counters.attribution.iter().zip(report.settled.counts()) {
                count.fetch_add(by, Ordering::Relaxed);
            }
        }
        IdentifyOutput::Leases {
            known, positions, ..
        } => {
            progress.leases.store(known as u64, Ordering::Relaxed);
            for (partition, next) in positions {
                reached.leases().note(*partition, *next);
            }
        }
        IdentifyOutput::Idle => {
            let identified = counters.identified.load(Ordering::Relaxed);
            counters.settled.store(identified, Ordering::Relaxed);
        }
        IdentifyOutput::Sent { episodes } => {
            counters
                .episodes_sent
                .fetch_add(episodes, Ordering::Relaxed);
        }
        IdentifyOutput::Failed(error) => tracing::warn!(%error, "identify stage"),
        IdentifyOutput::Active(_) | IdentifyOutput::Totals { .. } => {}
    })
}

/// Writes the operation's feeds into `directory` and loads them as a configuration would.
pub(super) fn load_feeds(
    operation: &Operation,
    directory: &Path,
    tamper: Tamper,
) -> Result<Snapshot, DemoError> {
    let mut configs: Vec<FeedConfig> = Vec::new();
    let changed = match tamper {
        Tamper::No => None,
        Tamper::OneIndicator => operation.truth_hits().find(|hit| hit.class == "name"),
    };
    for mut feed in operation.feeds() {
        if let Some(hit) = &changed {
            let text = String::from_utf8_lossy(&feed.text).replace(&hit.value, "changed.invalid");
            feed.text = text.into_bytes();
        }
        let path = directory.join(feed.file_name);
        std::fs::write(&path, &feed.text).map_err(|source| DemoError::File {
            path: path.clone(),
            source,
        })?;
        configs.push(feed.meant(path));
    }
    let loaded = load(&configs, BuildOptions::default(), 1).map_err(DemoError::Feeds)?;
    Ok(loaded.snapshot)
}
