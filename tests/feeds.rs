//! `gannet feeds`: what an operator sees of feeds and of the gate, with the real binary.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use gannet::config::Config;
use gannet::reload::{Reload, Reloader, Which};
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

/// The same list in every format: bad.example, and in most of them an address.
const RENDERINGS: &[(&str, &str)] = &[
    ("plain", "bad.example\n203.0.113.66\n"),
    ("hosts", "0.0.0.0 bad.example\n"),
    ("adblock", "||bad.example^\n"),
    ("dnsmasq", "address=/bad.example/\n"),
    ("csv", "value,malware\nbad.example,x\n203.0.113.66,x\n"),
    (
        "urlhaus-csv",
        "# id,dateadded,url,url_status,last_online,threat,tags,urlhaus_link,reporter\n\
         \"1\",\"2026-01-01 00:00:00\",\"http://bad.example/a\",\"online\",\"\",\"malware_download\",\"elf\",\"https://x.example/\",\"y\"\n",
    ),
    (
        "threatfox-csv",
        "# \"first_seen_utc\",\"ioc_id\",\"ioc_value\",\"ioc_type\",\"threat_type\",\"fk_malware\",\"malware_alias\",\"malware_printable\",\"last_seen_utc\",\"confidence_level\",\"is_compromised\",\"reference\",\"tags\",\"anonymous\",\"reporter\"\n\
         \"2026-01-01 00:00:00\", \"1\", \"bad.example\", \"domain\", \"botnet_cc\", \"win.lumma\", \"\", \"Lumma\", \"\", \"100\", \"False\", \"\", \"a\", \"0\", \"y\"\n",
    ),
    (
        "threatfox-json",
        r#"{"1":[{"ioc_value":"bad.example","ioc_type":"domain","threat_type":"botnet_cc","malware":"win.lumma"}]}"#,
    ),
    (
        "misp",
        r#"{"Event":{"uuid":"00000000-0000-4000-8000-000000000001","info":"i","Attribute":[{"type":"domain","value":"bad.example","to_ids":true},{"type":"ip-dst","value":"203.0.113.66","to_ids":true}]}}"#,
    ),
    (
        "stix2",
        r#"{"type":"bundle","id":"bundle--1","objects":[{"type":"indicator","id":"indicator--1","spec_version":"2.1","pattern_type":"stix","pattern":"[domain-name:value = 'bad.example'] OR [ipv4-addr:value = '203.0.113.66']","valid_from":"2026-01-01T00:00:00Z"}]}"#,
    ),
    (
        "rpz",
        "$ORIGIN rpz.example.\n@ SOA ns.example. a.example. 1 1 1 1 1\n@ NS ns.example.\n\
         bad.example CNAME .\n32.66.113.0.203.rpz-ip CNAME .\n",
    ),
    (
        "zeek-intel",
        "#fields\tindicator\tindicator_type\tmeta.source\nbad.example\tIntel::DOMAIN\tx\n\
         203.0.113.66\tIntel::ADDR\tx\n",
    ),
    ("suricata-dataset", "YmFkLmV4YW1wbGU=\n"),
    ("maltrail", "# Reference: x\nbad.example\n203.0.113.66\n"),
    (
        "gannet-json",
        "{\"schema\":\"gannet.indicator.v1\",\"value\":\"bad.example\"}\n",
    ),
];

/// Renderings of addresses alone.
const ADDRESSES: &[(&str, &str)] = &[
    (
        "feodo-csv",
        "first_seen_utc,dst_ip,dst_port,c2_status,last_online,malware\n\
         2026-01-01 00:00:00,203.0.113.66,443,online,2026-01-01,X\n",
    ),
    ("spamhaus-drop", "203.0.113.0/24 ; SBL1\n"),
];

#[test]
fn one_list_matches_the_same_in_every_format() {
    let directory = TempDir::new().unwrap();
    let directory = directory.path();
    let mut config = String::new();
    let renderings = RENDERINGS.iter().map(|list| (list, "bad.example"));
    let addresses = ADDRESSES.iter().map(|list| (list, "203.0.113.66:443"));
    for ((format, text), value) in renderings.chain(addresses) {
        let file = format!("{format}.feed");
        fs::write(directory.join(&file), text).unwrap();
        for format in [*format, "auto"] {
            let feed = format!("{format}:{file}");
            let ran = gannet(directory, &["lookup", value, "--feed", &feed, "--json"]);
            assert_eq!(ran.object()["would_match"], true, "{feed}: {}", ran.err);
        }
        config.push_str(&format!(
            "[[feed]]\nname = \"{format}\"\npath = \"{file}\"\nformat = \"{format}\"\nrole = \"c2\"\n"
        ));
    }
    let config = CONFIG.replace("[networks]", &format!("{config}[networks]"));
    fs::write(directory.join("partner.txt"), names(3)).unwrap();
    fs::write(directory.join("gannet.toml"), config).unwrap();
    let (code, listed) = feeds(directory, &["list"]);
    assert_eq!(code, 0, "{listed}");
    let feeds = listed["feeds"].as_array().unwrap();
    assert_eq!(feeds.len(), 1 + RENDERINGS.len() + ADDRESSES.len());
    for feed in feeds {
        assert_ne!(feed["indicators"], 0, "{feed}");
        assert_eq!(feed["refused"], json!({}), "{feed}");
    }
}

/// Names of a feed, so many.
fn names(count: usize) -> String {
    let names = (0..count).map(|at| format!("host{at}.bad.example\n"));
    names.collect()
}

/// Loads the feeds as the daemon does; whether a snapshot was published.
fn load(directory: &Path) -> bool {
    let config = Config::load(&directory.join("gannet.toml"), &|_| None).unwrap();
    let reloader = Reloader::new(config, gannet::app::now);
    matches!(reloader.reload(&Which::All), Reload::Published(_))
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

#[test]
fn the_worth_of_feeds_is_what_they_alone_list_and_what_they_hit() {
    let directory = TempDir::new().unwrap();
    let directory = directory.path();
    let second = "[[feed]]\nname = \"open\"\npath = \"open.txt\"\nformat = \"plain\"\nrole = \"c2\"\n[networks]";
    let config = CONFIG.replace("[networks]", second);
    fs::write(directory.join("gannet.toml"), config).unwrap();
    fs::write(
        directory.join("partner.txt"),
        "bad.example\nworse.example\n203.0.113.66\n",
    )
    .unwrap();
    fs::write(directory.join("open.txt"), "bad.example\nBad.Example.\n").unwrap();
    let row = run::ROW.replace("203.0.113.66", "192.0.2.9");
    fs::write(
        directory.join("dns.json"),
        row.clone() + "\n" + &row.replace("bad", "worse"),
    )
    .unwrap();
    let scan = ["scan", "-c", "gannet.toml", "--input", "zeek-json:dns.json"];
    let found = gannet(directory, &scan);
    fs::write(
        directory.join("hits.jsonl"),
        [found.out.as_slice(), b"\nno hit\n"].concat(),
    )
    .unwrap();

    let (code, told) = feeds(directory, &["value", "--hits", "hits.jsonl"]);
    assert_eq!(code, 0, "{told}");
    let of = |at: usize, key: &str| told["feeds"][at][key].clone();
    assert_eq!((of(0, "indicators"), of(0, "unique")), (json!(3), json!(2)));
    assert_eq!((of(1, "indicators"), of(1, "unique")), (json!(1), json!(0)));
    assert_eq!(
        of(1, "shared"),
        json!([{"feed": "partner", "indicators": 1}])
    );
    assert_eq!(
        (of(0, "hits"), of(0, "hits_of_no_other")),
        (json!(2), json!(1))
    );
    assert_eq!(
        (of(1, "hits"), of(1, "hits_of_no_other")),
        (json!(1), json!(0))
    );
    assert_eq!(told["lines_that_are_no_hits"], 1);
    let missing = [
        "feeds",
        "value",
        "-c",
        "gannet.toml",
        "--hits",
        "none.jsonl",
    ];
    let ran = gannet(directory, &missing);
    assert!(ran.code == 1 && ran.err.contains("none.jsonl"), "{ran:?}");
}

#[test]
fn what_is_to_be_muted_or_released_waits_for_the_daemon() {
    let directory = TempDir::new().unwrap();
    let directory = directory.path();
    fs::write(directory.join("gannet.toml"), CONFIG).unwrap();
    fs::write(directory.join("partner.txt"), "bad.example\n").unwrap();
    let (code, told) = feeds(directory, &["muted"]);
    assert_eq!((code, &told["muted"]), (0, &json!([])));
    let (code, told) = feeds(directory, &["mute", "Bad[.]Example.", "--reason", "noise"]);
    assert_eq!((code, &told["request"]["name"]), (0, &json!("bad.example")));
    let (code, _) = feeds(
        directory,
        &["release", "--feed", "partner", "--reason", "right"],
    );
    assert_eq!(code, 0);
    let waiting = fs::read_dir(directory.join("state/feeds/requests")).unwrap();
    assert_eq!(waiting.count(), 2);
    for wrong in [
        &["mute", "--feed", "nobody", "--reason", "x"][..],
        &["mute", "not a value", "--reason", "x"],
        &["mute", "bad.example"],
        &["mute", "--reason", "x"],
    ] {
        let mut words = vec!["feeds"];
        words.extend(wrong);
        words.extend(["-c", "gannet.toml"]);
        let ran = gannet(directory, &words);
        assert_eq!(ran.code, 2, "{wrong:?}: {ran:?}");
        assert!(!ran.err.is_empty());
    }
}

#[test]
fn a_difference_says_what_it_would_hit_in_a_sample_of_traffic() {
    let directory = TempDir::new().unwrap();
    let directory = directory.path();
    fs::write(directory.join("gannet.toml"), CONFIG).unwrap();
    fs::write(directory.join("partner.txt"), "bad.example\n").unwrap();
    assert!(load(directory));
    fs::write(
        directory.join("partner.txt"),
        "bad.example\neverybody.example\n",
    )
    .unwrap();
    let row = run::ROW.replace("203.0.113.66", "192.0.2.9");
    let rows: String = (0..12_000)
        .map(|at| {
            let name = if at % 10 == 0 {
                "www.everybody"
            } else {
                "www.fine"
            };
            row.replace("www.bad", name) + "\n"
        })
        .collect();
    fs::write(directory.join("dns.json"), rows + &row + "\n").unwrap();
    let (code, told) = feeds(directory, &["diff", "--sample", "zeek-json:dns.json"]);
    assert_eq!(code, 0, "{told}");
    let sample = &told["sample"];
    assert_eq!(sample["events"], 12_001);
    assert_eq!(sample["hit_events"], json!({"before": 1, "now": 1201}));
    let new = json!([{"value": "everybody.example", "events": 1200}]);
    assert_eq!(sample["new_values"], new);
    let too_much = sample["too_much"][0].as_str().unwrap();
    assert!(too_much.contains("everybody.example"), "{too_much}");
    let ran = gannet(
        directory,
        &[
            "feeds",
            "diff",
            "-c",
            "gannet.toml",
            "--sample",
            "zeek-json:gone.json",
        ],
    );
    assert!(ran.code == 1 && ran.err.contains("gone.json"), "{ran:?}");
}

/// This moment, and another some seconds later, RFC 3339.
fn in_seconds(seconds: i64) -> String {
    let at = gannet::app::now().saturating_add_nanos(seconds * 1_000_000_000);
    at.to_string()
}

#[test]
fn a_list_of_feeds_says_how_old_they_are_and_why_they_are_not_fetched() {
    let directory = TempDir::new().unwrap();
    let directory = directory.path();
    // A server on this machine is not asked, which is a failure as good as any.
    let remote = "[[feed]]\nname = \"remote\"\nurl = \"https://127.0.0.1/list.txt\"\n\
                  format = \"plain\"\nrole = \"c2\"\n[networks]";
    let config = CONFIG.replace("[networks]", remote);
    let config = config.replace("role = \"c2\"\n[[", "role = \"c2\"\nage_max = \"2d\"\n[[");
    fs::write(directory.join("gannet.toml"), config).unwrap();
    fs::write(directory.join("partner.txt"), names(3)).unwrap();
    let changed = SystemTime::now() - Duration::from_secs(3 * 86_400 + 60);
    let file = File::options()
        .write(true)
        .open(directory.join("partner.txt"));
    file.unwrap().set_modified(changed).unwrap();

    let (_, listed) = feeds(directory, &["list"]);
    let (partner, remote) = (&listed["feeds"][0], &listed["feeds"][1]);
    let age = partner["age_seconds"].as_u64().unwrap() - 3 * 86_400;
    assert!((60..3600).contains(&age), "{partner}");
    assert_eq!(
        (&partner["stale"], &partner["next_refresh"]),
        (&json!(true), &json!(null))
    );
    assert_eq!(
        (&remote["state"], &remote["failing"]),
        (&json!("missing"), &json!(null))
    );

    let (code, _) = feeds(directory, &["fetch"]);
    assert_eq!(code, 1);
    let (_, first) = feeds(directory, &["list"]);
    let since = &first["feeds"][1]["failing"]["since"];
    assert!(since.is_string(), "{first}");
    assert_eq!(feeds(directory, &["fetch"]).0, 1);
    let (_, second) = feeds(directory, &["list"]);
    assert_eq!(&second["feeds"][1]["failing"]["since"], since);
    let told = gannet(directory, &["feeds", "list", "-c", "gannet.toml"]);
    let told = String::from_utf8(told.out).unwrap();
    assert!(told.contains("\n  3 days old\n  stale since "), "{told}");
    assert!(
        told.contains("remote (plain): not fetched yet\n  not fetched since "),
        "{told}"
    );

    // What the daemon leaves beside a list that its server said is still the newest.
    let place = directory.join("state/feeds/remote/fetched");
    fs::write(place.join("list"), "bad.example\n").unwrap();
    let next = in_seconds(1000);
    let kept = json!({"fetched": in_seconds(-600), "next": next});
    fs::write(place.join("attempts.json"), kept.to_string()).unwrap();
    let file = File::options().write(true).open(place.join("list"));
    file.unwrap().set_modified(changed).unwrap();
    let (code, listed) = feeds(directory, &["list"]);
    let remote = &listed["feeds"][1];
    assert_eq!((code, &remote["failing"]), (0, &json!(null)), "{remote}");
    let age = remote["age_seconds"].as_u64().unwrap();
    assert!((600..4000).contains(&age), "{remote}");
    let told = remote["next_refresh"].as_str().unwrap();
    assert_eq!(told[..19], next[..19]);
}
