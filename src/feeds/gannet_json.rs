//! `gannet-json`: one object of the schema `gannet.indicator.v1` a line. Fields that it does not
//! know are left alone; a name with a scope is taken as it stands.

use std::borrow::Cow;

use serde::Deserialize;

use super::ParseOptions;
use super::reason::{self, Reason};
use super::rows::{Facts, Row, Rows, Tags};
use super::value::{self, Found};
use crate::model::{EventTime, IndicatorState, Named, Role, Scope};

/// The schema of an object.
const SCHEMA: &str = "gannet.indicator.v1";

/// A string of an object, borrowed where it holds no escape.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl Text<'_> {
    /// The text, if there is any.
    fn filled(text: &Option<Self>) -> Option<&str> {
        text.as_ref()
            .map(|text| text.0.trim())
            .filter(|text| !text.is_empty())
    }
}

/// An indicator as written.
#[derive(Deserialize)]
struct Written<'a> {
    /// What it lists.
    #[serde(borrow)]
    value: Text<'a>,
    /// The schema; absent is ours.
    #[serde(borrow, default)]
    schema: Option<Text<'a>>,
    /// The value as a feed wrote it, if that is not how it stands here.
    #[serde(borrow, default)]
    written: Option<Text<'a>>,
    /// The feed's own id.
    #[serde(borrow, default)]
    id: Option<Text<'a>>,
    /// Which names it covers, or `pattern`; absent: find out what it is.
    #[serde(borrow, default)]
    scope: Option<Text<'a>>,
    /// What it is used for.
    #[serde(borrow, default)]
    role: Option<Text<'a>>,
    /// The malware family.
    #[serde(borrow, default)]
    malware: Option<Text<'a>>,
    /// 0 to 100.
    #[serde(default)]
    confidence: Option<i64>,
    /// RFC 3339.
    #[serde(borrow, default)]
    valid_from: Option<Text<'a>>,
    /// RFC 3339.
    #[serde(borrow, default)]
    valid_until: Option<Text<'a>>,
    /// What became of it.
    #[serde(borrow, default)]
    state: Option<Text<'a>>,
    /// A link.
    #[serde(borrow, default)]
    reference: Option<Text<'a>>,
    /// Free words.
    #[serde(borrow, default)]
    tags: Option<Vec<Text<'a>>>,
}

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
    if line.is_empty() {
        return Ok(Row::Comment);
    }
    let written: Written<'_> = serde_json::from_slice(line).map_err(|_| reason::BAD_JSON)?;
    if Text::filled(&written.schema).is_some_and(|schema| schema != SCHEMA) {
        return Err(reason::UNKNOWN_SCHEMA);
    }
    let tags = Tags::of(written.tags.iter().flatten().map(|tag| &*tag.0));
    let facts = facts(&written, tags.kept(), options)?;
    facts.check_validity()?;
    let text = written.value.0.trim();
    let mut scratch = value::scratch();
    let named = match Text::filled(&written.scope) {
        None => None,
        Some("pattern") => Some(value::pattern(text, &mut scratch)?),
        Some("exact") => Some(value::name(text, Scope::Exact, &mut scratch)?),
        Some("subtree") => Some(value::name(text, Scope::Subtree, &mut scratch)?),
        Some("below") => Some(value::name(text, Scope::Below, &mut scratch)?),
        Some(_) => return Err(reason::BAD_SCOPE),
    };
    match (named, Text::filled(&written.written)) {
        (Some(value), shown) => rows.take(value, shown.unwrap_or(text), &facts)?,
        (None, Some(shown)) => {
            let mut scratch = value::scratch();
            match value::detect(text, options.bare(), &mut scratch)?.found {
                Found::One(value) => rows.take(value, shown, &facts)?,
                Found::Range(_) => rows.offer(text, options.bare(), &facts)?,
            }
        }
        (None, None) => rows.offer(text, options.bare(), &facts)?,
    }
    if tags.dropped() {
        rows.remark(reason::TAGS_DROPPED);
    }
    Ok(Row::Accepted)
}

/// What `written` says besides its value; `options` fill in the rest.
fn facts<'a>(
    written: &'a Written<'_>,
    tags: &'a [&'a str],
    options: &ParseOptions<'a>,
) -> Result<Facts<'a>, Reason> {
    let mut facts = Facts {
        id: Text::filled(&written.id),
        valid_from: time(&written.valid_from)?,
        valid_until: time(&written.valid_until)?,
        reference: Text::filled(&written.reference),
        tags,
        ..Facts::of(options)
    };
    if let Some(role) = Text::filled(&written.role) {
        facts.role = Role::from_name(role).map_err(|_| reason::BAD_ROLE)?;
    }
    if let Some(state) = Text::filled(&written.state) {
        facts.state = IndicatorState::from_name(state).map_err(|_| reason::BAD_STATE)?;
    }
    if let Some(malware) = Text::filled(&written.malware) {
        facts.malware = Some(malware);
    }
    if let Some(confidence) = written.confidence {
        facts.confidence = u8::try_from(confidence)
            .ok()
            .filter(|&confidence| confidence <= 100)
            .ok_or(reason::BAD_CONFIDENCE)?;
    }
    Ok(facts)
}

/// The instant in `text`, if there is any.
fn time(text: &Option<Text<'_>>) -> Result<Option<EventTime>, Reason> {
    Text::filled(text)
        .map(|text| EventTime::parse_rfc3339(text).map_err(|_| reason::BAD_TIME))
        .transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feeds::tests::{check_row, options, parse_text};
    use crate::model::{FeedFormat, Indicator};

    #[track_caller]
    fn check(row: &str, expected: Result<&[&str], Reason>) {
        check_row(FeedFormat::GannetJson, row, expected);
    }

    #[test]
    fn the_scope_says_what_a_name_covers() {
        check(
            r#"{"value":"Bad.Example","scope":"exact"}"#,
            Ok(&["name exact bad.example"]),
        );
        check(
            r#"{"value":"bad.example","scope":"subtree"}"#,
            Ok(&["name subtree bad.example"]),
        );
        check(
            r#"{"value":"bad.example","scope":"below"}"#,
            Ok(&["name below bad.example"]),
        );
        check(
            r#"{"value":"Login-Bank","scope":"pattern"}"#,
            Ok(&["pattern login-bank"]),
        );
        check(
            r#"{"value":"bad.example"}"#,
            Ok(&["name subtree bad.example"]),
        );
        check(
            r#"{"value":"203.0.113.0\/24","scope":null}"#,
            Ok(&["prefix 203.0.113.0/24"]),
        );
        check(
            r#"{"value":"[2001:db8::5]:443","extra":[{}]}"#,
            Ok(&["endpoint [2001:db8::5]:443"]),
        );
    }

    #[test]
    fn unfit_objects_say_why() {
        check("bad.example", Err(reason::BAD_JSON));
        check(r#"{"value":"bad.example""#, Err(reason::BAD_JSON));
        check(r#"{"id":"1"}"#, Err(reason::BAD_JSON));
        check(r#"{"value":1}"#, Err(reason::BAD_JSON));
        check(
            &format!(r#"{{"value":"a.example","x":{}"#, "[".repeat(10_000)),
            Err(reason::BAD_JSON),
        );
        check(
            r#"{"value":"a.example","schema":"gannet.lease.v1"}"#,
            Err(reason::UNKNOWN_SCHEMA),
        );
        check(
            r#"{"value":"a.example","scope":"wide"}"#,
            Err(reason::BAD_SCOPE),
        );
        check(
            r#"{"value":"a.example","role":"bad"}"#,
            Err(reason::BAD_ROLE),
        );
        check(
            r#"{"value":"a.example","state":"gone"}"#,
            Err(reason::BAD_STATE),
        );
        check(
            r#"{"value":"a.example","confidence":101}"#,
            Err(reason::BAD_CONFIDENCE),
        );
        check(
            r#"{"value":"a.example","confidence":-1}"#,
            Err(reason::BAD_CONFIDENCE),
        );
        check(
            r#"{"value":"a.example","valid_from":"2026-01-01"}"#,
            Err(reason::BAD_TIME),
        );
        let reversed = r#"{"value":"a.example","valid_from":"2026-01-01T00:00:00Z","valid_until":"2026-01-01T00:00:00Z"}"#;
        check(reversed, Err(reason::BAD_VALIDITY));
        check(
            r#"{"value":"a..example","scope":"exact"}"#,
            Err("empty_label"),
        );
        check(
            r#"{"value":"203.0.113.5","scope":"exact"}"#,
            Err(reason::BAD_ADDRESS),
        );
        check(
            r#"{"value":"*","scope":"pattern"}"#,
            Err(reason::BAD_PATTERN),
        );
        check(r#"{"value":""}"#, Err(reason::EMPTY_VALUE));
    }

    fn all(indicator: &Indicator<'_>) -> String {
        format!("{indicator:?}")
    }

    #[test]
    fn every_field_is_taken_and_the_feed_fills_in_the_rest() {
        let full = concat!(
            r#"{"schema":"gannet.indicator.v1","id":"1","value":"bad.example","scope":"subtree","role":"payload","#,
            r#""malware":"win.\u006cumma","confidence":75,"valid_from":"2026-01-01T00:00:00Z","valid_until":"2026-02-01T00:00:00Z","#,
            r#""state":"sinkholed","reference":"r","tags":["one"," ","two"]}"#,
            "\n\n",
            r#"{"value":"bad.example","malware":null,"tags":null}"#,
        );
        let options = ParseOptions {
            malware: Some("family"),
            ..options(FeedFormat::GannetJson)
        };
        let (found, report) = parse_text(full.as_bytes(), &options, all);
        let mut scratch = value::scratch();
        let bare = Indicator {
            value: value::name("bad.example", Scope::Subtree, &mut scratch).unwrap(),
            written: "bad.example",
            id: None,
            role: Role::C2,
            malware: Some("family"),
            confidence: 50,
            valid_from: None,
            valid_until: None,
            state: IndicatorState::Active,
            reference: None,
            tags: &[],
        };
        let stated = Indicator {
            id: Some("1"),
            role: Role::Payload,
            malware: Some("win.lumma"),
            confidence: 75,
            valid_from: EventTime::parse_rfc3339("2026-01-01T00:00:00Z").ok(),
            valid_until: EventTime::parse_rfc3339("2026-02-01T00:00:00Z").ok(),
            state: IndicatorState::Sinkholed,
            reference: Some("r"),
            tags: &["one", "two"],
            ..bare
        };
        assert_eq!(found, [all(&stated), all(&bare)]);
        assert_eq!((report.rows, report.accepted), (2, 2));
    }

    #[test]
    fn tags_beyond_the_limit_are_dropped_with_a_remark() {
        for (n_tags, remarks) in [(32, 0), (33, 1)] {
            let tags = vec!["\"t\""; n_tags].join(",");
            let row = format!(r#"{{"value":"a.example","tags":[{tags}]}}"#);
            let options = options(FeedFormat::GannetJson);
            let (found, report) = parse_text(row.as_bytes(), &options, |indicator| {
                indicator.tags.len().to_string()
            });
            assert_eq!(found, ["32"]);
            assert_eq!(report.warnings.values().sum::<u64>(), remarks);
        }
    }
}
