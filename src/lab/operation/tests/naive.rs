//! A matcher that is obviously right and slow: it reads the feeds as text and looks at every
//! rule for every event. It shares nothing with the plan.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::Value;

use super::super::{FeedFile, OperationNetworks, PlannedEvent};
use crate::model::{
    Answer, ConnState, DnsEvent, DnsSide, Endpoint, EventKind, EventTime, Evidence, FeedFormat,
    Field, FlowEvent, Lease, Role, VictimReason,
};

/// One row of a feed.
#[derive(Clone, Debug)]
struct Row {
    value: String,
    scope: String,
    malware: Option<String>,
    confidence: u64,
    from: Option<EventTime>,
    until: Option<EventTime>,
    revoked: bool,
    role: Role,
}

/// All rules, sorted by what they list.
#[derive(Default)]
pub(super) struct Naive {
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

/// A time of a feed: RFC 3339 or the table's way.
fn time(text: &str) -> Option<EventTime> {
    (!text.is_empty()).then(|| {
        let text = text.trim_end_matches('Z').replace(' ', "T");
        EventTime::parse_rfc3339(&format!("{text}Z")).unwrap()
    })
}

/// The rows of a feed.
fn rows(feed: &FeedFile) -> Vec<Row> {
    let text = std::str::from_utf8(&feed.text).unwrap();
    let plain = |value: &str, scope: &str| Row {
        value: value.replace("[.]", "."),
        scope: scope.to_owned(),
        malware: None,
        confidence: feed.confidence.into(),
        from: None,
        until: None,
        revoked: false,
        role: feed.role,
    };
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    match feed.format {
        FeedFormat::Plain => lines.map(|line| plain(line, "subtree")).collect(),
        FeedFormat::Hosts => lines
            .map(|line| plain(line.strip_prefix("0.0.0.0 ").unwrap(), "exact"))
            .collect(),
        FeedFormat::Csv => lines
            .skip(1)
            .map(|line| {
                let cells: Vec<&str> = line.splitn(9, ',').collect();
                Row {
                    malware: (!cells[2].is_empty()).then(|| cells[2].to_owned()),
                    confidence: cells[4].parse().unwrap(),
                    from: time(cells[5]),
                    until: time(cells[6]),
                    ..plain(cells[0], "subtree")
                }
            })
            .collect(),
        FeedFormat::GannetJson => lines
            .map(|line| {
                let row: Value = serde_json::from_str(line).unwrap();
                let text = |key: &str| row[key].as_str().map(str::to_owned);
                Row {
                    value: text("value").unwrap(),
                    scope: text("scope").unwrap_or_default(),
                    malware: text("malware"),
                    confidence: row["confidence"].as_u64().unwrap(),
                    from: time(&text("valid_from").unwrap_or_default()),
                    until: time(&text("valid_until").unwrap_or_default()),
                    revoked: row["state"] == "revoked",
                    role: feed.role,
                }
            })
            .collect(),
        FeedFormat::Adblock => panic!("not among the formats of an operation"),
    }
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
        covering.retain(|(len, _)| *len > allowed_len);
        found.extend(covering.into_iter().map(|(_, row)| ("name", row)));
        let patterns = self.patterns.iter();
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
            if net.contains(&ip) && allowed_len.is_none_or(|len| net.prefix_len() > len) {
                found.push(("prefix", row));
            }
        }
        let endpoint = port.and_then(|port| self.endpoints.get(&(ip, port)));
        found.extend(endpoint.into_iter().flatten().map(|row| ("endpoint", row)));
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
            let valid = !row.revoked
                && row.from.is_none_or(|from| from <= planned.event.time)
                && row.until.is_none_or(|until| planned.event.time < until);
            if valid {
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
    fn holder(&self, client: Endpoint, time: EventTime) -> Option<String> {
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
