//! Plain values to bytes: events in the formats of their producers, hits and episodes as native
//! JSON, protobuf or ECS, leases, and the operation's report. The other direction is `decode`.
//!
//! Pure: no I/O, no clock, no log. Everything appends to a buffer of the caller and adds no line
//! end.

mod episode;
pub mod event;
mod hit;
mod json;
mod lease;
pub mod report;

pub use episode::episode;
pub use hit::{fit, hit, indicator};
pub use lease::lease;
