//! The networks of the lease table, found by prefix.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::OnceLock;

use hashbrown::HashTable;
use ipnet::IpNet;

use super::timeline::Timeline;

/// Networks with an index each; none is ever removed.
#[derive(Debug, Default)]
pub(super) struct Nets {
    nets: Vec<Net>,
    /// By prefix.
    by_prefix: HashTable<u32>,
    /// The prefix lengths in use, longest first: IPv4, IPv6.
    lens: [Vec<u8>; 2],
    /// Keyed: others choose the networks.
    hasher: RandomState,
}

/// One network.
#[derive(Debug)]
pub(super) struct Net {
    /// Its prefix, host bits cleared.
    pub(super) prefix: IpNet,
    /// The first of its leases, or [`END`].
    pub(super) head: u32,
    /// How many leases it has.
    pub(super) len: u32,
    /// Built at the first look-up after a change, when the net has many leases.
    pub(super) timeline: OnceLock<Box<Timeline>>,
}

/// Ends a list.
pub(super) const END: u32 = u32::MAX;

impl Nets {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.nets.len()
    }

    /// All of them, by index.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Net> {
        self.nets.iter()
    }

    /// The net at `index`.
    pub(super) fn get(&self, index: u32) -> Option<&Net> {
        self.nets.get(index as usize)
    }

    /// The net at `index`, to change.
    pub(super) fn get_mut(&mut self, index: u32) -> Option<&mut Net> {
        self.nets.get_mut(index as usize)
    }

    /// The prefix lengths of `address`'s family that are in use, longest first.
    pub(super) fn lens(&self, address: IpAddr) -> &[u8] {
        let [v4, v6] = &self.lens;
        if address.is_ipv4() { v4 } else { v6 }
    }

    /// The index of the net with exactly this prefix.
    pub(super) fn find(&self, prefix: IpNet) -> Option<u32> {
        let same = |&index: &u32| self.get(index).is_some_and(|net| net.prefix == prefix);
        self.by_prefix
            .find(self.hasher.hash_one(prefix), same)
            .copied()
    }

    /// The index of the longest net that covers `prefix`.
    pub(super) fn find_around(&self, prefix: IpNet) -> Option<u32> {
        self.lens(prefix.addr())
            .iter()
            .filter(|&&len| len <= prefix.prefix_len())
            .filter_map(|&len| IpNet::new(prefix.addr(), len).ok())
            .find_map(|around| self.find(around.trunc()))
    }

    /// The index of the net with this prefix, which is added if it is new.
    pub(super) fn add(&mut self, prefix: IpNet) -> Option<u32> {
        if let Some(known) = self.find(prefix) {
            return Some(known);
        }
        let index = u32::try_from(self.nets.len()).ok()?;
        self.nets.push(Net {
            prefix,
            head: END,
            len: 0,
            timeline: OnceLock::new(),
        });
        let (nets, hasher) = (&self.nets, &self.hasher);
        let hash_of = |&index: &u32| {
            let net = nets.get(index as usize);
            net.map_or(0, |net| hasher.hash_one(net.prefix))
        };
        self.by_prefix
            .insert_unique(hasher.hash_one(prefix), index, hash_of);
        let [v4, v6] = &mut self.lens;
        let lens = if prefix.addr().is_ipv4() { v4 } else { v6 };
        let len = prefix.prefix_len();
        if let Err(place) = lens.binary_search_by(|known| len.cmp(known)) {
            lens.insert(place, len);
        }
        Some(index)
    }
}
