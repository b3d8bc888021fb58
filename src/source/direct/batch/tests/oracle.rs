//! Agreement with another implementation of the format, over generated records and all codecs.

use bytes::{Bytes, BytesMut};
use kafka_protocol::protocol::StrBytes;
use kafka_protocol::records::{
    Compression, Record, RecordBatchDecoder, RecordBatchEncoder, RecordEncodeOptions, TimestampType,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::super::super::codec::tests::pack::{pack, unpack};
use super::super::super::codec::{Codec, Inflater};
use super::super::{Batches, Crcs, RawRecord};

/// The parts of a record that both sides know.
type Parts = (
    i64,
    Option<i64>,
    Option<Vec<u8>>,
    Option<Vec<u8>>,
    Vec<(String, Option<Vec<u8>>)>,
);

/// A record: how far its offset lies above the one before, its time, and what it holds.
fn record() -> impl Strategy<Value = Record> {
    let bytes = || option::of(vec(any::<u8>(), 0..200));
    let time = prop_oneof![Just(-1), 0..5_i64, 0..1_i64 << 50];
    (
        1..300_i64,
        time,
        bytes(),
        bytes(),
        vec(("[a-zé]{0,9}", bytes()), 0..4),
    )
        .prop_map(|(step, timestamp, key, value, headers)| Record {
            transactional: false,
            control: false,
            delete_horizon: false,
            partition_leader_epoch: 4,
            producer_id: -1,
            producer_epoch: -1,
            timestamp_type: TimestampType::Creation,
            offset: step,
            sequence: 0,
            timestamp,
            key: key.map(Bytes::from),
            value: value.map(Bytes::from),
            headers: headers
                .into_iter()
                .map(|(name, value)| (StrBytes::from_string(name), value.map(Bytes::from)))
                .collect(),
        })
}

/// A codec by both names.
fn codec() -> impl Strategy<Value = (Codec, Compression)> {
    prop_oneof![
        Just((Codec::None, Compression::None)),
        Just((Codec::Gzip, Compression::Gzip)),
        Just((Codec::Snappy, Compression::Snappy)),
        Just((Codec::Lz4, Compression::Lz4)),
        Just((Codec::Zstd, Compression::Zstd)),
    ]
}

/// Gives `records` their offsets, from `first` on.
fn place(records: &mut [Record], first: i64) {
    let mut offset = first;
    for record in records {
        offset += record.offset;
        record.offset = offset;
        record.sequence = i32::try_from(offset & 0x7fff_ffff).unwrap();
    }
}

/// The parts of what the other implementation has.
fn parts(record: &Record) -> Parts {
    (
        record.offset,
        Some(record.timestamp).filter(|&time| time != -1),
        record.key.as_ref().map(|key| key.to_vec()),
        record.value.as_ref().map(|value| value.to_vec()),
        record
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), value.as_ref().map(|value| value.to_vec())))
            .collect(),
    )
}

/// The parts of what was read here.
fn raw_parts(record: RawRecord<'_>) -> Parts {
    (
        record.offset,
        record.timestamp_ms,
        record.key.map(<[u8]>::to_vec),
        record.value.map(<[u8]>::to_vec),
        record
            .headers
            .iter()
            .map(|(name, value)| (name.to_owned(), value.map(<[u8]>::to_vec)))
            .collect(),
    )
}

/// Every record in `bytes`, as it is read here.
fn read(bytes: &[u8]) -> Vec<Parts> {
    let mut inflater = Inflater::new();
    let mut inflated = Vec::new();
    let mut all = Vec::new();
    for batch in Batches::new(bytes, Crcs::Check) {
        let batch = batch.unwrap();
        inflated.clear();
        let range = inflater
            .inflate(batch.codec, batch.payload, &mut inflated, 1 << 20)
            .unwrap();
        all.extend(
            batch
                .records(&inflated[range])
                .map(|record| raw_parts(record.unwrap())),
        );
    }
    all
}

proptest! {
    #[test]
    fn records_are_those_that_another_implementation_wrote_and_reads(
        batches in vec((vec(record(), 1..20), codec()), 0..4),
        first in 0..1_i64 << 62,
    ) {
        let mut bytes = BytesMut::new();
        let mut written = Vec::new();
        let mut first = first;
        for (mut records, (codec, compression)) in batches {
            place(&mut records, first);
            first = records.last().unwrap().offset;
            let options = RecordEncodeOptions { version: 2, compression };
            let packer = |from: &mut BytesMut, to: &mut BytesMut, _| {
                to.extend_from_slice(&pack(codec, from));
                Ok(())
            };
            RecordBatchEncoder::encode_with_custom_compression(&mut bytes, &records, &options, Some(packer)).unwrap();
            written.extend(records.iter().map(parts));
        }
        let ours = read(&bytes);
        prop_assert_eq!(&ours, &written);

        let mut rest = bytes.freeze();
        let mut theirs = Vec::new();
        while !rest.is_empty() {
            let unpacker = |from: &mut Bytes, compression| {
                let codec = Codec::from_id(u16::try_from(compression as i16).unwrap()).unwrap();
                Ok(Bytes::from(unpack(codec, from)))
            };
            let set = RecordBatchDecoder::decode_with_custom_compression(&mut rest, Some(unpacker)).unwrap();
            theirs.extend(set.records.iter().map(parts));
        }
        prop_assert_eq!(ours, theirs);
    }
}
