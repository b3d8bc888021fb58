//! The indicators of an operation: what each lists, who lists it, and since when. A small
//! table; names and addresses follow from the index.

use std::fmt::Write as _;
use std::net::IpAddr;

use super::names;
use super::random::{Rng, Subject};
use super::space::{Place, SLOTS_V4, SLOTS_WIDE, Spot};
use super::{WINDOW_SECONDS, families};
use crate::model::{IndicatorState, IndicatorValue, Role};

/// What an indicator lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// A name and all below it.
    Subtree,
    /// A name with letters beyond ASCII and all below it.
    Foreign,
    /// A name below the name of another indicator, and all below it.
    Child,
    /// A name alone.
    Exact,
    /// Only what is below a name.
    Below,
    /// A pattern.
    Pattern,
    /// An address.
    Address,
    /// An address inside the prefix of another indicator.
    Inner,
    /// A prefix.
    Prefix,
    /// An address on one port.
    Endpoint(u16),
}

/// Which feed lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lister {
    /// The operation's own list: everything that can be said of an indicator.
    Operation,
    /// A partner's table, without states.
    Partner,
    /// A list of bare values.
    Watch,
    /// A hosts file.
    Hosts,
    /// A list of scanners.
    Scanners,
}

/// One feed's word on an indicator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Listing {
    /// Who lists it.
    pub(super) lister: Lister,
    /// The number of its malware family, if the feed says it.
    pub(super) family: Option<u8>,
    /// 0 to 100.
    pub(super) confidence: u8,
    /// Validity, in seconds since the start of the operation.
    pub(super) from: Option<i32>,
    /// First second in which it is no longer valid.
    pub(super) until: Option<i32>,
    /// What became of it.
    pub(super) state: IndicatorState,
}

/// One indicator.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    /// What it lists.
    pub(super) class: Class,
    /// What it is used for.
    pub(super) role: Role,
    /// The first listing.
    pub(super) listing: Listing,
    /// The same value in another feed.
    pub(super) second: Option<Listing>,
    /// Where its address lies.
    place: Option<Place>,
    /// The indicator that covers it as well.
    pub(super) parent: Option<u32>,
    /// Whether it covers another indicator; at most one, so that values stay distinct.
    is_parent: bool,
    /// Whether an allow rule takes back a part of it.
    pub(super) partly_allowed: bool,
    /// Whether an allow rule takes back all of it.
    pub(super) allowed: bool,
}

/// All indicators.
#[derive(Clone, Debug)]
pub(super) struct Indicators {
    seed: u64,
    /// By index.
    pub(super) plans: Vec<Plan>,
}

impl Listing {
    /// Whether the listing counts at `seconds` since the start of the operation.
    pub(super) fn valid(&self, seconds: i64) -> bool {
        self.state != IndicatorState::Revoked
            && self.from.is_none_or(|from| i64::from(from) <= seconds)
            && self.until.is_none_or(|until| seconds < i64::from(until))
    }
}

impl Indicators {
    /// Makes up `count` indicators. O(`count`).
    pub(super) fn new(seed: u64, count: u32) -> Self {
        let mut all = Self {
            seed,
            plans: Vec::new(),
        };
        let mut next = [0_u32; 3];
        for index in 0..count {
            let plan = all.make_up(index, &mut next);
            if let Some(parent) = plan.parent {
                all.plans[parent as usize].is_parent = true;
            }
            all.plans.push(plan);
        }
        all
    }

    /// Makes up one indicator; `next` counts the places in use.
    fn make_up(&self, index: u32, next: &mut [u32; 3]) -> Plan {
        let mut rng = Rng::keyed(self.seed, Subject::Indicator, index.into());
        let share = u64::from(index) * 617 % 1000;
        let class = if index == 0 {
            Class::Subtree
        } else {
            class(&mut rng)
        };
        let mut plan = Plan {
            class,
            role: rng.pick(&[
                Role::C2,
                Role::C2,
                Role::C2,
                Role::C2,
                Role::C2,
                Role::C2,
                Role::Payload,
                Role::Phishing,
            ]),
            listing: listing(share, class, &mut rng),
            second: None,
            place: None,
            parent: None,
            is_parent: false,
            partly_allowed: false,
            allowed: false,
        };
        match plan.listing.lister {
            Lister::Operation => {}
            Lister::Hosts => plan.class = Class::Exact,
            Lister::Partner | Lister::Watch | Lister::Scanners => {
                if matches!(class, Class::Exact | Class::Below | Class::Pattern) {
                    plan.class = Class::Subtree;
                }
            }
        }
        match plan.listing.lister {
            Lister::Operation | Lister::Partner => {}
            Lister::Watch | Lister::Hosts => plan.role = Role::C2,
            Lister::Scanners => {
                plan.role = Role::Scanner;
                plan.class = Class::Address;
            }
        }
        self.settle(&mut plan, index, next, &mut rng);
        if index > 0 {
            repeat(&mut plan, &mut rng);
            match plan.class {
                Class::Subtree => {
                    plan.allowed = rng.chance(4);
                    plan.partly_allowed = !plan.allowed && rng.chance(30);
                }
                Class::Prefix => plan.partly_allowed = rng.chance(200),
                Class::Foreign
                | Class::Child
                | Class::Exact
                | Class::Below
                | Class::Pattern
                | Class::Address
                | Class::Inner
                | Class::Endpoint(_) => {}
            }
        } else {
            plan.listing.from = None;
            plan.listing.until = None;
        }
        plan
    }

    /// Gives an address indicator its place, and a nested one its parent; without a fitting
    /// parent it stands alone.
    fn settle(&self, plan: &mut Plan, index: u32, next: &mut [u32; 3], rng: &mut Rng) {
        if matches!(plan.class, Class::Child | Class::Inner) {
            plan.parent = self.find_parent(plan.class, index, rng);
            match (plan.class, plan.parent) {
                (Class::Child, None) => plan.class = Class::Subtree,
                (Class::Inner, None) => plan.class = Class::Address,
                (Class::Inner, Some(parent)) => {
                    plan.place = self.plans[parent as usize].place;
                }
                _ => {}
            }
        }
        if plan.is_address() && plan.place.is_none() {
            let wide = plan.class == Class::Prefix && rng.chance(100);
            plan.place = Some(take_place(next, wide, rng.chance(200)));
        }
    }

    /// An earlier indicator that can cover one of `class` and does not cover one yet.
    fn find_parent(&self, class: Class, index: u32, rng: &mut Rng) -> Option<u32> {
        let wanted = if class == Class::Child {
            Class::Subtree
        } else {
            Class::Prefix
        };
        (0..16).map(|_| rng.below_u32(index)).find(|&candidate| {
            let plan = &self.plans[candidate as usize];
            plan.class == wanted
                && !plan.allowed
                && plan.listing.state != IndicatorState::Revoked
                && !plan.is_parent
        })
    }

    /// The plan of an indicator.
    pub(super) fn plan(&self, index: u32) -> &Plan {
        &self.plans[index as usize]
    }

    /// The name of an indicator as its feed writes it; empty for addresses and patterns.
    pub(super) fn written_name(&self, index: u32) -> String {
        let plan = self.plan(index);
        match plan.class {
            Class::Subtree | Class::Exact | Class::Below => names::listed(self.seed, index, false),
            Class::Foreign => names::listed(self.seed, index, true),
            Class::Child => {
                let parent = plan.parent.unwrap_or(0);
                format!("panel.{}", names::listed(self.seed, parent, false))
            }
            Class::Pattern | Class::Address | Class::Inner | Class::Prefix | Class::Endpoint(_) => {
                String::new()
            }
        }
    }

    /// The name of an indicator in its normal form.
    pub(super) fn name(&self, index: u32) -> String {
        names::normal(self.written_name(index))
    }

    /// An address of the indicator's place.
    pub(super) fn address(&self, index: u32, spot: Spot) -> Option<IpAddr> {
        Some(self.plan(index).place?.address(spot))
    }

    /// The address that contact with the indicator goes to.
    pub(super) fn contact_address(&self, index: u32) -> Option<IpAddr> {
        let spot = if self.plan(index).class == Class::Inner {
            Spot::Nested
        } else {
            Spot::Listed
        };
        self.address(index, spot)
    }

    /// The canonical value.
    pub(super) fn value(&self, index: u32) -> String {
        let plan = self.plan(index);
        let mut text = String::new();
        let _ = match (plan.class, plan.place, self.contact_address(index)) {
            (Class::Pattern, _, _) => return names::pattern(index),
            (Class::Prefix, Some(place), _) => {
                write!(text, "{}", IndicatorValue::Prefix(place.prefix()))
            }
            (Class::Endpoint(port), _, Some(ip)) => {
                write!(text, "{}", IndicatorValue::Endpoint { ip, port })
            }
            (Class::Address | Class::Inner, _, Some(ip)) => write!(text, "{ip}"),
            _ => return self.name(index),
        };
        text
    }

    /// The hosting network of an address indicator.
    pub(super) fn hoster(&self, index: u32) -> Option<(u32, String)> {
        Some(self.plan(index).place?.hoster())
    }

    /// Whether contact with the indicator at `seconds` is a hit.
    pub(super) fn hits_at(&self, index: u32, seconds: i64) -> bool {
        let plan = self.plan(index);
        !plan.allowed && plan.listings().any(|listing| listing.valid(seconds))
    }

    /// The indicator and the one that covers it, as far as contact at `seconds` hits them.
    pub(super) fn covering(&self, index: u32, seconds: i64) -> impl Iterator<Item = u32> {
        [Some(index), self.plan(index).parent]
            .into_iter()
            .flatten()
            .filter(move |&index| self.hits_at(index, seconds))
    }

    /// The family of a hit at `seconds`: that of the most confident listing, the lexically
    /// first of several.
    pub(super) fn family_at(&self, index: u32, seconds: i64) -> Option<u8> {
        let valid = || {
            self.plan(index)
                .listings()
                .filter(|listing| listing.valid(seconds))
        };
        let most = valid().map(|listing| listing.confidence).max()?;
        valid()
            .filter(|listing| listing.confidence == most)
            .filter_map(|listing| listing.family)
            .min_by_key(|&family| families::name(family))
    }
}

impl Plan {
    /// Who lists it, and how.
    pub(super) fn listings(&self) -> impl Iterator<Item = Listing> {
        std::iter::once(self.listing).chain(self.second)
    }

    /// Whether it lists an address, prefix or address on a port.
    pub(super) fn is_address(&self) -> bool {
        match self.class {
            Class::Address | Class::Inner | Class::Prefix | Class::Endpoint(_) => true,
            Class::Subtree
            | Class::Foreign
            | Class::Child
            | Class::Exact
            | Class::Below
            | Class::Pattern => false,
        }
    }

    /// The class that a hit shows.
    pub(super) fn hit_class(&self) -> &'static str {
        match self.class {
            Class::Subtree | Class::Foreign | Class::Child | Class::Exact | Class::Below => "name",
            Class::Pattern => "pattern",
            Class::Address | Class::Inner | Class::Prefix => "prefix",
            Class::Endpoint(_) => "endpoint",
        }
    }

    /// Whether contact with it can be planted as a victim's.
    pub(super) fn contactable(&self) -> bool {
        !self.allowed
            && self.listing.state != IndicatorState::Revoked
            && self.listing.lister != Lister::Scanners
    }
}

/// The class of an indicator: seven names to three addresses.
fn class(rng: &mut Rng) -> Class {
    match rng.below(1000) {
        0..600 => Class::Subtree,
        600..640 => Class::Exact,
        640..660 => Class::Below,
        660..670 => Class::Pattern,
        670..675 => Class::Foreign,
        675..700 => Class::Child,
        700..850 => Class::Address,
        850..915 => Class::Prefix,
        915..975 => Class::Endpoint(rng.pick(&[443, 8443, 8080, 1337, 15_647])),
        _ => Class::Inner,
    }
}

/// Who lists an indicator that stands at `share` of a thousand, and what became of it.
fn listing(share: u64, class: Class, rng: &mut Rng) -> Listing {
    let address = matches!(
        class,
        Class::Address | Class::Prefix | Class::Endpoint(_) | Class::Inner
    );
    let (lister, state) = match share {
        0..790 => (Lister::Operation, IndicatorState::TakenDown),
        790..820 => (Lister::Operation, IndicatorState::Sinkholed),
        820..830 => (Lister::Operation, IndicatorState::Revoked),
        830..905 => (Lister::Operation, IndicatorState::Active),
        905..950 => (Lister::Partner, IndicatorState::Active),
        950..965 if address => (Lister::Scanners, IndicatorState::Active),
        950..985 => (Lister::Watch, IndicatorState::Active),
        _ if address => (Lister::Watch, IndicatorState::Active),
        _ => (Lister::Hosts, IndicatorState::Active),
    };
    let mut listing = Listing {
        lister,
        family: None,
        confidence: 50 + rng.below(51).to_le_bytes()[0],
        from: None,
        until: None,
        state,
    };
    match lister {
        Lister::Operation | Lister::Partner => {
            listing.family = Some(families::draw(rng));
            let (from, until) = validity(rng);
            listing.from = from;
            listing.until = until;
        }
        Lister::Watch | Lister::Hosts | Lister::Scanners => {
            listing.confidence = lister.default_confidence();
        }
    }
    listing
}

impl Lister {
    /// The confidence of indicators where a row does not say it.
    pub(super) fn default_confidence(self) -> u8 {
        match self {
            Self::Operation | Self::Partner => 50,
            Self::Watch => 30,
            Self::Hosts => 45,
            Self::Scanners => 40,
        }
    }
}

/// When an indicator is valid: mostly all the time, some only before or after a day within.
fn validity(rng: &mut Rng) -> (Option<i32>, Option<i32>) {
    let day = |rng: &mut Rng, first, days| {
        i32::try_from((first + i64::from(rng.below_u32(days))) * 86_400).ok()
    };
    match rng.below(100) {
        0..65 => (day(rng, -120, 100), None),
        65..75 => (day(rng, -120, 100), day(rng, 40, 60)),
        75..85 => (day(rng, 20, 60), None),
        85..90 => (day(rng, -120, 100), i32::try_from(WINDOW_SECONDS * 3).ok()),
        _ => (None, None),
    }
}

/// Lists the value a second time, now and then: in the partner's table with a confidence of
/// its own, or bare.
fn repeat(plan: &mut Plan, rng: &mut Rng) {
    let chance = rng.below(1000);
    let bare = match plan.class {
        Class::Exact | Class::Below | Class::Pattern | Class::Foreign => return,
        Class::Subtree
        | Class::Child
        | Class::Address
        | Class::Inner
        | Class::Prefix
        | Class::Endpoint(_) => chance >= 50,
    };
    if plan.listing.lister != Lister::Operation
        || plan.listing.state == IndicatorState::Revoked
        || chance >= 70
    {
        return;
    }
    let own = plan.listing.confidence;
    plan.second = Some(Listing {
        lister: if bare { Lister::Watch } else { Lister::Partner },
        family: (!bare).then(|| families::draw(rng)),
        confidence: if bare {
            Lister::Watch.default_confidence()
        } else {
            rng.pick(&[own, own.saturating_sub(10), own.saturating_add(10).min(100)])
        },
        from: None,
        until: None,
        state: IndicatorState::Active,
    });
}

/// The next free place: IPv6 in one of five cases and when IPv4 is full.
fn take_place(next: &mut [u32; 3], wide: bool, ipv6: bool) -> Place {
    let [v4, wides, v6] = next;
    let (count, place): (&mut u32, fn(u32) -> Place) = if wide && *wides < SLOTS_WIDE {
        (wides, Place::Wide)
    } else if ipv6 || *v4 >= SLOTS_V4 {
        (v6, Place::V6)
    } else {
        (v4, Place::V4)
    };
    let slot = *count;
    *count += 1;
    place(slot)
}
