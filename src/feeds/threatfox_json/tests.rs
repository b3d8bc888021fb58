//! Exports and answers, whole and broken.

use proptest::prelude::*;

use super::*;
use crate::feeds::tests::{check_row, options, parse_bytes, parse_text, shown};
use crate::model::{FeedFormat, Indicator, Role};

/// An export with one entry of this kind and value.
fn export(kind: &str, value: &str) -> String {
    format!(r#"{{"17":[{{"ioc_value":"{value}","ioc_type":"{kind}"}}]}}"#)
}

#[track_caller]
fn check(kind: &str, value: &str, expected: Result<&[&str], Reason>) {
    check_row(FeedFormat::ThreatfoxJson, &export(kind, value), expected);
}

#[test]
fn every_kind_of_entry_is_what_it_says() {
    check("domain", "Bad.Example", Ok(&["name subtree bad.example"]));
    check(
        "ip:port",
        "203.0.113.66:443",
        Ok(&["endpoint 203.0.113.66:443"]),
    );
    check(
        "ip:port",
        "[2001:db8::7]:80",
        Ok(&["endpoint [2001:db8::7]:80"]),
    );
    check(
        "url",
        "http:\\/\\/bad.example\\/",
        Ok(&["name subtree bad.example"]),
    );
    check(
        "url",
        "https://bad.example/a?b",
        Ok(&["name exact bad.example"]),
    );
    check(
        "url",
        "http://203.0.113.9:81/i",
        Ok(&["endpoint 203.0.113.9:81"]),
    );
    for kind in ["md5_hash", "sha1_hash", "sha256_hash", "sha3_384_hash"] {
        check(kind, "0123", Err(reason::HASH));
    }
    check("envelope_from", "a@bad.example", Err(reason::EMAIL));
    check("carrier_pigeon", "bad.example", Err(reason::UNKNOWN_TYPE));
    check("", "bad.example", Err(reason::UNKNOWN_TYPE));
    check("domain", "", Err(reason::EMPTY_VALUE));
    check("ip:port", "203.0.113.66:0", Err(reason::BAD_PORT));
    check("ip:port", "203.0.113.666:443", Err(reason::BAD_ADDRESS));
    check("url", "/a", Err(reason::PATH));
}

#[test]
fn an_entry_that_is_none_is_one_refused_row() {
    let entries = concat!(
        r#"{"1":[{"ioc_value":"a.example","ioc_type":"domain"},5,"#,
        "\n",
        r#"{"ioc_value":"b.example","ioc_type":"domain","confidence_level":101}],"2":null,"#,
        "\n",
        r#""3":{"ioc_value":"c.example","ioc_type":"domain","first_seen_utc":"soon"},"4":[],"#,
        "\n",
        r#""1":[{"ioc_value":"d.example","ioc_type":"domain"}]}"#,
    );
    let options = options(FeedFormat::ThreatfoxJson);
    let (found, report) = parse_text(entries.as_bytes(), &options, shown);
    assert_eq!(found, ["name subtree a.example", "name subtree d.example"]);
    let refused = [
        (reason::BAD_CONFIDENCE, 1),
        (reason::BAD_JSON, 2),
        (reason::BAD_TIME, 1),
    ];
    assert_eq!(report.refused, refused.into());
    assert_eq!((report.rows, report.accepted), (6, 2));
    let lines: Vec<_> = report.samples.iter().map(|sample| sample.line).collect();
    assert_eq!(lines, [1, 2, 2, 3]);
    assert_eq!(report.samples[0].text, "5");
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
    let valid_from = valid_from.map(|time| time.to_string());
    format!(
        "{value} {id:?} {role:?} {malware:?} {confidence} {valid_from:?} {valid_until:?} {state:?} \
         {reference:?} {tags:?}"
    )
}

#[test]
fn an_export_and_an_answer_say_the_same() {
    let export = r#"{"7":[{"ioc_value":"203.0.113.66:443","ioc_type":"ip:port","threat_type":"botnet_cc",
        "malware":"win.lumma","malware_alias":null,"malware_printable":"Lumma Stealer",
        "first_seen_utc":"2026-01-01 00:00:00","last_seen_utc":null,"confidence_level":75,
        "is_compromised":false,"reference":"https://report.example/1","tags":"one,two","anonymous":"0","reporter":"x"}]}"#;
    let answer = r#"{"query_status":"ok","data":[{"id":"7","ioc":"203.0.113.66:443","ioc_type":"ip:port",
        "threat_type":"botnet_cc","malware":"win.lumma","malware_printable":"Lumma Stealer","confidence_level":"75",
        "first_seen":"2026-01-01 00:00:00 UTC","last_seen":null,"reference":"https://report.example/1","tags":["one","two"]}]}"#;
    let expected = r#"203.0.113.66:443 Some("7") C2 Some("win.lumma") 75 None None Active Some("https://report.example/1") ["one", "two"]"#;
    let options = options(FeedFormat::ThreatfoxJson);
    for text in [export, answer] {
        let (found, report) = parse_text(text.as_bytes(), &options, all);
        assert_eq!(found, [expected]);
        assert_eq!((report.rows, report.accepted), (1, 1));
    }
}

#[test]
fn a_type_of_threat_means_the_same_as_in_the_other_export() {
    let entry = r#"[{"ioc":"a.example","ioc_type":"domain","threat_type":"cc_skimming"}]"#;
    let options = options(FeedFormat::ThreatfoxJson);
    let (found, _) = parse_text(entry.as_bytes(), &options, |indicator| {
        format!("{:?}", indicator.role)
    });
    assert_eq!(found, ["Phishing"]);
}

#[test]
fn the_feed_fills_in_what_an_entry_does_not_say() {
    let options = ParseOptions {
        malware: Some("family"),
        role: Role::Phishing,
        ..options(FeedFormat::ThreatfoxJson)
    };
    let bare = r#"[{"id":8,"ioc":"a.example","ioc_type":"domain","threat_type":"cc_skimming","malware":"unknown","reference":"None","tags":null},
        {"ioc":"b.example","ioc_type":"domain","threat_type":"payload_delivery"}]"#;
    let (found, _) = parse_text(bare.as_bytes(), &options, all);
    assert_eq!(
        found,
        [
            r#"a.example Some("8") Phishing Some("family") 50 None None Active None []"#,
            r#"b.example None Payload Some("family") 50 None None Active None []"#,
        ]
    );
}

#[track_caller]
fn fails(text: &str, expected: &str) {
    let options = options(FeedFormat::ThreatfoxJson);
    let (_, parsed) = parse_bytes(text.as_bytes(), &options, &mut |_| Ok(()));
    assert_eq!(parsed.unwrap_err().to_string(), expected);
}

#[test]
fn a_document_that_is_none_says_why() {
    let whole = export("domain", "bad.example");
    fails(
        &whole[..whole.len() - 4],
        "feed feed, line 1: not JSON: EOF while parsing a string",
    );
    fails(
        r#"{"query_status":"no_result","data":"Your search did not yield any results"}"#,
        "feed feed, line 1: the query status is `no_result`",
    );
    fails(
        r#"{"query_status":"ok"}"#,
        "feed feed, line 1: an answer without a list of entries",
    );
    fails(
        "5",
        "feed feed, line 1: neither an export nor an answer of ThreatFox",
    );
    fails(
        &"[".repeat(100_000),
        "feed feed, line 1: not JSON: EOF while parsing a list",
    );
}

#[test]
fn nesting_costs_a_row_at_most() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let text = format!(
        r#"{{"1":[{deep},{{"ioc_value":"a.example","ioc_type":"domain","x":{deep},"tags":{deep}}}]}}"#
    );
    let options = options(FeedFormat::ThreatfoxJson);
    let (found, report) = parse_text(text.as_bytes(), &options, shown);
    assert_eq!(found, ["name subtree a.example"]);
    assert_eq!(report.refused, [(reason::BAD_JSON, 1)].into());
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
        let options = options(FeedFormat::ThreatfoxJson);
        let _ = parse_bytes(&bytes, &options, &mut |_| Ok(()));
    }

    #[test]
    fn documents_with_holes_never_panic(at in 0_usize..80, len in 0_usize..20, with in "[\\[\\]{}\":,a0]{0,3}") {
        let mut text = export("domain", "bad.example");
        let start = at.min(text.len());
        let end = (start + len).min(text.len());
        text.replace_range(start..end, &with);
        let options = options(FeedFormat::ThreatfoxJson);
        let (report, _) = parse_bytes(text.as_bytes(), &options, &mut |_| Ok(()));
        prop_assert_eq!(report.rows, report.accepted + report.refused_total() + report.ignored);
    }
}
