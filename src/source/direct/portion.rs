//! Records that are ready to be handed out, together with what they lie in. A portion is made by
//! whoever fetches ([`Queue::prepare`](super::queue::Queue::prepare)) and handed out by whoever
//! reads, which may be another thread: everything in it was checked before, so that handing out
//! cannot fail.

use std::ops::Range;

use bytes::Bytes;

use super::Place;
use super::batch::{Batch, BatchError, RawHeaders, RawRecord};
use crate::source::{Record, RecordHeaders};

/// Records in the order in which they are handed out. It is used again and again: an empty one
/// keeps its room.
#[derive(Default)]
pub(super) struct Portion {
    /// What batches were inflated to.
    pub(super) inflated: Vec<u8>,
    /// One a batch.
    runs: Vec<Run>,
    /// The records of all runs.
    spans: Vec<Span>,
    /// Bytes that the records lie in.
    bytes: usize,
    /// The first run that was not handed out whole.
    run: usize,
    /// The first record that was not handed out.
    span: usize,
    /// Room for records, used again.
    room: Vec<Record<'static>>,
}

/// The records of a batch, or only its end where it has none that are worth telling.
struct Run {
    place: Place,
    payload: Payload,
    /// The number of the record after its last one.
    spans_end: usize,
    /// The offset after it.
    next: i64,
}

/// Where the records of a batch lie.
pub(super) enum Payload {
    /// In the answer.
    Answer(Bytes),
    /// In what was inflated.
    Inflated(Range<usize>),
}

/// Where the parts of a record lie in the payload.
struct Span {
    offset: i64,
    /// -1 is none.
    timestamp_ms: i64,
    key: Part,
    value: Part,
    headers: Part,
}

/// A part of a payload, or none. Answers have less than 4 GiB, so the numbers are exact.
#[derive(Clone, Copy)]
struct Part {
    start: u32,
    /// `u32::MAX` where there is no such part.
    len: u32,
}

impl Portion {
    /// Bytes that its records lie in.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many records are left to be handed out.
    pub(super) fn records(&self) -> usize {
        self.spans.len().saturating_sub(self.span)
    }

    /// Whether there is nothing left, not even the end of a batch.
    pub(super) fn is_empty(&self) -> bool {
        self.run >= self.runs.len()
    }

    /// Forgets everything but its room, and that too where it is more than is often needed.
    pub(super) fn clear(&mut self) {
        if self.inflated.len() > INFLATED_KEPT_MAX || self.spans.len() > SPANS_KEPT_MAX {
            *self = Self::default();
        }
        self.inflated.clear();
        self.runs.clear();
        self.spans.clear();
        (self.bytes, self.run, self.span) = (0, 0, 0);
    }

    /// Takes in the records of `batch`, which lie in `payload`, from offset `wanted` on.
    ///
    /// # Errors
    /// What is wrong with the first bad record, and the offset after the last good one: those before
    /// it are taken in.
    pub(super) fn take_in(
        &mut self,
        place: Place,
        batch: &Batch<'_>,
        payload: Payload,
        wanted: i64,
    ) -> Result<(), (i64, BatchError)> {
        let bytes = payload.bytes(&self.inflated);
        let mut reached = wanted;
        let mut done = Ok(());
        for record in batch.records(bytes) {
            match record {
                Ok(record) if record.offset < reached => {}
                Ok(record) => {
                    reached = record.offset.saturating_add(1);
                    self.spans.push(Span::of(&record, bytes));
                }
                Err(error) => {
                    done = Err((reached, error));
                    break;
                }
            }
        }
        if done.is_ok() {
            reached = reached.max(batch.next_offset());
        }
        self.close(place, payload, reached);
        done
    }

    /// Passes over a batch of which nothing is told but the offset after it.
    pub(super) fn pass_over(&mut self, place: Place, next: i64) {
        self.close(place, Payload::Inflated(0..0), next);
    }

    /// Ends a run.
    fn close(&mut self, place: Place, payload: Payload, next: i64) {
        let len = payload.bytes(&self.inflated).len();
        self.bytes = self.bytes.saturating_add(len);
        self.runs.push(Run {
            place,
            payload,
            spans_end: self.spans.len(),
            next,
        });
    }

    /// Hands up to `records_max` records to `handle`, and tells `reached` how far each partition
    /// got: the offset after what was handed out or passed over. Whether there were any.
    pub(super) fn lend(
        &mut self,
        records_max: usize,
        handle: &mut dyn FnMut(&[Record<'_>]),
        mut reached: impl FnMut(Place, i64),
    ) -> bool {
        let mut records: Vec<Record<'_>> = again(std::mem::take(&mut self.room));
        while let Some(run) = self.runs.get(self.run) {
            let left = records_max.saturating_sub(records.len());
            let end = run.spans_end.min(self.span.saturating_add(left));
            let (stream, partition) = run.place;
            let payload = run.payload.bytes(&self.inflated);
            let spans = self.spans.get(self.span..end).unwrap_or_default();
            records.extend(spans.iter().map(|span| Record {
                stream,
                partition,
                offset: span.offset,
                timestamp_ms: (span.timestamp_ms != NO_TIME).then_some(span.timestamp_ms),
                key: span.key.of(payload),
                value: span.value.of(payload),
                headers: RecordHeaders::raw(RawHeaders::of(
                    span.headers.of(payload).unwrap_or_default(),
                )),
            }));
            self.span = end;
            if end < run.spans_end {
                if let Some(last) = spans.last() {
                    reached(run.place, last.offset.saturating_add(1));
                }
                break;
            }
            reached(run.place, run.next);
            self.run += 1;
        }
        let any = !records.is_empty();
        if any {
            handle(&records);
        }
        self.room = again(records);
        any
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

impl Span {
    /// Where the parts of `record`, which lies in `payload`, are.
    fn of(record: &RawRecord<'_>, payload: &[u8]) -> Self {
        Self {
            offset: record.offset,
            timestamp_ms: record.timestamp_ms.unwrap_or(NO_TIME),
            key: Part::place(record.key, payload),
            value: Part::place(record.value, payload),
            headers: Part::place(Some(record.headers.bytes()), payload),
        }
    }
}

impl Part {
    /// Where `part` lies in `payload`.
    fn place(part: Option<&[u8]>, payload: &[u8]) -> Self {
        let none = Self {
            start: 0,
            len: u32::MAX,
        };
        let placed = part.and_then(|part| {
            let start = part.as_ptr().addr().checked_sub(payload.as_ptr().addr())?;
            Some(Self {
                start: u32::try_from(start).ok()?,
                len: u32::try_from(part.len()).ok()?,
            })
        });
        placed.unwrap_or(none)
    }

    /// The part of `payload` that is here.
    fn of(self, payload: &[u8]) -> Option<&[u8]> {
        // Exact on all machines that we run on.
        let (start, len) = (self.start as usize, self.len as usize);
        payload.get(start..start.saturating_add(len))
    }
}

/// The empty vector with the same room for other records.
fn again<'a>(mut records: Vec<Record<'_>>) -> Vec<Record<'a>> {
    records.clear();
    // There is nothing to turn into anything, but the library reuses the room.
    records.into_iter().map_while(|_| None).collect()
}

/// What stands for "no time"; no record has this one.
const NO_TIME: i64 = -1;

/// Room for inflated bytes that is kept.
const INFLATED_KEPT_MAX: usize = 8 << 20;

/// Room for records that is kept.
const SPANS_KEPT_MAX: usize = 64 << 10;
