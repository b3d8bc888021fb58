//! The events of made traffic, one after the other: what subscribers of a provider do, and the
//! planted hits among it.

use std::net::IpAddr;

use super::{FeedOptions, MadeFeed, TrafficError, TrafficKind, TrafficOptions, Workload, space};
use crate::lab::operation::Stream;
use crate::lab::operation::craft::{self, Went};
use crate::lab::operation::names;
use crate::lab::operation::random::{Rng, Subject};
use crate::model::{
    Answer, DnsEvent, Endpoint, Event, EventKind, EventTime, FlowEvent, Named, Scope,
};

/// One event, and the listed values that it must hit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MadeEvent {
    /// What happened.
    pub event: Event,
    /// The listed values in it, as hits write them; none for most events.
    pub hits: Vec<String>,
}

/// The events of some traffic; made as they are asked for.
#[derive(Clone, Debug)]
pub struct Events<'f> {
    options: TrafficOptions,
    feed: &'f MadeFeed,
    number: u64,
}

impl<'f> Events<'f> {
    /// The events of `options` on `feed`.
    ///
    /// # Errors
    /// [`TrafficError`] when the options cannot be meant.
    pub fn new(options: &TrafficOptions, feed: &'f MadeFeed) -> Result<Self, TrafficError> {
        let TrafficOptions {
            workload,
            events,
            events_per_record,
            hit_share,
            ..
        } = *options;
        let FeedOptions {
            names, prefixes, ..
        } = feed.options();
        let targets = match workload.kind() {
            TrafficKind::Dns => names.max(prefixes),
            TrafficKind::Flow | TrafficKind::Both => prefixes,
        };
        if events == 0 {
            Err(TrafficError::NoEvents)
        } else if !(0.0..=1.0).contains(&hit_share) {
            Err(TrafficError::HitShare { given: hit_share })
        } else if events_per_record.get() > 1 && !workload.batches() {
            Err(TrafficError::OneEventARecord {
                workload: workload.as_str(),
                given: events_per_record.get(),
            })
        } else if hit_share > 0.0 && targets == 0 {
            Err(TrafficError::NothingToHit {
                workload: workload.as_str(),
                names,
                prefixes,
            })
        } else {
            Ok(Self {
                options: *options,
                feed,
                number: 0,
            })
        }
    }

    /// Whether the event `number` is a planted hit: as many as the share wants, evenly spread.
    fn planted(&self, number: u64) -> bool {
        // Event numbers are far below 2^52.
        let due = |number: u64| (number as f64 * self.options.hit_share + 0.5).floor();
        due(number + 1) > due(number)
    }
}

impl Iterator for Events<'_> {
    type Item = MadeEvent;

    fn next(&mut self) -> Option<MadeEvent> {
        let number = self.number;
        if number >= self.options.events {
            return None;
        }
        self.number += 1;
        let mut maker = Maker {
            workload: self.options.workload,
            feed: self.feed,
            seed: self.feed.options().seed,
            rng: Rng::keyed(self.options.seed, Subject::Traffic, number),
            hits: Vec::new(),
        };
        let planted = self.planted(number);
        let dns = match self.options.workload.kind() {
            TrafficKind::Dns => true,
            TrafficKind::Flow => false,
            TrafficKind::Both => maker.rng.chance(600),
        };
        let kind = match (dns, planted) {
            (true, true) => EventKind::Dns(maker.planted_dns()),
            (true, false) => EventKind::Dns(maker.ordinary_dns()),
            (false, true) => EventKind::Flow(maker.planted_flow()),
            (false, false) => EventKind::Flow(maker.ordinary_flow()),
        };
        let stream = match (self.options.workload, dns) {
            (Workload::ZeekDns, _) => Stream::Dns,
            (Workload::ZeekConn, _) => Stream::Conn,
            (Workload::DnsCollectorJson, _) => Stream::Collector,
            (Workload::Dnstap, _) | (Workload::GannetJson | Workload::GannetProtobuf, true) => {
                Stream::Dnstap
            }
            (Workload::Goflow2Protobuf | Workload::Goflow2Json, _)
            | (Workload::GannetJson | Workload::GannetProtobuf, false) => Stream::Flows,
        };
        let nanos = START_NANOS + i64::try_from(number).unwrap_or(0) * STEP_NANOS;
        let jitter = i64::try_from(maker.rng.below(STEP_NANOS.unsigned_abs())).unwrap_or(0);
        let time = EventTime::from_nanos(nanos + jitter);
        Some(MadeEvent {
            event: craft::event(stream, time, kind, &mut maker.rng),
            hits: maker.hits,
        })
    }
}

/// First instant: 2026-01-01T00:00:00Z.
const START_NANOS: i64 = 1_767_225_600_000_000_000;
/// From one event to the next, about.
const STEP_NANOS: i64 = 10_000;

/// Makes one event.
struct Maker<'f> {
    workload: Workload,
    feed: &'f MadeFeed,
    seed: u64,
    rng: Rng,
    hits: Vec<String>,
}

impl Maker<'_> {
    /// What subscribers ask every day: mostly answered, some of it through a content network,
    /// some names that do not exist, reverse lookups, and a few names that look listed.
    fn ordinary_dns(&mut self) -> DnsEvent {
        let client = self.client();
        let mut name = String::with_capacity(48);
        let share = self.rng.below(100);
        if share < 4 {
            names::reverse(&mut self.rng, &mut name);
            let mut dns = craft::denied(client, name, 3, &mut self.rng);
            dns.qtype = Some(12);
            return dns;
        }
        let FeedOptions { names, .. } = self.feed.options();
        if names > 0 && self.rng.chance(NEAR_MISSES) {
            let (listed, _) = self.feed.name(self.rng.below_u32(names));
            name = names::look_alike(&listed, &mut self.rng);
        } else {
            names::benign(self.seed, &mut self.rng, &mut name);
        }
        let halves = matches!(self.workload, Workload::Dnstap | Workload::DnsCollectorJson);
        match share {
            4..11 => craft::denied(client, name, 3, &mut self.rng),
            11..20 => craft::denied(client, name, 0, &mut self.rng),
            20 => craft::denied(client, name, 2, &mut self.rng),
            21..36 if halves => craft::question(client, name, &mut self.rng),
            36..41 if halves => craft::upstream(&name, &mut self.rng),
            _ => {
                let answers = self.benign_answers();
                craft::resolved(client, name, answers, &mut self.rng)
            }
        }
    }

    /// One to four answers that nobody lists: addresses of one family, perhaps behind an alias.
    fn benign_answers(&mut self) -> Vec<Answer> {
        let ipv6 = self.rng.chance(300);
        let aliases = usize::from(self.rng.chance(350));
        let addresses = 1 + usize::try_from(self.rng.skewed(3)).unwrap_or(0);
        let mut answers = Vec::with_capacity(aliases + addresses);
        if aliases > 0 {
            answers.push(Answer::Name(names::cdn_target(&mut self.rng)));
        }
        for _ in 0..addresses {
            answers.push(Answer::Address(space::server(
                self.seed,
                &mut self.rng,
                ipv6,
            )));
        }
        answers
    }

    /// A question, an alias or an address that is listed, or a listed name with a listed
    /// address.
    fn planted_dns(&mut self) -> DnsEvent {
        let client = self.client();
        let FeedOptions {
            names, prefixes, ..
        } = self.feed.options();
        let (mut in_name, mut in_address, mut in_alias) = match self.rng.below(100) {
            0..55 => (true, false, false),
            55..65 => (false, false, true),
            65..85 => (false, true, false),
            _ => (true, true, false),
        };
        if names == 0 {
            (in_name, in_alias, in_address) = (false, false, true);
        } else if prefixes == 0 && in_address {
            (in_name, in_address) = (true, false);
        }
        let mut qname = String::with_capacity(48);
        if in_name {
            qname = self.listed_name();
        } else {
            names::benign(self.seed, &mut self.rng, &mut qname);
        }
        let mut answers = if in_address {
            let ip = self.listed_address();
            vec![Answer::Address(ip)]
        } else {
            self.benign_answers()
        };
        if in_alias {
            let alias = self.listed_name();
            answers.retain(|answer| matches!(answer, Answer::Address(_)));
            answers.insert(0, Answer::Name(alias));
        }
        craft::resolved(client, qname, answers, &mut self.rng)
    }

    /// A name that a listed one covers.
    fn listed_name(&mut self) -> String {
        let names = self.feed.options().names;
        let (listed, scope) = self.feed.name(self.rng.below_u32(names));
        let name = match scope {
            Scope::Exact => listed.clone(),
            Scope::Subtree => names::at_or_below(&listed, &mut self.rng),
            Scope::Below => names::below(&listed, &mut self.rng),
        };
        self.hits.push(listed);
        name
    }

    /// An address that a listed prefix covers.
    fn listed_address(&mut self) -> IpAddr {
        let prefixes = self.feed.options().prefixes;
        let net = self.feed.prefix(self.rng.below_u32(prefixes));
        let single = net.prefix_len() == net.max_prefix_len();
        self.hits.push(if single {
            net.addr().to_string()
        } else {
            net.to_string()
        });
        space::inside(net, &mut self.rng)
    }

    /// Traffic between a subscriber and a benign server.
    fn ordinary_flow(&mut self) -> FlowEvent {
        let client = self.client();
        let ip = space::server(self.seed, &mut self.rng, client.ip.is_ipv6());
        self.flow(client, ip)
    }

    /// The same with a listed server.
    fn planted_flow(&mut self) -> FlowEvent {
        let ip = self.listed_address();
        let client = space::client(&mut self.rng, ip.is_ipv6());
        self.flow(client, ip)
    }

    /// Traffic between a subscriber and a server, as the sensor of this workload reports it.
    fn flow(&mut self, client: Endpoint, ip: IpAddr) -> FlowEvent {
        let rng = &mut self.rng;
        let server = Endpoint {
            ip,
            port: Some(rng.pick(&[443, 443, 443, 443, 443, 80, 8443, 123, 5228, 3478])),
        };
        if self.workload == Workload::ZeekConn {
            let went = rng.pick(&[
                Went::Transferred,
                Went::Transferred,
                Went::Transferred,
                Went::Connected,
                Went::Unanswered,
            ]);
            return craft::connection(client, server, went, rng);
        }
        match rng.below(10) {
            0 | 1 => craft::datagrams(client, server, 1 + rng.below(20)),
            2 => craft::first_packets(client, server, 1),
            3..6 => craft::middle(client, server, rng),
            _ => craft::middle(server, client, rng),
        }
    }

    /// A subscriber, one in five by IPv6.
    fn client(&mut self) -> Endpoint {
        let ipv6 = self.rng.chance(200);
        space::client(&mut self.rng, ipv6)
    }
}

/// How many of a thousand questions are for names that look listed.
const NEAR_MISSES: u64 = 10;
