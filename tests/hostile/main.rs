//! What a stranger may send: JSON rows of every format, damaged, disguised and inflated. Whatever
//! the full decoding of a row finds, its key scan must have handed out; what a row comes to must
//! be what a slow and plain reading of it says; and no row may take more than its share of time.
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "tests look only at what they ask about"
)]

mod damage;
mod disguised;
mod oracle;
mod rows;
mod scan;
mod time;
mod tree;
