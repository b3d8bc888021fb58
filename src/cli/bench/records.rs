//! What the yardsticks over records have in common: which formats, how many events, and records
//! of one's own instead of made ones.

use std::ffi::OsString;

use anyhow::Context;

use super::{above_zero, turns};
use crate::cli::Usage;
use crate::cli::feed_options::file_input;
use crate::cli::terminal::{self, thousands};
use crate::lab::bench::{
    BenchError, FeedOptions, MadeFeed, Settings, Step, Traffic, TrafficError, TrafficOptions,
    WORKING_SET_BYTES, Workload, memory_available, refuse_beyond_memory,
};
use crate::model::Named;
use crate::snapshot::{BuildOptions, Snapshot};
use crate::source::FileInput;

/// Records on a command line.
#[derive(clap::Args, Debug)]
pub(super) struct RecordArguments {
    /// What is sent: zeek-json (dns rows), zeek-json-conn, dnstap, dns-collector-json,
    /// goflow2-protobuf, goflow2-json, gannet-json, gannet-protobuf [default: all].
    #[arg(long, value_name = "FORMAT,…", value_delimiter = ',', value_parser = workload)]
    formats: Vec<Workload>,

    /// Events of a turn. Records of up to 96 MiB are made and walked over as often as that takes.
    #[arg(long, value_name = "N", default_value = "1000000", value_parser = above_zero)]
    events: usize,

    /// Turns of each contender, at least 3.
    #[arg(long, value_name = "N", default_value = "7", value_parser = turns)]
    turns: usize,

    /// What made records follow from.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// Your own records instead of made ones: plain, gzip or zstd. Repeatable.
    #[arg(
        long = "input",
        value_name = "[FORMAT:]PATH",
        conflicts_with = "formats"
    )]
    inputs: Vec<OsString>,
}

/// Records to be measured, not yet in memory.
pub(super) enum Source {
    /// Made ones.
    Made(Workload),
    /// Those of a file.
    File(FileInput),
}

impl RecordArguments {
    /// What is to be measured, in order, each once.
    ///
    /// # Errors
    /// [`Usage`] when the format of a file is not known.
    pub(super) fn sources(&self) -> Result<Vec<Source>, Usage> {
        if !self.inputs.is_empty() {
            let files = self.inputs.iter().map(|text| file_input(text));
            return files.map(|file| file.map(Source::File)).collect();
        }
        let asked =
            |workload: &&Workload| self.formats.is_empty() || self.formats.contains(workload);
        let workloads = Workload::ALL.iter().filter(asked);
        Ok(workloads.map(|workload| Source::Made(*workload)).collect())
    }

    /// Events of a turn.
    pub(super) fn events(&self) -> u64 {
        self.events as u64
    }

    /// How contenders are run.
    pub(super) fn settings(&self) -> Settings {
        Settings {
            turns: self.turns,
            warmups: 1,
        }
    }

    /// The seed.
    pub(super) fn seed(&self) -> u64 {
        self.seed
    }

    /// Made records of `workload` on `feed`.
    ///
    /// # Errors
    /// [`Usage`] when the sizes cannot be meant, else why there is no memory.
    pub(super) fn made(
        &self,
        workload: Workload,
        feed: &MadeFeed,
        hit_share: f64,
    ) -> anyhow::Result<Traffic> {
        let options = TrafficOptions {
            events: self.events(),
            hit_share,
            seed: self.seed,
            ..TrafficOptions::new(workload)
        };
        made(&options, feed)
    }
}

/// Made records on `feed`.
///
/// # Errors
/// [`Usage`] when the sizes cannot be meant, else why there is no memory.
pub(super) fn made(options: &TrafficOptions, feed: &MadeFeed) -> anyhow::Result<Traffic> {
    let needed = options.events.saturating_mul(EVENT_BYTES).min(MADE_BYTES);
    memory_for("made records", needed)?;
    Traffic::make(options, feed).map_err(refusal)
}

/// The snapshot of the made feed.
///
/// # Errors
/// Why it cannot be built, mostly that there is no memory.
pub(super) fn made_snapshot(feed: &MadeFeed, options: BuildOptions) -> anyhow::Result<Snapshot> {
    let FeedOptions {
        names, prefixes, ..
    } = feed.options();
    let needed = u64::from(names) * NAME_BYTES + u64::from(prefixes) * PREFIX_BYTES;
    memory_for("a feed of this size", needed)?;
    Ok(feed.snapshot(options)?)
}

/// Memory that a listed name takes while the snapshot is built, about.
const NAME_BYTES: u64 = 400;

/// The same for a prefix.
const PREFIX_BYTES: u64 = 200;

/// The records of a file: whole, or its first part if it is large.
///
/// # Errors
/// Why it cannot be read, or that there is nothing in it.
pub(super) fn read(input: &FileInput) -> anyhow::Result<Traffic> {
    // A file that is compressed may be ten times as large in memory; nobody knows of a pipe.
    let length = std::fs::metadata(&input.path).map_or(0, |facts| facts.len());
    let needed = length.saturating_mul(10).min(INPUT_BYTES_MAX as u64);
    memory_for("the records of a file", needed)?;
    let traffic = Traffic::read(input, INPUT_BYTES_MAX)
        .with_context(|| format!("cannot measure {}", input.path.display()))?;
    anyhow::ensure!(
        !traffic.is_empty(),
        "no records in {}",
        input.path.display()
    );
    Ok(traffic)
}

/// Says how many records of a file were left out, if any were.
pub(super) fn tell_left_out(input: &FileInput, left_out: u64, why: &str) {
    if left_out > 0 {
        terminal::complain(&format!(
            "{}: {} records left out: {why}",
            input.path.display(),
            thousands(left_out)
        ));
    }
}

/// What a step of a run is called, for progress.
pub(super) fn step_text(what: &str, engine: &str, step: Step) -> String {
    match step {
        Step::Check => format!("{what}: {engine}: comparing answers"),
        Step::Warmup(_) => format!("{what}: {engine}: warming up"),
        Step::Turn(turn) => format!("{what}: {engine}: turn {}", turn + 1),
    }
}

/// Refuses what needs more memory than there is.
///
/// # Errors
/// [`BenchError::Memory`].
pub(super) fn memory_for(what: &str, bytes: u64) -> Result<(), BenchError> {
    refuse_beyond_memory(what, bytes, memory_available())
}

/// An error of made records: mostly of whoever asked for them.
pub(super) fn refusal(error: TrafficError) -> anyhow::Error {
    match error {
        TrafficError::Memory { .. } => error.into(),
        TrafficError::NoEvents
        | TrafficError::HitShare { .. }
        | TrafficError::NothingToHit { .. }
        | TrafficError::OneEventARecord { .. }
        | TrafficError::TooMany { .. } => Usage(error.to_string()).into(),
    }
}

/// What is read of a file at most.
const INPUT_BYTES_MAX: usize = 1 << 30;

/// Memory of made records: their bytes, their places, and as much again to be sure.
const MADE_BYTES: u64 = 2 * WORKING_SET_BYTES as u64;

/// More than a made event takes.
const EVENT_BYTES: u64 = 4096;

/// The workload that `text` names.
pub(super) fn workload(text: &str) -> Result<Workload, String> {
    Workload::from_name(text).map_err(|error| error.to_string())
}
