//! Results as others read them: `gannet.bench.v1`. Fields are only ever added.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::harness::Measured;
use super::machine::MachineFacts;

/// The name of the schema.
pub const SCHEMA: &str = "gannet.bench.v1";

/// All that came of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BenchReport {
    /// [`SCHEMA`].
    pub schema: String,
    /// Where it ran.
    pub machine: MachineFacts,
    /// The command that made it, as it was written.
    #[serde(default)]
    pub command: String,
    /// Our version.
    #[serde(default)]
    pub version: String,
    /// How long all of it took, in seconds.
    #[serde(default)]
    pub seconds: f64,
    /// The largest resident set of the process, in bytes: of all engines together, and of the
    /// questions. What a table takes is in its row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_rss_bytes: Option<u64>,
    /// A row for each engine, size and hit share.
    pub results: Vec<ResultRow>,
}

/// What came of one engine over one workload. What does not apply is absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ResultRow {
    /// What was measured: `domains`, `prefixes`, `decode`, `pipeline`, `kafka`.
    pub bench: String,
    /// Indicators in the table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// The format of records.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// Who did it.
    pub engine: String,
    /// The share of questions that nothing listed covers, 0 to 1, as counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub miss_share: Option<f64>,
    /// Threads that did the work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threads: Option<u64>,
    /// How records are compressed on their way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codec: Option<String>,
    /// Events in one record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events_per_record: Option<f64>,
    /// Nanoseconds of an operation, median over turns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ns_per_op: Option<f64>,
    /// Nanoseconds of processor time of an operation, median over turns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_ns_per_op: Option<f64>,
    /// Slowest less fastest turn, divided by the median.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spread: Option<f64>,
    /// How many times as long as `gannet` it takes, turn by turn; absent if `gannet` took no part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times_gannet: Option<f64>,
    /// The same of processor time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_times_gannet: Option<f64>,
    /// Instructions of an operation, where the machine tells them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instructions_per_op: Option<f64>,
    /// Operations in a turn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ops: Option<u64>,
    /// Turns that were measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub turns: Option<u64>,
    /// Different questions in the workload.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub questions: Option<u64>,
    /// From a prepared list to a finished table, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build_seconds: Option<f64>,
    /// Memory of the table for each indicator, as the table tells it, or as its parts are known to
    /// take where it tells nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_per_indicator: Option<f64>,
    /// Events a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events_per_second: Option<f64>,
    /// Records a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub records_per_second: Option<f64>,
    /// Bytes a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_per_second: Option<f64>,
    /// Nanoseconds of processor time of a record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_ns_per_record: Option<f64>,
    /// Nanoseconds of processor time of an event, all threads together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_ns_per_event: Option<f64>,
    /// From when a record was due to its visible hit, in milliseconds: half of all hits were there so
    /// soon.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_ms_p50: Option<f64>,
    /// The same, 99 of 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_ms_p99: Option<f64>,
    /// The same, 999 of 1000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_ms_p999: Option<f64>,
    /// Records a second while a snapshot is built, divided by those before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_kept: Option<f64>,
    /// The longest time between two batches of a worker from when a snapshot is published, in
    /// milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause_ms_max: Option<f64>,
    /// Which face of a decoder: `keys` (all that matching needs) or `event` (everything).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub face: Option<String>,
    /// How many times as long as the `event` face of `gannet` it takes, by medians.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times_gannet_event: Option<f64>,
    /// How many times as many events a second as one thread, turn by turn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times_one_thread: Option<f64>,
    /// Bytes of the records that are walked over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub working_set_bytes: Option<u64>,
    /// The file that the records come from; absent for made ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
}

/// A file that holds no results.
#[derive(Debug, thiserror::Error)]
pub enum BenchResultError {
    /// Not JSON, or not of this shape.
    #[error("not a {SCHEMA} object")]
    Shape(#[source] serde_json::Error),
    /// JSON of another schema.
    #[error("its schema is `{0}`, not {SCHEMA}")]
    Schema(String),
}

impl BenchReport {
    /// A report of `results`, made by `command` in the time `took`.
    pub fn new(
        machine: MachineFacts,
        command: String,
        took: Duration,
        results: Vec<ResultRow>,
    ) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            machine,
            command,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            seconds: took.as_secs_f64(),
            peak_rss_bytes: None,
            results,
        }
    }

    /// Reads one from JSON.
    ///
    /// # Errors
    /// [`BenchResultError`] when it is something else.
    pub fn from_json(text: &[u8]) -> Result<Self, BenchResultError> {
        let report: Self = serde_json::from_slice(text).map_err(BenchResultError::Shape)?;
        if report.schema != SCHEMA {
            return Err(BenchResultError::Schema(report.schema));
        }
        Ok(report)
    }
}

impl ResultRow {
    /// A row of `bench` with what the harness measured. `times_gannet` is there if the contender
    /// that all were compared with, the `first`, is `gannet`.
    pub fn of(bench: &str, measured: &Measured, first: &str) -> Self {
        let per_second = 1e9 / measured.ns_per_op.max(1e-6);
        let bytes_per_op = measured.work.bytes as f64 / measured.work.ops.max(1) as f64;
        Self {
            bench: bench.to_owned(),
            engine: measured.engine.clone(),
            ns_per_op: Some(measured.ns_per_op),
            cpu_ns_per_op: Some(measured.cpu_ns_per_op),
            spread: Some(measured.spread),
            times_gannet: (first == "gannet").then_some(measured.times_first),
            cpu_times_gannet: (first == "gannet").then_some(measured.cpu_times_first),
            instructions_per_op: measured.instructions_per_op,
            ops: Some(measured.work.ops),
            turns: Some(measured.turns as u64),
            bytes_per_second: (bytes_per_op > 0.0).then_some(bytes_per_op * per_second),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests;
