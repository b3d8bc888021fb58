//! Hits that wait until the leases of their time are known. They lie in the store, so that no
//! crash loses them.
//!
//! A hit that waited longer than it should is *provisional*: it is counted as such, enters no
//! episode, and is attributed like any other when knowledge arrives, so that a replay ends in
//! the same state. Beyond the limit of provisional hits the oldest are given up: nobody is told
//! of them, and a count says so.

use std::time::Duration;

use redb::{ReadableTable, ReadableTableMetadata, Table, WriteTransaction};

use super::encoding::{decode_waiting, encode_waiting};
use super::sighting::Sighting;
use super::store::{IdentifyError, PROVISIONAL_SINCE, WAITING, WAITING_SINCE};
use crate::model::EventTime;

/// A hit that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct WaitingHit {
    /// The hit.
    pub(super) sighting: Sighting,
    /// Since when it waits, by our clock.
    pub(super) since: EventTime,
    /// Whether it is in its episode already, because the event itself said whose it is, and
    /// only what a lease says of the subscriber is missing.
    pub(super) settled: bool,
}

/// Whether a hit may wait without being provisional.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    /// It may.
    Left,
    /// It waited too long.
    Gone,
}

/// How many hits wait, and how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct WaitLimits {
    /// After how long a hit is provisional.
    pub(super) wait_max: Duration,
    /// Most hits that wait without being provisional.
    pub(super) waiting_max: usize,
    /// Most provisional hits.
    pub(super) provisional_max: usize,
}

/// What became of hits that waited too long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Aged {
    /// They became provisional.
    pub(super) provisional: u64,
    /// They were given up, unless they were in their episode already.
    pub(super) given_up: u64,
}

/// The tables of waiting hits in a transaction.
pub(super) struct Waiting<'txn> {
    hits: Table<'txn, (i64, &'static [u8; 16]), &'static [u8]>,
    since: Table<'txn, (i64, &'static [u8; 16]), i64>,
    provisional: Table<'txn, (i64, &'static [u8; 16]), i64>,
}

impl<'txn> Waiting<'txn> {
    /// Opens them.
    pub(super) fn open(txn: &'txn WriteTransaction) -> Result<Self, IdentifyError> {
        Ok(Self {
            hits: txn.open_table(WAITING)?,
            since: txn.open_table(WAITING_SINCE)?,
            provisional: txn.open_table(PROVISIONAL_SINCE)?,
        })
    }

    /// How many hits wait, and how many of those that waited too long.
    pub(super) fn counts(&self) -> Result<(u64, u64), IdentifyError> {
        Ok((self.since.len()?, self.provisional.len()?))
    }

    /// Puts a hit where it waits for the leases up to `needs`.
    pub(super) fn park(
        &mut self,
        hit: &WaitingHit,
        needs: EventTime,
        patience: Patience,
    ) -> Result<(), IdentifyError> {
        let id = &hit.sighting.hit_id.0;
        let row = encode_waiting(hit);
        self.hits.insert((needs.nanos(), id), row.as_slice())?;
        let by_age = match patience {
            Patience::Left => &mut self.since,
            Patience::Gone => &mut self.provisional,
        };
        by_age.insert((hit.since.nanos(), id), needs.nanos())?;
        Ok(())
    }

    /// Takes out at most `max` hits that wait for leases which are now known.
    pub(super) fn take_known(
        &mut self,
        known_until: EventTime,
        max: usize,
    ) -> Result<Vec<(WaitingHit, Patience)>, IdentifyError> {
        let mut keys: Vec<(i64, [u8; 16])> = Vec::new();
        for row in self.hits.iter()?.take(max) {
            let (key, _) = row?;
            let (needs, id) = key.value();
            if !known(EventTime::from_nanos(needs), known_until) {
                break;
            }
            keys.push((needs, *id));
        }
        keys.into_iter().map(|key| self.take(key)).collect()
    }

    /// Makes hits provisional that wait longer than they should or are too many, the oldest
    /// first, and gives up provisional ones that are too many.
    pub(super) fn age(
        &mut self,
        now: EventTime,
        limits: WaitLimits,
    ) -> Result<Aged, IdentifyError> {
        let mut aged = Aged::default();
        let overdue = now.saturating_sub(limits.wait_max).nanos();
        loop {
            let crowded = self.since.len()? > limits.waiting_max as u64;
            let Some((key, needs)) = first(&self.since)? else {
                break;
            };
            if key.0 > overdue && !crowded {
                break;
            }
            self.since.remove((key.0, &key.1))?;
            self.provisional.insert((key.0, &key.1), needs)?;
            aged.provisional += 1;
        }
        while self.provisional.len()? > limits.provisional_max as u64 {
            let Some(((_, id), needs)) = first(&self.provisional)? else {
                break;
            };
            let (hit, _) = self.take((needs, id))?;
            aged.given_up += u64::from(!hit.settled);
        }
        Ok(aged)
    }

    /// Takes a hit out of all tables.
    fn take(
        &mut self,
        (needs, id): (i64, [u8; 16]),
    ) -> Result<(WaitingHit, Patience), IdentifyError> {
        let hit = self
            .hits
            .remove((needs, &id))?
            .and_then(|row| decode_waiting(row.value()))
            .ok_or(IdentifyError::Damaged { table: "waiting" })?;
        let key = (hit.since.nanos(), &id);
        if self.since.remove(key)?.is_some() {
            return Ok((hit, Patience::Left));
        }
        self.provisional.remove(key)?;
        Ok((hit, Patience::Gone))
    }
}

/// Whether all leases up to `needs` are known when those up to `known_until` are.
pub(super) fn known(needs: EventTime, known_until: EventTime) -> bool {
    needs < known_until || known_until == EventTime::MAX
}

/// The key and value of the first row.
fn first(
    table: &Table<'_, (i64, &'static [u8; 16]), i64>,
) -> Result<Option<((i64, [u8; 16]), i64)>, IdentifyError> {
    let Some((key, value)) = table.first()? else {
        return Ok(None);
    };
    let (at, id) = key.value();
    Ok(Some(((at, *id), value.value())))
}
