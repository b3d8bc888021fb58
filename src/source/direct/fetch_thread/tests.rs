//! Tests of fetching beside the worker, from a broker that does as it is told.

use std::collections::BTreeMap;

use super::super::fetcher::tests::{below, fetcher_of, log};
use super::super::testing::logs::{LogBroker, Misdeed};
use super::*;
use crate::source::{Record, StreamId};

/// Longest wait for what must come.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a thread fetched.
struct Reading {
    thread: FetchThread,
    offsets: BTreeMap<i32, Vec<i64>>,
    limit: Instant,
}

impl Reading {
    /// All partitions of `broker`, from their beginning.
    fn of(broker: &LogBroker, properties: &[(&str, &str)]) -> Self {
        let fetcher = fetcher_of(broker, properties);
        let mut thread = FetchThread::start(fetcher, "fetch-0".to_owned()).unwrap();
        let partitions: Vec<i32> = broker.state().logs.keys().copied().collect();
        let places = partitions.iter().map(|at| ((StreamId(0), *at), Some(0)));
        thread.assign(places.collect());
        Self {
            thread,
            offsets: BTreeMap::new(),
            limit: Instant::now() + PATIENCE,
        }
    }

    /// Takes a portion, if one comes soon.
    fn step(&mut self) {
        assert!(Instant::now() < self.limit, "in vain: {:?}", self.offsets);
        let portion = self.thread.next(Duration::from_millis(20)).unwrap();
        let Some(mut portion) = portion else { return };
        let offsets = &mut self.offsets;
        let mut keep = |records: &[Record<'_>]| {
            for record in records {
                let offsets = offsets.entry(record.partition).or_default();
                offsets.push(record.offset);
            }
        };
        while !portion.is_empty() {
            portion.lend(2, &mut keep, |_, _| {});
        }
        self.thread.give_back(portion);
    }

    /// Takes portions until `count` records came.
    fn until(&mut self, count: usize) {
        while self.offsets.values().map(Vec::len).sum::<usize>() < count {
            self.step();
        }
    }

    /// Waits until the notes say something.
    fn noted<T>(&self, mut look: impl FnMut(&mut Notes) -> Option<T>) -> T {
        loop {
            assert!(Instant::now() < self.limit, "nothing is noted");
            if let Some(found) = look(&mut self.thread.notes()) {
                return found;
            }
            park_timeout(Duration::from_millis(5));
        }
    }
}

#[test]
fn every_record_comes_once_and_in_order_though_the_broker_fails() {
    let broker = LogBroker::new((0..3).map(|at| (at, log(5))).collect());
    let misdeeds = [
        Misdeed::Close,
        Misdeed::Corrupt,
        Misdeed::Code(6),
        Misdeed::CloseMidway,
    ];
    broker.state().misdeeds.extend(misdeeds);
    let mut reading = Reading::of(&broker, &[("max.partition.fetch.bytes", "1")]);
    reading.until(45);
    for _ in 0..3 {
        reading.step();
    }
    let expected: BTreeMap<i32, Vec<i64>> = (0..3).map(|at| (at, below(15))).collect();
    assert_eq!(reading.offsets, expected);
    reading.noted(|notes| notes.trouble.take());
    let sums = reading.noted(|notes| (notes.sums.batches >= 15).then_some(notes.sums));
    assert!(sums.answers > 0 && sums.inflating > Duration::ZERO);
}

#[test]
fn nothing_of_an_earlier_assignment_is_handed_out() {
    let broker = LogBroker::new([(0, log(5)), (1, log(5))].into());
    let mut reading = Reading::of(&broker, &[]);
    // Its portions are ready, and nobody took them.
    reading.noted(|notes| (notes.sums.batches >= 10).then_some(()));
    let place = (StreamId(0), 1);
    reading.thread.assign(vec![(place, Some(12))]);
    let known = reading.thread.notes().extents.clone();
    assert!(known.iter().all(|(at, _)| *at == place), "{known:?}");
    reading.until(3);
    for _ in 0..3 {
        reading.step();
    }
    assert_eq!(reading.offsets, [(1, vec![12, 13, 14])].into());
    let extents = reading.noted(|notes| (!notes.extents.is_empty()).then(|| notes.extents.clone()));
    assert_eq!(extents, [(place, Extent { from: 12, end: 15 })]);
}

#[test]
fn a_partition_out_of_range_is_told_and_goes_on_where_it_is_told_to() {
    let broker = LogBroker::new([(0, log(5))].into());
    broker.state().misdeeds.push_back(Misdeed::Code(1));
    let mut reading = Reading::of(&broker, &[]);
    let lost = reading.noted(|notes| notes.lost.pop());
    assert_eq!(lost, ((StreamId(0), 0), Some(0)));
    // What is out of date is not obeyed.
    reading.thread.go_on(lost.0, Some(3), 12);
    reading.thread.go_on(lost.0, lost.1, 6);
    reading.until(9);
    assert_eq!(reading.offsets[&0], (6..15).collect::<Vec<i64>>());
}

#[test]
fn what_nobody_takes_is_not_fetched_without_end_and_ends_with_the_reader() {
    let broker = LogBroker::new([(0, log(4000))].into());
    let small = [
        ("queued.max.messages.kbytes", "8"),
        ("max.partition.fetch.bytes", "2000"),
    ];
    let mut reading = Reading::of(&broker, &small);
    let count = || broker.state().fetches.len();
    // Asked for again and again, and then no more.
    let (mut before, mut still) = (0, 0);
    while still < 20 {
        assert!(Instant::now() < reading.limit, "{before} questions");
        park_timeout(Duration::from_millis(5));
        let now = count();
        still = if now == before && now > 0 {
            still + 1
        } else {
            0
        };
        before = now;
    }
    reading.until(12_000);
    assert!(count() > before, "{before} were all");
    assert_eq!(reading.offsets[&0], below(12_000));
}

#[test]
fn a_silent_broker_does_not_hold_up_the_end() {
    let broker = LogBroker::new([(0, log(5))].into());
    broker.state().misdeeds.push_back(Misdeed::Silence);
    let reading = Reading::of(&broker, &[("socket.timeout.ms", "60000")]);
    while broker.state().fetches.is_empty() {
        assert!(Instant::now() < reading.limit, "nothing is asked for");
        park_timeout(Duration::from_millis(5));
    }
    let started = Instant::now();
    drop(reading);
    assert!(started.elapsed() < Duration::from_secs(10));
}
