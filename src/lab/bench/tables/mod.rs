//! `bench match`: tables of names and of prefixes, ours and those of the crates that one would
//! use in their place, over the same indicators and the same questions.
//!
//! A table is built once for a size (three times and the median told where that is quick) and
//! asked with each share of misses. Questions are prepared in memory before anything is timed:
//! about a million different ones, tens of megabytes, so that the caches hold neither them nor
//! the tables; a turn takes the next part of them.

mod addresses;
mod domains;
mod names;
mod own;
mod prefixes;
mod questions;
mod texts;
mod trie;
mod words;

use std::time::Instant;

use super::harness::{BenchError, Contender, Settings, Step, TurnError, run};
use super::machine::{memory_available, refuse_beyond_memory};
use super::result::ResultRow;
use crate::model::Named;

use addresses::{AddressOracle, asked_addresses, listed_prefixes};
use domains::NameTables;
use names::{NameOracle, asked_names, listed_names};
use prefixes::PrefixTables;
use questions::{Expected, PARTS};

pub use own::{OwnData, OwnError};
pub use questions::PARTS as QUESTIONS_PARTS;

/// Someone who finds names or prefixes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TableEngine {
    /// Our tables, one question at a time.
    Gannet,
    /// Our table of names, many questions at a time.
    GannetBatched,
    /// Names: an automaton over all of them.
    AhoCorasick,
    /// Names: a hash set that is asked for each suffix.
    Hashbrown,
    /// Prefixes: the crate for sets of networks.
    Iprange,
    /// Prefixes: a binary trie without any cleverness.
    Trie,
}

impl Named for TableEngine {
    const ALL: &'static [Self] = &[
        Self::Gannet,
        Self::GannetBatched,
        Self::AhoCorasick,
        Self::Hashbrown,
        Self::Iprange,
        Self::Trie,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Gannet => "gannet",
            Self::GannetBatched => "gannet-batched",
            Self::AhoCorasick => "aho-corasick",
            Self::Hashbrown => "hashbrown",
            Self::Iprange => "iprange",
            Self::Trie => "trie",
        }
    }
}

impl TableEngine {
    /// What it can hold: names, prefixes.
    fn holds(self) -> (bool, bool) {
        match self {
            Self::Gannet => (true, true),
            Self::GannetBatched | Self::AhoCorasick | Self::Hashbrown => (true, false),
            Self::Iprange | Self::Trie => (false, true),
        }
    }
}

/// What is measured.
#[derive(Clone, Debug, PartialEq)]
pub struct TableOptions {
    /// Sizes of the tables of names.
    pub name_sizes: Vec<u32>,
    /// Sizes of the tables of prefixes.
    pub prefix_sizes: Vec<u32>,
    /// Who takes part; empty: all, but `aho-corasick` only up to [`AUTOMATON_NAMES_MAX`] names.
    pub engines: Vec<TableEngine>,
    /// Shares of questions that miss, each 0 to 1.
    pub miss_shares: Vec<f64>,
    /// Questions in a turn; there are [`PARTS`] times as many.
    pub ops: usize,
    /// Turns of each engine.
    pub settings: Settings,
    /// What names, prefixes and questions follow from.
    pub seed: u64,
}

/// Most names for which the automaton is built unless it is asked for: with more it takes
/// minutes and gigabytes.
pub const AUTOMATON_NAMES_MAX: u32 = 2_000_000;

/// Most indicators of a made table.
pub const SIZE_MAX: u32 = 100_000_000;

impl TableOptions {
    /// What a full run measures.
    pub fn full() -> Self {
        Self {
            name_sizes: vec![10_000, 100_000, 1_000_000, 10_000_000],
            prefix_sizes: vec![10_000, 100_000, 1_000_000],
            engines: Vec::new(),
            miss_shares: vec![0.999, 0.99, 0.5],
            ops: 500_000,
            settings: Settings {
                turns: 7,
                warmups: 1,
            },
            seed: 1,
        }
    }

    /// What fits into seconds: for a first look. Questions then fit into the caches.
    pub fn quick() -> Self {
        Self {
            name_sizes: vec![10_000, 100_000],
            prefix_sizes: vec![10_000, 100_000],
            ops: 50_000,
            settings: Settings {
                turns: 3,
                warmups: 1,
            },
            ..Self::full()
        }
    }

    /// Who takes part in a table of `size` names.
    fn name_engines(&self, size: u64) -> Vec<TableEngine> {
        let automaton = size <= AUTOMATON_NAMES_MAX.into() || !self.engines.is_empty();
        self.engines_that(|engine| {
            engine.holds().0 && (engine != TableEngine::AhoCorasick || automaton)
        })
    }

    /// Who takes part in a table of prefixes.
    fn prefix_engines(&self) -> Vec<TableEngine> {
        self.engines_that(|engine| engine.holds().1)
    }

    /// Those of the engines that were asked for, ours first.
    fn engines_that(&self, fits: impl Fn(TableEngine) -> bool) -> Vec<TableEngine> {
        let asked = |engine| self.engines.is_empty() || self.engines.contains(&engine);
        let all = TableEngine::ALL.iter().copied();
        all.filter(|&engine| asked(engine) && fits(engine))
            .collect()
    }
}

/// Measures tables of names, then tables of prefixes. With `own` data the operator's indicators
/// are the table and the operator's records the questions, each where there are some; what is
/// missing is made. `progress` is told what is being done.
///
/// # Errors
/// [`BenchError`] when an answer is wrong, an engine cannot hold the indicators, or memory does
/// not suffice (told before anything of that size is built).
pub fn measure_tables(
    options: &TableOptions,
    own: &OwnData,
    progress: &mut dyn FnMut(&str),
) -> Result<Vec<ResultRow>, BenchError> {
    let mut rows = Vec::new();
    let sizes = own.sizes(own.names.len(), &options.name_sizes);
    for size in sizes {
        rows.extend(domains(options, own, size, progress)?);
    }
    let sizes = own.sizes(own.prefixes.len(), &options.prefix_sizes);
    for size in sizes {
        rows.extend(networks(options, own, size, progress)?);
    }
    Ok(rows)
}

/// Tables of `size` names.
fn domains(
    options: &TableOptions,
    own: &OwnData,
    size: u32,
    progress: &mut dyn FnMut(&str),
) -> Result<Vec<ResultRow>, BenchError> {
    let engines = options.name_engines(size.into());
    if engines.is_empty() || own.lacks_questions(own.asked_names.len()) {
        return Ok(Vec::new());
    }
    let what = format!("{size} names");
    let progress = &mut |step: &str| progress(&format!("{what}: {step}"));
    refuse(&what, domains::bytes_needed(size, &engines), options.ops)?;
    progress("made");
    let made;
    let names = if own.names.is_empty() {
        made = listed_names(options.seed, size);
        &made
    } else {
        &own.names
    };
    let oracle = NameOracle::new(names);
    let tables = NameTables::build(names, &engines, progress)?;
    let mut rows = Vec::new();
    if !own.asked_names.is_empty() {
        let questions = names::expecting(own.asked_names.clone(), &oracle, options.ops);
        let mut contenders = tables.contenders(&questions);
        let facts = (&tables.built[..], size, &questions.expected);
        return told("domains", options, &mut contenders, facts, progress);
    }
    for &miss_share in &options.miss_shares {
        progress(&format!("questions, {} % misses", miss_share * 100.0));
        let questions = asked_names(options.seed, names, &oracle, options.ops, miss_share);
        let mut contenders = tables.contenders(&questions);
        let facts = (&tables.built[..], size, &questions.expected);
        rows.extend(told("domains", options, &mut contenders, facts, progress)?);
    }
    Ok(rows)
}

/// Tables of `size` prefixes.
fn networks(
    options: &TableOptions,
    own: &OwnData,
    size: u32,
    progress: &mut dyn FnMut(&str),
) -> Result<Vec<ResultRow>, BenchError> {
    let engines = options.prefix_engines();
    if engines.is_empty() || own.lacks_questions(own.asked_addresses.len()) {
        return Ok(Vec::new());
    }
    let what = format!("{size} prefixes");
    let progress = &mut |step: &str| progress(&format!("{what}: {step}"));
    refuse(&what, prefixes::bytes_needed(size, &engines), options.ops)?;
    progress("made");
    let made;
    let (nets, texts) = if own.prefixes.is_empty() {
        made = listed_prefixes(options.seed, size);
        (&made.0, &made.1)
    } else {
        (&own.prefixes, &own.prefix_texts)
    };
    let oracle = AddressOracle::new(nets);
    let tables = PrefixTables::build(texts, &engines, progress)?;
    let mut rows = Vec::new();
    if !own.asked_addresses.is_empty() {
        let asked = own.asked_addresses.clone();
        let questions = addresses::expecting(asked, &oracle, options.ops);
        let mut contenders = tables.contenders(&questions);
        let facts = (&tables.built[..], size, &questions.expected);
        return told("prefixes", options, &mut contenders, facts, progress);
    }
    for &miss_share in &options.miss_shares {
        progress(&format!("questions, {} % misses", miss_share * 100.0));
        let questions = asked_addresses(options.seed, nets, &oracle, options.ops, miss_share);
        let mut contenders = tables.contenders(&questions);
        let facts = (&tables.built[..], size, &questions.expected);
        rows.extend(told("prefixes", options, &mut contenders, facts, progress)?);
    }
    Ok(rows)
}

/// What is known of a workload before it is run: what was built, how much is listed, and what
/// is right.
type Facts<'w> = (&'w [(TableEngine, Built)], u32, &'w Expected);

/// Runs contenders and makes a row of each.
fn told(
    bench: &str,
    options: &TableOptions,
    contenders: &mut [Contender<'_>],
    (built, size, expected): Facts<'_>,
    progress: &mut dyn FnMut(&str),
) -> Result<Vec<ResultRow>, BenchError> {
    let misses = expected.miss_share() * 100.0;
    let measured = run(contenders, options.settings, &mut |engine, step| {
        let doing = match step {
            Step::Check => "is checked".to_owned(),
            Step::Warmup(_) => "warms up".to_owned(),
            Step::Turn(turn) => format!("turn {}", turn + 1),
        };
        progress(&format!("{misses:.1} % misses, {engine} {doing}"));
    })?;
    let first = measured.first().map_or("", |first| first.engine.as_str());
    let row = |(measured, (_, built)): (_, &(TableEngine, Built))| ResultRow {
        size: Some(size.into()),
        miss_share: Some(expected.miss_share()),
        questions: Some(expected.different()),
        threads: Some(1),
        build_seconds: Some(built.seconds),
        bytes_per_indicator: Some(built.bytes as f64 / f64::from(size.max(1))),
        ..ResultRow::of(bench, measured, first)
    };
    Ok(measured.iter().zip(built).map(row).collect())
}

/// What it took to build a table.
#[derive(Clone, Copy, Debug, Default)]
struct Built {
    /// From the list of texts to the finished table, in seconds.
    seconds: f64,
    /// What the table says of itself, or what is known of its parts.
    bytes: u64,
}

/// Builds a table of `count` indicators, several times if that is quick, and weighs it.
fn built<T>(
    engine: TableEngine,
    count: usize,
    mut build: impl FnMut() -> Result<T, TurnError>,
    bytes: impl FnOnce(&T) -> usize,
) -> Result<(T, Built), BenchError> {
    let mut timed = || {
        let started = Instant::now();
        let table = build().map_err(|source| BenchError::Build {
            what: format!("the table of {} over {count} indicators", engine.as_str()),
            source,
        })?;
        Ok((table, started.elapsed().as_secs_f64()))
    };
    let (mut table, first) = timed()?;
    let mut seconds = vec![first];
    for _ in 1..if count <= QUICKLY_BUILT { 3 } else { 1 } {
        let (again, took) = timed()?;
        table = again;
        seconds.push(took);
    }
    let bytes = bytes(&table) as u64;
    let built = Built {
        seconds: super::harness::median(seconds),
        bytes,
    };
    Ok((table, built))
}

/// Most indicators of a table that is built three times.
const QUICKLY_BUILT: usize = 100_000;

/// Refuses what does not fit into memory: tables that need `bytes`, and questions of which a turn
/// has `ops`, with the set that counts different ones.
fn refuse(what: &str, bytes: u64, ops: usize) -> Result<(), BenchError> {
    let questions = (ops as u64).saturating_mul(PARTS as u64 * 120);
    let needed = bytes.saturating_add(questions).saturating_add(64 << 20);
    refuse_beyond_memory(&format!("a run over {what}"), needed, memory_available())
}

#[cfg(test)]
mod tests;
