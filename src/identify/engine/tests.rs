//! The stage against a naive fold, under every disorder that Kafka and crashes can bring.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use tempfile::TempDir;

use super::super::samples::{self, incoming, settings};
use super::*;
use crate::model::{Attribution, EpisodeId, Evidence, Hit, Lease, VictimReason};

/// A store that outlives the stages opened on it.
struct Rig {
    folder: TempDir,
    settings: Settings,
}

impl Rig {
    fn new(settings: Settings) -> Self {
        Self {
            // Thousands of commits: in memory where there is such a folder.
            folder: tempfile::tempdir_in("/dev/shm")
                .or_else(|_| tempfile::tempdir())
                .unwrap(),
            settings,
        }
    }

    /// The stage as it starts: no leases.
    fn start(&self) -> Identifier {
        let path = self.folder.path().join("episodes.redb");
        Identifier::open(&path, self.settings.clone(), "test/hits").unwrap()
    }

    /// The stage with all of `leases`, and no others to come.
    fn start_knowing(&self, leases: &[Lease]) -> Identifier {
        let mut stage = self.start();
        for lease in leases {
            stage.leases().insert(lease);
        }
        stage.set_known_until(EventTime::MAX);
        stage
    }
}

fn at(nanos: i64) -> EventTime {
    EventTime::from_nanos(nanos)
}

/// One address, one subscriber, for ever.
fn one_lease() -> Vec<Lease> {
    vec![samples::lease("1", "line-1", "198.51.100.7/32", (0, None))]
}

fn episodes(stage: &Identifier) -> Vec<Episode> {
    stage.episodes().unwrap().map(Result::unwrap).collect()
}

/// Hits that lie one after the other in partition 0.
fn log(hits: impl IntoIterator<Item = Hit>) -> Vec<IncomingHit> {
    let number = |(offset, hit)| IncomingHit {
        offset,
        ..incoming(hit, 0)
    };
    (0..).zip(hits).map(number).collect()
}

/// How a history reaches the stage.
#[derive(Clone, Debug)]
struct Delivery {
    /// (hit, partition), with repeats, in the order of the topic.
    records: Vec<(usize, i32)>,
    /// Records in each step, and whether the process dies after it.
    steps: Vec<(usize, bool)>,
    /// How far leases are known grows by this in every step.
    known_step: i64,
    /// How long a hit waits until it is provisional.
    wait_max: u64,
}

fn any_hit() -> impl Strategy<Value = Hit> {
    let hint = proptest::option::weighted(0.2, 0..2_u8);
    (0..40_i64, 6..9_u8, hint, 0..2_u8, 0..5_usize, any::<bool>()).prop_map(
        |(at, host, hint, campaign, evidence, victim)| {
            let mut hit = samples::hit(0, at);
            hit.client = Some(samples::client(host));
            hit.client_hint = hint.map(|line| format!("line-{line}"));
            hit.campaign = format!("win.test{campaign}");
            hit.evidence = samples::EVIDENCE[evidence];
            hit.victim_reason = (!victim).then_some(VictimReason::FeedDirection);
            hit
        },
    )
}

fn any_leases() -> impl Strategy<Value = Vec<Lease>> {
    let lease = (0..3_u8, 6..9_u8, 0..40_i64, proptest::option::of(0..20_i64));
    vec(lease, 0..10).prop_map(|rows| {
        let make = |(id, (line, host, start, len)): (usize, (u8, u8, i64, Option<i64>))| {
            let net = format!("198.51.100.{host}/32");
            let end = len.map(|len| start + len);
            samples::lease(
                &format!("r{id}"),
                &format!("line-{line}"),
                &net,
                (start, end),
            )
        };
        rows.into_iter().enumerate().map(make).collect()
    })
}

fn any_history() -> impl Strategy<Value = (Vec<Hit>, Vec<Lease>, Delivery)> {
    let hits = vec(any_hit(), 1..16).prop_map(|mut hits| {
        for (id, hit) in (0..).zip(&mut hits) {
            hit.hit_id = samples::hit(id, 0).hit_id;
        }
        hits
    });
    (hits, any_leases()).prop_flat_map(|(hits, leases)| {
        let all: Vec<usize> = (0..hits.len()).collect();
        let repeats = vec(0..hits.len(), 0..6);
        let records = repeats
            .prop_map(move |repeats| [all.clone(), repeats].concat())
            .prop_shuffle();
        let records = records.prop_flat_map(|records| {
            let partitions = vec(0..3_i32, records.len());
            partitions.prop_map(move |partitions| {
                records.iter().copied().zip(partitions).collect::<Vec<_>>()
            })
        });
        let steps = vec((0..5_usize, any::<bool>()), 1..6);
        let delivery = (records, steps, 0..30_i64, 0..4_u64).prop_map(
            |(records, steps, known_step, wait_max)| Delivery {
                records,
                steps,
                known_step,
                wait_max,
            },
        );
        (Just(hits), Just(leases), delivery)
    })
}

/// The episodes by definition, as far as a count shows them.
fn oracle(hits: &[Hit], leases: &[Lease]) -> BTreeMap<(String, String), (u64, u64)> {
    let mut table = LeaseTable::new(1000);
    for lease in leases {
        table.insert(lease);
    }
    let mut counts = BTreeMap::new();
    for hit in hits {
        let found = table.attribute(hit.client.unwrap(), hit.event_time, &settings().rules);
        let leased = found.lease.map(|lease| lease.subscriber.to_owned());
        let Some(subscriber) = hit.client_hint.clone().or(leased) else {
            continue;
        };
        let count = counts
            .entry((subscriber, hit.campaign.clone()))
            .or_insert((0, 0));
        count.0 += 1;
        count.1 += u64::from(hit.victim_evidence());
    }
    counts
}

/// Delivers a history as `delivery` says and gives the episodes at its end.
fn delivered(hits: &[Hit], leases: &[Lease], delivery: &Delivery) -> Vec<Episode> {
    let rig = Rig::new(Settings {
        wait_max: Duration::from_nanos(delivery.wait_max),
        ..settings()
    });
    let topic: Vec<IncomingHit> = (0..)
        .zip(&delivery.records)
        .map(|(offset, &(hit, partition))| IncomingHit {
            offset,
            record_time: at(offset),
            ..incoming(hits[hit].clone(), partition)
        })
        .collect();
    let mut stage = rig.start();
    let mut known_until = 0;
    let mut now = 1_000;
    for &(len, crash) in delivery.steps.iter().chain(&[(usize::MAX, true)]) {
        let positions: BTreeMap<i32, i64> = stage.positions().unwrap().into_iter().collect();
        let is_new =
            |hit: &&IncomingHit| hit.offset >= *positions.get(&hit.partition).unwrap_or(&0);
        let read: Vec<IncomingHit> = topic.iter().filter(is_new).take(len).cloned().collect();
        known_until += delivery.known_step;
        for lease in leases.iter().filter(|lease| lease.start < at(known_until)) {
            stage.leases().insert(lease);
        }
        stage.set_known_until(at(known_until));
        now += 2;
        stage.step(&read, &[], at(now)).unwrap();
        if crash {
            drop(stage);
            stage = rig.start();
        }
    }
    for lease in leases {
        stage.leases().insert(lease);
    }
    stage.set_known_until(EventTime::MAX);
    let last = stage.step(&[], &[], at(now)).unwrap();
    assert_eq!(
        (last.waiting, last.waiting_provisional, last.given_up),
        (0, 0, 0)
    );
    episodes(&stage)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn disorder_repeats_late_leases_and_crashes_change_nothing(
        (hits, leases, delivery) in any_history(),
    ) {
        let rig = Rig::new(settings());
        let mut stage = rig.start_knowing(&leases);
        stage.step(&log(hits.clone()), &[], at(1_000)).unwrap();
        let expected = episodes(&stage);
        let counts = expected
            .iter()
            .map(|episode| {
                let key = (episode.subscriber.clone(), episode.campaign.clone());
                (key, (episode.hits, episode.victim_hits))
            })
            .collect::<BTreeMap<_, _>>();
        prop_assert_eq!(counts, oracle(&hits, &leases));
        prop_assert_eq!(delivered(&hits, &leases, &delivery), expected);
    }
}

#[test]
fn a_copy_of_the_file_taken_in_full_flight_holds_whole_steps() {
    let rig = Rig::new(settings());
    let mut stage = rig.start_knowing(&one_lease());
    let hits = log((0..40).map(|id| samples::hit(id, i64::from(id))));
    let copy = Rig::new(settings());
    for (step, some) in hits.chunks(10).enumerate() {
        stage.step(some, &[], at(100)).unwrap();
        if step == 1 {
            // What a killed process leaves behind: the file as it is, and its lock gone.
            let name = "episodes.redb";
            std::fs::copy(rig.folder.path().join(name), copy.folder.path().join(name)).unwrap();
        }
    }
    let mut resumed = copy.start_knowing(&one_lease());
    assert_eq!(resumed.positions().unwrap(), [(0, 20)]);
    assert_eq!(episodes(&resumed)[0].hits, 20);
    let report = resumed.step(&hits[15..], &[], at(100)).unwrap();
    assert_eq!((report.new, report.repeats), (20, 5));
    assert_eq!(episodes(&resumed), episodes(&stage));
}

#[test]
fn every_hit_is_accounted_for() {
    let rig = Rig::new(settings());
    let block = |id, line, first, last| Lease {
        ports: crate::model::PortBlock::new(first, last).ok(),
        ..samples::lease(id, line, "198.51.100.4/32", (0, None))
    };
    let leases = [
        samples::lease("1", "line-1", "198.51.100.1/32", (0, Some(100))),
        samples::lease("2", "line-2", "198.51.100.2/32", (0, None)),
        samples::lease("3", "line-3", "198.51.100.2/32", (0, None)),
        block("4", "line-4", 0, 9),
        block("5", "line-5", 10, 19),
    ];
    let mut stage = rig.start_knowing(&leases);
    let seen = |id, host, time| {
        let mut hit = samples::hit(id, time);
        hit.client = Some(samples::client(host));
        hit
    };
    let hits = [
        seen(1, 1, 50),
        seen(2, 1, 103),
        seen(3, 2, 50),
        seen(4, 3, 50),
        seen(5, 4, 50),
        seen(1, 1, 50),
    ];
    let report = stage.step(&log(hits), &[(0, 99), (7, 5)], at(200)).unwrap();
    let settled = Attributions {
        exact: 1,
        grace: 1,
        ambiguous: 1,
        shared: 1,
        none: 1,
    };
    assert_eq!(
        (report.new, report.repeats, report.settled),
        (5, 1, settled)
    );
    assert_eq!(stage.positions().unwrap(), [(0, 99), (7, 5)]);
    let [episode] = &*episodes(&stage) else {
        panic!("one episode");
    };
    assert_eq!(report.episodes_changed, [episode.episode_id]);
    assert_eq!((episode.subscriber.as_str(), episode.hits), ("line-1", 2));
    assert_eq!(episode.attribution, Attribution::Grace);
    assert_eq!(episode.contact.as_deref(), Some("ticket-line-1"));
    assert_eq!(stage.victims().unwrap(), 1);

    let report = stage.step(&log([seen(1, 1, 50)]), &[], at(200)).unwrap();
    assert_eq!(
        (report.new, report.repeats, report.settled.sum()),
        (0, 1, 0)
    );
    assert_eq!(stage.totals().unwrap(), settled);
}

#[test]
fn too_old_records_are_refused_and_counted() {
    let rig = Rig::new(Settings {
        repeats_kept: Duration::from_nanos(160),
        ..settings()
    });
    let mut stage = rig.start_knowing(&one_lease());
    let hits = [samples::hit(1, 1_000), samples::hit(2, 800)];
    let report = stage.step(&log(hits), &[], at(2_000)).unwrap();
    assert_eq!((report.new, report.too_old), (1, 1));
    assert_eq!(episodes(&stage)[0].hits, 1);
}

#[test]
fn hits_wait_for_their_leases_and_then_become_provisional() {
    let rig = Rig::new(Settings {
        wait_max: Duration::from_nanos(10),
        ..settings()
    });
    let mut stage = rig.start();
    stage.set_known_until(at(20));
    let step = |stage: &mut Identifier, hits: &[IncomingHit], now| {
        let report = stage.step(hits, &[], at(now)).unwrap();
        (
            report.settled.sum(),
            report.waiting,
            report.waiting_provisional,
            report.provisional,
        )
    };
    assert_eq!(
        step(&mut stage, &log([samples::hit(1, 25)]), 100),
        (0, 1, 0, 0)
    );
    assert_eq!(step(&mut stage, &[], 109), (0, 1, 0, 0));
    assert_eq!(step(&mut stage, &[], 110), (0, 0, 1, 1));
    assert_eq!(stage.waiting().unwrap(), (0, 1));
    // Known to the end of the guard band, without a lease: now only the grace may help.
    stage.set_known_until(at(27));
    assert_eq!(step(&mut stage, &[], 200), (0, 0, 1, 0));
    assert_eq!(episodes(&stage), []);
    stage.leases().insert(&samples::lease(
        "1",
        "line-1",
        "198.51.100.7/32",
        (28, None),
    ));
    stage.set_known_until(at(31));
    assert_eq!(step(&mut stage, &[], 300), (1, 0, 0, 0));
    assert_eq!(episodes(&stage)[0].attribution, Attribution::Grace);
}

#[test]
fn an_exact_answer_waits_for_the_guard_band_only() {
    let rig = Rig::new(settings());
    let mut stage = rig.start();
    let report = stage
        .step(&log([samples::hit(1, 25)]), &[], at(100))
        .unwrap();
    assert_eq!((report.settled.sum(), report.waiting), (0, 1));
    stage.leases().insert(&one_lease()[0]);
    stage.set_known_until(at(27));
    assert_eq!(stage.step(&[], &[], at(100)).unwrap().settled.exact, 1);
}

#[test]
fn what_the_event_says_itself_does_not_wait_but_its_contact_is_added() {
    let rig = Rig::new(settings());
    let mut stage = rig.start();
    let mut hit = samples::hit(1, 25);
    hit.client_hint = Some("line-1".into());
    let report = stage.step(&log([hit]), &[], at(100)).unwrap();
    assert_eq!((report.settled.exact, report.waiting), (1, 1));
    let due = stage.due_episodes(at(100), 10).unwrap();
    assert_eq!((due[0].episode.hits, &due[0].episode.contact), (1, &None));
    stage.mark_sent(&due).unwrap();
    stage.leases().insert(&one_lease()[0]);
    stage.set_known_until(at(50));
    let report = stage.step(&[], &[], at(101)).unwrap();
    assert_eq!((report.settled.sum(), report.waiting), (0, 0));
    let due = stage.due_episodes(at(101), 10).unwrap();
    assert_eq!(due[0].episode.hits, 1);
    assert_eq!(due[0].episode.contact.as_deref(), Some("ticket-line-1"));
}

#[test]
fn too_many_waiting_hits_become_provisional_and_then_are_given_up() {
    let rig = Rig::new(Settings {
        waiting_max: 2,
        provisional_max: 3,
        ..settings()
    });
    let mut stage = rig.start();
    let mut given_up = 0;
    for id in 0..8 {
        let hits = log([samples::hit(id, 10)]);
        let report = stage.step(&hits, &[], at(100 + i64::from(id))).unwrap();
        assert!(report.waiting <= 2 && report.waiting_provisional <= 3);
        given_up += report.given_up;
    }
    assert_eq!((stage.waiting().unwrap(), given_up), ((2, 3), 3));
    for lease in one_lease() {
        stage.leases().insert(&lease);
    }
    stage.set_known_until(EventTime::MAX);
    assert_eq!(stage.step(&[], &[], at(200)).unwrap().settled.exact, 5);
    assert_eq!(stage.waiting().unwrap(), (0, 0));
}

#[test]
fn many_waiting_hits_are_taken_up_in_several_steps() {
    let rig = Rig::new(Settings {
        waiting_max: usize::MAX,
        ..settings()
    });
    let mut stage = rig.start();
    let most = u32::try_from(RETRIES_MAX).unwrap();
    let hits = log((0..=most).map(|id| samples::hit(id, 10)));
    stage.step(&hits, &[], at(100)).unwrap();
    stage.leases().insert(&one_lease()[0]);
    stage.set_known_until(EventTime::MAX);
    let first = stage.step(&[], &[], at(100)).unwrap();
    assert_eq!(
        (first.settled.exact, first.waiting, first.more),
        (u64::from(most), 1, true)
    );
    let second = stage.step(&[], &[], at(100)).unwrap();
    assert_eq!(
        (second.settled.exact, second.waiting, second.more),
        (1, 0, false)
    );
}

/// No episode is due.
const NOTHING: [u64; 0] = [];

/// The episodes that are due, which are then marked as sent.
fn send(stage: &mut Identifier, now: i64) -> Vec<u64> {
    let due = stage.due_episodes(at(now), 10).unwrap();
    stage.mark_sent(&due).unwrap();
    due.iter().map(|due| due.episode.hits).collect()
}

#[test]
fn episodes_are_sent_when_they_say_something_new_and_no_more() {
    // Quiet after 20, updates every 50.
    let rig = Rig::new(Settings {
        quiet_period: Duration::from_nanos(200),
        ..settings()
    });
    let mut stage = rig.start_knowing(&one_lease());
    let mut next = 0;
    let mut seen = |stage: &mut Identifier, time, evidence| {
        next += 1;
        let mut hit = samples::hit(next, time);
        hit.evidence = evidence;
        stage.step(&log([hit]), &[], at(time)).unwrap();
    };
    seen(&mut stage, 1_000, Evidence::Resolved);
    assert_eq!(send(&mut stage, 1_000), [1]);
    assert_eq!(send(&mut stage, 1_000), NOTHING);
    seen(&mut stage, 1_010, Evidence::Resolved);
    assert_eq!(send(&mut stage, 1_049), NOTHING);
    seen(&mut stage, 1_049, Evidence::Resolved);
    assert_eq!(send(&mut stage, 1_050), [3]);
    seen(&mut stage, 1_060, Evidence::Connected);
    assert_eq!(send(&mut stage, 1_060), [4]);
    assert_eq!(send(&mut stage, 1_260), NOTHING);
    assert_eq!(send(&mut stage, 1_261), [4]);
    assert_eq!(send(&mut stage, i64::MAX), NOTHING);
}

#[test]
fn what_is_due_survives_a_crash_and_a_change_on_the_way() {
    let rig = Rig::new(settings());
    let mut stage = rig.start_knowing(&one_lease());
    stage
        .step(&log([samples::hit(1, 1_000)]), &[], at(1_000))
        .unwrap();
    let due = stage.due_episodes(at(1_000), 10).unwrap();
    drop(stage);
    let mut stage = rig.start_knowing(&one_lease());
    assert_eq!(stage.due_episodes(at(1_000), 10).unwrap(), due);
    stage
        .step(&log([samples::hit(2, 1_001)]), &[], at(1_001))
        .unwrap();
    stage.mark_sent(&due).unwrap();
    assert_eq!(send(&mut stage, 1_001), [2]);
    assert_eq!(send(&mut stage, 1_002), NOTHING);
}

#[test]
fn what_is_due_comes_in_portions() {
    let rig = Rig::new(settings());
    let mut stage = rig.start_knowing(&one_lease());
    let hits = (0..5).map(|id| {
        let mut hit = samples::hit(id, 1_000);
        hit.campaign = format!("win.test{id}");
        hit
    });
    stage.step(&log(hits), &[], at(1_000)).unwrap();
    let mut sent: BTreeSet<EpisodeId> = BTreeSet::new();
    for expected in [2, 2, 1, 0] {
        let due = stage.due_episodes(at(1_000), 2).unwrap();
        assert_eq!(due.len(), expected);
        stage.mark_sent(&due).unwrap();
        sent.extend(due.iter().map(|due| due.episode.episode_id));
    }
    assert_eq!(sent.len(), 5);
}

#[test]
fn a_damaged_row_is_an_error_and_changes_nothing() {
    let rig = Rig::new(settings());
    let mut stage = rig.start_knowing(&one_lease());
    stage
        .step(&log([samples::hit(1, 1_000)]), &[], at(1_000))
        .unwrap();
    let id = episodes(&stage)[0].episode_id;
    let txn = stage.store.write().unwrap();
    txn.open_table(EPISODES)
        .unwrap()
        .insert(&id.0, b"\xFF".as_slice())
        .unwrap();
    txn.commit().unwrap();
    let hits = [IncomingHit {
        offset: 5,
        ..incoming(samples::hit(2, 1_000), 0)
    }];
    let error = stage.step(&hits, &[], at(1_000)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a row of table `episodes` in the store cannot be read"
    );
    assert_eq!(stage.positions().unwrap(), [(0, 1)]);
}

#[test]
fn a_store_with_other_tables_of_our_names_fails() {
    let rig = Rig::new(settings());
    let path = rig.folder.path().join("episodes.redb");
    let other: redb::TableDefinition<'_, u64, u64> = redb::TableDefinition::new("meta");
    let database = redb::Database::create(&path).unwrap();
    let txn = database.begin_write().unwrap();
    txn.open_table(other).unwrap();
    txn.commit().unwrap();
    drop(database);
    let error = Identifier::open(&path, settings(), "test/hits")
        .err()
        .unwrap();
    assert!(matches!(error, IdentifyError::Store(_)), "{error}");
}

#[test]
fn times_at_their_ends_are_survived() {
    let rig = Rig::new(settings());
    let mut stage = rig.start_knowing(&one_lease());
    let times = [i64::MIN, i64::MIN + 1, -1, 0, i64::MAX - 1, i64::MAX];
    let hits = (0..).zip(times).map(|(id, time)| samples::hit(id, time));
    let report = stage.step(&log(hits), &[], EventTime::MAX).unwrap();
    assert_eq!(report.new + report.too_old, 6);
    send(&mut stage, i64::MAX);
    stage.step(&[], &[], EventTime::MIN).unwrap();
}
