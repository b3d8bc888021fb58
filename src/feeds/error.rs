//! Why a feed as a whole cannot be used. The snapshot in use stays in use.

use std::io;
use std::path::PathBuf;

use super::report::RefusedRow;

/// Why a feed cannot be used. Rows that were handed out before must be thrown away.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// It could not be opened, read or inflated.
    #[error("cannot read feed {}", path.display())]
    Read {
        /// The file or directory.
        path: PathBuf,
        /// What the system or the decompressor said.
        source: io::Error,
    },
    /// Nothing in it but blank lines and comments, if that.
    #[error("feed {} has no rows", path.display())]
    Empty {
        /// The file or directory.
        path: PathBuf,
    },
    /// A web page, such as a login form or an error, in place of the list.
    #[error("feed {} is a web page or XML, not a list", path.display())]
    Html {
        /// The file.
        path: PathBuf,
    },
    /// Not text, or not in an encoding that extends ASCII.
    #[error("feed {} is not text: {hint}", path.display())]
    Binary {
        /// The file.
        path: PathBuf,
        /// What it seems to be.
        hint: &'static str,
    },
    /// More bytes than allowed, once inflated.
    #[error("feed {} is longer than {limit} bytes", path.display())]
    TooLarge {
        /// The file at which the limit was passed.
        path: PathBuf,
        /// The limit in bytes.
        limit: u64,
    },
    /// More than half of the rows were refused, and not because they are known to be of no use: it is
    /// not of the format that it is said to be.
    #[error(
        "feed {}: {refused} of {rows} rows refused, the first at {}:{} ({}: `{}`)",
        path.display(), first.file.display(), first.line, first.reason, first.text
    )]
    TooManyRefused {
        /// The file or directory.
        path: PathBuf,
        /// How many rows were refused.
        refused: u64,
        /// Of how many.
        rows: u64,
        /// The first of them.
        first: Box<RefusedRow>,
    },
    /// A `csv` file without a column that the configuration names or that it cannot do without.
    #[error("feed {} has no column `{name}`; it has {known}", path.display())]
    Column {
        /// The file.
        path: PathBuf,
        /// The missing column.
        name: String,
        /// The columns of the header line, with commas.
        known: String,
    },
    /// The format was to be told from the content, which is like none.
    #[error("cannot tell the format of feed {}: write it down", path.display())]
    Unknown {
        /// The first file.
        path: PathBuf,
    },
    /// A file that is one document, and not as its format wants it.
    #[error("feed {}, line {line}: {problem}", path.display())]
    Document {
        /// The file.
        path: PathBuf,
        /// Where it goes wrong, from 1.
        line: u64,
        /// What is wrong.
        problem: String,
    },
    /// It does not pass the gate.
    #[error("{reason}")]
    Held {
        /// Why not.
        reason: String,
    },
    /// Rows, but no indicator among them.
    #[error("feed {}: none of {rows} rows lists anything", path.display())]
    NothingAccepted {
        /// The file or directory.
        path: PathBuf,
        /// How many rows.
        rows: u64,
    },
}

impl FeedError {
    /// The value of a `reason` label: a small closed set.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Read { .. } => "read",
            Self::Empty { .. } => "empty",
            Self::Html { .. } => "html",
            Self::Binary { .. } => "binary",
            Self::TooLarge { .. } => "too_large",
            Self::TooManyRefused { .. } => "too_many_refused",
            Self::Column { .. } => "column",
            Self::Unknown { .. } => "unknown",
            Self::Document { .. } => "document",
            Self::Held { .. } => "held",
            Self::NothingAccepted { .. } => "nothing_accepted",
        }
    }
}

/// An error with its causes on one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line.push_str(": ");
        line.push_str(&error.to_string());
        cause = error.source();
    }
    line
}
