//! The rows of feeds, read by the plainest code that can read them.

use serde_json::Value;

use super::super::FeedFile;
use crate::model::{EventTime, FeedFormat, Role};

/// One row of a feed.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) value: String,
    pub(super) scope: String,
    pub(super) malware: Option<String>,
    pub(super) confidence: u64,
    pub(super) from: Option<EventTime>,
    pub(super) until: Option<EventTime>,
    pub(super) revoked: bool,
    pub(super) role: Role,
}

/// A time of a feed: RFC 3339 or the table's way.
fn time(text: &str) -> Option<EventTime> {
    (!text.is_empty()).then(|| {
        let text = text.trim_end_matches('Z').replace(' ', "T");
        EventTime::parse_rfc3339(&format!("{text}Z")).unwrap()
    })
}

/// The rows of a feed.
pub(super) fn rows(feed: &FeedFile) -> Vec<Row> {
    let text = std::str::from_utf8(&feed.text).unwrap();
    let plain = |value: &str, scope: &str| Row {
        value: value.replace("[.]", "."),
        scope: scope.to_owned(),
        malware: None,
        confidence: feed.confidence.into(),
        from: None,
        until: None,
        revoked: false,
        role: feed.role,
    };
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    match feed.format {
        FeedFormat::Plain => lines.map(|line| plain(line, "subtree")).collect(),
        FeedFormat::Hosts => lines
            .map(|line| plain(line.strip_prefix("0.0.0.0 ").unwrap(), "exact"))
            .collect(),
        FeedFormat::Csv => lines
            .skip(1)
            .map(|line| {
                let cells: Vec<&str> = line.splitn(9, ',').collect();
                Row {
                    malware: (!cells[2].is_empty()).then(|| cells[2].to_owned()),
                    confidence: cells[4].parse().unwrap(),
                    from: time(cells[5]),
                    until: time(cells[6]),
                    ..plain(cells[0], "subtree")
                }
            })
            .collect(),
        FeedFormat::GannetJson => lines
            .map(|line| {
                let row: Value = serde_json::from_str(line).unwrap();
                let text = |key: &str| row[key].as_str().map(str::to_owned);
                Row {
                    value: text("value").unwrap(),
                    scope: text("scope").unwrap_or_default(),
                    malware: text("malware"),
                    confidence: row["confidence"].as_u64().unwrap(),
                    from: time(&text("valid_from").unwrap_or_default()),
                    until: time(&text("valid_until").unwrap_or_default()),
                    revoked: row["state"] == "revoked",
                    role: feed.role,
                }
            })
            .collect(),
        _ => panic!("not among the formats of an operation"),
    }
}
