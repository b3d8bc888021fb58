//! Tests of the codecs: what they give, what they refuse, and what they never take.

use proptest::collection::vec;
use proptest::prelude::*;

use super::{Codec, InflateError, Inflater};
use pack::{pack, packings};

mod bombs;
mod damaged;
pub(in super::super) mod pack;

/// Every codec that compresses.
const COMPRESSING: [Codec; 4] = [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd];

/// Inflates with a fresh inflater and buffer.
fn inflate(codec: Codec, payload: &[u8], limit: usize) -> Result<Vec<u8>, InflateError> {
    let mut into = Vec::new();
    let range = Inflater::new().inflate(codec, payload, &mut into, limit)?;
    assert_eq!(range, 0..into.len());
    Ok(into)
}

/// Bytes of rows that look alike, `len` of them.
fn rows(len: usize) -> Vec<u8> {
    let rows = (0..).flat_map(|n: u32| {
        let name = n.wrapping_mul(2_654_435_761);
        format!("{{\"ts\":{n},\"query\":\"host-{name:x}.example\"}}\n").into_bytes()
    });
    rows.take(len).collect()
}

#[test]
fn an_inflater_can_be_given_to_another_thread() {
    let mut inflater = Inflater::new();
    let given = std::thread::spawn(move || {
        let mut into = Vec::new();
        let packed = pack(Codec::Zstd, b"over there");
        inflater
            .inflate(Codec::Zstd, &packed, &mut into, 99)
            .unwrap();
        into
    });
    assert_eq!(given.join().unwrap(), b"over there");
}

#[test]
fn every_packing_of_a_large_payload_is_inflated() {
    let plain = rows(5 << 20);
    for codec in COMPRESSING {
        for (name, packed) in packings(codec, &plain) {
            let inflated = inflate(codec, &packed, 8 << 20).unwrap();
            assert!(inflated == plain, "{codec} {name}");
        }
    }
}

#[test]
fn the_limit_is_exact_and_the_buffer_is_left_as_it_was() {
    let plain = rows(300_000);
    let mut inflater = Inflater::new();
    for codec in [&COMPRESSING[..], &[Codec::None]].concat() {
        for (name, packed) in packings(codec, &plain) {
            let mut into = b"before".to_vec();
            for limit in [0, 1, 4_096, plain.len() - 1] {
                let error = inflater
                    .inflate(codec, &packed, &mut into, limit)
                    .unwrap_err();
                assert!(
                    matches!(error, InflateError::TooLarge { limit: told } if told == limit),
                    "{codec} {name} with {limit}: {error:?}"
                );
                assert_eq!(error.reason(), "too_large");
                assert_eq!(into, b"before");
                assert!(
                    into.capacity() <= 2 * (limit + 7),
                    "{codec} {name} with {limit}"
                );
            }
            for limit in [plain.len(), plain.len() + 1, usize::MAX] {
                let range = inflater.inflate(codec, &packed, &mut into, limit).unwrap();
                assert_eq!(range, 6..6 + plain.len());
                assert!(into[range] == plain, "{codec} {name}");
                assert_eq!(&into[..6], b"before");
                into.truncate(6);
            }
        }
    }
}

#[test]
fn payloads_follow_one_another_in_one_buffer() {
    let mut inflater = Inflater::new();
    let mut into = Vec::new();
    let mut wanted: Vec<u8> = Vec::new();
    for (n, codec) in COMPRESSING.into_iter().cycle().take(20).enumerate() {
        let plain = rows(n * 977);
        wanted.extend(&plain);
        let packed = pack(codec, &plain);
        let range = inflater
            .inflate(codec, &packed, &mut into, 1 << 20)
            .unwrap();
        assert_eq!(into[range], plain);
    }
    assert_eq!(into, wanted);
}

#[test]
fn several_members_or_frames_are_one_payload() {
    let (one, two) = (rows(100_000), rows(70_000));
    for codec in [Codec::Gzip, Codec::Lz4, Codec::Zstd] {
        let tails = packings(codec, &two);
        for (name, head) in packings(codec, &one) {
            for (tail_name, tail) in &tails {
                let packed = [&head[..], tail].concat();
                let inflated = inflate(codec, &packed, 1 << 20).unwrap();
                assert!(
                    inflated == [&one[..], &two].concat(),
                    "{codec} {name} {tail_name}"
                );
            }
        }
    }
}

#[test]
fn codecs_have_the_numbers_and_names_of_kafka() {
    let names: Vec<Option<&str>> = (0..6)
        .map(|id| Codec::from_id(id).map(Codec::name))
        .collect();
    let wanted = ["none", "gzip", "snappy", "lz4", "zstd"];
    assert_eq!(names[..5], wanted.map(Some));
    assert_eq!(names[5], None);
}

proptest! {
    #[test]
    fn any_bytes_come_back_from_every_packing(
        plain in prop_oneof![vec(any::<u8>(), 0..3_000), vec(0..3_u8, 0..100_000)],
    ) {
        let mut inflater = Inflater::new();
        for codec in COMPRESSING {
            for (name, packed) in packings(codec, &plain) {
                let mut into = Vec::new();
                let range = inflater.inflate(codec, &packed, &mut into, plain.len());
                prop_assert!(range.is_ok(), "{} {}: {:?}", codec, name, range);
                prop_assert!(into == plain, "{} {}", codec, name);
            }
        }
    }
}
