//! Compares delivered hits with the planted ones, one by one, in about sixty bytes a planted
//! hit.

use std::collections::HashMap;

use super::Operation;
use super::truth::{TruthHit, TruthKey, hash_ip, hash_text};
use crate::model::{Evidence, Field, Hit, VictimReason};

/// Most examples of each fault that a report holds.
const SAMPLES_MAX: usize = 10;

/// The planted hits that were sent, and which of them came back.
#[derive(Debug, Default)]
pub struct TruthLedger {
    planted: HashMap<TruthKey, Planted>,
    delivered: u64,
    duplicates: u64,
    extra: u64,
    wrong: u64,
    extra_samples: Vec<String>,
    wrong_samples: Vec<String>,
}

/// What is kept of a planted hit.
#[derive(Clone, Copy, Debug)]
struct Planted {
    /// Hash of the client's address.
    client: u64,
    /// Hash of the campaign.
    campaign: u64,
    /// The client's port.
    port: Option<u16>,
    /// Where the indicator stands.
    field: Field,
    /// How far it went.
    evidence: Evidence,
    /// Why it speaks for no victim.
    victim_reason: Option<VictimReason>,
    /// The topic, as the ordinal of its stream.
    stream: super::Stream,
    /// Whether it came back.
    delivered: bool,
}

/// What a delivered hit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HitVerdict {
    /// Planted, and delivered for the first time.
    Expected,
    /// Delivered before: allowed, as long as the copies say the same.
    Duplicate,
    /// Nothing like it was planted.
    Extra,
    /// Planted, but not so.
    Wrong(WrongField),
}

/// In what a delivered hit differs from the planted one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WrongField {
    /// The time, by less than a microsecond.
    EventTime,
    /// The client's address or port.
    Client,
    /// The field of the event.
    Field,
    /// The campaign.
    Campaign,
    /// The evidence.
    Evidence,
    /// Victim evidence, or the reason against it.
    VictimReason,
    /// The topic.
    Topic,
}

/// How delivered hits compare with the planted ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HitReport {
    /// Hits planted.
    pub planted: u64,
    /// Planted hits that came back, right or wrong in a field; without repeats.
    pub delivered: u64,
    /// Repeats.
    pub duplicates: u64,
    /// Planted hits that did not come back.
    pub missing: u64,
    /// Hits that were not planted.
    pub extra: u64,
    /// Hits that came back with a wrong field.
    pub wrong: u64,
    /// The first of the missing ones.
    pub missing_samples: Vec<TruthHit>,
    /// The first of the extra ones.
    pub extra_samples: Vec<String>,
    /// The first of the wrong ones.
    pub wrong_samples: Vec<String>,
}

impl HitReport {
    /// Whether every planted hit was delivered as planted, and nothing else was.
    pub fn is_clean(&self) -> bool {
        self.missing == 0 && self.extra == 0 && self.wrong == 0
    }
}

impl TruthLedger {
    /// Notes a planted hit as sent.
    pub fn insert(&mut self, hit: &TruthHit) {
        self.planted.insert(
            hit.key(),
            Planted {
                client: hash_ip(hit.client.ip),
                campaign: hash_text(&hit.campaign),
                port: hit.client.port,
                field: hit.field,
                evidence: hit.evidence,
                victim_reason: hit.victim_reason,
                stream: hit.stream,
                delivered: false,
            },
        );
    }

    /// Judges a delivered hit. Topics are compared by name, so that a file's name passes when
    /// it begins with the topic's.
    pub fn deliver(&mut self, hit: &Hit) -> HitVerdict {
        let Some(planted) = self.planted.get_mut(&TruthKey::of(hit)) else {
            self.extra += 1;
            sample(&mut self.extra_samples, || describe(hit));
            return HitVerdict::Extra;
        };
        let wrong = planted.differs(hit);
        let before = std::mem::replace(&mut planted.delivered, true);
        if before {
            self.duplicates += 1;
        } else {
            self.delivered += 1;
        }
        match wrong {
            Some(field) => {
                self.wrong += 1;
                sample(&mut self.wrong_samples, || {
                    format!("{field:?}: {}", describe(hit))
                });
                HitVerdict::Wrong(field)
            }
            None if before => HitVerdict::Duplicate,
            None => HitVerdict::Expected,
        }
    }

    /// How many planted hits have not come back yet.
    pub fn missing(&self) -> u64 {
        self.planted.len() as u64 - self.delivered
    }

    /// The account so far; `operation`, which the planted hits are of, tells the missing ones
    /// again. O(planted hits) when some are missing.
    pub fn report(&self, operation: &Operation) -> HitReport {
        let missing = self.missing();
        let missing_samples = if missing == 0 {
            Vec::new()
        } else {
            let lost = |hit: &TruthHit| {
                self.planted
                    .get(&hit.key())
                    .is_some_and(|planted| !planted.delivered)
            };
            operation
                .truth_hits()
                .filter(lost)
                .take(SAMPLES_MAX)
                .collect()
        };
        HitReport {
            planted: self.planted.len() as u64,
            delivered: self.delivered,
            duplicates: self.duplicates,
            missing,
            extra: self.extra,
            wrong: self.wrong,
            missing_samples,
            extra_samples: self.extra_samples.clone(),
            wrong_samples: self.wrong_samples.clone(),
        }
    }
}

impl Planted {
    /// The first field in which a delivered hit differs.
    fn differs(&self, hit: &Hit) -> Option<WrongField> {
        let client = hit.client.map(|client| (hash_ip(client.ip), client.port));
        [
            (hit.event_time.nanos() % 1_000 != 0, WrongField::EventTime),
            (client != Some((self.client, self.port)), WrongField::Client),
            (hit.matched.field != self.field, WrongField::Field),
            (
                hash_text(&hit.campaign) != self.campaign,
                WrongField::Campaign,
            ),
            (hit.evidence != self.evidence, WrongField::Evidence),
            (
                hit.victim_reason != self.victim_reason,
                WrongField::VictimReason,
            ),
            (
                !hit.source.topic.contains(self.stream.topic()),
                WrongField::Topic,
            ),
        ]
        .into_iter()
        .find_map(|(differs, field)| differs.then_some(field))
    }
}

/// Keeps the first few.
fn sample(samples: &mut Vec<String>, describe: impl FnOnce() -> String) {
    if samples.len() < SAMPLES_MAX {
        samples.push(describe());
    }
}

/// A hit in one line.
fn describe(hit: &Hit) -> String {
    format!(
        "{} {} {} `{}` from {:?}, campaign {}, {}, victim reason {:?}",
        hit.source.topic,
        hit.event_time,
        hit.matched.class,
        hit.matched.value,
        hit.client,
        hit.campaign,
        crate::model::Named::as_str(hit.evidence),
        hit.victim_reason,
    )
}
