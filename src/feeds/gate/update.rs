//! The gate once a snapshot is in use: only feeds that have changed are read, and what passes
//! becomes the next snapshot. What does not pass leaves the version in use where it is.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::change::{change, churn, percent, rolled_back};
use super::removed;
use super::store::{Copy, Store};
use super::{Age, Dates, Passed, SAME_ROWS_MIN, Version, age};
use crate::config::FeedConfig;
use crate::feeds::error::chain;
use crate::feeds::load::{LoadError, LoadedFeed, Plan, fill};
use crate::feeds::{FeedError, threads};
use crate::model::EventTime;
use crate::snapshot::{BuildOptions, Gone, Keep, Removed, Snapshot, SnapshotBuilder};

/// What is known of a feed of the snapshot in use.
#[derive(Clone, Debug)]
pub struct Known {
    /// The checksum of the version in use; empty if that cannot be told.
    pub checksum: String,
    /// What it holds.
    pub loaded: LoadedFeed,
    /// Which version it is.
    pub passed: Passed,
}

/// A look at feeds that may have changed.
pub struct Look<'a> {
    /// The feeds to look at.
    pub feeds: &'a [FeedConfig],
    /// What is known of each feed of the snapshot in use.
    pub known: &'a BTreeMap<String, Known>,
    /// The snapshot in use.
    pub snapshot: &'a Snapshot,
    /// Where copies are kept.
    pub store: Option<&'a Store>,
    /// How the snapshot in use was built, with the key of its hashes.
    pub options: &'a BuildOptions,
    /// Whether feeds are read even if they have not changed: other rules hold.
    pub anyway: bool,
    /// How many of the lowest layers are not to be touched.
    pub closed: usize,
    /// Now.
    pub now: EventTime,
    /// Tries a snapshot on recent traffic: what is wrong with which feeds.
    pub dry_run: &'a dyn Fn(&Snapshot) -> Vec<(String, String)>,
}

/// What a look came to.
#[derive(Debug)]
pub struct Looked {
    /// The next snapshot, if anything passed.
    pub snapshot: Option<Snapshot>,
    /// The pairs of feeds that list the same in it.
    pub same: Vec<(Arc<str>, Arc<str>)>,
    /// The feeds that were looked at.
    pub feeds: Vec<LookedAt>,
}

/// What became of a feed that was looked at.
#[derive(Debug)]
pub struct LookedAt {
    /// What is known of it now.
    pub known: Known,
    /// What is to be kept of it once the snapshot is in use; none if it is the same as before.
    pub fresh: Option<Fresh>,
    /// Why what it is now was not taken.
    pub error: Option<LoadError>,
}

/// A version of a feed that is to become its last good copy.
#[derive(Debug)]
pub struct Fresh {
    /// Where it is; none without a store.
    pub copy: Option<Copy>,
    /// What it says of its age.
    pub dates: Dates,
    /// How many of a hundred indicators were replaced.
    pub churn: u8,
    /// What the feed lists no longer.
    pub removed: Vec<Removed>,
}

/// A feed that may have changed.
struct Candidate<'a> {
    /// As configured.
    config: &'a FeedConfig,
    /// With the path of what is parsed.
    feed: FeedConfig,
    copy: Option<Copy>,
    good: Option<Copy>,
    checksum: String,
    /// Why it does not pass.
    held: Option<(String, Option<LoadError>)>,
    /// What could not be kept.
    trouble: String,
    changed: bool,
    loaded: Option<LoadedFeed>,
    gone: Gone,
}

/// Most that a feed no longer lists and still matches earlier events.
const REMOVED_MAX: usize = 1 << 20;

/// Looks at feeds and makes the next snapshot of those that changed and pass.
pub fn update(look: &Look<'_>) -> Looked {
    let feeds = look.feeds.iter();
    let mut candidates: Vec<Candidate<'_>> = feeds.map(|feed| Candidate::of(feed, look)).collect();
    let (snapshot, same) = loop {
        match attempt(look, &mut candidates) {
            Attempt::Nothing => break (None, Vec::new()),
            Attempt::Again => {}
            Attempt::Made(snapshot, same) => break (Some(*snapshot), same),
        }
    };
    Looked {
        snapshot,
        same,
        feeds: candidates
            .into_iter()
            .filter_map(|candidate| candidate.looked_at(look))
            .collect(),
    }
}

/// What an attempt came to.
enum Attempt {
    /// There is nothing new that passes.
    Nothing,
    /// A feed did not pass.
    Again,
    /// All that is left passes; with the pairs of feeds that list the same.
    Made(Box<Snapshot>, Vec<(Arc<str>, Arc<str>)>),
}

/// Tries to make a snapshot of all candidates that were not held back.
fn attempt(look: &Look<'_>, candidates: &mut [Candidate<'_>]) -> Attempt {
    let mut tried: Vec<&mut Candidate<'_>> = candidates
        .iter_mut()
        .filter(|candidate| candidate.changed && candidate.held.is_none())
        .collect();
    if tried.is_empty() {
        return Attempt::Nothing;
    }
    let configs: Vec<FeedConfig> = tried.iter().map(|one| one.feed.clone()).collect();
    let builder = SnapshotBuilder::new(look.options.clone());
    let (builder, loaded) = match fill(Plan::usual(threads()), &configs, builder) {
        Ok(filled) => filled,
        Err(errors) => {
            for error in errors {
                let mut named = tried.iter_mut();
                if let Some(one) = named.find(|one| one.feed.name == error.feed()) {
                    one.hold(&chain(&error), Some(error), look);
                }
            }
            return Attempt::Again;
        }
    };
    let mut held = false;
    let mut update = look.snapshot.update(builder);
    for (one, loaded) in tried.iter_mut().zip(loaded) {
        let keep = keep_of(&one.feed, look.now);
        one.gone = update.replace(&one.feed.name, keep);
        let wrong = one.judge(&loaded, look);
        one.loaded = Some(loaded);
        if let Some(reason) = wrong {
            one.hold(&reason, None, look);
            held = true;
            continue;
        }
        if let Some(id) = update.feed(&one.feed.name) {
            removed::add(update.builder(), id, &one.gone.kept);
        }
    }
    if held {
        return Attempt::Again;
    }
    let made = update.finish(look.closed);
    let tested = made.and_then(|snapshot| {
        snapshot.self_test(Some(look.snapshot), &look.options.protected)?;
        Ok(snapshot)
    });
    let snapshot = match tested {
        Ok(snapshot) => snapshot,
        Err(error) => {
            let reason = chain(&error);
            tried
                .iter_mut()
                .for_each(|one| one.hold(&reason, None, look));
            return Attempt::Nothing;
        }
    };
    let same = snapshot.same_lists(SAME_ROWS_MIN);
    let mut wrong = turned(look, &tried, &same);
    wrong.extend((look.dry_run)(&snapshot));
    for (feed, reason) in wrong {
        let mut named = tried.iter_mut();
        let is_it = |one: &&mut &mut Candidate<'_>| one.feed.name == feed && one.held.is_none();
        if let Some(one) = named.find(is_it).filter(|one| !one.approved(look)) {
            one.hold(&reason, None, look);
            held = true;
        }
    }
    if held {
        return Attempt::Again;
    }
    Attempt::Made(Box::new(snapshot), same)
}

/// Which candidates would turn into the same list as another feed, and why that is wrong. Of two that
/// changed, the one that changed more.
fn turned(
    look: &Look<'_>,
    tried: &[&mut Candidate<'_>],
    same: &[(Arc<str>, Arc<str>)],
) -> Vec<(String, String)> {
    if same.is_empty() {
        return Vec::new();
    }
    let before = look.snapshot.same_lists(SAME_ROWS_MIN);
    let mut wrong = Vec::new();
    for pair in same.iter().filter(|pair| !before.contains(pair)) {
        let find = |name: &str| tried.iter().find(|one| one.feed.name == name);
        let changed = |name: &str| find(name).map(|one| percent(one.gone.gone, one.gone.before));
        for (feed, other) in [(&pair.0, &pair.1), (&pair.1, &pair.0)] {
            let Some(one) = find(feed) else {
                continue;
            };
            let is_new = !look.known.contains_key(&**feed);
            if is_new || one.feed.limits.duplicate || changed(feed) < changed(other) {
                continue;
            }
            let indicators = one
                .loaded
                .as_ref()
                .map_or(0, |loaded| loaded.report.indicators);
            wrong.push((
                feed.to_string(),
                format!(
                    "duplicate of feed `{other}`: it lists the same {indicators} indicators, and did \
                     not before"
                ),
            ));
        }
    }
    wrong
}

/// What is kept of what a feed lists no longer.
pub fn keep_of(feed: &FeedConfig, now: EventTime) -> Keep {
    let nanos = i64::try_from(feed.keep_removed.as_nanos()).unwrap_or(i64::MAX);
    Keep {
        at: now,
        since: EventTime::from_nanos(now.nanos().saturating_sub(nanos)),
        max: if feed.keep_removed.is_zero() {
            0
        } else {
            REMOVED_MAX
        },
    }
}

impl<'a> Candidate<'a> {
    /// What a feed is now, copied aside if there is a store.
    fn of(config: &'a FeedConfig, look: &Look<'_>) -> Self {
        let mut candidate = Self {
            config,
            feed: config.clone(),
            copy: None,
            good: None,
            checksum: String::new(),
            held: None,
            trouble: String::new(),
            changed: false,
            loaded: None,
            gone: Gone::default(),
        };
        if let Err(reason) = candidate.stage(look) {
            candidate.hold(&reason, None, look);
        }
        let known = look.known.get(&config.name);
        let same = known.is_some_and(|known| {
            !candidate.checksum.is_empty() && known.checksum == candidate.checksum
        });
        candidate.changed = candidate.held.is_none() && (!same || look.anyway);
        candidate
    }

    /// Looks what the feed is now.
    fn stage(&mut self, look: &Look<'_>) -> Result<(), String> {
        let (name, path) = (&self.config.name, &self.config.path);
        let Some(store) = look.store else {
            self.checksum = super::store::checksum_of(path).map_err(|error| error.to_string())?;
            return Ok(());
        };
        match store.good(name) {
            Ok(good) => self.good = good,
            Err(error) => self.trouble = error.to_string(),
        }
        let staged = store.stage(name, path, self.good.as_ref(), look.now);
        self.copy = staged.map_err(|error| error.to_string())?;
        if let Some(copy) = self.copy.as_ref().or(self.good.as_ref()) {
            self.feed.path.clone_from(&copy.path);
            self.checksum.clone_from(&copy.facts.checksum);
        }
        Ok(())
    }

    /// What is wrong with what the feed lists now, given what it listed before.
    fn judge(&self, loaded: &LoadedFeed, look: &Look<'_>) -> Option<String> {
        // Whoever changes a topic means each of its rows.
        if self.feed.origin.is_topic() || self.approved(look) {
            return None;
        }
        let before = look.known.get(&self.feed.name);
        let history: Vec<u64> = match (&self.good, before) {
            (Some(good), _) => good.facts.indicators.clone(),
            (None, Some(known)) => vec![known.loaded.report.indicators],
            (None, None) => return None,
        };
        let dates = match (before, &self.good) {
            (Some(known), _) => Dates::of(&known.loaded.report, look.now),
            (None, Some(good)) => Dates::of_copy(&good.facts),
            (None, None) => Dates::default(),
        };
        let churns = self.good.as_ref().map(|good| good.facts.churn.as_slice());
        change(loaded.report.indicators, &history, self.feed.limits)
            .or_else(|| {
                let now = Dates::of(&loaded.report, look.now);
                rolled_back(&self.feed, now, dates, &self.gone)
            })
            .or_else(|| churn(&self.gone, churns.unwrap_or_default(), self.feed.limits))
    }

    /// Whether an operator lets it pass.
    fn approved(&self, look: &Look<'_>) -> bool {
        let (Some(store), Some(copy)) = (look.store, &self.copy) else {
            return false;
        };
        store.approved(&self.feed.name, copy)
    }

    /// Leaves the version in use where it is.
    fn hold(&mut self, reason: &str, error: Option<LoadError>, look: &Look<'_>) {
        if let (Some(store), Some(copy)) = (look.store, self.copy.take())
            && let Err(error) = store.hold(&self.feed.name, &copy, reason)
        {
            self.trouble = error.to_string();
        }
        self.held = Some((reason.to_owned(), error));
    }

    /// When what was read was last changed.
    fn changed_at(&self, look: &Look<'_>) -> Option<EventTime> {
        let copy = self.copy.as_ref().or(self.good.as_ref());
        match (copy, look.store) {
            (Some(copy), _) => age::copy_changed(&copy.facts),
            (None, Some(_)) => None,
            (None, None) => age::changed(&self.config.path, look.now),
        }
    }

    /// What became of it; none for a feed of which nothing is known and nothing came.
    fn looked_at(self, look: &Look<'_>) -> Option<LookedAt> {
        let changed = self.loaded.as_ref().and_then(|_| self.changed_at(look));
        let before = look.known.get(&self.config.name);
        let mut passed = Passed {
            name: self.config.name.clone(),
            version: Version::Current,
            age: before.map(|known| known.passed.age).unwrap_or_default(),
            same_as: Vec::new(),
            trouble: self.trouble,
        };
        if let Some((reason, error)) = self.held {
            let made = match (before.map(|known| &known.passed.version), self.good) {
                (Some(Version::LastGood { made, .. }), _) => made.clone(),
                (_, Some(good)) => good.facts.made,
                (_, None) => String::new(),
            };
            passed.version = Version::LastGood {
                reason: reason.clone(),
                made,
            };
            let error = error.unwrap_or_else(|| LoadError::Feed {
                name: self.config.name.clone(),
                source: FeedError::Held { reason },
            });
            let known = before?.clone();
            return Some(LookedAt {
                known: Known { passed, ..known },
                fresh: None,
                error: Some(error),
            });
        }
        let Some(loaded) = self.loaded else {
            let known = before?.clone();
            return Some(LookedAt {
                known: Known { passed, ..known },
                fresh: None,
                error: None,
            });
        };
        let dates = Dates::of(&loaded.report, look.now);
        passed.age = Age::of(self.config, dates, changed);
        let churn = percent(self.gone.gone, self.gone.before);
        Some(LookedAt {
            known: Known {
                checksum: self.checksum,
                loaded,
                passed,
            },
            fresh: Some(Fresh {
                copy: self.copy,
                dates,
                churn: u8::try_from(churn).unwrap_or(100),
                removed: self.gone.kept,
            }),
            error: None,
        })
    }
}
