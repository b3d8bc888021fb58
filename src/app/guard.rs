//! The breaker at work: a thread that adds up what the workers noticed, mutes what suddenly hits far
//! too much, does what operators ask for, and keeps both on disk.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::json;

use super::health::Health;
use super::now;
use crate::config::GateConfig;
use crate::feeds::gate::{
    self, Action, Breaker, BreakerOptions, MutedBy, MutedEntry, MutedList, Store, Subject, Trip,
};
use crate::pipeline::Noticed;
use crate::reload::Reloader;
use crate::telemetry::{Count, Level, names};

/// What the workers noticed since somebody looked.
#[derive(Default)]
pub(super) struct Traffic(Mutex<Sums>);

/// Events, and those hit, by value and feed.
#[derive(Default)]
struct Sums {
    events: u64,
    hits: BTreeMap<(String, String), u64>,
}

/// The thread's own.
pub(super) struct Guard {
    reloader: Arc<Reloader>,
    health: Arc<Health>,
    traffic: Arc<Traffic>,
    /// Where what is muted is kept, if anywhere.
    store: Option<Store>,
    list: MutedList,
    breaker: Breaker,
    /// Whether the breaker may mute.
    on: bool,
    asked_at: Option<Instant>,
    feed_hits: BTreeMap<String, Count>,
}

/// How often it looks at what was noticed.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How often it looks what operators ask for.
const ASK_EVERY: Duration = Duration::from_secs(2);

/// Most pairs of values and feeds between two looks; hits of further ones are not seen.
const PAIRS_MAX: usize = 200_000;

impl Traffic {
    /// Adds what a worker noticed, and the sample of it to that of the reloader.
    pub(super) fn add(&self, noticed: &Noticed<'_>, reloader: &Reloader) {
        {
            let mut sums = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            sums.events += noticed.events;
            for (value, feed, events) in noticed.hits.iter() {
                let pair = (value.to_owned(), feed.to_owned());
                if sums.hits.len() < PAIRS_MAX || sums.hits.contains_key(&pair) {
                    *sums.hits.entry(pair).or_default() += events;
                }
            }
        }
        if let Some(mut sample) = reloader.sample() {
            for keys in noticed.sample.events() {
                sample.push(keys, |_| false);
            }
        }
    }

    fn take(&self) -> Sums {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Guard {
    /// A guard over what `reloader` publishes; what was muted before a restart is muted again.
    pub(super) fn open(
        gate: &GateConfig,
        reloader: &Arc<Reloader>,
        health: &Arc<Health>,
        traffic: &Arc<Traffic>,
    ) -> Self {
        let mut store = gate::store(gate);
        let list = store.as_ref().map(MutedList::load).transpose();
        let list = list.unwrap_or_else(|error| {
            tracing::error!(%error, "nothing is muted");
            health.problem("muted", Some(error.to_string()));
            // What is there is left for an operator to look at.
            store = None;
            None
        });
        let mut guard = Self {
            reloader: Arc::clone(reloader),
            health: Arc::clone(health),
            traffic: Arc::clone(traffic),
            store,
            list: list.unwrap_or_default(),
            breaker: Breaker::new(BreakerOptions {
                limits: gate.hits,
                ..BreakerOptions::default()
            }),
            on: gate.breaker,
            asked_at: None,
            feed_hits: BTreeMap::new(),
        };
        for entry in guard.list.muted() {
            guard.breaker.mute(entry.subject.clone());
        }
        for entry in guard.list.released() {
            guard.breaker.release(entry.subject.clone());
        }
        guard.apply();
        guard
    }

    /// Watches until `stop` is set.
    ///
    /// # Errors
    /// When the system has no thread for us.
    pub(super) fn start(mut self, stop: Arc<AtomicBool>) -> std::io::Result<JoinHandle<()>> {
        let thread = thread::Builder::new().name("gannet-guard".to_owned());
        thread.spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                self.look(Instant::now());
                thread::park_timeout(LOOK_EVERY);
            }
        })
    }

    /// One look at everything.
    fn look(&mut self, at: Instant) {
        let changed = self.reloader.take_changed();
        if !changed.is_empty() {
            self.breaker.swapped(at, changed);
        }
        let Sums { events, hits } = self.traffic.take();
        for ((_, feed), events) in &hits {
            self.count(feed, *events);
        }
        if self.on {
            let hits = hits
                .iter()
                .map(|((value, feed), events)| (&**value, &**feed, *events));
            let trips = self.breaker.observe(at, events, hits);
            if !trips.is_empty() {
                self.mute(&trips);
            }
        }
        if self
            .asked_at
            .is_none_or(|asked| at.saturating_duration_since(asked) >= ASK_EVERY)
        {
            self.asked_at = Some(at);
            self.serve_requests();
        }
    }

    /// Counts events that a feed hit.
    fn count(&mut self, feed: &str, events: u64) {
        let count = match self.feed_hits.get(feed) {
            Some(count) => count,
            None => {
                let count = Count::register(names::FEED_HITS, &[feed]);
                self.feed_hits.entry(feed.to_owned()).or_insert(count)
            }
        };
        count.add(events);
    }

    /// Mutes what tripped, at once; then writes it down.
    fn mute(&mut self, trips: &[Trip]) {
        self.reloader.mute(self.breaker.muted());
        for trip in trips {
            let what = match trip.muted {
                Subject::Value(_) => "value",
                Subject::Feed(_) => "feed",
            };
            Count::register(names::BREAKER_TRIPS, &[what]).add(1);
            tracing::error!(feed = trip.feed, muted = %trip.muted, "breaker: {trip}");
            let entry = MutedEntry {
                subject: trip.muted.clone(),
                since: gate::written(now()),
                reason: trip.to_string(),
                by: MutedBy::Breaker,
            };
            if let Err(error) = self.list.mute(entry) {
                tracing::error!(%error, "muted until the next start only");
            }
            self.record("mute", &trip.muted, "breaker", &trip.to_string());
        }
        if let Some(store) = &self.store
            && let Err(error) = self.list.save(store)
        {
            tracing::error!(%error, "what is muted could not be kept");
        }
        self.tell();
    }

    /// Does what operators ask for.
    fn serve_requests(&mut self) {
        let Some(store) = &self.store else {
            return;
        };
        let taken = match gate::take_up(store, &mut self.list) {
            Ok(taken) => taken,
            Err(error) => {
                tracing::error!(%error, "requests could not be taken up; will try again");
                return;
            }
        };
        for refused in &taken.refused {
            tracing::error!(refused, "a request cannot be done");
        }
        for request in &taken.requests {
            let subject = request.subject.clone();
            let decision = match request.action {
                Action::Mute => {
                    self.breaker.mute(subject);
                    "mute"
                }
                Action::Release => {
                    self.breaker.release(subject);
                    "release"
                }
                Action::Forget => {
                    self.breaker.forget(&subject);
                    "forget"
                }
            };
            tracing::warn!(subject = %request.subject, reason = request.reason, "{decision}: done");
            self.record(decision, &request.subject, "operator", &request.reason);
        }
        if !taken.requests.is_empty() {
            self.apply();
        }
    }

    /// Puts what is muted into use.
    fn apply(&self) {
        self.reloader.mute(self.breaker.muted());
        self.tell();
    }

    /// Tells what is muted.
    fn tell(&self) {
        let (mut values, mut feeds) = (0, Vec::new());
        for entry in self.list.muted() {
            match &entry.subject {
                Subject::Value(_) => values += 1,
                Subject::Feed(feed) => feeds.push(feed.clone()),
            }
        }
        Level::register(names::MUTED, &["value"]).set(values);
        Level::register(names::MUTED, &["feed"]).set(feeds.len() as u64);
        self.health.muted(values, feeds);
    }

    /// Writes a decision into the audit trail.
    fn record(&self, decision: &str, subject: &Subject, by: &str, reason: &str) {
        let Some(store) = &self.store else {
            return;
        };
        let line = json!({
            "time": gate::written(now()), "decision": decision, "subject": subject, "by": by,
            "reason": reason,
        });
        if let Err(error) = store.record(&line) {
            tracing::error!(%error, "a decision could not be recorded");
        }
    }
}

#[cfg(test)]
mod tests;
