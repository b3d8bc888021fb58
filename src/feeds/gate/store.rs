//! The last good copy of every feed, on disk: what a feed was when it last passed, under a checksum,
//! so that a bad list, a lost file or a restart without the network changes nothing.
//!
//! A feed has a directory of its name: `good` with `copy.json` and the files; `held`, the same for
//! the last candidate that was held back; `approved.json`, the checksum of one that an operator lets
//! pass. A candidate is copied to `next` before anybody parses it, and takes the place of `good` by
//! renames, so that whatever happens a whole copy is there.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::age::{self, Dates};
use super::written;
use crate::feeds::read;
use crate::model::EventTime;

/// Where copies are.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
    /// Whether nothing is copied: for whoever only looks, beside a process that keeps the copies.
    looks: bool,
}

/// A copy of a feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copy {
    /// Where its file or directory is.
    pub path: PathBuf,
    /// What is known of it.
    pub facts: CopyFacts,
}

/// What is known of a copy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyFacts {
    /// Of all names and bytes of its files, in hexadecimal digits.
    pub checksum: String,
    /// Whether it is a directory.
    pub directory: bool,
    /// How many indicators it listed, and how many each copy before it did, the newest first.
    pub indicators: Vec<u64>,
    /// How many of a hundred indicators each of these replaced, the newest first.
    #[serde(default)]
    pub churn: Vec<u8>,
    /// When it was made, RFC 3339.
    pub made: String,
    /// When its files were last changed before that, RFC 3339; empty if nobody knows.
    #[serde(default)]
    pub changed: String,
    /// When the list was made, by its own word, RFC 3339.
    #[serde(default)]
    pub stated: Option<String>,
    /// The newest date of its rows, RFC 3339.
    #[serde(default)]
    pub newest: Option<String>,
    /// Why it is held back; empty if it is not.
    #[serde(default)]
    pub reason: String,
}

/// What is kept with a copy.
#[derive(Clone, Debug)]
pub struct Kept {
    /// How many indicators it lists.
    pub indicators: u64,
    /// What it says of its age.
    pub dates: Dates,
    /// How many of a hundred it replaced, if that is known.
    pub churn: Option<u8>,
    /// What it lists no longer, a line each; `None`: what it was is kept.
    pub removed: Option<String>,
}

/// A candidate that an operator lets pass.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Approval {
    checksum: String,
    reason: String,
    made: String,
}

/// How many copies are remembered by what they listed.
const REMEMBERED: usize = 7;

/// The description of a copy, beside its files.
const FACTS: &str = "copy.json";

/// What the feed lists no longer, beside a copy.
const REMOVED: &str = "removed.jsonl";

/// The directory of a copy's files.
const FILES: &str = "files";

impl Store {
    /// A store in a directory that need not exist yet, for the one process that keeps it.
    pub fn new(root: PathBuf) -> Self {
        Self { root, looks: false }
    }

    /// A store that is only looked at: candidates are judged where they are.
    pub fn to_look_at(root: PathBuf) -> Self {
        Self { root, looks: true }
    }

    /// Copies the file or directory of a feed to be looked at, unless it is the same as the `good`
    /// copy.
    ///
    /// # Errors
    /// When it cannot be read or written, with the path.
    pub fn stage(
        &self,
        feed: &str,
        path: &Path,
        good: Option<&Copy>,
        now: EventTime,
    ) -> io::Result<Option<Copy>> {
        let (files, directory) = read::files(path).map_err(io::Error::other)?;
        let checksum = checksum(&files)?;
        let is_same =
            |good: &Copy| good.facts.checksum == checksum && good.facts.directory == directory;
        if good.is_some_and(is_same) {
            return Ok(None);
        }
        let facts = CopyFacts {
            checksum,
            directory,
            made: written(now),
            changed: age::changed(path, now).map_or(String::new(), written),
            ..CopyFacts::default()
        };
        if self.looks {
            let path = path.to_owned();
            return Ok(Some(Copy { path, facts }));
        }
        let place = self.place(feed, "next");
        let target = place.join(FILES);
        remove(&place)?;
        fs::create_dir_all(&target).map_err(|error| at(&target, &error))?;
        for file in &files {
            let copy = target.join(file.file_name().unwrap_or_default());
            fs::copy(file, &copy).map_err(|error| at(&copy, &error))?;
            File::open(&copy)?.sync_all()?;
        }
        let copy = Copy {
            path: copied(&place, directory)?,
            facts,
        };
        // A file that changed while it was copied is neither the old nor the new one.
        self.verified(&copy)?;
        Ok(Some(copy))
    }

    /// The last good copy, if it is there and nobody changed it.
    ///
    /// # Errors
    /// When it is not as it was, with the path.
    pub fn good(&self, feed: &str) -> io::Result<Option<Copy>> {
        let (good, old) = (self.place(feed, "good"), self.place(feed, "old"));
        if !good.exists() && old.exists() {
            // Whoever kept a new one was killed between two renames.
            fs::rename(&old, &good).map_err(|error| at(&old, &error))?;
        }
        let Some(copy) = self.find(feed, "good") else {
            return Ok(None);
        };
        self.verified(&copy).map(|()| Some(copy))
    }

    /// What is held back of a feed.
    pub fn held(&self, feed: &str) -> Option<Copy> {
        self.find(feed, "held")
    }

    /// What a feed lists no longer, as it stands beside its good copy.
    pub fn removed(&self, feed: &str) -> PathBuf {
        self.place(feed, "good").join(REMOVED)
    }

    /// Makes a staged copy the good one.
    ///
    /// # Errors
    /// When it cannot be written; then the copy that was good still is.
    pub fn keep(&self, feed: &str, copy: &Copy, kept: Kept) -> io::Result<()> {
        let before = self
            .find(feed, "good")
            .unwrap_or_else(|| copy.clone())
            .facts;
        let mut facts = copy.facts.clone();
        facts.stated = kept.dates.stated.map(|at| at.to_string());
        facts.newest = kept.dates.newest.map(|at| at.to_string());
        facts.indicators = std::iter::once(kept.indicators)
            .chain(before.indicators)
            .take(REMEMBERED)
            .collect();
        facts.churn = (kept.churn.into_iter())
            .chain(before.churn)
            .take(REMEMBERED)
            .collect();
        self.describe(feed, "next", &facts)?;
        let removed = match kept.removed {
            Some(removed) => removed.into_bytes(),
            None => fs::read(self.removed(feed)).unwrap_or_default(),
        };
        if !removed.is_empty() {
            let path = self.place(feed, "next").join(REMOVED);
            write_whole(&path, &removed)?;
        }
        let (next, good) = (self.place(feed, "next"), self.place(feed, "good"));
        let old = self.place(feed, "old");
        remove(&old)?;
        if good.exists() {
            fs::rename(&good, &old).map_err(|error| at(&good, &error))?;
        }
        fs::rename(&next, &good).map_err(|error| at(&next, &error))?;
        remove(&old)?;
        remove(&self.place(feed, "held"))?;
        let approved = self.place(feed, "approved.json");
        if approved.exists() {
            fs::remove_file(&approved).map_err(|error| at(&approved, &error))?;
        }
        Ok(())
    }

    /// Holds a staged copy back.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn hold(&self, feed: &str, copy: &Copy, reason: &str) -> io::Result<()> {
        if self.looks {
            return Ok(());
        }
        let facts = CopyFacts {
            reason: reason.to_owned(),
            ..copy.facts.clone()
        };
        self.describe(feed, "next", &facts)?;
        let (next, held) = (self.place(feed, "next"), self.place(feed, "held"));
        remove(&held)?;
        fs::rename(&next, &held).map_err(|error| at(&next, &error))
    }

    /// Lets what is held back of a feed pass the next time; says what it is.
    ///
    /// # Errors
    /// When nothing is held, or it cannot be written.
    pub fn approve(&self, feed: &str, reason: &str, made: &str) -> io::Result<Copy> {
        let held = self.held(feed).ok_or_else(|| {
            let place = self.place(feed, "held");
            io::Error::new(
                io::ErrorKind::NotFound,
                format!("nothing is held in {}", place.display()),
            )
        })?;
        let approval = Approval {
            checksum: held.facts.checksum.clone(),
            reason: reason.to_owned(),
            made: made.to_owned(),
        };
        write(&self.place(feed, "approved.json"), &approval)?;
        Ok(held)
    }

    /// Forgets what is held back of a feed; whether anything was.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn drop_held(&self, feed: &str) -> io::Result<bool> {
        let held = self.held(feed).is_some();
        remove(&self.place(feed, "held"))?;
        Ok(held)
    }

    /// Whether an operator lets a copy pass.
    pub fn approved(&self, feed: &str, copy: &Copy) -> bool {
        let text = fs::read(self.place(feed, "approved.json")).unwrap_or_default();
        let approval: Option<Approval> = serde_json::from_slice(&text).ok();
        approval.is_some_and(|approval| approval.checksum == copy.facts.checksum)
    }

    /// Adds a line to the record of what operators decided.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn record(&self, line: &serde_json::Value) -> io::Result<()> {
        let path = self.root.join("audit.jsonl");
        let mut file = File::options()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(|error| at(&path, &error))?;
        writeln!(file, "{line}").and_then(|()| file.sync_all())
    }

    /// Its directory.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// A part of a feed's directory. Names of feeds are words, never paths.
    fn place(&self, feed: &str, part: &str) -> PathBuf {
        self.root.join(feed).join(part)
    }

    /// A copy of a feed, if it is there.
    fn find(&self, feed: &str, part: &str) -> Option<Copy> {
        let place = self.place(feed, part);
        let text = fs::read(place.join(FACTS)).ok()?;
        let facts: CopyFacts = serde_json::from_slice(&text).ok()?;
        let path = copied(&place, facts.directory).ok()?;
        Some(Copy { path, facts })
    }

    /// Makes sure that the files of a copy are those that it was made of.
    fn verified(&self, copy: &Copy) -> io::Result<()> {
        let (files, _) = read::files(&copy.path).map_err(io::Error::other)?;
        if checksum(&files)? == copy.facts.checksum {
            return Ok(());
        }
        let message = format!("the copy {} is not as it was made", copy.path.display());
        Err(io::Error::new(io::ErrorKind::InvalidData, message))
    }

    /// Writes what is known of a copy beside it.
    fn describe(&self, feed: &str, part: &str, facts: &CopyFacts) -> io::Result<()> {
        write(&self.place(feed, part).join(FACTS), facts)
    }
}

/// The file or directory that was copied to a place.
fn copied(place: &Path, directory: bool) -> io::Result<PathBuf> {
    let files = place.join(FILES);
    if directory {
        return Ok(files);
    }
    let first = fs::read_dir(&files)
        .map_err(|error| at(&files, &error))?
        .next();
    let first = first.ok_or_else(|| at(&files, &io::ErrorKind::NotFound.into()))?;
    first.map(|entry| entry.path())
}

/// A checksum of the names and bytes of files.
fn checksum(files: &[PathBuf]) -> io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    let mut room = vec![0; 1 << 16];
    for path in files {
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        let mut file = File::open(path).map_err(|error| at(path, &error))?;
        let mut contents = blake3::Hasher::new();
        loop {
            let len = file.read(&mut room).map_err(|error| at(path, &error))?;
            if len == 0 {
                break;
            }
            contents.update(room.get(..len).unwrap_or_default());
        }
        hasher.update(blake3::hash(name).as_bytes());
        hasher.update(contents.finalize().as_bytes());
    }
    Ok(hasher.finalize().to_hex().to_string())
}

/// The checksum of the file or directory of a feed; empty for what can be read only once.
pub(super) fn checksum_of(path: &Path) -> io::Result<String> {
    let (files, _) = read::files(path).map_err(io::Error::other)?;
    let plain = |path: &PathBuf| fs::metadata(path).is_ok_and(|file| file.is_file());
    if files.iter().all(plain) {
        return checksum(&files);
    }
    Ok(String::new())
}

/// Writes a value as JSON, whole or not at all.
///
/// # Errors
/// What the system says, with the path.
pub fn write<T: Serialize>(path: &Path, value: &T) -> io::Result<()> {
    let text = serde_json::to_vec_pretty(value).map_err(io::Error::other)?;
    write_whole(path, &text)
}

/// Writes a file, whole or not at all.
fn write_whole(path: &Path, text: &[u8]) -> io::Result<()> {
    let unfinished = path.with_extension("unfinished");
    let mut file = File::create(&unfinished).map_err(|error| at(&unfinished, &error))?;
    file.write_all(text)
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&unfinished, path))
        .map_err(|error| at(path, &error))
}

/// Removes a directory with all that is in it, if it is there.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(path, &error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// An error with the path that it is about.
pub(super) fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
