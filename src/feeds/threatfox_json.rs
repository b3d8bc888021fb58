//! `threatfox-json`: the exports of ThreatFox, where every id has a list of entries, and the answer
//! of its programming interface, where the entries are `data`.

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::ParseOptions;
use super::abuse_ch;
use super::blocks::Lines;
use super::document::{
    Document, Field, Places, confidence, each_entry, each_member, is_list, newest, object, text,
    time, words,
};
use super::error::FeedError;
use super::reason::{self, Reason};
use super::rows::{Facts, Row, Rows, Tags};

/// An entry as written: in an export, and where the interface has other names, those.
#[derive(Deserialize)]
struct Written<'d> {
    /// The value.
    #[serde(borrow, default, alias = "ioc")]
    ioc_value: Field<'d>,
    /// What kind of value it is.
    #[serde(borrow, default)]
    ioc_type: Field<'d>,
    /// The id; an export has it outside.
    #[serde(borrow, default, alias = "ioc_id")]
    id: Field<'d>,
    /// What it is used for.
    #[serde(borrow, default)]
    threat_type: Field<'d>,
    /// The key of the malware family (`win.lumma`).
    #[serde(borrow, default)]
    malware: Field<'d>,
    /// 0 to 100.
    #[serde(borrow, default)]
    confidence_level: Field<'d>,
    /// When it was first seen, in UTC.
    #[serde(borrow, default, alias = "first_seen")]
    first_seen_utc: Field<'d>,
    /// When it was last seen, in UTC.
    #[serde(borrow, default, alias = "last_seen")]
    last_seen_utc: Field<'d>,
    /// A link.
    #[serde(borrow, default)]
    reference: Field<'d>,
    /// Free words, with commas or in a list.
    #[serde(borrow, default)]
    tags: Field<'d>,
}

/// The answer of the interface, as far as it matters.
#[derive(Deserialize)]
struct Answer<'d> {
    /// `ok`, or what went wrong.
    #[serde(borrow, default)]
    query_status: Field<'d>,
    /// The entries.
    #[serde(borrow, default)]
    data: Field<'d>,
}

/// Parses a whole file.
///
/// # Errors
/// [`FeedError`] `Read` or `TooLarge`, and `Document` when it is not whole, neither an export nor an
/// answer, or an answer that says why there are no entries.
pub(super) fn parse(
    lines: &mut Lines,
    options: &ParseOptions<'_>,
    rows: &mut Rows<'_>,
) -> Result<(), FeedError> {
    let document = Document::read(lines)?;
    let Some(root) = document.root()? else {
        return Ok(());
    };
    let mut entries = Entries {
        places: document.places(),
        options,
        rows,
    };
    if is_list(root) {
        each_entry(root, &mut |entry| entries.entry(entry, None));
        return Ok(());
    }
    let wrong = |problem: &str| document.error(1, problem.to_owned());
    let answer: Answer<'_> =
        object(root).map_err(|_| wrong("neither an export nor an answer of ThreatFox"))?;
    if answer.query_status.is_none() && answer.data.is_none() {
        let all = each_member(root, &mut |id, of_id| entries.of_id(&id, of_id));
        return if all {
            Ok(())
        } else {
            Err(wrong("an id that is not text"))
        };
    }
    let status = text(answer.query_status).unwrap_or(Cow::Borrowed("ok"));
    if status != "ok" {
        return Err(document.error(1, format!("the query status is `{status}`")));
    }
    match answer.data.filter(|data| is_list(data)) {
        Some(data) => {
            each_entry(data, &mut |entry| entries.entry(entry, None));
            Ok(())
        }
        None => Err(wrong("an answer without a list of entries")),
    }
}

/// Where entries go.
struct Entries<'e, 't, 'd, 'o> {
    /// The lines of the document.
    places: Places<'d>,
    /// What holds where an entry says nothing.
    options: &'e ParseOptions<'o>,
    /// Where they are counted.
    rows: &'e mut Rows<'t>,
}

impl<'d> Entries<'_, '_, 'd, '_> {
    /// Takes the entries of an id.
    fn of_id(&mut self, id: &str, of_id: &'d RawValue) {
        if is_list(of_id) {
            each_entry(of_id, &mut |entry| self.entry(entry, Some(id)));
        } else {
            self.entry(of_id, Some(id));
        }
    }

    /// Takes and counts an entry, which has the id `id` unless it has its own.
    fn entry(&mut self, entry: &'d RawValue, id: Option<&str>) {
        let line = self.places.line(entry);
        let outcome = take(entry, id, self.options, self.rows);
        self.rows.count(line, outcome);
    }
}

/// Offers what an entry lists.
fn take(
    entry: &RawValue,
    id: Option<&str>,
    options: &ParseOptions<'_>,
    rows: &mut Rows<'_>,
) -> Result<Row, Reason> {
    let written: Written<'_> = object(entry)?;
    let own_id = text(written.id);
    let threat = text(written.threat_type);
    let malware = filled(written.malware).filter(|malware| malware != "unknown");
    let reference = filled(written.reference);
    let words = words(written.tags);
    let tags = Tags::of(words.iter().map(|word| &**word));
    let facts = Facts {
        id: own_id.as_deref().or(id),
        role: threat
            .as_deref()
            .and_then(abuse_ch::role)
            .unwrap_or(options.role),
        malware: malware.as_deref().or(options.malware),
        confidence: confidence(written.confidence_level)?.unwrap_or(options.confidence),
        seen: time(written.first_seen_utc)?.max(newest([written.last_seen_utc])),
        reference: reference.as_deref(),
        tags: tags.kept(),
        ..Facts::of(options)
    };
    let value = text(written.ioc_value).ok_or(reason::EMPTY_VALUE)?;
    match &*text(written.ioc_type).unwrap_or_default() {
        "domain" | "ip:port" => rows.offer(&value, options.bare(), &facts)?,
        "url" => rows.offer_url(&value, options.bare(), &facts)?,
        kind if kind.contains("hash") => return Err(reason::HASH),
        "envelope_from" | "body_from" | "email" => return Err(reason::EMAIL),
        _ => return Err(reason::UNKNOWN_TYPE),
    }
    if tags.dropped() {
        rows.remark(reason::TAGS_DROPPED);
    }
    Ok(Row::Accepted)
}

/// What a field says, unless it is the word for nothing.
fn filled(field: Field<'_>) -> Option<Cow<'_, str>> {
    text(field).filter(|text| text != "None")
}
