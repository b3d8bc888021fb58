//! Transactions: aborted records are left out, open ones are waited for, unless everything is wanted.

use std::time::Duration;

use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use super::read::{Opening, READERS};
use super::support::PATIENCE;
use super::support::client::Cluster;

/// A producer of transactions.
fn producer(cluster: &Cluster, id: &str) -> BaseProducer {
    let mut config = cluster.client();
    config.set("transactional.id", format!("{id}-{}", std::process::id()));
    let producer: BaseProducer = config.create().expect("a producer");
    producer.init_transactions(PATIENCE).expect("transactions");
    producer
}

/// Sends values in a transaction, which is left open.
fn send(producer: &BaseProducer, topic: &str, values: &[&str]) {
    producer.begin_transaction().expect("a transaction");
    for value in values {
        let record = BaseRecord::<(), str>::to(topic).partition(0).payload(value);
        producer.send(record).expect("a record is taken");
    }
    while producer.in_flight_count() > 0 {
        producer.poll(Duration::from_millis(5));
    }
}

#[test]
fn aborted_records_are_left_out_and_open_ones_are_waited_for() {
    let Some(cluster) = Cluster::real_or_skip("aborted_records_are_left_out") else {
        return;
    };
    let topic = format!("transactions-{}", std::process::id());
    cluster.create(&topic, 1);
    let (one, two) = (producer(&cluster, "one"), producer(&cluster, "two"));
    send(&one, &topic, &["kept-1"]);
    send(&two, &topic, &["gone-1", "gone-2"]);
    one.commit_transaction(PATIENCE).expect("a commit");
    two.abort_transaction(PATIENCE).expect("an abort");
    send(&two, &topic, &["kept-2"]);
    two.commit_transaction(PATIENCE).expect("a commit");
    send(&two, &topic, &["open"]);
    let values = |level: &str, count: usize| {
        READERS.map(|choice| {
            let opening = Opening::new(choice, &cluster.brokers(), &[&topic]);
            let mut reading = opening.with("isolation.level", level).open();
            reading.exactly(count);
            let seen = reading.read.into_values().flatten();
            let text = |seen: super::read::Seen| {
                let value = String::from_utf8(seen.value.expect("a value"));
                (seen.offset, value.expect("a text"))
            };
            seen.map(text).collect::<Vec<_>>()
        })
    };
    let [direct, beside, library] = values("read_committed", 2);
    assert_eq!((&direct, &beside), (&library, &library));
    let texts: Vec<&str> = direct.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(texts, ["kept-1", "kept-2"]);
    let [direct, beside, library] = values("read_uncommitted", 5);
    assert_eq!((&direct, &beside), (&library, &library));
    two.commit_transaction(PATIENCE).expect("a commit");
    let [direct, beside, library] = values("read_committed", 3);
    assert_eq!((&direct, &beside), (&library, &library));
    assert_eq!(direct.last().map(|(_, text)| text.as_str()), Some("open"));
}
