//! The gate as a whole: what each kind of bad list does, and that the last good copy stays.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::*;
use crate::config::FeedConfig;
use crate::model::{FeedFormat, Role};
use crate::snapshot::Snapshot;
use std::sync::Arc;

/// A feed with a store, in a directory of its own.
struct Rig {
    directory: TempDir,
    feed: FeedConfig,
    store: Store,
}

impl Rig {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("feed.txt");
        let store = Store::new(directory.path().join("store"));
        Self {
            feed: FeedConfig::new("feed".to_owned(), path, FeedFormat::Plain, Role::C2),
            directory,
            store,
        }
    }

    fn write(&self, text: &str) {
        fs::write(&self.feed.path, text).unwrap();
    }

    /// Loads what the feed is now and keeps what passes.
    fn load(&self) -> Result<Gated, Vec<LoadError>> {
        let options = BuildOptions {
            protected: Arc::new(known_to_all()),
            ..BuildOptions::default()
        };
        let feeds = [self.feed.clone()];
        let mut gated = load_gated(&feeds, Some(&self.store), &options, NOW)?;
        gated.keep(&self.store);
        assert_eq!(gated.passed[0].trouble, "");
        Ok(gated)
    }

    /// Writes a bad list over a good one: why it is held back, and that matching went on.
    #[track_caller]
    fn held(&self, text: &[u8]) -> String {
        self.write(&names(500));
        assert_eq!(self.load().unwrap().passed[0].version, Version::Current);
        fs::write(&self.feed.path, text).unwrap();
        let gated = self.load().unwrap();
        assert!(lists(&gated.loaded.snapshot, "host7.bad.example"));
        match &gated.passed[0].version {
            Version::LastGood { reason, .. } => reason.clone(),
            Version::Current => panic!("it passed"),
        }
    }
}

/// When all this happens.
const NOW: EventTime = EventTime::from_nanos(1_767_225_600_000_000_000);

fn names(count: usize) -> String {
    (0..count)
        .map(|at| format!("host{at}.bad.example\n"))
        .collect()
}

fn lists(snapshot: &Snapshot, value: &str) -> bool {
    !snapshot.lookup(value, None).matches.is_empty()
}

#[test]
fn a_list_that_is_none_is_held_back_and_matching_goes_on_with_the_last_good_copy() {
    let zeros = vec![0; 100_000];
    for (text, reason) in [
        (b"".as_slice(), "no rows"),
        (b"# nothing today\n", "no rows"),
        (
            b"<!DOCTYPE html><html><body>Please log in</body></html>",
            "a web page",
        ),
        (
            b"{\"error\": \"quota\"}\nnot a name at all\nno, not this\n",
            "rows refused",
        ),
        (&zeros, "not text"),
        (b"com\nnet\norg\n", "rows refused"),
        (b"0.0.0.0/0\n128.0.0.0/2\n38.0.0.0/8\n", "rows refused"),
        (b"8.8.8.8\n127.0.0.1\ngoogle.com\n", "rows refused"),
    ] {
        let found = Rig::new().held(text);
        assert!(found.contains(reason), "{found}");
    }
}

#[test]
fn one_bad_row_among_good_ones_is_refused_by_itself() {
    let rig = Rig::new();
    let bad = "com\nco.uk\ngoogle.com\nakamai.net\n8.8.8.8\n0.0.0.0/0\n38.0.0.0/8\n127.0.0.1\n*mazon.co*\n";
    rig.write(&(names(500) + bad + "docs.google.com\n"));
    let gated = rig.load().unwrap();
    let report = &gated.loaded.feeds[0].report;
    assert_eq!(report.accepted, 501);
    let expected = [
        ("popular_name", 3),
        ("prefix_too_wide", 2),
        ("public_suffix", 2),
        ("resolver", 1),
        ("unroutable", 1),
    ];
    assert_eq!(report.refused, expected.into());
    // Without the rules, the rows get through.
    let open = load_gated(
        std::slice::from_ref(&rig.feed),
        None,
        &BuildOptions::default(),
        NOW,
    )
    .unwrap();
    assert!(lists(&open.loaded.snapshot, "www.google.com"));
    assert!(!lists(&gated.loaded.snapshot, "www.google.com"));
}

#[test]
fn a_list_that_shrinks_or_grows_beyond_its_limits_is_held_until_an_operator_lets_it_pass() {
    let rig = Rig::new();
    for (count, passes) in [(1000, true), (800, true), (300, false), (2500, false)] {
        rig.write(&names(count));
        let gated = rig.load().unwrap();
        let current = gated.passed[0].version == Version::Current;
        assert_eq!(current, passes, "{count}");
    }
    let held = rig.store.held("feed").unwrap();
    assert!(
        held.facts.reason.contains("more than the usual"),
        "{}",
        held.facts.reason
    );
    rig.store
        .approve("feed", "a second operation", "now")
        .unwrap();
    let gated = rig.load().unwrap();
    assert_eq!(gated.passed[0].version, Version::Current);
    assert!(lists(&gated.loaded.snapshot, "host2499.bad.example"));
    assert!(rig.store.held("feed").is_none());
    // It was let pass once.
    rig.write(&names(10_000));
    assert_ne!(rig.load().unwrap().passed[0].version, Version::Current);
}

#[test]
fn limits_are_the_feeds_own() {
    let mut rig = Rig::new();
    rig.feed.limits.shrink_max = 100;
    rig.feed.limits.growth_max = 100_000;
    for count in [1000, 200, 10_000] {
        rig.write(&names(count));
        assert_eq!(rig.load().unwrap().passed[0].version, Version::Current);
    }
}

#[test]
fn a_feed_that_is_gone_is_served_from_its_copy_and_without_one_fails() {
    let rig = Rig::new();
    assert!(rig.load().is_err());
    rig.write(&names(10));
    rig.load().unwrap();
    fs::remove_file(&rig.feed.path).unwrap();
    let gated = rig.load().unwrap();
    assert!(matches!(gated.passed[0].version, Version::LastGood { .. }));
    assert!(lists(&gated.loaded.snapshot, "host7.bad.example"));
}

#[test]
fn a_copy_that_was_tampered_with_is_not_used() {
    let rig = Rig::new();
    rig.write(&names(10));
    rig.load().unwrap();
    let copy = rig.store.good("feed").unwrap().unwrap();
    fs::write(&copy.path, "other.example\n").unwrap();
    assert!(rig.store.good("feed").is_err());
    fs::remove_file(&rig.feed.path).unwrap();
    let options = BuildOptions::default();
    assert!(
        load_gated(
            std::slice::from_ref(&rig.feed),
            Some(&rig.store),
            &options,
            NOW
        )
        .is_err()
    );
    // The feed itself is still good, and makes a new copy.
    rig.write(&names(10));
    let mut gated = load_gated(
        std::slice::from_ref(&rig.feed),
        Some(&rig.store),
        &options,
        NOW,
    )
    .unwrap();
    assert!(gated.passed[0].trouble.contains("not as it was made"));
    gated.keep(&rig.store);
    assert!(rig.store.good("feed").unwrap().is_some());
}

#[test]
fn a_store_that_cannot_be_written_costs_the_copy_and_not_the_feed() {
    let rig = Rig::new();
    rig.write(&names(10));
    fs::write(rig.directory.path().join("store"), "in the way").unwrap();
    let options = BuildOptions::default();
    let gated = load_gated(
        std::slice::from_ref(&rig.feed),
        Some(&rig.store),
        &options,
        NOW,
    )
    .unwrap();
    assert_eq!(gated.passed[0].version, Version::Current);
    assert!(
        gated.passed[0].trouble.contains("store"),
        "{}",
        gated.passed[0].trouble
    );
    assert!(lists(&gated.loaded.snapshot, "host7.bad.example"));
}

#[test]
fn a_directory_is_copied_with_the_names_of_its_files() {
    let mut rig = Rig::new();
    let directory = rig.directory.path().join("families");
    fs::create_dir(&directory).unwrap();
    fs::write(directory.join("lumma.txt"), "one.bad.example\n").unwrap();
    fs::write(directory.join("redline.txt"), "two.bad.example\n").unwrap();
    rig.feed.path.clone_from(&directory);
    rig.load().unwrap();
    fs::remove_dir_all(&directory).unwrap();
    let gated = rig.load().unwrap();
    let found = gated.loaded.snapshot.lookup("one.bad.example", None);
    assert_eq!(
        found.matches[0].indicators[0].malware.as_deref(),
        Some("lumma")
    );
    assert!(Path::new(&gated.loaded.feeds[0].name).ends_with("feed"));
}

#[test]
fn a_kill_between_two_renames_loses_no_copy() {
    let rig = Rig::new();
    rig.write(&names(10));
    rig.load().unwrap();
    let place = rig.directory.path().join("store/feed");
    fs::rename(place.join("good"), place.join("old")).unwrap();
    assert!(rig.store.good("feed").unwrap().is_some());
}

#[test]
fn no_feed_can_have_the_name_of_a_file_of_the_store() {
    let rig = Rig::new();
    rig.write(&names(10));
    rig.load().unwrap();
    let subject = Subject::Value("bad.example".to_owned());
    let request = Request {
        action: Action::Mute,
        subject,
        made: String::new(),
        reason: String::new(),
    };
    request.leave(&rig.store).unwrap();
    take_up(&rig.store, &mut MutedList::default()).unwrap();
    rig.store.record(&serde_json::json!({})).unwrap();
    let config = |name: &str| {
        let text = format!(
            "[kafka]\nbrokers = \"a:1\"\ngroup = \"g\"\n\
             [[source]]\nname = \"s\"\ntopics = [\"t\"]\nformat = \"zeek-json\"\n\
             [[feed]]\nname = \"{name}\"\npath = \"p\"\nformat = \"plain\"\nrole = \"c2\"\n"
        );
        Config::parse(&text, Path::new("/etc/gannet.toml"), &|_| None)
    };
    let mut others = 0;
    for entry in fs::read_dir(rig.store.root()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let is_feed = name == "feed";
        assert_eq!(config(&name).is_ok(), is_feed, "{name}");
        others += usize::from(!is_feed);
    }
    assert_eq!(others, 3);
}
