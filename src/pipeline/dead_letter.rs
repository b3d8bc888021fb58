//! Dead letters as messages: the original record with `gannet.dlq.*` headers. Whatever a record
//! holds, its dead letter fits into a message, so that it never stands in the way of others.

use super::process::DeadLetter;
use super::worker::WorkerOptions;
use crate::model::Named;
use crate::sink::Outgoing;
use crate::source::{BatchId, Stream};

/// What our headers of dead letters begin with.
const PREFIX: &str = "gannet.dlq.";

/// Most headers that a dead letter keeps of its record.
const HEADERS_MAX: usize = 64;

/// Most bytes of headers that a dead letter keeps of its record.
const HEADER_BYTES_MAX: usize = 64 << 10;

/// Most bytes of its key.
const KEY_BYTES_MAX: usize = 64 << 10;

/// The message for `dead`. A value or key that is too long is cut, and headers that are too
/// many or too long are left out; then a header says how many there were. Headers of an earlier
/// dead letter are not repeated, and nothing that a producer wrote into headers is acted on.
pub(super) fn dead_message(
    dead: &DeadLetter<'_>,
    streams: &[Stream],
    options: &WorkerOptions,
    batch: BatchId,
) -> Outgoing {
    let record = dead.record;
    let (mut headers, left_out) = original_headers(dead);
    let mut add = |name: &str, value: String| {
        headers.push((format!("{PREFIX}{name}"), value.into_bytes()));
    };
    add("version", "1".to_owned());
    add("reason", dead.reject.reason().to_owned());
    add("detail", dead.reject.to_string());
    if let Some(stream) = streams.get(usize::from(record.stream.0)) {
        add("source", stream.source.clone());
        add("format", stream.format.as_str().to_owned());
        add("topic", stream.topic.clone());
    }
    add("partition", record.partition.to_string());
    add("offset", record.offset.to_string());
    if let Some(timestamp) = record.timestamp_ms {
        add("timestamp", timestamp.to_string());
    }
    add("index", dead.index.to_string());
    add("rejected", dead.rejected.to_string());
    let mut cut = |name: &str, bytes: &[u8], len_max: usize| {
        if bytes.len() > len_max {
            add(name, bytes.len().to_string());
        }
        bytes.get(..len_max).unwrap_or(bytes).to_vec()
    };
    let value = record.value.unwrap_or_default();
    let value = cut("truncated", value, options.dead.value_bytes_max);
    let key = record
        .key
        .map(|key| cut("truncated-key", key, KEY_BYTES_MAX));
    if left_out > 0 {
        add("truncated-headers", left_out.to_string());
    }
    Outgoing {
        topic: options.dead.topic.clone(),
        key,
        value,
        headers,
        token: batch.token(),
    }
}

/// The headers of the record that are kept, and how many are not.
fn original_headers(dead: &DeadLetter<'_>) -> (Vec<(String, Vec<u8>)>, usize) {
    let (mut kept, mut left_out, mut bytes) = (Vec::new(), 0, 0);
    for (name, value) in dead.record.headers.iter() {
        if name.starts_with(PREFIX) {
            continue;
        }
        let value = value.unwrap_or_default();
        let len = name.len() + value.len();
        if kept.len() < HEADERS_MAX && len <= HEADER_BYTES_MAX - bytes {
            bytes += len;
            kept.push((name.to_owned(), value.to_vec()));
        } else {
            left_out += 1;
        }
    }
    (kept, left_out)
}
