//! What feeds list no longer, on disk beside their last good copies, so that a restart does not
//! forget it: one `gannet.indicator.v1` a line, which ends when it was removed.

use std::io;
use std::path::Path;

use serde_json::{Value, json};

use crate::config::CsvColumns;
use crate::feeds::{ParseOptions, gannet_json, rows::Rows};
use crate::model::{EventTime, FeedFormat, Named, Role};
use crate::snapshot::{FeedId, Removed, SnapshotBuilder};

/// Adds rows that a feed lists no longer to a builder.
pub fn add(builder: &mut SnapshotBuilder, feed: FeedId, removed: &[Removed]) {
    for row in removed {
        add_line(builder, feed, &line(row).to_string());
    }
}

/// Adds what stands in the file at `path` to a builder; nothing if there is none.
///
/// # Errors
/// When it cannot be read.
pub(super) fn add_file(builder: &mut SnapshotBuilder, feed: FeedId, path: &Path) -> io::Result<()> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for line in text.lines() {
        add_line(builder, feed, line);
    }
    Ok(())
}

/// The rows as the file has them.
pub fn text(removed: &[Removed]) -> String {
    let lines = removed.iter().map(|row| format!("{}\n", line(row)));
    lines.collect()
}

/// A row as a line.
fn line(row: &Removed) -> Value {
    let time = |time: Option<EventTime>| time.map(|time| time.to_string());
    let indicator = &row.indicator;
    json!({
        "schema": "gannet.indicator.v1",
        "value": row.value,
        "scope": row.scope,
        "id": indicator.id,
        "written": indicator.written,
        "role": indicator.role.as_str(),
        "malware": indicator.malware.as_deref(),
        "confidence": indicator.confidence,
        "valid_from": time(indicator.valid_from),
        "valid_until": time(indicator.valid_until),
        "state": indicator.state.as_str(),
        "reference": indicator.reference,
        "tags": indicator.tags.iter().map(|tag| &**tag).collect::<Vec<_>>(),
    })
}

/// Adds a line; one that cannot be read adds nothing.
fn add_line(builder: &mut SnapshotBuilder, feed: FeedId, line: &str) {
    let columns = CsvColumns::default();
    let options = ParseOptions {
        format: FeedFormat::GannetJson,
        role: Role::Suspicious,
        confidence: 0,
        malware: None,
        names: None,
        valid_for: None,
        columns: &columns,
        bytes_max: u64::MAX,
        row_by_row: true,
    };
    let mut take = |indicator: &crate::model::Indicator<'_>| {
        builder.add_removed(feed, indicator);
        Ok(())
    };
    // Its own lines are as it wrote them; what somebody else wrote counts for nothing.
    let _ = gannet_json::parse_line(line.as_bytes(), &options, &mut Rows::new(&mut take));
}
