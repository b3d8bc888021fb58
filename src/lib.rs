//! Gannet watches DNS and flow events, matches them against malicious domains and addresses,
//! and says which subscribers talked to them.
//!
//! `pipeline::process` is the whole data path: read it first. A module imports only
//! modules above it in the table of `tests/layering.rs`.

#![cfg_attr(
    not(test),
    warn(clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]

pub mod config;
pub mod decode;
pub mod encode;
pub mod lab;
pub mod model;
pub mod proto;
