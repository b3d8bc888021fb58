//! Tests of the Zeek decoder.

mod real_rows;

use proptest::prelude::*;

use super::super::{Reject, event as full_event};
use super::*;
use crate::decode::tests::rows::{
    Foresight, Key, Words, check_after, check_faces, decoded, item, items, record_time, records,
    times,
};
use crate::model::{
    Answer, ConnState, DnsEvent, DnsMessage, DnsSide, Endpoint, EventFormat, EventKind, FlowEvent,
    Half, Initiator, TimeSource,
};

const FORMAT: EventFormat = EventFormat::ZeekJson;

const DNS: &str = r#"{"_path":"dns","ts":1588205199.827696,"uid":"C1","id.orig_h":"198.51.100.7","id.orig_p":53123,"id.resp_h":"192.0.2.53","id.resp_p":53,"proto":"udp","trans_id":41180,"rtt":0.0015,"query":"WWW.bad.example","qclass":1,"qtype":1,"qtype_name":"A","rcode":0,"rcode_name":"NOERROR","AA":true,"Z":0,"answers":["c2.bad.example","203.0.113.66","TXT 5 a.b.c"],"TTLs":[300.0,60.0,5.0],"rejected":false}"#;

const CONN: &str = r#"{"@stream":"conn","@system":"sensor1","ts":"2026-01-01T00:00:00.123456Z","id_orig_h":"198.51.100.7","id_orig_p":50123,"id_resp_h":"203.0.113.66","id_resp_p":443,"proto":"tcp","orig_bytes":39,"resp_bytes":55,"conn_state":"SF","history":"^ShADad","orig_pkts":1,"orig_ip_bytes":67,"resp_pkts":2,"resp_ip_bytes":83}"#;

fn end(ip: &str, port: u16) -> Endpoint {
    Endpoint {
        ip: ip.parse().unwrap(),
        port: Some(port),
    }
}

fn name(text: &str) -> Key {
    Key::Name(text.to_owned())
}

fn address(text: &str, port: Option<u16>) -> Key {
    Key::Address(text.parse().unwrap(), port)
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
fn a_dns_row_is_decoded_whole() {
    let event = decoded(FORMAT, DNS);
    assert_eq!(event.time, EventTime::from_nanos(1_588_205_199_827_696_000));
    assert_eq!(event.time_source, TimeSource::Event);
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
        name("WWW.bad.example"),
        name("c2.bad.example"),
        address("203.0.113.66", None),
    ];
    assert_eq!(item(FORMAT, DNS).keys, keys);
}

#[test]
fn a_conn_row_is_decoded_whole() {
    let event = decoded(FORMAT, CONN);
    assert_eq!(event.observer.as_deref(), Some("sensor1"));
    let expected = FlowEvent {
        source: end("198.51.100.7", 50123),
        destination: end("203.0.113.66", 443),
        protocol: Some(6),
        forward: Half {
            packets: Some(1),
            bytes: Some(67),
            payload: Some(39),
        },
        reverse: Some(Half {
            packets: Some(2),
            bytes: Some(83),
            payload: Some(55),
        }),
        tcp_flags: None,
        state: Some(ConnState::Established),
        initiator: Initiator::Source,
    };
    assert_eq!(event.kind, EventKind::Flow(expected));
    let keys = [
        address("198.51.100.7", Some(50123)),
        address("203.0.113.66", Some(443)),
    ];
    assert_eq!(item(FORMAT, CONN).keys, keys);
}

#[test]
fn all_dialects_say_the_same() {
    let nested = DNS
        .replace(
            r#""id.orig_h":"198.51.100.7","id.orig_p":53123,"#,
            r#""id":{"orig_h":"198.51.100.7","orig_p":53123,"#,
        )
        .replace(
            r#""id.resp_h":"192.0.2.53","id.resp_p":53,"#,
            r#""resp_h":"192.0.2.53","resp_p":53},"#,
        );
    let untyped = DNS.replace(r#""_path":"dns","#, "");
    for row in [
        nested,
        DNS.replace("id.", "id_"),
        format!(r#"{{"dns":{untyped}}}"#),
        format!(r#"{{"site":"a","dns-2":{untyped},"query_id":7}}"#),
        untyped,
    ] {
        assert_eq!(decoded(FORMAT, &row), decoded(FORMAT, DNS), "{row}");
        assert_eq!(item(FORMAT, &row).keys, item(FORMAT, DNS).keys, "{row}");
    }
}

#[test]
fn rows_of_other_logs_are_ignored() {
    for row in [
        DNS.replace(r#""_path":"dns""#, r#""_path":"http""#),
        CONN.replace(r#""@stream":"conn""#, r#""@stream":"conn-summary""#),
        format!(r#"{{"http":{DNS}}}"#),
        r#"{"ts":1.0,"id.orig_h":"198.51.100.7","id.resp_h":"203.0.113.66","host":"bad.example"}"#
            .to_owned(),
        r#"{"conn_state":"SF"}"#.to_owned(),
        "{}".to_owned(),
    ] {
        assert_eq!(item(FORMAT, &row).outcome, Outcome::Ignored, "{row}");
        assert_eq!(full_event(FORMAT, row.as_bytes(), None), Ok(None), "{row}");
    }
}

#[test]
fn what_cannot_be_decoded_says_why() {
    for (row, reject) in [
        ("", Reject::Empty),
        ("{", Reject::NotJson),
        ("[]", Reject::Schema),
        (r#"{"_path":"conn"}"#, Reject::Schema),
        (
            r#"{"_path":"conn","id.orig_h":"a","id.resp_h":"192.0.2.1"}"#,
            Reject::BadAddress,
        ),
    ] {
        assert_eq!(
            item(FORMAT, row).outcome,
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
fn the_record_time_stands_in_for_an_unusable_one() {
    for ts in [
        "null",
        r#""2026-01-01T00:00:00""#,
        r#""yesterday""#,
        "true",
        "1e30",
    ] {
        let row = DNS.replace("1588205199.827696", ts);
        let event = full_event(FORMAT, row.as_bytes(), record_time())
            .unwrap()
            .unwrap();
        assert_eq!(
            (Some(event.time), event.time_source),
            (record_time(), TimeSource::Record)
        );
        assert_eq!(
            full_event(FORMAT, row.as_bytes(), None),
            Err(Reject::NoTime)
        );
    }
}

#[test]
fn times_are_seconds_millis_or_iso() {
    for (ts, nanos) in [
        ("1588205199.827696", 1_588_205_199_827_696_000),
        ("1588205199827", 1_588_205_199_827_000_000),
        (
            r#""2020-04-30T00:06:39.827696Z""#,
            1_588_205_199_827_696_000,
        ),
        (r#""1588205199.827696""#, 1_588_205_199_827_696_000),
    ] {
        let row = DNS.replace("1588205199.827696", ts);
        assert_eq!(
            decoded(FORMAT, &row).time,
            EventTime::from_nanos(nanos),
            "{ts}"
        );
    }
}

#[test]
fn icmp_has_type_and_code_and_no_ports() {
    let row = CONN.replace("tcp", "icmp");
    assert_eq!(
        (flow(&row).protocol, flow(&row).source.port),
        (Some(1), None)
    );
    let keys = [address("198.51.100.7", None), address("203.0.113.66", None)];
    assert_eq!(item(FORMAT, &row).keys, keys);
    let six = row.replace("198.51.100.7", "2001:db8::7");
    assert_eq!(flow(&six).protocol, Some(58));
}

#[test]
fn connection_states_are_told_apart() {
    for (written, state) in [
        ("S0", ConnState::NoReply),
        ("REJ", ConnState::Refused),
        ("S1", ConnState::Established),
        ("RSTR", ConnState::Established),
        ("OTH", ConnState::Other),
        ("RSTOS0", ConnState::Other),
    ] {
        let row = CONN.replace(r#""SF""#, &format!("{written:?}"));
        assert_eq!(flow(&row).state, Some(state), "{written}");
    }
}

#[test]
fn a_row_without_query_or_answers_is_an_event_and_a_question() {
    let row = r#"{"_path":"dns","ts":1.5}"#;
    assert_eq!(item(FORMAT, row).outcome, Outcome::Event);
    let event = dns(row);
    assert_eq!((event.qname.as_str(), event.client), ("", None));
    assert_eq!(event.message, DnsMessage::Query);
}

#[test]
fn a_masked_client_is_a_hint() {
    let row = DNS.replace("198.51.100.7", "3f2a9c");
    assert_eq!(dns(&row).client, None);
    assert_eq!(decoded(FORMAT, &row).hint.as_deref(), Some("3f2a9c"));
}

#[test]
fn texts_among_answers_are_no_names() {
    let row = DNS.replace(r#""qtype":1"#, r#""qtype":16"#);
    assert_eq!(
        dns(&row).answers,
        [Answer::Address("203.0.113.66".parse().unwrap())]
    );
}

#[test]
fn bytes_that_are_not_text_are_escaped_by_the_sensor() {
    let row = DNS.replace("WWW.bad.example", r"b\\xc3\\xbccher.example");
    assert_eq!(dns(&row).qname, "xn--bcher-kva.example");
    check_faces(FORMAT, Foresight::Exact, row.as_bytes());
    let odd = DNS.replace("WWW.bad.example", r"\\xff.example");
    assert_eq!(dns(&odd).qname, r"\xff.example");
}

#[test]
fn several_rows_stand_in_one_record() {
    let record = format!("{DNS}\n{CONN}\r\n\n{{\"_path\":\"http\"}}\n{{");
    let outcomes: Vec<Outcome> = items(FORMAT, record.as_bytes())
        .iter()
        .map(|item| item.outcome)
        .collect();
    let rejected = Outcome::Rejected(Reject::NotJson);
    assert_eq!(
        outcomes,
        [Outcome::Event, Outcome::Event, Outcome::Ignored, rejected]
    );
}

#[test]
fn of_several_values_the_last_counts_and_all_names_are_handed_out() {
    let row = DNS.replace(r#""qclass":1"#, r#""query":"second.example""#);
    assert_eq!(dns(&row).qname, "second.example");
    assert_eq!(item(FORMAT, &row).keys.len(), 4);
}

const WORDS: Words = Words {
    keys: &[
        "_path",
        "@stream",
        "dns",
        "conn",
        "dns-2",
        "http",
        "id",
        "query",
        "query",
        "answers",
        "answers",
        "qtype",
        "rcode",
        "id.orig_h",
        "id.orig_h",
        "id.orig_p",
        "id.resp_h",
        "id.resp_h",
        "id.resp_p",
        "id_orig_h",
        "id_resp_h",
        "id_orig_p",
        "orig_h",
        "resp_h",
        "orig_p",
        "resp_p",
        "proto",
        "ip_proto",
        "conn_state",
        "ts",
    ],
    texts: &[
        "dns",
        "conn",
        "conn",
        "http",
        "tcp",
        "icmp",
        "udp",
        "SF",
        "TXT 5 a.example",
    ],
    rows: &[DNS, CONN],
};

proptest! {
    #[test]
    fn both_faces_agree_on_any_row(record in records(WORDS)) {
        check_faces(FORMAT, Foresight::Exact, &record);
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
