//! The indicators of an operation: what each lists, who lists it, and since when. A small
//! table; names and addresses follow from the index.

use std::fmt::Write as _;
use std::net::IpAddr;

use super::families;
use super::listings::{Lister, Listing, draw_listing, repeat};
use super::names;
use super::random::{Rng, Subject};
use super::space::{Place, SLOTS_V4, SLOTS_WIDE, Spot};
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
            listing: draw_listing(share, class, &mut rng),
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
            plan.second = repeat(&plan, &mut rng);
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
