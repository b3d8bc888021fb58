//! Which reader is taken: the direct one wherever it can follow every property, librdkafka's where it
//! cannot.

use std::error::Error;

use gannet::source::FetchSums;

use super::read::{Opening, Reader};
use super::support::client::{Cluster, Producer};

/// Properties that only librdkafka follows, each with a value that changes nothing here.
const ONLY_LIBRDKAFKA: [(&str, &str); 3] = [
    ("socket.keepalive.enable", "true"),
    ("client.rack", "here"),
    ("ssl.cipher.suites", "DEFAULT"),
];

/// Reads `opening` to the end of its 100 records; whether the direct reader fetched them, which alone
/// counts what it fetches.
fn is_direct(opening: &Opening) -> bool {
    let mut reading = opening.open();
    reading.exactly(100);
    reading.reader.take_fetched() != FetchSums::default()
}

#[test]
fn auto_takes_librdkafka_where_only_it_can_follow_a_property() {
    let cluster = Cluster::best();
    let topic = format!("choice-{}", std::process::id());
    cluster.create(&topic, 1);
    let values: Vec<Vec<u8>> = (0..100).map(|at: u8| vec![at]).collect();
    Producer::to(&cluster).spread(&topic, 1, &values);
    let opening = |choice| Opening::new(choice, &cluster.brokers(), &[&topic]);
    assert!(is_direct(&opening(Reader::Auto)));
    assert!(!is_direct(&opening(Reader::Librdkafka)));
    for (property, value) in ONLY_LIBRDKAFKA {
        let auto = opening(Reader::Auto).with(property, value);
        assert!(!is_direct(&auto), "{property}");
        let direct = opening(Reader::Direct).with(property, value);
        let refused = direct.try_open().err().expect("it cannot be had");
        let first: Option<&dyn Error> = Some(&refused);
        let causes = std::iter::successors(first, |error| (*error).source());
        let told: Vec<String> = causes.map(ToString::to_string).collect();
        let expected = format!("`{property}` needs the librdkafka reader");
        assert!(
            told.iter().any(|told| told.starts_with(&expected)),
            "{told:?}"
        );
    }
}
