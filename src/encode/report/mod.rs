//! The operation's report: one HTML page that needs nothing else, for the screen and for paper.
//! [`ReportBuilder`] counts episodes into a [`ReportInput`]; [`report`] writes it.

use std::collections::BTreeMap;

use crate::model::{Advice, Attribution, EventTime, Evidence, IndicatorState};

mod builder;
mod charts;
mod countries;
mod page;
mod people;
mod servers;
mod text;

pub use builder::ReportBuilder;
pub use page::STYLE;
pub use text::{escape, number};

/// Everything that a report says: counts only, no subscriber and no address. Parts that are
/// empty are left out of the page.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReportInput {
    /// The heading.
    pub title: String,
    /// When the report was made, if it shall say so.
    pub made_at: Option<EventTime>,
    /// Subscribers with any episode.
    pub subscribers: u64,
    /// Subscribers with an episode that has victim evidence; each counts once.
    pub victims: u64,
    /// Episodes.
    pub episodes: u64,
    /// Hits of all episodes.
    pub hits: u64,
    /// The earliest hit of a victim.
    pub first_seen: Option<EventTime>,
    /// The latest hit of a victim.
    pub last_seen: Option<EventTime>,
    /// Victims by country (two letters; empty: not known).
    pub countries: BTreeMap<String, u64>,
    /// Victims by malware family; a victim counts once in each of its families.
    pub families: BTreeMap<String, u64>,
    /// Victims by server, where no family is known: such a campaign is the server's own value.
    pub nameless: BTreeMap<String, u64>,
    /// Victims by the day (since 1970-01-01, UTC) of their first and of their last hit.
    pub days: BTreeMap<i64, Day>,
    /// Victims by their strongest evidence.
    pub evidence: BTreeMap<Evidence, u64>,
    /// Victims some of whose contacts a resolver blocked.
    pub blocked: u64,
    /// Victims some of whose contacts ended at a sinkhole.
    pub sinkholed: u64,
    /// Victims by their weakest attribution.
    pub attribution: BTreeMap<Attribution, u64>,
    /// Victims by what they should be told; each counts for its most urgent advice.
    pub advice: BTreeMap<Advice, u64>,
    /// Extra: all hits by their attribution.
    pub hit_attribution: BTreeMap<Attribution, u64>,
    /// Extra: indicators by what became of them.
    pub indicators: BTreeMap<IndicatorState, u64>,
    /// Extra: the networks that host the command servers.
    pub hosting: Vec<HostingNetwork>,
    /// Extra: what was planted against what was found.
    pub comparisons: Vec<Comparison>,
    /// Extra: how it was made, as name and value: seed, options, versions.
    pub making: Vec<(String, String)>,
}

/// Victims of one day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Day {
    /// Those whose first hit is of this day.
    pub first_seen: u64,
    /// Those whose last hit is of this day.
    pub last_seen: u64,
}

/// A network with command servers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostingNetwork {
    /// Its name, number or prefix.
    pub name: String,
    /// Its country (two letters).
    pub country: Option<String>,
    /// Servers in it.
    pub servers: u64,
    /// Those of them that were taken down.
    pub taken_down: u64,
}

/// What was planted against what was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Of what: victims, hits.
    pub what: String,
    /// How many there are in truth.
    pub planted: u64,
    /// How many were found.
    pub found: u64,
    /// Planted and not found.
    pub missing: u64,
    /// Found and not planted.
    pub extra: u64,
}

/// Appends the page. Any text in `input` is escaped.
pub fn report(input: &ReportInput, out: &mut Vec<u8>) {
    out.extend_from_slice(page::page(input).as_bytes());
}

#[cfg(test)]
mod tests;
