//! The stage as a whole: what it counts, keeps, refuses and survives.

use std::time::Duration;

use tempfile::TempDir;

use super::super::samples::{self, incoming, settings};
use super::*;
use crate::model::{Attribution, Hit, Lease};

mod disorder;
mod sending;
mod waiting;

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
    assert_eq!(episode.contact.as_deref(), Some("ticket-1"));
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
    let due = stage.due_episodes(EventTime::MAX, 10).unwrap();
    stage.mark_sent(&due).unwrap();
    stage.step(&[], &[], EventTime::MIN).unwrap();
}
