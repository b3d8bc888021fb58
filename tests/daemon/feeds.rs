//! Feeds are replaced while records flow; one that cannot be used changes nothing; and without
//! any nothing is consumed.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;

use crate::support::client::Cluster;
use crate::support::eventually;
use crate::support::plan;
use crate::support::process::Instance;
use crate::support::setup::{PARTITIONS, Setup};

/// A time long before the test.
const LONG_AGO: f64 = 1_767_225_600.5;

/// This moment, in seconds.
fn now() -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.expect("the clock is right").as_secs_f64()
}

/// Sends a question of the time `at` for each of `names` and waits until all are processed.
fn ask(setup: &Setup, names: &[&str], at: f64) {
    let rows = names.iter().map(|name| {
        json!({"_path": "dns", "ts": at, "id.orig_h": "10.0.0.1", "id.orig_p": 5353,
               "id.resp_h": "192.0.2.53", "id.resp_p": 53, "query": name})
    });
    let values: Vec<Vec<u8>> = rows.map(|row| plan::bytes(&row)).collect();
    setup
        .producer()
        .spread(&setup.topic("dns"), PARTITIONS, &values);
    setup.await_committed();
}

/// The value and the generation of each hit, in the order of their names.
fn hits(setup: &Setup) -> Vec<(String, u64)> {
    let mut tap = setup.hits();
    tap.read_all(&setup.cluster);
    let hits = tap.json();
    let mut hits: Vec<(String, u64)> = hits
        .iter()
        .map(|hit| {
            let value = hit["match"]["value"].as_str().unwrap_or_default();
            let generation = hit["snapshot"]["generation"].as_u64();
            (value.to_owned(), generation.unwrap_or(0))
        })
        .collect();
    hits.sort();
    hits
}

/// Waits for a snapshot of `generation` in use, and no feed with an error.
#[track_caller]
fn await_generation(gannet: &mut Instance, generation: u64) {
    gannet.await_readiness("the snapshot is in use", |status, body| {
        let good = body["feeds"][0]["error"].is_null();
        status == 200 && body["snapshot"]["generation"] == generation && good
    });
}

#[test]
fn a_new_feed_takes_over_and_a_broken_one_changes_nothing() {
    let setup = Setup::on(Cluster::best(), "feeds", &["bad.example"]);
    let mut gannet = setup.start(&["--role", "match"]);
    gannet.await_assigned();
    await_generation(&mut gannet, 1);
    for (value, expected) in [("www.bad.example", true), ("worse.test", false)] {
        let path = format!("/v1/lookup?value={value}");
        let answer = gannet.get(&path).expect("it answers");
        let body: serde_json::Value = serde_json::from_str(&answer.body).expect("it is JSON");
        assert_eq!(body["would_match"], expected, "{body}");
    }
    let told = gannet.get("/v1/feeds").expect("it answers");
    let told: serde_json::Value = serde_json::from_str(&told.body).expect("it is JSON");
    assert_eq!(told["feeds"][0]["indicators"], 1, "{told}");
    ask(&setup, &["bad.example", "worse.test"], LONG_AGO);
    let first = ("bad.example".to_owned(), 1);
    assert_eq!(hits(&setup), std::slice::from_ref(&first));

    setup.feed("worse.test\n");
    gannet.signal("HUP");
    await_generation(&mut gannet, 2);
    ask(&setup, &["bad.example", "worse.test"], now());
    let second = ("worse.test".to_owned(), 2);
    assert_eq!(hits(&setup), [first.clone(), second.clone()]);
    // It was listed then.
    ask(&setup, &["bad.example"], LONG_AGO);
    let late = ("bad.example".to_owned(), 2);
    let expected = [first.clone(), late.clone(), second.clone()];
    assert_eq!(hits(&setup), expected);

    let html = "<!DOCTYPE html><html><body>Please log in</body></html>\n";
    for (broken, words) in [
        (Some(html), "is a web page"),
        (Some(""), "has no rows"),
        (None, "cannot read feed"),
    ] {
        match broken {
            Some(text) => setup.feed(text),
            None => std::fs::remove_file(setup.path("feed.txt")).expect("the feed is removed"),
        }
        gannet.signal("HUP");
        let (status, body) = gannet.await_readiness("the error is told", |_, body| {
            let error = body["feeds"][0]["error"].as_str();
            error.is_some_and(|error| error.contains(words))
        });
        assert_eq!((status, &body["snapshot"]["generation"]), (200, &json!(2)));
    }
    ask(&setup, &["bad.example", "worse.test"], now());
    assert_eq!(hits(&setup), [first, late, second.clone(), second]);

    setup.feed("bad.example\nworse.test\n");
    gannet.signal("HUP");
    await_generation(&mut gannet, 3);
    assert_eq!(gannet.metric("gannet_reloads_total", &["failed"]), Some(3));
    assert_eq!(gannet.stop().code(), Some(0));
}

#[test]
fn without_a_usable_feed_nothing_is_consumed() {
    let setup = Setup::on(Cluster::best(), "no-feed", &["# nothing yet"]);
    let rows = vec![plan::bytes(&json!({"query": "bad.example", "ts": 1.5}))];
    setup
        .producer()
        .spread(&setup.topic("dns"), PARTITIONS, &rows);
    let mut gannet = setup.start(&["--role", "match"]);
    let (_, body) = gannet.await_readiness("it says why it is not ready", |status, body| {
        status == 503 && !body["feeds"][0]["error"].is_null()
    });
    assert!(body["snapshot"].is_null(), "{body}");
    gannet.signal("HUP");
    eventually("it has tried again", || {
        (gannet.metric("gannet_reloads_total", &["failed"])? >= 2).then_some(())
    });
    assert_eq!(gannet.readiness().map(|(status, _)| status), Some(503));
    let nothing = vec![None; usize::try_from(PARTITIONS).expect("partitions")];
    let committed = || {
        setup
            .cluster
            .committed(&setup.group(), &setup.topic("dns"), PARTITIONS)
    };
    assert_eq!(committed(), nothing);

    setup.feed("bad.example\n");
    gannet.signal("HUP");
    gannet.await_assigned();
    setup.await_committed();
    assert_eq!(hits(&setup), [("bad.example".to_owned(), 1)]);
    assert_eq!(gannet.stop().code(), Some(0));
}

#[test]
fn waiting_for_a_feed_does_not_stand_in_the_way_of_a_stop() {
    let setup = Setup::bare(Cluster::embedded(), "no-feed");
    let mut gannet = setup.start(&[]);
    gannet.await_readiness("it says why it is not ready", |status, _| status == 503);
    assert_eq!(gannet.stop().code(), Some(0));
}
