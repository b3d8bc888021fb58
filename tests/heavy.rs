//! A million rows through Apache Kafka, killed half way; and changes of feeds among five million
//! indicators. Runs only when it is asked to:
//!
//! ```text
//! GANNET_HEAVY=1 cargo test --test heavy -- --nocapture
//! ```

#![allow(
    clippy::print_stdout,
    reason = "its figures are for whoever asked for them"
)]

mod support;

use std::ops::Range;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::client::{Cluster, Sent};
use support::naive::{self, Feed};
use support::process::Instance;
use support::setup::{PARTITIONS, Setup};
use support::{eventually, plan, told};

/// Rows in all.
const ROWS: i64 = 1_000_000;

/// One row in so many holds something listed.
const EVERY: i64 = 1_000;

/// When it began, in milliseconds since the epoch: 2026-01-01.
const START_MS: i64 = 1_767_225_600_000;

/// What is looked for.
const FEED: &[&str] = &["bad.example"];

/// Row `number`.
fn row(number: i64) -> Value {
    #[expect(clippy::cast_precision_loss, reason = "thirteen digits fit")]
    let ts = (START_MS + number) as f64 / 1000.0;
    let name = if number % EVERY == EVERY / 2 {
        format!("w{number}.bad.example")
    } else {
        format!("w{number}.good.example")
    };
    json!({
        "_path": "dns", "ts": ts, "uid": format!("C{number:016}"),
        "id.orig_h": format!("10.0.{}.{}", number / 250 % 250, number % 250),
        "id.orig_p": 5353, "id.resp_h": "192.0.2.53", "id.resp_p": 53, "proto": "udp",
        "query": name, "qtype": 1, "qtype_name": "A", "rcode": 0, "rcode_name": "NOERROR",
        "answers": ["192.0.2.1"], "TTLs": [60.0], "rejected": false,
    })
}

#[test]
fn a_million_rows_and_a_kill_give_exactly_the_planted_hits() {
    let test = "a_million_rows_and_a_kill_give_exactly_the_planted_hits";
    if std::env::var("GANNET_HEAVY").as_deref() != Ok("1") {
        println!("skipped: {test}: GANNET_HEAVY is not 1");
        return;
    }
    let Some(cluster) = Cluster::real_or_skip(test) else {
        return;
    };
    let mut setup = Setup::on(cluster, "heavy", FEED);
    setup.options.kafka = "instance = \"one\"".to_owned();
    let began = Instant::now();
    let rows = (0..ROWS).map(|number| plan::bytes(&row(number)));
    let rows: Vec<Vec<u8>> = rows.collect();
    setup
        .producer()
        .spread(&setup.topic("dns"), PARTITIONS, &rows);
    drop(rows);
    println!("{ROWS} rows sent in {:.1?}", began.elapsed());

    let planted: Vec<Value> = (0..ROWS)
        .filter(|number| number % EVERY == EVERY / 2)
        .map(row)
        .collect();
    let expected = naive::expected(&Feed::of(FEED.iter().copied()), plan::OWN, &planted);
    let began = Instant::now();
    let mut hits = setup.hits();
    for part in [4, 2] {
        let gannet = setup.start(&["--role", "match"]);
        let wanted = expected.len() / part;
        hits.until("enough hits for the kill", |records| {
            told::ids(records).len() >= wanted
        });
        gannet.kill();
        println!("killed after {} hits", told::ids(&hits.records).len());
    }
    let mut gannet = setup.start(&["--role", "match"]);
    gannet.await_assigned();
    setup.await_committed();
    assert_eq!(gannet.stop().code(), Some(0));
    hits.read_all(&setup.cluster);
    let distinct = told::ids(&hits.records).len();
    println!(
        "{} records of hits, {distinct} distinct, {} planted, in {:.1?}",
        hits.records.len(),
        expected.len(),
        began.elapsed()
    );
    told::check(&hits.json(), &expected);
    assert_eq!(distinct, 1_000);
}

/// Indicators of the large feed.
const LISTED: u32 = 5_000_000;

/// The longest that a change may take from where it is published to where it matches.
const FRESH_WITHIN: Duration = Duration::from_secs(3);

/// A feed of names with these numbers.
fn list(name: &str, numbers: Range<u32>) -> String {
    let names = numbers.map(|number| format!("host{number}.{name}.example\n"));
    names.collect()
}

/// How long a value takes to match.
fn until_match(gannet: &mut Instance, value: &str) -> Duration {
    let began = Instant::now();
    eventually(&format!("{value} matches"), || {
        let answer = gannet.get(&format!("/v1/lookup?value={value}"))?;
        let told: Value = serde_json::from_str(&answer.body).ok()?;
        (told["would_match"] == true).then_some(())
    });
    began.elapsed()
}

#[test]
fn among_five_million_indicators_a_change_matches_within_three_seconds() {
    let test = "among_five_million_indicators_a_change_matches_within_three_seconds";
    if std::env::var("GANNET_HEAVY").as_deref() != Ok("1") {
        println!("skipped: {test}: GANNET_HEAVY is not 1");
        return;
    }
    let Some(cluster) = Cluster::real_or_skip(test) else {
        return;
    };
    let mut setup = Setup::on(cluster, "fresh", &[]);
    setup.feed(&list("large", 0..LISTED));
    let topic = setup.topic("indicators");
    let compacted = [("cleanup.policy", "compact")];
    setup.cluster.create_with(&topic, 1, &compacted);
    std::fs::write(setup.path("small.txt"), list("small", 0..10_000)).expect("a feed is written");
    setup.options.more = format!(
        "[gate]\nstore = \"store\"\n\
         [[feed]]\nname = \"small\"\npath = \"small.txt\"\nformat = \"plain\"\nrole = \"c2\"\n\
         [[feed]]\nname = \"desk\"\ntopic = \"{topic}\"\nformat = \"gannet-json\"\nrole = \"c2\"\n"
    );
    let began = Instant::now();
    let mut gannet = setup.start(&["--role", "match"]);
    gannet.await_assigned();
    println!("{LISTED} indicators loaded in {:.1?}", began.elapsed());

    let producer = setup.producer();
    let mut worst = Duration::ZERO;
    for number in 0..20 {
        let value =
            json!({"schema": "gannet.indicator.v1", "value": format!("one{number}.example")});
        let sent = Sent {
            key: Some(number.to_string().into_bytes()),
            value: plan::bytes(&value),
            headers: Vec::new(),
        };
        producer.send(&topic, 0, &sent);
        producer.flush();
        worst = worst.max(until_match(&mut gannet, &format!("one{number}.example")));
    }
    println!("an indicator of the topic matches within {worst:.2?}, the worst of 20");
    assert!(worst < FRESH_WITHIN, "{worst:?}");

    let small = list("small", 0..10_000) + "new.small.example\n";
    std::fs::write(setup.path("small.txt"), small).expect("a feed is written");
    gannet.signal("HUP");
    let took = until_match(&mut gannet, "new.small.example");
    println!("a feed of 10,000 rows that changed matches within {took:.2?}");
    assert!(took < FRESH_WITHIN, "{took:?}");
    assert_eq!(gannet.stop().code(), Some(0));
}
