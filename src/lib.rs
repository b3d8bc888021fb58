//! Gannet watches DNS and flow events, matches them against malicious domains and addresses,
//! and says which subscribers talked to them.
//!
//! `pipeline::process` is the whole data path: read it first. A module imports only
//! modules above it in the table of `tests/layering.rs`.

#![cfg_attr(
    not(test),
    warn(clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]
#![cfg_attr(
    test,
    allow(
        clippy::print_stdout,
        clippy::print_stderr,
        clippy::wildcard_enum_match_arm,
        clippy::type_complexity,
        reason = "tests say what they skip and look only at what they ask about"
    )
)]

pub mod app;
pub mod cli;
pub mod config;
pub mod decode;
pub mod encode;
pub mod feeds;
pub mod hits;
pub mod http;
pub mod identify;
pub mod lab;
pub mod matching;
pub mod model;
pub mod pipeline;
pub mod proto;
pub mod reload;
pub mod sink;
pub mod snapshot;
pub mod source;
pub mod telemetry;
