//! What happens to topics while they are read: records vanish, leaders move.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use super::read::{Opening, READERS};
use super::support::PATIENCE;
use super::support::client::{Cluster, Producer};

#[test]
fn records_that_are_gone_are_told_as_a_gap() {
    let Some(cluster) = Cluster::real_or_skip("records_that_are_gone_are_told_as_a_gap") else {
        return;
    };
    for choice in READERS {
        let topic = format!("gone-{choice:?}-{}", std::process::id());
        cluster.create(&topic, 1);
        let values: Vec<Vec<u8>> = (0..100).map(|at: u8| vec![at]).collect();
        let producer = Producer::to(&cluster);
        producer.spread(&topic, 1, &values);
        let opening = Opening::new(choice, &cluster.brokers(), &[&topic]);
        let mut reading = opening.open();
        reading.records_max = 10;
        reading.until("some are read", |reading| reading.count() >= 10);
        reading.commit();
        let read = reading.count();
        drop(reading);
        cluster.delete_before(&topic, 0, 60);
        let mut reading = opening.open();
        reading.exactly(40);
        let [gap] = reading.gaps[..] else {
            panic!("{choice:?}: {:?}", reading.gaps);
        };
        let wanted = usize::try_from(gap.wanted).expect("an offset");
        assert_eq!((wanted, gap.resumed), (read, 60), "{choice:?}");
    }
}

#[test]
fn a_topic_that_begins_late_is_read_from_its_beginning_without_a_gap() {
    let Some(cluster) = Cluster::real_or_skip("a_topic_that_begins_late") else {
        return;
    };
    let topic = format!("late-{}", std::process::id());
    cluster.create(&topic, 1);
    let values: Vec<Vec<u8>> = (0..100).map(|at: u8| vec![at]).collect();
    Producer::to(&cluster).spread(&topic, 1, &values);
    cluster.delete_before(&topic, 0, 30);
    for choice in READERS {
        let mut reading = Opening::new(choice, &cluster.brokers(), &[&topic]).open();
        reading.exactly(70);
        assert_eq!(reading.gaps, [], "{choice:?}");
    }
}

#[test]
fn reading_follows_a_partition_to_its_new_leader() {
    for choice in READERS {
        let cluster = MockCluster::new(3).expect("three brokers");
        cluster.create_topic("moves", 2, 3).expect("a topic");
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", cluster.bootstrap_servers());
        let producer: BaseProducer = config.create().expect("a producer");
        let send = || {
            for at in 0..100 {
                let record = BaseRecord::<(), str>::to("moves").payload("value");
                producer.send(record.partition(at % 2)).expect("taken");
            }
            producer.flush(PATIENCE).expect("records are there");
        };
        cluster.partition_leader("moves", 0, Some(1)).expect("led");
        cluster.partition_leader("moves", 1, Some(2)).expect("led");
        send();
        let opening = Opening::new(choice, &cluster.bootstrap_servers(), &["moves"]);
        let mut reading = opening.open();
        reading.until("all is read", |reading| reading.count() == 100);
        for (round, leader) in [(2, 3), (3, 2), (4, 1)] {
            cluster
                .partition_leader("moves", 0, Some(leader))
                .expect("led");
            send();
            reading.until("all is read from the new leader", |reading| {
                reading.count() >= round * 100
            });
        }
        reading.exactly(400);
        for seen in reading.read.values() {
            let offsets: Vec<i64> = seen.iter().map(|seen| seen.offset).collect();
            assert_eq!(offsets, (0..200).collect::<Vec<i64>>(), "{choice:?}");
        }
    }
}

#[test]
fn a_broker_that_is_away_for_a_while_costs_no_record() {
    for choice in READERS {
        let cluster = MockCluster::new(1).expect("a broker");
        cluster.create_topic("away", 2, 1).expect("a topic");
        let send = || {
            // A new client each time: one that saw the outage may wait long before it comes back.
            let mut config = ClientConfig::new();
            config.set("bootstrap.servers", cluster.bootstrap_servers());
            let producer: BaseProducer = config.create().expect("a producer");
            for at in 0..100 {
                let record = BaseRecord::<(), str>::to("away").payload("value");
                producer.send(record.partition(at % 2)).expect("taken");
            }
            producer.flush(PATIENCE).expect("records are there");
        };
        send();
        let opening = Opening::new(choice, &cluster.bootstrap_servers(), &["away"]);
        let mut reading = opening.open();
        reading.until("all is read", |reading| reading.count() == 100);
        cluster.broker_down(1).expect("an outage");
        let before = std::time::Instant::now();
        while before.elapsed() < Duration::from_millis(700) {
            reading.step();
        }
        cluster.broker_up(1).expect("the end of the outage");
        send();
        reading.exactly(200);
        for seen in reading.read.values() {
            let offsets: Vec<i64> = seen.iter().map(|seen| seen.offset).collect();
            assert_eq!(offsets, (0..100).collect::<Vec<i64>>(), "{choice:?}");
        }
    }
}
