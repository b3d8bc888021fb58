//! Compares delivered episodes with the planted ones, and the victims that they show.

use std::collections::{HashMap, HashSet};

use super::Operation;
use super::truth::{EpisodeTruth, hash_text};
use crate::model::Episode;

/// Most examples of each fault that a report holds.
const SAMPLES_MAX: usize = 10;

/// The episodes that must come, and the last word on each that came.
#[derive(Debug)]
pub struct VictimLedger {
    /// By hash of subscriber and campaign.
    episodes: HashMap<(u64, u64), Account>,
    /// Subscribers, as hashes, that delivered episodes call victims.
    found: HashSet<u64>,
    /// Subscribers, as hashes, that are victims.
    planted: HashSet<u64>,
    extra_samples: Vec<String>,
}

/// One episode: as planted, and as last delivered.
#[derive(Clone, Copy, Debug)]
struct Account {
    planted: Option<EpisodeTruth>,
    delivered: Option<EpisodeTruth>,
}

/// How delivered episodes and victims compare with the planted ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VictimReport {
    /// Victims planted.
    pub planted: u64,
    /// Victims found that were planted.
    pub found: u64,
    /// Victims planted that were not found.
    pub missing: u64,
    /// Victims found that were not planted.
    pub extra: u64,
    /// Episodes planted, without victim evidence too.
    pub episodes_planted: u64,
    /// Planted episodes that never came.
    pub episodes_missing: u64,
    /// Episodes that were not planted.
    pub episodes_extra: u64,
    /// Episodes whose last word differs from what was planted.
    pub episodes_wrong: u64,
    /// The first of the victims that were not found.
    pub missing_samples: Vec<String>,
    /// The first of the episodes that were not planted, or differ.
    pub episode_samples: Vec<String>,
}

impl VictimReport {
    /// Whether exactly the planted victims and episodes came, all of them right.
    pub fn is_clean(&self) -> bool {
        self.missing == 0
            && self.extra == 0
            && self.episodes_missing == 0
            && self.episodes_extra == 0
            && self.episodes_wrong == 0
    }
}

impl VictimLedger {
    /// A ledger of everything that must come of `operation`.
    pub fn new(operation: &Operation) -> Self {
        let mut ledger = Self {
            episodes: HashMap::new(),
            found: HashSet::new(),
            planted: HashSet::new(),
            extra_samples: Vec::new(),
        };
        for (subscriber, campaign, truth) in operation.truth_episodes() {
            let subscriber = hash_text(&subscriber);
            if truth.victim_hits > 0 {
                ledger.planted.insert(subscriber);
            }
            ledger.episodes.insert(
                (subscriber, hash_text(&campaign)),
                Account {
                    planted: Some(truth),
                    delivered: None,
                },
            );
        }
        ledger
    }

    /// Takes in a delivered episode; a later one replaces an earlier one of the same subscriber
    /// and campaign.
    pub fn deliver(&mut self, episode: &Episode) {
        let subscriber = hash_text(&episode.subscriber);
        if episode.victim() {
            self.found.insert(subscriber);
        }
        let account = self
            .episodes
            .entry((subscriber, hash_text(&episode.campaign)))
            .or_insert(Account {
                planted: None,
                delivered: None,
            });
        if account.planted.is_none() && self.extra_samples.len() < SAMPLES_MAX {
            self.extra_samples.push(format!(
                "extra: {} on {}, {} hits",
                episode.subscriber, episode.campaign, episode.hits
            ));
        }
        account.delivered = Some(EpisodeTruth {
            first_seen: episode.first_seen,
            last_seen: episode.last_seen,
            hits: episode.hits,
            victim_hits: episode.victim_hits,
            evidence: episode.evidence,
        });
    }

    /// How many planted victims have not been found yet.
    pub fn missing(&self) -> u64 {
        self.planted.difference(&self.found).count() as u64
    }

    /// The account so far; `operation`, which the ledger was made from, tells the missing ones
    /// again.
    pub fn report(&self, operation: &Operation) -> VictimReport {
        let mut report = VictimReport {
            planted: self.planted.len() as u64,
            found: self.planted.intersection(&self.found).count() as u64,
            missing: self.missing(),
            extra: self.found.difference(&self.planted).count() as u64,
            episode_samples: self.extra_samples.clone(),
            ..VictimReport::default()
        };
        for account in self.episodes.values() {
            report.episodes_planted += u64::from(account.planted.is_some());
            match (account.planted, account.delivered) {
                (Some(_), None) => report.episodes_missing += 1,
                (None, Some(_)) => report.episodes_extra += 1,
                (Some(planted), Some(delivered)) if planted != delivered => {
                    report.episodes_wrong += 1;
                    if report.episode_samples.len() < 2 * SAMPLES_MAX {
                        let sample = format!("wrong: {delivered:?} instead of {planted:?}");
                        report.episode_samples.push(sample);
                    }
                }
                (Some(_), Some(_)) | (None, None) => {}
            }
        }
        if report.missing > 0 {
            report.missing_samples = operation
                .truth_victims()
                .map(|victim| victim.subscriber)
                .filter(|subscriber| !self.found.contains(&hash_text(subscriber)))
                .take(SAMPLES_MAX)
                .collect();
        }
        report
    }
}
