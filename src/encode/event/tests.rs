//! The written bytes against what others make of them: fixed vectors, prost, hickory, serde_json.

use hickory_proto::op::Message as DnsMessageOracle;
use proptest::prelude::*;
use prost::Message as _;
use serde_json::Value;

use super::*;
use crate::model::{
    Answer, ConnState, DnsEvent, DnsMessage, DnsSide, Endpoint, EventKind, EventTime, FlowEvent,
    Half, Initiator, TimeSource,
};
use crate::proto;

/// A dnstap CLIENT_RESPONSE made with the official schema.
const DNSTAP_RESPONSE: &str = "0a0472657331120c756e626f756e6420312e32787273080610011801\
    2204c63364072a04c000023530839f0338354080f2d6ca064d15cd5b076080f2d6ca066d003b580872431a2b\
    818000010002000000000357775703624164076578616d706c650000010001c00c000500010000012c000603\
    633278c010c02d000100010000003c0004cb0071427801";

/// A bare goflow2 message made with the official schema.
const GOFLOW2: &str = "080418e80720073204c63364073a04cb00714248dc0b50035a04c000020190010a9801\
    14a00106a801cb8703b001bb03d0011bf0018010f0068094d3cca2ca9cc318f80680ecfc929bca9cc3188007\
    80ca9ddea0ca9cc318";

/// The bytes of a hexadecimal text.
fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// One record with one event.
fn record(format: EventFormat, event: &Event) -> Vec<u8> {
    let mut out = Vec::new();
    write(format, std::slice::from_ref(event), &mut out);
    out
}

/// A record as JSON.
fn json(format: EventFormat, event: &Event) -> Value {
    serde_json::from_slice(&record(format, event)).unwrap()
}

/// An address and port.
fn end(text: &str) -> Endpoint {
    let address: std::net::SocketAddr = text.parse().unwrap();
    Endpoint {
        ip: address.ip(),
        port: Some(address.port()),
    }
}

/// The event behind [`DNSTAP_RESPONSE`].
fn dns_event() -> Event {
    Event {
        time: EventTime::from_nanos(1_767_225_600_140_000_000),
        time_source: TimeSource::Event,
        observer: Some("res1".to_owned()),
        hint: None,
        sampling_rate: 1,
        kind: EventKind::Dns(DnsEvent {
            client: Some(end("198.51.100.7:53123")),
            resolver: Some(end("192.0.2.53:53")),
            side: DnsSide::Client,
            message: DnsMessage::Response,
            qname: "WwW.bAd.example".to_owned(),
            qtype: Some(1),
            rcode: Some(0),
            answers: vec![
                Answer::Name("c2x.bAd.example".to_owned()),
                Answer::Address("203.0.113.66".parse().unwrap()),
            ],
            blocked: false,
        }),
    }
}

/// The event behind [`GOFLOW2`].
fn flow_event() -> Event {
    Event {
        time: EventTime::from_nanos(1_767_225_599_000_000_000),
        time_source: TimeSource::Event,
        observer: Some("192.0.2.1".to_owned()),
        hint: None,
        sampling_rate: 1000,
        kind: EventKind::Flow(FlowEvent {
            source: end("198.51.100.7:50123"),
            destination: end("203.0.113.66:443"),
            protocol: Some(6),
            forward: Half {
                packets: Some(3),
                bytes: Some(1500),
                payload: None,
            },
            reverse: None,
            tcp_flags: Some(0x1b),
            state: None,
            initiator: Initiator::Unknown,
        }),
    }
}

#[test]
fn a_dnstap_response_is_the_fixed_vector_but_for_its_message_id() {
    let mut ours = record(EventFormat::Dnstap, &dns_event());
    let expected = unhex(DNSTAP_RESPONSE);
    assert_eq!(ours.len(), expected.len());
    let id_at = ours.len() - 2 - 0x43;
    ours[id_at..id_at + 2].copy_from_slice(&[0x1a, 0x2b]);
    assert_eq!(ours, expected);
}

/// What of a flow message is compared: all but the sequence number and the later times.
#[derive(Clone, PartialEq, prost::Message)]
struct FlowFields {
    #[prost(uint64, tag = "3")]
    sampling_rate: u64,
    #[prost(bytes, tag = "6")]
    source: Vec<u8>,
    #[prost(bytes, tag = "7")]
    destination: Vec<u8>,
    #[prost(uint64, tag = "9")]
    bytes: u64,
    #[prost(uint64, tag = "10")]
    packets: u64,
    #[prost(bytes, tag = "11")]
    sampler: Vec<u8>,
    #[prost(uint32, tag = "20")]
    protocol: u32,
    #[prost(uint32, tag = "21")]
    source_port: u32,
    #[prost(uint32, tag = "22")]
    destination_port: u32,
    #[prost(uint32, tag = "26")]
    tcp_flags: u32,
    #[prost(uint32, tag = "30")]
    etype: u32,
    #[prost(uint64, tag = "111")]
    start_ns: u64,
}

#[test]
fn goflow2_messages_are_delimited_and_say_what_the_fixed_vector_says() {
    let mut expected = FlowFields::decode(unhex(GOFLOW2).as_slice()).unwrap();
    expected.start_ns = flow_event().time.nanos().cast_unsigned();
    let mut two = Vec::new();
    write(
        EventFormat::Goflow2Protobuf,
        &[flow_event(), flow_event()],
        &mut two,
    );
    let mut rest = two.as_slice();
    for _ in 0..2 {
        assert_eq!(
            FlowFields::decode_length_delimited(&mut rest).unwrap(),
            expected
        );
    }
    assert!(rest.is_empty());
}

#[test]
fn zeek_rows_have_zeeks_fields() {
    let row = json(EventFormat::ZeekJson, &dns_event());
    assert_eq!(row["ts"], 1_767_225_600.14);
    assert_eq!(row["id.orig_h"], "198.51.100.7");
    assert_eq!(row["id.orig_p"], 53123);
    assert_eq!(row["id.resp_h"], "192.0.2.53");
    assert_eq!(row["query"], "WwW.bAd.example");
    assert_eq!(
        (&row["qtype"], &row["qtype_name"]),
        (&1.into(), &"A".into())
    );
    assert_eq!(
        (&row["rcode"], &row["rcode_name"]),
        (&0.into(), &"NOERROR".into())
    );
    assert_eq!(
        row["answers"],
        serde_json::json!(["c2x.bAd.example", "203.0.113.66"])
    );
    let mut event = flow_event();
    if let EventKind::Flow(flow) = &mut event.kind {
        flow.state = Some(ConnState::Established);
        flow.forward.payload = Some(700);
        flow.reverse = Some(Half {
            packets: Some(4),
            bytes: Some(900),
            payload: Some(600),
        });
    }
    let row = json(EventFormat::ZeekJson, &event);
    assert_eq!(
        (&row["proto"], &row["conn_state"]),
        (&"tcp".into(), &"SF".into())
    );
    assert_eq!(
        (&row["orig_bytes"], &row["resp_bytes"]),
        (&700.into(), &600.into())
    );
    assert_eq!(
        (&row["orig_pkts"], &row["resp_pkts"]),
        (&3.into(), &4.into())
    );
}

#[test]
fn a_question_alone_has_no_answer_in_any_dialect() {
    let mut event = dns_event();
    if let EventKind::Dns(dns) = &mut event.kind {
        dns.message = DnsMessage::Query;
    }
    let row = json(EventFormat::ZeekJson, &event);
    assert!(row.get("rcode").is_none() && row.get("answers").is_none());
    assert_eq!(
        json(EventFormat::DnsCollectorJson, &event)["dnstap.operation"],
        "CLIENT_QUERY"
    );
    assert_eq!(
        json(EventFormat::GannetJson, &event)["dns"]["message"],
        "query"
    );
}

#[test]
fn dns_collector_objects_are_flat_with_ports_as_strings() {
    let row = json(EventFormat::DnsCollectorJson, &dns_event());
    assert_eq!(row["network.query-ip"], "198.51.100.7");
    assert_eq!(row["network.query-port"], "53123");
    assert_eq!(row["dns.qname"], "WwW.bAd.example");
    assert_eq!(row["dns.resource-records.an.0.rdata"], "c2x.bAd.example");
    assert_eq!(row["dns.resource-records.an.1.name"], "c2x.bAd.example");
    assert_eq!(row["dns.resource-records.an.1.rdata"], "203.0.113.66");
    assert_eq!(row["dnstap.operation"], "CLIENT_RESPONSE");
    assert_eq!(
        row["dnstap.timestamp-rfc3339ns"],
        "2026-01-01T00:00:00.140000000Z"
    );
    assert_eq!(row["dnstap.policy-type"], "-");
}

#[test]
fn goflow2_objects_name_their_protocols() {
    let row = json(EventFormat::Goflow2Json, &flow_event());
    assert_eq!(
        (&row["proto"], &row["etype"]),
        (&"TCP".into(), &"IPv4".into())
    );
    assert_eq!(
        (&row["src_addr"], &row["src_port"]),
        (&"198.51.100.7".into(), &50123.into())
    );
    assert_eq!(
        (&row["dst_addr"], &row["dst_port"]),
        (&"203.0.113.66".into(), &443.into())
    );
    assert_eq!(row["time_flow_start_ns"], 1_767_225_599_000_000_000_u64);
}

#[test]
fn our_own_objects_nest_dns_and_flow() {
    let row = json(EventFormat::GannetJson, &dns_event());
    assert_eq!(row["schema"], "gannet.event.v1");
    assert_eq!(
        row["dns"]["client"],
        serde_json::json!({"ip": "198.51.100.7", "port": 53123})
    );
    assert_eq!(
        (&row["dns"]["qtype"], &row["dns"]["rcode"]),
        (&"A".into(), &"NOERROR".into())
    );
    let mut event = flow_event();
    if let EventKind::Flow(flow) = &mut event.kind {
        flow.reverse = Some(Half {
            packets: None,
            bytes: Some(9),
            payload: None,
        });
    }
    let row = json(EventFormat::GannetJson, &event);
    assert_eq!(row["flow"]["reverse"], serde_json::json!({"bytes": 9}));
    assert_eq!(
        (&row["sampling_rate"], &row["flow"]["tcp_flags"]),
        (&1000.into(), &27.into())
    );
}

#[test]
fn a_batch_holds_every_event_in_order() {
    let mut out = Vec::new();
    write(
        EventFormat::GannetProtobuf,
        &[dns_event(), flow_event()],
        &mut out,
    );
    let batch = proto::EventBatch::decode(out.as_slice()).unwrap();
    assert_eq!(batch.events.len(), 2);
    assert_eq!(batch.events[1].time_ns, Some(1_767_225_599_000_000_000));
    let Some(proto::event::Kind::Dns(dns)) = &batch.events[0].kind else {
        panic!("the first event is no dns event");
    };
    assert_eq!(
        (dns.qname.as_str(), dns.answers.len()),
        ("WwW.bAd.example", 2)
    );
}

#[test]
fn a_kind_that_a_format_cannot_say_adds_nothing() {
    for format in [EventFormat::Dnstap, EventFormat::DnsCollectorJson] {
        assert!(record(format, &flow_event()).is_empty());
    }
    for format in [EventFormat::Goflow2Json, EventFormat::Goflow2Protobuf] {
        assert!(record(format, &dns_event()).is_empty());
    }
}

proptest! {
    #[test]
    fn dns_messages_read_back_as_written(
        qname in "[a-c]{1,2}(\\.[a-c]{1,2}){0,3}",
        targets in proptest::collection::vec("[a-c]{1,2}(\\.[a-c]{1,2}){0,3}", 0..4),
        address in any::<std::net::IpAddr>(),
        qtype in 1_u16..300,
        rcode in 0_u16..11,
    ) {
        let mut answers: Vec<Answer> = targets.into_iter().map(Answer::Name).collect();
        answers.push(Answer::Address(address));
        let dns = DnsEvent {
            client: None,
            resolver: None,
            side: DnsSide::Client,
            message: DnsMessage::Response,
            qname: qname.clone(),
            qtype: Some(qtype),
            rcode: Some(rcode),
            answers: answers.clone(),
            blocked: false,
        };
        let mut out = b"something before".to_vec();
        let start = out.len();
        dns_message::write_response(&dns, 7, &mut out);
        let read = DnsMessageOracle::from_vec(&out[start..]).unwrap();
        prop_assert_eq!(read.queries()[0].name().to_utf8(), format!("{qname}."));
        prop_assert_eq!(u16::from(read.queries()[0].query_type()), qtype);
        prop_assert_eq!(u16::from(read.response_code()), rcode);
        let mut owner = qname;
        for (record, answer) in read.answers().iter().zip(&answers) {
            prop_assert_eq!(record.name().to_utf8(), format!("{owner}."));
            match answer {
                Answer::Name(name) => {
                    prop_assert_eq!(record.data().to_string(), format!("{name}."));
                    owner.clone_from(name);
                }
                Answer::Address(ip) => prop_assert_eq!(record.data().ip_addr(), Some(*ip)),
            }
        }
        prop_assert_eq!(read.answers().len(), answers.len());
    }
}
