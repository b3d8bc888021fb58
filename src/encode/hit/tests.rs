//! The forms of a hit, byte by byte, and the cut.

use prost::Message;
use serde_json::{Value, json};

use super::fixtures::{dns_hit, flow_hit};
use super::*;
use crate::proto;

/// `hit` in `format`.
fn encoded(format: OutputFormat, hit: &Hit) -> Vec<u8> {
    let mut out = Vec::new();
    super::hit(format, hit, &mut out);
    out
}

#[track_caller]
fn check_json(hit: &Hit, lines: &[&str]) {
    let actual = String::from_utf8(encoded(OutputFormat::Json, hit)).unwrap();
    assert_eq!(actual, lines.concat());
}

#[test]
fn the_json_form_is_as_promised() {
    check_json(
        &dns_hit(),
        &[
            r#"{"schema":"gannet.hit.v1","hit_id":"aaaaaaaaaaaaaaaaaaaaaaaaaa","#,
            r#""event_fp":"h7777777777777777777777777","kind":"dns","#,
            r#""event_time":"2026-01-01T00:00:00.140000000Z","time_source":"event","#,
            r#""matched_at":"2026-01-01T00:00:01.200000000Z","#,
            r#""client":{"ip":"198.51.100.7","port":53123,"hint":"line-0042"},"#,
            r#""remote":{"ip":"192.0.2.53","port":53},"#,
            r#""dns":{"qname":"www.bad.example","qtype":"A","rcode":"NOERROR","#,
            r#""answers":["cdn.bad.example","203.0.113.66"]},"flow":null,"#,
            r#""match":{"field":"qname","kind":"parent","side":null,"value":"bad.example","#,
            r#""valid_at_event":true,"class":"name"},"campaign":"win.lumma","#,
            r#""indicators":[{"feed":"threatfox","id":"1","written":"hxxp://bad[.]example/","#,
            r#""role":"c2","malware":"win.lumma","confidence":75,"#,
            r#""valid_from":"2026-01-01T00:00:00.000000000Z","valid_until":null,"state":"active","#,
            r#""reference":"https://feed.example/1","tags":["c2"],"#,
            r#""victim_direction":"outbound"}],"#,
            r#""evidence":"resolved","flags":[],"direction":"outbound","victim_evidence":true,"#,
            r#""victim_reason":null,"sampling_rate":1,"snapshot":{"generation":12,"hash":"s"},"#,
            r#""source":{"cluster":"c1","topic":"dns","partition":3,"offset":123456,"index":0,"#,
            r#""observer":"res1"}}"#,
        ],
    );
    check_json(
        &flow_hit(),
        &[
            r#"{"schema":"gannet.hit.v1","hit_id":"aaaaaaaaaaaaaaaaaaaaaaaaaa","#,
            r#""event_fp":"h7777777777777777777777777","kind":"flow","#,
            r#""event_time":"2026-01-01T00:00:00.140000000Z","time_source":"event","#,
            r#""matched_at":"2026-01-01T00:00:01.200000000Z","#,
            r#""client":{"ip":"2001:db8::7","port":null,"hint":null},"#,
            r#""remote":{"ip":"203.0.113.66","port":4444},"dns":null,"#,
            r#""flow":{"protocol":6,"bytes_out":null,"bytes_in":40,"packets_out":null,"#,
            r#""packets_in":1,"tcp_flags":2},"#,
            r#""match":{"field":"src","kind":"address","side":"remote","#,
            r#""value":"203.0.113.66:4444","valid_at_event":true,"class":"endpoint"},"#,
            r#""campaign":"203.0.113.66:4444","indicators":[],"#,
            r#""evidence":"attempted","flags":["sinkholed"],"direction":"inbound","#,
            r#""victim_evidence":false,"victim_reason":"inbound_scan","sampling_rate":1,"#,
            r#""snapshot":{"generation":12,"hash":"s"},"#,
            r#""source":{"cluster":"c1","topic":"dns","partition":3,"offset":123456,"index":0,"#,
            r#""observer":"res1"},"truncated":true}"#,
        ],
    );
}

#[test]
fn unknown_ends_are_null() {
    let hit = Hit {
        client: None,
        client_hint: None,
        remote: None,
        ..dns_hit()
    };
    let value: Value = serde_json::from_slice(&encoded(OutputFormat::Json, &hit)).unwrap();
    assert_eq!(
        (&value["client"], &value["remote"]),
        (&json!(null), &json!(null))
    );
    let hinted = Hit {
        client_hint: Some("line-0042".into()),
        ..hit
    };
    let value: Value = serde_json::from_slice(&encoded(OutputFormat::Json, &hinted)).unwrap();
    assert_eq!(
        value["client"],
        json!({"ip": null, "port": null, "hint": "line-0042"})
    );
}

#[test]
fn the_protobuf_form_says_the_same() {
    let message = proto::Hit::decode(&*encoded(OutputFormat::Protobuf, &dns_hit())).unwrap();
    assert_eq!(message.event_time_ns, dns_hit().event_time.nanos());
    assert_eq!(message.r#match.unwrap().class, "name");
    assert_eq!(message.client.unwrap().hint, "line-0042");
    assert_eq!(message.indicators[0].victim_direction, "outbound");
    assert_eq!(message.evidence, "resolved");
    let message = proto::Hit::decode(&*encoded(OutputFormat::Protobuf, &flow_hit())).unwrap();
    assert_eq!(message.victim_reason, "inbound_scan");
    assert!(message.truncated);
}

#[test]
fn ecs_puts_the_starting_side_first() {
    let ecs = |hit| -> Value { serde_json::from_slice(&encoded(OutputFormat::Ecs, &hit)).unwrap() };
    let dns = ecs(dns_hit());
    assert_eq!(dns["@timestamp"], "2026-01-01T00:00:00.140000000Z");
    assert_eq!(dns["event"]["kind"], "alert");
    assert_eq!(dns["event"]["severity"], 73);
    assert_eq!(
        dns["source"],
        json!({"ip": "198.51.100.7", "address": "198.51.100.7", "port": 53123})
    );
    assert_eq!(dns["dns"]["resolved_ip"], json!(["203.0.113.66"]));
    assert_eq!(
        dns["related"]["hosts"],
        json!(["cdn.bad.example", "www.bad.example"])
    );
    let enrichment = &dns["threat"]["enrichments"][0];
    assert_eq!(enrichment["indicator"]["type"], "domain-name");
    assert_eq!(enrichment["indicator"]["confidence"], "High");
    assert_eq!(enrichment["matched"]["field"], "dns.question.name");
    assert_eq!(dns.get("user"), Some(&json!({"id": "line-0042"})));

    let mut inbound = flow_hit();
    inbound.indicators = dns_hit().indicators;
    let flow = ecs(inbound);
    assert_eq!(
        flow["source"],
        json!({"ip": "203.0.113.66", "address": "203.0.113.66", "port": 4444, "bytes": 40, "packets": 1})
    );
    assert_eq!(flow["network"]["transport"], "tcp");
    assert_eq!(flow.get("dns"), None);
    assert_eq!(flow.get("user"), None);
    let enrichment = &flow["threat"]["enrichments"][0];
    assert_eq!(enrichment["matched"]["field"], "source.ip");
    assert_eq!(
        (
            &enrichment["indicator"]["ip"],
            &enrichment["indicator"]["port"]
        ),
        (&json!("203.0.113.66"), &json!(4444))
    );
}

/// A hit with far too much of everything.
fn large_hit() -> Hit {
    let mut hit = dns_hit();
    let mut indicator = hit.indicators.remove(0);
    indicator.tags = vec!["t".repeat(100).into(); 10];
    indicator.reference = Some("r".repeat(1000));
    indicator.written = "\u{e4}".repeat(1000);
    hit.indicators = vec![indicator; 50];
    if let HitKind::Dns(dns) = &mut hit.kind {
        dns.answers = vec!["a".repeat(200); 32];
    }
    hit
}

#[test]
fn a_hit_that_fits_is_left_alone() {
    for hit in [dns_hit(), flow_hit(), large_hit()] {
        let mut cut = hit.clone();
        fit(OutputFormat::Json, &mut cut, usize::MAX);
        assert_eq!(cut, hit);
    }
}

#[test]
fn a_hit_that_is_too_large_is_cut_until_it_fits_and_says_so() {
    for format in [
        OutputFormat::Json,
        OutputFormat::Protobuf,
        OutputFormat::Ecs,
    ] {
        for bytes_max in [200_000, 100_000, 30_000, 10_000, 4_000, 2_600] {
            let whole = large_hit();
            let mut cut = whole.clone();
            fit(format, &mut cut, bytes_max);
            let len = encoded(format, &cut).len();
            assert!(len <= bytes_max, "{format:?}: {len} > {bytes_max}");
            assert_eq!(cut.truncated, cut != whole);
            assert_eq!(
                (cut.hit_id, cut.campaign, cut.matched),
                (whole.hit_id, whole.campaign, whole.matched)
            );
        }
    }
}
