//! Feeds that change row by row: what a topic brings goes into the snapshot in use at once.

use std::sync::Arc;
use std::time::Instant;

use hashbrown::HashSet;

use super::{Built, Published, Reload, Reloader, lock};
use crate::config::FeedConfig;
use crate::feeds::gate::{self, Age, Dates};
use crate::feeds::{ParseOptions, parse_rows};
use crate::snapshot::{BuildError, SnapshotBuilder};

/// A row of a topic: the id of an indicator, and what stands there now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicRow {
    /// The key of the record.
    pub id: String,
    /// A `gannet.indicator.v1`; `None` removes the indicator.
    pub value: Option<Vec<u8>>,
}

impl Reloader {
    /// Whether a feed stands in the snapshot in use.
    pub fn knows(&self, feed: &str) -> bool {
        lock(&self.built).known.contains_key(feed)
    }

    /// Puts rows of a feed into the place of those with the same ids. The last of several with one
    /// id counts; one that cannot be read removes what was there. What no feed may list is what was
    /// read at the last load of all feeds: rows come often, and nothing is read for them.
    pub fn apply_rows(&self, feed: &str, rows: &[TopicRow]) -> Reload {
        let mut built = lock(&self.built);
        let started = Instant::now();
        let config = self.config.feeds.iter().find(|config| config.name == feed);
        let current = self.current();
        let (Some(config), Some(current)) = (config, current) else {
            return Reload::Failed(Vec::new());
        };
        let options = self.options(&built);
        let protected = Arc::clone(&options.protected);
        let mut builder = SnapshotBuilder::new(options);
        let id = builder.add_feed(crate::feeds::feed_info(config));
        let mut seen: HashSet<&str> = HashSet::new();
        let mut newest: Vec<&TopicRow> = Vec::new();
        for row in rows.iter().rev() {
            if seen.insert(&row.id) {
                newest.push(row);
            }
        }
        let options = ParseOptions::of(config);
        let lines = newest
            .iter()
            .filter_map(|row| Some((row.id.as_str(), row.value.as_deref()?)));
        let report = parse_rows(lines, &options, &mut |indicator| {
            let added = builder.add(id, indicator);
            added.map(|_| ()).map_err(|refusal| refusal.reason())
        });
        let mut update = current.update(builder);
        let keep = gate::keep_of(config, (self.now)());
        let gone = update.replace_rows(feed, &seen, keep);
        gate::add_removed_rows(update.builder(), id, &gone.kept);
        let closed = built.merge.as_ref().map_or(1, |merge| merge.layers());
        let next = match update.finish(closed) {
            Ok(next) => next,
            Err(error) => return Reload::Failed(vec![error.into()]),
        };
        if let Err(error) = next.self_test(Some(&current), &protected) {
            return Reload::Failed(vec![BuildError::from(error).into()]);
        }
        for (of, reason) in self.dry_run(&current, &next) {
            if of == feed {
                return self.held(&mut built, config, reason, started);
            }
        }
        let snapshot = self.publish(next, &[feed]);
        if let Some(known) = built.known.get_mut(feed) {
            let counts = snapshot.feeds().iter().find(|counts| &*counts.name == feed);
            let loaded = &mut known.loaded.report;
            loaded.indicators = counts.map_or(0, |counts| counts.indicators + counts.allow_rules);
            loaded.add_rows(report);
            // Whoever writes rows keeps the list as a whole.
            let now = (self.now)();
            known.passed.age = Age::of(config, Dates::of(loaded, now), Some(now));
        }
        Reload::Published(Box::new(self.told(&built, &snapshot, started, Vec::new())))
    }

    /// Says that rows of a feed were held back.
    fn held(
        &self,
        built: &mut Built,
        config: &FeedConfig,
        reason: String,
        started: Instant,
    ) -> Reload {
        if let Some(known) = built.known.get_mut(&config.name) {
            known.passed.version = gate::Version::LastGood {
                reason,
                made: gate::written((self.now)()),
            };
        }
        let current = self.current();
        match current {
            Some(current) => {
                let told: Published = self.told(built, &current, started, Vec::new());
                Reload::Unchanged(Box::new(told))
            }
            None => Reload::Failed(Vec::new()),
        }
    }
}
