//! What `/livez` and `/readyz` answer, gathered from the parts as they report.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::json;

use super::answers::feed_json;
use super::attempts::Attempts;
use super::freshness::{Freshness, missing_json};
use super::now;
use crate::config::FeedConfig;
use crate::feeds::gate::{self, Passed, Version};
use crate::http::{FeedStatus, Readiness, SnapshotStatus};
use crate::model::EventTime;
use crate::reload::Published;
use crate::telemetry::FreshnessMetrics;

/// A thread that has not been heard of for so long is not alive.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// The state of the process, as its parts report it.
#[derive(Default)]
pub(super) struct Health {
    state: Mutex<State>,
}

/// What the parts reported.
#[derive(Default)]
struct State {
    snapshot: Option<(SnapshotStatus, Instant)>,
    /// All feeds, as they stand in the snapshot in use.
    told: Vec<Told>,
    feeds: BTreeMap<String, Feed>,
    /// By worker: when it was heard of, and how many partitions it has.
    workers: BTreeMap<usize, (Instant, usize)>,
    /// When the identify stage was heard of, and whether it is active.
    identify: Option<(Instant, bool)>,
    /// By subject: what is wrong now.
    problems: BTreeMap<String, String>,
    /// How many values are muted, and which feeds.
    muted: (u64, Vec<String>),
    /// Whether there must be a snapshot to be ready.
    needs_snapshot: bool,
    stopping: bool,
}

/// What is told of a feed.
struct Told {
    name: String,
    /// What does not depend on when somebody asks.
    json: serde_json::Value,
    /// Which version of it stands in the snapshot; `None`: none.
    passed: Option<Passed>,
    metrics: Option<FreshnessMetrics>,
}

/// A feed's last loads.
#[derive(Default)]
struct Feed {
    loaded_at: Option<Instant>,
    error: Option<String>,
    /// What became of the attempts to fetch it.
    attempts: Attempts,
    /// From when on it is too old.
    stale_from: Option<EventTime>,
}

impl Told {
    /// A feed, of which this was published if it is there.
    fn of(feed: &FeedConfig, published: &Published) -> Self {
        let mut pairs = published.feeds.iter().zip(&published.passed);
        let pair = pairs.find(|(loaded, _)| loaded.name == feed.name);
        Self {
            name: feed.name.clone(),
            json: pair.map_or_else(
                || missing_json(feed),
                |(loaded, passed)| feed_json(feed, loaded, passed),
            ),
            passed: pair.map(|(_, passed)| passed.clone()),
            metrics: pair.map(|_| FreshnessMetrics::register(&feed.name)),
        }
    }
}

impl Feed {
    /// What is wrong with it now: the worst alone.
    fn trouble(&self) -> Option<String> {
        if let Some(error) = &self.error {
            return Some(error.clone());
        }
        if let Some(failing) = &self.attempts.failing {
            return Some(format!("not fetched: {}", failing.what));
        }
        let stale_from = self.stale_from.filter(|from| *from <= now())?;
        Some(format!("stale since {}", gate::written(stale_from)))
    }
}

impl State {
    /// How fresh a feed is.
    fn freshness(&self, told: &Told, now: EventTime) -> Freshness {
        let unknown = Attempts::default();
        let feed = self.feeds.get(&told.name);
        let attempts = feed.map_or(&unknown, |feed| &feed.attempts);
        Freshness::of(told.passed.as_ref(), attempts, now)
    }
}

impl Health {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// This process matches, so it is not ready without a snapshot.
    pub(super) fn needs_snapshot(&self) {
        self.state().needs_snapshot = true;
    }

    /// A snapshot of these feeds was published.
    pub(super) fn published(&self, published: &Published, feeds: &[FeedConfig]) {
        let now = Instant::now();
        let told = feeds.iter().map(|feed| Told::of(feed, published));
        let told = told.collect();
        let mut state = self.state();
        state.told = told;
        for feed in &published.feeds {
            let entry = state.feeds.entry(feed.name.clone()).or_default();
            entry.loaded_at = Some(now);
            entry.error = None;
        }
        for passed in &published.passed {
            let entry = state.feeds.entry(passed.name.clone()).or_default();
            entry.stale_from = passed.age.stale_from;
            if let Version::LastGood { reason, made } = &passed.version {
                entry.error = Some(format!("held back, the copy of {made} is used: {reason}"));
            }
        }
        state.problems.remove("feeds");
        let known = state.snapshot.take();
        let same = known.filter(|(known, _)| known.generation == published.generation);
        state.snapshot = Some((
            SnapshotStatus {
                generation: published.generation,
                hash: published.hash.clone(),
                indicators: published.indicators,
                age: Duration::ZERO,
            },
            same.map_or(now, |(_, since)| since),
        ));
    }

    /// This is what became of the attempts to fetch a feed.
    pub(super) fn attempted(&self, feed: &str, attempts: &Attempts) {
        let mut state = self.state();
        let entry = state.feeds.entry(feed.to_owned()).or_default();
        entry.attempts.clone_from(attempts);
    }

    /// All feeds, as they stand in the snapshot in use at the moment `now`, as `gannet.feeds.v1`; none
    /// before there is a snapshot.
    pub(super) fn feeds(&self, now: EventTime) -> Option<serde_json::Value> {
        let state = self.state();
        let (snapshot, since) = state.snapshot.as_ref()?;
        let feeds = state.told.iter().map(|told| {
            let mut json = told.json.clone();
            state.freshness(told, now).tell(&mut json);
            json
        });
        Some(json!({
            "schema": "gannet.feeds.v1",
            "feeds": feeds.collect::<Vec<_>>(),
            "indicators": snapshot.indicators,
            "snapshot": {"generation": snapshot.generation, "hash": snapshot.hash},
            "age_seconds": since.elapsed().as_secs(),
        }))
    }

    /// Publishes in the metrics how fresh the feeds are at the moment `now`. Called when somebody reads
    /// them: it changes while nothing happens.
    pub(super) fn measure(&self, now: EventTime) {
        let state = self.state();
        for told in &state.told {
            let fresh = state.freshness(told, now);
            if let (Some(metrics), Some(age)) = (&told.metrics, fresh.age) {
                metrics.set(age, fresh.stale);
            }
        }
    }

    /// A load failed: `errors` by feed name.
    pub(super) fn load_failed(&self, errors: &[(String, String)]) {
        let mut state = self.state();
        for (feed, error) in errors {
            state.feeds.entry(feed.clone()).or_default().error = Some(error.clone());
        }
    }

    /// A worker was heard of; it has `partitions` if it says so.
    pub(super) fn worker(&self, member: usize, partitions: Option<usize>) {
        let mut state = self.state();
        let entry = state
            .workers
            .entry(member)
            .or_insert_with(|| (Instant::now(), 0));
        entry.0 = Instant::now();
        if let Some(partitions) = partitions {
            entry.1 = partitions;
        }
    }

    /// The identify stage was heard of; it is active or stands by if it says so.
    pub(super) fn identify(&self, active: Option<bool>) {
        let mut state = self.state();
        let was = state.identify.is_some_and(|(_, active)| active);
        state.identify = Some((Instant::now(), active.unwrap_or(was)));
    }

    /// Something is wrong with `subject`; `None`: no longer.
    pub(super) fn problem(&self, subject: &str, what: Option<String>) {
        let mut state = self.state();
        match what {
            Some(what) => {
                state.problems.insert(subject.to_owned(), what);
            }
            None => {
                state.problems.remove(subject);
            }
        }
    }

    /// So many values and these feeds are muted.
    pub(super) fn muted(&self, values: u64, feeds: Vec<String>) {
        self.state().muted = (values, feeds);
    }

    /// The process is stopping: no longer ready.
    pub(super) fn stopping(&self) {
        self.state().stopping = true;
    }

    /// Whether all threads were heard of lately.
    pub(super) fn live(&self) -> Result<(), String> {
        let state = self.state();
        for (member, (heard, _)) in &state.workers {
            if heard.elapsed() > SILENCE_MAX {
                return Err(format!(
                    "worker {member} is silent for {:?}",
                    heard.elapsed()
                ));
            }
        }
        Ok(())
    }

    /// Whether the process does its job.
    pub(super) fn ready(&self) -> Readiness {
        let state = self.state();
        let mut reasons: Vec<String> = state
            .problems
            .iter()
            .map(|(subject, what)| format!("{subject}: {what}"))
            .collect();
        if state.needs_snapshot && state.snapshot.is_none() {
            reasons.push("no snapshot: nothing is consumed".to_owned());
        }
        if state.stopping {
            reasons.push("stopping".to_owned());
        }
        Readiness {
            reasons,
            snapshot: state
                .snapshot
                .as_ref()
                .map(|(snapshot, since)| SnapshotStatus {
                    age: since.elapsed(),
                    ..snapshot.clone()
                }),
            partitions: state
                .workers
                .values()
                .map(|(_, partitions)| partitions)
                .sum(),
            muted_values: state.muted.0,
            muted_feeds: state.muted.1.clone(),
            standby: state.identify.is_some_and(|(_, active)| !active),
            feeds: state
                .feeds
                .iter()
                .map(|(name, feed)| FeedStatus {
                    name: name.clone(),
                    age: feed.loaded_at.map(|at| at.elapsed()),
                    error: feed.trouble(),
                })
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests;
