//! `gannet bench decode`: records to keys and to events, beside what the usual libraries do.

use std::time::Instant;

use super::records::{RecordArguments, Source, read, refusal, step_text, tell_left_out};
use super::{Told, tell, with_progress};
use crate::cli::Outcome;
use crate::lab::bench::{
    DecodeOptions, FeedOptions, MadeFeed, ResultRow, Traffic, Workload, decode, readable,
};
use crate::model::Named;
use crate::source::FileInput;

/// The arguments of `gannet bench decode`.
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    records: RecordArguments,

    #[command(flatten)]
    pub(super) told: Told,
}

/// Measures and tells.
pub(super) fn run(arguments: &Arguments) -> Outcome {
    let sources = arguments.records.sources()?;
    let started = Instant::now();
    let rows = with_progress(|progress| {
        let mut rows = Vec::new();
        for source in &sources {
            rows.extend(measure(&arguments.records, source, progress)?);
        }
        anyhow::Ok(rows)
    })?;
    tell(&arguments.told, started, rows)
}

/// The share of hits in made records, which decoders do not see.
const HIT_SHARE: f64 = 0.001;

/// Measures the decoders over one source.
fn measure(
    records: &RecordArguments,
    source: &Source,
    progress: &mut dyn FnMut(&str),
) -> anyhow::Result<Vec<ResultRow>> {
    let (workload, traffic) = match source {
        Source::Made(workload) => {
            progress(&format!("{}: making records", workload.as_str()));
            let feed = MadeFeed::new(FeedOptions {
                seed: records.seed(),
                ..FeedOptions::default()
            });
            let feed = feed.map_err(refusal)?;
            (*workload, records.made(*workload, &feed, HIT_SHARE)?)
        }
        Source::File(input) => {
            progress(&format!("{}: reading", input.path.display()));
            readable_part(input)?
        }
    };
    let options = DecodeOptions {
        events: records.events(),
        settings: records.settings(),
    };
    let mut rows = decode(workload, &traffic, options, &mut |engine, step| {
        progress(&step_text(workload.as_str(), engine, step));
    })?;
    for row in &mut rows {
        row.input = match source {
            Source::Made(_) => None,
            Source::File(input) => Some(input.path.display().to_string()),
        };
    }
    Ok(rows)
}

/// What of a file all decoders can read.
fn readable_part(input: &FileInput) -> anyhow::Result<(Workload, Traffic)> {
    let all = read(input)?;
    let Some((workload, traffic, left_out)) = readable(&all) else {
        anyhow::bail!("no record of {} is an event", input.path.display());
    };
    tell_left_out(input, left_out, "no events, or not for every decoder");
    Ok((workload, traffic))
}
