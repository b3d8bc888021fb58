//! Records that are hard to pass on, or gone, do not stop those behind them.

use serde_json::json;

use crate::support::client::{Cluster, Sent};
use crate::support::plan;
use crate::support::setup::Setup;

#[test]
fn a_dead_letter_always_fits_into_a_message() {
    let setup = Setup::on(Cluster::best(), "poison", &["bad.example"]);
    let (producer, topic) = (setup.producer(), setup.topic("dns"));
    let large = |key: usize, value: usize, header: usize| Sent {
        key: Some(vec![b'k'; key]),
        value: vec![b'v'; value],
        headers: vec![("from".to_owned(), vec![b'h'; header])],
    };
    // Together less than the embedded broker keeps of a partition.
    let poison = [
        large(500_000, 600_000, 10),
        large(10, 10, 1_100_000),
        large(1_100_000, 10, 10),
        large(10, 1_200_000, 10),
        large(10, 10, 10),
    ];
    for record in &poison {
        producer.send(&topic, 0, record);
    }
    let behind = json!({"_path": "dns", "ts": 1_767_225_600.5, "id.orig_h": "10.0.0.1",
                        "query": "bad.example"});
    let behind = Sent {
        value: plan::bytes(&behind),
        ..Sent::default()
    };
    producer.send(&topic, 0, &behind);
    producer.flush();
    let gannet = setup.start(&["--role", "match"]);
    let mut dead = setup.tap("dead");
    dead.until("all dead letters are there", |records| {
        records.len() == poison.len()
    });
    let mut hits = setup.hits();
    hits.until("the hit behind them is there", |records| records.len() == 1);
    setup.await_committed();
    let header = |at: usize, name: &str| {
        let found = dead.records[at].headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
    };
    assert_eq!(
        header(3, "gannet.dlq.truncated"),
        Some("1200000".to_owned())
    );
    assert_eq!(header(4, "gannet.dlq.truncated"), None);
    assert_eq!(dead.records[4].key, poison[4].key);
    assert_eq!(dead.records[4].value, poison[4].value);
    assert_eq!(gannet.stop().code(), Some(0));
}

#[test]
fn records_that_retention_took_are_counted_and_passed_over() {
    let test = "records_that_retention_took_are_counted_and_passed_over";
    let Some(cluster) = Cluster::real_or_skip(test) else {
        return;
    };
    let setup = Setup::on(cluster, "gone", &["bad.example"]);
    let (producer, topic) = (setup.producer(), setup.topic("dns"));
    let send = |from: i32, to: i32| {
        for number in from..to {
            let ts = 1_767_225_600.0 + f64::from(number);
            let row = json!({"_path": "dns", "ts": ts, "id.orig_h": "10.0.0.1",
                             "query": "bad.example"});
            let value = plan::bytes(&row);
            let sent = Sent {
                value,
                ..Sent::default()
            };
            producer.send(&topic, 0, &sent);
        }
        producer.flush();
    };
    send(0, 10);
    let mut gannet = setup.start(&["--role", "match"]);
    gannet.await_assigned();
    setup.await_committed();
    assert_eq!(gannet.stop().code(), Some(0));

    send(10, 50);
    setup.cluster.delete_before(&topic, 0, 30);
    let mut gannet = setup.start(&["--role", "match"]);
    let mut hits = setup.hits();
    hits.until("what is left is found", |records| records.len() == 30);
    setup.await_committed();
    assert_eq!(gannet.metric("gannet_offset_gaps_total", &[]), Some(1));
    assert_eq!(
        gannet.metric("gannet_offset_gap_records_total", &[]),
        Some(20)
    );
    assert_eq!(gannet.stop().code(), Some(0));
    hits.read_all(&setup.cluster);
    assert_eq!(hits.records.len(), 30);
}
