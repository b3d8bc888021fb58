//! Hits in the Elastic Common Schema: an alert whose `threat.enrichments` are the indicators.
//! What the schema has no word for is below `gannet`. Unknown fields are absent.

use serde_json::{Value, json};

use crate::encode::json::{self, filled, words};
use crate::model::{
    Direction, DnsFacts, Endpoint, Evidence, Field, FlowFacts, Hit, HitKind, MatchedIndicator,
    Named, Side, parse_address,
};

/// The version of the schema that is written.
const ECS_VERSION: &str = "8.17.0";

/// Appends `hit`.
pub(super) fn append(hit: &Hit, out: &mut Vec<u8>) {
    let mut value = document(hit);
    prune(&mut value);
    json::append(&value, out);
}

/// The document of `hit`, with nulls for what is not known.
fn document(hit: &Hit) -> Value {
    let client = end(
        hit.client,
        flow(hit).map(|flow| (flow.bytes_out, flow.packets_out)),
    );
    let remote = end(
        hit.remote,
        flow(hit).map(|flow| (flow.bytes_in, flow.packets_in)),
    );
    let (source, destination) = if remote_started(hit) {
        (remote, client)
    } else {
        (client, remote)
    };
    json!({
        "@timestamp": hit.event_time.to_string(),
        "ecs": {"version": ECS_VERSION},
        "event": {
            "kind": "alert",
            "category": ["network", "intrusion_detection"],
            "type": ["info", event_type(hit)],
            "module": "gannet",
            "dataset": "gannet.hit",
            "action": "ioc-match",
            "id": hit.hit_id.to_string(),
            "severity": severity(hit),
            "risk_score": hit.indicators.iter().map(|one| one.confidence).max(),
            "created": hit.matched_at.to_string(),
        },
        "message": format!("{} in {}", hit.matched.value, hit.matched.field.as_str()),
        "rule": {"name": hit.campaign},
        "threat": {
            "enrichments": hit.indicators.iter().map(|one| enrichment(hit, one)).collect::<Vec<_>>(),
            "software": {"name": hit.indicators.iter().find_map(|one| one.malware.as_deref())},
        },
        "dns": dns(hit),
        "source": source,
        "destination": destination,
        "network": {
            "direction": network_direction(hit.direction),
            "protocol": matches!(hit.kind, HitKind::Dns(_)).then_some("dns"),
            "iana_number": flow(hit).and_then(|flow| flow.protocol).map(|number| number.to_string()),
            "transport": flow(hit).and_then(|flow| flow.protocol).and_then(transport),
        },
        "user": {"id": hit.client_hint},
        "related": {"ip": related_ips(hit), "hosts": related_hosts(hit)},
        "observer": {
            "vendor": "Gannet",
            "product": "gannet",
            "name": hit.source.observer,
        },
        "gannet": own(hit),
    })
}

/// What the schema has no word for.
fn own(hit: &Hit) -> Value {
    json!({
        "event_fp": hit.event_fp.to_string(),
        "time_source": hit.time_source.as_str(),
        "campaign": hit.campaign,
        "match": {
            "field": hit.matched.field.as_str(),
            "kind": hit.matched.kind.as_str(),
            "class": hit.matched.class,
            "side": hit.matched.side.map(Named::as_str),
            "value": hit.matched.value,
            "valid_at_event": hit.matched.valid_at_event,
        },
        "evidence": hit.evidence.as_str(),
        "flags": words(&hit.flags),
        "direction": hit.direction.as_str(),
        "victim_evidence": hit.victim_evidence(),
        "victim_reason": hit.victim_reason.map(Named::as_str),
        "sampling_rate": hit.sampling_rate,
        "tcp_flags": flow(hit).and_then(|flow| flow.tcp_flags),
        "snapshot": {"generation": hit.snapshot.generation, "hash": hit.snapshot.hash},
        "source": {
            "cluster": hit.source.cluster,
            "topic": hit.source.topic,
            "partition": hit.source.partition,
            "offset": hit.source.offset,
            "index": hit.source.index,
        },
        "truncated": hit.truncated.then_some(true),
    })
}

/// The flow that the hit shows, if it is of one.
fn flow(hit: &Hit) -> Option<&FlowFacts> {
    match &hit.kind {
        HitKind::Dns(_) => None,
        HitKind::Flow(flow) => Some(flow),
    }
}

/// Whether the remote side is the source in the schema's sense.
fn remote_started(hit: &Hit) -> bool {
    match hit.direction {
        Direction::Inbound => true,
        Direction::Outbound | Direction::Internal | Direction::Transit => false,
    }
}

/// The second word of `event.type`.
fn event_type(hit: &Hit) -> &'static str {
    match &hit.kind {
        HitKind::Dns(_) => "protocol",
        HitKind::Flow(_) => "connection",
    }
}

/// Low, medium, high and critical as Elastic's rules number them.
fn severity(hit: &Hit) -> u8 {
    if !hit.victim_evidence() {
        return 21;
    }
    match hit.evidence {
        Evidence::LookedUp => 47,
        Evidence::Resolved | Evidence::Attempted => 73,
        Evidence::Connected | Evidence::Transferred => 99,
    }
}

/// `network.direction`.
fn network_direction(direction: Direction) -> &'static str {
    match direction {
        Direction::Outbound => "outbound",
        Direction::Inbound => "inbound",
        Direction::Internal => "internal",
        Direction::Transit => "external",
    }
}

/// The name of a transport protocol.
fn transport(number: u8) -> Option<&'static str> {
    match number {
        1 => Some("icmp"),
        6 => Some("tcp"),
        17 => Some("udp"),
        58 => Some("ipv6-icmp"),
        132 => Some("sctp"),
        _ => None,
    }
}

/// An end of the event, with what it sent.
fn end(end: Option<Endpoint>, sent: Option<(Option<u64>, Option<u64>)>) -> Value {
    let Some(end) = end else {
        return Value::Null;
    };
    let (bytes, packets) = sent.unwrap_or_default();
    json!({
        "ip": end.ip.to_string(),
        "address": end.ip.to_string(),
        "port": end.port,
        "bytes": bytes,
        "packets": packets,
    })
}

/// `dns.*`.
fn dns(hit: &Hit) -> Value {
    let HitKind::Dns(dns) = &hit.kind else {
        return Value::Null;
    };
    json!({
        "question": {"name": filled(&dns.qname), "type": dns.qtype},
        "response_code": dns.rcode,
        "answers": dns.answers.iter().map(|data| json!({"data": data})).collect::<Vec<_>>(),
        "resolved_ip": addresses(dns),
    })
}

/// The addresses among the answers.
fn addresses(dns: &DnsFacts) -> Vec<&str> {
    let is_address = |text: &&str| parse_address(text).is_ok();
    dns.answers
        .iter()
        .map(String::as_str)
        .filter(is_address)
        .collect()
}

/// Every address of the event, without repeats.
fn related_ips(hit: &Hit) -> Vec<String> {
    let mut ips: Vec<String> = [hit.client, hit.remote]
        .iter()
        .flatten()
        .map(|end| end.ip.to_string())
        .collect();
    if let HitKind::Dns(dns) = &hit.kind {
        ips.extend(addresses(dns).into_iter().map(str::to_owned));
    }
    ips.sort();
    ips.dedup();
    ips
}

/// Every name of the event, without repeats.
fn related_hosts(hit: &Hit) -> Vec<&str> {
    let HitKind::Dns(dns) = &hit.kind else {
        return Vec::new();
    };
    let names = dns.answers.iter().map(String::as_str);
    let mut hosts: Vec<&str> = filled(&dns.qname)
        .into_iter()
        .chain(names.filter(|text| parse_address(text).is_err()))
        .collect();
    hosts.sort_unstable();
    hosts.dedup();
    hosts
}

/// An indicator, as Elastic's indicator match rules write it.
fn enrichment(hit: &Hit, one: &MatchedIndicator) -> Value {
    let (kind, ip, port) = match hit.matched.class {
        "prefix" => address_parts(&hit.matched.value, None),
        "endpoint" => match hit.matched.value.rsplit_once(':') {
            Some((address, port)) => address_parts(address, port.parse().ok()),
            None => address_parts(&hit.matched.value, None),
        },
        _ => ("domain-name", None, None),
    };
    json!({
        "indicator": {
            "type": kind,
            "name": hit.matched.value,
            "ip": ip,
            "port": port,
            "description": one.written,
            "confidence": confidence(one.confidence),
            "provider": &*one.feed,
            "reference": one.reference,
            "first_seen": one.valid_from.map(|time| time.to_string()),
            "last_seen": one.valid_until.map(|time| time.to_string()),
            "id": one.id.as_ref().map(|id| vec![id]),
        },
        "feed": {"name": &*one.feed},
        "matched": {
            "atomic": hit.matched.value,
            "field": matched_field(hit),
            "id": hit.hit_id.to_string(),
            "occurred": hit.event_time.to_string(),
            "type": "indicator_match_rule",
        },
        "gannet": {
            "role": one.role.as_str(),
            "state": one.state.as_str(),
            "malware": one.malware.as_deref(),
            "confidence": one.confidence,
            "victim_direction": one.victim_direction.as_str(),
            "tags": one.tags.iter().map(AsRef::as_ref).collect::<Vec<&str>>(),
        },
    })
}

/// Type, address (only of a single one) and port of an address indicator.
fn address_parts(text: &str, port: Option<u16>) -> (&'static str, Option<String>, Option<u16>) {
    let text = text.trim_start_matches('[').trim_end_matches(']');
    let kind = if text.contains(':') {
        "ipv6-addr"
    } else {
        "ipv4-addr"
    };
    (
        kind,
        parse_address(text).ok().map(|ip| ip.to_string()),
        port,
    )
}

/// The schema's scale of confidence, cut as STIX cuts it.
fn confidence(percent: u8) -> &'static str {
    match percent {
        0 => "None",
        1..=29 => "Low",
        30..=69 => "Medium",
        70.. => "High",
    }
}

/// The schema's name of the field that matched.
fn matched_field(hit: &Hit) -> &'static str {
    match hit.matched.field {
        Field::Qname => "dns.question.name",
        Field::AnswerName => "dns.answers.data",
        Field::AnswerAddress => "dns.resolved_ip",
        Field::Source | Field::Destination => {
            let remote = hit.matched.side != Some(Side::Client);
            if remote == remote_started(hit) {
                "source.ip"
            } else {
                "destination.ip"
            }
        }
    }
}

/// Removes nulls, and objects and lists that hold nothing.
fn prune(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.values_mut().for_each(prune);
            fields.retain(|_, field| !is_void(field));
        }
        Value::Array(items) => items.iter_mut().for_each(prune),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Whether there is nothing in it.
fn is_void(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(fields) => fields.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}
