//! What keeps the direct reader from reading, as its caller sees it.

use std::io;

use super::address::AddressError;
use super::error::ConnectionError;
use super::queue::BatchFault;
use super::wire::WireError;

/// What keeps the direct reader from reading. All of it is tried again, but for
/// [`DirectError::OldFormat`].
#[derive(Debug, thiserror::Error)]
pub enum DirectError {
    /// A connection failed.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// A broker's address cannot be found.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// No broker is known.
    #[error("no broker is known")]
    NoBroker,
    /// An answer cannot be read.
    #[error("broker {broker}: its answer cannot be read")]
    Answer {
        /// The broker.
        broker: String,
        /// What is wrong with it.
        source: WireError,
    },
    /// A broker refuses to be fetched from.
    #[error("broker {broker} refuses to be fetched from: {what}")]
    Refused {
        /// The broker.
        broker: String,
        /// What it says.
        what: String,
    },
    /// A partition cannot be fetched.
    #[error("cannot fetch {place}: {what}")]
    Partition {
        /// Topic and partition.
        place: String,
        /// What the broker says.
        what: String,
    },
    /// A batch cannot be read.
    #[error("cannot read {place} at offset {offset}")]
    Batch {
        /// Topic and partition.
        place: String,
        /// Where.
        offset: i64,
        /// What is wrong with it.
        source: BatchFault,
    },
    /// A topic has records in a format that only librdkafka reads.
    #[error("{place} has records in message format {magic}, which needs the librdkafka reader")]
    OldFormat {
        /// Topic and partition.
        place: String,
        /// The format.
        magic: u8,
    },
    /// The system lets us wait for no sockets.
    #[error("cannot wait for sockets")]
    Poller(#[source] io::Error),
    /// The system gives us no thread to fetch on.
    #[error("cannot start a thread that fetches")]
    Thread(#[source] io::Error),
    /// The thread that fetches has ended, which it must not.
    #[error("the thread that fetches has ended")]
    Ended,
}

impl DirectError {
    /// Notes what went wrong, unless what is noted already decides more.
    pub(super) fn note(self, noted: &mut Option<Self>) {
        if !noted.as_ref().is_some_and(Self::is_unfit) {
            *noted = Some(self);
        }
    }

    /// Whether only librdkafka can read what is there.
    pub(super) fn is_unfit(&self) -> bool {
        matches!(self, Self::OldFormat { .. })
    }

    /// Whether trying again is in vain as long as the configuration stays as it is.
    pub fn lasting(&self) -> bool {
        matches!(self, Self::Connection(error) if error.fault.lasting())
    }
}
