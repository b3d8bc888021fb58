//! What the tests of several decoders share.

pub(super) mod recorder;
pub(super) mod rows;
