//! What feeds are fetched with when they lie elsewhere: it ends in a file that is parsed like any
//! other. A fetch that fails leaves the file as it was.

pub mod address;
pub mod taxii;
pub mod web;
