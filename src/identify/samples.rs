//! Hits, leases and settings for tests.

use std::sync::Arc;
use std::time::Duration;

use super::{AttributionRules, IncomingHit, Settings};
use crate::model::{
    Direction, DnsFacts, Endpoint, EventFingerprint, EventTime, Evidence, Field, Hit, HitId,
    HitKind, HitMatch, IndicatorState, Lease, MatchKind, MatchedIndicator, Position, Role,
    SnapshotId, TimeSource, VictimDirection,
};

/// All evidence, weakest first.
pub(super) const EVIDENCE: [Evidence; 5] = [
    Evidence::LookedUp,
    Evidence::Resolved,
    Evidence::Attempted,
    Evidence::Connected,
    Evidence::Transferred,
];

/// A client of 198.51.100.0/24.
pub(super) fn client(host: u8) -> Endpoint {
    Endpoint {
        ip: [198, 51, 100, host].into(),
        port: None,
    }
}

/// A hit of 198.51.100.7 at `at` nanoseconds, on one campaign.
pub(super) fn hit(id: u32, at: i64) -> Hit {
    let mut hit_id = [0; 16];
    hit_id[..4].copy_from_slice(&id.wrapping_mul(0x9E37_79B9).to_be_bytes());
    hit_id[12..].copy_from_slice(&id.to_be_bytes());
    Hit {
        hit_id: HitId(hit_id),
        event_fp: EventFingerprint(hit_id),
        event_time: EventTime::from_nanos(at),
        time_source: TimeSource::Event,
        matched_at: EventTime::from_nanos(at),
        client: Some(client(7)),
        client_hint: None,
        remote: None,
        kind: HitKind::Dns(DnsFacts::default()),
        matched: HitMatch {
            field: Field::Qname,
            kind: MatchKind::Exact,
            class: "name",
            side: None,
            value: "bad.example".into(),
            valid_at_event: true,
        },
        campaign: "win.test".into(),
        indicators: vec![MatchedIndicator {
            feed: Arc::from("operation"),
            id: None,
            written: "bad.example".into(),
            role: Role::C2,
            malware: Some(Arc::from("win.test")),
            confidence: 75,
            valid_from: None,
            valid_until: None,
            state: IndicatorState::Active,
            victim_direction: VictimDirection::Outbound,
            reference: None,
            tags: Vec::new(),
        }],
        evidence: Evidence::Resolved,
        flags: Vec::new(),
        direction: Direction::Outbound,
        victim_reason: None,
        sampling_rate: 1,
        snapshot: SnapshotId {
            generation: 1,
            hash: "test".into(),
        },
        source: Position {
            cluster: "test".into(),
            topic: "dns".into(),
            partition: 0,
            offset: i64::from(id),
            index: 0,
            observer: None,
        },
        truncated: false,
    }
}

/// A lease of `net` from `start` to `end` nanoseconds.
pub(super) fn lease(id: &str, subscriber: &str, net: &str, at: (i64, Option<i64>)) -> Lease {
    Lease {
        lease_id: id.into(),
        subscriber: subscriber.into(),
        net: net.parse().unwrap(),
        ports: None,
        start: EventTime::from_nanos(at.0),
        end: at.1.map(EventTime::from_nanos),
        operator: Some("ISP A".into()),
        country: Some("VN".into()),
        source: None,
        contact: Some(format!("ticket-{id}")),
    }
}

/// `hit` as it comes from a partition; its record is as old as its event.
pub(super) fn incoming(hit: Hit, partition: i32) -> IncomingHit {
    IncomingHit {
        partition,
        offset: hit.source.offset,
        record_time: hit.event_time,
        hit,
    }
}

/// Settings with times of a few nanoseconds, and limits that are not met.
pub(super) fn settings() -> Settings {
    Settings {
        quiet_period: Duration::from_nanos(20),
        update_interval: Duration::from_nanos(50),
        repeats_kept: Duration::from_nanos(1_000_000),
        rules: AttributionRules {
            guard_band: Duration::from_nanos(1),
            grace: Duration::from_nanos(5),
        },
        wait_max: Duration::from_nanos(1_000),
        waiting_max: 1_000,
        provisional_max: 1_000,
        leases_max: 1_000,
    }
}
