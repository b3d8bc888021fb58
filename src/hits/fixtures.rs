//! Small events, matches and networks for the tests of this module.

use ipnet::IpNet;

use crate::model::{
    DnsEvent, DnsMessage, DnsSide, Endpoint, Event, EventKind, EventTime, Field, FlowEvent, Half,
    IndicatorState, Initiator, Match, MatchKind, MatchedIndicator, Networks, Position, Role,
    TimeSource,
};

/// 2026-01-01T00:00:00.14Z.
pub(super) const TIME: EventTime = EventTime::from_nanos(1_767_225_600_140_000_000);

/// `address:port`.
pub(super) fn endpoint(text: &str) -> Endpoint {
    let socket: std::net::SocketAddr = text.parse().unwrap();
    Endpoint {
        ip: socket.ip(),
        port: Some(socket.port()),
    }
}

/// The networks in `text`, with spaces.
pub(super) fn networks(text: &str) -> Networks {
    Networks::new(
        text.split_whitespace()
            .map(|net| net.parse::<IpNet>().unwrap()),
    )
}

/// A one-way TCP record without anything that tells more.
pub(super) fn flow(source: &str, destination: &str) -> FlowEvent {
    FlowEvent {
        source: endpoint(source),
        destination: endpoint(destination),
        protocol: Some(6),
        forward: Half::default(),
        reverse: None,
        tcp_flags: None,
        state: None,
        initiator: Initiator::Unknown,
    }
}

/// An answered question of a client.
pub(super) fn dns(qname: &str) -> DnsEvent {
    DnsEvent {
        client: Some(endpoint("198.51.100.7:53123")),
        resolver: Some(endpoint("192.0.2.53:53")),
        side: DnsSide::Client,
        message: DnsMessage::Response,
        qname: qname.to_owned(),
        qtype: Some(1),
        rcode: Some(0),
        answers: Vec::new(),
        blocked: false,
    }
}

/// The event of a flow.
pub(super) fn event_of(flow: FlowEvent) -> Event {
    event(EventKind::Flow(flow))
}

/// The event of a question.
pub(super) fn dns_event_of(dns: DnsEvent) -> Event {
    event(EventKind::Dns(dns))
}

fn event(kind: EventKind) -> Event {
    Event {
        time: TIME,
        time_source: TimeSource::Event,
        observer: Some("res1".into()),
        hint: None,
        sampling_rate: 1,
        kind,
    }
}

/// An indicator of `role` with a malware family.
pub(super) fn indicator(role: Role, confidence: u8, malware: Option<&str>) -> MatchedIndicator {
    MatchedIndicator {
        feed: "feed".into(),
        id: None,
        written: "written".into(),
        role,
        malware: malware.map(Into::into),
        confidence,
        valid_from: None,
        valid_until: None,
        state: IndicatorState::Active,
        victim_direction: role.victim_direction(),
        reference: None,
        tags: Vec::new(),
    }
}

/// A listed question name.
pub(super) fn name_match(value: &str) -> Match {
    Match {
        field: Field::Qname,
        kind: MatchKind::Exact,
        class: "name",
        value: value.to_owned(),
        valid_at_event: true,
        indicators: vec![indicator(Role::C2, 75, Some("win.lumma"))],
    }
}

/// A listed address.
pub(super) fn address_match(value: &str, field: Field) -> Match {
    Match {
        field,
        kind: MatchKind::Address,
        class: "prefix",
        ..name_match(value)
    }
}

/// A record of a topic.
pub(super) fn position() -> Position {
    Position {
        cluster: "c1".into(),
        topic: "dns".into(),
        partition: 3,
        offset: 123_456,
        index: 0,
        observer: None,
    }
}
