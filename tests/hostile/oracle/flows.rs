//! goflow2 rows.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gannet::decode::Reject;
use gannet::model::{Endpoint, unmapped};

use super::{Judged, Members, Reading, absent, address, has_ports, port, protocol, scalar, text};
use crate::tree::Tree;

/// What a row says.
pub(super) fn reading(members: &Members) -> Option<Judged> {
    let of = |spellings: [&str; 2]| {
        let mut values = members
            .iter()
            .filter(|(key, _)| spellings.contains(&key.as_str()))
            .map(|(_, value)| value);
        let first = values.next();
        values.next().is_none().then_some(first)
    };
    let protocol = of(["proto", "Proto"])?.and_then(scalar).and_then(protocol);
    let port = |value: Option<&Tree>| {
        let port = value.and_then(scalar).and_then(port);
        port.filter(|_| has_ports(protocol))
    };
    let (source, destination) = (of(["src_addr", "SrcAddr"])?, of(["dst_addr", "DstAddr"])?);
    let source_port = port(of(["src_port", "SrcPort"])?);
    let destination_port = port(of(["dst_port", "DstPort"])?);
    let end = |value: Option<&Tree>, port| {
        let written = value.and_then(text).filter(|text| !absent(text));
        let ip = packed(written.ok_or(Reject::Schema)?).ok_or(Reject::BadAddress)?;
        Ok(Endpoint { ip, port })
    };
    let flow = end(source, source_port).and_then(|source| {
        let destination = end(destination, destination_port)?;
        Ok(Some(Reading::Flow(source, destination)))
    });
    Some(flow)
}

/// An address as text, or its bytes in base64.
fn packed(written: &str) -> Option<IpAddr> {
    address(written).or_else(|| {
        let bytes = STANDARD.decode(written).ok()?;
        let four = <[u8; 4]>::try_from(&bytes[..]).map(|bytes| Ipv4Addr::from(bytes).into());
        let sixteen = <[u8; 16]>::try_from(&bytes[..]);
        four.or_else(|_| sixteen.map(|bytes| unmapped(Ipv6Addr::from(bytes).into())))
            .ok()
    })
}
