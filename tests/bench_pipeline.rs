//! `gannet bench decode`, `gannet bench pipeline` and `gannet bench kafka` from end to end with the real binary: what
//! they measure, that the answers are checked, and what they refuse.

use std::path::Path;

#[path = "support/run.rs"]
pub mod run;

use run::{ROW, gannet};
use serde_json::Value;

/// Every workload by its name.
const WORKLOADS: [&str; 8] = [
    "zeek-json",
    "zeek-json-conn",
    "dnstap",
    "dns-collector-json",
    "goflow2-protobuf",
    "goflow2-json",
    "gannet-json",
    "gannet-protobuf",
];

/// The rows of a run that ends well.
#[track_caller]
fn rows(directory: &Path, line: &str) -> Vec<Value> {
    let arguments: Vec<&str> = line.split(' ').collect();
    let ran = gannet(directory, &arguments);
    assert_eq!(ran.code, 0, "{line}\n{}", ran.err);
    let report: Value = serde_json::from_slice(&ran.out).unwrap();
    assert_eq!(report["schema"], "gannet.bench.v1");
    report["results"].as_array().unwrap().clone()
}

/// The texts of a column.
fn column<'r>(rows: &'r [Value], name: &str) -> Vec<&'r str> {
    let text = |row: &'r Value| row[name].as_str().unwrap_or("-");
    rows.iter().map(text).collect()
}

/// A directory with a feed, a log with two hits in three rows, and what is no log.
fn workplace() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let other = ROW.replace("bad.example", "good.example");
    for (name, content) in [
        ("feed.txt", "bad.example\n".to_owned()),
        ("dns.log", format!("{ROW}\n{other}\n{ROW}\n{{}}\n")),
        ("empty.log", "\n".to_owned()),
        ("page.log", "<html>\n".to_owned()),
    ] {
        std::fs::write(directory.path().join(name), content).unwrap();
    }
    directory
}

#[test]
fn every_format_is_decoded_beside_its_rival() {
    let directory = tempfile::tempdir().unwrap();
    let rows = rows(
        directory.path(),
        "bench decode --events 500 --turns 3 --json",
    );
    assert_eq!(rows.len(), 3 * WORKLOADS.len());
    for (three, format) in rows.chunks(3).zip(WORKLOADS) {
        assert_eq!(column(three, "format"), [format; 3]);
        assert_eq!(column(three, "face"), ["keys", "event", "event"]);
        assert_eq!(column(&three[..2], "engine"), ["gannet"; 2]);
        for row in three {
            assert!(
                row["ns_per_op"].as_f64().unwrap() > 0.0 && row["ops"] == 500,
                "{row}"
            );
            assert!(row["bytes_per_second"].as_f64().unwrap() > 0.0);
            assert!(row["times_gannet"].as_f64().unwrap() > 0.0);
        }
    }
}

#[test]
fn every_format_goes_through_the_pipeline_by_threads() {
    let directory = tempfile::tempdir().unwrap();
    let line = "bench pipeline --events 500 --turns 3 --threads 2,1 --indicators 300 \
                --prefixes 200 --hit-share 0.02 --json";
    let rows = rows(directory.path(), line);
    assert_eq!(rows.len(), 2 * WORKLOADS.len());
    for (two, format) in rows.chunks(2).zip(WORKLOADS) {
        assert_eq!(column(two, "format"), [format; 2]);
        for (row, threads) in two.iter().zip([1, 2]) {
            assert_eq!(
                (&row["threads"], &row["ops"]),
                (&threads.into(), &(500 * threads).into())
            );
            assert_eq!(
                (&row["miss_share"], &row["size"]),
                (&0.98.into(), &500.into())
            );
            assert!(row["events_per_second"].as_f64().unwrap() > 0.0);
            assert!(row["cpu_ns_per_event"].as_f64().is_some());
            assert!(row["times_one_thread"].as_f64().unwrap() > 0.0);
            assert!(row.get("times_gannet").is_none(), "{row}");
        }
    }
}

#[test]
fn own_records_and_own_feeds_are_measured() {
    let directory = workplace();
    let here = directory.path();
    let decode = rows(
        here,
        "bench decode --input dns.log --events 30 --turns 3 --json",
    );
    assert_eq!(
        column(&decode, "engine"),
        ["gannet", "gannet", "serde_json"]
    );
    assert_eq!(column(&decode, "input"), ["dns.log"; 3]);
    assert!(decode.iter().all(|row| row["questions"] == 3));
    let line = "bench pipeline --input dns.log --feed feed.txt --threads 1 --events 30 --turns 3";
    let judged = rows(here, &format!("{line} --json"));
    assert_eq!(
        (&judged[0]["questions"], &judged[0]["size"]),
        (&3.into(), &1.into())
    );
    let misses = judged[0]["miss_share"].as_f64().unwrap();
    assert!((misses - 1.0 / 3.0).abs() < 1e-9, "{misses}");
    let made = "bench pipeline --formats dnstap --feed feed.txt --threads 1 --events 300 --turns 3";
    assert_eq!(rows(here, &format!("{made} --json"))[0]["miss_share"], 1.0);
    let shown = gannet(here, &line.split(' ').collect::<Vec<_>>());
    let text = String::from_utf8(shown.out).unwrap();
    assert!(
        text.contains("zeek-json") && text.contains("gannet on 1"),
        "{text}"
    );
}

#[test]
fn what_cannot_be_meant_and_what_cannot_be_done_are_told() {
    let directory = workplace();
    let (decode, pipeline) = ("bench decode", "bench pipeline");
    for (command, options, code, says) in [
        (decode, "--events 0", 2, "give a whole number above 0"),
        (decode, "--turns 2", 2, "give a whole number from 3"),
        (
            decode,
            "--formats zeek-tsv",
            2,
            "`zeek-tsv` is not one of zeek-json, ",
        ),
        (
            decode,
            "--formats dnstap --input dns.log",
            2,
            "cannot be used with",
        ),
        (
            decode,
            "--input what.bin",
            2,
            "cannot tell the format of what.bin",
        ),
        (decode, "--input gone.log", 1, "cannot measure gone.log"),
        (decode, "--input empty.log", 1, "no records in empty.log"),
        (
            decode,
            "--input page.log",
            1,
            "no record of page.log is an event",
        ),
        (pipeline, "--threads 0", 2, "0 is not in 1..=1024"),
        (pipeline, "--threads 1,x", 2, "invalid digit"),
        (pipeline, "--hit-share 1.5", 2, "give a number from 0 to 1"),
        (pipeline, "--hit-share NaN", 2, "give a number from 0 to 1"),
        (pipeline, "--events x", 2, "give a whole number above 0"),
        (pipeline, "--indicators 20000001", 2, "20000001 is not in"),
        (
            pipeline,
            "--indicators 0 --prefixes 0",
            2,
            "has no hits on a feed",
        ),
        (pipeline, "--allow feed.txt", 2, "nothing to look for"),
        (pipeline, "--feed gone.txt", 1, "gone.txt"),
        (
            pipeline,
            "--input page.log",
            1,
            "no record of page.log is an event",
        ),
    ] {
        let line = format!("{command} {options}");
        let ran = gannet(directory.path(), &line.split(' ').collect::<Vec<_>>());
        assert_eq!(ran.code, code, "{line}\n{}", ran.err);
        assert!(
            ran.err.contains(says),
            "{line}: `{says}` is not in\n{}",
            ran.err
        );
        assert!(ran.out.is_empty(), "{line}");
    }
}

#[test]
fn the_whole_job_on_a_topic_is_measured_beside_the_bare_reading_of_it() {
    let directory = tempfile::tempdir().unwrap();
    let rows = rows(
        directory.path(),
        "bench kafka --embedded --events 4000 --turns 3 --indicators 1000 --prefixes 100 \
         --hit-share 0.01 --codec lz4 --rate 0.1 --seconds 1 --swap 100 --json",
    );
    let engines = ["gannet", "direct-drain", "drain", "gannet", "gannet"];
    assert_eq!(column(&rows, "engine"), engines);
    let benches = ["kafka", "kafka", "kafka", "kafka-latency", "kafka-swap"];
    assert_eq!(column(&rows, "bench"), benches);
    assert_eq!(column(&rows, "codec"), ["lz4"; 5]);
    for row in &rows[..3] {
        assert!(row["records_per_second"].as_f64() > Some(0.0), "{row}");
        assert!(row["cpu_ns_per_record"].as_f64() > Some(0.0), "{row}");
        assert!(row["ops"].as_u64() >= Some(4000), "{row}");
    }
    let latency = &rows[3];
    let [p50, p99, p999] = ["latency_ms_p50", "latency_ms_p99", "latency_ms_p999"]
        .map(|name| latency[name].as_f64().unwrap());
    assert!(0.0 < p50 && p50 <= p99 && p99 <= p999, "{latency}");
    assert!(latency["ops"].as_u64() > Some(0), "{latency}");
    let swap = &rows[4];
    assert!(swap["build_seconds"].as_f64() > Some(0.0), "{swap}");
    assert!(swap["records_per_second"].is_number(), "{swap}");
}

#[test]
fn a_topic_that_cannot_be_measured_is_refused_in_words() {
    let directory = tempfile::tempdir().unwrap();
    for (line, code, said) in [
        ("bench kafka", 2, "--brokers"),
        ("bench kafka --embedded", 2, "has room for 20000 events"),
        ("bench kafka --embedded --codec brotli", 2, "brotli"),
        ("bench kafka --embedded --events 0", 2, "above 0"),
    ] {
        let arguments: Vec<&str> = line.split(' ').collect();
        let ran = gannet(directory.path(), &arguments);
        assert_eq!(ran.code, code, "{line}: {}", ran.err);
        assert!(ran.err.contains(said), "{line}: {}", ran.err);
    }
}
