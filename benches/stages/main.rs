//! What an event costs at each stage of the data path, in time and in instructions.
//!
//! `cargo bench --bench stages` checks every stage's answer, prints its time, and holds its
//! instructions against `benches/instructions.toml`: more than 5 % more of them fail. Times vary
//! with whatever else the machine does; instructions, as callgrind counts them, do not.
//!
//! - `cargo bench --bench stages -- --times` only times,
//! - `cargo bench --bench stages -- --instructions` only counts and compares,
//! - `cargo bench --bench stages -- --update` counts and rewrites the baseline,
//! - a further word chooses the stages whose names hold it.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

mod corpus;
mod figures;
mod path;
mod stages;
mod valgrind;

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use figures::{Baseline, Figures, MadeBy, compare, table};
use stages::{Pass, Stage};

/// The committed figures.
const BASELINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/instructions.toml");

/// How long a stage is timed.
const TIMED: Duration = Duration::from_millis(300);

/// Turns into which that is cut; the median counts.
const TURNS: u32 = 11;

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let given = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let words: Vec<&str> = arguments
        .iter()
        .map(String::as_str)
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    if given(valgrind::COUNTED) {
        run_counted(words.first().context("which stage?")?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let chosen: Vec<Stage> = stages::all()
        .into_iter()
        .filter(|stage| words.iter().all(|word| stage.name.contains(word)))
        .collect();
    ensure!(!chosen.is_empty(), "no stage is called {words:?}");
    if !given("--instructions") && !given("--update") {
        time(&chosen)?;
    }
    if given("--times") {
        return Ok(ExitCode::SUCCESS);
    }
    let Some(valgrind) = valgrind::version() else {
        println!("skipped: valgrind is not installed, so no instructions were counted");
        return Ok(ExitCode::SUCCESS);
    };
    let now = Baseline {
        made_by: MadeBy {
            rustc: rustc_version()?,
            target: format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
            valgrind,
        },
        instructions: count(&chosen)?,
    };
    if given("--update") {
        update(&now, words.is_empty())?;
        Ok(ExitCode::SUCCESS)
    } else {
        judge(&now, &words)
    }
}

/// Prints the time of every stage.
fn time(stages: &[Stage]) -> anyhow::Result<()> {
    println!("{:<24} {:>12} {:>12}", "time an event", "ns", "events/s");
    for stage in stages {
        let mut pass = stage.prepare()?;
        let nanos = nanos_per_event(&mut pass)?;
        println!("{:<24} {nanos:>12.1} {:>12.0}", stage.name, 1e9 / nanos);
    }
    Ok(())
}

/// The median time of an event.
fn nanos_per_event(pass: &mut Pass) -> anyhow::Result<f64> {
    let started = Instant::now();
    pass.checked()?;
    let once = started.elapsed().max(Duration::from_nanos(1));
    let passes = (TIMED / TURNS).as_nanos() / once.as_nanos() + 1;
    let mut turns = Vec::new();
    for _ in 0..TURNS {
        let started = Instant::now();
        for _ in 0..passes {
            pass.checked()?;
        }
        turns.push(started.elapsed().as_secs_f64());
    }
    turns.sort_by(f64::total_cmp);
    let median = turns[turns.len() / 2];
    Ok(median * 1e9 / passes as f64 / pass.events as f64)
}

/// Counts the instructions of every stage, each in a process of its own.
fn count(stages: &[Stage]) -> anyhow::Result<Figures> {
    let mut figures = Figures::new();
    for stage in stages {
        let counted = valgrind::count(&stage.name)
            .with_context(|| format!("cannot count instructions of {}", stage.name))?;
        figures.insert(stage.name.clone(), counted);
    }
    Ok(figures)
}

/// What valgrind runs: one stage, warmed by one pass, then those that count.
fn run_counted(name: &str) -> anyhow::Result<()> {
    let stage = stages::all()
        .into_iter()
        .find(|stage| stage.name == name)
        .with_context(|| format!("no stage is called {name}"))?;
    let mut pass = stage.prepare()?;
    pass.checked()?;
    ensure!(stages::counted(&mut pass), "{name} gives another answer");
    println!("{} {}", valgrind::EVENTS, pass.events * pass.runs);
    Ok(())
}

/// Rewrites the baseline; figures of a part of the stages replace only theirs.
fn update(now: &Baseline, all: bool) -> anyhow::Result<()> {
    let mut written = now.clone();
    if !all {
        let mut kept = read_baseline()?;
        ensure!(
            kept.made_by.comparable(&now.made_by),
            "made by another compiler: rewrite all figures, not a part of them"
        );
        kept.instructions.append(&mut written.instructions);
        written.instructions = kept.instructions;
    }
    std::fs::write(BASELINE, written.to_text()).context(BASELINE)?;
    println!("wrote {} figures to {BASELINE}", written.instructions.len());
    Ok(())
}

/// Prints the comparison with the baseline; fails if a stage became slower.
fn judge(now: &Baseline, words: &[&str]) -> anyhow::Result<ExitCode> {
    let mut before = read_baseline()?;
    let chosen = |stage: &String| words.iter().all(|word| stage.contains(word));
    before.instructions.retain(|stage, _| chosen(stage));
    let lines = compare(&before.instructions, &now.instructions);
    println!("{}", table(&lines));
    if before.made_by.valgrind != now.made_by.valgrind {
        let (then, now) = (&before.made_by.valgrind, &now.made_by.valgrind);
        println!("the baseline was counted by {then}, this by {now}");
    }
    if !before.made_by.comparable(&now.made_by) {
        println!(
            "not judged: the baseline was made by {} for {}, this by {} for {}; \
             rewrite it with --update",
            before.made_by.rustc, before.made_by.target, now.made_by.rustc, now.made_by.target
        );
        return Ok(ExitCode::SUCCESS);
    }
    if !lines.iter().any(|line| line.verdict.fails()) {
        return Ok(ExitCode::SUCCESS);
    }
    println!(
        "failed: a stage needs over {} % more instructions than its baseline, or one of the two \
         is missing; if that is meant: cargo bench --bench stages -- --update",
        100.0 * figures::SLACK
    );
    Ok(ExitCode::FAILURE)
}

/// The committed figures.
fn read_baseline() -> anyhow::Result<Baseline> {
    let path = Path::new(BASELINE);
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {BASELINE}"))?;
    Baseline::parse(&text)
}

/// The compiler that cargo uses, as it tells its version.
fn rustc_version() -> anyhow::Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let told = std::process::Command::new(rustc)
        .arg("--version")
        .output()
        .context("cannot ask rustc for its version")?;
    Ok(String::from_utf8_lossy(&told.stdout).trim().to_owned())
}
