//! Everything that is no hit: ordinary traffic, and near misses that a careless matcher would
//! take for hits. Each event follows from its number.

use super::craft::{self, Went};
use super::indicators::{Class, Plan};
use super::names;
use super::random::{Rng, Subject};
use super::space::{Spot, ephemeral, resolver};
use super::{Operation, Origin, PlannedEvent, Stream, time_at};
use crate::model::{Answer, DnsEvent, Endpoint, EventKind, FlowEvent, IndicatorState};

/// How many of a thousand benign events are near misses.
const NEAR_MISSES: u64 = 40;

impl Operation {
    /// The benign event `number`, at `at_us` microseconds since the start.
    pub(super) fn benign_event(&self, number: u64, at_us: u64) -> PlannedEvent {
        let mut rng = Rng::keyed(self.options.seed, Subject::Benign, number);
        let subscriber = rng.below_u32(self.subscribers.count());
        let client = self.subscribers.holding(subscriber).client(&mut rng);
        let near_miss = rng.chance(NEAR_MISSES);
        let seconds = i64::try_from(at_us / 1_000_000).unwrap_or(i64::MAX);
        let (stream, kind) = if near_miss {
            self.near_miss(client, seconds, &mut rng)
        } else {
            self.ordinary(client, &mut rng)
        };
        let time = time_at(i64::try_from(at_us).unwrap_or(i64::MAX));
        PlannedEvent {
            stream,
            event: craft::event(stream, time, kind, &mut rng),
            origin: if near_miss {
                Origin::NearMiss
            } else {
                Origin::Benign
            },
            hits: Vec::new(),
        }
    }

    /// Ordinary traffic of a subscriber.
    fn ordinary(&self, client: Endpoint, rng: &mut Rng) -> (Stream, EventKind) {
        match rng.below(100) {
            0..60 => {
                let stream = craft::dns_stream(rng);
                let dns = self.ordinary_dns(client, stream, rng);
                (stream, EventKind::Dns(dns))
            }
            60..90 => {
                let server = craft::benign_server(rng, client.ip.is_ipv6());
                let flow = match rng.below(10) {
                    0 => craft::datagrams(client, server, 1 + rng.below(20)),
                    1 => craft::first_packets(client, server, 1),
                    2..6 => craft::middle(server, client, rng),
                    _ => craft::middle(client, server, rng),
                };
                (Stream::Flows, EventKind::Flow(flow))
            }
            _ => {
                let server = craft::benign_server(rng, client.ip.is_ipv6());
                let went = rng.pick(&[
                    Went::Transferred,
                    Went::Transferred,
                    Went::Transferred,
                    Went::Connected,
                    Went::Unanswered,
                ]);
                let flow = craft::connection(client, server, went, rng);
                (Stream::Conn, EventKind::Flow(flow))
            }
        }
    }

    /// An ordinary question, answered or not.
    fn ordinary_dns(&self, client: Endpoint, stream: Stream, rng: &mut Rng) -> DnsEvent {
        let mut name = String::with_capacity(48);
        let share = rng.below(100);
        if share < 6 {
            names::reverse(rng, &mut name);
            let mut dns = craft::denied(client, name, 3, rng);
            dns.qtype = Some(12);
            return dns;
        }
        names::benign(self.options.seed, rng, &mut name);
        match share {
            6..14 => craft::denied(client, name, 3, rng),
            14..22 => craft::denied(client, name, 0, rng),
            22..34 if stream == Stream::Dnstap => craft::upstream(&name, rng),
            22..40 if stream != Stream::Dns => craft::question(client, name, rng),
            _ => {
                let mut answers = Vec::with_capacity(3);
                if rng.chance(350) {
                    answers.push(Answer::Name(names::cdn_target(rng)));
                }
                answers.push(craft::benign_answer(rng));
                if rng.chance(400) {
                    answers.push(craft::benign_answer(rng));
                }
                craft::resolved(client, name, answers, rng)
            }
        }
    }

    /// An event that looks like a hit on some indicator and is none, by the first of a few
    /// indicators that there is such a thing for.
    fn near_miss(&self, client: Endpoint, seconds: i64, rng: &mut Rng) -> (Stream, EventKind) {
        let count = u32::try_from(self.indicators.plans.len()).unwrap_or(u32::MAX);
        let index = rng.below_u32(count);
        let plan = self.indicators.plan(index);
        if plan.is_address() {
            self.near_address(index, client, seconds, rng)
        } else {
            let name = self.near_name(index, seconds, rng);
            self.near_question(client, name, rng)
        }
    }

    /// A name that looks listed and is not, at `seconds`.
    fn near_name(&self, index: u32, seconds: i64, rng: &mut Rng) -> String {
        let plan = self.indicators.plan(index);
        let name = self.indicators.name(index);
        let dead = plan.allowed || !self.indicators.hits_at(index, seconds);
        match plan.class {
            Class::Pattern => format!("vault{index}.login.example"),
            Class::Exact if dead || rng.chance(500) => {
                if dead && rng.chance(500) {
                    name
                } else {
                    names::below(&name, rng)
                }
            }
            Class::Below if rng.chance(500) => name,
            Class::Subtree if plan.partly_allowed && rng.chance(500) => {
                format!("www.good.{name}")
            }
            Class::Subtree | Class::Foreign if dead => names::at_or_below(&name, rng),
            Class::Subtree | Class::Foreign | Class::Child | Class::Exact | Class::Below => {
                if plan.class == Class::Child {
                    let parent = plan.parent.unwrap_or(0);
                    names::look_alike(&self.indicators.name(parent), rng)
                } else {
                    names::look_alike(&name, rng)
                }
            }
            Class::Address | Class::Inner | Class::Prefix | Class::Endpoint(_) => name,
        }
    }

    /// A transaction on a name that is not listed.
    fn near_question(&self, client: Endpoint, name: String, rng: &mut Rng) -> (Stream, EventKind) {
        let stream = craft::dns_stream(rng);
        let dns = match rng.below(10) {
            0..3 => craft::denied(client, name, 3, rng),
            3 => {
                let mut qname = String::new();
                names::benign(self.options.seed, rng, &mut qname);
                let answers = vec![Answer::Name(name), craft::benign_answer(rng)];
                craft::resolved(client, qname, answers, rng)
            }
            4 => {
                let asking = Endpoint {
                    port: Some(ephemeral(rng)),
                    ..resolver(rng, client.ip)
                };
                craft::denied(asking, name, 3, rng)
            }
            _ => {
                let answers = vec![craft::benign_answer(rng)];
                craft::resolved(client, name, answers, rng)
            }
        };
        (stream, EventKind::Dns(dns))
    }

    /// Contact with an address beside a listed one, on another port than the listed one, or
    /// with one that is allowed, withdrawn or not listed yet or any more.
    fn near_address(
        &self,
        index: u32,
        client: Endpoint,
        seconds: i64,
        rng: &mut Rng,
    ) -> (Stream, EventKind) {
        let plan = self.indicators.plan(index);
        let dead = !self.indicators.hits_at(index, seconds);
        let spot = match plan.class {
            Class::Endpoint(_) => Spot::Listed,
            Class::Prefix if plan.partly_allowed && rng.chance(500) => Spot::Allowed,
            Class::Address | Class::Prefix if dead && alone(plan) => Spot::Listed,
            Class::Address
            | Class::Prefix
            | Class::Inner
            | Class::Subtree
            | Class::Foreign
            | Class::Child
            | Class::Exact
            | Class::Below
            | Class::Pattern => Spot::Outside,
        };
        let Some(ip) = self.indicators.address(index, spot) else {
            return self.ordinary(client, rng);
        };
        if ip.is_ipv6() != client.ip.is_ipv6() || rng.chance(200) {
            // An address with a port never matches an answer.
            let mut qname = String::new();
            names::benign(self.options.seed, rng, &mut qname);
            let dns = craft::resolved(client, qname, vec![Answer::Address(ip)], rng);
            return (craft::dns_stream(rng), EventKind::Dns(dns));
        }
        let port = matches!(plan.class, Class::Endpoint(_)).then_some(444);
        let remote = craft::server(ip, port, rng);
        let flow: FlowEvent = match rng.below(4) {
            0 => {
                let flow = craft::connection(client, remote, Went::Transferred, rng);
                return (Stream::Conn, EventKind::Flow(flow));
            }
            1 => craft::first_packets(remote, client, 1),
            2 => craft::middle(remote, client, rng),
            _ => craft::middle(client, remote, rng),
        };
        (Stream::Flows, EventKind::Flow(flow))
    }
}

/// Whether nothing else lists what the indicator lists: neither a parent, nor a second feed
/// that outlives the first.
fn alone(plan: &Plan) -> bool {
    plan.parent.is_none()
        && (plan.second.is_none() || plan.listing.state == IndicatorState::Revoked)
}
