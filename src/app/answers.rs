//! What is told about feeds and indicators, on the command line and over HTTP alike.

use serde_json::json;

use crate::config::FeedConfig;
use crate::encode;
use crate::feeds::gate::{Passed, Version};
use crate::feeds::{Found, LoadedFeed, detect, strip};
use crate::model::{NAME_LEN_MAX, Named, Scope};
use crate::snapshot::{Lookup, Protected, Refusal, may_be_listed};

/// One feed of `gannet.feeds.v1`: what it is, which version of it passed, and what that holds. How
/// fresh it is depends on when somebody asks, and is told by [`super::Freshness`].
pub fn feed_json(feed: &FeedConfig, loaded: &LoadedFeed, passed: &Passed) -> serde_json::Value {
    let (state, reason) = match &passed.version {
        Version::Current => ("current", None),
        Version::LastGood { reason, .. } => ("held", Some(reason)),
    };
    let mut told = loaded_json(loaded);
    if let Some(told) = told.as_object_mut() {
        let path = feed.path.display().to_string();
        told.insert("format".to_owned(), json!(feed.format.as_str()));
        told.insert("role".to_owned(), json!(feed.role.as_str()));
        told.insert("path".to_owned(), json!(path));
        told.insert("changed".to_owned(), json!(changed(&feed.path)));
        told.insert("state".to_owned(), json!(state));
        told.insert("reason".to_owned(), json!(reason));
        told.insert("same_as".to_owned(), json!(passed.same_as));
    }
    told
}

/// What a feed holds.
pub fn loaded_json(loaded: &LoadedFeed) -> serde_json::Value {
    let report = &loaded.report;
    json!({
        "name": loaded.name,
        "guessed": report.guessed.map(Named::as_str),
        "rows": report.rows,
        "accepted": report.accepted,
        "ignored": report.ignored,
        "refused": report.refused,
        "warnings": report.warnings,
        "refanged": report.refanged,
        "indicators": report.indicators,
        "duplicates": loaded.duplicates,
        "narrowed": loaded.narrowed,
        "reserved": loaded.reserved,
        "samples": report.samples.iter().map(|row| json!({
            "file": row.file.display().to_string(), "line": row.line,
            "reason": row.reason, "text": row.text
        })).collect::<Vec<_>>(),
    })
}

/// When a file or directory changed last, RFC 3339.
pub fn changed(path: &std::path::Path) -> Option<String> {
    let known = std::fs::metadata(path);
    let at = known.and_then(|known| known.modified()).ok()?;
    let at = jiff::Timestamp::try_from(at).ok()?;
    Some(format!("{at:.0}"))
}

/// Why no feed may list a value; `None` if one may, or if it is nothing that could be listed.
pub fn refused_by_gate(value: &str, protected: &Protected) -> Option<&'static str> {
    let mut scratch = [0; NAME_LEN_MAX];
    let detected = detect(strip(value), Scope::Subtree, &mut scratch).ok()?;
    let Found::One(value) = detected.found else {
        return None;
    };
    let listed = may_be_listed(value, protected);
    listed.err().map(Refusal::reason)
}

/// The `gannet.lookup.v1` object: what a snapshot knows of a value, and the rule of the gate that
/// keeps it out of every feed.
pub fn lookup_json(value: &str, found: &Lookup, gate: Option<&str>) -> serde_json::Value {
    let matches: Vec<serde_json::Value> = found
        .matches
        .iter()
        .map(|found| {
            json!({"kind": found.kind.as_str(), "value": found.value,
                   "valid_at_event": found.valid_at_event})
        })
        .collect();
    let indicators: Vec<serde_json::Value> = found
        .matches
        .iter()
        .flat_map(|found| &found.indicators)
        .filter_map(|indicator| {
            let mut bytes = Vec::new();
            encode::indicator(indicator, &mut bytes);
            serde_json::from_slice(&bytes).ok()
        })
        .collect();
    json!({
        "schema": "gannet.lookup.v1",
        "value": value,
        "listed": found.listed,
        "would_match": found.would_match,
        "why_not": found.why_not,
        "matches": matches,
        "indicators": indicators,
        "gate": gate,
    })
}
