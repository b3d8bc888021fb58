//! Objects that stand in several files of a feed: only the newest version counts.

use std::collections::BTreeMap;
use std::fs;

use proptest::prelude::*;
use tempfile::TempDir;

use crate::feeds::blocks::Lines;
use crate::feeds::read::Input;
use crate::feeds::survey::Survey;
use crate::feeds::tests::options;
use crate::feeds::{FeedReport, Parser, parse};
use crate::model::{FeedFormat, Indicator, IndicatorState};

/// What a directory of these files lists, in order, and its counts.
fn listed(
    format: FeedFormat,
    files: &[String],
    show: fn(&Indicator<'_>) -> String,
) -> (Vec<String>, FeedReport) {
    let directory = TempDir::new().unwrap();
    for (number, file) in files.iter().enumerate() {
        fs::write(directory.path().join(format!("{number}.json")), file).unwrap();
    }
    let mut found = Vec::new();
    let report = parse(directory.path(), &options(format), &mut |indicator| {
        found.push(show(indicator));
        Ok(())
    });
    (found, report.unwrap())
}

/// An indicator's value, and its state unless that is what is usual.
fn shown(indicator: &Indicator<'_>) -> String {
    match indicator.state {
        IndicatorState::Active => indicator.value.to_string(),
        state => format!("{} {state:?}", indicator.value),
    }
}

/// Every order of these files.
fn orders(files: &[String]) -> Vec<Vec<String>> {
    let [first, rest @ ..] = files else {
        return vec![Vec::new()];
    };
    let mut all = Vec::new();
    for order in orders(rest) {
        for at in 0..=order.len() {
            let mut longer = order.clone();
            longer.insert(at, first.clone());
            all.push(longer);
        }
    }
    all
}

/// A bundle of these objects.
fn bundle(objects: &str) -> String {
    format!(r#"{{"type":"bundle","id":"bundle--1","objects":[{objects}]}}"#)
}

/// A version of an indicator, made in a second of a minute.
fn indicator(id: u8, name: &str, second: u8, fields: &str) -> String {
    format!(
        r#"{{"type":"indicator","id":"indicator--{id}","pattern":"[domain-name:value = '{name}']","modified":"2026-01-01T00:00:{second:02}Z"{fields}}}"#
    )
}

#[test]
fn an_older_version_in_another_file_never_brings_back_what_a_newer_one_revoked() {
    let files = [
        bundle(&indicator(1, "a.example", 1, "")),
        bundle(&indicator(1, "a.example", 3, r#","revoked":true"#)),
        bundle(&format!(
            "{},{}",
            indicator(1, "b.example", 2, ""),
            indicator(2, "c.example", 1, "")
        )),
    ];
    for order in orders(&files) {
        let (mut found, report) = listed(FeedFormat::Stix2, &order, shown);
        found.sort();
        assert_eq!(found, ["a.example Revoked", "c.example"], "{order:?}");
        assert_eq!((report.rows, report.accepted, report.ignored), (4, 2, 2));
    }
}

#[test]
fn of_two_versions_that_are_as_new_the_one_in_the_later_file_counts() {
    let files = [
        bundle(&indicator(1, "a.example", 1, "")),
        bundle(&indicator(1, "b.example", 1, "")),
    ];
    let (found, _) = listed(FeedFormat::Stix2, &files, shown);
    assert_eq!(found, ["b.example"]);
}

#[test]
fn what_is_said_of_an_indicator_may_stand_in_other_files() {
    let files = [
        bundle(&indicator(1, "a.example", 1, "")),
        bundle(
            r#"{"type":"relationship","id":"relationship--1","relationship_type":"indicates","source_ref":"indicator--1","target_ref":"malware--1"}"#,
        ),
        bundle(r#"{"type":"malware","id":"malware--1","name":"One"}"#),
    ];
    for order in orders(&files) {
        let (found, _) = listed(FeedFormat::Stix2, &order, |indicator| {
            format!("{} {:?}", indicator.value, indicator.malware)
        });
        assert_eq!(found, [r#"a.example Some("One")"#]);
    }
}

/// An event as of a second with these attributes; 0 is no time.
fn event(second: u32, attributes: &[String]) -> String {
    let attributes = attributes.join(",");
    format!(
        r#"{{"Event":{{"uuid":"event-1","info":"i","timestamp":"{second}","Attribute":[{attributes}]}}}}"#
    )
}

/// An attribute as of a second.
fn attribute(id: u8, name: &str, second: u32, fields: &str) -> String {
    format!(
        r#"{{"uuid":"attribute-{id}","type":"domain","value":"{name}","to_ids":true,"timestamp":"{second}"{fields}}}"#
    )
}

/// Attributes that were searched for.
fn answer(attributes: &[String]) -> String {
    let attributes = attributes.join(",");
    format!(r#"{{"response":{{"Attribute":[{attributes}]}}}}"#)
}

/// Checks what the files list in whatever order they are read.
#[track_caller]
fn check_events(files: &[String], expected: &[&str]) {
    for order in orders(files) {
        let (mut found, report) = listed(FeedFormat::Misp, &order, shown);
        found.sort();
        assert_eq!(found, expected, "{order:?}");
        assert_eq!(
            report.rows,
            report.accepted + report.ignored + report.refused_total()
        );
    }
}

#[test]
fn only_the_newest_version_of_an_event_counts() {
    let gone = r#","deleted":true"#;
    let kept = attribute(1, "kept.example", 5, "");
    check_events(
        &[
            event(5, &[kept.clone(), attribute(2, "a.example", 5, "")]),
            event(7, &[kept.clone(), attribute(2, "a.example", 7, gone)]),
        ],
        &["kept.example"],
    );
    // What an event no longer holds is gone too; what did not change since stays.
    check_events(
        &[
            event(5, &[kept.clone(), attribute(2, "a.example", 5, "")]),
            event(6, &[attribute(2, "a.example", 6, "")]),
            event(7, std::slice::from_ref(&kept)),
        ],
        &["kept.example"],
    );
    // Someone's clock was wrong once: an attribute younger than its event.
    check_events(
        &[
            event(5, &[attribute(1, "old.example", 9, "")]),
            event(7, std::slice::from_ref(&kept)),
        ],
        &["kept.example"],
    );
    // Twice the same.
    check_events(
        &[
            event(5, std::slice::from_ref(&kept)),
            event(5, std::slice::from_ref(&kept)),
        ],
        &["kept.example"],
    );
}

#[test]
fn an_attribute_that_was_searched_for_counts_by_its_own_time() {
    let listed = attribute(1, "a.example", 5, "");
    let deleted = attribute(1, "a.example", 8, r#","deleted":true"#);
    check_events(
        &[
            event(5, std::slice::from_ref(&listed)),
            answer(&[deleted.clone(), attribute(2, "b.example", 8, "")]),
        ],
        &["b.example"],
    );
    check_events(
        &[
            answer(&[deleted, attribute(2, "b.example", 8, "")]),
            event(9, std::slice::from_ref(&listed)),
        ],
        &["a.example", "b.example"],
    );
}

#[test]
fn events_without_a_time_are_all_looked_at() {
    check_events(
        &[
            event(0, &[attribute(1, "a.example", 5, "")]),
            event(
                0,
                &[
                    attribute(2, "b.example", 5, ""),
                    attribute(1, "c.example", 6, ""),
                ],
            ),
        ],
        &["b.example", "c.example"],
    );
}

#[test]
fn a_feed_of_more_objects_than_are_kept_in_mind_is_refused() {
    let bundle = bundle(
        &[1, 2, 3]
            .map(|id| indicator(id, "a.example", 1, ""))
            .join(","),
    );
    let event = event(
        5,
        &[
            attribute(1, "a.example", 5, ""),
            attribute(2, "a.example", 5, ""),
        ],
    );
    for (format, text) in [(FeedFormat::Stix2, bundle), (FeedFormat::Misp, event)] {
        let Some(Parser::Files(look, _)) = Parser::of(format) else {
            panic!("{format:?} knows nothing of other files");
        };
        let looked = |objects_max| {
            let cursor = Box::new(std::io::Cursor::new(text.clone().into_bytes()));
            let input = Input::new("feed".as_ref(), cursor, 0, u64::MAX).unwrap();
            look(&mut Lines::new(input), 0, &mut Survey::of(objects_max))
        };
        assert!(looked(3).is_ok(), "{format:?}");
        assert_eq!(
            looked(2).unwrap_err().to_string(),
            "feed feed, line 1: with it, the feed has more than 2 objects"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_newest_versions_are_those_of_the_oracle(
        versions in proptest::collection::vec((0_usize..3, 0_u8..3, 0_u8..4, any::<bool>()), 1..12),
    ) {
        let mut files = vec![Vec::new(); 3];
        for (number, &(file, id, second, revoked)) in versions.iter().enumerate() {
            let fields = format!(r#","revoked":{revoked}"#);
            files[file].push(indicator(id, &format!("v{number}.example"), second, &fields));
        }
        // The definition: later seconds win, then later files, then later places.
        let mut newest = BTreeMap::new();
        for second in 0..4 {
            for file in 0..3 {
                for (number, version) in versions.iter().enumerate() {
                    if version.2 == second && version.0 == file {
                        newest.insert(version.1, (number, version.3));
                    }
                }
            }
        }
        let mut expected: Vec<String> = newest
            .values()
            .map(|(number, revoked)| {
                format!("v{number}.example{}", if *revoked { " Revoked" } else { "" })
            })
            .collect();
        expected.sort();
        let files: Vec<String> = files.iter().map(|objects| bundle(&objects.join(","))).collect();
        let (mut found, _) = listed(FeedFormat::Stix2, &files, shown);
        found.sort();
        prop_assert_eq!(found, expected);
    }
}
