//! Values out as bytes. Pure: no I/O, no clock, no log; every function appends to a buffer of
//! the caller.

pub mod event;
