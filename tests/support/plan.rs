//! Made traffic for the tests: a feed, rows as Zeek writes them with times that tell them
//! apart, leases that change hands, and the same flows as goflow2 writes them. Names and
//! addresses are those kept for documentation.

use gannet::encode;
use gannet::model::{
    Endpoint, Event, EventFormat, EventKind, EventTime, FlowEvent, Half, Initiator, TimeSource,
};
use serde_json::{Value, json};

use super::naive;
use super::random::Random;

/// What is looked for: names within names, prefixes within prefixes, one port.
pub const FEED: &[&str] = &[
    "bad.example",
    "b.bad.example",
    "worse.test",
    "a.invalid",
    "203.0.113.66",
    "203.0.113.64/28",
    "198.51.100.77:4444",
    "2001:db8:bad::/48",
];

/// What the feed lists besides and nobody may look for: an own address.
pub const REFUSED: &[&str] = &["10.0.0.9"];

/// Whose addresses are ours.
pub const OWN: &[&str] = &["10.0.0.0/8", "2001:db8:c::/48"];

/// When it all began, in seconds: 2026-01-01.
const START: i64 = 1_767_225_600;

/// When leases changed hands, after the start.
const CHANGE: i64 = 3_600;

/// Rows that differ in their times.
pub struct Plan {
    random: Random,
    made: i64,
    total: i64,
}

impl Plan {
    /// A plan of up to `total` rows.
    pub fn new(seed: u64, total: usize) -> Self {
        Self {
            random: Random::new(seed),
            made: 0,
            total: i64::try_from(total).expect("a number of rows"),
        }
    }

    /// The time of the next row in milliseconds: the first half before the leases change
    /// hands, the second well after.
    fn next_millis(&mut self) -> i64 {
        let half = if self.made * 2 < self.total {
            0
        } else {
            2 * CHANGE * 1000
        };
        self.made += 1;
        START * 1000 + 120_000 + half + self.made
    }

    /// The same in seconds.
    fn next_ts(&mut self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "thirteen digits fit")]
        let millis = self.next_millis() as f64;
        millis / 1000.0
    }

    /// A client and its port: of some thirty lines, some behind a shared address.
    fn client(&mut self) -> (String, u16) {
        let port = 1024 + u16::try_from(self.random.below(4000)).expect("a port");
        let host = self.random.below(12);
        let address = if self.random.one_in(4) {
            format!("2001:db8:c:{host:x}::{:x}", 1 + self.random.below(3))
        } else {
            format!("10.0.0.{}", 1 + host)
        };
        (address, port)
    }

    /// A DNS row; about one in three holds something listed.
    pub fn dns(&mut self) -> Value {
        const NAMES: &[&str] = &[
            "bad.example",
            "www.BAD.example",
            "b.bad.example",
            "x.b.bad.example",
            "bad.example.net.test",
            "notbad.example",
            "example",
            "good.test",
            "worse.test",
            "a.a.invalid",
            "invalid",
            "cdn.good.example",
            "shop.good.example",
            "mail.good.example",
            "static.good.test",
        ];
        const ANSWERS: &[&str] = &[
            "192.0.2.1",
            "192.0.2.2",
            "203.0.113.66",
            "203.0.113.79",
            "203.0.113.80",
            "2001:db8:bad::5",
            "2001:db8::5",
            "worse.test",
            "cdn.good.example",
            "0.0.0.0",
        ];
        let (client, port) = self.client();
        let mut row = json!({
            "_path": "dns", "ts": self.next_ts(), "id.orig_h": client, "id.orig_p": port,
            "id.resp_h": "192.0.2.53", "id.resp_p": 53, "proto": "udp",
            "query": *self.random.pick(NAMES), "qtype": 1, "qtype_name": "A",
        });
        if self.random.one_in(5) {
            return row;
        }
        row["rcode"] = json!(if self.random.one_in(4) { 3 } else { 0 });
        let answers = 0..self.random.below(3);
        let answers: Vec<&str> = answers.map(|_| *self.random.pick(ANSWERS)).collect();
        row["answers"] = json!(answers);
        row
    }

    /// A flow as a Zeek `conn` row, from or to one of ours.
    pub fn conn(&mut self) -> Value {
        const REMOTES: &[&str] = &[
            "192.0.2.1",
            "192.0.2.99",
            "203.0.113.66",
            "203.0.113.70",
            "203.0.113.90",
            "198.51.100.77",
            "198.51.100.78",
        ];
        let (client, port) = self.client();
        let (remote, service) = if client.contains(':') {
            let remotes = ["2001:db8:bad::1", "2001:db8:5::1"];
            (*self.random.pick(&remotes), 443_u16)
        } else {
            let service = *self.random.pick(&[443, 4444]);
            (*self.random.pick(REMOTES), service)
        };
        let (orig, resp) = if self.random.one_in(4) {
            ((remote.to_owned(), 50_000), (client, port))
        } else {
            ((client, port), (remote.to_owned(), service))
        };
        json!({
            "_path": "conn", "ts": self.next_ts(), "proto": "tcp", "conn_state": "SF",
            "id.orig_h": orig.0, "id.orig_p": orig.1, "id.resp_h": resp.0, "id.resp_p": resp.1,
            "orig_pkts": 4, "orig_ip_bytes": 400, "resp_pkts": 3, "resp_ip_bytes": 900,
        })
    }
}

/// A row of another log, which is none of our business.
pub fn other_log() -> Vec<u8> {
    br#"{"_path":"http","ts":1767225600.0,"host":"www.bad.example"}"#.to_vec()
}

/// The bytes of a row.
pub fn bytes(row: &Value) -> Vec<u8> {
    serde_json::to_vec(row).expect("JSON")
}

/// Flows as one goflow2 record: one-way, opened by their source.
pub fn goflow2(rows: &[Value]) -> Vec<u8> {
    let end = |row: &Value, host: &str, port: &str| Endpoint {
        ip: row[host]
            .as_str()
            .expect("an address")
            .parse()
            .expect("an address"),
        port: row[port].as_u64().and_then(|port| u16::try_from(port).ok()),
    };
    let events: Vec<Event> = rows
        .iter()
        .map(|row| Event {
            time: EventTime::from_nanos(naive::time(row)),
            time_source: TimeSource::Event,
            observer: None,
            hint: None,
            sampling_rate: 1,
            kind: EventKind::Flow(FlowEvent {
                source: end(row, "id.orig_h", "id.orig_p"),
                destination: end(row, "id.resp_h", "id.resp_p"),
                protocol: Some(6),
                forward: Half {
                    packets: Some(1),
                    bytes: Some(60),
                    payload: None,
                },
                reverse: None,
                tcp_flags: Some(2),
                state: None,
                initiator: Initiator::Unknown,
            }),
        })
        .collect();
    let mut record = Vec::new();
    encode::event::write(EventFormat::Goflow2Protobuf, &events, &mut record);
    record
}

/// Leases of most addresses: some change hands, one is shared by ports, IPv6 goes by prefix.
pub fn leases() -> Vec<Value> {
    let at = |seconds: i64| {
        let at = jiff::Timestamp::from_second(START + seconds).expect("a time");
        at.to_string()
    };
    let lease = |net: (&str, String), start: i64, end: Option<i64>, who: &str| {
        json!({
            "schema": "gannet.lease.v1", "lease_id": who, "subscriber": who, net.0: net.1,
            "start": at(start), "end": end.map(at), "operator": "ISP A", "country": "VN",
        })
    };
    let mut leases = Vec::new();
    for host in 1..=9 {
        let net = ("ip", format!("10.0.0.{host}"));
        if host % 3 == 0 {
            leases.push(lease(
                net.clone(),
                -CHANGE,
                Some(CHANGE),
                &format!("old-{host}"),
            ));
            leases.push(lease(net, CHANGE, None, &format!("new-{host}")));
        } else {
            leases.push(lease(net, -CHANGE, None, &format!("line-{host}")));
        }
    }
    for host in 0..8 {
        let net = ("prefix", format!("2001:db8:c:{host:x}::/64"));
        leases.push(lease(net, -CHANGE, None, &format!("six-{host:x}")));
    }
    for (who, first, last) in [("shared-low", 1024, 2999), ("shared-high", 3000, 65_535)] {
        let mut shared = lease(("ip", "10.0.0.10".to_owned()), -CHANGE, None, who);
        shared["port_first"] = json!(first);
        shared["port_last"] = json!(last);
        leases.push(shared);
    }
    leases
}
