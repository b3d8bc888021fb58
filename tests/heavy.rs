//! A million rows through Apache Kafka, killed half way. Runs only when it is asked to:
//!
//! ```text
//! GANNET_HEAVY=1 cargo test --test heavy -- --nocapture
//! ```

#![allow(
    clippy::print_stdout,
    reason = "its figures are for whoever asked for them"
)]

mod support;

use std::time::Instant;

use serde_json::{Value, json};
use support::client::Cluster;
use support::naive::{self, Feed};
use support::setup::{PARTITIONS, Setup};
use support::{plan, told};

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
