//! Measuring, side by side.

mod traffic;

pub use traffic::{
    Events, FeedOptions, MadeEvent, MadeFeed, Traffic, TrafficError, TrafficKind, TrafficOptions,
    TrafficTruth, WORKING_SET_BYTES, Workload, orientation,
};
