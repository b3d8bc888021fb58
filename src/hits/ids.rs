//! The two ids of a hit. Their inputs are a promise: consumers drop repeats by them, so nothing
//! here may ever change without a new id version.

use std::borrow::Cow;
use std::net::IpAddr;

use crate::model::{
    Endpoint, Event, EventFingerprint, EventKind, HitId, IdHasher, Match, Position,
};

/// Name and version of `hit_id`.
const HIT_ID: &str = "gannet.hit_id.1";

/// Name and version of `event_fp`.
const EVENT_FP: &str = "gannet.event_fp.1";

/// Stands for a number that is not known.
const UNKNOWN: i64 = -1;

/// The id of the hit of `found` in the item at `position`, whose record has the timestamp
/// `time_ms`.
pub(super) fn hit_id(position: &Position, time_ms: i64, found: &Match) -> HitId {
    let mut hasher = IdHasher::new(HIT_ID);
    hasher
        .bytes(position.cluster.as_bytes())
        .bytes(position.topic.as_bytes())
        .number(i64::from(position.partition))
        .number(position.offset)
        .number(time_ms)
        .number(i64::from(position.index))
        .bytes(found.class.as_bytes())
        .bytes(with_length(found).as_bytes());
    HitId(hasher.finish())
}

/// The value of `found`; a single address with its prefix length.
fn with_length(found: &Match) -> Cow<'_, str> {
    let value = found.value.as_str();
    if found.class != "prefix" || value.contains('/') {
        Cow::Borrowed(value)
    } else if value.contains(':') {
        Cow::Owned(format!("{value}/128"))
    } else {
        Cow::Owned(format!("{value}/32"))
    }
}

/// The fingerprint of the fact that `event` reports: client, question and time, or both ends of
/// the flow in either order, protocol and time.
pub(super) fn event_fp(event: &Event) -> EventFingerprint {
    let mut hasher = IdHasher::new(EVENT_FP);
    hasher.number(event.time.nanos());
    match &event.kind {
        EventKind::Dns(dns) => {
            hasher.bytes(b"dns");
            match dns.client {
                Some(client) => address(&mut hasher, client.ip),
                None => {
                    hasher.bytes(b"");
                }
            }
            hasher
                .bytes(dns.qname.as_bytes())
                .number(dns.qtype.map_or(UNKNOWN, i64::from));
        }
        EventKind::Flow(flow) => {
            hasher
                .bytes(b"flow")
                .number(flow.protocol.map_or(UNKNOWN, i64::from));
            let (low, high) = if flow.source <= flow.destination {
                (flow.source, flow.destination)
            } else {
                (flow.destination, flow.source)
            };
            endpoint(&mut hasher, low);
            endpoint(&mut hasher, high);
        }
    }
    EventFingerprint(hasher.finish())
}

/// Adds an address in its 4 or 16 bytes.
fn address(hasher: &mut IdHasher, ip: IpAddr) {
    match ip {
        IpAddr::V4(v4) => hasher.bytes(&v4.octets()),
        IpAddr::V6(v6) => hasher.bytes(&v6.octets()),
    };
}

/// Adds an address and its port.
fn endpoint(hasher: &mut IdHasher, end: Endpoint) {
    address(hasher, end.ip);
    hasher.number(end.port.map_or(UNKNOWN, i64::from));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hits::fixtures::{
        address_match, dns, dns_event_of, event_of, flow, name_match, position,
    };
    use crate::model::{Answer, DnsEvent, DnsMessage, EventTime, Field, FlowEvent, Half};

    #[test]
    fn ids_never_change() {
        let name = name_match("bad.example");
        let address = address_match("203.0.113.66", Field::Destination);
        let asked = dns_event_of(dns("www.bad.example"));
        let sent = event_of(flow("198.51.100.7:50000", "[2001:db8::1]:443"));
        let actual = [
            hit_id(&position(), 1_767_225_600_140, &name).to_string(),
            hit_id(&position(), UNKNOWN, &name).to_string(),
            hit_id(&position(), 1_767_225_600_140, &address).to_string(),
            event_fp(&asked).to_string(),
            event_fp(&sent).to_string(),
        ];
        let expected = [
            "fpnssizyhcinm66psxy73lxbj5",
            "ei2dkwazr3d4visskjix5uhyli",
            "hnhoagf2fto7lsvcdh6meoetxv",
            "htil3cq5ijba2vzhfcsaru2ayr",
            "dwmi6456km4eb5blbqsckj4qq4",
        ];
        assert_eq!(actual, expected);
    }

    #[test]
    fn every_part_of_the_position_and_the_value_counts() {
        let base = position();
        let name = name_match("bad.example");
        let mut ids = vec![
            hit_id(&base, 1, &name),
            hit_id(&base, 2, &name),
            hit_id(&base, UNKNOWN, &name),
            hit_id(&base, 1, &name_match("worse.example")),
        ];
        let pattern = Match {
            class: "pattern",
            ..name.clone()
        };
        ids.push(hit_id(&base, 1, &pattern));
        for moved in [
            Position {
                cluster: "b".into(),
                ..base.clone()
            },
            Position {
                topic: "b".into(),
                ..base.clone()
            },
            Position {
                partition: 9,
                ..base.clone()
            },
            Position {
                offset: 9,
                ..base.clone()
            },
            Position {
                index: 9,
                ..base.clone()
            },
        ] {
            ids.push(hit_id(&moved, 1, &name));
        }
        let count = ids.len();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), count);
        let observed = Position {
            observer: Some("other".into()),
            ..base.clone()
        };
        assert_eq!(hit_id(&observed, 1, &name), hit_id(&base, 1, &name));
    }

    #[test]
    fn an_address_is_its_longest_prefix() {
        let id = |value: &str| {
            let found = address_match(value, Field::Source);
            hit_id(&position(), UNKNOWN, &found)
        };
        assert_eq!(id("203.0.113.66"), id("203.0.113.66/32"));
        assert_eq!(id("2001:db8::1"), id("2001:db8::1/128"));
        assert_ne!(id("203.0.113.66"), id("203.0.113.66/31"));
    }

    #[test]
    fn both_logs_of_one_question_are_one_fact() {
        let query = DnsEvent {
            message: DnsMessage::Query,
            rcode: None,
            ..dns("a.example")
        };
        let response = DnsEvent {
            answers: vec![Answer::Name("b.example".into())],
            ..dns("a.example")
        };
        let fp = |dns| event_fp(&dns_event_of(dns));
        assert_eq!(fp(query), fp(response.clone()));
        assert_ne!(fp(response.clone()), fp(dns("b.example")));
        assert_ne!(
            fp(response.clone()),
            fp(DnsEvent {
                qtype: Some(28),
                ..response.clone()
            })
        );
        assert_ne!(
            fp(response.clone()),
            fp(DnsEvent {
                client: None,
                ..response
            })
        );
    }

    #[test]
    fn both_halves_of_one_flow_are_one_fact() {
        let one = flow("198.51.100.7:50000", "203.0.113.66:443");
        let two = FlowEvent {
            forward: Half {
                packets: Some(7),
                ..Half::default()
            },
            ..flow("203.0.113.66:443", "198.51.100.7:50000")
        };
        assert_eq!(event_fp(&event_of(one)), event_fp(&event_of(two)));
        let other_port = flow("198.51.100.7:50001", "203.0.113.66:443");
        assert_ne!(event_fp(&event_of(one)), event_fp(&event_of(other_port)));
        let later = Event {
            time: EventTime::from_nanos(9),
            ..event_of(one)
        };
        assert_ne!(event_fp(&event_of(one)), event_fp(&later));
    }
}
