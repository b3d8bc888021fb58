//! Whether a hit speaks for an infected client, and why it does not.

use crate::model::{
    Direction, DnsSide, Event, EventKind, Match, Side, VictimDirection, VictimReason,
};

use super::Orientation;
use super::orient::Ends;

/// Why the hit does not speak for an infected client; `None` when it does. The first reason
/// that holds, in this order:
///
/// 1. no indicator was valid at the time of the event;
/// 2. a resolver asked an authority or forwarder;
/// 3. the client is one of our resolvers;
/// 4. one of the ends lies in an excluded network;
/// 5. no client is known, or it lies outside our networks;
/// 6. the remote side started it, and no feed counts that;
/// 7. no feed counts this direction, or the listed address is the client itself.
pub(super) fn reason(
    event: &Event,
    found: &Match,
    ends: &Ends,
    side: Option<Side>,
    orientation: &Orientation,
) -> Option<VictimReason> {
    if !found.valid_at_event {
        return Some(VictimReason::NotValidAtEvent);
    }
    if matches!(&event.kind, EventKind::Dns(dns) if dns.side == DnsSide::Upstream) {
        return Some(VictimReason::ResolverToAuthority);
    }
    let client = ends.client.map(|client| client.ip);
    let remote = ends.remote.map(|remote| remote.ip);
    if client.is_some_and(|client| orientation.resolvers.contains(client)) {
        return Some(VictimReason::Resolver);
    }
    let excluded = |address| orientation.exclude.contains(address);
    if client.is_some_and(excluded) || remote.is_some_and(excluded) {
        return Some(VictimReason::ExcludedNetwork);
    }
    let own = &orientation.own;
    if !client.is_some_and(|client| own.is_empty() || own.contains(client)) {
        return Some(VictimReason::NotOwnClient);
    }
    let inbound = ends.direction == Direction::Inbound;
    let counted = found
        .indicators
        .iter()
        .any(|indicator| counts(indicator.victim_direction, inbound));
    if inbound && !counted {
        return Some(VictimReason::InboundScan);
    }
    if !counted || side == Some(Side::Client) {
        return Some(VictimReason::FeedDirection);
    }
    None
}

/// Whether contact that was started by the remote side (`inbound`) or by the client counts.
fn counts(direction: VictimDirection, inbound: bool) -> bool {
    match direction {
        VictimDirection::Any => true,
        VictimDirection::Inbound => inbound,
        VictimDirection::Outbound => !inbound,
        VictimDirection::None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hits::fixtures::{
        address_match, dns, dns_event_of, event_of, flow, indicator, name_match, networks,
    };
    use crate::hits::orient;
    use crate::model::{DnsEvent, Field, FlowEvent, Initiator, Role};

    /// Own, resolvers, exclude.
    fn nets(own: &str, resolvers: &str, exclude: &str) -> Orientation {
        Orientation {
            own: networks(own),
            resolvers: networks(resolvers),
            exclude: networks(exclude),
            ..Orientation::default()
        }
    }

    #[track_caller]
    fn check(event: &Event, found: &Match, nets: &Orientation, expected: Option<VictimReason>) {
        let ends = orient::ends(event, found, &nets.own);
        let (_, side) = orient::place(event, found, &ends);
        assert_eq!(
            reason(event, found, &ends, side, nets),
            expected,
            "{event:?}"
        );
    }

    #[test]
    fn every_reason_gives_way_to_the_ones_before_it() {
        let asked = dns_event_of(dns("bad.example"));
        let upstream = dns_event_of(DnsEvent {
            side: DnsSide::Upstream,
            ..dns("bad.example")
        });
        let expired = Match {
            valid_at_event: false,
            ..name_match("bad.example")
        };
        let scanner = Match {
            indicators: vec![indicator(Role::Scanner, 50, None)],
            ..name_match("bad.example")
        };
        let all = nets("10.0.0.0/8", "198.51.100.0/24", "198.51.100.0/24");
        use VictimReason as R;
        check(&upstream, &expired, &all, Some(R::NotValidAtEvent));
        check(&upstream, &scanner, &all, Some(R::ResolverToAuthority));
        check(&asked, &scanner, &all, Some(R::Resolver));
        let all = nets("10.0.0.0/8", "", "198.51.100.0/24");
        check(&asked, &scanner, &all, Some(R::ExcludedNetwork));
        let all = nets("10.0.0.0/8", "", "192.0.2.53/32");
        check(&asked, &scanner, &all, Some(R::ExcludedNetwork));
        let all = nets("10.0.0.0/8", "", "");
        check(&asked, &scanner, &all, Some(R::NotOwnClient));
        let own = nets("198.51.100.0/24", "", "");
        check(&asked, &scanner, &own, Some(R::FeedDirection));
        check(&asked, &name_match("bad.example"), &own, None);
        check(&asked, &name_match("bad.example"), &nets("", "", ""), None);
        let nobody = dns_event_of(DnsEvent {
            client: None,
            ..dns("bad.example")
        });
        check(&nobody, &scanner, &own, Some(R::NotOwnClient));
        check(&nobody, &scanner, &nets("", "", ""), Some(R::NotOwnClient));
    }

    #[test]
    fn the_feed_says_which_direction_counts() {
        let own = nets("198.51.100.0/24", "", "");
        let started = |initiator| {
            event_of(FlowEvent {
                initiator,
                ..flow("198.51.100.7:50000", "203.0.113.66:443")
            })
        };
        let outbound = started(Initiator::Source);
        let inbound = started(Initiator::Destination);
        let listed = |directions: &[VictimDirection]| Match {
            indicators: directions
                .iter()
                .map(|&victim_direction| crate::model::MatchedIndicator {
                    victim_direction,
                    ..indicator(Role::C2, 50, None)
                })
                .collect(),
            ..address_match("203.0.113.66", Field::Destination)
        };
        use VictimDirection as D;
        use VictimReason as R;
        for (directions, out, in_) in [
            (&[D::Outbound][..], None, Some(R::InboundScan)),
            (&[D::Inbound], Some(R::FeedDirection), None),
            (&[D::Any], None, None),
            (&[D::None], Some(R::FeedDirection), Some(R::InboundScan)),
            (&[D::None, D::Outbound], None, Some(R::InboundScan)),
            (&[D::Inbound, D::Outbound], None, None),
            (&[], Some(R::FeedDirection), Some(R::InboundScan)),
        ] {
            check(&outbound, &listed(directions), &own, out);
            check(&inbound, &listed(directions), &own, in_);
        }
    }

    #[test]
    fn a_listed_client_is_no_victim_of_its_peer() {
        let own = nets("198.51.100.0/24", "", "");
        let event = event_of(FlowEvent {
            initiator: Initiator::Source,
            ..flow("198.51.100.7:50000", "203.0.113.66:443")
        });
        let found = address_match("198.51.100.7", Field::Source);
        check(&event, &found, &own, Some(VictimReason::FeedDirection));
        check(
            &event,
            &found,
            &nets("", "", ""),
            Some(VictimReason::FeedDirection),
        );
    }
}
