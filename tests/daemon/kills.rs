//! The program is killed without warning in the middle of its work, several times: no hit is
//! lost, none is made up, and all copies of one hit are the same.

use serde_json::Value;

use crate::support::client::Cluster;
use crate::support::naive::{self, Feed};
use crate::support::plan::{self, FEED, OWN, Plan};
use crate::support::setup::{PARTITIONS, Setup};
use crate::support::told;

/// So few unacknowledged hits that the work takes a while, and kills meet it half done.
const WORKERS: &str = "threads = 2\ncommit_interval = \"30ms\"\nbatch_records_max = 48\n\
                       unacknowledged_max = 8";

/// Kills after each of `percents` of the hits were seen, then lets the work be finished.
fn check(mut setup: Setup, rows: usize, percents: &[usize]) {
    setup.options.workers = WORKERS.to_owned();
    let mut plan = Plan::new(11, rows);
    let rows: Vec<Value> = (0..rows).map(|_| plan.dns()).collect();
    let expected = naive::expected(&Feed::of(FEED.iter().copied()), OWN, &rows);
    let values: Vec<Vec<u8>> = rows.iter().map(plan::bytes).collect();
    setup
        .producer()
        .spread(&setup.topic("dns"), PARTITIONS, &values);
    let mut hits = setup.hits();
    for percent in percents {
        let gannet = setup.start(&["--role", "match"]);
        let wanted = expected.len() * percent / 100;
        let mut seen = 0;
        hits.until("enough hits for the next kill", |records| {
            seen = told::ids(records).len();
            seen >= wanted
        });
        gannet.kill();
        assert!(
            seen < expected.len(),
            "the kill came too late to prove anything"
        );
    }
    let mut gannet = setup.start(&["--role", "match"]);
    gannet.await_assigned();
    setup.await_committed();
    hits.read_all(&setup.cluster);
    told::check(&hits.json(), &expected);
    assert_eq!(gannet.stop().code(), Some(0));
}

#[test]
fn kills_of_the_identify_stage_lose_and_repeat_nothing() {
    let mut setup = Setup::on(Cluster::best(), "killed-identify", FEED);
    // Small steps, so that kills fall between them.
    let identify = "store = \"episodes.redb\"\ncommit_hits_max = 20";
    setup.options.identify = Some(identify.to_owned());
    let leases: Vec<Vec<u8>> = plan::leases().iter().map(plan::bytes).collect();
    let producer = setup.producer();
    producer.spread(&setup.topic("leases"), 1, &leases);
    let mut plan = Plan::new(29, 6_000);
    let rows: Vec<Value> = (0..6_000).map(|_| plan.dns()).collect();
    let values: Vec<Vec<u8>> = rows.iter().map(plan::bytes).collect();
    producer.spread(&setup.topic("dns"), PARTITIONS, &values);
    let hits = naive::expected(&Feed::of(FEED.iter().copied()), OWN, &rows);
    let expected = naive::episodes(&hits, &plan::leases());
    let all: u64 = expected.values().map(|sums| sums.hits).sum();
    let mut tap = setup.tap("episodes");
    for part in [8, 3] {
        let gannet = setup.start(&[]);
        let mut told = 0;
        tap.until("enough hits for the next kill", |records| {
            told = told::sums(records).values().map(|sums| sums.hits).sum();
            told >= all / part
        });
        gannet.kill();
        assert!(told < all, "the kill came too late to prove anything");
    }
    let gannet = setup.start(&[]);
    tap.until("all episodes are told", |records| {
        told::sums(records) == expected
    });
    assert_eq!(gannet.stop().code(), Some(0));
}

#[test]
fn kills_lose_nothing_on_kafka() {
    let test = "kills_lose_nothing_on_kafka";
    if let Some(cluster) = Cluster::real_or_skip(test) {
        let mut setup = Setup::on(cluster, "kills", FEED);
        // A member with a name is let in again at once.
        setup.options.kafka = "instance = \"one\"".to_owned();
        check(setup, 12_000, &[10, 25, 45, 65]);
    }
}

#[test]
fn a_kill_loses_nothing_when_members_have_no_names() {
    let setup = Setup::on(Cluster::best(), "killed-once", FEED);
    check(setup, 6_000, &[30]);
}

#[test]
fn a_kill_loses_nothing_on_the_embedded_broker() {
    let setup = Setup::on(Cluster::embedded(), "killed-once", FEED);
    check(setup, 6_000, &[30]);
}
