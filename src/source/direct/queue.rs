//! What was fetched and not handed out yet, in the order in which it came. Batches are checked and
//! inflated just before they are handed out, as many at a time as a read may take, so that few
//! inflated bytes exist at any moment and those are still in the processor's caches.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::Place;
use super::aborted::Transactions;
use super::batch::{BatchError, Batches, Crcs, Paused};
use super::codec::{Codec, InflateError, Inflater};
use crate::source::{Record, RecordHeaders};

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
    /// Batches that are ready to be handed out.
    pieces: VecDeque<Piece>,
    /// What they were inflated to.
    inflated: Vec<u8>,
    inflater: Inflater,
    /// How long batches were checked and inflated.
    preparing: Duration,
    /// Most bytes that one batch may inflate to.
    inflated_max: usize,
    /// Room for records, used again.
    room: Vec<Record<'static>>,
    /// What was met behind the pieces; told when they are gone.
    fault: Option<QueueFault>,
}

/// A batch that is ready to be handed out, or of which only its end is worth telling.
struct Piece {
    place: Place,
    payload: Payload,
    /// Where the walk over its records stands; `None` when there are no more.
    walk: Option<Paused>,
    /// The offset after what was handed out; at first the one that is wanted, which may lie within.
    reached: i64,
    /// The offset after it.
    next: i64,
}

/// Where the records of a batch lie.
enum Payload {
    /// In the answer.
    Answer(Bytes),
    /// In what was inflated.
    Inflated(Range<usize>),
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
}

impl Queue {
    /// An empty one, whose batches may inflate to `inflated_max` bytes each.
    pub(super) fn new(inflated_max: usize) -> Self {
        Self {
            chunks: VecDeque::new(),
            bytes: 0,
            pieces: VecDeque::new(),
            inflated: Vec::new(),
            inflater: Inflater::new(),
            preparing: Duration::ZERO,
            inflated_max,
            room: Vec::new(),
            fault: None,
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

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.chunks.is_empty() && self.pieces.is_empty() && self.fault.is_none()
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.chunks.clear();
        self.pieces.clear();
        self.bytes = 0;
        self.fault = None;
    }

    /// Forgets what there is of `place`.
    pub(super) fn forget(&mut self, place: Place) {
        self.chunks.retain(|chunk| chunk.place != place);
        self.pieces.retain(|piece| piece.place != place);
        self.bytes = self.chunks.iter().map(|chunk| chunk.batches.len()).sum();
        self.fault.take_if(|fault| fault.place == place);
    }

    /// Hands up to `records_max` records to `handle`, and tells `reached` how far each partition
    /// got: the offset after what was handed out or passed over. Whether there were any.
    ///
    /// # Errors
    /// [`QueueFault`] when a batch is bad; what comes before it was handed out, and the partition
    /// must be [forgotten](Self::forget).
    pub(super) fn lend(
        &mut self,
        records_max: usize,
        handle: &mut dyn FnMut(&[Record<'_>]),
        mut reached: impl FnMut(Place, i64),
    ) -> Result<bool, QueueFault> {
        if self.pieces.is_empty() {
            if let Some(fault) = self.fault.take() {
                return Err(fault);
            }
            let started = Instant::now();
            self.prepare(records_max);
            self.preparing = self.preparing.saturating_add(started.elapsed());
        }
        let mut fault = None;
        let mut records: Vec<Record<'_>> = again(std::mem::take(&mut self.room));
        for piece in &mut self.pieces {
            match piece.gather(&self.inflated, records_max, &mut records) {
                Ok(Done::All) => {}
                Ok(Done::Part) => break,
                Err(found) => {
                    fault = Some(found);
                    break;
                }
            }
        }
        let any = !records.is_empty();
        if any {
            handle(&records);
        }
        self.room = again(records);
        while let Some(piece) = self.pieces.front() {
            reached(piece.place, piece.reached);
            if piece.walk.is_some() {
                break;
            }
            self.pieces.pop_front();
        }
        fault.map_or(Ok(any), Err)
    }

    /// Makes pieces of batches until they have `records_max` records or enough bytes.
    fn prepare(&mut self, records_max: usize) {
        self.inflated.clear();
        let mut records = 0_usize;
        while let Some(chunk) = self.chunks.front_mut() {
            if records >= records_max || self.inflated.len() >= INFLATED_ENOUGH {
                return;
            }
            let before = chunk.batches.len();
            let found = chunk.next(&mut self.inflater, &mut self.inflated, self.inflated_max);
            let taken = before.saturating_sub(chunk.batches.len());
            self.bytes = self.bytes.saturating_sub(taken);
            match found {
                Ok(Some((piece, count))) => {
                    records = records.saturating_add(count);
                    self.pieces.push_back(piece);
                }
                Ok(None) => {
                    self.chunks.pop_front();
                }
                Err(fault) => {
                    self.fault = Some(QueueFault {
                        place: chunk.place,
                        offset: chunk.wanted,
                        fault,
                    });
                    return;
                }
            }
        }
    }
}

impl Chunk {
    /// Takes the next batch and makes it ready; also says how many records it should have. `None`
    /// at the end.
    fn next(
        &mut self,
        inflater: &mut Inflater,
        inflated: &mut Vec<u8>,
        inflated_max: usize,
    ) -> Result<Option<(Piece, usize)>, BatchFault> {
        let bytes = std::mem::take(&mut self.batches);
        let Some(batch) = Batches::new(&bytes, Crcs::Check).next().transpose()? else {
            return Ok(None);
        };
        let kept = self.transactions.keeps(&batch)? && batch.next_offset() > self.wanted;
        let (mut payload, mut walk, mut count) = (Payload::Answer(Bytes::new()), None, 0);
        if kept && batch.count > 0 {
            payload = match batch.codec {
                Codec::None => Payload::Answer(bytes.slice_ref(batch.payload)),
                Codec::Gzip | Codec::Snappy | Codec::Lz4 | Codec::Zstd => Payload::Inflated(
                    inflater.inflate(batch.codec, batch.payload, inflated, inflated_max)?,
                ),
            };
            walk = Some(batch.records(payload.bytes(inflated)).pause());
            count = usize::try_from(batch.count).unwrap_or(usize::MAX);
        }
        let piece = Piece {
            place: self.place,
            payload,
            walk,
            reached: self.wanted,
            next: self.wanted.max(batch.next_offset()),
        };
        self.wanted = piece.next;
        self.batches = bytes.slice(batch.total_len..);
        Ok(Some((piece, count)))
    }
}

/// How much of a batch was gathered.
enum Done {
    /// There is nothing left.
    All,
    /// There is more.
    Part,
}

impl Piece {
    /// Puts its next records onto `records` until those are `records_max`.
    ///
    /// # Errors
    /// [`QueueFault`] behind the last record that is good; there are no more then.
    fn gather<'a>(
        &'a mut self,
        inflated: &'a [u8],
        records_max: usize,
        records: &mut Vec<Record<'a>>,
    ) -> Result<Done, QueueFault> {
        let Some(walk) = self.walk.take() else {
            self.reached = self.next;
            return Ok(Done::All);
        };
        let (stream, partition) = self.place;
        let mut walk = walk.resume(self.payload.bytes(inflated));
        while records.len() < records_max {
            let record = match walk.next() {
                Some(Ok(record)) => record,
                Some(Err(error)) => {
                    return Err(QueueFault {
                        place: self.place,
                        offset: self.reached,
                        fault: error.into(),
                    });
                }
                None => {
                    self.reached = self.next;
                    return Ok(Done::All);
                }
            };
            if record.offset < self.reached {
                continue;
            }
            self.reached = record.offset.saturating_add(1);
            records.push(Record {
                stream,
                partition,
                offset: record.offset,
                timestamp_ms: record.timestamp_ms,
                key: record.key,
                value: record.value,
                headers: RecordHeaders::raw(record.headers),
            });
        }
        self.walk = Some(walk.pause());
        Ok(Done::Part)
    }
}

impl Payload {
    /// The bytes.
    fn bytes<'a>(&'a self, inflated: &'a [u8]) -> &'a [u8] {
        match self {
            Self::Answer(bytes) => bytes,
            Self::Inflated(range) => inflated.get(range.clone()).unwrap_or_default(),
        }
    }
}

/// The empty vector with the same room for other records.
fn again<'a>(mut records: Vec<Record<'_>>) -> Vec<Record<'a>> {
    records.clear();
    // There is nothing to turn into anything, but the library reuses the room.
    records.into_iter().map_while(|_| None).collect()
}

/// No more batches are made ready once so many bytes were inflated.
const INFLATED_ENOUGH: usize = 1 << 20;

#[cfg(test)]
mod tests;
