//! Reads partitions from their leaders without librdkafka in between: `fetcher` keeps a question
//! under way at every leader (`leader`, `cluster`, `partition`, `fetch`), `queue` makes what came
//! ready (`batch`, `codec`, `aborted`) as a `portion`, which [`DirectReader`] hands out for a member
//! of a consumer group, which librdkafka goes on holding. The fetcher works on the worker's thread
//! or beside it (`fetch_thread`).
//!
//! The connection half: how brokers are reached and asked. Nothing in it waits but what says
//! so (reading certificates, resolving names, [`Poller::wait`]); time enters as an argument.
//!
//! From the configuration to an answer:
//!
//! 1. [`Access::from_properties`] reads librdkafka's own properties (`properties` says which
//!    mean what, `security` what they ask for, `tls` reads certificates and keys). What only
//!    librdkafka can do comes back as [`AccessError::Unsupported`], with the property and why:
//!    the caller then takes the librdkafka reader and says so.
//! 2. [`BrokerAddress::list`] and [`BrokerAddress::resolve`] find a broker's socket addresses.
//! 3. [`Connection::start`] tries them one after the other (`attempt`). [`Connection::poll`]
//!    then goes through the handshake of TLS (`transport`), the broker's versions (`versions`)
//!    and SASL (`sasl`, `scram`; `setup` has the order), all within one limit of time.
//! 4. [`Connection::send`] writes a request behind those under way (`pipe`), and
//!    [`Connection::poll`] returns the answers in their order, each within a buffer of the
//!    [`FramePool`] (`frames`), which is used again when the last part of it is dropped.
//! 5. [`Poller::wait`] sleeps for all connections of a worker at once, until something comes
//!    or the earliest [`Connection::deadline`] passes.
//!
//! [`Metadata`] says who leads which partition. It and everything that is read before a
//! broker has proved who it is goes through `wire`, which believes no length and no count.
//!
//! A connection ends with its first [`Fault`] and is never mended: [`Fault::lasting`] says
//! whether another one can fare better. Sessions that a broker ends (re-authentication) are
//! left before their end, as [`Connection::renew_at`] tells, for a new connection.

pub mod aborted;
mod access;
mod address;
mod attempt;
mod backoff;
pub mod batch;
mod cluster;
pub mod codec;
mod connection;
mod error;
pub mod fetch;
mod fetch_thread;
mod fetcher;
mod frames;
mod leader;
mod metadata;
mod partition;
mod pipe;
mod poller;
mod portion;
mod properties;
mod queue;
mod reader;
mod sasl;
mod scram;
mod security;
mod settings;
mod setup;
mod tls;
mod transport;
mod trouble;
mod versions;
mod wire;

#[cfg(test)]
mod testing;

pub use access::{Access, AccessError};
pub use address::{AddressError, BrokerAddress, Family};
pub use batch::{BatchError, RawHeaders, RecordFault};
pub use codec::{Codec, InflateError};
pub use connection::{Connection, ConnectionOptions, Start};
pub use error::{ConnectionError, Fault};
pub use frames::FramePool;
pub use metadata::{
    METADATA_VERSION_MAX, METADATA_VERSION_MIN, Metadata, PartitionMetadata, TopicMetadata,
};
pub use pipe::Response;
pub use poller::Poller;
pub use queue::BatchFault;
pub use reader::DirectReader;
pub use sasl::SaslError;
pub use scram::ScramError;
pub use security::{Network, Unsupported};
pub use settings::{FetchSettings, SettingsError};
pub use tls::TlsError;
pub use trouble::DirectError;
pub use versions::Versions;
pub use wire::WireError;

use super::StreamId;

/// A partition of a stream's topic.
type Place = (StreamId, i32);
