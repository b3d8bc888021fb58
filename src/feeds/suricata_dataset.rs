//! `suricata-dataset`: one value a line, perhaps with a reputation after a comma. Sets of strings
//! hold the base64 of the value, others the value as it stands. Which it is shows in each line: a
//! value has a dot or a colon, which base64 never has.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

use super::ParseOptions;
use super::reason::{self, Reason};
use super::rows::{Facts, Row, Rows};
use super::value;

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
    let text = std::str::from_utf8(line).map_err(|_| reason::NOT_UTF8)?;
    let written = without_reputation(text)?;
    let facts = Facts::of(options);
    match decode(written)? {
        Some(decoded) => rows.offer(&decoded, options.bare(), &facts)?,
        None => rows.offer(written, options.bare(), &facts)?,
    }
    Ok(Row::Accepted)
}

/// `text` up to its reputation.
///
/// # Errors
/// [`reason::EXTRA_TEXT`] when what follows the comma is no reputation.
fn without_reputation(text: &str) -> Result<&str, Reason> {
    let Some((value, reputation)) = text.split_once(',') else {
        return Ok(text);
    };
    match reputation.trim().parse::<u16>() {
        Ok(_) => Ok(value.trim_end()),
        Err(_) => Err(reason::EXTRA_TEXT),
    }
}

/// The value that `text` is the base64 of; none when it stands for itself. A single label may look
/// like base64 by chance, so that without padding only what comes to a value with a dot or a colon
/// counts as encoded.
///
/// # Errors
/// [`reason::HASH`], and [`reason::NOT_UTF8`] when it is surely base64, but not of a text.
fn decode(text: &str) -> Result<Option<String>, Reason> {
    if stands_for_itself(text) {
        return Ok(None);
    }
    if value::is_hash(text) {
        return Err(reason::HASH);
    }
    let decoded = STANDARD
        .decode(text)
        .or_else(|_| STANDARD_NO_PAD.decode(text));
    let Ok(decoded) = decoded else {
        return Ok(None);
    };
    let padded = text.ends_with('=');
    match String::from_utf8(decoded) {
        Ok(decoded) if padded || stands_for_itself(&decoded) => Ok(Some(decoded)),
        Err(_) if padded => Err(reason::NOT_UTF8),
        Ok(_) | Err(_) => Ok(None),
    }
}

/// Whether `text` has a character that values have and base64 never has.
fn stands_for_itself(text: &str) -> bool {
    text.contains(['.', ':'])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::feeds::tests::{check_counts, check_row, options, parse_text, shown};
    use crate::model::FeedFormat;

    #[track_caller]
    fn check(row: &str, expected: Result<&[&str], Reason>) {
        check_row(FeedFormat::SuricataDataset, row, expected);
    }

    #[test]
    fn values_stand_for_themselves_or_are_encoded() {
        let bad = &["name subtree bad.example"];
        check("bad.example", Ok(bad));
        check(".bad.example", Ok(bad));
        check("YmFkLmV4YW1wbGU=", Ok(bad));
        check("YmFkLmV4YW1wbGU", Ok(bad));
        check("LmJhZC5leGFtcGxl", Ok(bad));
        check("203.0.113.5", Ok(&["prefix 203.0.113.5"]));
        check("2001:db8::5", Ok(&["prefix 2001:db8::5"]));
        check("MjAzLjAuMTEzLjU=", Ok(&["prefix 203.0.113.5"]));
        check("203.0.113.0/24", Ok(&["prefix 203.0.113.0/24"]));
    }

    #[test]
    fn reputations_are_left_out() {
        let bad = &["name subtree bad.example"];
        check("bad.example,10", Ok(bad));
        check("YmFkLmV4YW1wbGU=,65535", Ok(bad));
        check("YmFkLmV4YW1wbGU= , 1", Ok(bad));
        check("bad.example,65536", Err(reason::EXTRA_TEXT));
        check("bad.example,two.example", Err(reason::EXTRA_TEXT));
        check(",1", Err(reason::EMPTY_VALUE));
    }

    #[test]
    fn a_name_that_could_be_base64_is_a_name() {
        check("abcd.example", Ok(&["name subtree abcd.example"]));
        check("evil", Ok(&["name subtree evil"]));
        check("test", Ok(&["name subtree test"]));
    }

    #[test]
    fn other_values_are_refused() {
        let md5 = "0123456789abcdef0123456789abcdef";
        check(md5, Err(reason::HASH));
        check(&md5.repeat(2), Err(reason::HASH));
        check(&format!("{},7", md5.repeat(2)), Err(reason::HASH));
        // A user agent, bytes that are no text, a path, and a URL with one.
        check("TW96aWxsYS81LjAgKFgxMSk=", Err(reason::EXTRA_TEXT));
        check("//79/A==", Err(reason::NOT_UTF8));
        check("L2dhdGUucGhw", Err(reason::PATH));
        check("aHR0cDovL2JhZC5leGFtcGxlL2E=", Err(reason::URL));
        check("YmFkLmV4YW1wbGU==", Err(reason::ODD_CHARACTER));
    }

    #[test]
    fn what_is_no_text_is_refused() {
        let text = b"# c\n\nbad.example\n\xff\n";
        let (found, report) = parse_text(text, &options(FeedFormat::SuricataDataset), shown);
        assert_eq!(found, ["name subtree bad.example"]);
        assert_eq!(report.refused, [(reason::NOT_UTF8, 1)].into());
    }

    proptest! {
        #[test]
        fn an_encoded_name_is_the_name(name in "[a-z0-9-]{1,9}\\.(example|test)") {
            check(&STANDARD.encode(&name), Ok(&[&format!("name subtree {name}")]));
        }

        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            check_counts(FeedFormat::SuricataDataset, &bytes);
            let encoded = STANDARD.encode(&bytes);
            check_counts(FeedFormat::SuricataDataset, encoded.as_bytes());
        }
    }
}
