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
    format!(
        "{:<14} {:>10} {:>8} {:>9} {:>7} {:>8} {:>9} {:>9}",
        row.bench, "size", "hits %", "ns", "±%", "× gannet", "build s", "B/entry"
    )
}

/// One engine.
fn line(row: &ResultRow) -> String {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let fixed =
        |value: Option<f64>, digits: usize| or_dash(value.map(|value| format!("{value:.digits$}")));
    let what = row.size.map(thousands).or_else(|| row.format.clone());
    let hits = row.miss_share.map(|misses| (1.0 - misses) * 100.0);
    format!(
        "{:<14} {:>10} {:>8} {:>9} {:>7} {:>8} {:>9} {:>9}\n",
        row.engine,
        or_dash(what),
        fixed(hits, 2),
        fixed(row.ns_per_op, 1),
        fixed(row.spread.map(|spread| spread * 50.0), 0),
        fixed(row.times_gannet, 2),
        fixed(row.build_seconds, 3),
        fixed(row.bytes_per_indicator, 1),
    )
}
