//! What is muted and what was released, on disk, so that it survives restarts: `muted.json` in the
//! directory of the copies of feeds.
//!
//! One process writes the file, the daemon. An operator who wants something else, beside the running
//! daemon or while none runs, leaves a [`Request`](super::requests::Request), which the daemon takes
//! up: so neither can overwrite what the other did a moment before.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::store::{self, Store, at};
use super::subject::{Muted, Subject};

/// What is muted and what was released. Nothing is both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MutedList {
    /// What is muted, in the order in which it was.
    #[serde(default)]
    muted: Vec<MutedEntry>,
    /// What an operator does not want to be muted by the breaker, likewise.
    #[serde(default)]
    released: Vec<ReleasedEntry>,
}

/// Something that is muted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MutedEntry {
    /// What: `"what": "value"` or `"feed"`, and its `name`.
    #[serde(flatten)]
    pub subject: Subject,
    /// Since when, RFC 3339.
    pub since: String,
    /// Why.
    pub reason: String,
    /// Who muted it.
    pub by: MutedBy,
}

/// Something that was released.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleasedEntry {
    /// What: `"what": "value"` or `"feed"`, and its `name`.
    #[serde(flatten)]
    pub subject: Subject,
    /// Since when, RFC 3339.
    pub since: String,
    /// Why.
    pub reason: String,
}

/// Who muted something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MutedBy {
    /// The breaker did.
    Breaker,
    /// An operator did.
    Operator,
}

/// The list is full: an operator must forget something first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{ENTRIES_MAX} values and feeds are muted or released already")]
pub struct ListFull;

/// Most entries, muted and released together.
pub const ENTRIES_MAX: usize = 20_000;

/// Most bytes of the file: a kibibyte and a half for each entry.
const FILE_BYTES_MAX: u64 = 32 << 20;

/// Most bytes of a reason; what is longer is cut.
const REASON_BYTES_MAX: usize = 1_000;

/// The file.
const FILE: &str = "muted.json";

impl MutedList {
    /// What a store holds; empty where nothing was ever muted.
    ///
    /// # Errors
    /// When the file is there and cannot be read, or is not such a list, with its path.
    pub fn load(store: &Store) -> io::Result<Self> {
        let path = store.root().join(FILE);
        match read(&path, FILE_BYTES_MAX) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(at(&path, &error)),
            Ok(text) => serde_json::from_slice(&text).map_err(|error| at(&path, &error.into())),
        }
    }

    /// Writes it to the store, whole or not at all.
    ///
    /// # Errors
    /// When it cannot be written, with the path; then what was there before still is.
    pub fn save(&self, store: &Store) -> io::Result<()> {
        let root = store.root();
        std::fs::create_dir_all(root).map_err(|error| at(root, &error))?;
        store::write(&root.join(FILE), self)?;
        synced(root)
    }

    /// Mutes something; it is no longer released.
    ///
    /// # Errors
    /// [`ListFull`] when there is no room; then nothing changed.
    pub fn mute(&mut self, mut entry: MutedEntry) -> Result<(), ListFull> {
        self.room_for(&entry.subject)?;
        self.forget(&entry.subject);
        cut(&mut entry.reason);
        self.muted.push(entry);
        Ok(())
    }

    /// Releases something; it is no longer muted.
    ///
    /// # Errors
    /// [`ListFull`] when there is no room; then nothing changed.
    pub fn release(&mut self, mut entry: ReleasedEntry) -> Result<(), ListFull> {
        self.room_for(&entry.subject)?;
        self.forget(&entry.subject);
        cut(&mut entry.reason);
        self.released.push(entry);
        Ok(())
    }

    /// Makes something neither muted nor released; whether it was one of them.
    pub fn forget(&mut self, subject: &Subject) -> bool {
        let before = self.len();
        self.muted.retain(|entry| entry.subject != *subject);
        self.released.retain(|entry| entry.subject != *subject);
        self.len() < before
    }

    /// What is muted, in the order in which it was.
    pub fn muted(&self) -> &[MutedEntry] {
        &self.muted
    }

    /// What was released, in the order in which it was.
    pub fn released(&self) -> &[ReleasedEntry] {
        &self.released
    }

    /// What is muted, to be asked about hits.
    pub fn muted_set(&self) -> Muted {
        let subjects = self.muted.iter().map(|entry| entry.subject.clone());
        subjects.collect()
    }

    /// How many entries it has.
    fn len(&self) -> usize {
        self.muted.len().saturating_add(self.released.len())
    }

    /// Makes sure that there is room for something, or that it has an entry already.
    fn room_for(&self, subject: &Subject) -> Result<(), ListFull> {
        let mut muted = self.muted.iter().map(|entry| &entry.subject);
        let mut released = self.released.iter().map(|entry| &entry.subject);
        let full = self.len() >= ENTRIES_MAX
            && !muted.any(|known| known == subject)
            && !released.any(|known| known == subject);
        if full { Err(ListFull) } else { Ok(()) }
    }
}

/// Reads a file of at most so many bytes.
pub(super) fn read(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    File::open(path)?
        .take(bytes_max.saturating_add(1))
        .read_to_end(&mut text)?;
    if text.len() as u64 > bytes_max {
        let message = format!("it is larger than {bytes_max} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    Ok(text)
}

/// Makes what was renamed or removed in a directory last.
pub(super) fn synced(directory: &Path) -> io::Result<()> {
    let file = File::open(directory).map_err(|error| at(directory, &error))?;
    file.sync_all().map_err(|error| at(directory, &error))
}

/// Cuts a reason that is too long.
fn cut(reason: &mut String) {
    let fits = |end: &usize| reason.is_char_boundary(*end);
    let end = (0..=REASON_BYTES_MAX.min(reason.len())).rev().find(fits);
    reason.truncate(end.unwrap_or_default());
}

#[cfg(test)]
mod tests;
