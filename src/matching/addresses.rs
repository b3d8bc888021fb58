//! Listed prefixes and endpoints of both families, with an [`AddressFilter`] in front that turns
//! away nearly all of what is not listed.

use std::net::IpAddr;

use hashbrown::HashMap;
use ipnet::IpNet;

use super::KeyId;
use super::endpoints::{EndpointList, ListedEndpoint};
use super::filter::AddressFilter;
use super::names::Full;
use super::prefixes::PrefixTree;
use crate::model::unmapped;

/// Finds the prefixes and endpoints that cover an address. IPv4-mapped addresses count as IPv4.
///
/// Memory beside the entries: 3 to 6 bytes for each, mostly; for a wide prefix as much for each
/// IPv4 /24 or IPv6 /40 in it. At most 40 MiB.
#[derive(Debug)]
pub struct AddressTable {
    filter: AddressFilter,
    prefixes4: PrefixTree<u32>,
    prefixes6: PrefixTree<u128>,
    endpoints4: EndpointList<u32>,
    endpoints6: EndpointList<u128>,
}

/// Collects prefixes and endpoints for an [`AddressTable`]. Each has one key, however often it
/// is inserted; prefixes and endpoints are numbered apart.
#[derive(Debug, Default)]
pub struct AddressTableBuilder {
    prefixes: HashMap<IpNet, KeyId>,
    endpoints: HashMap<(IpAddr, u16), (KeyId, bool)>,
}

impl AddressTableBuilder {
    /// The key of the prefix `net`; host bits are cleared.
    ///
    /// # Errors
    /// [`Full`] after four thousand million prefixes.
    pub fn insert_prefix(&mut self, net: IpNet) -> Result<KeyId, Full> {
        let next = next_id(self.prefixes.len())?;
        Ok(*self.prefixes.entry(net.trunc()).or_insert(next))
    }

    /// The key of `ip` on `port`, which counts on every port if `any_port` was ever true.
    ///
    /// # Errors
    /// [`Full`] after four thousand million endpoints.
    pub fn insert_endpoint(
        &mut self,
        ip: IpAddr,
        port: u16,
        any_port: bool,
    ) -> Result<KeyId, Full> {
        let next = next_id(self.endpoints.len())?;
        let endpoint = self.endpoints.entry((unmapped(ip), port));
        let (id, any) = endpoint.or_insert((next, false));
        *any |= any_port;
        Ok(*id)
    }

    /// The key of the prefix `net`, if it is there.
    pub fn find_prefix(&self, net: IpNet) -> Option<KeyId> {
        self.prefixes.get(&net.trunc()).copied()
    }

    /// The key of `ip` on `port`, if it is there.
    pub fn find_endpoint(&self, ip: IpAddr, port: u16) -> Option<KeyId> {
        let endpoint = self.endpoints.get(&(unmapped(ip), port));
        endpoint.map(|&(id, _)| id)
    }

    /// Whether any prefix or endpoint is of IPv4, else of IPv6.
    pub fn has_family(&self, v4: bool) -> bool {
        let mut prefixes = self.prefixes.keys();
        let mut endpoints = self.endpoints.keys();
        prefixes.any(|net| net.addr().is_ipv4() == v4)
            || endpoints.any(|(ip, _)| ip.is_ipv4() == v4)
    }

    /// The table.
    pub fn build(self) -> AddressTable {
        let filter = if self.prefixes.is_empty() && self.endpoints.is_empty() {
            AddressFilter::default()
        } else {
            let addresses = self.endpoints.keys().map(|&(ip, _)| ip);
            AddressFilter::new(self.prefixes.keys(), addresses)
        };
        let (mut prefixes4, mut prefixes6) = (Vec::new(), Vec::new());
        for (net, id) in self.prefixes {
            match net {
                IpNet::V4(net) => prefixes4.push((net.network().into(), net.prefix_len(), id)),
                IpNet::V6(net) => prefixes6.push((net.network().into(), net.prefix_len(), id)),
            }
        }
        let (mut endpoints4, mut endpoints6) = (Vec::new(), Vec::new());
        for ((ip, port), (id, any_port)) in self.endpoints {
            match ip {
                IpAddr::V4(ip) => endpoints4.push(ListedEndpoint {
                    address: ip.into(),
                    port,
                    any_port,
                    id,
                }),
                IpAddr::V6(ip) => endpoints6.push(ListedEndpoint {
                    address: ip.into(),
                    port,
                    any_port,
                    id,
                }),
            }
        }
        AddressTable {
            filter,
            prefixes4: PrefixTree::new(prefixes4),
            prefixes6: PrefixTree::new(prefixes6),
            endpoints4: EndpointList::new(endpoints4),
            endpoints6: EndpointList::new(endpoints6),
        }
    }
}

impl AddressTable {
    /// Whether a prefix covers `ip`, or an endpoint is listed there that counts on `port`.
    ///
    /// One look at the filter where nothing is listed, else O(log n); no allocation.
    #[inline]
    pub fn probe(&self, ip: IpAddr, port: Option<u16>) -> bool {
        self.filter.passes(ip) && self.probe_behind(ip, port)
    }

    /// [`Self::probe`] of an address that something is listed near to.
    #[inline(never)]
    fn probe_behind(&self, ip: IpAddr, port: Option<u16>) -> bool {
        let ip = unmapped(ip);
        if !self.filter.passes_behind(ip) {
            return false;
        }
        match ip {
            IpAddr::V4(ip) => {
                let address = u32::from(ip);
                self.prefixes4.covers(address) || self.endpoints4.covers(address, port)
            }
            IpAddr::V6(ip) => {
                let address = u128::from(ip);
                self.prefixes6.covers(address) || self.endpoints6.covers(address, port)
            }
        }
    }

    /// Appends to `found` every prefix that covers all of `net`, longest first, with its key.
    pub fn covering(&self, net: IpNet, found: &mut Vec<(IpNet, KeyId)>) {
        let visit = |len, id| {
            let listed = IpNet::new(net.addr(), len).map(|listed| listed.trunc());
            if let (true, Ok(listed)) = (len <= net.prefix_len(), listed) {
                found.push((listed, id));
            }
            true
        };
        match net {
            IpNet::V4(net) => self.prefixes4.covering(u32::from(net.network()), visit),
            IpNet::V6(net) => self.prefixes6.covering(u128::from(net.network()), visit),
        }
    }

    /// Appends to `found` every port on which `ip` is listed, ascending, with its key.
    pub fn endpoints(&self, ip: IpAddr, found: &mut Vec<(u16, KeyId)>) {
        match unmapped(ip) {
            IpAddr::V4(ip) => found.extend(self.endpoints4.at(u32::from(ip))),
            IpAddr::V6(ip) => found.extend(self.endpoints6.at(u128::from(ip))),
        }
    }

    /// Every listed prefix.
    pub fn prefixes(&self) -> impl Iterator<Item = (IpNet, KeyId)> {
        let four = self.prefixes4.iter().map(|(start, len, id)| {
            let start = IpAddr::from(start.to_be_bytes());
            (start, len, id)
        });
        let six = self.prefixes6.iter().map(|(start, len, id)| {
            let start = IpAddr::from(start.to_be_bytes());
            (start, len, id)
        });
        four.chain(six)
            .filter_map(|(start, len, id)| Some((IpNet::new(start, len).ok()?, id)))
    }

    /// How many prefixes are listed.
    pub fn prefixes_len(&self) -> usize {
        self.prefixes4.len() + self.prefixes6.len()
    }

    /// How many endpoints are listed.
    pub fn endpoints_len(&self) -> usize {
        self.endpoints4.len() + self.endpoints6.len()
    }

    /// Loses its filter, as a broken build would: for the test of the self-test.
    #[cfg(test)]
    pub(crate) fn forget(&mut self) {
        self.filter = AddressFilter::default();
    }

    /// Every listed endpoint.
    pub fn all_endpoints(&self) -> impl Iterator<Item = (IpAddr, u16, KeyId)> {
        let four = self.endpoints4.iter().map(|endpoint| {
            let ip = IpAddr::from(endpoint.address.to_be_bytes());
            (ip, endpoint.port, endpoint.id)
        });
        let six = self.endpoints6.iter().map(|endpoint| {
            let ip = IpAddr::from(endpoint.address.to_be_bytes());
            (ip, endpoint.port, endpoint.id)
        });
        four.chain(six)
    }

    /// Memory, in bytes.
    pub fn bytes(&self) -> usize {
        self.filter.bytes()
            + self.prefixes4.bytes()
            + self.prefixes6.bytes()
            + self.endpoints4.bytes()
            + self.endpoints6.bytes()
    }
}

/// The next number of a key.
fn next_id(len: usize) -> Result<KeyId, Full> {
    u32::try_from(len).map(KeyId).map_err(|_| Full)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn net(text: &str) -> IpNet {
        text.parse().unwrap()
    }

    /// A table of prefixes, and of endpoints of which those with `true` ignore the port.
    fn table(prefixes: &[&str], endpoints: &[(&str, u16, bool)]) -> AddressTable {
        let mut builder = AddressTableBuilder::default();
        for prefix in prefixes {
            builder.insert_prefix(net(prefix)).unwrap();
        }
        for (address, port, any) in endpoints {
            builder.insert_endpoint(ip(address), *port, *any).unwrap();
        }
        builder.build()
    }

    fn covering(table: &AddressTable, asked: &str) -> Vec<String> {
        let mut found = Vec::new();
        table.covering(net(asked), &mut found);
        found.iter().map(|(net, _)| net.to_string()).collect()
    }

    #[test]
    fn covering_prefixes_come_longest_first_in_both_families() {
        let table = table(
            &[
                "10.0.0.0/8",
                "10.1.0.0/16",
                "10.1.2.3/32",
                "2001:db8::/32",
                "2001:db8::1/128",
                "::/0",
            ],
            &[],
        );
        assert_eq!(
            covering(&table, "10.1.2.3/32"),
            ["10.1.2.3/32", "10.1.0.0/16", "10.0.0.0/8"]
        );
        assert_eq!(
            covering(&table, "10.1.2.0/24"),
            ["10.1.0.0/16", "10.0.0.0/8"]
        );
        assert_eq!(
            covering(&table, "2001:db8::1/128"),
            ["2001:db8::1/128", "2001:db8::/32", "::/0"]
        );
        assert_eq!(covering(&table, "198.51.100.1/32"), [""; 0]);
    }

    #[test]
    fn one_family_never_covers_the_other() {
        let table = table(&["::/0"], &[]);
        assert!(!table.probe(ip("203.0.113.1"), None));
        assert!(!table.probe(ip("::ffff:203.0.113.1"), None));
        assert!(table.probe(ip("2001:db8::1"), None));
    }

    #[test]
    fn endpoints_count_on_their_port_unless_ports_are_ignored() {
        let table = table(
            &[],
            &[
                ("203.0.113.1", 443, false),
                ("203.0.113.2", 80, false),
                ("203.0.113.2", 443, true),
                ("2001:db8::1", 53, false),
            ],
        );
        for (address, port, expected) in [
            ("203.0.113.1", Some(443), true),
            ("::ffff:203.0.113.1", Some(443), true),
            ("203.0.113.1", Some(80), false),
            ("203.0.113.1", None, false),
            ("203.0.113.2", Some(9), true),
            ("203.0.113.2", None, true),
            ("203.0.113.3", Some(443), false),
            ("2001:db8::1", Some(53), true),
            ("2001:db8::1", Some(54), false),
        ] {
            assert_eq!(
                table.probe(ip(address), port),
                expected,
                "{address} {port:?}"
            );
        }
        let mut found = Vec::new();
        table.endpoints(ip("203.0.113.2"), &mut found);
        assert_eq!(
            found.iter().map(|(port, _)| *port).collect::<Vec<_>>(),
            [80, 443]
        );
    }

    #[test]
    fn the_same_prefix_has_one_key() {
        let mut builder = AddressTableBuilder::default();
        assert_eq!(builder.insert_prefix(net("10.0.0.0/8")), Ok(KeyId(0)));
        assert_eq!(builder.insert_prefix(net("10.9.9.9/8")), Ok(KeyId(0)));
        assert_eq!(
            builder.insert_endpoint(ip("10.0.0.1"), 1, false),
            Ok(KeyId(0))
        );
        assert_eq!(
            builder.insert_endpoint(ip("::ffff:10.0.0.1"), 1, true),
            Ok(KeyId(0))
        );
    }

    proptest! {
        #[test]
        fn probes_say_what_the_definition_says(
            prefixes in proptest::collection::vec((0_u32..16, 18_u8..=32, any::<bool>()), 0..8),
            // IPv6 prefixes end around all lengths that the filter knows.
            longer in prop_oneof![Just(0), Just(8), Just(20)],
            endpoints in proptest::collection::vec((0_u32..8, 0_u16..3, any::<bool>(), any::<bool>()), 0..8),
            host in 0_u32..16,
            port in proptest::option::of(0_u16..3),
            six in any::<bool>(),
        ) {
            // Hosts step over the end of a /24 (or /48) as well as within one.
            let address = |host: u32, six: bool| -> IpAddr {
                if six {
                    IpAddr::V6(((0x2001_0db8_u128 << 96) + (u128::from(host & 3) << 79) + u128::from(host >> 2)).into())
                } else {
                    IpAddr::V4((0x0a00_0000 + ((host & 3) << 8) + (host >> 2)).into())
                }
            };
            let mut builder = AddressTableBuilder::default();
            let mut nets = Vec::new();
            for (host, len, six) in prefixes {
                let len = if six { len + longer } else { len };
                let net = IpNet::new(address(host, six), len).unwrap().trunc();
                builder.insert_prefix(net).unwrap();
                nets.push(net);
            }
            let mut listed = Vec::new();
            for (host, port, any_port, six) in endpoints {
                builder.insert_endpoint(address(host, six), port, any_port).unwrap();
                listed.push((address(host, six), port, any_port));
            }
            let table = builder.build();
            let asked = address(host, six);
            let expected = nets.iter().any(|net| net.contains(&asked))
                || listed.iter().any(|&(ip, on, any)| ip == asked && (any || Some(on) == port));
            prop_assert_eq!(table.probe(asked, port), expected);
        }
    }
}
