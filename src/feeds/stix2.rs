//! `stix2`: the indicators of a bundle, of a list of objects, or of objects one a line. Other objects
//! list nothing; those that say which malware an indicator indicates are looked at before.
//!
//! An object may be there in several versions: only the newest of all files of the feed counts, wherever
//! it stands.

mod graph;
mod indicator;
mod pattern;
#[cfg(test)]
mod tests;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::ParseOptions;
use super::blocks::Lines;
use super::document::{Document, Field, each_entry, is_list, object, text};
use super::error::FeedError;
use super::reason;
use super::rows::Rows;
use super::survey::{OBJECTS_MAX, Survey};
pub(super) use graph::Links;

/// Lists may hold bundles, but not for ever.
const DEPTH_MAX: usize = 4;

/// What stands around objects.
#[derive(Deserialize)]
struct Around<'d> {
    /// `bundle`, or the type of an object; the envelope of a server has none.
    #[serde(borrow, default, rename = "type")]
    kind: Field<'d>,
    /// The objects.
    #[serde(borrow, default)]
    objects: Field<'d>,
}

/// Notes what the objects of a whole file, the `file`-th of its feed, say about others.
///
/// # Errors
/// As [`parse`].
pub(super) fn look(lines: &mut Lines, file: u32, survey: &mut Survey) -> Result<(), FeedError> {
    let document = Document::read(lines)?;
    match Parts::of(&document)? {
        Some(parts) => look_at(&document, parts, file, survey),
        None => Ok(()),
    }
}

/// Notes what the objects of a document say about others.
fn look_at<'d>(
    document: &'d Document,
    parts: Parts<'d>,
    file: u32,
    survey: &mut Survey,
) -> Result<(), FeedError> {
    parts.each(&mut |entry| {
        if let (Ok(entry), false) = (entry, survey.is_full()) {
            graph::note(survey, entry, file, document.offset(entry.get()));
        }
    });
    survey.check_room(document)
}

/// Parses a whole file. `known` is what all files of its feed say, with the number of this one;
/// without it there is no other.
///
/// # Errors
/// [`FeedError`] `Read` or `TooLarge`, and `Document` when it is not whole, or not objects in any of
/// the ways above, or too many.
pub(super) fn parse(
    lines: &mut Lines,
    options: &ParseOptions<'_>,
    known: Option<(&Survey, u32)>,
    rows: &mut Rows<'_>,
) -> Result<(), FeedError> {
    let document = Document::read(lines)?;
    let Some(parts) = Parts::of(&document)? else {
        return Ok(());
    };
    let mut own = Survey::of(OBJECTS_MAX);
    let (survey, file) = match known {
        Some(known) => known,
        None => {
            look_at(&document, parts, 0, &mut own)?;
            (&own, 0)
        }
    };
    let mut places = document.places();
    parts.each(&mut |entry| {
        let (line, outcome) = match entry {
            Ok(entry) => {
                let line = places.line(entry);
                let place = (survey, file, document.offset(entry.get()));
                (line, indicator::take(entry, place, options, rows))
            }
            Err(text) => (places.line_of(text), Err(reason::BAD_JSON)),
        };
        rows.count(line, outcome);
    });
    Ok(())
}

/// Whether a value is, or holds, objects.
///
/// # Errors
/// What is wrong with it.
fn check_root(root: &RawValue) -> Result<(), &'static str> {
    if is_list(root) {
        return Ok(());
    }
    let around: Around<'_> = object(root).map_err(|_| "neither objects nor a list of them")?;
    if around.kind.is_none() && around.objects.is_none() {
        return Err("an object without a type that holds no objects");
    }
    Ok(())
}

/// Whether the first line that is not blank is an object by itself.
fn starts_with_an_object(document: &Document) -> bool {
    let mut lines = document.text().lines().map(str::trim);
    let first = lines.find(|line| !line.is_empty()).unwrap_or_default();
    first.starts_with('{') && serde_json::from_str::<&RawValue>(first).is_ok()
}

/// What a file is made of.
#[derive(Clone, Copy)]
enum Parts<'d> {
    /// One value.
    One(&'d RawValue),
    /// Values, one a line.
    Lines(&'d str),
}

impl<'d> Parts<'d> {
    /// What `document` is made of; `None` if there is nothing in it.
    ///
    /// # Errors
    /// [`FeedError::Document`] when it is not whole, or not objects.
    fn of(document: &'d Document) -> Result<Option<Self>, FeedError> {
        let root = match document.root() {
            Ok(None) => return Ok(None),
            Ok(Some(root)) => root,
            Err(_) if starts_with_an_object(document) => {
                return Ok(Some(Self::Lines(document.text())));
            }
            Err(error) => return Err(error),
        };
        check_root(root).map_err(|problem| document.error(1, problem.to_owned()))?;
        Ok(Some(Self::One(root)))
    }

    /// Hands out every object, and every line that is none.
    fn each(self, each: &mut dyn FnMut(Result<&'d RawValue, &'d str>)) {
        match self {
            Self::One(root) => each_object(root, DEPTH_MAX, each),
            Self::Lines(text) => {
                let lines = text.lines().map(str::trim);
                for line in lines.filter(|line| !line.is_empty()) {
                    match serde_json::from_str(line) {
                        Ok(value) => each_object(value, DEPTH_MAX, each),
                        Err(_) => each(Err(line)),
                    }
                }
            }
        }
    }
}

/// Hands out the objects in `value`, or `value` if it holds none; what holds others deeper than
/// `depth` is none.
fn each_object<'d>(
    value: &'d RawValue,
    depth: usize,
    each: &mut dyn FnMut(Result<&'d RawValue, &'d str>),
) {
    let inside = match object::<Around<'_>>(value) {
        Ok(around) if holds_objects(&around) => around.objects,
        Ok(_) => None,
        Err(_) => is_list(value).then_some(value),
    };
    match (inside, depth.checked_sub(1)) {
        (Some(list), Some(deeper)) => {
            each_entry(list, &mut |entry| each_object(entry, deeper, each));
        }
        (Some(_), None) => each(Err(value.get())),
        (None, _) => each(Ok(value)),
    }
}

/// Whether this is a bundle or an envelope, with a list.
fn holds_objects(around: &Around<'_>) -> bool {
    let kind = text(around.kind);
    kind.is_none_or(|kind| kind == "bundle") && around.objects.is_some_and(is_list)
}
