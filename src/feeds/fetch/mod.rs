//! Feeds from elsewhere: each child fetches one kind to a file that the parsers read.

pub mod zone;
