//! Whole feeds: what every format has in common, every way to fail, and real lists.

mod dates;
mod incidents;
mod lives;
mod packed;
mod parallel;
pub(super) mod real_lists;
mod versions;

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use proptest::prelude::*;
use tempfile::TempDir;

use super::blocks::Blocks;
use super::read::Input;
use super::*;
use crate::model::{IndicatorValue, Named};
pub(super) use packed::{Entry, archive};

/// Options without any of their own.
pub(super) fn options(format: FeedFormat) -> ParseOptions<'static> {
    static COLUMNS: CsvColumns = CsvColumns {
        value: None,
        id: None,
        malware: None,
        role: None,
        confidence: None,
        valid_from: None,
        valid_until: None,
        reference: None,
        tags: None,
        delimiter: None,
    };
    ParseOptions {
        format,
        role: Role::C2,
        confidence: 50,
        malware: None,
        names: None,
        valid_for: None,
        columns: &COLUMNS,
        bytes_max: FeedConfig::SIZE_MAX,
        row_by_row: false,
    }
}

/// An indicator in one line.
pub(super) fn shown(indicator: &Indicator<'_>) -> String {
    let scope = match indicator.value {
        IndicatorValue::Name { scope, .. } => format!(" {scope:?}").to_lowercase(),
        IndicatorValue::Pattern(_)
        | IndicatorValue::Prefix(_)
        | IndicatorValue::Endpoint { .. } => String::new(),
    };
    format!("{}{scope} {}", indicator.value.class(), indicator.value)
}

/// What the rows of `text` come to, whether or not the feed as a whole could be used.
pub(super) fn parse_text(
    text: &[u8],
    options: &ParseOptions<'_>,
    show: fn(&Indicator<'_>) -> String,
) -> (Vec<String>, FeedReport) {
    let mut found = Vec::new();
    let (report, parsed) = parse_bytes(text, options, &mut |indicator| {
        found.push(show(indicator));
        Ok(())
    });
    parsed.unwrap();
    (found, report)
}

/// What is counted of a file of these bytes, up to its end or to what is wrong with it.
pub(super) fn parse_bytes(
    text: &[u8],
    options: &ParseOptions<'_>,
    take: &mut dyn FnMut(&Indicator<'_>) -> Result<(), Reason>,
) -> (FeedReport, Result<(), FeedError>) {
    let cursor = Box::new(std::io::Cursor::new(text.to_vec()));
    let input = match Input::new(Path::new("feed"), cursor, 0, options.bytes_max) {
        Ok(input) => input,
        Err(error) => return (FeedReport::default(), Err(error)),
    };
    let mut tally = Tally::default();
    match Parser::of(options.format) {
        Some(Parser::File(parse)) => {
            let mut rows = Rows::new(take);
            let parsed = parse(&mut Lines::new(input), options, &mut rows);
            return (rows.finish(), parsed);
        }
        Some(Parser::Files(_, parse)) => {
            let mut rows = Rows::new(take);
            let parsed = parse(&mut Lines::new(input), options, None, &mut rows);
            return (rows.finish(), parsed);
        }
        Some(Parser::Lines(_)) | None => {}
    }
    let mut blocks = Blocks::new(input, BLOCK_BYTES);
    let mut block = Block::default();
    while blocks.next(&mut block).unwrap() {
        let mut rows = Rows::new(&mut *take);
        let lines = parse_block(&block, options, &mut rows);
        tally.add(rows.finish(), lines);
    }
    (tally.report().clone(), Ok(()))
}

/// Checks one row: what it lists, or why it is refused. `Ok(&[])` is an ignored row.
#[track_caller]
pub(super) fn check_row(format: FeedFormat, row: &str, expected: Result<&[&str], Reason>) {
    let (found, report) = parse_text(row.as_bytes(), &options(format), shown);
    match expected {
        Ok(expected) => {
            assert_eq!(report.refused, [].into(), "row {row:?}");
            assert_eq!(found, expected, "row {row:?}");
        }
        Err(reason) => assert_eq!(report.refused, [(reason, 1)].into(), "row {row:?}"),
    }
    assert_eq!(report.rows, 1, "row {row:?}");
}

/// Parses any bytes and checks that every row among them is counted once.
#[track_caller]
pub(super) fn check_counts(format: FeedFormat, text: &[u8]) {
    let (report, _) = parse_bytes(text, &options(format), &mut |_| Ok(()));
    let counted = report.accepted + report.refused_total() + report.ignored;
    assert_eq!(report.rows, counted, "{text:?}");
}

/// A directory with one file of these bytes.
fn file(name: &str, bytes: &[u8]) -> (TempDir, PathBuf) {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join(name);
    fs::write(&path, bytes).unwrap();
    (directory, path)
}

fn parse_plain(path: &Path) -> Result<(Vec<String>, FeedReport), FeedError> {
    let mut found = Vec::new();
    let report = parse(path, &options(FeedFormat::Plain), &mut |indicator| {
        found.push(indicator.value.to_string());
        Ok(())
    })?;
    Ok((found, report))
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(text).unwrap();
    packer.finish().unwrap()
}

#[test]
fn files_are_inflated_by_their_first_bytes() {
    let text = b"\xef\xbb\xbfone.example\r\n\r\n# two\r\nthree.example";
    let twice = [gzip(b"one.example\n"), gzip(b"three.example\n")].concat();
    for bytes in [
        text.to_vec(),
        gzip(text),
        zstd::encode_all(&text[..], 3).unwrap(),
        twice,
    ] {
        let (_directory, path) = file("list", &bytes);
        let (found, report) = parse_plain(&path).unwrap();
        assert_eq!(found, ["one.example", "three.example"]);
        assert_eq!((report.rows, report.accepted), (2, 2));
        assert!(report.bytes >= 26);
    }
}

#[test]
fn what_is_no_list_is_refused_whole() {
    let long = "one.example\n".repeat(20_000);
    let cut = |mut packed: Vec<u8>| {
        packed.truncate(packed.len() / 2);
        packed
    };
    let utf16: Vec<u8> = "\u{feff}one.example\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let cases: [(&[u8], &str); 13] = [
        (b"", "empty"),
        (b"# nothing\n\n", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"\n <!DOCTYPE html><html>\none.example", "html"),
        (b"<html>", "html"),
        (&utf16, "binary"),
        (b"one.example\0", "binary"),
        (&[1, 2, 3, 4, 200, 250], "binary"),
        (&gzip(b""), "empty"),
        (&cut(gzip(long.as_bytes())), "read"),
        (&cut(zstd::encode_all(long.as_bytes(), 3).unwrap()), "read"),
        (b"one.example\n/a\n/b\n", "too_many_refused"),
        (b"no such list\n", "too_many_refused"),
    ];
    for (bytes, reason) in cases {
        let (_directory, path) = file("list", bytes);
        let error = parse_plain(&path).unwrap_err();
        assert_eq!(error.reason(), reason, "{error}");
        assert!(
            error.to_string().contains(path.to_str().unwrap()),
            "{error}"
        );
    }
    let missing = parse_plain(Path::new("no/such/list")).unwrap_err();
    assert_eq!(missing.reason(), "read");
}

#[test]
fn half_of_the_rows_may_be_bad_and_the_first_bad_one_is_shown() {
    let (_directory, path) = file("list", b"one.example\n/a\x1b[2J\n");
    let (_, report) = parse_plain(&path).unwrap();
    let expected = RefusedRow {
        file: path,
        line: 2,
        reason: reason::PATH,
        text: "/a\\u{1b}[2J".to_owned(),
    };
    assert_eq!(report.samples, [expected]);
    let (_directory, path) = file("list", b"one.example\n/a\n/b\n");
    let message = parse_plain(&path).unwrap_err().to_string();
    assert!(
        message.contains("2 of 3 rows") && message.contains("list:2 (path: `/a`)"),
        "{message}"
    );
}

#[test]
fn samples_are_few_and_short() {
    let mut text = "ok.example\n".repeat(40);
    for _ in 0..20 {
        text += &format!("/{}\n", "\u{202e}".repeat(200));
    }
    let (_, report) = parse_text(text.as_bytes(), &options(FeedFormat::Plain), shown);
    assert_eq!(report.samples.len(), FeedReport::SAMPLES_MAX);
    for sample in &report.samples {
        assert!(sample.text.starts_with("/\\u{202e}"));
        assert!(sample.text.len() <= RefusedRow::TEXT_MAX);
    }
}

#[test]
fn a_feed_of_nothing_but_ignored_rows_is_an_error() {
    let (_directory, path) = file("hosts", b"127.0.0.1 localhost\n::1 ip6-localhost\n");
    let error = parse(&path, &options(FeedFormat::Hosts), &mut |_| Ok(())).unwrap_err();
    assert_eq!(error.reason(), "nothing_accepted");
}

#[test]
fn a_bomb_stops_at_the_limit_even_over_several_files() {
    let directory = TempDir::new().unwrap();
    for name in ["a", "b"] {
        fs::write(
            directory.path().join(name),
            gzip(&b"one.example\n".repeat(10_000)),
        )
        .unwrap();
    }
    let limited = |bytes_max| {
        let options = ParseOptions {
            bytes_max,
            ..options(FeedFormat::Plain)
        };
        parse(directory.path(), &options, &mut |_| Ok(())).map(|report| report.bytes)
    };
    assert_eq!(limited(240_000).unwrap(), 240_000);
    let error = limited(239_999).unwrap_err();
    assert_eq!(error.reason(), "too_large");
    assert!(error.to_string().contains("239999"), "{error}");
    assert_eq!(limited(1).unwrap_err().reason(), "too_large");
}

#[test]
fn a_line_that_is_too_long_is_refused_and_the_next_is_read() {
    let long = "a".repeat(70_000);
    let text = format!("one.example\n{long}\ntwo.example\n");
    let (found, report) = parse_text(text.as_bytes(), &options(FeedFormat::Plain), shown);
    assert_eq!(
        found,
        ["name subtree one.example", "name subtree two.example"]
    );
    assert_eq!(report.refused, [(reason::LINE_TOO_LONG, 1)].into());
}

#[test]
fn what_the_taker_refuses_counts_like_any_other_refusal() {
    let (_directory, path) = file("list", b"one.example\ncom\n");
    let report = parse(
        &path,
        &options(FeedFormat::Plain),
        &mut |indicator| match indicator.value.to_string().as_str() {
            "com" => Err("public_suffix"),
            _ => Ok(()),
        },
    )
    .unwrap();
    assert_eq!((report.accepted, report.indicators), (1, 1));
    assert_eq!(report.refused, [("public_suffix", 1)].into());
}

#[test]
fn the_files_of_a_directory_are_families_in_the_order_of_their_names() {
    let directory = TempDir::new().unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(directory.path().join(name), bytes).unwrap();
    write("zeta.txt", b"z.example\n");
    write(
        "lumma.stealer.txt.gz",
        &gzip(b"l.example\n203.0.113.5\n203.0.113.6\n"),
    );
    write("notes", b"# none\n");
    write("paths.txt", b"/a\n/b\n");
    write(".hidden", b"h.example\n");
    fs::create_dir(directory.path().join("below")).unwrap();
    fs::write(directory.path().join("below/x.txt"), b"x.example\n").unwrap();
    let families = |malware| {
        let mut found = Vec::new();
        let options = ParseOptions {
            malware,
            ..options(FeedFormat::Plain)
        };
        let report = parse(directory.path(), &options, &mut |indicator| {
            found.push(format!(
                "{} {}",
                indicator.malware.unwrap_or("?"),
                indicator.value
            ));
            Ok(())
        });
        (found, report.unwrap())
    };
    let (found, report) = families(None);
    let expected = [
        "lumma.stealer l.example",
        "lumma.stealer 203.0.113.5",
        "lumma.stealer 203.0.113.6",
        "zeta z.example",
    ];
    assert_eq!(found, expected);
    let warnings = [(reason::EMPTY_FILE, 1), (reason::MOSTLY_REFUSED_FILE, 1)];
    assert_eq!(report.warnings, warnings.into());
    assert!(
        families(Some("one"))
            .0
            .iter()
            .all(|row| row.starts_with("one "))
    );
    let empty = TempDir::new().unwrap();
    assert_eq!(parse_plain(empty.path()).unwrap_err().reason(), "empty");
}

/// A byte that means something to one of the formats, or any.
fn telling_byte() -> impl Strategy<Value = u8> {
    let telling = b"\n\n\n\r \t#;!/|^@$*?.-:[]{}\",'\\019afx\xff\xc3\xa9".to_vec();
    prop_oneof![5 => proptest::sample::select(telling), 1 => any::<u8>()]
}

/// `names` as each format writes a name and all below it.
fn renderings(names: &[String]) -> [(FeedFormat, String); 5] {
    let lines = |row: fn(&String) -> String| names.iter().map(row).collect::<Vec<_>>().join("\n");
    let csv = lines(|name| format!("x,\"{name}\""));
    [
        (FeedFormat::Plain, lines(|name| name.replace('.', "[.]"))),
        (FeedFormat::Hosts, lines(|name| format!("0.0.0.0 {name}"))),
        (FeedFormat::Adblock, lines(|name| format!("||{name}^"))),
        (FeedFormat::Csv, format!("id,value\n{csv}")),
        (
            FeedFormat::GannetJson,
            lines(|name| format!("{{\"value\":\"{name}\",\"scope\":\"subtree\"}}")),
        ),
    ]
}

proptest! {
    #[test]
    fn every_row_is_accepted_refused_or_ignored(
        bytes in proptest::collection::vec(telling_byte(), 0..400),
        format in proptest::sample::select(FeedFormat::ALL),
        header in any::<bool>(),
    ) {
        let mut text = if header { b"value,tags\n".to_vec() } else { Vec::new() };
        text.extend(bytes);
        let mut n_taken = 0;
        let mut take = |_: &Indicator<'_>| {
            n_taken += 1;
            if n_taken % 3 == 0 { Err("third") } else { Ok(()) }
        };
        let (report, parsed) = parse_bytes(&text, &options(format), &mut take);
        prop_assert_eq!(report.rows, report.accepted + report.refused_total() + report.ignored);
        if let Err(error) = parsed {
            prop_assert!(["binary", "html", "column", "document"].contains(&error.reason()), "{}", error);
        }
    }

    #[test]
    fn every_format_can_say_the_same(names in proptest::collection::vec("[a-zA-Z_]{1,3}(\\.[a-z0-9-]{1,3}){0,2}\\.[a-z]{2}", 1..9)) {
        let expected: Vec<_> = names
            .iter()
            .map(|name| format!("name subtree {}", name.to_lowercase()))
            .collect();
        for (format, text) in renderings(&names) {
            let options = ParseOptions { names: Some(Scope::Subtree), ..options(format) };
            let (found, report) = parse_text(text.as_bytes(), &options, shown);
            prop_assert_eq!(&found, &expected, "{:?} {:?}", format, report.refused);
        }
    }
}
