//! The planted contacts: who meets which indicator, when and how. One compact table in the
//! order of time, made once; its events and hits follow from it.

use super::WINDOW_SECONDS;
use super::indicators::{Class, Indicators};
use super::listings::Lister;
use super::options::OperationOptions;
use super::random::{Rng, Subject};
use super::subscribers::Subscribers;
use crate::model::VictimReason;

/// One planted contact.
#[derive(Clone, Copy, Debug)]
pub(super) struct Contact {
    /// When, in microseconds since the start; odd, and no two are equal.
    pub(super) at_us: u64,
    /// The subscriber; for resolvers and honeypots without meaning.
    pub(super) subscriber: u32,
    /// The indicator.
    pub(super) indicator: u32,
    /// The indicator of an address in the answer, for [`Shape::ResolvedListed`].
    pub(super) second: u32,
    /// How.
    pub(super) shape: Shape,
}

/// How a contact shows in the traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Asked for; the name does not exist.
    NoSuchName,
    /// Asked for; only the question was seen.
    QueryOnly,
    /// Asked for; there is no address.
    NoData,
    /// Asked for; the resolver's policy denied it.
    Blocked,
    /// Asked for, and an address came back.
    Resolved,
    /// Asked for, and an address came back that is listed itself.
    ResolvedListed,
    /// Led there by another name.
    Alias,
    /// A harmless name with the listed address behind it.
    Answer,
    /// A flow without reply.
    Attempted,
    /// A handshake without payload.
    Connected,
    /// Payload both ways.
    Transferred,
    /// The listed address knocks at a subscriber.
    InboundScan,
    /// A resolver asks an authority.
    ResolverUpstream,
    /// A resolver asks as a client.
    ResolverClient,
    /// A honeypot asks for a listed name.
    ExcludedQuestion,
    /// A honeypot connects to a listed address.
    ExcludedFlow,
    /// A subscriber connects to a scanner.
    ScannerContact,
}

impl Shape {
    /// Why a contact of this shape does not speak for a victim.
    pub(super) fn victim_reason(self) -> Option<VictimReason> {
        match self {
            Self::InboundScan => Some(VictimReason::InboundScan),
            Self::ResolverUpstream => Some(VictimReason::ResolverToAuthority),
            Self::ResolverClient => Some(VictimReason::Resolver),
            Self::ExcludedQuestion | Self::ExcludedFlow => Some(VictimReason::ExcludedNetwork),
            Self::ScannerContact => Some(VictimReason::FeedDirection),
            Self::NoSuchName
            | Self::QueryOnly
            | Self::NoData
            | Self::Blocked
            | Self::Resolved
            | Self::ResolvedListed
            | Self::Alias
            | Self::Answer
            | Self::Attempted
            | Self::Connected
            | Self::Transferred => None,
        }
    }

    /// Whether the client of a contact of this shape is a subscriber.
    pub(super) fn is_of_subscriber(self) -> bool {
        match self.victim_reason() {
            None | Some(VictimReason::InboundScan | VictimReason::FeedDirection) => true,
            Some(
                VictimReason::ResolverToAuthority
                | VictimReason::Resolver
                | VictimReason::ExcludedNetwork
                | VictimReason::NotOwnClient
                | VictimReason::NotValidAtEvent,
            ) => false,
        }
    }
}

/// The indicators that contacts are drawn from.
struct Pools {
    /// All that victims may contact.
    any: Vec<u32>,
    /// Those of them that are names or patterns; never empty.
    names: Vec<u32>,
    /// Those of them that are addresses or prefixes of any port.
    addresses: Vec<u32>,
    /// Scanners.
    scanners: Vec<u32>,
}

/// Plans all contacts of an operation, in order of time. O(contacts · log contacts).
pub(super) fn plan(
    options: &OperationOptions,
    indicators: &Indicators,
    subscribers: &Subscribers,
) -> Vec<Contact> {
    let pools = Pools::new(indicators);
    let spare = options.events - options.victims;
    let more = (options.victims / 2).min(spare / 4);
    let bystanders = (options.victims / 10).min(spare / 8);
    let total = usize::try_from(options.victims + more + bystanders).unwrap_or(0);
    let mut contacts = Vec::with_capacity(total);
    let mut left = more;
    for victim in 0..options.victims {
        let mut rng = Rng::keyed(options.seed, Subject::Victim, victim);
        let subscriber = subscribers.of_victim(victim);
        let first = victim_contact(indicators, subscribers, subscriber, &pools, None, &mut rng);
        contacts.push(first);
        let wanted = match rng.below(100) {
            0..70 => 0,
            70..88 => 1,
            88..96 => 2,
            _ => 3,
        };
        // The wish is for 0.46 a victim; what there is room for is spread over all of them.
        let granted = rng.below(options.victims / 2 + 1) < more;
        for _ in 0..wanted {
            if left == 0 || !granted {
                break;
            }
            left -= 1;
            let again = rng.chance(600).then_some(first.indicator);
            let contact =
                victim_contact(indicators, subscribers, subscriber, &pools, again, &mut rng);
            contacts.push(contact);
        }
    }
    for number in 0..bystanders {
        let mut rng = Rng::keyed(options.seed, Subject::Bystander, number);
        contacts.push(bystander_contact(indicators, subscribers, &pools, &mut rng));
    }
    contacts.sort_unstable_by_key(|contact| (contact.at_us, contact.subscriber, contact.indicator));
    let mut after = 0;
    for contact in &mut contacts {
        contact.at_us = contact.at_us.max(after);
        after = contact.at_us + 2;
    }
    contacts
}

impl Pools {
    /// Sorts the indicators into pools, each in an order that has nothing to do with the index.
    fn new(indicators: &Indicators) -> Self {
        let mut pools = Self {
            any: Vec::new(),
            names: Vec::new(),
            addresses: Vec::new(),
            scanners: Vec::new(),
        };
        for (index, plan) in (0..).zip(&indicators.plans) {
            if plan.listing.lister == Lister::Scanners {
                pools.scanners.push(index);
            }
            if !plan.contactable() {
                continue;
            }
            pools.any.push(index);
            match plan.class {
                Class::Address | Class::Inner | Class::Prefix => pools.addresses.push(index),
                Class::Endpoint(_) => {}
                Class::Subtree
                | Class::Foreign
                | Class::Child
                | Class::Exact
                | Class::Below
                | Class::Pattern => pools.names.push(index),
            }
        }
        pools
    }
}

/// One of `pool` that is a hit at `seconds` and pleases `fits`; a few tries.
fn draw(
    indicators: &Indicators,
    pool: &[u32],
    seconds: i64,
    rng: &mut Rng,
    fits: impl Fn(u32) -> bool,
) -> Option<u32> {
    (0..16)
        .map(|_| rng.skewed(pool.len() as u64))
        .filter_map(|at| pool.get(usize::try_from(at).ok()?).copied())
        .find(|&index| indicators.hits_at(index, seconds) && fits(index))
}

/// Whether flows between the subscriber and the indicator's address can be.
fn same_family(
    indicators: &Indicators,
    subscribers: &Subscribers,
    subscriber: u32,
    index: u32,
) -> bool {
    let ipv6 = subscribers.holding(subscriber).net.addr().is_ipv6();
    indicators
        .contact_address(index)
        .is_none_or(|ip| ip.is_ipv6() == ipv6)
}

/// A microsecond within the lease of a subscriber; odd.
fn moment(subscribers: &Subscribers, subscriber: u32, rng: &mut Rng) -> (u64, i64) {
    let (first, last) = subscribers.holding(subscriber).contact_seconds();
    let span = u64::try_from(last - first).unwrap_or(1);
    let seconds = first + i64::try_from(rng.below(span)).unwrap_or(0);
    let at_us = seconds.unsigned_abs() * 1_000_000 + rng.below(500_000) * 2 + 1;
    (at_us, seconds)
}

/// A contact of a victim: with the indicator `again` if it is still listed, else with another.
fn victim_contact(
    indicators: &Indicators,
    subscribers: &Subscribers,
    subscriber: u32,
    pools: &Pools,
    again: Option<u32>,
    rng: &mut Rng,
) -> Contact {
    let (at_us, seconds) = moment(subscribers, subscriber, rng);
    let near = |index| {
        !matches!(indicators.plan(index).class, Class::Endpoint(_))
            || same_family(indicators, subscribers, subscriber, index)
    };
    let indicator = again
        .filter(|&index| indicators.hits_at(index, seconds))
        .or_else(|| draw(indicators, &pools.any, seconds, rng, near))
        .unwrap_or(0);
    let mut shape = victim_shape(indicators.plan(indicator).class, rng);
    if !same_family(indicators, subscribers, subscriber, indicator) {
        shape = Shape::Answer;
    }
    let mut second = 0;
    if shape == Shape::ResolvedListed {
        match draw(indicators, &pools.addresses, seconds, rng, |_| true) {
            Some(index) => second = index,
            None => shape = Shape::Resolved,
        }
    }
    Contact {
        at_us,
        subscriber,
        indicator,
        second,
        shape,
    }
}

/// How a victim's contact shows, by the class of its indicator.
fn victim_shape(class: Class, rng: &mut Rng) -> Shape {
    let share = rng.below(100);
    match class {
        Class::Subtree
        | Class::Foreign
        | Class::Child
        | Class::Exact
        | Class::Below
        | Class::Pattern => match share {
            0..22 => Shape::NoSuchName,
            22..30 => Shape::QueryOnly,
            30..36 => Shape::NoData,
            36..42 => Shape::Blocked,
            42..86 => Shape::Resolved,
            86..93 => Shape::ResolvedListed,
            _ => Shape::Alias,
        },
        Class::Address | Class::Inner | Class::Prefix => match share {
            0..30 => Shape::Attempted,
            30..50 => Shape::Connected,
            50..80 => Shape::Transferred,
            _ => Shape::Answer,
        },
        Class::Endpoint(_) => match share {
            0..40 => Shape::Attempted,
            40..65 => Shape::Connected,
            _ => Shape::Transferred,
        },
    }
}

/// A contact that is a hit and speaks for no victim.
fn bystander_contact(
    indicators: &Indicators,
    subscribers: &Subscribers,
    pools: &Pools,
    rng: &mut Rng,
) -> Contact {
    let subscriber = rng.below_u32(subscribers.count());
    let (at_us, seconds) = moment(subscribers, subscriber, rng);
    let same = |index| same_family(indicators, subscribers, subscriber, index);
    let ipv4 = |index| {
        indicators
            .contact_address(index)
            .is_some_and(|ip| ip.is_ipv4())
    };
    let wished = match rng.below(100) {
        0..35 => (
            Shape::InboundScan,
            draw(indicators, &pools.addresses, seconds, rng, same),
        ),
        35..55 => (Shape::ResolverUpstream, None),
        55..65 => (Shape::ResolverClient, None),
        65..75 => (Shape::ExcludedQuestion, None),
        75..85 => (
            Shape::ExcludedFlow,
            draw(indicators, &pools.addresses, seconds, rng, ipv4),
        ),
        _ => (
            Shape::ScannerContact,
            draw(indicators, &pools.scanners, seconds, rng, same),
        ),
    };
    let (shape, indicator) = match wished {
        (shape, Some(indicator)) => (shape, indicator),
        (shape, None) => {
            let asks = matches!(
                shape,
                Shape::ResolverUpstream | Shape::ResolverClient | Shape::ExcludedQuestion
            );
            let name = draw(indicators, &pools.names, seconds, rng, |_| true);
            (
                if asks { shape } else { Shape::ResolverClient },
                name.unwrap_or(0),
            )
        }
    };
    Contact {
        at_us: at_us.min(u64::try_from(WINDOW_SECONDS).unwrap_or(0) * 1_000_000 - 1),
        subscriber,
        indicator,
        second: 0,
        shape,
    }
}
