//! The pipeline over little traffic, and truths that are not.

use super::*;
use crate::lab::bench::traffic::{FeedOptions, MadeFeed, TrafficOptions, Workload, orientation};
use crate::snapshot::BuildOptions;

/// As little as can be measured, by one thread and by two.
fn options() -> PipelineOptions {
    PipelineOptions {
        events: 3_000,
        threads: vec![1, 2],
        settings: Settings {
            turns: 3,
            warmups: 0,
        },
    }
}

fn feed(names: u32) -> MadeFeed {
    MadeFeed::new(FeedOptions {
        names,
        prefixes: 500,
        seed: 1,
    })
    .unwrap()
}

fn made(workload: Workload) -> Traffic {
    let options = TrafficOptions {
        events: 2_000,
        hit_share: 0.02,
        ..TrafficOptions::new(workload)
    };
    Traffic::make(&options, &feed(1_000)).unwrap()
}

#[test]
fn every_format_comes_to_its_planted_truth_by_one_thread_and_by_two() {
    let snapshot = feed(1_000).snapshot(BuildOptions::default()).unwrap();
    for &workload in Workload::ALL {
        let traffic = made(workload);
        assert_eq!(traffic.truth().matched, 40);
        let rows = pipeline(
            &traffic,
            &snapshot,
            &orientation(),
            &options(),
            &mut |_, _| {},
        );
        let rows = rows.unwrap();
        let ops: Vec<_> = rows.iter().map(|row| (row.threads, row.ops)).collect();
        assert_eq!(ops, [(Some(1), Some(4_000)), (Some(2), Some(8_000))]);
        for row in rows {
            assert_eq!(row.format.as_deref(), Some(workload.format().as_str()));
            assert_eq!((row.miss_share, row.size), (Some(0.98), Some(1_500)));
            assert!(row.events_per_second.unwrap() > 0.0 && row.times_one_thread.is_some());
        }
    }
}

#[test]
fn hits_that_are_missing_are_caught() {
    // Names beyond the first hundred are asked for and not listed.
    let snapshot = feed(100).snapshot(BuildOptions::default()).unwrap();
    let traffic = made(Workload::Dnstap);
    let result = pipeline(
        &traffic,
        &snapshot,
        &orientation(),
        &options(),
        &mut |_, _| {},
    );
    assert!(
        matches!(result, Err(BenchError::Wrong { .. })),
        "{result:?}"
    );
}

#[test]
fn as_many_hits_on_other_values_are_caught() {
    let traffic = made(Workload::Dnstap);
    let snapshot = feed(1_000).snapshot(BuildOptions::default()).unwrap();
    let streams = [Stream {
        source: "bench".to_owned(),
        topic: "events".to_owned(),
        format: traffic.format(),
    }];
    let orientation = orientation();
    let mut course = Course {
        records: &traffic.records(),
        batch_records: 7,
        truth: traffic.truth(),
        path: Path {
            snapshot: &snapshot,
            orientation: &orientation,
            streams: &streams,
            cluster: "bench",
            now: NOW,
        },
    };
    assert_eq!(checked(&course), Ok(()));
    course.truth.values ^= 1;
    assert!(checked(&course).is_err());
    course.truth.values ^= 1;
    course.truth.unmatched += 1;
    assert!(checked(&course).is_err());
    let mut workers = [Worker::new(&course), Worker::new(&course)];
    assert!(turn(&course, &mut workers, 1).is_err());
}

#[test]
fn batches_are_of_about_as_many_events_whatever_a_record_holds() {
    assert_eq!(batch_records(&made(Workload::ZeekDns)), 1_024);
    assert_eq!(batch_records(&made(Workload::Goflow2Protobuf)), 81);
}
