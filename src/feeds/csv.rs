//! `csv`: columns by their names in a header line, which may be a comment (`# value,malware`).
//! A quoted cell may span lines; a row is at most as long as a line may be.

mod columns;
mod record;
mod spaces;
#[cfg(test)]
mod tests;

use super::ParseOptions;
use super::blocks::{LINE_BYTES_MAX, Line, Lines};
use super::error::FeedError;
use super::reason::{self, Reason};
use super::rows::{Facts, Row, Rows, Tags};
use crate::model::{EventTime, IndicatorState, Named, Role};
pub(super) use record::Record;

use columns::Columns;
pub(super) use columns::VALUE_NAMES;
use record::Fed;

/// Parses a whole file.
///
/// # Errors
/// [`FeedError`] `Read` or `TooLarge`, and `Column` when the header is not what it should be.
pub(super) fn parse(
    lines: &mut Lines,
    options: &ParseOptions<'_>,
    rows: &mut Rows<'_>,
) -> Result<(), FeedError> {
    let table = Table {
        delimiter: options.columns.delimiter.unwrap_or(b','),
        find: |header: &Record| Columns::find(header, options.columns),
        parse_row: |record: &Record, columns: &Columns, rows: &mut Rows<'_>| {
            parse_row(record, columns, options, rows)
        },
    };
    table.parse(lines, rows)
}

/// How a file of named columns is read: `find` finds the columns in a header or names the first that
/// is missing, `parse_row` parses a row by them.
pub(super) struct Table<F, P> {
    /// What separates cells.
    pub(super) delimiter: u8,
    /// Finds the columns.
    pub(super) find: F,
    /// Parses a row.
    pub(super) parse_row: P,
}

impl<F, P> Table<F, P> {
    /// Parses a whole file. Any comment may be the header, and so may the first row.
    ///
    /// # Errors
    /// [`FeedError`] `Read` or `TooLarge`, and `Column` when there is no header.
    pub(super) fn parse<C>(&self, lines: &mut Lines, rows: &mut Rows<'_>) -> Result<(), FeedError>
    where
        F: Fn(&Record) -> Result<C, String>,
        P: Fn(&Record, &C, &mut Rows<'_>) -> Result<Row, Reason>,
    {
        let mut record = Record::new(self.delimiter, LINE_BYTES_MAX);
        let mut columns: Option<C> = None;
        let mut first = true;
        while let Some(read) = read_record(lines, &mut record)? {
            let line = Line {
                number: read.number,
                bytes: record.raw(),
                too_long: false,
            };
            if let Err(reason) = read.outcome {
                rows.count_refused(line, reason, read.n_lines);
                continue;
            }
            if read.comment {
                if let Some(made) = last_updated(record.raw()) {
                    rows.state_date(made);
                }
                columns = (self.find)(&record).ok().or(columns);
                continue;
            }
            if first {
                first = false;
                match (self.find)(&record) {
                    Ok(found) => {
                        columns = Some(found);
                        continue;
                    }
                    Err(missing) if columns.is_none() => {
                        return Err(FeedError::Column {
                            path: lines.path().to_owned(),
                            name: missing,
                            known: record.cells().collect::<Vec<_>>().join(", "),
                        });
                    }
                    Err(_) => {}
                }
            }
            if let Some(columns) = &columns {
                let outcome = (self.parse_row)(&record, columns, rows);
                rows.count(line, outcome);
            }
        }
        Ok(())
    }
}

/// When a list was made, if a comment says so: `# Last updated: 2026-01-01 00:00:00 (UTC)`.
fn last_updated(comment: &[u8]) -> Option<EventTime> {
    let text = std::str::from_utf8(comment).ok()?.trim_start_matches('#');
    let date = text
        .trim_start()
        .strip_prefix("Last updated:")?
        .trim_start();
    let date = date.split('(').next().unwrap_or(date);
    parse_time(date.trim_end_matches(['#', ' ', '\t', '\r', '\n'])).ok()
}

/// What was read into the record.
struct Read {
    /// The number of its first line.
    number: u64,
    /// How many lines it took.
    n_lines: u64,
    /// Whether it is a comment, which may be a header.
    comment: bool,
    /// Whether the record is whole, or why not.
    outcome: Result<(), Reason>,
}

/// Reads the next row or comment into `record`, joining lines while a quote is open; blank
/// lines are skipped. `None` at the end.
fn read_record(lines: &mut Lines, record: &mut Record) -> Result<Option<Read>, FeedError> {
    record.clear();
    let mut read = Read {
        number: 0,
        n_lines: 0,
        comment: false,
        outcome: Err(reason::UNCLOSED_QUOTE),
    };
    while let Some(line) = lines.next()? {
        let mut bytes = line.bytes;
        if read.n_lines == 0 {
            bytes = bytes.trim_ascii_start();
            if bytes.is_empty() {
                continue;
            }
            read.number = line.number;
            read.comment = bytes.starts_with(b"#");
        }
        read.n_lines += 1;
        if read.comment {
            // A comment is never more than its line, and prose may hold any quotes.
            if record.feed(bytes.get(1..).unwrap_or_default().trim_ascii()) != Fed::Complete {
                record.clear();
            }
            read.outcome = Ok(());
            return Ok(Some(read));
        }
        read.outcome = match record.feed(bytes) {
            _ if line.too_long => Err(reason::LINE_TOO_LONG),
            Fed::Complete => Ok(()),
            Fed::Open => continue,
            Fed::TooLong => Err(reason::UNCLOSED_QUOTE),
            Fed::TooManyColumns => Err(reason::TOO_MANY_COLUMNS),
        };
        return Ok(Some(read));
    }
    Ok((read.n_lines > 0).then_some(read))
}

/// Parses one row.
fn parse_row(
    record: &Record,
    columns: &Columns,
    options: &ParseOptions<'_>,
    rows: &mut Rows<'_>,
) -> Result<Row, Reason> {
    let value = record.cell(columns.value)?.ok_or(reason::MISSING_VALUE)?;
    let cell = |column: Option<usize>| match column {
        Some(column) => record.cell(column),
        None => Ok(None),
    };
    let tags = Tags::of(cell(columns.tags)?.unwrap_or_default().split(','));
    let mut facts = Facts {
        id: cell(columns.id)?,
        valid_from: cell(columns.valid_from)?.map(parse_time).transpose()?,
        valid_until: cell(columns.valid_until)?.map(parse_time).transpose()?,
        reference: cell(columns.reference)?,
        state: IndicatorState::Active,
        tags: tags.kept(),
        ..Facts::of(options)
    };
    if let Some(malware) = cell(columns.malware)? {
        facts.malware = Some(malware);
    }
    if let Some(role) = cell(columns.role)? {
        facts.role = Role::from_name(&role.to_ascii_lowercase()).map_err(|_| reason::BAD_ROLE)?;
    }
    if let Some(confidence) = cell(columns.confidence)? {
        facts.confidence = parse_confidence(confidence)?;
    }
    facts.check_validity()?;
    rows.offer(value, options.bare(), &facts)?;
    if tags.dropped() {
        rows.remark(reason::TAGS_DROPPED);
    }
    Ok(Row::Accepted)
}

/// 0 to 100.
///
/// # Errors
/// [`reason::BAD_CONFIDENCE`] when it is anything else.
pub(super) fn parse_confidence(text: &str) -> Result<u8, Reason> {
    text.parse()
        .ok()
        .filter(|&confidence| confidence <= 100)
        .ok_or(reason::BAD_CONFIDENCE)
}

/// RFC 3339, or `YYYY-MM-DD[ HH:MM:SS[ UTC]]` in UTC.
pub(super) fn parse_time(text: &str) -> Result<EventTime, Reason> {
    if let Ok(time) = EventTime::parse_rfc3339(text) {
        return Ok(time);
    }
    let local = text.strip_suffix("UTC").unwrap_or(text).trim_end();
    let instant = local
        .parse::<jiff::civil::DateTime>()
        .and_then(|civil| civil.to_zoned(jiff::tz::TimeZone::UTC))
        .map_err(|_| reason::BAD_TIME)?;
    i64::try_from(instant.timestamp().as_nanosecond())
        .map(EventTime::from_nanos)
        .map_err(|_| reason::BAD_TIME)
}
