//! Indicators that come while records flow: from a topic, each within seconds and the same after a
//! restart, and from a server, as often as the feed wants.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::client::{Cluster, Sent};
use crate::support::eventually;
use crate::support::https::Server;
use crate::support::process::Instance;
use crate::support::setup::Setup;

/// The longest that an indicator may take from its topic to where it matches.
const FRESH_WITHIN: Duration = Duration::from_secs(3);

/// A place with a store and a second feed, of these lines.
fn place(name: &str, feed: &str) -> Setup {
    let mut setup = Setup::on(Cluster::best(), name, &["bad.example"]);
    setup.options.more = format!("[gate]\nstore = \"store\"\n[[feed]]\n{feed}");
    setup
}

/// A place with a feed that is a topic of indicators.
fn with_topic(name: &str) -> Setup {
    let mut setup = place(name, "");
    let topic = setup.topic("indicators");
    setup.options.more +=
        &format!("name = \"desk\"\ntopic = \"{topic}\"\nformat = \"gannet-json\"\nrole = \"c2\"\n");
    let compacted = [("cleanup.policy", "compact")];
    setup.cluster.create_with(&topic, 1, &compacted);
    setup
}

/// Publishes a record of the topic; `None` removes what its key had.
fn publish(setup: &Setup, key: &str, value: Option<&str>) {
    let producer = setup.producer();
    let topic = setup.topic("indicators");
    match value {
        Some(value) => producer.send(
            &topic,
            0,
            &Sent {
                key: Some(key.as_bytes().to_vec()),
                value: value.as_bytes().to_vec(),
                headers: Vec::new(),
            },
        ),
        None => producer.remove(&topic, 0, key.as_bytes()),
    }
    producer.flush();
}

/// An indicator as a record.
fn indicator(value: &str) -> String {
    json!({"schema": "gannet.indicator.v1", "value": value, "role": "c2"}).to_string()
}

/// What is known of a value; none before there is a snapshot.
fn look_up(gannet: &mut Instance, value: &str) -> Option<Value> {
    let answer = gannet.get(&format!("/v1/lookup?value={value}"))?;
    (answer.status == 200).then(|| serde_json::from_str(&answer.body).expect("it is JSON"))
}

/// What `/v1/feeds` tells of a feed.
#[track_caller]
fn feed(gannet: &mut Instance, name: &str) -> Value {
    let told = gannet.get("/v1/feeds").expect("it answers").body;
    let told: Value = serde_json::from_str(&told).expect("it is JSON");
    let mut feeds = told["feeds"].as_array().into_iter().flatten();
    let feed = feeds.find(|feed| feed["name"] == name);
    feed.cloned().expect("the feed is told")
}

/// Waits until a value matches, or no longer does.
#[track_caller]
fn await_match(gannet: &mut Instance, value: &str, expected: bool) {
    eventually(&format!("{value} matches: {expected}"), || {
        let told = look_up(gannet, value)?;
        (told["would_match"] == expected).then_some(())
    });
}

#[test]
fn an_indicator_of_a_topic_matches_within_three_seconds_and_after_a_restart() {
    let setup = with_topic("indicators");
    publish(&setup, "1", Some(&indicator("first.example")));
    let mut gannet = setup.start(&["--role", "match"]);
    // It is read to its end before anything is matched.
    gannet.await_assigned();
    await_match(&mut gannet, "www.first.example", true);

    let sent = Instant::now();
    publish(&setup, "2", Some(&indicator("second.example")));
    await_match(&mut gannet, "www.second.example", true);
    let took = sent.elapsed();
    assert!(took < FRESH_WITHIN, "{took:?}");

    // The next record of a key takes the place of the one before; poison harms nobody else.
    publish(&setup, "2", Some(&indicator("third.example")));
    publish(&setup, "3", Some("<html>"));
    publish(&setup, "1", None);
    await_match(&mut gannet, "third.example", true);
    await_match(&mut gannet, "first.example", false);
    await_match(&mut gannet, "second.example", false);
    await_match(&mut gannet, "www.bad.example", true);
    assert_eq!(gannet.stop().code(), Some(0));

    let mut gannet = setup.start(&["--role", "match"]);
    gannet.await_assigned();
    for (value, expected) in [
        ("third.example", true),
        ("first.example", false),
        ("second.example", false),
        ("bad.example", true),
    ] {
        let told = look_up(&mut gannet, value).expect("there is a snapshot");
        assert_eq!(told["would_match"], expected, "{told}");
    }
    let told = gannet.get("/v1/feeds").expect("it answers").body;
    assert!(
        told.contains("<html>") && told.contains("bad_json"),
        "{told}"
    );
    assert_eq!(gannet.stop().code(), Some(0));
}

#[test]
fn a_topic_in_which_nothing_is_yet_keeps_nobody_from_matching() {
    let setup = with_topic("nothing-yet");
    let mut gannet = setup.start(&["--role", "match"]);
    gannet.await_assigned();
    await_match(&mut gannet, "bad.example", true);
    publish(&setup, "1", Some(&indicator("first.example")));
    await_match(&mut gannet, "first.example", true);
    // And one in which nothing is left.
    publish(&setup, "1", None);
    await_match(&mut gannet, "first.example", false);
    assert_eq!(gannet.stop().code(), Some(0));
    let mut gannet = setup.start(&["--role", "match"]);
    gannet.await_assigned();
    await_match(&mut gannet, "bad.example", true);
    await_match(&mut gannet, "first.example", false);
    assert_eq!(gannet.stop().code(), Some(0));
}

#[test]
fn a_list_of_a_server_is_fetched_again_and_a_broken_answer_changes_nothing() {
    let server = Server::start("one.example\n");
    let mut setup = place("fetched", "");
    std::fs::write(setup.path("ca.pem"), server.authority()).expect("a certificate is written");
    setup.options.more += &format!(
        "name = \"vendor\"\nurl = \"{}\"\nca_file = \"ca.pem\"\naddresses = \"any\"\n\
         refresh = \"1s\"\nformat = \"plain\"\nrole = \"c2\"\n",
        server.url()
    );
    let mut gannet = setup.start(&["--role", "match"]);
    gannet.await_assigned();
    await_match(&mut gannet, "one.example", true);
    server.serve("one.example\ntwo.example\n");
    await_match(&mut gannet, "two.example", true);
    let told = feed(&mut gannet, "vendor");
    assert_eq!(
        (&told["stale"], &told["failing"]),
        (&json!(false), &Value::Null)
    );
    assert!(told["age_seconds"].as_u64() < Some(60), "{told}");
    assert!(told["next_refresh"].is_string(), "{told}");
    let stale = gannet.metric("gannet_feed_stale", &["feed=\"vendor\""]);
    assert_eq!(stale, Some(0));

    server.serve("<!DOCTYPE html><html><body>Please log in</body></html>\n");
    gannet.await_readiness("the page is told", |_, body| {
        let feeds = body["feeds"].as_array().into_iter().flatten();
        let mut errors = feeds.filter_map(|feed| feed["error"].as_str());
        errors.any(|error| error.contains("is a web page"))
    });
    await_match(&mut gannet, "two.example", true);
    // Also when there is no server any more.
    drop(server);
    assert_eq!(gannet.stop().code(), Some(0));
    let mut gannet = setup.start(&["--role", "match"]);
    gannet.await_assigned();
    await_match(&mut gannet, "two.example", true);
    let told = feed(&mut gannet, "vendor");
    assert!(told["failing"]["since"].is_string(), "{told}");
    assert!(told["failing"]["error"].is_string(), "{told}");
    assert_eq!(gannet.stop().code(), Some(0));
}

#[test]
fn a_fetch_that_hangs_neither_holds_a_stop_up_nor_leaves_anything_behind() {
    // It takes connections and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = silent.local_addr().expect("an address").port();
    let mut setup = place("hangs", "");
    setup.options.more += &format!(
        "name = \"vendor\"\nurl = \"https://127.0.0.1:{port}/list.txt\"\naddresses = \"any\"\n\
         format = \"plain\"\nrole = \"c2\"\n"
    );
    silent.set_nonblocking(true).expect("a listener");
    let gannet = setup.start(&["--role", "match"]);
    let _asked = eventually("it asks", || silent.accept().ok());
    let begun = Instant::now();
    let log = setup.path("gannet-0.log");
    assert_eq!(gannet.stop().code(), Some(0));
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
    let log = std::fs::read_to_string(log).expect("a log");
    assert!(!log.contains("left behind"), "{log}");
    // A fetch that was stopped is none that failed.
    let kept = setup.path("store/vendor/fetched/attempts.json");
    assert!(!kept.exists());
}
