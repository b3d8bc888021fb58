//! Figures and what they are held against: the baseline file, the comparison, its table. Knows
//! nothing of how figures come about, so that it can be tested with made ones.

use std::collections::BTreeMap;

use anyhow::Context;
use serde::Deserialize;

/// Instructions an event, by stage.
pub(crate) type Figures = BTreeMap<String, f64>;

/// By what share a stage may need more instructions than its baseline.
pub(crate) const SLACK: f64 = 0.05;

/// The committed figures, and what made them.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Baseline {
    /// What made them.
    pub(crate) made_by: MadeBy,
    /// The figures.
    pub(crate) instructions: Figures,
}

/// What figures depend on besides the code.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MadeBy {
    /// The compiler, as it tells its version.
    pub(crate) rustc: String,
    /// Architecture and system.
    pub(crate) target: String,
    /// The counter, as it tells its version.
    pub(crate) valgrind: String,
}

impl MadeBy {
    /// Whether figures of `self` and `other` can be held against each other: another compiler
    /// makes other instructions of the same code.
    pub(crate) fn comparable(&self, other: &Self) -> bool {
        self.rustc == other.rustc && self.target == other.target
    }
}

impl Baseline {
    /// Reads the file's text.
    ///
    /// # Errors
    /// When it is not what [`Self::to_text`] writes, comments and order aside.
    pub(crate) fn parse(text: &str) -> anyhow::Result<Self> {
        toml::from_str(text).context("cannot read the baseline")
    }

    /// The file's text.
    pub(crate) fn to_text(&self) -> String {
        let MadeBy {
            rustc,
            target,
            valgrind,
        } = &self.made_by;
        let mut text = format!(
            "# Instructions an event (an indicator for `build`) of each stage of the data path.\n\
             # Written by `cargo bench --bench stages -- --update`; not edited by hand.\n\n\
             [made_by]\nrustc = {rustc:?}\ntarget = {target:?}\nvalgrind = {valgrind:?}\n\n\
             [instructions]\n"
        );
        for (stage, count) in &self.instructions {
            text.push_str(&format!("{stage:?} = {count:.1}\n"));
        }
        text
    }
}

/// What a comparison says of one stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// As before, within [`SLACK`].
    Same,
    /// Fewer instructions by more than [`SLACK`]: the baseline should be rewritten, or the gain
    /// can be lost again unseen.
    Faster,
    /// More instructions by more than [`SLACK`].
    Slower,
    /// It has no baseline.
    New,
    /// Only the baseline has it.
    Gone,
}

impl Verdict {
    /// Whether it fails the comparison. A stage without a counterpart does, since nothing would
    /// guard it.
    pub(crate) fn fails(self) -> bool {
        match self {
            Self::Same | Self::Faster => false,
            Self::Slower | Self::New | Self::Gone => true,
        }
    }

    /// What stands behind its line in the table.
    fn remark(self) -> &'static str {
        match self {
            Self::Same => "",
            Self::Faster => "faster: rewrite the baseline",
            Self::Slower => "SLOWER",
            Self::New => "NEW: not in the baseline",
            Self::Gone => "GONE: only in the baseline",
        }
    }
}

/// One stage, compared.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Line {
    /// The stage.
    pub(crate) stage: String,
    /// Its baseline.
    pub(crate) before: Option<f64>,
    /// What it needs now.
    pub(crate) now: Option<f64>,
    /// What is to be said of it.
    pub(crate) verdict: Verdict,
}

/// Compares every stage that is in `before` or `now`, in the order of their names.
pub(crate) fn compare(before: &Figures, now: &Figures) -> Vec<Line> {
    let mut stages: Vec<&String> = before.keys().chain(now.keys()).collect();
    stages.sort();
    stages.dedup();
    let line = |stage: &String| {
        let (before, now) = (before.get(stage).copied(), now.get(stage).copied());
        let verdict = match (before, now) {
            (Some(before), Some(now)) if now > before * (1.0 + SLACK) => Verdict::Slower,
            (Some(before), Some(now)) if now < before * (1.0 - SLACK) => Verdict::Faster,
            (Some(_), Some(_)) => Verdict::Same,
            (None, _) => Verdict::New,
            (Some(_), None) => Verdict::Gone,
        };
        Line {
            stage: stage.clone(),
            before,
            now,
            verdict,
        }
    };
    stages.into_iter().map(line).collect()
}

/// The lines as a table.
pub(crate) fn table(lines: &[Line]) -> String {
    let mut text = format!(
        "{:<24} {:>12} {:>12} {:>9}\n",
        "instructions an event", "baseline", "now", "change"
    );
    for line in lines {
        let number = |count: Option<f64>| {
            count.map_or_else(|| "-".to_owned(), |count| format!("{count:.1}"))
        };
        let change = match (line.before, line.now) {
            (Some(before), Some(now)) => format!("{:+.1} %", 100.0 * (now / before - 1.0)),
            (Some(_) | None, Some(_) | None) => "-".to_owned(),
        };
        let row = format!(
            "{:<24} {:>12} {:>12} {:>9}  {}",
            line.stage,
            number(line.before),
            number(line.now),
            change,
            line.verdict.remark()
        );
        text.push_str(row.trim_end());
        text.push('\n');
    }
    text
}
