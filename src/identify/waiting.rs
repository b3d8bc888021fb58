//! Hits that wait until the leases of their time are known. They lie in the store, so that no
//! crash loses them.
//!
//! A hit that waited longer than it should is *provisional*: it is counted as such, enters no
//! episode, and is attributed like any other when knowledge arrives, so that a replay ends in
//! the same state. Beyond the limit of provisional hits the oldest are given up: nobody is told
//! of them, and a count says so.

use std::collections::BTreeMap;
use std::time::Duration;

use redb::{ReadableTable, ReadableTableMetadata, Table, WriteTransaction};

use super::encoding::{decode_waiting, encode_waiting};
use super::sighting::Sighting;
use super::store::{IdentifyError, PROVISIONAL, WAITING, WAITING_SINCE};
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

/// Rows of waiting hits.
type Rows<'txn> = Table<'txn, (i64, &'static [u8; 16]), &'static [u8]>;

/// The tables of waiting hits in a transaction.
pub(super) struct Waiting<'txn> {
    waiting: Rows<'txn>,
    provisional: Rows<'txn>,
    since: Table<'txn, (i64, u64), &'static [u8]>,
    /// What is to be added to `since`: one row for all hits of one time.
    parked: BTreeMap<EventTime, Vec<u8>>,
    step: u64,
}

/// Bytes of a key in `since`.
const KEY_LEN: usize = 24;

impl<'txn> Waiting<'txn> {
    /// Opens them for the step with the ordinal `step`.
    pub(super) fn open(txn: &'txn WriteTransaction, step: u64) -> Result<Self, IdentifyError> {
        Ok(Self {
            waiting: txn.open_table(WAITING)?,
            provisional: txn.open_table(PROVISIONAL)?,
            since: txn.open_table(WAITING_SINCE)?,
            parked: BTreeMap::new(),
            step,
        })
    }

    /// How many hits wait, and how many others are provisional.
    pub(super) fn counts(&self) -> Result<(u64, u64), IdentifyError> {
        Ok((self.waiting.len()?, self.provisional.len()?))
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
        match patience {
            Patience::Left => {
                self.waiting.insert((needs.nanos(), id), row.as_slice())?;
                let keys = self.parked.entry(hit.since).or_default();
                keys.extend_from_slice(&needs.nanos().to_le_bytes());
                keys.extend_from_slice(id);
            }
            Patience::Gone => {
                self.provisional
                    .insert((needs.nanos(), id), row.as_slice())?;
            }
        }
        Ok(())
    }

    /// Takes out at most `max` hits that wait for leases which are now known.
    pub(super) fn take_known(
        &mut self,
        known_until: EventTime,
        max: usize,
    ) -> Result<Vec<(WaitingHit, Patience)>, IdentifyError> {
        let mut taken = Vec::new();
        for (rows, patience) in [
            (&mut self.provisional, Patience::Gone),
            (&mut self.waiting, Patience::Left),
        ] {
            while taken.len() < max && first_is_known(rows, known_until)? {
                let Some(hit) = pop(rows)? else { break };
                taken.push((hit, patience));
            }
        }
        Ok(taken)
    }

    /// Makes hits provisional that wait longer than they should or are too many, those that
    /// came first before others and together; gives up provisional ones that are too many, the
    /// earliest events first.
    pub(super) fn age(
        &mut self,
        now: EventTime,
        limits: WaitLimits,
    ) -> Result<Aged, IdentifyError> {
        for (since, keys) in std::mem::take(&mut self.parked) {
            self.since
                .insert((since.nanos(), self.step), keys.as_slice())?;
        }
        let mut aged = Aged::default();
        let overdue = now.saturating_sub(limits.wait_max).nanos();
        loop {
            let crowded = self.waiting.len()? > limits.waiting_max as u64;
            let due = |&(since, _): &(i64, u64)| since <= overdue || crowded;
            let first = self.since.first()?.map(|(key, _)| key.value());
            let Some(key) = first.filter(due) else { break };
            let keys = self.since.remove(key)?.map(|row| row.value().to_vec());
            for key in keys.unwrap_or_default().as_chunks::<KEY_LEN>().0 {
                aged.provisional += self.make_provisional(key)?;
            }
        }
        while self.provisional.len()? > limits.provisional_max as u64 {
            let Some(hit) = pop(&mut self.provisional)? else {
                break;
            };
            aged.given_up += u64::from(!hit.settled);
        }
        Ok(aged)
    }

    /// Makes the hit of a key in `since` provisional, if it still waits there. How many it was.
    fn make_provisional(&mut self, key: &[u8; KEY_LEN]) -> Result<u64, IdentifyError> {
        let (needs, id) = key.split_first_chunk::<8>().unwrap_or((&[0; 8], &[]));
        let Ok(id) = <&[u8; 16]>::try_from(id) else {
            return Ok(0);
        };
        let key = (i64::from_le_bytes(*needs), id);
        let Some(row) = self.waiting.remove(key)? else {
            return Ok(0);
        };
        self.provisional.insert(key, row.value())?;
        Ok(1)
    }
}

/// Whether all leases up to `needs` are known when those up to `known_until` are.
pub(super) fn known(needs: EventTime, known_until: EventTime) -> bool {
    needs < known_until || known_until == EventTime::MAX
}

/// Whether there is a first row, and its leases are known.
fn first_is_known(rows: &Rows<'_>, known_until: EventTime) -> Result<bool, IdentifyError> {
    let first = rows.first()?;
    Ok(first.is_some_and(|(key, _)| known(EventTime::from_nanos(key.value().0), known_until)))
}

/// Takes out the first row.
fn pop(rows: &mut Rows<'_>) -> Result<Option<WaitingHit>, IdentifyError> {
    let Some((_, row)) = rows.pop_first()? else {
        return Ok(None);
    };
    let hit = decode_waiting(row.value());
    hit.map(Some)
        .ok_or(IdentifyError::Damaged { table: "waiting" })
}
