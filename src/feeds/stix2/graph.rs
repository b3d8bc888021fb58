//! What the objects of a file say about each other: which version of each is the newest, and which
//! malware an indicator indicates.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::document::{Field, flag, newest, object, text, time};
use crate::model::EventTime;

/// What is known before the indicators are looked at. Ids are chosen by strangers: the maps hash
/// with a secret key.
#[derive(Default)]
pub(super) struct Graph<'d> {
    /// The newest version of each indicator and relationship.
    newest: HashMap<Cow<'d, str>, Version<'d>>,
    /// The names of malware and tools.
    names: HashMap<Cow<'d, str>, Cow<'d, str>>,
    /// What indicators indicate, by their ids: malware, and tools.
    malware: HashMap<Cow<'d, str>, Cow<'d, str>>,
    tools: HashMap<Cow<'d, str>, Cow<'d, str>>,
    /// When indicators were last seen, by their ids.
    seen: HashMap<Cow<'d, str>, EventTime>,
}

/// A version of an object.
struct Version<'d> {
    /// When it was made.
    modified: EventTime,
    /// All of it.
    object: &'d RawValue,
}

/// An object, as far as others need it.
#[derive(Deserialize)]
struct Node<'d> {
    /// What it is.
    #[serde(borrow, default, rename = "type")]
    kind: Field<'d>,
    /// The id.
    #[serde(borrow, default)]
    id: Field<'d>,
    /// When this version was made.
    #[serde(borrow, default)]
    modified: Field<'d>,
    /// When the first version was made.
    #[serde(borrow, default)]
    created: Field<'d>,
    /// Whether it was withdrawn.
    #[serde(borrow, default)]
    revoked: Field<'d>,
    /// The name of malware.
    #[serde(borrow, default)]
    name: Field<'d>,
    /// What a relationship says.
    #[serde(borrow, default)]
    relationship_type: Field<'d>,
    /// Of what it says that.
    #[serde(borrow, default)]
    source_ref: Field<'d>,
    /// What stands on the other side.
    #[serde(borrow, default)]
    target_ref: Field<'d>,
    /// What was seen.
    #[serde(borrow, default)]
    sighting_of_ref: Field<'d>,
    /// When it was first seen.
    #[serde(borrow, default)]
    first_seen: Field<'d>,
    /// When it was last seen.
    #[serde(borrow, default)]
    last_seen: Field<'d>,
    /// How often it was seen.
    #[serde(borrow, default)]
    count: Field<'d>,
}

impl<'d> Graph<'d> {
    /// Notes what `raw` says.
    pub(super) fn add(&mut self, raw: &'d RawValue) {
        let Ok(node) = object::<Node<'_>>(raw) else {
            return;
        };
        let Some(id) = text(node.id) else {
            return;
        };
        match &*text(node.kind).unwrap_or_default() {
            "indicator" => self.add_version(id, &node, raw),
            "malware" | "tool" => {
                if let Some(name) = text(node.name) {
                    self.names.insert(id, name);
                }
            }
            "relationship" if flag(node.revoked) != Some(true) => self.add_relationship(&node),
            "sighting" if flag(node.revoked) != Some(true) => self.add_sighting(&node),
            _ => {}
        }
    }

    /// Notes a version of an object; of two that are as new, the later one.
    fn add_version(&mut self, id: Cow<'d, str>, node: &Node<'d>, object: &'d RawValue) {
        let at = |field| time(field).ok().flatten();
        let modified = at(node.modified).or_else(|| at(node.created));
        let modified = modified.unwrap_or(EventTime::MIN);
        let version = Version { modified, object };
        let known = self.newest.get(&id);
        if known.is_none_or(|known| known.modified <= modified) {
            self.newest.insert(id, version);
        }
    }

    /// Notes what a relationship says, if an indicator indicates malware; the first one counts.
    fn add_relationship(&mut self, node: &Node<'d>) {
        let (Some(source), Some(target)) = (text(node.source_ref), text(node.target_ref)) else {
            return;
        };
        if text(node.relationship_type).as_deref() != Some("indicates") {
            return;
        }
        if target.starts_with("malware--") {
            self.malware.entry(source).or_insert(target);
        } else if target.starts_with("tool--") {
            self.tools.entry(source).or_insert(target);
        }
    }

    /// Notes when an indicator was seen, unless it was looked for and not seen. A sighting without a
    /// time of its own was made when somebody saw it.
    fn add_sighting(&mut self, node: &Node<'d>) {
        let seen = newest([node.last_seen, node.first_seen]);
        let seen = seen.or_else(|| newest([node.modified, node.created]));
        let (Some(id), Some(seen)) = (text(node.sighting_of_ref), seen) else {
            return;
        };
        if id.starts_with("indicator--") && text(node.count).as_deref() != Some("0") {
            let known = self.seen.entry(id).or_insert(seen);
            *known = seen.max(*known);
        }
    }

    /// When the indicator with this id was last seen.
    pub(super) fn seen(&self, id: &str) -> Option<EventTime> {
        self.seen.get(id).copied()
    }

    /// Whether there is a newer version of the object `raw` with this id.
    pub(super) fn is_outdated(&self, id: &str, raw: &RawValue) -> bool {
        self.newest
            .get(id)
            .is_some_and(|newest| !std::ptr::eq(newest.object, raw))
    }

    /// The malware, else the tool, that the indicator with this id indicates.
    pub(super) fn malware(&self, id: &str) -> Option<&str> {
        let name = |target| self.names.get(target).map(|name| &**name);
        let malware = self.malware.get(id).and_then(name);
        malware.or_else(|| self.tools.get(id).and_then(name))
    }
}
