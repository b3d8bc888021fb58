//! lz4 frames: headers and blocks are walked over here, the blocks inflated by the library.
//!
//! The frame's own checksums are passed over. That of the header was written wrong by old clients
//! of Kafka; the others cover what the batch's CRC covers.

use lz4_flex::block::{DecompressError, decompress_into, decompress_into_with_dict};

use super::room::Room;
use super::{Codec, InflateError};

/// A buffer for one block, which is used again and again: written once, so that it need not be
/// cleared for every block, and small enough to stay in the processor's cache.
#[derive(Default)]
pub(super) struct Lz4 {
    /// The buffer; as large as the largest block that was met, at most [`BLOCK_LEN_MAX`].
    block: Vec<u8>,
}

/// What the header of a frame says.
struct Frame {
    /// Most bytes that a block gives.
    block_len_max: usize,
    /// Whether blocks may refer to those before them.
    linked: bool,
    /// Whether a checksum follows every block.
    block_checksums: bool,
    /// Whether a checksum follows the last block.
    content_checksum: bool,
    /// How many bytes the frame gives, if it says so.
    content_len: Option<u64>,
}

impl Lz4 {
    /// Appends what all frames of `payload` inflate to.
    pub(super) fn inflate(
        &mut self,
        payload: &[u8],
        room: &mut Room<'_>,
    ) -> Result<(), InflateError> {
        let mut rest = payload;
        loop {
            let magic = take_u32(&mut rest)?;
            if magic == MAGIC {
                self.inflate_frame(&mut rest, room)?;
            } else if magic & SKIPPABLE_MASK == SKIPPABLE_MAGIC {
                let len = usize::try_from(take_u32(&mut rest)?).unwrap_or(usize::MAX);
                take_bytes(&mut rest, len)?;
            } else {
                return Err(frame("not an lz4 frame"));
            }
            if rest.is_empty() {
                return Ok(());
            }
        }
    }

    /// Appends what the frame at the front of `rest`, behind its magic, inflates to.
    fn inflate_frame(&mut self, rest: &mut &[u8], room: &mut Room<'_>) -> Result<(), InflateError> {
        let header = Frame::take(rest)?;
        let from = room.used();
        if let Some(len) = header.content_len {
            let len = usize::try_from(len).unwrap_or(usize::MAX);
            if len > room.left() {
                return Err(room.too_large());
            }
        }
        if self.block.len() < header.block_len_max {
            self.block.resize(header.block_len_max, 0);
        }
        loop {
            let word = take_u32(rest)?;
            if word == END_MARK {
                break;
            }
            let len = usize::try_from(word & !STORED_BIT).unwrap_or(usize::MAX);
            let block = take_bytes(rest, len)?;
            if word & STORED_BIT == 0 {
                self.inflate_block(&header, block, from, room)?;
            } else if len <= header.block_len_max {
                room.append(block)?;
            } else {
                return Err(frame("block longer than the frame allows"));
            }
            if header.block_checksums {
                take_u32(rest)?;
            }
        }
        if header.content_checksum {
            take_u32(rest)?;
        }
        let given = u64::try_from(room.used().saturating_sub(from)).unwrap_or(u64::MAX);
        match header.content_len {
            Some(len) if len != given => Err(frame("wrong content size")),
            Some(_) | None => Ok(()),
        }
    }

    /// Appends what `block` inflates to. Its frame began at the `from`th byte that was appended.
    fn inflate_block(
        &mut self,
        header: &Frame,
        block: &[u8],
        from: usize,
        room: &mut Room<'_>,
    ) -> Result<(), InflateError> {
        let len_max = header.block_len_max.min(room.left().saturating_add(1));
        let scratch = self.block.get_mut(..len_max).unwrap_or_default();
        let inflated = if header.linked {
            let former = room.appended_since(from);
            let window = former.get(former.len().saturating_sub(WINDOW_LEN)..);
            decompress_into_with_dict(block, scratch, window.unwrap_or_default())
        } else {
            decompress_into(block, scratch)
        };
        match inflated {
            Ok(len) => room.append(self.block.get(..len).unwrap_or_default()),
            Err(DecompressError::OutputTooSmall { .. }) if len_max > room.left() => {
                Err(room.too_large())
            }
            Err(error) => Err(InflateError::Lz4(error)),
        }
    }
}

impl Frame {
    /// Takes the rest of a frame's header, behind the magic, from the front of `rest`.
    fn take(rest: &mut &[u8]) -> Result<Self, InflateError> {
        let [flags, sizes] = take(rest)?;
        if flags & VERSION_MASK != VERSION {
            return Err(frame("unknown version"));
        }
        if flags & DICTIONARY != 0 {
            return Err(frame("needs a dictionary"));
        }
        let block_len_max = match sizes >> 4 & 0b111 {
            4 => 64 << 10,
            5 => 256 << 10,
            6 => 1 << 20,
            7 => BLOCK_LEN_MAX,
            _ => return Err(frame("unknown block size")),
        };
        let content_len = if flags & CONTENT_LEN != 0 {
            Some(u64::from_le_bytes(take(rest)?))
        } else {
            None
        };
        let [_] = take(rest)?; // the header's checksum
        Ok(Self {
            block_len_max,
            linked: flags & INDEPENDENT == 0,
            block_checksums: flags & BLOCK_CHECKSUMS != 0,
            content_checksum: flags & CONTENT_CHECKSUM != 0,
            content_len,
        })
    }
}

/// Takes `N` bytes from the front of `rest`.
fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], InflateError> {
    let (head, behind) = rest.split_first_chunk().ok_or_else(|| frame("cut short"))?;
    *rest = behind;
    Ok(*head)
}

/// Takes a number from the front of `rest`.
fn take_u32(rest: &mut &[u8]) -> Result<u32, InflateError> {
    take(rest).map(u32::from_le_bytes)
}

/// Takes `len` bytes from the front of `rest`.
fn take_bytes<'p>(rest: &mut &'p [u8], len: usize) -> Result<&'p [u8], InflateError> {
    let (head, behind) = rest
        .split_at_checked(len)
        .ok_or_else(|| frame("cut short"))?;
    *rest = behind;
    Ok(head)
}

/// The error for what is wrong around the compressed bytes.
fn frame(what: &'static str) -> InflateError {
    InflateError::Frame {
        codec: Codec::Lz4,
        what,
    }
}

/// What a frame begins with.
const MAGIC: u32 = 0x184d_2204;

/// What a frame of something else begins with, but for its last four bits: passed over.
const SKIPPABLE_MAGIC: u32 = 0x184d_2a50;

/// The bits of [`SKIPPABLE_MAGIC`] that count.
const SKIPPABLE_MASK: u32 = 0xffff_fff0;

/// The length that stands for the end of the blocks.
const END_MARK: u32 = 0;

/// The bit of a block's length for a block that is not compressed.
const STORED_BIT: u32 = 1 << 31;

/// Most bytes that a block of any frame gives.
const BLOCK_LEN_MAX: usize = 4 << 20;

/// How far back a linked block may refer.
const WINDOW_LEN: usize = 64 << 10;

/// The bits of the flags that hold the version.
const VERSION_MASK: u8 = 0b1100_0000;

/// The only version.
const VERSION: u8 = 0b0100_0000;

/// The flag for blocks that do not refer to those before them.
const INDEPENDENT: u8 = 1 << 5;

/// The flag for checksums of blocks.
const BLOCK_CHECKSUMS: u8 = 1 << 4;

/// The flag for the size of the content in the header.
const CONTENT_LEN: u8 = 1 << 3;

/// The flag for a checksum of the content.
const CONTENT_CHECKSUM: u8 = 1 << 2;

/// The flag for a dictionary.
const DICTIONARY: u8 = 1;
