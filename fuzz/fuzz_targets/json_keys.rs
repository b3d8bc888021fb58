//! JSON rows: the key scan hands out all that the full decoding finds, whatever came before, and
//! both agree with a plain reading. The first byte chooses the format, the lines of a record but
//! its last are what the scanner has seen before it.

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

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&choice, record)) = data.split_first() else {
        return;
    };
    let format = scan::FORMATS[usize::from(choice) % scan::FORMATS.len()];
    let mut before: Vec<&[u8]> = record.split(|&byte| byte == b'\n').collect();
    let last = before.pop().unwrap_or_default();
    scan::check_after(format, &before, record);
    scan::check_after(format, &before, last);
});
