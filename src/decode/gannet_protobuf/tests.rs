//! Gannet's own protobuf: the key face against the generated types, on valid, merged, changed
//! and arbitrary bytes.

use proptest::prelude::*;

use super::*;
use crate::decode::tests::recorder::{RECORD_TIME, Recorded, check_faces, recorded};

/// A client's question with its answer.
fn dns() -> proto::Event {
    proto::Event {
        time_ns: Some(1_767_225_600_140_000_000),
        observer: "res1".to_owned(),
        client_hint: "line-0042".to_owned(),
        sampling_rate: 0,
        kind: Some(proto::event::Kind::Dns(proto::Dns {
            client: end(&[198, 51, 100, 7], 53123),
            resolver: end(&[192, 0, 2, 53], 53),
            qname: "WWW.bad.example".to_owned(),
            qtype: Some(1),
            rcode: Some(0),
            answers: vec![
                answer(proto::answer::Value::Name("c2x.bad.example".to_owned())),
                answer(proto::answer::Value::Ip(vec![203, 0, 113, 66])),
                proto::Answer { value: None },
            ],
            query_only: false,
            upstream: false,
            blocked: true,
        })),
    }
}

/// A flow both ways.
fn flow() -> proto::Event {
    proto::Event {
        kind: Some(proto::event::Kind::Flow(proto::Flow {
            source: end(&[198, 51, 100, 7], 50123),
            destination: end(&[203, 0, 113, 66], 443),
            protocol: Some(6),
            packets: Some(3),
            bytes: Some(1500),
            payload_bytes: None,
            two_way: true,
            reverse_packets: Some(2),
            reverse_bytes: Some(0),
            reverse_payload_bytes: Some(7),
            tcp_flags: Some(0x1b),
            state: proto::ConnState::Established.into(),
            initiator: proto::Initiator::Source.into(),
        })),
        ..dns()
    }
}

/// An end of an event.
fn end(ip: &[u8], port: u32) -> Option<proto::Endpoint> {
    Some(proto::Endpoint {
        ip: ip.to_vec(),
        port,
    })
}

/// An answer.
fn answer(value: proto::answer::Value) -> proto::Answer {
    proto::Answer { value: Some(value) }
}

/// An event with its DNS part changed.
fn dns_with(change: impl FnOnce(&mut proto::Dns)) -> proto::Event {
    let mut event = dns();
    match &mut event.kind {
        Some(proto::event::Kind::Dns(dns)) => change(dns),
        other => panic!("{other:?}"),
    }
    event
}

/// An event with its flow changed.
fn flow_with(change: impl FnOnce(&mut proto::Flow)) -> proto::Event {
    let mut event = flow();
    match &mut event.kind {
        Some(proto::event::Kind::Flow(flow)) => change(flow),
        other => panic!("{other:?}"),
    }
    event
}

/// A record of events.
fn batch(events: &[proto::Event]) -> Vec<u8> {
    let events = events.to_vec();
    proto::EventBatch { events }.encode_to_vec()
}

/// The items of a record, of which there may be none.
fn items(record: &[u8]) -> Vec<Recorded> {
    // An end of our own, since a recorder wants one.
    let mut items = recorded(|sink| {
        keys(record, sink);
        reject(&[], Reject::Empty, sink);
    });
    items.pop();
    items
}

/// The event of an item, after both faces were compared.
#[track_caller]
fn decoded(written: &proto::Event) -> Option<Event> {
    let items = items(&batch(std::slice::from_ref(written)));
    assert_eq!(items.len(), 1);
    check_faces(&items[0], event)
}

#[track_caller]
fn check(written: &proto::Event, expected: Outcome) {
    let items = items(&batch(std::slice::from_ref(written)));
    assert_eq!(items[0].outcome, Some(expected));
    check_faces(&items[0], event);
}

#[test]
fn a_dns_event_is_decoded() {
    let endpoint = |ip: &str, port| {
        Some(Endpoint {
            ip: ip.parse().unwrap(),
            port: Some(port),
        })
    };
    let expected = Event {
        time: EventTime::from_nanos(1_767_225_600_140_000_000),
        time_source: TimeSource::Event,
        observer: Some("res1".to_owned()),
        hint: Some("line-0042".to_owned()),
        sampling_rate: 1,
        kind: EventKind::Dns(DnsEvent {
            client: endpoint("198.51.100.7", 53123),
            resolver: endpoint("192.0.2.53", 53),
            side: DnsSide::Client,
            message: DnsMessage::Response,
            qname: "www.bad.example".to_owned(),
            qtype: Some(1),
            rcode: Some(0),
            answers: vec![
                Answer::Name("c2x.bad.example".to_owned()),
                Answer::Address("203.0.113.66".parse().unwrap()),
            ],
            blocked: true,
        }),
    };
    assert_eq!(decoded(&dns()), Some(expected));
    let upstream = decoded(&dns_with(|dns| {
        (dns.upstream, dns.query_only) = (true, true)
    }))
    .unwrap();
    let EventKind::Dns(dns) = upstream.kind else {
        panic!("not DNS");
    };
    assert_eq!(
        (dns.side, dns.message),
        (DnsSide::Upstream, DnsMessage::Query)
    );
}

#[test]
fn a_flow_is_decoded() {
    let endpoint = |ip: &str, port| Endpoint {
        ip: ip.parse().unwrap(),
        port,
    };
    let expected = FlowEvent {
        source: endpoint("198.51.100.7", Some(50123)),
        destination: endpoint("203.0.113.66", Some(443)),
        protocol: Some(6),
        forward: Half {
            packets: Some(3),
            bytes: Some(1500),
            payload: None,
        },
        reverse: Some(Half {
            packets: Some(2),
            bytes: Some(0),
            payload: Some(7),
        }),
        tcp_flags: Some(0x1b),
        state: Some(ConnState::Established),
        initiator: Initiator::Source,
    };
    let flow_of = |event| decoded(&event).unwrap().kind;
    assert_eq!(flow_of(flow()), EventKind::Flow(expected));
    let changed = flow_with(|flow| {
        (flow.protocol, flow.two_way, flow.tcp_flags) = (Some(58), false, None);
        (flow.state, flow.initiator) = (99, 99);
    });
    let expected = FlowEvent {
        source: endpoint("198.51.100.7", None),
        destination: endpoint("203.0.113.66", None),
        protocol: Some(58),
        reverse: None,
        tcp_flags: None,
        state: None,
        initiator: Initiator::Unknown,
        ..expected
    };
    assert_eq!(flow_of(changed), EventKind::Flow(expected));
}

#[test]
fn states_and_initiators_are_told_apart() {
    use proto::{ConnState as State, Initiator as Who};
    let read = |state: State, who: Who| {
        let event = flow_with(|flow| (flow.state, flow.initiator) = (state.into(), who.into()));
        match decoded(&event).unwrap().kind {
            EventKind::Flow(flow) => (flow.state, flow.initiator),
            EventKind::Dns(dns) => panic!("{dns:?}"),
        }
    };
    assert_eq!(
        read(State::NoReply, Who::Unspecified),
        (Some(ConnState::NoReply), Initiator::Unknown)
    );
    assert_eq!(
        read(State::Refused, Who::Source),
        (Some(ConnState::Refused), Initiator::Source)
    );
    assert_eq!(
        read(State::Other, Who::Destination),
        (Some(ConnState::Other), Initiator::Destination)
    );
    assert_eq!(
        read(State::Unspecified, Who::Unspecified),
        (None, Initiator::Unknown)
    );
}

#[test]
fn an_event_without_a_time_takes_the_record_s() {
    let written = proto::Event {
        time_ns: None,
        ..dns()
    };
    let decoded = decoded(&written).unwrap();
    assert_eq!(
        (decoded.time, decoded.time_source),
        (RECORD_TIME, TimeSource::Record)
    );
    assert_eq!(event(&written.encode_to_vec(), None), Err(Reject::NoTime));
}

#[test]
fn a_record_holds_any_number_of_events() {
    assert_eq!(items(&[0x10, 1]), []);
    let items = items(&batch(&[dns(), flow(), dns()]));
    let bytes: Vec<_> = items.iter().map(|item| item.bytes.clone()).collect();
    assert_eq!(
        bytes,
        [dns(), flow(), dns()].map(|event| event.encode_to_vec())
    );
    assert_eq!(items[0].names, ["c2x.bad.example", "WWW.bad.example"]);
    assert_eq!(
        items[0].addresses,
        [("203.0.113.66".parse().unwrap(), None)]
    );
    assert_eq!(
        items[1].addresses[1],
        ("203.0.113.66".parse().unwrap(), Some(443))
    );
}

#[test]
fn an_empty_record_is_rejected_and_a_broken_one_to_its_end() {
    let outcomes = |record: &[u8]| -> Vec<_> {
        items(record)
            .iter()
            .map(|item| item.outcome.unwrap())
            .collect()
    };
    let bad = Outcome::Rejected(Reject::NotProtobuf);
    assert_eq!(outcomes(&[]), [Outcome::Rejected(Reject::Empty)]);
    let mut record = batch(&[dns(), flow()]);
    record.truncate(record.len() - 1);
    assert_eq!(outcomes(&record), [Outcome::Event, bad]);
    assert_eq!(outcomes(&[0x08, 1]), [bad]);
    assert_eq!(outcomes(b"{}"), [bad]);
    assert_eq!(outcomes(&[0x0a, 0]), [Outcome::Rejected(Reject::Schema)]);
    let many = [0x0a, 0].repeat(ITEMS_MAX + 3);
    let outcomes = outcomes(&many);
    assert_eq!(outcomes.len(), ITEMS_MAX + 1);
    assert_eq!(outcomes[ITEMS_MAX], Outcome::Rejected(Reject::TooMany));
}

#[test]
fn what_is_missing_or_wrong_is_told() {
    let schema = Outcome::Rejected(Reject::Schema);
    let bad_address = Outcome::Rejected(Reject::BadAddress);
    check(
        &proto::Event {
            kind: None,
            ..dns()
        },
        schema,
    );
    check(&dns_with(|dns| dns.qtype = Some(65_536)), schema);
    check(&dns_with(|dns| dns.rcode = Some(65_536)), schema);
    check(
        &dns_with(|dns| dns.client = end(&[1, 2, 3], 53)),
        bad_address,
    );
    check(
        &dns_with(|dns| dns.resolver = end(&[192, 0, 2, 1], 65_536)),
        schema,
    );
    check(
        &dns_with(|dns| dns.answers = vec![answer(proto::answer::Value::Ip(vec![1]))]),
        bad_address,
    );
    check(&flow_with(|flow| flow.source = None), schema);
    check(&flow_with(|flow| flow.destination = end(&[], 1)), schema);
    check(
        &flow_with(|flow| flow.destination = end(&[1; 5], 1)),
        bad_address,
    );
    check(&flow_with(|flow| flow.protocol = Some(256)), schema);
    check(&flow_with(|flow| flow.tcp_flags = Some(256)), schema);
}

#[test]
fn an_event_needs_no_ends_and_no_question() {
    let bare = decoded(&dns_with(|dns| *dns = proto::Dns::default())).unwrap();
    let EventKind::Dns(dns) = bare.kind else {
        panic!("not DNS");
    };
    assert_eq!(
        (dns.client, dns.resolver, dns.qname.as_str()),
        (None, None, "")
    );
    assert_eq!((dns.qtype, dns.rcode, dns.answers), (None, None, vec![]));
    let no_address = decoded(&dns_with(|dns| dns.client = end(&[], 53))).unwrap();
    assert!(matches!(no_address.kind, EventKind::Dns(dns) if dns.client.is_none()));
}

#[test]
fn messages_that_are_there_twice_are_merged() {
    let half = |ip: &[u8], port| flow_with(|flow| flow.source = end(ip, port)).encode_to_vec();
    let merged = [half(&[198, 51, 100, 9], 0), half(&[], 77)].concat();
    let event = check_merged(&merged).unwrap();
    let EventKind::Flow(flow) = event.kind else {
        panic!("not a flow");
    };
    assert_eq!(
        (flow.source.ip.to_string().as_str(), flow.source.port),
        ("198.51.100.9", Some(77))
    );
    for mixed in [[dns(), self::flow()], [self::flow(), dns()], [dns(), dns()]] {
        let bytes: Vec<u8> = mixed
            .iter()
            .flat_map(|event| event.encode_to_vec())
            .collect();
        assert!(check_merged(&bytes).is_some());
    }
}

/// Compares both faces on the bytes of one event.
#[track_caller]
fn check_merged(bytes: &[u8]) -> Option<Event> {
    let mut record = vec![0x0a];
    prost::encoding::encode_varint(bytes.len() as u64, &mut record);
    record.extend(bytes);
    let items = items(&record);
    assert_eq!(items.len(), 1);
    check_faces(&items[0], event)
}

/// Few names, so that answers repeat the question.
fn name() -> impl Strategy<Value = String> {
    "[aB\\\\.\u{fc}]{0,6}"
}

/// Ends of events.
fn any_end() -> impl Strategy<Value = Option<proto::Endpoint>> {
    let ip = prop_oneof![
        6 => proptest::collection::vec(any::<u8>(), 4),
        2 => proptest::collection::vec(any::<u8>(), 16),
        1 => proptest::collection::vec(any::<u8>(), 0..6),
    ];
    proptest::option::weighted(
        0.9,
        (ip, 0_u32..66_000).prop_map(|(ip, port)| proto::Endpoint { ip, port }),
    )
}

/// Events of both kinds.
fn any_event() -> impl Strategy<Value = proto::Event> {
    let value = prop_oneof![
        name().prop_map(proto::answer::Value::Name),
        any_end().prop_map(|end| proto::answer::Value::Ip(end.unwrap_or_default().ip)),
    ];
    let answers = proptest::collection::vec(value.prop_map(answer), 0..3);
    let dns = (any_end(), any_end(), name(), answers, 0_u32..66_000).prop_map(
        |(client, resolver, qname, answers, qtype)| {
            dns_with(|dns| {
                (dns.client, dns.resolver, dns.qname) = (client, resolver, qname);
                (dns.answers, dns.qtype) = (answers, Some(qtype));
            })
        },
    );
    let protocol = prop_oneof![Just(1), Just(6), 0_u32..260];
    let flow = (any_end(), any_end(), protocol).prop_map(|(source, destination, protocol)| {
        flow_with(|flow| {
            (flow.source, flow.destination, flow.protocol) = (source, destination, Some(protocol));
        })
    });
    prop_oneof![dns, flow]
}

proptest! {
    #[test]
    fn the_faces_agree_on_all_events(events in proptest::collection::vec(any_event(), 1..4)) {
        let items = items(&batch(&events));
        prop_assert_eq!(items.len(), events.len());
        for item in &items {
            check_faces(item, event);
        }
    }

    #[test]
    fn the_faces_agree_on_merged_and_changed_events(
        events in proptest::collection::vec(any_event(), 1..3),
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let mut bytes: Vec<u8> = events.iter().flat_map(|event| event.encode_to_vec()).collect();
        check_merged(&bytes);
        for (at, value) in edits {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        check_merged(&bytes);
    }

    #[test]
    fn an_event_is_rejected_for_its_bytes_only_if_the_types_refuse_it(
        events in proptest::collection::vec(any_event(), 1..3),
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let mut bytes: Vec<u8> = events.iter().flat_map(|event| event.encode_to_vec()).collect();
        for (at, value) in edits {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let ours = scan(&bytes, &mut Nowhere) == Err(Reject::NotProtobuf);
        let types = proto::Event::decode(bytes.as_slice()).is_err();
        // Groups are the one thing that the types pass over and the key scan does not.
        prop_assert!(ours == types || (ours && bytes.iter().any(|byte| byte & 7 == 3)));
    }

    #[test]
    fn any_bytes_have_outcomes(record in proptest::collection::vec(any::<u8>(), 1..100)) {
        let items = items(&record);
        let whole = proto::EventBatch::decode(record.as_slice()).is_ok();
        let judged = if whole { items.len() } else { items.len().saturating_sub(1) };
        for item in &items[..judged] {
            check_faces(item, event);
        }
        check_merged(&record);
    }
}
