//! Mistakes of the file as such: where they are, and what was probably meant.

use std::fs;

use proptest::prelude::*;

use super::{REQUIRED, check_refused, mistakes, no_env, parse};
use crate::config::Config;

#[test]
fn all_mistakes_are_listed_in_order_with_their_places() {
    let text = r#"[kafka]
broker = "127.0.0.1:9092"
group = 7
reader = "dirct"

[[source]]
name = "resolvers"
topics = ["dns", "d ns"]
format = "zeek-jsn"
[[source]]
name = "resolvers"
topics = ["dns"]
format = "suricata-eve"

[[feed]]
name = "operation"
url = "https://feeds.example/x"
format = "plain"
role = "c3"

[networks]
own = [
  "198.51.100.0/24",
  "198.51.100.0/33",
]
[worker]
[workers]
batch_wait = "50"
zzz = 1
"#;
    assert_eq!(
        mistakes(text),
        [
            "1:1: kafka.brokers: is missing",
            "2:1: kafka.broker: unknown key (did you mean `brokers`?)",
            "3:9: kafka.group: must be text in quotes, not an integer",
            "4:10: kafka.reader: `dirct` is not one of auto, direct, librdkafka (did you mean `direct`?)",
            "8:18: source[0].topics[1]: `d ns` must be 1 to 249 letters, digits, `.`, `_` or `-`",
            "9:10: source[0].format: `zeek-jsn` is not one of zeek-json, dnstap, \
             dns-collector-json, goflow2-protobuf, goflow2-json, gannet-json, gannet-protobuf \
             (did you mean `zeek-json`?)",
            "11:8: source[1].name: `resolvers` is already `source[0].name`",
            "13:10: source[1].format: `suricata-eve` is not in this version; known are \
             zeek-json, dnstap, dns-collector-json, goflow2-protobuf, goflow2-json, gannet-json, \
             gannet-protobuf",
            "17:7: feed[0].url: needs `store` in [gate]: what is fetched is kept there",
            "19:8: feed[0].role: `c3` is not one of c2, payload, phishing, sinkhole, scanner, \
             suspicious, allow (did you mean `c2`?)",
            "24:3: networks.own[1]: `198.51.100.0/33` is not an address or prefix, such as \
             `198.51.100.0/24` or `2001:db8::/32`",
            "26:2: worker: unknown key (did you mean `workers`?)",
            "28:14: workers.batch_wait: `50` is not a duration such as `30s`, `500ms` or `1h30m`",
            "29:1: workers.zzz: unknown key; known here: threads, batch_records_max, batch_wait, \
             commit_interval, drain_timeout, unacknowledged_max",
        ]
    );
    let shown = parse(text).unwrap_err().to_string();
    assert_eq!(
        shown.lines().next(),
        Some("/etc/gannet/gannet.toml:1:1: kafka.brokers: is missing")
    );
}

#[test]
fn an_empty_file_is_told_what_it_needs() {
    assert_eq!(
        mistakes(""),
        [
            "1:1: kafka: the section `[kafka]` is missing",
            "1:1: source: at least one `[[source]]` is needed",
            "1:1: feed: at least one `[[feed]]` is needed",
        ]
    );
}

#[test]
fn a_text_that_is_not_toml_is_one_mistake_with_its_place() {
    assert_eq!(
        mistakes("[kafka]\nbrokers = \n"),
        ["2:11: string values must be quoted, expected literal string"]
    );
    assert_eq!(mistakes("a = 1\na = 2\n"), ["2:1: duplicate key"]);
    assert_eq!(mistakes("[kafka").len(), 1);
}

#[test]
fn unknown_keys_are_refused_in_every_section() {
    let (text, sections) = every_section();
    for section in sections {
        let inside = text.replacen(&format!("{section}\n"), &format!("{section}\nzzz = 1\n"), 1);
        let found = mistakes(&inside);
        assert_eq!(found.len(), 1, "{section}: {found:?}");
        assert!(found[0].contains("zzz: unknown key"), "{found:?}");
    }
}

/// A text with every section whose keys are fixed, and their headers.
fn every_section() -> (String, Vec<&'static str>) {
    let headers = vec![
        "[kafka]",
        "[kafka.output]",
        "[[source]]",
        "[[feed]]",
        "[feed.columns]",
        "[networks]",
        "[matching]",
        "[workers]",
        "[hits]",
        "[dead]",
        "[episodes]",
        "[identify]",
        "[[identify.leases]]",
        "[http]",
        "[log]",
    ];
    let mut text = REQUIRED.replace("\"plain\"", "\"csv\"");
    text.push_str("[feed.columns]\n[kafka.output]\n[networks]\n[matching]\n[workers]\n[hits]\n");
    text.push_str("[dead]\n[episodes]\n[http]\n[log]\n[identify]\nstore = \"s\"\n");
    text.push_str("[[identify.leases]]\npath = \"l\"\nformat = \"gannet-json\"\n");
    assert_eq!(mistakes(&text), [""; 0]);
    (text, headers)
}

#[test]
fn a_value_of_another_kind_is_refused() {
    for (old, new, key, message) in [
        (
            "\"127.0.0.1:9092\"",
            "9092",
            "kafka.brokers",
            "not an integer",
        ),
        (
            "\"127.0.0.1:9092\"",
            "[\"127.0.0.1:9092\"]",
            "kafka.brokers",
            "not a list",
        ),
        (
            "[\"dns\"]",
            "\"dns\"",
            "source[0].topics",
            "must be a list, not text",
        ),
        ("[\"dns\"]", "[1.5]", "source[0].topics[0]", "not a float"),
        ("\"c2\"", "true", "feed[0].role", "not a boolean"),
        ("\"c2\"", "2026-01-01", "feed[0].role", "not a date"),
        ("\"c2\"", "{ a = 1 }", "feed[0].role", "not a table"),
    ] {
        check_refused(&REQUIRED.replacen(old, new, 1), key, message);
    }
    let text = REQUIRED.replace("[[source]]", "[source]");
    check_refused(&text, "source", "write `[[source]]`");
    check_refused(
        &format!("log = 1\n{REQUIRED}"),
        "log",
        "must be a table, not an integer",
    );
    let text = REQUIRED.split_once("[[feed]]").unwrap().0;
    check_refused(
        &format!("feed = [1]\n{text}"),
        "feed[0]",
        "must be a table, not an integer",
    );
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("gone.toml");
    let shown = Config::load(&path, &no_env).unwrap_err().to_string();
    let expected = format!("{}: cannot read it: ", path.display());
    assert!(shown.starts_with(&expected), "{shown}");
    fs::write(&path, [0xff]).unwrap();
    assert!(Config::load(&path, &no_env).is_err());
    fs::write(&path, vec![b'#'; (16 << 20) + 1]).unwrap();
    let shown = Config::load(&path, &no_env).unwrap_err().to_string();
    assert!(shown.contains("more than 16777216 bytes"), "{shown}");
}

proptest! {
    #[test]
    fn any_text_is_accepted_or_refused_with_reasons(
        lines in proptest::collection::vec(
            prop_oneof![
                Just("[kafka]"), Just("[[source]]"), Just("[[feed]]"), Just("[identify]"),
                Just("[kafka.properties]"), Just("name = 1"), Just("topics = [[], 1, \"a\"]"),
                Just("a.b.c = {}"), Just("path = \"${\""), Just("source = 1"), Just("[feed.columns]"),
                Just("leases = [1, {}]"), Just("store = \"é\""), Just("é"), Just("\"\" = 1"),
            ],
            0..12,
        ),
    ) {
        let errors = parse(&lines.join("\n")).expect_err("it lacks a group");
        prop_assert!(!errors.errors.is_empty());
        prop_assert!(errors.errors.iter().all(|error| error.line > 0 && error.column > 0));
    }
}
