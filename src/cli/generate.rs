//! `gannet generate`: a made operation as files, for judging Gannet and others.

use std::path::PathBuf;
use std::process::ExitCode;

use super::terminal::{self, thousands};
use super::{Outcome, demo::OperationArguments};
use crate::lab;

/// The arguments of `gannet generate`.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The directory to fill; made if missing, refused if not empty.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,

    #[command(flatten)]
    operation: OperationArguments,
}

/// Writes the operation.
pub(super) fn run(arguments: &Arguments) -> Outcome {
    let options = arguments.operation.options();
    let bar = terminal::progress(options.events, "{bar:30} {pos}/{len} events {elapsed}");
    let report = lab::generate(&options, &arguments.out, &mut |events| {
        bar.set_position(events)
    })?;
    bar.finish_and_clear();
    terminal::print(&format!(
        "{}: {} events, {} leases, {} planted hits, {} victims\n",
        arguments.out.display(),
        thousands(report.events),
        thousands(report.leases),
        thousands(report.hits),
        thousands(report.victims)
    ))?;
    Ok(ExitCode::SUCCESS)
}
