//! Objects, their versions and relationships, and what stands around them.

mod real_bundles;

use proptest::prelude::*;

use super::*;
use crate::feeds::reason::Reason;
use crate::feeds::tests::{check_row, options, parse_bytes, parse_text, shown};
use crate::model::{FeedFormat, Indicator, Role, Scope};

/// A bundle of these objects.
fn bundle(objects: &str) -> String {
    format!(r#"{{"type":"bundle","id":"bundle--1","objects":[{objects}]}}"#)
}

/// An indicator with this pattern and these other fields, each after a comma.
fn indicator(pattern: &str, fields: &str) -> String {
    let pattern = pattern.replace('\\', "\\\\");
    format!(r#"{{"type":"indicator","pattern":"{pattern}","pattern_type":"stix"{fields}}}"#)
}

/// An indicator of a name with these other fields.
fn of_name(name: &str, fields: &str) -> String {
    indicator(&format!("[domain-name:value = '{name}']"), fields)
}

#[track_caller]
fn check(pattern: &str, expected: Result<&[&str], Reason>) {
    let bundle = bundle(&indicator(pattern, ""));
    check_row(FeedFormat::Stix2, &bundle, expected);
}

#[test]
fn patterns_list_what_they_say() {
    check(
        "[domain-name:value='Bad.Example']",
        Ok(&["name exact bad.example"]),
    );
    check(
        "[domain-name:value='*.bad.example']",
        Ok(&["name subtree bad.example"]),
    );
    check(
        "[ipv4-addr:value = '203.0.113.5']",
        Ok(&["prefix 203.0.113.5"]),
    );
    check(
        "[ipv4-addr:value = '203.0.113.0/24']",
        Ok(&["prefix 203.0.113.0/24"]),
    );
    check(
        "[ipv6-addr:value ISSUBSET '2001:db8::/32']",
        Ok(&["prefix 2001:db8::/32"]),
    );
    check(
        "[url:value = 'http://bad.example/x']",
        Ok(&["name exact bad.example"]),
    );
    check(
        "[network-traffic:dst_ref.value = '203.0.113.5' AND network-traffic:dst_port = 443]",
        Ok(&["endpoint 203.0.113.5:443"]),
    );
    check(
        "[network-traffic:dst_ref.value = 'bad.example' AND network-traffic:dst_port = 443]",
        Ok(&["name exact bad.example"]),
    );
    check(
        "[domain-name:value IN ('a.example', 'b.example')] OR [ipv4-addr:value = '203.0.113.5']",
        Ok(&[
            "name exact a.example",
            "name exact b.example",
            "prefix 203.0.113.5",
        ]),
    );
}

#[test]
fn unfit_patterns_say_why() {
    check(
        "[ipv4-addr:value = 'bad.example']",
        Err(reason::BAD_ADDRESS),
    );
    check("[domain-name:value = 'bad..example']", Err("empty_label"));
    check("[domain-name:value = '']", Err(reason::EMPTY_VALUE));
    check("[url:value = '/x']", Err(reason::PATH));
    check(
        "[domain-name:value LIKE '%.example']",
        Err(reason::UNSUPPORTED_PATTERN),
    );
    check("[file:hashes.MD5 = 'aa']", Err(reason::NOT_NETWORK));
    check("bad.example", Err(reason::BAD_PATTERN_SYNTAX));
    check("", Err(reason::EMPTY_VALUE));
    for (peer, port, expected) in [
        ("203.0.113.0/24", "443", reason::UNSUPPORTED_PATTERN),
        ("203.0.113.5", "65536", reason::BAD_PORT),
    ] {
        let pattern = format!(
            "[network-traffic:dst_ref.value = '{peer}' AND network-traffic:dst_port = {port}]"
        );
        check(&pattern, Err(expected));
    }
}

#[test]
fn a_value_that_is_fit_is_listed_beside_one_that_is_not() {
    let pattern = "[domain-name:value = 'a..example' OR domain-name:value = 'b.example']";
    let text = bundle(&indicator(pattern, ""));
    let (found, report) = parse_text(text.as_bytes(), &options(FeedFormat::Stix2), shown);
    assert_eq!(found, ["name exact b.example"]);
    assert_eq!((report.accepted, report.indicators), (0, 1));
    assert_eq!(report.refused, [("empty_label", 1)].into());
}

#[test]
fn unfit_fields_say_why() {
    for (fields, expected) in [
        (r#","confidence":101"#, reason::BAD_CONFIDENCE),
        (r#","valid_from":"soon""#, reason::BAD_TIME),
        (
            r#","valid_from":"2026-01-01T00:00:00Z","valid_until":"2026-01-01T00:00:00Z""#,
            reason::BAD_VALIDITY,
        ),
        (
            r#","indicator_types":["benign"]"#,
            reason::NOT_FOR_DETECTION,
        ),
        (r#","labels":["benign"]"#, reason::NOT_FOR_DETECTION),
        (r#","id":"1","id":"2""#, reason::BAD_JSON),
    ] {
        check_row(
            FeedFormat::Stix2,
            &bundle(&of_name("a.example", fields)),
            Err(expected),
        );
    }
    let other = r#"{"type":"indicator","pattern":"alert tcp","pattern_type":"snort"}"#;
    check_row(
        FeedFormat::Stix2,
        &bundle(other),
        Err(reason::UNSUPPORTED_PATTERN),
    );
    let old = r#"{"type":"indicator","pattern":"[domain-name:value = 'a.example']"}"#;
    check_row(
        FeedFormat::Stix2,
        &bundle(old),
        Ok(&["name exact a.example"]),
    );
    check_row(
        FeedFormat::Stix2,
        &bundle(r#"{"id":"1"}"#),
        Err(reason::UNKNOWN_TYPE),
    );
    check_row(FeedFormat::Stix2, &bundle("5"), Err(reason::BAD_JSON));
}

#[test]
fn objects_are_found_in_whatever_stands_around_them() {
    let one = of_name("a.example", "");
    for text in [
        bundle(&one),
        format!("[{one}]"),
        of_name("a.example", r#","objects":[]"#),
        one.clone(),
        format!(r#"{{"more":false,"objects":[{one}]}}"#),
        format!("{}\n\n", bundle(&one)),
        format!("[{}]", bundle(&bundle(&one))),
    ] {
        check_row(FeedFormat::Stix2, &text, Ok(&["name exact a.example"]));
    }
}

#[test]
fn objects_may_stand_one_a_line_and_a_bad_line_is_a_refused_row() {
    let text = format!(
        "\n{}\n{{\"type\":\n{}\r\n\n{}\nx",
        of_name("a.example", ""),
        bundle(&of_name("b.example", "")),
        r#"{"type":"ipv4-addr","value":"203.0.113.5"}"#,
    );
    let (found, report) = parse_text(text.as_bytes(), &options(FeedFormat::Stix2), shown);
    assert_eq!(found, ["name exact a.example", "name exact b.example"]);
    assert_eq!((report.rows, report.accepted, report.ignored), (5, 2, 1));
    let lines: Vec<_> = report
        .samples
        .iter()
        .map(|sample| (sample.line, sample.reason))
        .collect();
    assert_eq!(lines, [(3, reason::BAD_JSON), (7, reason::BAD_JSON)]);
}

fn all(indicator: &Indicator<'_>) -> String {
    let Indicator {
        value,
        written: _,
        id,
        role,
        malware,
        confidence,
        valid_from,
        valid_until,
        state,
        reference,
        tags,
    } = indicator;
    let valid_from = valid_from.map(|time| time.millis());
    let valid_until = valid_until.map(|time| time.millis());
    format!(
        "{value} {id:?} {role:?} {malware:?} {confidence} {valid_from:?} {valid_until:?} {state:?} \
         {reference:?} {tags:?}"
    )
}

#[test]
fn every_field_is_taken_and_the_feed_fills_in_the_rest() {
    let fields = concat!(
        r#","id":"indicator--1","valid_from":"1970-01-01T00:00:01Z","valid_until":"1970-01-01T00:00:02.5Z","#,
        r#""revoked":true,"confidence":75,"indicator_types":["anomalous-activity"],"labels":["one","two"],"#,
        r#""external_references":[{"source_name":"x"},{"url":"https://report.example/1"},{"url":"https://report.example/2"}]"#,
    );
    let text = bundle(&format!(
        "{},{}",
        of_name("a.example", fields),
        of_name(
            "b.example",
            r#","indicator_types":["malicious-activity","anomalous-activity"]"#
        ),
    ));
    let options = ParseOptions {
        malware: Some("family"),
        role: Role::Phishing,
        names: Some(Scope::Subtree),
        ..options(FeedFormat::Stix2)
    };
    let (found, _) = parse_text(text.as_bytes(), &options, all);
    assert_eq!(
        found,
        [
            r#"a.example Some("indicator--1") Suspicious Some("family") 75 Some(1000) Some(2500) Revoked Some("https://report.example/1") ["one", "two"]"#,
            r#"b.example None Phishing Some("family") 50 None None Active None []"#,
        ]
    );
    let (found, _) = parse_text(text.as_bytes(), &options, shown);
    assert_eq!(found, ["name subtree a.example", "name subtree b.example"]);
}

/// That `source` indicates `target`.
fn relationship(source: &str, target: &str, fields: &str) -> String {
    format!(
        r#"{{"type":"relationship","id":"relationship--1","relationship_type":"indicates","source_ref":"{source}","target_ref":"{target}"{fields}}}"#
    )
}

#[test]
fn malware_comes_from_what_is_indicated_wherever_that_stands() {
    let name = |number: u8| {
        of_name(
            &format!("a{number}.example"),
            &format!(r#","id":"indicator--{number}""#),
        )
    };
    let objects = [
        relationship("indicator--1", "tool--1", ""),
        relationship("indicator--1", "malware--1", ""),
        relationship("indicator--2", "malware--2", r#","revoked":true"#),
        relationship("indicator--3", "malware--3", ""),
        relationship("indicator--4", "tool--1", ""),
        relationship("indicator--5", "threat-actor--1", ""),
        [1, 2, 3, 4, 5].map(name).join(","),
        r#"{"type":"malware","id":"malware--1","name":"One"},{"type":"malware","id":"malware--2","name":"Two"}"#.to_owned(),
        r#"{"type":"tool","id":"tool--1","name":"Tool"},{"type":"threat-actor","id":"threat-actor--1","name":"X"}"#.to_owned(),
    ];
    let text = bundle(&objects.join(","));
    let (found, report) = parse_text(text.as_bytes(), &options(FeedFormat::Stix2), |indicator| {
        format!("{} {:?}", indicator.value, indicator.malware)
    });
    assert_eq!(
        found,
        [
            r#"a1.example Some("One")"#,
            "a2.example None",
            "a3.example None",
            r#"a4.example Some("Tool")"#,
            "a5.example None",
        ]
    );
    assert_eq!((report.rows, report.ignored), (15, 10));
}

#[test]
fn the_newest_version_counts_wherever_it_stands() {
    let version =
        |name: &str, fields: &str| of_name(name, &format!(r#","id":"indicator--1"{fields}"#));
    let at = |second: u8| format!(r#","modified":"2026-01-01T00:00:0{second}Z""#);
    let (first, second, third) = (
        version("a.example", &at(1)),
        version("b.example", &at(2)),
        version("c.example", &format!(r#"{},"revoked":true"#, at(3))),
    );
    for objects in [
        [&first, &second, &third],
        [&third, &second, &first],
        [&second, &third, &first],
    ] {
        let text = bundle(&objects.map(String::as_str).join(","));
        let (found, report) =
            parse_text(text.as_bytes(), &options(FeedFormat::Stix2), |indicator| {
                format!("{} {:?}", indicator.value, indicator.state)
            });
        assert_eq!(found, ["c.example Revoked"]);
        assert_eq!((report.rows, report.accepted, report.ignored), (3, 1, 2));
    }
    let undated = [
        version("a.example", ""),
        version("b.example", r#","modified":"soon""#),
    ];
    let (found, _) = parse_text(
        bundle(&undated.join(",")).as_bytes(),
        &options(FeedFormat::Stix2),
        shown,
    );
    assert_eq!(found, ["name exact b.example"]);
}

#[track_caller]
fn fails(text: &str, expected: &str) {
    let (_, parsed) = parse_bytes(
        text.as_bytes(),
        &options(FeedFormat::Stix2),
        &mut |_| Ok(()),
    );
    assert_eq!(
        parsed.unwrap_err().to_string(),
        format!("feed feed, line 1: {expected}")
    );
}

#[test]
fn a_document_that_is_none_says_why() {
    let whole = bundle(&of_name("a.example", ""));
    fails(
        &whole[..whole.len() - 1],
        "not JSON: EOF while parsing an object",
    );
    fails("a.example", "not JSON: expected value");
    fails(
        r#"{"title":"Unauthorized"}"#,
        "an object without a type that holds no objects",
    );
    fails("5", "neither objects nor a list of them");
    fails(&"[".repeat(100_000), "not JSON: EOF while parsing a list");
    fails(
        &r#"{"objects":["#.repeat(100_000),
        "not JSON: EOF while parsing a list",
    );
}

#[test]
fn nesting_costs_a_row_at_most() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let fields = format!(r#","labels":{deep},"external_references":{deep},"x":{deep}"#);
    let text = bundle(&of_name("a.example", &fields));
    check_row(FeedFormat::Stix2, &text, Ok(&["name exact a.example"]));
    check_row(FeedFormat::Stix2, &deep, Err(reason::BAD_JSON));
    let round = "(".repeat(100_000);
    check(&format!("[{round}"), Err(reason::UNSUPPORTED_PATTERN));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
        let _ = parse_bytes(&bytes, &options(FeedFormat::Stix2), &mut |_| Ok(()));
    }

    #[test]
    fn documents_with_holes_never_panic(at in 0_usize..180, len in 0_usize..20, with in "[\\[\\]{}\":,a0'\n]{0,3}") {
        let mut text = bundle(&of_name("a.example", r#","id":"indicator--1","labels":["one"]"#));
        let start = at.min(text.len());
        let end = (start + len).min(text.len());
        text.replace_range(start..end, &with);
        let (report, _) = parse_bytes(text.as_bytes(), &options(FeedFormat::Stix2), &mut |_| Ok(()));
        prop_assert_eq!(report.rows, report.accepted + report.refused_total() + report.ignored);
    }
}
