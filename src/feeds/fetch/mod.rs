//! Fetching feeds: what is not a file of this machine becomes one, which is old or new and whole,
//! never half. Whoever fetches gives the clock and says where the file is to be.

pub mod address;
mod left_behind;
pub mod taxii;
pub mod web;
pub mod zone;
