//! Results as one page that needs nothing else: plots, tables, and what a rate of events takes.

mod plot;

use super::result::{BenchReport, ResultRow};
use super::sheet::{Sheet, benches, hits_percent, miss_shares, over_tables, sheets, title};
use super::sizing::{SizingOptions, sizing};
use crate::encode::report::{STYLE, escape, number};
use plot::{Line, lines};

/// The page, with the results of all `reports`.
pub fn page(reports: &[BenchReport]) -> String {
    let results: Vec<ResultRow> = reports
        .iter()
        .flat_map(|report| report.results.iter().cloned())
        .collect();
    let plots: String = benches(&results)
        .iter()
        .map(|(bench, rows)| plots(bench, rows))
        .collect();
    let measured: String = reports.iter().map(measured).collect();
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"generator\" content=\"Gannet\">\n\
         <title>Gannet measured</title>\n<style>\n{STYLE}{OWN_STYLE}</style>\n</head>\n<body>\n\
         <header><p class=\"kicker\">Yardsticks</p>\n<h1>Gannet measured</h1>\n\
         <p class=\"lead\">Gannet and what one would use in its place, over the same questions in \
         one run. Every answer was compared with an oracle's before a time was taken; the engines \
         alternate, and figures are medians over their turns.</p>\n</header>\n<main>\n\
         {plots}{}{measured}</main>\n<footer><p>Made by <code>gannet bench</code>.</p></footer>\n\
         </body>\n</html>\n",
        sizing_section(&results),
    )
}

/// What this page has and the operation's report has not.
const OWN_STYLE: &str = "
.wide { overflow-x: auto; }
.plot { display: block; width: 100%; height: auto; }
.plot path { fill: none; stroke-width: 2; }
.wide td { white-space: nowrap; }
.l1 { stroke: var(--c1); } .l2 { stroke: var(--c2); } .l3 { stroke: var(--good); } .l4 { stroke: var(--soft); }
.p1 { fill: var(--c1); } .p2 { fill: var(--c2); } .p3 { fill: var(--good); } .p4 { fill: var(--soft); }
.l2 { stroke-dasharray: 7 3; } .l3 { stroke-dasharray: 2 3; } .l4 { stroke-dasharray: 9 3 2 3; }
.plot .grid { stroke-width: 1; }
pre { overflow-x: auto; padding: 10px 14px; background: var(--panel); font-size: 14px; }
";

/// A section of the page.
fn section(heading: &str, about: &str, body: &str) -> String {
    format!(
        "<section>\n<h2>{}</h2>\n<p class=\"about\">{about}</p>\n{body}</section>\n",
        escape(heading)
    )
}

/// The plots of a bench.
fn plots(bench: &str, rows: &[&ResultRow]) -> String {
    if !over_tables(rows) {
        let body = rates(rows);
        return if body.is_empty() {
            body
        } else {
            section(title(bench), "Events a second; longer is better.", &body)
        };
    }
    let shares = miss_shares(rows);
    let body: String = shares.iter().map(|&share| by_size(rows, share)).collect();
    let about = "Nanoseconds a question by the number of indicators, both in powers of ten; lower \
                 is better.";
    section(title(bench), about, &body)
}

/// Time by size, a line an engine, for one share of misses.
fn by_size(rows: &[&ResultRow], miss_share: f64) -> String {
    let mut drawn: Vec<Line> = Vec::new();
    for row in rows.iter().filter(|row| row.miss_share == Some(miss_share)) {
        let (Some(size), Some(ns)) = (row.size, row.ns_per_op) else {
            continue;
        };
        let point = (size as f64, ns);
        match drawn.iter_mut().find(|line| line.name == row.engine) {
            Some(line) => line.points.push(point),
            None => drawn.push(Line {
                name: row.engine.clone(),
                points: vec![point],
            }),
        }
    }
    let hits = hits_percent(miss_share);
    format!(
        "<h3 class=\"chart\">{hits} of the questions are hits</h3>\n{}",
        lines(&drawn, &format!("nanoseconds a question, {hits} hits"))
    )
}

/// Events a second as bars.
fn rates(rows: &[&ResultRow]) -> String {
    let rate = |row: &ResultRow| row.events_per_second.or(row.records_per_second);
    let largest = rows.iter().filter_map(|row| rate(row)).fold(0.0, f64::max);
    let bars: String = rows
        .iter()
        .filter_map(|row| {
            let rate = rate(row)?;
            let parts = [
                row.format.clone(),
                Some(row.engine.clone()),
                row.face.clone(),
                row.threads.map(|threads| match threads {
                    1 => "1 thread".to_owned(),
                    threads => format!("{threads} threads"),
                }),
            ];
            let label: Vec<String> = parts.into_iter().flatten().collect();
            Some(format!(
                "<tr><th scope=\"row\">{}</th><td class=\"n\">{:.2} M/s</td><td class=\"bar\">\
                 <svg width=\"100%\" height=\"12\" aria-hidden=\"true\"><rect class=\"{}\" \
                 width=\"{:.2}%\" height=\"12\" rx=\"1.5\"/></svg></td></tr>\n",
                escape(&label.join(", ")),
                rate / 1e6,
                if row.engine == "gannet" { "c1" } else { "c4" },
                rate / largest.max(f64::MIN_POSITIVE) * 100.0
            ))
        })
        .collect();
    if bars.is_empty() {
        return bars;
    }
    format!("<table class=\"bars\"><tbody>\n{bars}</tbody></table>\n")
}

/// Rates that machines are sized for, in events a second.
const RATES: [u64; 4] = [10_000, 100_000, 1_000_000, 10_000_000];

/// What rates of events take.
fn sizing_section(results: &[ResultRow]) -> String {
    let options = SizingOptions::default();
    let rows = sizing(results, &RATES, &options);
    let heading = "What it takes";
    if rows.is_empty() {
        let about = "Cores, memory and partitions follow from the rates of the data path, which \
                     these results do not hold: add those of <code>gannet bench pipeline \
                     --json</code>.";
        return section(heading, about, "");
    }
    let about = format!(
        "Reckoned from the processor time that the data path was measured to need, with {} ns more \
         a record to read it from Kafka, {:.1} times the mean rate as room for peaks, two \
         snapshots of the size that was measured, {} MiB a process and {} MiB a core, and at most \
         {:.0} MB/s in a partition. One process can use all cores; more share the partitions.",
        options.reading_ns_per_record,
        options.headroom,
        options.base_bytes >> 20,
        options.worker_bytes >> 20,
        options.partition_bytes_per_second / 1e6
    );
    let sheet = Sheet {
        title: heading.to_owned(),
        columns: [
            ("format", false),
            ("events/s", true),
            ("cores", true),
            ("memory", true),
            ("partitions", true),
        ]
        .map(|(title, numeric)| (title.to_owned(), numeric))
        .to_vec(),
        rows: rows
            .iter()
            .map(|row| {
                vec![
                    row.format.clone(),
                    number(row.events_per_second),
                    number(row.cores),
                    format!("{} MiB", number(row.memory_bytes.div_ceil(1 << 20))),
                    number(row.partitions),
                ]
            })
            .collect(),
    };
    section(heading, &about, &table(&sheet))
}

/// All figures of a report, with what made them.
fn measured(report: &BenchReport) -> String {
    let machine = &report.machine;
    let mut body = format!("<pre>{}</pre>\n", escape(&report.command));
    for sheet in sheets(report) {
        body.push_str(&format!(
            "<h3>{}</h3>\n{}",
            escape(&sheet.title),
            table(&sheet)
        ));
    }
    let about = format!(
        "{}, {} cores, gannet {}, {:.0} s in all.",
        escape(&machine.cpu),
        machine.cores,
        escape(&report.version),
        report.seconds
    );
    section("All figures", &about, &body)
}

/// A table.
fn table(sheet: &Sheet) -> String {
    let class = |numeric: bool| if numeric { " class=\"n\"" } else { "" };
    let head: String = sheet
        .columns
        .iter()
        .map(|(title, numeric)| {
            format!(
                "<th scope=\"col\"{}>{}</th>",
                class(*numeric),
                escape(title)
            )
        })
        .collect();
    let body: String = sheet
        .rows
        .iter()
        .map(|row| {
            let cells = row.iter().zip(&sheet.columns).map(|(text, (_, numeric))| {
                format!("<td{}>{}</td>", class(*numeric), escape(text))
            });
            format!("<tr>{}</tr>\n", cells.collect::<String>())
        })
        .collect();
    format!(
        "<div class=\"wide\"><table><thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\
         </table></div>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::super::sheet::tests::report;
    use super::*;

    #[test]
    fn a_page_has_plots_a_sizing_table_and_all_figures_and_needs_nothing_else() {
        let page = page(&[report()]);
        for part in [
            "<h2>Listed names</h2>",
            "0.1 % of the questions are hits",
            "50 % of the questions are hits",
            "zeek-json, gannet, 2 threads",
            "<h2>What it takes</h2>",
            "<td class=\"n\">10,000,000</td>",
            "<pre>gannet bench match --json</pre>",
            "A &lt;CPU&gt;, 2 cores",
            "prefers-color-scheme: dark",
        ] {
            assert!(page.contains(part), "{part}");
        }
        for part in ["<script", "http://", "https://", "<CPU>", "NaN", "inf"] {
            assert!(!page.contains(part), "{part}");
        }
    }

    #[test]
    fn without_a_pipeline_the_page_says_what_sizing_needs() {
        let mut report = report();
        report.results.retain(|row| row.bench == "domains");
        let page = page(&[report]);
        assert!(page.contains("gannet bench pipeline --json"));
        assert!(!page.contains("<th scope=\"col\" class=\"n\">partitions</th>"));
    }
}
