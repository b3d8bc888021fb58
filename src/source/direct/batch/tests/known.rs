//! Batches as the Java client (kafka-clients 4.1.0) writes them: two records under every codec, and
//! the marker that ends an aborted transaction.

use super::super::super::aborted::Transactions;
use super::super::super::codec::{Codec, Inflater};
use super::super::{Batches, Crcs};

/// Not compressed.
const NONE: &str = "\
    00000000000003e800000092ffffffff02ca1d65750000000000010000018bcfe568820000018bcf\
    e5688fffffffffffffffffffffffffffff0000000268000000066b3130447b226e223a31302c2271\
    223a22686f73742d3237373937382e6578616d706c65227d04026806763130026e0156001a02066b\
    3131447b226e223a31312c2271223a22686f73742d3730353737372e6578616d706c65227d00";

/// gzip.
const GZIP: &str = "\
    00000000000003e80000008fffffffff02514c7ec40001000000010000018bcfe568820000018bcf\
    e5688fffffffffffffffffffffffffffff000000021f8b08000000000000ffcb60606060cb363470\
    a956ca53b23234d0512a54b252cac82f2ed1353237b734b7d04bad48cc2dc84955aa6561ca602b33\
    3460ca630c639062026a32846a3244d2646e606a6e6e8ed0c4000014064a3761000000";

/// snappy, in the framing of the Java client.
const SNAPPY: &str = "\
    00000000000003e80000009dffffffff02940b4b430002000000010000018bcfe568820000018bcf\
    e5688fffffffffffffffffffffffffffff0000000282534e41505059000000000100000001000000\
    5861f03c68000000066b3130447b226e223a31302c2271223a22686f73742d3237373937382e6578\
    616d706c65227d04026806763130026e0156001a02066b31310d3500311d35403730353737372e65\
    78616d706c65227d00";

/// lz4.
const LZ4: &str = "\
    00000000000003e800000098ffffffff02754f2d6f0003000000010000018bcfe568820000018bcf\
    e5688fffffffffffffffffffffffffffff0000000204224d1860408258000000f32e68000000066b\
    3130447b226e223a31302c2271223a22686f73742d3237373937382e6578616d706c65227d040268\
    06763130026e0156001a02066b3131350017313500f0023730353737372e6578616d706c65227d00\
    00000000";

/// zstd.
const ZSTD: &str = "\
    00000000000003e80000008dffffffff0250be74630004000000010000018bcfe568820000018bcf\
    e5688fffffffffffffffffffffffffffff0000000228b52ffd0058840200540468000000066b3130\
    447b226e223a31302c2271223a22686f73742d3237373937382e6578616d706c65227d0402680676\
    3130026e0156001a02066b313131373035373737000300601730b771a6a0010000";

/// The marker.
const ABORT: &str = "\
    00000000000003ed000000420000000302807bf18600300000000000000000000000050000000000\
    00000500000000000000070000ffffffff000000012000000008000000000c00000000000100";

/// The bytes that `hex` spells.
fn bytes(hex: &str) -> Vec<u8> {
    hex.as_bytes()
        .chunks(2)
        .map(|digits| u8::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap())
        .collect()
}

#[track_caller]
fn check(hex: &str, codec: Codec) {
    let bytes = bytes(hex);
    let batch = Batches::new(&bytes, Crcs::Check).next().unwrap().unwrap();
    assert_eq!(batch.codec, codec);
    assert_eq!(
        (batch.base_offset, batch.last_offset, batch.count),
        (1_000, 1_001, 2)
    );
    let mut inflated = Vec::new();
    let range = Inflater::new()
        .inflate(codec, batch.payload, &mut inflated, 1_000)
        .unwrap();
    let records: Vec<_> = batch
        .records(&inflated[range])
        .map(Result::unwrap)
        .collect();
    let read: Vec<_> = records
        .iter()
        .map(|record| (record.offset, record.timestamp_ms, record.key, record.value))
        .collect();
    let wanted: [(i64, _, Option<&[u8]>, Option<&[u8]>); 2] = [
        (
            1_000,
            Some(1_700_000_000_130),
            Some(b"k10"),
            Some(VALUES[0]),
        ),
        (
            1_001,
            Some(1_700_000_000_143),
            Some(b"k11"),
            Some(VALUES[1]),
        ),
    ];
    assert_eq!(read, wanted);
    let headers: Vec<_> = records[0].headers.iter().collect();
    assert_eq!(headers, [("h", Some(&b"v10"[..])), ("n", None)]);
    assert_eq!(records[1].headers.iter().next(), None);
}

/// The values of the two records.
const VALUES: [&[u8]; 2] = [
    b"{\"n\":10,\"q\":\"host-277978.example\"}",
    b"{\"n\":11,\"q\":\"host-705777.example\"}",
];

#[test]
fn what_the_java_client_writes_is_read_under_every_codec() {
    check(NONE, Codec::None);
    check(GZIP, Codec::Gzip);
    check(SNAPPY, Codec::Snappy);
    check(LZ4, Codec::Lz4);
    check(ZSTD, Codec::Zstd);
}

#[test]
fn the_marker_of_the_java_client_ends_an_aborted_transaction() {
    let bytes = bytes(ABORT);
    let marker = Batches::new(&bytes, Crcs::Check).next().unwrap().unwrap();
    assert!(marker.control && marker.transactional);
    assert_eq!((marker.base_offset, marker.producer_id), (1_005, 7));
    let mut transactions = Transactions::new([(7, 1_000)]);
    assert_eq!(transactions.keeps(&marker), Ok(false));
    let mut later = marker;
    later.control = false;
    assert_eq!(transactions.keeps(&later), Ok(true));
}
