//! What identification keeps of a hit, and whose it is.

use super::attribute::AttributionRules;
use super::leases::LeaseTable;
use crate::model::{Attribution, Endpoint, EventTime, Evidence, Flag, Hit, HitId, Role};

/// The part of a hit that episodes are made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sighting {
    /// Identifies the hit.
    pub(super) hit_id: HitId,
    /// When it happened.
    pub(super) event_time: EventTime,
    /// The side that belongs to a subscriber.
    pub(super) client: Option<Endpoint>,
    /// A subscriber id that the event itself carried; never empty.
    pub(super) hint: Option<String>,
    /// What the hit belongs to.
    pub(super) campaign: String,
    /// The canonical value of the indicator.
    pub(super) value: String,
    /// How far it went.
    pub(super) evidence: Evidence,
    /// What else is known of it.
    pub(super) flags: Vec<Flag>,
    /// The roles of its indicators, without repeats.
    pub(super) roles: Vec<Role>,
    /// The feeds of its indicators, without repeats.
    pub(super) feeds: Vec<String>,
    /// Whether it speaks for an infected client.
    pub(super) victim: bool,
}

/// Whose a hit is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    /// How sure it is.
    pub(super) attribution: Attribution,
    /// The customer line; only with `exact` and `grace`.
    pub(super) subscriber: Option<String>,
    /// What the lease of that subscriber says, if one decided it.
    pub(super) details: Option<Details>,
    /// All leases that start up to here must be known for this to be final.
    pub(super) needs: EventTime,
}

/// What a lease says of a subscriber.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Details {
    /// The operator.
    pub(super) operator: Option<String>,
    /// The country.
    pub(super) country: Option<String>,
    /// Where a notifier finds the customer.
    pub(super) contact: Option<String>,
}

impl Sighting {
    /// What is kept of `hit`.
    pub(super) fn of(hit: &Hit) -> Self {
        let mut roles = Vec::new();
        let mut feeds: Vec<String> = Vec::new();
        for indicator in &hit.indicators {
            if !roles.contains(&indicator.role) {
                roles.push(indicator.role);
            }
            if !feeds.iter().any(|feed| **feed == *indicator.feed) {
                feeds.push(indicator.feed.as_ref().to_owned());
            }
        }
        Self {
            hit_id: hit.hit_id,
            event_time: hit.event_time,
            client: hit.client,
            hint: hit.client_hint.clone().filter(|hint| !hint.is_empty()),
            campaign: hit.campaign.clone(),
            value: hit.matched.value.clone(),
            evidence: hit.evidence,
            flags: hit.flags.clone(),
            roles,
            feeds,
            victim: hit.victim_evidence(),
        }
    }

    /// Whose it is by `leases` and by its own word.
    ///
    /// A subscriber id that the event carried is evidence of its own and comes first, whatever
    /// the leases say: `exact`. The lease that decides adds operator, country and contact, but
    /// only to the subscriber that it names.
    pub(super) fn identity(&self, leases: &LeaseTable, rules: &AttributionRules) -> Identity {
        let found = self
            .client
            .map(|client| leases.attribute(client, self.event_time, rules));
        let lease = found.and_then(|found| found.lease);
        let subscriber = self
            .hint
            .as_deref()
            .or_else(|| lease.map(|lease| lease.subscriber));
        let details = lease
            .filter(|lease| Some(lease.subscriber) == subscriber)
            .map(|lease| Details {
                operator: lease.operator.map(str::to_owned),
                country: lease.country.map(str::to_owned),
                contact: lease.contact.map(str::to_owned),
            });
        Identity {
            attribution: match (&self.hint, found) {
                (Some(_), _) => Attribution::Exact,
                (None, Some(found)) => found.attribution,
                (None, None) => Attribution::None,
            },
            subscriber: subscriber.map(str::to_owned),
            details,
            needs: found.map_or(EventTime::MIN, |found| found.needs),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::samples;
    use super::*;

    #[test]
    fn the_events_own_subscriber_comes_first() {
        let mut leases = LeaseTable::new(10);
        leases.insert(&samples::lease(
            "1",
            "line-1",
            "198.51.100.7/32",
            (100, Some(200)),
        ));
        leases.insert(&samples::lease(
            "2",
            "line-2",
            "198.51.100.7/32",
            (150, Some(200)),
        ));
        let rules = AttributionRules {
            guard_band: Duration::ZERO,
            grace: Duration::ZERO,
        };
        let check = |hint: Option<&str>, at, attribution, subscriber: Option<&str>, known| {
            let mut hit = samples::hit(1, at);
            hit.client_hint = hint.map(str::to_owned);
            let identity = Sighting::of(&hit).identity(&leases, &rules);
            assert_eq!(identity.attribution, attribution, "{hint:?} at {at}");
            assert_eq!(
                identity.subscriber.as_deref(),
                subscriber,
                "{hint:?} at {at}"
            );
            assert_eq!(identity.details.is_some(), known, "{hint:?} at {at}");
        };
        check(None, 120, Attribution::Exact, Some("line-1"), true);
        check(
            Some("line-1"),
            120,
            Attribution::Exact,
            Some("line-1"),
            true,
        );
        check(
            Some("line-9"),
            120,
            Attribution::Exact,
            Some("line-9"),
            false,
        );
        check(None, 170, Attribution::Ambiguous, None, false);
        check(
            Some("line-2"),
            170,
            Attribution::Exact,
            Some("line-2"),
            false,
        );
        check(None, 300, Attribution::None, None, false);
        check(
            Some("line-9"),
            300,
            Attribution::Exact,
            Some("line-9"),
            false,
        );
        check(Some(""), 300, Attribution::None, None, false);
    }

    #[test]
    fn without_a_client_no_lease_is_waited_for() {
        let mut hit = samples::hit(1, 100);
        hit.client = None;
        let rules = AttributionRules {
            guard_band: Duration::from_secs(1),
            grace: Duration::from_secs(1),
        };
        let identity = Sighting::of(&hit).identity(&LeaseTable::new(10), &rules);
        assert_eq!(identity.attribution, Attribution::None);
        assert_eq!(identity.needs, EventTime::MIN);
    }
}
