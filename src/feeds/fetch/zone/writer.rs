//! The file of a zone: written beside its place and then put there, so that whoever opens it finds
//! the old zone or the new one.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use tempfile::NamedTempFile;

use super::error::Failure;
use crate::feeds::fetch::left_behind::{self, Names};

/// What the name of an unfinished file begins with. It is hidden, so that nobody who reads the
/// directory as a feed takes it for a part of it.
const PREFIX: &str = ".zone-";

/// What it ends with.
const SUFFIX: &str = ".part";

/// Limits of a zone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Most bytes.
    pub(super) bytes: u64,
    /// Most records.
    pub(super) records: u64,
}

/// A file that is being written. It is gone when this is dropped.
#[derive(Debug)]
pub(super) struct Writer {
    /// Where it shall be.
    target: PathBuf,
    /// Where it is.
    file: BufWriter<NamedTempFile>,
    /// What it may hold.
    limits: Limits,
    /// Bytes so far.
    bytes: u64,
    /// Records so far.
    records: u64,
}

impl Writer {
    /// Begins a file that shall be at `target`.
    ///
    /// # Errors
    /// [`Failure::Write`].
    pub(super) fn new(target: &Path, limits: Limits) -> Result<Self, Failure> {
        let file = tempfile::Builder::new()
            .prefix(PREFIX)
            .suffix(SUFFIX)
            .tempfile_in(directory(target))
            .map_err(|source| failed(target, source))?;
        Ok(Self {
            target: target.to_owned(),
            file: BufWriter::new(file),
            limits,
            bytes: 0,
            records: 0,
        })
    }

    /// Writes the line of a record, with its line feed.
    ///
    /// # Errors
    /// [`Failure`] `Write`, `TooManyBytes` or `TooManyRecords`.
    pub(super) fn write(&mut self, line: &[u8]) -> Result<(), Failure> {
        let len = u64::try_from(line.len()).unwrap_or(u64::MAX);
        self.bytes = self.bytes.saturating_add(len);
        self.records = self.records.saturating_add(1);
        if self.bytes > self.limits.bytes {
            return Err(Failure::TooManyBytes {
                max: self.limits.bytes,
            });
        }
        if self.records > self.limits.records {
            return Err(Failure::TooManyRecords {
                max: self.limits.records,
            });
        }
        self.file
            .write_all(line)
            .map_err(|source| failed(&self.target, source))
    }

    /// Puts the file at its place; how many records it holds.
    ///
    /// # Errors
    /// [`Failure::Write`]; what was at its place then still is.
    pub(super) fn finish(self) -> Result<u64, Failure> {
        let target = self.target;
        put(self.file, &target).map_err(|source| failed(&target, source))?;
        Ok(self.records)
    }
}

/// Removes the unfinished files beside `target` that killed processes left behind, before `now`.
///
/// # Errors
/// [`Failure::Write`].
pub(super) fn remove_left_behind(target: &Path, now: SystemTime) -> Result<(), Failure> {
    let names = Names {
        prefix: PREFIX.as_bytes(),
        suffix: SUFFIX.as_bytes(),
    };
    match left_behind::remove(directory(target), names, now) {
        // Where nothing is, nothing was left.
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(target, error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Puts a file at its place for good.
fn put(file: BufWriter<NamedTempFile>, target: &Path) -> io::Result<()> {
    let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.as_file().sync_all()?;
    file.persist(target).map_err(|error| error.error)?;
    File::open(directory(target))?.sync_all()
}

/// The directory of a file.
fn directory(target: &Path) -> &Path {
    match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    }
}

/// That a file cannot be written.
pub(super) fn failed(target: &Path, source: io::Error) -> Failure {
    Failure::Write {
        path: target.to_owned(),
        source,
    }
}
