//! Why a collection could not be fetched. The bundle and the state are as they were.

use std::time::Duration;

use crate::feeds::fetch::web::FetchError;

/// Why a collection could not be fetched. URLs in it are without user, password and query.
#[derive(Debug, thiserror::Error)]
pub enum TaxiiError {
    /// What can go wrong with any file.
    #[error(transparent)]
    Web(#[from] FetchError),
    /// An answer that is not one of TAXII.
    #[error("{url} does not answer as TAXII 2.1 does: {problem}")]
    Envelope {
        /// The URL.
        url: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// There is more, but nothing tells how to ask for it.
    #[error("{url} has more pages but does not lead to them: {problem}")]
    Paging {
        /// The URL.
        url: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// More pages than allowed.
    #[error("{url} has more than {limit} pages")]
    TooManyPages {
        /// The URL.
        url: String,
        /// The limit.
        limit: u64,
    },
    /// The bundle would hold more objects than allowed.
    #[error("{url} has more than {limit} objects")]
    TooManyObjects {
        /// The URL.
        url: String,
        /// The limit.
        limit: u64,
    },
}

impl TaxiiError {
    /// The value of a `reason` label: a small closed set.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Web(error) => error.reason(),
            Self::Envelope { .. } => "envelope",
            Self::Paging { .. } => "paging",
            Self::TooManyPages { .. } => "too_many_pages",
            Self::TooManyObjects { .. } => "too_many_objects",
        }
    }

    /// How long the server asks to be left alone, at most a day.
    pub fn retry_after(&self) -> Option<Duration> {
        if let Self::Web(error) = self {
            error.retry_after()
        } else {
            None
        }
    }
}
