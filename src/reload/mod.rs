//! When a snapshot is built: exactly one build at a time, beside the snapshot in use, which stays in
//! use when nothing new passes the gate.
//!
//! The first snapshot is made of the last good copies of feeds, where there are any. From then on only
//! what has changed is read, and stands in a layer above the rest; when there is much of it, layers
//! are merged, beside all that ([`Reloader::merge`]).

mod dry_run;
mod merge;
mod rows;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::config::{Config, FeedConfig};
use crate::feeds::gate::{self, Fresh, Gated, Kept, Known, Look, Looked, Muted, Passed, Store};
use crate::feeds::{LoadError, LoadedFeed};
use crate::model::{EventTime, TrafficSample};
use crate::snapshot::{
    BuildError, BuildOptions, HashKey, Merge, Protected, Publisher, Snapshot, SnapshotReader,
};

pub use rows::TopicRow;

/// Builds snapshots and publishes them.
pub struct Reloader {
    config: Config,
    /// The clock.
    now: fn() -> EventTime,
    store: Option<Store>,
    /// What no feed could list at the last build.
    protected: Mutex<Arc<Protected>>,
    /// What was built; held while one builds.
    built: Mutex<Built>,
    in_use: Mutex<InUse>,
    /// What was looked at lately, to try new snapshots on.
    sample: Mutex<TrafficSample>,
}

/// What is in use. Held for moments only, unlike what is held by whoever builds.
#[derive(Default)]
struct InUse {
    /// None before the first snapshot.
    publisher: Option<Publisher>,
    generation: u64,
    /// What is muted in whatever is published.
    muted: Arc<crate::snapshot::Muted>,
    /// The feeds that changed since somebody asked.
    changed: BTreeSet<String>,
}

/// What was built.
struct Built {
    /// What names are hashed with, in all snapshots.
    key: HashKey,
    /// Of each feed in the snapshot.
    known: BTreeMap<String, Known>,
    /// The pairs of feeds that list the same.
    same: Vec<(Arc<str>, Arc<str>)>,
    /// The lowest layers, which are being merged.
    merge: Option<Arc<Merge>>,
}

/// What a build came to.
#[derive(Debug)]
pub enum Reload {
    /// A new snapshot is in use.
    Published(Box<Published>),
    /// What is in use is what it was: no feed has changed, or none that passes the gate.
    Unchanged(Box<Published>),
    /// No feed could be used. The snapshot in use, if there is one, stays in use.
    Failed(Vec<LoadError>),
}

/// The snapshot in use.
#[derive(Debug)]
pub struct Published {
    /// Its generation.
    pub generation: u64,
    /// Its hash.
    pub hash: String,
    /// Its indicators.
    pub indicators: u64,
    /// Its allow rules.
    pub allow_rules: u64,
    /// Bytes of memory that it takes.
    pub bytes: usize,
    /// How long the build took.
    pub took: Duration,
    /// What the feeds held, in the order of the configuration, those that are in it.
    pub feeds: Vec<LoadedFeed>,
    /// Which versions of them they are.
    pub passed: Vec<Passed>,
    /// Which of them were read for it.
    pub read: Vec<String>,
}

/// Which feeds are looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// All of them, and everything else that a configuration names for the gate.
    All,
    /// Those with these names.
    Only(Vec<String>),
}

/// Most bytes of the sample a remembered event, on average.
const SAMPLE_EVENT_BYTES: usize = 160;

impl Reloader {
    /// A reloader of the feeds of a configuration; nothing is loaded yet. `now` is the clock.
    pub fn new(config: Config, now: fn() -> EventTime) -> Self {
        let events = config.gate.sample;
        Self {
            store: gate::store(&config.gate),
            sample: Mutex::new(TrafficSample::new(events, events * SAMPLE_EVENT_BYTES)),
            config,
            now,
            protected: Mutex::default(),
            built: Mutex::new(Built {
                key: HashKey::random(),
                known: BTreeMap::new(),
                same: Vec::new(),
                merge: None,
            }),
            in_use: Mutex::default(),
        }
    }

    /// Looks at feeds as they are now and publishes what is new. A call that comes while another
    /// builds waits for it and then looks again. Takes as long as what has changed takes; not for
    /// a worker's thread.
    pub fn reload(&self, which: &Which) -> Reload {
        let mut built = lock(&self.built);
        let started = Instant::now();
        let mut options = match gate::build_options(&self.config) {
            Ok(options) => options,
            Err(error) => return Reload::Failed(vec![error.into()]),
        };
        options.hash_key = Some(built.key);
        let others = *options.protected != **lock(&self.protected);
        let Some(current) = self.current() else {
            *lock(&self.protected) = Arc::clone(&options.protected);
            return self.first(&mut built, &options, started);
        };
        let anyway = *which == Which::All && others;
        if anyway {
            *lock(&self.protected) = Arc::clone(&options.protected);
        }
        let feeds = self.chosen(which);
        let looked = self.look(&built, &feeds, &options, &current, anyway);
        self.take(&mut built, &current, looked, started)
    }

    /// The first snapshot: from the last good copies, then from what has changed since.
    fn first(&self, built: &mut Built, options: &BuildOptions, started: Instant) -> Reload {
        let feeds = gate::at_hand(&self.config.feeds, self.store.as_ref());
        let now = (self.now)();
        let good = self
            .store
            .as_ref()
            .map(|store| gate::load_good(&feeds, store, options, now));
        let gated = match good {
            Some(Ok(gated)) => Ok(gated),
            // Whatever is wrong with a copy, the feed itself may be right.
            Some(Err(_)) | None => gate::load_gated(&feeds, self.store.as_ref(), options, now),
        };
        let mut gated = match gated {
            Ok(gated) => gated,
            Err(errors) => return Reload::Failed(errors),
        };
        let tested = gated.loaded.snapshot.self_test(None, &options.protected);
        if let Err(error) = tested {
            return Reload::Failed(vec![BuildError::from(error).into()]);
        }
        if let Some(store) = &self.store {
            gated.keep(store);
        }
        let read = gated
            .passed
            .iter()
            .map(|passed| passed.name.clone())
            .collect();
        let snapshot = self.know(built, gated);
        let snapshot = self.publish(snapshot, &[]);
        if self.store.is_some() {
            let looked = self.look(built, &feeds, options, &snapshot, false);
            if let Reload::Published(published) = self.take(built, &snapshot, looked, started) {
                return Reload::Published(published);
            }
        }
        Reload::Published(Box::new(self.told(built, &snapshot, started, read)))
    }

    /// Notes what a first snapshot is made of.
    fn know(&self, built: &mut Built, gated: Gated) -> Snapshot {
        let passed = gated.passed.into_iter().zip(gated.checksums);
        for ((passed, checksum), loaded) in passed.zip(gated.loaded.feeds) {
            let known = Known {
                checksum,
                loaded,
                passed,
            };
            built.known.insert(known.passed.name.clone(), known);
        }
        built.same = gated.loaded.snapshot.same_lists(gate::SAME_ROWS_MIN);
        gated.loaded.snapshot
    }

    /// The feeds that are to be looked at.
    fn chosen(&self, which: &Which) -> Vec<FeedConfig> {
        let mut feeds = gate::at_hand(&self.config.feeds, self.store.as_ref());
        if let Which::Only(names) = which {
            feeds.retain(|feed| names.contains(&feed.name));
        }
        feeds
    }

    /// Looks at feeds and makes the next snapshot of what has changed.
    fn look(
        &self,
        built: &Built,
        feeds: &[FeedConfig],
        options: &BuildOptions,
        current: &Snapshot,
        anyway: bool,
    ) -> Looked {
        gate::update(&Look {
            feeds,
            known: &built.known,
            snapshot: current,
            store: self.store.as_ref(),
            options,
            anyway,
            closed: built.merge.as_ref().map_or(1, |merge| merge.layers()),
            now: (self.now)(),
            dry_run: &|next| self.dry_run(current, next),
        })
    }

    /// Publishes what a look came to.
    fn take(
        &self,
        built: &mut Built,
        current: &Arc<Snapshot>,
        looked: Looked,
        started: Instant,
    ) -> Reload {
        let mut errors = Vec::new();
        let mut read = Vec::new();
        for feed in looked.feeds {
            let mut known = feed.known;
            if let Some(fresh) = feed.fresh {
                read.push(known.passed.name.clone());
                known.passed.trouble = self.keep(&known, fresh);
            }
            errors.extend(feed.error);
            built.known.insert(known.passed.name.clone(), known);
        }
        let Some(snapshot) = looked.snapshot else {
            if self.store.is_none() && !errors.is_empty() {
                return Reload::Failed(errors);
            }
            return Reload::Unchanged(Box::new(self.told(built, current, started, read)));
        };
        built.same = looked.same;
        let changed: Vec<&str> = read.iter().map(String::as_str).collect();
        let snapshot = self.publish(snapshot, &changed);
        Reload::Published(Box::new(self.told(built, &snapshot, started, read)))
    }

    /// Keeps a version of a feed as its last good copy; what could not be kept.
    fn keep(&self, known: &Known, fresh: Fresh) -> String {
        let (Some(store), Some(copy)) = (&self.store, &fresh.copy) else {
            return known.passed.trouble.clone();
        };
        let kept = Kept {
            indicators: known.loaded.report.indicators,
            dates: fresh.dates,
            churn: Some(fresh.churn),
            removed: Some(gate::removed_text(&fresh.removed)),
        };
        let kept = store.keep(&known.passed.name, copy, kept);
        kept.err()
            .map_or_else(|| known.passed.trouble.clone(), |error| error.to_string())
    }

    /// Mutes this and nothing else, in the snapshot in use and in all that come. Does not wait for a
    /// build.
    pub fn mute(&self, muted: &Muted) {
        let mut in_use = lock(&self.in_use);
        let muted = crate::snapshot::Muted::from(muted);
        if *in_use.muted == muted {
            return;
        }
        in_use.muted = Arc::new(muted);
        if let Some(current) = in_use.publisher.as_ref().map(Publisher::current) {
            in_use.generation += 1;
            in_use.publish(&current);
        }
    }

    /// The feeds that changed what is in use since the last call. The first snapshot changes none.
    pub fn take_changed(&self) -> BTreeSet<String> {
        std::mem::take(&mut lock(&self.in_use).changed)
    }

    /// How what is built beside the snapshot in use is built: nothing is read for it again.
    fn options(&self, built: &Built) -> BuildOptions {
        BuildOptions {
            names: self.config.matching.names,
            emit_invalid: self.config.matching.emit_invalid,
            protected: self.protected(),
            hash_key: Some(built.key),
        }
    }

    /// Puts a snapshot into use, in which these feeds have changed.
    fn publish(&self, snapshot: Snapshot, changed: &[&str]) -> Arc<Snapshot> {
        let mut in_use = lock(&self.in_use);
        let changed = changed.iter().map(|&feed| feed.to_owned());
        in_use.changed.extend(changed);
        in_use.generation += 1;
        in_use.publish(&snapshot)
    }

    /// The snapshot in use.
    fn current(&self) -> Option<Arc<Snapshot>> {
        lock(&self.in_use)
            .publisher
            .as_ref()
            .map(Publisher::current)
    }

    /// What is told of the snapshot in use.
    fn told(
        &self,
        built: &Built,
        snapshot: &Snapshot,
        started: Instant,
        read: Vec<String>,
    ) -> Published {
        let known = self
            .config
            .feeds
            .iter()
            .filter_map(|feed| built.known.get(&feed.name));
        let mut feeds: Vec<LoadedFeed> = known.clone().map(|known| known.loaded.clone()).collect();
        let mut passed: Vec<Passed> = known.map(|known| known.passed.clone()).collect();
        gate::tell_same(&built.same, &mut passed, &mut feeds);
        Published {
            generation: snapshot.generation(),
            hash: snapshot.hash().to_owned(),
            indicators: snapshot.indicators(),
            allow_rules: snapshot.allow_rules(),
            bytes: snapshot.bytes(),
            took: started.elapsed(),
            feeds,
            passed,
            read,
        }
    }

    /// What no feed could list at the last build.
    pub fn protected(&self) -> Arc<Protected> {
        Arc::clone(&lock(&self.protected))
    }

    /// A reader of what is published; none before the first snapshot.
    pub fn reader(&self) -> Option<SnapshotReader> {
        lock(&self.in_use).publisher.as_ref().map(Publisher::reader)
    }

    /// Frees replaced snapshots that no worker holds any more; how many are left.
    pub fn retire(&self) -> usize {
        let mut in_use = lock(&self.in_use);
        in_use.publisher.as_mut().map_or(0, Publisher::retire)
    }
}

impl InUse {
    /// Publishes a snapshot under the number at hand, with what is muted.
    fn publish(&mut self, snapshot: &Snapshot) -> Arc<Snapshot> {
        let snapshot = snapshot.as_published(self.generation, &self.muted);
        let publisher = match &mut self.publisher {
            Some(publisher) => {
                publisher.publish(snapshot);
                publisher
            }
            none => none.insert(Publisher::new(snapshot)),
        };
        publisher.current()
    }
}

/// The lock's content; what a panic left behind is still whole, since it is replaced whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
