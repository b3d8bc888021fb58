//! Which listed values are too broad to be indicators, and which can be nobody's: the
//! public-suffix guard, the width limits of prefixes, reserved names and networks.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use psl::{List, Psl, Type};

use crate::model::{DomainName, Scope};

/// What becomes of a listed name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guarded {
    /// It is listed with this scope, as written.
    Accepted(Scope),
    /// Others register names below it: it is listed without them.
    Narrowed,
    /// It is a registry's: it cannot be listed.
    Refused,
}

/// Judges a listed name by the public suffix list.
///
/// A single label or a suffix of the ICANN part is refused. A suffix of the private part
/// (`github.io`), a name that a wildcard rule makes a suffix, and the name that the wildcard
/// stands below are narrowed to themselves; if only what is below them was listed, nothing is
/// left and they are refused.
pub fn guard_name(name: DomainName<'_>, scope: Scope) -> Guarded {
    let text = name.as_str();
    if !text.contains('.') {
        return Guarded::Refused;
    }
    // One look in the common case: the suffix of a name just below this one.
    let below = suffix_len(text, Some(NO_LABEL));
    let suffix = if below == text.len() + 1 + NO_LABEL.len() {
        return narrowed(scope);
    } else if below == text.len() {
        List.find(text.as_bytes().rsplit(|&byte| byte == b'.'))
    } else {
        return Guarded::Accepted(scope);
    };
    let parent = text.split_once('.').map_or("", |(_, parent)| parent);
    let by_wildcard = suffix_len(parent, Some(NO_LABEL)) == parent.len() + 1 + NO_LABEL.len();
    match suffix.typ {
        Some(Type::Icann) if !by_wildcard => Guarded::Refused,
        Some(Type::Icann | Type::Private) => narrowed(scope),
        None => Guarded::Accepted(scope),
    }
}

/// Whether a name is reserved for examples and tests (RFC 2606, RFC 6761): nobody's.
pub fn reserved_name(name: DomainName<'_>) -> bool {
    let text = name.as_str();
    let in_zone = |zone: &str| {
        text.strip_suffix(zone)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    RESERVED_NAMES.iter().any(|zone| in_zone(zone))
}

/// Whether a prefix lies in a documentation network: nobody's.
pub fn reserved_net(net: IpNet) -> bool {
    match net {
        IpNet::V4(net) => RESERVED_V4.iter().any(|zone| zone.contains(&net)),
        IpNet::V6(net) => RESERVED_V6.iter().any(|zone| zone.contains(&net)),
    }
}

/// Whether a prefix lies where no packet from elsewhere comes from: this host, this link, groups,
/// what was never given out.
pub fn unroutable(net: IpNet) -> bool {
    match net {
        IpNet::V4(net) => UNROUTABLE_V4.iter().any(|zone| zone.contains(&net)),
        IpNet::V6(net) => UNROUTABLE_V6.iter().any(|zone| zone.contains(&net)),
    }
}

/// Whether a prefix is too short to be an indicator.
pub fn too_wide(net: IpNet) -> bool {
    match net {
        IpNet::V4(net) => net.prefix_len() < V4_LEN_MIN,
        IpNet::V6(net) => net.prefix_len() < V6_LEN_MIN,
    }
}

/// Shortest IPv4 prefix that can be an indicator. Lists have named whole /8s by mistake, and never
/// on purpose.
const V4_LEN_MIN: u8 = 9;

/// Shortest IPv6 prefix that can be an indicator.
const V6_LEN_MIN: u8 = 20;

/// IPv4 networks that no packet from elsewhere comes from.
const UNROUTABLE_V4: [Ipv4Net; 5] = [
    Ipv4Net::new_assert(Ipv4Addr::new(0, 0, 0, 0), 8),
    Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8),
    Ipv4Net::new_assert(Ipv4Addr::new(169, 254, 0, 0), 16),
    Ipv4Net::new_assert(Ipv4Addr::new(224, 0, 0, 0), 4),
    Ipv4Net::new_assert(Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// IPv6 networks that no packet from elsewhere comes from.
const UNROUTABLE_V6: [Ipv6Net; 3] = [
    Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 127),
    Ipv6Net::new_assert(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10),
    Ipv6Net::new_assert(Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8),
];

/// A label that the public suffix list does not hold.
const NO_LABEL: &str = "-";

/// Names reserved with all below them.
const RESERVED_NAMES: [&str; 7] = [
    "example",
    "test",
    "invalid",
    "localhost",
    "example.com",
    "example.net",
    "example.org",
];

/// IPv4 networks for documentation (RFC 5737).
const RESERVED_V4: [Ipv4Net; 3] = [
    Ipv4Net::new_assert(Ipv4Addr::new(192, 0, 2, 0), 24),
    Ipv4Net::new_assert(Ipv4Addr::new(198, 51, 100, 0), 24),
    Ipv4Net::new_assert(Ipv4Addr::new(203, 0, 113, 0), 24),
];

/// IPv6 networks for documentation (RFC 3849, RFC 9637).
const RESERVED_V6: [Ipv6Net; 2] = [
    Ipv6Net::new_assert(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    Ipv6Net::new_assert(Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// What is left of a name that others register below.
fn narrowed(scope: Scope) -> Guarded {
    match scope {
        Scope::Exact => Guarded::Accepted(Scope::Exact),
        Scope::Subtree => Guarded::Narrowed,
        Scope::Below => Guarded::Refused,
    }
}

/// The length of the public suffix of `name`, with `label` put in front of it.
fn suffix_len(name: &str, label: Option<&str>) -> usize {
    let labels = name.rsplit('.').chain(label);
    List.find(labels.map(str::as_bytes)).len
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::NAME_LEN_MAX;

    fn guarded(text: &str, scope: Scope) -> Guarded {
        let mut scratch = [0; NAME_LEN_MAX];
        guard_name(
            DomainName::parse(text.as_bytes(), &mut scratch).unwrap(),
            scope,
        )
    }

    #[test]
    fn suffixes_are_refused_or_narrowed() {
        use Guarded::{Accepted, Narrowed, Refused};
        use Scope::{Below, Exact, Subtree};
        for (name, scope, expected) in [
            ("com", Subtree, Refused),
            ("example", Subtree, Refused),
            ("localhost", Exact, Refused),
            ("co.uk", Subtree, Refused),
            ("co.uk", Exact, Refused),
            ("xn--55qx5d.cn", Subtree, Refused),
            ("github.io", Subtree, Narrowed),
            ("github.io", Exact, Accepted(Exact)),
            ("github.io", Below, Refused),
            ("bad.github.io", Subtree, Accepted(Subtree)),
            ("bad.github.io", Below, Accepted(Below)),
            ("bad.example", Subtree, Accepted(Subtree)),
            ("bad.example", Below, Accepted(Below)),
            ("a.b.bad.test", Exact, Accepted(Exact)),
            // `*.ck` with the exception `!www.ck`.
            ("any.ck", Subtree, Narrowed),
            ("www.ck", Subtree, Accepted(Subtree)),
            ("bad.any.ck", Subtree, Accepted(Subtree)),
            // `*.kawasaki.jp` with the exception `!city.kawasaki.jp`.
            ("kawasaki.jp", Subtree, Narrowed),
            ("any.kawasaki.jp", Subtree, Narrowed),
            ("city.kawasaki.jp", Subtree, Accepted(Subtree)),
            ("kobe.jp", Below, Refused),
        ] {
            assert_eq!(guarded(name, scope), expected, "{name} {scope:?}");
        }
    }

    #[test]
    fn reserved_names_and_networks_are_known() {
        let mut scratch = [0; NAME_LEN_MAX];
        for (name, expected) in [
            ("bad.example", true),
            ("bad.example.com", true),
            ("badexample.com", false),
            ("example.com.bad.de", false),
        ] {
            let name = DomainName::parse(name.as_bytes(), &mut scratch).unwrap();
            assert_eq!(reserved_name(name), expected, "{name}");
        }
        for (net, expected) in [
            ("203.0.113.66/32", true),
            ("203.0.112.0/23", false),
            ("2001:db8:1::/48", true),
            ("10.0.0.0/8", false),
        ] {
            assert_eq!(reserved_net(net.parse().unwrap()), expected, "{net}");
        }
    }

    #[test]
    fn what_no_packet_comes_from_is_known() {
        for (net, expected) in [
            ("0.0.0.0/32", true),
            ("127.0.0.1/32", true),
            ("224.0.0.0/3", false),
            ("255.255.255.255/32", true),
            ("126.255.255.255/32", false),
            ("::1/128", true),
            ("::2/128", false),
            ("fe80::1/128", true),
            ("2001:db8::/32", false),
        ] {
            assert_eq!(unroutable(net.parse().unwrap()), expected, "{net}");
        }
    }

    #[test]
    fn short_prefixes_are_too_wide() {
        for (net, expected) in [
            ("0.0.0.0/0", true),
            ("128.0.0.0/2", true),
            ("38.0.0.0/8", true),
            ("10.0.0.0/9", false),
            ("::/0", true),
            ("2000::/19", true),
            ("2001::/20", false),
        ] {
            assert_eq!(too_wide(net.parse().unwrap()), expected, "{net}");
        }
    }

    /// The list's own tests: `checkPublicSuffix(name, registrable)`. A name that is its own
    /// registrable domain must be accepted, one without a registrable domain must not be listed
    /// with what is below it.
    #[test]
    #[expect(clippy::print_stdout, reason = "says that the test was skipped")]
    fn the_tests_of_the_list_hold() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../shared/data/names/psl/test_psl.txt"
        );
        let Ok(cases) = std::fs::read_to_string(path) else {
            println!("skipped: no data");
            return;
        };
        let mut checked = 0;
        for line in cases.lines() {
            let quoted: Vec<&str> = line.split('\'').collect();
            let (name, registrable) = match quoted.as_slice() {
                _ if line.starts_with("//") => continue,
                [_, name, ", null);"] => (*name, None),
                [_, name, _, registrable, _] => (*name, Some(*registrable)),
                _ => continue,
            };
            let mut scratch = [0; NAME_LEN_MAX];
            let Ok(parsed) = DomainName::parse(name.as_bytes(), &mut scratch) else {
                continue;
            };
            let judged = guard_name(parsed, Scope::Subtree);
            if registrable.is_none() {
                assert_ne!(judged, Guarded::Accepted(Scope::Subtree), "{name}");
            } else {
                assert_ne!(judged, Guarded::Refused, "{name}");
            }
            checked += 1;
        }
        assert!(checked > 60, "{checked} cases");
    }
}
