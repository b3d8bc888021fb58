//! `gannet run`: the daemon.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::ValueEnum;

use super::{FAILED, Outcome, load_config};
use crate::app::{self, Role, RunOptions};
use crate::telemetry::{LogFormat, logs};

/// The arguments of `gannet run`.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The configuration.
    #[arg(short, long, value_name = "FILE")]
    config: PathBuf,

    /// Which stages this process does.
    #[arg(long, value_enum, default_value_t = RoleArgument::All)]
    role: RoleArgument,

    /// Consumes and matches; produces and commits nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Which stages a process does, as written.
#[derive(Clone, Copy, ValueEnum)]
enum RoleArgument {
    /// Both.
    All,
    /// Events in, hits out.
    Match,
    /// Hits in, episodes out.
    Identify,
}

/// Runs until SIGTERM or SIGINT. Exits 1 when something was left undone.
pub(super) fn run(arguments: &Arguments) -> Outcome {
    let config = load_config(&arguments.config)?;
    let format = if config.log.json {
        LogFormat::Json
    } else {
        LogFormat::Text
    };
    logs::init(&config.log.filter, format).context("cannot set up logging")?;
    let options = RunOptions {
        role: match arguments.role {
            RoleArgument::All => Role::All,
            RoleArgument::Match => Role::Match,
            RoleArgument::Identify => Role::Identify,
        },
        dry_run: arguments.dry_run,
    };
    let clean = app::run(config, options)?;
    Ok(if clean {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILED)
    })
}
