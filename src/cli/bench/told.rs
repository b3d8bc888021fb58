//! Results that were written down before: as a section of a README, and as a page.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;

use crate::cli::Outcome;
use crate::cli::terminal;
use crate::lab::bench::{BenchReport, markdown, page, with_section};

/// The arguments of `gannet bench readme`.
#[derive(clap::Args)]
pub(super) struct Readme {
    /// What `gannet bench … --json` wrote, in the order of the tables.
    #[arg(value_name = "RESULTS.json", required = true)]
    results: Vec<PathBuf>,

    /// The file whose section is replaced, between the two comments that mark it; default:
    /// standard output.
    #[arg(long, value_name = "README.md")]
    into: Option<PathBuf>,
}

/// The arguments of `gannet bench report`.
#[derive(clap::Args)]
pub(super) struct Report {
    /// What `gannet bench … --json` wrote; with results of `bench pipeline` the page says what a
    /// rate of events takes.
    #[arg(value_name = "RESULTS.json", required = true)]
    results: Vec<PathBuf>,

    /// The page to write.
    #[arg(long, value_name = "FILE.html")]
    out: PathBuf,
}

/// Writes the section.
pub(super) fn readme(arguments: &Readme) -> Outcome {
    let section = markdown(&read(&arguments.results)?);
    let Some(path) = &arguments.into else {
        terminal::print(&section)?;
        return Ok(ExitCode::SUCCESS);
    };
    let shown = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {shown}"))?;
    let text = with_section(&text, &section).with_context(|| format!("cannot change {shown}"))?;
    std::fs::write(path, text).with_context(|| format!("cannot write {shown}"))?;
    Ok(ExitCode::SUCCESS)
}

/// Writes the page.
pub(super) fn report(arguments: &Report) -> Outcome {
    write_page(&arguments.out, &read(&arguments.results)?)?;
    Ok(ExitCode::SUCCESS)
}

/// Writes the page of `reports` to `path`.
pub(super) fn write_page(path: &Path, reports: &[BenchReport]) -> anyhow::Result<()> {
    std::fs::write(path, page(reports)).with_context(|| format!("cannot write {}", path.display()))
}

/// Reads results.
fn read(paths: &[PathBuf]) -> anyhow::Result<Vec<BenchReport>> {
    let read = |path: &PathBuf| {
        let text = std::fs::read(path)?;
        anyhow::Ok(BenchReport::from_json(&text)?)
    };
    paths
        .iter()
        .map(|path| read(path).with_context(|| format!("cannot use {}", path.display())))
        .collect()
}
