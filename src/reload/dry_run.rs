//! The sample of what was looked at lately, and what snapshots hit of it.

use std::sync::{MutexGuard, TryLockError};

use super::{Reloader, lock};
use crate::feeds::gate::{self, Exploded, Exposure};
use crate::model::TrafficSample;
use crate::snapshot::Snapshot;

impl Reloader {
    /// The sample of what was looked at lately, to add to; none while a snapshot is tried on it.
    pub fn sample(&self) -> Option<MutexGuard<'_, TrafficSample>> {
        match self.sample.try_lock() {
            Ok(sample) => Some(sample),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// What a snapshot would hit of the sample.
    pub fn exposure(&self, snapshot: &Snapshot) -> Exposure {
        let at = Some((self.now)());
        Exposure::of(&lock(&self.sample), |key, found| {
            snapshot.would_match(key, at, found);
        })
    }

    /// What a snapshot would suddenly hit of what was looked at lately, by the feeds that it is
    /// about.
    pub(super) fn dry_run(&self, current: &Snapshot, next: &Snapshot) -> Vec<(String, String)> {
        let sample = lock(&self.sample);
        let at = Some((self.now)());
        let exposure = |snapshot: &Snapshot| {
            Exposure::of(&sample, |key, found| snapshot.would_match(key, at, found))
        };
        let (running, candidate) = (exposure(current), exposure(next));
        let explosions = gate::judge(&running, &candidate, self.config.gate.hits);
        let mut wrong = Vec::new();
        for explosion in explosions {
            let reason = explosion.to_string();
            match &explosion.what {
                Exploded::Indicator { feed, .. } | Exploded::Feed { feed } => {
                    wrong.push((feed.clone(), reason));
                }
                Exploded::All => {
                    // Whoever adds most of it.
                    let added = |feed: &String| {
                        candidate
                            .of_feed(feed)
                            .hits
                            .saturating_sub(running.of_feed(feed).hits)
                    };
                    let feeds = candidate.by_feed.keys();
                    let most = feeds.max_by_key(|&feed| added(feed));
                    wrong.extend(most.map(|feed| (feed.clone(), reason)));
                }
            }
        }
        wrong
    }
}
