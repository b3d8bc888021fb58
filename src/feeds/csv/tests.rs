//! Headers, quotes, times and everything that can be wrong with a row.

use std::fs;

use super::*;
use crate::config::CsvColumns;
use crate::feeds;
use crate::feeds::tests::{options, parse_text, shown};
use crate::model::{FeedFormat, Indicator};

/// The rows of `text` with the usual columns.
fn rows_of(text: &str) -> (Vec<String>, feeds::FeedReport) {
    parse_text(text.as_bytes(), &options(FeedFormat::Csv), shown)
}

#[test]
fn columns_are_found_by_their_names() {
    for text in [
        "value\na.example\n",
        "\u{feff}Value,x\r\na.example,1\r\n",
        "\n\nx, \"indicator\" ,y\n1,a.example\n",
        "# a list\n# x,ioc\n1,a.example\n",
        "# domain\nx,domain\n1,a.example\n",
        "#\n# it's \"odd\n## x,y\nip,domain,x\n203.0.113.5,a.example,1\n# end\n",
        "id,value\n1,\"a.\"\"example\"\n1,\"a.example\"\n1,a.example",
    ] {
        let (found, _) = rows_of(text);
        assert!(
            found.iter().all(|row| row == "name subtree a.example"),
            "{text:?}"
        );
        assert!(!found.is_empty(), "{text:?}");
    }
}

fn every(indicator: &Indicator<'_>) -> String {
    let Indicator {
        value,
        written,
        id,
        role,
        malware,
        confidence,
        valid_from,
        valid_until,
        state: _,
        reference,
        tags,
    } = *indicator;
    let time = |time: Option<EventTime>| time.map_or_else(String::new, |time| time.to_string());
    format!(
        "{value} {written} {id:?} {role:?} {malware:?} {confidence} {}..{} {reference:?} {tags:?}",
        time(valid_from),
        time(valid_until)
    )
}

#[test]
fn every_column_is_taken_and_blanks_leave_the_usual() {
    let text = "value,id,malware,role,confidence,valid_from,valid_until,reference,tags\n\
        a[.]example,7,win.x,Payload,90,2026-01-01,2026-01-02 03:04:05 UTC,r,\"one, two\"\n\
        b.example,-,,null,, ,,None,\n\
        c.example\n";
    let (found, report) = parse_text(text.as_bytes(), &options(FeedFormat::Csv), every);
    let usual = "None C2 None 50 .. None []";
    let expected = [
        "a.example a[.]example Some(\"7\") Payload Some(\"win.x\") 90 2026-01-01T00:00:00.000000000Z..\
         2026-01-02T03:04:05.000000000Z Some(\"r\") [\"one\", \"two\"]"
            .to_owned(),
        format!("b.example b.example {usual}"),
        format!("c.example c.example {usual}"),
    ];
    assert_eq!(found, expected);
    assert_eq!((report.accepted, report.refanged), (3, 1));
}

#[test]
fn the_feed_names_columns_and_separator() {
    let columns = CsvColumns {
        value: Some("Host".to_owned()),
        malware: Some("app".to_owned()),
        delimiter: Some(b';'),
        ..CsvColumns::default()
    };
    let options = ParseOptions {
        columns: &columns,
        ..options(FeedFormat::Csv)
    };
    let text = "value;APP;host\nx;one, two;a.example\n";
    let (found, _) = parse_text(text.as_bytes(), &options, |indicator| {
        format!("{} {:?}", indicator.value, indicator.malware)
    });
    assert_eq!(found, ["a.example Some(\"one, two\")"]);
}

#[test]
fn a_missing_column_is_an_error_that_tells_which_there_are() {
    let named = CsvColumns {
        tags: Some("labels".to_owned()),
        ..CsvColumns::default()
    };
    let check = |columns: &CsvColumns, text: &str, missing: &str, known: &str| {
        let directory = tempfile::TempDir::new().unwrap();
        let path = directory.path().join("list.csv");
        fs::write(&path, text).unwrap();
        let options = ParseOptions {
            columns,
            ..options(FeedFormat::Csv)
        };
        let error = feeds::parse(&path, &options, &mut |_| Ok(())).unwrap_err();
        assert_eq!(error.reason(), "column");
        let expected = format!("has no column `{missing}`; it has {known}");
        assert!(error.to_string().ends_with(&expected), "{error}");
    };
    check(
        &CsvColumns::default(),
        "a.example,1\nb.example,2\n",
        "value",
        "a.example, 1",
    );
    check(&named, "value,tags\na.example,1\n", "labels", "value, tags");
}

#[test]
fn bad_rows_say_why() {
    let header = "value,role,confidence,valid_from,valid_until,tags";
    let check = |row: &str, reason: Reason| {
        let (_, report) = rows_of(&format!("{header}\n{row}\n"));
        assert_eq!(report.refused, [(reason, 1)].into(), "{row}");
        assert_eq!(report.rows, 1);
    };
    check(",c2", reason::MISSING_VALUE);
    check("a.example,evil", reason::BAD_ROLE);
    check("a.example,,101", reason::BAD_CONFIDENCE);
    check("a.example,,high", reason::BAD_CONFIDENCE);
    check("a.example,,,yesterday", reason::BAD_TIME);
    check("a.example,,,2026-13-01", reason::BAD_TIME);
    check("a.example,,,2026-01-02,2026-01-02", reason::BAD_VALIDITY);
    check("http://a.example/x", reason::URL);
    check(
        &format!("a.example{}", ",".repeat(300)),
        reason::TOO_MANY_COLUMNS,
    );
    check(
        &format!("a.example,{}", "x".repeat(70_000)),
        reason::LINE_TOO_LONG,
    );
    check("a.example,\"c2", reason::UNCLOSED_QUOTE);
    let mut text = format!("{header}\n").into_bytes();
    text.extend(b"\xff.example\na.example,\xff\nb.example,,,,,\xff\n");
    let (_, report) = parse_text(&text, &options(FeedFormat::Csv), shown);
    assert_eq!(report.refused, [(reason::NOT_UTF8, 3)].into());
}

#[test]
fn tags_beyond_the_limit_are_dropped_with_a_remark() {
    let (found, report) = rows_of(&format!("value,tags\na.example,\"{}\"\n", "t,".repeat(33)));
    assert_eq!(found.len(), 1);
    assert_eq!(report.warnings, [(reason::TAGS_DROPPED, 1)].into());
}

#[test]
fn a_quoted_cell_may_span_lines_and_never_lists_what_is_inside() {
    let text = "note,value\n\"one\nx,inner.example\n\ntwo\",a.example\nthree,b.example\n";
    let (found, report) = rows_of(text);
    assert_eq!(found, ["name subtree a.example", "name subtree b.example"]);
    assert_eq!((report.rows, report.accepted), (2, 2));
    let (_, report) = rows_of("note,value\n\"one\ntwo\",/a\n");
    assert_eq!(
        (report.samples[0].line, report.samples[0].text.as_str()),
        (2, "\"one\\ntwo\",/a")
    );
}

#[test]
fn a_quote_that_stays_open_costs_a_bounded_number_of_lines() {
    let row = "x,a.example\n";
    let n_lines = 20_000;
    let text = format!("note,value\n\"open,b.example\n{}", row.repeat(n_lines));
    let (found, report) = rows_of(&text);
    let refused = report.refused[reason::UNCLOSED_QUOTE];
    assert_eq!(refused, (LINE_BYTES_MAX / row.len()) as u64 + 1);
    assert_eq!(found.len() as u64, n_lines as u64 + 1 - refused);
    assert_eq!(report.rows, n_lines as u64 + 1);
    let (_, report) = rows_of("note,value\nx,a.example\n\"open\nx\ny");
    assert_eq!(report.refused, [(reason::UNCLOSED_QUOTE, 3)].into());
    assert_eq!(report.rows, 4);
}

#[test]
fn times_without_an_offset_are_utc() {
    let check = |text: &str, expected: Result<&str, Reason>| {
        let actual = parse_time(text).map(|time| time.to_string());
        assert_eq!(
            actual,
            expected.map(|time| format!("{time}.000000000Z")),
            "{text}"
        );
    };
    check("2026-01-02", Ok("2026-01-02T00:00:00"));
    check("2026-01-02 03:04:05", Ok("2026-01-02T03:04:05"));
    check("2026-01-02 03:04:05 UTC", Ok("2026-01-02T03:04:05"));
    check("2026-01-02T03:04:05", Ok("2026-01-02T03:04:05"));
    check("2026-01-02T03:04:05Z", Ok("2026-01-02T03:04:05"));
    check("2026-01-02T03:04:05+02:00", Ok("2026-01-02T01:04:05"));
    check("02/01/2026", Err(reason::BAD_TIME));
    check("3026-01-02", Err(reason::BAD_TIME));
    check("1767225600", Err(reason::BAD_TIME));
}
