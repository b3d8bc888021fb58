//! `zeek-intel`: columns between tabs, named by a line that starts with `#fields`. Each row says of
//! what type its indicator is; names are exact, and URLs have no scheme. `-` stands for nothing, and
//! `\x09` for a byte.

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use super::ParseOptions;
use super::blocks::Lines;
use super::error::FeedError;
use super::reason::{self, Reason};
use super::rows::{Facts, Row, Rows, Tags};

/// Parses a whole file.
///
/// # Errors
/// [`FeedError`] `Read` or `TooLarge`, and `Column` when a row comes before the names of the columns,
/// or these lack one that is needed.
pub(super) fn parse(
    lines: &mut Lines,
    options: &ParseOptions<'_>,
    rows: &mut Rows<'_>,
) -> Result<(), FeedError> {
    let mut columns: Option<Columns> = None;
    while let Some(line) = lines.next()? {
        let text = line.bytes.trim_ascii_end();
        if let Some(header) = text.strip_prefix(b"#fields".as_slice()) {
            match Columns::find(header) {
                Ok(found) => columns = Some(found),
                Err(missing) => return Err(without_column(lines, missing)),
            }
            continue;
        }
        if text.is_empty() || text.starts_with(b"#") {
            continue;
        }
        let Some(columns) = &columns else {
            let missing = Missing::of(VALUE_NAME, text);
            return Err(without_column(lines, missing));
        };
        let outcome = if line.too_long {
            Err(reason::LINE_TOO_LONG)
        } else {
            parse_row(line.bytes, columns, options, rows)
        };
        rows.count(line, outcome);
    }
    Ok(())
}

/// The name of the column of the indicator.
const VALUE_NAME: &str = "indicator";

/// The name of the column of its type.
const TYPE_NAME: &str = "indicator_type";

/// The positions of the columns, from 0.
#[derive(Clone, Copy, Debug)]
struct Columns {
    /// The indicator.
    value: usize,
    /// Its type.
    kind: usize,
    /// Who says so.
    source: Option<usize>,
    /// What it is about.
    description: Option<usize>,
    /// A link.
    link: Option<usize>,
}

/// A column that a file lacks.
struct Missing {
    /// Its name.
    name: &'static str,
    /// The columns that there are, with commas.
    known: String,
}

impl Missing {
    /// The column `name`, which `header` lacks.
    fn of(name: &'static str, header: &[u8]) -> Self {
        let known = String::from_utf8_lossy(header);
        Self {
            name,
            known: known.trim().replace('\t', ", "),
        }
    }
}

impl Columns {
    /// Finds the columns in `header`, which follows `#fields`.
    ///
    /// # Errors
    /// The first that is missing.
    fn find(header: &[u8]) -> Result<Self, Missing> {
        let position = |name: &str| {
            let mut names = header.strip_prefix(b"\t")?.split(|&byte| byte == b'\t');
            names.position(|cell| cell.trim_ascii() == name.as_bytes())
        };
        let needed = |name| position(name).ok_or_else(|| Missing::of(name, header));
        Ok(Self {
            value: needed(VALUE_NAME)?,
            kind: needed(TYPE_NAME)?,
            source: position("meta.source"),
            description: position("meta.desc"),
            link: position("meta.url"),
        })
    }
}

/// The error for a file that lacks a column.
fn without_column(lines: &Lines, missing: Missing) -> FeedError {
    let Missing { name, known } = missing;
    FeedError::Column {
        path: lines.path().to_owned(),
        name: name.to_owned(),
        known,
    }
}

/// Parses one row.
///
/// # Errors
/// The [`Reason`] when the row is refused.
fn parse_row(
    line: &[u8],
    columns: &Columns,
    options: &ParseOptions<'_>,
    rows: &mut Rows<'_>,
) -> Result<Row, Reason> {
    let optional = |column: Option<usize>| match column {
        Some(column) => cell(line, column),
        None => Ok(None),
    };
    let value = cell(line, columns.value)?.ok_or(reason::MISSING_VALUE)?;
    let kind = cell(line, columns.kind)?.ok_or(reason::MISSING_VALUE)?;
    let source = optional(columns.source)?;
    let description = optional(columns.description)?;
    let link = optional(columns.link)?;
    let tags = Tags::of(
        [&source, &description]
            .into_iter()
            .flatten()
            .map(AsRef::as_ref),
    );
    let facts = Facts {
        reference: link.as_deref(),
        tags: tags.kept(),
        ..Facts::of(options)
    };
    match kind.as_ref() {
        "Intel::DOMAIN" => rows.offer(&value, options.bare(), &facts)?,
        "Intel::ADDR" | "Intel::SUBNET" => rows.offer_network(&value, &facts)?,
        "Intel::URL" => rows.offer_url(&value, options.bare(), &facts)?,
        other => return Err(reason_against(other)),
    }
    Ok(Row::Accepted)
}

/// Why no indicator of type `kind` is listed.
fn reason_against(kind: &str) -> Reason {
    match kind {
        "Intel::FILE_HASH" => reason::HASH,
        "Intel::EMAIL" => reason::EMAIL,
        "Intel::CERT_HASH" => reason::CERTIFICATE_HASH,
        "Intel::PUBKEY_HASH" => reason::PUBLIC_KEY_HASH,
        "Intel::SOFTWARE" => reason::SOFTWARE,
        "Intel::USER_NAME" => reason::USER_NAME,
        "Intel::FILE_NAME" => reason::FILE_NAME,
        _ => reason::UNKNOWN_TYPE,
    }
}

/// The trimmed text of the cell at `column`, escapes undone; none when the row is shorter, or the cell
/// is empty or one of the words that stand for nothing.
///
/// # Errors
/// [`reason::NOT_UTF8`] when it is not text.
fn cell(line: &[u8], column: usize) -> Result<Option<Cow<'_, str>>, Reason> {
    let Some(bytes) = line.split(|&byte| byte == b'\t').nth(column) else {
        return Ok(None);
    };
    let bytes = bytes.trim_ascii();
    if matches!(bytes, b"" | b"-" | b"(empty)") {
        return Ok(None);
    }
    let text = match unescape(bytes) {
        Cow::Borrowed(bytes) => std::str::from_utf8(bytes).map(Cow::Borrowed).ok(),
        Cow::Owned(bytes) => String::from_utf8(bytes).map(Cow::Owned).ok(),
    };
    text.map(Some).ok_or(reason::NOT_UTF8)
}

/// `text` with the bytes that its `\x09` stand for. What is no such escape stays.
fn unescape(text: &[u8]) -> Cow<'_, [u8]> {
    let mut escapes = memchr::memmem::find_iter(text, b"\\x").peekable();
    if escapes.peek().is_none() {
        return Cow::Borrowed(text);
    }
    let mut plain = Vec::with_capacity(text.len());
    let mut end = 0;
    for at in escapes {
        let digits = text.get(at + 2..at + 4);
        if let Some(byte) = digits.and_then(hexadecimal) {
            plain.extend_from_slice(text.get(end..at).unwrap_or_default());
            plain.push(byte);
            end = at + 4;
        }
    }
    plain.extend_from_slice(text.get(end..).unwrap_or_default());
    Cow::Owned(plain)
}

/// The byte that two hexadecimal digits stand for.
fn hexadecimal(digits: &[u8]) -> Option<u8> {
    let digits = std::str::from_utf8(digits).ok()?;
    let only = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    only.then(|| u8::from_str_radix(digits, 16).ok()).flatten()
}
