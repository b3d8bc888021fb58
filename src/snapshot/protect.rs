//! What no feed may list, whatever it says: names and networks that are known to be somebody's who
//! must not be accused. Asked once for every row, by the thread that vets it.

use std::net::IpAddr;

use hashbrown::HashMap;
use ipnet::IpNet;

use super::counts::Refusal;
use crate::matching::fits;
use crate::model::{DomainName, IndicatorValue, Scope};

/// Names and networks that are protected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Protected {
    /// Every protected name, and every name above one.
    names: HashMap<Box<str>, Protection>,
    /// Names against which patterns are held.
    against_patterns: Vec<(Box<str>, Refusal)>,
    /// Networks by why they are protected; of each kind apart and in order.
    nets: Vec<(Refusal, Ranges)>,
}

/// How a name is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Protection {
    why: Refusal,
    /// Whether it is the name itself; else something below it.
    itself: bool,
}

/// Ranges of addresses, apart from each other and in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Ranges(Vec<(Number, Number)>);

/// An address as a number, those of IPv6 behind those of IPv4.
type Number = (bool, u128);

impl Protected {
    /// Protects a name: neither it nor what covers it may be listed. What is below it may.
    pub fn protect_name(&mut self, name: DomainName<'_>, why: Refusal) {
        let protection = Protection { why, itself: true };
        self.names.insert(name.as_str().into(), protection);
        let mut rest = name.as_str();
        while let Some((_, parent)) = rest.split_once('.') {
            let above = Protection { why, itself: false };
            self.names.entry(parent.into()).or_insert(above);
            rest = parent;
        }
    }

    /// Protects a name from patterns too: none that fits it may be listed. Each pattern is held
    /// against all of these.
    pub fn protect_from_patterns(&mut self, name: DomainName<'_>, why: Refusal) {
        self.against_patterns.push((name.as_str().into(), why));
    }

    /// Protects networks: nothing in them may be listed, nor anything that they are in.
    pub fn protect_nets(&mut self, nets: impl IntoIterator<Item = IpNet>, why: Refusal) {
        let mut ranges: Vec<(Number, Number)> = nets.into_iter().map(range).collect();
        if ranges.is_empty() {
            return;
        }
        ranges.sort_unstable();
        ranges.dedup_by(|next, kept| {
            let overlaps = next.0 <= kept.1;
            if overlaps {
                kept.1 = kept.1.max(next.1);
            }
            overlaps
        });
        self.nets.push((why, Ranges(ranges)));
    }

    /// Some of the protected names: those that patterns are held against, then others, at most `max`
    /// of each; and whether patterns are.
    pub(super) fn some_names(&self, max: usize) -> impl Iterator<Item = (&str, bool)> {
        let against = self.against_patterns.iter();
        let others = self
            .names
            .iter()
            .filter(|(_, protection)| protection.itself);
        let others = others.map(|(name, _)| (&**name, false));
        let against = against.map(|(name, _)| (&**name, true));
        against.take(max).chain(others.take(max))
    }

    /// The first and the last address of some protected networks, at most `max` of each kind.
    pub(super) fn some_addresses(&self, max: usize) -> impl Iterator<Item = IpAddr> {
        let ranges = self.nets.iter().flat_map(move |(_, ranges)| {
            let step = ranges.0.len().div_ceil(max).max(1);
            ranges.0.iter().step_by(step)
        });
        ranges.flat_map(|&(first, last)| [address(first), address(last)].into_iter().flatten())
    }

    /// Whether a value may be listed. O(log of what is protected), for a pattern O(names).
    ///
    /// # Errors
    /// Why not.
    pub(super) fn check(&self, value: &IndicatorValue<'_>) -> Result<(), Refusal> {
        self.refusal(value).map_or(Ok(()), Err)
    }

    /// Why a value may not be listed; `None` if it may.
    fn refusal(&self, value: &IndicatorValue<'_>) -> Option<Refusal> {
        match value {
            IndicatorValue::Name { name, scope } => {
                let protection = self.names.get(name.as_str())?;
                let covers = protection.itself || *scope != Scope::Exact;
                covers.then_some(protection.why)
            }
            IndicatorValue::Pattern(pattern) => {
                let mut names = self.against_patterns.iter();
                let fitted = names.find(|(name, _)| fits(pattern, name));
                fitted.map(|(_, why)| *why)
            }
            IndicatorValue::Prefix(net) => self.refused_net(*net),
            IndicatorValue::Endpoint { ip, .. } => self.refused_net((*ip).into()),
        }
    }

    /// Why a network may not be listed.
    fn refused_net(&self, net: IpNet) -> Option<Refusal> {
        let mut kinds = self.nets.iter();
        let found = kinds.find(|(_, ranges)| ranges.overlap(range(net)));
        found.map(|(why, _)| *why)
    }
}

impl Ranges {
    /// Whether any of them shares an address with a range.
    fn overlap(&self, (first, last): (Number, Number)) -> bool {
        let before = self.0.partition_point(|known| known.1 < first);
        self.0.get(before).is_some_and(|known| known.0 <= last)
    }
}

/// The first and the last address of a network as numbers.
fn range(net: IpNet) -> (Number, Number) {
    match net {
        IpNet::V4(net) => {
            let number = |ip: std::net::Ipv4Addr| (false, u128::from(ip.to_bits()));
            (number(net.network()), number(net.broadcast()))
        }
        IpNet::V6(net) => {
            let number = |ip: std::net::Ipv6Addr| (true, ip.to_bits());
            (number(net.network()), number(net.broadcast()))
        }
    }
}

/// The address that a number stands for.
fn address((six, number): Number) -> Option<IpAddr> {
    if six {
        return Some(IpAddr::from(number.to_be_bytes()));
    }
    let number = u32::try_from(number).ok()?;
    Some(IpAddr::from(number.to_be_bytes()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::NAME_LEN_MAX;

    fn refused(protected: &Protected, text: &str, scope: Scope) -> bool {
        let mut scratch = [0; NAME_LEN_MAX];
        let name = DomainName::parse(text.as_bytes(), &mut scratch).unwrap();
        let value = IndicatorValue::Name { name, scope };
        protected.refusal(&value).is_some()
    }

    #[test]
    fn a_protected_name_is_refused_with_all_that_covers_it_and_nothing_else() {
        let mut protected = Protected::default();
        let mut scratch = [0; NAME_LEN_MAX];
        let name = DomainName::parse(b"mail.isp.example", &mut scratch).unwrap();
        protected.protect_name(name, Refusal::OwnName);
        protected.protect_from_patterns(name, Refusal::OwnName);
        for (text, scope, expected) in [
            ("mail.isp.example", Scope::Exact, true),
            ("mail.isp.example", Scope::Subtree, true),
            ("isp.example", Scope::Subtree, true),
            ("isp.example", Scope::Below, true),
            ("isp.example", Scope::Exact, false),
            ("a.mail.isp.example", Scope::Subtree, false),
            ("l.isp.example", Scope::Subtree, false),
        ] {
            assert_eq!(
                refused(&protected, text, scope),
                expected,
                "{text} {scope:?}"
            );
        }
        for (pattern, expected) in [("*isp*", true), ("mail.*", true), ("web.*", false)] {
            let refusal = protected.refusal(&IndicatorValue::Pattern(pattern));
            assert_eq!(refusal.is_some(), expected, "{pattern}");
        }
    }

    /// A network of one of a few first bytes, so that many of them meet.
    fn nets() -> impl Strategy<Value = IpNet> {
        let v4 = (0..4_u32, any::<u32>(), 4..=32_u8).prop_map(|(high, low, len)| {
            let ip = std::net::Ipv4Addr::from(high << 24 | low >> 8 | low << 22);
            IpNet::new(ip.into(), len).unwrap().trunc()
        });
        let v6 = (any::<u8>(), 1..=128_u8).prop_map(|(byte, len)| {
            let ip = std::net::Ipv6Addr::from(u128::from(byte) << 119);
            IpNet::new(ip.into(), len).unwrap().trunc()
        });
        prop_oneof![3 => v4, 1 => v6]
    }

    proptest! {
        #[test]
        fn networks_are_refused_where_they_meet(
            protected in proptest::collection::vec(nets(), 0..8),
            asked in nets(),
        ) {
            let meets = |net: &IpNet| net.contains(&asked) || asked.contains(net);
            let expected = protected.iter().any(meets);
            let mut rules = Protected::default();
            rules.protect_nets(protected, Refusal::OwnNetwork);
            let found = rules.refusal(&IndicatorValue::Prefix(asked));
            prop_assert_eq!(found, expected.then_some(Refusal::OwnNetwork));
        }
    }
}
