//! Our own event formats by `serde_json` and by the types that `prost` generates.

use std::net::IpAddr;

use prost::Message as _;
use serde::Deserialize;

use super::{Keys, Rival, time};
use crate::lab::bench::harness::TurnError;
use crate::proto;

/// The `gannet.event.v1` objects of a record, one a line.
#[derive(Debug)]
pub(in crate::lab::bench) struct GannetRows(Vec<Row>);

/// One object.
#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "decoded for whoever would read it")]
struct Row {
    #[serde(deserialize_with = "time")]
    time: i64,
    observer: Option<String>,
    client_hint: Option<String>,
    #[serde(default)]
    sampling_rate: u64,
    dns: Option<Dns>,
    flow: Option<Flow>,
}

/// One end.
#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "decoded for whoever would read it")]
struct End {
    ip: IpAddr,
    port: Option<u16>,
}

/// A DNS transaction.
#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "decoded for whoever would read it")]
struct Dns {
    message: Option<String>,
    side: Option<String>,
    client: Option<End>,
    resolver: Option<End>,
    qname: String,
    qtype: Option<String>,
    rcode: Option<String>,
    #[serde(default)]
    answers: Vec<String>,
    #[serde(default)]
    blocked: bool,
}

/// A flow.
#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "decoded for whoever would read it")]
struct Flow {
    initiator: Option<String>,
    source: End,
    destination: End,
    protocol: Option<u8>,
    packets: Option<u64>,
    bytes: Option<u64>,
    payload_bytes: Option<u64>,
    reverse: Option<Half>,
    tcp_flags: Option<u8>,
    state: Option<String>,
}

/// What came back.
#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "decoded for whoever would read it")]
struct Half {
    packets: Option<u64>,
    bytes: Option<u64>,
    payload_bytes: Option<u64>,
}

impl Rival for GannetRows {
    const ENGINE: &'static str = "serde_json";

    fn decode(record: &[u8]) -> Result<Self, TurnError> {
        let rows = serde_json::Deserializer::from_slice(record).into_iter();
        Ok(Self(rows.collect::<Result<_, _>>()?))
    }

    fn events(&self) -> u64 {
        self.0.len() as u64
    }

    fn keys(&self, keys: &mut Keys) {
        for row in &self.0 {
            if let Some(dns) = &row.dns {
                keys.name(dns.qname.as_bytes());
                dns.answers.iter().for_each(|answer| keys.answer(answer));
            }
            if let Some(flow) = &row.flow {
                keys.address(flow.source.ip);
                keys.address(flow.destination.ip);
            }
        }
    }
}

/// The batch of a record.
#[derive(Debug)]
pub(in crate::lab::bench) struct GannetBatch(proto::EventBatch);

impl Rival for GannetBatch {
    const ENGINE: &'static str = "prost";

    fn decode(record: &[u8]) -> Result<Self, TurnError> {
        Ok(Self(proto::EventBatch::decode(record)?))
    }

    fn events(&self) -> u64 {
        self.0.events.len() as u64
    }

    fn keys(&self, keys: &mut Keys) {
        for event in &self.0.events {
            match &event.kind {
                Some(proto::event::Kind::Dns(dns)) => {
                    keys.name(dns.qname.as_bytes());
                    for answer in &dns.answers {
                        match &answer.value {
                            Some(proto::answer::Value::Name(name)) => keys.name(name.as_bytes()),
                            Some(proto::answer::Value::Ip(ip)) => keys.octets(ip),
                            None => {}
                        }
                    }
                }
                Some(proto::event::Kind::Flow(flow)) => {
                    for end in [&flow.source, &flow.destination].into_iter().flatten() {
                        keys.octets(&end.ip);
                    }
                }
                None => {}
            }
        }
    }
}
