//! Record batches as a broker may send them: whatever the bytes, the walk ends, offsets rise, and no
//! batch inflates beyond the limit. Checksums are made right first, so that what lies behind them is
//! reached.

#![no_main]

use gannet::source::direct::aborted::Transactions;
use gannet::source::direct::batch::{Batches, Crcs};
use gannet::source::direct::codec::Inflater;
use libfuzzer_sys::fuzz_target;

/// Most bytes that a batch may inflate to.
const INFLATED_MAX: usize = 1 << 20;

/// The bytes with the checksum of the first batch made right.
fn mended(data: &[u8]) -> Vec<u8> {
    let mut bytes = data.to_vec();
    let len = bytes.get(8..12).map(|len| i32::from_be_bytes(len.try_into().unwrap()));
    let end = len.and_then(|len| usize::try_from(len).ok()).map(|len| len.saturating_add(12));
    if let Some(end) = end.filter(|end| (61..=bytes.len()).contains(end)) {
        let crc = crc32c::crc32c(&bytes[21..end]);
        bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    }
    bytes
}

fuzz_target!(|data: &[u8]| {
    let bytes = mended(data);
    let mut inflater = Inflater::new();
    let mut transactions = Transactions::new([(1, 0), (2, 5)]);
    let mut next = 0;
    for batch in Batches::new(&bytes, Crcs::Check) {
        let Ok(batch) = batch else { continue };
        assert!(batch.base_offset >= next && batch.last_offset >= batch.base_offset);
        next = batch.next_offset();
        let _ = transactions.keeps(&batch);
        let mut inflated = Vec::new();
        let payload = inflater.inflate(batch.codec, batch.payload, &mut inflated, INFLATED_MAX);
        let Ok(range) = payload else {
            assert!(inflated.is_empty());
            continue;
        };
        assert!(inflated.len() <= INFLATED_MAX);
        let mut offset_min = batch.base_offset;
        for record in batch.records(&inflated[range]) {
            let Ok(record) = record else { break };
            assert!((offset_min..=batch.last_offset).contains(&record.offset));
            offset_min = record.offset + 1;
            assert!(record.headers.iter().count() <= data.len().max(INFLATED_MAX));
        }
    }
});
