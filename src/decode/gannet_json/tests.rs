//! Tests of the decoder of Gannet's own JSON.

use proptest::prelude::*;

use super::super::event as full_event;
use super::*;
use crate::decode::tests::rows::{
    Foresight, Key, Words, check_after, check_faces, decoded, item, record_time, records, times,
};
use crate::model::{
    Answer, ConnState, DnsEvent, DnsMessage, DnsSide, Endpoint, EventFormat, EventKind, FlowEvent,
    Half, Initiator, TimeSource,
};

const FORMAT: EventFormat = EventFormat::GannetJson;

const DNS: &str = r#"{"schema":"gannet.event.v1","time":"2026-01-01T00:00:00.14Z","observer":"res1","client_hint":"line-0042","sampling_rate":1,"dns":{"client":{"ip":"198.51.100.7","port":53123},"resolver":{"ip":"192.0.2.53","port":53},"qname":"www.bad.example","qtype":"A","rcode":"NOERROR","answers":["c2.bad.example","203.0.113.66"],"message":"response","side":"client","blocked":false}}"#;

const FLOW: &str = r#"{"schema":"gannet.event.v1","time":"2026-01-01T00:00:00Z","sampling_rate":1000,"flow":{"source":{"ip":"198.51.100.7","port":50123},"destination":{"ip":"203.0.113.66","port":443},"protocol":"tcp","packets":3,"bytes":1500,"payload_bytes":1380,"reverse":{"packets":2,"bytes":900,"payload_bytes":820},"tcp_flags":27,"state":"established","initiator":"source"}}"#;

fn end(ip: &str, port: u16) -> Endpoint {
    Endpoint {
        ip: ip.parse().unwrap(),
        port: Some(port),
    }
}

/// The flow of a row.
#[track_caller]
fn flow(row: &str) -> FlowEvent {
    match decoded(FORMAT, row).kind {
        EventKind::Flow(flow) => flow,
        EventKind::Dns(_) => panic!("not a flow: {row}"),
    }
}

/// The DNS event of a row.
#[track_caller]
fn dns(row: &str) -> DnsEvent {
    match decoded(FORMAT, row).kind {
        EventKind::Dns(dns) => dns,
        EventKind::Flow(_) => panic!("not a DNS event: {row}"),
    }
}

#[test]
fn a_dns_event_is_decoded_whole() {
    let event = decoded(FORMAT, DNS);
    assert_eq!(event.time, EventTime::from_nanos(1_767_225_600_140_000_000));
    assert_eq!(event.observer.as_deref(), Some("res1"));
    assert_eq!(event.hint.as_deref(), Some("line-0042"));
    let expected = DnsEvent {
        client: Some(end("198.51.100.7", 53123)),
        resolver: Some(end("192.0.2.53", 53)),
        side: DnsSide::Client,
        message: DnsMessage::Response,
        qname: "www.bad.example".to_owned(),
        qtype: Some(1),
        rcode: Some(0),
        answers: vec![
            Answer::Name("c2.bad.example".to_owned()),
            Answer::Address("203.0.113.66".parse().unwrap()),
        ],
        blocked: false,
    };
    assert_eq!(event.kind, EventKind::Dns(expected));
    let keys = [
        Key::Name("www.bad.example".to_owned()),
        Key::Name("c2.bad.example".to_owned()),
        Key::Address("203.0.113.66".parse().unwrap(), None),
    ];
    assert_eq!(item(FORMAT, DNS).keys, keys);
}

#[test]
fn a_flow_is_decoded_whole() {
    let event = decoded(FORMAT, FLOW);
    assert_eq!(event.sampling_rate, 1000);
    let expected = FlowEvent {
        source: end("198.51.100.7", 50123),
        destination: end("203.0.113.66", 443),
        protocol: Some(6),
        forward: Half {
            packets: Some(3),
            bytes: Some(1500),
            payload: Some(1380),
        },
        reverse: Some(Half {
            packets: Some(2),
            bytes: Some(900),
            payload: Some(820),
        }),
        tcp_flags: Some(27),
        state: Some(ConnState::Established),
        initiator: Initiator::Source,
    };
    assert_eq!(event.kind, EventKind::Flow(expected));
    let key = |ip: &str, port| Key::Address(ip.parse().unwrap(), Some(port));
    let keys = [key("198.51.100.7", 50123), key("203.0.113.66", 443)];
    assert_eq!(item(FORMAT, FLOW).keys, keys);
}

#[test]
fn only_what_is_needed_is_needed() {
    let event = dns(r#"{"schema":"gannet.event.v1","time":"2026-01-01T00:00:00Z","dns":{}}"#);
    assert_eq!((event.qname.as_str(), event.side), ("", DnsSide::Client));
    assert_eq!(event.message, DnsMessage::Response);
    let row = r#"{"schema":"gannet.event.v1","flow":{"source":{"ip":"192.0.2.1"},"destination":{"ip":"::ffff:192.0.2.2","port":0}},"dns":null}"#;
    let event = full_event(FORMAT, row.as_bytes(), record_time())
        .unwrap()
        .unwrap();
    assert_eq!(
        (event.time_source, event.sampling_rate),
        (TimeSource::Record, 1)
    );
    assert_eq!(
        full_event(FORMAT, row.as_bytes(), None),
        Err(Reject::NoTime)
    );
    check_faces(FORMAT, Foresight::Exact, row.as_bytes());
}

#[test]
fn numbers_may_stand_for_mnemonics() {
    let row = DNS.replace(r#""A""#, "28").replace(r#""NOERROR""#, "3");
    assert_eq!((dns(&row).qtype, dns(&row).rcode), (Some(28), Some(3)));
    assert_eq!(flow(&FLOW.replace(r#""tcp""#, "17")).protocol, Some(17));
}

#[test]
fn another_schema_is_ignored() {
    let row = DNS.replace("event.v1", "hit.v1");
    assert_eq!(item(FORMAT, &row).outcome, Outcome::Ignored);
    assert_eq!(full_event(FORMAT, row.as_bytes(), None), Ok(None));
}

#[test]
fn what_the_key_scan_reads_is_rejected_by_both_faces() {
    for (row, reject) in [
        (
            DNS.replace(r#""schema":"gannet.event.v1","#, ""),
            Reject::Schema,
        ),
        (DNS.replace(r#""www.bad.example""#, "7"), Reject::Schema),
        (DNS.replace(r#""203.0.113.66"]"#, "null]"), Reject::Schema),
        (
            DNS.replace(r#""dns":{"#, r#""flow":{},"dns":{"#),
            Reject::Schema,
        ),
        (r#"{"schema":"gannet.event.v1"}"#.to_owned(), Reject::Schema),
        (
            FLOW.replace("203.0.113.66", "c2.example"),
            Reject::BadAddress,
        ),
        (FLOW.replace("443", "70000"), Reject::Schema),
        (FLOW.replace(r#""destination""#, r#""x""#), Reject::Schema),
        (FLOW.replace("}}", "}"), Reject::NotJson),
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

#[test]
fn a_word_or_type_that_is_not_known_rejects_the_row() {
    for row in [
        DNS.replace(r#""side":"client""#, r#""side":"upsteam""#),
        DNS.replace(r#""response""#, r#""reply""#),
        DNS.replace(r#""A""#, r#""AAA""#),
        DNS.replace("false", "0"),
        DNS.replace("53123", "[]"),
        FLOW.replace("established", "S0"),
        FLOW.replace(r#""tcp_flags":27"#, r#""tcp_flags":256"#),
        FLOW.replace("1500", "-1"),
        FLOW.replace(r#""initiator":"source""#, r#""initiator":"client""#),
    ] {
        assert_eq!(
            full_event(FORMAT, row.as_bytes(), None),
            Err(Reject::Schema),
            "{row}"
        );
    }
}

const WORDS: Words = Words {
    keys: &[
        "schema",
        "schema",
        "dns",
        "flow",
        "source",
        "destination",
        "client",
        "ip",
        "ip",
        "port",
        "qname",
        "answers",
        "protocol",
        "side",
    ],
    texts: &[
        "gannet.event.v1",
        "gannet.event.v1",
        "198.51.100.7",
        "203.0.113.66",
        "client",
        "tcp",
    ],
    rows: &[DNS, FLOW],
};

proptest! {
    #[test]
    fn both_faces_agree_on_any_row(record in records(WORDS)) {
        check_faces(FORMAT, Foresight::Lenient, &record);
    }

    #[test]
    fn what_came_before_changes_nothing(times in times(), record in records(WORDS)) {
        check_after(FORMAT, (DNS, times), &record);
    }

    #[test]
    fn both_faces_agree_on_any_bytes(record in proptest::collection::vec(any::<u8>(), 0..80)) {
        check_faces(FORMAT, Foresight::Exact, &record);
    }
}
