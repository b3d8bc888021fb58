//! The plan against a naive matcher and a naive join, and against what was asked for.

mod join;
mod ledgers;
mod naive;
mod rows;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use proptest::prelude::*;

use super::contacts::Shape;
use super::*;
use crate::model::{Attribution, Evidence, Named as _, VictimReason};
use join::Leases;
use naive::{Defect, Naive, NaiveHit};

/// An operation large enough for every kind of indicator and contact.
fn options() -> OperationOptions {
    OperationOptions {
        events: 40_000,
        victims: 3_000,
        indicators: 3_000,
        ..OperationOptions::default()
    }
}

/// A planted hit as the naive matcher would say it.
fn as_naive(hit: &TruthHit) -> NaiveHit {
    NaiveHit {
        class: hit.class,
        value: hit.value.clone(),
        field: hit.field,
        campaign: hit.campaign.clone(),
        evidence: hit.evidence,
        reason: hit.victim_reason.map(VictimReason::as_str),
        client: hit.client,
        subscriber: hit.subscriber.clone(),
    }
}

/// Compares the truth of an operation with what the naive matcher and join make of its feeds,
/// leases and events.
#[track_caller]
fn check_truth(options: &OperationOptions) {
    let operation = Operation::plan(options).unwrap();
    let naive = Naive::new(&operation.feeds());
    let leases = Leases::new(operation.leases());
    let networks = operation.networks();
    let mut victims: BTreeMap<String, (BTreeSet<String>, u64)> = BTreeMap::new();
    let mut hits: HashMap<(String, String), (u64, u64)> = HashMap::new();
    let mut count = 0;
    for planned in operation.events() {
        count += 1;
        let mut expected: Vec<NaiveHit> = planned.hits.iter().map(as_naive).collect();
        expected.sort();
        let found = naive.hits(&planned, &networks, &leases);
        assert_eq!(found, expected, "{:?}", planned.event);
        for hit in found {
            assert!(naive.lists(&hit.value), "{}", hit.value);
            let Some(subscriber) = hit.subscriber else {
                continue;
            };
            let counts = hits.entry((subscriber, hit.campaign)).or_default();
            counts.0 += 1;
            counts.1 += u64::from(hit.reason.is_none());
        }
    }
    for ((subscriber, campaign), (all, of_victim)) in hits {
        if of_victim > 0 {
            let victim = victims.entry(subscriber).or_default();
            victim.0.insert(campaign);
            victim.1 += all;
        }
    }
    let planted: BTreeMap<String, (BTreeSet<String>, u64)> = operation
        .truth_victims()
        .map(|victim| {
            let campaigns = victim.campaigns.into_iter().collect();
            (victim.subscriber, (campaigns, victim.hits))
        })
        .collect();
    assert_eq!(count, options.events);
    assert_eq!(planted.len() as u64, options.victims);
    assert_eq!(victims, planted);
}

#[test]
fn the_truth_is_what_a_naive_matcher_and_join_find() {
    check_truth(&options());
    check_truth(&OperationOptions {
        seed: 77,
        ..options()
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn the_truth_holds_at_every_size(
        victims in 1_u64..60,
        more_events in 0_u64..400,
        indicators in 1_u64..120,
        countries in 1_u16..27,
        seed in any::<u64>(),
    ) {
        let events = victims + more_events;
        check_truth(&OperationOptions { events, victims, indicators, countries, seed });
    }
}

#[test]
fn every_careless_matcher_is_caught() {
    let operation = Operation::plan(&options()).unwrap();
    let leases = Leases::new(operation.leases());
    let networks = operation.networks();
    for defect in [
        Defect::Labels,
        Defect::Scopes,
        Defect::Allow,
        Defect::Validity,
        Defect::Revoked,
        Defect::Ports,
        Defect::WiderPrefixes,
        Defect::Aliases,
        Defect::Answers,
        Defect::Patterns,
    ] {
        let mut naive = Naive::new(&operation.feeds());
        naive.defect = Some(defect);
        let caught = operation.events().any(|planned| {
            let mut expected: Vec<NaiveHit> = planned.hits.iter().map(as_naive).collect();
            expected.sort();
            naive.hits(&planned, &networks, &leases) != expected
        });
        assert!(caught, "{defect:?}");
    }
}

#[test]
fn every_kind_of_thing_is_there() {
    let operation = Operation::plan(&options()).unwrap();
    let shapes: Vec<Shape> = operation
        .contacts
        .iter()
        .map(|contact| contact.shape)
        .collect();
    for shape in [
        Shape::NoSuchName,
        Shape::QueryOnly,
        Shape::NoData,
        Shape::Blocked,
        Shape::Resolved,
        Shape::ResolvedListed,
        Shape::Alias,
        Shape::Answer,
        Shape::Attempted,
        Shape::Connected,
        Shape::Transferred,
        Shape::InboundScan,
        Shape::ResolverUpstream,
        Shape::ResolverClient,
        Shape::ExcludedQuestion,
        Shape::ExcludedFlow,
        Shape::ScannerContact,
    ] {
        assert!(shapes.contains(&shape), "{shape:?}");
    }
    let mut streams = HashMap::new();
    let mut origins = HashMap::new();
    for planned in operation.events() {
        *streams.entry(planned.stream).or_insert(0_u64) += 1;
        *origins.entry(planned.origin).or_insert(0_u64) += 1;
    }
    assert!(
        Stream::ALL.iter().all(|stream| streams[stream] > 1_000),
        "{streams:?}"
    );
    assert!(origins[&Origin::NearMiss] > 1_000, "{origins:?}");
    let hits: Vec<TruthHit> = operation.truth_hits().collect();
    for class in ["name", "pattern", "prefix", "endpoint"] {
        assert!(hits.iter().any(|hit| hit.class == class), "{class}");
    }
    for evidence in Evidence::ALL {
        assert!(
            hits.iter().any(|hit| hit.evidence == *evidence),
            "{evidence:?}"
        );
    }
    assert_eq!(operation.feeds().len(), 6);
    assert_eq!(operation.countries(), 26);
    assert!((operation.taken_down_share() - 0.79).abs() < 0.001);
    assert!(
        hits.iter()
            .all(|hit| (hit.attribution == Attribution::Exact) == hit.subscriber.is_some())
    );
}

#[test]
fn no_two_events_share_a_time_and_times_rise() {
    for options in [
        options(),
        OperationOptions {
            events: 3_000,
            victims: 3_000,
            ..options()
        },
    ] {
        let operation = Operation::plan(&options).unwrap();
        let times: Vec<EventTime> = operation
            .events()
            .map(|planned| planned.event.time)
            .collect();
        assert!(times.is_sorted_by(|one, two| one < two));
        assert!(times.iter().all(|time| time.nanos() % 1_000 == 0));
        assert!(*times.first().unwrap() >= time_at(0));
        assert!(*times.last().unwrap() < time_at(WINDOW_SECONDS * 1_000_000));
    }
}

#[test]
fn equal_seeds_make_equal_operations_and_others_do_not() {
    let small = OperationOptions {
        events: 2_000,
        victims: 300,
        ..options()
    };
    let events = |seed| {
        let operation = Operation::plan(&OperationOptions { seed, ..small }).unwrap();
        let lines: Vec<String> = operation
            .events()
            .map(|planned| format!("{planned:?}"))
            .collect();
        (
            lines,
            operation.feeds(),
            operation.leases().collect::<Vec<_>>(),
        )
    };
    let (one, again, other) = (events(1), events(1), events(2));
    assert!(one == again);
    assert!(one.0 != other.0 && one.1 != other.1 && one.2 != other.2);
}

#[test]
fn every_address_is_reserved_and_every_name_unregistrable() {
    let operation = Operation::plan(&options()).unwrap();
    let reserved: Vec<IpNet> = [
        "192.0.2.0/24",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "198.18.0.0/15",
        "100.64.0.0/10",
        "10.0.0.0/8",
        "2001:db8::/32",
    ]
    .iter()
    .map(|net| net.parse().unwrap())
    .collect();
    let check_ip = |ip| assert!(reserved.iter().any(|net| net.contains(&ip)), "{ip}");
    let check_name = |name: &str| {
        let top = name.rsplit('.').next().unwrap().to_ascii_lowercase();
        let arpa = name.ends_with(".198.in-addr.arpa");
        assert!(
            arpa || ["example", "test", "invalid"].contains(&top.as_str()),
            "{name}"
        );
    };
    for planned in operation.events() {
        match planned.event.kind {
            crate::model::EventKind::Dns(dns) => {
                check_name(&dns.qname);
                check_ip(dns.client.unwrap().ip);
                check_ip(dns.resolver.unwrap().ip);
                for answer in dns.answers {
                    match answer {
                        crate::model::Answer::Name(name) => check_name(&name),
                        crate::model::Answer::Address(ip) => check_ip(ip),
                    }
                }
            }
            crate::model::EventKind::Flow(flow) => {
                check_ip(flow.source.ip);
                check_ip(flow.destination.ip);
                assert_eq!(flow.source.ip.is_ipv4(), flow.destination.ip.is_ipv4());
            }
        }
    }
}

#[test]
fn sizes_that_cannot_work_say_why() {
    let check = |change: fn(&mut OperationOptions), expected: &str| {
        let mut options = options();
        change(&mut options);
        assert_eq!(Operation::plan(&options).unwrap_err().to_string(), expected);
    };
    check(
        |options| options.events = 10,
        "10 events are too few for 3000 victims",
    );
    check(
        |options| options.indicators = 0,
        "indicators must be 1 to 2000000, not 0",
    );
    check(
        |options| options.victims = 0,
        "victims must be 1 to 6000000, not 0",
    );
    check(
        |options| options.countries = 27,
        "countries must be 1 to 26, not 27",
    );
    check(
        |options| options.events = 0,
        "events must be 1 to 1000000000000, not 0",
    );
}
