//! gzip (RFC 1952), of one member or several, with their checksums and lengths checked.

use flate2::{Crc, Decompress, FlushDecompress, Status};

use super::room::Room;
use super::{Codec, InflateError};

/// A decompressor that is used again and again.
pub(super) struct Gzip(Decompress);

impl Gzip {
    /// A decompressor.
    pub(super) fn new() -> Self {
        Self(Decompress::new(false))
    }

    /// Appends what all members of `payload` inflate to.
    pub(super) fn inflate(
        &mut self,
        payload: &[u8],
        room: &mut Room<'_>,
    ) -> Result<(), InflateError> {
        let mut rest = payload;
        loop {
            rest = skip_header(rest).ok_or_else(|| frame("bad header"))?;
            let from = room.used();
            rest = self.inflate_member(rest, room)?;
            let (trailer, behind) = rest.split_first_chunk().ok_or_else(|| frame("cut short"))?;
            check_trailer(*trailer, room.appended_since(from))?;
            if behind.is_empty() {
                return Ok(());
            }
            rest = behind;
        }
    }

    /// Appends what the deflate stream at the start of `bytes` inflates to; gives what follows.
    fn inflate_member<'p>(
        &mut self,
        bytes: &'p [u8],
        room: &mut Room<'_>,
    ) -> Result<&'p [u8], InflateError> {
        let Self(state) = self;
        state.reset(false);
        room.reserve(size_hint(bytes));
        let mut rest = bytes;
        loop {
            let (read, used) = (state.total_in(), room.used());
            let status = state
                .decompress_vec(rest, room.buffer(), FlushDecompress::None)
                .map_err(InflateError::Gzip)?;
            let read = usize::try_from(state.total_in().saturating_sub(read)).unwrap_or(usize::MAX);
            rest = rest.get(read..).unwrap_or_default();
            room.check()?;
            if status == Status::StreamEnd {
                return Ok(rest);
            }
            if room.is_full() {
                room.reserve(room.used().max(GROWTH_MIN));
            } else if read == 0 && room.used() == used {
                return Err(frame("cut short"));
            }
        }
    }
}

/// Most that deflate can shrink: how many bytes one byte may give.
const RATIO_MAX: usize = 1032;

/// Least bytes by which the buffer grows.
const GROWTH_MIN: usize = 64 << 10;

/// How many bytes the last member of `bytes` says it gives, as far as that can be true.
fn size_hint(bytes: &[u8]) -> usize {
    let written = bytes.last_chunk().map_or(0, |len| u32::from_le_bytes(*len));
    usize::try_from(written)
        .unwrap_or(usize::MAX)
        .min(bytes.len().saturating_mul(RATIO_MAX))
        .saturating_add(1)
}

/// The rest of `bytes` behind the header of a member; `None` when there is none.
fn skip_header(bytes: &[u8]) -> Option<&[u8]> {
    let ([0x1f, 0x8b, 8, flags, _, _, _, _, _, _], mut rest) = bytes.split_first_chunk()? else {
        return None;
    };
    if flags & RESERVED != 0 {
        return None;
    }
    if flags & EXTRA != 0 {
        let (len, behind) = rest.split_first_chunk()?;
        rest = behind.get(usize::from(u16::from_le_bytes(*len))..)?;
    }
    for text in [NAME, COMMENT] {
        if flags & text != 0 {
            let end = memchr::memchr(0, rest)?;
            rest = rest.get(end..)?.get(1..)?;
        }
    }
    if flags & HEADER_CRC != 0 {
        rest = rest.get(2..)?;
    }
    Some(rest)
}

/// The flag for a checksum of the header.
const HEADER_CRC: u8 = 1 << 1;

/// The flag for extra fields.
const EXTRA: u8 = 1 << 2;

/// The flag for a file name.
const NAME: u8 = 1 << 3;

/// The flag for a comment.
const COMMENT: u8 = 1 << 4;

/// The flags without a meaning.
const RESERVED: u8 = 0b1110_0000;

/// Compares the checksum and length in `trailer` with the `inflated` bytes.
fn check_trailer(trailer: [u8; 8], inflated: &[u8]) -> Result<(), InflateError> {
    let mut crc = Crc::new();
    crc.update(inflated);
    let [a, b, c, d] = crc.sum().to_le_bytes();
    let [e, f, g, h] = crc.amount().to_le_bytes();
    if trailer == [a, b, c, d, e, f, g, h] {
        return Ok(());
    }
    Err(frame("wrong checksum or length"))
}

/// The error for what is wrong around the compressed bytes.
fn frame(what: &'static str) -> InflateError {
    InflateError::Frame {
        codec: Codec::Gzip,
        what,
    }
}
