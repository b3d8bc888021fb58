//! `gannet feeds value`: what every feed is worth. An indicator that no other feed lists is what would
//! be missed without it; a hit that names no other feed is what would have been.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use serde::Deserialize;
use serde_json::json;

use super::{Options, load};
use crate::app;
use crate::cli::terminal::{self, thousands};
use crate::cli::{Outcome, load_config};
use crate::config::{Config, FeedConfig};
use crate::feeds::gate::{self, Passed};
use crate::feeds::{ParseOptions, parse};

/// The arguments of `gannet feeds value`.
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    options: Options,

    /// Hits as lines of JSON (`gannet.hit.v1`), as `scan` and consumers of the topic write them.
    #[arg(long, value_name = "FILE")]
    hits: Vec<PathBuf>,
}

/// What a feed is worth.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Worth {
    indicators: u64,
    /// Those that no other feed lists.
    unique: u64,
    /// Those that each other feed lists too, by its number.
    shared: BTreeMap<usize, u64>,
    hits: u64,
    /// Hits that name no other feed.
    only_its_hits: u64,
    /// The values that were hit.
    values_hit: BTreeSet<String>,
    last_hit: Option<String>,
}

/// What is looked at in a hit.
#[derive(Deserialize)]
struct HitLine {
    schema: String,
    event_time: String,
    #[serde(rename = "match")]
    matched: MatchLine,
    indicators: Vec<IndicatorLine>,
}

/// What was found.
#[derive(Deserialize)]
struct MatchLine {
    value: String,
}

/// Who lists it.
#[derive(Deserialize)]
struct IndicatorLine {
    feed: String,
}

/// Longest line of a file of hits, in bytes.
const LINE_BYTES_MAX: u64 = 4 << 20;

/// Says what every feed is worth.
pub(super) fn value(arguments: &Arguments) -> Outcome {
    let config = load_config(&arguments.options.config)?;
    let mut worth = compared(&lists(&config)?, config.feeds.len());
    let (mut read, mut no_hits) = (0, 0);
    for path in &arguments.hits {
        let numbers: BTreeMap<&str, usize> = config
            .feeds
            .iter()
            .enumerate()
            .map(|(number, feed)| (feed.name.as_str(), number))
            .collect();
        let (hits, others) = count_hits(path, &numbers, &mut worth)?;
        read += hits;
        no_hits += others;
    }
    let passed = load(&config)?.passed;
    let of = |feed: &FeedConfig| passed.iter().find(|passed| passed.name == feed.name);
    if arguments.options.json {
        let feeds = config.feeds.iter().zip(&worth);
        let feeds: Vec<serde_json::Value> = feeds
            .map(|(feed, worth)| as_json(&config, feed, worth, of(feed)))
            .collect();
        terminal::print_json(&json!({
            "schema": "gannet.feeds_value.v1", "feeds": feeds,
            "hits_read": read, "lines_that_are_no_hits": no_hits,
        }))?;
    } else {
        let mut rows: Vec<(&FeedConfig, &Worth)> = config.feeds.iter().zip(&worth).collect();
        rows.sort_by_key(|(_, worth)| std::cmp::Reverse(worth.unique));
        let mut text = String::new();
        for (feed, worth) in rows {
            as_text(&mut text, &config, feed, worth, of(feed))?;
        }
        if !arguments.hits.is_empty() {
            writeln!(
                text,
                "{} hits read, {} lines are no hits",
                thousands(read),
                thousands(no_hits)
            )?;
        }
        terminal::print(&text)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The values of all feeds, as the first half of a hash, each with the number of a feed that lists it.
fn lists(config: &Config) -> anyhow::Result<Vec<(u128, usize)>> {
    let mut all = Vec::new();
    for (number, feed) in config.feeds.iter().enumerate() {
        if !feed.path.exists() && feed.origin.place().is_some() {
            // It was not fetched yet.
            continue;
        }
        parse(&feed.path, &ParseOptions::of(feed), &mut |indicator| {
            let hash = blake3::hash(indicator.value.to_string().as_bytes());
            let first = hash.as_bytes().first_chunk().copied().unwrap_or_default();
            all.push((u128::from_le_bytes(first), number));
            Ok(())
        })
        .with_context(|| format!("feed `{}`", feed.name))?;
    }
    all.sort_unstable();
    all.dedup();
    Ok(all)
}

/// What of `feeds` feeds is unique and shared, by their values in order.
fn compared(all: &[(u128, usize)], feeds: usize) -> Vec<Worth> {
    let mut worth = vec![Worth::default(); feeds];
    for same in all.chunk_by(|(a, _), (b, _)| a == b) {
        for (_, one) in same {
            let Some(worth) = worth.get_mut(*one) else {
                continue;
            };
            worth.indicators += 1;
            worth.unique += u64::from(same.len() == 1);
            for (_, other) in same.iter().filter(|(_, other)| other != one) {
                *worth.shared.entry(*other).or_default() += 1;
            }
        }
    }
    worth
}

/// Counts the hits of a file; how many there are, and how many lines are none.
fn count_hits(
    path: &Path,
    numbers: &BTreeMap<&str, usize>,
    worth: &mut [Worth],
) -> anyhow::Result<(u64, u64)> {
    let cannot = || format!("cannot read hits from {}", path.display());
    let mut input = BufReader::new(File::open(path).with_context(cannot)?);
    let (mut hits, mut others, mut line) = (0, 0, Vec::new());
    loop {
        line.clear();
        let mut limited = input.by_ref().take(LINE_BYTES_MAX);
        if limited.read_until(b'\n', &mut line).with_context(cannot)? == 0 {
            return Ok((hits, others));
        }
        let hit = serde_json::from_slice::<HitLine>(&line).ok();
        let Some(hit) = hit.filter(|hit| hit.schema == "gannet.hit.v1") else {
            others += u64::from(!line.trim_ascii().is_empty());
            continue;
        };
        hits += 1;
        let feeds: BTreeSet<&str> = hit.indicators.iter().map(|one| one.feed.as_str()).collect();
        for feed in &feeds {
            let worth = numbers.get(feed).and_then(|number| worth.get_mut(*number));
            let Some(worth) = worth else {
                continue;
            };
            worth.hits += 1;
            worth.only_its_hits += u64::from(feeds.len() == 1);
            worth.values_hit.insert(hit.matched.value.clone());
            if worth
                .last_hit
                .as_ref()
                .is_none_or(|last| *last < hit.event_time)
            {
                worth.last_hit = Some(hit.event_time.clone());
            }
        }
    }
}

/// One feed for programs.
fn as_json(
    config: &Config,
    feed: &FeedConfig,
    worth: &Worth,
    passed: Option<&Passed>,
) -> serde_json::Value {
    let shared = worth.shared.iter().filter_map(|(number, count)| {
        let other = config.feeds.get(*number)?;
        Some(json!({"feed": other.name, "indicators": count}))
    });
    let age = passed.map(|passed| passed.age);
    json!({
        "name": feed.name,
        "indicators": worth.indicators,
        "unique": worth.unique,
        "shared": shared.collect::<Vec<_>>(),
        "dated": age.and_then(|age| age.dated).map(gate::written),
        "stale": age.is_some_and(|age| age.is_stale(app::now())),
        "hits": worth.hits,
        "hits_of_no_other": worth.only_its_hits,
        "values_hit": worth.values_hit.len(),
        "last_hit": worth.last_hit,
    })
}

/// One feed for people.
fn as_text(
    text: &mut String,
    config: &Config,
    feed: &FeedConfig,
    worth: &Worth,
    passed: Option<&Passed>,
) -> std::fmt::Result {
    let dated = passed.and_then(|passed| passed.age.dated);
    writeln!(
        text,
        "{}: {} of {} indicators are its own ({}){}",
        feed.name,
        thousands(worth.unique),
        thousands(worth.indicators),
        percent(worth.unique, worth.indicators),
        dated.map_or(String::new(), |at| format!("; of {}", gate::written(at))),
    )?;
    for (number, count) in &worth.shared {
        if let Some(other) = config.feeds.get(*number) {
            writeln!(
                text,
                "  {} ({}) stand in {} too",
                thousands(*count),
                percent(*count, worth.indicators),
                other.name
            )?;
        }
    }
    if worth.hits > 0 {
        writeln!(
            text,
            "  {} hits of {} values, {} of no other feed; the last at {}",
            thousands(worth.hits),
            thousands(worth.values_hit.len() as u64),
            thousands(worth.only_its_hits),
            worth.last_hit.as_deref().unwrap_or("an unknown time")
        )?;
    }
    Ok(())
}

/// A part of a whole, to a percent.
fn percent(part: u64, whole: u64) -> String {
    let whole = u128::from(whole.max(1));
    format!("{} %", u128::from(part) * 100 / whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_feed_lists_alone_is_its_own() {
        let mut all = vec![(1, 0), (2, 0), (3, 0), (2, 1), (3, 1), (3, 2)];
        all.sort_unstable();
        let worth = compared(&all, 4);
        let told: Vec<(u64, u64)> = worth
            .iter()
            .map(|one| (one.indicators, one.unique))
            .collect();
        assert_eq!(told, [(3, 1), (2, 0), (1, 0), (0, 0)]);
        assert_eq!(worth[0].shared, BTreeMap::from([(1, 2), (2, 1)]));
        assert_eq!(worth[2].shared, BTreeMap::from([(0, 1), (1, 1)]));
    }
}
