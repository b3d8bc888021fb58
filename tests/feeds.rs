//! `gannet feeds`: what an operator sees of feeds and of the gate, with the real binary.

use std::fs;
use std::path::Path;

use gannet::config::Config;
use gannet::reload::{Reload, Reloader};
use serde_json::{Value, json};
use tempfile::TempDir;

#[path = "support/run.rs"]
pub mod run;

use run::gannet;

/// A configuration with one feed, whose copies are kept.
const CONFIG: &str = r#"[kafka]
brokers = "127.0.0.1:9"
group = "gannet"
[[source]]
name = "resolvers"
topics = ["dns"]
format = "zeek-json"
[[feed]]
name = "partner"
path = "partner.txt"
format = "plain"
role = "c2"
[networks]
own = ["198.51.100.0/24"]
[gate]
store = "state/feeds"
own_names = ["isp.example"]
"#;

/// Names of a feed, so many.
fn names(count: usize) -> String {
    let names = (0..count).map(|at| format!("host{at}.bad.example\n"));
    names.collect()
}

/// Loads the feeds as the daemon does; whether a snapshot was published.
fn load(directory: &Path) -> bool {
    let config = Config::load(&directory.join("gannet.toml"), &|_| None).unwrap();
    matches!(Reloader::new(config).reload(), Reload::Published(_))
}

/// Runs `gannet feeds` with these words and `--json`.
#[track_caller]
fn feeds(directory: &Path, words: &[&str]) -> (i32, Value) {
    let arguments = [&["feeds"], words, &["-c", "gannet.toml", "--json"]].concat();
    let ran = gannet(directory, &arguments);
    assert!(!ran.out.is_empty(), "{ran:?}");
    (ran.code, ran.object())
}

#[test]
fn a_feed_that_explodes_is_held_until_an_operator_accepts_it() {
    let directory = TempDir::new().unwrap();
    let directory = directory.path();
    fs::write(directory.join("gannet.toml"), CONFIG).unwrap();
    let odd = "198.51.100.7\nmail.isp.example\nisp.example\n192.168.1.1\n";
    fs::write(directory.join("partner.txt"), names(1000) + odd).unwrap();
    let (code, listed) = feeds(directory, &["list"]);
    assert_eq!((code, &listed["indicators"]), (0, &json!(1001)));
    let refused = json!({"own_network": 1, "own_name": 1, "private_network": 1});
    assert_eq!(listed["feeds"][0]["refused"], refused);
    assert!(!directory.join("state").exists(), "looking keeps nothing");

    assert!(load(directory));
    fs::write(directory.join("partner.txt"), names(5000)).unwrap();
    let (_, difference) = feeds(directory, &["diff"]);
    let feed = &difference["feeds"][0];
    let counts = [&feed["added"], &feed["removed"], &feed["unchanged"]];
    assert_eq!(counts, [&json!(4000), &json!(4), &json!(1000)]);
    let (code, listed) = feeds(directory, &["list"]);
    assert_eq!((code, &listed["feeds"][0]["state"]), (1, &json!("held")));
    assert_eq!(listed["indicators"], 1001);

    assert!(load(directory));
    let (_, quarantine) = feeds(directory, &["quarantine", "list"]);
    let reason = quarantine["held"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("more than the usual 1001"), "{reason}");
    let accept = ["feeds", "quarantine", "accept", "partner"];
    let accept = [
        &accept[..],
        &["--reason", "a new operation", "-c", "gannet.toml"],
    ]
    .concat();
    assert_eq!(gannet(directory, &accept).code, 0);
    assert!(load(directory));
    let (code, listed) = feeds(directory, &["list"]);
    assert_eq!((code, &listed["indicators"]), (0, &json!(5000)));
    let audit = fs::read_to_string(directory.join("state/feeds/audit.jsonl")).unwrap();
    assert!(audit.contains("a new operation"), "{audit}");
    let again = gannet(directory, &accept);
    assert_eq!(again.code, 1);
    assert!(again.err.contains("nothing is held"), "{}", again.err);
}

#[test]
fn a_lookup_says_which_rule_keeps_a_value_out() {
    let directory = TempDir::new().unwrap();
    let directory = directory.path();
    fs::write(directory.join("gannet.toml"), CONFIG).unwrap();
    fs::write(directory.join("partner.txt"), names(3)).unwrap();
    for (value, gate) in [
        ("com", json!("public_suffix")),
        ("google.com", json!("popular_name")),
        ("docs.google.com", Value::Null),
        ("isp.example", json!("own_name")),
        ("198.51.100.9:443", json!("own_network")),
        ("8.8.8.8", json!("resolver")),
        ("38.0.0.0/8", json!("prefix_too_wide")),
        ("127.0.0.1", json!("unroutable")),
        ("host1.bad.example", Value::Null),
    ] {
        let ran = gannet(directory, &["lookup", value, "-c", "gannet.toml", "--json"]);
        assert_eq!(ran.object()["gate"], gate, "{value}");
    }
}

#[test]
fn a_mistaken_feed_or_a_configuration_without_a_store_is_told_plainly() {
    let directory = TempDir::new().unwrap();
    let directory = directory.path();
    fs::write(directory.join("gannet.toml"), CONFIG).unwrap();
    fs::write(directory.join("partner.txt"), names(3)).unwrap();
    let unknown = ["feeds", "quarantine", "drop", "friend", "-c", "gannet.toml"];
    let ran = gannet(directory, &unknown);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("there is no feed `friend`"), "{}", ran.err);
    let config = CONFIG.replace("store = \"state/feeds\"\n", "");
    fs::write(directory.join("gannet.toml"), config).unwrap();
    let ran = gannet(directory, &["feeds", "diff", "-c", "gannet.toml"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("set `store` in [gate]"), "{}", ran.err);
}
