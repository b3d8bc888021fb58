//! The identify stage as a process: its store can be lost, its instance too, and leases may come
//! in any way that Kafka knows.

use std::time::Duration;

use serde_json::Value;

use crate::support::client::Cluster;
use crate::support::naive::{self, Feed};
use crate::support::plan::{self, FEED, OWN, Plan};
use crate::support::setup::{PARTITIONS, Setup};
use crate::support::told;

/// A place with leases and hits, and the episodes that they must give.
fn prepared(name: &str, cluster: Cluster) -> (Setup, Episodes) {
    let mut setup = Setup::on(cluster, name, FEED);
    setup.options.identify = Some("store = \"episodes.redb\"".to_owned());
    let leases: Vec<Vec<u8>> = plan::leases().iter().map(plan::bytes).collect();
    setup.producer().spread(&setup.topic("leases"), 1, &leases);
    let episodes = matched(&setup);
    (setup, episodes)
}

/// The sums of episodes by subscriber and campaign.
type Episodes = std::collections::BTreeMap<(String, String), naive::Sums>;

/// Sends rows, has them matched, and says which episodes must come of it.
fn matched(setup: &Setup) -> Episodes {
    let mut plan = Plan::new(17, 1_000);
    let rows: Vec<Value> = (0..1_000).map(|_| plan.dns()).collect();
    let values: Vec<Vec<u8>> = rows.iter().map(plan::bytes).collect();
    setup
        .producer()
        .spread(&setup.topic("dns"), PARTITIONS, &values);
    let mut gannet = setup.start(&["--role", "match"]);
    gannet.await_assigned();
    setup.await_committed();
    assert_eq!(gannet.stop().code(), Some(0));
    let hits = naive::expected(&Feed::of(FEED.iter().copied()), OWN, &rows);
    naive::episodes(&hits, &plan::leases())
}

#[test]
fn a_store_that_was_deleted_gives_the_same_episodes_again() {
    let (setup, expected) = prepared("store", Cluster::best());
    let gannet = setup.start(&["--role", "identify"]);
    let mut tap = setup.tap("episodes");
    tap.until("all episodes are told", |records| {
        told::sums(records) == expected
    });
    assert_eq!(gannet.stop().code(), Some(0));
    tap.read_all(&setup.cluster);
    let before = told::states(&tap.records);
    let told_before = tap.records.len();

    std::fs::remove_file(setup.path("episodes.redb")).expect("the store is deleted");
    let gannet = setup.start(&["--role", "identify"]);
    tap.until("all episodes are told again", |records| {
        told::states(&records[told_before..]) == before
    });
    assert_eq!(gannet.stop().code(), Some(0));
    tap.read_all(&setup.cluster);
    assert_eq!(told::states(&tap.records), before);
}

#[test]
fn a_kept_store_tells_nothing_twice() {
    let (setup, expected) = prepared("kept", Cluster::best());
    let gannet = setup.start(&["--role", "identify"]);
    let mut tap = setup.tap("episodes");
    tap.until("all episodes are told", |records| {
        told::sums(records) == expected
    });
    assert_eq!(gannet.stop().code(), Some(0));
    let ends = setup.cluster.ends(&setup.topic("episodes"), 1);
    let mut gannet = setup.start(&["--role", "identify"]);
    gannet.await_readiness("it is active and has read its leases", |status, body| {
        status == 200 && body["standby"] == false
    });
    crate::support::eventually("it has counted what it has", || {
        (gannet.metric("gannet_episodes", &[])? > 0).then_some(())
    });
    assert_eq!(gannet.stop().code(), Some(0));
    assert_eq!(setup.cluster.ends(&setup.topic("episodes"), 1), ends);
}

#[test]
fn the_second_instance_stands_by_and_takes_over() {
    let (mut setup, expected) = prepared("standby", Cluster::best());
    let mut first = setup.start(&["--role", "identify"]);
    first.await_readiness("the first instance is active", |status, body| {
        status == 200 && body["standby"] == false
    });
    let mut tap = setup.tap("episodes");
    tap.until("it tells episodes", |records| !records.is_empty());
    setup.options.identify = Some("store = \"second.redb\"".to_owned());
    let mut second = setup.start(&["--role", "identify"]);
    second.await_readiness("the second instance stands by", |_, body| {
        body["standby"] == true
    });
    first.await_readiness("the first stays active", |status, body| {
        status == 200 && body["standby"] == false
    });
    first.kill();
    second.await_readiness("the second instance is active", |status, body| {
        status == 200 && body["standby"] == false
    });
    let told_before = tap.records.len();
    tap.until("it tells all episodes", |records| {
        told::sums(&records[told_before..]) == expected
    });
    tap.read_all(&setup.cluster);
    assert_eq!(told::sums(&tap.records), expected);
    assert_eq!(second.stop().code(), Some(0));
}

#[test]
fn a_hit_waits_for_the_lease_that_comes_after_it() {
    let mut setup = Setup::on(Cluster::best(), "waits", FEED);
    let identify = "store = \"episodes.redb\"\nguard_band = \"0s\"";
    setup.options.identify = Some(identify.to_owned());
    setup.options.lease_delay = "8s".to_owned();
    let mut gannet = setup.start(&[]);
    gannet.await_assigned();
    let now = jiff::Timestamp::now();
    #[expect(clippy::cast_precision_loss, reason = "thirteen digits fit")]
    let ts = now.as_millisecond() as f64 / 1000.0;
    let row = serde_json::json!({"_path": "dns", "ts": ts, "id.orig_h": "10.0.0.1",
                                 "id.orig_p": 5353, "query": "bad.example"});
    let producer = setup.producer();
    producer.spread(&setup.topic("dns"), 1, [&plan::bytes(&row)]);
    crate::support::eventually("the hit waits", || {
        (gannet.metric("gannet_hits_waiting", &[])? == 1).then_some(())
    });
    let start = now - jiff::SignedDuration::from_secs(3600);
    let lease = serde_json::json!({"lease_id": "late", "subscriber": "line-1",
                                   "ip": "10.0.0.1", "start": start.to_string()});
    producer.spread(&setup.topic("leases"), 1, [&plan::bytes(&lease)]);
    let mut tap = setup.tap("episodes");
    tap.until("the episode is told", |records| !records.is_empty());
    let told = tap.json();
    assert_eq!(
        (&told[0]["subscriber"], &told[0]["attribution"]),
        (&Value::from("line-1"), &Value::from("exact"))
    );
    assert_eq!(gannet.stop().code(), Some(0));
}

#[test]
fn leases_may_be_written_in_transactions() {
    let test = "leases_may_be_written_in_transactions";
    let Some(cluster) = Cluster::real_or_skip(test) else {
        return;
    };
    use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
    let mut setup = Setup::on(cluster, "transactions", FEED);
    setup.options.identify = Some("store = \"episodes.redb\"".to_owned());
    let mut config = setup.cluster.client();
    config.set("transactional.id", &setup.prefix);
    let producer: BaseProducer = config.create().expect("a producer");
    let wait = Duration::from_secs(30);
    producer.init_transactions(wait).expect("transactions");
    let topic = setup.topic("leases");
    for lease in plan::leases() {
        producer.begin_transaction().expect("a transaction");
        let value = plan::bytes(&lease);
        let record = BaseRecord::<[u8], [u8]>::to(&topic).payload(&value);
        producer
            .send(record)
            .map_err(|(error, _)| error)
            .expect("a record");
        producer.commit_transaction(wait).expect("a commit");
    }
    let expected = matched(&setup);
    let gannet = setup.start(&["--role", "identify"]);
    let mut tap = setup.tap("episodes");
    tap.until("all episodes are told", |records| {
        told::sums(records) == expected
    });
    assert_eq!(gannet.stop().code(), Some(0));
}
