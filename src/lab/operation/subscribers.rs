//! Subscribers and their leases, as functions of the seed: nothing is stored. Subscribers come
//! in groups of four that share a country and a way to get addresses; three of each group are
//! victims (fewer in the last), and the fourth holds the same address before, between or after
//! them.

use ipnet::IpNet;

use super::random::{Rng, Subject};
use super::space::{dynamic, ephemeral, fixed_v4, fixed_v6, shared, v6};
use super::{WINDOW_SECONDS, time_at};
use crate::model::{Endpoint, Lease, PortBlock};

/// Subscribers a group.
const GROUP: u64 = 4;
/// Victims a group, at most.
const GROUP_VICTIMS: u64 = 3;
/// How far contacts stay away from both ends of a lease, in seconds.
const MARGIN_SECONDS: i64 = 360;
/// Seconds a day.
const DAY: i64 = 86_400;
/// Ports of a block, and the first port of the first block.
const BLOCK: (u16, u16) = (4_032, 1_024);

/// The countries of Asia and the Pacific that took part, the populous first.
const COUNTRIES: [&str; 26] = [
    "IN", "ID", "VN", "PH", "TH", "JP", "MY", "KR", "NP", "LK", "KH", "HK", "SG", "KZ", "LA", "PG",
    "MV", "MO", "BN", "TL", "FJ", "SB", "VU", "WS", "TO", "NR",
];

/// All subscribers of an operation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subscribers {
    seed: u64,
    victims: u64,
    countries: u64,
}

/// How the subscribers of a group get their addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    /// One address that changes hands.
    Dynamic,
    /// One address, shared by blocks of ports; one block changes hands.
    Shared,
    /// An IPv6 prefix each.
    FixedV6,
    /// An address each.
    FixedV4,
}

/// What one subscriber holds, and when, in seconds since the start of the operation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Holding {
    /// The address or prefix.
    pub(super) net: IpNet,
    /// The ports, if the address is shared.
    pub(super) ports: Option<(u16, u16)>,
    /// First second.
    pub(super) start: i64,
    /// First second after it; `None`: still held.
    pub(super) end: Option<i64>,
    /// How it is held.
    access: Access,
}

impl Holding {
    /// First and last second in which a contact can be planted: within the operation and well
    /// inside of the lease.
    pub(super) fn contact_seconds(&self) -> (i64, i64) {
        let end = self.end.unwrap_or(WINDOW_SECONDS).min(WINDOW_SECONDS);
        (self.start.max(0) + MARGIN_SECONDS, end - MARGIN_SECONDS)
    }

    /// An address and port of the subscriber.
    pub(super) fn client(&self, rng: &mut Rng) -> Endpoint {
        let ip = match self.net {
            IpNet::V4(net) => net.addr().into(),
            IpNet::V6(net) => {
                let host = rng.bits() >> 1;
                let subnet = u128::from(rng.below(4)) << 64;
                v6(u128::from(net.addr()) + subnet + u128::from(host))
            }
        };
        let port = match self.ports {
            Some((first, last)) => rng.port(first, last),
            None => ephemeral(rng),
        };
        Endpoint {
            ip,
            port: Some(port),
        }
    }

    /// A port of the subscriber that a scanner would try, if it holds that one.
    pub(super) fn scanned_port(&self, rng: &mut Rng) -> u16 {
        match self.ports {
            Some((first, last)) => rng.port(first, last),
            None => rng.pick(&[22, 23, 445, 3389, 8080]),
        }
    }
}

impl Subscribers {
    /// The subscribers of an operation with so many victims and countries.
    pub(super) fn new(seed: u64, victims: u64, countries: u16) -> Self {
        Self {
            seed,
            victims,
            countries: u64::from(countries).min(COUNTRIES.len() as u64),
        }
    }

    /// How many there are.
    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.victims.div_ceil(GROUP_VICTIMS) * GROUP).unwrap_or(u32::MAX)
    }

    /// The subscriber that is the victim number `victim`.
    pub(super) fn of_victim(&self, victim: u64) -> u32 {
        let (group, rank) = (victim / GROUP_VICTIMS, victim % GROUP_VICTIMS);
        let member = if rank < self.bystander(group) {
            rank
        } else {
            rank + 1
        };
        u32::try_from(group * GROUP + member).unwrap_or(u32::MAX)
    }

    /// Which member of a group is no victim.
    fn bystander(&self, group: u64) -> u64 {
        Rng::keyed(self.seed, Subject::Group, group).below(GROUP)
    }

    /// What a subscriber holds.
    pub(super) fn holding(&self, subscriber: u32) -> Holding {
        let (group, member) = (subscriber / 4, subscriber % 4);
        let mut rng = Rng::keyed(self.seed, Subject::Group, group.into());
        rng.below(GROUP);
        let access = match rng.below(100) {
            0..50 => Access::Dynamic,
            50..75 => Access::Shared,
            75..90 => Access::FixedV6,
            _ => Access::FixedV4,
        };
        match access {
            Access::Dynamic => dynamic_holding(group, member, &mut rng),
            Access::Shared => shared_holding(group, member, &mut rng),
            Access::FixedV6 | Access::FixedV4 => Holding {
                net: if access == Access::FixedV6 {
                    fixed_v6(subscriber)
                } else {
                    fixed_v4(subscriber)
                },
                ports: None,
                start: -(200 + i64::from(member)) * DAY,
                end: None,
                access,
            },
        }
    }

    /// Country code and number of the operator of a subscriber.
    fn home(&self, subscriber: u32) -> (&'static str, u64) {
        let group = u64::from(subscriber / 4);
        let mut rng = Rng::keyed(!self.seed, Subject::Group, group);
        let country = if group < self.countries {
            group
        } else {
            rng.skewed(self.countries)
        };
        let code = COUNTRIES[usize::try_from(country).unwrap_or(0) % COUNTRIES.len()];
        (code, rng.skewed(2 + country % 4))
    }

    /// The customer line.
    pub(super) fn id(&self, subscriber: u32) -> String {
        let (country, operator) = self.home(subscriber);
        format!("{country}{operator}-line-{subscriber:07}")
    }

    /// The country code.
    pub(super) fn country(&self, subscriber: u32) -> &'static str {
        self.home(subscriber).0
    }

    /// The operator's name.
    pub(super) fn operator(&self, subscriber: u32) -> String {
        let (country, operator) = self.home(subscriber);
        format!("{country} Example Telecom {}", operator + 1)
    }

    /// The lease of a subscriber.
    pub(super) fn lease(&self, subscriber: u32) -> Lease {
        let holding = self.holding(subscriber);
        Lease {
            lease_id: format!("lease-{subscriber:07}"),
            subscriber: self.id(subscriber),
            net: holding.net,
            ports: holding
                .ports
                .and_then(|(first, last)| PortBlock::new(first, last).ok()),
            start: time_at(holding.start * 1_000_000),
            end: holding.end.map(|end| time_at(end * 1_000_000)),
            operator: Some(self.operator(subscriber)),
            country: Some(self.country(subscriber).to_owned()),
            source: Some(
                match holding.access {
                    Access::Dynamic => "radius",
                    Access::Shared => "cgnat",
                    Access::FixedV6 | Access::FixedV4 => "static",
                }
                .to_owned(),
            ),
            contact: Some(format!("ticket-{subscriber:07}")),
        }
    }
}

/// One of four leases of one address, about thirty days each, one after the other. Which
/// member comes when differs between groups.
fn dynamic_holding(group: u32, member: u32, rng: &mut Rng) -> Holding {
    let turn = (u64::from(member) + rng.below(GROUP)) % GROUP;
    let mut changes = [0_i64; 5];
    for (index, change) in changes.iter_mut().enumerate() {
        let days = 30 * i64::try_from(index).unwrap_or(0);
        *change = days * DAY + i64::from(rng.below_u32(864_000)) - 432_000;
    }
    changes[0] = -i64::from(rng.below_u32(1_728_000)) - 1;
    let pause = if turn == 0 {
        0
    } else {
        i64::from(rng.below_u32(90))
    };
    let turn = usize::try_from(turn).unwrap_or(0);
    Holding {
        net: dynamic(group),
        ports: None,
        start: changes[turn] + pause,
        end: (turn < 3).then(|| changes[turn + 1]),
        access: Access::Dynamic,
    }
}

/// One of three port blocks of one address; the first block has two holders, one after the
/// other.
fn shared_holding(group: u32, member: u32, rng: &mut Rng) -> Holding {
    let first_block = rng.port(0, 4);
    let step = rng.port(1, 5);
    let handover = 60 * DAY + i64::from(rng.below_u32(2_592_000)) - 1_296_000;
    let rank = u16::try_from(member.saturating_sub(1)).unwrap_or(0);
    let first = BLOCK.1 + (first_block + rank * step) * BLOCK.0;
    let begin = -i64::from(rng.below_u32(8_640_000)) - 1;
    let (start, end) = match member {
        0 => (begin, Some(handover)),
        1 => (handover, None),
        _ => (begin, None),
    };
    Holding {
        net: shared(group),
        ports: Some((first, first + BLOCK.0 - 1)),
        start,
        end,
        access: Access::Shared,
    }
}
