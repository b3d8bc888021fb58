//! The snapshot as a whole: where events are looked at and what a match shows. Here are also
//! the makers of rows and events that all tests of the snapshot share.

mod asked;
mod build;
mod oracle;
mod rules;
mod same;
mod steps;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::model::{
    Answer, DnsEvent, DnsMessage, DnsSide, DomainName, Endpoint, Event, EventKind, EventTime,
    Field, FlowEvent, Half, Indicator, IndicatorState, IndicatorValue, Initiator, Match, MatchKind,
    NAME_LEN_MAX, Role, Scope, TimeSource, VictimDirection,
};

/// A feed without special rules.
fn feed(name: &str) -> FeedInfo {
    FeedInfo {
        name: name.into(),
        victim: None,
        grace: Duration::ZERO,
        ignore_ports: false,
        overrides: false,
        keyed: false,
    }
}

/// A row of `written` alone.
fn plain_row<'a>(value: IndicatorValue<'a>, written: &'a str, role: Role) -> Indicator<'a> {
    Indicator {
        value,
        written,
        id: None,
        role,
        malware: None,
        confidence: 75,
        valid_from: None,
        valid_until: None,
        state: IndicatorState::Active,
        reference: None,
        tags: &[],
    }
}

/// Adds what `written` says: `=name` exact, `~name` only below, `/text/` a pattern, else an
/// endpoint, address, prefix or a name with all below it. `change` may alter the row.
fn add_with(
    builder: &mut SnapshotBuilder,
    feed: FeedId,
    written: &str,
    change: impl FnOnce(&mut Indicator<'_>),
) -> Result<Accepted, Refusal> {
    let mut scratch = [0; NAME_LEN_MAX];
    let pattern = written
        .strip_prefix('/')
        .and_then(|rest| rest.strip_suffix('/'));
    let value = if let Some(pattern) = pattern {
        IndicatorValue::Pattern(pattern)
    } else if let Ok(end) = written.parse::<std::net::SocketAddr>() {
        IndicatorValue::Endpoint {
            ip: end.ip(),
            port: end.port(),
        }
    } else if let Ok(ip) = written.parse::<IpAddr>() {
        IndicatorValue::Prefix(ip.into())
    } else if let Ok(net) = written.parse() {
        IndicatorValue::Prefix(net)
    } else {
        let (scope, name) = match written.split_at(1) {
            ("=", name) => (Scope::Exact, name),
            ("~", name) => (Scope::Below, name),
            _ => (Scope::Subtree, written),
        };
        let name = DomainName::parse(name.as_bytes(), &mut scratch).unwrap();
        IndicatorValue::Name { name, scope }
    };
    let mut row = plain_row(value, written, Role::C2);
    change(&mut row);
    builder.add(feed, &row)
}

/// A snapshot of one feed of C2 indicators and one of allow rules.
fn snapshot(listed: &[&str], allowed: &[&str]) -> Snapshot {
    let mut builder = SnapshotBuilder::new(BuildOptions::default());
    let bad = builder.add_feed(feed("bad"));
    let good = builder.add_feed(feed("good"));
    for written in listed {
        add_with(&mut builder, bad, written, |_| ()).unwrap();
    }
    for written in allowed {
        add_with(&mut builder, good, written, |row| row.role = Role::Allow).unwrap();
    }
    builder.build(1).unwrap()
}

fn event(time: EventTime, kind: EventKind) -> Event {
    Event {
        time,
        time_source: TimeSource::Event,
        observer: None,
        hint: None,
        sampling_rate: 1,
        kind,
    }
}

/// A DNS event with this question and these answers, names or addresses.
fn dns(time: i64, qname: &str, answers: &[&str]) -> Event {
    let answers = answers.iter().map(|text| match text.parse() {
        Ok(ip) => Answer::Address(ip),
        Err(_) => Answer::Name((*text).to_owned()),
    });
    let kind = EventKind::Dns(DnsEvent {
        client: None,
        resolver: None,
        side: DnsSide::Client,
        message: DnsMessage::Response,
        qname: qname.to_owned(),
        qtype: Some(1),
        rcode: Some(0),
        answers: answers.collect(),
        blocked: false,
    });
    event(EventTime::from_nanos(time), kind)
}

/// A flow between two ends.
fn flow(time: i64, source: Endpoint, destination: Endpoint) -> Event {
    let kind = EventKind::Flow(FlowEvent {
        source,
        destination,
        protocol: Some(6),
        forward: Half::default(),
        reverse: None,
        tcp_flags: None,
        state: None,
        initiator: Initiator::Unknown,
    });
    event(EventTime::from_nanos(time), kind)
}

fn end(ip: &str, port: impl Into<Option<u16>>) -> Endpoint {
    Endpoint {
        ip: ip.parse().unwrap(),
        port: port.into(),
    }
}

fn matches(snapshot: &Snapshot, event: &Event) -> Vec<Match> {
    let mut out = Vec::new();
    snapshot.matches(event, &mut out);
    out
}

/// The matches as `field kind class value`.
fn summary(snapshot: &Snapshot, event: &Event) -> Vec<String> {
    use crate::model::Named;
    let line = |found: &Match| {
        let (field, kind) = (found.field.as_str(), found.kind.as_str());
        format!("{field} {kind} {} {}", found.class, found.value)
    };
    matches(snapshot, event).iter().map(line).collect()
}

#[test]
fn a_dns_event_is_looked_at_in_its_question_and_answers() {
    let snapshot = snapshot(
        &[
            "bad.example",
            "=www.bad.example",
            "~x.example",
            "/login-bank/",
            "203.0.113.0/24",
            "203.0.113.66",
            "203.0.113.66:443",
        ],
        &[],
    );
    let event = dns(
        0,
        "WWW.Bad.Example.",
        &[
            "203.0.113.66",
            "x.example",
            "my-login-bank.x.example",
            "bad.example",
        ],
    );
    assert_eq!(
        summary(&snapshot, &event),
        [
            "qname exact name www.bad.example",
            "qname parent name bad.example",
            "cname parent name x.example",
            "cname pattern pattern login-bank",
            "answer address prefix 203.0.113.66",
            "answer prefix prefix 203.0.113.0/24",
        ]
    );
    assert_eq!(summary(&snapshot, &dns(0, "", &[])), [""; 0]);
    assert_eq!(summary(&snapshot, &dns(0, "bad..example", &[])), [""; 0]);
    // Of an unfit name, what lists the names above it, but no pattern.
    assert_eq!(
        summary(&snapshot, &dns(0, "login-bank a.www.bad.example", &[])),
        ["qname parent name bad.example"]
    );
}

#[test]
fn a_flow_is_looked_at_on_both_ends_with_ports() {
    let snapshot = snapshot(
        &["203.0.113.66:443", "203.0.113.66:80", "2001:db8::/48"],
        &[],
    );
    let (client, server) = (end("10.0.0.1", 5555), end("203.0.113.66", 443));
    assert_eq!(
        summary(&snapshot, &flow(0, client, server)),
        ["dst address endpoint 203.0.113.66:443"]
    );
    assert_eq!(
        summary(&snapshot, &flow(0, end("::ffff:203.0.113.66", 80), client)),
        ["src address endpoint 203.0.113.66:80"]
    );
    let nowhere = end("203.0.113.66", None);
    assert_eq!(
        summary(&snapshot, &flow(0, client, nowhere)),
        [""; 0],
        "no port, no endpoint"
    );
    assert_eq!(
        summary(
            &snapshot,
            &flow(0, end("2001:db8::1", 1), end("2001:db8::2", 2))
        ),
        ["src prefix prefix 2001:db8::/48"],
        "one match a value"
    );
}

#[test]
fn feeds_that_ignore_ports_match_on_every_port_and_in_answers() {
    let mut builder = SnapshotBuilder::new(BuildOptions::default());
    let loose = builder.add_feed(FeedInfo {
        ignore_ports: true,
        ..feed("loose")
    });
    let strict = builder.add_feed(feed("strict"));
    add_with(&mut builder, loose, "203.0.113.66:443", |_| ()).unwrap();
    add_with(&mut builder, strict, "203.0.113.66:443", |_| ()).unwrap();
    let snapshot = builder.build(1).unwrap();
    let feeds = |event: &Event| -> Vec<Arc<str>> {
        let found = matches(&snapshot, event);
        let shown = found.iter().flat_map(|found| &found.indicators);
        shown.map(|indicator| indicator.feed.clone()).collect()
    };
    let client = end("10.0.0.1", 5555);
    let both = [Arc::from("loose"), Arc::from("strict")];
    assert_eq!(
        feeds(&flow(0, client, end("203.0.113.66", 443))),
        both.to_vec()
    );
    assert_eq!(
        feeds(&flow(0, client, end("203.0.113.66", 80))),
        both[..1].to_vec()
    );
    assert_eq!(feeds(&dns(0, "", &["203.0.113.66"])), both[..1].to_vec());
}

#[test]
fn several_feeds_with_one_value_make_one_match_in_a_fixed_order() {
    let mut builder = SnapshotBuilder::new(BuildOptions::default());
    let b = builder.add_feed(feed("b"));
    let a = builder.add_feed(FeedInfo {
        victim: Some(VictimDirection::Any),
        ..feed("a")
    });
    let tags = ["one", "two"];
    for (feed, id, confidence) in [(b, "2", 50), (b, "1", 50), (a, "9", 50), (b, "7", 90)] {
        let written = "hxxp://bad[.]example/";
        let mut scratch = [0; NAME_LEN_MAX];
        let name = DomainName::parse(b"bad.example", &mut scratch).unwrap();
        let value = IndicatorValue::Name {
            name,
            scope: Scope::Subtree,
        };
        let full = Indicator {
            id: Some(id),
            confidence,
            malware: Some("win.lumma"),
            valid_from: Some(EventTime::from_nanos(1)),
            valid_until: Some(EventTime::from_nanos(9)),
            state: IndicatorState::TakenDown,
            reference: Some("https://ref.example/1"),
            tags: &tags,
            ..plain_row(value, written, Role::Payload)
        };
        assert_eq!(
            builder.add(feed, &full),
            Ok(Accepted {
                reserved: true,
                ..Accepted::default()
            })
        );
        assert!(builder.add(feed, &full).unwrap().duplicate);
    }
    let snapshot = builder.build(3).unwrap();
    assert_eq!(snapshot.indicators(), 4);
    assert_eq!((snapshot.id().generation, snapshot.hash().len()), (3, 32));
    let found = matches(&snapshot, &dns(5, "bad.example", &["www.bad.example"]));
    let [found] = found.as_slice() else {
        panic!("one match: {found:?}");
    };
    assert_eq!(
        (found.field, found.kind),
        (Field::Qname, MatchKind::Exact),
        "the first field counts"
    );
    let order: Vec<(&str, Option<&str>)> = found
        .indicators
        .iter()
        .map(|indicator| (&*indicator.feed, indicator.id.as_deref()))
        .collect();
    assert_eq!(
        order,
        [
            ("b", Some("7")),
            ("a", Some("9")),
            ("b", Some("1")),
            ("b", Some("2"))
        ]
    );
    let shown = &found.indicators[1];
    assert_eq!(shown.written, "hxxp://bad[.]example/");
    assert_eq!(shown.role, Role::Payload);
    assert_eq!(shown.malware.as_deref(), Some("win.lumma"));
    assert_eq!(shown.state, IndicatorState::TakenDown);
    assert_eq!(shown.victim_direction, VictimDirection::Any);
    assert_eq!(
        found.indicators[0].victim_direction,
        VictimDirection::Outbound
    );
    assert_eq!(shown.reference.as_deref(), Some("https://ref.example/1"));
    assert_eq!(
        shown.tags.iter().map(|tag| &**tag).collect::<Vec<_>>(),
        tags
    );
    assert_eq!(shown.valid_from, Some(EventTime::from_nanos(1)));
    assert_eq!(shown.valid_until, Some(EventTime::from_nanos(9)));
}

#[test]
fn other_scripts_match_in_every_spelling() {
    let snapshot = snapshot(&["b\u{fc}cher.example"], &[]);
    for qname in [
        "www.b\u{fc}cher.example",
        "WWW.B\u{dc}CHER.EXAMPLE",
        "www.xn--bcher-kva.example",
        r"www.b\195\188cher.example",
    ] {
        assert_eq!(
            summary(&snapshot, &dns(0, qname, &[])),
            ["qname parent name xn--bcher-kva.example"],
            "{qname}"
        );
        let probe = snapshot.probe_name(qname.as_bytes());
        assert_eq!(probe, NameProbe::Candidate, "{qname}");
    }
}
