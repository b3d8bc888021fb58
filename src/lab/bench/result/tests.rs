//! The schema, as those who read it know it.

use serde_json::json;

use super::super::harness::Work;
use super::*;

/// What the harness measured of one engine.
fn measured() -> Measured {
    Measured {
        engine: "hashbrown".to_owned(),
        work: Work {
            ops: 1000,
            bytes: 0,
            answers: Some(1),
        },
        ns_per_op: 66.0,
        cpu_ns_per_op: 65.0,
        spread: 0.25,
        times_first: 2.5,
        cpu_times_first: 2.25,
        instructions_per_op: None,
        turns: 5,
    }
}

#[test]
fn a_report_is_written_as_documented_and_read_back() {
    let row = ResultRow {
        size: Some(1_000_000),
        miss_share: Some(0.999),
        build_seconds: Some(0.5),
        bytes_per_indicator: Some(50.0),
        ..ResultRow::of("domains", &measured(), "gannet")
    };
    let machine = MachineFacts {
        cpu: "A CPU".to_owned(),
        cores: 2,
        ..MachineFacts::default()
    };
    let report = BenchReport::new(
        machine,
        "gannet bench match".to_owned(),
        Duration::from_secs(3),
        vec![row],
    );
    let value = serde_json::to_value(&report).unwrap();
    assert_eq!(
        value,
        json!({"schema": "gannet.bench.v1", "machine": {"cpu": "A CPU", "cores": 2},
            "command": "gannet bench match", "version": env!("CARGO_PKG_VERSION"), "seconds": 3.0,
            "results": [{"bench": "domains", "size": 1_000_000, "engine": "hashbrown",
                "miss_share": 0.999, "ns_per_op": 66.0, "cpu_ns_per_op": 65.0, "spread": 0.25,
                "times_gannet": 2.5, "cpu_times_gannet": 2.25, "ops": 1000, "turns": 5, "build_seconds": 0.5,
                "bytes_per_indicator": 50.0}]})
    );
    let back = BenchReport::from_json(value.to_string().as_bytes()).unwrap();
    assert_eq!(back, report);
}

#[test]
fn there_is_no_ratio_to_gannet_where_gannet_was_not_measured() {
    assert_eq!(
        ResultRow::of("domains", &measured(), "trie").times_gannet,
        None
    );
}

#[test]
fn bytes_a_second_are_told_where_bytes_were_read() {
    let mut read = measured();
    assert_eq!(
        ResultRow::of("decode", &read, "gannet").bytes_per_second,
        None
    );
    read.work.bytes = 66_000;
    let row = ResultRow::of("decode", &read, "gannet");
    assert_eq!(row.bytes_per_second, Some(1e9));
}

#[test]
fn fields_of_later_versions_are_passed_over_and_other_schemas_refused() {
    let later = br#"{"schema":"gannet.bench.v1","machine":{"cpu":"x","cores":1,"fans":3},
        "results":[{"bench":"b","engine":"e","color":"blue"}],"more":1}"#;
    let report = BenchReport::from_json(later).unwrap();
    assert_eq!(report.results[0].engine, "e");
    for (text, says) in [
        (
            &br#"{"schema":"gannet.scan.v1","machine":{},"results":[]}"#[..],
            "its schema is `gannet.scan.v1`, not gannet.bench.v1",
        ),
        (b"[", "not a gannet.bench.v1 object"),
        (b"{}", "not a gannet.bench.v1 object"),
    ] {
        let error = BenchReport::from_json(text).unwrap_err();
        assert_eq!(error.to_string(), says);
    }
}
