//! Payloads that were cut, changed, or never were any.

use lz4_flex::frame::FrameInfo;
use proptest::collection::vec;
use proptest::prelude::*;

use super::super::{Codec, InflateError, Inflater};
use super::pack::{lz4, pack, packings};
use super::{COMPRESSING, inflate, rows};

#[track_caller]
fn check_corrupt(codec: Codec, payload: &[u8], because: &str) {
    let error = inflate(codec, payload, 1 << 20).unwrap_err();
    assert_eq!(error.reason(), "corrupt", "{error:?}");
    let message = error.to_string();
    assert!(message.contains(codec.name()), "{message}");
    let cause = std::error::Error::source(&error).map_or(message, ToString::to_string);
    assert!(cause.contains(because), "{cause:?} instead of {because:?}");
}

#[test]
fn a_payload_that_is_cut_anywhere_never_passes_for_a_whole_one() {
    let plain = rows(70_000);
    for codec in COMPRESSING {
        for (name, packed) in packings(codec, &plain) {
            let step = packed.len() / 300 + 1;
            let ends = (0..packed.len())
                .step_by(step)
                .chain(packed.len() - 9..packed.len());
            for end in ends {
                match inflate(codec, &packed[..end], 1 << 20) {
                    Err(error) => assert_eq!(error.reason(), "corrupt", "{codec} {name} {end}"),
                    // Some framings may end early: what they give is the beginning.
                    Ok(early) => {
                        assert!(
                            name == "xerial"
                                || name == "behind a skippable frame"
                                || codec == Codec::Zstd && end == 0,
                            "{codec} {name} cut at {end}"
                        );
                        assert!(early.len() < plain.len() && plain.starts_with(&early));
                    }
                }
            }
        }
    }
}

#[test]
fn gzip_is_checked_from_its_magic_to_its_length() {
    let good = pack(Codec::Gzip, &rows(1_000));
    let end = good.len();
    for (at, because) in [
        (0, "bad header"),
        (1, "bad header"),
        (2, "bad header"),
        (end - 8, "wrong checksum"),
        (end - 1, "wrong checksum"),
    ] {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        check_corrupt(Codec::Gzip, &bad, because);
    }
    let mut reserved = good.clone();
    reserved[3] |= 0x80;
    check_corrupt(Codec::Gzip, &reserved, "bad header");
    check_corrupt(Codec::Gzip, &[&good[..], b"tail"].concat(), "bad header");
    check_corrupt(Codec::Gzip, &good[..end - 1], "cut short");
    check_corrupt(Codec::Gzip, &good[..end - 12], "cut short");
    let mut damaged = good;
    damaged[10] = 0xff;
    check_corrupt(Codec::Gzip, &damaged, "");
}

#[test]
fn snappy_frames_have_blocks_of_their_length() {
    let head = b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01";
    check_corrupt(Codec::Snappy, &head[..15], "cut short");
    check_corrupt(Codec::Snappy, &[&head[..], &[0, 0]].concat(), "cut short");
    check_corrupt(
        Codec::Snappy,
        &[&head[..], &[0, 0, 0, 9, 1]].concat(),
        "cut short",
    );
    check_corrupt(Codec::Snappy, &[&head[..], &[0xff; 9]].concat(), "negative");
    check_corrupt(Codec::Snappy, b"", "");
    assert_eq!(inflate(Codec::Snappy, head, 9).unwrap(), b"");
    assert_eq!(
        inflate(Codec::Snappy, &[&head[..], &[0; 4]].concat(), 9).unwrap(),
        b""
    );
}

#[test]
fn lz4_frames_are_as_their_headers_say() {
    let good = lz4(&rows(1_000), FrameInfo::new().content_size(Some(1_000)));
    let changed = |at: usize, byte: u8| {
        let mut bad = good.clone();
        bad[at] = byte;
        bad
    };
    check_corrupt(Codec::Lz4, &changed(0, 5), "not an lz4 frame");
    check_corrupt(Codec::Lz4, b"", "cut short");
    check_corrupt(Codec::Lz4, &changed(4, 0x20), "unknown version");
    check_corrupt(Codec::Lz4, &changed(4, good[4] | 1), "dictionary");
    check_corrupt(Codec::Lz4, &changed(5, 0x30), "unknown block size");
    check_corrupt(Codec::Lz4, &changed(6, 0xe7), "wrong content size");
    check_corrupt(
        Codec::Lz4,
        &[&good[..], b"tail"].concat(),
        "not an lz4 frame",
    );
    let mut stored = vec![0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0];
    stored.extend((1 << 31 | 65_537_u32).to_le_bytes());
    stored.extend([7; 65_537]);
    stored.extend([0; 4]);
    check_corrupt(Codec::Lz4, &stored, "longer than the frame allows");
    // A block that refers to what is not there: the frame before it is not its own.
    let linked = [0x04, 0x22, 0x4d, 0x18, 0x40, 0x40, 0];
    let block = [0x00, 0x09, 0x00, 0x50, 1, 2, 3, 4, 5];
    let mut alone = linked.to_vec();
    alone.extend(u32::try_from(block.len()).unwrap().to_le_bytes());
    alone.extend(block);
    alone.extend([0; 4]);
    check_corrupt(Codec::Lz4, &alone, "offset");
    check_corrupt(Codec::Lz4, &[&good[..], &alone].concat(), "offset");
}

#[test]
fn zstd_says_what_is_wrong() {
    check_corrupt(Codec::Zstd, b"not a frame at all", "");
    let mut lies = zstd::bulk::compress(&rows(1_000), 1).unwrap();
    // The size in the header says less than the blocks give.
    lies[5] ^= 0x01;
    check_corrupt(Codec::Zstd, &lies, "");
}

proptest! {
    #[test]
    fn changed_payloads_end_in_bytes_or_an_error_within_the_limit(
        which in 0_usize..4,
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        limit in 0_usize..20_000,
    ) {
        let codec = COMPRESSING[which];
        let mut inflater = Inflater::new();
        for (name, mut packed) in packings(codec, &rows(9_000)) {
            for (at, byte) in &changes {
                let at = at.index(packed.len());
                packed[at] = *byte;
            }
            let mut into = b"before".to_vec();
            let done = inflater.inflate(codec, &packed, &mut into, limit);
            prop_assert!(into.starts_with(b"before"));
            match done {
                Ok(range) => prop_assert!(range == (6..into.len()) && range.len() <= limit),
                Err(InflateError::TooLarge { limit: told }) => prop_assert_eq!(told, limit),
                Err(_) => prop_assert_eq!(into.len(), 6),
            }
            prop_assert!(into.capacity() <= 2 * (limit + 7).max(64), "{} {}", codec, name);
            into.clear();
            let good = pack(codec, b"good again");
            let range = inflater.inflate(codec, &good, &mut into, 10);
            prop_assert_eq!(range.ok(), Some(0..10));
        }
    }

    #[test]
    fn any_bytes_end_in_bytes_or_an_error(bytes in vec(any::<u8>(), 0..200), which in 0_usize..4) {
        let codec = COMPRESSING[which];
        let head = pack(codec, b"");
        for payload in [&bytes[..], &[&head[..head.len().min(8)], &bytes].concat()] {
            if let Ok(plain) = inflate(codec, payload, 1 << 16) {
                prop_assert!(plain.len() <= 1 << 16);
            }
        }
    }
}
