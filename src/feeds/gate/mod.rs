//! The gate: between what feeds say and what is published. Entries that must not be listed are
//! refused one by one ([`known_to`]); a feed that cannot be used, or that changed beyond its limits,
//! is held back as a whole, and its last good copy ([`Store`]) takes its place.
//!
//! Against a list of which no row is known to be harmless stand two more: before it is published it is
//! tried on recent traffic ([`Exposure`], [`judge`]), and afterwards its hits are watched
//! ([`Breaker`]). What is muted ([`MutedList`]) is told to operators and changed by them ([`Request`]).

mod age;
mod breaker;
mod change;
mod explosion;
mod exposure;
mod heavy;
mod known;
mod limits;
mod muted;
mod protect;
mod removed;
mod requests;
mod same;
mod store;
mod subject;
#[cfg(test)]
mod tests;
mod update;

use std::path::Path;
use std::sync::Arc;

use self::change::{change, rolled_back};
use super::error::chain;
use super::load::{LoadError, Loaded, LoadedFeed, load_with};
use super::threads;
use crate::config::{Config, FeedConfig, GateConfig, Origin};
use crate::model::EventTime;
use crate::snapshot::{BuildOptions, FeedId, Gone, SnapshotBuilder};

pub use age::{Age, Dates};
pub use breaker::{Breaker, BreakerOptions, MUTED_VALUES_MAX, Trip};
pub use explosion::{EXPLOSION_HITS_MIN, Exploded, Explosion, SAMPLE_EVENTS_MIN, judge};
pub use exposure::{Exposure, VALUES_KEPT, ValueHits};
pub use limits::{GROWTH_MAX, Grouped, HitLimits, LIMITS_OF, Share};
pub use muted::{ENTRIES_MAX, ListFull, MutedBy, MutedEntry, MutedList, ReleasedEntry};
pub use protect::{PopularError, known_to, known_to_all};
pub use removed::{add as add_removed_rows, text as removed_text};
pub use requests::{Action, REQUESTS_MAX, Request, TakenUp, take_up};
pub use same::{SAME_ROWS_MIN, tell as tell_same};
pub use store::{Copy, CopyFacts, Kept, Store, write as write_json};
pub use subject::{Muted, Subject};
pub use update::{Fresh, Known, Look, Looked, LookedAt, keep_of, update};

/// What stands for a feed in a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed {
    /// The feed's name.
    pub name: String,
    /// Which version of it.
    pub version: Version,
    /// How old that is.
    pub age: Age,
    /// The feeds that list the same.
    pub same_as: Vec<String>,
    /// What could not be kept on disk, and why; empty if nothing.
    pub trouble: String,
}

/// Which version of a feed stands in a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Version {
    /// What it is now, from where it is configured to be.
    Current,
    /// Its last good copy: what it is now was held back.
    LastGood {
        /// Why.
        reason: String,
        /// When the copy was made, RFC 3339.
        made: String,
    },
}

/// A snapshot of feeds that passed, and which versions of them.
#[derive(Debug)]
pub struct Gated {
    /// The snapshot, with what each feed held.
    pub loaded: Loaded,
    /// The feeds, in the order of the configuration.
    pub passed: Vec<Passed>,
    /// The checksums of the versions that stand in it, empty where they cannot be told.
    pub checksums: Vec<String>,
    /// Copies to be kept once the snapshot is in use.
    fresh: Vec<(String, Copy, Kept)>,
}

/// A feed on its way through the gate.
struct Candidate {
    /// With the path of what is parsed.
    feed: FeedConfig,
    /// The copy that is parsed, unless it is the good one.
    fresh: Option<Copy>,
    /// The last good copy, if there is one.
    good: Option<Copy>,
    /// The checksum of what is parsed; empty if that cannot be told.
    checksum: String,
    version: Version,
    /// When what is parsed was last changed.
    changed: Option<EventTime>,
    trouble: String,
}

/// Loads feeds, those that do not pass from their last good copies. Without a store nothing is
/// remembered, and a feed that cannot be used fails the load.
///
/// # Errors
/// Every [`LoadError`] of feeds without a good copy, at least one.
pub fn load_gated(
    feeds: &[FeedConfig],
    store: Option<&Store>,
    options: &BuildOptions,
    now: EventTime,
) -> Result<Gated, Vec<LoadError>> {
    let candidates = feeds.iter().map(|feed| Candidate::of(feed, store, now));
    pass(candidates.collect(), store, options, now)
}

/// As [`load_gated`], from the last good copies where there are any: what has changed since is for
/// [`update`].
///
/// # Errors
/// As [`load_gated`].
pub fn load_good(
    feeds: &[FeedConfig],
    store: &Store,
    options: &BuildOptions,
    now: EventTime,
) -> Result<Gated, Vec<LoadError>> {
    let candidate = |feed: &FeedConfig| match store.good(&feed.name) {
        Ok(Some(good)) => Candidate::good(feed, good),
        Ok(None) | Err(_) => Candidate::of(feed, Some(store), now),
    };
    let candidates = feeds.iter().map(candidate).collect();
    pass(candidates, Some(store), options, now)
}

/// Loads candidates until all that are left pass.
fn pass(
    mut candidates: Vec<Candidate>,
    store: Option<&Store>,
    options: &BuildOptions,
    now: EventTime,
) -> Result<Gated, Vec<LoadError>> {
    loop {
        let configs: Vec<FeedConfig> = candidates
            .iter()
            .map(|candidate| candidate.feed.clone())
            .collect();
        let builder = SnapshotBuilder::new(options.clone());
        let mut more = |builder: &mut SnapshotBuilder| add_removed(builder, &mut candidates, store);
        match load_with(threads(), &configs, builder, 1, &mut more) {
            Ok(loaded) => {
                if !hold_back(&mut candidates, &loaded.feeds, store, now) {
                    return Ok(Gated::of(candidates, loaded, now));
                }
            }
            Err(errors) => {
                let mut held = false;
                for error in &errors {
                    let mut named = candidates.iter_mut();
                    if let Some(candidate) = named.find(|one| one.feed.name == error.feed()) {
                        held |= candidate.hold(&chain(error), store);
                    }
                }
                if !held {
                    return Err(errors);
                }
            }
        }
    }
}

/// Adds what feeds listed before the copies that are used of them.
fn add_removed(builder: &mut SnapshotBuilder, candidates: &mut [Candidate], store: Option<&Store>) {
    for (number, candidate) in (0..).zip(candidates) {
        let (Some(store), None) = (store, &candidate.fresh) else {
            continue;
        };
        let path = store.removed(&candidate.feed.name);
        let added = removed::add_file(builder, FeedId(number), &path);
        if let (Err(error), true) = (added, candidate.trouble.is_empty()) {
            candidate.trouble = error.to_string();
        }
    }
}

/// Holds back every feed that changed beyond its limits; whether there was one.
fn hold_back(
    candidates: &mut [Candidate],
    loaded: &[LoadedFeed],
    store: Option<&Store>,
    now: EventTime,
) -> bool {
    let mut held = false;
    for (candidate, loaded) in candidates.iter_mut().zip(loaded) {
        // Whoever changes a topic means each of its rows.
        if candidate.feed.origin.is_topic() {
            continue;
        }
        let (Some(fresh), Some(good), Some(store)) = (&candidate.fresh, &candidate.good, store)
        else {
            continue;
        };
        let changed = change(
            loaded.report.indicators,
            &good.facts.indicators,
            candidate.feed.limits,
        );
        let changed = changed.or_else(|| {
            // Which rows are gone is known once the last good copy is in use.
            let dates = Dates::of(&loaded.report, now);
            rolled_back(
                &candidate.feed,
                dates,
                Dates::of_copy(&good.facts),
                &Gone::default(),
            )
        });
        if let Some(reason) = changed
            && !store.approved(&candidate.feed.name, fresh)
        {
            held |= candidate.hold(&reason, Some(store));
        }
    }
    held
}

impl Candidate {
    /// What a feed is now, copied aside if there is a store.
    fn of(feed: &FeedConfig, store: Option<&Store>, now: EventTime) -> Self {
        let mut candidate = Self {
            feed: feed.clone(),
            fresh: None,
            good: None,
            checksum: String::new(),
            version: Version::Current,
            changed: None,
            trouble: String::new(),
        };
        let Some(store) = store else {
            candidate.changed = age::changed(&feed.path, now);
            candidate.checksum = store::checksum_of(&feed.path).unwrap_or_default();
            return candidate;
        };
        match store.good(&feed.name) {
            Ok(good) => candidate.good = good,
            Err(error) => candidate.trouble = error.to_string(),
        }
        match store.stage(&feed.name, &feed.path, candidate.good.as_ref(), now) {
            Ok(fresh) => {
                if let Some(copy) = fresh.as_ref().or(candidate.good.as_ref()) {
                    candidate.feed.path.clone_from(&copy.path);
                    candidate.checksum.clone_from(&copy.facts.checksum);
                    candidate.changed = age::copy_changed(&copy.facts);
                }
                candidate.fresh = fresh;
            }
            Err(error) => {
                let reason = error.to_string();
                if !candidate.hold(&reason, Some(store)) {
                    candidate.trouble = reason;
                }
            }
        }
        candidate
    }

    /// The last good copy of a feed.
    fn good(feed: &FeedConfig, good: Copy) -> Self {
        let mut feed = feed.clone();
        feed.path.clone_from(&good.path);
        Self {
            feed,
            fresh: None,
            changed: age::copy_changed(&good.facts),
            checksum: good.facts.checksum,
            good: None,
            version: Version::Current,
            trouble: String::new(),
        }
    }

    /// Puts the last good copy in its place; whether there is one that is not there already.
    fn hold(&mut self, reason: &str, store: Option<&Store>) -> bool {
        let (Some(store), Some(good)) = (store, self.good.take()) else {
            return false;
        };
        if let Some(fresh) = self.fresh.take()
            && let Err(error) = store.hold(&self.feed.name, &fresh, reason)
        {
            self.trouble = error.to_string();
        }
        self.feed.path = good.path;
        self.changed = age::copy_changed(&good.facts);
        self.checksum = good.facts.checksum;
        self.version = Version::LastGood {
            reason: reason.to_owned(),
            made: good.facts.made,
        };
        true
    }
}

impl Gated {
    /// The outcome for candidates that all passed.
    fn of(candidates: Vec<Candidate>, loaded: Loaded, now: EventTime) -> Self {
        let mut gated = Self {
            passed: Vec::with_capacity(candidates.len()),
            checksums: Vec::with_capacity(candidates.len()),
            fresh: Vec::new(),
            loaded,
        };
        for (candidate, loaded) in candidates.into_iter().zip(&gated.loaded.feeds) {
            let dates = Dates::of(&loaded.report, now);
            if let Some(copy) = candidate.fresh {
                let kept = Kept {
                    indicators: loaded.report.indicators,
                    dates,
                    churn: None,
                    removed: None,
                };
                gated.fresh.push((candidate.feed.name.clone(), copy, kept));
            }
            gated.checksums.push(candidate.checksum);
            gated.passed.push(Passed {
                age: Age::of(&candidate.feed, dates, candidate.changed),
                same_as: Vec::new(),
                name: candidate.feed.name,
                version: candidate.version,
                trouble: candidate.trouble,
            });
        }
        let same = gated.loaded.snapshot.same_lists(SAME_ROWS_MIN);
        tell_same(&same, &mut gated.passed, &mut gated.loaded.feeds);
        gated
    }

    /// Keeps what passed as the last good copies. What cannot be kept is noted as trouble of its
    /// feed; the copy that was good before still is.
    pub fn keep(&mut self, store: &Store) {
        for (name, copy, kept) in self.fresh.drain(..) {
            let Err(error) = store.keep(&name, &copy, kept) else {
                continue;
            };
            let mut passed = self.passed.iter_mut();
            if let Some(passed) = passed.find(|passed| passed.name == name) {
                passed.trouble = error.to_string();
            }
        }
    }
}

/// Those feeds of which something is there to be read: what was never fetched is not.
pub fn at_hand(feeds: &[FeedConfig], store: Option<&Store>) -> Vec<FeedConfig> {
    let is_there = |feed: &&FeedConfig| {
        feed.origin == Origin::Path
            || feed.path.exists()
            || store
                .is_some_and(|store| store.removed(&feed.name).parent().is_some_and(Path::exists))
    };
    feeds.iter().filter(is_there).cloned().collect()
}

/// The store that a configuration names.
pub fn store(gate: &GateConfig) -> Option<Store> {
    gate.store.clone().map(Store::new)
}

/// The same, to be looked at beside the process that keeps it.
pub fn store_to_look_at(gate: &GateConfig) -> Option<Store> {
    gate.store.clone().map(Store::to_look_at)
}

/// How a configuration wants its snapshots built.
///
/// # Errors
/// [`PopularError`] when a list of popular names cannot be used.
pub fn build_options(config: &Config) -> Result<BuildOptions, PopularError> {
    Ok(BuildOptions {
        names: config.matching.names,
        emit_invalid: config.matching.emit_invalid,
        protected: Arc::new(known_to(&config.gate, &config.networks)?),
        ..BuildOptions::default()
    })
}

/// An instant in RFC 3339, to the second.
pub fn written(at: EventTime) -> String {
    let at = jiff::Timestamp::from_nanosecond(i128::from(at.nanos()));
    at.map(|at| format!("{at:.0}")).unwrap_or_default()
}
