//! The real program through Kafka: one broker for all of these tests, one file a subject.

#[path = "../support/mod.rs"]
mod support;

mod end_to_end;
mod feeds;
mod identify;
mod indicators;
mod kills;
mod poison;
mod rebalance;
mod running;
