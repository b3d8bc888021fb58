//! The guard over a reloader with real feeds: what trips, what operators ask for, and what a restart
//! knows of both.

use std::fs;

use tempfile::TempDir;

use super::*;
use crate::config::Config;
use crate::feeds::gate::Request;
use crate::reload::Which;

/// A configuration with a feed and a store.
const CONFIG: &str = r#"
[kafka]
brokers = "127.0.0.1:9"
group = "g"
[[source]]
name = "s"
topics = ["dns"]
format = "zeek-json"
[[feed]]
name = "list"
path = "list.txt"
format = "plain"
role = "c2"
[gate]
store = "store"
"#;

/// A daemon's worth of it.
struct Rig {
    directory: TempDir,
    text: String,
}

/// A process that has started.
struct Process {
    guard: Guard,
    at: Instant,
}

impl Rig {
    fn new(text: &str) -> Self {
        let rig = Self {
            directory: TempDir::new().unwrap(),
            text: text.to_owned(),
        };
        rig.list("bad.example\n");
        rig
    }

    fn list(&self, text: &str) {
        fs::write(self.directory.path().join("list.txt"), text).unwrap();
    }

    fn start(&self) -> Process {
        let path = self.directory.path().join("gannet.toml");
        let config = Config::parse(&self.text, &path, &|_| None).unwrap();
        let gate = config.gate.clone();
        let reloader = Arc::new(Reloader::new(config, now));
        reloader.reload(&Which::All);
        let guard = Guard::open(&gate, &reloader, &Arc::default(), &Arc::default());
        let at = Instant::now();
        Process { guard, at }
    }

    fn store(&self) -> Store {
        let path = self.directory.path().join("gannet.toml");
        let config = Config::parse(&self.text, &path, &|_| None).unwrap();
        gate::store(&config.gate).unwrap()
    }

    fn ask(&self, action: Action, value: &str) {
        let request = Request {
            action,
            subject: Subject::Value(value.to_owned()),
            made: gate::written(now()),
            reason: "looked at it".to_owned(),
        };
        request.leave(&self.store()).unwrap();
    }
}

impl Process {
    /// So many seconds of traffic, of which one event in ten is hit by `value`.
    fn traffic(&mut self, seconds: usize, value: &str) {
        for _ in 0..seconds * 4 {
            let pair = (value.to_owned(), "list".to_owned());
            *self.guard.traffic.0.lock().unwrap() = Sums {
                events: 10_000,
                hits: BTreeMap::from([(pair, 1_000)]),
            };
            self.at += LOOK_EVERY;
            self.guard.look(self.at);
        }
    }

    fn matches(&self, value: &str) -> bool {
        let mut reader = self.guard.reloader.reader().unwrap();
        reader.current().lookup(value, None).would_match
    }

    fn reload(&self) {
        self.guard.reloader.reload(&Which::All);
    }
}

#[test]
fn what_explodes_after_a_change_is_muted_until_an_operator_releases_it() {
    let rig = Rig::new(CONFIG);
    let mut process = rig.start();
    // What was listed at the start may be as usual as it likes.
    process.traffic(30, "bad.example");
    assert!(process.matches("bad.example"));
    rig.list("bad.example\neverybody.example\n");
    process.reload();
    assert!(process.matches("everybody.example"));
    process.traffic(10, "everybody.example");
    assert!(!process.matches("everybody.example") && process.matches("bad.example"));
    assert_eq!(process.guard.health.ready().muted_values, 1);

    // Over a change, and over a restart.
    rig.list("bad.example\neverybody.example\nworse.example\n");
    process.reload();
    assert!(process.matches("worse.example") && !process.matches("everybody.example"));
    let mut process = rig.start();
    assert!(process.matches("worse.example") && !process.matches("everybody.example"));

    rig.ask(Action::Release, "everybody.example");
    process.traffic(2, "bad.example");
    assert!(process.matches("everybody.example"));
    process.traffic(30, "everybody.example");
    assert!(process.matches("everybody.example"));
    assert_eq!(process.guard.health.ready().muted_values, 0);
    let trail = fs::read_to_string(rig.directory.path().join("store/audit.jsonl")).unwrap();
    let lines: Vec<&str> = trail.lines().collect();
    assert_eq!(lines.len(), 2, "{trail}");
    assert!(lines[0].contains("breaker") && lines[0].contains("everybody.example"));
    assert!(lines[1].contains("looked at it"));
}

#[test]
fn a_breaker_that_is_off_mutes_nothing_and_an_operator_still_can() {
    let rig = Rig::new(&CONFIG.replace("[gate]\n", "[gate]\nbreaker = \"off\"\n"));
    let mut process = rig.start();
    rig.list("bad.example\neverybody.example\n");
    process.reload();
    process.traffic(30, "everybody.example");
    assert!(process.matches("everybody.example"));
    rig.ask(Action::Mute, "everybody.example");
    process.traffic(3, "everybody.example");
    assert!(!process.matches("everybody.example"));
}

#[test]
fn a_list_of_muted_that_cannot_be_read_is_told_and_left_alone() {
    let rig = Rig::new(CONFIG);
    let path = rig.directory.path().join("store/muted.json");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, "{").unwrap();
    let mut process = rig.start();
    let reasons = process.guard.health.ready().reasons;
    assert!(reasons[0].contains("muted.json"), "{reasons:?}");
    rig.list("bad.example\neverybody.example\n");
    process.reload();
    process.traffic(10, "everybody.example");
    assert!(!process.matches("everybody.example"));
    assert_eq!(fs::read_to_string(&path).unwrap(), "{");
}
