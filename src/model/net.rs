//! Addresses, prefixes and sets of networks. IPv4-mapped IPv6 is always unmapped first.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use iprange::IpRange;

/// An address, with its port where one is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostPort {
    /// The address, unmapped.
    pub ip: IpAddr,
    /// The port; for ICMP and unknown transports none.
    pub port: Option<u16>,
}

/// Why a text is not an address or prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an address or prefix")]
pub struct ParseNetError;

/// `address` with `::ffff:a.b.c.d` turned into `a.b.c.d`.
pub fn unmapped(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
    }
}

/// Parses a strict textual address (no octal, no short forms, no zone), unmapped.
///
/// # Errors
/// [`ParseNetError`] when `text` is anything else.
pub fn parse_address(text: &str) -> Result<IpAddr, ParseNetError> {
    text.parse().map(unmapped).map_err(|_| ParseNetError)
}

/// Parses `address/length` with an address as strict as that of [`parse_address`], clearing host
/// bits; a mapped IPv6 prefix of 96 bits or more
/// becomes the IPv4 prefix that it stands for.
///
/// # Errors
/// [`ParseNetError`] when `text` is anything else.
pub fn parse_prefix(text: &str) -> Result<IpNet, ParseNetError> {
    // The prefix type itself would take octal for decimal.
    let (address, _) = text.split_once('/').ok_or(ParseNetError)?;
    parse_address(address)?;
    let net: IpNet = text.parse().map_err(|_| ParseNetError)?;
    let net = match net {
        IpNet::V4(_) => net,
        IpNet::V6(v6) => match (v6.addr().to_ipv4_mapped(), v6.prefix_len().checked_sub(96)) {
            (Some(v4), Some(len)) => Ipv4Net::new(v4, len).map_or(net, IpNet::V4),
            _ => net,
        },
    };
    Ok(net.trunc())
}

/// A set of networks with O(prefix length) membership.
#[derive(Clone, Debug, Default)]
pub struct Networks {
    v4: IpRange<Ipv4Net>,
    v6: IpRange<Ipv6Net>,
    filled: bool,
}

impl Networks {
    /// The set of all addresses in `nets`.
    pub fn new(nets: impl IntoIterator<Item = IpNet>) -> Self {
        let mut set = Self::default();
        for net in nets {
            set.filled = true;
            match net {
                IpNet::V4(net) => {
                    set.v4.add(net);
                }
                IpNet::V6(net) => {
                    set.v6.add(net);
                }
            }
        }
        set.v4.simplify();
        set.v6.simplify();
        set
    }

    /// Whether no network was given at all.
    pub fn is_empty(&self) -> bool {
        !self.filled
    }

    /// Whether `address` (unmapped) lies in one of the networks.
    pub fn contains(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(v4) => self.contains_v4(v4),
            IpAddr::V6(v6) => self.contains_v6(v6),
        }
    }

    fn contains_v4(&self, address: Ipv4Addr) -> bool {
        self.v4.contains(&address)
    }

    fn contains_v6(&self, address: Ipv6Addr) -> bool {
        self.v6.contains(&address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapped_addresses_are_unmapped() {
        assert_eq!(
            parse_address("::ffff:203.0.113.66"),
            parse_address("203.0.113.66")
        );
        assert_eq!(
            parse_prefix("::ffff:203.0.113.0/120").map(|net| net.to_string()),
            Ok("203.0.113.0/24".to_owned())
        );
        assert_eq!(
            parse_prefix("203.0.113.66/24").map(|net| net.to_string()),
            Ok("203.0.113.0/24".into())
        );
    }

    #[test]
    fn octal_and_short_forms_are_refused() {
        for text in [
            "1.2.3",
            "010.1.1.1",
            "010.1.1.1/8",
            "1.2.3.4.5",
            "fe80::1%eth0",
            "",
            "1.2.3.4/33",
            "::/129",
        ] {
            assert!(
                parse_address(text).is_err() && parse_prefix(text).is_err(),
                "{text}"
            );
        }
    }

    #[test]
    fn membership_is_that_of_the_written_networks() {
        let set = Networks::new(
            ["198.51.100.0/24", "2001:db8::/32"]
                .iter()
                .map(|text| text.parse().unwrap()),
        );
        assert!(set.contains("198.51.100.255".parse().unwrap()));
        assert!(!set.contains("198.51.101.0".parse().unwrap()));
        assert!(set.contains("2001:db8:ffff::1".parse().unwrap()));
        assert!(!set.contains("2001:db9::".parse().unwrap()));
        assert!(Networks::new([]).is_empty() && !set.is_empty());
    }
}
