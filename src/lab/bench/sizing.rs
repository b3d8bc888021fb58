//! From measured rates to machines: how many cores, how much memory and how many partitions a
//! rate of events takes. Pure arithmetic over the rows of `bench pipeline`, with every
//! assumption in [`SizingOptions`].

use super::result::ResultRow;

/// What is assumed beside the measured figures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SizingOptions {
    /// Capacity over mean rate: room for the peak of the day, and to catch up after a pause.
    pub headroom: f64,
    /// Processor time to read a record from Kafka, in nanoseconds, which the pipeline from
    /// memory does not have.
    pub reading_ns_per_record: f64,
    /// What one partition carries with ease, in bytes a second.
    pub partition_bytes_per_second: f64,
    /// Memory of a process before any feed.
    pub base_bytes: u64,
    /// Memory of a worker: the batches it reads ahead.
    pub worker_bytes: u64,
}

impl Default for SizingOptions {
    fn default() -> Self {
        Self {
            headroom: 2.0,
            reading_ns_per_record: 930.0,
            partition_bytes_per_second: 10e6,
            base_bytes: 64 << 20,
            worker_bytes: 64 << 20,
        }
    }
}

/// What a rate of one format takes.
#[derive(Clone, Debug, PartialEq)]
pub struct SizingRow {
    /// The format.
    pub format: String,
    /// The mean rate.
    pub events_per_second: u64,
    /// Cores, headroom included.
    pub cores: u64,
    /// Memory, in bytes: two snapshots, since the old one stays until the new one is in use.
    pub memory_bytes: u64,
    /// Partitions: the same number for every core, and enough for the bytes.
    pub partitions: u64,
}

/// A row for each format in `results` and each of `rates`, in their orders. What has no
/// figure for one thread is passed over.
pub fn sizing(results: &[ResultRow], rates: &[u64], options: &SizingOptions) -> Vec<SizingRow> {
    let one_thread = |row: &&ResultRow| row.bench == "pipeline" && row.threads == Some(1);
    let measured = results.iter().filter(one_thread);
    let figures = measured.filter_map(|row| figures(row, results, options));
    figures
        .flat_map(|figures| {
            let rates = rates.iter();
            rates.map(move |&rate| figures.row(rate, options))
        })
        .collect()
}

/// What of a format matters here.
#[derive(Clone, Copy)]
struct Figures<'r> {
    format: &'r str,
    /// Processor time of an event from Kafka to hit, on one of many cores, in nanoseconds.
    busy_ns_per_event: f64,
    bytes_per_event: f64,
    snapshot_bytes: f64,
}

/// The figures behind the row of one thread.
fn figures<'r>(
    row: &'r ResultRow,
    results: &[ResultRow],
    options: &SizingOptions,
) -> Option<Figures<'r>> {
    let format = row.format.as_deref()?;
    let ns = row.cpu_ns_per_event.or(row.ns_per_op)?;
    let reading = options.reading_ns_per_record / row.events_per_record.unwrap_or(1.0).max(1.0);
    let per_second = row.events_per_second.filter(|rate| *rate > 0.0)?;
    let snapshot = row.size.unwrap_or(0) as f64 * row.bytes_per_indicator.unwrap_or(0.0);
    Some(Figures {
        format,
        busy_ns_per_event: (ns + reading) / efficiency(row, results),
        bytes_per_event: row.bytes_per_second.unwrap_or(0.0) / per_second,
        snapshot_bytes: snapshot,
    })
}

/// How much of a core's rate is left to each of several, 0.1 to 1: as the row of most threads
/// for the same records has it, else 1.
fn efficiency(one: &ResultRow, results: &[ResultRow]) -> f64 {
    let same = |row: &&ResultRow| {
        (&row.bench, &row.format, &row.input) == (&one.bench, &one.format, &one.input)
            && row.times_one_thread.is_some()
    };
    let most = results.iter().filter(same).max_by_key(|row| row.threads);
    most.and_then(|row| Some(row.times_one_thread? / row.threads? as f64))
        .map_or(1.0, |share| share.clamp(0.1, 1.0))
}

impl Figures<'_> {
    /// What `rate` events a second take.
    fn row(&self, rate: u64, options: &SizingOptions) -> SizingRow {
        let wanted = rate as f64 * options.headroom;
        let cores = at_least_one(wanted * self.busy_ns_per_event / 1e9);
        let bytes = wanted * self.bytes_per_event;
        let for_bytes = at_least_one(bytes / options.partition_bytes_per_second);
        SizingRow {
            format: self.format.to_owned(),
            events_per_second: rate,
            cores,
            memory_bytes: options
                .base_bytes
                .saturating_add(at_least_one(2.0 * self.snapshot_bytes))
                .saturating_add(cores.saturating_mul(options.worker_bytes)),
            partitions: for_bytes.div_ceil(cores).saturating_mul(cores),
        }
    }
}

/// The next whole number, at least 1.
fn at_least_one(number: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole, at least 1, and a float saturates"
    )]
    let whole = number.ceil().max(1.0) as u64;
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A row of the pipeline: 400 ns and 450 bytes an event, 100,000 indicators of 100 bytes.
    fn row(threads: u64, times_one_thread: f64) -> ResultRow {
        ResultRow {
            bench: "pipeline".to_owned(),
            engine: "gannet".to_owned(),
            format: Some("zeek-json".to_owned()),
            threads: Some(threads),
            times_one_thread: Some(times_one_thread),
            cpu_ns_per_event: Some(400.0),
            events_per_second: Some(2.5e6),
            bytes_per_second: Some(2.5e6 * 450.0),
            size: Some(100_000),
            bytes_per_indicator: Some(100.0),
            ..ResultRow::default()
        }
    }

    /// Assumptions that are easy to reckon with.
    const OPTIONS: SizingOptions = SizingOptions {
        headroom: 2.0,
        reading_ns_per_record: 600.0,
        partition_bytes_per_second: 10e6,
        base_bytes: 1_000,
        worker_bytes: 10,
    };

    #[track_caller]
    fn check(results: &[ResultRow], rate: u64, cores: u64, memory: u64, partitions: u64) {
        let expected = SizingRow {
            format: "zeek-json".to_owned(),
            events_per_second: rate,
            cores,
            memory_bytes: memory,
            partitions,
        };
        assert_eq!(sizing(results, &[rate], &OPTIONS), [expected]);
    }

    #[test]
    fn cores_carry_reading_and_judging_with_headroom() {
        // 2 x 1 us: half a million events a second a core.
        check(&[row(1, 1.0)], 500_000, 1, 20_001_010, 45);
        check(&[row(1, 1.0)], 500_001, 2, 20_001_020, 46);
        check(&[row(1, 1.0)], 0, 1, 20_001_010, 1);
        check(&[row(1, 1.0)], 10_000_000, 20, 20_001_200, 900);
    }

    #[test]
    fn what_two_threads_lose_is_lost_by_all() {
        check(&[row(1, 1.0), row(2, 1.6)], 4_000_000, 10, 20_001_100, 360);
        check(&[row(1, 1.0), row(2, 2.2)], 4_000_000, 8, 20_001_080, 360);
    }

    #[test]
    fn reading_is_shared_by_the_events_of_a_record() {
        let mut row = row(1, 1.0);
        row.events_per_record = Some(100.0);
        check(&[row], 1_000_000, 1, 20_001_010, 90);
    }

    #[test]
    fn rows_of_other_benches_and_rows_without_figures_are_passed_over() {
        let decode = ResultRow {
            bench: "decode".to_owned(),
            ..row(1, 1.0)
        };
        let empty = ResultRow {
            cpu_ns_per_event: None,
            ..row(1, 1.0)
        };
        let two = row(2, 2.0);
        assert_eq!(sizing(&[decode, empty, two], &[1], &OPTIONS), []);
        assert_eq!(sizing(&[row(1, 1.0)], &[1, 2], &OPTIONS).len(), 2);
    }
}
