//! Leases: "this address (and port block) belonged to this subscriber from … to …".

use std::net::IpAddr;

use ipnet::IpNet;

use super::time::EventTime;

/// One lease. A later record with the same `lease_id` replaces the earlier one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Identifies the lease at its source.
    pub lease_id: String,
    /// The customer line.
    pub subscriber: String,
    /// The address (as /32 or /128) or prefix that it got.
    pub net: IpNet,
    /// The port block, when the address is shared.
    pub ports: Option<PortBlock>,
    /// First instant.
    pub start: EventTime,
    /// First instant after it, if it is known to have ended.
    pub end: Option<EventTime>,
    /// The operator.
    pub operator: Option<String>,
    /// The country, ISO 3166 two letters.
    pub country: Option<String>,
    /// What the knowledge comes from: `radius`, `dhcp`, `cgnat`, …
    pub source: Option<String>,
    /// Where a notifier finds the customer.
    pub contact: Option<String>,
}

/// A block of ports, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PortBlock {
    first: u16,
    last: u16,
}

/// Why fields do not make a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LeaseError {
    /// `port_first` is above `port_last`, or only one of them is given.
    #[error("ports that are not a block")]
    Ports,
    /// `end` is before `start`.
    #[error("end before start")]
    EndBeforeStart,
    /// Neither or both of `ip` and `prefix`.
    #[error("a lease has either `ip` or `prefix`")]
    Address,
    /// No `lease_id` or no `subscriber`.
    #[error("a lease has a `lease_id` and a `subscriber`")]
    Identity,
}

impl PortBlock {
    /// The block from `first` to `last`, both included.
    ///
    /// # Errors
    /// [`LeaseError::Ports`] when `first` is above `last`.
    pub fn new(first: u16, last: u16) -> Result<Self, LeaseError> {
        if first <= last {
            Ok(Self { first, last })
        } else {
            Err(LeaseError::Ports)
        }
    }

    /// The lowest port.
    pub fn first(self) -> u16 {
        self.first
    }

    /// The highest port.
    pub fn last(self) -> u16 {
        self.last
    }

    /// Whether `port` lies in the block.
    pub fn contains(self, port: u16) -> bool {
        (self.first..=self.last).contains(&port)
    }
}

impl Lease {
    /// The address, when the lease is of a single one.
    pub fn single_address(&self) -> Option<IpAddr> {
        (self.net.prefix_len() == self.net.max_prefix_len()).then(|| self.net.addr())
    }
}
