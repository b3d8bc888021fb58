//! Tells formats that are JSON from each other by the keys that only one of them has. A document
//! may be cut anywhere, so keys are looked for, not parsed.

use super::holds;
use crate::model::FeedFormat;

/// Whether text that starts so is JSON.
pub(super) fn is_document(start: &[u8]) -> bool {
    let Some((first, rest)) = start.split_first() else {
        return false;
    };
    let next = rest.trim_ascii_start().first();
    match first {
        b'{' => matches!(next, Some(b'"' | b'}')),
        b'[' => matches!(next, Some(b'{' | b'"')),
        _ => false,
    }
}

/// The format of JSON that starts so.
pub(super) fn guess(head: &[u8]) -> Option<FeedFormat> {
    let line = memchr::memchr(b'\n', head).and_then(|end| head.get(..end));
    let line = line.unwrap_or(head);
    let key = |name: &[u8]| has_key(head, name);
    if holds(line, b"\"gannet.indicator.v1\"") {
        Some(FeedFormat::GannetJson)
    } else if key(b"spec_version") || has_pair(head, b"type", b"bundle") {
        Some(FeedFormat::Stix2)
    } else if key(b"Event") || key(b"Orgc") || (key(b"Attribute") && key(b"to_ids")) {
        Some(FeedFormat::Misp)
    } else if key(b"query_status") || key(b"ioc_value") {
        Some(FeedFormat::ThreatfoxJson)
    } else if has_key(line, b"cidr") {
        Some(FeedFormat::SpamhausDrop)
    } else {
        // Rows of our own need not name their schema, but each is a whole line.
        let own = has_key(line, b"value") && line.trim_ascii_end().ends_with(b"}");
        own.then_some(FeedFormat::GannetJson)
    }
}

/// Whether `text` has a key of this name.
fn has_key(text: &[u8], name: &[u8]) -> bool {
    values(text, name).next().is_some()
}

/// Whether `text` has a key of this name with this string.
fn has_pair(text: &[u8], name: &[u8], wanted: &[u8]) -> bool {
    let quoted = [b"\"", wanted, b"\""].concat();
    values(text, name).any(|value| value.starts_with(&quoted))
}

/// What follows each key of this name in `text`.
fn values<'t>(text: &'t [u8], name: &[u8]) -> impl Iterator<Item = &'t [u8]> {
    let quoted = [b"\"", name, b"\""].concat();
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            let at = memchr::memmem::find(rest, &quoted)?;
            rest = rest.get(at + quoted.len()..)?;
            if let Some(value) = rest.trim_ascii_start().strip_prefix(b":") {
                return Some(value.trim_ascii_start());
            }
        }
    })
}
