//! Who had an address at the time of an event. Deterministic, and never a guess: where the
//! leases leave room for two subscribers, the answer is that there are two.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

use super::leases::LeaseTable;
use super::texts::TextId;
use super::timeline::{Ports, Span, Window};
use crate::model::{Attribution, EventTime, HostPort, Lease, PortBlock};

/// How strictly a lease must fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttributionRules {
    /// How far from the event another subscriber makes it ambiguous: the skew of the clocks.
    pub guard_band: Duration,
    /// How far from the event a lease may end or start and still be taken (`grace`).
    pub grace: Duration,
}

/// The answer for one client at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attributed<'t> {
    /// How sure it is.
    pub attribution: Attribution,
    /// The lease that decided it; only with `exact` and `grace`.
    pub lease: Option<LeaseView<'t>>,
    /// The last instant whose leases the answer depends on: once all leases that start up to
    /// here are known, it no longer changes.
    pub needs: EventTime,
}

/// A lease in the table, borrowed from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseView<'t> {
    /// Identifies the lease at its source.
    pub lease_id: &'t str,
    /// The customer line.
    pub subscriber: &'t str,
    /// The address or prefix.
    pub net: IpNet,
    /// First instant.
    pub start: EventTime,
    /// First instant after it, if a record says so.
    pub end: Option<EventTime>,
    /// The operator.
    pub operator: Option<&'t str>,
    /// The country.
    pub country: Option<&'t str>,
    /// What the knowledge comes from.
    pub source: Option<&'t str>,
    /// Where a notifier finds the customer.
    pub contact: Option<&'t str>,
}

impl LeaseView<'_> {
    /// The lease on its own, with its `ports`.
    pub(super) fn to_lease(self, ports: Ports) -> Lease {
        Lease {
            lease_id: self.lease_id.to_owned(),
            subscriber: self.subscriber.to_owned(),
            net: self.net,
            ports: PortBlock::new(ports.first, ports.last).ok(),
            start: self.start,
            end: self.end,
            operator: self.operator.map(str::to_owned),
            country: self.country.map(str::to_owned),
            source: self.source.map(str::to_owned),
            contact: self.contact.map(str::to_owned),
        }
    }
}

/// What one window of time shows.
struct Band {
    verdict: Verdict,
    /// The best lease: one that covers the instant, then the longest prefix, the latest start
    /// and the first id.
    best: Option<(Rank, Span)>,
}

/// Whom a window of time shows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Nobody,
    One(TextId),
    Several,
    Shared,
}

/// Orders the leases of one subscriber; larger is better.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    covers: bool,
    prefix_len: u8,
    start: i64,
}

impl LeaseTable {
    /// Who had `client` at `at`.
    ///
    /// At every instant an address belongs to the leases with the longest prefix that cover it
    /// then and whose ports, if they have any, contain the client's. A client without a port
    /// among leases with ports is `shared`. Two subscribers within the guard band are
    /// `ambiguous`, one that covers `at` is `exact`; if none covers it, exactly one within the
    /// grace is `grace`. A lease without an end ends where the next one of another subscriber
    /// starts on the same network and ports.
    ///
    /// One hash probe a prefix length in use, O(log m) for the m leases of a network, and the
    /// leases that meet the window.
    pub fn attribute(
        &self,
        client: HostPort,
        at: EventTime,
        rules: &AttributionRules,
    ) -> Attributed<'_> {
        let guard = nanos(rules.guard_band);
        let grace = nanos(rules.grace);
        let answer = |attribution, band: Option<&Band>, reach: i64| Attributed {
            attribution,
            lease: band.and_then(|band| self.view(&band.best.as_ref()?.1)),
            needs: at.saturating_add_nanos(reach),
        };
        let near = self.band(client, at.nanos(), guard);
        let covered = near.best.as_ref().is_some_and(|(rank, _)| rank.covers);
        match near.verdict {
            Verdict::Shared => return answer(Attribution::Shared, None, guard),
            Verdict::Several => return answer(Attribution::Ambiguous, None, guard),
            Verdict::One(_) if covered => return answer(Attribution::Exact, Some(&near), guard),
            Verdict::One(_) | Verdict::Nobody => {}
        }
        let wide = self.band(client, at.nanos(), grace);
        let reach = guard.max(grace);
        match wide.verdict {
            Verdict::Shared => answer(Attribution::Shared, None, reach),
            Verdict::Several => answer(Attribution::Ambiguous, None, reach),
            Verdict::One(_) => answer(Attribution::Grace, Some(&wide), reach),
            Verdict::Nobody => answer(Attribution::None, None, reach),
        }
    }

    /// Whom the window of `reach` around `at` shows: prefixes from the longest, each only for
    /// the time that no longer one covers.
    fn band(&self, client: HostPort, at: i64, reach: i64) -> Band {
        let mut band = Band {
            verdict: Verdict::Nobody,
            best: None,
        };
        let mut free = vec![Window::around(at, reach)];
        for &len in self.lens(client.ip) {
            self.look(prefix(client.ip, len), |timeline, unknown| {
                if unknown.is_some_and(|span| free.iter().any(|part| part.meets_window(span))) {
                    band.verdict = Verdict::Several;
                    return;
                }
                let mut found = Vec::new();
                for part in &free {
                    timeline.visit(*part, &mut |span| found.push(*span));
                }
                found.retain(|span| client.port.is_none_or(|port| span.ports.contains(port)));
                if client.port.is_none() && found.iter().any(|span| span.ports.is_block()) {
                    band.verdict = Verdict::Shared;
                    return;
                }
                let at_free = free.iter().any(|part| part.first <= at && at <= part.last);
                for span in &found {
                    let covers = at_free && span.covers(at);
                    self.take(
                        &mut band,
                        span,
                        Rank {
                            covers,
                            prefix_len: len,
                            start: span.start,
                        },
                    );
                }
                for span in &found {
                    free = without(&free, span);
                }
            });
            if free.is_empty() || band.verdict == Verdict::Shared {
                break;
            }
        }
        band
    }

    /// Adds a lease to what a window shows.
    fn take(&self, band: &mut Band, span: &Span, rank: Rank) {
        match band.verdict {
            Verdict::Nobody => band.verdict = Verdict::One(span.subscriber),
            Verdict::One(known) if known == span.subscriber => {}
            Verdict::One(_) => band.verdict = Verdict::Several,
            Verdict::Several | Verdict::Shared => return,
        }
        let id = |span: &Span| self.view(span).map(|view| view.lease_id);
        let better = match &band.best {
            None => true,
            Some((best, other)) => rank > *best || (rank == *best && id(span) < id(other)),
        };
        if better {
            band.best = Some((rank, *span));
        }
    }
}

/// A duration in nanoseconds; the longest that there is when it is longer.
fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

/// The prefix of `len` bits around `address`; of all bits when there are fewer.
fn prefix(address: IpAddr, len: u8) -> IpNet {
    IpNet::new(address, len).map_or_else(|_| IpNet::from(address), |net| net.trunc())
}

/// What `span` leaves of `free`.
fn without(free: &[Window], span: &Span) -> Vec<Window> {
    let mut left = Vec::with_capacity(free.len() + 1);
    for part in free {
        if !part.meets(span) {
            left.push(*part);
            continue;
        }
        if part.first < span.start {
            left.push(Window {
                first: part.first,
                last: span.start - 1,
            });
        }
        if span.end <= part.last {
            left.push(Window {
                first: span.end,
                last: part.last,
            });
        }
    }
    left
}
