//! The commit protocol under every kind of fault, in simulation: acknowledgements late, out of
//! order, lost or failed; partitions revoked and lost; commits late or refused; crashes at any
//! step. Whatever happens, every hit is delivered and nothing else is. Protocols that are known
//! to be wrong must be caught by the same check.

mod support;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use gannet::app::orientation;
use gannet::config::Config;
use gannet::model::EventTime;
use gannet::pipeline::{Worker, WorkerOptions};
use gannet::reload::{Reload, Reloader, Which};
use gannet::sink::{Acknowledged, MessageSink, Outgoing};
use gannet::snapshot::SnapshotReader;
use gannet::source::{
    CommitWait, Gap, NextOffset, Progress, ReadLimits, Record, RecordHeaders, RecordReader,
    SourceError, Stream, StreamId,
};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use serde_json::Value;
use support::naive::{self, Expected, Feed, Key};
use support::plan::{self, FEED, OWN, Plan};
use support::random::Random;
use support::told;

/// Partitions of the simulated topic.
const PARTITIONS: usize = 3;

/// Rows of the simulated topic.
const ROWS: usize = 90;

/// Worlds that are tried.
const SEEDS: u64 = 400;

/// What survives a crash, and how the present run fares.
struct World {
    random: Random,
    /// The records of each partition.
    logs: Vec<Vec<Vec<u8>>>,
    /// The committed offset of each partition.
    committed: Vec<usize>,
    /// Values of the hits topic, in the order in which the broker took them.
    delivered: Vec<Vec<u8>>,
    /// Sent and not acknowledged.
    in_flight: Vec<Outgoing>,
    /// Commits on their way, in order.
    committing: VecDeque<Vec<NextOffset>>,
    /// Where the present run reads on.
    positions: Vec<usize>,
    /// A rebalance that waits for [`RecordReader::release`].
    rebalance: Option<Progress>,
    /// Steps until the crash; `None`: this run does not crash.
    steps_left: Option<usize>,
}

impl World {
    fn new(seed: u64, rows: &[Value]) -> Self {
        let mut logs = vec![Vec::new(); PARTITIONS];
        for (index, row) in rows.iter().enumerate() {
            logs[index % PARTITIONS].push(plan::bytes(row));
        }
        Self {
            random: Random::new(seed),
            logs,
            committed: vec![0; PARTITIONS],
            delivered: Vec::new(),
            in_flight: Vec::new(),
            committing: VecDeque::new(),
            positions: vec![0; PARTITIONS],
            rebalance: None,
            steps_left: None,
        }
    }

    /// One step of the run; whether it goes on. After the crash nothing has any effect.
    fn step(&mut self) -> bool {
        match &mut self.steps_left {
            Some(0) => false,
            Some(left) => {
                *left -= 1;
                true
            }
            None => true,
        }
    }

    fn crashed(&self) -> bool {
        self.steps_left == Some(0)
    }

    /// What was on its way arrives or not, and a new run begins at what is committed.
    fn restart(&mut self, steps: Option<usize>) {
        for message in std::mem::take(&mut self.in_flight) {
            if self.random.one_in(2) {
                self.delivered.push(message.value);
            }
        }
        let arriving = self.random.below(self.committing.len() + 1);
        for _ in 0..arriving {
            self.commit_arrives();
        }
        self.committing.clear();
        self.positions = self.committed.clone();
        self.rebalance = None;
        self.steps_left = steps;
    }

    fn commit_arrives(&mut self) {
        for next in self.committing.pop_front().unwrap_or_default() {
            let partition = usize::try_from(next.partition).expect("a partition");
            self.committed[partition] = usize::try_from(next.offset).expect("an offset");
        }
    }

    fn at_end(&self) -> bool {
        let end = |(log, at): (&Vec<Vec<u8>>, &usize)| *at == log.len();
        self.logs.iter().zip(&self.positions).all(end)
    }
}

/// A reader of the world.
struct SimulatedReader {
    world: Rc<RefCell<World>>,
    streams: Arc<[Stream]>,
    held: bool,
}

/// The failure that passes.
fn hiccup() -> SourceError {
    SourceError::Kafka {
        action: "simulated".to_owned(),
        source: KafkaError::Global(RDKafkaErrorCode::BrokerTransportFailure),
    }
}

impl RecordReader for SimulatedReader {
    fn streams(&self) -> &Arc<[Stream]> {
        &self.streams
    }

    fn read(
        &mut self,
        _limits: ReadLimits,
        handle: &mut dyn FnMut(&[Record<'_>]),
    ) -> Result<Progress, SourceError> {
        let mut world = self.world.borrow_mut();
        if !world.step() {
            return Err(SourceError::Fatal("crashed".to_owned()));
        }
        if world.random.one_in(3) {
            world.commit_arrives();
        }
        if let Some(rebalance) = world.rebalance {
            return Ok(rebalance);
        }
        if world.steps_left.is_none() && world.at_end() && world.in_flight.is_empty() {
            return Ok(Progress::Ended);
        }
        match world.random.below(24) {
            0 => world.rebalance = Some(Progress::Revoking),
            1 => world.rebalance = Some(Progress::Lost),
            2 => return Err(hiccup()),
            _ => {}
        }
        if let Some(rebalance) = world.rebalance {
            return Ok(rebalance);
        }
        if self.held || world.random.one_in(5) {
            return Ok(Progress::Idle);
        }
        let mut taken: Vec<(usize, usize, Vec<u8>)> = Vec::new();
        for _ in 0..world.random.below(8) {
            let partition = world.random.below(PARTITIONS);
            let at = world.positions[partition];
            if let Some(value) = world.logs[partition].get(at).cloned() {
                world.positions[partition] += 1;
                taken.push((partition, at, value));
            }
        }
        drop(world);
        if taken.is_empty() {
            return Ok(Progress::Idle);
        }
        let records: Vec<Record<'_>> = taken
            .iter()
            .map(|(partition, at, value)| Record {
                stream: StreamId(0),
                partition: i32::try_from(*partition).expect("a partition"),
                offset: i64::try_from(*at).expect("an offset"),
                timestamp_ms: Some(1_767_225_600_000),
                key: None,
                value: Some(value),
                headers: RecordHeaders::default(),
            })
            .collect();
        handle(&records);
        Ok(Progress::Read)
    }

    fn commit(&mut self, offsets: &[NextOffset], wait: CommitWait) -> Result<(), SourceError> {
        let mut world = self.world.borrow_mut();
        if !world.step() {
            return Err(hiccup());
        }
        if world.rebalance == Some(Progress::Lost) {
            panic!("committed what belongs to someone else");
        }
        if world.random.one_in(6) {
            return match wait {
                // Sent, and refused later, in silence.
                CommitWait::Sent => Ok(()),
                CommitWait::Done => Err(hiccup()),
            };
        }
        world.committing.push_back(offsets.to_vec());
        if wait == CommitWait::Done {
            while !world.committing.is_empty() {
                world.commit_arrives();
            }
        }
        Ok(())
    }

    /// Someone else has the partitions for a moment, does nothing, and we get them back.
    fn release(&mut self) -> Result<(), SourceError> {
        let mut world = self.world.borrow_mut();
        if world.rebalance.take() == Some(Progress::Lost) {
            // Commits on their way are of a generation that is over.
            world.committing.clear();
        }
        while !world.committing.is_empty() {
            world.commit_arrives();
        }
        world.positions = world.committed.clone();
        Ok(())
    }

    fn hold(&mut self, on: bool) -> Result<(), SourceError> {
        self.held = on;
        Ok(())
    }

    fn lag(&self) -> Vec<(StreamId, i32, i64)> {
        Vec::new()
    }

    fn take_gaps(&mut self) -> Vec<Gap> {
        Vec::new()
    }

    fn assigned(&self) -> usize {
        PARTITIONS
    }
}

/// A sink into the world.
struct SimulatedSink {
    world: Rc<RefCell<World>>,
}

impl MessageSink for SimulatedSink {
    fn send(&mut self, message: Outgoing) {
        let mut world = self.world.borrow_mut();
        if world.step() {
            world.in_flight.push(message);
        }
    }

    fn poll(&mut self, _wait: Duration) -> Acknowledged {
        let mut world = self.world.borrow_mut();
        let mut acknowledged = Acknowledged::default();
        if !world.step() {
            return acknowledged;
        }
        for message in std::mem::take(&mut world.in_flight) {
            match world.random.below(6) {
                0 | 1 => {
                    acknowledged.tokens.push(message.token);
                    world.delivered.push(message.value);
                }
                // The broker has it, but its answer is lost: it will be sent again.
                2 => {
                    world.delivered.push(message.value.clone());
                    world.in_flight.push(message);
                }
                3 => {
                    acknowledged.failed += 1;
                    world.in_flight.push(message);
                }
                _ => world.in_flight.push(message),
            }
        }
        acknowledged
    }

    fn abandon(&mut self) {
        self.world.borrow_mut().in_flight.clear();
    }
}

/// What all worlds share.
struct Scene {
    snapshots: SnapshotReader,
    options: WorkerOptions,
    rows: Vec<Value>,
    expected: BTreeMap<Key, Expected>,
}

impl Scene {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("gannet.toml");
        let feed = FEED.join("\n");
        std::fs::write(directory.path().join("feed.txt"), feed).expect("a feed is written");
        let text = "[kafka]\nbrokers = \"127.0.0.1:1\"\ngroup = \"g\"\n\
                    [[source]]\nname = \"s\"\ntopics = [\"t\"]\nformat = \"zeek-json\"\n\
                    [[feed]]\nname = \"f\"\npath = \"feed.txt\"\nformat = \"plain\"\nrole = \"c2\"\n\
                    [networks]\nown = [\"10.0.0.0/8\", \"2001:db8:c::/48\"]\n\
                    [workers]\ncommit_interval = \"10ms\"\ndrain_timeout = \"100ms\"\n\
                    unacknowledged_max = 6\n";
        std::fs::write(&path, text).expect("a configuration is written");
        let mut config = Config::load(&path, &|_| None).expect("a configuration");
        // As often as possible.
        config.workers.commit_interval = Duration::ZERO;
        config.workers.drain_timeout = Duration::from_millis(1);
        let reloader = Reloader::new(config.clone(), gannet::app::now);
        assert!(matches!(reloader.reload(&Which::All), Reload::Published(_)));
        let mut plan = Plan::new(23, ROWS);
        let rows: Vec<Value> = (0..ROWS).map(|_| plan.dns()).collect();
        let expected = naive::expected(&Feed::of(FEED.iter().copied()), OWN, &rows);
        Self {
            snapshots: reloader.reader().expect("a snapshot"),
            options: WorkerOptions {
                workers: config.workers,
                hits: config.hits,
                dead: config.dead,
                cluster: "simulated".to_owned(),
                orientation: Arc::new(orientation(&config.networks)),
                commits: true,
                watches: false,
                now: || EventTime::from_nanos(0),
            },
            rows,
            expected,
        }
    }

    /// Runs a world of `seed` through some crashes and then to its end; what is wrong with
    /// what it delivered.
    fn play<R: RecordReader>(
        &self,
        seed: u64,
        reader: impl Fn(SimulatedReader) -> R,
    ) -> Vec<String> {
        let world = Rc::new(RefCell::new(World::new(seed, &self.rows)));
        let streams: Arc<[Stream]> = [Stream {
            source: "s".to_owned(),
            topic: "t".to_owned(),
            format: gannet::model::EventFormat::ZeekJson,
        }]
        .into();
        let crashes = world.borrow_mut().random.below(5);
        for run in 0..=crashes {
            let steps = world.borrow_mut().random.below(150);
            world.borrow_mut().restart((run < crashes).then_some(steps));
            let simulated = SimulatedReader {
                world: Rc::clone(&world),
                streams: Arc::clone(&streams),
                held: false,
            };
            let sink = SimulatedSink {
                world: Rc::clone(&world),
            };
            let worker = Worker::new(
                reader(simulated),
                sink,
                self.snapshots.clone(),
                self.options.clone(),
            );
            let ran = worker.run(&AtomicBool::new(false), &mut |_| {});
            assert_eq!(ran.is_err(), world.borrow().crashed());
        }
        let world = world.borrow();
        let hits: Vec<Value> = world
            .delivered
            .iter()
            .map(|value| serde_json::from_slice(value).expect("JSON"))
            .collect();
        told::faults(&hits, &self.expected)
    }
}

#[test]
fn whatever_happens_every_hit_is_delivered_and_nothing_else() {
    let scene = Scene::new();
    assert!(scene.expected.len() > 20, "{}", scene.expected.len());
    for seed in 0..SEEDS {
        let faults = scene.play(seed, |reader| reader);
        assert!(faults.is_empty(), "seed {seed}: {faults:#?}");
    }
}

/// Commits what was read when it was read, as automatic commits do.
struct Eager {
    reader: SimulatedReader,
}

impl RecordReader for Eager {
    fn streams(&self) -> &Arc<[Stream]> {
        self.reader.streams()
    }

    fn read(
        &mut self,
        limits: ReadLimits,
        handle: &mut dyn FnMut(&[Record<'_>]),
    ) -> Result<Progress, SourceError> {
        let progress = self.reader.read(limits, handle)?;
        if progress == Progress::Read {
            let world = self.reader.world.borrow();
            let next = |(partition, offset): (usize, &usize)| NextOffset {
                stream: StreamId(0),
                partition: i32::try_from(partition).expect("a partition"),
                offset: i64::try_from(*offset).expect("an offset"),
            };
            let read: Vec<NextOffset> = world.positions.iter().enumerate().map(next).collect();
            drop(world);
            let _ = self.reader.commit(&read, CommitWait::Done);
        }
        Ok(progress)
    }

    fn commit(&mut self, _offsets: &[NextOffset], _wait: CommitWait) -> Result<(), SourceError> {
        Ok(())
    }

    fn release(&mut self) -> Result<(), SourceError> {
        self.reader.release()
    }

    fn hold(&mut self, on: bool) -> Result<(), SourceError> {
        self.reader.hold(on)
    }

    fn lag(&self) -> Vec<(StreamId, i32, i64)> {
        self.reader.lag()
    }

    fn take_gaps(&mut self) -> Vec<Gap> {
        self.reader.take_gaps()
    }

    fn assigned(&self) -> usize {
        self.reader.assigned()
    }
}

#[test]
fn committing_what_was_read_is_caught() {
    let scene = Scene::new();
    let caught: BTreeSet<u64> = (0..SEEDS)
        .filter(|seed| {
            let faults = scene.play(*seed, |reader| Eager { reader });
            faults.iter().any(|fault| fault.starts_with("lost"))
        })
        .collect();
    let least = usize::try_from(SEEDS / 4).expect("a number of worlds");
    assert!(
        caught.len() > least,
        "only {} worlds lost hits",
        caught.len()
    );
}

#[test]
fn the_check_sees_lost_spurious_and_changed_hits() {
    let scene = Scene::new();
    let hit = |id: &str, key: &Key, what: &str| {
        let at = EventTime::from_nanos(key.1).to_string();
        serde_json::json!({"hit_id": id, "client": {"ip": key.0}, "event_time": at,
                           "match": {"value": key.2}, "matched_at": what})
    };
    let whole: Vec<Value> = scene
        .expected
        .keys()
        .enumerate()
        .map(|(number, key)| hit(&number.to_string(), key, "now"))
        .collect();
    let check = |hits: &[Value]| told::faults(hits, &scene.expected);
    assert_eq!(check(&whole), Vec::<String>::new());
    let first = scene.expected.keys().next().expect("a hit");
    let copied = [whole.clone(), vec![hit("0", first, "later")]].concat();
    assert_eq!(check(&copied), Vec::<String>::new());
    let mut changed = hit("0", first, "later");
    changed["evidence"] = "resolved".into();
    assert_eq!(check(&[whole.clone(), vec![changed]].concat()).len(), 1);
    assert!(check(&whole[1..])[0].starts_with("lost"));
    let stranger = ("10.9.9.9".to_owned(), 5, "bad.example".to_owned());
    let spurious = [whole.clone(), vec![hit("x", &stranger, "now")]].concat();
    assert!(check(&spurious)[0].starts_with("spurious"));
    let twice = [whole, vec![hit("other", first, "now")]].concat();
    assert!(check(&twice)[0].starts_with("2 ids"));
}
