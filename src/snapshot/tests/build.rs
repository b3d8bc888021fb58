//! What is taken into a snapshot, what a lookup says of it, and its hash.

use super::*;

#[test]
fn what_must_not_be_listed_is_refused_and_counted() {
    let mut builder = SnapshotBuilder::new(BuildOptions::default());
    let bad = builder.add_feed(feed("bad"));
    let mut refuse = |written: &str, expected: Refusal| {
        assert_eq!(
            add_with(&mut builder, bad, written, |_| ()),
            Err(expected),
            "{written}"
        );
    };
    refuse("com", Refusal::PublicSuffix);
    refuse("co.uk", Refusal::PublicSuffix);
    refuse("~github.io", Refusal::PublicSuffix);
    refuse("0.0.0.0/0", Refusal::PrefixTooWide);
    refuse("::/15", Refusal::PrefixTooWide);
    refuse("/ab/", Refusal::PatternTooShort);
    refuse("/a b c d/", Refusal::BadPattern);
    let nobody = FeedId(1);
    assert_eq!(
        add_with(&mut builder, nobody, "bad.example", |_| ()),
        Err(Refusal::UnknownFeed)
    );
    let narrowed = add_with(&mut builder, bad, "github.io", |_| ()).unwrap();
    assert!(narrowed.narrowed && !narrowed.reserved);
    let revoked = add_with(&mut builder, bad, "gone.example", |row| {
        row.state = IndicatorState::Revoked;
    });
    assert!(revoked.unwrap().revoked);
    // Allow rules may be as wide as they like.
    for wide in ["com", "0.0.0.0/0"] {
        add_with(&mut builder, bad, wide, |row| row.role = Role::Allow).unwrap();
    }
    for number in 0..=VALUE_INDICATORS_MAX {
        let id = number.to_string();
        let outcome = add_with(&mut builder, bad, "203.0.113.1", |row| {
            // The id outlives the call only as a copy in the snapshot.
            row.confidence = u8::try_from(number % 100).unwrap();
            row.valid_from = Some(EventTime::from_nanos(id.parse().unwrap()));
        });
        let expected = (number == VALUE_INDICATORS_MAX).then_some(Refusal::TooManyOfValue);
        assert_eq!(outcome.err(), expected);
    }
    let snapshot = builder.build(1).unwrap();
    let [counts] = snapshot.feeds() else {
        panic!("one feed");
    };
    let refused: Vec<(&str, u64)> = counts
        .refused
        .iter()
        .map(|(reason, count)| (*reason, *count))
        .collect();
    assert_eq!(
        refused,
        [
            ("bad_pattern", 1),
            ("pattern_too_short", 1),
            ("prefix_too_wide", 2),
            ("public_suffix", 3),
            ("too_many_of_value", 1)
        ]
    );
    assert_eq!((counts.indicators, counts.allow_rules), (257, 2));
    assert_eq!((counts.revoked, counts.narrowed), (1, 1));
    assert_eq!(counts.reserved, 257, "gone.example and 203.0.113.1");
    assert_eq!(
        snapshot.probe_name(b"user.github.io"),
        NameProbe::Miss,
        "narrowed"
    );
    assert_eq!(snapshot.probe_name(b"github.io"), NameProbe::Candidate);
    assert_eq!(snapshot.probe_name(b"gone.example"), NameProbe::Miss);
}

#[test]
fn lookups_say_why_and_why_not() {
    let mut builder = SnapshotBuilder::new(BuildOptions::default());
    let bad = builder.add_feed(feed("bad"));
    for written in ["bad.example", "203.0.113.0/24", "198.51.100.7:443"] {
        add_with(&mut builder, bad, written, |_| ()).unwrap();
    }
    for allowed in ["good.bad.example", "fine.example"] {
        add_with(&mut builder, bad, allowed, |row| row.role = Role::Allow).unwrap();
    }
    add_with(&mut builder, bad, "gone.example", |row| {
        row.state = IndicatorState::Revoked;
    })
    .unwrap();
    let snapshot = builder.build(1).unwrap();
    for (value, listed, why_not, values) in [
        ("www.bad.example", true, None, &["bad.example"][..]),
        (" WWW.BAD.EXAMPLE. ", true, None, &["bad.example"]),
        ("good.bad.example", true, Some("allowed"), &["bad.example"]),
        ("fine.example", false, Some("allowed"), &[]),
        ("gone.example", true, Some("revoked"), &["gone.example"]),
        ("other.example", false, None, &[]),
        ("bad example", false, Some("bad_byte"), &[]),
        ("203.0.113.9", true, None, &["203.0.113.0/24"]),
        ("::ffff:203.0.113.9", true, None, &["203.0.113.0/24"]),
        ("203.0.113.128/25", true, None, &["203.0.113.0/24"]),
        ("203.0.0.0/16", false, None, &[]),
        ("198.51.100.7:443", true, None, &["198.51.100.7:443"]),
        (
            "198.51.100.7:80",
            true,
            Some("other_port"),
            &["198.51.100.7:443"],
        ),
        (
            "198.51.100.7",
            true,
            Some("other_port"),
            &["198.51.100.7:443"],
        ),
    ] {
        let lookup = snapshot.lookup(value, None);
        assert_eq!(lookup.listed, listed, "{value}");
        assert_eq!(lookup.why_not, why_not, "{value}");
        assert_eq!(lookup.would_match, listed && why_not.is_none(), "{value}");
        let shown: Vec<&str> = lookup
            .matches
            .iter()
            .map(|found| found.value.as_str())
            .collect();
        assert_eq!(shown, values, "{value}");
    }
}

#[test]
fn the_hash_depends_on_the_content_alone() {
    let build = |order: &[usize], key: (u64, u64), engine| {
        let written = ["bad.example", "203.0.113.1:80", "/login-bank/", "=a.test"];
        let mut builder = SnapshotBuilder::new(BuildOptions {
            names: engine,
            hash_key: Some(HashKey::new(key.0, key.1)),
            ..BuildOptions::default()
        });
        let bad = builder.add_feed(feed("bad"));
        for &index in order {
            add_with(&mut builder, bad, written[index], |_| ()).unwrap();
        }
        builder.build(1).unwrap().hash().to_owned()
    };
    use crate::model::NameEngine::{AhoCorasick, Table};
    let hash = build(&[0, 1, 2, 3], (1, 2), Table);
    assert_eq!(build(&[3, 1, 0, 2, 1, 0], (9, 9), AhoCorasick), hash);
    assert_ne!(build(&[0, 1, 2], (1, 2), Table), hash);
    assert_ne!(build(&[], (1, 2), Table), build(&[0], (1, 2), Table));
    // Pinned: a change of the way of hashing needs a new version of it.
    assert_eq!(hash, "c9accfe401650abf2eba6c1c18f7656f");
}
