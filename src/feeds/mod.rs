//! Feeds: files in, indicators out. [`parse`] reads a file or a directory of one format and hands
//! every indicator to its caller, borrowed; what becomes of each row is counted with a reason.
//!
//! The children: `read` opens, inflates and cuts into lines; one file a format finds the values in
//! a line; [`refang()`] and [`detect`] find out what a value is; `rows` offers and counts.
//!
//! A feed that fails as a whole ([`FeedError`]) may have handed out rows before it did: the caller
//! builds beside the snapshot in use and throws the unfinished one away.

#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

mod adblock;
mod csv;
mod error;
mod gannet_json;
mod hosts;
mod load;
mod plain;
mod read;
pub mod reason;
mod refang;
mod report;
mod rows;
#[cfg(test)]
mod tests;
mod value;

use std::path::Path;

use crate::config::{CsvColumns, FeedConfig};
use crate::model::{FeedFormat, Indicator, Role, Scope};

pub use error::FeedError;
pub use load::{LoadError, Loaded, LoadedFeed, load};
pub use reason::Reason;
pub use refang::refang;
pub use report::{FeedReport, RefusedRow};
pub use value::{Detected, Found, RANGE_PREFIXES_MAX, detect, strip};

use read::Lines;
use rows::{Row, Rows};

/// How a feed is parsed, and what holds where a row says nothing.
#[derive(Clone, Copy, Debug)]
pub struct ParseOptions<'a> {
    /// The format of every file.
    pub format: FeedFormat,
    /// What the indicators are used for.
    pub role: Role,
    /// 0 to 100.
    pub confidence: u8,
    /// The malware family; `None` for a directory: each file's name without its extensions.
    pub malware: Option<&'a str>,
    /// What a bare name means; `None`: exact in `hosts`, else the subtree.
    pub names: Option<Scope>,
    /// For `csv`: which column holds what.
    pub columns: &'a CsvColumns,
    /// Most bytes of the whole feed, once inflated.
    pub bytes_max: u64,
}

impl<'a> ParseOptions<'a> {
    /// The usual bound on a feed: 4 GiB.
    pub const BYTES_MAX: u64 = 4 << 30;

    /// As configured.
    pub fn of(feed: &'a FeedConfig) -> Self {
        Self {
            format: feed.format,
            role: feed.role,
            confidence: feed.confidence,
            malware: feed.malware.as_deref(),
            names: feed.names,
            columns: &feed.columns,
            bytes_max: Self::BYTES_MAX,
        }
    }

    /// What a bare name means.
    fn bare(&self) -> Scope {
        self.names.unwrap_or(match self.format {
            FeedFormat::Hosts => Scope::Exact,
            FeedFormat::Plain | FeedFormat::Adblock | FeedFormat::Csv | FeedFormat::GannetJson => {
                Scope::Subtree
            }
        })
    }
}

/// Parses the feed at `path`: a file (plain, gzip or zstd by its first bytes) or a directory,
/// whose regular files are read in the order of their names, hidden ones and subdirectories left
/// out. Hands each indicator to `take`; when that returns a reason, the row counts as refused
/// for it.
///
/// One pass, one buffer of 256 KiB; allocates nothing for an ordinary row.
///
/// # Errors
/// [`FeedError`] when the feed cannot be used; what was taken must then be thrown away.
pub fn parse(
    path: &Path,
    options: &ParseOptions<'_>,
    take: &mut dyn FnMut(&Indicator<'_>) -> Result<(), Reason>,
) -> Result<FeedReport, FeedError> {
    let (files, of_several) = read::files(path)?;
    let mut rows = Rows::new(take);
    for file in &files {
        let mut lines = Lines::open(file, rows.bytes(), options.bytes_max)?;
        let family = of_several.then(|| family(file));
        let options = ParseOptions {
            malware: options.malware.or(family.as_deref()),
            ..*options
        };
        rows.begin_file(file);
        parse_lines(&mut lines, &options, &mut rows)?;
        rows.end_file(lines.bytes(), of_several);
    }
    rows.finish(path)
}

/// Finds the rows in one line; the format decides which of these runs.
type ParseLine = fn(&[u8], &ParseOptions<'_>, &mut Rows<'_>) -> Result<Row, Reason>;

/// Parses one file.
fn parse_lines(
    lines: &mut Lines,
    options: &ParseOptions<'_>,
    rows: &mut Rows<'_>,
) -> Result<(), FeedError> {
    let parse_line: ParseLine = match options.format {
        FeedFormat::Plain => plain::parse_line,
        FeedFormat::Hosts => hosts::parse_line,
        FeedFormat::Adblock => adblock::parse_line,
        FeedFormat::GannetJson => gannet_json::parse_line,
        FeedFormat::Csv => return csv::parse(lines, options, rows),
    };
    while let Some(line) = lines.next()? {
        let outcome = if line.too_long {
            Err(reason::LINE_TOO_LONG)
        } else {
            parse_line(line.bytes, options, rows)
        };
        rows.count(line, outcome);
    }
    Ok(())
}

/// The malware family that a file of a directory stands for: its name up to the extensions
/// (`lumma.txt.gz`: `lumma`).
fn family(file: &Path) -> String {
    let mut stem = Path::new(file.file_stem().unwrap_or_default());
    let packed = file
        .extension()
        .is_some_and(|extension| extension == "gz" || extension == "zst");
    if packed {
        stem = Path::new(stem.file_stem().unwrap_or_default());
    }
    stem.to_string_lossy().into_owned()
}
