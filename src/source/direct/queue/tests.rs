//! Tests of what is handed out of fetched batches.

use bytes::Bytes;

use super::super::batch::tests::made::{Made, mend_crc, record};
use super::*;
use crate::source::StreamId;

/// A partition.
const PLACE: Place = (StreamId(1), 3);
/// Another one.
const OTHER: Place = (StreamId(0), 0);

/// A chunk of `batches` that is wanted from `wanted` on.
fn chunk(place: Place, wanted: i64, batches: &[Vec<u8>]) -> Chunk {
    Chunk {
        place,
        batches: Bytes::from(batches.concat()),
        wanted,
        transactions: Transactions::new([]),
    }
}

/// What a queue handed out, and how far each partition got.
#[derive(Debug, Default, PartialEq, Eq)]
struct Lent {
    /// Partition and offset of every record, read by read.
    records: Vec<Vec<(i32, i64)>>,
    reached: Vec<(Place, i64)>,
}

/// Lends `records_max` at a time until nothing is left or something is wrong.
fn lend_all(queue: &mut Queue, records_max: usize) -> (Lent, Option<QueueFault>) {
    let mut lent = Lent::default();
    let mut portion = Portion::default();
    while queue.bytes() > 0 {
        portion.clear();
        let mut prepared = Vec::new();
        let fault = queue.prepare(&mut portion, |place, offset| prepared.push((place, offset)));
        while !portion.is_empty() {
            let (records, reached) = (&mut lent.records, &mut lent.reached);
            portion.lend(
                records_max,
                &mut |batch| {
                    let places = batch.iter().map(|record| (record.partition, record.offset));
                    records.push(places.collect());
                },
                |place, offset| reached.push((place, offset)),
            );
        }
        if let Err(fault) = fault {
            return (lent, Some(fault));
        }
        // What is prepared is what is handed out.
        for (place, _) in &prepared {
            let last = |all: &[(Place, i64)]| all.iter().rev().find(|(at, _)| at == place).copied();
            assert_eq!(last(&prepared), last(&lent.reached));
        }
    }
    (lent, None)
}

/// The offsets of all records.
fn offsets(lent: &Lent) -> Vec<i64> {
    let records = lent.records.iter().flatten();
    records.map(|(_, offset)| *offset).collect()
}

#[test]
fn batches_of_any_size_are_handed_out_in_parts_of_any_size() {
    for records_max in [1, 2, 3, 7, 100] {
        let mut queue = Queue::new(1 << 20);
        queue.push(chunk(
            PLACE,
            10,
            &[Made::small(10, 5).bytes(), Made::small(15, 1).bytes()],
        ));
        queue.push(chunk(OTHER, 0, &[Made::small(0, 4).bytes()]));
        assert!(queue.bytes() > 0);
        let (lent, fault) = lend_all(&mut queue, records_max);
        assert!(fault.is_none(), "{fault:?}");
        assert_eq!(offsets(&lent), [10, 11, 12, 13, 14, 15, 0, 1, 2, 3]);
        assert!(lent.records.iter().all(|part| part.len() <= records_max));
        let last = |place| {
            let reached = lent.reached.iter().rev();
            reached.clone().find(|(at, _)| *at == place).map(|at| at.1)
        };
        assert_eq!((last(PLACE), last(OTHER)), (Some(16), Some(4)));
        assert_eq!(queue.bytes(), 0);
    }
}

#[test]
fn records_before_the_offset_that_is_wanted_are_passed_over() {
    let mut queue = Queue::new(1 << 20);
    let batches = [Made::small(5, 5).bytes(), Made::small(10, 5).bytes()];
    queue.push(chunk(PLACE, 12, &batches));
    let (lent, _) = lend_all(&mut queue, 100);
    assert_eq!(offsets(&lent), [12, 13, 14]);
}

#[test]
fn what_compaction_left_out_is_passed_over_and_counts_as_reached() {
    let records: Vec<Vec<u8>> = [0, 3, 7]
        .map(|delta| record(delta, 0, None, Some(b"v"), &[]))
        .to_vec();
    let gaps = Made {
        base_offset: 100,
        last_offset_delta: 9,
        ..Made::of(&records)
    };
    let empty = Made {
        base_offset: 110,
        last_offset_delta: 4,
        ..Made::default()
    };
    let mut queue = Queue::new(1 << 20);
    queue.push(chunk(PLACE, 100, &[gaps.bytes(), empty.bytes()]));
    let (lent, _) = lend_all(&mut queue, 100);
    assert_eq!(offsets(&lent), [100, 103, 107]);
    assert_eq!(lent.reached.last(), Some(&(PLACE, 115)));
}

#[test]
fn markers_and_aborted_records_are_left_out_and_count_as_reached() {
    let mut marker = Made::of(&[record(0, 0, Some(&[0, 0, 0, 0]), None, &[])]);
    marker.base_offset = 13;
    marker.attributes = 0b11_0000;
    marker.producer_id = 7;
    let of = |producer_id, base_offset| {
        let transactional = Made {
            attributes: 0b1_0000,
            producer_id,
            ..Made::small(base_offset, 1)
        };
        transactional.bytes()
    };
    let batches = [of(7, 10), of(8, 11), of(7, 12), marker.bytes(), of(7, 14)];
    let mut queue = Queue::new(1 << 20);
    let mut aborted = chunk(PLACE, 10, &batches);
    aborted.transactions = Transactions::new([(7, 10)]);
    queue.push(aborted);
    let (lent, fault) = lend_all(&mut queue, 100);
    assert!(fault.is_none(), "{fault:?}");
    assert_eq!(offsets(&lent), [11, 14]);
    assert_eq!(lent.reached.last(), Some(&(PLACE, 15)));
}

#[test]
fn a_bad_batch_is_told_behind_the_good_ones_with_the_offset_to_go_on_at() {
    let mut corrupt = Made::small(12, 3).bytes();
    *corrupt.last_mut().unwrap() ^= 1;
    let short = Made {
        count: 9,
        last_offset_delta: 20,
        ..Made::small(12, 3)
    };
    let gzip = Made {
        attributes: 1,
        ..Made::small(12, 3)
    };
    // Of records that do not fit, the good ones come first.
    for (bad, good, offset) in [
        (corrupt, vec![10, 11], 12),
        (short.bytes(), vec![10, 11, 12, 13, 14], 15),
        (gzip.bytes(), vec![10, 11], 12),
    ] {
        for records_max in [1, 2, 100] {
            let mut queue = Queue::new(1 << 20);
            let batches = [Made::small(10, 2).bytes(), bad.clone()];
            queue.push(chunk(PLACE, 10, &batches));
            queue.push(chunk(OTHER, 0, &[Made::small(0, 2).bytes()]));
            let (lent, fault) = lend_all(&mut queue, records_max);
            let fault = fault.expect("a fault");
            assert_eq!((fault.place, fault.offset), (PLACE, offset));
            assert_eq!(offsets(&lent), good);
            queue.forget(PLACE);
            let (lent, fault) = lend_all(&mut queue, records_max);
            assert!(fault.is_none(), "{fault:?}");
            assert_eq!(offsets(&lent), [0, 1]);
        }
    }
}

#[test]
fn a_batch_that_inflates_beyond_the_limit_is_refused() {
    let records: Vec<Vec<u8>> = vec![record(0, 0, None, Some(&[0; 100_000]), &[])];
    let plain = Made::of(&records);
    let packed = Made {
        attributes: 4,
        payload: zstd::bulk::compress(&plain.payload, 3).unwrap(),
        ..plain
    };
    let mut bytes = packed.bytes();
    mend_crc(&mut bytes);
    for (limit, refused) in [(200_000, false), (100_000, true)] {
        let mut queue = Queue::new(limit);
        queue.push(chunk(PLACE, 100, &[bytes.clone()]));
        let (lent, fault) = lend_all(&mut queue, 10);
        assert_eq!(fault.is_some(), refused);
        assert_eq!(offsets(&lent).is_empty(), refused);
    }
}

#[test]
fn what_is_forgotten_is_not_handed_out() {
    let mut queue = Queue::new(1 << 20);
    for place in [PLACE, OTHER] {
        queue.push(chunk(place, 100, &[Made::small(100, 5).bytes()]));
    }
    assert!(queue.has(PLACE));
    queue.forget(PLACE);
    let (lent, _) = lend_all(&mut queue, 100);
    assert!(!queue.has(PLACE));
    assert!(lent.records.iter().flatten().all(|(at, _)| *at == OTHER.1));
    assert_eq!(offsets(&lent).len(), 5);
    queue.push(chunk(PLACE, 100, &[Made::small(100, 5).bytes()]));
    queue.clear();
    assert!(!queue.has(PLACE) && queue.bytes() == 0);
}
