//! Batches that are cut, damaged, or lie about themselves.

use proptest::prelude::*;

use super::super::super::codec::{Codec, Inflater};
use super::super::{Batch, BatchError, Batches, Crcs, HEADER_LEN, RecordFault};
use super::made::{Made, framed, mend_crc, put_varint, record};

/// What walking over `bytes` gives, and what it ended in.
fn walk(bytes: &[u8], crcs: Crcs) -> (Vec<Result<Batch<'_>, BatchError>>, Option<usize>) {
    let mut batches = Batches::new(bytes, crcs);
    let all = batches.by_ref().collect();
    (all, batches.cut())
}

/// The offsets of the records of the one batch `made`, and the error that they end with.
fn read(made: &Made) -> (Vec<i64>, Option<BatchError>) {
    let bytes = made.bytes();
    let (batches, cut) = walk(&bytes, Crcs::Check);
    assert_eq!((batches.len(), cut), (1, None));
    let batch = batches[0].unwrap();
    let mut offsets = Vec::new();
    let mut error = None;
    for record in batch.records(batch.payload) {
        assert_eq!(error, None, "nothing comes behind an error");
        match record {
            Ok(record) => offsets.push(record.offset),
            Err(bad) => error = Some(bad),
        }
    }
    (offsets, error)
}

#[track_caller]
fn check_header(made: &Made, expected: BatchError) {
    let bytes = made.bytes();
    for crcs in [Crcs::Check, Crcs::Trust] {
        let (batches, cut) = walk(&bytes, crcs);
        assert_eq!(batches, [Err(expected)], "{made:?}");
        assert_eq!(cut, None);
    }
    assert_eq!(expected.base_offset(), made.base_offset);
    let message = expected.to_string();
    assert!(message.contains(&made.base_offset.to_string()), "{message}");
}

#[track_caller]
fn check_records(records: &[Vec<u8>], good: usize, fault: RecordFault) {
    let (offsets, error) = read(&Made::of(records));
    let wanted: Vec<i64> = (0..).map(|delta| 100 + delta).take(good).collect();
    assert_eq!(offsets, wanted);
    let expected = BatchError::Record {
        base_offset: 100,
        index: u32::try_from(good).unwrap(),
        fault,
    };
    assert_eq!(error, Some(expected));
}

#[test]
fn a_cut_anywhere_ends_the_walk_quietly_and_says_how_much_is_missing() {
    let parts = [Made::small(0, 3).bytes(), Made::small(3, 5).bytes()];
    let bytes = parts.concat();
    for end in 0..=bytes.len() {
        let (batches, cut) = walk(&bytes[..end], Crcs::Check);
        let whole = usize::from(end >= parts[0].len()) + usize::from(end == bytes.len());
        assert_eq!(batches.len(), whole);
        assert!(batches.iter().all(Result::is_ok));
        let inside = end - parts[..whole].iter().map(Vec::len).sum::<usize>();
        let wanted = match inside {
            0 => None,
            1..12 => Some(HEADER_LEN),
            _ => Some(parts[whole].len()),
        };
        assert_eq!(cut, wanted, "cut at {end}");
    }
}

#[test]
fn old_and_unknown_formats_are_told_apart() {
    for magic in [0, 1] {
        let made = Made {
            magic,
            ..Made::small(100, 2)
        };
        let base_offset = 100;
        check_header(&made, BatchError::OldFormat { base_offset, magic });
        // The shortest old message is shorter than any batch of today.
        let bytes = &made.bytes()[..26];
        let (batches, _) = walk(bytes, Crcs::Check);
        assert_eq!(batches, [Err(BatchError::OldFormat { base_offset, magic })]);
    }
    let (base_offset, magic) = (100, 3);
    let made = Made {
        magic,
        ..Made::small(base_offset, 2)
    };
    check_header(&made, BatchError::UnknownFormat { base_offset, magic });
}

#[test]
fn lengths_that_no_batch_can_have_end_the_walk() {
    for len in [i32::MIN, -1, 0, 11, 48] {
        let mut bytes = Made::small(100, 2).bytes();
        bytes[8..12].copy_from_slice(&len.to_be_bytes());
        let base_offset = 100;
        let (batches, cut) = walk(&bytes, Crcs::Trust);
        assert_eq!(batches, [Err(BatchError::Length { base_offset, len })]);
        assert_eq!(cut, None);
    }
    let mut bytes = Made::small(100, 2).bytes();
    bytes[8..12].copy_from_slice(&i32::MAX.to_be_bytes());
    let (batches, cut) = walk(&bytes, Crcs::Trust);
    assert_eq!(batches, []);
    assert_eq!(cut, Some((1 << 31) - 1 + 12));
}

#[test]
fn any_changed_bit_under_the_checksum_is_noticed_unless_it_is_trusted() {
    let good = Made::small(100, 2).bytes();
    for at in 17..good.len() {
        for bit in 0..8 {
            let mut bytes = good.clone();
            bytes[at] ^= 1 << bit;
            let (batches, _) = walk(&bytes, Crcs::Check);
            assert!(
                matches!(
                    batches[..],
                    [Err(BatchError::Crc {
                        base_offset: 100,
                        ..
                    })]
                ),
                "bit {bit} of byte {at}: {batches:?}"
            );
        }
    }
    let mut bytes = good;
    bytes[17] ^= 1;
    assert!(walk(&bytes, Crcs::Trust).0[0].is_ok());
}

#[test]
fn codecs_counts_and_offsets_that_cannot_be_are_refused() {
    let base_offset = 100;
    for id in 5..8 {
        let made = Made {
            attributes: id,
            ..Made::small(base_offset, 2)
        };
        check_header(&made, BatchError::Codec { base_offset, id });
    }
    for count in [-1, i32::MIN] {
        let made = Made {
            count,
            ..Made::small(base_offset, 2)
        };
        check_header(&made, BatchError::Count { base_offset, count });
    }
    for (base_offset, last_offset_delta) in [
        (100, -1),
        (100, i32::MIN),
        (-1, 5),
        (i64::MIN, 0),
        (i64::MIN, i32::MIN),
        (i64::MAX, 0),
        (i64::MAX, i32::MAX),
        (i64::MAX - 1, 1),
    ] {
        let made = Made {
            last_offset_delta,
            ..Made::small(base_offset, 2)
        };
        let expected = BatchError::Offsets {
            base_offset,
            last_offset_delta,
        };
        check_header(&made, expected);
    }
}

#[test]
fn a_bad_batch_does_not_hide_those_behind_it() {
    let mut damaged = Made::small(3, 2).bytes();
    *damaged.last_mut().unwrap() ^= 1;
    let unknown = Made {
        attributes: 6,
        ..Made::small(5, 1)
    };
    let parts = [
        Made::small(0, 3).bytes(),
        damaged,
        unknown.bytes(),
        Made::small(6, 4).bytes(),
    ];
    let bytes = parts.concat();
    let (batches, cut) = walk(&bytes, Crcs::Check);
    let bases: Vec<Result<i64, &str>> = batches
        .iter()
        .map(|batch| match batch {
            Ok(batch) => Ok(batch.base_offset),
            Err(error) => Err(error.reason()),
        })
        .collect();
    assert_eq!(bases, [Ok(0), Err("crc"), Err("codec"), Ok(6)]);
    assert_eq!(cut, None);
}

#[test]
fn batches_whose_offsets_do_not_rise_are_refused() {
    for (second, good) in [(0, false), (2, false), (3, true), (50, true)] {
        let bytes = [Made::small(0, 3).bytes(), Made::small(second, 2).bytes()].concat();
        let (batches, _) = walk(&bytes, Crcs::Check);
        let error = BatchError::Backwards {
            base_offset: second,
            offset_min: 3,
        };
        assert_eq!(batches[1].err(), (!good).then_some(error));
    }
}

#[test]
fn counts_that_do_not_fit_are_an_error_behind_the_good_records() {
    let base_offset = 100;
    let made = Made::small(base_offset, 3);
    let more = Made {
        count: 5,
        ..made.clone()
    };
    let few = BatchError::TooFewRecords {
        base_offset,
        count: 5,
        found: 3,
    };
    assert_eq!(read(&more), (vec![100, 101, 102], Some(few)));
    let less = Made {
        count: 1,
        ..made.clone()
    };
    let left = BatchError::BytesLeft {
        base_offset,
        count: 1,
        left: made.payload.len() / 3 * 2,
    };
    assert_eq!(read(&less), (vec![100], Some(left)));
    let most = Made {
        count: i32::MAX,
        ..made
    };
    assert_eq!(read(&most).0.len(), 3);
}

#[test]
fn an_empty_batch_has_no_records_and_no_error() {
    let made = Made {
        last_offset_delta: 9,
        ..Made::default()
    };
    assert_eq!(read(&made), (vec![], None));
}

#[test]
fn offsets_of_records_rise_within_their_batch() {
    let at = |delta| record(delta, 0, None, None, &[]);
    check_records(&[at(0), at(0)], 1, RecordFault::Offset);
    check_records(&[at(0), at(1), at(0)], 2, RecordFault::Offset);
    check_records(&[at(0), at(2)], 1, RecordFault::Offset);
    check_records(&[at(-1)], 0, RecordFault::Offset);
    check_records(&[at(i64::MAX)], 0, RecordFault::Offset);
    check_records(&[at(i64::MIN)], 0, RecordFault::Offset);
}

#[test]
fn records_that_lie_about_their_lengths_are_refused() {
    let good = record(0, 0, Some(b"key"), Some(b"value"), &[]);
    let long = |len: i64| {
        let mut bytes = Vec::new();
        put_varint(&mut bytes, len);
        bytes.extend([0, 0, 2]);
        bytes
    };
    for len in [-1, i64::MIN, 4, 1 << 20, i64::MAX] {
        check_records(&[good.clone(), long(len)], 1, RecordFault::Length);
    }
    check_records(&[vec![0xff; 20]], 0, RecordFault::Length);
    check_records(&[vec![0x80]], 0, RecordFault::Length);
    check_records(&[framed(b"")], 0, RecordFault::Short);
    check_records(&[framed(&[0])], 0, RecordFault::Short);
    check_records(&[framed(&[0, 0])], 0, RecordFault::Short);
    check_records(&[framed(&[0, 0, 0])], 0, RecordFault::Key);
    check_records(&[framed(&[0, 0, 0, 1])], 0, RecordFault::Value);
    // A key of one byte more than there is, one of the length -2, and the same of values.
    check_records(&[framed(&[0, 0, 0, 4, 1])], 0, RecordFault::Key);
    check_records(&[framed(&[0, 0, 0, 3, 1, 0])], 0, RecordFault::Key);
    check_records(&[framed(&[0, 0, 0, 1, 4, 1])], 0, RecordFault::Value);
    check_records(&[framed(&[0, 0, 0, 1, 3, 0])], 0, RecordFault::Value);
}

/// Reads everything in `bytes`, inflated to at most `limit` bytes a batch. Panics if it takes
/// more steps than there are bytes, or gets more than the limit.
fn read_all(bytes: &[u8], limit: usize) {
    let mut inflater = Inflater::new();
    let mut inflated = Vec::new();
    for crcs in [Crcs::Check, Crcs::Trust] {
        let mut batches_left = bytes.len() / HEADER_LEN + 1;
        for batch in Batches::new(bytes, crcs) {
            batches_left = batches_left.checked_sub(1).unwrap();
            let Ok(batch) = batch else { continue };
            inflated.clear();
            let payload = if batch.codec == Codec::None {
                batch.payload
            } else {
                match inflater.inflate(batch.codec, batch.payload, &mut inflated, limit) {
                    Ok(range) => &inflated[range],
                    Err(_) => continue,
                }
            };
            assert!(payload.len() <= limit.max(batch.payload.len()));
            let mut records_left = payload.len() / 6 + 2;
            let mut offset_min = batch.base_offset;
            for record in batch.records(payload) {
                records_left = records_left.checked_sub(1).unwrap();
                let Ok(record) = record else { continue };
                assert!((offset_min..=batch.last_offset).contains(&record.offset));
                offset_min = record.offset + 1;
                assert!(record.headers.iter().count() <= payload.len() / 2);
            }
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_to_an_end(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        read_all(&bytes, 1 << 12);
        let mut headed = Made::small(0, 1).bytes()[..17].to_vec();
        headed.extend(&bytes);
        let len = i32::try_from(headed.len()).unwrap() - 12;
        headed[8..12].copy_from_slice(&len.to_be_bytes());
        read_all(&headed, 1 << 12);
    }

    #[test]
    fn changed_batches_with_a_right_checksum_are_read_to_an_end(
        id in 0_u16..5,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
    ) {
        let made = Made::small(100, 200);
        let codec = Codec::from_id(id).unwrap();
        let made = Made {
            attributes: id,
            payload: super::super::super::codec::tests::pack::pack(codec, &made.payload),
            ..made
        };
        let mut bytes = made.bytes();
        for (at, byte) in changes {
            let at = at.index(bytes.len() - 21) + 21;
            bytes[at] = byte;
        }
        mend_crc(&mut bytes);
        read_all(&bytes, 1 << 12);
    }
}
