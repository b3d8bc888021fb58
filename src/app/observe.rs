//! What the stages report, published as metrics, health and logs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::chain;
use super::guard::Traffic;
use super::health::Health;
use crate::config::FeedConfig;
use crate::decode::Reject;
use crate::feeds::gate::Version;
use crate::model::{Attribution, Named};
use crate::pipeline::{BatchStats, IdentifyOutput, WorkerOutput};
use crate::reload::{Published, Reload, Reloader};
use crate::source::{FetchSums, Stream, StreamId};
use crate::telemetry::{
    Count, FeedMetrics, FetchMetrics, HitMetrics, IdentifyMetrics, Level, SnapshotMetrics,
    SourceMetrics, SourceStats, WorkerMetrics, names,
};

/// A warning that strangers can cause is logged at most once in this time.
const QUIET: Duration = Duration::from_secs(5);

/// How many reasons for undecodable items there are.
const REJECTS: usize = Reject::ALL.len();

/// Who is told what workers report.
#[derive(Clone)]
pub(super) struct Told {
    pub(super) health: Arc<Health>,
    pub(super) traffic: Arc<Traffic>,
    pub(super) reloader: Arc<Reloader>,
}

/// Publishes what one worker reports.
pub(super) struct WorkerObserver {
    member: usize,
    health: Arc<Health>,
    traffic: Arc<Traffic>,
    reloader: Arc<Reloader>,
    streams: Arc<[Stream]>,
    sources: Vec<SourceMetrics<REJECTS>>,
    hits: HitMetrics,
    worker: WorkerMetrics,
    fetching: FetchMetrics,
    acknowledged: Count,
    delivery_errors: Count,
    muted: Count,
    dead: BTreeMap<Reject, Count>,
    unfit: BTreeMap<&'static str, Count>,
    lag: BTreeMap<(StreamId, i32), Level>,
    warned_at: Option<Instant>,
}

impl WorkerObserver {
    /// Looks up the handles of worker `member`, which reads `streams`.
    pub(super) fn register(member: usize, streams: &Arc<[Stream]>, told: &Told) -> Self {
        let reasons = Reject::ALL.map(Reject::reason);
        let sources = streams
            .iter()
            .map(|stream| SourceMetrics::register(&stream.source, reasons))
            .collect();
        let dead = Reject::ALL.map(|reject| {
            (
                reject,
                Count::register(names::DEAD_LETTERS, &[reject.reason()]),
            )
        });
        Self {
            member,
            health: Arc::clone(&told.health),
            traffic: Arc::clone(&told.traffic),
            reloader: Arc::clone(&told.reloader),
            streams: Arc::clone(streams),
            sources,
            hits: HitMetrics::register(),
            worker: WorkerMetrics::register(),
            fetching: FetchMetrics::register(),
            acknowledged: Count::register(names::HITS_ACKNOWLEDGED, &[]),
            delivery_errors: Count::register(names::DELIVERY_ERRORS, &[]),
            muted: Count::register(names::MATCHES_MUTED, &[]),
            dead: dead.into_iter().collect(),
            unfit: BTreeMap::new(),
            lag: BTreeMap::new(),
            warned_at: None,
        }
    }

    /// Publishes one report.
    pub(super) fn report(&mut self, output: &WorkerOutput<'_>) {
        match output {
            WorkerOutput::Batch { stats, .. } => {
                self.batch(stats);
                self.health.worker(self.member, None);
            }
            WorkerOutput::Acknowledged { done, failed } => {
                self.acknowledged.add(*done);
                self.delivery_errors.add(*failed);
                let what = (*failed > 0).then(|| "messages fail and are sent again".to_owned());
                self.health.problem("output", what);
            }
            WorkerOutput::Committed { done: true } => self.worker.commits_ok.add(1),
            WorkerOutput::Committed { done: false } => self.worker.commits_failed.add(1),
            WorkerOutput::Revoked { lost: false } => self.worker.rebalances_revoked.add(1),
            WorkerOutput::Revoked { lost: true } => self.worker.rebalances_lost.add(1),
            WorkerOutput::Gap(gap) => {
                let records = u64::try_from(gap.resumed - gap.wanted).unwrap_or(0);
                self.worker.offset_gaps.add(1);
                self.worker.offset_gap_records.add(records);
                let topic = self.topic(gap.stream);
                tracing::warn!(
                    topic,
                    partition = gap.partition,
                    wanted = gap.wanted,
                    resumed = gap.resumed,
                    "records were gone before they could be read"
                );
            }
            WorkerOutput::State {
                assigned,
                unacknowledged,
                lag,
                fetched,
            } => {
                self.fetching
                    .add(fetched.answers, fetched.bytes, fetched.batches);
                let FetchSums {
                    waited,
                    throttled,
                    inflating,
                    ..
                } = *fetched;
                self.fetching.spend(waited, throttled, inflating);
                self.health.worker(self.member, Some(*assigned));
                self.health.problem("input", None);
                self.worker.unacknowledged.set(*unacknowledged as u64);
                for (stream, partition, records) in *lag {
                    let level = match self.lag.get(&(*stream, *partition)) {
                        Some(level) => level,
                        None => {
                            let topic = self.topic(*stream).to_owned();
                            let number = partition.to_string();
                            let level = Level::register(names::CONSUMER_LAG, &[&topic, &number]);
                            self.lag.entry((*stream, *partition)).or_insert(level)
                        }
                    };
                    level.set(u64::try_from(*records).unwrap_or(0));
                }
            }
            WorkerOutput::Noticed(noticed) => self.traffic.add(noticed, &self.reloader),
            WorkerOutput::ReadFailed(error) => {
                self.health.worker(self.member, None);
                let error = chain(error);
                self.health.problem("input", Some(error.clone()));
                if self.warned_at.is_none_or(|at| at.elapsed() > QUIET) {
                    self.warned_at = Some(Instant::now());
                    tracing::warn!(error, worker = self.member, "cannot read; will try again");
                }
            }
        }
    }

    fn topic(&self, stream: StreamId) -> &str {
        self.streams
            .get(usize::from(stream.0))
            .map_or("", |stream| stream.topic.as_str())
    }

    fn batch(&mut self, stats: &BatchStats) {
        self.worker.batches.add(1);
        for (metrics, stream) in self.sources.iter().zip(&stats.streams) {
            if stream.records == 0 {
                continue;
            }
            let rejected =
                Reject::ALL.map(|reject| stream.rejected.get(&reject).copied().unwrap_or(0));
            metrics.add(&SourceStats {
                records: stream.records,
                bytes: stream.bytes,
                matched: stream.matched,
                unmatched: stream.unmatched,
                ignored: stream.ignored,
                rejected,
            });
            self.hits.add(&stream.hits);
            self.muted.add(stream.muted);
            for (reject, count) in &stream.dead_letters {
                if let Some(dead) = self.dead.get(reject) {
                    dead.add(*count);
                }
            }
            for (reason, count) in &stream.unfit_names {
                self.unfit
                    .entry(reason)
                    .or_insert_with(|| Count::register(names::NAMES_UNFIT, &[reason]))
                    .add(*count);
            }
        }
    }
}

/// Publishes what the identify stage reports.
pub(super) struct IdentifyObserver {
    health: Arc<Health>,
    metrics: IdentifyMetrics<5, 1>,
    warned_at: Option<Instant>,
}

impl IdentifyObserver {
    /// Looks up the handles.
    pub(super) fn register(health: &Arc<Health>) -> Self {
        let mut ways = [""; 5];
        for (way, attribution) in ways.iter_mut().zip(Attribution::ALL) {
            *way = attribution.as_str();
        }
        Self {
            health: Arc::clone(health),
            metrics: IdentifyMetrics::register(ways, ["refused"]),
            warned_at: None,
        }
    }

    /// Publishes one report.
    pub(super) fn report(&mut self, output: &IdentifyOutput<'_>) {
        match output {
            IdentifyOutput::Active(active) => {
                tracing::info!(active, "identify stage");
                self.health.identify(Some(*active));
            }
            IdentifyOutput::Step {
                report, rejected, ..
            } => {
                self.health.identify(None);
                self.health.problem("identify", None);
                self.metrics.identified.add(&report.settled.counts());
                self.metrics.repeats.add(report.repeats);
                self.metrics.hits_waiting.set(report.waiting);
                if *rejected > 0 {
                    tracing::warn!(rejected, "records of the hits topic are no hits");
                }
            }
            IdentifyOutput::Leases {
                known, rejected, ..
            } => {
                self.metrics.leases.set(*known as u64);
                self.metrics.lease_rejects.add(&[*rejected]);
            }
            IdentifyOutput::Idle => self.health.identify(None),
            IdentifyOutput::Sent { episodes } => self.metrics.episodes_sent.add(*episodes),
            IdentifyOutput::Totals { episodes, victims } => {
                self.metrics.episodes.set(*episodes);
                self.metrics.victims.set(*victims);
            }
            IdentifyOutput::Failed(error) => {
                self.health.problem("identify", Some(error.to_string()));
                if self.warned_at.is_none_or(|at| at.elapsed() > QUIET) {
                    self.warned_at = Some(Instant::now());
                    tracing::warn!(error = chain(error), "identify stage; will try again");
                }
            }
        }
    }
}

/// Publishes what reloads come to.
pub(super) struct ReloadObserver {
    health: Arc<Health>,
    snapshot: SnapshotMetrics,
    published: Count,
    unchanged: Count,
    failed: Count,
    feeds: Vec<FeedConfig>,
}

impl ReloadObserver {
    /// Looks up the handles, for reloads of these feeds.
    pub(super) fn register(health: &Arc<Health>, feeds: &[FeedConfig]) -> Self {
        Self {
            feeds: feeds.to_vec(),
            health: Arc::clone(health),
            snapshot: SnapshotMetrics::register(),
            published: Count::register(names::RELOADS, &["ok"]),
            unchanged: Count::register(names::RELOADS, &["unchanged"]),
            failed: Count::register(names::RELOADS, &["failed"]),
        }
    }

    /// Publishes one reload.
    pub(super) fn report(&self, reload: &Reload) {
        match reload {
            Reload::Published(published) => self.report_published(published),
            Reload::Unchanged(published) => self.report_unchanged(published),
            Reload::Failed(errors) => {
                self.failed.add(1);
                let errors: Vec<(String, String)> = errors
                    .iter()
                    .map(|error| (error.feed().to_owned(), chain(error)))
                    .collect();
                for (_, error) in &errors {
                    tracing::error!(error, "feeds not loaded; the snapshot in use stays");
                }
                self.health.load_failed(&errors);
            }
        }
    }

    /// Tells of a look at feeds after which the snapshot is what it was.
    fn report_unchanged(&self, published: &Published) {
        self.unchanged.add(1);
        self.report_feeds(published);
    }

    fn report_published(&self, published: &Published) {
        self.published.add(1);
        let bytes = published.bytes as u64;
        self.snapshot
            .set(published.generation, published.indicators, bytes);
        tracing::info!(
            generation = published.generation,
            hash = published.hash,
            indicators = published.indicators,
            allow_rules = published.allow_rules,
            bytes,
            seconds = published.took.as_secs_f64(),
            "snapshot published"
        );
        self.report_feeds(published);
    }

    /// Tells what the feeds hold.
    fn report_feeds(&self, published: &Published) {
        for feed in &published.feeds {
            let refused: Vec<(&str, u64)> = feed
                .report
                .refused
                .iter()
                .map(|(reason, count)| (*reason, *count))
                .collect();
            FeedMetrics::register(&feed.name).loaded(
                SystemTime::now(),
                feed.report.rows,
                feed.report.accepted,
                &refused,
            );
            if feed.report.refused_total() > 0 {
                tracing::warn!(feed = feed.name, refused = ?feed.report.refused, "rows refused");
            }
        }
        for passed in &published.passed {
            let held = match &passed.version {
                Version::Current => false,
                Version::LastGood { reason, made } => {
                    tracing::error!(feed = passed.name, reason, copy = made, "feed held back");
                    true
                }
            };
            FeedMetrics::register(&passed.name).held(held);
            if !passed.trouble.is_empty() {
                let trouble = &passed.trouble;
                tracing::error!(
                    feed = passed.name,
                    trouble,
                    "no copy of a feed could be kept"
                );
            }
        }
        self.health.published(published, &self.feeds);
    }
}
