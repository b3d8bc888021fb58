//! The ledgers against deliveries that are right, repeated, wrong, missing or made up.

use super::super::*;
use crate::model::{
    Advice, Attribution, Direction, DnsFacts, Episode, EpisodeId, EventFingerprint, Evidence,
    Field, Hit, HitId, HitKind, HitMatch, MatchKind, Position, SnapshotId, TimeSource,
    VictimReason,
};

/// A small operation.
fn operation() -> Operation {
    let options = OperationOptions {
        events: 4_000,
        victims: 400,
        indicators: 500,
        ..OperationOptions::default()
    };
    Operation::plan(&options).unwrap()
}

/// A delivered hit that says what the planted one says.
fn delivered(truth: &TruthHit) -> Hit {
    Hit {
        hit_id: HitId([0; 16]),
        event_fp: EventFingerprint([0; 16]),
        event_time: truth.event_time,
        time_source: TimeSource::Event,
        matched_at: truth.event_time,
        client: Some(truth.client),
        client_hint: None,
        remote: None,
        kind: HitKind::Dns(DnsFacts::default()),
        matched: HitMatch {
            field: truth.field,
            kind: MatchKind::Exact,
            class: truth.class,
            side: None,
            value: truth.value.clone(),
            valid_at_event: true,
        },
        campaign: truth.campaign.clone(),
        indicators: Vec::new(),
        evidence: truth.evidence,
        flags: Vec::new(),
        direction: Direction::Outbound,
        victim_reason: truth.victim_reason,
        sampling_rate: 1,
        snapshot: SnapshotId {
            generation: 1,
            hash: String::new(),
        },
        source: Position {
            cluster: "test".to_owned(),
            topic: truth.stream.topic().to_owned(),
            partition: 0,
            offset: 0,
            index: 0,
            observer: None,
        },
        truncated: false,
    }
}

/// A ledger of all planted hits.
fn ledger(operation: &Operation) -> TruthLedger {
    let mut ledger = TruthLedger::default();
    for hit in operation.truth_hits() {
        ledger.insert(&hit);
    }
    ledger
}

#[test]
fn a_right_delivery_is_clean_and_repeats_are_counted() {
    let operation = operation();
    let mut ledger = ledger(&operation);
    let mut planted = 0;
    for hit in operation.truth_hits() {
        planted += 1;
        assert_eq!(ledger.deliver(&delivered(&hit)), HitVerdict::Expected);
        assert_eq!(ledger.deliver(&delivered(&hit)), HitVerdict::Duplicate);
    }
    let report = ledger.report(&operation);
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(
        (report.planted, report.delivered, report.duplicates),
        (planted, planted, planted)
    );
}

#[test]
fn every_difference_is_named() {
    let operation = operation();
    let truth = operation
        .truth_hits()
        .find(|hit| hit.victim_evidence())
        .unwrap();
    let check = |change: &dyn Fn(&mut Hit), expected| {
        let mut hit = delivered(&truth);
        change(&mut hit);
        let mut ledger = ledger(&operation);
        assert_eq!(ledger.deliver(&hit), expected);
        assert!(!ledger.report(&operation).is_clean());
    };
    let wrong = HitVerdict::Wrong;
    check(
        &|hit| hit.event_time = hit.event_time.saturating_add_nanos(120),
        wrong(WrongField::EventTime),
    );
    check(&|hit| hit.client = None, wrong(WrongField::Client));
    check(
        &|hit| hit.matched.field = Field::Source,
        wrong(WrongField::Field),
    );
    check(&|hit| hit.campaign.push('x'), wrong(WrongField::Campaign));
    let other = if truth.evidence == Evidence::LookedUp {
        Evidence::Resolved
    } else {
        Evidence::LookedUp
    };
    check(&|hit| hit.evidence = other, wrong(WrongField::Evidence));
    let reason = Some(VictimReason::Resolver);
    check(
        &|hit| hit.victim_reason = reason,
        wrong(WrongField::VictimReason),
    );
    check(
        &|hit| hit.source.topic = "elsewhere".to_owned(),
        wrong(WrongField::Topic),
    );
    check(&|hit| hit.matched.value.push('x'), HitVerdict::Extra);
    check(&|hit| hit.matched.class = "other", HitVerdict::Extra);
    check(
        &|hit| hit.event_time = hit.event_time.saturating_add_nanos(1_000),
        HitVerdict::Extra,
    );
}

#[test]
fn what_did_not_come_is_told_again() {
    let operation = operation();
    let mut ledger = ledger(&operation);
    let lost = operation.truth_hits().nth(7).unwrap();
    for hit in operation.truth_hits().filter(|hit| *hit != lost) {
        ledger.deliver(&delivered(&hit));
    }
    let report = ledger.report(&operation);
    assert_eq!((report.missing, report.missing_samples), (1, vec![lost]));
}

/// A delivered episode that says what the planted one says.
fn episode((subscriber, campaign, truth): (String, String, EpisodeTruth)) -> Episode {
    Episode {
        episode_id: EpisodeId([0; 16]),
        subscriber,
        campaign,
        operator: None,
        country: None,
        contact: None,
        first_seen: truth.first_seen,
        last_seen: truth.last_seen,
        hits: truth.hits,
        victim_hits: truth.victim_hits,
        evidence: truth.evidence,
        flags: Vec::new(),
        attribution: Attribution::Exact,
        roles: Vec::new(),
        indicators: Vec::new(),
        feeds: Vec::new(),
        spells: Vec::new(),
        client: None,
        advice: Advice::Observe,
    }
}

#[test]
fn victims_are_found_by_their_episodes_last_word() {
    let operation = operation();
    let mut ledger = VictimLedger::new(&operation);
    assert_eq!(ledger.missing(), 400);
    for truth in operation.truth_episodes() {
        let last = episode(truth);
        let first = Episode {
            hits: 1,
            victim_hits: 0,
            ..last.clone()
        };
        ledger.deliver(&first);
        ledger.deliver(&last);
    }
    let report = ledger.report(&operation);
    assert!(report.is_clean(), "{report:?}");
    assert_eq!((report.planted, report.found), (400, 400));
    let mut made_up = episode(operation.truth_episodes().next().unwrap());
    made_up.victim_hits = 1;
    made_up.subscriber = "nobody".to_owned();
    ledger.deliver(&made_up);
    let report = ledger.report(&operation);
    assert_eq!(
        (report.extra, report.episodes_extra, report.is_clean()),
        (1, 1, false)
    );
}

#[test]
fn victims_that_are_missing_or_wrong_are_named() {
    let operation = operation();
    let mut ledger = VictimLedger::new(&operation);
    let lost = operation.truth_victims().nth(3).unwrap().subscriber;
    for truth in operation.truth_episodes().filter(|truth| truth.0 != lost) {
        let mut one = episode(truth);
        one.hits += 1;
        ledger.deliver(&one);
    }
    let report = ledger.report(&operation);
    assert_eq!((report.missing, &report.missing_samples), (1, &vec![lost]));
    let came = report.episodes_planted - report.episodes_missing;
    assert_eq!(report.episodes_wrong, came);
}
