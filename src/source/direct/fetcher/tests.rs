//! Tests of fetching from a broker that misbehaves as it is told.

use std::collections::BTreeMap;

use std::time::Duration;

use proptest::prelude::*;

use super::super::batch::tests::made::Made;
use super::super::testing::logs::{LogBroker, Misdeed, Stored};
use super::super::testing::start;
use super::*;
use crate::model::EventFormat;
use crate::source::{Record, StreamId};

/// Longest wait for what must come.
const PATIENCE: Duration = Duration::from_secs(20);

/// Batches of three records each, from offset 0 on.
pub(in super::super) fn log(batches: i64) -> Vec<Stored> {
    let batch = |at: i64| (at * 3 + 3, Made::small(at * 3, 3).bytes());
    (0..batches).map(batch).collect()
}

/// A fetcher for the topic of `broker`, with librdkafka's `properties`.
pub(in super::super) fn fetcher_of(broker: &LogBroker, properties: &[(&str, &str)]) -> Fetcher {
    let mut all = BTreeMap::from([
        ("socket.timeout.ms".to_owned(), "1000".to_owned()),
        ("fetch.wait.max.ms".to_owned(), "50".to_owned()),
    ]);
    for (name, value) in properties {
        all.insert((*name).to_owned(), (*value).to_owned());
    }
    let brokers = format!("127.0.0.1:{}", broker.port);
    let settings = FetchSettings::from_properties(&brokers, &all).unwrap();
    let stream = Stream {
        source: "s".to_owned(),
        topic: "t".to_owned(),
        format: EventFormat::ZeekJson,
    };
    let streams: Arc<[Stream]> = Arc::from(vec![stream]);
    Fetcher::new(settings, &streams, Instant::now()).unwrap()
}

/// A fetcher of all partitions of a broker, from their beginning.
struct Reading {
    fetcher: Fetcher,
    portion: Portion,
    offsets: BTreeMap<i32, Vec<i64>>,
    troubles: Vec<String>,
    limit: Instant,
}

impl Reading {
    /// One with librdkafka's `properties`.
    fn of(broker: &LogBroker, properties: &[(&str, &str)]) -> Self {
        let mut fetcher = fetcher_of(broker, properties);
        let partitions = broker.state().logs.keys().copied().collect::<Vec<_>>();
        let places = partitions
            .into_iter()
            .map(|at| ((StreamId(0), at), Some(0)));
        fetcher.assign(places, Instant::now());
        Self {
            fetcher,
            portion: Portion::default(),
            offsets: BTreeMap::new(),
            troubles: Vec::new(),
            limit: Instant::now() + PATIENCE,
        }
    }

    /// Goes on once.
    fn step(&mut self, records_max: usize) {
        assert!(
            Instant::now() < self.limit,
            "in vain: {:?} {:?}",
            self.offsets,
            self.troubles
        );
        self.fetcher.turn(start());
        let offsets = &mut self.offsets;
        let mut keep = |records: &[Record<'_>]| {
            for record in records {
                offsets
                    .entry(record.partition)
                    .or_default()
                    .push(record.offset);
            }
        };
        if self.portion.is_empty() {
            self.portion.clear();
            self.fetcher.prepare(&mut self.portion, Instant::now());
        }
        let any = self.portion.lend(records_max, &mut keep, |_, _| {});
        self.troubles
            .extend(self.fetcher.take_trouble().map(|error| error.to_string()));
        if !any && self.fetcher.queue.bytes() == 0 {
            let now = Instant::now();
            self.fetcher
                .wait(now, now + Duration::from_millis(20))
                .unwrap();
        }
    }

    /// Goes on until `count` records came.
    fn until(&mut self, count: usize, records_max: usize) {
        while self.offsets.values().map(Vec::len).sum::<usize>() < count {
            self.step(records_max);
        }
    }
}

/// All offsets below `end`.
pub(in super::super) fn below(end: i64) -> Vec<i64> {
    (0..end).collect()
}

/// Anything a broker may do wrong that passes.
fn misdeed() -> impl Strategy<Value = Misdeed> {
    prop_oneof![
        Just(Misdeed::Close),
        Just(Misdeed::CloseMidway),
        Just(Misdeed::WrongCorrelation),
        Just(Misdeed::Garbage),
        Just(Misdeed::Corrupt),
        Just(Misdeed::Throttle(20)),
        proptest::sample::select(vec![6_i16, 74, 76, 5, 9, 3, 56, 78, -1, 29, 2])
            .prop_map(Misdeed::Code),
        proptest::sample::select(vec![-1_i16, 70, 35]).prop_map(Misdeed::Refuse),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn whatever_a_broker_does_every_record_comes_once_and_in_order(
        misdeeds in prop::collection::vec(misdeed(), 0..4),
        partitions in 1..4_i32,
        records_max in 1..9_usize,
        bytes_max in prop::sample::select(vec!["1", "200", "100000"]),
    ) {
        let broker = LogBroker::new((0..partitions).map(|at| (at, log(5))).collect());
        broker.state().misdeeds.extend(misdeeds.iter().copied());
        let mut reading = Reading::of(&broker, &[("max.partition.fetch.bytes", bytes_max)]);
        reading.until(usize::try_from(partitions).unwrap() * 15, records_max);
        for _ in 0..3 {
            reading.step(records_max);
        }
        for at in 0..partitions {
            prop_assert_eq!(&reading.offsets[&at], &below(15));
        }
        prop_assert_eq!(reading.fetcher.take_gaps(), []);
    }
}

#[test]
fn a_refusal_that_passes_is_asked_again_though_nobody_else_leads() {
    let broker = LogBroker::new([(0, log(5))].into());
    broker.state().misdeeds.push_back(Misdeed::Code(6));
    let mut reading = Reading::of(&broker, &[]);
    reading.until(15, 100);
    assert_eq!(reading.offsets[&0], below(15));
}

#[test]
fn a_broker_that_falls_silent_is_left_and_asked_anew() {
    let broker = LogBroker::new([(0, log(5))].into());
    broker.state().misdeeds.push_back(Misdeed::Silence);
    let mut reading = Reading::of(&broker, &[]);
    reading.until(15, 100);
    assert_eq!(reading.offsets[&0], below(15));
    let said = |trouble: &String| trouble.contains("no word for");
    assert!(reading.troubles.iter().any(said), "{:?}", reading.troubles);
}

#[test]
fn an_offset_out_of_range_waits_for_somebody_to_say_where_to_go_on() {
    let broker = LogBroker::new([(0, log(5)), (1, log(5))].into());
    broker.state().misdeeds.push_back(Misdeed::Code(1));
    let mut reading = Reading::of(&broker, &[]);
    let mut lost = Vec::new();
    while lost.len() < 2 {
        reading.step(100);
        lost.append(&mut reading.fetcher.take_lost());
    }
    assert_eq!(lost[0], ((StreamId(0), 0), Some(0)));
    let asked = broker.state().fetches.len();
    for _ in 0..5 {
        reading.step(100);
    }
    assert_eq!(
        broker.state().fetches.len(),
        asked,
        "what is lost is not asked for"
    );
    assert_eq!(reading.fetcher.take_lost(), [], "it is told once");
    reading.fetcher.go_on((StreamId(0), 0), Some(0), 6);
    reading.fetcher.go_on((StreamId(0), 1), Some(0), 0);
    reading.until(24, 100);
    assert_eq!(reading.offsets[&0], (6..15).collect::<Vec<i64>>());
    assert_eq!(reading.offsets[&1], below(15));
}

#[test]
fn a_log_that_was_cut_back_is_read_from_there_and_told() {
    let broker = LogBroker::new([(0, log(5))].into());
    let mut reading = Reading::of(&broker, &[]);
    reading.until(15, 100);
    broker.state().misdeeds.push_back(Misdeed::CutBack(9));
    reading.until(21, 100);
    assert_eq!(reading.offsets[&0][15..], [9, 10, 11, 12, 13, 14]);
    let [gap] = reading.fetcher.take_gaps()[..] else {
        panic!("a gap");
    };
    assert_eq!((gap.wanted, gap.resumed), (15, 9));
}

/// Waits without making anything ready, until `done`.
fn hold_until(reading: &mut Reading, mut done: impl FnMut(&mut Fetcher) -> bool) {
    while !done(&mut reading.fetcher) {
        assert!(Instant::now() < reading.limit, "in vain");
        let now = Instant::now();
        let until = now + Duration::from_millis(20);
        reading.fetcher.wait(now, until).unwrap();
        reading.fetcher.turn(start());
    }
}

/// Lets the next offset be out of range, when something was fetched before it: the place, and what it
/// wanted.
fn lose(reading: &mut Reading, broker: &LogBroker) -> (Place, Option<i64>) {
    hold_until(reading, |fetcher| fetcher.queue.bytes() > 0);
    broker.state().misdeeds.push_back(Misdeed::Code(1));
    let mut lost = Vec::new();
    hold_until(reading, |fetcher| {
        lost.append(&mut fetcher.take_lost());
        !lost.is_empty()
    });
    lost[0]
}

#[test]
fn what_was_fetched_before_an_offset_out_of_range_is_still_handed_out() {
    let broker = LogBroker::new([(0, log(5))].into());
    let mut reading = Reading::of(&broker, &[("max.partition.fetch.bytes", "1")]);
    let (place, wanted) = lose(&mut reading, &broker);
    let fetched = wanted.expect("an offset");
    assert!(fetched >= 3);
    reading.fetcher.go_on(place, wanted, 12);
    let left = usize::try_from(fetched).unwrap() + 3;
    reading.until(left.min(15), 2);
    let expected: Vec<i64> = below(fetched)
        .into_iter()
        .chain(fetched.max(12)..15)
        .collect();
    assert_eq!(reading.offsets[&0], expected);
}

#[test]
fn what_was_fetched_before_a_batch_with_a_bad_header_is_still_handed_out() {
    let mut bad = log(5);
    let head = bad[3].1.clone();
    // The length of a batch: none can be so short.
    bad[3].1[8..12].copy_from_slice(&[0, 0, 0, 1]);
    let broker = LogBroker::new([(0, bad)].into());
    let mut reading = Reading::of(&broker, &[]);
    let mut troubles = Vec::new();
    hold_until(&mut reading, |fetcher| {
        troubles.extend(fetcher.take_trouble().map(|error| error.to_string()));
        !troubles.is_empty()
    });
    assert!(troubles[0].contains("offset 9"), "{troubles:?}");
    broker.state().logs.get_mut(&0).unwrap()[3].1 = head;
    reading.until(15, 100);
    assert_eq!(reading.offsets[&0], below(15));
}

#[test]
fn an_answer_to_where_to_go_on_that_is_out_of_date_is_not_obeyed() {
    let mut bad = log(5);
    let last = bad[1].1.len() - 1;
    bad[1].1[last] ^= 1;
    let broker = LogBroker::new([(0, bad)].into());
    let mut reading = Reading::of(&broker, &[]);
    let (place, wanted) = lose(&mut reading, &broker);
    // Only now it shows that a batch before that is bad: it is wanted again.
    broker.state().logs.get_mut(&0).unwrap()[1].1[last] ^= 1;
    reading.step(1);
    reading.fetcher.go_on(place, wanted, 15);
    reading.until(15, 100);
    assert_eq!(reading.offsets[&0], below(15));
}

#[test]
fn what_was_fetched_below_the_end_of_a_log_that_was_cut_back_is_not_lost() {
    let broker = LogBroker::new([(0, log(5))].into());
    let mut reading = Reading::of(&broker, &[]);
    hold_until(&mut reading, |fetcher| fetcher.queue.bytes() > 0);
    broker.state().misdeeds.push_back(Misdeed::CutBack(9));
    let mut gaps = Vec::new();
    hold_until(&mut reading, |fetcher| {
        gaps.append(&mut fetcher.take_gaps());
        !gaps.is_empty()
    });
    reading.until(15, 100);
    assert_eq!(reading.offsets[&0], below(15));
}

#[test]
fn records_in_an_old_format_are_left_to_the_library() {
    let old = Made {
        magic: 1,
        ..Made::small(0, 3)
    };
    let broker = LogBroker::new([(0, vec![(3, old.bytes())])].into());
    let mut reading = Reading::of(&broker, &[]);
    while reading.troubles.is_empty() {
        reading.step(100);
    }
    assert!(
        reading.troubles[0].contains("t/0 has records in message format 1"),
        "{:?}",
        reading.troubles
    );
    assert!(reading.offsets.is_empty());
}

#[test]
fn a_batch_that_stays_bad_is_told_and_the_other_partitions_go_on() {
    let mut bad = log(5);
    let last = bad[3].1.len() - 1;
    bad[3].1[last] ^= 1;
    let broker = LogBroker::new([(0, bad), (1, log(5))].into());
    let mut reading = Reading::of(&broker, &[]);
    reading.until(9 + 15, 4);
    while reading.troubles.len() < 2 {
        reading.step(4);
    }
    assert_eq!(reading.offsets[&0], below(9));
    assert_eq!(reading.offsets[&1], below(15));
    assert!(
        reading.troubles[0].contains("cannot read t/0 at offset 9"),
        "{:?}",
        reading.troubles
    );
}

#[test]
fn no_more_is_asked_for_than_there_is_room_and_no_partition_is_starved() {
    let partitions = 0..64_i32;
    let large = |at: i64| {
        let record = super::super::batch::tests::made::record(0, 0, None, Some(&[7; 5_000]), &[]);
        let batch = Made {
            base_offset: at,
            ..Made::of(&[record])
        };
        (at + 1, batch.bytes())
    };
    let log: Vec<Stored> = (0..20).map(large).collect();
    let broker = LogBroker::new(partitions.clone().map(|at| (at, log.clone())).collect());
    let budget = 100 << 10;
    let mut reading = Reading::of(
        &broker,
        &[
            ("queued.max.messages.kbytes", "100"),
            ("max.partition.fetch.bytes", "20000"),
        ],
    );
    let mut most = 0;
    // Nothing is handed out at first, so that the room is filled however fast the broker is.
    let filled = Instant::now() + Duration::from_millis(300);
    while most <= budget / 4 || Instant::now() < filled {
        assert!(Instant::now() < reading.limit, "only {most}");
        reading.fetcher.turn(start());
        let now = Instant::now();
        let until = now + Duration::from_millis(20);
        reading.fetcher.wait(now, until).unwrap();
        most = most.max(reading.fetcher.queue.bytes());
    }
    while reading.offsets.values().map(Vec::len).sum::<usize>() < 64 * 20 {
        reading.step(3);
        most = most.max(reading.fetcher.queue.bytes());
        let counts = partitions
            .clone()
            .map(|at| reading.offsets.get(&at).map_or(0, Vec::len));
        let (least, largest) = counts.fold((usize::MAX, 0), |(a, b), n| (a.min(n), b.max(n)));
        assert!(largest - least <= 8, "{least} and {largest}");
    }
    assert!(most > budget / 4 && most <= budget + 6_000, "{most}");
    for at in partitions {
        assert_eq!(reading.offsets[&at], below(20));
    }
    for fetch in &broker.state().fetches {
        assert!(usize::try_from(fetch.max_bytes).unwrap() <= budget / 4);
    }
}

#[test]
fn what_is_assigned_anew_is_read_from_its_new_place_and_nothing_else() {
    let broker = LogBroker::new([(0, log(5)), (1, log(5))].into());
    let mut reading = Reading::of(&broker, &[]);
    reading.until(1, 1);
    reading
        .fetcher
        .assign([((StreamId(0), 1), Some(12))], Instant::now());
    reading.portion.clear();
    reading.offsets.clear();
    reading.until(3, 100);
    for _ in 0..5 {
        reading.step(100);
    }
    assert_eq!(reading.offsets, [(1, vec![12, 13, 14])].into());
    let extent = Extent { from: 12, end: 15 };
    assert_eq!(reading.fetcher.extents(), [((StreamId(0), 1), extent)]);
    reading.fetcher.assign([], Instant::now());
    reading.step(1);
    assert!(reading.fetcher.extents().is_empty() && reading.fetcher.queue.bytes() == 0);
}

#[test]
fn what_fetching_comes_to_is_counted() {
    let broker = LogBroker::new([(0, log(5))].into());
    broker.state().misdeeds.push_back(Misdeed::Throttle(30));
    let mut reading = Reading::of(&broker, &[]);
    reading.until(15, 100);
    let sums = reading.fetcher.take_sums();
    let bytes: usize = log(5).iter().map(|(_, batch)| batch.len()).sum();
    assert_eq!((sums.batches, sums.bytes), (5, bytes as u64));
    assert_eq!(sums.throttled, Duration::from_millis(30));
    assert!(sums.answers > 0 && sums.inflating > Duration::ZERO);
    assert_eq!(reading.fetcher.take_sums().batches, 0);
}
