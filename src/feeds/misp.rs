//! `misp`: events as files of a feed directory, as exports, or as answers of the interface. The
//! other files of such a directory (`manifest.json`, `hashes.csv`) list no indicators and do no
//! harm.
//!
//! An event may be huge, and most of its attributes of no use to us: those are refused with
//! reasons that say so.

mod attribute;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::ParseOptions;
use super::blocks::{Line, Lines};
use super::document::{
    Document, Field, Places, each_entry, each_member, flag, is_list, is_object, object, text, words,
};
use super::error::FeedError;
use super::reason::{self, Reason};
use super::rows::{Row, Rows};

/// Lists may hold lists of events, but not for ever.
const DEPTH_MAX: usize = 6;

/// An event, or what holds attributes as one does. Everything else about it is left alone.
#[derive(Deserialize)]
struct Event<'d> {
    /// The id that is the same everywhere.
    #[serde(borrow, default)]
    uuid: Field<'d>,
    /// The title.
    #[serde(borrow, default)]
    info: Field<'d>,
    /// Tags of all its attributes.
    #[serde(borrow, default, rename = "Tag")]
    tags: Field<'d>,
    /// The attributes that belong to no object.
    #[serde(borrow, default, rename = "Attribute")]
    attributes: Field<'d>,
    /// The objects, with attributes of their own.
    #[serde(borrow, default, rename = "Object")]
    objects: Field<'d>,
}

/// What stands around events, or an event without anything around it.
#[derive(Deserialize)]
struct Around<'d> {
    /// An event.
    #[serde(borrow, default, rename = "Event")]
    event: Field<'d>,
    /// The answer of the interface: events, or attributes.
    #[serde(borrow, default)]
    response: Field<'d>,
    /// The attributes of an event.
    #[serde(borrow, default, rename = "Attribute")]
    attributes: Field<'d>,
    /// The objects of an event.
    #[serde(borrow, default, rename = "Object")]
    objects: Field<'d>,
    /// The title of an event.
    #[serde(borrow, default)]
    info: Field<'d>,
    /// What the interface says when there is nothing to say.
    #[serde(borrow, default)]
    message: Field<'d>,
}

/// An object of an event.
#[derive(Deserialize)]
struct Object<'d> {
    /// Whether it was deleted, with all its attributes.
    #[serde(borrow, default)]
    deleted: Field<'d>,
    /// Its attributes.
    #[serde(borrow, default, rename = "Attribute")]
    attributes: Field<'d>,
}

/// What an event says about all its attributes.
#[derive(Default)]
struct Shared<'d> {
    /// Where to read about them.
    reference: Option<Cow<'d, str>>,
    /// Their tags.
    tags: Vec<Cow<'d, str>>,
    /// Whether the object that they are in was deleted.
    deleted: bool,
}

/// Parses a whole file.
///
/// # Errors
/// [`FeedError`] `Read` or `TooLarge`, and `Document` when it is not whole, or neither events nor a
/// file that stands beside them.
pub(super) fn parse(
    lines: &mut Lines,
    options: &ParseOptions<'_>,
    rows: &mut Rows<'_>,
) -> Result<(), FeedError> {
    let document = Document::read(lines)?;
    if count_hashes(&document, rows) {
        return Ok(());
    }
    let Some(root) = document.root()? else {
        return Ok(());
    };
    let mut events = Events {
        places: document.places(),
        options,
        rows,
    };
    if events.value(root, DEPTH_MAX) || events.manifest(root) {
        return Ok(());
    }
    let said = object::<Around<'_>>(root)
        .ok()
        .and_then(|around| text(around.message));
    let problem = match said {
        Some(message) => format!("no event, but the message `{message}`"),
        None => "neither events of MISP nor the manifest of a feed".to_owned(),
    };
    Err(document.error(1, problem))
}

/// Counts the rows of `hashes.csv` (hash of a value, event), if the file is that.
fn count_hashes(document: &Document, rows: &mut Rows<'_>) -> bool {
    let filled = || {
        document
            .text()
            .lines()
            .filter(|line| !line.trim().is_empty())
    };
    if filled().next().is_none() || !filled().all(is_hash_row) {
        return false;
    }
    let mut places = document.places();
    for row in filled() {
        rows.count(places.line_of(row), Ok(Row::Ignored));
    }
    true
}

/// Whether a line is a hash and the id of an event.
fn is_hash_row(line: &str) -> bool {
    let Some((hash, event)) = line.trim().split_once(',') else {
        return false;
    };
    hash.len() == 32 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) && is_uuid(event)
}

/// Whether `text` looks like the id of an event.
fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

/// Where events go.
struct Events<'e, 't, 'd, 'o> {
    /// The lines of the document.
    places: Places<'d>,
    /// What holds where an attribute says nothing.
    options: &'e ParseOptions<'o>,
    /// Where attributes are counted.
    rows: &'e mut Rows<'t>,
}

impl<'d> Events<'_, '_, 'd, '_> {
    /// Takes an event, or lists of events with whatever is around them, `depth` deep. `false` when
    /// `value` is nothing of that.
    fn value(&mut self, value: &'d RawValue, depth: usize) -> bool {
        let Some(deeper) = depth.checked_sub(1) else {
            return false;
        };
        if is_list(value) {
            return each_entry(value, &mut |entry| {
                if !self.value(entry, deeper) {
                    self.refuse(entry);
                }
            });
        }
        let Ok(around) = object::<Around<'_>>(value) else {
            return false;
        };
        let event = around.attributes.or(around.objects).or(around.info);
        match (around.event.or(around.response), event) {
            // Attributes that were searched for have their events inside.
            (Some(inside), None) => self.value(inside, deeper),
            (Some(_) | None, Some(_)) => self.event(value),
            (None, None) => false,
        }
    }

    /// Takes an event. `false` when it is none.
    fn event(&mut self, value: &'d RawValue) -> bool {
        let Ok(event) = object::<Event<'_>>(value) else {
            return false;
        };
        let mut shared = Shared {
            reference: text(event.uuid).or_else(|| text(event.info)),
            tags: words(event.tags),
            deleted: false,
        };
        self.attributes(event.attributes, &shared);
        let Some(objects) = event.objects else {
            return true;
        };
        let listed = each_entry(objects, &mut |entry| match object::<Object<'_>>(entry) {
            Ok(object) => {
                shared.deleted = flag(object.deleted) == Some(true);
                self.attributes(object.attributes, &shared);
            }
            Err(_) => self.refuse(entry),
        });
        if !listed {
            self.refuse(objects);
        }
        true
    }

    /// Takes a list of attributes.
    fn attributes(&mut self, attributes: Field<'d>, shared: &Shared<'_>) {
        let Some(attributes) = attributes else {
            return;
        };
        let listed = each_entry(attributes, &mut |entry| {
            let line = self.places.line(entry);
            let outcome = attribute::take(entry, shared, self.options, self.rows);
            self.rows.count(line, outcome);
        });
        if !listed {
            self.refuse(attributes);
        }
    }

    /// Counts the entries of a manifest. `false` when `value` is none.
    fn manifest(&mut self, value: &'d RawValue) -> bool {
        let mut entries = Vec::new();
        let mut fit = is_object(value);
        let read = each_member(value, &mut |id, event| {
            fit = fit && is_uuid(&id) && is_object(event);
            if fit {
                entries.push(event);
            }
        });
        if !(fit && read) {
            return false;
        }
        for entry in entries {
            let line = self.places.line(entry);
            self.rows.count(line, Ok(Row::Ignored));
        }
        true
    }

    /// Counts what stands where an event, an object or attributes should.
    fn refuse(&mut self, entry: &'d RawValue) {
        let line: Line<'_> = self.places.line(entry);
        let outcome: Result<Row, Reason> = Err(reason::BAD_JSON);
        self.rows.count(line, outcome);
    }
}
