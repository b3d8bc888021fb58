//! The gate: between what feeds say and what is published. Entries that must not be listed are
//! refused one by one ([`known_to`]); a feed that cannot be used, or that changed beyond its limits,
//! is held back as a whole, and its last good copy ([`Store`]) takes its place.
//!
//! Against a list of which no row is known to be harmless stand two more: before it is published it is
//! tried on recent traffic ([`Exposure`], [`judge`]), and afterwards its hits are watched
//! ([`Breaker`]). What is muted ([`MutedList`]) is told to operators and changed by them ([`Request`]).

mod breaker;
mod explosion;
mod exposure;
mod heavy;
mod known;
mod limits;
mod muted;
mod protect;
mod requests;
mod store;
mod subject;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::SystemTime;

use super::error::chain;
use super::load::{LoadError, Loaded, LoadedFeed, load};
use crate::config::{ChangeLimits, Config, FeedConfig, GateConfig};
use crate::snapshot::BuildOptions;

pub use breaker::{Breaker, BreakerOptions, MUTED_VALUES_MAX, Trip};
pub use explosion::{EXPLOSION_HITS_MIN, Exploded, Explosion, SAMPLE_EVENTS_MIN, judge};
pub use exposure::{Exposure, VALUES_KEPT, ValueHits};
pub use limits::{GROWTH_MAX, Grouped, HitLimits, LIMITS_OF, Share};
pub use muted::{ENTRIES_MAX, ListFull, MutedBy, MutedEntry, MutedList, ReleasedEntry};
pub use protect::{PopularError, known_to, known_to_all};
pub use requests::{Action, REQUESTS_MAX, Request, TakenUp, take_up};
pub use store::{Copy, CopyFacts, Store};
pub use subject::{Muted, Subject};

/// What stands for a feed in a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed {
    /// The feed's name.
    pub name: String,
    /// Which version of it.
    pub version: Version,
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
    /// Copies to be kept once the snapshot is in use.
    fresh: Vec<(String, Copy, u64)>,
}

/// A feed on its way through the gate.
struct Candidate {
    /// With the path of what is parsed.
    feed: FeedConfig,
    /// The copy that is parsed, unless it is the good one.
    fresh: Option<Copy>,
    /// The last good copy, if there is one.
    good: Option<Copy>,
    version: Version,
    trouble: String,
}

/// Changes of so few indicators are never held back.
const CHANGE_MIN: u64 = 100;

/// Loads feeds, those that do not pass from their last good copies. Without a store nothing is
/// remembered, and a feed that cannot be used fails the load.
///
/// # Errors
/// Every [`LoadError`] of feeds without a good copy, at least one.
pub fn load_gated(
    feeds: &[FeedConfig],
    store: Option<&Store>,
    options: &BuildOptions,
    generation: u64,
) -> Result<Gated, Vec<LoadError>> {
    let mut candidates: Vec<Candidate> = feeds
        .iter()
        .map(|feed| Candidate::of(feed, store))
        .collect();
    loop {
        let configs: Vec<FeedConfig> = candidates
            .iter()
            .map(|candidate| candidate.feed.clone())
            .collect();
        match load(&configs, options.clone(), generation) {
            Ok(loaded) => {
                if !hold_back(&mut candidates, &loaded.feeds, store) {
                    return Ok(Gated::of(candidates, loaded));
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

/// Holds back every feed that changed beyond its limits; whether there was one.
fn hold_back(candidates: &mut [Candidate], loaded: &[LoadedFeed], store: Option<&Store>) -> bool {
    let mut held = false;
    for (candidate, loaded) in candidates.iter_mut().zip(loaded) {
        let (Some(fresh), Some(good), Some(store)) = (&candidate.fresh, &candidate.good, store)
        else {
            continue;
        };
        let changed = change(
            loaded.report.indicators,
            &good.facts.indicators,
            candidate.feed.limits,
        );
        if let Some(reason) = changed
            && !store.approved(&candidate.feed.name, fresh)
        {
            held |= candidate.hold(&reason, Some(store));
        }
    }
    held
}

/// What is wrong with how many indicators a feed lists, given what its copies listed.
fn change(now: u64, history: &[u64], limits: ChangeLimits) -> Option<String> {
    let usual = median(history)?;
    let gone = usual.saturating_sub(now);
    let added = now.saturating_sub(usual);
    if gone >= CHANGE_MIN && percent(gone, usual) > u64::from(limits.shrink_max) {
        return Some(format!(
            "it lists {now} indicators, {}% less than the usual {usual} (shrink_max {}%)",
            percent(gone, usual),
            limits.shrink_max
        ));
    }
    if added >= CHANGE_MIN && percent(added, usual) > u64::from(limits.growth_max) {
        return Some(format!(
            "it lists {now} indicators, {}% more than the usual {usual} (growth_max {}%)",
            percent(added, usual),
            limits.growth_max
        ));
    }
    None
}

/// How many of a hundred a part is of a whole.
fn percent(part: u64, whole: u64) -> u64 {
    part.saturating_mul(100) / whole.max(1)
}

/// The middle one of some numbers.
fn median(numbers: &[u64]) -> Option<u64> {
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied()
}

impl Candidate {
    /// What a feed is now, copied aside if there is a store.
    fn of(feed: &FeedConfig, store: Option<&Store>) -> Self {
        let mut candidate = Self {
            feed: feed.clone(),
            fresh: None,
            good: None,
            version: Version::Current,
            trouble: String::new(),
        };
        let Some(store) = store else {
            return candidate;
        };
        match store.good(&feed.name) {
            Ok(good) => candidate.good = good,
            Err(error) => candidate.trouble = error.to_string(),
        }
        match store.stage(&feed.name, &feed.path, candidate.good.as_ref(), &now()) {
            Ok(fresh) => {
                if let Some(copy) = fresh.as_ref().or(candidate.good.as_ref()) {
                    candidate.feed.path.clone_from(&copy.path);
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
        self.version = Version::LastGood {
            reason: reason.to_owned(),
            made: good.facts.made,
        };
        true
    }
}

impl Gated {
    /// The outcome for candidates that all passed.
    fn of(candidates: Vec<Candidate>, loaded: Loaded) -> Self {
        let mut gated = Self {
            passed: Vec::with_capacity(candidates.len()),
            fresh: Vec::new(),
            loaded,
        };
        for (candidate, loaded) in candidates.into_iter().zip(&gated.loaded.feeds) {
            if let Some(copy) = candidate.fresh {
                let indicators = loaded.report.indicators;
                gated
                    .fresh
                    .push((candidate.feed.name.clone(), copy, indicators));
            }
            gated.passed.push(Passed {
                name: candidate.feed.name,
                version: candidate.version,
                trouble: candidate.trouble,
            });
        }
        gated
    }

    /// Keeps what passed as the last good copies. What cannot be kept is noted as trouble of its
    /// feed; the copy that was good before still is.
    pub fn keep(&mut self, store: &Store) {
        for (name, copy, indicators) in self.fresh.drain(..) {
            let Err(error) = store.keep(&name, &copy, indicators) else {
                continue;
            };
            let mut passed = self.passed.iter_mut();
            if let Some(passed) = passed.find(|passed| passed.name == name) {
                passed.trouble = error.to_string();
            }
        }
    }
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

/// Now, RFC 3339.
pub fn now() -> String {
    jiff::Timestamp::try_from(SystemTime::now())
        .map(|now| format!("{now:.0}"))
        .unwrap_or_default()
}
