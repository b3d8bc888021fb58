//! The rule, at each of its edges.

use proptest::prelude::*;

use super::*;
use crate::model::{SampleKey, TrafficSample};

/// What is hit when, of so many events, so many each have a value of a feed.
fn exposure(events: u64, hits: &[(&str, &str, u64)]) -> Exposure {
    let mut sample = TrafficSample::default();
    for (value, _, hits) in hits {
        for _ in 0..*hits {
            sample.push([SampleKey::Name(value.as_bytes())], |_| false);
        }
    }
    while (sample.len() as u64) < events {
        sample.push([], |_| false);
    }
    Exposure::of(&sample, |key, found| {
        for (value, feed, _) in hits {
            if key == SampleKey::Name(value.as_bytes()) {
                found(value, feed);
            }
        }
    })
}

/// What explodes when a value of a feed that hit so many events now hits more.
#[track_caller]
fn check(events: u64, before: u64, now: u64, expected: &[&str]) {
    let running = exposure(events, &[("v.example", "f", before)]);
    let candidate = exposure(events, &[("v.example", "f", now)]);
    let found: Vec<&str> = judge(&running, &candidate, HitLimits::default())
        .into_iter()
        .map(|explosion| match explosion.what {
            Exploded::Indicator { .. } => "indicator",
            Exploded::Feed { .. } => "feed",
            Exploded::All => "all",
        })
        .collect();
    assert_eq!(found, expected, "{before} -> {now} of {events}");
}

#[test]
fn each_limit_is_what_may_still_be_hit() {
    check(20_000, 0, 100, &[]);
    check(20_000, 0, 101, &["indicator"]);
    check(20_000, 0, 400, &["indicator"]);
    check(20_000, 0, 401, &["indicator", "feed"]);
    check(20_000, 0, 1_000, &["indicator", "feed"]);
    check(20_000, 0, 1_001, &["indicator", "feed", "all"]);
}

#[test]
fn what_was_hit_before_may_be_hit_ten_times_as_often() {
    check(20_000, 20, 200, &[]);
    check(20_000, 20, 201, &["indicator"]);
    check(20_000, 100, 1_000, &[]);
    check(20_000, 20_000, 20_000, &[]);
}

#[test]
fn a_few_hits_or_events_are_chance() {
    check(10_000, 0, 99, &[]);
    check(10_000, 0, 100, &["indicator"]);
    check(9_999, 0, 9_999, &[]);
}

#[test]
fn without_a_snapshot_in_use_the_limits_alone_count() {
    let candidate = exposure(10_000, &[("v.example", "f", 1_500)]);
    let found = judge(&Exposure::default(), &candidate, HitLimits::default());
    assert_eq!(found.len(), 3);
    assert_eq!(found[0].before, Share::default());
}

#[test]
fn a_value_that_another_feed_lists_already_is_not_new() {
    let running = exposure(20_000, &[("v.example", "old", 300)]);
    let candidate = exposure(20_000, &[("v.example", "new", 300)]);
    assert_eq!(judge(&running, &candidate, HitLimits::default()), []);
}

#[test]
fn an_explosion_says_everything_in_one_line() {
    let running = exposure(20_000, &[("google-like.example", "f", 3)]);
    let hits = [
        ("google-like.example", "f", 1_200),
        ("akamai-like.example", "f", 150),
    ];
    let candidate = exposure(20_000, &hits);
    let lines: Vec<String> = judge(&running, &candidate, HitLimits::default())
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        lines,
        [
            "it would hit 1,200 of 20,000 recent events with `google-like.example` of feed `f` \
             (now 3 of 20,000; at most 50 of 10,000)",
            "it would hit 150 of 20,000 recent events with `akamai-like.example` of feed `f` \
             (now 0 of 20,000; at most 50 of 10,000)",
            "it would hit 1,350 of 20,000 recent events with feed `f` \
             (now 3 of 20,000; at most 200 of 10,000)",
            "it would hit 1,350 of 20,000 recent events (now 3 of 20,000; at most 500 of 10,000)",
        ]
    );
}

proptest! {
    #[test]
    fn it_explodes_exactly_by_the_rule(
        events in 900_u64..3_000,
        before in 0_u64..60,
        now in 0_u64..600,
        limit in 0_u32..2_000,
    ) {
        let events = events.max(now);
        let limits = HitLimits { indicator_hits_max: limit, ..HitLimits::default() };
        let running = exposure(events, &[("v.example", "f", before)]);
        let candidate = exposure(events, &[("v.example", "f", now)]);
        let share = now as f64 / events as f64;
        let expected = share > f64::from(limit) / 10_000.0
            && now > 10 * before
            && now >= 100
            && events >= SAMPLE_EVENTS_MIN;
        let indicator = |explosion: &Explosion| {
            matches!(explosion.what, Exploded::Indicator { .. })
        };
        let found = judge(&running, &candidate, limits).iter().any(indicator);
        prop_assert_eq!(found, expected);
    }
}
