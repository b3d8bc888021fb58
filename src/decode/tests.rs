//! What the tests of several decoders share.

mod malice;
pub(super) mod recorder;
pub(super) mod rows;
