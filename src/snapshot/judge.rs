//! What the rules say of one name or address: which rows cover it, and which of them count
//! after allow rules, ports and validity.

use super::Snapshot;
use super::catalog::{Catalog, Validity};
use super::layer::Rule;
use super::rows::Row;
use super::tables::{Found, FoundValue, Subject};
use crate::matching::{Allowance, Claim, scope_covers};
use crate::model::{EventTime, MatchKind};

/// What becomes of one row that lists a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It matches.
    Matches,
    /// An allow rule beats it.
    Allowed,
    /// It is not valid yet.
    NotYetValid,
    /// It is no longer valid.
    Expired,
    /// It lists the address on another port.
    OtherPort,
    /// Its feed withdrew it.
    Revoked,
    /// Its hits exploded, and no operator has released it.
    Muted,
}

/// A value that covers a subject, with the verdict on each of its rows that do.
#[derive(Debug)]
pub(super) struct Judged<'s> {
    /// The value.
    pub(super) found: Found<'s>,
    /// Its rows.
    pub(super) rows: Vec<JudgedRow<'s>>,
}

/// A row with its verdict.
#[derive(Clone, Copy, Debug)]
pub(super) struct JudgedRow<'s> {
    /// What it means.
    pub(super) catalog: &'s Catalog,
    pub(super) row: Row,
    pub(super) verdict: Verdict,
}

impl Snapshot {
    /// Every listed value that covers `subject` with its verdicts, the most specific first.
    /// Without an instant, everything is valid.
    pub(super) fn judge(&self, subject: Subject<'_>, at: Option<EventTime>) -> Vec<Judged<'_>> {
        let allowance = std::cell::OnceCell::new();
        let verdict = |catalog: &Catalog, found: &Found<'_>, row: Row| {
            if !fits_port(catalog, found, row, subject) {
                return Verdict::OtherPort;
            }
            let allowance = allowance.get_or_init(|| self.allowance(subject, at));
            if allowance.beats(claim(catalog, found, row)) {
                return Verdict::Allowed;
            }
            match catalog.validity(row, at) {
                Validity::Valid if self.mutes(catalog, found, row) => Verdict::Muted,
                Validity::Valid => Verdict::Matches,
                Validity::NotYet => Verdict::NotYetValid,
                Validity::Expired => Verdict::Expired,
            }
        };
        self.judge_by(Rule::Listed, subject, verdict)
    }

    /// Every withdrawn value that covers `subject`.
    pub(super) fn judge_revoked(&self, subject: Subject<'_>) -> Vec<Judged<'_>> {
        self.judge_by(Rule::Revoked, subject, |_, _, _| Verdict::Revoked)
    }

    /// What the allow rules that are valid at an instant say of `subject`.
    pub(super) fn allowance(&self, subject: Subject<'_>, at: Option<EventTime>) -> Allowance {
        let mut allowance = Allowance::default();
        for stacked in self.stack.layers() {
            let (tables, catalog) = (&stacked.layer.allowed, &stacked.layer.catalog);
            for found in tables.find(subject) {
                for row in tables.rows(found.class, found.key) {
                    let counts = covers(&found, row)
                        && stacked.shows(row)
                        && fits_port(catalog, &found, row, subject)
                        && catalog.validity(row, at) == Validity::Valid;
                    if counts {
                        allowance.add(claim(catalog, &found, row));
                    }
                }
            }
        }
        allowance
    }

    /// Every value of a rule that covers `subject`, with a verdict on its rows.
    fn judge_by(
        &self,
        rule: Rule,
        subject: Subject<'_>,
        verdict: impl Fn(&Catalog, &Found<'_>, Row) -> Verdict,
    ) -> Vec<Judged<'_>> {
        let mut judged: Vec<Judged<'_>> = Vec::new();
        for stacked in self.stack.layers() {
            let (tables, catalog) = (stacked.layer.tables(rule), &stacked.layer.catalog);
            for found in tables.find(subject) {
                let rows = tables.rows(found.class, found.key);
                let rows = rows.filter(|&row| covers(&found, row) && stacked.shows(row));
                let rows: Vec<JudgedRow<'_>> = rows
                    .map(|row| JudgedRow {
                        catalog,
                        row,
                        verdict: verdict(catalog, &found, row),
                    })
                    .collect();
                let mut known = judged.iter_mut();
                match known.find(|known| known.found.is_same_value(&found)) {
                    _ if rows.is_empty() => {}
                    Some(known) => known.rows.extend(rows),
                    None => judged.push(Judged { found, rows }),
                }
            }
        }
        if !self.stack.upper.is_empty() {
            judged.sort_by_key(|judged| judged.found.rank(subject));
        }
        judged
    }

    /// Whether an operator or the breaker muted a row.
    fn mutes(&self, catalog: &Catalog, found: &Found<'_>, row: Row) -> bool {
        if self.muted.is_empty() {
            return false;
        }
        let feed = catalog.feed(row).map_or("", |feed| &feed.name);
        self.muted.feeds.contains(feed) || self.muted.values.contains(&found.value.canonical())
    }
}

/// Whether a row of the key covers the subject: of a name, by its scope.
fn covers(found: &Found<'_>, row: Row) -> bool {
    match found.kind {
        MatchKind::Exact => scope_covers(row.scope(), true),
        MatchKind::Parent => scope_covers(row.scope(), false),
        MatchKind::Pattern | MatchKind::Address | MatchKind::Prefix => true,
    }
}

/// Whether a row counts on the subject's port: an endpoint only on its own, unless its feed
/// ignores ports.
fn fits_port(catalog: &Catalog, found: &Found<'_>, row: Row, subject: Subject<'_>) -> bool {
    let FoundValue::Endpoint(_, listed) = found.value else {
        return true;
    };
    let asked = match subject {
        Subject::Address(_, port) => port,
        Subject::Name(_) | Subject::Below(_) | Subject::Network(_) => None,
    };
    asked == Some(listed) || catalog.feed(row).is_some_and(|feed| feed.ignore_ports)
}

/// How strongly a row speaks.
fn claim(catalog: &Catalog, found: &Found<'_>, row: Row) -> Claim {
    Claim {
        specificity: found.specificity,
        overrides: catalog.feed(row).is_some_and(|feed| feed.overrides),
    }
}
