//! Who has which addresses: subscribers, resolvers and honeypots on our side; places for
//! indicators and benign servers on the other. Documentation and test networks only, and the
//! two sides never overlap.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::random::Rng;
use crate::model::Endpoint;

/// First address of shared address space (100.64.0.0/10): dynamic lines.
const DYNAMIC_BASE: u32 = 0x6440_0000;
/// First address of 10.0.0.0/9: addresses shared by port blocks.
const CGNAT_BASE: u32 = 0x0a00_0000;
/// First address of 10.128.0.0/9, but for its last /16: static lines.
const STATIC_BASE: u32 = 0x0a80_0000;
/// First address of 198.18.0.0/17: most listed IPv4 addresses.
const LISTED_BASE: u32 = 0xc612_0000;
/// The documentation networks, which the first listed addresses come from.
const DOCUMENTATION: [u32; 3] = [0xc000_0200, 0xc633_6400, 0xcb00_7100];
/// First 48 bits of 2001:db8::/33: subscribers; /56 each.
const OWN_V6: u128 = 0x2001_0db8 << 96;
/// Listed IPv6 addresses: 2001:db8:8000::/34, a /63 each.
const LISTED_V6: u128 = (0x2001_0db8 << 96) | (0x8000 << 80);
/// Benign IPv6 servers.
const BENIGN_V6: u128 = (0x2001_0db8 << 96) | (0xff00 << 80);

/// Our networks: what a configuration calls `own`.
pub(super) const OWN: [&str; 3] = ["100.64.0.0/10", "10.0.0.0/8", "2001:db8::/33"];
/// Our resolvers.
pub(super) const RESOLVERS: [&str; 2] = ["10.255.53.0/28", "2001:db8:7fff:ff00::/56"];
/// Honeypots and scanners of ours.
pub(super) const EXCLUDE: [&str; 1] = ["10.255.200.0/24"];

/// IPv4 places of eight addresses each.
pub(super) const SLOTS_V4: u32 = 3 * 32 + 4096;
/// Wide IPv4 places: a /25 each.
pub(super) const SLOTS_WIDE: u32 = 128;

/// A place on the other side for one listed value and what lies around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Eight IPv4 addresses, of which a prefix lists the lower four.
    V4(u32),
    /// A /24, of which a prefix lists the lower half.
    Wide(u32),
    /// Two /64, of which a prefix lists the first.
    V6(u32),
}

/// Where in a place an address lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spot {
    /// Listed: the value itself, or inside the listed prefix.
    Listed,
    /// Inside the listed prefix, and possibly listed on its own.
    Nested,
    /// Inside the listed prefix, and possibly allowed.
    Allowed,
    /// Just outside of the listed prefix: never listed.
    Outside,
}

impl Place {
    /// The address of a spot.
    pub(super) fn address(self, spot: Spot) -> IpAddr {
        let (near, outside) = match spot {
            Spot::Listed => (2, false),
            Spot::Nested => (1, false),
            Spot::Allowed => (3, false),
            Spot::Outside => (0, true),
        };
        match self {
            Self::V4(_) => v4(self.base_v4() + if outside { 4 } else { near }),
            Self::Wide(_) => v4(self.base_v4() + if outside { 128 } else { 64 + near }),
            Self::V6(slot) => {
                let second = u128::from(outside) << 64;
                v6(base_v6(slot) + second + 0x66 + u128::from(near))
            }
        }
    }

    /// The prefix that covers all of the place but [`Spot::Outside`].
    pub(super) fn prefix(self) -> IpNet {
        let (address, len) = match self {
            Self::V4(_) => (v4(self.base_v4()), 30),
            Self::Wide(_) => (v4(self.base_v4()), 25),
            Self::V6(slot) => (v6(base_v6(slot)), 64),
        };
        IpNet::new_assert(address, len)
    }

    /// The documentation AS number of the hosting network, and its made name.
    pub(super) fn hoster(self) -> (u32, String) {
        let number = match self {
            Self::V4(slot) => slot / 131,
            Self::Wide(slot) => slot / 4,
            Self::V6(slot) => slot / 16 % 32,
        };
        let asn = if number < 16 {
            64_496 + number
        } else {
            65_520 + number
        };
        (asn, format!("AS{asn} Example Hosting {number}"))
    }

    /// The first address of an IPv4 place.
    fn base_v4(self) -> u32 {
        match self {
            Self::V4(slot) if slot < 96 => {
                let net = DOCUMENTATION[usize::try_from(slot / 32).unwrap_or(0).min(2)];
                net + slot % 32 * 8
            }
            Self::V4(slot) => LISTED_BASE + (slot - 96) * 8,
            Self::Wide(slot) => LISTED_BASE + 0x8000 + slot * 256,
            Self::V6(_) => 0,
        }
    }
}

/// The first address of an IPv6 place.
fn base_v6(slot: u32) -> u128 {
    LISTED_V6 + (u128::from(slot) << 65)
}

/// An IPv4 address from its number.
pub(super) fn v4(number: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from(number))
}

/// An IPv6 address from its number.
pub(super) fn v6(number: u128) -> IpAddr {
    IpAddr::V6(Ipv6Addr::from(number))
}

/// The one address of the dynamic group `group`.
pub(super) fn dynamic(group: u32) -> IpNet {
    single(DYNAMIC_BASE + group)
}

/// The one address that the members of group `group` share.
pub(super) fn shared(group: u32) -> IpNet {
    single(CGNAT_BASE + group)
}

/// The address of the static line `line`.
pub(super) fn fixed_v4(line: u32) -> IpNet {
    single(STATIC_BASE + line)
}

/// The prefix of the static IPv6 line `line`.
pub(super) fn fixed_v6(line: u32) -> IpNet {
    let address = Ipv6Addr::from(OWN_V6 + (u128::from(line) << 72));
    IpNet::V6(Ipv6Net::new_assert(address, 56))
}

/// One IPv4 address as a network.
fn single(number: u32) -> IpNet {
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::from(number), 32))
}

/// One of our resolvers, of the family of `client`, on port 53.
pub(super) fn resolver(rng: &mut Rng, client: IpAddr) -> Endpoint {
    let number = rng.below_u32(4) + 1;
    let ip = match client {
        IpAddr::V4(_) => v4(0x0aff_3500 + number),
        IpAddr::V6(_) => v6(OWN_V6 + (0x7fff_ff00 << 64) + u128::from(number)),
    };
    Endpoint { ip, port: Some(53) }
}

/// One of our honeypots or scanners, on an ephemeral port.
pub(super) fn excluded(rng: &mut Rng) -> Endpoint {
    let ip = v4(0x0aff_c801 + rng.below_u32(32));
    Endpoint {
        ip,
        port: Some(ephemeral(rng)),
    }
}

/// A benign server: 198.19.0.0/16 or 2001:db8:ff00::/40, by `number` below 2^16.
pub(super) fn benign(number: u64, ipv6: bool) -> IpAddr {
    let low = u32::try_from(number & 0xffff).unwrap_or(0);
    if ipv6 {
        v6(BENIGN_V6 + u128::from(low))
    } else {
        v4(0xc613_0000 + low)
    }
}

/// An ephemeral port.
pub(super) fn ephemeral(rng: &mut Rng) -> u16 {
    rng.port(32_768, 60_999)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_outside_of_a_place_lies_outside_of_its_prefix() {
        for place in [
            Place::V4(0),
            Place::V4(95),
            Place::V4(96),
            Place::V4(SLOTS_V4 - 1),
            Place::Wide(0),
            Place::Wide(SLOTS_WIDE - 1),
            Place::V6(0),
            Place::V6(2_000_000),
        ] {
            for spot in [Spot::Listed, Spot::Nested, Spot::Allowed] {
                assert!(
                    place.prefix().contains(&place.address(spot)),
                    "{place:?} {spot:?}"
                );
            }
            assert!(
                !place.prefix().contains(&place.address(Spot::Outside)),
                "{place:?}"
            );
            let (asn, _) = place.hoster();
            assert!(
                (64_496..64_512).contains(&asn) || (65_536..65_552).contains(&asn),
                "{asn}"
            );
        }
    }

    #[test]
    fn listed_and_benign_addresses_lie_outside_of_our_networks() {
        let own: Vec<IpNet> = OWN.iter().map(|net| net.parse().unwrap()).collect();
        let ours = |ip: IpAddr| own.iter().any(|net| net.contains(&ip));
        for place in [
            Place::V4(SLOTS_V4 - 1),
            Place::Wide(127),
            Place::V6(0),
            Place::V6(2_000_000),
        ] {
            assert!(!ours(place.address(Spot::Listed)) && !ours(place.address(Spot::Outside)));
        }
        assert!(!ours(benign(65_535, false)) && !ours(benign(65_535, true)));
        for net in [
            dynamic(2_000_000),
            shared(2_000_000),
            fixed_v4(8_000_003),
            fixed_v6(8_000_003),
        ] {
            assert!(ours(net.addr()), "{net}");
            for infrastructure in RESOLVERS.iter().chain(&EXCLUDE) {
                let infrastructure: IpNet = infrastructure.parse().unwrap();
                assert!(!infrastructure.contains(&net.addr()), "{net}");
            }
        }
    }
}
