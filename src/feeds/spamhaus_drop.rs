//! `spamhaus-drop`: networks that are not to be routed, as text (`network ; id`) or as a JSON object
//! a line, of which the last describes the list. Rows of the list of autonomous systems name no
//! network.

use std::borrow::Cow;

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use super::ParseOptions;
use super::reason::{self, Reason};
use super::rows::{Facts, Row, Rows};
use crate::model::EventTime;

/// Parses one line.
///
/// # Errors
/// The [`Reason`] when the row is refused.
pub(super) fn parse_line(
    line: &[u8],
    options: &ParseOptions<'_>,
    rows: &mut Rows<'_>,
) -> Result<Row, Reason> {
    let line = line.trim_ascii();
    if matches!(line, [] | [b';' | b'#', ..]) {
        return Ok(Row::Comment);
    }
    let text = std::str::from_utf8(line).map_err(|_| reason::NOT_UTF8)?;
    let facts = Facts::of(options);
    if text.starts_with('{') {
        return parse_object(text, &facts, rows);
    }
    let (network, id) = text.split_once(';').unwrap_or((text, ""));
    if is_system(network.trim_end()) {
        return Err(reason::NO_NETWORK);
    }
    let facts = Facts {
        id: id.split_whitespace().next(),
        ..facts
    };
    rows.offer_network(network, &facts)?;
    Ok(Row::Accepted)
}

/// A line of the JSON form. The lists have more fields, which say nothing about the network.
#[derive(Deserialize)]
struct Object<'a> {
    /// The network.
    #[serde(borrow)]
    cidr: Option<Cow<'a, str>>,
    /// The id of the listing.
    #[serde(borrow)]
    sblid: Option<Cow<'a, str>>,
    /// An autonomous system.
    asn: Option<IgnoredAny>,
    /// Of what describes the list: when that was made, in seconds since the epoch.
    #[serde(default, deserialize_with = "seconds")]
    timestamp: Option<i64>,
    /// What the line is, if it is no listing.
    #[serde(borrow, rename = "type")]
    kind: Option<Cow<'a, str>>,
}

/// A whole number; nothing for anything else.
fn seconds<'d, D: Deserializer<'d>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(value.as_i64())
}

/// Parses one line of the JSON form.
///
/// # Errors
/// The [`Reason`] when the row is refused.
fn parse_object(text: &str, facts: &Facts<'_>, rows: &mut Rows<'_>) -> Result<Row, Reason> {
    let object: Object<'_> = serde_json::from_str(text).map_err(|_| reason::BAD_JSON)?;
    let Some(network) = &object.cidr else {
        return match &object.kind {
            Some(kind) if kind == "metadata" => {
                let made = object.timestamp.map(|at| EventTime::from_parts(at, 0));
                if let Some(Ok(made)) = made {
                    rows.state_date(made);
                }
                Ok(Row::Ignored)
            }
            Some(_) | None if object.asn.is_some() => Err(reason::NO_NETWORK),
            Some(_) | None => Err(reason::MISSING_VALUE),
        };
    };
    let facts = Facts {
        id: object.sblid.as_deref(),
        ..*facts
    };
    rows.offer_network(network, &facts)?;
    Ok(Row::Accepted)
}

/// Whether `text` is the number of an autonomous system: `AS64496`.
fn is_system(text: &str) -> bool {
    let number = text
        .split_at_checked(2)
        .filter(|(start, _)| start.eq_ignore_ascii_case("as"));
    number.is_some_and(|(_, number)| number.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::feeds::tests::{check_counts, check_row, options, parse_text, shown};
    use crate::model::FeedFormat;

    #[track_caller]
    fn check(row: &str, expected: Result<&[&str], Reason>) {
        check_row(FeedFormat::SpamhausDrop, row, expected);
    }

    #[test]
    fn networks_are_taken_from_text_and_from_json_with_their_ids() {
        let text = b"; Spamhaus DROP\n; Expires: never\n198.18.0.0/20 ; SBL1\n198.18.16.0/24;SBL2 x\n\
            2001:db8::/32 ; SBL3\r\n198.18.32.0/24\n\
            {\"cidr\":\"198.19.0.0\\/20\",\"sblid\":\"SBL4\",\"rir\":\"apnic\"}\n\
            {\"cidr\":\"2001:db8:1::/48\",\"sblid\":\"SBL\\u0035\",\"rir\":\"ripencc\",\"new\":[1]}\n\
            {\"type\":\"metadata\",\"timestamp\":1767225600,\"size\":1,\"records\":2,\"copyright\":\"c\"}\n";
        let (found, report) = parse_text(text, &options(FeedFormat::SpamhausDrop), |indicator| {
            format!("{} {}", shown(indicator), indicator.id.unwrap_or("-"))
        });
        let expected = [
            "prefix 198.18.0.0/20 SBL1",
            "prefix 198.18.16.0/24 SBL2",
            "prefix 2001:db8::/32 SBL3",
            "prefix 198.18.32.0/24 -",
            "prefix 198.19.0.0/20 SBL4",
            "prefix 2001:db8:1::/48 SBL5",
        ];
        assert_eq!(found, expected);
        assert_eq!((report.rows, report.accepted, report.ignored), (7, 6, 1));
    }

    #[test]
    fn autonomous_systems_name_no_network() {
        check("AS64496 ; Example", Err(reason::NO_NETWORK));
        let row = r#"{"asn":64496,"rir":"arin","domain":"bad.example","cc":"ZZ","asname":"X"}"#;
        check(row, Err(reason::NO_NETWORK));
    }

    #[test]
    fn other_rows_are_refused() {
        check("bad.example ; SBL1", Err(reason::BAD_PREFIX));
        check("assets.example", Err(reason::BAD_PREFIX));
        check("203.0.113.5:443", Err(reason::BAD_PREFIX));
        check("203.0.113.0/33 ; SBL1", Err(reason::BAD_PREFIX));
        check("203.0.113/24", Err(reason::BAD_PREFIX));
        check("{\"cidr\":\"203.0.113.0/24\"", Err(reason::BAD_JSON));
        check("{\"cidr\":7}", Err(reason::BAD_JSON));
        check("{\"cidr\":\"x\"}", Err(reason::BAD_PREFIX));
        check("{\"type\":\"other\"}", Err(reason::MISSING_VALUE));
        check("{}", Err(reason::MISSING_VALUE));
    }

    #[test]
    fn host_bits_are_cleared_with_a_remark() {
        let text = b"203.0.113.5/24 ; SBL1\n\xff\n";
        let (found, report) = parse_text(text, &options(FeedFormat::SpamhausDrop), shown);
        assert_eq!(found, ["prefix 203.0.113.0/24"]);
        assert_eq!(report.warnings, [(reason::HOST_BITS, 1)].into());
        assert_eq!(report.refused, [(reason::NOT_UTF8, 1)].into());
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(
            bytes in proptest::collection::vec(any::<u8>(), 0..60),
            start in proptest::sample::select(vec!["", "{\"cidr\":", "AS", "203.0.113.0/24;"]),
        ) {
            check_counts(FeedFormat::SpamhausDrop, &[start.as_bytes(), &bytes].concat());
        }
    }
}
