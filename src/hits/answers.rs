//! Whether an event was led astray: answers that a policy took away, and addresses behind which
//! someone only listens. It decides what counts as a usable answer, and the flags that all hits
//! of an event share.

use std::net::IpAddr;

use crate::model::{
    Answer, DnsEvent, Event, EventKind, Field, IndicatorState, Match, MatchedIndicator, Networks,
    Role,
};

/// The response code of an answer without error.
const NOERROR: u16 = 0;

/// What is known of an event, whichever of its hits is looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Astray {
    /// The client was kept from what it asked for.
    pub(super) blocked: bool,
    /// It was led to a sinkhole.
    pub(super) sinkholed: bool,
}

impl Astray {
    /// That of `event`, in which all of `matches` were found. An address of the event leads to a
    /// sinkhole when it lies in `sinkholes`, or when an indicator that was valid then says so; a
    /// name in an answer by such an indicator alone. That of a question is about that name only.
    pub(super) fn of(event: &Event, matches: &[Match], sinkholes: &Networks) -> Self {
        let known = match &event.kind {
            EventKind::Dns(dns) => addresses(dns).any(|address| sinkholes.contains(address)),
            EventKind::Flow(flow) => [flow.source, flow.destination]
                .iter()
                .any(|end| sinkholes.contains(end.ip)),
        };
        let listed = || {
            matches.iter().any(|found| {
                found.valid_at_event
                    && leads_on(found.field)
                    && found.indicators.iter().any(names_sinkhole)
            })
        };
        Self {
            blocked: matches!(&event.kind, EventKind::Dns(dns) if is_blocked(dns)),
            sinkholed: known || listed(),
        }
    }
}

/// Whether the client got an address that it could contact and that a policy did not put there.
pub(super) fn is_usable(dns: &DnsEvent) -> bool {
    !dns.blocked && dns.rcode == Some(NOERROR) && addresses(dns).any(|address| !is_nowhere(address))
}

/// Whether an indicator says that a sinkhole answers.
pub(super) fn names_sinkhole(indicator: &MatchedIndicator) -> bool {
    indicator.state == IndicatorState::Sinkholed || indicator.role == Role::Sinkhole
}

/// Whether the resolver says so, or gives addresses and each of them leads nowhere: that is how
/// resolvers block who do not say so.
fn is_blocked(dns: &DnsEvent) -> bool {
    let mut addresses = addresses(dns).peekable();
    dns.blocked || (addresses.peek().is_some() && addresses.all(is_nowhere))
}

/// Whether `address` is of this host or of none, and contacts nobody on the network:
/// `0.0.0.0/8`, `127.0.0.0/8`, `::` and `::1`.
fn is_nowhere(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => matches!(v4.octets(), [0 | 127, ..]),
        IpAddr::V6(v6) => v6.is_unspecified() || v6.is_loopback(),
    }
}

/// The addresses of an answer.
fn addresses(dns: &DnsEvent) -> impl Iterator<Item = IpAddr> {
    dns.answers.iter().filter_map(|answer| match answer {
        Answer::Address(address) => Some(*address),
        Answer::Name(_) => None,
    })
}

/// Whether what stands in `field` is where the client was led, or went.
fn leads_on(field: Field) -> bool {
    match field {
        Field::Qname => false,
        Field::AnswerName | Field::AnswerAddress | Field::Source | Field::Destination => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hits::fixtures::{
        address_match, dns, dns_event_of, event_of, flow, indicator, name_match, networks,
    };

    /// Answers by their text: addresses and names.
    fn answers(texts: &[&str]) -> Vec<Answer> {
        texts
            .iter()
            .map(|text| match text.parse() {
                Ok(address) => Answer::Address(address),
                Err(_) => Answer::Name((*text).to_owned()),
            })
            .collect()
    }

    #[test]
    fn addresses_that_lead_nowhere_are_a_block_and_no_usable_answer() {
        for (texts, blocked, usable) in [
            (&[][..], false, false),
            (&["b.example"], false, false),
            (&["203.0.113.66"], false, true),
            (&["0.0.0.0"], true, false),
            (&["0.1.2.3"], true, false),
            (&["127.0.0.1"], true, false),
            (&["127.255.255.254"], true, false),
            (&["::"], true, false),
            (&["::1"], true, false),
            (&["128.0.0.1"], false, true),
            (&["1.0.0.0"], false, true),
            (&["::2"], false, true),
            (&["b.example", "0.0.0.0", "::"], true, false),
            (&["0.0.0.0", "203.0.113.66"], false, true),
        ] {
            let dns = DnsEvent {
                answers: answers(texts),
                ..dns("bad.example")
            };
            assert_eq!(
                (is_blocked(&dns), is_usable(&dns)),
                (blocked, usable),
                "{texts:?}"
            );
        }
    }

    #[test]
    fn what_a_policy_answers_is_no_usable_answer() {
        let walled = DnsEvent {
            blocked: true,
            answers: answers(&["203.0.113.80"]),
            ..dns("bad.example")
        };
        assert!(is_blocked(&walled) && !is_usable(&walled));
    }

    #[test]
    fn an_address_in_a_sinkhole_network_marks_the_event() {
        let sinkholes = networks("203.0.113.64/28 2001:db8:5::/48");
        let sinkholed = |event: &Event| Astray::of(event, &[], &sinkholes).sinkholed;
        let asked = |texts: &[&str]| {
            dns_event_of(DnsEvent {
                answers: answers(texts),
                ..dns("bad.example")
            })
        };
        assert!(sinkholed(&asked(&["203.0.113.66"])));
        assert!(sinkholed(&asked(&[
            "c.example",
            "192.0.2.1",
            "2001:db8:5::9"
        ])));
        assert!(!sinkholed(&asked(&["203.0.113.80", "2001:db8:6::9"])));
        assert!(!sinkholed(&asked(&["c.example"])));
        let to = |remote| event_of(flow("198.51.100.7:50000", remote));
        assert!(sinkholed(&to("203.0.113.66:80")));
        assert!(!sinkholed(&to("203.0.113.80:80")));
        let none = Networks::default();
        assert!(!Astray::of(&asked(&["203.0.113.66"]), &[], &none).sinkholed);
    }

    #[test]
    fn an_indicator_of_the_answer_marks_the_event_and_one_of_the_question_does_not() {
        let event = dns_event_of(dns("bad.example"));
        let sinkholed = |found: Match| {
            let matches = [name_match("bad.example"), found];
            Astray::of(&event, &matches, &Networks::default()).sinkholed
        };
        let with = |indicator| Match {
            indicators: vec![indicator],
            ..address_match("203.0.113.66", Field::AnswerAddress)
        };
        let role = with(indicator(Role::Sinkhole, 50, None));
        let state = with(MatchedIndicator {
            state: IndicatorState::Sinkholed,
            ..indicator(Role::C2, 50, None)
        });
        let taken_down = with(MatchedIndicator {
            state: IndicatorState::TakenDown,
            ..indicator(Role::C2, 50, None)
        });
        let in_field = |field| Match {
            field,
            ..role.clone()
        };
        assert!(sinkholed(in_field(Field::AnswerAddress)));
        assert!(sinkholed(in_field(Field::AnswerName)));
        assert!(sinkholed(in_field(Field::Destination)));
        assert!(!sinkholed(in_field(Field::Qname)));
        assert!(sinkholed(state));
        assert!(!sinkholed(taken_down));
        let expired = Match {
            valid_at_event: false,
            ..role.clone()
        };
        assert!(!sinkholed(expired));
    }
}
