//! Attributes, events and what stands around and beside them.

use std::collections::BTreeSet;
use std::fs;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::feeds::tests::real_lists::data;
use crate::feeds::tests::{check_row, options, parse_bytes, parse_text, shown};
use crate::model::{FeedFormat, Indicator, IndicatorValue, Scope};

/// An attribute of this type and value that is to be looked for.
fn attribute(kind: &str, value: &str) -> String {
    format!(r#"{{"type":"{kind}","value":"{value}","to_ids":true}}"#)
}

/// An event with these attributes.
fn event(attributes: &str) -> String {
    format!(
        r#"{{"Event":{{"uuid":"{EVENT}","info":"i","published":false,"Attribute":[{attributes}]}}}}"#
    )
}

const EVENT: &str = "00000000-0000-4000-8000-000000000001";

#[track_caller]
fn check(kind: &str, value: &str, expected: Result<&[&str], Reason>) {
    check_row(FeedFormat::Misp, &event(&attribute(kind, value)), expected);
}

#[test]
fn every_type_is_what_it_says() {
    check("domain", "Bad.Example", Ok(&["name subtree bad.example"]));
    check("domain", "bad[.]example", Ok(&["name subtree bad.example"]));
    check(
        "hostname",
        "a.bad.example",
        Ok(&["name exact a.bad.example"]),
    );
    check(
        "hostname|port",
        "a.bad.example|443",
        Ok(&["name exact a.bad.example"]),
    );
    check("ip-dst", "203.0.113.5", Ok(&["prefix 203.0.113.5"]));
    check("ip-src", "203.0.113.0/24", Ok(&["prefix 203.0.113.0/24"]));
    check("ip-src", "2001:db8::5", Ok(&["prefix 2001:db8::5"]));
    check(
        "ip-dst|port",
        "203.0.113.5|443",
        Ok(&["endpoint 203.0.113.5:443"]),
    );
    check(
        "ip-src|port",
        "2001:db8::5|443",
        Ok(&["endpoint [2001:db8::5]:443"]),
    );
    check(
        "domain|ip",
        "bad.example|203.0.113.5",
        Ok(&["name subtree bad.example", "prefix 203.0.113.5"]),
    );
    check(
        "url",
        "http://a.bad.example",
        Ok(&["name exact a.bad.example"]),
    );
    check(
        "url",
        "hxxp://a.bad.example/x?y",
        Ok(&["name exact a.bad.example"]),
    );
    check(
        "uri",
        "https://a.bad.example/x",
        Ok(&["name exact a.bad.example"]),
    );
}

#[test]
fn unfit_values_say_why() {
    check("uri", "/gate.php", Err(reason::PATH));
    check("ip-dst", "bad.example", Err(reason::BAD_ADDRESS));
    check("ip-dst|port", "203.0.113.5", Err(reason::MISSING_VALUE));
    check("ip-dst|port", "203.0.113.5|0", Err(reason::BAD_PORT));
    check("ip-dst|port", "203.0.113.0/24|1", Err(reason::BAD_ADDRESS));
    check("domain|ip", "bad.example|x", Err(reason::BAD_ADDRESS));
    check("domain|ip", "bad..example|203.0.113.5", Err("empty_label"));
    check("domain", "", Err(reason::EMPTY_VALUE));
    check("", "bad.example", Err(reason::UNKNOWN_TYPE));
    for kind in ["sha256", "filename|md5", "email-src", "text", "mutex"] {
        check(kind, "bad.example", Err(reason::NOT_NETWORK));
    }
}

#[test]
fn a_part_that_is_fit_is_listed_beside_one_that_is_not() {
    let text = event(&attribute("domain|ip", "bad.example|x"));
    let (found, report) = parse_text(text.as_bytes(), &options(FeedFormat::Misp), shown);
    assert_eq!(found, ["name subtree bad.example"]);
    assert_eq!((report.accepted, report.indicators), (0, 1));
}

#[test]
fn what_is_not_to_be_looked_for_says_why() {
    let with = |fields: &str| {
        event(&format!(
            r#"{{"type":"domain","value":"bad.example"{fields}}}"#
        ))
    };
    for (fields, expected) in [
        ("", Err(reason::NOT_FOR_DETECTION)),
        (r#","to_ids":false"#, Err(reason::NOT_FOR_DETECTION)),
        (r#","to_ids":true,"deleted":true"#, Err(reason::DELETED)),
        (
            r#","to_ids":true,"decay_score":[{"decayed":true},{"decayed":true}]"#,
            Err(reason::DECAYED),
        ),
        (
            r#","to_ids":"1","deleted":false,"decay_score":[{"decayed":true},{"decayed":false}]"#,
            Ok(["name subtree bad.example"].as_slice()),
        ),
        (
            r#","to_ids":true,"decay_score":[]"#,
            Ok(&["name subtree bad.example"]),
        ),
        (
            r#","to_ids":true,"first_seen":"once""#,
            Err(reason::BAD_TIME),
        ),
    ] {
        check_row(FeedFormat::Misp, &with(fields), expected);
    }
    let object = format!(
        r#"{{"Event":{{"Object":[{{"deleted":true,"Attribute":[{}]}}]}}}}"#,
        attribute("domain", "bad.example")
    );
    check_row(FeedFormat::Misp, &object, Err(reason::DELETED));
}

#[test]
fn events_are_found_in_whatever_stands_around_them() {
    let one = event(&attribute("domain", "bad.example"));
    let bare = &one[r#"{"Event":"#.len()..one.len() - 1];
    let attributes = attribute("domain", "bad.example");
    for text in [
        one.clone(),
        bare.to_owned(),
        format!("[{one}]"),
        format!(r#"{{"response":[{one}]}}"#),
        format!(r#"[{{"response":[{one}]}}]"#),
        format!(r#"{{"response":{one}}}"#),
        format!(r#"{{"response":{{"Attribute":[{attributes}]}}}}"#),
        format!(r#"{{"Event":{{"Object":[{{"name":"x","Attribute":[{attributes}]}}]}}}}"#),
    ] {
        check_row(FeedFormat::Misp, &text, Ok(&["name subtree bad.example"]));
    }
}

#[test]
fn what_stands_in_the_place_of_an_entry_is_one_refused_row() {
    let text = format!(
        "[{},\n5,\n{},\n{{\"Event\":{{\"info\":\"i\",\"Attribute\":{{}},\"Object\":[\n6]}}}},{{\"Event\":{{\"Object\":7}}}}]",
        event(&attribute("domain", "a.example")),
        event(&format!("8,\n{}", attribute("domain", "b.example"))),
    );
    let (found, report) = parse_text(text.as_bytes(), &options(FeedFormat::Misp), shown);
    assert_eq!(found, ["name subtree a.example", "name subtree b.example"]);
    assert_eq!(report.refused, [(reason::BAD_JSON, 5)].into());
    let lines: Vec<_> = report
        .samples
        .iter()
        .map(|sample| (sample.line, &*sample.text))
        .collect();
    assert_eq!(lines, [(2, "5"), (3, "8"), (5, "{}"), (6, "6"), (6, "7")]);
}

fn all(indicator: &Indicator<'_>) -> String {
    let Indicator {
        value,
        id,
        malware,
        valid_from,
        reference,
        tags,
        ..
    } = indicator;
    let valid_from = valid_from.map(|time| time.to_string());
    format!("{value} {id:?} {malware:?} {valid_from:?} {reference:?} {tags:?}")
}

#[test]
fn facts_come_from_the_attribute_then_from_its_event() {
    let text = format!(
        r#"{{"Event":{{"Attribute":[
        {{"uuid":"u1","type":"domain","value":"a.example","to_ids":true,"timestamp":"1767225600",
          "first_seen":"2026-01-01T00:00:00.000000+00:00","Tag":[{{"name":"misp-galaxy:tool=\"Two\""}}]}},
        {{"type":"domain","value":"b.example","to_ids":true}}],
        "uuid":"{EVENT}","info":"i","Tag":[{{"name":"tlp:green"}},{{"name":"misp-galaxy:malpedia=\"One\""}},{{"name":"misp-galaxy:threat-actor=\"X\""}}]}}}}"#
    );
    let (found, _) = parse_text(text.as_bytes(), &options(FeedFormat::Misp), all);
    let shared = r#""tlp:green", "misp-galaxy:malpedia=\"One\"", "misp-galaxy:threat-actor=\"X\"""#;
    assert_eq!(
        found,
        [
            format!(
                r#"a.example Some("u1") Some("Two") None Some("{EVENT}") ["misp-galaxy:tool=\"Two\"", {shared}]"#
            ),
            format!(r#"b.example None Some("One") None Some("{EVENT}") [{shared}]"#),
        ]
    );
    let searched = format!(
        r#"{{"response":{{"Attribute":[{{"type":"domain","value":"c.example","to_ids":true,"Event":{{"uuid":"{EVENT}"}}}}]}}}}"#
    );
    let family = ParseOptions {
        malware: Some("family"),
        names: Some(Scope::Exact),
        ..options(FeedFormat::Misp)
    };
    let (found, _) = parse_text(searched.as_bytes(), &family, all);
    let expected = format!(r#"c.example None Some("family") None Some("{EVENT}") []"#);
    assert_eq!(found, [expected]);
}

#[test]
fn a_feed_directory_is_read_with_all_that_stands_beside_the_events() {
    let directory = TempDir::new().unwrap();
    let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
    write(
        &format!("{EVENT}.json"),
        &event(&attribute("domain", "bad.example")),
    );
    write(
        "manifest.json",
        &format!(r#"{{"{EVENT}":{{"info":"i","timestamp":"1767225600"}}}}"#),
    );
    let hash = "0".repeat(32);
    write("hashes.csv", &format!("{hash},{EVENT}\r\n{hash},{EVENT}\n"));
    let mut families = Vec::new();
    let report = crate::feeds::parse(
        directory.path(),
        &options(FeedFormat::Misp),
        &mut |indicator| {
            families.push(indicator.malware.map(str::to_owned));
            Ok(())
        },
    )
    .unwrap();
    assert_eq!((report.rows, report.accepted, report.ignored), (4, 1, 3));
    assert_eq!(families, [None]);
}

#[test]
fn a_feed_may_hold_mostly_what_is_of_no_use() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("event.json");
    let mut attributes = vec![attribute("sha256", "0"); 9];
    attributes.push(attribute("domain", "bad.example"));
    fs::write(&path, event(&attributes.join(","))).unwrap();
    let parse = || crate::feeds::parse(&path, &options(FeedFormat::Misp), &mut |_| Ok(()));
    assert_eq!(parse().unwrap().refused, [(reason::NOT_NETWORK, 9)].into());
    fs::write(&path, event(&vec![attribute("sha256", "0"); 9].join(","))).unwrap();
    assert_eq!(parse().unwrap_err().reason(), "nothing_accepted");
    attributes.extend(vec![attribute("domain", "bad..example"); 11]);
    fs::write(&path, event(&attributes.join(","))).unwrap();
    assert_eq!(parse().unwrap_err().reason(), "too_many_refused");
}

#[track_caller]
fn fails(text: &str, expected: &str) {
    let (_, parsed) = parse_bytes(text.as_bytes(), &options(FeedFormat::Misp), &mut |_| Ok(()));
    assert_eq!(
        parsed.unwrap_err().to_string(),
        format!("feed feed, line 1: {expected}")
    );
}

#[test]
fn a_document_that_is_none_says_why() {
    let whole = event(&attribute("domain", "bad.example"));
    fails(
        &whole[..whole.len() - 4],
        "not JSON: EOF while parsing an object",
    );
    fails(
        r#"{"name":"Authentication failed.","message":"no key","url":"/events"}"#,
        "no event, but the message `no key`",
    );
    for text in ["5", r#"{"a":{}}"#, r#"{"Event":5}"#] {
        fails(text, "neither events of MISP nor the manifest of a feed");
    }
    fails(&"[".repeat(100_000), "not JSON: EOF while parsing a list");
}

#[test]
fn nesting_costs_a_row_at_most() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    check_row(FeedFormat::Misp, &deep, Err(reason::BAD_JSON));
    let events = format!("{}5{}", r#"{"Event":"#.repeat(50_000), "}".repeat(50_000));
    fails(&events, "neither events of MISP nor the manifest of a feed");
    let tags = format!(
        r#"{{"type":"domain","value":"a.example","to_ids":true,"Tag":{deep},"decay_score":{deep}}}"#
    );
    check_row(
        FeedFormat::Misp,
        &event(&tags),
        Ok(&["name subtree a.example"]),
    );
}

#[test]
fn a_real_event_without_anything_around_it_lists_all_its_names() {
    let Some(root) = data("stalkerware/generated") else {
        return;
    };
    let mut names = BTreeSet::new();
    let path = root.join("misp_event.json");
    let report = crate::feeds::parse(&path, &options(FeedFormat::Misp), &mut |indicator| {
        assert!(matches!(indicator.value, IndicatorValue::Name { .. }));
        names.insert(indicator.value.to_string());
        Ok(())
    })
    .unwrap();
    assert_eq!((report.rows, report.accepted), (7095, 1000));
    assert_eq!(report.refused, [(reason::NOT_NETWORK, 6095)].into());
    let whole: serde_json::Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let objects = whole["Object"].as_array().unwrap().iter();
    let listed: BTreeSet<_> = objects
        .flat_map(|object| object["Attribute"].as_array().unwrap())
        .filter(|attribute| attribute["type"] == "domain")
        .map(|attribute| attribute["value"].as_str().unwrap().to_owned())
        .collect();
    assert!(names == listed, "{} and {}", names.len(), listed.len());
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
        let _ = parse_bytes(&bytes, &options(FeedFormat::Misp), &mut |_| Ok(()));
    }

    #[test]
    fn documents_with_holes_never_panic(at in 0_usize..180, len in 0_usize..20, with in "[\\[\\]{}\":,a0|]{0,3}") {
        let mut text = event(&attribute("domain|ip", "bad.example|203.0.113.5"));
        let start = at.min(text.len());
        let end = (start + len).min(text.len());
        text.replace_range(start..end, &with);
        let (report, _) = parse_bytes(text.as_bytes(), &options(FeedFormat::Misp), &mut |_| Ok(()));
        prop_assert_eq!(report.rows, report.accepted + report.refused_total() + report.ignored);
    }
}
