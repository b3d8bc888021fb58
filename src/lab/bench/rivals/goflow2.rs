//! goflow2 messages by `prost` and its JSON by `serde_json`.

use std::net::IpAddr;

use prost::Message as _;
use serde::Deserialize;

use super::{Keys, Rival, from_json};
use crate::lab::bench::harness::TurnError;

/// `flowpb.FlowMessage` as `prost-build` would generate it from the published schema, but for
/// the names of its enumerations, which are numbers on the wire.
#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::lab::bench) struct FlowMessage {
    #[prost(int32, tag = "1")]
    r#type: i32,
    #[prost(uint64, tag = "110")]
    time_received_ns: u64,
    #[prost(uint32, tag = "4")]
    sequence_num: u32,
    #[prost(uint64, tag = "3")]
    sampling_rate: u64,
    #[prost(bytes = "vec", tag = "11")]
    sampler_address: Vec<u8>,
    #[prost(uint64, tag = "111")]
    time_flow_start_ns: u64,
    #[prost(uint64, tag = "112")]
    time_flow_end_ns: u64,
    #[prost(uint64, tag = "9")]
    bytes: u64,
    #[prost(uint64, tag = "10")]
    packets: u64,
    #[prost(bytes = "vec", tag = "6")]
    src_addr: Vec<u8>,
    #[prost(bytes = "vec", tag = "7")]
    dst_addr: Vec<u8>,
    #[prost(uint32, tag = "30")]
    etype: u32,
    #[prost(uint32, tag = "20")]
    proto: u32,
    #[prost(uint32, tag = "21")]
    src_port: u32,
    #[prost(uint32, tag = "22")]
    dst_port: u32,
    #[prost(uint32, tag = "18")]
    in_if: u32,
    #[prost(uint32, tag = "19")]
    out_if: u32,
    #[prost(uint64, tag = "27")]
    src_mac: u64,
    #[prost(uint64, tag = "28")]
    dst_mac: u64,
    #[prost(uint32, tag = "33")]
    src_vlan: u32,
    #[prost(uint32, tag = "34")]
    dst_vlan: u32,
    #[prost(uint32, tag = "29")]
    vlan_id: u32,
    #[prost(uint32, tag = "23")]
    ip_tos: u32,
    #[prost(uint32, tag = "24")]
    forwarding_status: u32,
    #[prost(uint32, tag = "25")]
    ip_ttl: u32,
    #[prost(uint32, tag = "38")]
    ip_flags: u32,
    #[prost(uint32, tag = "26")]
    tcp_flags: u32,
    #[prost(uint32, tag = "31")]
    icmp_type: u32,
    #[prost(uint32, tag = "32")]
    icmp_code: u32,
    #[prost(uint32, tag = "37")]
    ipv6_flow_label: u32,
    #[prost(uint32, tag = "35")]
    fragment_id: u32,
    #[prost(uint32, tag = "36")]
    fragment_offset: u32,
    #[prost(uint32, tag = "14")]
    src_as: u32,
    #[prost(uint32, tag = "15")]
    dst_as: u32,
    #[prost(bytes = "vec", tag = "12")]
    next_hop: Vec<u8>,
    #[prost(uint32, tag = "16")]
    src_net: u32,
    #[prost(uint32, tag = "17")]
    dst_net: u32,
    #[prost(bytes = "vec", tag = "100")]
    bgp_next_hop: Vec<u8>,
    #[prost(uint32, repeated, tag = "101")]
    bgp_communities: Vec<u32>,
    #[prost(uint32, repeated, tag = "102")]
    as_path: Vec<u32>,
    #[prost(uint32, tag = "70")]
    observation_domain_id: u32,
    #[prost(uint32, tag = "71")]
    observation_point_id: u32,
}

/// The messages of a record: each with its length before it, or one without.
#[derive(Debug)]
pub(in crate::lab::bench) struct Goflow2Messages(Vec<FlowMessage>);

impl Rival for Goflow2Messages {
    const ENGINE: &'static str = "prost";

    fn decode(record: &[u8]) -> Result<Self, TurnError> {
        if let [0x08, 0..=7, ..] = record {
            return Ok(Self(vec![FlowMessage::decode(record)?]));
        }
        let (mut rest, mut messages) = (record, Vec::new());
        while !rest.is_empty() {
            messages.push(FlowMessage::decode_length_delimited(&mut rest)?);
        }
        Ok(Self(messages))
    }

    fn events(&self) -> u64 {
        self.0.len() as u64
    }

    fn keys(&self, keys: &mut Keys) {
        for message in &self.0 {
            keys.octets(&message.src_addr);
            keys.octets(&message.dst_addr);
        }
    }
}

/// What an event needs of a JSON object.
#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "decoded for whoever would read it")]
pub(in crate::lab::bench) struct Goflow2Row {
    time_received_ns: u64,
    time_flow_start_ns: u64,
    sampling_rate: u64,
    sampler_address: Option<String>,
    bytes: u64,
    packets: u64,
    src_addr: IpAddr,
    dst_addr: IpAddr,
    proto: String,
    src_port: u16,
    dst_port: u16,
    tcp_flags: Option<u8>,
}

impl Rival for Goflow2Row {
    const ENGINE: &'static str = "serde_json";

    fn decode(record: &[u8]) -> Result<Self, TurnError> {
        from_json(record)
    }

    fn events(&self) -> u64 {
        1
    }

    fn keys(&self, keys: &mut Keys) {
        keys.address(self.src_addr);
        keys.address(self.dst_addr);
    }
}
