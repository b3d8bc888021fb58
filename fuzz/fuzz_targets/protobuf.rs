//! Protobuf records: the key scan hands out all that the full decoding finds.

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

fuzz_target!(|data: &[u8]| {
    scan::check(EventFormat::Goflow2Protobuf, data);
    scan::check(EventFormat::GannetProtobuf, data);
});
