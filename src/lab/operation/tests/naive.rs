//! A matcher that is obviously right and slow: it reads the feeds as text and looks at every
//! rule for every event. It shares nothing with the plan.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use ipnet::IpNet;

use super::super::{FeedFile, OperationNetworks, PlannedEvent};
use super::join::Leases;
use super::rows::{Row, rows};
use crate::model::{
    Answer, ConnState, DnsEvent, DnsSide, Endpoint, EventKind, Evidence, Field, FlowEvent, Role,
    VictimReason,
};

/// A mistake that a careless matcher makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Defect {
    /// Takes `xbad.example` for `bad.example`.
    Labels,
    /// Takes every listed name for the top of a subtree.
    Scopes,
    /// Knows no allow rules.
    Allow,
    /// Takes expired and future indicators.
    Validity,
    /// Takes withdrawn indicators.
    Revoked,
    /// Takes an address on every port, and in answers.
    Ports,
    /// Takes neighbors of a prefix.
    WiderPrefixes,
    /// Overlooks names in answers.
    Aliases,
    /// Overlooks addresses in answers.
    Answers,
    /// Overlooks patterns.
    Patterns,
}

/// All rules, sorted by what they list.
#[derive(Default)]
pub(super) struct Naive {
    /// The mistake that it makes.
    pub(super) defect: Option<Defect>,
    names: HashMap<String, Vec<Row>>,
    patterns: Vec<Row>,
    nets: Vec<(IpNet, Row)>,
    endpoints: HashMap<(IpAddr, u16), Vec<Row>>,
    allowed_names: BTreeSet<String>,
    allowed_nets: Vec<IpNet>,
}

/// What the naive matcher says of one indicator value in one event.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct NaiveHit {
    pub(super) class: &'static str,
    pub(super) value: String,
    pub(super) field: Field,
    pub(super) campaign: String,
    pub(super) evidence: Evidence,
    pub(super) reason: Option<&'static str>,
    pub(super) client: Endpoint,
    pub(super) subscriber: Option<String>,
}

impl Naive {
    /// Reads all feeds.
    pub(super) fn new(feeds: &[FeedFile]) -> Self {
        let mut naive = Self::default();
        for feed in feeds {
            for row in rows(feed) {
                naive.add(row);
            }
        }
        naive
    }

    /// Whether it makes that mistake.
    fn has(&self, defect: Defect) -> bool {
        self.defect == Some(defect)
    }

    /// Sorts one row in.
    fn add(&mut self, mut row: Row) {
        let net = row.value.parse::<IpNet>().ok();
        let address = row.value.parse::<IpAddr>().ok().map(IpNet::from);
        if row.scope == "pattern" {
            self.patterns.push(row);
        } else if let Some(net) = net.or(address) {
            if row.role == Role::Allow {
                self.allowed_nets.push(net);
            } else {
                self.nets.push((net, row));
            }
        } else if let Ok(endpoint) = row.value.parse::<std::net::SocketAddr>() {
            let key = (endpoint.ip(), endpoint.port());
            self.endpoints.entry(key).or_default().push(row);
        } else {
            row.value = idna::domain_to_ascii(&row.value).unwrap();
            if row.role == Role::Allow {
                self.allowed_names.insert(row.value);
            } else {
                self.names.entry(row.value.clone()).or_default().push(row);
            }
        }
    }

    /// Whether a listed value is in the feeds at all.
    pub(super) fn lists(&self, value: &str) -> bool {
        self.names.contains_key(value)
            || self.patterns.iter().any(|row| row.value == value)
            || self.nets.iter().any(|(_, row)| row.value == value)
            || self
                .endpoints
                .values()
                .flatten()
                .any(|row| row.value == value)
    }

    /// The rules that cover a name, by class and value.
    fn name<'n>(&'n self, name: &str, found: &mut Vec<(&'static str, &'n Row)>) {
        let name = name.to_ascii_lowercase();
        let mut suffix = name.as_str();
        let mut allowed_len = 0;
        let mut covering = Vec::new();
        loop {
            if self.allowed_names.contains(suffix) {
                allowed_len = allowed_len.max(suffix.len());
            }
            for row in self.names.get(suffix).into_iter().flatten() {
                let fits = match row.scope.as_str() {
                    _ if self.has(Defect::Scopes) => true,
                    "exact" => suffix == name,
                    "below" => suffix != name,
                    _ => true,
                };
                if fits {
                    covering.push((suffix.len(), row));
                }
            }
            match suffix.split_once('.') {
                Some((_, rest)) => suffix = rest,
                None => break,
            }
        }
        if self.has(Defect::Labels) {
            let loose = |listed: &&String| name.ends_with(listed.as_str()) && **listed != name;
            let more = self.names.keys().filter(loose);
            covering.extend(
                more.flat_map(|listed| self.names[listed].iter().map(|row| (row.value.len(), row))),
            );
        }
        covering.retain(|(len, _)| *len > allowed_len || self.has(Defect::Allow));
        found.extend(covering.into_iter().map(|(_, row)| ("name", row)));
        let patterns = self.patterns.iter().filter(|_| !self.has(Defect::Patterns));
        found.extend(
            patterns
                .filter(|row| name.contains(row.value.trim_matches('*')))
                .map(|row| ("pattern", row)),
        );
    }

    /// The rules that cover an address, perhaps on a port.
    fn address<'n>(
        &'n self,
        ip: IpAddr,
        port: Option<u16>,
        found: &mut Vec<(&'static str, &'n Row)>,
    ) {
        let allowed = self.allowed_nets.iter().filter(|net| net.contains(&ip));
        let allowed_len = allowed.map(IpNet::prefix_len).max();
        for (net, row) in &self.nets {
            let near = net.addr().is_ipv4() == ip.is_ipv4()
                && IpNet::new(net.addr(), net.prefix_len() - 2)
                    .unwrap()
                    .contains(&ip);
            let covered = net.contains(&ip) || near && self.has(Defect::WiderPrefixes);
            let allowed = allowed_len.is_some_and(|len| net.prefix_len() <= len);
            if covered && (!allowed || self.has(Defect::Allow)) {
                found.push(("prefix", row));
            }
        }
        let fits = |(listed, on): &(IpAddr, u16)| {
            *listed == ip && (Some(*on) == port || self.has(Defect::Ports))
        };
        let endpoints = self.endpoints.iter().filter(|(key, _)| fits(key));
        found.extend(
            endpoints
                .flat_map(|(_, rows)| rows)
                .map(|row| ("endpoint", row)),
        );
    }

    /// The hits of an event.
    pub(super) fn hits(
        &self,
        planned: &PlannedEvent,
        networks: &OperationNetworks,
        leases: &Leases,
    ) -> Vec<NaiveHit> {
        let mut found = Vec::new();
        let mut note = |field: Field, rows: Vec<(&'static str, &Row)>| {
            found.extend(
                rows.into_iter()
                    .map(|(class, row)| (field, class, row.clone())),
            );
        };
        match &planned.event.kind {
            EventKind::Dns(dns) => {
                let mut rows = Vec::new();
                self.name(&dns.qname, &mut rows);
                note(Field::Qname, rows);
                for answer in &dns.answers {
                    let mut rows = Vec::new();
                    match answer {
                        Answer::Name(_) if self.has(Defect::Aliases) => {}
                        Answer::Address(_) if self.has(Defect::Answers) => {}
                        Answer::Name(name) => {
                            self.name(name, &mut rows);
                            note(Field::AnswerName, rows);
                        }
                        Answer::Address(ip) => {
                            self.address(*ip, None, &mut rows);
                            note(Field::AnswerAddress, rows);
                        }
                    }
                }
            }
            EventKind::Flow(flow) => {
                for (field, end) in [
                    (Field::Source, flow.source),
                    (Field::Destination, flow.destination),
                ] {
                    let mut rows = Vec::new();
                    self.address(end.ip, end.port, &mut rows);
                    note(field, rows);
                }
            }
        }
        let mut by_value: BTreeMap<(&'static str, String), (Field, Vec<Row>)> = BTreeMap::new();
        for (field, class, row) in found {
            let valid = row.from.is_none_or(|from| from <= planned.event.time)
                && row.until.is_none_or(|until| planned.event.time < until);
            let revoked = row.revoked && !self.has(Defect::Revoked);
            if !revoked && (valid || self.has(Defect::Validity)) {
                let (first, rows) = by_value
                    .entry((class, row.value.clone()))
                    .or_insert_with(|| (field, Vec::new()));
                *first = field.min(*first);
                rows.push(row);
            }
        }
        by_value
            .into_iter()
            .map(|((class, value), (field, rows))| {
                let client = client(planned, networks);
                let scanner = rows.iter().all(|row| row.role == Role::Scanner);
                NaiveHit {
                    class,
                    campaign: campaign(&value, &rows),
                    value,
                    field,
                    evidence: evidence(&planned.event.kind),
                    reason: reason(&planned.event.kind, client, scanner, networks),
                    client,
                    subscriber: leases.holder(client, planned.event.time),
                }
            })
            .collect()
    }
}

/// The malware of the most confident rows, the lexically first; else the value.
fn campaign(value: &str, rows: &[Row]) -> String {
    let most = rows.iter().map(|row| row.confidence).max();
    rows.iter()
        .filter(|row| Some(row.confidence) == most)
        .filter_map(|row| row.malware.clone())
        .min()
        .unwrap_or_else(|| value.to_owned())
}

/// Whether an address lies in one of some networks.
fn within(nets: &[IpNet], ip: IpAddr) -> bool {
    nets.iter().any(|net| net.contains(&ip))
}

/// Whose event it is.
fn client(planned: &PlannedEvent, networks: &OperationNetworks) -> Endpoint {
    match &planned.event.kind {
        EventKind::Dns(dns) => dns.client.unwrap(),
        EventKind::Flow(flow) if within(&networks.own, flow.source.ip) => flow.source,
        EventKind::Flow(flow) => flow.destination,
    }
}

/// How far it went, by the definition.
fn evidence(kind: &EventKind) -> Evidence {
    match kind {
        EventKind::Dns(DnsEvent {
            rcode: Some(0),
            blocked: false,
            answers,
            ..
        }) if answers
            .iter()
            .any(|answer| matches!(answer, Answer::Address(_))) =>
        {
            Evidence::Resolved
        }
        EventKind::Dns(_) => Evidence::LookedUp,
        EventKind::Flow(FlowEvent {
            state: Some(ConnState::Established),
            forward,
            reverse,
            ..
        }) => {
            let back = reverse.and_then(|half| half.payload);
            if forward.payload > Some(0) && back > Some(0) {
                Evidence::Transferred
            } else {
                Evidence::Connected
            }
        }
        EventKind::Flow(flow) if flow.tcp_flags.is_some_and(|flags| flags & 0x18 == 0x18) => {
            Evidence::Connected
        }
        EventKind::Flow(_) => Evidence::Attempted,
    }
}

/// Why it speaks for no victim.
fn reason(
    kind: &EventKind,
    client: Endpoint,
    scanner: bool,
    networks: &OperationNetworks,
) -> Option<&'static str> {
    use crate::model::Named as _;
    let reason = match kind {
        EventKind::Dns(dns) if dns.side == DnsSide::Upstream => VictimReason::ResolverToAuthority,
        _ if within(&networks.resolvers, client.ip) => VictimReason::Resolver,
        EventKind::Flow(flow) if flow.destination == client => VictimReason::InboundScan,
        _ if within(&networks.exclude, client.ip) => VictimReason::ExcludedNetwork,
        _ if scanner => VictimReason::FeedDirection,
        EventKind::Dns(_) | EventKind::Flow(_) => return None,
    };
    Some(reason.as_str())
}
