//! Results as tables of texts, for whoever writes them out: each row has all shares of misses of
//! one engine, and columns that nothing fills are left out.

use super::result::{BenchReport, ResultRow};
use crate::encode::report::number;

/// One table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sheet {
    /// What it is about.
    pub(super) title: String,
    /// What a column holds, and whether that is a number.
    pub(super) columns: Vec<(String, bool)>,
    /// As many texts as there are columns.
    pub(super) rows: Vec<Vec<String>>,
}

/// A table for each bench of a report, in its order.
pub(super) fn sheets(report: &BenchReport) -> Vec<Sheet> {
    benches(&report.results)
        .into_iter()
        .map(|(bench, rows)| {
            let columns = if over_tables(&rows) {
                table_columns(&rows)
            } else {
                record_columns()
            };
            sheet(title(bench), &columns, &rows)
        })
        .collect()
}

/// The benches of results, in order of their first row, with their rows.
pub(super) fn benches(results: &[ResultRow]) -> Vec<(&str, Vec<&ResultRow>)> {
    let mut benches: Vec<(&str, Vec<&ResultRow>)> = Vec::new();
    for row in results {
        match benches.iter_mut().find(|(bench, _)| *bench == row.bench) {
            Some((_, rows)) => rows.push(row),
            None => benches.push((&row.bench, vec![row])),
        }
    }
    benches
}

/// Whether a bench asks tables; the others read records.
pub(super) fn over_tables(rows: &[&ResultRow]) -> bool {
    rows.iter()
        .any(|row| row.miss_share.is_some() && row.format.is_none())
}

/// What a bench is called.
pub(super) fn title(bench: &str) -> &str {
    match bench {
        "domains" => "Listed names",
        "prefixes" => "Listed prefixes",
        "decode" => "From records to keys and events",
        "pipeline" => "The data path from memory",
        "kafka" => "From Kafka",
        other => other,
    }
}

/// The shares of misses among `rows`, most misses first.
pub(super) fn miss_shares(rows: &[&ResultRow]) -> Vec<f64> {
    let mut shares: Vec<f64> = rows.iter().filter_map(|row| row.miss_share).collect();
    shares.sort_by(|a, b| b.total_cmp(a));
    shares.dedup();
    shares
}

/// The share of hits that a share of misses leaves, in percent.
pub(super) fn hits_percent(miss_share: f64) -> String {
    let hits = format!("{:.2}", (1.0 - miss_share) * 100.0);
    let short = hits.trim_end_matches('0').trim_end_matches('.');
    format!("{short} %")
}

/// A column: its title, whether it holds numbers, and what a row has in it. A row stands for all
/// that have its engine, size and format.
struct Column {
    title: String,
    numeric: bool,
    text: Box<CellText>,
}

/// What rows have in a column.
type CellText = dyn Fn(&[&ResultRow]) -> Option<String>;

/// A column from the first row of an engine.
fn column(
    title: &str,
    numeric: bool,
    text: impl Fn(&ResultRow) -> Option<String> + 'static,
) -> Column {
    Column {
        title: title.to_owned(),
        numeric,
        text: Box::new(move |rows| rows.iter().find_map(|row| text(row))),
    }
}

/// Columns of tables: one of nanoseconds for each share of misses, ratios for the first.
fn table_columns(rows: &[&ResultRow]) -> Vec<Column> {
    let shares = miss_shares(rows);
    let most = shares.first().copied();
    let mut columns = vec![
        column("indicators", true, |row| row.size.map(number)),
        column("engine", false, |row| Some(row.engine.clone())),
    ];
    for share in shares {
        columns.push(Column {
            title: format!("ns, {} hits", hits_percent(share)),
            numeric: true,
            text: Box::new(move |rows| fixed(at(rows, Some(share))?.ns_per_op, 1)),
        });
    }
    columns.push(Column {
        title: "× gannet".to_owned(),
        numeric: true,
        text: Box::new(move |rows| fixed(at(rows, most)?.times_gannet, 2)),
    });
    columns.push(Column {
        title: "× gannet, CPU".to_owned(),
        numeric: true,
        text: Box::new(move |rows| fixed(at(rows, most)?.cpu_times_gannet, 2)),
    });
    columns.push(column("build, s", true, |row| fixed(row.build_seconds, 3)));
    columns.push(column("bytes an indicator", true, |row| {
        fixed(row.bytes_per_indicator, 1)
    }));
    columns
}

/// Columns of benches over records.
fn record_columns() -> Vec<Column> {
    let millions = |rate: Option<f64>| rate.map(|rate| rate / 1e6);
    vec![
        column("format", false, |row| row.format.clone()),
        column("records of", false, |row| row.input.clone()),
        column("events a record", true, |row| {
            fixed(row.events_per_record, 0)
        }),
        column("engine", false, |row| Some(row.engine.clone())),
        column("face", false, |row| row.face.clone()),
        column("threads", true, |row| row.threads.map(number)),
        column("M events/s", true, move |row| {
            fixed(millions(row.events_per_second), 2)
        }),
        column("M records/s", true, move |row| {
            fixed(millions(row.records_per_second), 2)
        }),
        column("MB/s", true, move |row| {
            fixed(millions(row.bytes_per_second), 0)
        }),
        column("ns", true, |row| fixed(row.ns_per_op, 1)),
        column("CPU ns", true, |row| {
            fixed(row.cpu_ns_per_event.or(row.cpu_ns_per_op), 1)
        }),
        column("CPU ns a record", true, |row| {
            fixed(row.cpu_ns_per_record, 1)
        }),
        column("× gannet", true, |row| fixed(row.times_gannet, 2)),
        column("× one thread", true, |row| fixed(row.times_one_thread, 2)),
    ]
}

/// The row with a share of misses.
fn at<'r>(rows: &[&'r ResultRow], miss_share: Option<f64>) -> Option<&'r ResultRow> {
    rows.iter()
        .find(|row| row.miss_share == miss_share)
        .copied()
}

/// A number with some digits.
fn fixed(value: Option<f64>, digits: usize) -> Option<String> {
    Some(format!("{:.digits$}", value?))
}

/// The table of `rows`, without columns that are empty in all of them.
fn sheet(title: &str, columns: &[Column], rows: &[&ResultRow]) -> Sheet {
    let same = |row: &ResultRow, other: &ResultRow| {
        let of = |row: &ResultRow| {
            let what = (row.size, row.format.clone(), row.input.clone());
            (what, row.engine.clone(), row.face.clone(), row.threads)
        };
        of(row) == of(other)
    };
    let mut groups: Vec<Vec<&ResultRow>> = Vec::new();
    for row in rows {
        let group = groups
            .iter_mut()
            .find(|group| group.first().is_some_and(|first| same(first, row)));
        match group {
            Some(group) => group.push(row),
            None => groups.push(vec![row]),
        }
    }
    let filled: Vec<&Column> = columns
        .iter()
        .filter(|column| groups.iter().any(|rows| (column.text)(rows).is_some()))
        .collect();
    Sheet {
        title: title.to_owned(),
        columns: filled
            .iter()
            .map(|column| (column.title.clone(), column.numeric))
            .collect(),
        rows: groups
            .iter()
            .map(|rows| {
                let texts = filled.iter().map(|column| (column.text)(rows));
                texts
                    .map(|text| text.unwrap_or_else(|| "–".to_owned()))
                    .collect()
            })
            .collect(),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use super::*;
    use crate::lab::bench::machine::MachineFacts;

    /// A row of a table of names.
    fn row(engine: &str, size: u64, miss_share: f64, ns: f64) -> ResultRow {
        ResultRow {
            bench: "domains".to_owned(),
            engine: engine.to_owned(),
            size: Some(size),
            miss_share: Some(miss_share),
            ns_per_op: Some(ns),
            times_gannet: Some(ns / 40.0),
            bytes_per_indicator: Some(42.25),
            ..ResultRow::default()
        }
    }

    /// A report of two benches.
    pub(in crate::lab::bench) fn report() -> BenchReport {
        let pipeline = |threads, rate| ResultRow {
            bench: "pipeline".to_owned(),
            engine: "gannet".to_owned(),
            format: Some("zeek-json".to_owned()),
            threads: Some(threads),
            events_per_second: Some(rate),
            bytes_per_second: Some(rate * 400.0),
            cpu_ns_per_event: Some(400.0),
            miss_share: Some(0.999),
            size: Some(1_000_000),
            bytes_per_indicator: Some(100.0),
            ..ResultRow::default()
        };
        let results = vec![
            row("gannet", 10_000, 0.999, 40.0),
            row("hashbrown", 10_000, 0.999, 100.0),
            row("gannet", 10_000, 0.5, 80.0),
            row("hashbrown", 10_000, 0.5, 160.0),
            row("gannet", 1_000_000, 0.999, 50.0),
            pipeline(1, 2.5e6),
            pipeline(2, 4.5e6),
        ];
        let machine = MachineFacts {
            cpu: "A <CPU>".to_owned(),
            cores: 2,
            ..MachineFacts::default()
        };
        let command = "gannet bench match --json".to_owned();
        BenchReport::new(machine, command, Duration::from_secs(60), results)
    }

    #[test]
    fn shares_of_misses_are_columns_and_empty_columns_are_left_out() {
        let sheets = sheets(&report());
        let [names, pipeline] = &sheets[..] else {
            panic!("{sheets:?}")
        };
        let titles = |sheet: &Sheet| {
            let titles: Vec<&str> = sheet.columns.iter().map(|(title, _)| &title[..]).collect();
            titles.join("|")
        };
        assert_eq!(
            titles(names),
            "indicators|engine|ns, 0.1 % hits|ns, 50 % hits|× gannet|bytes an indicator"
        );
        assert_eq!(
            names.rows,
            [
                ["10,000", "gannet", "40.0", "80.0", "1.00", "42.2"],
                ["10,000", "hashbrown", "100.0", "160.0", "2.50", "42.2"],
                ["1,000,000", "gannet", "50.0", "–", "1.25", "42.2"],
            ]
        );
        assert_eq!(
            titles(pipeline),
            "format|engine|threads|M events/s|MB/s|CPU ns"
        );
        assert_eq!(
            pipeline.rows[1],
            ["zeek-json", "gannet", "2", "4.50", "1800", "400.0"]
        );
    }

    #[test]
    fn shares_are_told_without_needless_digits() {
        for (misses, expected) in [
            (0.999, "0.1 %"),
            (0.5, "50 %"),
            (1.0, "0 %"),
            (0.0, "100 %"),
        ] {
            assert_eq!(hits_percent(misses), expected);
        }
    }
}
