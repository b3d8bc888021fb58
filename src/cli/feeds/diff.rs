//! `gannet feeds diff`: what every feed would add and remove, against its last good copy.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use serde_json::json;

use super::{Options, store};
use crate::cli::terminal::{self, thousands};
use crate::cli::{Outcome, load_config};
use crate::config::FeedConfig;
use crate::feeds::{ParseOptions, parse};
use crate::model::{Indicator, IndicatorValue, Scope};

/// Most values that are shown of a difference.
const SHOWN_MAX: usize = 10;

/// Says what every feed would add and remove.
pub(super) fn diff(options: &Options) -> Outcome {
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
