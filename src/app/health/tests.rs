//! What is told of feeds while nothing is loaded.

use serde_json::Value;

use super::*;
use crate::app::attempts::Failing;
use crate::feeds::gate::Age;
use crate::feeds::{FeedReport, LoadedFeed};
use crate::model::{FeedFormat, Role};
use crate::telemetry::prometheus::recorded;

/// An instant, in seconds.
fn at(seconds: i64) -> EventTime {
    EventTime::from_parts(seconds, 0).unwrap()
}

/// A feed of this name.
fn feed(name: &str) -> FeedConfig {
    FeedConfig::new(name.to_owned(), name.into(), FeedFormat::Plain, Role::C2)
}

/// A snapshot with one feed, which came in second 1000 and is stale from second 5000 on.
fn published() -> Published {
    Published {
        generation: 1,
        hash: "h".to_owned(),
        indicators: 7,
        allow_rules: 0,
        bytes: 0,
        took: Duration::ZERO,
        feeds: vec![LoadedFeed {
            name: "one".to_owned(),
            report: FeedReport::default(),
            duplicates: 0,
            narrowed: 0,
            reserved: 0,
        }],
        passed: vec![Passed {
            name: "one".to_owned(),
            version: Version::Current,
            age: Age {
                dated: Some(at(1000)),
                changed: Some(at(1000)),
                stale_from: Some(at(5000)),
            },
            same_as: Vec::new(),
            trouble: String::new(),
        }],
        read: Vec::new(),
    }
}

/// What is told of the feed with this number at one moment.
fn told(health: &Health, number: usize, now: EventTime) -> Value {
    health.feeds(now).unwrap()["feeds"][number].clone()
}

#[test]
fn a_feed_becomes_stale_while_nothing_is_published() {
    let health = Health::default();
    assert_eq!(health.feeds(at(1)), None);
    health.published(&published(), &[feed("one")]);
    for (now, age, stale) in [(4999, 3999, false), (5000, 4000, true), (9000, 8000, true)] {
        let told = told(&health, 0, at(now));
        assert_eq!(
            (&told["age_seconds"], &told["stale"]),
            (&json!(age), &json!(stale))
        );
        assert_eq!(told["stale_from"], "1970-01-01T01:23:20Z");
    }
}

#[test]
fn the_metrics_say_what_holds_when_they_are_read() {
    let line = |name: &str, value: u64| format!("gannet_feed_{name}{{feed=\"one\"}} {value}");
    for (now, age, stale) in [(4999, 3999, 0), (5000, 4000, 1)] {
        let ((), text) = recorded(|| {
            let health = Health::default();
            health.measure(at(1));
            health.published(&published(), &[feed("one"), feed("two")]);
            for earlier in [1000, now] {
                health.measure(at(earlier));
            }
        });
        for line in [line("age_seconds", age), line("stale", stale)] {
            assert!(text.lines().any(|other| other == line), "{line}\n{text}");
        }
        // Of what was never there, nothing is known.
        assert!(!text.contains("\"two\""), "{text}");
    }
}

#[test]
fn a_fetch_counts_at_once_and_one_that_fails_is_told_with_its_reason() {
    let health = Health::default();
    let mut attempts = Attempts {
        next_at: Some(at(6000)),
        ..Attempts::default()
    };
    attempts.note(at(2000), Some("no route"));
    // Of one that was never there, too.
    health.attempted("two", &attempts);
    attempts.note(at(2500), None);
    health.attempted("one", &attempts);
    health.published(&published(), &[feed("one"), feed("two")]);
    let one = told(&health, 0, at(3000));
    assert_eq!(
        (&one["age_seconds"], &one["state"]),
        (&json!(500), &json!("current"))
    );
    assert_eq!(one["next_refresh"], "1970-01-01T01:40:00Z");
    let two = told(&health, 1, at(3000));
    let failing = json!({"since": "1970-01-01T00:33:20Z", "error": "no route"});
    assert_eq!(
        (&two["failing"], &two["state"]),
        (&failing, &json!("missing"))
    );
    assert_eq!(two["age_seconds"], Value::Null);
    let status = |name: &str| {
        let feeds = health.ready().feeds;
        let feed = feeds.into_iter().find(|feed| feed.name == name);
        feed.and_then(|feed| feed.error)
    };
    assert_eq!(status("two").as_deref(), Some("not fetched: no route"));
    attempts.failing = Some(Failing {
        since: at(2600),
        what: "cut".to_owned(),
    });
    health.attempted("one", &attempts);
    assert_eq!(told(&health, 0, at(3000))["failing"]["error"], "cut");
    attempts.note(at(2900), None);
    health.attempted("two", &attempts);
    assert_eq!(status("two"), None);
}
