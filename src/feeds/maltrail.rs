//! `maltrail`: the trails of a malware family, one a line and of any kind: names, addresses with or
//! without a port, prefixes, ranges, and URLs with or without a scheme, of which the host is
//! listed. Paths without a host are trails too, but say nothing about names or addresses. Comments
//! start with `#`, at the start of a line or after white space.

use super::ParseOptions;
use super::plain;
use super::reason::{self, Reason};
use super::rows::{Facts, Row, Rows};

/// Parses one line.
///
/// # Errors
/// The [`Reason`] when the row is refused.
pub(super) fn parse_line(
    line: &[u8],
    options: &ParseOptions<'_>,
    rows: &mut Rows<'_>,
) -> Result<Row, Reason> {
    let line = line.trim_ascii();
    if line.is_empty() || line.starts_with(b"#") {
        return Ok(Row::Comment);
    }
    let text = std::str::from_utf8(plain::without_comment(line)).map_err(|_| reason::NOT_UTF8)?;
    let facts = Facts::of(options);
    match rows.offer(text, options.bare(), &facts) {
        Err(reason::URL) => rows.offer_url(text, options.bare(), &facts)?,
        offered => offered?,
    }
    Ok(Row::Accepted)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs::{self, File};
    use std::ops::Range;

    use proptest::prelude::*;
    use tempfile::TempDir;

    use super::*;
    use crate::feeds::parse;
    use crate::feeds::tests::{check_counts, check_row, options, parse_text, real_lists, shown};
    use crate::model::{FeedFormat, Indicator};

    #[track_caller]
    fn check(row: &str, expected: Result<&[&str], Reason>) {
        check_row(FeedFormat::Maltrail, row, expected);
    }

    #[test]
    fn trails_are_values_of_any_kind() {
        check("bad.example", Ok(&["name subtree bad.example"]));
        check("Bad.Example # note", Ok(&["name subtree bad.example"]));
        check("203.0.113.5", Ok(&["prefix 203.0.113.5"]));
        check("203.0.113.5:443", Ok(&["endpoint 203.0.113.5:443"]));
        check("[2001:db8::5]:443", Ok(&["endpoint [2001:db8::5]:443"]));
        check("2001:db8::5 # note", Ok(&["prefix 2001:db8::5"]));
        check("203.0.113.0/24 # note", Ok(&["prefix 203.0.113.0/24"]));
        let range = &["prefix 203.0.113.1", "prefix 203.0.113.2/31"];
        check("203.0.113.1-203.0.113.3", Ok(range));
        check("http://203.0.113.5", Ok(&["prefix 203.0.113.5"]));
        check("http://bad.example/", Ok(&["name subtree bad.example"]));
        check("bad.example/", Ok(&["name subtree bad.example"]));
    }

    /// A host that is listed only because of a URL.
    fn url_shown(indicator: &Indicator<'_>) -> String {
        let Indicator {
            confidence, tags, ..
        } = indicator;
        format!("{} {confidence} {tags:?}", shown(indicator))
    }

    #[test]
    fn of_a_url_with_a_path_only_the_host_is_listed() {
        for (row, expected) in [
            ("http://bad.example/a.php", "name exact bad.example"),
            ("bad.example/a.php", "name exact bad.example"),
            (
                "bad.example/?u=http://good.example/",
                "name exact bad.example",
            ),
            ("bad.example:443/a/b.php", "name exact bad.example"),
            ("203.0.113.5:8080/a/b.php", "endpoint 203.0.113.5:8080"),
            ("203.0.113.5/a/1.2.3.4", "prefix 203.0.113.5"),
            ("http://203.0.113.5/1", "prefix 203.0.113.5"),
        ] {
            let options = options(FeedFormat::Maltrail);
            let (found, report) = parse_text(row.as_bytes(), &options, url_shown);
            assert_eq!(found, [format!("{expected} 25 [\"host-of-url\"]")], "{row}");
            assert_eq!(report.warnings, [(reason::HOST_OF_URL, 1)].into());
        }
    }

    #[test]
    fn trails_of_other_kinds_are_refused() {
        check("/gate.php", Err(reason::PATH));
        check("/a.example:)", Err(reason::PATH));
        check("initial-scale=1.0", Err(reason::ODD_CHARACTER));
        check(
            "^[a-z]{2}\\-[a-z]{2,3}\\.(test|example)$",
            Err(reason::EXTRA_TEXT),
        );
        check("(a|b)[0-9]{2,3}\\.example", Err(reason::EXTRA_TEXT));
        check("a.example b.example", Err(reason::EXTRA_TEXT));
    }

    #[test]
    fn comments_are_left_out() {
        let text = b"# a\n\n # b\n\xff\na.example\t# c \xff\n";
        let (found, report) = parse_text(text, &options(FeedFormat::Maltrail), shown);
        assert_eq!(found, ["name subtree a.example"]);
        assert_eq!(report.rows, 2);
        assert_eq!(report.refused, [(reason::NOT_UTF8, 1)].into());
    }

    /// The names and texts of the regular files in a tar archive.
    fn files(mut archive: &[u8]) -> Vec<(&str, &[u8])> {
        let mut files = Vec::new();
        while let Some((header, rest)) = archive.split_at_checked(512) {
            let text = |range: Range<usize>| {
                let text = std::str::from_utf8(&header[range]).unwrap();
                text.trim_matches(['\0', ' '])
            };
            let len = usize::from_str_radix(text(124..136), 8).unwrap_or(0);
            if header[156] == b'0' {
                files.push((text(0..100), &rest[..len]));
            }
            archive = &rest[len.next_multiple_of(512)..];
        }
        files
    }

    #[test]
    fn real_trails_are_taken_with_their_families() {
        let Some(path) = real_lists::data("maltrail/trails-2026-07-24.tar.zst") else {
            return;
        };
        let directory = TempDir::new().unwrap();
        let archive = zstd::decode_all(File::open(path).unwrap()).unwrap();
        for (name, text) in files(&archive) {
            if let Some(name) = name.strip_prefix("./trails/static/malware/apt_") {
                fs::write(directory.path().join(name), text).unwrap();
            }
        }
        let mut families = BTreeMap::<String, u64>::new();
        let report = parse(
            directory.path(),
            &options(FeedFormat::Maltrail),
            &mut |indicator| {
                let family = indicator.malware.unwrap_or_default();
                *families.entry(family.to_owned()).or_default() += 1;
                Ok(())
            },
        );
        let report = report.unwrap();
        let refused = [(reason::BAD_PORT, 3), (reason::PATH, 3633)];
        assert_eq!(report.refused, refused.into());
        assert!(families["lazarus"] > 1000 && families.len() > 100);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            check_counts(FeedFormat::Maltrail, &bytes);
        }
    }
}
