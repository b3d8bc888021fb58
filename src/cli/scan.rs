//! `gannet scan`: the data path over files and standard input.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use super::feed_options::{FeedArguments, file_input, load_feeds};
use super::terminal::{self, thousands};
use super::{FAILED, Outcome, Usage, load_config};
use crate::app;
use crate::config::{FeedConfig, NetworksConfig};
use crate::feeds::gate;
use crate::hits::Orientation;
use crate::model::{Named, OutputFormat};
use crate::pipeline::{Scan, ScanProgress, ScanReport, scan};
use crate::sink::FileSink;
use crate::snapshot::BuildOptions;
use crate::source::{FileError, FileInput};

/// The arguments of `gannet scan`.
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    feeds: FeedArguments,

    /// A configuration, for its feeds and networks.
    #[arg(short, long, value_name = "FILE", conflicts_with_all = ["feeds", "allow", "names"])]
    config: Option<PathBuf>,

    /// A file of events (plain, gzip or zstd), `FORMAT:-` for standard input. Repeatable.
    #[arg(long = "input", value_name = "[FORMAT:]PATH", required = true)]
    inputs: Vec<OsString>,

    /// Where hits go, opened in place; default: standard output.
    #[arg(long, value_name = "PATH")]
    output: Option<PathBuf>,

    /// The format of hits: json, protobuf (length-delimited) or ecs.
    #[arg(long, default_value = "json", value_parser = output_format)]
    format: OutputFormat,

    /// Threads; default: all cores.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,

    /// Where counts go as one JSON object. With `-` they go to standard output, and hits
    /// nowhere unless `--output` says where.
    #[arg(long, value_name = "PATH|-")]
    summary: Option<PathBuf>,
}

/// Most inputs of one scan.
const INPUTS_MAX: usize = 65_535;

/// The output format that `text` names.
fn output_format(text: &str) -> Result<OutputFormat, String> {
    OutputFormat::from_name(text).map_err(|error| error.to_string())
}

/// Runs the scan.
pub(super) fn run(arguments: &Arguments) -> Outcome {
    let inputs: Vec<FileInput> = arguments
        .inputs
        .iter()
        .map(|text| file_input(text))
        .collect::<Result<_, Usage>>()?;
    if inputs.len() > INPUTS_MAX {
        let refusal = format!("more than {INPUTS_MAX} inputs: scan them in several runs");
        return Err(Usage(refusal).into());
    }
    let (feeds, options, orientation) = what_to_look_for(arguments)?;
    refuse_to_overwrite(arguments, &inputs, &feeds)?;
    let loaded = load_feeds(&feeds, options)?;
    let summary_to_stdout = arguments.summary.as_deref() == Some("-".as_ref());
    let output: Option<&Path> = match &arguments.output {
        Some(path) => Some(path),
        None if summary_to_stdout => None,
        None => Some("-".as_ref()),
    };
    let hits_to_stdout = output == Some("-".as_ref());
    let hits = output.map(FileSink::open).transpose()?;
    // Opened before the work, so that a path that cannot be written is told at once.
    let counts = match &arguments.summary {
        Some(path) => Some(FileSink::open(path)?),
        None => None,
    };
    let threads = arguments.threads.map_or_else(
        || std::thread::available_parallelism().map_or(1, usize::from),
        usize::from,
    );
    let progress = ScanProgress::default();
    let started = Instant::now();
    let work = Scan {
        snapshot: &loaded.snapshot,
        orientation: &orientation,
        inputs: inputs.clone(),
        threads,
        hits: hits.as_ref(),
        format: arguments.format,
        now: app::now(),
        progress: &progress,
    };
    let report = with_progress(&inputs, &progress, hits_to_stdout, || scan(&work))?;
    let seconds = started.elapsed().as_secs_f64();
    let summary = summary(&report, &loaded.snapshot, threads, seconds);
    if let Some(counts) = counts {
        counts.write(format!("{summary}\n").as_bytes())?;
    }
    say(&report, seconds);
    Ok(if report.failed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILED)
    })
}

/// Feeds, how they are built, and networks: from the configuration or the command line.
fn what_to_look_for(
    arguments: &Arguments,
) -> anyhow::Result<(Vec<FeedConfig>, BuildOptions, Orientation)> {
    if let Some(path) = &arguments.config {
        let config = load_config(path)?;
        let orientation = app::orientation(&config.networks);
        let options = gate::build_options(&config)?;
        return Ok((gate::at_hand(&config.feeds, None), options, orientation));
    }
    Ok((
        arguments.feeds.configs()?,
        arguments.feeds.build_options(),
        app::orientation(&NetworksConfig::default()),
    ))
}

/// Refuses an output that is also something to read: opening it would empty it.
///
/// # Errors
/// [`Usage`] with both.
fn refuse_to_overwrite(
    arguments: &Arguments,
    inputs: &[FileInput],
    feeds: &[FeedConfig],
) -> Result<(), Usage> {
    let inputs = inputs.iter().map(|input| &input.path);
    let feeds = feeds.iter().map(|feed| &feed.path);
    let read: Vec<&PathBuf> = inputs.chain(feeds).chain(&arguments.config).collect();
    let written = [
        ("--output", &arguments.output),
        ("--summary", &arguments.summary),
    ];
    for (option, path) in written {
        let Some(path) = path else { continue };
        if let Some(other) = read.iter().find(|other| same_file(path, other)) {
            return Err(Usage(format!(
                "{option} {} would overwrite {}, which is to be read: choose another path",
                path.display(),
                other.display()
            )));
        }
    }
    match (&arguments.output, &arguments.summary) {
        (Some(hits), Some(counts)) if hits == counts || same_file(hits, counts) => {
            let path = hits.display();
            Err(Usage(format!(
                "--output and --summary are both {path}: choose two paths"
            )))
        }
        (Some(_) | None, Some(_) | None) => Ok(()),
    }
}

/// Whether both paths lead to one regular file, by whatever links.
fn same_file(one: &Path, other: &Path) -> bool {
    let id = |path: &Path| {
        let metadata = std::fs::metadata(path).ok()?;
        metadata
            .is_file()
            .then_some((metadata.dev(), metadata.ino()))
    };
    id(one).is_some_and(|one| id(other) == Some(one))
}

/// Runs `work`, drawing a progress line meanwhile if standard error is a terminal that hits do
/// not go to as well.
fn with_progress<T: Send>(
    inputs: &[FileInput],
    progress: &ScanProgress,
    hits_to_stdout: bool,
    work: impl FnOnce() -> T + Send,
) -> T {
    if !terminal::shows_progress() || (hits_to_stdout && std::io::stdout().is_terminal()) {
        return work();
    }
    let length = inputs
        .iter()
        .filter_map(|input| std::fs::metadata(&input.path).ok())
        .map(|m| m.len())
        .sum();
    let template = if length > 0 {
        "{percent:>3} % {bar:16} {elapsed:>3} {wide_msg}"
    } else {
        "{spinner} {bytes} {elapsed:>3} {wide_msg}"
    };
    let bar = terminal::progress(length, template);
    let done = AtomicBool::new(false);
    let started = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let events = progress.events.load(Ordering::Relaxed);
                let rate = events as f64 / started.elapsed().as_secs_f64().max(0.001);
                bar.set_position(progress.bytes.load(Ordering::Relaxed));
                bar.set_message(format!(
                    "{} events, {:.2} M/s, {} hits",
                    thousands(events),
                    rate / 1e6,
                    thousands(progress.hits.load(Ordering::Relaxed))
                ));
                std::thread::park_timeout(Duration::from_millis(125));
            }
            bar.finish_and_clear();
        });
        let result = work();
        done.store(true, Ordering::Relaxed);
        result
    })
}

/// The `gannet.scan.v1` object.
fn summary(
    report: &ScanReport,
    snapshot: &crate::snapshot::Snapshot,
    threads: usize,
    seconds: f64,
) -> serde_json::Value {
    let total = report.stats.total();
    let mut rejected: serde_json::Map<String, serde_json::Value> = total
        .rejected
        .iter()
        .map(|(reject, count)| (reject.reason().to_owned(), json!(count)))
        .collect();
    for (reason, count) in &report.unframed {
        rejected.insert((*reason).to_owned(), json!(count));
    }
    let unframed: u64 = report.unframed.values().sum();
    json!({
        "schema": "gannet.scan.v1",
        "records": total.records + unframed,
        "events": total.events(),
        "matched": total.matched,
        "unmatched": total.unmatched,
        "ignored": total.ignored,
        "rejected": rejected,
        "unfit_names": total.unfit_names,
        "hits": total.hits_total(),
        "victim_hits": total.hits.victim_evidence,
        "bytes": total.bytes,
        "seconds": seconds,
        "events_per_second": total.events() as f64 / seconds.max(1e-9),
        "threads": threads,
        "indicators": snapshot.indicators(),
        "allow_rules": snapshot.allow_rules(),
        "snapshot": {"generation": snapshot.generation(), "hash": snapshot.hash()},
        "failed": report.failed.iter().map(with_cause).collect::<Vec<_>>(),
        "peak_rss_bytes": terminal::peak_rss_bytes(),
    })
}

/// What a person should know, on standard error.
fn say(report: &ScanReport, seconds: f64) {
    let total = report.stats.total();
    let unframed: u64 = report.unframed.values().sum();
    terminal::complain(&format!(
        "{} events in {seconds:.2} s ({:.2} M/s): {} matched, {} hits; {} ignored, {} rejected",
        thousands(total.events()),
        total.events() as f64 / seconds.max(1e-9) / 1e6,
        thousands(total.matched),
        thousands(total.hits_total()),
        thousands(total.ignored),
        thousands(total.rejected_total() + unframed),
    ));
    for (path, ordinal, reason) in &report.samples {
        terminal::complain(&format!("{}: record {ordinal}: {reason}", path.display()));
    }
    for error in &report.failed {
        terminal::complain(&format!("gannet: {}", with_cause(error)));
    }
}

/// An error and what the system or the decompressor said.
fn with_cause(error: &FileError) -> String {
    let cause = std::error::Error::source(error).map_or(String::new(), |c| format!(": {c}"));
    format!("{error}{cause}")
}
