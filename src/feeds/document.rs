//! Files that are one JSON document: walks over its lists without holding them, knows on which
//! line an entry starts, and reads fields that different makers write in different ways.
//!
//! Entries stay raw text until somebody looks at them, so that one bad entry is a refused row and
//! not a refused document.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::blocks::{Line, Lines};
use super::error::FeedError;
use super::reason::{self, Reason};
use super::rows::TAGS_MAX;
use crate::model::EventTime;

/// A file that is one document.
pub(super) struct Document {
    /// The file, for errors.
    path: PathBuf,
    /// All of it.
    text: String,
}

impl Document {
    /// Reads all that is left of a file. Bytes that are not UTF-8 are replaced: where they matter,
    /// the replacement is part of no name.
    ///
    /// # Errors
    /// [`FeedError`] `Read` or `TooLarge`.
    pub(super) fn read(lines: &mut Lines) -> Result<Self, FeedError> {
        let text = String::from_utf8(lines.document()?)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
        Ok(Self {
            path: lines.path().to_owned(),
            text,
        })
    }

    /// The text.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The value that the file is; `None` if there is nothing in it.
    ///
    /// # Errors
    /// [`FeedError::Document`] when it is not JSON, or not all of it.
    pub(super) fn root(&self) -> Result<Option<&RawValue>, FeedError> {
        if self.text.trim_ascii().is_empty() {
            return Ok(None);
        }
        serde_json::from_str(&self.text).map(Some).map_err(|error| {
            let text = error.to_string();
            let problem = text.split(" at line ").next().unwrap_or_default();
            let line = u64::try_from(error.line()).unwrap_or(u64::MAX);
            self.error(line, format!("not JSON: {problem}"))
        })
    }

    /// An error about the document as a whole.
    pub(super) fn error(&self, line: u64, problem: String) -> FeedError {
        FeedError::Document {
            path: self.path.clone(),
            line,
            problem,
        }
    }

    /// Where the part `entry` of the document starts.
    pub(super) fn offset(&self, entry: &str) -> usize {
        offset(&self.text, entry)
    }

    /// Finds the lines of entries.
    pub(super) fn places(&self) -> Places<'_> {
        Places {
            text: &self.text,
            at: 0,
            number: 1,
        }
    }
}

/// Tells on which line an entry starts; cheap for entries near the one asked for before.
pub(super) struct Places<'d> {
    /// The document.
    text: &'d str,
    /// Where the entry starts that was asked for last.
    at: usize,
    /// Its line, from 1.
    number: u64,
}

impl<'d> Places<'d> {
    /// The entry `raw` of the document as a line to be counted.
    pub(super) fn line(&mut self, raw: &'d RawValue) -> Line<'d> {
        self.line_of(raw.get())
    }

    /// The part `entry` of the document as a line to be counted.
    pub(super) fn line_of(&mut self, entry: &'d str) -> Line<'d> {
        let at = offset(self.text, entry);
        let bytes = self.text.as_bytes();
        let between = |from: usize, to: usize| {
            let lines = memchr::memchr_iter(b'\n', bytes.get(from..to).unwrap_or_default()).count();
            u64::try_from(lines).unwrap_or(u64::MAX)
        };
        if at >= self.at {
            self.number += between(self.at, at);
        } else {
            self.number = self.number.saturating_sub(between(at, self.at));
        }
        self.at = at;
        Line {
            number: self.number,
            bytes: entry.as_bytes(),
            too_long: false,
        }
    }
}

/// Where the part `entry` of `text` starts.
fn offset(text: &str, entry: &str) -> usize {
    entry.as_ptr().addr().saturating_sub(text.as_ptr().addr())
}

/// A field as it stands in an entry; `None` when it is absent or `null`.
pub(super) type Field<'d> = Option<&'d RawValue>;

/// Hands the entries of a list to `each`. `false` when `raw` is not a list.
pub(super) fn each_entry<'d>(raw: &'d RawValue, each: &mut dyn FnMut(&'d RawValue)) -> bool {
    serde_json::Deserializer::from_str(raw.get())
        .deserialize_seq(Entries(each))
        .is_ok()
}

/// Hands the members of an object to `each`, in their order. `false` when `raw` is not an object,
/// or from the first member on whose name is not text.
pub(super) fn each_member<'d>(
    raw: &'d RawValue,
    each: &mut dyn FnMut(Cow<'d, str>, &'d RawValue),
) -> bool {
    serde_json::Deserializer::from_str(raw.get())
        .deserialize_map(Members(each))
        .is_ok()
}

/// Whether `raw` is a list.
pub(super) fn is_list(raw: &RawValue) -> bool {
    raw.get().starts_with('[')
}

/// Whether `raw` is an object.
pub(super) fn is_object(raw: &RawValue) -> bool {
    raw.get().starts_with('{')
}

/// The object that an entry is.
///
/// # Errors
/// [`reason::BAD_JSON`] when it is not an object with fields of these kinds.
pub(super) fn object<'d, T: Deserialize<'d>>(raw: &'d RawValue) -> Result<T, Reason> {
    // A list would do as well, its entries in the order of the fields.
    if !is_object(raw) {
        return Err(reason::BAD_JSON);
    }
    serde_json::from_str(raw.get()).map_err(|_| reason::BAD_JSON)
}

/// What a field says, white space around it removed: a string, or a number or truth value as it is
/// written. `None` for what is blank, and for lists and objects.
pub(super) fn text(field: Field<'_>) -> Option<Cow<'_, str>> {
    let written = field?.get();
    let text = match written.as_bytes().first()? {
        b'"' => serde_json::from_str::<Text<'_>>(written).ok()?.0,
        b'{' | b'[' => return None,
        _ => Cow::Borrowed(written),
    };
    let trimmed = match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    };
    (!trimmed.is_empty()).then_some(trimmed)
}

/// Whether a field says yes, also as a string or a number; `None` when it says neither.
pub(super) fn flag(field: Field<'_>) -> Option<bool> {
    let said = text(field)?;
    let yes = said == "1" || said.eq_ignore_ascii_case("true");
    let no = said == "0" || said.eq_ignore_ascii_case("false");
    (yes || no).then_some(yes)
}

/// A confidence from 0 to 100, also as a string.
///
/// # Errors
/// [`reason::BAD_CONFIDENCE`] for everything else.
pub(super) fn confidence(field: Field<'_>) -> Result<Option<u8>, Reason> {
    let Some(raw) = field else {
        return Ok(None);
    };
    if raw.get() == "\"\"" {
        return Ok(None);
    }
    text(field)
        .and_then(|text| text.parse().ok())
        .filter(|&confidence| confidence <= 100)
        .map(Some)
        .ok_or(reason::BAD_CONFIDENCE)
}

/// An instant: RFC 3339, or without an offset and then in UTC (`2026-01-01 00:00:00`, with or
/// without `UTC`, or only the date).
///
/// # Errors
/// [`reason::BAD_TIME`] for everything else.
pub(super) fn time(field: Field<'_>) -> Result<Option<EventTime>, Reason> {
    let Some(text) = text(field) else {
        return Ok(None);
    };
    if let Ok(time) = EventTime::parse_rfc3339(&text) {
        return Ok(Some(time));
    }
    let bare = text.strip_suffix("UTC").unwrap_or(&text).trim_end();
    let day = bare.len() == 10;
    let whole = format!("{bare}{}Z", if day { "T00:00:00" } else { "" });
    EventTime::parse_rfc3339(&whole)
        .map(Some)
        .map_err(|_| reason::BAD_TIME)
}

/// The newest of some instants, written as [`time`] reads them; what is none is left out.
pub(super) fn newest<'d>(fields: impl IntoIterator<Item = Field<'d>>) -> Option<EventTime> {
    let times = fields.into_iter().map(|field| time(field).ok().flatten());
    times.max().flatten()
}

/// The words of a field: a list of strings, a list of objects with a `name`, or one string with
/// commas. At most one more than a row may have tags.
pub(super) fn words(field: Field<'_>) -> Vec<Cow<'_, str>> {
    let mut words = Vec::new();
    let Some(raw) = field else {
        return words;
    };
    let room = |words: &Vec<_>| words.len() <= TAGS_MAX;
    if is_list(raw) {
        each_entry(raw, &mut |entry| {
            if room(&words) {
                words.extend(text(Some(entry)).or_else(|| name(entry)));
            }
        });
    } else if let Some(text) = text(field) {
        let parts = text.split(',').map(str::trim);
        let filled = parts.filter(|part| !part.is_empty());
        words.extend(
            filled
                .take(TAGS_MAX + 1)
                .map(|part| Cow::Owned(part.to_owned())),
        );
    }
    words
}

/// The `name` of an object.
fn name(raw: &RawValue) -> Option<Cow<'_, str>> {
    let named: NamedObject<'_> = object(raw).ok()?;
    text(named.name)
}

/// An object of which only the name matters.
#[derive(Deserialize)]
struct NamedObject<'d> {
    /// The name.
    #[serde(borrow, default)]
    name: Field<'d>,
}

/// A string, borrowed where it holds no escape.
#[derive(Deserialize)]
struct Text<'d>(#[serde(borrow)] Cow<'d, str>);

/// Hands out the entries of a list.
struct Entries<'f, 'd>(&'f mut dyn FnMut(&'d RawValue));

impl<'d> Visitor<'d> for Entries<'_, 'd> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'d>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(entry) = list.next_element::<&'d RawValue>()? {
            (self.0)(entry);
        }
        Ok(())
    }
}

/// Hands out the members of an object.
struct Members<'f, 'd>(&'f mut dyn FnMut(Cow<'d, str>, &'d RawValue));

impl<'d> Visitor<'d> for Members<'_, 'd> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'d>>(self, mut object: A) -> Result<(), A::Error> {
        while let Some(name) = object.next_key::<Text<'d>>()? {
            (self.0)(name.0, object.next_value::<&'d RawValue>()?);
        }
        Ok(())
    }
}
