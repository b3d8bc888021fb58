//! zstd: one frame or several, with or without their sizes. Each payload is inflated in one go
//! into memory for all of it, so that no window has to be kept, which a frame could make large.

use std::io::Cursor;

use zstd::zstd_safe::zstd_sys::ZSTD_ErrorCode;
use zstd::zstd_safe::{DCtx, decompress_bound, get_error_name};

use super::room::Room;
use super::{Codec, InflateError};

/// A decompressor that is used again and again.
pub(super) struct Zstandard(DCtx<'static>);

impl Zstandard {
    /// A decompressor.
    pub(super) fn new() -> Self {
        Self(DCtx::create())
    }

    /// Appends what all frames of `payload` inflate to.
    pub(super) fn inflate(
        &mut self,
        payload: &[u8],
        room: &mut Room<'_>,
    ) -> Result<(), InflateError> {
        let bound = decompress_bound(payload).map_err(|code| frame(get_error_name(code)))?;
        let bound = usize::try_from(bound).unwrap_or(usize::MAX);
        room.reserve(bound);
        let buffer = room.buffer();
        let from = u64::try_from(buffer.len()).unwrap_or(u64::MAX);
        let mut end = Cursor::new(buffer);
        end.set_position(from);
        match self.0.decompress(&mut end, payload) {
            Ok(_) => Ok(()),
            Err(code) if code == NO_ROOM && bound > room.left() => Err(room.too_large()),
            Err(code) => Err(frame(get_error_name(code))),
        }
    }
}

/// The code for a payload that gives more than there is memory for. Codes are negative numbers.
const NO_ROOM: usize = (ZSTD_ErrorCode::ZSTD_error_dstSize_tooSmall as usize).wrapping_neg();

/// The error for what zstd says about the payload.
fn frame(what: &'static str) -> InflateError {
    InflateError::Frame {
        codec: Codec::Zstd,
        what,
    }
}
