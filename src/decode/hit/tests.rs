//! Hits and episodes as others may write them, and everything that is none. That both forms
//! survive a round trip is held by `tests/roundtrip.rs`.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::model::{HitKind, IndicatorState, Side, VictimDirection, VictimReason};

/// A hit with the fields that every version of the schema has.
fn sample() -> Value {
    json!({
        "schema": "gannet.hit.v1", "hit_id": "aaaaaaaaaaaaaaaaaaaaaaaaaa",
        "event_fp": "h7777777777777777777777777", "kind": "dns",
        "event_time": "2026-01-01T00:00:00.140Z", "time_source": "event",
        "matched_at": "2026-01-01T00:00:01.2Z",
        "client": {"ip": "198.51.100.7", "port": 53123, "hint": "line-0042"},
        "remote": {"ip": "192.0.2.53", "port": 53},
        "dns": {"qname": "www.bad.example", "qtype": "A", "rcode": "NOERROR",
            "answers": ["203.0.113.66"]},
        "flow": null,
        "match": {"field": "qname", "kind": "parent", "side": null, "value": "bad.example",
            "valid_at_event": true},
        "campaign": "win.lumma",
        "indicators": [{"feed": "threatfox", "id": "1", "written": "hxxp://bad[.]example/",
            "role": "scanner", "malware": "win.lumma", "confidence": 75,
            "valid_from": "2026-01-01T00:00:00Z", "valid_until": null,
            "reference": "https://feed.example/1", "tags": ["c2"]}],
        "evidence": "resolved", "flags": [], "direction": "outbound", "victim_evidence": true,
        "victim_reason": null, "sampling_rate": 1,
        "snapshot": {"generation": 12, "hash": "s"},
        "source": {"cluster": "c1", "topic": "dns", "partition": 3, "offset": 123_456,
            "index": 0, "observer": "res1"}
    })
}

/// [`sample`] with the field at the JSON pointer `path` replaced, or removed by null.
fn with(path: &str, value: Value) -> Value {
    let mut hit = sample();
    let (parent, field) = path.rsplit_once('/').unwrap();
    let object = hit.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    if value.is_null() {
        object.remove(field);
    } else {
        object.insert(field.to_owned(), value);
    }
    hit
}

fn decode(value: &Value) -> Result<Hit, Reject> {
    hit(OutputFormat::Json, value.to_string().as_bytes())
}

#[test]
fn the_documented_hit_is_read() {
    let hit = decode(&sample()).unwrap();
    assert_eq!(hit.event_time.to_string(), "2026-01-01T00:00:00.140000000Z");
    assert_eq!(hit.client_hint.as_deref(), Some("line-0042"));
    assert_eq!(hit.matched.class, "name");
    assert_eq!(hit.indicators[0].state, IndicatorState::Active);
    assert_eq!(hit.indicators[0].victim_direction, VictimDirection::None);
    assert!(hit.victim_evidence() && !hit.truncated);
    assert_eq!(hit.source.observer.as_deref(), Some("res1"));
}

#[test]
fn fields_of_a_later_version_are_skipped() {
    for path in [
        "/new",
        "/match/new",
        "/client/new",
        "/indicators/0/new",
        "/source/new",
    ] {
        let later = with(path, json!({"a": [1, {"b": null}]}));
        assert_eq!(decode(&later), decode(&sample()), "{path}");
    }
}

#[test]
fn ends_may_be_unknown() {
    for value in [json!({}), json!({"ip": null, "port": null})] {
        let hit = decode(&with("/client", value)).unwrap();
        assert_eq!((hit.client, hit.client_hint), (None, None));
    }
    assert_eq!(decode(&with("/remote", Value::Null)).unwrap().remote, None);
    let hinted = decode(&with("/client", json!({"hint": "x"}))).unwrap();
    assert_eq!(
        (hinted.client, hinted.client_hint.as_deref()),
        (None, Some("x"))
    );
}

#[test]
fn a_flow_is_read_with_its_side() {
    let mut value = with("/kind", json!("flow"));
    value["dns"] = Value::Null;
    value["flow"] = json!({"protocol": 6, "bytes_in": 40, "tcp_flags": null});
    value["match"] = json!({"field": "src", "kind": "address", "side": "remote",
        "value": "203.0.113.66:4444", "valid_at_event": true});
    value["victim_evidence"] = json!(false);
    value["victim_reason"] = json!("inbound_scan");
    let hit = decode(&value).unwrap();
    assert_eq!(hit.matched.side, Some(Side::Remote));
    assert_eq!(hit.matched.class, "endpoint");
    assert_eq!(hit.victim_reason, Some(VictimReason::InboundScan));
    assert!(matches!(hit.kind, HitKind::Flow(flow) if flow.bytes_in == Some(40)));
}

#[test]
fn every_fault_has_its_reason() {
    for (path, value, expected) in [
        ("/schema", json!("gannet.hit.v2"), Reject::Schema),
        ("/hit_id", json!("short"), Reject::Schema),
        ("/hit_id", Value::Null, Reject::Schema),
        ("/event_fp", json!(7), Reject::Schema),
        ("/event_time", json!("yesterday"), Reject::Schema),
        ("/kind", json!("flow"), Reject::Schema),
        ("/kind", json!("mail"), Reject::Schema),
        ("/evidence", json!("maybe"), Reject::Schema),
        ("/flags", json!(["odd"]), Reject::Schema),
        ("/victim_evidence", json!(false), Reject::Schema),
        ("/match/field", json!("where"), Reject::Schema),
        ("/match/class", json!("url"), Reject::Schema),
        ("/client/ip", json!("198.51.100"), Reject::BadAddress),
        ("/client/port", json!(65_536), Reject::Schema),
        ("/indicators/0/role", json!("boss"), Reject::Schema),
        ("/indicators/0/confidence", json!(256), Reject::Schema),
        ("/source/partition", json!("3"), Reject::Schema),
    ] {
        assert_eq!(decode(&with(path, value)), Err(expected), "{path}");
    }
    let deep = format!("{}{}", "[".repeat(33), "]".repeat(33));
    let quoted = format!("{{\"a\\\"{deep}\":1}}");
    let check = |format, bytes: &[u8], expected| {
        assert_eq!(hit(format, bytes), Err(expected));
        assert_eq!(episode(format, bytes).err(), Some(expected));
    };
    check(OutputFormat::Json, b"", Reject::Empty);
    check(OutputFormat::Json, b" \n", Reject::Empty);
    check(OutputFormat::Json, b"{\"schema\":", Reject::NotJson);
    check(OutputFormat::Json, b"{} {}", Reject::Schema);
    check(OutputFormat::Json, b"\xff", Reject::NotJson);
    check(OutputFormat::Json, deep.as_bytes(), Reject::TooDeep);
    check(OutputFormat::Json, quoted.as_bytes(), Reject::Schema);
    check(OutputFormat::Protobuf, b"", Reject::Empty);
    check(OutputFormat::Protobuf, b"\xff", Reject::NotProtobuf);
    check(OutputFormat::Protobuf, b"\xa0\x06\x01", Reject::Schema);
    check(OutputFormat::Ecs, b"{}", Reject::Schema);
}

proptest! {
    #[test]
    fn any_bytes_end_in_an_outcome(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for format in [OutputFormat::Json, OutputFormat::Protobuf] {
            prop_assert!(hit(format, &bytes).is_err());
            prop_assert!(episode(format, &bytes).is_err());
        }
    }

    #[test]
    fn a_hit_cut_short_is_rejected(len in 0_usize..1200) {
        let whole = sample().to_string();
        let cut = whole.get(..len.min(whole.len() - 1)).unwrap_or_default();
        prop_assert!(hit(OutputFormat::Json, cut.as_bytes()).is_err());
    }
}
