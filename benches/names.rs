//! The two name engines side by side: build time, memory, and a probe of a name that is listed
//! nowhere and of one that is. Every answer is compared with a hash set of suffixes before a
//! time is taken; the engines run in turns, so that whatever else the machine does meets both.
//!
//! `cargo bench --bench names`, or with sizes of your own:
//! `cargo bench --bench names -- 1000000`.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::collections::HashMap;
use std::hint::black_box;
use std::ops::Range;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use gannet::matching::{HashKey, KeyId, NameProbe, NameTable, NameTableBuilder};
use gannet::model::{DomainName, NAME_LEN_MAX, NameEngine, Named, Scope};

/// How many names are listed, where the command line does not say.
const SIZES: [usize; 2] = [10_000, 100_000];

/// Different names of each kind that are probed in one turn.
const QUESTIONS: usize = 1 << 16;

/// Turns of each engine; the median counts.
const TURNS: usize = 11;

/// Builds of each engine; the median counts.
const BUILDS: usize = 3;

/// What is measured of one engine.
struct Figures {
    /// Median time of a build.
    build: Duration,
    /// Memory, keys included, for each listed name.
    bytes_per_indicator: f64,
    /// Nanoseconds of a probe in every turn: misses and hits.
    probes: [Vec<f64>; 2],
}

fn main() -> anyhow::Result<()> {
    let asked: Vec<usize> = std::env::args()
        .skip(1)
        .filter_map(|argument| argument.parse().ok())
        .collect();
    println!(
        "{:>9} {:<12} {:>9} {:>12} {:>9} {:>9}",
        "names", "engine", "build s", "B/indicator", "miss ns", "hit ns"
    );
    for size in if asked.is_empty() { &SIZES[..] } else { &asked } {
        measure(*size)?;
    }
    Ok(())
}

/// Measures all engines on `size` names and prints a line for each, then their ratios.
fn measure(size: usize) -> anyhow::Result<()> {
    let mut random = Random(7);
    let listed: Vec<String> = (0..size).map(|n| listed_name(&mut random, n)).collect();
    let misses = Questions::new((0..QUESTIONS).map(|n| benign_name(&mut random, n)));
    let hits = Questions::new((0..QUESTIONS).map(|n| {
        let name = &listed[random.below(listed.len())];
        if n % 4 == 0 {
            name.clone()
        } else {
            format!("{}.{name}", random.word())
        }
    }));
    let mut figures = Vec::new();
    let mut tables = Vec::new();
    for &engine in NameEngine::ALL {
        let mut builds = Vec::new();
        let mut table = build(&listed, engine)?;
        for _ in 0..BUILDS {
            let started = Instant::now();
            table = build(&listed, engine)?;
            builds.push(started.elapsed());
        }
        builds.sort();
        check(&table, &listed, &misses, &hits).context(engine.as_str())?;
        figures.push(Figures {
            build: builds[BUILDS / 2],
            bytes_per_indicator: table.bytes() as f64 / size as f64,
            probes: [Vec::new(), Vec::new()],
        });
        tables.push(table);
    }
    for _ in 0..TURNS {
        for (table, figures) in tables.iter().zip(&mut figures) {
            for (times, questions) in figures.probes.iter_mut().zip([&misses, &hits]) {
                times.push(ns_per_probe(table, questions));
            }
        }
    }
    for (engine, figures) in NameEngine::ALL.iter().zip(&figures) {
        println!(
            "{size:>9} {:<12} {:>9.3} {:>12.1} {:>9.1} {:>9.1}",
            engine.as_str(),
            figures.build.as_secs_f64(),
            figures.bytes_per_indicator,
            median(&figures.probes[0]),
            median(&figures.probes[1]),
        );
    }
    if let [first, others @ ..] = &figures[..] {
        for other in others {
            println!(
                "{:>9} {:<12} {:>8.1}x {:>11.1}x {:>8.1}x {:>8.1}x",
                "",
                format!("/ {}", NameEngine::ALL[0].as_str()),
                other.build.as_secs_f64() / first.build.as_secs_f64(),
                other.bytes_per_indicator / first.bytes_per_indicator,
                ratio(&other.probes[0], &first.probes[0]),
                ratio(&other.probes[1], &first.probes[1]),
            );
        }
    }
    Ok(())
}

/// A table of `listed`, each with all names below it.
fn build(listed: &[String], engine: NameEngine) -> anyhow::Result<NameTable> {
    let mut builder = NameTableBuilder::new(HashKey::new(1, 2));
    let mut scratch = [0; NAME_LEN_MAX];
    for name in listed {
        builder.insert(
            DomainName::parse(name.as_bytes(), &mut scratch)?,
            Scope::Subtree,
        )?;
    }
    Ok(builder.build(engine)?)
}

/// Compares every answer with a hash map that is asked for every suffix of the name.
fn check(
    table: &NameTable,
    listed: &[String],
    misses: &Questions,
    hits: &Questions,
) -> anyhow::Result<()> {
    let oracle: HashMap<&str, usize> = listed.iter().map(String::as_str).zip(0..).collect();
    ensure!(oracle.len() == listed.len(), "a name is listed twice");
    ensure!(table.keys().len() == listed.len(), "names were lost");
    let mut scratch = [0; NAME_LEN_MAX];
    for (questions, expected) in [(misses, NameProbe::Miss), (hits, NameProbe::Candidate)] {
        for name in questions.iter() {
            ensure!(
                table.probe(name) == expected,
                "wrong probe of {}",
                lossy(name)
            );
            let name = DomainName::parse(name, &mut scratch)?;
            let mut found: Vec<KeyId> = Vec::new();
            table.covering(name, &mut found);
            let found: Vec<usize> = found.into_iter().map(KeyId::index).collect();
            let wanted: Vec<usize> = name
                .suffixes()
                .filter_map(|suffix| oracle.get(suffix).copied())
                .collect();
            ensure!(found == wanted, "wrong keys of {}", name.as_str());
        }
    }
    Ok(())
}

/// The time of one probe, over all questions once.
fn ns_per_probe(table: &NameTable, questions: &Questions) -> f64 {
    let started = Instant::now();
    let mut candidates = 0_usize;
    for name in questions.iter() {
        candidates += usize::from(black_box(table).probe(name) == NameProbe::Candidate);
    }
    black_box(candidates);
    started.elapsed().as_nanos() as f64 / questions.ends.len() as f64
}

/// The median of times.
fn median(times: &[f64]) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// The median of the ratios of turns that followed each other.
fn ratio(other: &[f64], first: &[f64]) -> f64 {
    let ratios: Vec<f64> = other.iter().zip(first).map(|(a, b)| a / b).collect();
    median(&ratios)
}

/// Names in one block of bytes, as they lie in records.
struct Questions {
    text: Vec<u8>,
    ends: Vec<Range<usize>>,
}

impl Questions {
    fn new(names: impl Iterator<Item = String>) -> Self {
        let (mut text, mut ends) = (Vec::new(), Vec::new());
        for name in names {
            let start = text.len();
            text.extend_from_slice(name.as_bytes());
            ends.push(start..text.len());
        }
        Self { text, ends }
    }

    fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.ends.iter().map(|range| &self.text[range.clone()])
    }
}

/// A listed name, unlike all others: `alpha-3f2.bravo.example`.
fn listed_name(random: &mut Random, number: usize) -> String {
    let top = TOPS[random.below(TOPS.len())];
    match random.below(3) {
        0 => format!("{}-{number:x}.{top}", random.word()),
        1 => format!("{}{number:x}.{}.{top}", random.word(), random.word()),
        _ => format!("{}.{}-{number:x}.{top}", random.word(), random.word()),
    }
}

/// A name that is listed nowhere, under the same tops and of the same words.
fn benign_name(random: &mut Random, number: usize) -> String {
    let top = TOPS[random.below(TOPS.len())];
    let site = format!("{}-site{number}", random.word());
    match random.below(4) {
        0 => format!("{site}.{top}"),
        1 => format!("www.{site}.{top}"),
        2 => format!("{}-{}.cdn.{site}.{top}", random.word(), random.below(100)),
        _ => format!("{}.{site}.{top}", random.word()),
    }
}

/// What names end in: nothing that could be registered.
const TOPS: [&str; 4] = ["example", "test", "invalid", "com.example"];

/// What names are made of.
const WORDS: [&str; 16] = [
    "api", "assets", "beacon", "bravo", "cloud", "delta", "edge", "login", "mail", "metrics",
    "portal", "secure", "static", "sync", "tracker", "update",
];

/// A small generator (splitmix64): the same names on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `limit`.
    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).unwrap_or_default()
    }

    fn word(&mut self) -> &'static str {
        WORDS[self.below(WORDS.len())]
    }
}

fn lossy(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}
