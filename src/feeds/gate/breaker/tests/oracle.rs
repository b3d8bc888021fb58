//! The breaker against one that keeps everything that it was ever told.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::Rig;
use crate::feeds::gate::breaker::{BreakerOptions, Subject};
use crate::feeds::gate::limits::HitLimits;

/// Milliseconds of a tenth of the window.
const TENTH: u64 = 100;

/// What happens.
#[derive(Clone, Debug)]
enum Step {
    /// Time passes, in milliseconds, then this is observed.
    Observe(u64, u64, Vec<(String, String, u64)>),
    Swap,
    Mute(Subject),
    Release(Subject),
}

/// What was observed in one step.
struct Observed {
    tenth: u64,
    events: u64,
    hits: Vec<(String, String, u64)>,
}

/// Shares of values and of feeds.
#[derive(Default)]
struct Shares {
    events: u64,
    values: BTreeMap<String, u64>,
    feeds: BTreeMap<String, u64>,
}

/// The definition of the breaker, slow and obvious.
#[derive(Default)]
struct Oracle {
    now: u64,
    changed_at: Option<u64>,
    observed: Vec<Observed>,
    baseline: Shares,
    muted: BTreeSet<Subject>,
    released: BTreeSet<Subject>,
}

impl Oracle {
    /// The shares of the window: of a value by the feed for which it has most hits, of a feed by its
    /// values that are neither muted nor released.
    fn shares(&self, without_muted: bool) -> Shares {
        let newest = self.now / TENTH;
        let mut shares = Shares::default();
        let mut pairs: BTreeMap<(&String, &String), u64> = BTreeMap::new();
        for observed in self.observed.iter().filter(|one| one.tenth + 10 > newest) {
            shares.events += observed.events;
            for (value, feed, hits) in &observed.hits {
                *pairs.entry((value, feed)).or_default() += hits;
            }
        }
        for ((value, feed), hits) in pairs {
            let (as_value, as_feed) = (Subject::Value(value.clone()), Subject::Feed(feed.clone()));
            let muted = self.muted.contains(&as_value) || self.muted.contains(&as_feed);
            if !(without_muted && muted) {
                let most = shares.values.entry(value.clone()).or_default();
                *most = hits.max(*most);
            }
            if !self.muted.contains(&as_value) && !self.released.contains(&as_value) {
                *shares.feeds.entry(feed.clone()).or_default() += hits;
            }
        }
        shares
    }

    /// The hits of a value for one feed.
    fn pair(&self, value: &str, feed: &str) -> u64 {
        let newest = self.now / TENTH;
        let recent = self.observed.iter().filter(|one| one.tenth + 10 > newest);
        let hits = recent.flat_map(|one| &one.hits);
        let hits = hits.filter(|hit| hit.0 == value && hit.1 == feed);
        hits.map(|hit| hit.2).sum()
    }

    fn is_too_much(hits: u64, events: u64, before: u64, before_events: u64, limit: u32) -> bool {
        let share = |hits: u64, of: u64| {
            if of == 0 {
                0.0
            } else {
                hits as f64 / of as f64
            }
        };
        // Products are exact: these are small whole numbers.
        hits >= OPTIONS.hits_min
            && hits * 10_000 > events * u64::from(limit)
            && (share(before, before_events) == 0.0 || hits * before_events > 10 * before * events)
    }

    /// What trips now, among what was observed in this tenth.
    fn observe(&mut self, events: u64, hits: &[(String, String, u64)]) -> BTreeSet<Subject> {
        let tenth = self.now / TENTH;
        self.changed_at.get_or_insert(self.now);
        self.observed.push(Observed {
            tenth,
            events,
            hits: hits.to_vec(),
        });
        let mut tripped = BTreeSet::new();
        let newest: Vec<(String, String)> = self
            .observed
            .iter()
            .filter(|one| one.tenth == tenth)
            .flat_map(|one| &one.hits)
            .filter(|hit| hit.2 > 0)
            .map(|hit| (hit.0.clone(), hit.1.clone()))
            .collect();
        for (value, feed) in &newest {
            let (as_value, as_feed) = (Subject::Value(value.clone()), Subject::Feed(feed.clone()));
            let exempt = self.muted.contains(&as_feed)
                || self.muted.contains(&as_value)
                || self.released.contains(&as_value);
            let before = self.baseline.values.get(value).copied().unwrap_or_default();
            let (hits, all) = (self.pair(value, feed), self.shares(false).events);
            let limit = OPTIONS.limits.indicator_hits_max;
            if !exempt && Self::is_too_much(hits, all, before, self.baseline.events, limit) {
                tripped.insert(as_value);
            }
        }
        self.muted.extend(tripped.iter().cloned());
        let shares = self.shares(false);
        for (value, feed) in &newest {
            let as_value = Subject::Value(value.clone());
            if self.muted.contains(&as_value) || self.released.contains(&as_value) {
                continue;
            }
            let as_feed = Subject::Feed(feed.clone());
            let hits = shares.feeds.get(feed).copied().unwrap_or_default();
            let before = self.baseline.feeds.get(feed).copied().unwrap_or_default();
            let limit = OPTIONS.limits.feed_hits_max;
            if !self.muted.contains(&as_feed)
                && !self.released.contains(&as_feed)
                && Self::is_too_much(hits, shares.events, before, self.baseline.events, limit)
            {
                tripped.insert(as_feed);
            }
        }
        self.muted.extend(tripped.iter().cloned());
        tripped
    }

    fn swap(&mut self) {
        let since = self.changed_at.replace(self.now);
        let shares = self.shares(true);
        if since.is_some_and(|since| self.now - since >= 10 * TENTH) && shares.events > 0 {
            self.baseline = shares;
            let muted = &self.muted;
            let is_muted = |feed: &String| muted.contains(&Subject::Feed(feed.clone()));
            self.baseline.feeds.retain(|feed, _| !is_muted(feed));
        }
    }
}

/// Few hits are enough, so that much happens.
const OPTIONS: BreakerOptions = BreakerOptions {
    limits: HitLimits {
        indicator_hits_max: 500,
        feed_hits_max: 1_200,
        hits_max: 10_000,
    },
    window: std::time::Duration::from_millis(10 * TENTH),
    hits_min: 8,
    watch: std::time::Duration::MAX,
};

fn subject() -> impl Strategy<Value = Subject> {
    prop_oneof![
        "[a-e]".prop_map(Subject::Value),
        "[xyz]".prop_map(Subject::Feed),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let hits = proptest::collection::vec(("[a-e]", "[xyz]", 0_u64..12), 0..4);
    prop_oneof![
        20 => (0_u64..250, 0_u64..150, hits).prop_map(|(ms, n, hits)| Step::Observe(ms, n, hits)),
        1 => (1_000_u64..3_000, 0_u64..9).prop_map(|(ms, n)| Step::Observe(ms, n, Vec::new())),
        2 => Just(Step::Swap),
        1 => subject().prop_map(Step::Mute),
        2 => subject().prop_map(Step::Release),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn it_trips_when_one_that_forgets_nothing_does(
        steps in proptest::collection::vec(step(), 1..120),
    ) {
        let mut rig = Rig::new(OPTIONS);
        let start = rig.now;
        let mut oracle = Oracle::default();
        // The clock of the window starts when something is observed first.
        rig.breaker.observe(rig.now, 0, []);
        oracle.observe(0, &[]);
        for step in steps {
            match step {
                Step::Observe(ms, events, hits) => {
                    oracle.now += ms;
                    rig.now = start + std::time::Duration::from_millis(oracle.now);
                    let borrowed = hits.iter().map(|hit| (&*hit.0, &*hit.1, hit.2));
                    let trips = rig.breaker.observe(rig.now, events, borrowed);
                    let tripped: Vec<Subject> =
                        trips.iter().map(|trip| trip.muted.clone()).collect();
                    let found: BTreeSet<Subject> = tripped.iter().cloned().collect();
                    prop_assert_eq!(found.len(), tripped.len(), "twice");
                    prop_assert_eq!(found, oracle.observe(events, &hits));
                }
                Step::Swap => {
                    rig.swap();
                    oracle.swap();
                }
                Step::Mute(subject) => {
                    oracle.released.remove(&subject);
                    oracle.muted.insert(subject.clone());
                    rig.breaker.mute(subject);
                }
                Step::Release(subject) => {
                    oracle.muted.remove(&subject);
                    oracle.released.insert(subject.clone());
                    rig.breaker.release(subject);
                }
            }
            for subject in &oracle.muted {
                prop_assert!(rig.breaker.muted().contains(subject));
            }
        }
    }

    #[test]
    fn it_never_trips_below_the_limits(
        observed in proptest::collection::vec(
            (0_u64..300, 0_u64..40, proptest::collection::vec(0_u64..=5, 3)),
            1..200,
        ),
    ) {
        let mut rig = Rig::new(OPTIONS);
        for (ms, events, shares) in observed {
            rig.now += std::time::Duration::from_millis(ms);
            // At most five of a hundred for each of three values, 15 for both feeds together.
            let hits = shares.iter().map(|share| share * events);
            let names = [("a", "x"), ("b", "x"), ("c", "y")];
            let hits = names.iter().zip(hits).map(|((value, feed), hits)| (*value, *feed, hits));
            let trips = rig.breaker.observe(rig.now, events * 100, hits);
            prop_assert_eq!(trips, []);
            rig.swap();
        }
    }

    #[test]
    fn it_always_trips_within_one_window_above_them(
        before in proptest::collection::vec((0_u64..300, 0_u64..4_000), 0..20),
        step_ms in 1_u64..200,
        events in 100_u64..1_000,
        over in 0_u64..3,
    ) {
        let mut rig = Rig::new(OPTIONS);
        for (ms, events) in before {
            rig.now += std::time::Duration::from_millis(ms);
            rig.breaker.observe(rig.now, events, []);
        }
        rig.swap();
        let hits = events * 500 / 10_000 + 1 + over;
        let mut passed = 0;
        let mut tripped = false;
        while passed <= 1_000 && !tripped {
            rig.now += std::time::Duration::from_millis(step_ms);
            passed += step_ms;
            tripped = !rig.breaker.observe(rig.now, events, [("v", "f", hits)]).is_empty();
        }
        prop_assert!(tripped, "not within {passed} ms");
    }
}
