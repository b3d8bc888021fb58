//! What records hold: times of either clock, numbers of any length, headers that are read late.

use proptest::prelude::*;

use super::super::{Batch, Batches, Crcs, RawHeaders, RawRecord};
use super::made::{Made, framed, put_bytes, put_varint, record};

/// The records of `bytes`, one good batch.
fn records(bytes: &[u8]) -> Vec<RawRecord<'_>> {
    let batch = only(bytes);
    batch.records(batch.payload).map(Result::unwrap).collect()
}

/// The one batch in `bytes`.
fn only(bytes: &[u8]) -> Batch<'_> {
    let mut batches = Batches::new(bytes, Crcs::Check);
    let batch = batches.next().unwrap().unwrap();
    assert_eq!(batches.next(), None);
    batch
}

/// The times of records with these deltas, in a batch with these header fields.
fn times(
    attributes: u16,
    base_timestamp: i64,
    max_timestamp: i64,
    deltas: &[i64],
) -> Vec<Option<i64>> {
    let all: Vec<Vec<u8>> = (0..)
        .zip(deltas)
        .map(|(at, &delta)| record(at, delta, None, None, &[]))
        .collect();
    let made = Made {
        attributes,
        base_timestamp,
        max_timestamp,
        ..Made::of(&all)
    };
    let bytes = made.bytes();
    records(&bytes)
        .iter()
        .map(|record| record.timestamp_ms)
        .collect()
}

/// The flag for the broker's clock.
const LOG_APPEND_TIME: u16 = 1 << 3;

#[test]
fn the_header_is_read_field_by_field() {
    let made = Made {
        attributes: 0b11_1000,
        producer_id: 77,
        last_offset_delta: 9,
        ..Made::small(100, 2)
    };
    let bytes = made.bytes();
    let batch = only(&bytes);
    assert_eq!(
        (batch.base_offset, batch.last_offset, batch.next_offset()),
        (100, 109, 110)
    );
    assert_eq!(
        (batch.leader_epoch, batch.producer_id, batch.count),
        (7, 77, 2)
    );
    assert_eq!((batch.base_timestamp, batch.max_timestamp), (1_000, 2_000));
    assert!(batch.transactional && batch.control && batch.log_append_time);
    assert_eq!(
        (batch.total_len, batch.payload),
        (bytes.len(), &made.payload[..])
    );
    let plain = Made::small(100, 2).bytes();
    let batch = only(&plain);
    assert!(!(batch.transactional || batch.control || batch.log_append_time));
}

#[test]
fn times_come_from_the_producer_or_from_the_broker() {
    let deltas = [0, 5, -3];
    assert_eq!(
        times(0, 1_000, 2_000, &deltas),
        [Some(1_000), Some(1_005), Some(997)]
    );
    assert_eq!(
        times(LOG_APPEND_TIME, 1_000, 2_000, &deltas),
        [Some(2_000); 3]
    );
}

#[test]
fn no_time_and_times_beyond_all_numbers_are_none() {
    assert_eq!(times(0, -1, -1, &[0, 1]), [None, Some(0)]);
    assert_eq!(times(0, i64::MAX, 0, &[0, 1]), [Some(i64::MAX), None]);
    assert_eq!(times(0, i64::MIN, 0, &[0, -1]), [Some(i64::MIN), None]);
    assert_eq!(times(LOG_APPEND_TIME, 1_000, -1, &[0, 1]), [None, None]);
}

#[test]
fn absent_and_empty_are_not_the_same() {
    let bytes = Made::of(&[
        record(0, 0, None, None, &[]),
        record(1, 0, Some(b""), Some(b""), &[]),
    ])
    .bytes();
    let all = records(&bytes);
    assert_eq!((all[0].key, all[0].value), (None, None));
    assert_eq!((all[1].key, all[1].value), (Some(&b""[..]), Some(&b""[..])));
}

#[test]
fn compaction_leaves_holes_in_the_offsets() {
    let all: Vec<Vec<u8>> = [3, 4, 90]
        .map(|delta| record(delta, 0, None, None, &[]))
        .into();
    let made = Made {
        last_offset_delta: 99,
        ..Made::of(&all)
    };
    let bytes = made.bytes();
    let offsets: Vec<i64> = records(&bytes).iter().map(|record| record.offset).collect();
    assert_eq!(offsets, [103, 104, 190]);
}

/// The headers of a record that ends in `headers`, as names and lengths of values.
fn headers(headers: &[u8]) -> Vec<(String, Option<usize>)> {
    let mut body = vec![0, 0, 0, 1, 1];
    body.extend(headers);
    let bytes = Made::of(&[framed(&body)]).bytes();
    let record = records(&bytes)[0];
    let listed = record.headers.iter();
    listed
        .map(|(name, value)| (name.to_owned(), value.map(<[u8]>::len)))
        .collect()
}

#[test]
fn headers_are_read_as_far_as_they_make_sense() {
    let mut good = Vec::new();
    put_bytes(&mut good, Some(b"a"));
    put_bytes(&mut good, Some(b"xyz"));
    put_bytes(&mut good, Some(b"\xff"));
    put_bytes(&mut good, Some(b"its name is not text"));
    put_bytes(&mut good, Some(b""));
    put_bytes(&mut good, None);
    let counted = |count| {
        let mut all = Vec::new();
        put_varint(&mut all, count);
        all.extend(&good);
        all
    };
    let both = vec![("a".to_owned(), Some(3)), (String::new(), None)];
    assert_eq!(headers(&counted(3)), both);
    assert_eq!(headers(&counted(i64::MAX)), both);
    assert_eq!(headers(&counted(1)), both[..1]);
    assert_eq!(headers(&counted(0)), []);
    assert_eq!(headers(&counted(-1)), []);
    assert_eq!(headers(&[]), []);
    assert_eq!(headers(&[2, 1, 1]), [], "a header needs a name");
    assert_eq!(headers(&[2, 2, b'a', 4, b'x']), [], "a value is cut");
    assert_eq!(RawHeaders::default().iter().next(), None);
}

proptest! {
    #[test]
    fn numbers_of_any_length_are_read(shift in 0_u32..64, bits in any::<i64>()) {
        let delta = bits >> shift;
        let wanted = (delta != -1).then_some(delta);
        prop_assert_eq!(times(0, 0, 0, &[delta]), [wanted]);
    }

    #[test]
    fn numbers_of_more_than_64_bits_are_refused(last in 2_u8..0x80) {
        let mut body = vec![0];
        body.extend([0xff; 9]);
        body.extend([last, 0, 1, 1, 0]);
        let bytes = Made::of(&[framed(&body)]).bytes();
        let batch = only(&bytes);
        prop_assert!(batch.records(batch.payload).next().unwrap().is_err());
    }
}
