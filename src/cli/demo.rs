//! `gannet demo`: a made operation through Kafka, and whether every victim was found.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use super::terminal::{self, thousands};
use super::{FAILED, Outcome};
use crate::app::{DemoOptions, DemoProgress, DemoResult, Tamper, demo};
use crate::lab::OperationOptions;

/// The size of a made operation.
#[derive(clap::Args, Clone, Copy)]
pub(super) struct OperationArguments {
    /// Events to make.
    #[arg(long, default_value_t = OperationOptions::default().events)]
    events: u64,

    /// Victims to plant among the subscribers.
    #[arg(long, default_value_t = OperationOptions::default().victims)]
    victims: u64,

    /// Indicators to list.
    #[arg(long, default_value_t = OperationOptions::default().indicators)]
    indicators: u64,

    /// The seed: equal options make equal operations.
    #[arg(long, default_value_t = OperationOptions::default().seed)]
    seed: u64,
}

impl OperationArguments {
    /// As the lab takes them.
    pub(super) fn options(&self) -> OperationOptions {
        OperationOptions {
            events: self.events,
            victims: self.victims,
            indicators: self.indicators,
            seed: self.seed,
            ..OperationOptions::default()
        }
    }
}

/// The arguments of `gannet demo`.
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    operation: OperationArguments,

    /// One JSON object on standard output instead of a table.
    #[arg(long)]
    json: bool,

    /// Where the report goes.
    #[arg(long, value_name = "FILE", default_value = "gannet-demo.html")]
    report: PathBuf,

    /// Worker threads of the match stage.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=64))]
    threads: u16,

    /// Changes one planted indicator after the truth was written, to see the comparison fail.
    #[arg(long, hide = true)]
    change_one_indicator: bool,
}

/// Runs the demo; exits 1 when anything differs from the truth.
pub(super) fn run(arguments: &Arguments) -> Outcome {
    let options = DemoOptions {
        operation: arguments.operation.options(),
        threads: usize::from(arguments.threads),
        report: std::path::absolute(&arguments.report)?,
        tamper: if arguments.change_one_indicator {
            Tamper::OneIndicator
        } else {
            Tamper::No
        },
    };
    let progress = Arc::new(DemoProgress::default());
    let result = with_progress(&options, &progress)?;
    if arguments.json {
        terminal::print_json(&as_json(&result))?;
    } else {
        terminal::print(&as_text(&result))?;
    }
    for sample in samples(&result) {
        terminal::complain(&sample);
    }
    Ok(if result.is_exact() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILED)
    })
}

/// Runs the demo, drawing a progress line meanwhile if standard error is a terminal.
fn with_progress(
    options: &DemoOptions,
    progress: &Arc<DemoProgress>,
) -> Result<DemoResult, crate::app::DemoError> {
    let bar = terminal::progress(
        options.operation.events,
        "{bar:24} {pos}/{len} events {msg} {elapsed}",
    );
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (mut last, mut at) = (0, Instant::now());
            while !done.load(Ordering::Relaxed) {
                std::thread::park_timeout(Duration::from_millis(250));
                let events = progress.events.load(Ordering::Relaxed);
                let rate = (events - last) as f64 / at.elapsed().as_secs_f64();
                (last, at) = (events, Instant::now());
                bar.set_position(events);
                let produced = progress.produced.load(Ordering::Relaxed);
                bar.set_message(if produced == 0 {
                    format!(
                        "· {} leases",
                        thousands(progress.leases.load(Ordering::Relaxed))
                    )
                } else {
                    format!(
                        "· {:.0} k/s, lag {} · {} hits, {} episodes",
                        rate / 1e3,
                        thousands(produced.saturating_sub(events)),
                        thousands(progress.hits.load(Ordering::Relaxed)),
                        thousands(progress.episodes.load(Ordering::Relaxed)),
                    )
                });
            }
            bar.finish_and_clear();
        });
        let result = demo(options, progress);
        done.store(true, Ordering::Relaxed);
        result
    })
}

/// The `gannet.demo.v1` object.
fn as_json(result: &DemoResult) -> serde_json::Value {
    let (victims, hits, by) = (&result.victims, &result.hits, &result.attribution);
    json!({
        "schema": "gannet.demo.v1",
        "seed": result.seed,
        "events": result.events,
        "records": result.records,
        "indicators": result.indicators,
        "listings": result.listings,
        "countries": result.countries,
        "taken_down_share": result.taken_down_share,
        "victims": {"planted": victims.planted, "found": victims.found,
                    "missing": victims.missing, "extra": victims.extra},
        "hits": {"planted": hits.planted, "delivered": hits.delivered, "missing": hits.missing,
                 "extra": hits.extra, "wrong": hits.wrong, "duplicates": hits.duplicates},
        "episodes": {"planted": victims.episodes_planted, "missing": victims.episodes_missing,
                     "extra": victims.episodes_extra, "wrong": victims.episodes_wrong},
        "attribution": {"exact": by.exact, "grace": by.grace, "ambiguous": by.ambiguous,
                        "shared": by.shared, "none": by.none,
                        "wrong": result.attributed_wrong()},
        "broker": "embedded",
        "seconds": result.seconds,
        "events_per_second": result.events as f64 / result.streamed.as_secs_f64().max(1e-9),
        "peak_rss_bytes": terminal::peak_rss_bytes(),
        "report": result.report.display().to_string(),
    })
}

/// A table for a person.
fn as_text(result: &DemoResult) -> String {
    let (victims, hits, by) = (&result.victims, &result.hits, &result.attribution);
    let row = |what: &str, numbers: [u64; 4]| {
        let [planted, found, missing, extra] = numbers.map(thousands);
        format!("  {what:<10}{planted:>14}{found:>14}{missing:>12}{extra:>12}\n")
    };
    let mut text = format!(
        "\n  {:<10}{:>14}{:>14}{:>12}{:>12}\n",
        "", "planted", "found", "missing", "extra"
    );
    text.push_str(&row(
        "victims",
        [
            victims.planted,
            victims.found,
            victims.missing,
            victims.extra,
        ],
    ));
    text.push_str(&row(
        "episodes",
        [
            victims.episodes_planted,
            victims.episodes_planted - victims.episodes_missing,
            victims.episodes_missing,
            victims.episodes_extra,
        ],
    ));
    text.push_str(&row(
        "hits",
        [hits.planted, hits.delivered, hits.missing, hits.extra],
    ));
    text.push_str(&format!(
        "\n  {} hits and {} episodes came back with a wrong field\n",
        thousands(hits.wrong),
        thousands(victims.episodes_wrong)
    ));
    text.push_str(&format!(
        "  attribution: {} exact, {} grace, {} ambiguous, {} shared, {} none\n",
        thousands(by.exact),
        thousands(by.grace),
        thousands(by.ambiguous),
        thousands(by.shared),
        thousands(by.none)
    ));
    text.push_str(&format!(
        "  {} events in {} records against {} indicators ({:.0} % taken down), {} countries\n",
        thousands(result.events),
        thousands(result.records),
        thousands(result.indicators),
        result.taken_down_share * 100.0,
        result.countries
    ));
    text.push_str(&format!(
        "  {:.1} s in all, {} events a second while streaming, {} MiB at most\n",
        result.seconds,
        thousands(result.events_per_second_whole()),
        thousands(terminal::peak_rss_bytes() >> 20)
    ));
    text.push_str(&format!("  report: {}\n\n", result.report.display()));
    text.push_str(&format!(
        "victims {} planted, {} found, {} missing, {} extra\n",
        victims.planted, victims.found, victims.missing, victims.extra
    ));
    text
}

/// The first differences, for whoever has to find out why.
fn samples(result: &DemoResult) -> Vec<String> {
    let missing = result.hits.missing_samples.iter().map(|hit| {
        format!(
            "missing hit: {} on {} at {}",
            hit.client.ip, hit.value, hit.event_time
        )
    });
    let extra = result
        .hits
        .extra_samples
        .iter()
        .map(|hit| format!("extra hit: {hit}"));
    let wrong = result
        .hits
        .wrong_samples
        .iter()
        .map(|hit| format!("wrong hit: {hit}"));
    let victims = result
        .victims
        .missing_samples
        .iter()
        .map(|victim| format!("missing victim: {victim}"));
    let episodes = result
        .victims
        .episode_samples
        .iter()
        .map(|text| format!("episode {text}"));
    missing
        .chain(extra)
        .chain(wrong)
        .chain(victims)
        .chain(episodes)
        .collect()
}
