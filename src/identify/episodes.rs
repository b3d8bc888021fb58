//! Folds hits into episodes. Commutative and associative: the same hits give the same episode
//! in whatever order they come, ties being resolved by what they say. Of copies of one hit that
//! differ in their indicators, the one that is read first counts.

use std::collections::BTreeSet;
use std::time::Duration;

use super::sighting::{Details, Identity, Sighting};
use super::spells::{self, SPELLS_MAX};
use crate::model::{
    Advice, Attribution, Endpoint, Episode, EpisodeId, EventTime, Evidence, Flag, IdHasher, Role,
    Spell,
};

/// The state of one episode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct EpisodeState {
    /// The customer line.
    pub(super) subscriber: String,
    /// The campaign.
    pub(super) campaign: String,
    /// The earliest hit.
    pub(super) earliest: Earliest,
    /// The earliest hit that a lease attributed, with what the lease says; of several at the
    /// same time, the lowest.
    pub(super) told: Option<(EventTime, Details)>,
    /// How many hits speak for an infected client. How many there are, and when the last was,
    /// is in `spells`.
    pub(super) victim_hits: u64,
    /// The strongest evidence of the hits that speak for an infected client.
    pub(super) victim_evidence: Option<Evidence>,
    /// The strongest evidence of all hits.
    pub(super) any_evidence: Evidence,
    /// The weakest attribution.
    pub(super) attribution: Attribution,
    /// The flags of all hits.
    pub(super) flags: BTreeSet<Flag>,
    /// The roles of all indicators.
    pub(super) roles: BTreeSet<Role>,
    /// The first [`Episode::INDICATORS_MAX`] values.
    pub(super) indicators: BTreeSet<String>,
    /// The first [`FEEDS_MAX`] feeds.
    pub(super) feeds: BTreeSet<String>,
    /// Runs of hits; never empty.
    pub(super) spells: Vec<Spell>,
}

/// What is told of the earliest hit; of several at the same time, the lowest. A hit that shows
/// its client comes before one that does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Earliest {
    /// When it was.
    pub(super) at: EventTime,
    /// Whether it does not say who the client was.
    pub(super) hidden: bool,
    /// The client.
    pub(super) client: Option<Endpoint>,
}

/// How a hit changed an episode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Growth {
    /// It counts one more hit.
    Count,
    /// Its evidence, its indicators or its advice are others, or it is new.
    Content,
}

/// Most feeds that an episode keeps; the first in lexical order.
pub(super) const FEEDS_MAX: usize = 64;

/// The id of the episode of `subscriber` on `campaign`.
pub(super) fn episode_id(subscriber: &str, campaign: &str) -> EpisodeId {
    let mut hasher = IdHasher::new("gannet.episode.v1");
    hasher.bytes(subscriber.as_bytes());
    hasher.bytes(campaign.as_bytes());
    EpisodeId(hasher.finish())
}

impl EpisodeState {
    /// The episode of a first hit of `subscriber`.
    pub(super) fn new(
        subscriber: String,
        sighting: &Sighting,
        identity: &Identity,
        quiet_period: Duration,
    ) -> Self {
        let mut state = Self {
            subscriber,
            campaign: sighting.campaign.clone(),
            earliest: earliest(sighting),
            told: None,
            victim_hits: 0,
            victim_evidence: None,
            any_evidence: sighting.evidence,
            attribution: identity.attribution,
            flags: BTreeSet::new(),
            roles: BTreeSet::new(),
            indicators: BTreeSet::new(),
            feeds: BTreeSet::new(),
            spells: Vec::new(),
        };
        state.fold(sighting, identity, quiet_period);
        state
    }

    /// Adds a hit.
    pub(super) fn fold(
        &mut self,
        sighting: &Sighting,
        identity: &Identity,
        quiet_period: Duration,
    ) -> Growth {
        let before = (self.evidence(), self.advice());
        self.earliest = self.earliest.min(earliest(sighting));
        self.tell(sighting, identity);
        if sighting.victim {
            self.victim_hits += 1;
            self.victim_evidence = self.victim_evidence.max(Some(sighting.evidence));
        }
        self.any_evidence = self.any_evidence.max(sighting.evidence);
        self.attribution = self.attribution.max(identity.attribution);
        self.flags.extend(&sighting.flags);
        self.roles.extend(&sighting.roles);
        let listed = keep_first(
            &mut self.indicators,
            &sighting.value,
            Episode::INDICATORS_MAX,
        );
        for feed in &sighting.feeds {
            keep_first(&mut self.feeds, feed, FEEDS_MAX);
        }
        spells::add(
            &mut self.spells,
            sighting.event_time,
            quiet_period,
            SPELLS_MAX,
        );
        if listed || before != (self.evidence(), self.advice()) {
            Growth::Content
        } else {
            Growth::Count
        }
    }

    /// Adds what the lease of a hit says, but not the hit. Whether that changed the episode.
    pub(super) fn tell(&mut self, sighting: &Sighting, identity: &Identity) -> bool {
        let Some(details) = &identity.details else {
            return false;
        };
        let told = (sighting.event_time, details.clone());
        let changed = self.told.as_ref().is_none_or(|known| told < *known);
        if changed {
            self.told = Some(told);
        }
        changed
    }

    /// The strongest evidence: of the hits that speak for an infected client, if there are any.
    fn evidence(&self) -> Evidence {
        self.victim_evidence.unwrap_or(self.any_evidence)
    }

    /// What the subscriber should be told.
    fn advice(&self) -> Advice {
        let roles: Vec<Role> = self.roles.iter().copied().collect();
        Advice::of(&roles, self.victim_hits > 0)
    }

    /// Time of the latest hit.
    pub(super) fn last_seen(&self) -> EventTime {
        let last = self.spells.last();
        last.map_or(self.earliest.at, |spell| spell.last_seen)
    }

    /// The episode as it is told.
    pub(super) fn episode(&self) -> Episode {
        let (_, details) = self.told.clone().unwrap_or_default();
        Episode {
            episode_id: episode_id(&self.subscriber, &self.campaign),
            subscriber: self.subscriber.clone(),
            campaign: self.campaign.clone(),
            operator: details.operator,
            country: details.country,
            contact: details.contact,
            first_seen: self.earliest.at,
            last_seen: self.last_seen(),
            hits: self.spells.iter().map(|spell| spell.hits).sum(),
            victim_hits: self.victim_hits,
            evidence: self.evidence(),
            flags: self.flags.iter().copied().collect(),
            attribution: self.attribution,
            roles: self.roles.iter().copied().collect(),
            indicators: self.indicators.iter().cloned().collect(),
            feeds: self.feeds.iter().cloned().collect(),
            spells: self.spells.clone(),
            client: self.earliest.client,
            advice: self.advice(),
        }
    }
}

/// What a hit says if it is the earliest.
fn earliest(sighting: &Sighting) -> Earliest {
    Earliest {
        at: sighting.event_time,
        hidden: sighting.client.is_none(),
        client: sighting.client,
    }
}

/// Adds `value` to a set that keeps its first `max`. Whether the set changed.
fn keep_first(set: &mut BTreeSet<String>, value: &str, max: usize) -> bool {
    if set.contains(value) {
        return false;
    }
    if set.len() >= max && set.last().is_some_and(|last| value > last.as_str()) {
        return false;
    }
    set.insert(value.to_owned());
    if set.len() > max {
        set.pop_last();
    }
    true
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::super::samples;
    use super::*;

    const QUIET: Duration = Duration::from_nanos(3);

    /// Sightings of one subscriber on one campaign with values from small sets.
    fn seen() -> impl Strategy<Value = (Sighting, Identity)> {
        (0..30_i64, 0..5_u8, 0..4_u8, any::<bool>(), 0..3_u8).prop_map(
            |(at, evidence, value, victim, who)| {
                let mut sighting = Sighting::of(&samples::hit(1, at));
                sighting.evidence = samples::EVIDENCE[usize::from(evidence)];
                sighting.value = format!("v{value}.example");
                sighting.victim = victim;
                sighting.roles = vec![if victim { Role::C2 } else { Role::Scanner }];
                sighting.feeds = vec![format!("feed-{value}")];
                sighting.client = (who > 0).then(|| samples::client(who));
                let identity = Identity {
                    attribution: [Attribution::Exact, Attribution::Grace][usize::from(who % 2)],
                    subscriber: Some("line-1".into()),
                    details: (value > 0).then(|| Details {
                        operator: Some(format!("ISP {value}")),
                        ..Details::default()
                    }),
                    needs: EventTime::MIN,
                };
                (sighting, identity)
            },
        )
    }

    fn folded(seen: &[(Sighting, Identity)]) -> EpisodeState {
        let (sighting, identity) = &seen[0];
        let mut state = EpisodeState::new("line-1".into(), sighting, identity, QUIET);
        for (sighting, identity) in &seen[1..] {
            state.fold(sighting, identity, QUIET);
        }
        state
    }

    proptest! {
        #[test]
        fn any_order_gives_the_same_episode(
            (seen, shuffled) in vec(seen(), 1..12)
                .prop_flat_map(|seen| (Just(seen.clone()), Just(seen).prop_shuffle())),
        ) {
            prop_assert_eq!(folded(&seen), folded(&shuffled));
        }

        #[test]
        fn an_episode_says_what_its_hits_say(seen in vec(seen(), 1..12)) {
            let episode = folded(&seen).episode();
            let times = || seen.iter().map(|(sighting, _)| sighting.event_time);
            prop_assert_eq!(Some(episode.first_seen), times().min());
            prop_assert_eq!(Some(episode.last_seen), times().max());
            prop_assert_eq!(episode.hits, seen.len() as u64);
            let victims: Vec<Evidence> = seen
                .iter()
                .filter(|(sighting, _)| sighting.victim)
                .map(|(sighting, _)| sighting.evidence)
                .collect();
            prop_assert_eq!(episode.victim_hits, victims.len() as u64);
            let all = seen.iter().map(|(sighting, _)| sighting.evidence).max();
            prop_assert_eq!(Some(episode.evidence), victims.into_iter().max().or(all));
            let expected = if episode.victim() { Advice::Infostealer } else { Advice::Observe };
            prop_assert_eq!(episode.advice, expected);
            let told = seen
                .iter()
                .filter_map(|(sighting, identity)| {
                    Some((sighting.event_time, identity.details.clone()?.operator))
                })
                .min();
            prop_assert_eq!(episode.operator, told.and_then(|(_, operator)| operator));
        }
    }

    #[test]
    fn values_beyond_the_limit_leave_the_lexically_first() {
        let mut set = BTreeSet::new();
        for value in ["d", "b", "c", "a", "c", "e"] {
            keep_first(&mut set, value, 3);
        }
        assert_eq!(set.into_iter().collect::<Vec<_>>(), ["a", "b", "c"]);
    }

    #[test]
    fn growth_is_evidence_or_indicators_and_not_a_count() {
        let identity = Sighting::of(&samples::hit(1, 5)).identity(
            &super::super::LeaseTable::new(1),
            &samples::settings().rules,
        );
        let first = Sighting::of(&samples::hit(1, 5));
        let mut state = EpisodeState::new("line-1".into(), &first, &identity, QUIET);
        let mut check = |change: fn(&mut Sighting), expected| {
            let mut sighting = first.clone();
            change(&mut sighting);
            assert_eq!(state.fold(&sighting, &identity, QUIET), expected);
        };
        check(|_| {}, Growth::Count);
        check(
            |sighting| sighting.value = "other.example".into(),
            Growth::Content,
        );
        check(
            |sighting| sighting.evidence = Evidence::Transferred,
            Growth::Content,
        );
        check(
            |sighting| sighting.evidence = Evidence::LookedUp,
            Growth::Count,
        );
        check(|sighting| sighting.victim = false, Growth::Count);
    }
}
