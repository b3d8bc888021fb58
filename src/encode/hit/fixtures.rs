//! The hits that the tests of this module write.

use crate::model::{
    Direction, DnsFacts, Endpoint, EventFingerprint, EventTime, Evidence, Field, Flag, FlowFacts,
    Hit, HitId, HitKind, HitMatch, IndicatorState, MatchKind, MatchedIndicator, Position, Role,
    Side, SnapshotId, TimeSource, VictimDirection, VictimReason,
};

/// 2026-01-01T00:00:00Z, and `nanos` more.
fn time(nanos: i64) -> EventTime {
    EventTime::from_nanos(1_767_225_600_000_000_000 + nanos)
}

/// A hit with everything that a DNS hit may hold.
pub(super) fn dns_hit() -> Hit {
    Hit {
        hit_id: HitId([0; 16]),
        event_fp: EventFingerprint([255; 16]),
        event_time: time(140_000_000),
        time_source: TimeSource::Event,
        matched_at: time(1_200_000_000),
        client: Some(end("198.51.100.7", Some(53_123))),
        client_hint: Some("line-0042".into()),
        remote: Some(end("192.0.2.53", Some(53))),
        kind: HitKind::Dns(DnsFacts {
            qname: "www.bad.example".into(),
            qtype: Some("A".into()),
            rcode: Some("NOERROR".into()),
            answers: vec!["cdn.bad.example".into(), "203.0.113.66".into()],
        }),
        matched: HitMatch {
            field: Field::Qname,
            kind: MatchKind::Parent,
            class: "name",
            side: None,
            value: "bad.example".into(),
            valid_at_event: true,
        },
        campaign: "win.lumma".into(),
        indicators: vec![MatchedIndicator {
            feed: "threatfox".into(),
            id: Some("1".into()),
            written: "hxxp://bad[.]example/".into(),
            role: Role::C2,
            malware: Some("win.lumma".into()),
            confidence: 75,
            valid_from: Some(time(0)),
            valid_until: None,
            state: IndicatorState::Active,
            victim_direction: VictimDirection::Outbound,
            reference: Some("https://feed.example/1".into()),
            tags: vec!["c2".into()],
        }],
        evidence: Evidence::Resolved,
        flags: Vec::new(),
        direction: Direction::Outbound,
        victim_reason: None,
        sampling_rate: 1,
        snapshot: SnapshotId {
            generation: 12,
            hash: "s".into(),
        },
        source: Position {
            cluster: "c1".into(),
            topic: "dns".into(),
            partition: 3,
            offset: 123_456,
            index: 0,
            observer: Some("res1".into()),
        },
        truncated: false,
    }
}

/// A flow hit about which little is known.
pub(super) fn flow_hit() -> Hit {
    Hit {
        client: Some(end("2001:db8::7", None)),
        client_hint: None,
        remote: Some(end("203.0.113.66", Some(4444))),
        kind: HitKind::Flow(FlowFacts {
            protocol: Some(6),
            bytes_in: Some(40),
            packets_in: Some(1),
            tcp_flags: Some(2),
            ..FlowFacts::default()
        }),
        matched: HitMatch {
            field: Field::Source,
            kind: MatchKind::Address,
            class: "endpoint",
            side: Some(Side::Remote),
            value: "203.0.113.66:4444".into(),
            valid_at_event: true,
        },
        campaign: "203.0.113.66:4444".into(),
        indicators: Vec::new(),
        evidence: Evidence::Attempted,
        flags: vec![Flag::Sinkholed],
        direction: Direction::Inbound,
        victim_reason: Some(VictimReason::InboundScan),
        truncated: true,
        ..dns_hit()
    }
}

/// An address with a port.
fn end(ip: &str, port: Option<u16>) -> Endpoint {
    Endpoint {
        ip: ip.parse().unwrap(),
        port,
    }
}
