//! Which indicators list a key. Nearly every key has one row, and the rows of a feed differ little:
//! the first row of each key stands in columns as narrow as they can be, all others stand aside.

mod column;

use std::cmp::Reverse;

use hashbrown::HashMap;

use super::catalog::SetId;
use super::detail::DetailId;
use crate::matching::KeyId;
use crate::model::Scope;
use column::Column;

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

/// The first row of every key: 1 byte a key while there are few kinds of rows, up to 4 for many,
/// and 4 more where rows have something of their own.
#[derive(Debug, Default)]
struct FirstRows {
    /// Attributes and scopes; [`NO_ROW`] for a key without a row.
    packed: Column,
    /// What is each row's own; shorter than the other column when the rest have nothing.
    details: Vec<DetailId>,
}

/// Stands for the attributes of a key without a row: its scope is none.
const NO_ROW: u32 = 3;

impl FirstRows {
    /// The first row of a key.
    fn get(&self, key: KeyId) -> Option<Row> {
        let packed = self.packed.get(key.index()).filter(|&row| row != NO_ROW)?;
        let detail = self.details.get(key.index()).copied();
        Some(Row {
            packed,
            detail: detail.unwrap_or(DetailId::NONE),
        })
    }

    /// Adds the row of the next key.
    fn push(&mut self, row: Row) {
        if row.detail != DetailId::NONE {
            self.details.resize(self.packed.len(), DetailId::NONE);
            self.details.push(row.detail);
        }
        self.packed.push(row.packed);
    }
}

/// The rows of every key of one table.
#[derive(Debug, Default)]
pub(super) struct Rows {
    first: FirstRows,
    /// All other rows: by key, the newest first.
    others: Vec<(KeyId, Row)>,
    len: usize,
}

impl Rows {
    /// The rows of a key, the newest first.
    pub(super) fn of(&self, key: KeyId) -> impl Iterator<Item = Row> {
        let start = self.others.partition_point(|&(of, _)| of < key);
        let others = self.others.get(start..).unwrap_or_default().iter();
        others
            .take_while(move |&&(of, _)| of == key)
            .map(|&(_, row)| row)
            .chain(self.first.get(key))
    }

    /// Loses rows, as a mistake would: for the test of the self-test.
    #[cfg(test)]
    pub(super) fn lose(&mut self, lost: &dyn Fn(Row) -> bool) {
        let mut left = RowsBuilder::default();
        for key in (0..self.first.packed.len()).map(KeyId::from_index) {
            let rows: Vec<Row> = self.of(key).filter(|row| !lost(*row)).collect();
            rows.iter().rev().for_each(|row| left.push(key, *row));
        }
        *self = left.build();
    }

    /// How many rows there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Memory, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.first.packed.bytes()
            + size_of::<DetailId>() * self.first.details.capacity()
            + size_of::<(KeyId, Row)>() * self.others.capacity()
    }
}

/// Collects rows key by key.
#[derive(Debug, Default)]
pub(super) struct RowsBuilder {
    first: FirstRows,
    /// All other rows, each with its key and the place of the one before it of the same key.
    others: Vec<(KeyId, Row, u32)>,
    /// The newest of the others of each key that has some. Keys are numbers of our own.
    heads: HashMap<KeyId, u32>,
    len: usize,
}

/// No row.
const NONE: u32 = u32::MAX;

impl RowsBuilder {
    /// The rows of a key, the newest first.
    pub(super) fn of(&self, key: KeyId) -> impl Iterator<Item = Row> {
        let first = self.first.get(key);
        let mut next = match first {
            Some(_) if !self.heads.is_empty() => self.heads.get(&key).copied().unwrap_or(NONE),
            Some(_) | None => NONE,
        };
        let others = std::iter::from_fn(move || {
            let &(_, row, before) = self.others.get(next as usize)?;
            next = before;
            Some(row)
        });
        others.chain(first)
    }

    /// Whether there is no room for one more.
    pub(super) fn is_full(&self) -> bool {
        self.len >= NONE as usize
    }

    /// Adds a row to a key.
    pub(super) fn push(&mut self, key: KeyId, row: Row) {
        self.len += 1;
        if key.index() >= self.first.packed.len() {
            // A key that was refused all its rows.
            while key.index() > self.first.packed.len() {
                self.first.packed.push(NO_ROW);
            }
            self.first.push(row);
            return;
        }
        let place = u32::try_from(self.others.len()).unwrap_or(NONE);
        let before = self.heads.insert(key, place).unwrap_or(NONE);
        self.others.push((key, row, before));
    }

    /// The rows, sorted by key.
    pub(super) fn build(mut self) -> Rows {
        drop(self.heads);
        // Of two rows of a key, the newer one follows a later place, and the first one none.
        self.others
            .sort_unstable_by_key(|&(key, _, before)| (key, Reverse(before.wrapping_add(1))));
        let others = self
            .others
            .iter()
            .map(|&(key, row, _)| (key, row))
            .collect();
        self.first.packed.shrink();
        self.first.details.shrink_to_fit();
        Rows {
            first: self.first,
            others,
            len: self.len,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::detail::Details;
    use super::*;

    proptest! {
        #[test]
        fn every_key_has_its_rows_with_the_newest_first(
            pushes in proptest::collection::vec((0_u32..6, 0_u32..4, 0_u8..3), 0..40),
            kinds in prop_oneof![Just(1_u32), Just(100), Just(100_000)],
        ) {
            let mut details = Details::default();
            let mut builder = RowsBuilder::default();
            let mut expected: Vec<Vec<Row>> = vec![Vec::new(); 6];
            let mut known = 0;
            for (key, set, detail) in pushes {
                // A table numbers its keys one after the other.
                let key = key.min(known);
                known = known.max(key + 1);
                let detail = details.add(&vec![detail; usize::from(detail)]).unwrap();
                let row = Row::new(SetId(set * kinds), Scope::Subtree, detail);
                builder.push(KeyId(key), row);
                expected[key as usize].insert(0, row);
                let kept: Vec<Row> = builder.of(KeyId(key)).collect();
                prop_assert_eq!(&kept, &expected[key as usize]);
            }
            let rows = builder.build();
            prop_assert_eq!(rows.len(), expected.iter().map(Vec::len).sum::<usize>());
            for (key, expected) in (0..).zip(&expected) {
                let kept: Vec<Row> = rows.of(KeyId(key)).collect();
                prop_assert_eq!(&kept, expected);
            }
        }
    }

    #[test]
    fn a_key_that_was_skipped_has_no_rows() {
        let mut builder = RowsBuilder::default();
        let row = Row::new(SetId(0), Scope::Exact, DetailId::NONE);
        builder.push(KeyId(2), row);
        assert_eq!(builder.of(KeyId(1)).count(), 0);
        let rows = builder.build();
        let counts = [0, 1, 2, 3].map(|key| rows.of(KeyId(key)).count());
        assert_eq!((counts, rows.len()), ([0, 0, 1, 0], 1));
    }
}
