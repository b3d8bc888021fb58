//! `plain`: one value a line, of any kind. Comments start with `#`, `;`, `!` or `//` at the start
//! of a line, and with `#` or `;` after white space.

use super::ParseOptions;
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
    let comment = matches!(line, [] | [b'#' | b';' | b'!', ..] | [b'/', b'/', ..]);
    if comment {
        return Ok(Row::Comment);
    }
    let text = std::str::from_utf8(without_comment(line)).map_err(|_| reason::NOT_UTF8)?;
    rows.offer(text, options.bare(), &Facts::of(options))?;
    Ok(Row::Accepted)
}

/// `line` up to a `#` or `;` that follows white space.
pub(super) fn without_comment(line: &[u8]) -> &[u8] {
    let mut marks = memchr::memchr2_iter(b'#', b';', line);
    let start = marks.find(|&at| {
        let before = line.get(..at).and_then(<[u8]>::last);
        before.is_some_and(u8::is_ascii_whitespace)
    });
    start
        .and_then(|start| line.get(..start))
        .unwrap_or(line)
        .trim_ascii_end()
}

#[cfg(test)]
mod tests {
    use crate::feeds::tests::{check_row, options, parse_text, shown};
    use crate::feeds::{ParseOptions, reason};
    use crate::model::{FeedFormat, Scope};

    #[test]
    fn comments_are_left_out() {
        let text = b"\xef\xbb\xbf# a\n; b\n! c\n// d\n \t \n  # e \xff\none.example # f \xff\r\n\
            two.example\t;g\n203.0.113.0/24 ; h\nthree.example#i\n";
        let (found, report) = parse_text(text, &options(FeedFormat::Plain), shown);
        let expected = [
            "name subtree one.example",
            "name subtree two.example",
            "prefix 203.0.113.0/24",
        ];
        assert_eq!(found, expected);
        assert_eq!(report.rows, 4);
        assert_eq!(report.refused, [(reason::ODD_CHARACTER, 1)].into());
    }

    #[test]
    fn rows_are_values_of_any_kind() {
        let check = |row, expected| check_row(FeedFormat::Plain, row, expected);
        check("bad.example", Ok(&["name subtree bad.example"]));
        check("hxxp://bad[.]example/", Ok(&["name subtree bad.example"]));
        check("203.0.113[.]5[:]443", Ok(&["endpoint 203.0.113.5:443"]));
        let range = &["prefix 203.0.113.1", "prefix 203.0.113.2/31"];
        check("203.0.113.1-203.0.113.3", Ok(range));
        check("*login-bank*", Ok(&["pattern *login-bank*"]));
        check("0.0.0.0 bad.example", Err(reason::EXTRA_TEXT));
        check("||bad.example^", Err(reason::EXTRA_TEXT));
        check("\",\"", Err(reason::EMPTY_VALUE));
    }

    #[test]
    fn a_value_that_is_not_utf8_is_refused() {
        let text = b"b\xfccher.example\n";
        let (_, report) = parse_text(text, &options(FeedFormat::Plain), shown);
        assert_eq!(report.refused, [(reason::NOT_UTF8, 1)].into());
        assert_eq!(report.samples[0].text, "b\u{fffd}cher.example");
    }

    #[test]
    fn the_feed_says_what_a_bare_name_means_and_what_is_written_is_kept() {
        let options = ParseOptions {
            names: Some(Scope::Exact),
            ..options(FeedFormat::Plain)
        };
        let text =
            b"one.example\n*.TWO.example\n \"three[.]example\",\n203.0.113.5/24\nb.example:1\n";
        let (found, report) = parse_text(text, &options, |indicator| {
            format!("{} {}", shown(indicator), indicator.written)
        });
        let expected = [
            "name exact one.example one.example",
            "name subtree two.example *.TWO.example",
            "name exact three.example three[.]example",
            "prefix 203.0.113.0/24 203.0.113.5/24",
            "name exact b.example b.example:1",
        ];
        assert_eq!(found, expected);
        assert_eq!((report.refanged, report.indicators), (1, 5));
        let warnings = [(reason::HOST_BITS, 1), (reason::PORT_DROPPED, 1)];
        assert_eq!(report.warnings, warnings.into());
    }
}
