//! `gannet bench`: the yardsticks. One file a yardstick; what they have in common is here: how
//! results are told. Results that were written down can be told again as a README's section or as
//! a page.

mod decode;
mod kafka;
mod matching;
mod pipeline;
mod records;
mod table;
mod told;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context;
use indicatif::ProgressBar;

use super::Outcome;
use super::terminal;
use crate::lab::bench::{BenchReport, ResultRow, TURNS_MIN, machine};

/// The arguments of `gannet bench`.
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    yardstick: Yardstick,
}

/// What can be measured, and told.
#[derive(clap::Subcommand)]
enum Yardstick {
    /// Tables of names and prefixes, beside aho-corasick, hashbrown, iprange and a plain trie.
    Match(matching::Arguments),
    /// Records to keys and to events, beside serde_json, prost and hickory-proto.
    Decode(decode::Arguments),
    /// The whole data path from memory, without Kafka, by format and by threads.
    Pipeline(pipeline::Arguments),
    /// The whole job on a topic of a real Kafka, beside the bare reading of it.
    Kafka(kafka::Arguments),
    /// Turns results into the tables of a README.
    Readme(told::Readme),
    /// Turns results into one self-contained page with plots and a sizing table.
    Report(told::Report),
}

/// Measures or tells.
pub(super) fn run(arguments: &Arguments) -> Outcome {
    arguments.yardstick.open_page()?;
    match &arguments.yardstick {
        Yardstick::Match(arguments) => matching::run(arguments),
        Yardstick::Decode(arguments) => decode::run(arguments),
        Yardstick::Pipeline(arguments) => pipeline::run(arguments),
        Yardstick::Kafka(arguments) => kafka::run(arguments),
        Yardstick::Readme(arguments) => told::readme(arguments),
        Yardstick::Report(arguments) => told::report(arguments),
    }
}

impl Yardstick {
    /// Opens the page that is to be written, so that a path that cannot be written is told before
    /// minutes of work. What is there stays until there are results.
    fn open_page(&self) -> anyhow::Result<()> {
        let told = match self {
            Self::Match(arguments) => &arguments.told,
            Self::Decode(arguments) => &arguments.told,
            Self::Pipeline(arguments) => &arguments.told,
            Self::Kafka(arguments) => &arguments.told,
            Self::Readme(_) | Self::Report(_) => return Ok(()),
        };
        if let Some(path) = &told.report {
            let mut opening = std::fs::OpenOptions::new();
            let opening = opening.create(true).append(true).open(path);
            opening.with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }
}

/// How results are told.
#[derive(clap::Args, Debug)]
struct Told {
    /// One JSON object (gannet.bench.v1) on standard output instead of a table.
    #[arg(long)]
    json: bool,

    /// Also a page with plots.
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,
}

/// The number of turns that `text` says.
fn turns(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(turns) if turns >= TURNS_MIN => Ok(turns),
        Ok(_) | Err(_) => Err(format!("give a whole number from {TURNS_MIN}")),
    }
}

/// A number above zero.
fn above_zero(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("give a whole number above 0".to_owned()),
        Ok(number) => Ok(number),
    }
}

/// A line of progress on standard error, drawn only on a terminal, that `work` writes.
fn with_progress<T>(work: impl FnOnce(&mut dyn FnMut(&str)) -> T) -> T {
    let bar: ProgressBar = terminal::progress(0, "{spinner} {elapsed:>3} {wide_msg}");
    let result = work(&mut |step| {
        bar.set_message(step.to_owned());
        bar.tick();
    });
    bar.finish_and_clear();
    result
}

/// Tells results, of a run that started at `started`, as `told` says.
fn tell(told: &Told, started: Instant, results: Vec<ResultRow>) -> Outcome {
    let mut report = BenchReport::new(machine(), command(), started.elapsed(), results);
    report.peak_rss_bytes = Some(terminal::peak_rss_bytes()).filter(|bytes| *bytes > 0);
    if let Some(path) = &told.report {
        told::write_page(path, std::slice::from_ref(&report))?;
    }
    if told.json {
        terminal::print_json(&serde_json::to_value(&report)?)?;
    } else {
        terminal::print(&table::as_text(&report))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The command that is running, as it can be written again: the program by its name, whatever
/// its path.
fn command() -> String {
    let mut arguments = std::env::args();
    let program = PathBuf::from(arguments.next().unwrap_or_default());
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    std::iter::once(name.into_owned())
        .chain(arguments)
        .map(|word| quoted(&word))
        .collect::<Vec<_>>()
        .join(" ")
}

/// A word as a shell reads it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=.,:/+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_a_shell_would_change_them() {
        for (word, expected) in [
            ("--sizes=1,2", "--sizes=1,2"),
            ("a b", "'a b'"),
            ("", "''"),
            ("it's", r"'it'\''s'"),
        ] {
            assert_eq!(quoted(word), expected);
        }
    }

    #[test]
    fn numbers_that_cannot_be_meant_are_refused() {
        assert_eq!(turns("3"), Ok(3));
        for text in ["2", "0", "-1", "x", ""] {
            assert!(turns(text).is_err(), "{text}");
        }
        assert!(above_zero("0").is_err() && above_zero("1") == Ok(1));
    }
}
