//! `gannet lookup`: would a value match, by which indicators, and why not.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use super::feed_options::{FeedArguments, load_feeds};
use super::{Outcome, Usage, load_config, terminal};
use crate::app;
use crate::feeds::gate;
use crate::model::{EventTime, Named};
use crate::snapshot::Lookup;

/// The arguments of `gannet lookup`.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Domains, addresses or address:port.
    #[arg(required = true, value_name = "VALUE")]
    values: Vec<String>,

    #[command(flatten)]
    feeds: FeedArguments,

    /// A configuration, for its feeds.
    #[arg(short, long, value_name = "FILE", conflicts_with_all = ["feeds", "allow", "names"])]
    config: Option<PathBuf>,

    /// The time of the event that is asked about (RFC 3339); default: now.
    #[arg(long, value_name = "TIME")]
    at: Option<String>,

    /// One JSON object a value.
    #[arg(long)]
    json: bool,
}

/// Looks the values up.
pub(super) fn run(arguments: &Arguments) -> Outcome {
    let at = match &arguments.at {
        Some(text) => EventTime::parse_rfc3339(text).map_err(|_| {
            Usage(format!(
                "--at `{text}` is not a time: write one like 2026-01-01T00:00:00Z"
            ))
        })?,
        None => app::now(),
    };
    let (feeds, options) = match &arguments.config {
        Some(path) => {
            let config = load_config(path)?;
            let options = gate::build_options(&config)?;
            (gate::at_hand(&config.feeds, None), options)
        }
        None => (arguments.feeds.configs()?, arguments.feeds.build_options()),
    };
    let protected = Arc::clone(&options.protected);
    let loaded = load_feeds(&feeds, options)?;
    for value in &arguments.values {
        let found = loaded.snapshot.lookup(value, Some(at));
        let gate = app::refused_by_gate(value, &protected);
        if arguments.json {
            terminal::print_json(&app::lookup_json(value, &found, gate))?;
        } else {
            let mut text = as_text(value, &found);
            if let (Some(reason), false) = (gate, found.listed) {
                text.push_str(&format!("  no feed may list it: {reason}\n"));
            }
            terminal::print(&text)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A few lines for a person.
fn as_text(value: &str, found: &Lookup) -> String {
    let mut text = match (found.would_match, found.listed, found.why_not) {
        (true, _, _) => format!("{value}: would match\n"),
        (false, true, Some(why)) => format!("{value}: listed, would not match ({why})\n"),
        (false, _, Some(why)) => format!("{value}: would not match ({why})\n"),
        (false, _, None) => format!("{value}: not listed\n"),
    };
    for found in &found.matches {
        for indicator in &found.indicators {
            let malware = indicator
                .malware
                .as_deref()
                .map_or(String::new(), |name| format!(", {name}"));
            text.push_str(&format!(
                "  {} {} (feed {}, as `{}`, {}, {}{malware}, confidence {})\n",
                found.kind.as_str(),
                found.value,
                indicator.feed,
                indicator.written,
                indicator.role.as_str(),
                indicator.state.as_str(),
                indicator.confidence
            ));
        }
    }
    text
}
