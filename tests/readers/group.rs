//! Membership: what was committed is not read again, what is taken away is given back, and what is
//! held back waits.

use gannet::source::Progress;

use super::read::{Opening, READERS};
use super::support::client::{Cluster, Producer};

/// Partitions of every topic here.
const PARTITIONS: i32 = 4;

/// A topic of `count` records.
fn topic(cluster: &Cluster, name: &str, count: usize) -> String {
    let topic = format!("{name}-{}", std::process::id());
    cluster.create(&topic, PARTITIONS);
    send(cluster, &topic, count);
    topic
}

/// Sends `count` records.
fn send(cluster: &Cluster, topic: &str, count: usize) {
    let values: Vec<Vec<u8>> = (0..count).map(|at| at.to_string().into_bytes()).collect();
    Producer::to(cluster).spread(topic, PARTITIONS, &values);
}

#[test]
fn reading_goes_on_where_it_was_committed_whoever_reads() {
    let cluster = Cluster::best();
    let topic = topic(&cluster, "resume", 1000);
    for first in READERS {
        for second in READERS {
            let mut opening = Opening::new(first, &cluster.brokers(), &[&topic]);
            let mut reading = opening.open();
            reading.records_max = 13;
            reading.until("some records are read", |reading| reading.count() > 300);
            reading.commit();
            let read = reading.count();
            drop(reading);
            opening.reader = second;
            let mut reading = opening.open();
            reading.exactly(1000 - read);
        }
    }
}

#[test]
fn what_is_taken_away_is_read_by_whoever_gets_it() {
    let cluster = Cluster::best();
    for choice in READERS {
        let topic = topic(&cluster, &format!("shared-{choice:?}"), 400);
        let opening = Opening::new(choice, &cluster.brokers(), &[&topic]);
        let mut first = opening.open();
        first.until("all is read by the first", |reading| reading.count() == 400);
        let mut second = opening.open();
        let mut revoked = false;
        first.until("partitions are shared", |first| {
            second.step();
            revoked |= first.reader.assigned() < 4;
            revoked && first.reader.assigned() == 2 && second.reader.assigned() == 2
        });
        send(&cluster, &topic, 400);
        first.until("the rest is read by both", |first| {
            second.step();
            first.count() + second.count() >= 800
        });
        assert!(second.count() > 0 && first.count() > 400, "{choice:?}");
        assert_eq!(first.count() + second.count(), 800, "{choice:?}");
        drop(first);
        send(&cluster, &topic, 100);
        let before = second.count();
        second.until("all is read by the second", |second| {
            second.reader.assigned() == 4 && second.count() >= before + 100
        });
        let ends = cluster.ends(&topic, PARTITIONS);
        assert_eq!(ends.iter().sum::<i64>(), 900);
    }
}

#[test]
fn a_reader_that_is_held_stays_in_the_group_and_reads_on_later() {
    let cluster = Cluster::best();
    let topic = topic(&cluster, "held", 1000);
    for choice in READERS {
        let mut reading = Opening::new(choice, &cluster.brokers(), &[&topic]).open();
        reading.records_max = 50;
        reading.until("some records are read", |reading| reading.count() > 100);
        reading.reader.hold(true).expect("a pause");
        while reading.step() == Progress::Read {}
        let held = reading.count();
        for _ in 0..20 {
            assert_eq!(reading.step(), Progress::Idle);
        }
        assert_eq!((reading.count(), reading.reader.assigned()), (held, 4));
        reading.reader.hold(false).expect("an end of the pause");
        reading.exactly(1000);
    }
}
