//! Lookups for people: is this value listed, would it match, and if not, why not?

use std::net::SocketAddr;

use super::Snapshot;
use super::find::show;
use super::judge::{Judged, JudgedRow, Verdict};
use super::tables::Subject;
use crate::matching::{Allowance, NameProbe};
use crate::model::{
    DomainName, EventTime, Field, Match, NAME_LEN_MAX, SampleKey, parse_address, parse_prefix,
    unmapped,
};

/// What the snapshot knows of one value.
#[derive(Clone, Debug, PartialEq)]
pub struct Lookup {
    /// Whether a feed lists it, or something that covers it, as an indicator.
    pub listed: bool,
    /// Whether an event with it would match.
    pub would_match: bool,
    /// Why it would not: `allowed`, `expired`, `not_yet_valid`, `revoked`, `other_port`, `muted`, or the
    /// reason why it is no name. `None` if it matches or is simply not listed.
    pub why_not: Option<&'static str>,
    /// What would match; if nothing would, what is listed all the same. The most specific first.
    pub matches: Vec<Match>,
}

impl Snapshot {
    /// Looks up a name, an address, `address:port` or a prefix (for which only what covers all
    /// of it counts), at an instant; without one, everything is valid.
    pub fn lookup(&self, value: &str, at: Option<EventTime>) -> Lookup {
        let value = value.trim();
        let mut scratch = [0; NAME_LEN_MAX];
        let (subject, field) = if let Ok(ip) = parse_address(value) {
            (Subject::Address(ip, None), Field::Destination)
        } else if let Ok(end) = value.parse::<SocketAddr>() {
            let subject = Subject::Address(unmapped(end.ip()), Some(end.port()));
            (subject, Field::Destination)
        } else if let Ok(net) = parse_prefix(value) {
            (Subject::Network(net), Field::Destination)
        } else {
            match DomainName::parse(value.as_bytes(), &mut scratch) {
                Ok(name) => (Subject::Name(name), Field::Qname),
                Err(error) => {
                    return Lookup {
                        listed: false,
                        would_match: false,
                        why_not: Some(error.reason()),
                        matches: Vec::new(),
                    };
                }
            }
        };
        self.look_up(subject, field, at)
    }

    /// Tells each indicator that a key of an event would match at an instant: its value and its
    /// feed. For a dry run: what is muted does not count.
    pub fn would_match(
        &self,
        key: SampleKey<'_>,
        at: Option<EventTime>,
        found: &mut dyn FnMut(&str, &str),
    ) {
        let mut scratch = [0; NAME_LEN_MAX];
        let subject = match key {
            SampleKey::Name(raw) => match self.probe_name(raw) {
                NameProbe::Candidate => DomainName::parse(raw, &mut scratch).map(Subject::Name),
                NameProbe::Miss | NameProbe::Unfit(_) => return,
            },
            SampleKey::Address(ip, port) if self.probe_address(ip, port) => {
                Ok(Subject::Address(unmapped(ip), port))
            }
            SampleKey::Address(..) => return,
        };
        let Ok(subject) = subject else {
            return;
        };
        for judged in self.judge(subject, at) {
            let value = judged.found.value.canonical();
            let rows = judged.rows.iter();
            for row in rows.filter(|row| row.verdict == Verdict::Matches) {
                let feed = row.catalog.feed(row.row);
                found(&value, feed.map_or("", |feed| &feed.name));
            }
        }
    }

    fn look_up(&self, subject: Subject<'_>, field: Field, at: Option<EventTime>) -> Lookup {
        let mut judged = self.judge(subject, at);
        judged.extend(self.judge_revoked(subject));
        let matching = show_all(&judged, field, |verdict| verdict == Verdict::Matches);
        if !matching.is_empty() {
            return Lookup {
                listed: true,
                would_match: true,
                why_not: None,
                matches: matching,
            };
        }
        let first = judged.iter().flat_map(|judged| &judged.rows).next();
        let why_not = match first {
            Some(row) => reason(row.verdict),
            None if self.allowance(subject, at) != Allowance::default() => reason(Verdict::Allowed),
            None => None,
        };
        Lookup {
            listed: first.is_some(),
            would_match: false,
            why_not,
            matches: show_all(&judged, field, |_| true),
        }
    }
}

/// The rows with a `wanted` verdict, a match a value.
fn show_all(judged: &[Judged<'_>], field: Field, wanted: impl Fn(Verdict) -> bool) -> Vec<Match> {
    let show = |judged: &Judged<'_>| {
        let rows = judged.rows.iter().copied();
        let rows: Vec<JudgedRow<'_>> = rows.filter(|row| wanted(row.verdict)).collect();
        let valid = |row: &JudgedRow<'_>| match row.verdict {
            Verdict::Matches | Verdict::Allowed | Verdict::OtherPort | Verdict::Muted => true,
            Verdict::NotYetValid | Verdict::Expired | Verdict::Revoked => false,
        };
        let any_valid = rows.iter().any(valid);
        (!rows.is_empty()).then(|| show(field, &judged.found, rows.into_iter(), any_valid))
    };
    judged.iter().filter_map(show).collect()
}

/// The word for a verdict; none for a match.
fn reason(verdict: Verdict) -> Option<&'static str> {
    match verdict {
        Verdict::Matches => None,
        Verdict::Allowed => Some("allowed"),
        Verdict::NotYetValid => Some("not_yet_valid"),
        Verdict::Expired => Some("expired"),
        Verdict::OtherPort => Some("other_port"),
        Verdict::Revoked => Some("revoked"),
        Verdict::Muted => Some("muted"),
    }
}
