//! Plain values to bytes: hits and episodes as native JSON, protobuf or ECS, and the operation's
//! report. The other direction is `decode`.
//!
//! Pure: no I/O, no clock, no log. Everything appends to a buffer of the caller and adds no line
//! end.

mod episode;
mod hit;
mod json;
pub mod report;

pub use episode::episode;
pub use hit::{fit, hit};
