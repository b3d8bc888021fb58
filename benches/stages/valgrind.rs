//! Instructions, counted by callgrind: this program runs itself under it, one stage a process.
//! Only what happens inside [`stages::counted`](crate::stages::counted) is counted.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail, ensure};

/// The flag with which this program runs one stage for callgrind.
pub(crate) const COUNTED: &str = "--counted";

/// What stands before the number of events in what such a run prints.
pub(crate) const EVENTS: &str = "events:";

/// What stands before the number of instructions in a profile.
const TOTALS: &str = "totals:";

/// The version of valgrind; `None` when it is not installed.
pub(crate) fn version() -> Option<String> {
    let told = Command::new("valgrind").arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&told.stdout).trim().to_owned();
    told.status.success().then_some(text)
}

/// Instructions an event of `stage`. Its profile stays in the target directory, for
/// `callgrind_annotate`.
pub(crate) fn count(stage: &str) -> anyhow::Result<f64> {
    let profile = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("callgrind.{}", stage.replace('/', ".")));
    let program = std::env::current_exe()?;
    // Without the environment of the caller the stack lies where it always does.
    let ran = Command::new("valgrind")
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .arg("--tool=callgrind")
        .arg("--toggle-collect=*::stages::counted*")
        .arg(format!("--callgrind-out-file={}", profile.display()))
        .arg(program)
        .args([COUNTED, stage])
        .output()
        .context("cannot run valgrind")?;
    let said = String::from_utf8_lossy(&ran.stderr);
    ensure!(ran.status.success(), "{}: {said}", ran.status);
    let events = number_after(EVENTS, &String::from_utf8_lossy(&ran.stdout));
    let profile = std::fs::read_to_string(&profile)
        .with_context(|| format!("cannot read {}", profile.display()))?;
    match (events, number_after(TOTALS, &profile)) {
        (Some(events), Some(instructions)) if events > 0.0 && instructions > 0.0 => {
            Ok(instructions / events)
        }
        (events, instructions) => {
            bail!("counted {instructions:?} instructions in {events:?} events: {said}")
        }
    }
}

/// The number behind `label` at the start of a line.
fn number_after(label: &str, text: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(label))?;
    line.trim().parse().ok()
}
