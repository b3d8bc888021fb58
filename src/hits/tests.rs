//! Whole hits.

use super::fixtures::{
    TIME, address_match, dns, dns_event_of, endpoint, event_of, flow, indicator, name_match,
    networks, position,
};
use super::*;
use crate::model::{Direction, Evidence, Field, Half, IndicatorState, Initiator, Role, Side};

/// The hits of `matches` in `event`.
fn made(event: &Event, matches: Vec<Match>) -> Vec<Hit> {
    let orientation = Orientation {
        own: networks("198.51.100.0/24"),
        sinkholes: networks("203.0.113.192/26"),
        ..Orientation::default()
    };
    let snapshot = SnapshotId {
        generation: 12,
        hash: "h".into(),
    };
    let context = HitContext {
        orientation: &orientation,
        snapshot: &snapshot,
        matched_at: EventTime::from_nanos(7),
        record_time_ms: Some(1),
    };
    let mut out = Vec::new();
    hits(event, matches, &position(), &context, &mut out);
    out
}

#[test]
fn one_hit_for_each_match_in_order() {
    let event = dns_event_of(DnsEvent {
        answers: vec![
            Answer::Name("bad.example".into()),
            Answer::Address([203, 0, 113, 66].into()),
        ],
        ..dns("www.bad.example")
    });
    let found = made(
        &event,
        vec![
            name_match("bad.example"),
            address_match("203.0.113.66", Field::AnswerAddress),
        ],
    );
    assert_eq!(made(&event, Vec::new()), []);
    let [first, second] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert_ne!(first.hit_id, second.hit_id);
    assert_eq!(first.event_fp, second.event_fp);
    assert_eq!(
        (first.matched.value.as_str(), second.matched.value.as_str()),
        ("bad.example", "203.0.113.66")
    );
    assert_eq!(first.client, Some(endpoint("198.51.100.7:53123")));
    assert_eq!(first.remote, Some(endpoint("192.0.2.53:53")));
    assert_eq!((first.event_time, first.matched_at.nanos()), (TIME, 7));
    assert_eq!(first.evidence, Evidence::Resolved);
    assert_eq!(first.matched.side, None);
    assert_eq!(second.matched.field, Field::AnswerAddress);
    assert_eq!(first.source.observer.as_deref(), Some("res1"));
    assert!(first.victim_evidence() && !first.truncated);
    let HitKind::Dns(facts) = &first.kind else {
        panic!("not DNS");
    };
    assert_eq!(
        (facts.qtype.as_deref(), facts.rcode.as_deref()),
        (Some("A"), Some("NOERROR"))
    );
    assert_eq!(facts.answers, ["bad.example", "203.0.113.66"]);
}

#[test]
fn flow_counts_are_seen_from_the_client() {
    let half = |packets, bytes| Half {
        packets: Some(packets),
        bytes: Some(bytes),
        payload: None,
    };
    let event = event_of(FlowEvent {
        forward: half(1, 10),
        reverse: Some(half(2, 20)),
        initiator: Initiator::Destination,
        ..flow("203.0.113.66:443", "198.51.100.7:50000")
    });
    let found = made(&event, vec![address_match("203.0.113.66", Field::Source)]);
    let [hit] = found.as_slice() else {
        panic!("{found:?}");
    };
    let expected = FlowFacts {
        protocol: Some(6),
        bytes_out: Some(20),
        bytes_in: Some(10),
        packets_out: Some(2),
        packets_in: Some(1),
        tcp_flags: None,
    };
    assert_eq!(hit.kind, HitKind::Flow(expected));
    assert_eq!(hit.direction, Direction::Outbound);
    assert_eq!(
        (hit.matched.field, hit.matched.side),
        (Field::Source, Some(Side::Remote))
    );
    assert!(hit.victim_evidence());
}

#[test]
fn more_answers_than_the_limit_are_left_out_and_it_says_so() {
    let event = dns_event_of(DnsEvent {
        answers: vec![Answer::Name("a.example".into()); DnsFacts::ANSWERS_MAX + 1],
        ..dns("a.example")
    });
    let found = made(&event, vec![name_match("a.example")]);
    let shown = found.iter().map(|hit| match &hit.kind {
        HitKind::Dns(facts) => (facts.answers.len(), hit.truncated),
        HitKind::Flow(_) => (0, false),
    });
    assert_eq!(shown.collect::<Vec<_>>(), [(DnsFacts::ANSWERS_MAX, true)]);
}

#[test]
fn the_campaign_is_the_malware_of_the_most_confident_indicator() {
    let c2 = |confidence, malware| indicator(Role::C2, confidence, malware);
    for (indicators, expected) in [
        (vec![], "v"),
        (vec![c2(50, None)], "v"),
        (vec![c2(50, Some(""))], "v"),
        (vec![c2(50, Some("b")), c2(75, Some("c"))], "c"),
        (
            vec![c2(75, Some("c")), c2(75, Some("b")), c2(50, Some("a"))],
            "b",
        ),
        (vec![c2(75, None), c2(75, Some("b"))], "b"),
        (vec![c2(75, None), c2(50, Some("a"))], "v"),
    ] {
        assert_eq!(campaign("v", &indicators), expected, "{indicators:?}");
    }
}

/// The flags of the hits of `matches`, in which `dns` was answered so.
fn flags_of(dns: DnsEvent, matches: Vec<Match>) -> Vec<Vec<Flag>> {
    let found = made(&dns_event_of(dns), matches);
    found.into_iter().map(|hit| hit.flags).collect()
}

#[test]
fn flags_tell_of_policies_and_sinkholes() {
    let plain = dns("a.example");
    let blocked = DnsEvent {
        blocked: true,
        ..plain.clone()
    };
    let with = |indicators: &[MatchedIndicator]| {
        vec![Match {
            indicators: indicators.to_vec(),
            ..name_match("a.example")
        }]
    };
    let sinkholed = MatchedIndicator {
        state: IndicatorState::Sinkholed,
        ..indicator(Role::C2, 50, None)
    };
    let sinkhole = indicator(Role::Sinkhole, 50, None);
    let active = indicator(Role::C2, 50, None);
    use Flag::{Blocked, Sinkholed};
    assert_eq!(
        flags_of(plain.clone(), with(std::slice::from_ref(&active))),
        [[]]
    );
    assert_eq!(flags_of(plain, with(&[active, sinkhole])), [[Sinkholed]]);
    assert_eq!(
        flags_of(blocked.clone(), with(&[sinkholed])),
        [[Blocked, Sinkholed]]
    );
    assert_eq!(flags_of(blocked, with(&[])), [[Blocked]]);
}

#[test]
fn a_sinkhole_in_the_answer_marks_the_hit_of_the_question_too() {
    let answered = |text: &str| DnsEvent {
        answers: vec![Answer::Address(text.parse().unwrap())],
        ..dns("bad.example")
    };
    let listed = |role| {
        let address = Match {
            indicators: vec![indicator(role, 50, None)],
            ..address_match("203.0.113.66", Field::AnswerAddress)
        };
        vec![name_match("bad.example"), address]
    };
    use Flag::{Blocked, Sinkholed};
    let both = |flags: &[Flag]| [flags.to_vec(), flags.to_vec()];
    assert_eq!(
        flags_of(answered("203.0.113.66"), listed(Role::Sinkhole)),
        both(&[Sinkholed])
    );
    assert_eq!(
        flags_of(answered("203.0.113.66"), listed(Role::C2)),
        both(&[])
    );
    // A network that is known for it, whatever is listed.
    assert_eq!(
        flags_of(answered("203.0.113.200"), listed(Role::C2)),
        both(&[Sinkholed])
    );
    assert_eq!(
        flags_of(answered("127.0.0.1"), listed(Role::C2)),
        both(&[Blocked])
    );
}
