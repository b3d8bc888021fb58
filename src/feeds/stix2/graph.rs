//! What the objects of a feed say about each other: which version of each is the newest, which malware
//! an indicator indicates, and when it was seen.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::document::{Field, flag, newest, object, text};
use super::super::survey::{Id, Survey, Version};
use crate::model::EventTime;

/// Longest name of malware that is kept in mind, in bytes.
const NAME_BYTES_MAX: usize = 256;

/// What objects say of others, before any indicator is looked at.
#[derive(Debug, Default)]
pub(in super::super) struct Links {
    /// The names of malware and tools.
    names: HashMap<Id, Box<str>>,
    /// What indicators indicate, by their ids: malware, and tools.
    malware: HashMap<Id, Id>,
    tools: HashMap<Id, Id>,
    /// When indicators were last seen, by their ids.
    seen: HashMap<Id, EventTime>,
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

/// Notes what the object `raw` says, which stands at `at` in a file.
pub(super) fn note(survey: &mut Survey, raw: &RawValue, file: u32, at: usize) {
    let Ok(node) = object::<Node<'_>>(raw) else {
        return;
    };
    let Some(id) = text(node.id) else {
        return;
    };
    let id = Id::of(&id);
    let links = &mut survey.links;
    match &*text(node.kind).unwrap_or_default() {
        "indicator" => {
            let since = since(node.modified, node.created);
            survey.versions.add(id, Version { since, file, at });
        }
        "malware" | "tool" => {
            if let Some(name) = text(node.name).filter(|name| name.len() <= NAME_BYTES_MAX) {
                links.names.insert(id, name.into());
            }
        }
        "relationship" if flag(node.revoked) != Some(true) => links.add_relationship(&node),
        "sighting" if flag(node.revoked) != Some(true) => links.add_sighting(&node),
        _ => {}
    }
}

/// Since when a version is that way: since it was modified, else since the first was made.
pub(super) fn since(modified: Field<'_>, created: Field<'_>) -> EventTime {
    let made = newest([modified]).or_else(|| newest([created]));
    made.unwrap_or(EventTime::MIN)
}

impl Links {
    /// How much is kept in mind.
    pub(in super::super) fn len(&self) -> usize {
        self.names.len() + self.malware.len() + self.tools.len() + self.seen.len()
    }

    /// Notes what a relationship says, if an indicator indicates malware; the first one counts.
    fn add_relationship(&mut self, node: &Node<'_>) {
        let (Some(source), Some(target)) = (text(node.source_ref), text(node.target_ref)) else {
            return;
        };
        if text(node.relationship_type).as_deref() != Some("indicates") {
            return;
        }
        let (source, id) = (Id::of(&source), Id::of(&target));
        if target.starts_with("malware--") {
            self.malware.entry(source).or_insert(id);
        } else if target.starts_with("tool--") {
            self.tools.entry(source).or_insert(id);
        }
    }

    /// Notes when an indicator was seen, unless it was looked for and not seen. A sighting without a
    /// time of its own was made when somebody saw it.
    fn add_sighting(&mut self, node: &Node<'_>) {
        let seen = newest([node.last_seen, node.first_seen]);
        let seen = seen.or_else(|| newest([node.modified, node.created]));
        let (Some(id), Some(seen)) = (text(node.sighting_of_ref), seen) else {
            return;
        };
        if id.starts_with("indicator--") && text(node.count).as_deref() != Some("0") {
            let known = self.seen.entry(Id::of(&id)).or_insert(seen);
            *known = seen.max(*known);
        }
    }

    /// When the indicator with this id was last seen.
    pub(super) fn seen(&self, id: Id) -> Option<EventTime> {
        self.seen.get(&id).copied()
    }

    /// The malware, else the tool, that the indicator with this id indicates.
    pub(super) fn malware(&self, id: Id) -> Option<&str> {
        let name = |target| self.names.get(target).map(|name| &**name);
        let malware = self.malware.get(&id).and_then(name);
        malware.or_else(|| self.tools.get(&id).and_then(name))
    }
}
