//! What must be found: hits, episodes and victims, as they were planted.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use super::random::mix;
use super::{Operation, Stream};
use crate::model::{Attribution, Endpoint, EventTime, Evidence, Field, Hit, VictimReason};

/// One hit that must be delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TruthHit {
    /// The stream of its event.
    pub stream: Stream,
    /// When it happened; no other event of the operation has this time.
    pub event_time: EventTime,
    /// The client.
    pub client: Endpoint,
    /// Where the indicator stands.
    pub field: Field,
    /// The name or address that is covered, as the event writes it.
    pub observed: String,
    /// `name`, `pattern`, `prefix` or `endpoint`.
    pub class: &'static str,
    /// The canonical value of the indicator.
    pub value: String,
    /// The malware of its most confident indicator, else the value.
    pub campaign: String,
    /// How far it went.
    pub evidence: Evidence,
    /// `None` when it speaks for an infected client, else why not.
    pub victim_reason: Option<VictimReason>,
    /// The subscriber, if the client is one.
    pub subscriber: Option<String>,
    /// How sure that is.
    pub attribution: Attribution,
}

impl TruthHit {
    /// Whether it speaks for an infected client.
    pub fn victim_evidence(&self) -> bool {
        self.victim_reason.is_none()
    }

    /// The key to find it by.
    pub fn key(&self) -> TruthKey {
        TruthKey::new(self.event_time, self.class, &self.value)
    }
}

/// Identifies a planted hit: an operation has one event a time, and an event one hit a class
/// and value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TruthKey {
    /// The time of the event, to the nearest microsecond.
    time_us: i64,
    /// A hash of class and value.
    value: u64,
}

impl TruthKey {
    /// The key of a hit at `time` on the indicator value `value` of `class`.
    pub fn new(time: EventTime, class: &str, value: &str) -> Self {
        Self {
            time_us: time.saturating_add_nanos(500).nanos().div_euclid(1_000),
            value: hash_text(value) ^ mix(hash_text(class)),
        }
    }

    /// The key of a hit that was delivered.
    pub fn of(hit: &Hit) -> Self {
        Self::new(hit.event_time, hit.matched.class, &hit.matched.value)
    }
}

/// A 64-bit hash of a text (FNV-1a, mixed): ours to keep ledgers small, of our own texts only.
pub(super) fn hash_text(text: &str) -> u64 {
    mix(text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    }))
}

/// A 64-bit hash of an address.
pub(super) fn hash_ip(ip: IpAddr) -> u64 {
    match ip {
        IpAddr::V4(v4) => mix(u32::from(v4).into()),
        IpAddr::V6(v6) => v6
            .segments()
            .iter()
            .fold(1, |hash, &segment| mix(hash ^ u64::from(segment))),
    }
}

/// All hits of one subscriber on one campaign, once all are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpisodeTruth {
    /// Time of the earliest hit.
    pub first_seen: EventTime,
    /// Time of the latest hit.
    pub last_seen: EventTime,
    /// How many hits.
    pub hits: u64,
    /// How many of them are victim evidence.
    pub victim_hits: u64,
    /// The strongest evidence of those with victim evidence; of all if there are none.
    pub evidence: Evidence,
}

impl EpisodeTruth {
    /// The episode of a single hit.
    fn of(hit: &TruthHit) -> Self {
        Self {
            first_seen: hit.event_time,
            last_seen: hit.event_time,
            hits: 1,
            victim_hits: u64::from(hit.victim_evidence()),
            evidence: hit.evidence,
        }
    }

    /// Both episodes as one.
    fn join(self, other: Self) -> Self {
        let evidence = match (self.victim_hits > 0, other.victim_hits > 0) {
            (true, false) => self.evidence,
            (false, true) => other.evidence,
            (true, true) | (false, false) => self.evidence.max(other.evidence),
        };
        Self {
            first_seen: self.first_seen.min(other.first_seen),
            last_seen: self.last_seen.max(other.last_seen),
            hits: self.hits + other.hits,
            victim_hits: self.victim_hits + other.victim_hits,
            evidence,
        }
    }
}

/// One victim: a subscriber with at least one episode that has victim evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TruthVictim {
    /// The customer line.
    pub subscriber: String,
    /// The country code.
    pub country: String,
    /// The operator.
    pub operator: String,
    /// The campaigns of its episodes with victim evidence; sorted.
    pub campaigns: Vec<String>,
    /// Time of the earliest hit of those episodes.
    pub first_seen: EventTime,
    /// Time of the latest.
    pub last_seen: EventTime,
    /// How many hits they have.
    pub hits: u64,
    /// The strongest evidence.
    pub evidence: Evidence,
}

impl Operation {
    /// Every episode that must come of the operation, by the numbers of subscriber and campaign,
    /// and the campaigns by their number.
    fn episodes(&self) -> (BTreeMap<(u32, usize), EpisodeTruth>, Vec<String>) {
        let mut episodes = BTreeMap::new();
        let mut numbers: HashMap<String, usize> = HashMap::new();
        let mut campaigns = Vec::new();
        for contact in &self.contacts {
            if !contact.shape.is_of_subscriber() {
                continue;
            }
            for hit in self.planted_event(contact).hits {
                let one = EpisodeTruth::of(&hit);
                let number = numbers.get(&hit.campaign).copied().unwrap_or_else(|| {
                    numbers.insert(hit.campaign.clone(), campaigns.len());
                    campaigns.push(hit.campaign);
                    campaigns.len() - 1
                });
                episodes
                    .entry((contact.subscriber, number))
                    .and_modify(|before: &mut EpisodeTruth| *before = before.join(one))
                    .or_insert(one);
            }
        }
        (episodes, campaigns)
    }

    /// Every episode that must come of the operation: subscriber, campaign, and what it holds.
    /// In the order of subscribers. Holds all of them in memory.
    pub fn truth_episodes(&self) -> impl Iterator<Item = (String, String, EpisodeTruth)> + '_ {
        let (episodes, campaigns) = self.episodes();
        episodes
            .into_iter()
            .map(move |((subscriber, campaign), episode)| {
                let campaign = campaigns[campaign].clone();
                (self.subscribers.id(subscriber), campaign, episode)
            })
    }

    /// Every victim, in the order of subscribers. Holds all episodes in memory.
    pub fn truth_victims(&self) -> impl Iterator<Item = TruthVictim> + '_ {
        let (episodes, campaigns) = self.episodes();
        let mut episodes = episodes
            .into_iter()
            .filter(|(_, episode)| episode.victim_hits > 0)
            .peekable();
        std::iter::from_fn(move || {
            let ((subscriber, campaign), episode) = episodes.next()?;
            let mut victim = TruthVictim {
                subscriber: self.subscribers.id(subscriber),
                country: self.subscribers.country(subscriber).to_owned(),
                operator: self.subscribers.operator(subscriber),
                campaigns: vec![campaigns[campaign].clone()],
                first_seen: episode.first_seen,
                last_seen: episode.last_seen,
                hits: episode.hits,
                evidence: episode.evidence,
            };
            while let Some(((_, campaign), more)) =
                episodes.next_if(|((other, _), _)| *other == subscriber)
            {
                victim.campaigns.push(campaigns[campaign].clone());
                victim.first_seen = victim.first_seen.min(more.first_seen);
                victim.last_seen = victim.last_seen.max(more.last_seen);
                victim.hits += more.hits;
                victim.evidence = victim.evidence.max(more.evidence);
            }
            victim.campaigns.sort();
            Some(victim)
        })
    }

    /// How many countries have a victim.
    pub fn countries(&self) -> usize {
        let mut countries = BTreeSet::new();
        for victim in 0..self.options.victims {
            let subscriber = self.subscribers.of_victim(victim);
            countries.insert(self.subscribers.country(subscriber));
        }
        countries.len()
    }
}
