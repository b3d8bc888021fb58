//! From text to published snapshot: how long a plain feed of many domains takes, and how much
//! memory a domain takes at the peak of the load and afterwards, with everything that a daemon
//! keeps of it (tables, catalog, feed).
//!
//! The feed is made in a temporary directory: names that nobody can register, about 23 bytes a
//! row. Every measurement is a process of its own, so that none meets the memory of another: it
//! loads the feed as the daemon does, publishes the snapshot, and checks what it finds: the count,
//! a sample of the names and of names below them, and names that are not listed. The runs with
//! one thread and with all take turns; figures are the median. `cpu s` is the time of all threads on
//! a processor, which tells more than `seconds` where others use the machine. Memory is what the
//! system counts as resident, against that of the process before it loads.
//!
//! `cargo bench --bench load`, or with sizes of your own: `cargo bench --bench load -- 1000000`.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, ensure};
use gannet::config::FeedConfig;
use gannet::feeds::{load_on, threads};
use gannet::matching::NameProbe;
use gannet::model::{FeedFormat, Role};
use gannet::snapshot::{BuildOptions, Publisher};

/// How many domains, where the command line does not say.
const SIZES: [usize; 2] = [100_000, 1_000_000];

/// Turns of each number of threads; the median counts.
const TURNS: usize = 3;

/// The word that makes this program take one measurement: then the file, its domains, the threads.
const MEASURE: &str = "measure";

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [MEASURE, path, size, threads] =
        [0, 1, 2, 3].map(|place| arguments.get(place).map_or("", String::as_str))
    {
        return measure(Path::new(path), size.parse()?, threads.parse()?);
    }
    let asked: Vec<usize> = arguments
        .iter()
        .filter_map(|argument| argument.parse().ok())
        .collect();
    println!(
        "{:>9} {:>8} {:>8} {:>8} {:>12} {:>8} {:>8}",
        "domains", "threads", "seconds", "cpu s", "domains/s", "B peak", "B rest"
    );
    let directory = tempfile::tempdir()?;
    for size in if asked.is_empty() { &SIZES[..] } else { &asked } {
        let path = directory.path().join("domains.txt");
        write_feed(&path, *size)?;
        compare(&path, *size)?;
        fs::remove_file(&path)?;
    }
    Ok(())
}

/// Measures one thread and all threads in turns, and prints a line for each.
fn compare(path: &Path, size: usize) -> anyhow::Result<()> {
    let mut numbers = vec![1, threads().max(2)];
    numbers.dedup();
    let mut found: Vec<Vec<[f64; 4]>> = vec![Vec::new(); numbers.len()];
    for _ in 0..TURNS {
        for (&threads, found) in numbers.iter().zip(&mut found) {
            let output = Command::new(std::env::current_exe()?)
                .args([MEASURE.as_ref(), path.as_os_str()])
                .args([size.to_string(), threads.to_string()])
                .output()?;
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            let errors = String::from_utf8_lossy(&output.stderr).into_owned();
            ensure!(output.status.success(), "{threads} threads: {errors}");
            let figures: Vec<f64> = text
                .split_whitespace()
                .filter_map(|figure| figure.parse().ok())
                .collect();
            found.push(figures.try_into().ok().context("no figures")?);
        }
    }
    for (threads, found) in numbers.iter().zip(&found) {
        let [seconds, cpu, peak, rest] = [0, 1, 2, 3].map(|figure| {
            let mut sorted: Vec<f64> = found.iter().map(|figures| figures[figure]).collect();
            sorted.sort_by(f64::total_cmp);
            sorted[sorted.len() / 2]
        });
        println!(
            "{size:>9} {threads:>8} {seconds:>8.3} {cpu:>8.2} {:>12.0} {:>8.1} {:>8.1}",
            size as f64 / seconds,
            peak / size as f64,
            rest / size as f64,
        );
    }
    Ok(())
}

/// Loads the feed and prints seconds, seconds of processors, bytes at the peak and afterwards.
fn measure(path: &Path, size: usize, threads: usize) -> anyhow::Result<()> {
    let (before, cpu_before) = (memory("VmRSS:")?, cpu_seconds()?);
    let started = Instant::now();
    let loaded = load_on(threads, &[feed(path)], BuildOptions::default(), 1);
    let loaded = loaded.map_err(|errors| anyhow::anyhow!("{errors:?}"))?;
    let publisher = Publisher::new(loaded.snapshot);
    let (took, cpu) = (started.elapsed(), cpu_seconds()? - cpu_before);
    let (peak, rest) = (memory("VmHWM:")?, memory("VmRSS:")?);
    let snapshot = publisher.current();
    ensure!(snapshot.indicators() == size as u64, "domains were lost");
    ensure!(loaded.feeds[0].report.accepted == size as u64, "miscounted");
    for number in (0..size).step_by(size.div_ceil(10_000)) {
        let name = name(number);
        for (asked, expected) in [
            (name.clone(), NameProbe::Candidate),
            (format!("WWW.{name}."), NameProbe::Candidate),
            (format!("x{name}"), NameProbe::Miss),
            (name[1..].to_owned(), NameProbe::Miss),
        ] {
            ensure!(
                snapshot.probe_name(asked.as_bytes()) == expected,
                "wrong answer for {asked}"
            );
        }
        let lookup = snapshot.lookup(&name, None);
        ensure!(
            lookup.would_match && lookup.matches.len() == 1,
            "{name} is lost"
        );
    }
    let (took, peak, rest) = (took.as_secs_f64(), peak - before, rest - before);
    println!("{took} {cpu} {peak} {rest}");
    Ok(())
}

/// A figure of this process's memory, in bytes.
fn memory(label: &str) -> anyhow::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(label));
    let kilobytes = line.and_then(|line| line.split_whitespace().next());
    Ok(1024 * kilobytes.context("no such figure")?.parse::<u64>()?)
}

/// Seconds that this process was on a processor.
fn cpu_seconds() -> anyhow::Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // Behind the name, in which anything may stand, the two times are the 12th and 13th field.
    let (_, fields) = stat.rsplit_once(')').context("no name")?;
    let times = fields.split_whitespace().skip(11).take(2);
    let ticks: u64 = times.map(str::parse::<u64>).sum::<Result<u64, _>>()?;
    Ok(ticks as f64 / TICKS_PER_SECOND)
}

/// What the system counts in `/proc/self/stat`, on every machine of today.
const TICKS_PER_SECOND: f64 = 100.0;

/// The feed as a configuration would have it.
fn feed(path: &Path) -> FeedConfig {
    FeedConfig {
        malware: Some("demo".to_owned()),
        ..FeedConfig::new("domains", PathBuf::from(path), FeedFormat::Plain, Role::C2)
    }
}

/// Writes a plain feed.
fn write_feed(path: &Path, size: usize) -> anyhow::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    writeln!(file, "# {size} domains")?;
    for number in 0..size {
        writeln!(file, "{}", name(number))?;
    }
    file.flush()?;
    Ok(())
}

/// The domain with a number, unlike all others: `alpha-3f2.bravo.example`.
fn name(number: usize) -> String {
    let random = scramble(number as u64);
    let word = |shift: u32| WORDS[((random >> shift) % 16) as usize];
    let top = TOPS[((random >> 8) % 4) as usize];
    match (random >> 16) % 3 {
        0 => format!("{}-{number:x}.{top}", word(20)),
        1 => format!("{}{number:x}.{}.{top}", word(20), word(24)),
        _ => format!("{}.{}-{number:x}.{top}", word(20), word(24)),
    }
}

/// What names end in: nothing that could be registered.
const TOPS: [&str; 4] = ["example", "test", "invalid", "com.example"];

/// What names are made of.
const WORDS: [&str; 16] = [
    "api", "assets", "beacon", "bravo", "cloud", "delta", "edge", "login", "mail", "metrics",
    "portal", "secure", "static", "sync", "tracker", "update",
];

/// Spreads a number over all bits (splitmix64): the same names on every machine.
fn scramble(number: u64) -> u64 {
    let mut z = number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
