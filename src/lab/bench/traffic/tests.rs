//! Made records against their truth, by an oracle that decodes everything and looks up every
//! suffix and every prefix length.

use std::collections::HashSet;
use std::net::IpAddr;

use ipnet::IpNet;

use super::*;
use crate::decode::{self, Item, KeySink, Outcome};
use crate::model::{Answer, DnsMessage, Event, EventKind, Scope};
use crate::source::FileInput;

/// A small feed.
fn feed() -> MadeFeed {
    MadeFeed::new(FeedOptions {
        names: 3_000,
        prefixes: 2_000,
        seed: 3,
    })
    .unwrap()
}

/// A little traffic with many hits.
fn options(workload: Workload) -> TrafficOptions {
    TrafficOptions {
        events: 2_000,
        hit_share: 0.05,
        ..TrafficOptions::new(workload)
    }
}

/// Takes the items of records and forgets their keys.
#[derive(Default)]
struct Items(Vec<Vec<u8>>);

impl<'r> KeySink<'r> for Items {
    fn name(&mut self, _: &[u8]) {}

    fn address(&mut self, _: IpAddr, _: Option<u16>) {}

    fn end(&mut self, item: Item<'r>) {
        assert_eq!(item.outcome, Outcome::Event);
        self.0.push(item.bytes.to_vec());
    }
}

/// All events of `traffic`, decoded whole.
fn decoded(traffic: &Traffic) -> Vec<Event> {
    let mut items = Items::default();
    for value in traffic.values() {
        decode::keys(traffic.format(), value, &mut items);
    }
    let event = |item: &Vec<u8>| decode::event(traffic.format(), item, None);
    items
        .0
        .iter()
        .map(|item| event(item).unwrap().unwrap())
        .collect()
}

/// Everything that a feed lists, as a set.
struct Oracle {
    exact: HashSet<String>,
    subtree: HashSet<String>,
    nets: HashSet<IpNet>,
}

impl Oracle {
    fn new(feed: &MadeFeed) -> Self {
        let (mut exact, mut subtree) = (HashSet::new(), HashSet::new());
        for index in 0..feed.options().names {
            let (name, scope) = feed.name(index);
            let set = if scope == Scope::Exact {
                &mut exact
            } else {
                &mut subtree
            };
            assert!(set.insert(name), "listed twice");
        }
        let nets: HashSet<IpNet> = (0..feed.options().prefixes)
            .map(|index| feed.prefix(index))
            .collect();
        assert_eq!(nets.len() as u64, u64::from(feed.options().prefixes));
        Self {
            exact,
            subtree,
            nets,
        }
    }

    /// The listed values in `event`.
    fn hits(&self, event: &Event) -> HashSet<String> {
        let mut found = HashSet::new();
        match &event.kind {
            EventKind::Dns(dns) => {
                self.name(&dns.qname, &mut found);
                for answer in &dns.answers {
                    match answer {
                        Answer::Name(name) => self.name(name, &mut found),
                        Answer::Address(ip) => self.address(*ip, &mut found),
                    }
                }
            }
            EventKind::Flow(flow) => {
                self.address(flow.source.ip, &mut found);
                self.address(flow.destination.ip, &mut found);
            }
        }
        found
    }

    fn name(&self, name: &str, found: &mut HashSet<String>) {
        if self.exact.contains(name) {
            found.insert(name.to_owned());
        }
        let parent = |name: &String| Some(name.split_once('.')?.1.to_owned());
        for suffix in std::iter::successors(Some(name.to_owned()), parent) {
            if self.subtree.contains(&suffix) {
                found.insert(suffix);
            }
        }
    }

    fn address(&self, ip: IpAddr, found: &mut HashSet<String>) {
        let bits = if ip.is_ipv4() { 32 } else { 128 };
        for len in 0..=bits {
            let net = IpNet::new_assert(ip, len).trunc();
            if self.nets.contains(&net) {
                found.insert(if len == bits {
                    ip.to_string()
                } else {
                    net.to_string()
                });
            }
        }
    }
}

#[test]
fn every_format_decodes_to_the_planted_truth() {
    let (feed, oracle) = (feed(), Oracle::new(&feed()));
    for &workload in Workload::ALL {
        let options = options(workload);
        let traffic = Traffic::make(&options, &feed).unwrap();
        let planned: Vec<MadeEvent> = Events::new(&options, &feed).unwrap().collect();
        let events = decoded(&traffic);
        assert_eq!(events.len(), planned.len());
        let mut truth = TrafficTruth::default();
        for (event, planned) in events.iter().zip(&planned) {
            let expected: HashSet<String> = planned.hits.iter().cloned().collect();
            assert_eq!(expected.len(), planned.hits.len());
            assert_eq!(oracle.hits(event), expected, "{workload:?} {event:?}");
            truth.matched += u64::from(!expected.is_empty());
            truth.unmatched += u64::from(expected.is_empty());
            truth.hits += expected.len() as u64;
            for value in &expected {
                truth.values = truth.values.wrapping_add(value_hash(value));
            }
        }
        assert_eq!(traffic.truth(), truth);
        assert_eq!(truth.matched, 100, "{workload:?}");
    }
}

#[test]
fn the_same_seed_makes_the_same_bytes_and_another_one_others() {
    let feed = feed();
    for &workload in Workload::ALL {
        let made = |seed| {
            Traffic::make(
                &TrafficOptions {
                    seed,
                    ..options(workload)
                },
                &feed,
            )
        };
        assert_eq!(made(1), made(1));
        assert_ne!(made(1), made(2));
    }
}

#[test]
fn a_working_set_ends_at_its_limit_with_the_hits_due_until_then() {
    let feed = feed();
    let options = TrafficOptions {
        bytes_max: 200_000,
        events: u64::MAX,
        hit_share: 0.01,
        ..TrafficOptions::new(Workload::Dnstap)
    };
    let traffic = Traffic::make(&options, &feed).unwrap();
    assert!((200_000..201_000).contains(&traffic.bytes()));
    assert_eq!(traffic.truth().events(), traffic.len() as u64);
    assert_eq!(
        traffic.truth().matched,
        (traffic.truth().events() + 50) / 100
    );
}

#[test]
fn records_hold_as_many_events_as_asked_for() {
    let feed = feed();
    for (workload, per_record, records) in [
        (Workload::Goflow2Protobuf, 100, 11),
        (Workload::GannetProtobuf, 1_050, 1),
        (Workload::GannetJson, 7, 150),
        (Workload::ZeekDns, 1, 1_050),
    ] {
        let options = TrafficOptions {
            events: 1_050,
            events_per_record: NonZeroU32::new(per_record).unwrap(),
            ..options(workload)
        };
        let traffic = Traffic::make(&options, &feed).unwrap();
        assert_eq!(traffic.len(), records, "{workload:?}");
        assert_eq!(traffic.records().len(), records);
        assert_eq!(decoded(&traffic).len(), 1_050);
    }
}

#[test]
fn records_are_as_large_and_as_varied_as_those_of_real_sensors() {
    let feed = feed();
    for (workload, bytes) in [
        (Workload::ZeekDns, 400..500),
        (Workload::ZeekConn, 320..440),
        (Workload::Dnstap, 110..200),
        (Workload::DnsCollectorJson, 1_250..1_700),
        (Workload::Goflow2Protobuf, 105..150),
        (Workload::Goflow2Json, 420..560),
        (Workload::GannetJson, 300..420),
        (Workload::GannetProtobuf, 70..130),
    ] {
        let traffic = Traffic::make(&options(workload), &feed).unwrap();
        let mean = traffic.bytes() / 2_000;
        println!("{workload:?}: {mean} bytes an event");
        assert!(bytes.contains(&mean), "{workload:?}: {mean} bytes an event");
    }
    let mut answers = [0_u32; 8];
    let mut rcodes = HashSet::new();
    let (mut queries, mut name_bytes, mut v6) = (0, 0, 0);
    for made in Events::new(&options(Workload::Dnstap), &feed).unwrap() {
        let EventKind::Dns(dns) = made.event.kind else {
            panic!("dnstap has no flows");
        };
        answers[dns.answers.len()] += 1;
        rcodes.insert(dns.rcode);
        queries += u32::from(dns.message == DnsMessage::Query);
        name_bytes += dns.qname.len();
        v6 += u32::from(dns.client.is_some_and(|client| client.ip.is_ipv6()));
    }
    println!("answers {answers:?}, {} bytes a name", name_bytes / 2_000);
    assert!(answers[..5].iter().all(|&count| count > 10), "{answers:?}");
    assert!(rcodes.len() >= 4 && (200..600).contains(&queries) && v6 > 200);
    assert!((18..30).contains(&(name_bytes / 2_000)));
}

#[test]
fn the_snapshot_lists_the_whole_feed() {
    let feed = feed();
    let snapshot = feed
        .snapshot(crate::snapshot::BuildOptions::default())
        .unwrap();
    assert_eq!(snapshot.indicators(), 5_000);
    assert!(snapshot.feeds()[0].refused.is_empty());
}

#[test]
fn records_of_a_file_are_judged_as_they_were_planted() {
    let feed = feed();
    let snapshot = feed
        .snapshot(crate::snapshot::BuildOptions::default())
        .unwrap();
    let directory = tempfile::tempdir().unwrap();
    for workload in [Workload::ZeekDns, Workload::GannetJson] {
        let made = Traffic::make(&options(workload), &feed).unwrap();
        let path = directory.path().join(workload.as_str());
        let lines: Vec<u8> = made.values().collect::<Vec<_>>().join(&b'\n');
        std::fs::write(&path, lines).unwrap();
        let input = FileInput {
            path,
            format: workload.format(),
        };
        let read = Traffic::read(&input, usize::MAX).unwrap();
        assert_eq!(read.truth(), TrafficTruth::default());
        assert_eq!(read.judged(&snapshot), (made, 0));
        let part = Traffic::read(&input, 1).unwrap();
        assert!(!part.is_empty());
    }
    let missing = FileInput {
        path: directory.path().join("none"),
        format: EventFormat::Dnstap,
    };
    assert!(Traffic::read(&missing, 1).is_err());
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let base = options(Workload::ZeekDns);
    let refused = |options: TrafficOptions, feed: &MadeFeed| {
        Traffic::make(&options, feed)
            .map(|_| ())
            .unwrap_err()
            .to_string()
    };
    let feed_of = |names, prefixes| {
        let seed = 1;
        MadeFeed::new(FeedOptions {
            names,
            prefixes,
            seed,
        })
    };
    let full = feed();
    for (options, feed, expected) in [
        (
            TrafficOptions { events: 0, ..base },
            full,
            "there must be at least one event",
        ),
        (
            TrafficOptions {
                hit_share: 1.5,
                ..base
            },
            full,
            "the share of hits must be 0 to 1, not 1.5",
        ),
        (
            TrafficOptions {
                hit_share: f64::NAN,
                ..base
            },
            full,
            "the share of hits must be 0 to 1, not NaN",
        ),
        (
            TrafficOptions {
                events_per_record: BATCHED,
                ..base
            },
            full,
            "zeek-json has one event a record, not 100",
        ),
        (
            options(Workload::Goflow2Json),
            feed_of(10, 0).unwrap(),
            "goflow2-json has no hits on a feed of 10 names and 0 prefixes",
        ),
        (
            TrafficOptions {
                events: u64::MAX,
                bytes_max: usize::MAX,
                ..base
            },
            full,
            &format!("no memory for {} bytes of made records", usize::MAX),
        ),
    ] {
        assert_eq!(refused(options, &feed), expected);
    }
    for (feed, expected) in [
        (
            feed_of(20_000_001, 1),
            "at most 20000000 names can be made, not 20000001",
        ),
        (
            feed_of(1, 1_000_001),
            "at most 1000000 prefixes can be made, not 1000001",
        ),
    ] {
        assert_eq!(feed.unwrap_err().to_string(), expected);
    }
}

#[test]
fn without_names_or_without_prefixes_the_others_are_hit() {
    for (names, prefixes) in [(50, 0), (0, 50)] {
        let seed = 1;
        let feed = MadeFeed::new(FeedOptions {
            names,
            prefixes,
            seed,
        })
        .unwrap();
        let traffic = Traffic::make(&options(Workload::Dnstap), &feed).unwrap();
        assert_eq!(traffic.truth().matched, 100);
        let none = TrafficOptions {
            hit_share: 0.0,
            ..options(Workload::Dnstap)
        };
        assert_eq!(Traffic::make(&none, &feed).unwrap().truth().hits, 0);
        let all = TrafficOptions {
            hit_share: 1.0,
            ..options(Workload::Dnstap)
        };
        assert_eq!(Traffic::make(&all, &feed).unwrap().truth().unmatched, 0);
    }
}
