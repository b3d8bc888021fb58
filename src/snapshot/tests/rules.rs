//! Which rows count: allow rules, overrides, validity.

use super::*;

#[test]
fn the_longer_rule_wins_and_then_allow() {
    let question = |name: &str| dns(0, name, &[]);
    let to = |ip: &str, port: u16| flow(0, end("10.0.0.1", 5), end(ip, port));
    for (listed, allowed, event, expected) in [
        (
            "bad.example",
            "good.bad.example",
            question("x.good.bad.example"),
            false,
        ),
        (
            "bad.example",
            "good.bad.example",
            question("bad.example"),
            true,
        ),
        ("bad.example", "bad.example", question("bad.example"), false),
        (
            "www.bad.example",
            "bad.example",
            question("www.bad.example"),
            true,
        ),
        (
            "bad.example",
            "=bad.example",
            question("www.bad.example"),
            true,
        ),
        (
            "bad.example",
            "=bad.example",
            question("bad.example"),
            false,
        ),
        (
            "bad.example",
            "~bad.example",
            question("www.bad.example"),
            false,
        ),
        ("bad.example", "~bad.example", question("bad.example"), true),
        ("bad.example", "example", question("bad.example"), true),
        ("/bad-word/", "example", question("bad-word.example"), false),
        (
            "/bad-word/",
            "good.example",
            question("bad-word.example"),
            true,
        ),
        ("/bad-word/", "/d-wor/", question("bad-word.example"), false),
        (
            "bad-word.example",
            "/d-wor/",
            question("bad-word.example"),
            true,
        ),
        ("203.0.113.0/24", "203.0.113.1", to("203.0.113.1", 1), false),
        ("203.0.113.0/24", "203.0.113.1", to("203.0.113.2", 1), true),
        ("203.0.113.1", "203.0.113.0/24", to("203.0.113.1", 1), true),
        (
            "203.0.113.0/24",
            "203.0.113.0/24",
            to("203.0.113.1", 1),
            false,
        ),
        (
            "203.0.113.1:443",
            "203.0.113.0/24",
            to("203.0.113.1", 443),
            true,
        ),
        (
            "203.0.113.1:443",
            "203.0.113.1",
            to("203.0.113.1", 443),
            false,
        ),
        (
            "203.0.113.1",
            "203.0.113.1:443",
            to("203.0.113.1", 443),
            false,
        ),
        (
            "203.0.113.1",
            "203.0.113.1:443",
            to("203.0.113.1", 80),
            true,
        ),
        ("203.0.113.1", "0.0.0.0/0", to("203.0.113.1", 80), true),
        (
            "2001:db8::/48",
            "2001:db8::/32",
            to("2001:db8::1", 80),
            true,
        ),
        (
            "2001:db8::/32",
            "2001:db8::/48",
            to("2001:db8::1", 80),
            false,
        ),
    ] {
        let snapshot = snapshot(&[listed], &[allowed]);
        let found = !matches(&snapshot, &event).is_empty();
        assert_eq!(found, expected, "{listed} against {allowed}: {event:?}");
    }
}

#[test]
fn an_override_wins_whatever_the_length_and_an_allowing_one_most_of_all() {
    for (bad_overrides, good_overrides, listed, allowed, expected) in [
        (true, false, "bad.example", "www.bad.example", true),
        (true, false, "/bad-word/", "bad-word.bad.example", true),
        (false, true, "www.bad.example", "bad.example", false),
        (true, true, "www.bad.example", "bad.example", false),
        (true, true, "www.bad.example", "other.example", true),
    ] {
        let mut builder = SnapshotBuilder::new(BuildOptions::default());
        let bad = builder.add_feed(FeedInfo {
            overrides: bad_overrides,
            ..feed("bad")
        });
        let good = builder.add_feed(FeedInfo {
            overrides: good_overrides,
            ..feed("good")
        });
        add_with(&mut builder, bad, listed, |_| ()).unwrap();
        add_with(&mut builder, good, allowed, |row| row.role = Role::Allow).unwrap();
        let snapshot = builder.build(1).unwrap();
        let qname = if listed.starts_with('/') {
            "bad-word.bad.example"
        } else {
            "www.bad.example"
        };
        let found = !matches(&snapshot, &dns(0, qname, &[])).is_empty();
        assert_eq!(found, expected, "{listed} against {allowed}");
    }
}

#[test]
fn validity_is_that_of_the_time_of_the_event() {
    for (from, until, grace, at, expected) in [
        (None, None, 0, 0, "matches"),
        (Some(5), None, 0, 4, "not_yet_valid"),
        (Some(5), None, 0, 5, "matches"),
        (None, Some(5), 0, 4, "matches"),
        (None, Some(5), 0, 5, "expired"),
        (None, Some(5), 3, 7, "matches"),
        (None, Some(5), 3, 8, "expired"),
        (Some(5), None, 3, 4, "not_yet_valid"),
        (Some(9), Some(5), 0, 7, "not_yet_valid"),
        (None, Some(i64::MAX), 3, i64::MAX - 1, "matches"),
    ] {
        for emit_invalid in [false, true] {
            let mut builder = SnapshotBuilder::new(BuildOptions {
                emit_invalid,
                ..BuildOptions::default()
            });
            let bad = builder.add_feed(FeedInfo {
                grace: Duration::from_nanos(grace),
                ..feed("bad")
            });
            add_with(&mut builder, bad, "bad.example", |row| {
                row.valid_from = from.map(EventTime::from_nanos);
                row.valid_until = until.map(EventTime::from_nanos);
            })
            .unwrap();
            let snapshot = builder.build(1).unwrap();
            let found = matches(&snapshot, &dns(at, "bad.example", &[]));
            let valid: Vec<bool> = found.iter().map(|found| found.valid_at_event).collect();
            let case = format!("{from:?} to {until:?} plus {grace} at {at}");
            if expected == "matches" {
                assert_eq!(valid, [true], "{case}");
            } else {
                assert_eq!(valid, vec![false; usize::from(emit_invalid)], "{case}");
            }
            let lookup = snapshot.lookup("bad.example", Some(EventTime::from_nanos(at)));
            assert_eq!(lookup.why_not.unwrap_or("matches"), expected, "{case}");
            assert!(snapshot.lookup("bad.example", None).would_match);
        }
    }
}

#[test]
fn of_valid_and_invalid_indicators_only_the_valid_are_listed() {
    let mut builder = SnapshotBuilder::new(BuildOptions {
        emit_invalid: true,
        ..BuildOptions::default()
    });
    let bad = builder.add_feed(feed("bad"));
    for (id, until) in [("old", 5), ("new", 50)] {
        add_with(&mut builder, bad, "bad.example", |row| {
            row.valid_until = Some(EventTime::from_nanos(until));
            row.id = Some(id);
        })
        .unwrap();
    }
    let snapshot = builder.build(1).unwrap();
    for (at, expected) in [
        (1, &["new", "old"][..]),
        (9, &["new"]),
        (99, &["new", "old"]),
    ] {
        let found = matches(&snapshot, &dns(at, "bad.example", &[]));
        let ids: Vec<&str> = found
            .iter()
            .flat_map(|found| &found.indicators)
            .filter_map(|indicator| indicator.id.as_deref())
            .collect();
        assert_eq!(ids, expected, "at {at}");
    }
}

#[test]
fn an_expired_allow_rule_allows_nothing() {
    let mut builder = SnapshotBuilder::new(BuildOptions::default());
    let one = builder.add_feed(feed("one"));
    add_with(&mut builder, one, "bad.example", |_| ()).unwrap();
    add_with(&mut builder, one, "bad.example", |row| {
        row.role = Role::Allow;
        row.valid_until = Some(EventTime::from_nanos(5));
    })
    .unwrap();
    let snapshot = builder.build(1).unwrap();
    assert!(matches(&snapshot, &dns(4, "bad.example", &[])).is_empty());
    assert_eq!(matches(&snapshot, &dns(5, "bad.example", &[])).len(), 1);
}

#[test]
fn allow_rules_alone_make_no_candidates() {
    let snapshot = snapshot(&["bad.example"], &["good.example", "198.51.100.0/24"]);
    assert_eq!(snapshot.probe_name(b"good.example"), NameProbe::Miss);
    assert!(!snapshot.probe_address("198.51.100.1".parse().unwrap(), None));
    assert_eq!((snapshot.indicators(), snapshot.allow_rules()), (1, 2));
}
