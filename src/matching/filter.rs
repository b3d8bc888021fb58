//! What stands in front of the listed prefixes and endpoints: two sieves of the networks that hold
//! something. They may say only "surely absent".
//!
//! The first one is small enough to stay in the processor's caches, and knows IPv4 /24s and IPv6
//! /40s. Both families are looked up in it by the same few instructions, so that no branch waits
//! for which of them comes next. The second one turns away most neighbors of what is listed, which
//! it knows by more bits: as IPv4 /28s and IPv6 /48s, unless a wider prefix is listed.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;

use super::sieve::Sieve;

/// The two sieves. What passes both is looked up.
#[derive(Debug, Default)]
pub(super) struct AddressFilter {
    front: Sieve,
    behind: Sieve,
}

impl AddressFilter {
    /// A filter that lets pass what these prefixes and endpoints cover, and every IPv4-mapped
    /// address at first. At most 8 MiB and 32 MiB, however much is listed.
    pub(super) fn new<'n>(
        nets: impl Iterator<Item = &'n IpNet> + Clone,
        endpoints: impl Iterator<Item = IpAddr> + Clone,
    ) -> Self {
        let ends = endpoints.clone().count();
        let (mut front, mut behind) = (ends + 1, ends);
        for &net in nets.clone() {
            let net = Known::of(net);
            front += net.front.map_or(0, |len| net.count(len));
            behind += net.behind.map_or(0, |len| net.count(len));
        }
        let mut filter = Self {
            front: Sieve::new(front, FRONT_BITS, FRONT_WORDS_MAX),
            behind: Sieve::new(behind, BEHIND_BITS, BEHIND_WORDS_MAX),
        };
        filter.front.insert(front_key(MAPPED));
        for ip in endpoints {
            filter.insert(Known::of(ip.into()));
        }
        for &net in nets {
            filter.insert(Known::of(net));
        }
        filter
    }

    /// Adds a prefix.
    fn insert(&mut self, net: Known) {
        match net.front {
            Some(len) => net
                .within(len)
                .for_each(|top| self.front.insert(front_key(address(top, net.six)))),
            None => self.front.insert_all(),
        }
        match net.behind {
            Some(len) => net
                .within(len)
                .for_each(|top| self.behind.insert(behind_key(top, len))),
            None => self.behind.insert_all(),
        }
    }

    /// Whether something is listed near `ip`. An IPv4-mapped address passes in any case.
    #[inline(always)]
    pub(super) fn passes(&self, ip: IpAddr) -> bool {
        self.front.holds(front_key(ip))
    }

    /// Whether something is listed nearer to `ip`, which is not IPv4-mapped.
    #[inline]
    pub(super) fn passes_behind(&self, ip: IpAddr) -> bool {
        let top = top(ip);
        let holds = |len| self.behind.holds(behind_key(top, len));
        match ip {
            IpAddr::V4(_) => holds(NARROW4) | holds(FRONT4),
            IpAddr::V6(_) => holds(NARROW6) | holds(FRONT6) | holds(VAST6),
        }
    }

    /// Memory, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.front.bytes() + self.behind.bytes()
    }
}

/// A prefix, and by networks of which lengths the sieves know it.
#[derive(Clone, Copy, Debug)]
struct Known {
    /// The first 64 bits of its first address.
    top: u64,
    len: u8,
    six: bool,
    /// For the first sieve; none if that must let everything pass.
    front: Option<u8>,
    /// For the second one, likewise.
    behind: Option<u8>,
}

impl Known {
    /// By what `net` is known.
    fn of(net: IpNet) -> Self {
        let len = net.prefix_len();
        let six = net.addr().is_ipv6();
        let (front, behind) = match (six, len) {
            (false, 0..VAST4) => (None, None),
            (false, VAST4..=FRONT4) => (Some(FRONT4), Some(FRONT4)),
            (false, _) => (Some(FRONT4), Some(NARROW4)),
            (true, 0..VAST6) => (None, None),
            (true, VAST6..WIDE6) => (None, Some(VAST6)),
            (true, WIDE6..NARROW6) => (Some(FRONT6), Some(FRONT6)),
            (true, _) => (Some(FRONT6), Some(NARROW6)),
        };
        Self {
            top: top(net.network()),
            len,
            six,
            front,
            behind,
        }
    }

    /// How many networks of length `len` it covers, or lies in: not more than 65,536 of those by
    /// which it is known.
    fn count(self, len: u8) -> usize {
        1 << len.saturating_sub(self.len)
    }

    /// Their first 64 bits.
    fn within(self, len: u8) -> impl Iterator<Item = u64> {
        let step = 1_u64 << (64 - u32::from(len));
        let first = self.top & step.wrapping_neg();
        (0..self.count(len) as u64).map(move |place| first + place * step)
    }
}

/// The network by which the first sieve knows an address: the bytes of an IPv4 /24 or IPv6 /40,
/// in the order of memory.
#[inline(always)]
fn front_key(ip: IpAddr) -> u64 {
    let (first, fifth, mask) = match ip {
        IpAddr::V4(ip) => (ip.octets(), 0, 0x00ff_ffff),
        IpAddr::V6(ip) => {
            let [a, b, c, d, e, ..] = ip.octets();
            ([a, b, c, d], e, u32::MAX)
        }
    };
    u64::from(fifth) << 32 | u64::from(u32::from_le_bytes(first) & mask)
}

/// The network of length `len` in which an address that starts with the bits `top` lies. Networks
/// of different lengths have different keys.
#[inline(always)]
fn behind_key(top: u64, len: u8) -> u64 {
    top >> (64 - u32::from(len)) | u64::from(len) << 56
}

/// The first 64 bits of an address; an IPv4 address is filled up with zeros.
#[inline(always)]
fn top(ip: IpAddr) -> u64 {
    match ip {
        IpAddr::V4(ip) => u64::from(u32::from(ip)) << 32,
        IpAddr::V6(ip) => {
            let [a, b, c, d, e, f, g, h, ..] = ip.octets();
            u64::from_be_bytes([a, b, c, d, e, f, g, h])
        }
    }
}

/// An address of which these are the first 64 bits.
fn address(top: u64, six: bool) -> IpAddr {
    if six {
        IpAddr::V6(Ipv6Addr::from_bits(u128::from(top) << 64))
    } else {
        let [a, b, c, d, ..] = top.to_be_bytes();
        IpAddr::from([a, b, c, d])
    }
}

/// Starts as IPv4-mapped addresses do.
const MAPPED: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);

/// Length of the IPv4 networks of the first sieve, by which the second knows what is no longer.
const FRONT4: u8 = 24;

/// Length of the networks by which the second sieve knows longer ones.
const NARROW4: u8 = 28;

/// Length below which an IPv4 prefix lets everything pass. No feed may list one.
const VAST4: u8 = 8;

/// The length of IPv6 networks that [`FRONT4`] is of IPv4 ones.
const FRONT6: u8 = 40;

/// The length of IPv6 networks that [`NARROW4`] is of IPv4 ones.
const NARROW6: u8 = 48;

/// Length below which an IPv6 prefix lets everything pass the first sieve.
const WIDE6: u8 = 24;

/// Length of the networks by which the second sieve knows those, and below which an IPv6 prefix
/// lets everything pass that as well. No feed may list one.
const VAST6: u8 = 16;

/// Bits of the first sieve for a network, at least.
const FRONT_BITS: usize = 8;

/// Most words of the first sieve: 8 MiB.
const FRONT_WORDS_MAX: usize = 1 << 20;

/// Bits of the second sieve for a network, at least.
const BEHIND_BITS: usize = 16;

/// Most words of the second sieve: 32 MiB.
const BEHIND_WORDS_MAX: usize = 1 << 22;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A filter over prefixes and endpoints.
    fn filter(nets: &[&str], endpoints: &[&str]) -> AddressFilter {
        let nets: Vec<IpNet> = nets.iter().map(|net| net.parse().unwrap()).collect();
        let endpoints = endpoints.iter().map(|ip| ip.parse().unwrap());
        AddressFilter::new(nets.iter(), endpoints)
    }

    /// Which sieves an address passes.
    fn passed(filter: &AddressFilter, ip: &str) -> (bool, bool) {
        let ip = ip.parse().unwrap();
        (filter.passes(ip), filter.passes_behind(ip))
    }

    #[test]
    fn neighbors_pass_the_first_sieve_and_strangers_none() {
        let listed = ["203.0.113.64/30", "2001:db8:1:2::/64", "198.51.0.0/16"];
        let filter = filter(&listed, &["192.0.2.1", "2001:db8:4000::1"]);
        for (ip, expected) in [
            ("203.0.113.66", (true, true)),
            ("203.0.113.100", (true, false)),
            ("203.0.112.66", (false, false)),
            ("192.0.2.1", (true, true)),
            ("192.0.2.129", (true, false)),
            ("198.51.255.255", (true, true)),
            ("198.52.0.0", (false, false)),
            ("2001:db8:1:ff::1", (true, true)),
            ("2001:db8:2::1", (true, false)),
            ("2001:db8:4000::2", (true, true)),
            ("2001:db8:f00::1", (false, false)),
        ] {
            assert_eq!(passed(&filter, ip), expected, "{ip}");
        }
    }

    #[test]
    fn a_wide_prefix_is_told_apart_by_the_second_sieve() {
        let wide = filter(&["2a00::/20"], &[]);
        assert_eq!(passed(&wide, "2a00:fff:1::1"), (true, true));
        assert_eq!(passed(&wide, "2001:db8::1"), (true, false));
        assert_eq!(passed(&wide, "192.0.2.1"), (true, false));
        let all = filter(&["::/0"], &[]);
        assert_eq!(passed(&all, "2001:db8::1"), (true, true));
    }

    #[test]
    fn mapped_addresses_pass_the_first_sieve() {
        assert!(passed(&filter(&["203.0.113.64/30"], &[]), "::ffff:192.0.2.1").0);
    }

    proptest! {
        #[test]
        fn what_is_listed_passes(
            bits in any::<u128>(),
            len in 0_u8..=128,
            inside in any::<u128>(),
            six in any::<bool>(),
        ) {
            let len = if six { len } else { len.min(32) };
            let top = |bits: u128| match six {
                true => IpAddr::V6(bits.into()),
                false => IpAddr::V4(u32::try_from(bits >> 96).unwrap().into()),
            };
            let net = IpNet::new(top(bits), len).unwrap().trunc();
            let filter = AddressFilter::new([net].iter(), std::iter::empty());
            let hosts = u128::MAX.checked_shr(len.into()).unwrap_or(0);
            for ip in [net.addr(), net.broadcast(), top(bits & !hosts | inside & hosts)] {
                prop_assert!(filter.passes(ip) && filter.passes_behind(ip), "{ip} in {net}");
            }
        }
    }
}
