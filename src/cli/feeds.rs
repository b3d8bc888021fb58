//! `gannet feeds`: what the feeds of a configuration hold, what has changed since their last good
//! copies, what is held back and why, and an operator's word on it.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;
use serde_json::json;

use super::feed_options::all_of;
use super::terminal::{self, thousands};
use super::{FAILED, Outcome, Usage, load_config};
use crate::app;
use crate::config::{Config, FeedConfig};
use crate::feeds::gate::{self, Gated, Store, Version};
use crate::feeds::{LoadedFeed, ParseOptions, parse};
use crate::model::{IndicatorValue, Named, Scope};

/// The arguments of `gannet feeds`.
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

/// What to do.
#[derive(Subcommand)]
enum Action {
    /// Says of every feed which version passes the gate, and what of it is accepted and refused.
    List(Options),
    /// Fetches every feed that comes from a server, as the daemon would; what is new is looked at by
    /// the daemon's next load.
    Fetch(Options),
    /// Says what every feed would add and remove, against its last good copy.
    Diff(Options),
    /// What was held back as a whole.
    Quarantine {
        #[command(subcommand)]
        action: Quarantine,
    },
}

/// What to do with what was held back.
#[derive(Subcommand)]
enum Quarantine {
    /// Says what is held back, and why.
    List(Options),
    /// Lets what is held back of a feed pass at the next load, once.
    Accept {
        /// The feed.
        feed: String,

        /// Why it is right; goes into the record.
        #[arg(long, value_name = "TEXT")]
        reason: String,

        #[command(flatten)]
        options: Options,
    },
    /// Forgets what is held back of a feed.
    Drop {
        /// The feed.
        feed: String,

        #[command(flatten)]
        options: Options,
    },
}

/// What all take.
#[derive(clap::Args)]
struct Options {
    /// The configuration.
    #[arg(short, long, value_name = "FILE")]
    config: PathBuf,

    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// Most values that are shown of a difference.
const SHOWN_MAX: usize = 10;

/// Does what is asked.
pub(super) fn run(arguments: &Arguments) -> Outcome {
    match &arguments.action {
        Action::List(options) => list(options),
        Action::Fetch(options) => fetch(options),
        Action::Diff(options) => diff(options),
        Action::Quarantine { action } => match action {
            Quarantine::List(options) => held(options),
            Quarantine::Accept {
                feed,
                reason,
                options,
            } => accept(feed, reason, options),
            Quarantine::Drop { feed, options } => drop_held(feed, options),
        },
    }
}

/// Lists all feeds; exits 1 when one is held back.
fn list(options: &Options) -> Outcome {
    let config = load_config(&options.config)?;
    let gated = load(&config)?;
    let mut any_held = false;
    let (mut text, mut objects) = (String::new(), Vec::new());
    for feed in &config.feeds {
        let mut all = gated.passed.iter().zip(&gated.loaded.feeds);
        let Some((passed, loaded)) = all.find(|(passed, _)| passed.name == feed.name) else {
            writeln!(
                text,
                "{} ({}): not fetched yet",
                feed.name,
                feed.format.as_str()
            )?;
            objects.push(json!({"name": feed.name, "state": "missing"}));
            continue;
        };
        let (state, reason) = match &passed.version {
            Version::Current => ("current", None),
            Version::LastGood { reason, .. } => ("held", Some(reason)),
        };
        any_held |= reason.is_some();
        objects.push(app::feed_json(feed, loaded, passed));
        as_text(&mut text, feed, loaded, state, reason)?;
        if let Some(from) = passed
            .age
            .stale_from
            .filter(|_| passed.age.is_stale(app::now()))
        {
            writeln!(text, "  stale since {}", gate::written(from))?;
        }
        if !passed.same_as.is_empty() {
            writeln!(text, "  lists the same as {}", passed.same_as.join(", "))?;
        }
    }
    let snapshot = &gated.loaded.snapshot;
    if options.json {
        terminal::print_json(&json!({
            "schema": "gannet.feeds.v1",
            "feeds": objects,
            "indicators": snapshot.indicators(),
            "allow_rules": snapshot.allow_rules(),
            "snapshot": {"hash": snapshot.hash()},
        }))?;
    } else {
        writeln!(
            text,
            "{} indicators, {} allow rules",
            thousands(snapshot.indicators()),
            thousands(snapshot.allow_rules())
        )?;
        terminal::print(&text)?;
    }
    Ok(if any_held {
        ExitCode::from(FAILED)
    } else {
        ExitCode::SUCCESS
    })
}

/// Fetches what comes from servers; exits 1 when something cannot be fetched.
fn fetch(options: &Options) -> Outcome {
    let config = load_config(&options.config)?;
    let (mut text, mut objects, mut failed) = (String::new(), Vec::new(), false);
    for feed in &config.feeds {
        let Some(fetched) = app::fetch(feed) else {
            continue;
        };
        let (state, error) = match fetched {
            Ok(app::Fetched::New) => ("new", None),
            Ok(app::Fetched::Unchanged) => ("unchanged", None),
            Err(failure) => ("failed", Some(failure.what)),
        };
        failed |= error.is_some();
        let from = feed.origin.place().unwrap_or_default();
        let why = error
            .as_ref()
            .map_or(String::new(), |error| format!(": {error}"));
        writeln!(text, "{} ({from}): {state}{why}", feed.name)?;
        objects.push(json!({
            "name": feed.name, "from": from, "state": state, "error": error,
            "path": feed.path.display().to_string(),
        }));
    }
    if options.json {
        terminal::print_json(&json!({"schema": "gannet.feeds_fetch.v1", "feeds": objects}))?;
    } else if text.is_empty() {
        terminal::print("no feed comes from a server\n")?;
    } else {
        terminal::print(&text)?;
    }
    Ok(if failed {
        ExitCode::from(FAILED)
    } else {
        ExitCode::SUCCESS
    })
}

/// Loads the feeds as the daemon would, without keeping copies.
fn load(config: &Config) -> anyhow::Result<Gated> {
    let options = gate::build_options(config)?;
    let store = gate::store_to_look_at(&config.gate);
    let feeds = gate::at_hand(&config.feeds, store.as_ref());
    gate::load_gated(&feeds, store.as_ref(), &options, app::now()).map_err(|errors| all_of(&errors))
}

/// One feed for people.
fn as_text(
    text: &mut String,
    feed: &FeedConfig,
    loaded: &LoadedFeed,
    state: &str,
    reason: Option<&String>,
) -> std::fmt::Result {
    let report = &loaded.report;
    writeln!(
        text,
        "{} ({}, {}): {state}; {} rows, {} accepted, {} refused, {} ignored, {} indicators{}",
        feed.name,
        report.guessed.unwrap_or(feed.format).as_str(),
        feed.role.as_str(),
        thousands(report.rows),
        thousands(report.accepted),
        thousands(report.refused_total()),
        thousands(report.ignored),
        thousands(report.indicators),
        app::changed(&feed.path).map_or(String::new(), |at| format!(", changed {at}")),
    )?;
    if let Some(reason) = reason {
        writeln!(text, "  held back: {reason}")?;
    }
    for (reason, count) in &report.refused {
        let sample = report.samples.iter().find(|row| row.reason == *reason);
        let sample = sample.map_or(String::new(), |row| format!(", such as `{}`", row.text));
        writeln!(text, "  refused {reason}: {}{sample}", thousands(*count))?;
    }
    Ok(())
}

/// Says what every feed would add and remove.
fn diff(options: &Options) -> Outcome {
    let config = load_config(&options.config)?;
    let store = store(&config)?;
    let (mut text, mut objects) = (String::new(), Vec::new());
    for feed in &config.feeds {
        let now = values(feed, &feed.path)?;
        let copy = store.good(&feed.name)?;
        let before = copy.map_or(Ok(BTreeSet::new()), |copy| values(feed, &copy.path))?;
        let added: Vec<&String> = now.difference(&before).collect();
        let removed: Vec<&String> = before.difference(&now).collect();
        objects.push(json!({
            "name": feed.name,
            "added": added.len(),
            "removed": removed.len(),
            "unchanged": now.len() - added.len(),
            "added_samples": added.iter().take(SHOWN_MAX).collect::<Vec<_>>(),
            "removed_samples": removed.iter().take(SHOWN_MAX).collect::<Vec<_>>(),
        }));
        writeln!(
            text,
            "{}: {} added, {} removed, {} unchanged",
            feed.name,
            thousands(added.len() as u64),
            thousands(removed.len() as u64),
            thousands((now.len() - added.len()) as u64)
        )?;
        for (sign, values) in [('+', &added), ('-', &removed)] {
            for value in values.iter().take(SHOWN_MAX) {
                writeln!(text, "  {sign} {value}")?;
            }
        }
    }
    if options.json {
        terminal::print_json(&json!({"schema": "gannet.feeds_diff.v1", "feeds": objects}))?;
    } else {
        terminal::print(&text)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What a feed lists, each value as text with what it covers.
fn values(feed: &FeedConfig, path: &Path) -> anyhow::Result<BTreeSet<String>> {
    let mut values = BTreeSet::new();
    parse(path, &ParseOptions::of(feed), &mut |indicator| {
        let covers = match indicator.value {
            IndicatorValue::Name { scope, .. } => match scope {
                Scope::Exact => " (exact)",
                Scope::Subtree => "",
                Scope::Below => " (below)",
            },
            IndicatorValue::Pattern(_) => " (pattern)",
            IndicatorValue::Prefix(_) | IndicatorValue::Endpoint { .. } => "",
        };
        values.insert(format!("{}{covers}", indicator.value));
        Ok(())
    })
    .with_context(|| format!("feed `{}`", feed.name))?;
    Ok(values)
}

/// Says what is held back.
fn held(options: &Options) -> Outcome {
    let config = load_config(&options.config)?;
    let store = store(&config)?;
    let (mut text, mut objects) = (String::new(), Vec::new());
    for feed in &config.feeds {
        let Some(copy) = store.held(&feed.name) else {
            continue;
        };
        let approved = store.approved(&feed.name, &copy);
        objects.push(json!({
            "name": feed.name,
            "held_since": copy.facts.made,
            "reason": copy.facts.reason,
            "path": copy.path.display().to_string(),
            "accepted": approved,
        }));
        let word = if approved { ", accepted" } else { "" };
        writeln!(
            text,
            "{}: held since {}{word}: {}\n  it is {}",
            feed.name,
            copy.facts.made,
            copy.facts.reason,
            copy.path.display()
        )?;
    }
    if options.json {
        terminal::print_json(&json!({"schema": "gannet.quarantine.v1", "held": objects}))?;
    } else if text.is_empty() {
        terminal::print("nothing is held back\n")?;
    } else {
        terminal::print(&text)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Lets what is held back of a feed pass once.
fn accept(feed: &str, reason: &str, options: &Options) -> Outcome {
    let config = load_config(&options.config)?;
    let store = store(&config)?;
    known(&config, feed)?;
    let held = store.approve(feed, reason, &gate::written(app::now()))?;
    record(&store, "accept", feed, &held.facts.checksum, reason)?;
    terminal::print(&format!(
        "{feed}: what was held since {} passes at the next load (SIGHUP)\n",
        held.facts.made
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// Forgets what is held back of a feed.
fn drop_held(feed: &str, options: &Options) -> Outcome {
    let config = load_config(&options.config)?;
    let store = store(&config)?;
    known(&config, feed)?;
    let checksum = store.held(feed).map(|copy| copy.facts.checksum);
    let Some(checksum) = checksum.filter(|_| store.drop_held(feed).unwrap_or(false)) else {
        anyhow::bail!("nothing of feed `{feed}` is held back");
    };
    record(&store, "drop", feed, &checksum, "")?;
    terminal::print(&format!("{feed}: forgotten\n"))?;
    Ok(ExitCode::SUCCESS)
}

/// Writes down what was decided.
fn record(
    store: &Store,
    decision: &str,
    feed: &str,
    checksum: &str,
    reason: &str,
) -> std::io::Result<()> {
    store.record(&json!({
        "time": gate::written(app::now()), "decision": decision, "feed": feed,
        "checksum": checksum, "reason": reason,
    }))
}

/// The store, without which there are no copies.
fn store(config: &Config) -> Result<Store, Usage> {
    gate::store_to_look_at(&config.gate).ok_or_else(|| {
        Usage("no copies are kept: set `store` in [gate] of the configuration".to_owned())
    })
}

/// Makes sure that there is such a feed.
fn known(config: &Config, feed: &str) -> Result<(), Usage> {
    let names: Vec<&str> = config.feeds.iter().map(|feed| feed.name.as_str()).collect();
    if names.contains(&feed) {
        return Ok(());
    }
    Err(Usage(format!(
        "there is no feed `{feed}`: the configuration has {}",
        names.join(", ")
    )))
}
