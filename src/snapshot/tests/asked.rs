//! The self-test of a whole snapshot: what is lost is noticed, what is planted is found and not seen,
//! and what no feed may list does not match.

use super::*;
use crate::model::SampleKey;
use crate::snapshot::lose_rows_of;

/// What is planted.
const PLANTED: [&str; 3] = [
    "planted.self-test.gannet.invalid",
    "192.0.2.253",
    "2001:db8:5e1f:7e57::fd",
];

/// A builder of two feeds with rows of every kind.
fn two_feeds(options: &BuildOptions) -> SnapshotBuilder {
    let mut builder = SnapshotBuilder::new(options.clone());
    for (name, letter) in [("one", 'a'), ("two", 'b')] {
        let id = builder.add_feed(feed(name));
        for number in 0..200_u8 {
            let net = number.to_string() + if letter == 'a' { ".0" } else { ".1" };
            for written in [
                format!("{letter}{number}.example"),
                format!("={letter}{number}.test"),
                format!("~{letter}{number}.below.example"),
                format!("/*{letter}{number}x??bad*/"),
                format!("198.18.{net}"),
                format!("198.19.{net}:443"),
                format!("2001:db8:{number:x}{letter}::/48"),
            ] {
                add_with(&mut builder, id, &written, |_| ()).unwrap();
            }
        }
    }
    builder
}

fn options() -> BuildOptions {
    BuildOptions {
        hash_key: Some(HashKey::random()),
        ..BuildOptions::default()
    }
}

/// Protects a name, from patterns too, and a network.
fn protected(name: &str, net: &str) -> Protected {
    let mut protected = Protected::default();
    let mut scratch = [0; NAME_LEN_MAX];
    let name = DomainName::parse(name.as_bytes(), &mut scratch).unwrap();
    protected.protect_name(name, Refusal::PopularName);
    protected.protect_from_patterns(name, Refusal::PopularName);
    protected.protect_nets([net.parse().unwrap()], Refusal::OwnNetwork);
    protected
}

#[test]
fn a_snapshot_without_the_rows_of_a_feed_is_noticed() {
    let options = options();
    let whole = two_feeds(&options).build(1).unwrap();
    assert_eq!(whole.self_test(None, &Protected::default()), Ok(()));
    lose_rows_of(Some("two"));
    let broken = two_feeds(&options).build(1).unwrap();
    lose_rows_of(None);
    // Nobody else would see it: counts and hash are right.
    assert_eq!(
        (broken.hash(), broken.indicators()),
        (whole.hash(), whole.indicators())
    );
    assert!(!broken.lookup("b7.example", None).listed);
    let error = broken.self_test(None, &Protected::default()).unwrap_err();
    let SelfTestError::Lost { feed, by, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!((feed.as_str(), *by), ("two", "the lookup"), "{error}");
}

#[test]
fn a_new_layer_that_loses_rows_or_hides_what_it_does_not_replace_is_noticed() {
    let options = options();
    let first = two_feeds(&options).build(1).unwrap();
    let next = |lost: Option<&str>| {
        let mut builder = SnapshotBuilder::new(options.clone());
        let id = builder.add_feed(feed("two"));
        add_with(&mut builder, id, "new.example", |_| ()).unwrap();
        let mut update = first.update(builder);
        let keep = Keep {
            at: EventTime::MAX,
            since: EventTime::MAX,
            max: 0,
        };
        update.replace("two", keep);
        lose_rows_of(lost);
        let next = update.finish(1).unwrap();
        lose_rows_of(None);
        next
    };
    let none = Protected::default();
    let mut good = next(None);
    assert_eq!(good.self_test(Some(&first), &none), Ok(()));
    assert_eq!(
        next(Some("two")).self_test(Some(&first), &none),
        Err(SelfTestError::Lost {
            by: "the lookup",
            value: "new.example".to_owned(),
            feed: "two".to_owned(),
        })
    );
    good.stack.base.hide_feed("one");
    let feed = "one".to_owned();
    assert_eq!(
        good.self_test(Some(&first), &none),
        Err(SelfTestError::Hidden { feed })
    );
}

#[test]
fn what_is_planted_is_found_by_every_probe_and_seen_by_nobody() {
    let snapshot = two_feeds(&options()).build(1).unwrap();
    assert_eq!(
        snapshot.probe_name(PLANTED[0].as_bytes()),
        NameProbe::Candidate
    );
    for ip in &PLANTED[1..] {
        assert!(
            snapshot.probe_address(ip.parse().unwrap(), Some(53)),
            "{ip}"
        );
    }
    for value in PLANTED {
        let found = snapshot.lookup(value, None);
        assert!(!found.listed && !found.would_match && found.matches.is_empty());
        let key = match value.parse() {
            Ok(ip) => SampleKey::Address(ip, None),
            Err(_) => SampleKey::Name(value.as_bytes()),
        };
        snapshot.would_match(key, None, &mut |value, feed| panic!("{value} {feed}"));
    }
    // Neither feeds nor counts nor rows know of it.
    let layer = &snapshot.stack.base.layer;
    assert_eq!(snapshot.feeds().len(), 2);
    assert_eq!(snapshot.indicators(), 2 * 7 * 200);
    assert_eq!(layer.rows(), 2 * 7 * 200);
    layer.each_row(&mut |placed| {
        let value = placed.value.to_string();
        assert!(!PLANTED.contains(&value.as_str()), "{value}");
    });
    // Where nothing is listed nothing is planted.
    let empty = SnapshotBuilder::new(BuildOptions::default())
        .build(1)
        .unwrap();
    assert_eq!(empty.probe_name(PLANTED[0].as_bytes()), NameProbe::Miss);
    assert_eq!(empty.self_test(None, &Protected::default()), Ok(()));
}

#[test]
fn what_somebody_lists_is_not_planted_and_matches() {
    let snapshot = snapshot(&PLANTED, &[]);
    assert_eq!(snapshot.indicators(), 3);
    for value in PLANTED {
        assert!(snapshot.lookup(value, None).would_match, "{value}");
    }
    assert_eq!(snapshot.self_test(None, &Protected::default()), Ok(()));
}

#[test]
fn a_planted_value_that_is_lost_or_seen_is_noticed() {
    let options = options();
    let mut snapshot = two_feeds(&options).build(1).unwrap();
    let change = |snapshot: &mut Snapshot, planted: &'static str| {
        let layer = Arc::get_mut(&mut snapshot.stack.base.layer).unwrap();
        layer.planted = vec![planted];
    };
    let none = Protected::default();
    change(&mut snapshot, "other.invalid");
    assert!(matches!(
        snapshot.self_test(None, &none),
        Err(SelfTestError::NotPlanted { .. })
    ));
    change(&mut snapshot, "203.0.113.9/32");
    assert!(matches!(
        snapshot.self_test(None, &none),
        Err(SelfTestError::NotPlanted { .. })
    ));
    change(&mut snapshot, "a7.example");
    assert_eq!(
        snapshot.self_test(None, &none),
        Err(SelfTestError::Seen {
            value: "a7.example"
        })
    );
}

#[test]
fn what_no_feed_may_list_is_noticed_when_it_matches_and_did_not_before() {
    let protected = protected("busy.example", "203.0.113.0/24");
    for (written, shown) in [
        ("busy.example", "busy.example"),
        ("=busy.example", "busy.example"),
        ("/*usy.exa*/", "busy.example"),
        ("203.0.113.0", "203.0.113.0"),
        ("203.0.0.0/16", "203.0.113.0"),
        ("203.0.113.255:443", "203.0.113.255"),
    ] {
        let bad = snapshot(&["bad.example", written], &[]);
        let error = SelfTestError::Mistaken {
            value: shown.to_owned(),
            feed: "bad".to_owned(),
        };
        assert_eq!(bad.self_test(None, &protected), Err(error), "{written}");
        // It is no news, or an allow rule keeps it from matching, or the feed may do it.
        assert_eq!(bad.self_test(Some(&bad), &protected), Ok(()), "{written}");
        let allows = [
            "busy.example",
            "203.0.113.0",
            "203.0.113.255",
            "203.0.113.255:443",
        ];
        let allowed = snapshot(&["bad.example", written], &allows);
        assert_eq!(allowed.self_test(None, &protected), Ok(()), "{written}");
        let mut builder = SnapshotBuilder::new(BuildOptions::default());
        let id = builder.add_feed(FeedInfo {
            overrides: true,
            ..feed("bad")
        });
        add_with(&mut builder, id, written, |_| ()).unwrap();
        let overriding = builder.build(1).unwrap();
        assert_eq!(overriding.self_test(None, &protected), Ok(()), "{written}");
    }
    let good = snapshot(&["sub.busy.example", "203.0.114.0/24"], &[]);
    assert_eq!(good.self_test(None, &protected), Ok(()));
}
