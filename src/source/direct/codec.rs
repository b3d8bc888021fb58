//! Inflates the payloads of record batches: gzip, snappy, lz4 and zstd, as the producers of Kafka
//! write them, onto a buffer of the caller's.
//!
//! What a stranger compressed is never trusted to be small: no payload gives more than the limit,
//! however large it says it is, and the time is linear in payload and limit. Checksums inside lz4
//! frames are passed over: the batch's own CRC covers the same bytes.

use std::fmt;
use std::ops::Range;

use snap::raw::Decoder;

use self::gzip::Gzip;
use self::lz4::Lz4;
use self::room::Room;
use self::zstandard::Zstandard;

mod gzip;
mod lz4;
mod room;
mod snappy;
#[cfg(test)]
pub(super) mod tests;
mod zstandard;

/// How the payload of a record batch is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    /// Not at all.
    None,
    /// One or several gzip members.
    Gzip,
    /// One raw snappy block, or blocks in the framing of the Java client.
    Snappy,
    /// One or several lz4 frames.
    Lz4,
    /// One or several zstd frames.
    Zstd,
}

/// Why a payload cannot be inflated.
#[derive(Debug, thiserror::Error)]
pub enum InflateError {
    /// It gives more bytes than it may.
    #[error("payload inflates to more than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// What lies around the compressed bytes is not as the codec wants it.
    #[error("cannot inflate {codec} payload: {what}")]
    Frame {
        /// The codec.
        codec: Codec,
        /// What is wrong.
        what: &'static str,
    },
    /// The compressed bytes of a gzip member are damaged.
    #[error("cannot inflate gzip payload")]
    Gzip(#[source] flate2::DecompressError),
    /// A snappy block is damaged.
    #[error("cannot inflate snappy payload")]
    Snappy(#[source] snap::Error),
    /// An lz4 block is damaged.
    #[error("cannot inflate lz4 payload")]
    Lz4(#[source] lz4_flex::block::DecompressError),
}

/// Inflates payloads one after the other, with contexts and buffers that are set up once. One a
/// thread; it holds about 200 KiB, and up to 4 MiB more when lz4 blocks are that large.
pub struct Inflater {
    /// For gzip.
    gzip: Gzip,
    /// For snappy.
    snappy: Decoder,
    /// For lz4.
    lz4: Lz4,
    /// For zstd.
    zstd: Zstandard,
}

impl Codec {
    /// The codec with the number `id`, which stands in a batch's attributes.
    pub fn from_id(id: u16) -> Option<Self> {
        match id {
            0 => Some(Self::None),
            1 => Some(Self::Gzip),
            2 => Some(Self::Snappy),
            3 => Some(Self::Lz4),
            4 => Some(Self::Zstd),
            _ => None,
        }
    }

    /// The name by which Kafka's configuration calls it: the value of a `codec` label.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl InflateError {
    /// The value of a `reason` label.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "too_large",
            Self::Frame { .. } | Self::Gzip(_) | Self::Snappy(_) | Self::Lz4(_) => "corrupt",
        }
    }
}

impl Inflater {
    /// An inflater for all codecs.
    pub fn new() -> Self {
        Self {
            gzip: Gzip::new(),
            snappy: Decoder::new(),
            lz4: Lz4::default(),
            zstd: Zstandard::new(),
        }
    }

    /// Appends to `into` what `payload` inflates to, at most `limit` bytes, and says where it
    /// lies there. With [`Codec::None`] it is a copy: better to use such a payload where it is.
    ///
    /// Memory for the limit may be reserved, but no more than the payload can fill is touched.
    /// The caller keeps `into` from batch to batch, so that it is reserved once.
    ///
    /// # Errors
    /// [`InflateError`] when the payload is damaged or gives more. `into` is then as it was, but
    /// for its capacity.
    pub fn inflate(
        &mut self,
        codec: Codec,
        payload: &[u8],
        into: &mut Vec<u8>,
        limit: usize,
    ) -> Result<Range<usize>, InflateError> {
        let start = into.len();
        let mut room = Room::new(into, limit);
        let done = match codec {
            Codec::None => room.append(payload),
            Codec::Gzip => self.gzip.inflate(payload, &mut room),
            Codec::Snappy => snappy::inflate(&mut self.snappy, payload, &mut room),
            Codec::Lz4 => self.lz4.inflate(payload, &mut room),
            Codec::Zstd => self.zstd.inflate(payload, &mut room),
        };
        match done.and_then(|()| room.check()) {
            Ok(()) => Ok(start..into.len()),
            Err(error) => {
                into.truncate(start);
                Err(error)
            }
        }
    }
}

impl Default for Inflater {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Inflater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inflater").finish_non_exhaustive()
    }
}
