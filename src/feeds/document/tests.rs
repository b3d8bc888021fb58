//! Fields, places and documents that are none.

use std::path::Path;

use super::*;

fn document(text: &str) -> Document {
    Document {
        path: Path::new("feed").to_owned(),
        text: text.to_owned(),
    }
}

#[test]
fn entries_know_their_lines_in_whatever_order_they_are_asked_for() {
    let document = document("[1,\n2\n,\n\n{\"a\":\n3}\n]");
    let mut entries = Vec::new();
    assert!(each_entry(
        document.root().unwrap().unwrap(),
        &mut |entry| {
            entries.push(entry);
        }
    ));
    let mut places = document.places();
    let numbers: Vec<_> = [0, 1, 2, 0, 2, 1]
        .iter()
        .map(|&entry: &usize| places.line(entries[entry]).number)
        .collect();
    assert_eq!(numbers, [1, 2, 5, 1, 5, 2]);
    assert_eq!(places.line(entries[2]).bytes, b"{\"a\":\n3}");
}

#[test]
fn what_is_not_whole_is_an_error_with_its_line() {
    for (text, expected) in [
        (
            "[1,\n2",
            "feed feed, line 2: not JSON: EOF while parsing a list",
        ),
        (
            "[1]\n[2]",
            "feed feed, line 2: not JSON: trailing characters",
        ),
        ("value", "feed feed, line 1: not JSON: expected value"),
    ] {
        assert_eq!(document(text).root().unwrap_err().to_string(), expected);
    }
    assert!(document(" \n").root().unwrap().is_none());
}

#[track_caller]
fn with_field<T>(text: &str, read: impl Fn(Field<'_>) -> T) -> T {
    let raw: &RawValue = serde_json::from_str(text).unwrap();
    read(Some(raw))
}

#[test]
fn fields_are_read_as_different_makers_write_them() {
    let said = |written| with_field(written, |field| text(field).map(Cow::into_owned));
    assert_eq!(said(r#"" a\u0062 ""#).as_deref(), Some("ab"));
    assert_eq!(said("75").as_deref(), Some("75"));
    assert_eq!(said("true").as_deref(), Some("true"));
    for nothing in ["\" \"", "[]", "{}", r#""\ud800""#] {
        assert_eq!(said(nothing), None, "{nothing}");
    }
    for (written, expected) in [
        ("true", Some(true)),
        ("\"True\"", Some(true)),
        ("1", Some(true)),
        ("\"0\"", Some(false)),
        ("false", Some(false)),
        ("\"perhaps\"", None),
    ] {
        assert_eq!(with_field(written, flag), expected, "{written}");
    }
    for (written, expected) in [
        ("75", Ok(Some(75))),
        ("\"100\"", Ok(Some(100))),
        ("\"\"", Ok(None)),
        ("101", Err(reason::BAD_CONFIDENCE)),
        ("-1", Err(reason::BAD_CONFIDENCE)),
        ("[]", Err(reason::BAD_CONFIDENCE)),
    ] {
        assert_eq!(with_field(written, confidence), expected, "{written}");
    }
}

#[test]
fn times_without_an_offset_are_utc() {
    let at = EventTime::parse_rfc3339("2026-01-01T00:00:00Z").unwrap();
    for written in [
        "\"2026-01-01T00:00:00Z\"",
        "\"2026-01-01T01:00:00.000000+01:00\"",
        "\"2026-01-01 00:00:00\"",
        "\"2026-01-01 00:00:00 UTC\"",
        "\"2026-01-01\"",
    ] {
        assert_eq!(with_field(written, time), Ok(Some(at)), "{written}");
    }
    for written in ["\"yesterday\"", "\"2026-13-01\"", "\"UTC\"", "5"] {
        assert_eq!(
            with_field(written, time),
            Err(reason::BAD_TIME),
            "{written}"
        );
    }
}

#[test]
fn words_are_listed_named_or_between_commas() {
    let found = |written| {
        with_field(written, |field| {
            words(field)
                .into_iter()
                .map(Cow::into_owned)
                .collect::<Vec<_>>()
        })
    };
    assert_eq!(found(r#"["a","b c"]"#), ["a", "b c"]);
    assert_eq!(found(r#"[{"name":"a"},{"colour":"b"},[]]"#), ["a"]);
    assert_eq!(found(r#""a, b,,""#), ["a", "b"]);
    assert_eq!(
        found(&format!("[{}1]", "1,".repeat(100))).len(),
        TAGS_MAX + 1
    );
}
