//! dnstap frames by `prost`, and the DNS message in them by `hickory-proto`.

use hickory_proto::op::Message as DnsMessage;
use hickory_proto::rr::RData;
use prost::Message as _;

use super::{Keys, Rival};
use crate::lab::bench::harness::TurnError;

/// `dnstap.Dnstap`.
#[derive(Clone, PartialEq, prost::Message)]
struct Dnstap {
    #[prost(bytes = "vec", optional, tag = "1")]
    identity: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "2")]
    version: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "3")]
    extra: Option<Vec<u8>>,
    #[prost(message, optional, tag = "14")]
    message: Option<Message>,
    #[prost(int32, required, tag = "15")]
    r#type: i32,
}

/// `dnstap.Message`.
#[derive(Clone, PartialEq, prost::Message)]
struct Message {
    #[prost(int32, required, tag = "1")]
    r#type: i32,
    #[prost(int32, optional, tag = "2")]
    socket_family: Option<i32>,
    #[prost(int32, optional, tag = "3")]
    socket_protocol: Option<i32>,
    #[prost(bytes = "vec", optional, tag = "4")]
    query_address: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "5")]
    response_address: Option<Vec<u8>>,
    #[prost(uint32, optional, tag = "6")]
    query_port: Option<u32>,
    #[prost(uint32, optional, tag = "7")]
    response_port: Option<u32>,
    #[prost(uint64, optional, tag = "8")]
    query_time_sec: Option<u64>,
    #[prost(fixed32, optional, tag = "9")]
    query_time_nsec: Option<u32>,
    #[prost(bytes = "vec", optional, tag = "10")]
    query_message: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "11")]
    query_zone: Option<Vec<u8>>,
    #[prost(uint64, optional, tag = "12")]
    response_time_sec: Option<u64>,
    #[prost(fixed32, optional, tag = "13")]
    response_time_nsec: Option<u32>,
    #[prost(bytes = "vec", optional, tag = "14")]
    response_message: Option<Vec<u8>>,
    #[prost(message, optional, tag = "15")]
    policy: Option<Policy>,
    #[prost(int32, optional, tag = "16")]
    http_protocol: Option<i32>,
}

/// `dnstap.Policy`.
#[derive(Clone, PartialEq, prost::Message)]
struct Policy {
    #[prost(string, optional, tag = "1")]
    r#type: Option<String>,
    #[prost(bytes = "vec", optional, tag = "2")]
    rule: Option<Vec<u8>>,
    #[prost(int32, optional, tag = "3")]
    action: Option<i32>,
    #[prost(int32, optional, tag = "4")]
    r#match: Option<i32>,
    #[prost(bytes = "vec", optional, tag = "5")]
    value: Option<Vec<u8>>,
}

/// A frame and the DNS message in it: the response if there is one.
#[derive(Debug)]
pub(in crate::lab::bench) struct DnstapRow {
    #[expect(dead_code, reason = "decoded for whoever would read it")]
    frame: Dnstap,
    dns: DnsMessage,
}

impl Rival for DnstapRow {
    const ENGINE: &'static str = "prost+hickory-proto";

    fn decode(record: &[u8]) -> Result<Self, TurnError> {
        let frame = Dnstap::decode(record)?;
        let message = frame.message.as_ref().ok_or("a frame without a message")?;
        let dns = message.response_message.as_ref();
        let dns = dns.or(message.query_message.as_ref());
        let dns = DnsMessage::from_vec(dns.ok_or("a frame without a DNS message")?)?;
        Ok(Self { frame, dns })
    }

    fn events(&self) -> u64 {
        1
    }

    fn keys(&self, keys: &mut Keys) {
        for query in self.dns.queries() {
            keys.name(query.name().to_ascii().as_bytes());
        }
        for record in self.dns.answers() {
            #[expect(
                clippy::wildcard_enum_match_arm,
                reason = "an enumeration of another crate, with all types of records"
            )]
            match record.data() {
                RData::A(a) => keys.address(a.0.into()),
                RData::AAAA(aaaa) => keys.address(aaaa.0.into()),
                RData::CNAME(name) => keys.name(name.0.to_ascii().as_bytes()),
                _ => {}
            }
        }
    }
}
