//! JSON rows: the key scan hands out all that the full decoding finds, whatever came before, and
//! both agree with a plain reading. The first byte chooses the format, the first line is what the
//! scanner has seen.

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
    let before = record.split(|&byte| byte == b'\n').next();
    scan::check_after(format, &[before.unwrap_or_default()], record);
});
