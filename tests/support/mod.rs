//! What several integration tests share: brokers to test against, and small tools. Everything
//! listens on loopback, on ports that the system chose.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    reason = "each test binary uses its own part of this, and says what it skips"
)]

pub mod client;
pub mod https;
pub mod kafka;
pub mod naive;
pub mod plan;
pub mod process;
pub mod random;
pub mod setup;
pub mod told;

use std::path::PathBuf;
use std::time::{Duration, Instant};

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

/// Longest wait for something that must happen; a slow machine needs a part of it.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Asks until there is an answer, or fails after [`PATIENCE`] with `what` was waited for.
#[track_caller]
pub fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}
