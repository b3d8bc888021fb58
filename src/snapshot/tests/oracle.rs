//! The definition of a match, written to be obviously right and slow, and the snapshot held to
//! it with both name engines over alphabets so small that everything collides.

use std::cmp::Reverse;
use std::net::IpAddr;

use ipnet::IpNet;
use proptest::prelude::*;

use super::*;
use crate::matching::fits;
use crate::model::NameEngine;

/// What a row lists, owned.
#[derive(Clone, Debug)]
enum Value {
    Name(String, Scope),
    Pattern(String),
    Prefix(IpNet),
    Endpoint(IpAddr, u16),
}

/// A row of one of three feeds: plain; overriding; port-ignoring with a grace of 3.
#[derive(Clone, Debug)]
struct Row {
    feed: usize,
    value: Value,
    allow: bool,
    revoked: bool,
    from: Option<i64>,
    until: Option<i64>,
}

/// The number of the port-ignoring feed with a grace.
const LOOSE: usize = 2;
/// The number of the overriding feed.
const OVERRIDING: usize = 1;

/// One expected match, with the ids of its indicators.
#[derive(Clone, Debug, PartialEq)]
struct Expected {
    field: Field,
    kind: MatchKind,
    class: &'static str,
    value: String,
    valid: bool,
    ids: Vec<String>,
}

/// What a field of an event holds.
#[derive(Clone, Debug)]
enum Held {
    Name(String),
    Address(IpAddr, Option<u16>),
}

/// How a row covers what a field holds: kind, class, canonical value, specificity, and a rank
/// among equals. `None` if it does not.
fn covers(row: &Row, held: &Held) -> Option<(MatchKind, &'static str, String, usize, u8)> {
    match (&row.value, held) {
        (Value::Name(listed, scope), Held::Name(name)) => {
            let equal = name == listed;
            let below = name.ends_with(&format!(".{listed}"));
            let covers = match scope {
                Scope::Exact => equal,
                Scope::Subtree => equal || below,
                Scope::Below => below,
            };
            let kind = if equal {
                MatchKind::Exact
            } else {
                MatchKind::Parent
            };
            covers.then(|| (kind, "name", listed.clone(), listed.len(), 0))
        }
        (Value::Pattern(pattern), Held::Name(name)) => {
            fits(pattern, name).then(|| (MatchKind::Pattern, "pattern", pattern.clone(), 0, 0))
        }
        (Value::Prefix(net), Held::Address(ip, _)) => net.contains(ip).then(|| {
            let len = usize::from(net.prefix_len());
            let (kind, text) = if len == 32 {
                (MatchKind::Address, net.addr().to_string())
            } else {
                (MatchKind::Prefix, net.to_string())
            };
            (kind, "prefix", text, len, 2)
        }),
        (Value::Endpoint(listed, on), Held::Address(ip, port)) => {
            let same = Some(*on) == *port;
            (listed == ip && (same || row.feed == LOOSE)).then(|| {
                let text = format!("{listed}:{on}");
                (MatchKind::Address, "endpoint", text, 32, u8::from(!same))
            })
        }
        (Value::Name(..) | Value::Pattern(_), Held::Address(..))
        | (Value::Prefix(_) | Value::Endpoint(..), Held::Name(_)) => None,
    }
}

fn valid(row: &Row, at: i64) -> bool {
    let grace = if row.feed == LOOSE { 3 } else { 0 };
    row.from.is_none_or(|from| from <= at) && row.until.is_none_or(|until| at < until + grace)
}

/// Whether the allow rules beat a row of this specificity.
fn allowed(rows: &[(usize, Row)], row: &Row, specificity: usize, held: &Held, at: i64) -> bool {
    let rules: Vec<(usize, bool)> = rows
        .iter()
        .filter(|(_, rule)| rule.allow && !rule.revoked && valid(rule, at))
        .filter_map(|(_, rule)| {
            covers(rule, held).map(|(_, _, _, len, _)| (len, rule.feed == OVERRIDING))
        })
        .collect();
    if rules.iter().any(|&(_, overrides)| overrides) {
        return true;
    }
    row.feed != OVERRIDING && rules.iter().any(|&(len, _)| len >= specificity)
}

/// Every match of an event at `at` whose fields hold these things.
fn oracle(
    rows: &[(usize, Row)],
    fields: &[(Field, Held)],
    at: i64,
    emit_invalid: bool,
) -> Vec<Expected> {
    let mut all: Vec<Expected> = Vec::new();
    let mut invalid: Vec<Vec<String>> = Vec::new();
    for (field, held) in fields {
        let mut found: Vec<_> = rows
            .iter()
            .filter(|(_, row)| !row.allow && !row.revoked)
            .filter_map(|(id, row)| covers(row, held).map(|how| (how, *id, row)))
            .filter(|((_, _, _, len, _), _, row)| !allowed(rows, row, *len, held, at))
            .filter(|(_, _, row)| emit_invalid || valid(row, at))
            .collect();
        found.sort_by_key(|((_, class, text, len, rank), _, _)| {
            (*class == "prefix", Reverse(*len), *rank, text.clone())
        });
        for ((kind, class, value, _, _), id, row) in found {
            let place = all
                .iter()
                .position(|known| known.class == class && known.value == value);
            let place = place.unwrap_or_else(|| {
                all.push(Expected {
                    field: *field,
                    kind,
                    class,
                    value,
                    valid: false,
                    ids: Vec::new(),
                });
                invalid.push(Vec::new());
                all.len() - 1
            });
            if valid(row, at) {
                all[place].ids.push(format!("{id:03}"));
                all[place].valid = true;
            } else {
                invalid[place].push(format!("{id:03}"));
            }
        }
    }
    for (expected, invalid) in all.iter_mut().zip(invalid) {
        if !expected.valid {
            expected.ids = invalid;
        }
        expected.ids.sort();
        expected.ids.dedup();
    }
    all
}

/// Builds the rows in the given order, and returns those that were taken as they were taken.
fn build(rows: &[(usize, Row)], options: BuildOptions) -> (Snapshot, Vec<(usize, Row)>) {
    let mut builder = SnapshotBuilder::new(options);
    // One name for all feeds, so that indicators sort by their ids.
    let feeds = [
        feed("f"),
        FeedInfo {
            overrides: true,
            ..feed("f")
        },
        FeedInfo {
            ignore_ports: true,
            grace: Duration::from_nanos(3),
            ..feed("f")
        },
    ]
    .map(|info| builder.add_feed(info));
    let mut taken = Vec::new();
    for (id, row) in rows {
        let mut scratch = [0; NAME_LEN_MAX];
        let text_id = format!("{id:03}");
        let value = match &row.value {
            Value::Name(text, scope) => IndicatorValue::Name {
                name: DomainName::parse(text.as_bytes(), &mut scratch).unwrap(),
                scope: *scope,
            },
            Value::Pattern(text) => IndicatorValue::Pattern(text),
            Value::Prefix(net) => IndicatorValue::Prefix(*net),
            Value::Endpoint(ip, port) => IndicatorValue::Endpoint {
                ip: *ip,
                port: *port,
            },
        };
        let indicator = Indicator {
            id: Some(&text_id),
            role: if row.allow { Role::Allow } else { Role::C2 },
            valid_from: row.from.map(EventTime::from_nanos),
            valid_until: row.until.map(EventTime::from_nanos),
            state: if row.revoked {
                IndicatorState::Revoked
            } else {
                IndicatorState::Sinkholed
            },
            ..plain_row(value, "as written", Role::C2)
        };
        let Ok(accepted) = builder.add(feeds[row.feed], &indicator) else {
            continue;
        };
        let mut row = row.clone();
        if let (true, Value::Name(_, scope)) = (accepted.narrowed, &mut row.value) {
            *scope = Scope::Exact;
        }
        taken.push((*id, row));
    }
    (builder.build(1).unwrap(), taken)
}

fn found(snapshot: &Snapshot, event: &Event) -> Vec<Expected> {
    matches(snapshot, event)
        .into_iter()
        .map(|found| Expected {
            field: found.field,
            kind: found.kind,
            class: found.class,
            value: found.value,
            valid: found.valid_at_event,
            ids: found
                .indicators
                .into_iter()
                .filter_map(|indicator| indicator.id)
                .collect(),
        })
        .collect()
}

fn name() -> impl Strategy<Value = String> {
    proptest::collection::vec("[ab]{1,2}", 1..4).prop_map(|labels| labels.join("."))
}

/// Addresses in 10.0.0.0/29.
fn address() -> impl Strategy<Value = IpAddr> {
    (0_u8..8).prop_map(|host| IpAddr::from([10, 0, 0, host]))
}

fn value() -> impl Strategy<Value = Value> {
    let scope = prop_oneof![Just(Scope::Exact), Just(Scope::Subtree), Just(Scope::Below)];
    prop_oneof![
        4 => (name(), scope).prop_map(|(name, scope)| Value::Name(name, scope)),
        1 => "[*]?[ab.]{3}[?]?[*]?".prop_map(Value::Pattern),
        2 => (address(), 28_u8..=32)
            .prop_map(|(ip, len)| Value::Prefix(IpNet::new(ip, len).unwrap().trunc())),
        2 => (address(), 0_u16..3).prop_map(|(ip, port)| Value::Endpoint(ip, port)),
    ]
}

fn listed() -> impl Strategy<Value = Row> {
    let window = (
        proptest::option::of(0_i64..10),
        proptest::option::of(0_i64..20),
    );
    (
        0_usize..3,
        value(),
        prop::bool::weighted(0.25),
        prop::bool::weighted(0.1),
        window,
    )
        .prop_map(|(feed, value, allow, revoked, (from, until))| Row {
            feed,
            value,
            allow,
            revoked,
            from,
            until,
        })
}

/// The fields of a DNS event or a flow, and the event.
fn held() -> impl Strategy<Value = (Vec<(Field, Held)>, Event, i64)> {
    let port = || proptest::option::of(0_u16..3);
    let dns = (
        name(),
        proptest::collection::vec(name(), 0..3),
        proptest::collection::vec(address(), 0..3),
        0_i64..20,
    )
        .prop_map(|(qname, names, addresses, at)| {
            let mut fields = vec![(Field::Qname, Held::Name(qname.clone()))];
            let mut answers: Vec<String> = Vec::new();
            for name in names {
                answers.push(name.clone());
                fields.push((Field::AnswerName, Held::Name(name)));
            }
            for ip in addresses {
                answers.push(ip.to_string());
                fields.push((Field::AnswerAddress, Held::Address(ip, None)));
            }
            let answers: Vec<&str> = answers.iter().map(String::as_str).collect();
            (fields, dns(at, &qname, &answers), at)
        });
    let flow = ((address(), port()), (address(), port()), 0_i64..20).prop_map(
        |((from, from_port), (to, to_port), at)| {
            let fields = vec![
                (Field::Source, Held::Address(from, from_port)),
                (Field::Destination, Held::Address(to, to_port)),
            ];
            let end = |ip, port| Endpoint { ip, port };
            let event = flow(at, end(from, from_port), end(to, to_port));
            (fields, event, at)
        },
    );
    prop_oneof![dns, flow]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn matches_are_those_of_the_definition(
        rows in proptest::collection::vec(listed(), 0..24),
        (fields, event, at) in held(),
        emit_invalid in any::<bool>(),
    ) {
        let rows: Vec<(usize, Row)> = rows.into_iter().enumerate().collect();
        let mut hashes = Vec::new();
        for names in [NameEngine::Table, NameEngine::AhoCorasick] {
            let options = BuildOptions { names, emit_invalid, ..BuildOptions::default() };
            let (snapshot, taken) = build(&rows, options.clone());
            let expected = oracle(&taken, &fields, at, emit_invalid);
            prop_assert_eq!(found(&snapshot, &event), expected.clone());

            // The order in which rows came does not count.
            let reversed: Vec<(usize, Row)> = rows.iter().rev().cloned().collect();
            let (again, _) = build(&reversed, options);
            prop_assert_eq!(found(&again, &event), expected.clone());
            hashes.extend([snapshot.hash().to_owned(), again.hash().to_owned()]);

            // The probes never miss a field that matches.
            for (field, held) in &fields {
                let one = [(*field, held.clone())];
                let matches = !oracle(&taken, &one, at, emit_invalid).is_empty();
                let candidate = match held {
                    Held::Name(name) => {
                        snapshot.probe_name(name.to_ascii_uppercase().as_bytes()) == NameProbe::Candidate
                    }
                    Held::Address(ip, port) => snapshot.probe_address(*ip, *port),
                };
                prop_assert!(candidate || !matches, "{held:?}");
            }
        }
        hashes.dedup();
        prop_assert_eq!(hashes.len(), 1);
    }
}
