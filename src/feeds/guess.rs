//! Tells the format of a feed from what is in it, never from a name: a list called `hosts` may be
//! plain. What only one format has decides at once (a directive, a header, a key); otherwise the
//! format that more than half of the first rows have. Nothing is guessed from prose.

mod json;
#[cfg(test)]
mod tests;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::csv::VALUE_NAMES;
use super::error::FeedError;
use super::read::{HEAD_BYTES, Input};
use super::refang::refang;
use super::{hosts, plain, value};
use crate::model::{FeedFormat, Scope};

/// Most rows that are looked at.
const ROWS_MAX: usize = 256;

/// The format of a file of which nothing was consumed.
///
/// # Errors
/// [`FeedError::Unknown`] when it is like none; [`FeedError::Empty`] when there is no row in it.
pub(super) fn format_of(input: &Input) -> Result<FeedFormat, FeedError> {
    let head = input.unread();
    if let Some(format) = guess(head) {
        return Ok(format);
    }
    let path = input.path().to_owned();
    if input.ended() && lines(head).all(is_comment) {
        return Err(FeedError::Empty { path });
    }
    Err(FeedError::Unknown { path })
}

/// The format that a file which starts with `head` has, by its first 64 KiB. O(`head.len()`).
fn guess(head: &[u8]) -> Option<FeedFormat> {
    let head = head.get(..HEAD_BYTES).unwrap_or(head);
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let start = head.trim_ascii_start();
    if start.starts_with(b"<") {
        return None;
    }
    if json::is_document(start) {
        return json::guess(start);
    }
    sign(head).or_else(|| majority(head))
}

/// The lines of `head`, trimmed. The last one, which may be cut, is left out of a long head.
fn lines(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    let whole = if head.len() < HEAD_BYTES {
        head.len()
    } else {
        memchr::memrchr(b'\n', head).unwrap_or(head.len())
    };
    head.get(..whole)
        .unwrap_or(head)
        .split(|&byte| byte == b'\n')
        .map(<[u8]>::trim_ascii)
}

/// Whether a line is blank or a comment of any format.
fn is_comment(line: &[u8]) -> bool {
    matches!(line, [] | [b'#' | b';' | b'!', ..] | [b'/', b'/', ..])
}

/// The format that a single line gives away, the first that does: a directive, a header, a comment
/// that says what the columns are.
fn sign(head: &[u8]) -> Option<FeedFormat> {
    let mut rows = lines(head).filter(|line| !is_comment(line));
    let first = rows.next().unwrap_or_default();
    let in_columns = first.contains(&b',');
    if let Some(format) = lines(head).find_map(|line| sign_of(line, in_columns)) {
        return Some(format);
    }
    header(first).or_else(|| is_value_name(first).then_some(FeedFormat::Csv))
}

/// What a line gives away. The names of columns in a comment count if the rows have several.
fn sign_of(line: &[u8], in_columns: bool) -> Option<FeedFormat> {
    if line.starts_with(b"#fields\t") {
        return holds(line, b"\tindicator").then_some(FeedFormat::ZeekIntel);
    }
    if let Some(comment) = line.strip_prefix(b"#") {
        if holds(&comment.to_ascii_lowercase(), b"maltrail developers") {
            return Some(FeedFormat::Maltrail);
        }
        return in_columns.then(|| header(comment)).flatten();
    }
    if line.starts_with(b"$TTL") || line.starts_with(b"$ORIGIN") {
        return Some(FeedFormat::Rpz);
    }
    if line.starts_with(b"[Adblock") {
        return Some(FeedFormat::Adblock);
    }
    is_authority(line).then_some(FeedFormat::Rpz)
}

/// Whether a line is the start of an SOA record.
fn is_authority(line: &[u8]) -> bool {
    let mut words = words(line).map(<[u8]>::to_ascii_uppercase);
    let before = words.position(|word| word == b"SOA");
    before.is_some_and(|before| before <= 3) && words.next().is_some()
}

/// The format of a file whose columns have these names.
fn header(line: &[u8]) -> Option<FeedFormat> {
    let cells: Vec<String> = line
        .split(|&byte| byte == b',')
        .map(|cell| String::from_utf8_lossy(cell).to_ascii_lowercase())
        .map(|cell| value::strip(&cell).to_owned())
        .collect();
    let has = |name: &str| cells.iter().any(|cell| cell == name);
    if cells.len() < 2 {
        None
    } else if has("ioc_value") && has("ioc_type") {
        Some(FeedFormat::ThreatfoxCsv)
    } else if has("dateadded") && has("url") {
        Some(FeedFormat::UrlhausCsv)
    } else if has("dst_ip") && has("dst_port") {
        Some(FeedFormat::FeodoCsv)
    } else {
        VALUE_NAMES
            .iter()
            .any(|name| has(name))
            .then_some(FeedFormat::Csv)
    }
}

/// Whether a line is the name of a column of values, and nothing else.
fn is_value_name(line: &[u8]) -> bool {
    VALUE_NAMES
        .iter()
        .any(|name| line.eq_ignore_ascii_case(name.as_bytes()))
}

/// The format that more than half of the first rows have.
fn majority(head: &[u8]) -> Option<FeedFormat> {
    let mut counts: Vec<(FeedFormat, usize)> = Vec::new();
    let mut n_rows = 0;
    for line in lines(head).filter(|line| !is_comment(line)).take(ROWS_MAX) {
        n_rows += 1;
        let Some(format) = row(line) else {
            continue;
        };
        match counts.iter_mut().find(|(known, _)| *known == format) {
            Some((_, count)) => *count += 1,
            None => counts.push((format, 1)),
        }
    }
    let (format, count) = counts.into_iter().max_by_key(|(_, count)| *count)?;
    (count > n_rows / 2).then_some(format)
}

/// The format that one row has, if it is like one.
fn row(line: &[u8]) -> Option<FeedFormat> {
    let text = std::str::from_utf8(line).ok()?;
    let starts = |starts: &[&str]| starts.iter().any(|start| text.starts_with(start));
    if starts(&["address=/", "server=/", "local=/"]) {
        Some(FeedFormat::Dnsmasq)
    } else if starts(&["||", "@@|", "|"]) {
        Some(FeedFormat::Adblock)
    } else if is_policy(line) {
        Some(FeedFormat::Rpz)
    } else if is_host(text) {
        Some(FeedFormat::Hosts)
    } else if is_drop(text) {
        Some(FeedFormat::SpamhausDrop)
    } else if is_packed(text) {
        Some(FeedFormat::SuricataDataset)
    } else {
        let text = std::str::from_utf8(plain::without_comment(line)).ok()?;
        is_value(text).then_some(FeedFormat::Plain)
    }
}

/// Whether a row is a record with the action of a policy.
fn is_policy(line: &[u8]) -> bool {
    let mut words = words(line);
    let alias = words.by_ref().take(4).skip(1);
    let found = { alias }.any(|word| word.eq_ignore_ascii_case(b"CNAME"));
    let target = words.next().unwrap_or_default().to_ascii_lowercase();
    found && (matches!(target.as_slice(), b"." | b"*.") || target.starts_with(b"rpz-"))
}

/// Whether a row sends a name to an address that leads nowhere.
fn is_host(text: &str) -> bool {
    let mut words = text.split_ascii_whitespace();
    let address = words.next().and_then(hosts::parse_target);
    let name = words.next().unwrap_or("#");
    address.is_some_and(hosts::is_sink) && !name.starts_with(['#', ';'])
}

/// Whether a row is a prefix with the number of its listing.
fn is_drop(text: &str) -> bool {
    text.split_once(';').is_some_and(|(listed, number)| {
        number.trim_start().starts_with("SBL") && is_value(listed.trim())
    })
}

/// Whether a row is a name or an address in base64.
fn is_packed(text: &str) -> bool {
    let Ok(inner) = STANDARD.decode(text) else {
        return false;
    };
    let inner = std::str::from_utf8(&inner).unwrap_or_default();
    inner.contains(['.', ':']) && is_value(inner)
}

/// Whether `text` is a value that can be listed, and more than a word.
fn is_value(text: &str) -> bool {
    let refanged = refang(value::strip(text));
    let stripped = value::strip(&refanged);
    let told = stripped.contains(['.', ':', '*']);
    told && value::detect(stripped, Scope::Subtree, &mut value::scratch()).is_ok()
}

/// The words of a line.
fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
}

/// Whether `line` holds `part`.
fn holds(line: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(line, part).is_some()
}
