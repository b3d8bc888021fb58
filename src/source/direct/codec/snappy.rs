//! snappy: one raw block, or blocks in the framing of the Java client (xerial), which begins with
//! a magic and two versions and puts its length before every block.

use snap::raw::{Decoder, decompress_len};

use super::room::Room;
use super::{Codec, InflateError};

/// Appends what `payload` inflates to.
pub(super) fn inflate(
    decoder: &mut Decoder,
    payload: &[u8],
    room: &mut Room<'_>,
) -> Result<(), InflateError> {
    let Some(framed) = payload.strip_prefix(MAGIC) else {
        return inflate_block(decoder, payload, room);
    };
    let mut rest = framed
        .get(VERSIONS_LEN..)
        .ok_or_else(|| frame("cut short"))?;
    while !rest.is_empty() {
        let (len, behind) = rest.split_first_chunk().ok_or_else(|| frame("cut short"))?;
        let len = usize::try_from(i32::from_be_bytes(*len))
            .map_err(|_| frame("negative block length"))?;
        let (block, behind) = behind
            .split_at_checked(len)
            .ok_or_else(|| frame("cut short"))?;
        rest = behind;
        if !block.is_empty() {
            inflate_block(decoder, block, room)?;
        }
    }
    Ok(())
}

/// What the framing of the Java client begins with.
const MAGIC: &[u8] = b"\x82SNAPPY\0";

/// Bytes of the two versions behind the magic: the writer's, and the least that a reader needs.
const VERSIONS_LEN: usize = 8;

/// Most that snappy can shrink: how many bytes one byte may give, rounded up. Its best is a copy
/// of 64 bytes in three.
const RATIO_MAX: usize = 22;

/// Appends what one raw block inflates to.
fn inflate_block(
    decoder: &mut Decoder,
    block: &[u8],
    room: &mut Room<'_>,
) -> Result<(), InflateError> {
    let len = decompress_len(block).map_err(InflateError::Snappy)?;
    if len > block.len().saturating_mul(RATIO_MAX) {
        return Err(frame("block says it is larger than it can be"));
    }
    decoder
        .decompress(block, room.append_zeros(len)?)
        .map_err(InflateError::Snappy)?;
    Ok(())
}

/// The error for what is wrong around the compressed bytes.
fn frame(what: &'static str) -> InflateError {
    InflateError::Frame {
        codec: Codec::Snappy,
        what,
    }
}
