//! What people see: progress on standard error when it is a terminal, numbers that can be read,
//! and the only places that print.

use std::io::{IsTerminal, Write};

use anyhow::Context;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

pub(super) use crate::encode::report::number as thousands;

/// Prints a line for a person to standard error.
pub(super) fn complain(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// Prints data to standard output.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .context("cannot write standard output")
}

/// Prints one JSON object and a line end to standard output.
pub(super) fn print_json(value: &serde_json::Value) -> anyhow::Result<()> {
    print(&format!("{value}\n"))
}

/// Whether progress should be shown.
pub(super) fn shows_progress() -> bool {
    std::io::stderr().is_terminal()
}

/// A progress line; drawn only on a terminal. `length` 0 means that the end is not known.
pub(super) fn progress(length: u64, template: &str) -> ProgressBar {
    let bar = if length == 0 {
        ProgressBar::no_length()
    } else {
        ProgressBar::new(length)
    };
    bar.set_draw_target(if shows_progress() {
        ProgressDrawTarget::stderr_with_hz(8)
    } else {
        ProgressDrawTarget::hidden()
    });
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("━╸ "));
    }
    bar
}

/// The largest resident set of this process so far, in bytes; 0 where the system does not say.
pub(super) fn peak_rss_bytes() -> u64 {
    std::fs::read_to_string("/proc/self/status")
        .ok()
        .and_then(|status| {
            let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
            line.split_whitespace().nth(1)?.parse::<u64>().ok()
        })
        .map_or(0, |kibibytes| kibibytes * 1024)
}
