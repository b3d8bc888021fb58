//! Endpoints of one address family: addresses listed on one port each, sorted.

use super::KeyId;
use super::prefixes::Bits;

/// One listed endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ListedEndpoint<A> {
    /// The address.
    pub(super) address: A,
    /// The port.
    pub(super) port: u16,
    /// Whether it counts on every port, for at least one feed.
    pub(super) any_port: bool,
    /// Its number.
    pub(super) id: KeyId,
}

/// Finds the endpoints listed at an address. 12 bytes an IPv4 endpoint, 32 an IPv6 one.
#[derive(Debug)]
pub(super) struct EndpointList<A> {
    /// By address, then port. The first of an address has `any_port` if any of them has.
    sorted: Vec<ListedEndpoint<A>>,
}

impl<A: Bits> EndpointList<A> {
    /// A list of distinct endpoints.
    pub(super) fn new(mut listed: Vec<ListedEndpoint<A>>) -> Self {
        listed.sort_unstable_by_key(|endpoint| (endpoint.address, endpoint.port));
        listed.shrink_to_fit();
        for group in listed.chunk_by_mut(|one, next| one.address == next.address) {
            let any_port = group.iter().any(|endpoint| endpoint.any_port);
            if let Some(first) = group.first_mut() {
                first.any_port = any_port;
            }
        }
        Self { sorted: listed }
    }

    /// How many endpoints there are.
    pub(super) fn len(&self) -> usize {
        self.sorted.len()
    }

    /// All endpoints.
    pub(super) fn iter(&self) -> impl Iterator<Item = &ListedEndpoint<A>> {
        self.sorted.iter()
    }

    /// The endpoints listed at `address`, by port.
    pub(super) fn at(&self, address: A) -> impl Iterator<Item = (u16, KeyId)> {
        self.from(address, 0)
            .iter()
            .take_while(move |endpoint| endpoint.address == address)
            .map(|endpoint| (endpoint.port, endpoint.id))
    }

    /// Whether `address` is listed on `port`, or on any port for a feed that ignores ports.
    /// O(log n), no allocation.
    pub(super) fn covers(&self, address: A, port: Option<u16>) -> bool {
        let Some(first) = self.from(address, 0).first() else {
            return false;
        };
        if first.address != address {
            return false;
        }
        let listed = |port| {
            self.from(address, port)
                .first()
                .is_some_and(|endpoint| (endpoint.address, endpoint.port) == (address, port))
        };
        first.any_port || port.is_some_and(listed)
    }

    /// Memory, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.sorted.capacity() * size_of::<ListedEndpoint<A>>()
    }

    /// All endpoints from this one on.
    fn from(&self, address: A, port: u16) -> &[ListedEndpoint<A>] {
        let start = self
            .sorted
            .partition_point(|endpoint| (endpoint.address, endpoint.port) < (address, port));
        self.sorted.get(start..).unwrap_or_default()
    }
}
