//! How long indicators are valid, whatever format tells their dates.

use std::time::Duration;

use crate::feeds::ParseOptions;
use crate::feeds::tests::{options, parse_text};
use crate::model::{EventTime, FeedFormat, Indicator, IndicatorState};

/// Ten days, in which the indicators of these tests grow old.
const TEN_DAYS: Duration = Duration::from_secs(10 * 86_400);

/// The header of an export of URLs.
const URLHAUS: &str = "# id,dateadded,url,url_status,last_online,threat,tags,urlhaus_link,reporter";
/// The header of an export of indicators.
const THREATFOX: &str = "# first_seen_utc,ioc_value,ioc_type,last_seen_utc";
/// The header of a list of servers.
const FEODO: &str = "first_seen_utc,dst_ip,dst_port,c2_status,last_online,malware";

/// Midnight of a day of January 2026, in seconds since the epoch.
fn midnight(day: i64) -> i64 {
    1_767_225_600 + (day - 1) * 86_400
}

/// A time as the day of January 2026 on which it is midnight; `-` for none.
fn day(time: Option<EventTime>) -> String {
    time.map_or_else(
        || "-".to_owned(),
        |time| {
            let seconds = time.millis() / 1000 - midnight(1);
            assert_eq!(seconds % 86_400, 0, "{time}");
            (seconds / 86_400 + 1).to_string()
        },
    )
}

/// From which day an indicator is valid, and until which.
fn life(indicator: &Indicator<'_>) -> String {
    let Indicator {
        valid_from,
        valid_until,
        state,
        ..
    } = indicator;
    assert_eq!(*state, IndicatorState::Active);
    format!("{} {}", day(*valid_from), day(*valid_until))
}

/// Checks the life of every indicator in `text`, of a feed whose indicators live `valid_for`.
#[track_caller]
fn check(format: FeedFormat, text: &str, valid_for: Option<Duration>, expected: &[&str]) {
    let options = ParseOptions {
        valid_for,
        ..options(format)
    };
    let (found, report) = parse_text(text.as_bytes(), &options, life);
    assert_eq!(report.refused_total(), 0, "{text}");
    assert_eq!(found, expected, "{text}");
}

/// A bundle of one indicator, valid from the first of January on, with whatever else.
fn bundle(fields: &str, objects: &str) -> String {
    format!(
        r#"{{"type":"bundle","objects":[{{"type":"indicator","id":"indicator--1",
        "pattern":"[domain-name:value = 'a.example']","valid_from":"2026-01-01T00:00:00Z"{fields}}}{objects}]}}"#
    )
}

/// An event of one attribute with `fields`.
fn event(fields: &str) -> String {
    format!(
        r#"{{"Event":{{"info":"i","Attribute":[{{"type":"domain","value":"a.example","to_ids":true{fields}}}]}}}}"#
    )
}

#[test]
fn a_start_of_validity_begins_a_life() {
    for (format, text) in [
        (
            FeedFormat::Csv,
            "value,valid_from\na.example,2026-01-01".to_owned(),
        ),
        (
            FeedFormat::GannetJson,
            r#"{"value":"a.example","valid_from":"2026-01-01T00:00:00Z"}"#.to_owned(),
        ),
        (FeedFormat::Stix2, bundle("", "")),
    ] {
        check(format, &text, Some(TEN_DAYS), &["1 11"]);
        check(format, &text, None, &["1 -"]);
    }
}

#[test]
fn an_end_that_is_written_counts() {
    for (format, text) in [
        (
            FeedFormat::Csv,
            "value,valid_from,valid_until\na.example,2026-01-01,2026-01-03".to_owned(),
        ),
        (
            FeedFormat::GannetJson,
            r#"{"value":"a.example","valid_from":"2026-01-01T00:00:00Z","valid_until":"2026-01-03T00:00:00Z"}"#
                .to_owned(),
        ),
        (
            FeedFormat::Stix2,
            bundle(
                r#","valid_until":"2026-01-03T00:00:00Z""#,
                r#",{"type":"sighting","id":"sighting--1","sighting_of_ref":"indicator--1","last_seen":"2026-01-09T00:00:00Z"}"#,
            ),
        ),
    ] {
        check(format, &text, Some(TEN_DAYS), &["1 3"]);
    }
}

#[test]
fn without_any_date_a_life_has_no_end() {
    for (format, text) in [
        (FeedFormat::Plain, "a.example".to_owned()),
        (FeedFormat::Hosts, "0.0.0.0 a.example".to_owned()),
        (FeedFormat::Adblock, "||a.example^".to_owned()),
        (FeedFormat::Csv, "value,valid_from\na.example,".to_owned()),
        (
            FeedFormat::UrlhausCsv,
            format!("{URLHAUS}\n1,,http://a.example/,online,,,,,\n"),
        ),
        (
            FeedFormat::ThreatfoxJson,
            r#"[{"ioc":"a.example","ioc_type":"domain","last_seen":null}]"#.to_owned(),
        ),
        (FeedFormat::Misp, event(r#","timestamp":"0""#)),
    ] {
        check(format, &text, Some(TEN_DAYS), &["- -"]);
    }
}

#[test]
fn a_sighting_begins_no_validity_and_the_newest_one_makes_a_life_longer() {
    let json = |fields: &str| format!(r#"[{{"ioc":"a.example","ioc_type":"domain"{fields}}}]"#);
    for (format, text, expected) in [
        (
            FeedFormat::UrlhausCsv,
            format!("{URLHAUS}\n1,2026-01-02 00:00:00,http://a.example/,offline,,,,,\n"),
            "- 12",
        ),
        (
            FeedFormat::UrlhausCsv,
            format!(
                "{URLHAUS}\n1,2026-01-02 00:00:00,http://a.example/,offline,2026-01-05 00:00:00,,,,\n"
            ),
            "- 15",
        ),
        (
            FeedFormat::ThreatfoxCsv,
            format!("{THREATFOX}\n2026-01-02 00:00:00,a.example,domain,None\n"),
            "- 12",
        ),
        (
            FeedFormat::ThreatfoxCsv,
            format!("{THREATFOX}\n2026-01-02 00:00:00,a.example,domain,2026-01-05 00:00:00\n"),
            "- 15",
        ),
        (
            FeedFormat::ThreatfoxCsv,
            format!("{THREATFOX}\n2026-01-02 00:00:00,a.example,domain,lately\n"),
            "- 12",
        ),
        (
            FeedFormat::FeodoCsv,
            format!("{FEODO}\n2026-01-02 00:00:00,203.0.113.5,443,offline,,One\n"),
            "- 12",
        ),
        (
            FeedFormat::FeodoCsv,
            format!("{FEODO}\n2026-01-02 00:00:00,203.0.113.5,443,offline,2026-01-05,One\n"),
            "- 15",
        ),
        (
            FeedFormat::ThreatfoxJson,
            json(r#","first_seen":"2026-01-02 00:00:00 UTC","last_seen":null"#),
            "- 12",
        ),
        (
            FeedFormat::ThreatfoxJson,
            json(
                r#","first_seen":"2026-01-02 00:00:00 UTC","last_seen":"2026-01-05 00:00:00 UTC""#,
            ),
            "- 15",
        ),
        (
            FeedFormat::ThreatfoxJson,
            json(
                r#","first_seen_utc":"2026-01-02 00:00:00","last_seen_utc":"2026-01-05 00:00:00""#,
            ),
            "- 15",
        ),
    ] {
        check(format, &text, Some(TEN_DAYS), &[expected]);
        check(format, &text, None, &["- -"]);
    }
}

#[test]
fn an_attribute_lives_from_when_anyone_last_spoke_for_it() {
    let said = |day| format!(r#","timestamp":"{}""#, midnight(day));
    let sighting = |kind: &str, day| {
        let date = midnight(day);
        format!(r#"{{"type":"{kind}","date_sighting":"{date}"}}"#)
    };
    let sightings = |all: &[String]| format!(r#","Sighting":[{}]"#, all.join(","));
    let seen =
        r#","first_seen":"2026-01-03T00:00:00+00:00","last_seen":"2026-01-04T00:00:00+00:00""#;
    for (fields, expected) in [
        (said(2), "- 12"),
        (seen.to_owned(), "- 14"),
        (seen.to_owned() + &said(2), "- 14"),
        (seen.to_owned() + &said(6), "- 16"),
        (said(2) + r#","last_seen":"lately""#, "- 12"),
        (
            said(2) + &sightings(&[sighting("0", 5), sighting("0", 3)]),
            "- 15",
        ),
        // Where it did no harm.
        (said(2) + &sightings(&[sighting("1", 5)]), "- 12"),
        // It ended, and was seen once more.
        (said(2) + &sightings(&[sighting("2", 5)]), "- 5"),
        (
            said(2) + &sightings(&[sighting("0", 4), sighting("2", 5)]),
            "- 5",
        ),
        (
            said(2) + &sightings(&[sighting("2", 5), sighting("0", 7)]),
            "- 17",
        ),
        (said(2) + r#","Sighting":[5,{}]"#, "- 12"),
    ] {
        check(
            FeedFormat::Misp,
            &event(&fields),
            Some(TEN_DAYS),
            &[expected],
        );
    }
    let ended = said(2) + &sightings(&[sighting("2", 5)]);
    check(FeedFormat::Misp, &event(&ended), None, &["- 5"]);
    check(FeedFormat::Misp, &event(seen), None, &["- -"]);
}

#[test]
fn a_sighting_of_an_indicator_counts_wherever_it_stands() {
    let sighting = |fields: &str| {
        format!(
            r#",{{"type":"sighting","id":"sighting--1","sighting_of_ref":"indicator--1","created":"2026-01-02T00:00:00Z"{fields}}}"#
        )
    };
    let first = r#","first_seen":"2026-01-04T00:00:00Z""#;
    let last = r#","last_seen":"2026-01-05T00:00:00Z""#;
    for (objects, expected) in [
        (String::new(), "1 11"),
        (sighting(""), "1 12"),
        (sighting(r#","modified":"2026-01-03T00:00:00Z""#), "1 13"),
        (sighting(first), "1 14"),
        (sighting(&format!("{first}{last}")), "1 15"),
        (sighting(&format!("{last}{}", r#","count":3"#)), "1 15"),
        (sighting(last) + &sighting(""), "1 15"),
        // Looked for, and not seen.
        (sighting(&format!("{last}{}", r#","count":0"#)), "1 11"),
        (sighting(&format!("{last}{}", r#","revoked":true"#)), "1 11"),
        (
            sighting(last).replace("indicator--1", "indicator--2"),
            "1 11",
        ),
        // Before the indicator itself.
        (sighting(r#","last_seen":"2025-12-01T00:00:00Z""#), "1 11"),
    ] {
        let text = bundle("", &objects);
        check(FeedFormat::Stix2, &text, Some(TEN_DAYS), &[expected]);
        check(FeedFormat::Stix2, &text, None, &["1 -"]);
    }
    let reversed = format!(
        r#"{{"objects":[{},{}]}}"#,
        &sighting(last)[1..],
        r#"{"type":"indicator","id":"indicator--1","pattern":"[domain-name:value = 'a.example']"}"#
    );
    check(FeedFormat::Stix2, &reversed, Some(TEN_DAYS), &["- 15"]);
}

#[test]
fn a_life_longer_than_time_ends_with_it() {
    let text = br#"{"value":"a.example","valid_from":"2026-01-01T00:00:00Z"}"#;
    for valid_for in [Duration::MAX, Duration::from_secs(400 * 365 * 86_400)] {
        let options = ParseOptions {
            valid_for: Some(valid_for),
            ..options(FeedFormat::GannetJson)
        };
        let (found, _) = parse_text(text, &options, |indicator| {
            format!("{:?}", indicator.valid_until == Some(EventTime::MAX))
        });
        assert_eq!(found, ["true"]);
    }
}
