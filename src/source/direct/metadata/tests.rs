//! Answers are read as the library writes them, in every version that is used; what is cut or
//! lies about its lengths is an error.

use bytes::BytesMut;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{BrokerId, MetadataResponse};
use kafka_protocol::protocol::{Decodable as _, Encodable as _};
use proptest::prelude::*;

use super::*;

/// A partition as the library has it.
fn written_partition(number: i32, leader: i32, code: i16) -> MetadataResponsePartition {
    MetadataResponsePartition::default()
        .with_partition_index(number)
        .with_leader_id(BrokerId(leader))
        .with_leader_epoch(leader + 40)
        .with_error_code(code)
        .with_replica_nodes(vec![BrokerId(1), BrokerId(2)])
        .with_isr_nodes(vec![BrokerId(1)])
}

/// A topic as the library has it.
fn written_topic(name: &str, code: i16, partitions: &[(i32, i32, i16)]) -> MetadataResponseTopic {
    let partitions = partitions
        .iter()
        .map(|(number, leader, code)| written_partition(*number, *leader, *code));
    MetadataResponseTopic::default()
        .with_name(Some(TopicName(StrBytes::from_string(name.to_owned()))))
        .with_error_code(code)
        .with_partitions(partitions.collect())
}

/// An answer of two brokers (and one that cannot be) and three topics.
fn answer(version: i16) -> BytesMut {
    let broker = |id: i32, host: &'static str, port| {
        MetadataResponseBroker::default()
            .with_node_id(BrokerId(id))
            .with_host(StrBytes::from_static_str(host))
            .with_port(port)
            .with_rack(Some(StrBytes::from_static_str("r")))
    };
    let mut bytes = BytesMut::new();
    MetadataResponse::default()
        .with_throttle_time_ms(250)
        .with_cluster_id(Some(StrBytes::from_static_str("cluster")))
        .with_brokers(vec![
            broker(1, "a", 9),
            broker(2, "::1", 9),
            broker(3, "", 9),
        ])
        .with_topics(vec![
            written_topic("dns", 0, &[(0, 1, 0), (1, 2, 0), (2, -1, 5)]),
            written_topic("flows", 0, &[(0, 3, 0)]),
            written_topic("gone", 3, &[]),
        ])
        .encode(&mut bytes, version)
        .unwrap();
    bytes
}

#[test]
fn every_version_reads_the_same_but_for_epochs() {
    for version in METADATA_VERSION_MIN..=METADATA_VERSION_MAX {
        let metadata = Metadata::read(&answer(version), version).unwrap();
        let epoch = |epoch| (version >= 7).then_some(epoch);
        assert_eq!(metadata.throttle_ms, 250);
        assert_eq!(metadata.cluster_id.as_deref(), Some("cluster"));
        let told = |topic, partition| {
            let (id, address, epoch) = metadata.leader(topic, partition)?;
            Some((id, address.to_string(), epoch))
        };
        assert_eq!(told("dns", 0), Some((1, "a:9".to_owned(), epoch(41))));
        assert_eq!(told("dns", 1), Some((2, "[::1]:9".to_owned(), epoch(42))));
        assert_eq!(told("dns", 2), None, "nobody leads it");
        assert_eq!(told("dns", 3), None, "it is not there");
        assert_eq!(told("flows", 0), None, "its leader has no address");
        assert_eq!(metadata.topics["dns"].partitions[&2].error_code, 5);
        assert_eq!(metadata.topics["dns"].partitions[&2].leader, None);
        assert_eq!(metadata.topics["gone"].error_code, 3);
        assert_eq!(metadata.topics.len(), 3);
    }
}

#[test]
fn a_question_names_its_topics_and_makes_none() {
    for version in METADATA_VERSION_MIN..=METADATA_VERSION_MAX {
        let mut body = BytesMut::new();
        Metadata::request(["dns", "flows"])
            .encode(&mut body, version)
            .unwrap();
        let read = MetadataRequest::decode(&mut body, version).unwrap();
        assert!(!read.allow_auto_topic_creation);
        let topics = read.topics.unwrap();
        let names: Vec<&str> = topics
            .iter()
            .map(|topic| topic.name.as_ref().unwrap().0.as_str())
            .collect();
        assert_eq!(names, ["dns", "flows"]);
    }
}

#[test]
fn a_cut_answer_is_an_error_wherever_it_is_cut() {
    let whole = answer(9);
    // The last bytes are permissions, which are not read.
    let needed = whole.len() - 5;
    assert!(Metadata::read(&whole[..needed], 9).is_ok());
    for len in 0..needed {
        assert!(Metadata::read(&whole[..len], 9).is_err(), "{len}");
    }
}

#[test]
fn more_partitions_than_allowed_are_refused() {
    let mut body = vec![0; 4];
    body.extend([0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0]); // No broker, no cluster, no controller.
    body.extend([0, 0, 0, 1, 0, 0, 0, 1, b'a', 0]); // One topic.
    body.extend(200_001_i32.to_be_bytes());
    body.resize(body.len() + 300_000, 0);
    assert_eq!(
        Metadata::read(&body, 4),
        Err(WireError::TooMany(PARTITIONS_MAX))
    );
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_read_or_refused(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        version in METADATA_VERSION_MIN..=METADATA_VERSION_MAX,
    ) {
        let _ = Metadata::read(&bytes, version);
    }

    #[test]
    fn a_changed_answer_is_read_or_refused(at in 0_usize..200, to in any::<u8>()) {
        for version in [4, 9, 12] {
            let mut bytes = answer(version);
            if let Some(byte) = bytes.get_mut(at) {
                *byte = to;
            }
            let _ = Metadata::read(&bytes, version);
        }
    }
}
