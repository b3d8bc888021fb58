//! What is sent when, and that nothing due is lost.

use std::collections::BTreeSet;
use std::time::Duration;

use super::*;
use crate::model::{EpisodeId, Evidence};

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
