//! Small payloads that would become large ones.

use lz4_flex::frame::{BlockSize, FrameInfo};

use super::super::{Codec, InflateError, Inflater};
use super::pack::{lz4, pack, xerial};

/// The limit that the bombs meet.
const LIMIT: usize = 1 << 20;

/// What the bombs would become, 64 times the limit.
const BOMB_LEN: usize = 64 << 20;

/// Checks that `bomb` is refused, that the buffer has not grown far beyond the limit, and that
/// the same inflater is good for the next payload.
#[track_caller]
fn check_refused(codec: Codec, bomb: &[u8]) {
    let mut inflater = Inflater::new();
    let mut into = Vec::new();
    for _ in 0..2 {
        let error = inflater.inflate(codec, bomb, &mut into, LIMIT).unwrap_err();
        assert!(
            matches!(error, InflateError::TooLarge { limit: LIMIT }),
            "{error:?}"
        );
        assert_eq!(into, b"");
        assert!(into.capacity() <= 2 * LIMIT, "{}", into.capacity());
    }
    let good = pack(codec, b"good again");
    let range = inflater.inflate(codec, &good, &mut into, LIMIT).unwrap();
    assert_eq!(&into[range], b"good again");
}

/// Checks that `payload` is refused as damaged before memory is taken for it.
#[track_caller]
fn check_damaged(codec: Codec, payload: &[u8]) {
    let mut into = Vec::new();
    let error = Inflater::new()
        .inflate(codec, payload, &mut into, 1 << 40)
        .unwrap_err();
    assert_eq!(error.reason(), "corrupt", "{error:?}");
    assert!(into.capacity() <= LIMIT, "{}", into.capacity());
}

#[test]
fn a_bomb_of_every_codec_is_refused_at_the_limit() {
    let zeros = vec![0; BOMB_LEN];
    for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        check_refused(codec, &pack(codec, &zeros));
    }
    check_refused(Codec::Snappy, &xerial(&zeros));
    check_refused(
        Codec::Zstd,
        &zstd::stream::encode_all(&zeros[..], 1).unwrap(),
    );
    let large = FrameInfo::new().block_size(BlockSize::Max4MB);
    check_refused(Codec::Lz4, &lz4(&zeros, large));
}

#[test]
fn many_small_parts_are_a_bomb_too() {
    let small = vec![0; 4 << 10];
    for codec in [Codec::Gzip, Codec::Lz4, Codec::Zstd] {
        check_refused(codec, &pack(codec, &small).repeat(LIMIT / small.len() + 1));
    }
}

#[test]
fn a_zstd_frame_of_one_repeated_byte_is_refused() {
    // No size, a window of 128 MiB, and then blocks of 128 KiB that are four bytes each.
    let mut bomb = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x88];
    let block = ((128_u32 << 10) << 3 | 0b010).to_le_bytes();
    for _ in 0..BOMB_LEN / (128 << 10) {
        bomb.extend([block[0], block[1], block[2], b'x']);
    }
    bomb.extend([1, 0, 0]);
    check_refused(Codec::Zstd, &bomb);
}

#[test]
fn an_lz4_block_of_one_long_copy_is_refused() {
    let mut block = vec![0x1f, b'x', 1, 0];
    block.extend([0xff; 100_000]);
    block.extend([0, 0x50, 1, 2, 3, 4, 5]);
    let mut bomb = vec![0x04, 0x22, 0x4d, 0x18, 0x60, 0x70, 0];
    bomb.extend(u32::try_from(block.len()).unwrap().to_le_bytes());
    bomb.extend(block);
    bomb.extend([0; 4]);
    check_refused(Codec::Lz4, &bomb);
}

#[test]
fn sizes_that_are_only_claimed_take_no_memory() {
    // Four gigabytes less one, in a block of a few bytes; and the same in a frame.
    let claim = [0xff, 0xff, 0xff, 0xff, 0x0f, 0, b'x'];
    check_damaged(Codec::Snappy, &claim);
    let mut framed = xerial(b"");
    framed.extend(i32::try_from(claim.len()).unwrap().to_be_bytes());
    framed.extend(claim);
    check_damaged(Codec::Snappy, &framed);
    let mut gzip = pack(Codec::Gzip, b"small");
    let at = gzip.len() - 4;
    gzip[at..].copy_from_slice(&u32::MAX.to_le_bytes());
    check_damaged(Codec::Gzip, &gzip);
    let mut lz4 = lz4(b"small", FrameInfo::new().content_size(Some(5)));
    lz4[6..14].copy_from_slice(&(1_u64 << 39).to_le_bytes());
    check_damaged(Codec::Lz4, &lz4);
}
