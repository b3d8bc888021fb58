//! Which indicators list a key. While a snapshot is built, the rows of a key form a chain;
//! afterwards they stand side by side.

use super::catalog::SetId;
use super::detail::DetailId;
use crate::matching::KeyId;
use crate::model::Scope;

/// One indicator: what it shares with others, what is its own, and which names it covers
/// (addresses and patterns are `Exact`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// Attributes and scope: the scope in the two low bits.
    packed: u32,
    /// What is its own.
    pub(super) detail: DetailId,
}

impl Row {
    /// Packs a row. [`SetId`]s are below 2^30.
    pub(super) fn new(set: SetId, scope: Scope, detail: DetailId) -> Self {
        let low = match scope {
            Scope::Exact => 0,
            Scope::Subtree => 1,
            Scope::Below => 2,
        };
        Self {
            packed: set.0 << 2 | low,
            detail,
        }
    }

    /// Whether it has these attributes and this scope.
    pub(super) fn is_like(self, set: SetId, scope: Scope) -> bool {
        self.set() == set && self.scope() == scope
    }

    /// Its attributes.
    pub(super) fn set(self) -> SetId {
        SetId(self.packed >> 2)
    }

    /// Which names it covers.
    pub(super) fn scope(self) -> Scope {
        match self.packed & 3 {
            0 => Scope::Exact,
            1 => Scope::Subtree,
            _ => Scope::Below,
        }
    }
}

/// The rows of every key of one table. 12 bytes for a key with one row.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// Where the rows of each key end.
    ends: Vec<u32>,
    rows: Vec<Row>,
}

impl Rows {
    /// The rows of a key.
    pub(super) fn of(&self, key: KeyId) -> &[Row] {
        let end_of = |index: usize| self.ends.get(index).copied();
        let end = end_of(key.index()).unwrap_or_default();
        let start = key.index().checked_sub(1).and_then(end_of);
        self.rows
            .get(start.unwrap_or_default() as usize..end as usize)
            .unwrap_or_default()
    }

    /// How many rows there are.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Memory, in bytes.
    pub(super) fn bytes(&self) -> usize {
        4 * self.ends.capacity() + size_of::<Row>() * self.rows.capacity()
    }
}

/// Collects rows key by key.
#[derive(Debug, Default)]
pub(super) struct RowsBuilder {
    /// The newest row of each key.
    heads: Vec<u32>,
    /// Rows, each with the one before it of the same key.
    rows: Vec<(Row, u32)>,
}

/// No row.
const NONE: u32 = u32::MAX;

impl RowsBuilder {
    /// The rows of a key, the newest first.
    pub(super) fn of(&self, key: KeyId) -> impl Iterator<Item = Row> {
        let mut next = self.heads.get(key.index()).copied().unwrap_or(NONE);
        std::iter::from_fn(move || {
            let &(row, before) = self.rows.get(next as usize)?;
            next = before;
            Some(row)
        })
    }

    /// Whether there is no room for one more.
    pub(super) fn is_full(&self) -> bool {
        self.rows.len() >= NONE as usize
    }

    /// Adds a row to a key.
    pub(super) fn push(&mut self, key: KeyId, row: Row) {
        if self.heads.len() <= key.index() {
            self.heads.resize(key.index() + 1, NONE);
        }
        let place = u32::try_from(self.rows.len()).unwrap_or(NONE);
        if let Some(head) = self.heads.get_mut(key.index()) {
            self.rows.push((row, *head));
            *head = place;
        }
    }

    /// The rows, sorted by key.
    pub(super) fn build(self) -> Rows {
        let mut ends = Vec::with_capacity(self.heads.len());
        let mut rows = Vec::with_capacity(self.rows.len());
        for key in 0..self.heads.len() {
            rows.extend(self.of(KeyId::from_index(key)));
            ends.push(u32::try_from(rows.len()).unwrap_or(NONE));
        }
        Rows { ends, rows }
    }
}
