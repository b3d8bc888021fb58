//! What lists say of their own age: when they were made, and the newest date of a row.

use super::{options, parse_text};
use crate::model::{EventTime, FeedFormat};

/// Checks both dates of a list, written to the second.
#[track_caller]
fn check(format: FeedFormat, text: &str, stated: Option<&str>, newest: Option<&str>) {
    let (_, report) = parse_text(text.as_bytes(), &options(format), |_| String::new());
    let shown = |at: Option<EventTime>| at.map(|at| at.to_string()[..19].to_owned());
    assert_eq!(shown(report.stated).as_deref(), stated, "{text}");
    assert_eq!(shown(report.newest).as_deref(), newest, "{text}");
}

#[test]
fn a_list_says_when_it_was_made_in_its_header() {
    let urlhaus = "# Last updated: 2026-02-26 12:05:20 (UTC)      #\r\n\
        # id,dateadded,url,url_status,last_online,threat,tags,urlhaus_link,reporter\n\
        \"1\",\"2026-02-20 01:02:03\",\"http://a.example/x\",\"online\",\"2026-02-21 00:00:00 UTC\",\"m\",\"t\",\"l\",\"r\"\n\
        \"2\",\"2026-02-19 01:02:03\",\"http://b.example/x\",\"online\",\"\",\"m\",\"t\",\"l\",\"r\"\n";
    check(
        FeedFormat::UrlhausCsv,
        urlhaus,
        Some("2026-02-26T12:05:20"),
        Some("2026-02-21T00:00:00"),
    );
    let drop = "{\"cidr\":\"198.18.0.0/16\",\"sblid\":\"S\"}\n\
        {\"type\":\"metadata\",\"timestamp\":1767225600,\"records\":1}\n";
    check(
        FeedFormat::SpamhausDrop,
        drop,
        Some("2026-01-01T00:00:00"),
        None,
    );
}

#[test]
fn a_header_that_says_no_date_says_nothing() {
    for comment in [
        "Last updated: yesterday",
        "Last updated:",
        "last seen: 2026-01-01",
    ] {
        let text = format!("# {comment}\nvalue\na.example\n");
        check(FeedFormat::Csv, &text, None, None);
    }
    for timestamp in ["\"soon\"", "9223372036854775807", "null", "1.5"] {
        let text = format!(
            "{{\"cidr\":\"198.18.0.0/16\"}}\n{{\"type\":\"metadata\",\"timestamp\":{timestamp}}}\n"
        );
        check(FeedFormat::SpamhausDrop, &text, None, None);
    }
}

#[test]
fn rows_have_the_dates_of_what_holds_them() {
    let event = r#"{"Event":{"uuid":"e","info":"i","timestamp":"1767225600","Attribute":[{"type":"domain","value":"a.example","to_ids":true,"uuid":"a","timestamp":"1767139200"}]}}"#;
    check(FeedFormat::Misp, event, None, Some("2026-01-01T00:00:00"));
    let bundle = r#"{"type":"bundle","id":"bundle--1","objects":[{"type":"indicator","id":"indicator--1","pattern":"[domain-name:value = 'a.example']","valid_from":"2025-12-01T00:00:00Z","modified":"2025-12-24T00:00:00Z"}]}"#;
    check(FeedFormat::Stix2, bundle, None, Some("2025-12-24T00:00:00"));
    let lines = "{\"value\":\"a.example\",\"valid_from\":\"2026-01-02T00:00:00Z\"}\n\
        {\"value\":\"b.example\",\"valid_from\":\"2026-01-01T00:00:00Z\"}\n";
    check(
        FeedFormat::GannetJson,
        lines,
        None,
        Some("2026-01-02T00:00:00"),
    );
    check(FeedFormat::Plain, "a.example\n", None, None);
}
