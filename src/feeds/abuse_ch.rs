//! `urlhaus-csv`, `threatfox-csv` and `feodo-csv`: the CSV exports of abuse.ch. Columns have come and
//! gone over the years, so that all are found by their names; the first two have their header in a
//! comment. That something is offline does not take it off its list, and changes nothing about who
//! contacted it before.

#[cfg(test)]
mod tests;

use std::net::IpAddr;

use super::ParseOptions;
use super::blocks::Lines;
use super::csv::{self, Record, Table};
use super::error::FeedError;
use super::reason::{self, Reason};
use super::rows::{Facts, Row, Rows, Tags};
use super::value;
use crate::model::{EventTime, IndicatorValue, Role, parse_address};

/// Parses a whole file of URLs.
///
/// # Errors
/// [`FeedError`] `Read` or `TooLarge`, and `Column` when the header is not what it should be.
pub(super) fn parse_urlhaus(
    lines: &mut Lines,
    options: &ParseOptions<'_>,
    rows: &mut Rows<'_>,
) -> Result<(), FeedError> {
    parse(lines, options, rows, (UrlColumns::find, parse_url_row))
}

/// Parses a whole file of indicators of any kind.
///
/// # Errors
/// [`FeedError`] `Read` or `TooLarge`, and `Column` when the header is not what it should be.
pub(super) fn parse_threatfox(
    lines: &mut Lines,
    options: &ParseOptions<'_>,
    rows: &mut Rows<'_>,
) -> Result<(), FeedError> {
    parse(
        lines,
        options,
        rows,
        (IndicatorColumns::find, parse_indicator_row),
    )
}

/// Parses a whole file of command and control servers.
///
/// # Errors
/// [`FeedError`] `Read` or `TooLarge`, and `Column` when the header is not what it should be.
pub(super) fn parse_feodo(
    lines: &mut Lines,
    options: &ParseOptions<'_>,
    rows: &mut Rows<'_>,
) -> Result<(), FeedError> {
    parse(
        lines,
        options,
        rows,
        (ServerColumns::find, parse_server_row),
    )
}

/// How a header is understood, and a row by it.
type Reader<C> = (
    fn(&Record) -> Result<C, String>,
    fn(&Record, &C, &ParseOptions<'_>, &mut Rows<'_>) -> Result<Row, Reason>,
);

/// Parses a whole file.
fn parse<C>(
    lines: &mut Lines,
    options: &ParseOptions<'_>,
    rows: &mut Rows<'_>,
    (find, parse_row): Reader<C>,
) -> Result<(), FeedError> {
    let table = Table {
        delimiter: b',',
        find,
        parse_row: |record: &Record, columns: &C, rows: &mut Rows<'_>| {
            parse_row(record, columns, options, rows)
        },
    };
    table.parse(lines, rows)
}

/// The columns of URLhaus, from 0.
struct UrlColumns {
    /// The URL.
    url: usize,
    /// The id.
    id: Option<usize>,
    /// When it was added.
    added: Option<usize>,
    /// When it was seen last.
    last_online: Option<usize>,
    /// Tags.
    tags: Option<usize>,
    /// A link.
    link: Option<usize>,
}

impl UrlColumns {
    /// Finds the columns in `header`.
    ///
    /// # Errors
    /// The name of the first missing column.
    fn find(header: &Record) -> Result<Self, String> {
        Ok(Self {
            url: needed(header, "url")?,
            id: header.position("id"),
            added: header.position("dateadded"),
            last_online: header.position("last_online"),
            tags: header.position("tags"),
            link: header.position("urlhaus_link"),
        })
    }
}

/// Parses one row of URLhaus.
///
/// # Errors
/// The [`Reason`] when the row is refused.
fn parse_url_row(
    record: &Record,
    columns: &UrlColumns,
    options: &ParseOptions<'_>,
    rows: &mut Rows<'_>,
) -> Result<Row, Reason> {
    let url = record.cell(columns.url)?.ok_or(reason::MISSING_VALUE)?;
    let tags = cell(record, columns.tags)?.unwrap_or_default();
    let tags = Tags::of(tags.split(','));
    let facts = Facts {
        id: cell(record, columns.id)?,
        seen: seen(record, columns.added, columns.last_online)?,
        reference: cell(record, columns.link)?,
        tags: tags.kept(),
        ..Facts::of(options)
    };
    rows.offer_url(url, options.bare(), &facts)?;
    if tags.dropped() {
        rows.remark(reason::TAGS_DROPPED);
    }
    Ok(Row::Accepted)
}

/// The columns of ThreatFox, from 0.
struct IndicatorColumns {
    /// The indicator.
    value: usize,
    /// Its type.
    kind: usize,
    /// The id.
    id: Option<usize>,
    /// What it is used for.
    threat: Option<usize>,
    /// The malware family.
    malware: Option<usize>,
    /// When it was seen first.
    first_seen: Option<usize>,
    /// When it was seen last.
    last_seen: Option<usize>,
    /// 0 to 100.
    confidence: Option<usize>,
    /// Whether the host belongs to someone else, who does not know.
    compromised: Option<usize>,
    /// A link.
    reference: Option<usize>,
    /// Tags.
    tags: Option<usize>,
}

impl IndicatorColumns {
    /// Finds the columns in `header`.
    ///
    /// # Errors
    /// The name of the first missing column.
    fn find(header: &Record) -> Result<Self, String> {
        Ok(Self {
            value: needed(header, "ioc_value")?,
            kind: needed(header, "ioc_type")?,
            id: header.position("ioc_id"),
            threat: header.position("threat_type"),
            malware: header.position("fk_malware"),
            first_seen: header.position("first_seen_utc"),
            last_seen: header.position("last_seen_utc"),
            confidence: header.position("confidence_level"),
            compromised: header.position("is_compromised"),
            reference: header.position("reference"),
            tags: header.position("tags"),
        })
    }
}

/// The tag of an indicator whose host belongs to someone who does not know.
const COMPROMISED_TAG: &str = "compromised";

/// Parses one row of ThreatFox.
///
/// # Errors
/// The [`Reason`] when the row is refused.
fn parse_indicator_row(
    record: &Record,
    columns: &IndicatorColumns,
    options: &ParseOptions<'_>,
    rows: &mut Rows<'_>,
) -> Result<Row, Reason> {
    let value = record.cell(columns.value)?.ok_or(reason::MISSING_VALUE)?;
    let kind = record.cell(columns.kind)?.ok_or(reason::MISSING_VALUE)?;
    let compromised = cell(record, columns.compromised)?;
    let compromised = compromised.is_some_and(|word| word.eq_ignore_ascii_case("true"));
    let written_tags = cell(record, columns.tags)?.unwrap_or_default();
    let own_tag = compromised.then_some(COMPROMISED_TAG);
    let tags = Tags::of(own_tag.into_iter().chain(written_tags.split(',')));
    let usual = Facts::of(options);
    let confidence = cell(record, columns.confidence)?.map(csv::parse_confidence);
    let facts = Facts {
        id: cell(record, columns.id)?,
        role: cell(record, columns.threat)?
            .and_then(role)
            .unwrap_or(usual.role),
        malware: cell(record, columns.malware)?.or(usual.malware),
        confidence: confidence.transpose()?.unwrap_or(usual.confidence),
        seen: seen(record, columns.first_seen, columns.last_seen)?,
        reference: cell(record, columns.reference)?,
        tags: tags.kept(),
        ..usual
    };
    match kind {
        "domain" | "ip:port" => rows.offer(value, options.bare(), &facts)?,
        "url" => rows.offer_url(value, options.bare(), &facts)?,
        hash if hash.ends_with("_hash") => return Err(reason::HASH),
        _ => return Err(reason::UNKNOWN_TYPE),
    }
    if tags.dropped() {
        rows.remark(reason::TAGS_DROPPED);
    }
    Ok(Row::Accepted)
}

/// The role that a type of threat comes to; none for one that is unknown. Skimmers are what phishing is:
/// pages that take what is typed into them.
pub(super) fn role(threat: &str) -> Option<Role> {
    match threat {
        "botnet_cc" => Some(Role::C2),
        "payload_delivery" | "payload" => Some(Role::Payload),
        "cc_skimming" => Some(Role::Phishing),
        _ => None,
    }
}

/// The columns of the Feodo Tracker, from 0.
struct ServerColumns {
    /// The address.
    address: usize,
    /// The port.
    port: Option<usize>,
    /// The malware family.
    malware: Option<usize>,
    /// When it was seen first.
    first_seen: Option<usize>,
    /// On which day it was seen last.
    last_online: Option<usize>,
}

impl ServerColumns {
    /// Finds the columns in `header`.
    ///
    /// # Errors
    /// The name of the first missing column.
    fn find(header: &Record) -> Result<Self, String> {
        Ok(Self {
            address: needed(header, "dst_ip")?,
            port: header.position("dst_port"),
            malware: header.position("malware"),
            first_seen: header.position("first_seen_utc"),
            last_online: header.position("last_online"),
        })
    }
}

/// Parses one row of the Feodo Tracker.
///
/// # Errors
/// The [`Reason`] when the row is refused.
fn parse_server_row(
    record: &Record,
    columns: &ServerColumns,
    options: &ParseOptions<'_>,
    rows: &mut Rows<'_>,
) -> Result<Row, Reason> {
    let written = record.cell(columns.address)?.ok_or(reason::MISSING_VALUE)?;
    let ip: IpAddr = parse_address(written).map_err(|_| reason::BAD_ADDRESS)?;
    let port = cell(record, columns.port)?.map(value::parse_port);
    let value = match port.transpose()? {
        Some(port) => IndicatorValue::Endpoint { ip, port },
        None => IndicatorValue::Prefix(ip.into()),
    };
    let usual = Facts::of(options);
    let facts = Facts {
        malware: cell(record, columns.malware)?.or(usual.malware),
        seen: seen(record, columns.first_seen, columns.last_online)?,
        ..usual
    };
    rows.take(value, &value.to_string(), &facts)?;
    Ok(Row::Accepted)
}

/// The later of when something was seen `first` and `last`. A last time that is none is left out: it
/// could only make a life longer.
///
/// # Errors
/// [`reason::BAD_TIME`] when the first time is none.
fn seen(
    record: &Record,
    first: Option<usize>,
    last: Option<usize>,
) -> Result<Option<EventTime>, Reason> {
    let first = cell(record, first)?.map(csv::parse_time).transpose()?;
    let last = cell(record, last)?.and_then(|text| csv::parse_time(text).ok());
    Ok(first.max(last))
}

/// The position of the column `name`, which no file can do without.
///
/// # Errors
/// Its name when `header` lacks it.
fn needed(header: &Record, name: &str) -> Result<usize, String> {
    header.position(name).ok_or_else(|| name.to_owned())
}

/// The cell in a column that there may be.
///
/// # Errors
/// [`reason::NOT_UTF8`] when it is not text.
fn cell(record: &Record, column: Option<usize>) -> Result<Option<&str>, Reason> {
    column.map_or(Ok(None), |column| record.cell(column))
}
