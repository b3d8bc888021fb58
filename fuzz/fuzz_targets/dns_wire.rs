//! DNS messages, bare inside a dnstap record, and whole dnstap records: the key scan hands out all
//! that the full decoding finds.

#![no_main]

#[path = "../../tests/hostile/oracle/mod.rs"]
mod oracle;
#[path = "../../tests/hostile/rows.rs"]
#[allow(dead_code, reason = "the tests make rows of words, too")]
mod rows;
#[path = "../../tests/hostile/scan.rs"]
#[allow(dead_code, reason = "the tests count keys, too")]
mod scan;
#[path = "../../tests/hostile/tree.rs"]
#[allow(dead_code, reason = "the tests write rows, too")]
mod tree;

use gannet::model::EventFormat;
use libfuzzer_sys::fuzz_target;

/// Appends a length-delimited protobuf field.
fn push(number: u64, bytes: &[u8], out: &mut Vec<u8>) {
    for mut value in [number << 3 | 2, bytes.len() as u64] {
        while value >= 0x80 {
            out.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        out.push(value as u8);
    }
    out.extend_from_slice(bytes);
}

fuzz_target!(|data: &[u8]| {
    scan::check(EventFormat::Dnstap, data);
    // A client's response, and a client's query.
    for (kind, field) in [(6, 14), (5, 10)] {
        let mut message = vec![0x08, kind];
        push(4, &[198, 51, 100, 7], &mut message);
        push(field, data, &mut message);
        let mut record = Vec::new();
        push(14, &message, &mut record);
        record.extend_from_slice(&[0x78, 1]);
        scan::check(EventFormat::Dnstap, &record);
    }
});
