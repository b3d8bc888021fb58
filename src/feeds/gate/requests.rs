//! What operators want to be muted or released, left for the daemon: one small file a request, in
//! `requests` in the directory of the copies of feeds.
//!
//! A request appears whole, under a number that nobody else has taken, and is removed only after what
//! it changed is on disk. So none is lost, whoever writes at the same time and whoever is killed; one
//! that is taken up twice changes nothing the second time. Requests that wait are done in the order
//! of their numbers. What cannot be read as a request is kept under another name and reported once.
//!
//! A directory of a feed with the same name does not meet them: its parts are no numbers.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::muted::{ListFull, MutedBy, MutedEntry, MutedList, ReleasedEntry, read, synced};
use super::store::{Store, at};
use super::subject::Subject;

/// What an operator wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// What is to be done.
    #[serde(rename = "do")]
    pub action: Action,
    /// With what: `"what": "value"` or `"feed"`, and its `name`.
    #[serde(flatten)]
    pub subject: Subject,
    /// When it was asked for, RFC 3339.
    pub made: String,
    /// Why.
    pub reason: String,
}

/// What can be done with a value or a feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Its hits are not sent.
    Mute,
    /// They are, and the breaker leaves it alone.
    Release,
    /// They are, and the breaker judges it like everything else.
    Forget,
}

/// What became of the requests that were waiting.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TakenUp {
    /// Those that are done, in order, for the breaker to be told.
    pub requests: Vec<Request>,
    /// Those that cannot be done: where they are now, and why.
    pub refused: Vec<String>,
}

/// A request that waits.
struct Waiting {
    number: u64,
    path: PathBuf,
}

/// Most requests that wait: more are refused when they are made.
pub const REQUESTS_MAX: usize = 1_000;

/// Most bytes of a request.
const REQUEST_BYTES_MAX: u64 = 64 << 10;

/// Their directory.
const DIRECTORY: &str = "requests";

impl Request {
    /// Leaves it for the daemon, whole, on disk.
    ///
    /// # Errors
    /// When it cannot be written, or [`REQUESTS_MAX`] wait already.
    pub fn leave(&self, store: &Store) -> io::Result<()> {
        let directory = store.root().join(DIRECTORY);
        fs::create_dir_all(&directory).map_err(|error| at(&directory, &error))?;
        let text = serde_json::to_vec(self).map_err(io::Error::other)?;
        if text.len() as u64 > REQUEST_BYTES_MAX {
            let message = format!("a request may have {REQUEST_BYTES_MAX} bytes at most");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        // No other process that runs has this name.
        let unfinished = directory.join(format!("{}.unfinished", std::process::id()));
        let mut file = File::create(&unfinished).map_err(|error| at(&unfinished, &error))?;
        let left = file
            .write_all(&text)
            .and_then(|()| file.sync_all())
            .map_err(|error| at(&unfinished, &error))
            .and_then(|()| number(&unfinished, &directory));
        let removed = fs::remove_file(&unfinished).map_err(|error| at(&unfinished, &error));
        left.and(removed)?;
        synced(&directory)
    }

    /// Does to the list what is wanted.
    fn apply(&self, list: &mut MutedList) -> Result<(), ListFull> {
        let (subject, since, reason) =
            (self.subject.clone(), self.made.clone(), self.reason.clone());
        match self.action {
            Action::Mute => list.mute(MutedEntry {
                subject,
                since,
                reason,
                by: MutedBy::Operator,
            }),
            Action::Release => list.release(ReleasedEntry {
                subject,
                since,
                reason,
            }),
            Action::Forget => {
                list.forget(&subject);
                Ok(())
            }
        }
    }
}

/// Does what waits, saves the list, and removes the requests, in this order. For the daemon alone.
///
/// # Errors
/// When something cannot be read or written, with the path. If that is before the list is saved, it
/// is as it was, and all requests still wait.
pub fn take_up(store: &Store, list: &mut MutedList) -> io::Result<TakenUp> {
    let directory = store.root().join(DIRECTORY);
    // Whoever makes it may remove what others put into it.
    fs::create_dir_all(&directory).map_err(|error| at(&directory, &error))?;
    let waiting = waiting(&directory)?;
    let mut taken = TakenUp::default();
    if waiting.is_empty() {
        return Ok(taken);
    }
    let mut next = list.clone();
    let (mut done, mut refused) = (Vec::new(), Vec::new());
    for Waiting { path, .. } in waiting {
        let text = read(&path, REQUEST_BYTES_MAX);
        let request = match text {
            Ok(text) => serde_json::from_slice::<Request>(&text).map_err(io::Error::from),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(error),
            Err(error) => return Err(at(&path, &error)),
        };
        let request = request.and_then(|request| {
            let applied = request.apply(&mut next).map_err(io::Error::other);
            applied.map(|()| request)
        });
        match request {
            Ok(request) => {
                taken.requests.push(request);
                done.push(path);
            }
            Err(error) => refused.push((path, error)),
        }
    }
    if !done.is_empty() {
        next.save(store)?;
        *list = next;
    }
    for path in done {
        fs::remove_file(&path).map_err(|error| at(&path, &error))?;
    }
    for (path, error) in refused {
        let kept = path.with_extension("refused");
        fs::rename(&path, &kept).map_err(|error| at(&path, &error))?;
        taken.refused.push(at(&kept, &error).to_string());
    }
    synced(&directory)?;
    Ok(taken)
}

/// Gives a finished request the number after all that wait.
fn number(unfinished: &Path, directory: &Path) -> io::Result<()> {
    let mut taken = 0;
    loop {
        let waiting = waiting(directory)?;
        if waiting.len() >= REQUESTS_MAX {
            let message = format!("{REQUESTS_MAX} requests wait in {}", directory.display());
            return Err(io::Error::other(message));
        }
        let last = waiting.last().map_or(0, |last| last.number);
        let path = directory.join(format!("{}.json", last.saturating_add(1)));
        // Unlike a rename, this never takes the place of another one.
        match fs::hard_link(unfinished, &path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && taken < REQUESTS_MAX => {
                taken += 1;
            }
            result => return result.map_err(|error| at(&path, &error)),
        }
    }
}

/// The requests in a directory, by number; none where there is no directory.
fn waiting(directory: &Path) -> io::Result<Vec<Waiting>> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|error| at(directory, &error))?,
    };
    let mut waiting = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| at(directory, &error))?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let number = name.and_then(|name| name.strip_suffix(".json"));
        if let Some(number) = number.and_then(|number| number.parse().ok()) {
            waiting.push(Waiting { number, path });
        }
    }
    waiting.sort_by_key(|one| one.number);
    Ok(waiting)
}

#[cfg(test)]
mod tests;
