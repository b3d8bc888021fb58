//! The guard against slow-downs is itself shown to catch what it is for, with made figures.
//! `cargo bench --bench stages` holds the real ones against their baseline.

#[path = "../benches/stages/figures.rs"]
mod figures;

use figures::{Baseline, Figures, Line, MadeBy, Verdict, compare, table};

fn figures<const N: usize>(counts: [(&str, f64); N]) -> Figures {
    let owned = counts.map(|(stage, count)| (stage.to_owned(), count));
    Figures::from(owned)
}

/// What is said of one stage.
fn verdict(before: f64, now: f64) -> Verdict {
    let lines = compare(&figures([("keys", before)]), &figures([("keys", now)]));
    assert_eq!(lines.len(), 1);
    lines[0].verdict
}

fn made_by(rustc: &str) -> MadeBy {
    MadeBy {
        rustc: rustc.to_owned(),
        target: "x86_64-linux".to_owned(),
        valgrind: "valgrind-3.19.0".to_owned(),
    }
}

#[test]
fn more_than_five_percent_more_instructions_fail() {
    for (now, expected, fails) in [
        (1000.0, Verdict::Same, false),
        (1049.0, Verdict::Same, false),
        (1050.0, Verdict::Same, false),
        (1051.0, Verdict::Slower, true),
        (1100.0, Verdict::Slower, true),
        (951.0, Verdict::Same, false),
        (949.0, Verdict::Faster, false),
        (f64::INFINITY, Verdict::Slower, true),
    ] {
        let found = verdict(1000.0, now);
        assert_eq!((found, found.fails()), (expected, fails), "{now}");
    }
}

#[test]
fn a_stage_without_a_counterpart_fails() {
    let before = figures([("build", 10.0), ("keys", 100.0)]);
    let now = figures([("keys", 100.0), ("probe", 7.0)]);
    let lines = compare(&before, &now);
    let said: Vec<(&str, Verdict)> = lines
        .iter()
        .map(|line| (line.stage.as_str(), line.verdict))
        .collect();
    assert_eq!(
        said,
        [
            ("build", Verdict::Gone),
            ("keys", Verdict::Same),
            ("probe", Verdict::New)
        ]
    );
    assert!(Verdict::Gone.fails() && Verdict::New.fails());
}

#[test]
fn the_table_shows_both_figures_and_the_change() {
    let line = |stage: &str, before, now, verdict| Line {
        stage: stage.to_owned(),
        before,
        now,
        verdict,
    };
    let shown = table(&[
        line("keys", Some(1000.0), Some(1051.0), Verdict::Slower),
        line("probe", None, Some(7.0), Verdict::New),
    ]);
    let words: Vec<Vec<&str>> = shown
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(
        words[1],
        ["keys", "1000.0", "1051.0", "+5.1", "%", "SLOWER"]
    );
    assert_eq!(words[2][..4], ["probe", "-", "7.0", "-"]);
}

#[test]
fn a_baseline_is_read_as_it_was_written() {
    let baseline = Baseline {
        made_by: made_by("rustc 1.95.0 (\"quoted\")"),
        instructions: figures([("keys/zeek-json", 812.5), ("probe/name", 65.0)]),
    };
    let text = baseline.to_text();
    assert_eq!(Baseline::parse(&text).unwrap(), baseline);
    assert!(Baseline::parse(&text.replace("[instructions]", "[counts]")).is_err());
    assert!(Baseline::parse("").is_err());
}

#[test]
fn the_committed_baseline_can_be_read() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/instructions.toml");
    let baseline = Baseline::parse(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert!(baseline.instructions.len() > 10);
    assert!(baseline.instructions.values().all(|count| *count > 0.0));
}

#[test]
fn figures_of_another_compiler_are_not_held_against_each_other() {
    let ours = made_by("rustc 1.95.0");
    assert!(ours.comparable(&ours.clone()));
    assert!(!ours.comparable(&made_by("rustc 1.96.0")));
    let other = MadeBy {
        valgrind: "valgrind-3.24.0".to_owned(),
        ..ours.clone()
    };
    assert!(ours.comparable(&other));
}
