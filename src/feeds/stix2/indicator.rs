//! One object: whether it is an indicator, and what that lists.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::ParseOptions;
use super::super::document::{Field, confidence, each_entry, flag, object, text, time, words};
use super::super::reason::{self, Reason};
use super::super::rows::{Facts, Row, Rows, Tags};
use super::super::survey::{Id, Survey, Version};
use super::graph;
use super::pattern::{self, Listed};
use crate::model::{EventTime, IndicatorState, Role, parse_address};

/// An object as written.
#[derive(Deserialize)]
struct Written<'d> {
    /// What it is.
    #[serde(borrow, default, rename = "type")]
    kind: Field<'d>,
    /// The id.
    #[serde(borrow, default)]
    id: Field<'d>,
    /// The pattern.
    #[serde(borrow, default)]
    pattern: Field<'d>,
    /// The language of the pattern; before 2.1 there was only one.
    #[serde(borrow, default)]
    pattern_type: Field<'d>,
    /// When this version was made.
    #[serde(borrow, default)]
    modified: Field<'d>,
    /// When the first version was made.
    #[serde(borrow, default)]
    created: Field<'d>,
    /// First instant at which it is valid.
    #[serde(borrow, default)]
    valid_from: Field<'d>,
    /// First instant at which it is no longer valid.
    #[serde(borrow, default)]
    valid_until: Field<'d>,
    /// Whether it was withdrawn.
    #[serde(borrow, default)]
    revoked: Field<'d>,
    /// 0 to 100.
    #[serde(borrow, default)]
    confidence: Field<'d>,
    /// What it indicates, in words of a vocabulary.
    #[serde(borrow, default)]
    indicator_types: Field<'d>,
    /// Free words; before 2.1 what it indicates.
    #[serde(borrow, default)]
    labels: Field<'d>,
    /// Where to read about it.
    #[serde(borrow, default)]
    external_references: Field<'d>,
}

/// Where to read about something.
#[derive(Deserialize)]
struct Reference<'d> {
    /// A link.
    #[serde(borrow, default)]
    url: Field<'d>,
}

/// Offers what an object lists that stands at `at` in a file, if it is the newest version of an
/// indicator.
///
/// # Errors
/// The [`Reason`] for which it is refused.
pub(super) fn take(
    raw: &RawValue,
    (survey, file, at): (&Survey, u32, usize),
    options: &ParseOptions<'_>,
    rows: &mut Rows<'_>,
) -> Result<Row, Reason> {
    let written: Written<'_> = object(raw)?;
    let kind = text(written.kind).ok_or(reason::UNKNOWN_TYPE)?;
    let id = text(written.id);
    let version = Version {
        since: graph::since(written.modified, written.created),
        file,
        at,
    };
    let known = id.as_deref().map(Id::of);
    let outdated = known.is_some_and(|known| survey.versions.is_outdated(known, version));
    if kind != "indicator" || outdated {
        return Ok(Row::Ignored);
    }
    if text(written.pattern_type).is_some_and(|language| language != "stix") {
        return Err(reason::UNSUPPORTED_PATTERN);
    }
    let pattern = text(written.pattern).ok_or(reason::EMPTY_VALUE)?;
    let reference = reference(written.external_references);
    let words = words(written.labels);
    let tags = Tags::of(words.iter().map(|word| &**word));
    let mut facts = Facts {
        id: id.as_deref(),
        role: role(&written, options.role)?,
        malware: known
            .and_then(|known| survey.links.malware(known))
            .or(options.malware),
        confidence: confidence(written.confidence)?.unwrap_or(options.confidence),
        valid_from: time(written.valid_from)?,
        valid_until: time(written.valid_until)?,
        seen: known.and_then(|known| survey.links.seen(known)),
        reference: reference.as_deref(),
        tags: tags.kept(),
        ..Facts::of(options)
    };
    if flag(written.revoked) == Some(true) {
        facts.state = IndicatorState::Revoked;
    }
    facts.check_validity()?;
    rows.note_date(Some(version.since).filter(|since| *since > EventTime::MIN));
    let meaning = pattern::parse(&pattern)?;
    let mut outcome = meaning.refused.map_or(Ok(Row::Accepted), Err);
    for listed in &meaning.listed {
        let offered = offer(listed, options, &facts, rows);
        outcome = outcome.and_then(|row| offered.map(|()| row));
    }
    if tags.dropped() && outcome.is_ok() {
        rows.remark(reason::TAGS_DROPPED);
    }
    outcome
}

/// Offers one value of a pattern.
fn offer(
    listed: &Listed,
    options: &ParseOptions<'_>,
    facts: &Facts<'_>,
    rows: &mut Rows<'_>,
) -> Result<(), Reason> {
    let bare = options.bare();
    match listed {
        Listed::Name(name) | Listed::Peer(name) => rows.offer(name, bare, facts),
        Listed::Address(address) => rows.offer_address(address, facts),
        Listed::Url(url) => rows.offer_url(url, bare, facts),
        Listed::PeerPort(peer, port) if parse_address(peer).is_ok() => {
            rows.offer_endpoint(peer, port, facts)
        }
        Listed::PeerPort(peer, _) if peer.contains('/') => Err(reason::UNSUPPORTED_PATTERN),
        Listed::PeerPort(peer, _) => {
            rows.offer(peer, bare, facts)?;
            rows.remark(reason::PORT_DROPPED);
            Ok(())
        }
    }
}

/// The role of an indicator whose feed has the role `feed`.
///
/// # Errors
/// [`reason::NOT_FOR_DETECTION`] when it says that what it lists is harmless.
fn role(written: &Written<'_>, feed: Role) -> Result<Role, Reason> {
    if feed == Role::Allow {
        return Ok(feed);
    }
    let types = words(written.indicator_types.or(written.labels));
    let only = |wanted| !types.is_empty() && types.iter().all(|kind| kind == wanted);
    if only("benign") {
        return Err(reason::NOT_FOR_DETECTION);
    }
    Ok(if only("anomalous-activity") {
        Role::Suspicious
    } else {
        feed
    })
}

/// The first link in a list of references.
fn reference(references: Field<'_>) -> Option<Cow<'_, str>> {
    let mut found = None;
    each_entry(references?, &mut |entry| {
        if found.is_none() {
            found = object::<Reference<'_>>(entry)
                .ok()
                .and_then(|entry| text(entry.url));
        }
    });
    found
}
