//! The lease table against its definition: a linear search at every single instant.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::attribute::AttributionRules;
use super::*;
use crate::model::{Attribution, HostPort, PortBlock};

/// Rules in nanoseconds: small, so that the oracle can walk every instant.
fn rules(guard: u64, grace: u64) -> AttributionRules {
    AttributionRules {
        guard_band: Duration::from_nanos(guard),
        grace: Duration::from_nanos(grace),
    }
}

fn lease(id: &str, subscriber: &str, net: &str, start: i64, end: Option<i64>) -> Lease {
    Lease {
        lease_id: id.into(),
        subscriber: subscriber.into(),
        net: net.parse().unwrap(),
        ports: None,
        start: EventTime::from_nanos(start),
        end: end.map(EventTime::from_nanos),
        operator: Some("ISP A".into()),
        country: None,
        source: Some("radius".into()),
        contact: None,
    }
}

fn with_ports(mut lease: Lease, first: u16, last: u16) -> Lease {
    lease.ports = Some(PortBlock::new(first, last).unwrap());
    lease
}

fn client(ip: &str, port: Option<u16>) -> HostPort {
    HostPort {
        ip: ip.parse().unwrap(),
        port,
    }
}

fn table(leases: &[Lease]) -> LeaseTable {
    let mut table = LeaseTable::new(1000);
    for lease in leases {
        table.insert(lease);
    }
    table
}

/// The answer as (attribution, subscriber).
fn asked(
    table: &LeaseTable,
    client: HostPort,
    at: i64,
    rules: AttributionRules,
) -> (Attribution, Option<String>) {
    let found = table.attribute(client, EventTime::from_nanos(at), &rules);
    (
        found.attribution,
        found.lease.map(|lease| lease.subscriber.to_owned()),
    )
}

/// Whether two leases have a port in common.
fn ports_meet(left: &Lease, right: &Lease) -> bool {
    match (left.ports, right.ports) {
        (Some(left), Some(right)) => left.first() <= right.last() && right.first() <= left.last(),
        _ => true,
    }
}

/// When a lease ends, by definition.
fn end_of(leases: &[Lease], lease: &Lease) -> i64 {
    let closing = leases.iter().filter(|later| {
        later.net == lease.net
            && later.start > lease.start
            && later.subscriber != lease.subscriber
            && ports_meet(later, lease)
    });
    lease.end.map_or_else(
        || {
            closing
                .map(|later| later.start.nanos())
                .min()
                .unwrap_or(i64::MAX)
        },
        EventTime::nanos,
    )
}

/// Who holds the address at one instant, by definition, and whether by a port block.
fn holders(leases: &[Lease], client: HostPort, at: i64) -> BTreeSet<(String, bool)> {
    let covering = || {
        leases
            .iter()
            .filter(|lease| lease.net.contains(&client.ip))
            .filter(|lease| lease.start.nanos() <= at && at < end_of(leases, lease))
            .filter(|lease| match (lease.ports, client.port) {
                (Some(block), Some(port)) => block.contains(port),
                _ => true,
            })
    };
    let longest = covering().map(|lease| lease.net.prefix_len()).max();
    covering()
        .filter(|lease| Some(lease.net.prefix_len()) == longest)
        .map(|lease| (lease.subscriber.clone(), lease.ports.is_some()))
        .collect()
}

/// The definition of the whole answer, slow and obvious.
fn oracle(
    leases: &[Lease],
    client: HostPort,
    at: i64,
    (guard, grace): (i64, i64),
) -> (Attribution, Option<String>) {
    let within = |reach: i64| -> BTreeSet<(String, bool)> {
        (at - reach..=at + reach)
            .flat_map(|at| holders(leases, client, at))
            .collect()
    };
    let shared = |held: &BTreeSet<(String, bool)>| {
        client.port.is_none() && held.iter().any(|(_, by_block)| *by_block)
    };
    let names = |held: BTreeSet<(String, bool)>| -> Vec<String> {
        let names: BTreeSet<String> = held.into_iter().map(|(name, _)| name).collect();
        names.into_iter().collect()
    };
    let near = within(guard);
    if shared(&near) {
        return (Attribution::Shared, None);
    }
    let near = names(near);
    if near.len() > 1 {
        return (Attribution::Ambiguous, None);
    }
    if !holders(leases, client, at).is_empty() {
        return (Attribution::Exact, near.into_iter().next());
    }
    let wide = within(grace);
    if shared(&wide) {
        return (Attribution::Shared, None);
    }
    match names(wide).as_slice() {
        [] => (Attribution::None, None),
        [one] => (Attribution::Grace, Some(one.clone())),
        _ => (Attribution::Ambiguous, None),
    }
}

/// Leases on nested networks with few subscribers, blocks, instants and ids.
fn any_lease() -> impl Strategy<Value = Lease> {
    let nets = prop::sample::select(vec![
        "198.51.100.7/32",
        "198.51.100.0/29",
        "198.51.100.0/24",
        "2001:db8::1/128",
        "2001:db8::/56",
    ]);
    let ports = proptest::option::weighted(0.3, (0..3_u16, 0..3_u16));
    let ends = proptest::option::of(0..8_i64);
    (0..12_u8, 0..3_u8, nets, ports, 0..24_i64, ends).prop_map(
        |(id, who, net, ports, start, len)| Lease {
            ports: ports.map(|(first, len)| PortBlock::new(first, first + len).unwrap()),
            ..lease(
                &format!("r{id}"),
                &format!("line-{who}"),
                net,
                start,
                len.map(|len| start + len),
            )
        },
    )
}

/// The last lease of every id, in any order.
fn kept(leases: &[Lease]) -> Vec<Lease> {
    let mut kept: Vec<Lease> = Vec::new();
    for lease in leases {
        kept.retain(|other| other.lease_id != lease.lease_id);
        kept.push(lease.clone());
    }
    kept
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn every_answer_is_that_of_the_definition(
        leases in vec(any_lease(), 0..16),
        v6 in any::<bool>(),
        port in proptest::option::of(0..5_u16),
        at in 0..32_i64,
        guard in 0..4_u64,
        grace in 0..6_u64,
    ) {
        let client = client(if v6 { "2001:db8::1" } else { "198.51.100.7" }, port);
        let expected = oracle(
            &kept(&leases),
            client,
            at,
            (i64::try_from(guard).unwrap(), i64::try_from(grace).unwrap()),
        );
        prop_assert_eq!(asked(&table(&leases), client, at, rules(guard, grace)), expected);
    }

    #[test]
    fn the_order_of_insertion_does_not_matter(
        (leases, shuffled) in vec(any_lease(), 0..24).prop_flat_map(|leases| {
            let kept = kept(&leases);
            (Just(leases), Just(kept).prop_shuffle())
        }),
        at in 0..32_i64,
    ) {
        let (one, other) = (table(&leases), table(&shuffled));
        for port in [None, Some(1)] {
            for ip in ["198.51.100.7", "198.51.100.1", "2001:db8::1", "2001:db8::2"] {
                let (client, at) = (client(ip, port), EventTime::from_nanos(at));
                prop_assert_eq!(
                    one.attribute(client, at, &rules(1, 3)),
                    other.attribute(client, at, &rules(1, 3))
                );
            }
        }
    }

    #[test]
    fn what_is_forgotten_is_not_missed(leases in vec(any_lease(), 0..24), horizon in 0..32_i64) {
        let whole = table(&leases);
        let mut short = table(&leases);
        short.forget_ended(EventTime::from_nanos(horizon));
        prop_assert!(short.len() <= whole.len());
        for port in [None, Some(1)] {
            for ip in ["198.51.100.7", "198.51.100.1", "2001:db8::1", "2001:db8::2"] {
                for at in horizon + 3..40 {
                    let (client, at) = (client(ip, port), EventTime::from_nanos(at));
                    prop_assert_eq!(
                        short.attribute(client, at, &rules(1, 3)),
                        whole.attribute(client, at, &rules(1, 3))
                    );
                }
            }
        }
    }

    #[test]
    fn look_ups_between_insertions_change_nothing(leases in vec(any_lease(), 0..24)) {
        let mut asked_often = LeaseTable::new(1000);
        for lease in &leases {
            asked_often.insert(lease);
            asked(&asked_often, client("198.51.100.7", Some(1)), 7, rules(1, 3));
        }
        let fresh = table(&leases);
        for at in 0..32 {
            let client = client("198.51.100.7", Some(1));
            prop_assert_eq!(
                asked(&asked_often, client, at, rules(1, 3)),
                asked(&fresh, client, at, rules(1, 3))
            );
        }
    }
}

#[track_caller]
fn check(leases: &[Lease], port: Option<u16>, at: i64, expected: (Attribution, Option<&str>)) {
    let found = asked(
        &table(leases),
        client("198.51.100.7", port),
        at,
        rules(2, 10),
    );
    assert_eq!(
        found,
        (expected.0, expected.1.map(str::to_owned)),
        "port {port:?} at {at}"
    );
}

#[test]
fn a_reassigned_address_belongs_to_its_holder_at_the_time() {
    let leases = [
        lease("1", "line-1", "198.51.100.7/32", 100, Some(200)),
        lease("2", "line-2", "198.51.100.7/32", 300, None),
        lease("3", "line-3", "198.51.100.7/32", 400, None),
    ];
    check(&leases, None, 150, (Attribution::Exact, Some("line-1")));
    check(&leases, None, 205, (Attribution::Grace, Some("line-1")));
    check(&leases, None, 250, (Attribution::None, None));
    check(&leases, None, 295, (Attribution::Grace, Some("line-2")));
    check(&leases, None, 399, (Attribution::Ambiguous, None));
    check(&leases, None, 401, (Attribution::Ambiguous, None));
    check(&leases, None, 402, (Attribution::Exact, Some("line-3")));
    check(
        &leases,
        Some(53),
        1 << 60,
        (Attribution::Exact, Some("line-3")),
    );
}

#[test]
fn the_same_subscriber_on_both_sides_is_exact() {
    let leases = [
        lease("1", "line-1", "198.51.100.7/32", 100, Some(200)),
        lease("2", "line-1", "198.51.100.7/32", 200, None),
    ];
    for at in 195..205 {
        check(&leases, None, at, (Attribution::Exact, Some("line-1")));
    }
}

#[test]
fn a_shared_address_needs_the_port() {
    let block = |id, who, first, last| {
        with_ports(lease(id, who, "198.51.100.7/32", 100, None), first, last)
    };
    let leases = [
        block("1", "line-1", 1024, 2047),
        block("2", "line-2", 2048, 3071),
        lease("3", "pool", "198.51.100.0/24", 0, None),
    ];
    check(
        &leases,
        Some(1024),
        150,
        (Attribution::Exact, Some("line-1")),
    );
    check(
        &leases,
        Some(2047),
        150,
        (Attribution::Exact, Some("line-1")),
    );
    check(
        &leases,
        Some(2048),
        150,
        (Attribution::Exact, Some("line-2")),
    );
    check(&leases, None, 150, (Attribution::Shared, None));
    check(&leases[..1], None, 150, (Attribution::Shared, None));
    check(&leases[..2], Some(80), 150, (Attribution::None, None));
    check(&leases, Some(80), 150, (Attribution::Exact, Some("pool")));
}

#[test]
fn addresses_win_over_prefixes_and_delegated_prefixes_cover_their_hosts() {
    let leases = [
        lease("1", "block", "198.51.100.0/24", 0, None),
        lease("2", "line-2", "198.51.100.7/32", 100, Some(200)),
        lease("3", "line-3", "2001:db8:0:100::/56", 0, None),
    ];
    check(&leases, None, 50, (Attribution::Exact, Some("block")));
    check(&leases, None, 150, (Attribution::Exact, Some("line-2")));
    check(&leases, None, 199, (Attribution::Ambiguous, None));
    check(&leases, None, 250, (Attribution::Exact, Some("block")));
    let host = client("2001:db8:0:1ff:1234::9", None);
    let found = asked(&table(&leases), host, 5, rules(2, 10));
    assert_eq!(found, (Attribution::Exact, Some("line-3".into())));
}

#[test]
fn a_later_record_replaces_the_earlier() {
    let mut table = LeaseTable::new(2);
    let first = lease("1", "line-1", "198.51.100.7/32", 100, None);
    assert_eq!(table.insert(&first), Inserted::New);
    let ended = lease("1", "line-1", "198.51.100.7/32", 100, Some(200));
    assert_eq!(table.insert(&ended), Inserted::Replaced);
    let at = |table: &LeaseTable, ip| asked(table, client(ip, None), 300, rules(2, 10));
    assert_eq!(at(&table, "198.51.100.7"), (Attribution::None, None));
    let moved = lease("1", "line-1", "198.51.100.8/32", 100, None);
    assert_eq!(table.insert(&moved), Inserted::Replaced);
    assert_eq!(
        at(&table, "198.51.100.8"),
        (Attribution::Exact, Some("line-1".into()))
    );
    assert_eq!(at(&table, "198.51.100.7"), (Attribution::None, None));
    assert_eq!((table.len(), table.refused()), (1, 0));
}

#[test]
fn a_refused_lease_never_names_the_wrong_subscriber() {
    let mut table = LeaseTable::new(2);
    table.insert(&lease("1", "line-1", "198.51.100.7/32", 100, None));
    table.insert(&lease("2", "pool", "198.51.100.0/24", 0, None));
    let late = lease("3", "line-3", "198.51.100.7/32", 200, None);
    assert_eq!(table.insert(&late), Inserted::Refused);
    let other = lease("4", "line-4", "198.51.100.9/32", 200, None);
    assert_eq!(table.insert(&other), Inserted::Refused);
    assert_eq!((table.len(), table.refused()), (2, 2));
    let at = |ip, at| asked(&table, client(ip, None), at, rules(2, 10)).0;
    assert_eq!(at("198.51.100.7", 150), Attribution::Exact);
    assert_eq!(at("198.51.100.7", 250), Attribution::Ambiguous);
    assert_eq!(at("198.51.100.9", 150), Attribution::Exact);
    assert_eq!(at("198.51.100.9", 250), Attribution::Ambiguous);
}

#[test]
fn a_full_table_that_forgets_has_room_again() {
    let mut table = LeaseTable::new(1);
    table.insert(&lease("1", "line-1", "198.51.100.7/32", 100, Some(200)));
    let later = lease("2", "line-2", "198.51.100.7/32", 300, Some(400));
    assert_eq!(table.insert(&later), Inserted::Refused);
    table.forget_ended(EventTime::from_nanos(250));
    let last = lease("3", "line-3", "198.51.100.7/32", 500, None);
    assert_eq!(table.insert(&last), Inserted::New);
    let at = |at| asked(&table, client("198.51.100.7", None), at, rules(2, 10)).0;
    assert_eq!(
        (at(150), at(350), at(550)),
        (
            Attribution::None,
            Attribution::Ambiguous,
            Attribution::Exact
        )
    );
    assert_eq!((table.len(), table.refused()), (1, 1));
}

#[test]
fn texts_without_bounds_are_refused() {
    let mut table = LeaseTable::new(1000);
    table.insert(&lease("1", "line-1", "198.51.100.7/32", 100, None));
    let long = lease("2", &"x".repeat(5000), "198.51.100.7/32", 200, None);
    assert_eq!(table.insert(&long), Inserted::Refused);
    let at = |at| asked(&table, client("198.51.100.7", None), at, rules(2, 10)).0;
    assert_eq!(
        (at(150), at(250)),
        (Attribution::Exact, Attribution::Ambiguous)
    );
}

#[test]
fn what_was_given_comes_back() {
    let given = Lease {
        country: Some("VN".into()),
        contact: Some("ticket-1".into()),
        ..lease("1", "line-1", "198.51.100.0/24", 100, Some(200))
    };
    let table = table(std::slice::from_ref(&given));
    let found = table.attribute(
        client("198.51.100.7", None),
        EventTime::from_nanos(150),
        &rules(2, 10),
    );
    let expected = LeaseView {
        lease_id: "1",
        subscriber: "line-1",
        net: given.net,
        start: given.start,
        end: given.end,
        operator: Some("ISP A"),
        country: Some("VN"),
        source: Some("radius"),
        contact: Some("ticket-1"),
    };
    assert_eq!(found.lease, Some(expected));
    assert_eq!(found.needs, EventTime::from_nanos(152));
}

#[test]
fn the_ends_of_time_are_survived() {
    let table = table(&[lease("1", "line-1", "0.0.0.0/0", i64::MIN, None)]);
    for at in [i64::MIN, -1, 0, i64::MAX] {
        asked(
            &table,
            client("198.51.100.7", None),
            at,
            rules(u64::MAX, u64::MAX),
        );
        asked(&table, client("2001:db8::1", None), at, rules(0, 0));
    }
}
