//! One behavior, two readers: what one does, the other does, over the same topics of a real broker
//! (or, where it can, of the embedded one).

#[path = "../support/mod.rs"]
mod support;

mod changes;
mod choice;
mod group;
mod nodes;
mod read;
mod same;
mod secure;
mod transactions;
