//! DNS-collector's flat JSON by `serde_json`. Its keys are numbered through the answers; the first
//! eight have fields here, since a map for the rest costs several times as much.

use std::net::IpAddr;

use serde::Deserialize;

use super::{Keys, Rival, from_json, time};
use crate::lab::bench::harness::TurnError;

/// What an event needs of an object.
#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "decoded for whoever would read it")]
pub(in crate::lab::bench) struct CollectorRow {
    #[serde(rename = "dnstap.timestamp-rfc3339ns", deserialize_with = "time")]
    time: i64,
    #[serde(rename = "dnstap.identity")]
    identity: String,
    #[serde(rename = "dnstap.operation")]
    operation: String,
    #[serde(rename = "dnstap.policy-action")]
    policy_action: Option<String>,
    #[serde(rename = "network.query-ip")]
    client: IpAddr,
    #[serde(rename = "network.query-port")]
    client_port: String,
    #[serde(rename = "network.response-ip")]
    resolver: IpAddr,
    #[serde(rename = "network.response-port")]
    resolver_port: String,
    #[serde(rename = "dns.qname")]
    qname: String,
    #[serde(rename = "dns.qtype")]
    qtype: String,
    #[serde(rename = "dns.rcode")]
    rcode: String,
    #[serde(rename = "dns.resource-records.an.0.rdatatype")]
    kind_0: Option<String>,
    #[serde(rename = "dns.resource-records.an.0.rdata")]
    data_0: Option<String>,
    #[serde(rename = "dns.resource-records.an.1.rdatatype")]
    kind_1: Option<String>,
    #[serde(rename = "dns.resource-records.an.1.rdata")]
    data_1: Option<String>,
    #[serde(rename = "dns.resource-records.an.2.rdatatype")]
    kind_2: Option<String>,
    #[serde(rename = "dns.resource-records.an.2.rdata")]
    data_2: Option<String>,
    #[serde(rename = "dns.resource-records.an.3.rdatatype")]
    kind_3: Option<String>,
    #[serde(rename = "dns.resource-records.an.3.rdata")]
    data_3: Option<String>,
    #[serde(rename = "dns.resource-records.an.4.rdatatype")]
    kind_4: Option<String>,
    #[serde(rename = "dns.resource-records.an.4.rdata")]
    data_4: Option<String>,
    #[serde(rename = "dns.resource-records.an.5.rdatatype")]
    kind_5: Option<String>,
    #[serde(rename = "dns.resource-records.an.5.rdata")]
    data_5: Option<String>,
    #[serde(rename = "dns.resource-records.an.6.rdatatype")]
    kind_6: Option<String>,
    #[serde(rename = "dns.resource-records.an.6.rdata")]
    data_6: Option<String>,
    #[serde(rename = "dns.resource-records.an.7.rdatatype")]
    kind_7: Option<String>,
    #[serde(rename = "dns.resource-records.an.7.rdata")]
    data_7: Option<String>,
}

impl CollectorRow {
    /// Type and data of the answers.
    fn answers(&self) -> [(&Option<String>, &Option<String>); 8] {
        [
            (&self.kind_0, &self.data_0),
            (&self.kind_1, &self.data_1),
            (&self.kind_2, &self.data_2),
            (&self.kind_3, &self.data_3),
            (&self.kind_4, &self.data_4),
            (&self.kind_5, &self.data_5),
            (&self.kind_6, &self.data_6),
            (&self.kind_7, &self.data_7),
        ]
    }
}

impl Rival for CollectorRow {
    const ENGINE: &'static str = "serde_json";

    fn decode(record: &[u8]) -> Result<Self, TurnError> {
        from_json(record)
    }

    fn events(&self) -> u64 {
        1
    }

    fn keys(&self, keys: &mut Keys) {
        keys.name(self.qname.as_bytes());
        for (kind, data) in self.answers() {
            if let (Some("A" | "AAAA" | "CNAME"), Some(data)) = (kind.as_deref(), data) {
                keys.answer(data);
            }
        }
    }
}
