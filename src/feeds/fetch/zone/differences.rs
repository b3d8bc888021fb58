//! Differences between a zone that a file holds and the zone as it is now. They are gathered while
//! they come, then the file is copied once without what was taken out and with what was put in.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use super::ZoneName;
use super::error::Failure;
use super::line::{self, identity};
use super::writer::{Writer, failed};

/// Most bytes that the differences take in memory; more, and the whole zone is asked for.
pub const DIFFERENCES_BYTES_MAX: usize = 256 << 20;

/// What a difference takes beside its text.
const CHANGE_BYTES: usize = 96;

/// Longest line of a file that we wrote: a record's data as hexadecimal digits and four bytes for
/// each of its owner's, rounded up. Text of a record takes four bytes for one.
const LINE_BYTES_MAX: u64 = 512 * 1024;

/// Why differences cannot be applied: they are none of the zone that we hold, or too large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unfit;

/// Differences, each a record without its time to live.
#[derive(Debug, Default)]
pub(super) struct Differences {
    /// What becomes of each record.
    changes: HashMap<Box<[u8]>, Change>,
    /// About how many bytes they take.
    bytes: usize,
    /// Memory to make identities in.
    scratch: Vec<u8>,
}

/// What becomes of a record.
#[derive(Debug)]
struct Change {
    /// Whether the zone must hold it before all differences.
    required: bool,
    /// Whether it did.
    found: bool,
    /// Its line, if the zone holds it after all differences.
    line: Option<Box<[u8]>>,
    /// When it was first mentioned, so that files are written in an order that repeats.
    order: usize,
}

impl Differences {
    /// Takes a record out.
    ///
    /// # Errors
    /// [`Unfit`] when it was taken out before, or there are too many.
    pub(super) fn delete(&mut self, line: &[u8]) -> Result<(), Unfit> {
        let order = self.changes.len();
        let key = identity(line, &mut self.scratch).ok_or(Unfit)?;
        if let Some(change) = self.changes.get_mut(key) {
            return change.line.take().map(drop).ok_or(Unfit);
        }
        let change = Change {
            required: true,
            found: false,
            line: None,
            order,
        };
        self.changes.insert(key.into(), change);
        self.grow(line.len())
    }

    /// Puts a record in. That it is there already changes nothing but its time to live.
    ///
    /// # Errors
    /// [`Unfit`] when there are too many.
    pub(super) fn add(&mut self, line: &[u8]) -> Result<(), Unfit> {
        let order = self.changes.len();
        let key = identity(line, &mut self.scratch).ok_or(Unfit)?;
        if let Some(change) = self.changes.get_mut(key) {
            change.line = Some(line.into());
            return Ok(());
        }
        let change = Change {
            required: false,
            found: false,
            line: Some(line.into()),
            order,
        };
        self.changes.insert(key.into(), change);
        self.grow(line.len())
    }

    /// Writes the zone that `held` holds with all differences, its SOA record aside.
    ///
    /// # Errors
    /// The [`Failure`] to read or write; `Ok(Err(Unfit))` when they take out what is not there, or
    /// the file is none of ours.
    pub(super) fn apply(
        mut self,
        held: &Path,
        writer: &mut Writer,
    ) -> Result<Result<(), Unfit>, Failure> {
        let file = File::open(held).map_err(|source| failed(held, source))?;
        let mut file = BufReader::new(file);
        let mut text = Vec::new();
        let mut first = true;
        while read_line(&mut file, &mut text).map_err(|source| failed(held, source))? {
            // The first is the SOA record, which the new one is written in place of.
            if std::mem::replace(&mut first, false) {
                continue;
            }
            let Some(key) = identity(&text, &mut self.scratch).filter(|_| is_whole(&text)) else {
                return Ok(Err(Unfit));
            };
            match self.changes.get_mut(key) {
                Some(change) => change.found = true,
                None => writer.write(&text)?,
            }
        }
        let mut changes: Vec<Change> = self.changes.into_values().collect();
        if changes
            .iter()
            .any(|change| change.required && !change.found)
        {
            return Ok(Err(Unfit));
        }
        changes.sort_unstable_by_key(|change| change.order);
        for line in changes.iter().filter_map(|change| change.line.as_ref()) {
            writer.write(line)?;
        }
        Ok(Ok(()))
    }

    /// Notes one more, whose line is so long.
    ///
    /// # Errors
    /// [`Unfit`] when that is too much.
    fn grow(&mut self, len: usize) -> Result<(), Unfit> {
        let more = len.saturating_mul(2).saturating_add(CHANGE_BYTES);
        self.bytes = self.bytes.saturating_add(more);
        if self.bytes > DIFFERENCES_BYTES_MAX {
            return Err(Unfit);
        }
        Ok(())
    }
}

/// Whether the file at `path` is the zone of this serial, as we write it.
pub(super) fn holds(path: &Path, zone: &ZoneName, serial: u32) -> bool {
    let mut text = Vec::new();
    let read = File::open(path).and_then(|file| read_line(&mut BufReader::new(file), &mut text));
    let found = line::serial_of(&text, &line::owner_of(zone));
    read.is_ok_and(|read| read) && found == Some(serial)
}

/// Reads a line with its line feed, or what of it is not too long; whether there is one.
fn read_line(file: &mut impl BufRead, text: &mut Vec<u8>) -> io::Result<bool> {
    text.clear();
    let n_read = file.take(LINE_BYTES_MAX).read_until(b'\n', text)?;
    Ok(n_read > 0)
}

/// Whether all of a line was read.
fn is_whole(text: &[u8]) -> bool {
    text.ends_with(b"\n")
}
