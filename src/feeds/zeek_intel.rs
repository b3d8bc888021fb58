//! `zeek_intel`

use super::ParseOptions;
use super::blocks::Lines;
use super::error::FeedError;
use super::rows::Rows;

/// Parses a whole file.
///
/// # Errors
/// [`FeedError`] when the file cannot be used.
pub(super) fn parse(
    lines: &mut Lines,
    options: &ParseOptions<'_>,
    rows: &mut Rows<'_>,
) -> Result<(), FeedError> {
    let _ = (lines, options, rows);
    Ok(())
}
