//! What several integration tests share: brokers to test against, and small tools. Everything
//! listens on loopback, on ports that the system chose.

#![allow(dead_code, reason = "each test binary uses its own part of this")]

pub mod kafka;
pub mod naive;
pub mod process;

use std::path::PathBuf;

/// The folder of real data beside the checkout, if it is there.
pub fn shared_data(path: &str) -> Option<PathBuf> {
    let full = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data")).join(path);
    if full.exists() {
        Some(full)
    } else {
        println!("skipped: no data ({path})");
        None
    }
}
