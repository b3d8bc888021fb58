//! The whole way through Kafka: DNS and flows in, hits and episodes out, compared one by one
//! with what a naive reading of the same rows expects. The same body runs on the embedded broker
//! and on Apache Kafka.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::support::client::{Cluster, Received, Sent};
use crate::support::naive::{self, Feed};
use crate::support::plan::{self, FEED, OWN, Plan, REFUSED};
use crate::support::process::Instance;
use crate::support::setup::{PARTITIONS, Setup};
use crate::support::{eventually, told};

/// Rows of each kind.
const ROWS: usize = 1_500;

/// What is sent, and what must come of it.
struct Work {
    /// Rows on the topic of DNS, `dns` and `conn` mixed, in the order of their records.
    zeek: Vec<Value>,
    /// Flows of the other topic, by record.
    flows: Vec<Vec<Value>>,
    /// Records that no decoder takes.
    garbage: Vec<Sent>,
}

impl Work {
    /// The work of these tests.
    fn new() -> Self {
        let mut plan = Plan::new(7, 3 * ROWS);
        let mut zeek: Vec<Value> = (0..ROWS).map(|_| plan.dns()).collect();
        let mut flows = Vec::new();
        for number in 0..ROWS / 3 {
            let rows = 0..1 + number % 3;
            flows.push(rows.map(|_| plan.conn()).collect());
        }
        zeek.extend((0..ROWS / 2).map(|_| plan.conn()));
        let garbage = |number: u8| Sent {
            key: number.is_multiple_of(2).then(|| vec![0xff, number]),
            value: vec![b'{', 0x80 | number, 0, 0xfe],
            headers: vec![
                ("traceparent".to_owned(), vec![b'0', number]),
                (
                    "gannet.dlq.reason".to_owned(),
                    b"written by a stranger".to_vec(),
                ),
            ],
        };
        Self {
            zeek,
            flows,
            garbage: (0..20).map(garbage).collect(),
        }
    }

    /// All rows.
    fn rows(&self) -> Vec<Value> {
        let flows = self.flows.iter().flatten();
        self.zeek.iter().chain(flows).cloned().collect()
    }
}

/// Sends the work. Rows of Zeek come first, so that row `i` has offset `i / PARTITIONS` of
/// partition `i % PARTITIONS`, and flows likewise.
fn send(setup: &Setup, work: &Work) {
    let producer = setup.producer();
    let leases: Vec<Vec<u8>> = plan::leases().iter().map(plan::bytes).collect();
    producer.spread(&setup.topic("leases"), 1, &leases);
    let zeek: Vec<Vec<u8>> = work.zeek.iter().map(plan::bytes).collect();
    producer.spread(&setup.topic("dns"), PARTITIONS, &zeek);
    let flows: Vec<Vec<u8>> = work.flows.iter().map(|rows| plan::goflow2(rows)).collect();
    producer.spread(&setup.topic("flows"), PARTITIONS, &flows);
    for garbage in &work.garbage {
        producer.send(&setup.topic("dns"), 1, garbage);
    }
    let other = plan::other_log();
    producer.spread(&setup.topic("dns"), PARTITIONS, [&other, &other, &other]);
    producer.flush();
}

fn check(cluster: Cluster) {
    let mut setup = Setup::on(cluster, "whole", &[FEED, REFUSED].concat());
    setup.options.identify = Some("store = \"episodes.redb\"".to_owned());
    let work = Work::new();
    send(&setup, &work);
    let expected = naive::expected(&Feed::of(FEED.iter().copied()), OWN, &work.rows());
    assert!(expected.len() > 500, "{} hits are few", expected.len());
    let mut gannet = setup.start(&[]);
    gannet.await_assigned();
    setup.await_committed();

    let mut hits = setup.hits();
    hits.read_all(&setup.cluster);
    check_hits(&hits.json(), &expected, &setup, &work);

    let mut dead = setup.tap("dead");
    dead.read_all(&setup.cluster);
    check_dead(&dead.records, &setup, &work);

    check_metrics(&mut gannet, &work, &expected);

    let episodes = naive::episodes(&expected, &plan::leases());
    assert!(episodes.len() > 50, "{} episodes are few", episodes.len());
    let mut tap = setup.tap("episodes");
    tap.until("all episodes are told", |records| {
        told::sums(records).values().eq(episodes.values())
    });
    assert_eq!(told::sums(&tap.records), episodes);
    let log = gannet.log();
    assert!(!log.contains("ERROR"), "nothing was wrong: {log}");
    assert!(log.lines().count() < 50, "much was logged: {log}");
    assert_eq!(gannet.stop().code(), Some(0));
}

fn check_hits(
    hits: &[Value],
    expected: &BTreeMap<naive::Key, naive::Expected>,
    setup: &Setup,
    work: &Work,
) {
    let mut found = BTreeMap::new();
    for hit in hits {
        let port = hit["client"]["port"]
            .as_u64()
            .and_then(|port| u16::try_from(port).ok());
        let key = naive::key(hit);
        let wanted = expected
            .get(&key)
            .unwrap_or_else(|| panic!("nothing planned: {hit}"));
        let evidence = wanted
            .evidence
            .map(|_| hit["evidence"].as_str().unwrap_or_default());
        assert_eq!((evidence, port), (wanted.evidence, wanted.port), "{hit}");
        assert_eq!(hit["victim_evidence"], wanted.victim, "{hit}");
        check_position(hit, setup, work);
        *found.entry(key).or_insert(0) += 1;
    }
    let wanted: BTreeMap<naive::Key, i32> = expected.keys().map(|key| (key.clone(), 1)).collect();
    assert_eq!(found, wanted);
}

/// The position that a hit names holds the event that it is about.
#[track_caller]
fn check_position(hit: &Value, setup: &Setup, work: &Work) {
    let source = &hit["source"];
    let number = |key: &str| {
        let number = source[key].as_u64().expect("a number");
        usize::try_from(number).expect("a small number")
    };
    let partitions = usize::try_from(PARTITIONS).expect("partitions");
    let record = number("offset") * partitions + number("partition");
    let row = if source["topic"] == setup.topic("dns").as_str() {
        &work.zeek[record]
    } else {
        &work.flows[record][number("index")]
    };
    assert_eq!(naive::time(row), naive::nanos(&hit["event_time"]), "{hit}");
}

fn check_dead(records: &[Received], setup: &Setup, work: &Work) {
    assert_eq!(records.len(), work.garbage.len());
    for (record, sent) in records.iter().zip(&work.garbage) {
        assert_eq!((&record.value, &record.key), (&sent.value, &sent.key));
        let header = |name: &str| {
            let mut found = record.headers.iter().filter(|(key, _)| key == name);
            let value = found
                .next()
                .map(|(_, value)| String::from_utf8_lossy(value).into_owned());
            assert_eq!(found.next(), None, "{name} stands twice");
            value.unwrap_or_default()
        };
        assert_eq!(header("traceparent").as_bytes(), sent.headers[0].1);
        assert_eq!(header("gannet.dlq.reason"), "not_json");
        assert_eq!(header("gannet.dlq.version"), "1");
        assert_eq!(header("gannet.dlq.source"), "resolvers");
        assert_eq!(header("gannet.dlq.format"), "zeek-json");
        assert_eq!(header("gannet.dlq.topic"), setup.topic("dns"));
        assert_eq!(header("gannet.dlq.partition"), "1");
        let offset: usize = header("gannet.dlq.offset").parse().expect("an offset");
        let partitions = usize::try_from(PARTITIONS).expect("partitions");
        let first = (work.zeek.len() - 1).div_ceil(partitions);
        let sent_before = work
            .garbage
            .iter()
            .take_while(|other| *other != sent)
            .count();
        assert_eq!(offset, first + sent_before);
        assert_eq!(header("gannet.dlq.index"), "0");
        assert_eq!(header("gannet.dlq.rejected"), "1");
    }
}

/// Nothing is lost on the way through the counters either.
fn check_metrics(
    gannet: &mut Instance,
    work: &Work,
    expected: &BTreeMap<naive::Key, naive::Expected>,
) {
    let count = |number: usize| u64::try_from(number).expect("a count");
    let events = "gannet_events_total";
    let records = work.zeek.len() + work.flows.len() + work.garbage.len() + 3;
    eventually("all records are counted", || {
        (gannet.metric("gannet_records_total", &[])? == count(records)).then_some(())
    });
    let mut outcome = |outcome: &str| {
        let label = format!("outcome=\"{outcome}\"");
        gannet.metric(events, &[&label]).expect("metrics")
    };
    let matched_rows: BTreeSet<i64> = expected.keys().map(|(_, at, _)| *at).collect();
    let (matched, unmatched) = (outcome("matched"), outcome("unmatched"));
    let (ignored, rejected) = (outcome("ignored"), outcome("rejected"));
    assert_eq!(matched, count(matched_rows.len()));
    assert_eq!(matched + unmatched, count(work.rows().len()));
    assert_eq!(ignored, 3);
    assert_eq!(rejected, count(work.garbage.len()));
    let metric = |gannet: &mut Instance, name: &str| gannet.metric(name, &[]).expect("metrics");
    assert_eq!(
        metric(gannet, events),
        matched + unmatched + ignored + rejected
    );
    assert_eq!(metric(gannet, "gannet_hits_total"), count(expected.len()));
    assert_eq!(metric(gannet, "gannet_dead_letters_total"), rejected);
    let victims = expected.values().filter(|hit| hit.victim).count();
    assert_eq!(
        metric(gannet, "gannet_victim_evidence_total"),
        count(victims)
    );
    let acknowledged = count(expected.len()) + rejected;
    eventually("everything is acknowledged", || {
        let counted = gannet.metric("gannet_hits_acknowledged_total", &[])?;
        (counted == acknowledged).then_some(())
    });
}

#[test]
fn what_is_planned_is_found_on_the_embedded_broker() {
    check(Cluster::embedded());
}

#[test]
fn what_is_planned_is_found_on_kafka() {
    let test = "what_is_planned_is_found_on_kafka";
    if let Some(cluster) = Cluster::real_or_skip(test) {
        check(cluster);
    }
}
