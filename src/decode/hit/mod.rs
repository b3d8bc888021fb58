//! Hits and episodes from their native forms: what the identify stage and the report read.
//! Fields that are not known here are skipped, since fields are only ever added. ECS is for
//! others to read.

use std::net::IpAddr;

use crate::model::{Endpoint, Episode, Hit, MatchKind, Named, OutputFormat, parse_address};

use super::{JSON_DEPTH_MAX, Reject};

mod episode;
mod json;
mod protobuf;

/// Decodes one hit.
///
/// # Errors
/// [`Reject::Empty`], [`Reject::NotJson`], [`Reject::TooDeep`] or [`Reject::NotProtobuf`] when
/// the bytes are not of `format`, [`Reject::BadAddress`] for an end that is no address, and
/// [`Reject::Schema`] for anything else that is missing or unknown, and for ECS.
pub fn hit(format: OutputFormat, bytes: &[u8]) -> Result<Hit, Reject> {
    match format {
        OutputFormat::Json => json::hit(bytes),
        OutputFormat::Protobuf => protobuf::hit(bytes),
        OutputFormat::Ecs => Err(Reject::Schema),
    }
}

/// Decodes one episode; for JSON one line.
///
/// # Errors
/// As [`hit`].
pub fn episode(format: OutputFormat, bytes: &[u8]) -> Result<Episode, Reject> {
    match format {
        OutputFormat::Json => episode::json(bytes),
        OutputFormat::Protobuf => episode::protobuf(bytes),
        OutputFormat::Ecs => Err(Reject::Schema),
    }
}

/// Parses the JSON object that is all of `bytes`.
fn from_json<'b, T: serde::Deserialize<'b>>(bytes: &'b [u8]) -> Result<T, Reject> {
    if bytes.trim_ascii().is_empty() {
        return Err(Reject::Empty);
    }
    if too_deep(bytes) {
        return Err(Reject::TooDeep);
    }
    serde_json::from_slice(bytes).map_err(|error| {
        if error.is_data() {
            Reject::Schema
        } else {
            Reject::NotJson
        }
    })
}

/// Parses the protobuf message that is all of `bytes`.
fn from_protobuf<T: prost::Message + Default>(bytes: &[u8]) -> Result<T, Reject> {
    if bytes.is_empty() {
        return Err(Reject::Empty);
    }
    T::decode(bytes).map_err(|_| Reject::NotProtobuf)
}

/// Whether brackets outside strings nest deeper than [`JSON_DEPTH_MAX`].
fn too_deep(bytes: &[u8]) -> bool {
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for &byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > JSON_DEPTH_MAX {
            return true;
        }
    }
    false
}

/// The closed value that `word` names.
fn named<T: Named>(word: &str) -> Result<T, Reject> {
    T::from_name(word).map_err(|_| Reject::Schema)
}

/// The closed values that `words` name.
fn all_named<T: Named>(words: &[impl AsRef<str>]) -> Result<Vec<T>, Reject> {
    words.iter().map(|word| named(word.as_ref())).collect()
}

/// `text`, with nothing in place of an empty one.
fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

/// An address with its port.
fn endpoint(ip: &str, port: Option<u16>) -> Result<Endpoint, Reject> {
    let ip: IpAddr = parse_address(ip).map_err(|_| Reject::BadAddress)?;
    Ok(Endpoint { ip, port })
}

/// The class that `word` names; when it says none, the one that `kind` and `value` imply.
fn class(word: Option<&str>, kind: MatchKind, value: &str) -> Result<&'static str, Reject> {
    let Some(word) = word else {
        return Ok(implied_class(kind, value));
    };
    CLASSES
        .iter()
        .find(|known| **known == word)
        .copied()
        .ok_or(Reject::Schema)
}

/// What `hit_id` hashes as the kind of an indicator.
const CLASSES: [&str; 4] = ["name", "pattern", "prefix", "endpoint"];

/// The class of a hit that does not say it.
fn implied_class(kind: MatchKind, value: &str) -> &'static str {
    match kind {
        MatchKind::Exact | MatchKind::Parent => "name",
        MatchKind::Pattern => "pattern",
        MatchKind::Address if value.parse::<std::net::SocketAddr>().is_ok() => "endpoint",
        MatchKind::Address | MatchKind::Prefix => "prefix",
    }
}

#[cfg(test)]
mod tests;
