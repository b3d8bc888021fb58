//! Tests of questions for records and their answers.

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::fetch_response::{
    AbortedTransaction, EpochEndOffset, FetchableTopicResponse, PartitionData,
};
use kafka_protocol::messages::{FetchRequest, FetchResponse, ProducerId, TopicName};
use kafka_protocol::protocol::{Decodable as _, Encodable as _, StrBytes};
use proptest::prelude::*;

use super::*;

/// An answer as the library writes it.
fn answer(version: i16) -> Bytes {
    let aborted = AbortedTransaction::default()
        .with_producer_id(ProducerId(7))
        .with_first_offset(90);
    let mut data = PartitionData::default()
        .with_partition_index(3)
        .with_error_code(6)
        .with_high_watermark(120)
        .with_last_stable_offset(110)
        .with_aborted_transactions(Some(vec![aborted]))
        .with_records(Some(Bytes::from_static(b"batches")));
    if version >= 12 {
        data.diverging_epoch = EpochEndOffset::default().with_epoch(2).with_end_offset(55);
    }
    let empty = PartitionData::default()
        .with_partition_index(4)
        .with_aborted_transactions(None)
        .with_records(None);
    let topic = |name: &'static str, partitions| {
        FetchableTopicResponse::default()
            .with_topic(TopicName(StrBytes::from_static_str(name)))
            .with_partitions(partitions)
    };
    let mut bytes = BytesMut::new();
    FetchResponse::default()
        .with_throttle_time_ms(42)
        .with_responses(vec![
            topic("dns", vec![data.clone(), empty]),
            topic("other", vec![data]),
        ])
        .encode(&mut bytes, version)
        .unwrap();
    bytes.freeze()
}

/// What the topics are called.
fn name(topic: &str) -> Option<StreamId> {
    (topic == "dns").then_some(StreamId(1))
}

#[test]
fn every_version_of_the_answer_reads_the_same() {
    for version in FETCH_VERSION_MIN..=FETCH_VERSION_MAX {
        let body = answer(version);
        let read = FetchAnswer::read(&body, version, name).unwrap();
        assert_eq!((read.throttle_ms, read.error_code), (42, 0));
        assert_eq!(read.partitions.len(), 2, "version {version}");
        let first = Fetched {
            stream: StreamId(1),
            partition: 3,
            error_code: 6,
            high_watermark: 120,
            last_stable: 110,
            diverged_at: (version >= 12).then_some(55),
            aborted: vec![(7, 90)],
            records: Bytes::from_static(b"batches"),
        };
        assert_eq!(read.partitions[0], first, "version {version}");
        assert!(
            body.as_ptr_range()
                .contains(&read.partitions[0].records.as_ptr())
        );
        let second = &read.partitions[1];
        assert_eq!((second.partition, second.diverged_at), (4, None));
        assert!(second.aborted.is_empty() && second.records.is_empty());
    }
}

#[test]
fn an_answer_that_is_cut_anywhere_is_an_error() {
    for version in [4, 11, 12] {
        let whole = answer(version);
        for len in 0..whole.len() - 1 {
            let read = FetchAnswer::read(&whole.slice(..len), version, name);
            assert!(read.is_err(), "version {version}, {len} bytes");
        }
    }
}

#[test]
fn every_version_of_the_question_says_the_same() {
    let one = |topic, partition, offset| Wanted {
        topic,
        partition,
        offset,
        leader_epoch: 5,
        fetched_epoch: 4,
        bytes_max: 1000,
    };
    let wanted = [one("b", 1, 10), one("a", 0, 20), one("b", 0, 30)];
    let terms = Terms {
        wait: Duration::from_millis(250),
        bytes_min: 1,
        bytes_max: 9000,
        uncommitted: false,
    };
    for version in FETCH_VERSION_MIN..=FETCH_VERSION_MAX {
        let mut bytes = BytesMut::new();
        request(wanted, &terms, version)
            .encode(&mut bytes, version)
            .unwrap();
        let read = FetchRequest::decode(&mut bytes, version).unwrap();
        assert_eq!(
            (read.max_wait_ms, read.min_bytes, read.max_bytes),
            (250, 1, 9000)
        );
        assert_eq!(read.isolation_level, 1);
        let mut asked = Vec::new();
        for topic in &read.topics {
            for partition in &topic.partitions {
                asked.push((
                    topic.topic.to_string(),
                    partition.partition,
                    partition.fetch_offset,
                ));
                assert_eq!(partition.partition_max_bytes, 1000);
                let epoch = if version >= 9 { 5 } else { -1 };
                assert_eq!(partition.current_leader_epoch, epoch);
                let fetched = if version >= 12 { 4 } else { -1 };
                assert_eq!(partition.last_fetched_epoch, fetched);
            }
        }
        let row = |topic: &str, partition, offset| (topic.to_owned(), partition, offset);
        assert_eq!(asked, [row("b", 1, 10), row("b", 0, 30), row("a", 0, 20)]);
    }
}

proptest! {
    #[test]
    fn any_bytes_are_an_answer_or_an_error(bytes: Vec<u8>, version in 4_i16..=12) {
        let _ = FetchAnswer::read(&Bytes::from(bytes), version, name);
    }

    #[test]
    fn answers_with_wrong_bytes_never_panic(at: prop::sample::Index, byte: u8, version in 4_i16..=12) {
        let mut bytes = answer(version).to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = FetchAnswer::read(&Bytes::from(bytes), version, name);
    }
}
