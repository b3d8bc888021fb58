//! `gannet topics`: the topics that a configuration needs, checked or made.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Subcommand, ValueEnum};
use serde_json::json;

use super::{FAILED, Outcome, load_config, terminal};
use crate::app;
use crate::sink::{TopicState, check_topics, create_topics};

/// The arguments of `gannet topics`.
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

/// What to do.
#[derive(Subcommand)]
enum Action {
    /// Says how each topic is and what is wrong with it.
    Check(Options),
    /// Creates our own topics that are missing; never changes one that exists.
    Create(Options),
}

/// What both take.
#[derive(clap::Args)]
struct Options {
    /// The configuration.
    #[arg(short, long, value_name = "FILE")]
    config: PathBuf,

    /// Partitions of topics that are created.
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(i32).range(1..=10_000))]
    partitions: i32,

    /// Replicas of topics that are created.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(i32).range(1..=32))]
    replication: i32,

    /// Also create the input topics (sources and leases), for trials.
    #[arg(long, value_enum, default_value_t = Inputs::Leave)]
    inputs: Inputs,

    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// Whether input topics are created.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Inputs {
    /// They belong to whoever writes them.
    Leave,
    /// Create them too.
    Create,
}

/// Checks or creates; exits 1 when something is wrong.
pub(super) fn run(arguments: &Arguments) -> Outcome {
    let (options, create) = match &arguments.action {
        Action::Check(options) => (options, false),
        Action::Create(options) => (options, true),
    };
    let config = load_config(&options.config)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let mut states = Vec::new();
    for (cluster, mut wanted) in app::wanted_topics(&config, options.partitions) {
        if options.inputs == Inputs::Create {
            for topic in &mut wanted {
                topic.ours = true;
            }
        }
        let found = if create {
            runtime.block_on(create_topics(&cluster, &wanted, options.replication))?
        } else {
            runtime.block_on(check_topics(&cluster, &wanted))?
        };
        states.extend(found);
    }
    let good = states.iter().all(|state| state.problems.is_empty());
    if options.json {
        terminal::print_json(&as_json(&states, good))?;
    } else {
        terminal::print(&as_text(&states))?;
    }
    Ok(if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILED)
    })
}

fn as_json(states: &[TopicState], good: bool) -> serde_json::Value {
    let topics: Vec<serde_json::Value> = states
        .iter()
        .map(|state| {
            json!({"name": state.name, "partitions": state.partitions,
                   "created": state.created, "problems": state.problems})
        })
        .collect();
    json!({"schema": "gannet.topics.v1", "ok": good, "topics": topics})
}

fn as_text(states: &[TopicState]) -> String {
    let mut text = String::new();
    for state in states {
        let what = match (state.created, state.partitions) {
            (true, Some(partitions)) => format!("created with {partitions} partitions"),
            (_, Some(partitions)) => format!("{partitions} partitions"),
            (_, None) => "missing".to_owned(),
        };
        text.push_str(&format!("{}: {what}\n", state.name));
        for problem in &state.problems {
            text.push_str(&format!("  {problem}\n"));
        }
    }
    text
}
