//! Feed files as lines: opens, inflates (gzip and zstd by their magic bytes), refuses what is
//! not text, and cuts into lines of bounded length. Memory is one buffer, whatever the input.

use std::fs::{self, File, Metadata};
use std::io::{self, Cursor, ErrorKind, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::error::FeedError;

/// Longest line; a longer one is cut and says so.
pub(super) const LINE_BYTES_MAX: usize = 64 * 1024;

/// What is looked at to tell text from what is not.
const HEAD_BYTES: usize = 64 * 1024;

/// Room for a head or a longest line, and for reading on in large steps.
const BUFFER_BYTES: usize = 4 * LINE_BYTES_MAX;

/// What is kept of a line that is too long.
const KEPT_BYTES: usize = 512;

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

/// The lines of one file.
pub(super) struct Lines {
    /// The file, for errors.
    path: PathBuf,
    /// Where inflated bytes come from.
    input: Box<dyn Read>,
    /// Holds what was read and not yet handed out, at `start..end`.
    buffer: Vec<u8>,
    /// Where the next line starts.
    start: usize,
    /// Up to where `buffer` is known to hold no end of the next line.
    scanned: usize,
    /// Where the read bytes end.
    end: usize,
    /// Whether the line at `start` has lost its middle.
    cut: bool,
    /// Whether `input` has ended.
    ended: bool,
    /// The number of the line handed out last.
    number: u64,
    /// Bytes of the feed read so far, inflated, with those of earlier files.
    bytes: u64,
    /// Most bytes that the feed may have.
    bytes_max: u64,
}

/// One line, without its line feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line<'b> {
    /// Its number, from 1.
    pub(super) number: u64,
    /// Its bytes; of a line that is too long, only the start and perhaps the end.
    pub(super) bytes: &'b [u8],
    /// Whether it is longer than [`LINE_BYTES_MAX`].
    pub(super) too_long: bool,
}

impl Lines {
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

    /// The lines of `input`, already inflated.
    ///
    /// # Errors
    /// As [`Lines::open`].
    pub(super) fn new(
        path: &Path,
        input: Box<dyn Read>,
        bytes: u64,
        bytes_max: u64,
    ) -> Result<Self, FeedError> {
        let mut lines = Self {
            path: path.to_owned(),
            input,
            buffer: vec![0; BUFFER_BYTES],
            start: 0,
            scanned: 0,
            end: 0,
            cut: false,
            ended: false,
            number: 0,
            bytes,
            bytes_max,
        };
        while !lines.ended && lines.end < HEAD_BYTES {
            lines.fill()?;
        }
        lines.look_at_head()?;
        Ok(lines)
    }

    /// The file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes of the feed read so far, inflated, with those of earlier files.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The next line; `None` at the end.
    ///
    /// # Errors
    /// [`FeedError`] `Read` or `TooLarge`.
    pub(super) fn next(&mut self) -> Result<Option<Line<'_>>, FeedError> {
        let Some((range, too_long)) = self.advance()? else {
            return Ok(None);
        };
        self.number += 1;
        Ok(Some(Line {
            number: self.number,
            bytes: self.buffer.get(range).unwrap_or_default(),
            too_long,
        }))
    }

    /// Finds where the next line lies in the buffer and whether it is too long.
    fn advance(&mut self) -> Result<Option<(Range<usize>, bool)>, FeedError> {
        loop {
            let fresh = self.buffer.get(self.scanned..self.end).unwrap_or_default();
            let stop = memchr::memchr(b'\n', fresh).map(|at| self.scanned + at);
            let last = self.ended && self.start < self.end;
            if let Some(stop) = stop.or_else(|| last.then_some(self.end)) {
                let range = self.start..stop;
                let too_long = self.cut || range.len() > LINE_BYTES_MAX;
                self.start = (stop + 1).min(self.end);
                self.scanned = self.start;
                self.cut = false;
                return Ok(Some((range, too_long)));
            }
            if self.ended {
                return Ok(None);
            }
            if self.end - self.start > LINE_BYTES_MAX {
                self.end = self.start + KEPT_BYTES;
                self.cut = true;
            }
            self.scanned = self.end;
            self.fill()?;
        }
    }

    /// Reads more, after moving what is left to the front.
    fn fill(&mut self) -> Result<(), FeedError> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.scanned -= self.start;
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
        self.scanned = skipped;
        Ok(())
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
fn open(path: &Path) -> io::Result<Box<dyn Read>> {
    let mut file = File::open(path)?;
    let mut magic = Vec::with_capacity(4);
    Read::by_ref(&mut file).take(4).read_to_end(&mut magic)?;
    let kind = magic.clone();
    let whole = Cursor::new(magic).chain(file);
    Ok(match kind.as_slice() {
        [0x1f, 0x8b, ..] => Box::new(flate2::read::MultiGzDecoder::new(whole)),
        [0x28, 0xb5, 0x2f, 0xfd] => Box::new(zstd::Decoder::new(whole)?),
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Hands out at most `step` bytes at once, and an interruption now and then.
    struct Trickle(Cursor<Vec<u8>>, usize, bool);

    impl Read for Trickle {
        fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
            self.2 = !self.2;
            if self.2 {
                return Err(ErrorKind::Interrupted.into());
            }
            let len = room.len().min(self.1);
            self.0.read(&mut room[..len])
        }
    }

    fn lines(text: &[u8], step: usize) -> Vec<(u64, Vec<u8>, bool)> {
        let input = Box::new(Trickle(Cursor::new(text.to_vec()), step, false));
        let mut lines = Lines::new(Path::new("feed"), input, 0, u64::MAX).unwrap();
        let mut found = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            found.push((line.number, line.bytes.to_vec(), line.too_long));
        }
        assert_eq!(lines.bytes(), text.len() as u64);
        found
    }

    #[test]
    fn a_line_of_the_longest_length_is_whole_and_a_longer_one_is_cut() {
        let longest = "a".repeat(LINE_BYTES_MAX);
        let longer = "b".repeat(LINE_BYTES_MAX + 1);
        let longest_by_far = "c".repeat(9 * BUFFER_BYTES);
        let text = format!("{longest}\nx\n{longer}\ny\n{longest_by_far}\nz\n{longest_by_far}");
        for step in [1000, 1 << 20] {
            let found = lines(text.as_bytes(), step);
            let too_long: Vec<_> = found
                .iter()
                .map(|(number, _, long)| (*number, *long))
                .collect();
            let expected = [false, false, true, false, true, false, true];
            assert_eq!(too_long, (1..).zip(expected).collect::<Vec<_>>());
            assert_eq!(found[0].1.len(), LINE_BYTES_MAX);
            assert_eq!(found[3].1, b"y");
            assert_eq!(found[5].1, b"z");
            assert!(found[4].1.starts_with(b"ccc"));
        }
    }

    proptest! {
        #[test]
        fn lines_are_those_of_a_split(
            text in proptest::collection::vec(prop_oneof![3 => Just(b'a'), 1 => Just(b'\n')], 0..300),
            step in 1_usize..40,
        ) {
            let mut expected: Vec<&[u8]> = text.split(|&byte| byte == b'\n').collect();
            if expected.last().is_some_and(|last| last.is_empty()) {
                expected.pop();
            }
            let actual = lines(&text, step);
            prop_assert_eq!(actual.len(), expected.len());
            for ((number, line, too_long), (at, expected)) in actual.iter().zip((1..).zip(expected)) {
                prop_assert_eq!((*number, line.as_slice(), *too_long), (at, expected, false));
            }
        }
    }
}
