//! Tests of the walker against `serde_json`.

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::decode::tests::rows::{Foresight, Seen, Words, check_faces, items, records};
use crate::model::EventFormat;

/// Whether `serde_json` takes `row` for an object whose numbers may be of any size.
fn is_object(row: &[u8]) -> bool {
    // The oracle refuses numbers that are too large before it has seen what follows them.
    serde_json::from_slice::<Value>(&with_small_numbers(row)).is_ok_and(|value| value.is_object())
}

/// The row with at most two of the digits that follow one another outside of texts: what it is
/// accepted for does not change by that.
fn with_small_numbers(row: &[u8]) -> Vec<u8> {
    let (mut small, mut in_text, mut escaped, mut digits) = (Vec::new(), false, false, 0);
    for &byte in row {
        digits = if !in_text && byte.is_ascii_digit() {
            digits + 1
        } else {
            0
        };
        if digits <= 2 {
            small.push(byte);
        }
        in_text ^= byte == b'"' && !escaped;
        escaped = in_text && byte == b'\\' && !escaped;
    }
    small
}

#[track_caller]
fn agree(row: &[u8]) {
    match check(row) {
        Ok(()) => assert!(is_object(row), "{}", row.escape_ascii()),
        Err(Reject::TooDeep) => {}
        Err(_) => assert!(!is_object(row), "{}", row.escape_ascii()),
    }
}

/// The outcomes of a record.
fn outcomes(record: &[u8]) -> Vec<Outcome> {
    let items = items(EventFormat::ZeekJson, record);
    items
        .into_iter()
        .map(|Seen { outcome, .. }| outcome)
        .collect()
}

#[test]
fn structure_is_checked_as_strictly_as_by_a_full_parser() {
    for row in [
        r#"{}"#,
        r#"{ }"#,
        r#"{"a":1}"#,
        r#"{"a" : [ ] , "b":{}}"#,
        r#"{"a":1,}"#,
        r#"{,}"#,
        r#"{"a"}"#,
        r#"{"a":}"#,
        r#"{a:1}"#,
        r#"{"a":1 "b":2}"#,
        r#"{"a":[1,]}"#,
        r#"{"a":[1}"#,
        r#"{"a":[1]]"#,
        r#"{"a":01}"#,
        r#"{"a":-}"#,
        r#"{"a":1.}"#,
        r#"{"a":.5}"#,
        r#"{"a":1e}"#,
        r#"{"a":-0.5E+7}"#,
        r#"{"a":1e999}"#,
        r#"{"a":+1}"#,
        r#"{"a":12345678901234567890123}"#,
        r#"{"a":12345678x}"#,
        r#"{"a":tru}"#,
        r#"{"a":truee}"#,
        r#"{"a":nul"#,
        r#"{"a":NaN}"#,
        r#"{"a":"\x"}"#,
        r#"{"a":"\u12"}"#,
        r#"{"a":"\ud800"}"#,
        r#"{"a":"\ud83e\udd8a"}"#,
        r#"{"a":"\udd8a"}"#,
        r#"{"a":"\ud83ex"}"#,
        r#"{"a":"\u00zz"}"#,
        r#"{"a":"\"}"#,
        r#"{"a":"\\"}"#,
        r#"{"a":"b"#,
        r#"{"a":1}x"#,
        r#"{"a":1}{}"#,
        r#"[]"#,
        r#""a""#,
        "5",
        "null",
        "",
        " ",
        "{\"a\":\"\t\"}",
        "{\t\"a\":1}",
        "{\"a\":\"\x7f\"}",
        "{\"a\":\"\u{0}\"}",
        "{\u{a0}}",
    ] {
        agree(row.as_bytes());
    }
    agree(b"{\"a\":\"\xff\"}");
    agree(b"{\"a\":\"\xed\xa0\x80\"}");
}

#[test]
fn keys_are_compared_without_their_escapes() {
    let record = br#"{"_path":"dns","qu\u0065ry":"b\u0061d.example"}"#;
    let items = items(EventFormat::ZeekJson, record);
    assert_eq!(items[0].outcome, Outcome::Event);
    assert_eq!(items[0].keys.len(), 1);
}

#[test]
fn every_line_that_is_not_blank_is_an_item() {
    for (record, count) in [
        (&b"{}"[..], 1),
        (b"{}\n", 1),
        (b"\n\r\n{}\r\n\n  \n{}", 2),
        (b"\xef\xbb\xbf{}\n{}", 2),
        (b"{\n}", 2),
    ] {
        assert_eq!(outcomes(record).len(), count, "{}", record.escape_ascii());
    }
}

#[test]
fn a_record_without_a_line_is_one_empty_item() {
    for record in [&b""[..], b" \r\n\t", b"\xef\xbb\xbf", b"\n\n"] {
        assert_eq!(outcomes(record), [Outcome::Rejected(Reject::Empty)]);
    }
}

#[test]
fn items_beyond_the_limit_are_one_rejected_item() {
    let record = b"{}\n".repeat(ITEMS_MAX + 2);
    let outcomes = outcomes(&record);
    assert_eq!(outcomes.len(), ITEMS_MAX + 1);
    assert_eq!(outcomes.last(), Some(&Outcome::Rejected(Reject::TooMany)));
    assert_eq!(outcomes[ITEMS_MAX - 1], Outcome::Ignored);
}

#[test]
fn nesting_ends_at_the_limit() {
    let nested = |depth: usize| {
        let (open, close) = ("[".repeat(depth - 1), "]".repeat(depth - 1));
        format!(r#"{{"x":{open}{close}}}"#).into_bytes()
    };
    assert_eq!(check(&nested(JSON_DEPTH_MAX)), Ok(()));
    assert_eq!(check(&nested(JSON_DEPTH_MAX + 1)), Err(Reject::TooDeep));
    let objects = format!("{}1{}", r#"{"x":"#.repeat(33), "}".repeat(33));
    assert_eq!(check(objects.as_bytes()), Err(Reject::TooDeep));
}

#[test]
fn a_million_brackets_are_too_deep_and_no_stack_overflow() {
    let brackets = "[".repeat(1_000_000);
    for row in [brackets.clone(), format!(r#"{{"x":{brackets}"#)] {
        assert_eq!(check(row.as_bytes()), Err(Reject::TooDeep));
        assert_eq!(
            outcomes(row.as_bytes()),
            [Outcome::Rejected(Reject::TooDeep)]
        );
    }
}

#[test]
fn a_long_string_of_escapes_is_read_once() {
    let row = format!(
        r#"{{"_path":"dns","query":"{}"}}"#,
        r"\u0061".repeat(200_000)
    );
    let items = items(EventFormat::ZeekJson, row.as_bytes());
    assert_eq!(items[0].outcome, Outcome::Event);
    assert!(items[0].keys.is_empty());
}

#[test]
fn a_text_is_undone_up_to_its_limit() {
    for (length, expected) in [
        (PLAIN_LEN_MAX, Some(PLAIN_LEN_MAX)),
        (PLAIN_LEN_MAX + 1, None),
    ] {
        let raw = format!("{}\\n", "a".repeat(length - 1));
        let text = Text {
            raw: raw.as_bytes(),
            escaped: true,
            quoted: true,
        };
        assert_eq!(text.with_plain(<[u8]>::len), expected);
    }
}

#[test]
fn a_mebibyte_of_malice_is_read_in_linear_time() {
    let filled = |unit: &str, before: &str, after: &str| {
        let body = vec![unit; (1 << 20) / (unit.len() + 1)].join(",");
        format!("{before}{body}{after}")
    };
    let nest = format!(r#"{{"x":{}1{}}}"#, r#"{"x":"#.repeat(31), "}".repeat(31));
    for row in [
        filled(r#""id":{"orig_h":"192.0.2.1"}"#, "{", "}"),
        filled(r#""dns":{"qname":"a.example"}"#, "{", "}"),
        filled(
            r#""dns.resource-records.an.1":{"rdata":"a.example"}"#,
            "{",
            "}",
        ),
        filled(r#""src_addr":"192.0.2.1""#, "{", "}"),
        filled(r#""203.0.113.66""#, r#"{"_path":"dns","answers":["#, "]}"),
        filled(
            r#""\u0061""#,
            r#"{"schema":"gannet.event.v1","dns":{"answers":["#,
            "]}}",
        ),
        filled(
            r#"[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]"#,
            r#"{"dns":{"x":["#,
            "]}}",
        ),
        nest.replace('1', &filled("[[]]", "[", "]")),
    ] {
        for format in [
            EventFormat::ZeekJson,
            EventFormat::DnsCollectorJson,
            EventFormat::Goflow2Json,
            EventFormat::GannetJson,
        ] {
            check_faces(format, Foresight::Lenient, row.as_bytes());
        }
    }
}

/// Words without a meaning.
const WORDS: Words = Words {
    keys: &["a", "b", "long-key-with-dots.in.it"],
    texts: &["a longer text than one word", "\u{fffd}\u{10ffff}"],
    rows: &[
        r#"{"a":[1,2.5e-3,{"b":"\u00fc\ud83e\udd8a"}],"c":{"d":null,"e":[true,false]},"f":"0123456789"}"#,
    ],
};

proptest! {
    #[test]
    fn rows_are_accepted_as_by_a_full_parser(record in records(WORDS)) {
        for row in record.split(|&byte| byte == b'\n') {
            agree(row);
        }
    }

    #[test]
    fn any_bytes_are_accepted_as_by_a_full_parser(row in proptest::collection::vec(any::<u8>(), 0..60)) {
        agree(&row);
    }

    #[test]
    fn escapes_are_undone_as_by_a_full_parser(
        raw in "([a-z\u{fc}]|\\\\[\"/bfnrt\\\\]|\\\\u[0d][08e-f][0-9a-f]{2}|\\\\ud83e\\\\udd8a){0,30}",
    ) {
        let full: Option<String> = serde_json::from_str(&format!("\"{raw}\"")).ok();
        let mut buffer = [0; PLAIN_LEN_MAX];
        let plain = unescape(raw.as_bytes(), &mut buffer);
        prop_assert_eq!(plain, full.as_deref().map(str::as_bytes));
    }
}
