//! What feeds have really listed by mistake: each such row is refused, with the reason, and the good
//! rows beside it are listed. Where the rule that keeps it out can be switched off, it is, and the row
//! gets through: else the table would prove nothing.

use std::fs;
use std::sync::Arc;

use tempfile::TempDir;

use crate::config::{FeedConfig, GateConfig, NetworksConfig};
use crate::feeds::gate::known_to;
use crate::feeds::{LoadError, Loaded, Reason, load_on};
use crate::model::{FeedFormat, Role};
use crate::snapshot::{BuildOptions, Protected, Snapshot};

/// A row that stands beside the bad ones.
const GOOD: [&str; 3] = ["good.example", "203.0.113.66", "0.good.test"];

/// What the operator of these tests protects: private addresses, and what is his own.
fn protected() -> Protected {
    let gate = GateConfig {
        own_names: vec!["isp.example".to_owned()],
        ..GateConfig::default()
    };
    let networks = NetworksConfig {
        own: vec!["198.18.0.0/15".parse().unwrap()],
        resolvers: vec!["192.0.2.53/32".parse().unwrap()],
        ..NetworksConfig::default()
    };
    known_to(&gate, &networks).unwrap()
}

/// A feed of one file, loaded.
fn loaded(format: FeedFormat, text: &str, protected: Protected) -> Result<Loaded, Vec<LoadError>> {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("feed");
    fs::write(&path, text).unwrap();
    let options = BuildOptions {
        protected: Arc::new(protected),
        ..BuildOptions::default()
    };
    let feed = FeedConfig::new("feed", path, format, Role::C2);
    load_on(1, &[feed], options, 1)
}

/// Whether something listed covers `value`.
fn lists(snapshot: &Snapshot, value: &str) -> bool {
    !snapshot.lookup(value, None).matches.is_empty()
}

/// A list of `row` among good ones.
fn among_good(row: &str) -> String {
    format!("{}\n{row}\n{}\n{}\n", GOOD[0], GOOD[1], GOOD[2])
}

/// Checks that `row` is refused for `reason`, that `victim` is then not accused, and that the rows
/// beside it are listed. Gives whether `victim` is accused when nothing is protected.
#[track_caller]
fn refused(row: &str, reason: Reason, victim: &str) -> bool {
    let text = among_good(row);
    let guarded = loaded(FeedFormat::Plain, &text, protected()).unwrap();
    let report = &guarded.feeds[0].report;
    assert_eq!(report.refused, [(reason, 1)].into(), "{row:?}");
    assert_eq!(report.samples[0].text, row);
    assert!(!lists(&guarded.snapshot, victim), "{row:?}");
    for good in GOOD {
        assert!(lists(&guarded.snapshot, good), "{good} beside {row:?}");
    }
    let open = loaded(FeedFormat::Plain, &text, Protected::default()).unwrap();
    lists(&open.snapshot, victim)
}

#[test]
fn what_nobody_may_list_is_refused_whatever_is_protected() {
    for (row, reason, victim) in [
        ("com", "public_suffix", "shop.com"),
        ("ie", "public_suffix", "shop.ie"),
        ("lt", "public_suffix", "shop.lt"),
        ("co", "public_suffix", "shop.co"),
        ("com.br", "public_suffix", "shop.com.br"),
        ("*.com", "public_suffix", "shop.com"),
        ("localhost", "public_suffix", "localhost"),
        ("128.0.0.0/2", "prefix_too_wide", "130.0.0.1"),
        ("38.0.0.0/8", "prefix_too_wide", "38.1.2.3"),
        ("0.0.0.0/8", "prefix_too_wide", "0.1.2.3"),
        ("10.0.0.0/8", "prefix_too_wide", "10.1.2.3"),
        // A list of senders that nobody keeps any more lists the world.
        ("0.0.0.0/0", "prefix_too_wide", "38.1.2.3"),
        ("::/0", "prefix_too_wide", "2001:db8::1"),
        ("0.0.0.0", "unroutable", "0.0.0.0"),
        ("127.0.0.1", "unroutable", "127.0.0.1"),
        ("127.0.0.0/9", "unroutable", "127.0.0.1"),
        ("224.0.0.1", "unroutable", "224.0.0.1"),
        ("169.254.1.1", "unroutable", "169.254.1.1"),
        ("*", "bad_pattern", "shop.com"),
        ("*.*", "bad_pattern", "shop.com"),
        (".", "empty_name", "shop.com"),
        ("/", "empty_value", "shop.com"),
        ("\"\"", "empty_value", "shop.com"),
    ] {
        assert!(!refused(row, reason, victim), "{row:?}");
    }
}

#[test]
fn what_is_protected_is_refused_and_without_protection_gets_through() {
    for (row, reason, victim) in [
        ("github.com", "popular_name", "www.github.com"),
        ("google.com", "popular_name", "www.google.com"),
        ("akamai.net", "popular_name", "akamai.net"),
        ("*goog*", "popular_name", "www.google.com"),
        ("isp.example", "own_name", "mail.isp.example"),
        ("8.8.8.8", "resolver", "8.8.8.8"),
        ("8.8.8.0/24", "resolver", "8.8.8.8"),
        ("8.8.8.8:53", "resolver", "8.8.8.8:53"),
        ("192.0.2.53", "resolver", "192.0.2.53"),
        ("198.18.5.5", "own_network", "198.18.5.5"),
        ("198.0.0.0/9", "own_network", "198.18.5.5"),
        ("10.1.0.0/16", "private_network", "10.1.2.3"),
        ("192.168.1.1", "private_network", "192.168.1.1"),
        ("100.64.0.0/10", "private_network", "100.64.1.1"),
    ] {
        assert!(refused(row, reason, victim), "{row:?}: nothing to see");
    }
}

#[test]
fn nothing_is_a_blank_line_and_no_row() {
    let loaded = loaded(FeedFormat::Plain, &among_good(""), protected()).unwrap();
    assert_eq!(loaded.feeds[0].report.rows, 3);
    assert!(!lists(&loaded.snapshot, "shop.com"));
}

#[test]
fn names_that_begin_with_digits_are_listed() {
    let names = [
        "0.good.test",
        "1.2.3.good.test",
        "163.good.test",
        "360safe.good.test",
        "7zip.test",
    ];
    let loaded = loaded(FeedFormat::Plain, &names.join("\n"), protected()).unwrap();
    assert_eq!(loaded.feeds[0].report.refused_total(), 0);
    for name in names {
        assert!(lists(&loaded.snapshot, name), "{name}");
    }
}

#[test]
fn a_rule_for_www_below_a_suffix_is_about_that_name_alone() {
    let text = "||www.com^\n||good.example^\n";
    let loaded = loaded(FeedFormat::Adblock, text, protected()).unwrap();
    assert_eq!(loaded.feeds[0].report.refused_total(), 0);
    for (name, listed) in [
        ("www.com", true),
        ("a.www.com", true),
        ("shop.com", false),
        ("www.shop.com", false),
        ("awww.com", false),
        ("www.good.example", true),
    ] {
        assert_eq!(lists(&loaded.snapshot, name), listed, "{name}");
    }
}

#[test]
fn a_file_that_is_no_list_fails_its_feed_and_says_what_it_is() {
    let script = "(function() {\n  var host = window.location;\n  if (host) { reload(); }\n})();\n";
    let world = "0.0.0.0/0\n::/0\n";
    for (text, problem) in [
        (
            "<!DOCTYPE html>\n<html><body>log in</body></html>\n",
            "a web page",
        ),
        ("\u{feff}\n <HTML>\n", "a web page"),
        (
            "<script>location = 'https://a.example/'</script>\n",
            "a web page",
        ),
        (script, "rows refused"),
        (world, "rows refused"),
        ("", "no rows"),
    ] {
        let errors = loaded(FeedFormat::Plain, text, protected()).unwrap_err();
        let [error] = errors.as_slice() else {
            panic!("{errors:?}");
        };
        let told = crate::feeds::chain(error);
        assert!(told.contains(problem), "{told}");
    }
    // The same rows among so many good ones that the feed is still one.
    let mut text = script.to_owned();
    for number in 0..20 {
        text += &format!("host{number}.good.example\n");
    }
    let loaded = loaded(FeedFormat::Plain, &text, protected()).unwrap();
    assert_eq!(loaded.feeds[0].report.refused_total(), 4);
    assert!(lists(&loaded.snapshot, "host19.good.example"));
}

#[test]
fn a_list_that_holds_every_row_twice_lists_each_once() {
    let once = among_good("203.0.113.0/28");
    let single = loaded(FeedFormat::Plain, &once, protected()).unwrap();
    let doubled = loaded(FeedFormat::Plain, &format!("{once}{once}"), protected()).unwrap();
    assert_eq!(
        (single.feeds[0].duplicates, doubled.feeds[0].duplicates),
        (0, 4)
    );
    assert_eq!(single.snapshot.indicators(), doubled.snapshot.indicators());
}
