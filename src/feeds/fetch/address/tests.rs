//! Public addresses: known ones, and the rule against a list of prefixes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use proptest::prelude::*;

use super::is_public;

/// What is not public in IPv4.
const REFUSED_V4: &[&str] = &[
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "168.63.129.16/32",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
];

/// What is not public in IPv6, whatever it carries.
const REFUSED_V6: &[&str] = &["2001::/23", "2001:db8::/32", "3fff::/20"];

/// Outside of these, IPv6 is not public.
const GLOBAL_V6: &[&str] = &["2000::/3", "::ffff:0:0/96", "64:ff9b::/96"];

/// Every prefix that is not public, the IPv4 ones also as IPv6 carries them.
fn refused() -> Vec<IpNet> {
    let mut all: Vec<IpNet> = REFUSED_V6.iter().map(|net| net.parse().unwrap()).collect();
    for net in REFUSED_V4 {
        let net: Ipv4Net = net.parse().unwrap();
        let bits = u128::from(net.network().to_bits());
        let length = net.prefix_len();
        for (base, shift, before) in [
            ("::ffff:0:0", 0, 96),
            ("64:ff9b::", 0, 96),
            ("2002::", 80, 16),
        ] {
            let base: Ipv6Addr = base.parse().unwrap();
            let carried = Ipv6Addr::from_bits(base.to_bits() | bits << shift);
            all.push(Ipv6Net::new(carried, before + length).unwrap().into());
        }
        all.push(net.into());
    }
    all
}

/// The definition, by list.
fn oracle(address: IpAddr) -> bool {
    let is_global = GLOBAL_V6
        .iter()
        .any(|net| net.parse::<IpNet>().unwrap().contains(&address));
    (address.is_ipv4() || is_global) && !refused().iter().any(|net| net.contains(&address))
}

#[track_caller]
fn check(address: &str, expected: bool) {
    let parsed = address.parse().unwrap();
    assert_eq!(is_public(parsed), expected, "{address}");
    assert_eq!(oracle(parsed), expected, "{address}, by the list");
}

#[test]
fn known_addresses_are_judged_rightly() {
    for address in [
        "0.0.0.0",
        "10.0.0.1",
        "100.64.0.1",
        "100.100.100.200",
        "127.0.0.1",
        "127.255.255.255",
        "168.63.129.16",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.192",
        "192.168.1.1",
        "198.19.0.1",
        "203.0.113.66",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::10.0.0.1",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:db8::7",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
    ] {
        check(address, false);
    }
    // One step beyond what is refused.
    for address in [
        "1.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "168.63.129.17",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.0",
        "198.17.255.255",
        "223.255.255.255",
        "2001:200::1",
        "2001:db9::1",
        "2002:100::1",
        "2003::1",
        "3ffe::1",
        "::ffff:1.0.0.0",
        "64:ff9b::1.0.0.0",
    ] {
        check(address, true);
    }
}

/// Any IPv4 address, and those at the edges of what is refused.
fn v4() -> impl Strategy<Value = Ipv4Addr> {
    let edge = (0..REFUSED_V4.len(), 0..4u32).prop_map(|(index, edge)| {
        let net: Ipv4Net = REFUSED_V4[index].parse().unwrap();
        let (first, last) = (net.network().to_bits(), net.broadcast().to_bits());
        let bits = [first.wrapping_sub(1), first, last, last.wrapping_add(1)];
        Ipv4Addr::from_bits(bits[edge as usize])
    });
    prop_oneof![any::<u32>().prop_map(Ipv4Addr::from_bits), edge]
}

/// Any IPv6 address, most of them near something that is refused or carries an IPv4 address.
fn v6() -> impl Strategy<Value = Ipv6Addr> {
    let near = prop::sample::select(vec![
        "::",
        "::ffff:0:0",
        "64:ff9b::",
        "64:ff9b:1::",
        "2000::",
        "2001::",
        "2001:1ff::",
        "2001:200::",
        "2001:db8::",
        "2002::",
        "3fff::",
        "3fff:1000::",
        "4000::",
        "fe80::",
    ]);
    let near = near.prop_map(|base| base.parse::<Ipv6Addr>().unwrap().to_bits());
    let shift = prop::sample::select(vec![0, 80]);
    prop_oneof![
        any::<u128>().prop_map(Ipv6Addr::from_bits),
        (near.clone(), v4(), shift)
            .prop_map(|(base, v4, shift)| base | u128::from(v4.to_bits()) << shift)
            .prop_map(Ipv6Addr::from_bits),
        (near, any::<u16>()).prop_map(|(base, low)| Ipv6Addr::from_bits(base | u128::from(low))),
    ]
}

proptest! {
    #[test]
    fn agrees_with_the_list_of_prefixes(v4 in v4(), v6 in v6()) {
        prop_assert_eq!(is_public(v4.into()), oracle(v4.into()), "{}", v4);
        prop_assert_eq!(is_public(v6.into()), oracle(v6.into()), "{}", v6);
    }

    #[test]
    fn what_carries_an_address_is_judged_by_it(v4 in v4(), low in any::<u64>()) {
        let public = is_public(v4.into());
        let bits = u128::from(v4.to_bits());
        let mapped = v4.to_ipv6_mapped();
        let nat64 = Ipv6Addr::from_bits(0x64_ff9b_u128 << 96 | bits);
        let six_to_four = Ipv6Addr::from_bits(0x2002_u128 << 112 | bits << 80 | u128::from(low));
        for carried in [mapped, nat64, six_to_four] {
            prop_assert_eq!(is_public(carried.into()), public, "{}", carried);
        }
    }
}
