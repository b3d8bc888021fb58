//! `gannet bench match`: tables of names and prefixes beside those that one would use instead.

use std::ffi::OsString;
use std::time::Instant;

use super::{Told, above_zero, tell, turns, with_progress};
use crate::cli::feed_options::{feed_config, file_input};
use crate::cli::terminal::{self, thousands};
use crate::cli::{Outcome, Usage};
use crate::config::FeedConfig;
use crate::lab::bench::Settings;
use crate::lab::bench::tables::{
    OwnData, QUESTIONS_PARTS, SIZE_MAX, TableEngine, TableOptions, measure_tables,
};
use crate::model::{Named, Role};
use crate::source::FileInput;

/// The arguments of `gannet bench match`.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Sizes of the tables of names [default: 10000,100000,1000000,10000000].
    #[arg(long, value_name = "N,…", value_delimiter = ',', value_parser = size())]
    sizes: Option<Vec<u32>>,

    /// Sizes of the tables of prefixes [default: 10000,100000,1000000].
    #[arg(long, value_name = "N,…", value_delimiter = ',', value_parser = size())]
    prefix_sizes: Option<Vec<u32>>,

    /// Who takes part: gannet, gannet-batched, aho-corasick, hashbrown (names), gannet, iprange,
    /// trie (prefixes) [default: all; aho-corasick up to two million names].
    #[arg(long, value_name = "ENGINE,…", value_delimiter = ',', value_parser = engine)]
    engines: Vec<TableEngine>,

    /// Questions in a turn; four times as many are prepared [default: 500000].
    #[arg(long, value_name = "N", value_parser = ops)]
    ops: Option<usize>,

    /// Turns of each engine, at least 3 [default: 7].
    #[arg(long, value_name = "N", value_parser = turns)]
    turns: Option<usize>,

    /// What names, prefixes and questions follow from.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// Two small sizes, few questions and three turns: seconds instead of minutes, for a first
    /// look. The questions then fit into the caches.
    #[arg(long)]
    quick: bool,

    /// Your own feed as the tables, read as `gannet scan` does. Repeatable.
    #[arg(long = "feed", value_name = "[FORMAT:]PATH", conflicts_with_all = ["sizes", "prefix_sizes"])]
    feeds: Vec<OsString>,

    /// Your own records as the questions: their names and addresses. Repeatable.
    #[arg(long = "input", value_name = "[FORMAT:]PATH")]
    inputs: Vec<OsString>,

    #[command(flatten)]
    pub(super) told: Told,
}

/// Measures and tells.
pub(super) fn run(arguments: &Arguments) -> Outcome {
    let options = arguments.options();
    let feeds: Vec<FeedConfig> = arguments
        .feeds
        .iter()
        .map(|text| feed_config(text, Role::C2))
        .collect::<Result<_, Usage>>()?;
    let inputs: Vec<FileInput> = arguments
        .inputs
        .iter()
        .map(|text| file_input(text))
        .collect::<Result<_, Usage>>()?;
    let started = Instant::now();
    let rows = with_progress(|progress| -> Result<_, anyhow::Error> {
        let questions_max = options.ops.saturating_mul(QUESTIONS_PARTS);
        let own = OwnData::read(&feeds, &inputs, questions_max)?;
        Ok((measure_tables(&options, &own, progress)?, own))
    });
    let (rows, own) = rows?;
    for line in remarks(&own) {
        terminal::complain(&line);
    }
    if rows.is_empty() {
        anyhow::bail!("none of the engines that were asked for fits the tables");
    }
    tell(&arguments.told, started, rows)
}

impl Arguments {
    /// What is measured.
    fn options(&self) -> TableOptions {
        let usual = if self.quick {
            TableOptions::quick()
        } else {
            TableOptions::full()
        };
        // Whoever asks for tables of one kind wants those.
        let only = |asked: &Option<Vec<u32>>, other: &Option<Vec<u32>>, usual: Vec<u32>| {
            let none = if other.is_some() { Vec::new() } else { usual };
            asked.clone().unwrap_or(none)
        };
        TableOptions {
            name_sizes: only(&self.sizes, &self.prefix_sizes, usual.name_sizes),
            prefix_sizes: only(&self.prefix_sizes, &self.sizes, usual.prefix_sizes),
            engines: self.engines.clone(),
            ops: self.ops.unwrap_or(usual.ops),
            settings: Settings {
                turns: self.turns.unwrap_or(usual.settings.turns),
                ..usual.settings
            },
            seed: self.seed,
            ..usual
        }
    }
}

/// What of the operator's data was not measured.
fn remarks(own: &OwnData) -> Vec<String> {
    let mut lines = Vec::new();
    if own.left_out > 0 {
        let count = thousands(own.left_out);
        lines.push(format!(
            "{count} patterns and values too broad to be listed were left out"
        ));
    }
    if own.unfit > 0 {
        let count = thousands(own.unfit);
        lines.push(format!(
            "{count} names of records that only Gannet can read were left out"
        ));
    }
    lines
}

/// The engine that `text` names.
fn engine(text: &str) -> Result<TableEngine, String> {
    TableEngine::from_name(text).map_err(|error| error.to_string())
}

/// A number of questions that can be prepared.
fn ops(text: &str) -> Result<usize, String> {
    above_zero(text).and_then(|ops| match ops {
        0..=OPS_MAX => Ok(ops),
        _ => Err(format!("give at most {OPS_MAX}")),
    })
}

/// Most questions in a turn.
const OPS_MAX: usize = 1_000_000_000;

/// A size of a table.
fn size() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=i64::from(SIZE_MAX))
}
