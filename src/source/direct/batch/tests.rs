//! Tests of the walk over record batches.

mod bad;
mod known;
pub(in super::super) mod made;
mod oracle;
mod records;
