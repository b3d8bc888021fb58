//! The breaker: when it trips, what it then mutes, and what operators change about it.

mod oracle;

use super::window::SLOTS;
use super::*;
use crate::feeds::gate::exposure::VALUES_KEPT;

/// A breaker with a clock.
pub(super) struct Rig {
    pub(super) breaker: Breaker,
    pub(super) now: Instant,
}

impl Rig {
    /// All feeds have just changed.
    pub(super) fn new(options: BreakerOptions) -> Self {
        let (mut breaker, now) = (Breaker::new(options), Instant::now());
        let feeds = ["f", "g", "old", "new", "x", "y", "z"];
        breaker
            .changed
            .extend(feeds.map(|feed| (feed.to_owned(), now)));
        Self { breaker, now }
    }

    /// Observes the same in each of so many tenths of a second, of a thousand events each: what
    /// trips, and in which tenth.
    fn run(&mut self, tenths: usize, hits: &[(&str, &str, u64)]) -> Vec<(usize, String)> {
        let mut tripped = Vec::new();
        for tenth in 0..tenths {
            let trips = self.breaker.observe(self.now, 1_000, hits.iter().copied());
            tripped.extend(trips.iter().map(|trip| (tenth, trip.muted.to_string())));
            self.now += Duration::from_millis(100);
        }
        tripped
    }

    /// Nothing but what changed already has.
    pub(super) fn swap(&mut self) {
        self.breaker.swapped(self.now, []);
    }

    /// What trips, whenever it does.
    fn trips(&mut self, tenths: usize, hits: &[(&str, &str, u64)]) -> Vec<String> {
        let trips = self.run(tenths, hits).into_iter();
        trips.map(|(_, muted)| muted).collect()
    }
}

impl Default for Rig {
    /// With limits of 5, 20 and 50 of a thousand, and 100 hits or more; what changed is judged for
    /// ever.
    fn default() -> Self {
        Self::new(BreakerOptions {
            hits_min: 100,
            watch: Duration::MAX,
            ..BreakerOptions::default()
        })
    }
}

fn value(name: &str) -> Subject {
    Subject::Value(name.to_owned())
}

fn feed(name: &str) -> Subject {
    Subject::Feed(name.to_owned())
}

#[test]
fn nothing_trips_at_its_limit() {
    let mut rig = Rig::default();
    assert_eq!(rig.run(500, &[("v", "f", 5)]), []);
    // Four values at their limits are a feed at its limit.
    let at_limit = [("v", "f", 5), ("w", "f", 5), ("x", "f", 5), ("y", "f", 5)];
    assert_eq!(rig.run(500, &at_limit), []);
    assert!(rig.breaker.muted().is_empty());
}

#[test]
fn a_flood_trips_within_half_a_window_and_a_trickle_above_its_limit_within_one() {
    for (hits, tenths) in [(6, 91), (12, 50), (100, 20)] {
        let mut rig = Rig::default();
        rig.run(300, &[("usual", "f", 1)]);
        rig.swap();
        let tripped = rig.run(100, &[("usual", "f", 1), ("v", "f", hits)]);
        assert_eq!(tripped.len(), 1, "{hits}: {tripped:?}");
        assert_eq!(tripped[0].1, "`v`");
        assert!(tripped[0].0 <= tenths, "{hits}: {tripped:?}");
    }
}

#[test]
fn few_hits_are_chance() {
    let mut rig = Rig::new(BreakerOptions {
        hits_min: 1_000,
        watch: Duration::MAX,
        ..BreakerOptions::default()
    });
    // At most a hundred observations lie in a window.
    assert_eq!(rig.run(300, &[("v", "f", 9)]), []);
    assert_eq!(rig.trips(300, &[("v", "f", 11)]), ["`v`"]);
}

#[test]
fn an_outbreak_of_what_has_long_been_listed_is_not_muted() {
    let mut rig = Rig::default();
    let flood = [("v", "unchanged", 500), ("w", "changing", 1)];
    assert_eq!(rig.run(300, &flood), []);
    rig.breaker.swapped(rig.now, ["changing".to_owned()]);
    assert_eq!(rig.run(300, &flood), []);
    assert_eq!(rig.trips(300, &[("z", "changing", 500)]), ["`z`"]);
}

#[test]
fn what_changed_is_judged_for_a_while() {
    let mut rig = Rig::new(BreakerOptions {
        watch: Duration::from_secs(20),
        ..BreakerOptions::default()
    });
    assert_eq!(rig.run(201, &[]), []);
    assert_eq!(rig.run(300, &[("v", "f", 500)]), []);
    rig.breaker.swapped(rig.now, ["f".to_owned()]);
    // It is usual by now, and another is not.
    let floods = [("v", "f", 500), ("w", "f", 500)];
    assert_eq!(rig.trips(150, &floods), ["`w`"]);
}

#[test]
fn what_is_usual_may_grow_tenfold() {
    let mut rig = Rig::default();
    rig.run(200, &[("v", "f", 5)]);
    rig.swap();
    assert_eq!(rig.run(200, &[("v", "f", 50)]), []);
    assert_eq!(rig.trips(200, &[("v", "f", 51)]), ["`v`"]);
}

#[test]
fn a_value_that_moves_to_another_feed_is_not_new_and_the_feed_is() {
    let mut rig = Rig::default();
    rig.run(200, &[("v", "old", 5)]);
    rig.swap();
    assert_eq!(rig.trips(200, &[("v", "new", 40)]), ["feed `new`"]);
}

#[test]
fn a_flood_that_nobody_watched_for_a_window_does_not_become_usual() {
    let mut rig = Rig::default();
    rig.run(200, &[]);
    rig.swap();
    // Too little to trip when the next snapshot comes.
    assert_eq!(rig.run(40, &[("v", "f", 8)]), []);
    rig.swap();
    assert_eq!(rig.trips(60, &[("v", "f", 8)]), ["`v`"]);
}

#[test]
fn a_feed_trips_by_what_no_single_value_explains() {
    let many: Vec<String> = (0..30).map(|at| format!("v{at}")).collect();
    let mut hits: Vec<(&str, &str, u64)> = many.iter().map(|name| (&**name, "f", 1)).collect();
    assert_eq!(Rig::default().trips(200, &hits), ["feed `f`"]);
    // One that explains it is muted alone.
    hits.truncate(10);
    hits.push(("v", "f", 500));
    let mut rig = Rig::default();
    assert_eq!(rig.trips(300, &hits), ["`v`"]);
    assert!(rig.breaker.muted().mutes("v", "another"));
    assert!(!rig.breaker.muted().mutes("v0", "f"));
}

#[test]
fn what_is_muted_trips_once_and_is_still_watched() {
    let mut rig = Rig::default();
    assert_eq!(rig.trips(300, &[("v", "f", 500)]), ["`v`"]);
    rig.swap();
    assert_eq!(rig.run(300, &[("v", "f", 500)]), []);
    rig.breaker.forget(&value("v"));
    // What it hit while it was muted is there, and did not become usual.
    assert_eq!(rig.run(1, &[("v", "f", 500)]), [(0, "`v`".to_owned())]);
}

#[test]
fn what_was_released_is_exempt_until_an_operator_says_otherwise() {
    let mut rig = Rig::default();
    let flood = [("v", "f", 500)];
    assert_eq!(rig.trips(100, &flood), ["`v`"]);
    rig.breaker.release(value("v"));
    assert!(rig.breaker.muted().is_empty() && rig.breaker.released().has_value("v"));
    // Neither it nor its feed trips, over changes of the snapshot too.
    for _ in 0..3 {
        assert_eq!(rig.run(150, &flood), []);
        rig.swap();
        assert_eq!(rig.run(150, &[]), []);
        rig.swap();
    }
    rig.breaker.mute(value("v"));
    assert!(rig.breaker.muted().has_value("v") && !rig.breaker.released().has_value("v"));
    assert_eq!(rig.run(150, &flood), []);
}

#[test]
fn hits_are_taken_out_of_those_of_a_feed_once() {
    let mut rig = Rig::default();
    rig.breaker.mute(value("v"));
    rig.run(10, &[("v", "f", 90), ("w", "f", 4)]);
    assert_eq!(rig.breaker.window.feed_hits("f"), 40);
    rig.breaker.release(value("v"));
    rig.breaker.mute(value("v"));
    assert_eq!(rig.breaker.window.feed_hits("f"), 40);
    rig.breaker.release(value("w"));
    assert_eq!(rig.breaker.window.feed_hits("f"), 0);
}

#[test]
fn the_values_of_a_released_feed_are_judged_each_by_itself() {
    let many: Vec<String> = (0..30).map(|at| format!("v{at}")).collect();
    let mut hits: Vec<(&str, &str, u64)> = many.iter().map(|name| (&**name, "f", 1)).collect();
    let mut rig = Rig::default();
    rig.breaker.release(feed("f"));
    assert_eq!(rig.run(200, &hits), []);
    hits.push(("v", "f", 500));
    assert_eq!(rig.trips(200, &hits), ["`v`"]);
    // While a feed is muted its values need not be.
    let mut rig = Rig::default();
    rig.breaker.mute(feed("f"));
    assert_eq!(rig.run(200, &hits), []);
}

#[test]
fn a_trip_says_everything_in_one_line() {
    let mut rig = Rig::default();
    let trips = rig
        .breaker
        .observe(rig.now, 20_000, [("v.example", "f", 1_234)]);
    assert_eq!(
        trips[0].to_string(),
        "`v.example` of feed `f` hit 1,234 of 20,000 events within 10s (before 0 of 0; at most 50 \
         of 10,000): `v.example` is muted"
    );
    let many: Vec<String> = (0..50).map(|at| format!("v{at}")).collect();
    let hits = many.iter().map(|name| (&**name, "g", 90));
    let trips = rig.breaker.observe(rig.now, 0, hits);
    assert_eq!(
        trips[0].to_string(),
        "feed `g` hit 4,500 of 20,000 events within 10s (before 0 of 0; at most 200 of 10,000): \
         feed `g` is muted"
    );
}

#[test]
fn millions_of_values_take_no_more_memory_and_hide_none() {
    let mut rig = Rig::default();
    let names: Vec<String> = (0..100_000).map(|at| format!("v{at}.example")).collect();
    let mut tripped = Vec::new();
    for round in 0..30 {
        // Three million values, each new: what nobody else can tell from the feed that trips.
        let fresh: Vec<String> = names.iter().map(|name| format!("{round}.{name}")).collect();
        let hits = fresh.iter().map(|name| (&**name, "f", 1));
        let hits = hits.chain([("much.example", "f", 1_500)]);
        tripped.extend(rig.breaker.observe(rig.now, 100_000, hits));
        assert!(rig.breaker.window.pairs().count() < SLOTS * 2 * VALUES_KEPT);
        rig.now += Duration::from_millis(500);
        if round % 10 == 9 {
            rig.swap();
            assert!(rig.breaker.baseline.values_len() <= VALUES_KEPT);
        }
    }
    let muted: Vec<String> = tripped.iter().map(|trip| trip.muted.to_string()).collect();
    assert_eq!(muted, ["`much.example`", "feed `f`"]);
}

#[test]
fn when_too_many_values_are_muted_the_feed_is() {
    let mut rig = Rig::default();
    for at in 0..MUTED_VALUES_MAX {
        rig.breaker.mute(value(&at.to_string()));
    }
    assert_eq!(rig.trips(10, &[("v", "f", 500)]), ["feed `f`"]);
    assert!(!rig.breaker.muted().has_value("v"));
}

#[test]
fn a_clock_that_goes_back_or_leaps_is_no_trouble() {
    let mut rig = Rig::default();
    let start = rig.now;
    rig.now += Duration::from_secs(5);
    rig.run(50, &[("v", "f", 5)]);
    rig.breaker.observe(start, 1_000, [("v", "f", 5)]);
    rig.now += Duration::from_secs(1 << 33);
    assert_eq!(rig.trips(1, &[("v", "f", 99)]), [""; 0]);
    assert_eq!(rig.breaker.window.events(), 1_000);
}
