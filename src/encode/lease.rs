//! Leases as native JSON.

use serde::Serialize;

use super::json;
use crate::model::{Lease, PortBlock};

/// Appends `lease` as one `gannet.lease.v1` object.
pub fn lease(lease: &Lease, out: &mut Vec<u8>) {
    let single = lease.single_address();
    let written = Written {
        schema: "gannet.lease.v1",
        lease_id: &lease.lease_id,
        subscriber: &lease.subscriber,
        ip: single.map(|ip| ip.to_string()),
        prefix: single.is_none().then(|| lease.net.to_string()),
        port_first: lease.ports.map(PortBlock::first),
        port_last: lease.ports.map(PortBlock::last),
        start: lease.start.to_string(),
        end: lease.end.map(|end| end.to_string()),
        operator: lease.operator.as_deref(),
        country: lease.country.as_deref(),
        source: lease.source.as_deref(),
        contact: lease.contact.as_deref(),
    };
    json::append(&written, out);
}

/// The written form, in the order of its fields.
#[derive(Serialize)]
struct Written<'a> {
    schema: &'static str,
    lease_id: &'a str,
    subscriber: &'a str,
    ip: Option<String>,
    prefix: Option<String>,
    port_first: Option<u16>,
    port_last: Option<u16>,
    start: String,
    end: Option<String>,
    operator: Option<&'a str>,
    country: Option<&'a str>,
    source: Option<&'a str>,
    contact: Option<&'a str>,
}
