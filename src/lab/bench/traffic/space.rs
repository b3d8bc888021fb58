//! Who has which addresses in made traffic. Listed prefixes and benign servers lie mixed in one
//! space, block by block, so that an address tells by nothing but a look-up which it is.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::hits::Orientation;
use crate::lab::operation::random::Rng;
use crate::model::{Endpoint, Networks};

/// First address of 10.0.0.0/9: 2^20 blocks of eight servers.
const SERVERS_V4: u32 = 0x0a00_0000;
/// First address of 198.18.0.0/16: 256 blocks of 256 addresses for wide prefixes.
const WIDE_V4: u32 = 0xc612_0000;
/// First address of 2001:db8:8000::/33: blocks of two /64.
const SERVERS_V6: u128 = (0x2001_0db8 << 96) | (0x8000 << 80);
/// First address of 100.64.0.0/10: subscribers.
const CLIENTS_V4: u32 = 0x6440_0000;
/// First address of 2001:db8::/34: subscribers, a /56 each.
const CLIENTS_V6: u128 = 0x2001_0db8 << 96;

/// Blocks of servers of either family; a power of two.
const BLOCKS: u32 = 1 << 20;
/// Blocks for wide prefixes.
const WIDE_BLOCKS: u32 = 256;

/// Most prefixes that there is room for.
pub(super) const PREFIXES_MAX: u32 = 1_000_000;

/// Our networks, and our resolvers in them.
const OWN: [&str; 3] = ["100.64.0.0/10", "10.128.0.0/9", "2001:db8::/33"];
/// Our resolvers, as the crafted events have them.
const RESOLVERS: [&str; 2] = ["10.255.53.0/28", "2001:db8:7fff:ff00::/56"];

/// Whose networks are whose.
pub(super) fn orientation() -> Orientation {
    let networks =
        |texts: &[&str]| Networks::new(texts.iter().filter_map(|text| text.parse().ok()));
    Orientation {
        own: networks(&OWN),
        resolvers: networks(&RESOLVERS),
        exclude: Networks::default(),
        sinkholes: Networks::default(),
    }
}

/// The listed prefix `index`: mostly single addresses, some short ranges, a few wide ones and
/// one in seven IPv6. No two overlap.
pub(super) fn listed(seed: u64, index: u32) -> IpNet {
    let block = scattered(seed, index, 0x000d_1a2b);
    match index % 100 {
        0..72 => v4_net(SERVERS_V4 + block * 8 + (block >> 7 & 3), 32),
        72..84 => v4_net(SERVERS_V4 + block * 8, 30),
        84 if index / 100 < WIDE_BLOCKS => v4_net(WIDE_V4 + index / 100 * 256, 25),
        84..92 => v6_net(v6_block(block) + 0x66, 128),
        _ => v6_net(v6_block(block), 64),
    }
}

/// An address that `prefix` covers.
pub(super) fn inside(prefix: IpNet, rng: &mut Rng) -> IpAddr {
    match prefix {
        IpNet::V4(net) => {
            let free = u32::from(32 - net.prefix_len());
            let low = rng.below_u32(1 << free.min(31));
            Ipv4Addr::from(net.network().to_bits() | low).into()
        }
        IpNet::V6(net) if net.prefix_len() == 128 => net.network().into(),
        IpNet::V6(net) => {
            let low = u128::from(rng.bits() >> 16);
            Ipv6Addr::from(net.network().to_bits() | low).into()
        }
    }
}

/// The benign server of a rank of popularity, in the half of a block where nothing is listed.
pub(super) fn server(seed: u64, rng: &mut Rng, ipv6: bool) -> IpAddr {
    let rank = u32::try_from(rng.popular(BLOCKS.into())).unwrap_or(0);
    let block = scattered(!seed, rank, 0x0009_e375);
    if ipv6 {
        Ipv6Addr::from(v6_block(block) + (1 << 64) + u128::from(rank & 0xff)).into()
    } else {
        Ipv4Addr::from(SERVERS_V4 + block * 8 + 4 + (rank & 3)).into()
    }
}

/// A subscriber on an ephemeral port.
pub(super) fn client(rng: &mut Rng, ipv6: bool) -> Endpoint {
    let line = rng.below_u32(1 << 22);
    let ip = if ipv6 {
        let host = u128::from(rng.bits());
        Ipv6Addr::from(CLIENTS_V6 + (u128::from(line) << 72) + host).into()
    } else {
        Ipv4Addr::from(CLIENTS_V4 + line).into()
    };
    Endpoint {
        ip,
        port: Some(rng.port(32_768, 60_999)),
    }
}

/// The block of `index`: each index another one, neighbours far apart. `step` is odd.
fn scattered(seed: u64, index: u32, step: u32) -> u32 {
    let offset = u32::from(seed.to_le_bytes()[0]) << 8;
    index.wrapping_mul(step).wrapping_add(offset) % BLOCKS
}

/// The first address of an IPv6 block.
fn v6_block(block: u32) -> u128 {
    SERVERS_V6 + (u128::from(block) << 74)
}

/// A prefix without host bits.
fn v4_net(address: u32, len: u8) -> IpNet {
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::from(address), len))
}

/// A prefix without host bits.
fn v6_net(address: u128, len: u8) -> IpNet {
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::from(address), len))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::operation::random::Subject;
    use iprange::IpRange;

    #[test]
    fn prefixes_never_overlap_and_never_cover_a_benign_server() {
        let mut v4: IpRange<Ipv4Net> = IpRange::new();
        let mut v6: IpRange<Ipv6Net> = IpRange::new();
        let mut starts = Vec::new();
        for index in 0..40_000 {
            let net = listed(7, index);
            assert_eq!(net, net.trunc());
            starts.push((net.network(), net.broadcast()));
            match net {
                IpNet::V4(net) => {
                    v4.add(net);
                }
                IpNet::V6(net) => {
                    v6.add(net);
                }
            }
        }
        starts.sort();
        assert!(starts.windows(2).all(|pair| pair[0].1 < pair[1].0));
        let mut rng = Rng::keyed(1, Subject::Traffic, 0);
        for _ in 0..20_000 {
            match server(7, &mut rng, false) {
                IpAddr::V4(ip) => assert!(!v4.contains(&ip), "{ip}"),
                IpAddr::V6(_) => panic!("asked for IPv4"),
            }
            match server(7, &mut rng, true) {
                IpAddr::V6(ip) => assert!(!v6.contains(&ip), "{ip}"),
                IpAddr::V4(_) => panic!("asked for IPv6"),
            }
        }
    }

    #[test]
    fn the_inside_of_a_prefix_is_inside_and_clients_are_ours() {
        let mut rng = Rng::keyed(1, Subject::Traffic, 0);
        let own = orientation().own;
        for index in 0..2_000 {
            let net = listed(7, index);
            assert!(net.contains(&inside(net, &mut rng)), "{net}");
            let client = client(&mut rng, index % 2 == 0);
            assert!(own.contains(client.ip) && !own.contains(net.addr()));
        }
    }
}
