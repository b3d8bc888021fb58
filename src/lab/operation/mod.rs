//! A made operation: feeds, subscribers with leases, and a stream of events in which victims
//! are planted. Everything follows from [`OperationOptions`]; next to nothing is stored.
//!
//! The truth is by construction: a contact is planned first (who, what, when, how), and its
//! event and its hits are both written from the plan. Nothing here matches anything.
//!
//! Times are unique over the whole operation, whole microseconds, and rise along the stream;
//! planted events have odd ones, benign events even ones.

mod benign;
mod contacts;
pub(super) mod craft;
mod families;
mod feeds;
mod indicators;
mod ledger;
mod listings;
pub(super) mod names;
mod options;
mod planted;
pub(super) mod random;
mod space;
mod subscribers;
mod truth;
mod victims;

use std::collections::BTreeMap;

use contacts::Contact;
use indicators::Indicators;
use ipnet::IpNet;
use random::Rng;
use subscribers::Subscribers;

pub use feeds::FeedFile;
pub use ledger::{HitReport, HitVerdict, TruthLedger, WrongField};
pub use options::{OperationError, OperationOptions};
pub use truth::{EpisodeTruth, TruthHit, TruthKey, TruthVictim};
pub use victims::{VictimLedger, VictimReport};

use crate::encode::report::HostingNetwork;
use crate::model::{Event, EventFormat, EventTime, IndicatorState, Lease};

/// First instant of an operation: 2025-01-01T00:00:00Z, in seconds since the epoch.
const START_SECONDS: i64 = 1_735_689_600;
/// How long it lasts: January to April.
const WINDOW_SECONDS: i64 = 120 * 86_400;

/// The instant `micros` after the start of the operation.
fn time_at(micros: i64) -> EventTime {
    EventTime::from_nanos(START_SECONDS * 1_000_000_000).saturating_add_nanos(micros * 1_000)
}

/// A planned operation. At the default size it holds some 12 MB.
#[derive(Debug)]
pub struct Operation {
    options: OperationOptions,
    indicators: Indicators,
    subscribers: Subscribers,
    contacts: Vec<Contact>,
}

/// One event of the stream, with the hits that must come of it.
#[derive(Clone, Debug)]
pub struct PlannedEvent {
    /// Which stream carries it.
    pub stream: Stream,
    /// What happened.
    pub event: Event,
    /// Why it is there.
    pub origin: Origin,
    /// The hits that must come of it, and no others; none for most.
    pub hits: Vec<TruthHit>,
}

/// Why an event is in the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// Ordinary traffic.
    Benign,
    /// Made to look like a hit without being one.
    NearMiss,
    /// Contact with an indicator: a hit, of a victim or not.
    Contact,
}

/// One stream of events: a topic, or a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stream {
    /// DNS seen by Zeek.
    Dns,
    /// DNS as resolvers report it.
    Dnstap,
    /// DNS as DNS-collector reports it.
    Collector,
    /// Flows as routers report them.
    Flows,
    /// Connections seen by Zeek.
    Conn,
}

impl Stream {
    /// All streams.
    pub const ALL: [Self; 5] = [
        Self::Dns,
        Self::Dnstap,
        Self::Collector,
        Self::Flows,
        Self::Conn,
    ];

    /// The topic that carries it.
    pub fn topic(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Dnstap => "dnstap",
            Self::Collector => "collector",
            Self::Flows => "flows",
            Self::Conn => "conn",
        }
    }

    /// How its records are written.
    pub fn format(self) -> EventFormat {
        match self {
            Self::Dns | Self::Conn => EventFormat::ZeekJson,
            Self::Dnstap => EventFormat::Dnstap,
            Self::Collector => EventFormat::DnsCollectorJson,
            Self::Flows => EventFormat::Goflow2Protobuf,
        }
    }
}

impl Operation {
    /// Plans an operation: O(indicators + contacts), well under a second at the default size.
    ///
    /// # Errors
    /// [`OperationError`] when the sizes cannot work.
    pub fn plan(options: &OperationOptions) -> Result<Self, OperationError> {
        options.check()?;
        let count = u32::try_from(options.indicators).unwrap_or(u32::MAX);
        let indicators = Indicators::new(options.seed, count);
        let subscribers = Subscribers::new(options.seed, options.victims, options.countries);
        let contacts = contacts::plan(options, &indicators, &subscribers);
        Ok(Self {
            options: *options,
            indicators,
            subscribers,
            contacts,
        })
    }

    /// The options that it was planned with.
    pub fn options(&self) -> &OperationOptions {
        &self.options
    }

    /// The share of its indicators that were taken down.
    pub fn taken_down_share(&self) -> f64 {
        let plans = &self.indicators.plans;
        let down = plans
            .iter()
            .filter(|plan| plan.listing.state == IndicatorState::TakenDown)
            .count();
        // Both counts are far below 2^52.
        down as f64 / plans.len() as f64
    }

    /// Its indicators by what became of them.
    pub fn indicator_states(&self) -> BTreeMap<IndicatorState, u64> {
        let mut states = BTreeMap::new();
        for plan in &self.indicators.plans {
            *states.entry(plan.listing.state).or_default() += 1;
        }
        states
    }

    /// The networks that host its command servers, the largest first.
    pub fn hosting(&self) -> Vec<HostingNetwork> {
        let mut networks: BTreeMap<u32, HostingNetwork> = BTreeMap::new();
        for (index, plan) in (0..).zip(&self.indicators.plans) {
            let Some((asn, name)) = self.indicators.hoster(index) else {
                continue;
            };
            let network = networks.entry(asn).or_default();
            network.name = name;
            network.servers += 1;
            let down = plan.listing.state == IndicatorState::TakenDown;
            network.taken_down += u64::from(down);
        }
        let mut networks: Vec<HostingNetwork> = networks.into_values().collect();
        networks.sort_by_key(|network| std::cmp::Reverse(network.servers));
        networks
    }

    /// Our networks, those of our resolvers, and those that speak for no subscriber, as the
    /// `[networks]` of a configuration has them.
    pub fn networks(&self) -> OperationNetworks {
        let parse = |texts: &[&str]| texts.iter().filter_map(|text| text.parse().ok()).collect();
        OperationNetworks {
            own: parse(&space::OWN),
            resolvers: parse(&space::RESOLVERS),
            exclude: parse(&space::EXCLUDE),
        }
    }

    /// Every lease, of victims and of others.
    pub fn leases(&self) -> impl Iterator<Item = Lease> + '_ {
        (0..self.subscribers.count()).map(|subscriber| self.subscribers.lease(subscriber))
    }

    /// All events in the order of time; exactly as many as asked for.
    pub fn events(&self) -> Events<'_> {
        let benign = self.options.events - self.contacts.len() as u64;
        let window_us = WINDOW_SECONDS.unsigned_abs() * 1_000_000;
        let step_us = window_us / benign.max(1);
        Events {
            operation: self,
            contacts: &self.contacts,
            benign: 0..benign,
            step_us,
            next_benign_us: self.benign_time(0, step_us),
        }
    }

    /// Every hit that must come of the operation, in the order of its events.
    pub fn truth_hits(&self) -> impl Iterator<Item = TruthHit> + '_ {
        self.contacts
            .iter()
            .flat_map(|contact| self.planted_event(contact).hits)
    }

    /// When the benign event `number` happens: somewhere in its own step of time, even.
    fn benign_time(&self, number: u64, step_us: u64) -> u64 {
        let mut rng = Rng::keyed(!self.options.seed, random::Subject::Benign, number);
        (number * step_us + rng.below(step_us.saturating_sub(1))).next_multiple_of(2)
    }
}

/// Which networks are whose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationNetworks {
    /// Subscriber space, with the other two in it.
    pub own: Vec<IpNet>,
    /// Our resolvers.
    pub resolvers: Vec<IpNet>,
    /// Honeypots and scanners of ours.
    pub exclude: Vec<IpNet>,
}

/// The events of an operation; made as they are asked for.
#[derive(Debug)]
pub struct Events<'o> {
    operation: &'o Operation,
    contacts: &'o [Contact],
    benign: std::ops::Range<u64>,
    step_us: u64,
    next_benign_us: u64,
}

impl Iterator for Events<'_> {
    type Item = PlannedEvent;

    fn next(&mut self) -> Option<PlannedEvent> {
        let contact = self.contacts.split_first();
        if let Some((contact, rest)) = contact
            && (self.benign.is_empty() || contact.at_us < self.next_benign_us)
        {
            self.contacts = rest;
            return Some(self.operation.planted_event(contact));
        }
        let at_us = self.next_benign_us;
        let number = self.benign.next()?;
        self.next_benign_us = self.operation.benign_time(number + 1, self.step_us);
        Some(self.operation.benign_event(number, at_us))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let benign = usize::try_from(self.benign.end - self.benign.start).unwrap_or(usize::MAX);
        let left = benign.saturating_add(self.contacts.len());
        (left, Some(left))
    }
}

#[cfg(test)]
mod tests;
