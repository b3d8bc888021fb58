//! The demo as a person runs it: exact when nothing is wrong, and not when something is.

use std::process::{Command, Output};

/// Runs a small demo with `more` arguments; its report goes to a directory of its own.
fn demo(more: &[&str]) -> (Output, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_gannet"))
        .args([
            "demo",
            "--events",
            "30000",
            "--victims",
            "1500",
            "--indicators",
            "400",
        ])
        .args(["--seed", "7", "--json", "--report"])
        .arg(directory.path().join("report.html"))
        .args(more)
        .output()
        .unwrap();
    (output, directory)
}

/// The one JSON object on standard output.
fn object(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("{error}: {output:?}");
    })
}

#[test]
fn every_planted_victim_and_hit_is_found_and_nothing_else() {
    let (output, directory) = demo(&[]);
    let result = object(&output);
    assert_eq!(output.status.code(), Some(0), "{result}");
    assert_eq!(result["schema"], "gannet.demo.v1");
    assert_eq!(
        result["victims"],
        serde_json::json!({"planted": 1500, "found": 1500, "missing": 0, "extra": 0})
    );
    let hits = &result["hits"];
    assert_eq!(hits["planted"], hits["delivered"]);
    assert_eq!(
        (&hits["missing"], &hits["extra"], &hits["wrong"]),
        (&0.into(), &0.into(), &0.into())
    );
    assert_eq!(result["attribution"]["wrong"], 0);
    assert_eq!(
        (&result["events"], &result["indicators"]),
        (&30_000.into(), &400.into())
    );
    let page = std::fs::read_to_string(directory.path().join("report.html")).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && !page.contains("src=\"http"));
}

/// The negative control: with one planted indicator changed in the feeds, the comparison fails.
#[test]
fn one_changed_indicator_is_noticed() {
    let (output, _directory) = demo(&["--change-one-indicator"]);
    let result = object(&output);
    assert_eq!(output.status.code(), Some(1), "{result}");
    assert_ne!(result["hits"]["missing"], 0);
}

#[test]
fn sizes_that_cannot_work_are_refused_in_words() {
    let output = Command::new(env!("CARGO_BIN_EXE_gannet"))
        .args(["demo", "--events", "10", "--victims", "1500"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("events") && output.stdout.is_empty(),
        "{said}"
    );
}
