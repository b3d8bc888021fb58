//! From load to load: what is read again, what stays, what is held back, and what a restart knows.

mod rules;

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};

use tempfile::TempDir;

use super::*;
use crate::config::Origin;
use crate::feeds::gate::Version;
use crate::model::{EventTime, SampleKey};

/// A configuration with two feeds of files, one of a topic, and a store.
const CONFIG: &str = r#"
[kafka]
brokers = "127.0.0.1:9"
group = "g"
[[source]]
name = "s"
topics = ["dns"]
format = "zeek-json"
[[feed]]
name = "one"
path = "one.txt"
format = "plain"
role = "c2"
[[feed]]
name = "two"
path = "two.txt"
format = "plain"
role = "c2"
[[feed]]
name = "desk"
topic = "indicators"
format = "gannet-json"
role = "c2"
[gate]
store = "store"
"#;

/// A day, in nanoseconds.
const DAY: i64 = 86_400_000_000_000;

/// The clock of these tests, which stands still until somebody moves it.
static CLOCK: AtomicI64 = AtomicI64::new(100 * DAY);

fn clock() -> EventTime {
    EventTime::from_nanos(CLOCK.load(Ordering::Relaxed))
}

/// Feeds in a directory of their own.
struct Rig {
    directory: TempDir,
    text: String,
}

impl Rig {
    fn new() -> Self {
        let rig = Self {
            directory: TempDir::new().unwrap(),
            text: CONFIG.to_owned(),
        };
        rig.write("one.txt", &names("one", 0..300));
        rig.write("two.txt", &names("two", 0..300));
        rig
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.directory.path().join(file), text).unwrap();
    }

    /// A process that has just started.
    fn start(&self) -> Reloader {
        let path = self.directory.path().join("gannet.toml");
        let config = Config::parse(&self.text, Path::new(&path), &|_| None).unwrap();
        assert_eq!(
            config.feeds[2].origin,
            Origin::Topic("indicators".to_owned())
        );
        Reloader::new(config, clock)
    }
}

/// Names of a feed with these numbers.
fn names(feed: &str, numbers: std::ops::Range<usize>) -> String {
    let names = numbers.map(|number| format!("host{number}.{feed}.bad.example\n"));
    names.collect()
}

#[track_caller]
fn published(reload: Reload) -> Box<Published> {
    match reload {
        Reload::Published(published) => published,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn unchanged(reload: Reload) -> Box<Published> {
    match reload {
        Reload::Unchanged(published) => published,
        other => panic!("{other:?}"),
    }
}

/// Whether an event of a time with this name would match.
fn matches(reloader: &Reloader, name: &str, at: EventTime) -> bool {
    let mut reader = reloader.reader().unwrap();
    reader.current().lookup(name, Some(at)).would_match
}

#[test]
fn only_what_has_changed_is_read_again() {
    let rig = Rig::new();
    let reloader = rig.start();
    assert_eq!(published(reloader.reload(&Which::All)).read, ["one", "two"]);
    let same = unchanged(reloader.reload(&Which::All));
    assert_eq!((same.generation, same.indicators), (1, 600));
    rig.write("two.txt", &names("two", 0..301));
    let one = Which::Only(vec!["one".to_owned()]);
    assert_eq!(unchanged(reloader.reload(&one)).generation, 1);
    let next = published(reloader.reload(&Which::All));
    assert_eq!(
        (next.read.as_slice(), next.generation),
        (["two".to_owned()].as_slice(), 2)
    );
    assert_eq!(next.indicators, 601);
    assert!(matches(&reloader, "host300.two.bad.example", clock()));
    assert!(matches(&reloader, "host7.one.bad.example", clock()));
}

#[test]
fn what_a_feed_drops_matches_earlier_events_also_after_a_restart() {
    let rig = Rig::new();
    let reloader = rig.start();
    published(reloader.reload(&Which::All));
    rig.write("one.txt", &names("one", 5..300));
    published(reloader.reload(&Which::All));
    let (name, now) = ("host3.one.bad.example", clock());
    let earlier = EventTime::from_nanos(now.nanos() - 1);
    let check = |reloader: &Reloader| {
        assert!(matches(reloader, name, earlier));
        assert!(!matches(reloader, name, now));
        assert!(matches(reloader, "host7.one.bad.example", now));
    };
    check(&reloader);
    let restarted = rig.start();
    let again = published(restarted.reload(&Which::All));
    assert_eq!(again.indicators, 595);
    check(&restarted);
    // What comes back is simply listed.
    rig.write("one.txt", &names("one", 3..300));
    published(restarted.reload(&Which::All));
    assert!(matches(&restarted, name, now));
}

#[test]
fn a_feed_that_changed_while_nobody_looked_is_held_against_what_it_was() {
    let rig = Rig::new();
    published(rig.start().reload(&Which::All));
    rig.write("one.txt", &names("other", 0..300));
    let reloader = rig.start();
    let told = published(reloader.reload(&Which::All));
    let Version::LastGood { reason, .. } = &told.passed[0].version else {
        panic!("it passed");
    };
    assert!(
        reason.contains("of 300 indicators that it listed, 300 are gone"),
        "{reason}"
    );
    assert!(matches(&reloader, "host7.one.bad.example", clock()));
    assert!(!matches(&reloader, "host7.other.bad.example", clock()));
    // With the rule switched off it gets through.
    let mut rig = rig;
    rig.text = CONFIG.replace("store = \"store\"", "store = \"store\"\nchurn_max = 100");
    let reloader = rig.start();
    published(reloader.reload(&Which::All));
    assert!(matches(&reloader, "host7.other.bad.example", clock()));
}

#[test]
fn a_list_that_would_hit_the_traffic_of_everybody_is_held_back() {
    let mut rig = Rig::new();
    for passes in [false, true] {
        let reloader = rig.start();
        published(reloader.reload(&Which::All));
        for number in 0..20_000 {
            let name = if number % 4 == 0 {
                "cdn.everybody.example".to_owned()
            } else {
                format!("host{number}.harmless.example")
            };
            let keys = [SampleKey::Name(name.as_bytes())];
            let mut sample = reloader.sample().unwrap();
            sample.push(keys, |_| false);
        }
        let list = names("two", 0..300) + "everybody.example\n";
        rig.write("two.txt", &list);
        if passes {
            published(reloader.reload(&Which::All));
        } else {
            let told = unchanged(reloader.reload(&Which::All));
            let Version::LastGood { reason, .. } = &told.passed[1].version else {
                panic!("it passed");
            };
            assert!(reason.contains("everybody.example"), "{reason}");
        }
        let lists = matches(&reloader, "www.everybody.example", clock());
        assert_eq!(lists, passes);
        // With the rule switched off it gets through.
        let off = "indicator_hits_max = 10000\nfeed_hits_max = 10000\nhits_max = 10000\n";
        rig.text = CONFIG.replace("[gate]\n", &format!("[gate]\n{off}"));
        rig.write("two.txt", &names("two", 0..300));
    }
}

/// A row of the topic.
fn row(id: &str, value: Option<&str>) -> TopicRow {
    TopicRow {
        id: id.to_owned(),
        value: value.map(|value| format!("{{\"value\":\"{value}\"}}").into_bytes()),
    }
}

#[test]
fn rows_of_a_topic_come_change_and_go_one_by_one() {
    let rig = Rig::new();
    fs::create_dir_all(rig.directory.path().join("store/desk/fetched")).unwrap();
    rig.write(
        "store/desk/fetched/list",
        "{\"id\":\"0\",\"value\":\"old.desk.example\"}\n",
    );
    let reloader = rig.start();
    assert_eq!(published(reloader.reload(&Which::All)).indicators, 601);
    let now = clock();
    let rows = [
        row("1", Some("new.desk.example")),
        row("2", Some("203.0.113.7")),
        row("0", None),
    ];
    let told = published(reloader.apply_rows("desk", &rows));
    assert_eq!((told.generation, told.indicators), (2, 602));
    // It changed at this moment, whenever the file did.
    assert_eq!(told.passed[2].age.changed, Some(now));
    assert!(matches(&reloader, "www.new.desk.example", now));
    assert!(matches(&reloader, "203.0.113.7", now));
    assert!(!matches(&reloader, "old.desk.example", now));
    let earlier = EventTime::from_nanos(now.nanos() - 1);
    assert!(matches(&reloader, "old.desk.example", earlier));
    let rows = [
        row("1", Some("newer.desk.example")),
        row("1", Some("newest.desk.example")),
        TopicRow {
            id: "2".to_owned(),
            value: Some(b"poison".to_vec()),
        },
    ];
    let told = published(reloader.apply_rows("desk", &rows));
    assert_eq!(told.indicators, 601);
    for (name, listed) in [
        ("new.desk.example", false),
        ("newer.desk.example", false),
        ("newest.desk.example", true),
        ("203.0.113.7", false),
    ] {
        assert_eq!(matches(&reloader, name, now), listed, "{name}");
    }
    let report = &told.feeds[2].report;
    assert_eq!(report.refused.get("bad_json"), Some(&1));
}

#[test]
fn layers_are_merged_when_there_is_much_above_and_nothing_else_changes() {
    let rig = Rig::new();
    rig.write("one.txt", &names("one", 0..150_000));
    let reloader = rig.start();
    published(reloader.reload(&Which::All));
    assert!(!reloader.merge().unwrap());
    rig.write("one.txt", &names("one", 1..150_000));
    let before = published(reloader.reload(&Which::All));
    assert!(reloader.merge().unwrap());
    assert!(!reloader.merge().unwrap());
    let mut reader = reloader.reader().unwrap();
    let merged = reader.current();
    assert_eq!(
        (merged.hash(), merged.generation()),
        (before.hash.as_str(), 2)
    );
    assert_eq!(merged.rows_above().0, 0);
    let earlier = EventTime::from_nanos(clock().nanos() - 1);
    assert!(matches(&reloader, "host0.one.bad.example", earlier));
    assert!(!matches(&reloader, "host0.one.bad.example", clock()));
    assert!(matches(&reloader, "host149999.one.bad.example", clock()));
}
