//! Which offsets may be committed: those before which every hit and dead letter is
//! acknowledged. Pure bookkeeping; one per worker.

use std::collections::{BTreeMap, VecDeque};

use super::{NextOffset, StreamId};

/// A batch of records in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BatchId(u64);

impl BatchId {
    /// As a number that a delivery report can carry.
    pub fn token(self) -> u64 {
        self.0
    }

    /// The inverse of [`Self::token`].
    pub fn from_token(token: u64) -> Self {
        Self(token)
    }
}

/// Keeps batches in the order in which they were read and lets an offset pass only when all
/// batches up to it are acknowledged. Ids go on counting after [`Watermark::forget`], so that a
/// late acknowledgement of a forgotten batch is recognized and ignored.
#[derive(Debug, Default)]
pub struct Watermark {
    /// The id of the front of `batches`.
    first: u64,
    batches: VecDeque<InFlight>,
    outstanding: usize,
    done: BTreeMap<(StreamId, i32), i64>,
}

/// One batch.
#[derive(Debug, Default)]
struct InFlight {
    /// Sends that are not acknowledged.
    outstanding: usize,
    /// Whether all its records were handed out and sent.
    closed: bool,
    offsets: Vec<NextOffset>,
}

impl Watermark {
    /// Begins a batch.
    pub fn open(&mut self) -> BatchId {
        let id = self.first + self.batches.len() as u64;
        self.batches.push_back(InFlight::default());
        BatchId(id)
    }

    /// Counts `sends` of `batch` that must be acknowledged.
    pub fn sent(&mut self, batch: BatchId, sends: usize) {
        if let Some(entry) = self.entry(batch) {
            entry.outstanding += sends;
            self.outstanding += sends;
        }
    }

    /// Ends a batch: with its sends acknowledged, everything before `offsets` is done.
    pub fn close(&mut self, batch: BatchId, offsets: Vec<NextOffset>) {
        if let Some(entry) = self.entry(batch) {
            entry.closed = true;
            entry.offsets = offsets;
        }
        self.advance();
    }

    /// Takes an acknowledgement. One of a forgotten batch changes nothing.
    pub fn acknowledge(&mut self, batch: BatchId) {
        if let Some(entry) = self.entry(batch)
            && entry.outstanding > 0
        {
            entry.outstanding -= 1;
            self.outstanding -= 1;
            self.advance();
        }
    }

    /// Sends that are not acknowledged.
    pub fn outstanding(&self) -> usize {
        self.outstanding
    }

    /// Whether every batch is done.
    pub fn idle(&self) -> bool {
        self.batches.is_empty()
    }

    /// The offsets that may be committed and were not taken before.
    pub fn take_committable(&mut self) -> Vec<NextOffset> {
        std::mem::take(&mut self.done)
            .into_iter()
            .map(|((stream, partition), offset)| NextOffset {
                stream,
                partition,
                offset,
            })
            .collect()
    }

    /// Forgets everything: the partitions belong to someone else now.
    pub fn forget(&mut self) {
        self.first += self.batches.len() as u64;
        self.batches.clear();
        self.outstanding = 0;
        self.done.clear();
    }

    fn entry(&mut self, batch: BatchId) -> Option<&mut InFlight> {
        let index = batch.0.checked_sub(self.first)?;
        self.batches.get_mut(usize::try_from(index).ok()?)
    }

    fn advance(&mut self) {
        while let Some(front) = self.batches.front()
            && front.closed
            && front.outstanding == 0
        {
            for offset in &front.offsets {
                self.done
                    .insert((offset.stream, offset.partition), offset.offset);
            }
            self.batches.pop_front();
            self.first += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn offset(partition: i32, offset: i64) -> NextOffset {
        NextOffset {
            stream: StreamId(0),
            partition,
            offset,
        }
    }

    #[test]
    fn an_offset_never_passes_an_unacknowledged_send() {
        let mut watermark = Watermark::default();
        let first = watermark.open();
        watermark.sent(first, 1);
        watermark.close(first, vec![offset(0, 10)]);
        let second = watermark.open();
        watermark.close(second, vec![offset(0, 20), offset(1, 5)]);
        assert_eq!(watermark.take_committable(), []);
        watermark.acknowledge(first);
        assert_eq!(watermark.take_committable(), [offset(0, 20), offset(1, 5)]);
        assert!(watermark.idle());
    }

    #[test]
    fn late_acknowledgements_of_forgotten_batches_change_nothing() {
        let mut watermark = Watermark::default();
        let old = watermark.open();
        watermark.sent(old, 2);
        watermark.close(old, vec![offset(0, 10)]);
        watermark.forget();
        let new = watermark.open();
        watermark.sent(new, 1);
        watermark.close(new, vec![offset(0, 7)]);
        watermark.acknowledge(old);
        assert_eq!(
            (watermark.outstanding(), watermark.take_committable()),
            (1, vec![])
        );
        watermark.acknowledge(new);
        assert_eq!(watermark.take_committable(), [offset(0, 7)]);
    }

    proptest! {
        /// The definition: after any history, what is committable for a partition is the
        /// offset of the last batch of the longest prefix of batches that are all done.
        #[test]
        fn agrees_with_the_definition(
            sends in proptest::collection::vec(0_usize..4, 1..12),
            acknowledged in proptest::collection::vec(0_usize..12, 0..40),
        ) {
            let mut watermark = Watermark::default();
            let mut left: Vec<usize> = sends.clone();
            let ids: Vec<BatchId> = sends.iter().enumerate().map(|(index, sends)| {
                let id = watermark.open();
                watermark.sent(id, *sends);
                watermark.close(id, vec![offset(0, i64::try_from(index).unwrap() + 1)]);
                id
            }).collect();
            let mut committed = 0;
            for batch in acknowledged {
                let Some(id) = ids.get(batch) else { continue };
                watermark.acknowledge(*id);
                left[batch] = left[batch].saturating_sub(1);
                let done = left.iter().take_while(|left| **left == 0).count();
                if let Some(last) = watermark.take_committable().last() {
                    committed = last.offset;
                }
                prop_assert_eq!(committed, i64::try_from(done).unwrap());
                prop_assert_eq!(watermark.outstanding(), left.iter().sum::<usize>());
            }
        }
    }
}
