//! What the gate holds back of a list that is not wrong by itself: one that is older than the last, one
//! that is that of somebody else; what is told of old ones; and that no snapshot is used that does not
//! answer as it must. Each rule with what gets through where it is off.

use std::fs::File;
use std::time::SystemTime;

use super::*;
use crate::feeds::gate::{Passed, Store};
use crate::snapshot::lose_rows_of;

/// The configuration with the first feed in this format, and these lines in it and in `[gate]`.
fn config(format: &str, feed: &str, gate: &str) -> String {
    let text = CONFIG.replacen(
        "format = \"plain\"",
        &format!("{feed}\nformat = \"{format}\""),
        1,
    );
    text.replace("[gate]\n", &format!("[gate]\n{gate}\n"))
}

/// Why a feed is held back.
#[track_caller]
fn held(passed: &Passed) -> &str {
    match &passed.version {
        Version::LastGood { reason, .. } => reason,
        Version::Current => panic!("feed `{}` passed", passed.name),
    }
}

/// A list of servers that says when it was made, with so many rows.
fn stated(made: &str, numbers: std::ops::Range<usize>) -> String {
    let mut text = format!(
        "# Last updated: {made} (UTC) #\n\
         \"first_seen_utc\",\"dst_ip\",\"dst_port\",\"c2_status\",\"last_online\",\"malware\"\n"
    );
    for number in numbers {
        let (high, low) = (number / 250, number % 250);
        text += &format!("1970-01-01 00:00:00,203.{high}.113.{low},443,online,1970-01-01,F\n");
    }
    text
}

/// A list whose rows were made on a day of April 1970, the last one on another.
fn dated(day: usize, last: usize, numbers: std::ops::Range<usize>) -> String {
    let mut text = "value,from\n".to_owned();
    for number in numbers.clone() {
        let day = if number + 1 == numbers.end { last } else { day };
        text += &format!("host{number}.one.bad.example,1970-04-{day:02}\n");
    }
    text
}

#[test]
fn a_list_that_is_too_old_matches_on_and_is_told_to_be_stale() {
    let mut rig = Rig::new();
    rig.write("one.txt", &stated("1970-04-08 00:00:00", 0..300));
    for (max, stale_from) in [
        ("age_max = \"1d\"", Some("1970-04-09T00:00:00.000000000Z")),
        ("age_max = \"30d\"", Some("1970-05-08T00:00:00.000000000Z")),
        ("", None),
    ] {
        rig.text = config("feodo-csv", max, "");
        let reloader = rig.start();
        let told = published(reloader.reload(&Which::All));
        let passed = &told.passed[0];
        assert_eq!(passed.version, Version::Current);
        let written = |at: Option<EventTime>| at.map(|at| at.to_string());
        assert_eq!(
            written(passed.age.dated).as_deref(),
            Some("1970-04-08T00:00:00.000000000Z")
        );
        assert_eq!(written(passed.age.stale_from).as_deref(), stale_from);
        assert_eq!(passed.age.is_stale(clock()), max.contains("1d"));
        assert!(matches(&reloader, "203.0.113.7:443", clock()));
        // Nobody looked at it anew, and it is as old as it was.
        let again = unchanged(reloader.reload(&Which::All));
        assert_eq!(again.passed[0].age, passed.age);
    }
}

#[test]
fn a_list_without_dates_is_as_old_as_its_last_change_and_a_new_copy_is_not_older() {
    let mut rig = Rig::new();
    rig.text = config("plain", "age_max = \"5d\"", "");
    let changed = |day: u64| {
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(day * 86_400);
        let path = rig.directory.path().join("one.txt");
        let file = File::options().write(true).open(path).unwrap();
        file.set_modified(at).unwrap();
    };
    changed(90);
    let reloader = rig.start();
    let told = published(reloader.reload(&Which::All));
    let day = |day: i64| Some(EventTime::from_nanos(day * DAY));
    assert_eq!(told.passed[0].age.dated, day(90));
    assert!(told.passed[0].age.is_stale(clock()));
    // What is touched and stays the same has not changed.
    changed(98);
    let told = unchanged(reloader.reload(&Which::All));
    assert_eq!(told.passed[0].age.dated, day(90));
    rig.write("one.txt", &names("one", 0..301));
    changed(98);
    let told = published(reloader.reload(&Which::All));
    assert_eq!(told.passed[0].age.dated, day(98));
    assert!(!told.passed[0].age.is_stale(clock()));
    // A restart knows it from the copy.
    let told = published(rig.start().reload(&Which::All));
    assert_eq!(told.passed[0].age.dated, day(98));
}

#[test]
fn a_version_that_was_made_before_the_last_good_one_is_held_back_until_somebody_accepts_it() {
    let mut rig = Rig::new();
    rig.text = config("feodo-csv", "", "");
    rig.write("one.txt", &stated("1970-04-09 12:00:00", 0..300));
    let reloader = rig.start();
    published(reloader.reload(&Which::All));
    rig.write("one.txt", &stated("1970-04-09 11:59:59", 1..301));
    let told = unchanged(reloader.reload(&Which::All));
    assert_eq!(
        held(&told.passed[0]),
        "rollback: it was made 1970-04-09T11:59:59Z, and the last good copy 1970-04-09T12:00:00Z"
    );
    assert!(matches(&reloader, "203.0.113.0:443", clock()));
    assert!(!matches(&reloader, "203.1.113.50:443", clock()));
    // After a restart the copy knows when it was made.
    let told = published(rig.start().reload(&Which::All));
    assert!(held(&told.passed[0]).starts_with("rollback"));
    let store = Store::new(rig.directory.path().join("store"));
    store.approve("one", "it is right", "now").unwrap();
    published(reloader.reload(&Which::All));
    assert!(matches(&reloader, "203.1.113.50:443", clock()));
    // What is newer passes by itself.
    rig.write("one.txt", &stated("1970-04-10 00:00:00", 0..300));
    assert_eq!(
        published(reloader.reload(&Which::All)).passed[0].version,
        Version::Current
    );
    // With the rule switched off it gets through.
    rig.text = config("feodo-csv", "", "rollback = \"accept\"");
    let reloader = rig.start();
    published(reloader.reload(&Which::All));
    rig.write("one.txt", &stated("1970-04-09 00:00:00", 1..301));
    published(reloader.reload(&Which::All));
    assert!(matches(&reloader, "203.1.113.50:443", clock()));
}

#[test]
fn a_list_whose_rows_have_dates_goes_back_when_many_are_gone_and_not_when_the_newest_is_withdrawn()
{
    let mut rig = Rig::new();
    rig.text = config("csv", "columns = { valid_from = \"from\" }", "");
    rig.write("one.txt", &dated(2, 9, 0..300));
    let reloader = rig.start();
    published(reloader.reload(&Which::All));
    rig.write("one.txt", &dated(2, 2, 0..290));
    let told = unchanged(reloader.reload(&Which::All));
    assert_eq!(
        held(&told.passed[0]),
        "rollback: its newest row is of 1970-04-02T00:00:00Z, and the last good copy \
         1970-04-09T00:00:00Z"
    );
    rig.write("one.txt", &dated(2, 2, 0..299));
    published(reloader.reload(&Which::All));
    assert!(!matches(&reloader, "host299.one.bad.example", clock()));
}

#[test]
fn a_feed_that_turns_into_another_is_held_back_and_matching_goes_on() {
    let mut rig = Rig::new();
    rig.text = config("plain", "", "churn_max = 100");
    let reloader = rig.start();
    let told = published(reloader.reload(&Which::All));
    assert_eq!(told.passed[0].same_as, [""; 0]);
    rig.write("two.txt", &names("one", 0..300));
    let told = unchanged(reloader.reload(&Which::All));
    assert_eq!(
        held(&told.passed[1]),
        "duplicate of feed `one`: it lists the same 300 indicators, and did not before"
    );
    assert_eq!(told.passed[0].version, Version::Current);
    assert!(matches(&reloader, "host7.two.bad.example", clock()));
    // Also when the other one changes at the same time.
    rig.write("one.txt", &names("one", 0..310));
    rig.write("two.txt", &names("one", 0..310));
    let told = published(reloader.reload(&Which::All));
    assert!(held(&told.passed[1]).starts_with("duplicate of feed `one`"));
    assert_eq!(told.passed[0].version, Version::Current);
    assert!(matches(&reloader, "host309.one.bad.example", clock()));
    assert!(matches(&reloader, "host7.two.bad.example", clock()));
    // And when it was nobody's who looked.
    let told = published(rig.start().reload(&Which::All));
    assert!(held(&told.passed[1]).starts_with("duplicate of feed `one`"));
    // With the rule switched off it gets through, and is told.
    rig.text = config("plain", "", "churn_max = 100\nduplicate = \"accept\"");
    let reloader = rig.start();
    let told = published(reloader.reload(&Which::All));
    assert_eq!(told.passed[1].version, Version::Current);
    assert_eq!(told.passed[1].same_as, ["one"]);
    assert!(!matches(&reloader, "host7.two.bad.example", clock()));
}

#[test]
fn feeds_that_are_the_same_from_the_start_pass_and_are_told_as_long_as_they_are() {
    let rig = Rig::new();
    rig.write("two.txt", &names("one", 0..300));
    let reloader = rig.start();
    let check = |told: &Published, same: bool| {
        for (at, other) in [(0, "two"), (1, "one")] {
            assert_eq!(told.passed[at].version, Version::Current);
            let expected: &[&str] = if same { &[other] } else { &[] };
            assert_eq!(told.passed[at].same_as, expected);
            let warning = told.feeds[at].report.warnings.get("same_as_another_feed");
            assert_eq!(warning.is_some(), same);
        }
    };
    check(&published(reloader.reload(&Which::All)), true);
    check(&unchanged(reloader.reload(&Which::All)), true);
    // They change together, and then apart.
    rig.write("one.txt", &names("one", 0..301));
    rig.write("two.txt", &names("one", 0..301));
    check(&published(reloader.reload(&Which::All)), true);
    rig.write("two.txt", &names("one", 0..302));
    check(&published(reloader.reload(&Which::All)), false);
}

#[test]
fn small_lists_may_become_the_same() {
    let rig = Rig::new();
    rig.write("one.txt", &names("one", 0..9));
    rig.write("two.txt", &names("two", 0..9));
    let reloader = rig.start();
    published(reloader.reload(&Which::All));
    rig.write("two.txt", &names("one", 0..9));
    let told = published(reloader.reload(&Which::All));
    assert_eq!(told.passed[1].version, Version::Current);
}

#[test]
fn a_snapshot_that_does_not_find_its_rows_is_not_used_and_the_one_in_use_stays() {
    let rig = Rig::new();
    let reloader = rig.start();
    lose_rows_of(Some("two"));
    let Reload::Failed(errors) = reloader.reload(&Which::All) else {
        panic!("it was used");
    };
    let told = crate::feeds::chain(&errors[0]);
    assert!(told.contains("the lookup does not find `host"), "{told}");
    assert!(told.contains("of feed `two`"), "{told}");
    assert!(reloader.reader().is_none());
    lose_rows_of(None);
    published(reloader.reload(&Which::All));
    // A new version of a feed.
    rig.write("two.txt", &names("two", 0..301));
    lose_rows_of(Some("two"));
    let told = unchanged(reloader.reload(&Which::All));
    assert!(held(&told.passed[1]).contains("the lookup does not find `host"));
    assert_eq!(told.generation, 1);
    assert!(matches(&reloader, "host7.two.bad.example", clock()));
    assert!(!matches(&reloader, "host300.two.bad.example", clock()));
    lose_rows_of(None);
    published(reloader.reload(&Which::All));
    assert!(matches(&reloader, "host300.two.bad.example", clock()));
}

#[test]
fn rows_of_a_topic_that_are_lost_are_noticed_and_what_was_there_stays() {
    let rig = Rig::new();
    let reloader = rig.start();
    published(reloader.reload(&Which::All));
    lose_rows_of(Some("desk"));
    let rows = [row("1", Some("new.desk.example"))];
    let Reload::Failed(errors) = reloader.apply_rows("desk", &rows) else {
        panic!("it was used");
    };
    let told = crate::feeds::chain(&errors[0]);
    assert!(told.contains("`new.desk.example` of feed `desk`"), "{told}");
    lose_rows_of(None);
    published(reloader.apply_rows("desk", &rows));
    assert!(matches(&reloader, "new.desk.example", clock()));
}

#[test]
fn rows_of_a_topic_are_held_against_the_popular_names_that_were_read_at_the_load() {
    let mut rig = Rig::new();
    rig.text = config("plain", "", "popular = [\"popular.txt\"]");
    rig.write("popular.txt", "1,everybody.example\n");
    fs::create_dir_all(rig.directory.path().join("store/desk/fetched")).unwrap();
    let old = "{\"id\":\"0\",\"value\":\"old.desk.example\"}\n";
    rig.write("store/desk/fetched/list", old);
    let reloader = rig.start();
    published(reloader.reload(&Which::All));
    let refused = |told: &Published| told.feeds[2].report.refused.get("popular_name").copied();
    let rows = [
        row("1", Some("everybody.example")),
        row("2", Some("new.desk.example")),
    ];
    // Whatever becomes of the file, nobody looks there for a row.
    for (text, number) in [(Some("1,new.desk.example\n"), 1), (Some(""), 2), (None, 3)] {
        match text {
            Some(text) => rig.write("popular.txt", text),
            None => fs::remove_file(rig.directory.path().join("popular.txt")).unwrap(),
        }
        let told = published(reloader.apply_rows("desk", &rows));
        assert_eq!(refused(&told), Some(number), "{text:?}");
        assert!(matches(&reloader, "new.desk.example", clock()), "{text:?}");
        assert!(
            !matches(&reloader, "everybody.example", clock()),
            "{text:?}"
        );
    }
    // The next load of all feeds does, and what it finds holds from then on.
    rig.write("popular.txt", "1,new.desk.example\n");
    reloader.reload(&Which::All);
    published(reloader.apply_rows("desk", &rows));
    assert!(matches(&reloader, "everybody.example", clock()));
    assert!(!matches(&reloader, "new.desk.example", clock()));
}

#[test]
fn a_merge_that_loses_rows_is_noticed_and_the_layers_stay() {
    let rig = Rig::new();
    rig.write("one.txt", &names("one", 0..120_000));
    let reloader = rig.start();
    published(reloader.reload(&Which::All));
    rig.write("one.txt", &names("one", 1..120_000));
    published(reloader.reload(&Which::All));
    lose_rows_of(Some("one"));
    let told = crate::feeds::chain(&reloader.merge().unwrap_err());
    assert!(told.contains("of feed `one`"), "{told}");
    assert!(matches(&reloader, "host7.one.bad.example", clock()));
    lose_rows_of(None);
    assert!(reloader.merge().unwrap());
    assert!(matches(&reloader, "host7.one.bad.example", clock()));
}
