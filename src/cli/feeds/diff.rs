//! `gannet feeds diff`: what every feed would add and remove, against its last good copy, and what
//! that would hit in a sample of traffic.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use serde_json::json;

use super::tried::Tried;
use super::{Options, store};
use crate::cli::terminal::{self, thousands};
use crate::cli::{Outcome, load_config};
use crate::config::FeedConfig;
use crate::feeds::{ParseOptions, parse};
use crate::model::{Indicator, IndicatorValue, Scope};

/// The arguments of `gannet feeds diff`.
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    options: Options,

    /// A file of events (plain, gzip or zstd) to try the lists on. Repeatable; of many events the last
    /// ones count, as many as `sample` of [gate] says.
    #[arg(long, value_name = "[FORMAT:]PATH")]
    sample: Vec<OsString>,
}

/// Most values that are shown of a difference.
const SHOWN_MAX: usize = 10;

/// Says what every feed would add and remove.
pub(super) fn diff(arguments: &Arguments) -> Outcome {
    let options = &arguments.options;
    let config = load_config(&options.config)?;
    let store = store(&config)?;
    let (mut text, mut objects) = (String::new(), Vec::new());
    for feed in &config.feeds {
        if !feed.path.exists() && feed.origin.place().is_some() {
            writeln!(text, "{}: not fetched yet", feed.name)?;
            continue;
        }
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
    let tried = if arguments.sample.is_empty() {
        None
    } else {
        let tried = Tried::on(&arguments.sample, &config, &store)?;
        tried.as_text(&mut text)?;
        Some(tried.as_json())
    };
    if options.json {
        terminal::print_json(&json!({
            "schema": "gannet.feeds_diff.v1", "feeds": objects, "sample": tried,
        }))?;
    } else {
        terminal::print(&text)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What a feed lists, each value as text with what it covers.
fn values(feed: &FeedConfig, path: &Path) -> anyhow::Result<BTreeSet<String>> {
    let mut values = BTreeSet::new();
    parse(path, &ParseOptions::of(feed), &mut |indicator| {
        values.insert(as_listed(indicator));
        Ok(())
    })
    .with_context(|| format!("feed `{}`", feed.name))?;
    Ok(values)
}

/// A value as text, with what it covers.
fn as_listed(indicator: &Indicator<'_>) -> String {
    let covers = match indicator.value {
        IndicatorValue::Name { scope, .. } => match scope {
            Scope::Exact => " (exact)",
            Scope::Subtree => "",
            Scope::Below => " (below)",
        },
        IndicatorValue::Pattern(_) => " (pattern)",
        IndicatorValue::Prefix(_) | IndicatorValue::Endpoint { .. } => "",
    };
    format!("{}{covers}", indicator.value)
}
