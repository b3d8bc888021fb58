//! What the rules say of one name or address: which rows cover it, and which of them count
//! after allow rules, ports and validity.

use super::Snapshot;
use super::catalog::{Catalog, Validity};
use super::rows::Row;
use super::tables::{Found, FoundValue, Subject, Tables};
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
}

/// A key that covers a subject, with the verdict on each of its rows that do.
#[derive(Debug)]
pub(super) struct Judged<'s> {
    /// The key.
    pub(super) found: Found<'s>,
    /// Its rows.
    pub(super) rows: Vec<(Row, Verdict)>,
}

impl Snapshot {
    /// Every listed key that covers `subject` with its verdicts, the most specific first.
    /// Without an instant, everything is valid.
    pub(super) fn judge(&self, subject: Subject<'_>, at: Option<EventTime>) -> Vec<Judged<'_>> {
        let found = self.listed.find(subject);
        if found.is_empty() {
            return Vec::new();
        }
        let allowance = self.allowance(subject, at);
        let verdict = |found: &Found<'_>, row: Row| {
            if !fits_port(&self.catalog, found, row, subject) {
                return Verdict::OtherPort;
            }
            if allowance.beats(claim(&self.catalog, found, row)) {
                return Verdict::Allowed;
            }
            match self.catalog.validity(row, at) {
                Validity::Valid => Verdict::Matches,
                Validity::NotYet => Verdict::NotYetValid,
                Validity::Expired => Verdict::Expired,
            }
        };
        judged(&self.listed, found, verdict)
    }

    /// Every withdrawn key that covers `subject`.
    pub(super) fn judge_revoked(&self, subject: Subject<'_>) -> Vec<Judged<'_>> {
        let found = self.revoked.find(subject);
        judged(&self.revoked, found, |_, _| Verdict::Revoked)
    }

    /// What the allow rules that are valid at an instant say of `subject`.
    pub(super) fn allowance(&self, subject: Subject<'_>, at: Option<EventTime>) -> Allowance {
        let mut allowance = Allowance::default();
        for found in self.allowed.find(subject) {
            for row in self.allowed.rows(found.class, found.key) {
                let counts = covers(&found, row)
                    && fits_port(&self.catalog, &found, row, subject)
                    && self.catalog.validity(row, at) == Validity::Valid;
                if counts {
                    allowance.add(claim(&self.catalog, &found, row));
                }
            }
        }
        allowance
    }
}

/// The rows of `found` that cover the subject, each with its verdict; keys without any are
/// left out.
fn judged<'s>(
    tables: &'s Tables,
    found: Vec<Found<'s>>,
    verdict: impl Fn(&Found<'_>, Row) -> Verdict,
) -> Vec<Judged<'s>> {
    let judge = |found: Found<'s>| {
        let rows = tables.rows(found.class, found.key);
        let rows: Vec<(Row, Verdict)> = rows
            .filter(|&row| covers(&found, row))
            .map(|row| (row, verdict(&found, row)))
            .collect();
        (!rows.is_empty()).then_some(Judged { found, rows })
    };
    found.into_iter().filter_map(judge).collect()
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
