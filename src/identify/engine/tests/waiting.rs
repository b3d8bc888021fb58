//! Hits that wait for their leases.

use std::time::Duration;

use super::*;

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
    assert_eq!(due[0].episode.contact.as_deref(), Some("ticket-1"));
}

#[test]
fn a_lease_that_may_still_have_ended_tells_nothing() {
    let rig = Rig::new(settings());
    let mut stage = rig.start();
    stage.leases().insert(&one_lease()[0]);
    stage.set_known_until(at(10));
    let mut hit = samples::hit(1, 25);
    hit.client_hint = Some("line-1".into());
    stage.step(&log([hit]), &[], at(100)).unwrap();
    let next = samples::lease("2", "line-2", "198.51.100.7/32", (15, None));
    stage.leases().insert(&next);
    stage.set_known_until(EventTime::MAX);
    stage.step(&[], &[], at(100)).unwrap();
    let [episode] = &*episodes(&stage) else {
        panic!("one episode");
    };
    assert_eq!((episode.hits, &episode.contact), (1, &None));
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
