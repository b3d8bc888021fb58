//! What the files of a feed say about each other, found out before any of them is parsed: which
//! version of each object is the newest, wherever it stands, and what STIX objects say of others.
//!
//! Nothing of the files is kept but short hashes of ids, times and the names of malware. A feed of
//! more objects than [`OBJECTS_MAX`] is refused as a whole: to forget some would bring back what newer
//! versions of them withdrew.

use std::collections::HashMap;

use super::document::Document;
use super::error::FeedError;
use super::stix2::Links;
use crate::model::EventTime;

/// Most objects of a feed that are kept in mind: some 64 bytes each.
pub(super) const OBJECTS_MAX: usize = 4 << 20;

/// What is known of all files of a feed.
#[derive(Debug)]
pub(super) struct Survey {
    /// Most objects that are kept in mind.
    objects_max: usize,
    /// The newest version of each object.
    pub(super) versions: Versions,
    /// What objects say of others.
    pub(super) links: Links,
}

impl Survey {
    /// Nothing known yet, and room for `objects_max` objects.
    pub(super) fn of(objects_max: usize) -> Self {
        Self {
            objects_max,
            versions: Versions::default(),
            links: Links::default(),
        }
    }

    /// Checks that there was room for all that `document` and the files before it hold.
    ///
    /// # Errors
    /// [`FeedError::Document`] when there are more objects than that.
    pub(super) fn check_room(&self, document: &Document) -> Result<(), FeedError> {
        if !self.is_full() {
            return Ok(());
        }
        let problem = format!(
            "with it, the feed has more than {} objects",
            self.objects_max
        );
        Err(document.error(1, problem))
    }

    /// Whether nothing more is kept in mind.
    pub(super) fn is_full(&self) -> bool {
        self.len() > self.objects_max
    }

    /// How much is kept in mind.
    fn len(&self) -> usize {
        self.versions.0.len() + self.links.len()
    }
}

/// Stands for the id of an object. Ids are chosen by strangers: no two are known to be hashed to the
/// same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Id([u8; 16]);

impl Id {
    /// That of the id `text`.
    pub(super) fn of(text: &str) -> Self {
        let mut short = [0; 16];
        blake3::Hasher::new()
            .update(text.as_bytes())
            .finalize_xof()
            .fill(&mut short);
        Self(short)
    }
}

/// A version of an object; the newest is the greatest, of two that are as new the later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version {
    /// Since when it is that way.
    pub(super) since: EventTime,
    /// In which file of the feed it stands, in their order.
    pub(super) file: u32,
    /// Where in the file.
    pub(super) at: usize,
}

/// The newest version of each object.
#[derive(Debug, Default)]
pub(super) struct Versions(HashMap<Id, Version>);

impl Versions {
    /// Notes a version.
    pub(super) fn add(&mut self, id: Id, version: Version) {
        let newest = self.0.entry(id).or_insert(version);
        *newest = version.max(*newest);
    }

    /// Whether there is a newer version.
    pub(super) fn is_outdated(&self, id: Id, version: Version) -> bool {
        self.0.get(&id).is_some_and(|newest| *newest > version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_is_known_in_whatever_order_they_come() {
        let version = |since, file, at| Version {
            since: EventTime::from_nanos(since),
            file,
            at,
        };
        let all = [
            version(2, 0, 9),
            version(1, 5, 9),
            version(2, 1, 0),
            version(2, 1, 1),
        ];
        let id = Id::of("indicator--1");
        for turn in 0..all.len() {
            let mut versions = Versions::default();
            let mut turned = all;
            turned.rotate_left(turn);
            for version in turned {
                versions.add(id, version);
            }
            let outdated = all.map(|version| versions.is_outdated(id, version));
            assert_eq!(outdated, [true, true, true, false]);
            assert!(!versions.is_outdated(Id::of("indicator--2"), version(0, 0, 0)));
        }
    }
}
