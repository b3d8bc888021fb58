//! Zeek rows by `serde_json`.

use std::net::IpAddr;

use serde::Deserialize;

use super::{Keys, Rival, from_json, time};
use crate::lab::bench::harness::TurnError;

/// What an event needs of a `dns` row.
#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "decoded for whoever would read it")]
pub(in crate::lab::bench) struct ZeekDnsRow {
    #[serde(deserialize_with = "time")]
    ts: i64,
    #[serde(rename = "id.orig_h", alias = "id_orig_h")]
    client: IpAddr,
    #[serde(rename = "id.orig_p", alias = "id_orig_p")]
    client_port: u16,
    #[serde(rename = "id.resp_h", alias = "id_resp_h")]
    resolver: IpAddr,
    #[serde(rename = "id.resp_p", alias = "id_resp_p")]
    resolver_port: u16,
    query: Option<String>,
    qtype: Option<u16>,
    rcode: Option<u16>,
    #[serde(default)]
    answers: Vec<String>,
}

impl Rival for ZeekDnsRow {
    const ENGINE: &'static str = "serde_json";

    fn decode(record: &[u8]) -> Result<Self, TurnError> {
        from_json(record)
    }

    fn events(&self) -> u64 {
        1
    }

    fn keys(&self, keys: &mut Keys) {
        if let Some(query) = &self.query {
            keys.name(query.as_bytes());
        }
        for answer in &self.answers {
            keys.answer(answer);
        }
    }
}

/// What an event needs of a `conn` row.
#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "decoded for whoever would read it")]
pub(in crate::lab::bench) struct ZeekConnRow {
    #[serde(deserialize_with = "time")]
    ts: i64,
    #[serde(rename = "id.orig_h", alias = "id_orig_h")]
    source: IpAddr,
    #[serde(rename = "id.orig_p", alias = "id_orig_p")]
    source_port: u16,
    #[serde(rename = "id.resp_h", alias = "id_resp_h")]
    destination: IpAddr,
    #[serde(rename = "id.resp_p", alias = "id_resp_p")]
    destination_port: u16,
    proto: String,
    conn_state: Option<String>,
    history: Option<String>,
    orig_bytes: Option<u64>,
    resp_bytes: Option<u64>,
    orig_pkts: Option<u64>,
    orig_ip_bytes: Option<u64>,
    resp_pkts: Option<u64>,
    resp_ip_bytes: Option<u64>,
}

impl Rival for ZeekConnRow {
    const ENGINE: &'static str = "serde_json";

    fn decode(record: &[u8]) -> Result<Self, TurnError> {
        from_json(record)
    }

    fn events(&self) -> u64 {
        1
    }

    fn keys(&self, keys: &mut Keys) {
        keys.address(self.source);
        keys.address(self.destination);
    }
}
