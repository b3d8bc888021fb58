//! `gannet bench pipeline`: decode, match, hits and encode from memory, by format and threads.

use std::time::Instant;

use super::records::{
    RecordArguments, Source, made_snapshot, read, refusal, step_text, tell_left_out,
};
use super::{Told, tell, with_progress};
use crate::cli::feed_options::{FeedArguments, load_feeds};
use crate::cli::{Outcome, Usage};
use crate::config::FeedConfig;
use crate::lab::bench::{
    FeedOptions, MadeFeed, PipelineOptions, ResultRow, Traffic, orientation, pipeline,
};
use crate::model::Named;
use crate::snapshot::Snapshot;

/// The arguments of `gannet bench pipeline`.
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    records: RecordArguments,

    /// Numbers of threads, each measured [default: 1 and as many as there are cores].
    #[arg(long, value_name = "N,…", value_delimiter = ',',
        value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Vec<u16>,

    /// Made names that are listed.
    #[arg(long, value_name = "N", default_value_t = 100_000, conflicts_with = "feeds",
        value_parser = clap::value_parser!(u32).range(..=i64::from(FeedOptions::NAMES_MAX)))]
    indicators: u32,

    /// Made prefixes and addresses that are listed.
    #[arg(long, value_name = "N", default_value_t = 20_000, conflicts_with = "feeds",
        value_parser = clap::value_parser!(u32).range(..=i64::from(FeedOptions::PREFIXES_MAX)))]
    prefixes: u32,

    /// The share of made events that hit something listed, 0 to 1.
    #[arg(long, value_name = "SHARE", default_value = "0.001", value_parser = share,
        conflicts_with_all = ["feeds", "inputs"])]
    hit_share: f64,

    #[command(flatten)]
    feeds: FeedArguments,

    #[command(flatten)]
    pub(super) told: Told,
}

/// Measures and tells.
pub(super) fn run(arguments: &Arguments) -> Outcome {
    let sources = arguments.records.sources()?;
    let own: Option<Vec<FeedConfig>> = arguments.own_feeds()?;
    let started = Instant::now();
    let rows = with_progress(|progress| {
        progress("building the snapshot");
        let feed = MadeFeed::new(FeedOptions {
            names: arguments.indicators,
            prefixes: arguments.prefixes,
            seed: arguments.records.seed(),
        });
        let feed = feed.map_err(refusal)?;
        let snapshot = match &own {
            Some(feeds) => load_feeds(feeds, arguments.feeds.build_options())?.snapshot,
            None => made_snapshot(&feed, arguments.feeds.build_options())?,
        };
        let judged_by = Judge {
            snapshot: &snapshot,
            feed: &feed,
            own: own.is_some(),
        };
        let mut rows = Vec::new();
        for source in &sources {
            rows.extend(judged_by.measure(arguments, source, progress)?);
        }
        anyhow::Ok(rows)
    })?;
    tell(&arguments.told, started, rows)
}

impl Arguments {
    /// The feeds that are given, if any are.
    ///
    /// # Errors
    /// [`Usage`] when they cannot be meant.
    fn own_feeds(&self) -> Result<Option<Vec<FeedConfig>>, Usage> {
        if self.feeds.feeds.is_empty() && self.feeds.allow.is_empty() {
            return Ok(None);
        }
        self.feeds.configs().map(Some)
    }

    /// Numbers of threads, each once.
    fn threads(&self) -> Vec<usize> {
        let mut threads: Vec<usize> = self.threads.iter().copied().map(usize::from).collect();
        if threads.is_empty() {
            let cores = std::thread::available_parallelism().map_or(1, usize::from);
            threads = vec![1, cores];
        }
        threads.sort_unstable();
        threads.dedup();
        threads
    }
}

/// What judges the records.
struct Judge<'a> {
    snapshot: &'a Snapshot,
    feed: &'a MadeFeed,
    /// Whether the snapshot is of the operator's own feeds.
    own: bool,
}

impl Judge<'_> {
    /// Measures the pipeline over one source.
    fn measure(
        &self,
        arguments: &Arguments,
        source: &Source,
        progress: &mut dyn FnMut(&str),
    ) -> anyhow::Result<Vec<ResultRow>> {
        let name = match source {
            Source::Made(workload) => workload.as_str(),
            Source::File(input) => input.format.as_str(),
        };
        progress(&format!("{name}: preparing records"));
        let traffic = self.prepared(arguments, source)?;
        let options = PipelineOptions {
            events: arguments.records.events(),
            threads: arguments.threads(),
            settings: arguments.records.settings(),
        };
        let mut rows = pipeline(
            &traffic,
            self.snapshot,
            &orientation(),
            &options,
            &mut |engine, step| progress(&step_text(name, engine, step)),
        )?;
        for row in &mut rows {
            row.format = Some(name.to_owned());
            row.input = match source {
                Source::Made(_) => None,
                Source::File(input) => Some(input.path.display().to_string()),
            };
        }
        Ok(rows)
    }

    /// Records with their truth: as planted, or judged the slow way.
    fn prepared(&self, arguments: &Arguments, source: &Source) -> anyhow::Result<Traffic> {
        match source {
            Source::Made(workload) if !self.own => {
                let hit_share = arguments.hit_share;
                arguments.records.made(*workload, self.feed, hit_share)
            }
            Source::Made(workload) => {
                let made = arguments.records.made(*workload, self.feed, 0.0)?;
                Ok(made.judged(self.snapshot).0)
            }
            Source::File(input) => {
                let (traffic, left_out) = read(input)?.judged(self.snapshot);
                tell_left_out(input, left_out, "they only look like events");
                anyhow::ensure!(
                    traffic.truth().events() > 0,
                    "no record of {} is an event",
                    input.path.display()
                );
                Ok(traffic)
            }
        }
    }
}

/// The share that `text` says.
pub(super) fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        Ok(_) | Err(_) => Err("give a number from 0 to 1".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_lie_between_nothing_and_all() {
        for (text, expected) in [("0", 0.0), ("1", 1.0), ("0.001", 0.001), ("1e-3", 0.001)] {
            assert_eq!(share(text), Ok(expected));
        }
        for text in ["-0.1", "1.1", "NaN", "inf", "x", ""] {
            assert!(share(text).is_err(), "{text}");
        }
    }
}
