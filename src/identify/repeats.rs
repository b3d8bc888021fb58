//! Recognizes repeats of a hit: every id is remembered for `repeats_kept` of record time after
//! the latest of its copies. Record time is counted for each partition, so that the order in
//! which partitions are read does not matter.

use std::collections::BTreeMap;
use std::time::Duration;

use redb::{ReadableTable, WriteTransaction};

use super::IncomingHit;
use super::store::{IdentifyError, PARTITIONS, SEEN, SEEN_IN};
use crate::model::{EventTime, HitId};

/// What a hit is to a store that may have seen it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// It is new.
    New,
    /// A copy of it was seen.
    Repeat,
    /// Its record is so old that a copy may have been seen and forgotten.
    TooOld,
}

/// What admission goes by.
#[derive(Clone, Copy, Debug)]
pub(super) struct AdmitRules {
    /// The time by our clock.
    pub(super) now: EventTime,
    /// How long an id is remembered.
    pub(super) kept: Duration,
    /// The ordinal of the step.
    pub(super) step: u64,
}

/// How far each partition was read.
#[derive(Debug, Default)]
pub(super) struct Partitions(BTreeMap<i32, Progress>);

/// How far a partition was read.
#[derive(Clone, Copy, Debug)]
struct Progress {
    next_offset: i64,
    /// Newest record time; [`EventTime::MIN`] when no hit was seen.
    newest: EventTime,
}

/// Into how many buckets the time is cut for which ids are remembered.
const BUCKETS: u32 = 16;

impl Partitions {
    /// Those of the last commit.
    pub(super) fn load(table: &impl ReadableTable<i32, (i64, i64)>) -> Result<Self, IdentifyError> {
        let mut partitions = BTreeMap::new();
        for row in table.iter()? {
            let (partition, progress) = row?;
            let (next_offset, newest) = progress.value();
            let newest = EventTime::from_nanos(newest);
            partitions.insert(
                partition.value(),
                Progress {
                    next_offset,
                    newest,
                },
            );
        }
        Ok(Self(partitions))
    }

    /// The next offset of every partition.
    pub(super) fn positions(&self) -> Vec<(i32, i64)> {
        let position =
            |(&partition, progress): (&i32, &Progress)| (partition, progress.next_offset);
        self.0.iter().map(position).collect()
    }

    /// Takes up how far a step goes: past its hits, and to what was `consumed`.
    pub(super) fn advance(&mut self, hits: &[IncomingHit], consumed: &[(i32, i64)]) {
        let mut reached: BTreeMap<i32, i64> = BTreeMap::new();
        let after = |hit: &IncomingHit| (hit.partition, hit.offset.saturating_add(1));
        for (partition, next) in hits.iter().map(after).chain(consumed.iter().copied()) {
            let furthest = reached.entry(partition).or_insert(next);
            *furthest = next.max(*furthest);
        }
        for (partition, next) in reached {
            self.of(partition).next_offset = next;
        }
    }

    /// Writes them.
    pub(super) fn save(&self, txn: &WriteTransaction) -> Result<(), IdentifyError> {
        let mut table = txn.open_table(PARTITIONS)?;
        for (&partition, progress) in &self.0 {
            table.insert(partition, (progress.next_offset, progress.newest.nanos()))?;
        }
        Ok(())
    }

    /// One partition.
    fn of(&mut self, partition: i32) -> &mut Progress {
        self.0.entry(partition).or_insert(Progress {
            next_offset: 0,
            newest: EventTime::MIN,
        })
    }
}

/// Says of each of `hits` what it is, and remembers those that are new. A record from the
/// future counts as one of `now`: it must not make others too old.
pub(super) fn admit(
    txn: &WriteTransaction,
    partitions: &mut Partitions,
    hits: &[IncomingHit],
    AdmitRules { now, kept, step }: AdmitRules,
) -> Result<Vec<Admission>, IdentifyError> {
    let mut verdicts = vec![Admission::Repeat; hits.len()];
    let mut candidates: Vec<(HitId, usize, EventTime)> = Vec::with_capacity(hits.len());
    for (index, (hit, verdict)) in hits.iter().zip(&mut verdicts).enumerate() {
        let record_time = hit.record_time.min(now);
        let progress = partitions.of(hit.partition);
        progress.newest = progress.newest.max(record_time);
        if record_time < progress.newest.saturating_sub(kept) {
            *verdict = Admission::TooOld;
        } else {
            candidates.push((hit.hit.hit_id, index, record_time));
        }
    }
    // Neighbors in the table one after the other; of copies in one step the first is new.
    candidates.sort_unstable();
    let width = bucket_width(kept);
    let mut seen = txn.open_table(SEEN)?;
    let mut remembered: BTreeMap<(i32, i64), Vec<u8>> = BTreeMap::new();
    for (HitId(id), index, record_time) in candidates {
        let bucket = record_time.nanos().div_euclid(width);
        let known = seen.get(&id)?.map(|known| known.value());
        if known.is_none_or(|known| known < bucket)
            && let Some(hit) = hits.get(index)
        {
            seen.insert(&id, bucket)?;
            let ids = remembered.entry((hit.partition, bucket)).or_default();
            ids.extend_from_slice(&id);
        }
        if let (None, Some(verdict)) = (known, verdicts.get_mut(index)) {
            *verdict = Admission::New;
        }
    }
    let mut seen_in = txn.open_table(SEEN_IN)?;
    for ((partition, bucket), ids) in &remembered {
        seen_in.insert((*partition, *bucket, step), ids.as_slice())?;
    }
    Ok(verdicts)
}

/// Forgets ids of buckets that ended more than `kept` before the newest record of their
/// partition; at most about `ids_max` in one call, the oldest first.
pub(super) fn forget(
    txn: &WriteTransaction,
    partitions: &Partitions,
    (kept, ids_max): (Duration, usize),
) -> Result<(), IdentifyError> {
    let width = bucket_width(kept);
    let mut seen_in = txn.open_table(SEEN_IN)?;
    let mut seen = txn.open_table(SEEN)?;
    let mut forgotten = 0;
    for (&partition, progress) in &partitions.0 {
        let oldest_kept = progress
            .newest
            .saturating_sub(kept)
            .nanos()
            .div_euclid(width);
        while forgotten < ids_max {
            let range = (partition, i64::MIN, 0)..(partition, oldest_kept, 0);
            let Some(row) = seen_in.range(range)?.next().transpose()? else {
                break;
            };
            let (key, ids) = (row.0.value(), row.1.value().to_vec());
            drop(row);
            for id in ids.as_chunks::<16>().0 {
                // A later copy keeps it.
                let last_in = seen.get(id)?.map(|bucket| bucket.value());
                if last_in.is_some_and(|bucket| bucket <= key.1) {
                    seen.remove(id)?;
                }
            }
            forgotten += ids.len() / 16;
            seen_in.remove(key)?;
        }
    }
    Ok(())
}

/// The width of a bucket in nanoseconds.
fn bucket_width(kept: Duration) -> i64 {
    i64::try_from((kept / BUCKETS).as_nanos())
        .unwrap_or(i64::MAX)
        .max(1)
}

#[cfg(test)]
mod tests {
    use redb::ReadableTableMetadata;

    use super::super::samples;
    use super::super::store::{Store, next_step};
    use super::*;

    /// Admits (hit, partition, record time) one after the other, each in a step of its own.
    struct Admitting {
        store: Store,
        kept: Duration,
        _folder: tempfile::TempDir,
    }

    impl Admitting {
        fn new(kept: u64) -> Self {
            let folder = tempfile::tempdir().unwrap();
            Self {
                store: Store::open(&folder.path().join("s.redb"), "test").unwrap(),
                kept: Duration::from_nanos(kept),
                _folder: folder,
            }
        }

        fn admit(&self, rows: &[(u32, i32, i64)], now: i64) -> Vec<Admission> {
            let hits: Vec<IncomingHit> = rows
                .iter()
                .map(|&(id, partition, at)| IncomingHit {
                    record_time: EventTime::from_nanos(at),
                    ..samples::incoming(samples::hit(id, 0), partition)
                })
                .collect();
            let txn = self.store.write().unwrap();
            let mut partitions = Partitions::load(&txn.open_table(PARTITIONS).unwrap()).unwrap();
            let rules = AdmitRules {
                now: EventTime::from_nanos(now),
                kept: self.kept,
                step: next_step(&txn).unwrap(),
            };
            let verdicts = admit(&txn, &mut partitions, &hits, rules).unwrap();
            partitions.advance(&hits, &[]);
            forget(&txn, &partitions, (self.kept, 1000)).unwrap();
            partitions.save(&txn).unwrap();
            txn.commit().unwrap();
            verdicts
        }

        fn remembered(&self) -> u64 {
            let txn = self.store.read().unwrap();
            txn.open_table(SEEN).unwrap().len().unwrap()
        }
    }

    use Admission::{New, Repeat, TooOld};

    #[test]
    fn repeats_are_dropped_within_a_step_across_steps_and_across_partitions() {
        let admitting = Admitting::new(1600);
        assert_eq!(
            admitting.admit(&[(1, 0, 10), (2, 0, 10), (1, 0, 11)], 99),
            [New, New, Repeat]
        );
        assert_eq!(
            admitting.admit(&[(2, 3, 50), (3, 0, 20)], 99),
            [Repeat, New]
        );
    }

    #[test]
    fn an_id_is_remembered_as_long_as_repeats_are_kept_after_its_latest_copy() {
        let admitting = Admitting::new(1600);
        let mut at = 0;
        assert_eq!(admitting.admit(&[(1, 0, at)], i64::MAX), [New]);
        for _ in 0..5 {
            at += 1600;
            assert_eq!(
                admitting.admit(&[(1, 0, at)], i64::MAX),
                [Repeat],
                "at {at}"
            );
        }
        assert_eq!(admitting.remembered(), 1);
        assert_eq!(admitting.admit(&[(2, 0, at + 2000)], i64::MAX), [New]);
        assert_eq!(admitting.remembered(), 1);
    }

    #[test]
    fn a_record_older_than_that_is_refused() {
        let admitting = Admitting::new(1600);
        assert_eq!(admitting.admit(&[(1, 0, 5000)], i64::MAX), [New]);
        assert_eq!(
            admitting.admit(&[(2, 0, 3400), (3, 0, 3399)], i64::MAX),
            [New, TooOld]
        );
        assert_eq!(admitting.admit(&[(3, 1, 3399)], i64::MAX), [New]);
    }

    #[test]
    fn a_record_from_the_future_makes_no_other_too_old() {
        let admitting = Admitting::new(1600);
        assert_eq!(
            admitting.admit(&[(1, 0, i64::MAX), (2, 0, 100)], 200),
            [New, New]
        );
        assert_eq!(
            admitting.admit(&[(1, 0, i64::MAX), (3, 0, 300)], 300),
            [Repeat, New]
        );
    }

    #[test]
    fn the_store_does_not_grow_beyond_what_is_kept() {
        let admitting = Admitting::new(160);
        for id in 0..100_u32 {
            let at = i64::from(id) * 10;
            assert_eq!(admitting.admit(&[(id, 0, at)], i64::MAX), [New]);
        }
        let most = 160 / 10 + 2;
        assert!(admitting.remembered() <= most, "{}", admitting.remembered());
    }
}
