//! Feed files as bytes: opens, inflates (gzip, zstd and zip by their magic bytes) and refuses what
//! is not text. Memory is one buffer, whatever the input.

use std::fmt;
use std::fs::{self, File, Metadata};
use std::io::{self, Cursor, ErrorKind, Read, Seek};
use std::path::{Path, PathBuf};

use super::blocks::LINE_BYTES_MAX;
use super::error::FeedError;
use super::zip;

/// What is looked at to tell text from what is not.
pub(super) const HEAD_BYTES: usize = 64 * 1024;

/// Room for a head or a longest line, and for reading on in large steps.
pub(super) const BUFFER_BYTES: usize = 4 * LINE_BYTES_MAX;

/// The largest window that zstd files may ask for, as a power of two: 128 MiB, what the usual tools
/// take without being told to.
const ZSTD_WINDOW_LOG_MAX: u32 = 27;

/// What web pages and XML start with, lower case.
const PAGE_STARTS: [&[u8]; 7] = [
    b"<!doctype",
    b"<html",
    b"<head",
    b"<body",
    b"<script",
    b"<!--",
    b"<?xml",
];

/// One file, read on demand.
pub(super) struct Input {
    /// The file, for errors.
    path: PathBuf,
    /// Where inflated bytes come from.
    input: Box<dyn Read + Send>,
    /// Holds what was read and not yet consumed, at `start..end`.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Whether `input` has ended.
    ended: bool,
    /// Bytes of the feed read so far, inflated, with those of earlier files.
    bytes: u64,
    /// Most bytes that the feed may have.
    bytes_max: u64,
}

impl Input {
    /// Opens `path` and looks at its head. The feed may have `bytes_max` inflated bytes, of which
    /// `bytes` were read from earlier files.
    ///
    /// # Errors
    /// [`FeedError`] `Read`, `TooLarge`, `Html` or `Binary`.
    pub(super) fn open(path: &Path, bytes: u64, bytes_max: u64) -> Result<Self, FeedError> {
        let input = open(path).map_err(|source| FeedError::Read {
            path: path.to_owned(),
            source,
        })?;
        Self::new(path, input, bytes, bytes_max)
    }

    /// Reads `input`, already inflated.
    ///
    /// # Errors
    /// As [`Input::open`].
    pub(super) fn new(
        path: &Path,
        input: Box<dyn Read + Send>,
        bytes: u64,
        bytes_max: u64,
    ) -> Result<Self, FeedError> {
        let mut opened = Self {
            path: path.to_owned(),
            input,
            buffer: vec![0; BUFFER_BYTES],
            start: 0,
            end: 0,
            ended: false,
            bytes,
            bytes_max,
        };
        while !opened.ended && opened.end < HEAD_BYTES {
            opened.fill()?;
        }
        opened.look_at_head()?;
        Ok(opened)
    }

    /// The file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes of the feed read so far, inflated, with those of earlier files.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What was read and not yet consumed.
    pub(super) fn unread(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Whether there is nothing behind [`Input::unread`].
    pub(super) fn ended(&self) -> bool {
        self.ended
    }

    /// Consumes the first `count` bytes.
    pub(super) fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
    }

    /// Forgets what was read beyond the first `count` bytes.
    pub(super) fn forget_beyond(&mut self, count: usize) {
        self.end = (self.start + count).min(self.end);
    }

    /// Reads more, after moving what is left to the front. There is room for more than a
    /// longest line.
    ///
    /// # Errors
    /// [`FeedError`] `Read` or `TooLarge`.
    pub(super) fn fill(&mut self) -> Result<(), FeedError> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        let room = self.buffer.get_mut(self.end..).unwrap_or_default();
        let n_read = loop {
            match self.input.read(room) {
                Ok(n_read) => break n_read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(source) => {
                    return Err(FeedError::Read {
                        path: self.path.clone(),
                        source,
                    });
                }
            }
        };
        self.ended = n_read == 0;
        self.end += n_read;
        self.bytes += u64::try_from(n_read).unwrap_or(u64::MAX);
        if self.bytes > self.bytes_max {
            return Err(FeedError::TooLarge {
                path: self.path.clone(),
                limit: self.bytes_max,
            });
        }
        Ok(())
    }

    /// Skips a byte order mark and refuses what cannot be a list.
    fn look_at_head(&mut self) -> Result<(), FeedError> {
        let head = self.buffer.get(..self.end).unwrap_or_default();
        if let Some(hint) = binary_hint(head) {
            return Err(FeedError::Binary {
                path: self.path.clone(),
                hint,
            });
        }
        let text = head.strip_prefix(b"\xef\xbb\xbf");
        let skipped = text.map_or(0, |_| 3);
        let text = text.unwrap_or(head).trim_ascii_start();
        let page = PAGE_STARTS.iter().any(|start| {
            text.get(..start.len())
                .is_some_and(|found| found.eq_ignore_ascii_case(start))
        });
        if page {
            return Err(FeedError::Html {
                path: self.path.clone(),
            });
        }
        self.start = skipped;
        Ok(())
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Input")
            .field("path", &self.path)
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

/// The files of a feed: `path` itself, or the regular files of the directory that it is, hidden
/// ones left out, in the order of their names. The flag says whether it is a directory.
///
/// # Errors
/// [`FeedError::Read`] when it cannot be looked at.
pub(super) fn files(path: &Path) -> Result<(Vec<PathBuf>, bool), FeedError> {
    if !metadata(path)?.is_dir() {
        return Ok((vec![path.to_owned()], false));
    }
    let failed = |source| FeedError::Read {
        path: path.to_owned(),
        source,
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if !hidden && metadata(&entry.path())?.is_file() {
            files.push(entry.path());
        }
    }
    files.sort();
    Ok((files, true))
}

/// What the system knows of `path`, links followed.
fn metadata(path: &Path) -> Result<Metadata, FeedError> {
    fs::metadata(path).map_err(|source| FeedError::Read {
        path: path.to_owned(),
        source,
    })
}

/// Opens `path` and inflates it if its first bytes say so.
fn open(path: &Path) -> io::Result<Box<dyn Read + Send>> {
    let mut file = File::open(path)?;
    let mut magic = Vec::with_capacity(4);
    Read::by_ref(&mut file).take(4).read_to_end(&mut magic)?;
    let kind = magic.clone();
    if matches!(kind.as_slice(), b"PK\x03\x04" | b"PK\x05\x06") {
        file.rewind()?;
        return zip::open(file);
    }
    let whole = Cursor::new(magic).chain(file);
    Ok(match kind.as_slice() {
        [0x1f, 0x8b, ..] => Box::new(flate2::read::MultiGzDecoder::new(whole)),
        [0x28, 0xb5, 0x2f, 0xfd] => {
            let mut inflated = zstd::Decoder::new(whole)?;
            inflated.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
            Box::new(inflated)
        }
        _ => Box::new(whole),
    })
}

/// What `head` seems to be, if it is not text in an encoding that extends ASCII.
fn binary_hint(head: &[u8]) -> Option<&'static str> {
    if head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") {
        return Some("it is UTF-16, save it as UTF-8");
    }
    if head.contains(&0) {
        return Some("it holds NUL bytes");
    }
    let odd = |byte: &&u8| **byte < 0x20 && !matches!(**byte, b'\t' | b'\n' | 0x0b | 0x0c | b'\r');
    let n_odd = head.iter().filter(odd).count();
    (n_odd > 3 + head.len() / 32).then_some("it is full of control bytes")
}
