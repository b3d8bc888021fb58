//! `dnsmasq`

use super::ParseOptions;
use super::reason::Reason;
use super::rows::{Row, Rows};

/// Parses one line.
///
/// # Errors
/// The [`Reason`] when the row is refused.
pub(super) fn parse_line(
    line: &[u8],
    options: &ParseOptions<'_>,
    rows: &mut Rows<'_>,
) -> Result<Row, Reason> {
    let _ = (line, options, rows);
    Ok(Row::Comment)
}
