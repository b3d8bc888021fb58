//! Record batches made by hand, right or wrong in every field.

use super::super::{CRC_FROM, PREFIX_LEN};

/// A batch to be written: its fields, with the length and checksum that are right for them.
#[derive(Clone, Debug)]
pub(in super::super::super) struct Made {
    /// Base offset.
    pub base_offset: i64,
    /// Message format.
    pub magic: u8,
    /// Codec and flags.
    pub attributes: u16,
    /// Distance of the last offset.
    pub last_offset_delta: i32,
    /// Timestamp of the first record.
    pub base_timestamp: i64,
    /// Largest timestamp.
    pub max_timestamp: i64,
    /// Producer.
    pub producer_id: i64,
    /// Number of records.
    pub count: i32,
    /// The records.
    pub payload: Vec<u8>,
}

impl Default for Made {
    /// An empty batch at offset 100 of no producer.
    fn default() -> Self {
        Self {
            base_offset: 100,
            magic: 2,
            attributes: 0,
            last_offset_delta: 0,
            base_timestamp: 1_000,
            max_timestamp: 2_000,
            producer_id: -1,
            count: 0,
            payload: Vec::new(),
        }
    }
}

impl Made {
    /// A batch of `records`, which have the offsets 100, 101 and so on.
    pub(crate) fn of(records: &[Vec<u8>]) -> Self {
        let count = i32::try_from(records.len()).unwrap();
        Self {
            last_offset_delta: (count - 1).max(0),
            count,
            payload: records.concat(),
            ..Self::default()
        }
    }

    /// A batch of `count` small records at `base_offset`.
    pub(crate) fn small(base_offset: i64, count: u8) -> Self {
        let records: Vec<Vec<u8>> = (0..i64::from(count))
            .map(|delta| record(delta, 0, None, Some(b"value"), &[]))
            .collect();
        Self {
            base_offset,
            ..Self::of(&records)
        }
    }

    /// The batch as it is sent.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.base_offset.to_be_bytes().to_vec();
        bytes.extend([0; 4]);
        bytes.extend(7_i32.to_be_bytes());
        bytes.push(self.magic);
        bytes.extend([0; 4]);
        bytes.extend(self.attributes.to_be_bytes());
        bytes.extend(self.last_offset_delta.to_be_bytes());
        bytes.extend(self.base_timestamp.to_be_bytes());
        bytes.extend(self.max_timestamp.to_be_bytes());
        bytes.extend(self.producer_id.to_be_bytes());
        bytes.extend(3_i16.to_be_bytes());
        bytes.extend(5_i32.to_be_bytes());
        bytes.extend(self.count.to_be_bytes());
        bytes.extend(&self.payload);
        let len = i32::try_from(bytes.len() - PREFIX_LEN).unwrap();
        bytes[8..12].copy_from_slice(&len.to_be_bytes());
        mend_crc(&mut bytes);
        bytes
    }
}

/// Makes the checksum of the one batch in `bytes` right.
pub(in super::super::super) fn mend_crc(bytes: &mut [u8]) {
    let crc = crc32c::crc32c(&bytes[CRC_FROM..]);
    bytes[CRC_FROM - 4..CRC_FROM].copy_from_slice(&crc.to_be_bytes());
}

/// A record with its length in front.
pub(in super::super::super) fn record(
    offset_delta: i64,
    time_delta: i64,
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    headers: &[(&[u8], Option<&[u8]>)],
) -> Vec<u8> {
    let mut body = vec![0];
    put_varint(&mut body, time_delta);
    put_varint(&mut body, offset_delta);
    put_bytes(&mut body, key);
    put_bytes(&mut body, value);
    put_varint(&mut body, i64::try_from(headers.len()).unwrap());
    for (name, value) in headers {
        put_bytes(&mut body, Some(name));
        put_bytes(&mut body, *value);
    }
    framed(&body)
}

/// `body` with its length in front.
pub(in super::super::super) fn framed(body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_bytes(&mut bytes, Some(body));
    bytes
}

/// Writes the length of `bytes`, -1 for none, and them.
pub(in super::super::super) fn put_bytes(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        Some(bytes) => {
            put_varint(out, i64::try_from(bytes.len()).unwrap());
            out.extend(bytes);
        }
        None => put_varint(out, -1),
    }
}

/// Writes a zigzag number, seven bits at a time.
pub(in super::super::super) fn put_varint(out: &mut Vec<u8>, number: i64) {
    let mut raw = ((number << 1) ^ (number >> 63)).cast_unsigned();
    while raw > 0x7f {
        out.push(0x80 | u8::try_from(raw & 0x7f).unwrap());
        raw >>= 7;
    }
    out.push(u8::try_from(raw).unwrap());
}
