//! Made prefixes and addresses. Lists are single addresses for the most part, then /24 and what
//! lies between, few wide networks, and one in seven IPv6; they gather in the networks of hosting
//! firms. Half of the questions are subscribers, half servers, as skewed as traffic is: most of
//! those stand in the networks of content firms, where little is listed, the others where lists
//! have theirs.
//!
//! Values of lists and servers are spread over all of the address space, since a table of few
//! dense networks would be another table. They are numbers without an owner and stay in memory.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use super::questions::{Expected, PARTS, hits_among};
use super::texts::Texts;
use crate::lab::operation::random::{Rng, Subject, mix};

/// Of a thousand values, those that are IPv6.
const LISTED_V6: u64 = 150;
/// Of a thousand subscribers and servers, those that are IPv6.
const ASKED_V6: u64 = 300;
/// Hosting networks: an IPv4 /16 or an IPv6 /32 each.
const HOSTING: u64 = 3000;
/// Content networks: the same of those that serve most traffic, hosting networks left out.
const CONTENT: u64 = 300;
/// Servers in the world; the first are the most popular.
const SERVERS: u64 = 1 << 22;
/// Subscribers; all are equally busy.
const SUBSCRIBERS: u64 = 1 << 20;

/// Questions and what is right.
pub(super) struct AddressQuestions {
    /// The addresses.
    pub(super) addresses: Vec<IpAddr>,
    /// The answers.
    pub(super) expected: Expected,
}

/// `count` different prefixes of a seed, and their texts.
pub(super) fn listed_prefixes(seed: u64, count: u32) -> (Vec<IpNet>, Texts) {
    let mut seen = HashSet::new();
    let mut rng = Rng::keyed(seed, Subject::YardstickListed, u64::MAX);
    while seen.len() < count as usize {
        seen.insert(listed_prefix(seed, &mut rng));
    }
    let mut nets: Vec<IpNet> = seen.into_iter().collect();
    // The order of a set is another one in each run.
    nets.sort_by_key(|net| {
        mix(seed ^ mix(top_bits(net.addr()).wrapping_add(net.prefix_len().into())))
    });
    let mut texts = Texts::default();
    for net in &nets {
        texts.push(net.to_string().as_bytes());
    }
    (nets, texts)
}

/// The bits of an address that tell listed ones apart, folded into 64.
fn top_bits(address: IpAddr) -> u64 {
    match address {
        IpAddr::V4(ip) => u64::from(u32::from(ip)) << 8,
        IpAddr::V6(ip) => mix(u64::try_from(u128::from(ip) >> 64).unwrap_or(0)),
    }
}

/// A prefix as threat lists have them.
fn listed_prefix(seed: u64, rng: &mut Rng) -> IpNet {
    let six = rng.chance(LISTED_V6);
    let address = server(seed, rng.bits(), HOSTING, six);
    let place = rng.below(1000);
    let offset = rng.below(8);
    let within = |first: u8| first + u8::try_from(offset).unwrap_or(0);
    let len = match (six, place) {
        (false, 0..700) => 32,
        (false, 700..820) => 24,
        (false, 820..980) => within(25).min(31),
        (false, 980..998) => within(20).min(23),
        (false, _) => within(16).min(19),
        (true, 0..500) => 64,
        (true, 500..850) => 48,
        (true, 850..950) => 56,
        (true, 950..995) => 40,
        (true, _) => 32,
    };
    IpNet::new_assert(address, len).trunc()
}

/// The address of a server, most likely in one of `networks` networks, of which the first have
/// more than the last; content networks have other numbers than hosting networks.
fn server(seed: u64, number: u64, networks: u64, six: bool) -> IpAddr {
    let mut rng = Rng::keyed(seed, Subject::YardstickPlace, number);
    let network = mix(seed ^ mix(rng.skewed(networks) << 16 | networks));
    let host = rng.bits();
    if six {
        let top = 0x2400_0000 | u128::from(network & 0x0bff_ffff);
        let low = u128::from(host) << 32 | u128::from(number & 0xffff);
        IpAddr::V6(Ipv6Addr::from(top << 96 | low))
    } else if rng.chance(650) {
        let bits = network << 16 & 0xffff_0000 | host & 0xffff;
        unicast(u32::try_from(bits).unwrap_or(0))
    } else {
        unicast(u32::try_from(host & 0xffff_ffff).unwrap_or(0))
    }
}

/// An IPv4 address from 11.0.0.0 to 222.255.255.255, outside of 100.0.0.0/8 and 127.0.0.0/8.
fn unicast(bits: u32) -> IpAddr {
    let top = 11 + (bits >> 24) % 212;
    let top = if top == 100 || top == 127 { 99 } else { top };
    IpAddr::V4(Ipv4Addr::from(top << 24 | bits & 0x00ff_ffff))
}

/// A subscriber's address, in 100.64.0.0/10 or 2001:db8::/32.
fn subscriber(rng: &mut Rng) -> IpAddr {
    let number = rng.below(SUBSCRIBERS);
    if rng.chance(ASKED_V6) {
        let host = u128::from(mix(number));
        IpAddr::V6(Ipv6Addr::from(
            0x2001_0db8 << 96 | u128::from(number) << 72 | host,
        ))
    } else {
        let number = u32::try_from(number).unwrap_or(0);
        IpAddr::V4(Ipv4Addr::from(0x6440_0000 + number))
    }
}

/// An oracle that is slow and plain: for each length that is listed, a set of networks that is
/// asked for the address cut to that length.
pub(super) struct AddressOracle {
    /// By family (`true`: IPv6) and length.
    networks: HashMap<(bool, u8), HashSet<IpNet>>,
}

impl AddressOracle {
    /// An oracle over listed prefixes.
    pub(super) fn new(nets: &[IpNet]) -> Self {
        let mut networks: HashMap<_, HashSet<IpNet>> = HashMap::new();
        for net in nets {
            let family = (net.addr().is_ipv6(), net.prefix_len());
            networks.entry(family).or_default().insert(net.trunc());
        }
        Self { networks }
    }

    /// Whether something listed covers `address`.
    pub(super) fn covers(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|(&(six, len), nets)| {
            let net = IpNet::new(address, len).map(|net| net.trunc());
            six == address.is_ipv6() && net.is_ok_and(|net| nets.contains(&net))
        })
    }
}

/// Questions of which `miss_share` are misses, in [`PARTS`] parts of `ops` each.
pub(super) fn asked_addresses(
    seed: u64,
    nets: &[IpNet],
    oracle: &AddressOracle,
    ops: usize,
    miss_share: f64,
) -> AddressQuestions {
    let mut rng = Rng::keyed(seed, Subject::YardstickAsked, !miss_share.to_bits());
    let mut places = rng.clone();
    let hits = hits_among(ops * PARTS, miss_share, |bound| places.below(bound));
    let addresses = hits
        .map(|hit| match hit {
            true => hit_address(nets, &mut rng),
            false => miss_address(seed, oracle, &mut rng),
        })
        .collect();
    expecting(addresses, oracle, ops)
}

/// `addresses` as questions, `ops` in a turn, with the oracle's answers.
pub(super) fn expecting(
    addresses: Vec<IpAddr>,
    oracle: &AddressOracle,
    ops: usize,
) -> AddressQuestions {
    let expected = Expected::new(addresses.iter(), ops, |&&address| oracle.covers(address));
    AddressQuestions {
        addresses,
        expected,
    }
}

/// An address of a listed prefix: half of the time of a popular one.
fn hit_address(nets: &[IpNet], rng: &mut Rng) -> IpAddr {
    let count = nets.len() as u64;
    let rank = if rng.chance(500) {
        rng.popular(count)
    } else {
        rng.below(count)
    };
    let place = usize::try_from(rank).unwrap_or(0);
    let wide = u128::from(rng.bits()) << 64 | u128::from(rng.bits());
    match nets.get(place) {
        Some(IpNet::V4(net)) => {
            let host = u32::try_from(wide & u128::from(u32::from(net.hostmask()))).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from(u32::from(net.network()) | host))
        }
        Some(IpNet::V6(net)) => {
            let host = wide & u128::from(net.hostmask());
            IpAddr::V6(Ipv6Addr::from(u128::from(net.network()) | host))
        }
        None => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    }
}

/// An address that nothing listed covers.
fn miss_address(seed: u64, oracle: &AddressOracle, rng: &mut Rng) -> IpAddr {
    loop {
        let address = if rng.chance(500) {
            subscriber(rng)
        } else {
            let six = rng.chance(ASKED_V6);
            let networks = if rng.chance(750) { CONTENT } else { HOSTING };
            server(seed, rng.popular(SERVERS), networks, six)
        };
        if !oracle.covers(address) {
            return address;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listed_prefixes_are_different_and_as_lists_have_them() {
        let (nets, texts) = listed_prefixes(1, 10_000);
        let different: HashSet<&IpNet> = nets.iter().collect();
        assert_eq!((different.len(), texts.len()), (10_000, 10_000));
        let share = |fits: fn(&IpNet) -> bool| {
            let count = nets.iter().filter(|net| fits(net)).count();
            count * 100 / nets.len()
        };
        assert!((12..18).contains(&share(|net| net.addr().is_ipv6())));
        let single = share(|net| net.addr().is_ipv4() && net.prefix_len() == 32);
        assert!((55..64).contains(&single), "{single}");
        assert!(share(|net| net.prefix_len() < 20) < 2);
        assert_eq!(listed_prefixes(1, 10_000).1, texts);
        assert_ne!(listed_prefixes(2, 10_000).1, texts);
    }

    #[test]
    fn questions_have_the_share_of_misses_that_was_asked_for() {
        let (nets, _) = listed_prefixes(1, 1000);
        let oracle = AddressOracle::new(&nets);
        for share in [0.999, 0.99, 0.5] {
            let asked = asked_addresses(1, &nets, &oracle, 1000, share);
            assert_eq!(asked.expected.miss_share(), share);
            assert!(
                asked.expected.different() > 1500,
                "{}",
                asked.expected.different()
            );
            let again = asked_addresses(1, &nets, &oracle, 1000, share);
            assert_eq!(asked.addresses, again.addresses);
        }
    }

    #[test]
    fn the_oracle_is_what_the_networks_themselves_say() {
        let (nets, _) = listed_prefixes(3, 300);
        let oracle = AddressOracle::new(&nets);
        let asked = asked_addresses(3, &nets, &oracle, 200, 0.5);
        for address in asked.addresses {
            let covered = nets.iter().any(|net| net.contains(&address));
            assert_eq!(oracle.covers(address), covered, "{address}");
        }
    }
}
