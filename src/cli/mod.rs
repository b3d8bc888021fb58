//! The command line: one file a subcommand. Data goes to standard output, logs and progress to
//! standard error. Exit codes: 0 done, 1 failed, 2 usage, 78 configuration.

mod bench;
mod check;
mod demo;
mod feed_options;
mod feeds;
mod generate;
mod lookup;
mod report;
mod run;
mod scan;
mod terminal;
mod topics;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{Config, ConfigErrors};

/// Exit code of a run that failed.
const FAILED: u8 = 1;

/// Exit code of a command line that cannot be meant, as the parser of arguments uses it.
const USAGE: u8 = 2;

/// Exit code of a configuration that cannot be used (`EX_CONFIG`).
const CONFIGURATION: u8 = 78;

/// Finds, at line rate, which subscribers talked to known-malicious domains and addresses.
#[derive(Parser)]
#[command(name = "gannet", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// What Gannet can do.
#[derive(Subcommand)]
enum Command {
    /// The daemon: events from Kafka in, hits and victims out.
    Run(run::Arguments),
    /// Everything in one process, on the embedded broker: makes an operation with planted
    /// victims, finds them through Kafka, and compares.
    Demo(demo::Arguments),
    /// The same data path over files and standard input.
    Scan(scan::Arguments),
    /// Reads a configuration and its feeds, offline, and says everything that is wrong.
    Check(check::Arguments),
    /// Says whether values would match, by which indicators, and why not.
    Lookup(lookup::Arguments),
    /// The feeds of a configuration: what they hold, what would change, what is held back.
    Feeds(feeds::Arguments),
    /// Checks or creates the topics that a configuration needs.
    Topics(topics::Arguments),
    /// Writes a made operation as files: feeds, events, leases and the truth.
    Generate(generate::Arguments),
    /// Measures Gannet beside what one would use in its place; answers are checked first.
    Bench(bench::Arguments),
    /// Turns episodes into the operation's report: one self-contained page.
    Report(report::Arguments),
}

/// A command line that cannot be meant, with what to write instead.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Usage(String);

/// What a subcommand came to.
type Outcome = Result<ExitCode, anyhow::Error>;

/// Runs the command line and says how it ended.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are not errors; clap knows which code each wants (0 or 2).
            let code = u8::try_from(error.exit_code()).unwrap_or(FAILED);
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    let outcome = match cli.command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Scan(arguments) => scan::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Lookup(arguments) => lookup::run(&arguments),
        Command::Feeds(arguments) => feeds::run(&arguments),
        Command::Topics(arguments) => topics::run(&arguments),
        Command::Generate(arguments) => generate::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Report(arguments) => report::run(&arguments),
    };
    match outcome {
        Ok(code) => code,
        Err(error) if broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            if let Some(errors) = error.downcast_ref::<ConfigErrors>() {
                terminal::complain(&errors.to_string());
                return ExitCode::from(CONFIGURATION);
            }
            terminal::complain(&format!("gannet: {error:#}"));
            ExitCode::from(if error.is::<Usage>() { USAGE } else { FAILED })
        }
    }
}

/// Whether whoever read our standard output has gone: not our failure.
fn broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<std::io::Error>()
            .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
    })
}

/// Reads the configuration at `path`.
fn load_config(path: &std::path::Path) -> Result<Config, ConfigErrors> {
    Config::load(path, &|name| std::env::var(name).ok())
}
