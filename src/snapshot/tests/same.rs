//! Feeds that list the same, whatever else they say of it.

use super::*;

/// Adds a feed that lists so many names, and one row more.
fn add(builder: &mut SnapshotBuilder, info: FeedInfo, rows: &[&str]) {
    let id = builder.add_feed(info);
    for written in rows {
        add_with(builder, id, written, |_| ()).unwrap();
    }
}

/// The pairs, as text.
fn pairs(snapshot: &Snapshot, rows_min: u64) -> Vec<(String, String)> {
    let pairs = snapshot.same_lists(rows_min).into_iter();
    let pairs = pairs.map(|(one, other)| (one.to_string(), other.to_string()));
    pairs.collect()
}

#[test]
fn feeds_are_the_same_by_what_they_list_and_not_by_how() {
    let mut builder = SnapshotBuilder::new(BuildOptions::default());
    let list = ["a.example", "198.18.1.0/24", "203.0.113.1:443"];
    add(&mut builder, feed("one"), &list);
    add(
        &mut builder,
        feed("other"),
        &["b.example", list[1], list[2]],
    );
    let id = builder.add_feed(feed("exact"));
    for written in ["=a.example", "203.0.113.1:443", "198.18.1.0/24"] {
        let change = |row: &mut Indicator<'_>| row.malware = Some("family");
        add_with(&mut builder, id, written, change).unwrap();
    }
    add(
        &mut builder,
        feed("more"),
        &[list[0], list[1], list[2], "c.example"],
    );
    let keyed = FeedInfo {
        keyed: true,
        ..feed("keyed")
    };
    add(&mut builder, keyed, &list);
    let snapshot = builder.build(1).unwrap();
    let expected = [("one".to_owned(), "exact".to_owned())];
    assert_eq!(pairs(&snapshot, 3), expected);
    assert_eq!(pairs(&snapshot, 4), []);
}
