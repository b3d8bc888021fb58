//! `gannet report`: episodes in, one self-contained page out.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};

use super::Outcome;
use super::terminal::{self, thousands};
use crate::app;
use crate::decode;
use crate::encode::report::{ReportBuilder, report};
use crate::model::OutputFormat;

/// The arguments of `gannet report`.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Episodes as lines of gannet.episode.v1; of an episode that comes again, the last counts.
    /// `-` is standard input.
    #[arg(long, value_name = "PATH")]
    episodes: PathBuf,

    /// The page to write.
    #[arg(long, value_name = "FILE.html")]
    out: PathBuf,

    /// Its heading.
    #[arg(long, default_value = "Operation report")]
    title: String,
}

/// Writes the report. Lines that are no episodes are counted and passed over.
pub(super) fn run(arguments: &Arguments) -> Outcome {
    let path = &arguments.episodes;
    let shown = path.display();
    let input: Box<dyn BufRead> = if path.as_os_str() == "-" {
        Box::new(std::io::stdin().lock())
    } else {
        let file = std::fs::File::open(path).with_context(|| format!("cannot open {shown}"))?;
        Box::new(BufReader::new(file))
    };
    let mut builder = ReportBuilder::new();
    let (mut episodes, mut rejected) = (0_u64, 0_u64);
    for line in input.split(b'\n') {
        let line = line.with_context(|| format!("cannot read {shown}"))?;
        if line.trim_ascii().is_empty() {
            continue;
        }
        match decode::hit::episode(OutputFormat::Json, &line) {
            Ok(episode) => {
                episodes += 1;
                builder.add(&episode);
            }
            Err(_) => rejected += 1,
        }
    }
    if episodes == 0 {
        bail!(
            "{shown} holds no episodes ({} other lines)",
            thousands(rejected)
        );
    }
    let mut input = builder.finish(&arguments.title);
    input.made_at = Some(app::now());
    let mut page = Vec::new();
    report(&input, &mut page);
    std::fs::write(&arguments.out, page)
        .with_context(|| format!("cannot write {}", arguments.out.display()))?;
    terminal::print(&format!(
        "{}: {} victims in {} episodes ({} lines passed over)\n",
        arguments.out.display(),
        thousands(input.victims),
        thousands(input.episodes),
        thousands(rejected)
    ))?;
    Ok(ExitCode::SUCCESS)
}
