//! Which end of an event is the client, which way it went, and on which side the indicator is.

use crate::model::{
    Direction, DnsEvent, Endpoint, Event, EventKind, Field, FlowEvent, Match, Networks, Side,
    parse_address, parse_prefix,
};

use super::initiator::started_by;

/// One end of a flow, as its sensor wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The source.
    Source,
    /// The destination.
    Destination,
}

impl End {
    /// The opposite end.
    pub(super) fn other(self) -> Self {
        match self {
            Self::Source => Self::Destination,
            Self::Destination => Self::Source,
        }
    }

    /// Its address and port in `flow`.
    pub(super) fn of(self, flow: &FlowEvent) -> Endpoint {
        match self {
            Self::Source => flow.source,
            Self::Destination => flow.destination,
        }
    }

    /// The field of a match that means this end.
    fn field(self) -> Field {
        match self {
            Self::Source => Field::Source,
            Self::Destination => Field::Destination,
        }
    }
}

/// An event, oriented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ends {
    /// The side that belongs to a subscriber.
    pub(super) client: Option<Endpoint>,
    /// The other side.
    pub(super) remote: Option<Endpoint>,
    /// Which end of a flow the client is; the source for DNS.
    pub(super) client_end: End,
    /// Which way it went.
    pub(super) direction: Direction,
}

/// Orients `event`. Of `found` only its value matters (the port that it lists), so that all
/// copies of a hit agree.
pub(super) fn ends(event: &Event, found: &Match, own: &Networks) -> Ends {
    match &event.kind {
        EventKind::Dns(dns) => dns_ends(dns),
        EventKind::Flow(flow) => flow_ends(flow, listening_end(flow, found), own),
    }
}

/// A question is always the asking side's own act.
fn dns_ends(dns: &DnsEvent) -> Ends {
    Ends {
        client: dns.client,
        remote: dns.resolver,
        client_end: End::Source,
        direction: Direction::Outbound,
    }
}

/// | source in `own` | destination in `own` | client | direction |
/// |---|---|---|---|
/// | yes | no | source | outbound if it started, else inbound |
/// | no | yes | destination | outbound if it started, else inbound |
/// | yes | yes | the end that started | internal |
/// | no | no | the end that started | transit |
/// | `own` is empty | | the end that started | outbound |
fn flow_ends(flow: &FlowEvent, listening: Option<End>, own: &Networks) -> Ends {
    let inside = |end: Endpoint| own.contains(end.ip);
    let (source, destination) = (inside(flow.source), inside(flow.destination));
    let known_client = match (source, destination) {
        (true, false) => Some(End::Source),
        (false, true) => Some(End::Destination),
        (true, true) | (false, false) => None,
    };
    let started = started_by(flow, known_client, listening);
    let client = known_client.unwrap_or(started);
    let direction = if own.is_empty() {
        Direction::Outbound
    } else if source && destination {
        Direction::Internal
    } else if known_client.is_none() {
        Direction::Transit
    } else if started == client {
        Direction::Outbound
    } else {
        Direction::Inbound
    };
    Ends {
        client: Some(client.of(flow)),
        remote: Some(client.other().of(flow)),
        client_end: client,
        direction,
    }
}

/// The field and side of `found`. A value that covers both ends of a flow is taken to be about
/// the remote one. DNS matches have no side.
pub(super) fn place(event: &Event, found: &Match, ends: &Ends) -> (Field, Option<Side>) {
    let EventKind::Flow(flow) = &event.kind else {
        return (found.field, None);
    };
    let Some(end) = matched_end(found.field) else {
        return (found.field, None);
    };
    let remote = ends.client_end.other();
    if end == remote || covers(found, remote.of(flow)) {
        (remote.field(), Some(Side::Remote))
    } else {
        (end.field(), Some(Side::Client))
    }
}

/// The end of a flow that `field` means.
fn matched_end(field: Field) -> Option<End> {
    match field {
        Field::Source => Some(End::Source),
        Field::Destination => Some(End::Destination),
        Field::Qname | Field::AnswerName | Field::AnswerAddress => None,
    }
}

/// The end that listens on the very port that `found` lists, if it lists one.
fn listening_end(flow: &FlowEvent, found: &Match) -> Option<End> {
    let end = matched_end(found.field)?;
    let port = listed_port(found)?;
    (end.of(flow).port == Some(port)).then_some(end)
}

/// The port of an `address:port` value.
fn listed_port(found: &Match) -> Option<u16> {
    if found.class != "endpoint" {
        return None;
    }
    let (_, port) = found.value.rsplit_once(':')?;
    port.parse().ok()
}

/// Whether the value of `found` covers `end` too.
fn covers(found: &Match, end: Endpoint) -> bool {
    if found.class == "endpoint" {
        let Some((address, port)) = found.value.rsplit_once(':') else {
            return false;
        };
        let address = address.trim_start_matches('[').trim_end_matches(']');
        return parse_address(address) == Ok(end.ip) && port.parse().ok() == end.port;
    }
    parse_address(&found.value) == Ok(end.ip)
        || parse_prefix(&found.value).is_ok_and(|net| net.contains(&end.ip))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hits::fixtures::{address_match, event_of, flow, networks};
    use crate::model::Initiator;

    /// The only own network of these tests.
    const OWN: &str = "198.51.100.0/24";

    #[track_caller]
    fn check(source: &str, destination: &str, initiator: Initiator, own: &str, expected: &str) {
        let flow = FlowEvent {
            initiator,
            ..flow(source, destination)
        };
        let found = address_match("203.0.113.66", Field::Destination);
        let ends = ends(&event_of(flow), &found, &networks(own));
        let actual = format!(
            "{} {}",
            ends.client.unwrap().ip,
            crate::model::Named::as_str(ends.direction)
        );
        assert_eq!(actual, expected, "{source} > {destination}, {initiator:?}");
    }

    #[test]
    fn the_client_is_the_side_inside_the_own_networks() {
        let (ours, theirs) = ("198.51.100.7:50000", "203.0.113.66:443");
        let (source, destination) = (Initiator::Source, Initiator::Destination);
        check(ours, theirs, source, OWN, "198.51.100.7 outbound");
        check(ours, theirs, destination, OWN, "198.51.100.7 inbound");
        check(theirs, ours, source, OWN, "198.51.100.7 inbound");
        check(theirs, ours, destination, OWN, "198.51.100.7 outbound");
    }

    #[test]
    fn without_a_single_own_side_the_client_is_the_one_that_started() {
        let (one, two) = ("198.51.100.7:50000", "198.51.100.8:443");
        let (source, destination) = (Initiator::Source, Initiator::Destination);
        check(one, two, source, OWN, "198.51.100.7 internal");
        check(one, two, destination, OWN, "198.51.100.8 internal");
        check(one, two, Initiator::Unknown, OWN, "198.51.100.7 internal");
        check(one, two, source, "10.0.0.0/8", "198.51.100.7 transit");
        check(one, two, destination, "10.0.0.0/8", "198.51.100.8 transit");
        check(one, two, source, "", "198.51.100.7 outbound");
        check(one, two, destination, "", "198.51.100.8 outbound");
        check(two, one, Initiator::Unknown, "", "198.51.100.7 outbound");
    }

    #[track_caller]
    fn check_place(value: &str, class: &'static str, field: Field, expected: (Field, Side)) {
        let flow = flow("198.51.100.7:50000", "203.0.113.66:443");
        let found = Match {
            class,
            ..address_match(value, field)
        };
        let event = event_of(flow);
        let ends = ends(&event, &found, &networks(OWN));
        assert_eq!(
            place(&event, &found, &ends),
            (expected.0, Some(expected.1)),
            "{value}"
        );
    }

    #[test]
    fn a_value_on_both_ends_is_about_the_remote_one() {
        let remote = (Field::Destination, Side::Remote);
        let client = (Field::Source, Side::Client);
        check_place("203.0.113.66", "prefix", Field::Destination, remote);
        check_place("198.51.100.7", "prefix", Field::Source, client);
        check_place("198.51.100.0/24", "prefix", Field::Source, client);
        check_place("192.0.0.0/2", "prefix", Field::Source, remote);
        check_place("203.0.113.66:443", "endpoint", Field::Destination, remote);
        check_place("198.51.100.7:50000", "endpoint", Field::Source, client);
    }

    #[test]
    fn a_listed_port_counts_only_where_it_was_met() {
        let flow = flow("198.51.100.7:50000", "[2001:db8::1]:4444");
        let listed = |value: &str| {
            let found = Match {
                class: "endpoint",
                ..address_match(value, Field::Destination)
            };
            listening_end(&flow, &found)
        };
        assert_eq!(listed("[2001:db8::1]:4444"), Some(End::Destination));
        assert_eq!(listed("[2001:db8::1]:4445"), None);
        let plain = address_match("2001:db8::1", Field::Destination);
        assert_eq!(listening_end(&flow, &plain), None);
    }
}
