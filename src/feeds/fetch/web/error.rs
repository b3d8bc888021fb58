//! Why a fetch failed. What it would have replaced is as it was.

use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Why a file could not be fetched. URLs in it are without user, password and query.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// A URL that cannot be used, of the configuration or of a server.
    #[error("cannot fetch {url}: {problem}")]
    Url {
        /// The URL.
        url: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The file of a header cannot be read, or does not hold a value.
    #[error("cannot read the value of header {name} from {}", path.display())]
    Secret {
        /// The header.
        name: String,
        /// The file.
        path: PathBuf,
        /// What the system said, or what is wrong.
        source: io::Error,
    },
    /// The file of the authorities cannot be read, or holds none.
    #[error("cannot read certificates from {}", path.display())]
    Authority {
        /// The file.
        path: PathBuf,
        /// What the system said, or what is wrong.
        source: io::Error,
    },
    /// The client cannot be set up.
    #[error("cannot set up a client for {url}")]
    Client {
        /// The URL.
        url: String,
        /// The cause.
        source: reqwest::Error,
    },
    /// Its address is not public.
    #[error("cannot fetch {url}: {address} is not a public address")]
    Address {
        /// The URL that leads there.
        url: String,
        /// The address.
        address: IpAddr,
    },
    /// No connection: no such name, nobody listens, a certificate that is not trusted.
    #[error("cannot connect to fetch {url}")]
    Connect {
        /// The URL.
        url: String,
        /// The cause.
        source: reqwest::Error,
    },
    /// A connection, but no answer.
    #[error("no answer from {url}")]
    Answer {
        /// The URL.
        url: String,
        /// The cause.
        source: reqwest::Error,
    },
    /// A redirect that is not followed.
    #[error("redirect of {url} not followed: {problem}")]
    Redirect {
        /// The URL that redirects.
        url: String,
        /// Why it is not followed.
        problem: &'static str,
    },
    /// The server asks to come back later.
    #[error("{url} is busy (status {status})")]
    Busy {
        /// The URL.
        url: String,
        /// The status: 429 or 503.
        status: u16,
        /// When to come back, if it said so.
        retry_after: Option<Duration>,
    },
    /// Another status than one of success.
    #[error("{url} answers with status {status}")]
    Status {
        /// The URL.
        url: String,
        /// The status.
        status: u16,
    },
    /// A web page, such as a login form, in place of the file.
    #[error("{url} answers with a web page")]
    Html {
        /// The URL.
        url: String,
    },
    /// A content encoding that was not asked for.
    #[error("{url} answers with content encoding {encoding:?}")]
    Encoding {
        /// The URL.
        url: String,
        /// The encoding, shortened.
        encoding: String,
    },
    /// More bytes than allowed, as received or inflated.
    #[error("{url} is longer than {limit} bytes")]
    TooLarge {
        /// The URL.
        url: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// The body ends before its end.
    #[error("the answer of {url} is cut off")]
    Body {
        /// The URL.
        url: String,
        /// The cause.
        source: reqwest::Error,
    },
    /// The body is not the gzip stream that it is said to be.
    #[error("cannot inflate the answer of {url}")]
    Inflate {
        /// The URL.
        url: String,
        /// The cause.
        source: io::Error,
    },
    /// It took longer than allowed.
    #[error("{url} takes longer than {limit:?}")]
    Timeout {
        /// The URL.
        url: String,
        /// The limit.
        limit: Duration,
    },
    /// What was fetched cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

impl FetchError {
    /// The value of a `reason` label: a small closed set.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Url { .. } => "url",
            Self::Secret { .. } => "secret",
            Self::Authority { .. } => "authority",
            Self::Client { .. } => "client",
            Self::Address { .. } => "address",
            Self::Connect { .. } => "connect",
            Self::Answer { .. } => "answer",
            Self::Redirect { .. } => "redirect",
            Self::Busy { .. } => "busy",
            Self::Status { .. } => "status",
            Self::Html { .. } => "html",
            Self::Encoding { .. } => "encoding",
            Self::TooLarge { .. } => "too_large",
            Self::Body { .. } => "body",
            Self::Inflate { .. } => "inflate",
            Self::Timeout { .. } => "timeout",
            Self::Write { .. } => "write",
        }
    }

    /// How long the server asks to be left alone, at most a day.
    pub fn retry_after(&self) -> Option<Duration> {
        if let Self::Busy { retry_after, .. } = self {
            *retry_after
        } else {
            None
        }
    }
}
