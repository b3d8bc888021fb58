//! What was fetched and is not ready to be handed out, in the order in which it came. Batches are
//! checked and inflated a portion at a time just before they are handed out, so that few inflated
//! bytes exist at any moment and those are still in the processor's caches.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::Place;
use super::aborted::Transactions;
use super::batch::{BatchError, Batches, Crcs};
use super::codec::{Codec, InflateError, Inflater};
use super::portion::{Payload, Portion};

/// What one answer brought of one partition.
pub(super) struct Chunk {
    /// Of which partition.
    pub(super) place: Place,
    /// Whole batches, and perhaps one that was cut short.
    pub(super) batches: Bytes,
    /// The first offset that is wanted: a batch may start before it.
    pub(super) wanted: i64,
    /// Which batches are left out.
    pub(super) transactions: Transactions,
}

/// Fetched batches.
pub(super) struct Queue {
    chunks: VecDeque<Chunk>,
    /// Bytes of the chunks.
    bytes: usize,
    inflater: Inflater,
    /// How long batches were checked and inflated.
    preparing: Duration,
    /// Most bytes that one batch may inflate to.
    inflated_max: usize,
}

/// What keeps a partition from going on.
#[derive(Debug)]
pub(super) struct QueueFault {
    /// Which partition.
    pub(super) place: Place,
    /// The offset at which it happens.
    pub(super) offset: i64,
    /// What it is.
    pub(super) fault: BatchFault,
}

/// What is wrong with a batch.
#[derive(Debug, thiserror::Error)]
pub enum BatchFault {
    /// It is not a batch, or its records are none.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// It cannot be inflated.
    #[error(transparent)]
    Inflate(#[from] InflateError),
    /// It has more records than we have room for.
    #[error("a batch has {count} records, which is more than {RECORDS_MAX}")]
    TooManyRecords {
        /// How many, as its header says.
        count: u32,
    },
}

impl Queue {
    /// An empty one, whose batches may inflate to `inflated_max` bytes each.
    pub(super) fn new(inflated_max: usize) -> Self {
        Self {
            chunks: VecDeque::new(),
            bytes: 0,
            inflater: Inflater::new(),
            preparing: Duration::ZERO,
            inflated_max,
        }
    }

    /// Puts `chunk` at the end.
    pub(super) fn push(&mut self, chunk: Chunk) {
        self.bytes = self.bytes.saturating_add(chunk.batches.len());
        self.chunks.push_back(chunk);
    }

    /// Bytes that were fetched and wait.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// How long batches were checked and inflated since the last call.
    pub(super) fn take_preparing(&mut self) -> Duration {
        std::mem::take(&mut self.preparing)
    }

    /// Whether something of `place` waits.
    pub(super) fn has(&self, place: Place) -> bool {
        self.chunks.iter().any(|chunk| chunk.place == place)
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.chunks.clear();
        self.bytes = 0;
    }

    /// Forgets what there is of `place`.
    pub(super) fn forget(&mut self, place: Place) {
        self.chunks.retain(|chunk| chunk.place != place);
        self.bytes = self.chunks.iter().map(|chunk| chunk.batches.len()).sum();
    }

    /// Makes whole batches ready in `portion`, which is empty, until there are [`RECORDS_ENOUGH`]
    /// records or [`BYTES_ENOUGH`] bytes; `prepared` is told of each partition the offset after
    /// what is ready of it.
    ///
    /// # Errors
    /// [`QueueFault`] when a batch is bad; what comes before it is in the portion, and the partition
    /// must be [forgotten](Self::forget).
    pub(super) fn prepare(
        &mut self,
        portion: &mut Portion,
        mut prepared: impl FnMut(Place, i64),
    ) -> Result<(), QueueFault> {
        let started = Instant::now();
        let done = self.fill(portion, &mut prepared);
        self.preparing = self.preparing.saturating_add(started.elapsed());
        done
    }

    /// The same, without taking the time.
    fn fill(
        &mut self,
        portion: &mut Portion,
        prepared: &mut impl FnMut(Place, i64),
    ) -> Result<(), QueueFault> {
        while let Some(chunk) = self.chunks.front_mut() {
            if portion.records() >= RECORDS_ENOUGH || portion.bytes() >= BYTES_ENOUGH {
                break;
            }
            let before = chunk.batches.len();
            let found = chunk.next(&mut self.inflater, portion, self.inflated_max);
            let taken = before.saturating_sub(chunk.batches.len());
            self.bytes = self.bytes.saturating_sub(taken);
            prepared(chunk.place, chunk.wanted);
            match found {
                Ok(true) => {}
                Ok(false) => {
                    self.chunks.pop_front();
                }
                Err(fault) => {
                    return Err(QueueFault {
                        place: chunk.place,
                        offset: chunk.wanted,
                        fault,
                    });
                }
            }
        }
        Ok(())
    }
}

impl Chunk {
    /// Takes the next batch and makes it ready in `portion`; whether there was one.
    fn next(
        &mut self,
        inflater: &mut Inflater,
        portion: &mut Portion,
        inflated_max: usize,
    ) -> Result<bool, BatchFault> {
        let bytes = std::mem::take(&mut self.batches);
        let Some(batch) = Batches::new(&bytes, Crcs::Check).next().transpose()? else {
            return Ok(false);
        };
        let kept = self.transactions.keeps(&batch)? && batch.next_offset() > self.wanted;
        if kept && batch.count > RECORDS_MAX {
            return Err(BatchFault::TooManyRecords { count: batch.count });
        }
        if kept && batch.count > 0 {
            let payload = match batch.codec {
                Codec::None => Payload::Answer(bytes.slice_ref(batch.payload)),
                Codec::Gzip | Codec::Snappy | Codec::Lz4 | Codec::Zstd => {
                    let into = &mut portion.inflated;
                    Payload::Inflated(inflater.inflate(
                        batch.codec,
                        batch.payload,
                        into,
                        inflated_max,
                    )?)
                }
            };
            let taken = portion.take_in(self.place, &batch, payload, self.wanted);
            if let Err((reached, error)) = taken {
                self.wanted = reached;
                return Err(error.into());
            }
        } else {
            portion.pass_over(self.place, self.wanted.max(batch.next_offset()));
        }
        self.wanted = self.wanted.max(batch.next_offset());
        self.batches = bytes.slice(batch.total_len..);
        Ok(true)
    }
}

/// With so many records a portion is large enough. A batch has as many where producers fill theirs.
const RECORDS_ENOUGH: usize = 1024;

/// With so many bytes a portion is large enough.
const BYTES_ENOUGH: usize = 1 << 20;

/// Most records of a batch: what they take beside their bytes must have a bound. A batch of a megabyte
/// has a tenth of that.
const RECORDS_MAX: u32 = 1 << 20;

#[cfg(test)]
mod tests;
