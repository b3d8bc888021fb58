//! Who held an address at a time: every lease of the address is looked at.

use std::collections::HashMap;

use ipnet::IpNet;

use crate::model::{Endpoint, EventTime, Lease};

/// All leases, by address.
pub(super) struct Leases(HashMap<IpNet, Vec<Lease>>);

impl Leases {
    /// Takes all leases.
    pub(super) fn new(leases: impl Iterator<Item = Lease>) -> Self {
        let mut all: HashMap<IpNet, Vec<Lease>> = HashMap::new();
        for lease in leases {
            all.entry(lease.net).or_default().push(lease);
        }
        Self(all)
    }

    /// The one subscriber that held `client` at `time`, and five minutes before and after.
    pub(super) fn holder(&self, client: Endpoint, time: EventTime) -> Option<String> {
        let len = if client.ip.is_ipv4() { 32 } else { 56 };
        let net = IpNet::new(client.ip, len).unwrap().trunc();
        let margin = 300_000_000_000;
        let held: Vec<&Lease> = self
            .0
            .get(&net)?
            .iter()
            .filter(|lease| {
                let ports = lease
                    .ports
                    .is_none_or(|ports| ports.contains(client.port.unwrap()));
                let overlaps = lease.start <= time.saturating_add_nanos(margin)
                    && lease
                        .end
                        .is_none_or(|end| time.saturating_add_nanos(-margin) < end);
                ports && overlaps
            })
            .collect();
        assert!(held.len() <= 1, "{client:?} at {time} is held by {held:?}");
        held.first().map(|lease| lease.subscriber.clone())
    }
}
