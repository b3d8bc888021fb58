//! What can be wrong with a record batch. Every error says at which offset; the caller, who knows
//! the topic and the partition, says where that is.

/// Why a batch, or the rest of one, cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// Message format 0 or 1, which brokers before 0.11 wrote.
    #[error("batch at offset {base_offset} is in the old message format {magic}")]
    OldFormat {
        /// Where.
        base_offset: i64,
        /// The format.
        magic: u8,
    },
    /// A message format that is newer than this program.
    #[error("batch at offset {base_offset} is in the unknown message format {magic}")]
    UnknownFormat {
        /// Where.
        base_offset: i64,
        /// The format.
        magic: u8,
    },
    /// A length that no batch can have.
    #[error("batch at offset {base_offset} has the impossible length {len}")]
    Length {
        /// Where.
        base_offset: i64,
        /// The length as written.
        len: i32,
    },
    /// The checksum is wrong: bytes were changed on their way or on a disk.
    #[error("batch at offset {base_offset} has CRC {computed:08x}, not {written:08x} as written")]
    Crc {
        /// Where.
        base_offset: i64,
        /// What the header says.
        written: u32,
        /// What the bytes give.
        computed: u32,
    },
    /// A codec that does not exist yet.
    #[error("batch at offset {base_offset} has the unknown codec {id}")]
    Codec {
        /// Where.
        base_offset: i64,
        /// The codec as written.
        id: u16,
    },
    /// A negative number of records.
    #[error("batch at offset {base_offset} has the impossible record count {count}")]
    Count {
        /// Where.
        base_offset: i64,
        /// The count as written.
        count: i32,
    },
    /// A negative base offset, or a last offset below it or beyond all offsets.
    #[error("batch at offset {base_offset} ends at the impossible distance {last_offset_delta}")]
    Offsets {
        /// Where.
        base_offset: i64,
        /// How far the last offset lies behind the base offset, as written.
        last_offset_delta: i32,
    },
    /// A batch that starts before the end of the one in front of it.
    #[error("batch at offset {base_offset} follows one that ends before {offset_min}")]
    Backwards {
        /// Where.
        base_offset: i64,
        /// The least offset that it could have.
        offset_min: i64,
    },
    /// A record that cannot be read. Those before it are good.
    #[error("record {index} of the batch at offset {base_offset} {fault}")]
    Record {
        /// Base offset of its batch.
        base_offset: i64,
        /// Which record of the batch, from 0.
        index: u32,
        /// What is wrong.
        fault: RecordFault,
    },
    /// The payload ends before the last record.
    #[error("batch at offset {base_offset} has {found} records and not {count}")]
    TooFewRecords {
        /// Where.
        base_offset: i64,
        /// How many there should be.
        count: u32,
        /// How many there are.
        found: u32,
    },
    /// The payload goes on behind the last record.
    #[error("batch at offset {base_offset} has {left} bytes behind its {count} records")]
    BytesLeft {
        /// Where.
        base_offset: i64,
        /// How many records there should be.
        count: u32,
        /// How many bytes are left.
        left: usize,
    },
    /// A control batch that does not hold a marker as brokers write it.
    #[error("control batch at offset {base_offset} holds no marker")]
    Marker {
        /// Where.
        base_offset: i64,
    },
}

/// What is wrong with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordFault {
    /// Its length is negative or longer than what is there.
    #[error("has a length that does not fit")]
    Length,
    /// It ends before its offset.
    #[error("is too short")]
    Short,
    /// Its offset lies outside its batch, or not above that of the record before it.
    #[error("has an offset that does not fit")]
    Offset,
    /// Its key is longer than the record, or its length negative and not -1.
    #[error("has a key that does not fit")]
    Key,
    /// Its value is longer than the record, or its length negative and not -1.
    #[error("has a value that does not fit")]
    Value,
}

impl BatchError {
    /// Base offset of the batch, as its header says it.
    pub fn base_offset(&self) -> i64 {
        match *self {
            Self::OldFormat { base_offset, .. }
            | Self::UnknownFormat { base_offset, .. }
            | Self::Length { base_offset, .. }
            | Self::Crc { base_offset, .. }
            | Self::Codec { base_offset, .. }
            | Self::Count { base_offset, .. }
            | Self::Offsets { base_offset, .. }
            | Self::Backwards { base_offset, .. }
            | Self::Record { base_offset, .. }
            | Self::TooFewRecords { base_offset, .. }
            | Self::BytesLeft { base_offset, .. }
            | Self::Marker { base_offset } => base_offset,
        }
    }

    /// The value of a `reason` label.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::OldFormat { .. } => "old_format",
            Self::UnknownFormat { .. } => "unknown_format",
            Self::Length { .. } => "length",
            Self::Crc { .. } => "crc",
            Self::Codec { .. } => "codec",
            Self::Count { .. } | Self::TooFewRecords { .. } | Self::BytesLeft { .. } => "count",
            Self::Offsets { .. } | Self::Backwards { .. } => "offsets",
            Self::Record { .. } => "record",
            Self::Marker { .. } => "marker",
        }
    }
}
