//! The records of a batch whose payload is not compressed, or inflated already: the hot loop of
//! the direct reader.
//!
//! A record is split, not interpreted: key, value and headers are slices of the payload, and of
//! the headers only the end is known until somebody asks. Nothing is allocated.

use super::{Batch, BatchError, RecordFault};

/// One record, borrowed from the payload of its batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawRecord<'a> {
    /// Its offset in the partition.
    pub offset: i64,
    /// Its time in milliseconds since the epoch, if it has one that can be told.
    pub timestamp_ms: Option<i64>,
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its value; without one it is a tombstone.
    pub value: Option<&'a [u8]>,
    /// Its headers, not read yet.
    pub headers: RawHeaders<'a>,
}

/// The records of a batch in their order, and at last an error if anything is wrong with the
/// batch: what comes before it is good.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    /// What was not read yet.
    rest: &'a [u8],
    /// How many records must follow.
    left: u32,
    /// How many records the batch should have.
    count: u32,
    /// What offsets are relative to.
    base_offset: i64,
    /// The least offset that the next record may have.
    offset_min: i64,
    /// The largest offset that a record may have.
    last_offset: i64,
    /// Where the records' times come from.
    clock: Clock,
}

/// Where the times of a batch's records come from.
#[derive(Clone, Copy, Debug)]
enum Clock {
    /// The producer: relative to this time.
    Created(i64),
    /// The broker: this one for all, -1 for none.
    Appended(i64),
}

/// The headers of a record as they were sent. They are read when they are walked over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RawHeaders<'a>(&'a [u8]);

/// The headers of a record one by one.
#[derive(Clone, Debug)]
pub struct Headers<'a> {
    /// What was not read yet.
    rest: &'a [u8],
    /// How many are left, if the count is right.
    left: i64,
}

impl<'a> Records<'a> {
    /// The records of `batch`, which lie in `payload`.
    pub(super) fn new(batch: &Batch<'_>, payload: &'a [u8]) -> Self {
        Self {
            rest: payload,
            left: batch.count,
            count: batch.count,
            base_offset: batch.base_offset,
            offset_min: batch.base_offset,
            last_offset: batch.last_offset,
            clock: if batch.log_append_time {
                Clock::Appended(batch.max_timestamp)
            } else {
                Clock::Created(batch.base_timestamp)
            },
        }
    }

    /// Reads the record at the front.
    #[inline(always)]
    fn read(&mut self) -> Result<RawRecord<'a>, RecordFault> {
        let mut rest = self.rest;
        let len = varint(&mut rest).and_then(|len| usize::try_from(len).ok());
        let Some((mut record, rest)) = len.and_then(|len| rest.split_at_checked(len)) else {
            return Err(RecordFault::Length);
        };
        // The attributes of a record have no meaning.
        record = record.get(1..).ok_or(RecordFault::Short)?;
        let time_delta = varint(&mut record).ok_or(RecordFault::Short)?;
        let offset_delta = varint(&mut record).ok_or(RecordFault::Short)?;
        let key = take_bytes(&mut record).ok_or(RecordFault::Key)?;
        let value = take_bytes(&mut record).ok_or(RecordFault::Value)?;
        let offset = self.base_offset.saturating_add(offset_delta);
        if offset < self.offset_min || offset > self.last_offset {
            return Err(RecordFault::Offset);
        }
        let time = match self.clock {
            Clock::Created(base) => base.checked_add(time_delta),
            Clock::Appended(at) => Some(at),
        };
        self.rest = rest;
        self.offset_min = offset.saturating_add(1);
        Ok(RawRecord {
            offset,
            timestamp_ms: time.filter(|&time| time != NO_TIME),
            key,
            value,
            headers: RawHeaders(record),
        })
    }

    /// Ends the walk with `fault` of the record at the front.
    #[cold]
    fn fail(&mut self, fault: RecordFault) -> BatchError {
        let found = self.count.saturating_sub(self.left);
        let at_end = self.rest.is_empty();
        self.stop();
        if at_end {
            return BatchError::TooFewRecords {
                base_offset: self.base_offset,
                count: self.count,
                found,
            };
        }
        BatchError::Record {
            base_offset: self.base_offset,
            index: found,
            fault,
        }
    }

    /// Ends the walk behind the last record: with an error if bytes are left.
    #[cold]
    fn finish(&mut self) -> Option<BatchError> {
        let left = self.rest.len();
        self.stop();
        (left > 0).then_some(BatchError::BytesLeft {
            base_offset: self.base_offset,
            count: self.count,
            left,
        })
    }

    /// Leaves nothing to read.
    fn stop(&mut self) {
        self.rest = &[];
        self.left = 0;
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<RawRecord<'a>, BatchError>;

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        let Some(left) = self.left.checked_sub(1) else {
            return self.finish().map(Err);
        };
        match self.read() {
            Ok(record) => {
                self.left = left;
                Some(Ok(record))
            }
            Err(fault) => Some(Err(self.fail(fault))),
        }
    }
}

impl std::iter::FusedIterator for Records<'_> {}

impl<'a> RawHeaders<'a> {
    /// The headers that `bytes` hold.
    pub(in super::super) fn of(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The bytes that hold them.
    pub(in super::super) fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// The headers in their order. Ends where they stop making sense; those whose name is not
    /// UTF-8 are passed over.
    pub fn iter(self) -> Headers<'a> {
        let mut rest = self.0;
        let left = varint(&mut rest).unwrap_or_default();
        Headers { rest, left }
    }
}

impl<'a> IntoIterator for RawHeaders<'a> {
    type Item = (&'a str, Option<&'a [u8]>);
    type IntoIter = Headers<'a>;

    fn into_iter(self) -> Headers<'a> {
        self.iter()
    }
}

impl<'a> Iterator for Headers<'a> {
    type Item = (&'a str, Option<&'a [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        while self.left > 0 {
            self.left = self.left.saturating_sub(1);
            let name = take_bytes(&mut self.rest).flatten();
            let value = take_bytes(&mut self.rest);
            let (Some(name), Some(value)) = (name, value) else {
                self.left = 0;
                return None;
            };
            if let Ok(name) = std::str::from_utf8(name) {
                return Some((name, value));
            }
        }
        None
    }
}

impl std::iter::FusedIterator for Headers<'_> {}

/// What stands for "no time".
const NO_TIME: i64 = -1;

/// The length that stands for "no bytes", which is not the same as none of them.
const NO_BYTES: i64 = -1;

/// Takes a length and as many bytes from the front of `bytes`; the length -1 stands for none.
/// `None` when that is not there.
#[inline(always)]
fn take_bytes<'a>(bytes: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    let len = varint(bytes)?;
    if len == NO_BYTES {
        return Some(None);
    }
    let (taken, rest) = bytes.split_at_checked(usize::try_from(len).ok()?)?;
    *bytes = rest;
    Some(Some(taken))
}

/// Takes a zigzag number of up to ten bytes from the front of `bytes`; `None` when they end
/// inside it or it has more than 64 bits.
#[inline(always)]
fn varint(bytes: &mut &[u8]) -> Option<i64> {
    let raw = match **bytes {
        [a, ref rest @ ..] if a < MORE => {
            *bytes = rest;
            u64::from(a)
        }
        [a, b, ref rest @ ..] if b < MORE => {
            *bytes = rest;
            u64::from(a & !MORE) | u64::from(b) << 7
        }
        _ => long_varint(bytes)?,
    };
    Some((raw >> 1).cast_signed() ^ (raw & 1).cast_signed().wrapping_neg())
}

/// The same for numbers of any length, before the sign is folded back.
fn long_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut raw = 0;
    let mut shift = 0;
    loop {
        let (&byte, rest) = bytes.split_first()?;
        let bits = u64::from(byte & !MORE);
        let placed = bits.checked_shl(shift)?;
        if placed >> shift != bits {
            return None;
        }
        raw |= placed;
        *bytes = rest;
        if byte < MORE {
            return Some(raw);
        }
        shift = shift.checked_add(7)?;
    }
}

/// The bit of a byte that says that the number goes on.
const MORE: u8 = 0x80;
