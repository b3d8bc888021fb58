//! Episodes: all hits of one subscriber on one campaign, as a notifier needs them.

use super::event::Endpoint;
use super::format::Named;
use super::hit::{Attribution, Evidence, Flag};
use super::id::EpisodeId;
use super::indicator::Role;
use super::time::EventTime;

/// All hits of one subscriber on one campaign. The same set of hits gives the same episode in
/// whatever order they arrive.
#[derive(Clone, Debug, PartialEq)]
pub struct Episode {
    /// The hash of subscriber and campaign.
    pub episode_id: EpisodeId,
    /// The customer line.
    pub subscriber: String,
    /// The campaign of the hits.
    pub campaign: String,
    /// The operator, from the lease of the earliest hit that a lease attributed.
    pub operator: Option<String>,
    /// The country, from the same lease.
    pub country: Option<String>,
    /// Where a notifier finds the customer, from the same lease.
    pub contact: Option<String>,
    /// Time of the earliest hit.
    pub first_seen: EventTime,
    /// Time of the latest hit.
    pub last_seen: EventTime,
    /// How many hits.
    pub hits: u64,
    /// How many of them are victim evidence; more than none makes the subscriber a victim.
    pub victim_hits: u64,
    /// The strongest evidence of its hits with victim evidence; of all hits if there are none.
    pub evidence: Evidence,
    /// The flags of all hits together; sorted.
    pub flags: Vec<Flag>,
    /// The weakest attribution among its hits (`exact` or `grace`).
    pub attribution: Attribution,
    /// The roles of the indicators; sorted.
    pub roles: Vec<Role>,
    /// Canonical values of the indicators; sorted, the first [`Episode::INDICATORS_MAX`] in
    /// lexical order.
    pub indicators: Vec<String>,
    /// Feeds that list them; sorted.
    pub feeds: Vec<String>,
    /// Runs of hits without a gap longer than the quiet period, earliest first.
    pub spells: Vec<Spell>,
    /// The client of the earliest hit (ties: the lowest): what a notice must show.
    pub client: Option<Endpoint>,
    /// What the subscriber should be told.
    pub advice: Advice,
}

impl Episode {
    /// Most indicator values that an episode keeps.
    pub const INDICATORS_MAX: usize = 64;

    /// Whether the subscriber is a victim.
    pub fn victim(&self) -> bool {
        self.victim_hits > 0
    }
}

/// A run of hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spell {
    /// Time of its first hit.
    pub first_seen: EventTime,
    /// Time of its last hit.
    pub last_seen: EventTime,
    /// How many hits.
    pub hits: u64,
}

/// What a subscriber should be told, by what the indicators are used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Advice {
    /// A device is or was infected: clean it, then change passwords from a clean device.
    Infostealer,
    /// Malware was offered or fetched: check the device.
    Payload,
    /// A deceiving site was visited: change what was entered there.
    Phishing,
    /// Nothing to tell yet.
    Observe,
}

impl Named for Advice {
    const ALL: &'static [Self] = &[
        Self::Infostealer,
        Self::Payload,
        Self::Phishing,
        Self::Observe,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Infostealer => "infostealer",
            Self::Payload => "payload",
            Self::Phishing => "phishing",
            Self::Observe => "observe",
        }
    }
}

impl Advice {
    /// The advice for indicators of `roles` in an episode that has victim evidence or not.
    pub fn of(roles: &[Role], victim: bool) -> Self {
        if !victim {
            return Self::Observe;
        }
        let has = |role| roles.contains(&role);
        if has(Role::C2) || has(Role::Sinkhole) {
            Self::Infostealer
        } else if has(Role::Payload) {
            Self::Payload
        } else if has(Role::Phishing) {
            Self::Phishing
        } else {
            Self::Observe
        }
    }

    /// What to tell the subscriber, in plain words.
    pub fn text(self) -> &'static str {
        match self {
            Self::Infostealer => {
                "A device on this line talked to a server that collects stolen passwords. \
                 Clean or reinstall the device, then change all passwords from a clean device, \
                 sign out all sessions, and tell your bank."
            }
            Self::Payload => {
                "A device on this line contacted a server that hands out malware. \
                 Scan it with up-to-date tools and remove what they find."
            }
            Self::Phishing => {
                "Someone on this line contacted a deceiving site. \
                 Change every password that was entered there and watch the accounts."
            }
            Self::Observe => "No sign of an infected device so far.",
        }
    }
}
