//! The yardsticks: Gannet and its rivals side by side, over the same questions, in one run. A
//! contender's answers are checked before a time of it is told; contenders run in turns, so that
//! whatever else the machine does meets them all; figures are medians, with their spread.
//!
//! A bench prepares a workload, makes a [`Contender`] for each engine over it, and hands them to
//! [`run`]; a [`ResultRow`] tells what came of each, and a [`BenchReport`] all of it.

mod decode;
mod harness;
pub mod kafka;
mod machine;
mod markdown;
mod meter;
mod page;
mod pipeline;
mod result;
mod rivals;
mod sheet;
mod sizing;
pub mod tables;
mod traffic;

pub use decode::{DecodeOptions, decode, readable};
pub use harness::{
    BenchError, Clock, Contender, Measured, Settings, Step, TURNS_MIN, TurnError, Work,
    WrongAnswer, run,
};
pub use machine::{MachineFacts, machine, memory_available, refuse_beyond_memory};
pub use markdown::{NoMarkers, SECTION_END, SECTION_START, markdown, with_section};
pub use meter::{Meter, Reading};
pub use page::page;
pub use pipeline::{PipelineOptions, pipeline};
pub use result::{BenchReport, BenchResultError, ResultRow, SCHEMA};
pub use sizing::{SizingOptions, SizingRow, sizing};
pub use traffic::{
    Events, FeedOptions, MadeEvent, MadeFeed, Traffic, TrafficError, TrafficKind, TrafficOptions,
    TrafficTruth, WORKING_SET_BYTES, Workload, orientation, value_hash,
};
