//! `gannet feeds quarantine`: what is held back and why, and an operator's word on it.

use std::fmt::Write;
use std::process::ExitCode;

use clap::Subcommand;
use serde_json::json;

use super::{Options, known, store};
use crate::app;
use crate::cli::{Outcome, load_config, terminal};
use crate::feeds::gate::{self, Store};

/// What to do with what was held back.
#[derive(Subcommand)]
pub(super) enum Quarantine {
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

/// Does what is asked.
pub(super) fn run(action: &Quarantine) -> Outcome {
    match action {
        Quarantine::List(options) => held(options),
        Quarantine::Accept {
            feed,
            reason,
            options,
        } => accept(feed, reason, options),
        Quarantine::Drop { feed, options } => drop_held(feed, options),
    }
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
