//! Payloads as the producers of Kafka compress them, and slow decoders to compare with.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use lz4_flex::frame::{BlockMode, BlockSize, FrameDecoder, FrameEncoder, FrameInfo};

use super::super::Codec;

/// `plain` as `codec` packs it most plainly.
pub(in super::super::super) fn pack(codec: Codec, plain: &[u8]) -> Vec<u8> {
    packings(codec, plain).swap_remove(0).1
}

/// What `packed` inflates to, by decoders of others.
pub(in super::super::super) fn unpack(codec: Codec, packed: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    match codec {
        Codec::None => plain.extend(packed),
        Codec::Gzip => {
            MultiGzDecoder::new(packed).read_to_end(&mut plain).unwrap();
        }
        Codec::Snappy => plain = snap::raw::Decoder::new().decompress_vec(packed).unwrap(),
        Codec::Lz4 => {
            FrameDecoder::new(packed).read_to_end(&mut plain).unwrap();
        }
        Codec::Zstd => plain = zstd::stream::decode_all(packed).unwrap(),
    }
    plain
}

/// `plain` in every way that `codec` has to pack it, each with a name.
pub(super) fn packings(codec: Codec, plain: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    match codec {
        Codec::None => vec![("as it is", plain.to_vec())],
        Codec::Gzip => vec![
            ("fast", gzip(plain, 1)),
            ("stored", gzip(plain, 0)),
            ("all header fields", gzip_with_fields(plain)),
        ],
        Codec::Snappy => vec![
            (
                "raw",
                snap::raw::Encoder::new().compress_vec(plain).unwrap(),
            ),
            ("xerial", xerial(plain)),
        ],
        Codec::Lz4 => lz4_packings(plain),
        Codec::Zstd => vec![
            ("with size", zstd::bulk::compress(plain, 1).unwrap()),
            ("without size", zstd::stream::encode_all(plain, 3).unwrap()),
            ("flushed often, with checksum", zstd_flushed(plain)),
        ],
    }
}

/// One gzip member.
fn gzip(plain: &[u8], level: u32) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(level));
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

/// One gzip member whose header has everything that a header may have.
fn gzip_with_fields(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::GzBuilder::new()
        .extra(vec![0, 1, 2, 3])
        .filename("file")
        .comment("comment")
        .write(Vec::new(), Compression::fast());
    encoder.write_all(plain).unwrap();
    let mut packed = encoder.finish().unwrap();
    packed[3] |= 1 << 1;
    let header_len = 10 + 2 + 4 + "file\0comment\0".len();
    packed.splice(header_len..header_len, [0xab, 0xcd]);
    packed
}

/// The framing of the Java client.
pub(super) fn xerial(plain: &[u8]) -> Vec<u8> {
    let mut packed = b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01".to_vec();
    for chunk in plain.chunks(32 << 10) {
        let block = snap::raw::Encoder::new().compress_vec(chunk).unwrap();
        packed.extend(i32::try_from(block.len()).unwrap().to_be_bytes());
        packed.extend(block);
    }
    packed
}

/// lz4 frames with blocks of every size, linked or not, with checksums and sizes or not.
fn lz4_packings(plain: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let len = u64::try_from(plain.len()).unwrap();
    let base = FrameInfo::new;
    let mut wrong = lz4(plain, base());
    wrong[6] ^= 0xff;
    let mut skipped = b"\x5a\x2a\x4d\x18\x03\0\0\0abc".to_vec();
    skipped.extend(lz4(plain, base()));
    vec![
        ("64 KiB", lz4(plain, base().block_size(BlockSize::Max64KB))),
        (
            "256 KiB",
            lz4(plain, base().block_size(BlockSize::Max256KB)),
        ),
        ("1 MiB", lz4(plain, base().block_size(BlockSize::Max1MB))),
        ("4 MiB", lz4(plain, base().block_size(BlockSize::Max4MB))),
        ("linked", lz4(plain, base().block_mode(BlockMode::Linked))),
        (
            "linked, large",
            lz4(
                plain,
                base()
                    .block_mode(BlockMode::Linked)
                    .block_size(BlockSize::Max1MB),
            ),
        ),
        (
            "all checksums and the size",
            lz4(
                plain,
                base()
                    .block_checksums(true)
                    .content_checksum(true)
                    .content_size(Some(len)),
            ),
        ),
        ("wrong header checksum", wrong),
        ("behind a skippable frame", skipped),
    ]
}

/// One lz4 frame.
pub(super) fn lz4(plain: &[u8], info: FrameInfo) -> Vec<u8> {
    let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

/// One zstd frame of many blocks that are smaller than they may be.
fn zstd_flushed(plain: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::stream::Encoder::new(Vec::new(), 1).unwrap();
    encoder.include_checksum(true).unwrap();
    for chunk in plain.chunks(plain.len() / 9 + 1) {
        encoder.write_all(chunk).unwrap();
        encoder.flush().unwrap();
    }
    encoder.finish().unwrap()
}
