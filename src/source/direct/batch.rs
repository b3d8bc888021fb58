//! The record batches of a fetch response (message format 2): finds them in the bytes of one
//! partition and checks their headers. [`Batch::records`] gives the records of one.
//!
//! Everything is borrowed and nothing is allocated. Only the batch's own header is read here;
//! what a payload inflates to is the matter of `codec`, which batches are left out that of
//! `aborted`. Numbers are big-endian. Offsets are those of the partition, times milliseconds
//! since the epoch.

use super::codec::Codec;

pub use error::{BatchError, RecordFault};
pub use records::{Headers, RawHeaders, RawRecord, Records};

mod error;
mod records;
#[cfg(test)]
pub(super) mod tests;

/// Bytes of a batch's header: what stands before its payload.
pub const HEADER_LEN: usize = 61;

/// Bytes before those that a batch's length counts: base offset and length.
const PREFIX_LEN: usize = 12;

/// Where the number of the message format stands, in every format.
const MAGIC_AT: usize = 16;

/// Bytes before those that the checksum covers.
const CRC_FROM: usize = 21;

/// The message format that is read here.
const MAGIC: u8 = 2;

/// Whether the checksums of batches are computed and compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crcs {
    /// They are: a batch whose CRC32C is wrong is an error.
    Check,
    /// They are not: TCP's checksum and the broker's own must do.
    Trust,
}

/// Walks over the batches in the `records` of one partition.
///
/// The last batch of a response may be cut short: that ends the walk without an error, and
/// [`Batches::cut`] tells it. After an error the walk goes on behind the batch where its end is
/// known, so that one bad batch does not hide the others.
#[derive(Clone, Debug)]
pub struct Batches<'a> {
    /// What was not walked over yet.
    rest: &'a [u8],
    /// Whether checksums count.
    crcs: Crcs,
    /// The least base offset that the next batch may have.
    offset_min: i64,
    /// How long the batch is that the bytes end in.
    cut: Option<usize>,
}

/// One batch: its header, read and checked, and its payload as it was sent.
///
/// Its last offset is not below its base offset and below `i64::MAX`, where [`Batches`] made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch<'a> {
    /// The offset that the records' offsets are relative to. Compaction may have removed the
    /// record that had it.
    pub base_offset: i64,
    /// The offset of the last record, kept even where compaction removed it. The batch after
    /// this one starts above it.
    pub last_offset: i64,
    /// The epoch of the leader that appended the batch; -1 where it is not known.
    pub leader_epoch: i32,
    /// How the payload is compressed.
    pub codec: Codec,
    /// Whether it belongs to a transaction.
    pub transactional: bool,
    /// Whether it holds a marker of the broker and no records.
    pub control: bool,
    /// Whether the broker's clock counts, not the producer's.
    pub log_append_time: bool,
    /// What the records' timestamps are relative to.
    pub base_timestamp: i64,
    /// The largest timestamp; with `log_append_time` that of all records. -1 is none.
    pub max_timestamp: i64,
    /// The idempotent or transactional producer; -1 is none.
    pub producer_id: i64,
    /// How many records there are, if the header is right.
    pub count: u32,
    /// Bytes of the batch with its header.
    pub total_len: usize,
    /// The records, compressed with `codec`.
    pub payload: &'a [u8],
}

/// The fields of a header in their order, as they were written.
struct Written {
    /// Offset of the first record.
    base_offset: i64,
    /// Epoch of the leader.
    leader_epoch: i32,
    /// Checksum of all that follows it.
    crc: u32,
    /// Codec and flags.
    attributes: u16,
    /// Distance of the last offset from the base offset.
    last_offset_delta: i32,
    /// Timestamp of the first record.
    base_timestamp: i64,
    /// Largest timestamp.
    max_timestamp: i64,
    /// Producer.
    producer_id: i64,
    /// Number of records.
    count: i32,
}

impl<'a> Batches<'a> {
    /// A walk over `bytes`, the `records` of one partition in a fetch response.
    pub fn new(bytes: &'a [u8], crcs: Crcs) -> Self {
        Self {
            rest: bytes,
            crcs,
            offset_min: 0,
            cut: None,
        }
    }

    /// Bytes that the batch which the walk ended in has in all, where the response cut it short:
    /// ask for as many and it comes whole. At least [`HEADER_LEN`], which is also said where too
    /// little is there to know. `None` while the walk goes on, and where nothing was cut.
    ///
    /// It is a stranger's number of up to 2 GiB: bound it before memory is set aside for it.
    pub fn cut(&self) -> Option<usize> {
        self.cut
    }

    /// Takes the bytes of the next batch; `None` at the end. Nothing is left to walk over after
    /// an error or a cut.
    fn take_batch(&mut self) -> Option<Result<&'a [u8], BatchError>> {
        let bytes = std::mem::take(&mut self.rest);
        if bytes.is_empty() {
            return None;
        }
        let mut head = bytes;
        let (Some(base_offset), Some(len)) = (take(&mut head), take(&mut head)) else {
            self.cut = Some(HEADER_LEN);
            return None;
        };
        let base_offset = i64::from_be_bytes(base_offset);
        let len = i32::from_be_bytes(len);
        match bytes.get(MAGIC_AT) {
            None | Some(&MAGIC) => {}
            Some(&magic) if magic < MAGIC => {
                return Some(Err(BatchError::OldFormat { base_offset, magic }));
            }
            Some(&magic) => return Some(Err(BatchError::UnknownFormat { base_offset, magic })),
        }
        let total_len = usize::try_from(len)
            .ok()
            .and_then(|len| len.checked_add(PREFIX_LEN))
            .filter(|&total_len| total_len >= HEADER_LEN);
        let Some(total_len) = total_len else {
            return Some(Err(BatchError::Length { base_offset, len }));
        };
        let Some((batch, rest)) = bytes.split_at_checked(total_len) else {
            self.cut = Some(total_len);
            return None;
        };
        self.rest = rest;
        Some(Ok(batch))
    }

    /// Reads and checks the header of the batch that `bytes` hold whole.
    fn read(&mut self, bytes: &'a [u8]) -> Result<Batch<'a>, BatchError> {
        let mut payload = bytes;
        let written = Written::take(&mut payload).ok_or(BatchError::Length {
            base_offset: 0,
            len: 0,
        })?;
        let base_offset = written.base_offset;
        if self.crcs == Crcs::Check {
            let computed = crc32c::crc32c(bytes.get(CRC_FROM..).unwrap_or_default());
            if computed != written.crc {
                return Err(BatchError::Crc {
                    base_offset,
                    written: written.crc,
                    computed,
                });
            }
        }
        let batch = written.check(bytes.len(), payload)?;
        if base_offset < self.offset_min {
            return Err(BatchError::Backwards {
                base_offset,
                offset_min: self.offset_min,
            });
        }
        self.offset_min = batch.next_offset();
        Ok(batch)
    }
}

impl<'a> Iterator for Batches<'a> {
    type Item = Result<Batch<'a>, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.take_batch()? {
            Ok(bytes) => Some(self.read(bytes)),
            Err(error) => Some(Err(error)),
        }
    }
}

impl std::iter::FusedIterator for Batches<'_> {}

impl Batch<'_> {
    /// The offset to read next when this batch is done.
    pub fn next_offset(&self) -> i64 {
        self.last_offset.saturating_add(1)
    }

    /// The records in `payload`: the batch's own, or what it inflates to.
    pub fn records<'p>(&self, payload: &'p [u8]) -> Records<'p> {
        Records::new(self, payload)
    }
}

impl Written {
    /// Takes a header from the front of `bytes`; `None` when they are too few.
    fn take(bytes: &mut &[u8]) -> Option<Self> {
        let base_offset = i64::from_be_bytes(take(bytes)?);
        let [_, _, _, _] = take(bytes)?; // the length, which is known
        let leader_epoch = i32::from_be_bytes(take(bytes)?);
        let [_] = take(bytes)?; // the format
        let crc = u32::from_be_bytes(take(bytes)?);
        let attributes = u16::from_be_bytes(take(bytes)?);
        let last_offset_delta = i32::from_be_bytes(take(bytes)?);
        let base_timestamp = i64::from_be_bytes(take(bytes)?);
        let max_timestamp = i64::from_be_bytes(take(bytes)?);
        let producer_id = i64::from_be_bytes(take(bytes)?);
        let [_, _] = take(bytes)?; // the producer's epoch
        let [_, _, _, _] = take(bytes)?; // its first sequence number
        let count = i32::from_be_bytes(take(bytes)?);
        Some(Self {
            base_offset,
            leader_epoch,
            crc,
            attributes,
            last_offset_delta,
            base_timestamp,
            max_timestamp,
            producer_id,
            count,
        })
    }

    /// The batch that the header describes, if it can be one.
    fn check(self, total_len: usize, payload: &[u8]) -> Result<Batch<'_>, BatchError> {
        let base_offset = self.base_offset;
        let last_offset = base_offset
            .checked_add(i64::from(self.last_offset_delta))
            .filter(|&last| base_offset >= 0 && last >= base_offset && last < i64::MAX);
        let Some(last_offset) = last_offset else {
            return Err(BatchError::Offsets {
                base_offset,
                last_offset_delta: self.last_offset_delta,
            });
        };
        let codec_id = self.attributes & CODEC_BITS;
        Ok(Batch {
            base_offset,
            last_offset,
            leader_epoch: self.leader_epoch,
            codec: Codec::from_id(codec_id).ok_or(BatchError::Codec {
                base_offset,
                id: codec_id,
            })?,
            transactional: self.attributes & TRANSACTIONAL_BIT != 0,
            control: self.attributes & CONTROL_BIT != 0,
            log_append_time: self.attributes & LOG_APPEND_TIME_BIT != 0,
            base_timestamp: self.base_timestamp,
            max_timestamp: self.max_timestamp,
            producer_id: self.producer_id,
            count: u32::try_from(self.count).map_err(|_| BatchError::Count {
                base_offset,
                count: self.count,
            })?,
            total_len,
            payload,
        })
    }
}

/// The bits of the attributes that hold the codec.
const CODEC_BITS: u16 = 0b111;

/// The bit of the attributes that says whose clock the timestamps are of.
const LOG_APPEND_TIME_BIT: u16 = 1 << 3;

/// The bit of the attributes for batches of a transaction.
const TRANSACTIONAL_BIT: u16 = 1 << 4;

/// The bit of the attributes for batches of markers.
const CONTROL_BIT: u16 = 1 << 5;

/// Takes `N` bytes from the front of `bytes`; `None` when they are too few.
fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*head)
}
