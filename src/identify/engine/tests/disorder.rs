//! The stage against a naive fold, under every disorder that Kafka and crashes can bring.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::model::VictimReason;

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
