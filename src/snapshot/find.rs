//! The authority: what matches in a decoded event.

use std::cmp::Ordering;

use super::Snapshot;
use super::judge::{JudgedRow, Verdict};
use super::tables::{Found, Subject};
use crate::model::{
    Answer, DomainName, Endpoint, Event, EventKind, Field, Match, MatchedIndicator, NAME_LEN_MAX,
    unmapped,
};

/// A value found in an event, with those of its rows that count and whether each is valid.
struct Hit<'s> {
    field: Field,
    found: Found<'s>,
    rows: Vec<(JudgedRow<'s>, bool)>,
}

/// What was found in an event so far.
#[derive(Default)]
struct Hits<'s> {
    hits: Vec<Hit<'s>>,
    /// How many values would have matched if they were not muted.
    muted: u64,
}

impl Snapshot {
    /// Appends to `out` every indicator value that matches in `event`: one [`Match`] a value,
    /// with the first field that holds it. Fields in their order; within one, the most specific
    /// first, patterns after names. Allow rules and validity at the time of the event count.
    ///
    /// DNS: the question, the names and the addresses of the answer. Flows: both ends, with
    /// their ports. Allocates; for events whose keys passed a probe.
    ///
    /// Returns how many values would match besides if they were not muted.
    pub fn matches(&self, event: &Event, out: &mut Vec<Match>) -> u64 {
        let mut hits = Hits::default();
        match &event.kind {
            EventKind::Dns(dns) => {
                self.collect_name(event, Field::Qname, &dns.qname, &mut hits);
                for answer in &dns.answers {
                    if let Answer::Name(name) = answer {
                        self.collect_name(event, Field::AnswerName, name, &mut hits);
                    }
                }
                for answer in &dns.answers {
                    if let Answer::Address(ip) = answer {
                        let subject = Subject::Address(unmapped(*ip), None);
                        self.collect(event, Field::AnswerAddress, subject, &mut hits);
                    }
                }
            }
            EventKind::Flow(flow) => {
                let end = |end: Endpoint| Subject::Address(unmapped(end.ip), end.port);
                self.collect(event, Field::Source, end(flow.source), &mut hits);
                self.collect(event, Field::Destination, end(flow.destination), &mut hits);
            }
        }
        out.extend(hits.hits.into_iter().map(to_match));
        hits.muted
    }

    /// Collects what matches in a name as the event holds it; of an unfit name, what lists the
    /// names above it.
    fn collect_name<'s>(&'s self, event: &Event, field: Field, raw: &str, hits: &mut Hits<'s>) {
        let mut scratch = [0; NAME_LEN_MAX];
        if let Ok(name) = DomainName::parse(raw.as_bytes(), &mut scratch) {
            self.collect(event, field, Subject::Name(name), hits);
        } else if let Some(name) = DomainName::parse_below(raw.as_bytes(), &mut scratch) {
            self.collect(event, field, Subject::Below(name), hits);
        }
    }

    /// Collects what matches in one field, merged with what other fields hold of the same value.
    fn collect<'s>(
        &'s self,
        event: &Event,
        field: Field,
        subject: Subject<'_>,
        hits: &mut Hits<'s>,
    ) {
        for judged in self.judge(subject, Some(event.time)) {
            let muted = judged.rows.iter().any(|row| row.verdict == Verdict::Muted);
            let rows = judged.rows.into_iter();
            let rows: Vec<(JudgedRow<'_>, bool)> = rows
                .filter_map(|row| self.counts(row.verdict).map(|valid| (row, valid)))
                .collect();
            if rows.is_empty() {
                hits.muted += u64::from(muted);
                continue;
            }
            let found = judged.found;
            let mut known = hits.hits.iter_mut();
            match known.find(|hit| hit.found.is_same_value(&found)) {
                Some(hit) => hit.rows.extend(rows),
                None => hits.hits.push(Hit { field, found, rows }),
            }
        }
    }

    /// Whether a verdict makes a match, and if so whether a valid one.
    fn counts(&self, verdict: Verdict) -> Option<bool> {
        match verdict {
            Verdict::Matches => Some(true),
            Verdict::NotYetValid | Verdict::Expired => self.emit_invalid.then_some(false),
            Verdict::Allowed | Verdict::OtherPort | Verdict::Revoked | Verdict::Muted => None,
        }
    }
}

/// The match of a hit: only its valid rows, if there are any.
fn to_match(hit: Hit<'_>) -> Match {
    let valid = hit.rows.iter().any(|&(_, valid)| valid);
    let rows = hit.rows.iter().filter(|&&(_, row)| row || !valid);
    show(hit.field, &hit.found, rows.map(|(row, _)| *row), valid)
}

/// A match of `rows`.
pub(super) fn show<'s>(
    field: Field,
    found: &Found<'_>,
    rows: impl Iterator<Item = JudgedRow<'s>>,
    valid_at_event: bool,
) -> Match {
    let value = found.value.canonical();
    let mut indicators: Vec<MatchedIndicator> = rows
        .filter_map(|row| row.catalog.indicator(row.row, &value))
        .collect();
    indicators.sort_by(order);
    indicators.dedup();
    Match {
        field,
        kind: found.kind,
        class: found.class.as_str(),
        value,
        valid_at_event,
        indicators,
    }
}

/// The most confident first, then by feed, id and written form; then by all that is left, so
/// that equal content is always shown in the same order.
fn order(one: &MatchedIndicator, other: &MatchedIndicator) -> Ordering {
    let first = |indicator: &MatchedIndicator| std::cmp::Reverse(indicator.confidence);
    first(one)
        .cmp(&first(other))
        .then_with(|| one.feed.cmp(&other.feed))
        .then_with(|| one.id.cmp(&other.id))
        .then_with(|| one.written.cmp(&other.written))
        .then_with(|| one.role.cmp(&other.role))
        .then_with(|| one.state.cmp(&other.state))
        .then_with(|| one.malware.cmp(&other.malware))
        .then_with(|| one.valid_from.cmp(&other.valid_from))
        .then_with(|| one.valid_until.cmp(&other.valid_until))
        .then_with(|| one.reference.cmp(&other.reference))
        .then_with(|| one.tags.cmp(&other.tags))
}
