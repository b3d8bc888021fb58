//! `gannet feeds fetch`: what comes from servers, fetched as the daemon would.

use std::fmt::Write;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

use serde_json::json;

use super::Options;
use crate::app;
use crate::cli::{FAILED, Outcome, load_config, terminal};

/// Fetches what comes from servers; exits 1 when something cannot be fetched.
pub(super) fn fetch(options: &Options) -> Outcome {
    let config = load_config(&options.config)?;
    let (mut text, mut objects, mut failed) = (String::new(), Vec::new(), false);
    for feed in &config.feeds {
        let mut attempts = app::Attempts::of(feed);
        let Some(fetched) = attempts.fetch(feed, &AtomicBool::new(false)) else {
            continue;
        };
        attempts.keep(feed);
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
