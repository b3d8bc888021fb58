//! Types generated from `proto/gannet/v1/*.proto`. They stay at the boundary: `decode` and
//! `encode` turn them into and out of the plain values of `model`.

#[allow(missing_docs, unreachable_pub, reason = "generated code")]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/gannet.v1.rs"));
}

pub use generated::*;
