//! Results as a table for people.

use crate::cli::terminal::thousands;
use crate::lab::bench::{BenchReport, ResultRow};

/// A table for each bench, with the machine above them.
pub(super) fn as_text(report: &BenchReport) -> String {
    let machine = &report.machine;
    let mut text = format!("{}, {} cores\n", machine.cpu, machine.cores);
    let mut bench = None;
    for row in &report.results {
        if bench.replace(row.bench.as_str()) != Some(row.bench.as_str()) {
            text.push_str(&format!("\n{}\n", heading(row)));
        }
        text.push_str(&line(row));
    }
    text
}

/// The columns of a bench.
fn heading(row: &ResultRow) -> String {
    match row.bench.as_str() {
        "decode" | "pipeline" => records_heading(row),
        "kafka" => kafka_heading(),
        "kafka-latency" => latency_heading(),
        "kafka-swap" => swap_heading(),
        _ => table_heading(row),
    }
}

/// One engine.
fn line(row: &ResultRow) -> String {
    match row.bench.as_str() {
        "decode" | "pipeline" => records_line(row),
        "kafka" => kafka_line(row),
        "kafka-latency" => latency_line(row),
        "kafka-swap" => swap_line(row),
        _ => table_line(row),
    }
}

/// The columns of a bench over records.
fn records_heading(row: &ResultRow) -> String {
    let last = if row.bench == "decode" {
        "× keys"
    } else {
        "× 1 thread"
    };
    format!(
        "{:<20} {:<20} {:>8} {:>9} {:>9} {:>9} {:>7} {:>10}",
        row.bench, "engine", "M/s", "MB/s", "ns", "cpu ns", "±%", last
    )
}

/// One engine over the records of one format.
fn records_line(row: &ResultRow) -> String {
    let engine = match (&row.face, row.threads) {
        (Some(face), _) => format!("{} {face}", row.engine),
        (None, Some(threads)) => format!("{} on {threads}", row.engine),
        (None, None) => row.engine.clone(),
    };
    let millions = |rate: Option<f64>| rate.map(|rate| rate / 1e6);
    format!(
        "{:<20} {engine:<20} {:>8} {:>9} {:>9} {:>9} {:>7} {:>10}\n",
        row.format.as_deref().unwrap_or("-"),
        fixed(millions(row.events_per_second), 2),
        fixed(millions(row.bytes_per_second), 0),
        fixed(row.ns_per_op, 1),
        fixed(row.cpu_ns_per_op, 1),
        fixed(row.spread.map(|spread| spread * 50.0), 0),
        fixed(row.times_gannet.or(row.times_one_thread), 2),
    )
}

/// The columns of a bench through Kafka.
fn kafka_heading() -> String {
    format!(
        "{:<20} {:<6} {:<14} {:>10} {:>10} {:>8} {:>11} {:>7} {:>8} {:>9}",
        "kafka",
        "codec",
        "engine",
        "M rec/s",
        "M events/s",
        "MB/s",
        "cpu ns/rec",
        "±%",
        "gannet ×",
        "cpu ×"
    )
}

/// One reader of a topic.
fn kafka_line(row: &ResultRow) -> String {
    let millions = |rate: Option<f64>| rate.map(|rate| rate / 1e6);
    format!(
        "{:<20} {:<6} {:<14} {:>10} {:>10} {:>8} {:>11} {:>7} {:>8} {:>9}\n",
        row.format.as_deref().unwrap_or("-"),
        row.codec.as_deref().unwrap_or("-"),
        row.engine,
        fixed(millions(row.records_per_second), 2),
        fixed(millions(row.events_per_second), 2),
        fixed(millions(row.bytes_per_second), 0),
        fixed(row.cpu_ns_per_record, 0),
        fixed(row.spread.map(|spread| spread * 50.0), 0),
        fixed(row.times_gannet, 2),
        fixed(row.cpu_times_gannet.map(|times| 1.0 / times.max(1e-9)), 2),
    )
}

/// The columns of the time from append to hit.
fn latency_heading() -> String {
    format!(
        "{:<20} {:<6} {:>12} {:>10} {:>8} {:>8} {:>8}",
        "append to hit", "codec", "records/s", "hits", "p50 ms", "p99 ms", "p99.9 ms"
    )
}

/// The time from append to hit at a rate.
fn latency_line(row: &ResultRow) -> String {
    format!(
        "{:<20} {:<6} {:>12} {:>10} {:>8} {:>8} {:>8}\n",
        row.format.as_deref().unwrap_or("-"),
        row.codec.as_deref().unwrap_or("-"),
        fixed(row.records_per_second, 0),
        row.ops.map_or_else(|| "-".to_owned(), thousands),
        fixed(row.latency_ms_p50, 1),
        fixed(row.latency_ms_p99, 1),
        fixed(row.latency_ms_p999, 1),
    )
}

/// The columns of a change of the snapshot.
fn swap_heading() -> String {
    format!(
        "{:<20} {:<6} {:>12} {:>10} {:>10} {:>10} {:>12}",
        "change of snapshot", "codec", "names", "build s", "records/s", "rate kept", "max pause ms"
    )
}

/// A change of the snapshot under full load.
fn swap_line(row: &ResultRow) -> String {
    format!(
        "{:<20} {:<6} {:>12} {:>10} {:>10} {:>10} {:>12}\n",
        row.format.as_deref().unwrap_or("-"),
        row.codec.as_deref().unwrap_or("-"),
        row.size.map_or_else(|| "-".to_owned(), thousands),
        fixed(row.build_seconds, 2),
        fixed(row.records_per_second, 0),
        fixed(row.rate_kept, 2),
        fixed(row.pause_ms_max, 1),
    )
}

/// A number with some digits, or a dash.
fn fixed(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
}

/// The columns of a bench of tables.
fn table_heading(row: &ResultRow) -> String {
    format!(
        "{:<14} {:>10} {:>8} {:>9} {:>7} {:>8} {:>9} {:>8} {:>9} {:>9}",
        row.bench,
        "size",
        "hits %",
        "ns",
        "±%",
        "× gannet",
        "cpu ns",
        "× cpu",
        "build s",
        "B/entry"
    )
}

/// One table.
fn table_line(row: &ResultRow) -> String {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let what = row.size.map(thousands).or_else(|| row.format.clone());
    let hits = row.miss_share.map(|misses| (1.0 - misses) * 100.0);
    format!(
        "{:<14} {:>10} {:>8} {:>9} {:>7} {:>8} {:>9} {:>8} {:>9} {:>9}\n",
        row.engine,
        or_dash(what),
        fixed(hits, 2),
        fixed(row.ns_per_op, 1),
        fixed(row.spread.map(|spread| spread * 50.0), 0),
        fixed(row.times_gannet, 2),
        fixed(row.cpu_ns_per_op, 1),
        fixed(row.cpu_times_gannet, 2),
        fixed(row.build_seconds, 3),
        fixed(row.bytes_per_indicator, 1),
    )
}
