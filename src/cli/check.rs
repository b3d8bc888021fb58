//! `gannet check`: the configuration and its feeds, offline, every problem at once.

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::json;

use super::terminal::{self, thousands};
use super::{CONFIGURATION, Outcome, load_config};
use crate::app;
use crate::config::LeaseLocation;
use crate::feeds::gate;
use crate::feeds::{LoadError, Loaded, LoadedFeed, load};

/// The arguments of `gannet check`.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The configuration.
    #[arg(short, long, value_name = "FILE")]
    config: PathBuf,

    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// Checks; exits 78 when anything is wrong.
pub(super) fn run(arguments: &Arguments) -> Outcome {
    let config = match load_config(&arguments.config) {
        Ok(config) => config,
        Err(errors) if arguments.json => {
            let problems: Vec<String> = errors.to_string().lines().map(str::to_owned).collect();
            terminal::print_json(&json!({
                "schema": "gannet.check.v1", "ok": false, "problems": problems, "feeds": []
            }))?;
            return Ok(ExitCode::from(CONFIGURATION));
        }
        Err(errors) => return Err(errors.into()),
    };
    let mut problems = Vec::new();
    for source in config.identify.iter().flat_map(|identify| &identify.leases) {
        if let LeaseLocation::Path(path) = &source.location
            && let Err(error) = std::fs::metadata(path)
        {
            problems.push(format!("leases {}: {error}", path.display()));
        }
    }
    let loaded = match gate::build_options(&config) {
        Ok(options) => load(&gate::at_hand(&config.feeds, None), options, 1),
        Err(error) => Err(vec![error.into()]),
    };
    if let Err(errors) = &loaded {
        problems.extend(errors.iter().map(|error: &LoadError| app::chain(error)));
    }
    if arguments.json {
        terminal::print_json(&as_json(&problems, loaded.as_ref().ok()))?;
    } else {
        terminal::print(&as_text(&arguments.config, &problems, loaded.as_ref().ok()))?;
        for problem in &problems {
            terminal::complain(problem);
        }
    }
    Ok(if problems.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(CONFIGURATION)
    })
}

fn as_json(problems: &[String], loaded: Option<&Loaded>) -> serde_json::Value {
    let feeds: Vec<serde_json::Value> = loaded
        .iter()
        .flat_map(|loaded| &loaded.feeds)
        .map(app::loaded_json)
        .collect();
    json!({
        "schema": "gannet.check.v1",
        "ok": problems.is_empty(),
        "problems": problems,
        "feeds": feeds,
        "indicators": loaded.map(|loaded| loaded.snapshot.indicators()),
        "allow_rules": loaded.map(|loaded| loaded.snapshot.allow_rules()),
        "snapshot": loaded.map(|loaded| json!({"hash": loaded.snapshot.hash()})),
    })
}

fn as_text(path: &std::path::Path, problems: &[String], loaded: Option<&Loaded>) -> String {
    let mut text = String::new();
    for feed in loaded.iter().flat_map(|loaded| &loaded.feeds) {
        text.push_str(&feed_text(feed));
    }
    if problems.is_empty() {
        let (indicators, allow) = loaded.map_or((0, 0), |loaded| {
            (loaded.snapshot.indicators(), loaded.snapshot.allow_rules())
        });
        text.push_str(&format!(
            "{}: good; {} indicators, {} allow rules\n",
            path.display(),
            thousands(indicators),
            thousands(allow)
        ));
    }
    text
}

fn feed_text(feed: &LoadedFeed) -> String {
    let report = &feed.report;
    let mut text = format!(
        "feed {}: {} rows, {} accepted, {} refused, {} ignored; {} duplicates, {} narrowed to the \
         exact name, {} reserved\n",
        feed.name,
        thousands(report.rows),
        thousands(report.accepted),
        thousands(report.refused_total()),
        thousands(report.ignored),
        thousands(feed.duplicates),
        thousands(feed.narrowed),
        thousands(feed.reserved)
    );
    for (reason, count) in &report.refused {
        text.push_str(&format!("  refused {reason}: {}\n", thousands(*count)));
    }
    for row in &report.samples {
        text.push_str(&format!(
            "  {}:{}: {}: {}\n",
            row.file.display(),
            row.line,
            row.reason,
            row.text
        ));
    }
    text
}
