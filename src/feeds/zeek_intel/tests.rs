//! Columns, types, escapes and everything that can be wrong with a row.

use proptest::prelude::*;

use super::*;
use crate::feeds::parse;
use crate::feeds::tests::{check_counts, options, parse_text, real_lists, shown};
use crate::model::{FeedFormat, Indicator};

/// The first line of a file with all columns.
const HEADER: &str =
    "#fields\tindicator\tindicator_type\tmeta.source\tmeta.desc\tmeta.url\tmeta.do_notice\n";

/// All that a row says.
fn every(indicator: &Indicator<'_>) -> String {
    let Indicator {
        confidence,
        reference,
        tags,
        ..
    } = indicator;
    let reference = reference.unwrap_or("-");
    format!("{} {confidence} {reference} {tags:?}", shown(indicator))
}

/// The rows of `text` and the counts.
fn rows_of(text: &str) -> (Vec<String>, crate::feeds::FeedReport) {
    parse_text(text.as_bytes(), &options(FeedFormat::ZeekIntel), every)
}

#[test]
fn rows_of_each_type_are_taken() {
    let text = format!(
        "{HEADER}\
        bad.example\tIntel::DOMAIN\tsource\ta description\thttps://info.example/1\tT\n\
        203.0.113.5\tIntel::ADDR\t-\t-\t-\tF\n\
        2001:db8::5\tIntel::ADDR\r\n\
        203.0.113.0/24\tIntel::SUBNET\tsource\n\
        bad.example/a?u=http://good.example/\tIntel::URL\tsource\n\
        203.0.113.5:8080/a\tIntel::URL\n\
        bad.test\tIntel::URL\t(empty)\n"
    );
    let (found, report) = rows_of(&text);
    let expected = [
        "name exact bad.example 50 https://info.example/1 [\"source\", \"a description\"]",
        "prefix 203.0.113.5 50 - []",
        "prefix 2001:db8::5 50 - []",
        "prefix 203.0.113.0/24 50 - [\"source\"]",
        "name exact bad.example 25 - [\"source\", \"host-of-url\"]",
        "endpoint 203.0.113.5:8080 25 - [\"host-of-url\"]",
        "name exact bad.test 50 - []",
    ];
    assert_eq!(found, expected);
    assert_eq!((report.rows, report.accepted), (7, 7));
}

#[test]
fn columns_are_found_by_their_names_and_may_change() {
    let text = "# a list\n\n#separator \\x09\n\
        #fields\tmeta.source\tindicator_type\tindicator\n\
        s\tIntel::DOMAIN\ta.example\n\
        # more\n\
        #fields\tindicator\tindicator_type\n\
        b.example\tIntel::DOMAIN\tx\n";
    let (found, _) = rows_of(text);
    let expected = [
        "name exact a.example 50 - [\"s\"]",
        "name exact b.example 50 - []",
    ];
    assert_eq!(found, expected);
}

#[test]
fn escapes_are_undone() {
    let text = format!(
        "{HEADER}bad\\x2dname.example\tIntel::DOMAIN\ta\\x09b\\\\x41\t\\xzz\\x4\n\
        b\\xff.example\tIntel::DOMAIN\n"
    );
    let (found, report) = rows_of(&text);
    let tags = ["a\tb\\A", "\\xzz\\x4"];
    assert_eq!(
        found,
        [format!("name exact bad-name.example 50 - {tags:?}")]
    );
    assert_eq!(report.refused, [(reason::NOT_UTF8, 1)].into());
}

#[test]
fn other_rows_are_refused() {
    for (row, reason) in [
        (
            "0123456789abcdef0123456789abcdef\tIntel::FILE_HASH",
            reason::HASH,
        ),
        ("me@bad.example\tIntel::EMAIL", reason::EMAIL),
        ("00ff\tIntel::CERT_HASH", reason::CERTIFICATE_HASH),
        ("00ff\tIntel::PUBKEY_HASH", reason::PUBLIC_KEY_HASH),
        ("tool\tIntel::SOFTWARE", reason::SOFTWARE),
        ("eve\tIntel::USER_NAME", reason::USER_NAME),
        ("a.exe\tIntel::FILE_NAME", reason::FILE_NAME),
        ("bad.example\tIntel::NEW", reason::UNKNOWN_TYPE),
        ("bad.example\tDOMAIN", reason::UNKNOWN_TYPE),
        ("bad.example", reason::MISSING_VALUE),
        ("bad.example\t-", reason::MISSING_VALUE),
        ("-\tIntel::DOMAIN", reason::MISSING_VALUE),
        ("\tIntel::DOMAIN", reason::MISSING_VALUE),
        ("bad.example Intel::DOMAIN", reason::MISSING_VALUE),
        ("bad.example\tIntel::ADDR", reason::BAD_PREFIX),
        ("203.0.113.0/33\tIntel::SUBNET", reason::BAD_PREFIX),
        ("bad..example\tIntel::DOMAIN", "empty_label"),
        ("/a.php\tIntel::URL", reason::PATH),
    ] {
        let (found, report) = rows_of(&format!("{HEADER}{row}\n"));
        assert_eq!(report.refused, [(reason, 1)].into(), "{row}");
        assert_eq!((found.len(), report.rows), (0, 1), "{row}");
    }
    let long = format!("{HEADER}{}\tIntel::DOMAIN\n", "a".repeat(70_000));
    assert_eq!(
        rows_of(&long).1.refused,
        [(reason::LINE_TOO_LONG, 1)].into()
    );
}

#[test]
fn a_file_without_the_names_of_its_columns_is_refused() {
    let directory = tempfile::TempDir::new().unwrap();
    let path = directory.path().join("intel");
    for (text, name) in [
        ("bad.example\tIntel::DOMAIN\n", "indicator"),
        ("#fields\tvalue\tindicator_type\n", "indicator"),
        ("#fields\tindicator\tmeta.source\n", "indicator_type"),
        ("#fields indicator indicator_type\n", "indicator"),
    ] {
        std::fs::write(&path, text).unwrap();
        let error = parse(&path, &options(FeedFormat::ZeekIntel), &mut |_| Ok(())).unwrap_err();
        let shown = error.to_string();
        assert!(shown.contains(&format!("no column `{name}`")), "{shown}");
    }
}

#[test]
fn a_real_list_of_mostly_hashes_is_taken() {
    let Some(path) = real_lists::data("zeek-intel/stalkerware.intel") else {
        return;
    };
    let report = parse(&path, &options(FeedFormat::ZeekIntel), &mut |_| Ok(())).unwrap();
    assert_eq!((report.rows, report.accepted), (2539, 601));
    assert_eq!(report.refused, [(reason::HASH, 1938)].into());
}

proptest! {
    #[test]
    fn any_bytes_are_survived(
        bytes in proptest::collection::vec(any::<u8>(), 0..80),
        start in proptest::sample::select(vec!["", "#fields", HEADER, "#fields\tindicator\tindicator_type\n\\x"]),
    ) {
        check_counts(FeedFormat::ZeekIntel, &[start.as_bytes(), &bytes].concat());
    }
}
