//! `misp`: events as files of a feed directory, as exports, or as answers of the interface. The
//! other files of such a directory (`manifest.json`, `hashes.csv`) list no indicators and do no
//! harm.
//!
//! An event may be huge, and most of its attributes of no use to us: those are refused with
//! reasons that say so. Events and attributes may be there in several versions: only the newest of all
//! files of the feed counts, so that none brings back what was deleted since.

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
use super::survey::{Id, OBJECTS_MAX, Survey, Version};
use crate::model::EventTime;

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
    /// When it was changed last, in seconds since the epoch.
    #[serde(borrow, default)]
    timestamp: Field<'d>,
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
    /// Since when it is as it is.
    since: Option<EventTime>,
    /// Whether there is a newer version of it.
    outdated: bool,
    /// Whether the object that they are in was deleted.
    deleted: bool,
}

/// Notes which versions a whole file, the `file`-th of its feed, holds.
///
/// # Errors
/// [`FeedError`] `Read` or `TooLarge`, and `Document` when it is not whole, or holds too many.
pub(super) fn look(lines: &mut Lines, file: u32, survey: &mut Survey) -> Result<(), FeedError> {
    let document = Document::read(lines)?;
    if holds_hashes(&document) {
        return Ok(());
    }
    match document.root()? {
        Some(root) => look_at(&document, root, file, survey),
        None => Ok(()),
    }
}

/// Notes which versions a document holds.
fn look_at(
    document: &Document,
    root: &RawValue,
    file: u32,
    survey: &mut Survey,
) -> Result<(), FeedError> {
    let mut events = Events {
        document,
        places: document.places(),
        file,
        aim: Aim::Look(survey),
    };
    // Whatever else it may be is told when it is parsed.
    events.value(root, DEPTH_MAX);
    survey.check_room(document)
}

/// Parses a whole file. `known` is what all files of its feed hold, with the number of this one;
/// without it there is no other.
///
/// # Errors
/// [`FeedError`] `Read` or `TooLarge`, and `Document` when it is not whole, or neither events nor a
/// file that stands beside them, or too many.
pub(super) fn parse(
    lines: &mut Lines,
    options: &ParseOptions<'_>,
    known: Option<(&Survey, u32)>,
    rows: &mut Rows<'_>,
) -> Result<(), FeedError> {
    let document = Document::read(lines)?;
    if holds_hashes(&document) {
        count_hashes(&document, rows);
        return Ok(());
    }
    let Some(root) = document.root()? else {
        return Ok(());
    };
    let mut own = Survey::of(OBJECTS_MAX);
    let (survey, file) = match known {
        Some(known) => known,
        None => {
            look_at(&document, root, 0, &mut own)?;
            (&own, 0)
        }
    };
    let mut events = Events {
        document: &document,
        places: document.places(),
        file,
        aim: Aim::Take {
            survey,
            options,
            rows,
        },
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

/// The lines of a document that are not blank.
fn filled(document: &Document) -> impl Iterator<Item = &str> {
    let lines = document.text().lines();
    lines.filter(|line| !line.trim().is_empty())
}

/// Whether the file is `hashes.csv` (hash of a value, event).
fn holds_hashes(document: &Document) -> bool {
    filled(document).next().is_some() && filled(document).all(is_hash_row)
}

/// Counts the rows of `hashes.csv`.
fn count_hashes(document: &Document, rows: &mut Rows<'_>) {
    let mut places = document.places();
    for row in filled(document) {
        rows.count(places.line_of(row), Ok(Row::Ignored));
    }
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

/// What for events are walked over.
enum Aim<'e, 't, 'o> {
    /// To know their versions.
    Look(&'e mut Survey),
    /// To take what they list.
    Take {
        /// What versions there are.
        survey: &'e Survey,
        /// What holds where an attribute says nothing.
        options: &'e ParseOptions<'o>,
        /// Where attributes are counted.
        rows: &'e mut Rows<'t>,
    },
}

/// Where events go.
struct Events<'e, 't, 'd, 'o> {
    /// The document.
    document: &'d Document,
    /// Its lines.
    places: Places<'d>,
    /// Which file of the feed it is.
    file: u32,
    /// What becomes of them.
    aim: Aim<'e, 't, 'o>,
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
        let since = seconds(event.timestamp);
        let mut shared = Shared {
            reference: text(event.uuid).or_else(|| text(event.info)),
            tags: words(event.tags),
            since,
            // Of events without a time, none is newer.
            outdated: since.is_some_and(|since| self.is_outdated(event.uuid, since, value)),
            deleted: false,
        };
        if let Aim::Take { rows, .. } = &mut self.aim {
            rows.note_date(since);
        }
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
        let listed = each_entry(attributes, &mut |entry| self.attribute(entry, shared));
        if !listed {
            self.refuse(attributes);
        }
    }

    /// Takes an attribute. What an event says of it holds since the event is as it is.
    fn attribute(&mut self, entry: &'d RawValue, shared: &Shared<'_>) {
        let stamped = object::<Stamped<'_>>(entry);
        let outdated = stamped.is_ok_and(|stamped| {
            let since = shared.since.or_else(|| seconds(stamped.timestamp));
            self.is_outdated(stamped.uuid, since.unwrap_or(EventTime::MIN), entry)
        });
        if let Aim::Take { options, rows, .. } = &mut self.aim {
            let line = self.places.line(entry);
            let outcome = if outdated || shared.outdated {
                Ok(Row::Ignored)
            } else {
                attribute::take(entry, shared, options, rows)
            };
            rows.count(line, outcome);
        }
    }

    /// Whether there is a newer version of what has the id `uuid` and is as in `value` since then; while
    /// versions are only noted, this is one of them, and nothing is outdated.
    fn is_outdated(&mut self, uuid: Field<'d>, since: EventTime, value: &'d RawValue) -> bool {
        let Some(uuid) = text(uuid) else {
            return false;
        };
        let version = Version {
            since,
            file: self.file,
            at: self.document.offset(value.get()),
        };
        match &mut self.aim {
            Aim::Look(survey) if survey.is_full() => false,
            Aim::Look(survey) => {
                survey.versions.add(Id::of(&uuid), version);
                false
            }
            Aim::Take { survey, .. } => survey.versions.is_outdated(Id::of(&uuid), version),
        }
    }

    /// Counts a row that needs no more than that.
    fn count(&mut self, entry: &'d RawValue, outcome: Result<Row, Reason>) {
        if let Aim::Take { rows, .. } = &mut self.aim {
            let line: Line<'_> = self.places.line(entry);
            rows.count(line, outcome);
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
            self.count(entry, Ok(Row::Ignored));
        }
        true
    }

    /// Counts what stands where an event, an object or attributes should.
    fn refuse(&mut self, entry: &'d RawValue) {
        self.count(entry, Err(reason::BAD_JSON));
    }
}

/// An attribute, as far as its version goes.
#[derive(Deserialize)]
struct Stamped<'d> {
    /// The id that is the same everywhere.
    #[serde(borrow, default)]
    uuid: Field<'d>,
    /// When it was changed last.
    #[serde(borrow, default)]
    timestamp: Field<'d>,
}

/// The instant so many seconds after the epoch; none for what is no such number, and for 0.
fn seconds(field: Field<'_>) -> Option<EventTime> {
    let seconds = text(field)?.parse().ok().filter(|&seconds| seconds != 0)?;
    EventTime::from_parts(seconds, 0).ok()
}
