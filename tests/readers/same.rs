//! The same topics through both readers: the same records, in the same order, with the same
//! positions, times, keys, values and headers.

use gannet::config::Start;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use super::read::{Opening, READERS, Read};
use super::support::PATIENCE;
use super::support::client::Cluster;
use super::support::random::Random;

/// Partitions of every topic here.
const PARTITIONS: i32 = 3;

/// Sends records of all kinds with `codec`: with and without key, value and headers, small and
/// large, in batches of one and of many; how many.
fn fill(cluster: &Cluster, topic: &str, codec: &str, large: usize) -> usize {
    let mut random = Random::new(codec.len() as u64);
    let mut sent = 0;
    for (batch, count) in [("1", 40), ("10000", 3_000)] {
        let mut config = cluster.client();
        config.set("compression.codec", codec);
        config.set("batch.num.messages", batch);
        config.set("linger.ms", "20");
        config.set("message.max.bytes", "16000000");
        let producer: BaseProducer = config.create().expect("a producer");
        for at in 0..count {
            let len = match at % 500 {
                250 => large,
                _ => random.below(600),
            };
            let value: Vec<u8> = (0..len).map(|at| b"abcdefgh"[at % 8]).collect();
            let key = at.to_string();
            let mut headers = OwnedHeaders::new();
            for number in 0..random.below(3) {
                headers = headers.insert(Header {
                    key: &format!("h{number}"),
                    value: (number > 0).then_some("x"),
                });
            }
            let mut record = BaseRecord::<str, [u8]>::to(topic)
                .partition(at % PARTITIONS)
                .timestamp(1_767_225_600_000 + i64::from(at))
                .headers(headers);
            if random.below(4) > 0 {
                record = record.payload(&value);
            }
            if random.below(2) > 0 {
                record = record.key(&key);
            }
            producer.send(record).expect("a record is taken");
            sent += 1;
        }
        producer.flush(PATIENCE).expect("records are taken");
    }
    sent
}

/// What all readers read of `topics`, which must be the same.
#[track_caller]
fn read_by_both(brokers: &str, topics: &[&str], count: usize) -> Read {
    let [first, others @ ..] = READERS.map(|choice| {
        let mut reading = Opening::new(choice, brokers, topics).open();
        reading.exactly(count);
        assert_eq!(reading.gaps, []);
        reading.read
    });
    for second in &others {
        for (place, seen) in &first {
            let other = &second[place];
            assert_eq!(seen.len(), other.len(), "{place:?}");
            for (one, other) in seen.iter().zip(other) {
                assert!(one == other, "{place:?}: {one:?} and {other:?}");
            }
        }
        assert_eq!(first.len(), second.len());
    }
    first
}

#[test]
fn records_of_every_codec_are_the_same_for_both() {
    let cluster = Cluster::best();
    let topics = ["none", "gzip", "snappy", "lz4", "zstd"];
    let mut names = Vec::new();
    let mut count = 0;
    for codec in topics {
        let topic = format!("same-{codec}-{}", std::process::id());
        let large = match cluster {
            Cluster::Real(_) => 3_000_000,
            Cluster::Embedded(_) => 300_000,
        };
        cluster.create_with(&topic, PARTITIONS, &[("max.message.bytes", "16000000")]);
        count += fill(&cluster, &topic, codec, large);
        names.push(topic);
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let read = read_by_both(&cluster.brokers(), &names, count);
    assert_eq!(read.len(), topics.len() * 3);
    for seen in read.values() {
        let offsets: Vec<i64> = seen.iter().map(|seen| seen.offset).collect();
        let expected: Vec<i64> = (0..i64::try_from(seen.len()).expect("a count")).collect();
        assert_eq!(offsets, expected);
    }
}

#[test]
fn batches_larger_than_what_is_asked_for_come_whole() {
    let cluster = Cluster::best();
    let topic = format!("large-{}", std::process::id());
    cluster.create_with(&topic, PARTITIONS, &[("max.message.bytes", "16000000")]);
    let count = fill(&cluster, &topic, "none", 400_000);
    for choice in READERS {
        let opening = Opening::new(choice, &cluster.brokers(), &[&topic]);
        let opening = opening.with("max.partition.fetch.bytes", "1000");
        let opening = opening.with("message.max.bytes", "1500");
        let opening = opening.with("fetch.max.bytes", "2000");
        let mut reading = opening.with("receive.message.max.bytes", "20000000").open();
        reading.records_max = 7;
        reading.exactly(count);
        assert_eq!(reading.errors, Vec::<String>::new());
    }
}

#[test]
fn a_source_that_starts_at_the_end_reads_only_what_comes_after() {
    let cluster = Cluster::best();
    let topic = format!("latest-{}", std::process::id());
    cluster.create(&topic, PARTITIONS);
    let before = fill(&cluster, &topic, "none", 10);
    for choice in READERS {
        let mut opening = Opening::new(choice, &cluster.brokers(), &[&topic]);
        opening.start = Start::Latest;
        let mut reading = opening.open();
        reading.until("partitions are assigned", |reading| {
            reading.reader.assigned() == 3
        });
        let ends = cluster.ends(&topic, PARTITIONS);
        let after = fill(&cluster, &topic, "lz4", 10);
        assert_eq!(before, after);
        reading.exactly(after);
        for ((_, partition), seen) in &reading.read {
            let partition = usize::try_from(*partition).expect("a partition");
            assert_eq!(seen[0].offset, ends[partition]);
        }
    }
}
