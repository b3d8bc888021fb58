//! The events of planted contacts, each with the hits that must come of it. The hits follow
//! from the plan alone.

use super::contacts::{Contact, Shape};
use super::craft::{self, Went};
use super::indicators::Class;
use super::names;
use super::random::{Rng, Subject};
use super::space::{benign, ephemeral, excluded, resolver, v4};
use super::truth::TruthHit;
use super::{Operation, Origin, PlannedEvent, Stream, families, time_at};
use crate::model::{
    Answer, Attribution, DnsEvent, Endpoint, Event, EventKind, Evidence, Field, FlowEvent,
};

/// A contact's event before its hits are written out.
struct Draft {
    /// Which stream carries it.
    stream: Stream,
    /// What happened.
    kind: EventKind,
    /// Who it is about.
    client: Endpoint,
    /// Where the indicator stands, and how it reads there.
    found: (Field, String),
    /// Where the second indicator stands.
    second: Option<(Field, String)>,
    /// How far it went.
    evidence: Evidence,
}

impl Operation {
    /// The event of a contact, with its hits.
    pub(super) fn planted_event(&self, contact: &Contact) -> PlannedEvent {
        let (event, draft) = self.draft(contact);
        let hits = self.hits(contact, &draft);
        PlannedEvent {
            stream: draft.stream,
            event,
            origin: Origin::Contact,
            hits,
        }
    }

    /// The event of a contact, and what its hits are made from.
    fn draft(&self, contact: &Contact) -> (Event, Draft) {
        let mut rng = Rng::keyed(self.options.seed, Subject::Contact, contact.at_us);
        let draft = match contact.shape {
            Shape::NoSuchName
            | Shape::QueryOnly
            | Shape::NoData
            | Shape::Blocked
            | Shape::Resolved
            | Shape::ResolvedListed
            | Shape::Alias
            | Shape::Answer
            | Shape::ResolverUpstream
            | Shape::ResolverClient
            | Shape::ExcludedQuestion => self.draft_dns(contact, &mut rng),
            Shape::Attempted
            | Shape::Connected
            | Shape::Transferred
            | Shape::InboundScan
            | Shape::ExcludedFlow
            | Shape::ScannerContact => self.draft_flow(contact, &mut rng),
        };
        let time = time_at(i64::try_from(contact.at_us).unwrap_or(i64::MAX));
        let event = craft::event(draft.stream, time, draft.kind.clone(), &mut rng);
        (event, draft)
    }

    /// The client of a contact.
    fn client(&self, contact: &Contact, rng: &mut Rng) -> Endpoint {
        match contact.shape {
            Shape::ResolverUpstream | Shape::ResolverClient => Endpoint {
                port: Some(ephemeral(rng)),
                ..resolver(rng, v4(0))
            },
            Shape::ExcludedQuestion | Shape::ExcludedFlow => excluded(rng),
            Shape::NoSuchName
            | Shape::QueryOnly
            | Shape::NoData
            | Shape::Blocked
            | Shape::Resolved
            | Shape::ResolvedListed
            | Shape::Alias
            | Shape::Answer
            | Shape::Attempted
            | Shape::Connected
            | Shape::Transferred
            | Shape::InboundScan
            | Shape::ScannerContact => self.subscribers.holding(contact.subscriber).client(rng),
        }
    }

    /// A name that the indicator covers.
    fn contact_name(&self, indicator: u32, rng: &mut Rng) -> String {
        let name = self.indicators.name(indicator);
        match self.indicators.plan(indicator).class {
            Class::Exact => name,
            Class::Below => names::below(&name, rng),
            Class::Pattern => names::fitting_pattern(indicator, rng),
            Class::Subtree
            | Class::Foreign
            | Class::Child
            | Class::Address
            | Class::Inner
            | Class::Prefix
            | Class::Endpoint(_) => names::at_or_below(&name, rng),
        }
    }

    /// A contact that shows in DNS.
    fn draft_dns(&self, contact: &Contact, rng: &mut Rng) -> Draft {
        let client = self.client(contact, rng);
        if contact.shape == Shape::Answer {
            return self.draft_answer(contact, client, rng);
        }
        let name = self.contact_name(contact.indicator, rng);
        let mut stream = craft::dns_stream(rng);
        let mut second = None;
        let mut field = Field::Qname;
        let dns: DnsEvent = match contact.shape {
            Shape::NoSuchName | Shape::ExcludedQuestion => {
                craft::denied(client, name.clone(), 3, rng)
            }
            Shape::NoData => craft::denied(client, name.clone(), 0, rng),
            Shape::QueryOnly => craft::question(client, name.clone(), rng),
            Shape::Blocked => {
                stream = rng.pick(&[Stream::Dnstap, Stream::Dnstap, Stream::Collector]);
                let mut dns = craft::denied(client, name.clone(), 3, rng);
                dns.blocked = true;
                dns
            }
            Shape::ResolvedListed => {
                let address = self.indicators.contact_address(contact.second);
                second = address.map(|ip| (Field::AnswerAddress, ip.to_string()));
                let answers = address.map(Answer::Address).into_iter().collect();
                craft::resolved(client, name.clone(), answers, rng)
            }
            Shape::Alias => {
                let mut qname = String::new();
                names::benign(self.options.seed, rng, &mut qname);
                if rng.chance(300) {
                    // Led from one name of the indicator to another: still one hit.
                    let other = self.contact_name(contact.indicator, rng);
                    qname.clone_from(&other);
                } else {
                    field = Field::AnswerName;
                }
                let answers = vec![Answer::Name(name.clone()), craft::benign_answer(rng)];
                craft::resolved(client, qname, answers, rng)
            }
            Shape::ResolverUpstream => {
                stream = rng.pick(&[Stream::Dnstap, Stream::Dnstap, Stream::Collector]);
                let mut dns = craft::upstream(&name, rng);
                dns.client = Some(client);
                dns
            }
            Shape::ResolverClient => {
                let mut dns = craft::denied(client, name.clone(), 3, rng);
                stream = Stream::Dns;
                dns.resolver = Some(Endpoint {
                    ip: benign(rng.bits(), false),
                    port: Some(53),
                });
                dns
            }
            Shape::Resolved
            | Shape::Answer
            | Shape::Attempted
            | Shape::Connected
            | Shape::Transferred
            | Shape::InboundScan
            | Shape::ExcludedFlow
            | Shape::ScannerContact => {
                let mut answers = vec![craft::benign_answer(rng)];
                if rng.chance(300) {
                    answers.push(craft::benign_answer(rng));
                }
                craft::resolved(client, name.clone(), answers, rng)
            }
        };
        let evidence = if dns.answers.is_empty() {
            Evidence::LookedUp
        } else {
            Evidence::Resolved
        };
        let observed = if field == Field::Qname {
            dns.qname.clone()
        } else {
            name
        };
        Draft {
            stream,
            kind: EventKind::Dns(dns),
            client,
            found: (field, observed),
            second,
            evidence,
        }
    }

    /// A harmless name with a listed address behind it.
    fn draft_answer(&self, contact: &Contact, client: Endpoint, rng: &mut Rng) -> Draft {
        let mut qname = String::new();
        names::benign(self.options.seed, rng, &mut qname);
        let address = self.indicators.contact_address(contact.indicator);
        let mut answers: Vec<Answer> = address.map(Answer::Address).into_iter().collect();
        if rng.chance(300) {
            answers.insert(0, Answer::Name(names::cdn_target(rng)));
        }
        let dns = craft::resolved(client, qname, answers, rng);
        Draft {
            stream: craft::dns_stream(rng),
            kind: EventKind::Dns(dns),
            client,
            found: (
                Field::AnswerAddress,
                address.map(|ip| ip.to_string()).unwrap_or_default(),
            ),
            second: None,
            evidence: Evidence::Resolved,
        }
    }

    /// A contact that shows in flows.
    fn draft_flow(&self, contact: &Contact, rng: &mut Rng) -> Draft {
        let client = self.client(contact, rng);
        let port = match self.indicators.plan(contact.indicator).class {
            Class::Endpoint(port) => Some(port),
            Class::Subtree
            | Class::Foreign
            | Class::Child
            | Class::Exact
            | Class::Below
            | Class::Pattern
            | Class::Address
            | Class::Inner
            | Class::Prefix => None,
        };
        let listed = self.indicators.contact_address(contact.indicator);
        let listed = listed.unwrap_or_else(|| benign(0, false));
        if contact.shape == Shape::InboundScan {
            return self.draft_scan(contact, client, listed, rng);
        }
        let remote = craft::server(listed, port, rng);
        let (stream, flow, evidence): (Stream, FlowEvent, Evidence) = match contact.shape {
            Shape::Connected if rng.chance(400) => {
                let flow = craft::acknowledged(client, remote, rng);
                (Stream::Flows, flow, Evidence::Connected)
            }
            Shape::Connected => {
                let flow = craft::connection(client, remote, Went::Connected, rng);
                (Stream::Conn, flow, Evidence::Connected)
            }
            Shape::Transferred => {
                let flow = craft::connection(client, remote, Went::Transferred, rng);
                (Stream::Conn, flow, Evidence::Transferred)
            }
            Shape::NoSuchName
            | Shape::QueryOnly
            | Shape::NoData
            | Shape::Blocked
            | Shape::Resolved
            | Shape::ResolvedListed
            | Shape::Alias
            | Shape::Answer
            | Shape::Attempted
            | Shape::InboundScan
            | Shape::ResolverUpstream
            | Shape::ResolverClient
            | Shape::ExcludedQuestion
            | Shape::ExcludedFlow
            | Shape::ScannerContact => {
                let (stream, flow) = craft::attempt(client, remote, rng);
                (stream, flow, Evidence::Attempted)
            }
        };
        Draft {
            stream,
            kind: EventKind::Flow(flow),
            client,
            found: (Field::Destination, listed.to_string()),
            second: None,
            evidence,
        }
    }

    /// A listed address that knocks at a subscriber: one packet, no reply.
    fn draft_scan(
        &self,
        contact: &Contact,
        client: Endpoint,
        listed: std::net::IpAddr,
        rng: &mut Rng,
    ) -> Draft {
        let holding = self.subscribers.holding(contact.subscriber);
        let client = Endpoint {
            port: Some(holding.scanned_port(rng)),
            ..client
        };
        let remote = Endpoint {
            ip: listed,
            port: Some(ephemeral(rng)),
        };
        let (stream, flow) = if rng.chance(700) {
            (Stream::Flows, craft::first_packets(remote, client, 1))
        } else {
            let mut flow = craft::connection(remote, client, Went::Unanswered, rng);
            flow.forward.packets = Some(1);
            flow.forward.bytes = Some(60);
            (Stream::Conn, flow)
        };
        Draft {
            stream,
            kind: EventKind::Flow(flow),
            client,
            found: (Field::Source, listed.to_string()),
            second: None,
            evidence: Evidence::Attempted,
        }
    }

    /// The hits of a contact: one for each listed value that covers what was seen.
    fn hits(&self, contact: &Contact, draft: &Draft) -> Vec<TruthHit> {
        let seconds = i64::try_from(contact.at_us / 1_000_000).unwrap_or(i64::MAX);
        let victim_reason = contact.shape.victim_reason();
        let subscriber = contact
            .shape
            .is_of_subscriber()
            .then(|| self.subscribers.id(contact.subscriber));
        let hit = |indicator: u32, found: &(Field, String)| TruthHit {
            stream: draft.stream,
            event_time: time_at(i64::try_from(contact.at_us).unwrap_or(i64::MAX)),
            client: draft.client,
            field: found.0,
            observed: found.1.clone(),
            class: self.indicators.plan(indicator).hit_class(),
            value: self.indicators.value(indicator),
            campaign: match self.indicators.family_at(indicator, seconds) {
                Some(family) => families::written(family),
                None => self.indicators.value(indicator),
            },
            evidence: draft.evidence,
            victim_reason,
            attribution: if subscriber.is_some() {
                Attribution::Exact
            } else {
                Attribution::None
            },
            subscriber: subscriber.clone(),
        };
        let first = self.indicators.covering(contact.indicator, seconds);
        let mut hits: Vec<TruthHit> = first.map(|index| hit(index, &draft.found)).collect();
        if let Some(found) = &draft.second {
            let second = self.indicators.covering(contact.second, seconds);
            hits.extend(second.map(|index| hit(index, found)));
        }
        hits
    }
}
