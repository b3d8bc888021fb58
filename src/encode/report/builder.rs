//! Episodes to counts.

use std::collections::{BTreeMap, HashMap};

use crate::model::{Advice, Attribution, Episode, EpisodeId, EventTime, Evidence, Flag};

use super::ReportInput;

/// Nanoseconds of a day.
const DAY_NANOS: i64 = 86_400_000_000_000;

/// Counts episodes. Of an episode that is added again, the later state counts: a topic of
/// episodes may be read as it is. Memory grows with the number of episodes, about 200 bytes each.
#[derive(Debug, Default)]
pub struct ReportBuilder {
    episodes: HashMap<EpisodeId, Summary>,
}

/// What the report needs of an episode.
#[derive(Debug)]
struct Summary {
    subscriber: String,
    campaign: String,
    /// Whether the campaign is a server's value, for want of a family.
    nameless: bool,
    country: Option<String>,
    first_seen: EventTime,
    last_seen: EventTime,
    hits: u64,
    victim: bool,
    evidence: Evidence,
    attribution: Attribution,
    blocked: bool,
    sinkholed: bool,
    advice: Advice,
}

/// What the episodes of one victim say together.
#[derive(Debug)]
struct Victim<'a> {
    country: Option<&'a str>,
    first_seen: EventTime,
    last_seen: EventTime,
    evidence: Evidence,
    attribution: Attribution,
    blocked: bool,
    sinkholed: bool,
    advice: Advice,
}

impl ReportBuilder {
    /// A builder without episodes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `episode`, or its later state.
    pub fn add(&mut self, episode: &Episode) {
        let summary = Summary {
            subscriber: episode.subscriber.clone(),
            campaign: episode.campaign.clone(),
            nameless: episode.indicators.contains(&episode.campaign),
            country: episode.country.clone(),
            first_seen: episode.first_seen,
            last_seen: episode.last_seen,
            hits: episode.hits,
            victim: episode.victim(),
            evidence: episode.evidence,
            attribution: episode.attribution,
            blocked: episode.flags.contains(&Flag::Blocked),
            sinkholed: episode.flags.contains(&Flag::Sinkholed),
            advice: episode.advice,
        };
        self.episodes.insert(episode.episode_id, summary);
    }

    /// The counts, under the heading `title`; what else is known may be filled in after.
    pub fn finish(&self, title: &str) -> ReportInput {
        let mut input = ReportInput {
            title: title.to_owned(),
            ..ReportInput::default()
        };
        let mut subscribers: HashMap<&str, Option<Victim<'_>>> = HashMap::new();
        for episode in self.episodes.values() {
            input.episodes += 1;
            input.hits = input.hits.saturating_add(episode.hits);
            let known = subscribers.entry(&episode.subscriber).or_default();
            if !episode.victim {
                continue;
            }
            let campaigns = if episode.nameless {
                &mut input.nameless
            } else {
                &mut input.families
            };
            count(campaigns, episode.campaign.clone());
            match known {
                Some(victim) => victim.join(episode),
                None => *known = Some(Victim::of(episode)),
            }
        }
        input.subscribers = subscribers.len() as u64;
        for victim in subscribers.values().flatten() {
            count_victim(victim, &mut input);
        }
        input
    }
}

impl<'a> Victim<'a> {
    /// The victim of one episode.
    fn of(episode: &'a Summary) -> Self {
        Self {
            country: episode.country.as_deref(),
            first_seen: episode.first_seen,
            last_seen: episode.last_seen,
            evidence: episode.evidence,
            attribution: episode.attribution,
            blocked: episode.blocked,
            sinkholed: episode.sinkholed,
            advice: episode.advice,
        }
    }

    /// Adds another episode, in whatever order they come.
    fn join(&mut self, episode: &'a Summary) {
        let country = episode.country.as_deref();
        if (episode.first_seen, country) < (self.first_seen, self.country) {
            self.country = country;
        }
        self.first_seen = self.first_seen.min(episode.first_seen);
        self.last_seen = self.last_seen.max(episode.last_seen);
        self.evidence = self.evidence.max(episode.evidence);
        self.attribution = self.attribution.max(episode.attribution);
        self.blocked |= episode.blocked;
        self.sinkholed |= episode.sinkholed;
        self.advice = self.advice.min(episode.advice);
    }
}

/// Adds one victim to the counts.
fn count_victim(victim: &Victim<'_>, input: &mut ReportInput) {
    input.victims += 1;
    input.first_seen = earlier(input.first_seen, victim.first_seen);
    input.last_seen = input.last_seen.max(Some(victim.last_seen));
    let country = victim.country.unwrap_or_default().to_ascii_uppercase();
    count(&mut input.countries, country);
    input
        .days
        .entry(day(victim.first_seen))
        .or_default()
        .first_seen += 1;
    input
        .days
        .entry(day(victim.last_seen))
        .or_default()
        .last_seen += 1;
    count(&mut input.evidence, victim.evidence);
    count(&mut input.attribution, victim.attribution);
    count(&mut input.advice, victim.advice);
    input.blocked += u64::from(victim.blocked);
    input.sinkholed += u64::from(victim.sinkholed);
}

/// Adds one to the count of `key`.
fn count<K: Ord>(counts: &mut BTreeMap<K, u64>, key: K) {
    *counts.entry(key).or_default() += 1;
}

/// The earlier of an instant that may be missing and `time`.
fn earlier(known: Option<EventTime>, time: EventTime) -> Option<EventTime> {
    Some(known.map_or(time, |known| known.min(time)))
}

/// The day of `time`, since 1970-01-01.
fn day(time: EventTime) -> i64 {
    time.nanos().div_euclid(DAY_NANOS)
}
