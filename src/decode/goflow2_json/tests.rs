//! Tests of the goflow2 JSON decoder.

use proptest::prelude::*;

use super::super::event as full_event;
use super::*;
use crate::decode::tests::rows::{
    Foresight, Key, Words, check_after, check_faces, decoded, item, record_time, records, times,
};
use crate::model::{EventFormat, TimeSource};

const FORMAT: EventFormat = EventFormat::Goflow2Json;

const SNAKE: &str = r#"{"type":"IPFIX","time_received_ns":1767225601000000000,"sequence_num":7,"sampling_rate":1000,"sampler_address":"192.0.2.1","time_flow_start_ns":1767225600140000001,"time_flow_end_ns":1767225600900000000,"bytes":1500,"packets":3,"src_addr":"198.51.100.7","src_net":"198.51.100.0/24","dst_addr":"203.0.113.66","etype":"IPv4","proto":"TCP","src_port":50123,"dst_port":443,"tcp_flags":2}"#;

const CAMEL: &str = r#"{"Type":4,"TimeReceived":1767225601,"SamplingRate":0,"SamplerAddress":"wAACAQ==","TimeFlowStart":1767225600,"Bytes":"1500","Packets":3,"SrcAddr":"xjNkBw==","DstAddr":"203.0.113.66","Etype":2048,"Proto":6,"SrcPort":50123,"DstPort":443,"TCPFlags":27}"#;

/// The flow of a row.
#[track_caller]
fn flow(row: &str) -> FlowEvent {
    match decoded(FORMAT, row).kind {
        EventKind::Flow(flow) => flow,
        EventKind::Dns(_) => panic!("not a flow: {row}"),
    }
}

#[test]
fn a_row_in_snake_case_is_decoded_whole() {
    let event = decoded(FORMAT, SNAKE);
    assert_eq!(event.time, EventTime::from_nanos(1_767_225_600_140_000_001));
    assert_eq!(event.observer.as_deref(), Some("192.0.2.1"));
    assert_eq!(event.sampling_rate, 1000);
    let end = |ip: &str, port| Endpoint {
        ip: ip.parse().unwrap(),
        port: Some(port),
    };
    let expected = FlowEvent {
        source: end("198.51.100.7", 50123),
        destination: end("203.0.113.66", 443),
        protocol: Some(6),
        forward: Half {
            packets: Some(3),
            bytes: Some(1500),
            payload: None,
        },
        reverse: None,
        tcp_flags: Some(2),
        state: None,
        initiator: Initiator::Source,
    };
    assert_eq!(event.kind, EventKind::Flow(expected));
    let key = |ip: &str, port| Key::Address(ip.parse().unwrap(), Some(port));
    let keys = [key("198.51.100.7", 50123), key("203.0.113.66", 443)];
    assert_eq!(item(FORMAT, SNAKE).keys, keys);
    assert_eq!(item(FORMAT, CAMEL).keys, keys);
}

#[test]
fn camel_case_and_packed_addresses_say_the_same() {
    let event = decoded(FORMAT, CAMEL);
    assert_eq!(event.time, EventTime::from_nanos(1_767_225_600_000_000_000));
    assert_eq!(
        (event.observer.as_deref(), event.sampling_rate),
        (Some("192.0.2.1"), 1)
    );
    let (camel, snake) = (flow(CAMEL), flow(SNAKE));
    assert_eq!(
        (camel.source, camel.destination),
        (snake.source, snake.destination)
    );
    assert_eq!(
        (camel.protocol, camel.forward),
        (snake.protocol, snake.forward)
    );
}

#[test]
fn only_a_syn_without_ack_tells_who_started() {
    for (proto, flags, initiator) in [
        ("TCP", "2", Initiator::Source),
        ("TCP", "194", Initiator::Source),
        ("TCP", "18", Initiator::Unknown),
        ("TCP", "27", Initiator::Unknown),
        ("TCP", "0", Initiator::Unknown),
        ("UDP", "2", Initiator::Unknown),
    ] {
        let row = SNAKE
            .replace("TCP", proto)
            .replace(r#""tcp_flags":2"#, &format!(r#""tcp_flags":{flags}"#));
        assert_eq!(flow(&row).initiator, initiator, "{proto} {flags}");
    }
}

#[test]
fn the_time_is_the_start_else_the_receipt_else_the_records() {
    let start = r#""time_flow_start_ns":1767225600140000001"#;
    for (replaced, nanos) in [
        (
            r#""time_flow_start_ns":"2026-01-01T00:00:00.14Z""#,
            1_767_225_600_140_000_000,
        ),
        (
            r#""TimeFlowStartMs":1767225600140"#,
            1_767_225_600_140_000_000,
        ),
        (r#""time_flow_start_ns":0"#, 1_767_225_601_000_000_000),
        (r#""x":0"#, 1_767_225_601_000_000_000),
    ] {
        let row = SNAKE.replace(start, replaced);
        assert_eq!(
            decoded(FORMAT, &row).time,
            EventTime::from_nanos(nanos),
            "{replaced}"
        );
    }
    let row = SNAKE.replace("time_", "x_");
    assert_eq!(
        full_event(FORMAT, row.as_bytes(), None),
        Err(Reject::NoTime)
    );
    let event = full_event(FORMAT, row.as_bytes(), record_time())
        .unwrap()
        .unwrap();
    assert_eq!(event.time_source, TimeSource::Record);
}

#[test]
fn icmp_has_no_ports() {
    for proto in [r#""ICMP""#, r#""IPv6-ICMP""#, "1", "58", r#""GRE""#] {
        let row = SNAKE.replace(r#""TCP""#, proto);
        let ports = (flow(&row).source.port, flow(&row).destination.port);
        assert_eq!(ports, (None, None), "{proto}");
        check_faces(FORMAT, Foresight::Exact, row.as_bytes());
    }
    let unknown = SNAKE.replace(r#""TCP""#, r#""unassigned""#);
    assert_eq!(flow(&unknown).source.port, Some(50123));
}

#[test]
fn what_is_no_flow_says_why() {
    for (row, reject) in [
        (r#"{"type":"marker"}"#.to_owned(), Reject::Schema),
        (SNAKE.replace("203.0.113.66", ""), Reject::Schema),
        (SNAKE.replace("203.0.113.66", "<nil>"), Reject::Schema),
        (
            SNAKE.replace("203.0.113.66", "bad.example"),
            Reject::BadAddress,
        ),
        (SNAKE.replace(r#""203.0.113.66""#, "null"), Reject::Schema),
        (SNAKE.replace(r#"443"#, "443}"), Reject::NotJson),
    ] {
        assert_eq!(
            item(FORMAT, &row).outcome,
            Outcome::Rejected(reject),
            "{row}"
        );
        assert_eq!(
            full_event(FORMAT, row.as_bytes(), record_time()),
            Err(reject),
            "{row}"
        );
    }
}

const WORDS: Words = Words {
    keys: &[
        "src_addr",
        "src_addr",
        "dst_addr",
        "dst_addr",
        "src_port",
        "dst_port",
        "proto",
        "SrcAddr",
        "DstAddr",
        "SrcPort",
        "DstPort",
        "Proto",
        "tcp_flags",
        "time_received_ns",
    ],
    texts: &[
        "198.51.100.7",
        "203.0.113.66",
        "2001:db8::66",
        "xjNkBw==",
        "IAENuAAAAAAAAAAAAAAAAQ==",
        "TCP",
        "ICMP",
        "udp",
    ],
    rows: &[SNAKE, CAMEL],
};

proptest! {
    #[test]
    fn both_faces_agree_on_any_row(record in records(WORDS)) {
        check_faces(FORMAT, Foresight::Exact, &record);
    }

    #[test]
    fn what_came_before_changes_nothing(times in times(), record in records(WORDS)) {
        check_after(FORMAT, (SNAKE, times), &record);
    }

    #[test]
    fn both_faces_agree_on_any_bytes(record in proptest::collection::vec(any::<u8>(), 0..80)) {
        check_faces(FORMAT, Foresight::Exact, &record);
    }
}
