//! `gannet feeds list`: which version of every feed passes the gate, what of it is accepted and
//! refused, and how fresh it is.

use std::fmt::Write;
use std::process::ExitCode;

use serde_json::json;

use super::{Options, load};
use crate::app;
use crate::cli::terminal::{self, thousands};
use crate::cli::{FAILED, Outcome, load_config};
use crate::config::FeedConfig;
use crate::feeds::LoadedFeed;
use crate::feeds::gate::Version;
use crate::model::Named;

/// Lists all feeds; exits 1 when one is held back.
pub(super) fn list(options: &Options) -> Outcome {
    let config = load_config(&options.config)?;
    let gated = load(&config)?;
    let mut any_held = false;
    let (mut text, mut objects) = (String::new(), Vec::new());
    let now = app::now();
    for feed in &config.feeds {
        let attempts = app::Attempts::of(feed);
        let mut all = gated.passed.iter().zip(&gated.loaded.feeds);
        let Some((passed, loaded)) = all.find(|(passed, _)| passed.name == feed.name) else {
            writeln!(
                text,
                "{} ({}): not fetched yet",
                feed.name,
                feed.format.as_str()
            )?;
            let fresh = app::Freshness::of(None, &attempts, now);
            push_lines(&mut text, &fresh)?;
            objects.push(told(app::missing_json(feed), &fresh));
            continue;
        };
        let (state, reason) = match &passed.version {
            Version::Current => ("current", None),
            Version::LastGood { reason, .. } => ("held", Some(reason)),
        };
        any_held |= reason.is_some();
        let fresh = app::Freshness::of(Some(passed), &attempts, now);
        objects.push(told(app::feed_json(feed, loaded, passed), &fresh));
        as_text(&mut text, feed, loaded, state, reason)?;
        push_lines(&mut text, &fresh)?;
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

/// The object of a feed, with how fresh it is.
fn told(mut object: serde_json::Value, fresh: &app::Freshness) -> serde_json::Value {
    fresh.tell(&mut object);
    object
}

/// How fresh a feed is, for people.
fn push_lines(text: &mut String, fresh: &app::Freshness) -> std::fmt::Result {
    for line in fresh.lines() {
        writeln!(text, "  {line}")?;
    }
    Ok(())
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
