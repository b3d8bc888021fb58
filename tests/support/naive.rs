//! What must be found, by the documented meaning, read line by line and compared one by one. It
//! shares no code with the crate: events are JSON values as Zeek writes them, feeds and leases
//! are lines.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde_json::Value;

/// A hit, as far as it can be told without Gannet's help: whose, when (nanoseconds since the
/// epoch), and which listed value.
pub type Key = (String, i64, String);

/// What is known of a hit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Whether it speaks for an infected client.
    pub victim: bool,
    /// The evidence, where it is a matter of looking: of DNS.
    pub evidence: Option<&'static str>,
    /// The client's port.
    pub port: Option<u16>,
}

/// An episode's sums.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// All hits.
    pub hits: u64,
    /// Those that speak for an infected client.
    pub victim_hits: u64,
    /// Nanoseconds since the epoch.
    pub first_seen: i64,
    /// Nanoseconds since the epoch.
    pub last_seen: i64,
    /// Listed values.
    pub indicators: BTreeSet<String>,
}

/// One line of a feed.
#[derive(Clone, Debug)]
enum Listed {
    Name(String),
    Net(IpAddr, u32),
    Endpoint(IpAddr, u16),
}

/// Lines and what they mean.
#[derive(Clone, Debug)]
pub struct Feed(Vec<(String, Listed)>);

/// The hits that `rows` must give.
pub fn expected(feed: &Feed, own: &[&str], rows: &[Value]) -> BTreeMap<Key, Expected> {
    let own = Feed::of(own.iter().copied());
    let mut all = BTreeMap::new();
    for row in rows {
        for value in feed.values_in(row) {
            let (client, remote) = ends(row, &own);
            let about_client = !is_dns(row) && !feed.covers(&value, remote.0, remote.1);
            let outbound = client.0 == address(row, "id.orig_h");
            let key = (client.0.to_string(), time(row), value);
            let what = Expected {
                victim: own.lists(client.0) && outbound && !about_client,
                evidence: is_dns(row).then(|| dns_evidence(row)),
                port: client.1,
            };
            assert!(
                all.insert(key, what).is_none(),
                "two events that cannot be told apart"
            );
        }
    }
    all
}

/// The episodes that `hits` must give with `leases`, by subscriber and campaign. Campaigns are
/// the values themselves, as in feeds that name no malware.
pub fn episodes(
    hits: &BTreeMap<Key, Expected>,
    leases: &[Value],
) -> BTreeMap<(String, String), Sums> {
    let mut all: BTreeMap<(String, String), Sums> = BTreeMap::new();
    for ((client, at, value), hit) in hits {
        let Some(subscriber) = subscriber(leases, client, hit.port, *at) else {
            continue;
        };
        let sums = all.entry((subscriber, value.clone())).or_default();
        if sums.hits == 0 {
            (sums.first_seen, sums.last_seen) = (*at, *at);
        }
        sums.hits += 1;
        sums.victim_hits += u64::from(hit.victim);
        sums.first_seen = sums.first_seen.min(*at);
        sums.last_seen = sums.last_seen.max(*at);
        sums.indicators.insert(value.clone());
    }
    all
}

/// The sums of one episode as Gannet tells it.
pub fn told(episode: &Value) -> ((String, String), Sums) {
    let text = |key: &str| episode[key].as_str().unwrap_or_default().to_owned();
    let listed = episode["indicators"].as_array().into_iter().flatten();
    let sums = Sums {
        hits: episode["hits"].as_u64().expect("a number of hits"),
        victim_hits: episode["victim_hits"].as_u64().expect("a number of hits"),
        first_seen: nanos(&episode["first_seen"]),
        last_seen: nanos(&episode["last_seen"]),
        indicators: listed
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
    };
    ((text("subscriber"), text("campaign")), sums)
}

/// The key of a hit as Gannet tells it.
pub fn key(hit: &Value) -> Key {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (
        text(&hit["client"]["ip"]),
        nanos(&hit["event_time"]),
        text(&hit["match"]["value"]),
    )
}

/// A written instant, in nanoseconds since the epoch.
pub fn nanos(text: &Value) -> i64 {
    let text = text.as_str().expect("a time");
    let parsed: jiff::Timestamp = text.parse().expect("RFC 3339");
    i64::try_from(parsed.as_nanosecond()).expect("a time of our days")
}

/// Who had `client` at `at`: the only subscriber whose lease covers it, of the longest prefixes.
fn subscriber(leases: &[Value], client: &str, port: Option<u16>, at: i64) -> Option<String> {
    let client: IpAddr = client.parse().expect("an address");
    let mut found: Vec<(u32, String)> = Vec::new();
    for lease in leases {
        let net = lease["prefix"].as_str().or_else(|| lease["ip"].as_str());
        let (net, len) = network(net.expect("a network")).expect("a network");
        let open_end = lease["end"].is_null();
        let (start, end) = (
            nanos(&lease["start"]),
            if open_end {
                i64::MAX
            } else {
                nanos(&lease["end"])
            },
        );
        for edge in [start, end] {
            assert!(
                edge.abs_diff(at) > 61_000_000_000,
                "a plan keeps away from the edges of leases"
            );
        }
        let ports_fit = match (lease["port_first"].as_u64(), lease["port_last"].as_u64()) {
            (Some(first), Some(last)) => {
                port.is_some_and(|port| (first..=last).contains(&u64::from(port)))
            }
            _ => true,
        };
        if within(client, net, len) && ports_fit && start <= at && at < end {
            let subscriber = lease["subscriber"].as_str().expect("a subscriber");
            found.push((len, subscriber.to_owned()));
        }
    }
    let longest = found.iter().map(|(len, _)| *len).max()?;
    let names: BTreeSet<String> = found
        .into_iter()
        .filter(|(len, _)| *len == longest)
        .map(|(_, name)| name)
        .collect();
    (names.len() == 1)
        .then(|| names.into_iter().next())
        .flatten()
}

impl Feed {
    /// The feed of `lines`; names mean themselves and all below them.
    pub fn of<'l>(lines: impl IntoIterator<Item = &'l str>) -> Self {
        let listed = |line: &str| match network(line) {
            Some((net, len)) => Listed::Net(net, len),
            None => match line.parse::<std::net::SocketAddr>() {
                Ok(end) => Listed::Endpoint(end.ip(), end.port()),
                Err(_) => Listed::Name(line.to_ascii_lowercase()),
            },
        };
        Self(
            lines
                .into_iter()
                .map(|line| (line.to_owned(), listed(line)))
                .collect(),
        )
    }

    /// Every listed value that `row` holds.
    fn values_in(&self, row: &Value) -> BTreeSet<String> {
        let mut values = BTreeSet::new();
        let mut note = |fits: &dyn Fn(&Listed) -> bool| {
            values.extend(
                self.0
                    .iter()
                    .filter(|(_, listed)| fits(listed))
                    .map(|(line, _)| line.clone()),
            );
        };
        if is_dns(row) {
            note(&|listed| listed.is_above(row["query"].as_str().unwrap_or_default()));
            for answer in row["answers"].as_array().into_iter().flatten() {
                let answer = answer.as_str().expect("an answer is a text");
                match answer.parse::<IpAddr>() {
                    Ok(address) => note(&|listed| listed.holds(address, None)),
                    Err(_) => note(&|listed| listed.is_above(answer)),
                }
            }
        } else {
            for (host, port) in [("id.orig_h", "id.orig_p"), ("id.resp_h", "id.resp_p")] {
                note(&|listed| listed.holds(address(row, host), number(row, port)));
            }
        }
        values
    }

    /// Whether the line `value` holds an address, with its port.
    fn covers(&self, value: &str, address: IpAddr, port: Option<u16>) -> bool {
        self.0
            .iter()
            .any(|(line, listed)| line == value && listed.holds(address, port))
    }

    /// Whether any line holds an address.
    fn lists(&self, address: IpAddr) -> bool {
        self.0.iter().any(|(_, listed)| listed.holds(address, None))
    }
}

impl Listed {
    /// Whether this is the name `asked`, or one above it.
    fn is_above(&self, asked: &str) -> bool {
        let asked = asked.trim_end_matches('.').to_ascii_lowercase();
        match self {
            Self::Name(name) => asked == *name || asked.ends_with(&format!(".{name}")),
            Self::Net(..) | Self::Endpoint(..) => false,
        }
    }

    /// Whether this lists an address, met with a port or without.
    fn holds(&self, address: IpAddr, port: Option<u16>) -> bool {
        match self {
            Self::Name(_) => false,
            Self::Net(net, len) => within(address, *net, *len),
            Self::Endpoint(ip, listed) => *ip == address && port == Some(*listed),
        }
    }
}

/// The client and the other end, with their ports.
type Ends = ((IpAddr, Option<u16>), (IpAddr, Option<u16>));

/// The end that is ours, then the other; of DNS the one that asked.
fn ends(row: &Value, own: &Feed) -> Ends {
    let originator = (address(row, "id.orig_h"), number(row, "id.orig_p"));
    let responder = (address(row, "id.resp_h"), number(row, "id.resp_p"));
    if is_dns(row) {
        return (originator, responder);
    }
    match (own.lists(originator.0), own.lists(responder.0)) {
        (true, false) => (originator, responder),
        (false, true) => (responder, originator),
        _ => panic!("a plan has exactly one own end in a flow: {row}"),
    }
}

/// Whether a row is of the `dns` log.
fn is_dns(row: &Value) -> bool {
    row.get("query").is_some()
}

/// When it was, in nanoseconds since the epoch; plans use whole milliseconds.
pub fn time(row: &Value) -> i64 {
    let seconds = row["ts"].as_f64().expect("a time");
    #[expect(clippy::cast_possible_truncation, reason = "a time of our days")]
    let millis = (seconds * 1000.0).round() as i64;
    millis * 1_000_000
}

/// What a DNS row shows: an address without an error, or no more than the question.
fn dns_evidence(row: &Value) -> &'static str {
    let usable = |answer: &Value| {
        let address = answer.as_str().and_then(|text| text.parse::<IpAddr>().ok());
        address.is_some_and(|address| !address.is_unspecified() && !address.is_loopback())
    };
    let answers = row["answers"].as_array();
    let resolved = answers.is_some_and(|answers| answers.iter().any(usable));
    if row["rcode"] == 0 && resolved {
        "resolved"
    } else {
        "looked_up"
    }
}

/// An address field.
fn address(row: &Value, key: &str) -> IpAddr {
    let text = row[key].as_str().expect("an address");
    text.parse().expect("an address")
}

/// A port field.
fn number(row: &Value, key: &str) -> Option<u16> {
    row[key]
        .as_u64()
        .map(|port| u16::try_from(port).expect("a port"))
}

/// A network or an address, which is a network of one.
fn network(text: &str) -> Option<(IpAddr, u32)> {
    let (address, len) = text.split_once('/').unwrap_or((text, ""));
    let address: IpAddr = address.parse().ok()?;
    let whole = if address.is_ipv4() { 32 } else { 128 };
    Some((
        address,
        if len.is_empty() {
            whole
        } else {
            len.parse().ok()?
        },
    ))
}

/// Whether the first `len` bits agree.
fn within(address: IpAddr, net: IpAddr, len: u32) -> bool {
    let bits = |address: IpAddr| match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    };
    let (address, net) = (bits(address), bits(net));
    let bit = |bytes: &[u8], at: u32| {
        let byte = bytes[usize::try_from(at / 8).expect("a byte")];
        byte >> (7 - at % 8) & 1
    };
    address.len() == net.len() && (0..len).all(|at| bit(&address, at) == bit(&net, at))
}
