//! `[gate]`: what no feed may do, whoever wrote it.

use std::path::PathBuf;

use super::reader::{Section, Wrong};
use super::value::{Item, choice, count, name, path, percent, word};
use crate::model::{DomainName, NAME_LEN_MAX};

/// `[gate]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GateConfig {
    /// Where the last good copy of every feed is kept; `None`: nowhere, and feeds are held against
    /// no history.
    pub store: Option<PathBuf>,
    /// Files with names that many ask for every day.
    pub popular: Vec<PathBuf>,
    /// Names of the operator.
    pub own_names: Vec<String>,
    /// Whether addresses of private networks may be listed.
    pub private: bool,
    /// How much a feed may change.
    pub limits: ChangeLimits,
    /// How much of the traffic may be hit.
    pub hits: HitLimits,
    /// How many events of the traffic are remembered to try a new snapshot on; 0: none.
    pub sample: usize,
    /// Whether indicators are muted when their hits explode.
    pub breaker: bool,
}

impl Default for GateConfig {
    fn default() -> Self {
        Self {
            store: None,
            popular: Vec::new(),
            own_names: Vec::new(),
            private: false,
            limits: ChangeLimits::default(),
            hits: HitLimits::default(),
            sample: 100_000,
            breaker: true,
        }
    }
}

/// How many of 10,000 events may be hit by what they were not hit by before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HitLimits {
    /// By one indicator.
    pub indicator_hits_max: u32,
    /// By all indicators of one feed.
    pub feed_hits_max: u32,
    /// By all indicators.
    pub hits_max: u32,
}

impl Default for HitLimits {
    fn default() -> Self {
        Self {
            indicator_hits_max: 50,
            feed_hits_max: 200,
            hits_max: 500,
        }
    }
}

/// Most events that are remembered.
const SAMPLE_MAX: usize = 10_000_000;

/// How much a feed may change from what it held in its last good copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangeLimits {
    /// Of a hundred indicators, how many may be gone.
    pub shrink_max: u8,
    /// For a hundred indicators, how many may be added.
    pub growth_max: u32,
    /// Of a hundred indicators, how many may be replaced by others, unless as many were before.
    pub churn_max: u8,
    /// Whether it may become older than its last good copy, by its own dates.
    pub rollback: bool,
    /// Whether it may become the same as another feed.
    pub duplicate: bool,
}

impl Default for ChangeLimits {
    fn default() -> Self {
        Self {
            shrink_max: 30,
            growth_max: 100,
            churn_max: 90,
            rollback: false,
            duplicate: false,
        }
    }
}

/// What the store keeps beside the directories of feeds, each of which has the name of its feed.
const STORE_NAMES: [&str; 4] = ["muted.json", "muted.unfinished", "audit.jsonl", "requests"];

/// The name of a feed: as of a source, and none that the store needs itself.
pub(super) fn feed_name(item: &Item<'_>) -> Result<String, Wrong> {
    let name = name(item)?;
    let mut taken = STORE_NAMES.iter();
    // Some file systems do not tell letters from small ones.
    if taken.any(|taken| name.eq_ignore_ascii_case(taken)) {
        let message = format!("`{name}` is a file that the `store` of [gate] keeps itself");
        return Err(message.into());
    }
    Ok(name)
}

/// Most percent by which a feed may grow.
const GROWTH_MAX: usize = 1_000_000;

/// Reads `[gate]`.
pub(super) fn gate(document: &mut Section<'_>) -> GateConfig {
    let mut section = document.section("gate");
    let private = &[("refuse", false), ("accept", true)];
    let defaults = GateConfig::default();
    let of_events = |item: &Item<'_>| {
        let events = count(0..=10_000)(item)?;
        u32::try_from(events).map_err(|error| error.to_string().into())
    };
    let hits = HitLimits {
        indicator_hits_max: section.or(
            "indicator_hits_max",
            defaults.hits.indicator_hits_max,
            of_events,
        ),
        feed_hits_max: section.or("feed_hits_max", defaults.hits.feed_hits_max, of_events),
        hits_max: section.or("hits_max", defaults.hits.hits_max, of_events),
    };
    let breaker = &[("on", true), ("off", false)];
    let gate = GateConfig {
        hits,
        sample: section.or("sample", defaults.sample, count(0..=SAMPLE_MAX)),
        breaker: section.or("breaker", true, choice(breaker)),
        store: section.optional("store", path),
        popular: section.list("popular", path).unwrap_or_default(),
        own_names: section.list("own_names", domain).unwrap_or_default(),
        private: section.or("private", false, choice(private)),
        limits: limits(&mut section, ChangeLimits::default()),
    };
    section.finish();
    gate
}

/// Reads how much a feed may change, of `[gate]` or of a feed.
pub(super) fn limits(section: &mut Section<'_>, base: ChangeLimits) -> ChangeLimits {
    let growth = |item: &Item<'_>| {
        let percent = count(0..=GROWTH_MAX)(item)?;
        u32::try_from(percent).map_err(|error| error.to_string().into())
    };
    let passes = &[("hold", false), ("accept", true)];
    ChangeLimits {
        shrink_max: section.or("shrink_max", base.shrink_max, percent),
        growth_max: section.or("growth_max", base.growth_max, growth),
        churn_max: section.or("churn_max", base.churn_max, percent),
        rollback: section.or("rollback", base.rollback, choice(passes)),
        duplicate: section.or("duplicate", base.duplicate, choice(passes)),
    }
}

/// A domain name in its normal form.
fn domain(item: &Item<'_>) -> Result<String, Wrong> {
    let written = word(item)?;
    let mut scratch = [0; NAME_LEN_MAX];
    let name = DomainName::parse(written.as_bytes(), &mut scratch);
    let name = name.map_err(|error| Wrong::from(format!("is no domain name: {error}")))?;
    Ok(name.as_str().to_owned())
}
