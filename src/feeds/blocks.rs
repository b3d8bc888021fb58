//! Feed files as lines: cuts a file into blocks that end where a line ends, and a block into
//! lines. A line of whatever length costs no more memory than the longest that is allowed.

use super::error::FeedError;
use super::read::Input;

/// Longest line; a longer one is cut and says so.
pub(super) const LINE_BYTES_MAX: usize = 64 * 1024;

/// Longest document that is one value, inflated.
pub(super) const DOCUMENT_BYTES_MAX: usize = 256 << 20;

/// What is kept of a line that is too long.
const KEPT_BYTES: usize = 512;

/// Bytes of a block, unless its first line is longer.
pub(super) const BLOCK_BYTES: usize = 32 * 1024;

/// Some whole lines of a file.
#[derive(Debug, Default)]
pub(super) struct Block {
    bytes: Vec<u8>,
    /// Whether the first line has lost its middle.
    cut: bool,
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

/// The blocks of one file.
pub(super) struct Blocks {
    input: Input,
    /// Bytes that a block should have.
    block_bytes: usize,
}

/// The lines of one file.
pub(super) struct Lines {
    blocks: Blocks,
    block: Block,
    /// Where the next line starts in the block.
    start: usize,
    /// The number of the line handed out last.
    number: u64,
}

impl Blocks {
    /// The blocks of `input`, of about `block_bytes` bytes.
    pub(super) fn new(input: Input, block_bytes: usize) -> Self {
        Self { input, block_bytes }
    }

    /// Bytes of the feed read so far, inflated, with those of earlier files.
    pub(super) fn bytes(&self) -> u64 {
        self.input.bytes()
    }

    /// Puts the next lines into `block`; `false` at the end.
    ///
    /// # Errors
    /// [`FeedError`] `Read` or `TooLarge`.
    pub(super) fn next(&mut self, block: &mut Block) -> Result<bool, FeedError> {
        block.bytes.clear();
        block.cut = false;
        let len = loop {
            while !self.input.ended() && self.input.unread().len() < self.block_bytes {
                self.input.fill()?;
            }
            let unread = self.input.unread();
            if let Some(len) = end_of_lines(unread, self.block_bytes) {
                break len;
            }
            if self.input.ended() {
                break unread.len();
            }
            if unread.len() > LINE_BYTES_MAX {
                self.input.forget_beyond(KEPT_BYTES);
                block.cut = true;
            }
            self.input.fill()?;
        };
        let lines = self.input.unread().get(..len).unwrap_or_default();
        block.bytes.extend_from_slice(lines);
        self.input.consume(len);
        Ok(len > 0)
    }
}

/// Where the last line ends that ends within `wanted` bytes, else the first one that ends.
fn end_of_lines(bytes: &[u8], wanted: usize) -> Option<usize> {
    let (within, beyond) = bytes.split_at_checked(wanted).unwrap_or((bytes, &[]));
    let last = memchr::memrchr(b'\n', within);
    let stop = last.or_else(|| memchr::memchr(b'\n', beyond).map(|at| within.len() + at));
    stop.map(|stop| stop + 1)
}

impl Block {
    /// The lines, numbered from 1.
    pub(super) fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        let (mut start, mut number) = (0, 0);
        std::iter::from_fn(move || {
            let (bytes, end) = self.line(start)?;
            let too_long = self.too_long(start, bytes);
            start = end;
            number += 1;
            Some(Line {
                number,
                bytes,
                too_long,
            })
        })
    }

    /// The line at `start`, and where the next one starts.
    fn line(&self, start: usize) -> Option<(&[u8], usize)> {
        let rest = self.bytes.get(start..).filter(|rest| !rest.is_empty())?;
        match memchr::memchr(b'\n', rest) {
            Some(len) => Some((rest.get(..len)?, start + len + 1)),
            None => Some((rest, self.bytes.len())),
        }
    }

    /// Whether the line at `start` is longer than allowed.
    fn too_long(&self, start: usize, line: &[u8]) -> bool {
        line.len() > LINE_BYTES_MAX || (self.cut && start == 0)
    }
}

impl Lines {
    /// The lines of `input`.
    pub(super) fn new(input: Input) -> Self {
        Self {
            blocks: Blocks::new(input, BLOCK_BYTES),
            block: Block::default(),
            start: 0,
            number: 0,
        }
    }

    /// The file.
    pub(super) fn path(&self) -> &std::path::Path {
        self.blocks.input.path()
    }

    /// Bytes of the feed read so far, inflated, with those of earlier files.
    pub(super) fn bytes(&self) -> u64 {
        self.blocks.bytes()
    }

    /// All of a file that is one document, before any line of it is read: at most
    /// [`DOCUMENT_BYTES_MAX`] bytes.
    ///
    /// # Errors
    /// [`FeedError`] `Read` or `TooLarge`.
    pub(super) fn document(&mut self) -> Result<Vec<u8>, FeedError> {
        let input = &mut self.blocks.input;
        let mut document = Vec::new();
        while !(input.ended() && input.unread().is_empty()) {
            document.extend_from_slice(input.unread());
            if document.len() > DOCUMENT_BYTES_MAX {
                return Err(FeedError::TooLarge {
                    path: input.path().to_owned(),
                    limit: DOCUMENT_BYTES_MAX as u64,
                });
            }
            input.consume(input.unread().len());
            input.fill()?;
        }
        Ok(document)
    }

    /// The next line; `None` at the end.
    ///
    /// # Errors
    /// [`FeedError`] `Read` or `TooLarge`.
    pub(super) fn next(&mut self) -> Result<Option<Line<'_>>, FeedError> {
        if self.start >= self.block.bytes.len() {
            self.start = 0;
            if !self.blocks.next(&mut self.block)? {
                return Ok(None);
            }
        }
        let start = self.start;
        let Some((bytes, end)) = self.block.line(start) else {
            return Ok(None);
        };
        self.start = end;
        self.number += 1;
        Ok(Some(Line {
            number: self.number,
            bytes,
            too_long: self.block.too_long(start, bytes),
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Cursor, ErrorKind, Read};
    use std::path::Path;

    use proptest::prelude::*;

    use super::super::read::BUFFER_BYTES;
    use super::*;

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

    fn input(text: &[u8], step: usize) -> Input {
        let input = Box::new(Trickle(Cursor::new(text.to_vec()), step, false));
        Input::new(Path::new("feed"), input, 0, u64::MAX).unwrap()
    }

    type Found = Vec<(u64, Vec<u8>, bool)>;

    fn lines(text: &[u8], step: usize) -> Found {
        let mut lines = Lines::new(input(text, step));
        let mut found = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            found.push((line.number, line.bytes.to_vec(), line.too_long));
        }
        assert_eq!(lines.bytes(), text.len() as u64);
        found
    }

    fn lines_of_blocks(text: &[u8], step: usize, block_bytes: usize) -> Found {
        let mut blocks = Blocks::new(input(text, step), block_bytes);
        let (mut block, mut found) = (Block::default(), Vec::new());
        while blocks.next(&mut block).unwrap() {
            let before = found.len() as u64;
            let lines = block.lines();
            found.extend(
                lines.map(|line| (before + line.number, line.bytes.to_vec(), line.too_long)),
            );
        }
        found
    }

    #[test]
    fn a_line_of_the_longest_length_is_whole_and_a_longer_one_is_cut() {
        let longest = "a".repeat(LINE_BYTES_MAX);
        let longer = "b".repeat(LINE_BYTES_MAX + 1);
        let longest_by_far = "c".repeat(9 * BUFFER_BYTES);
        let text = format!("{longest}\nx\n{longer}\ny\n{longest_by_far}\nz\n{longest_by_far}");
        for step in [1000, 1 << 20] {
            for found in [
                lines(text.as_bytes(), step),
                lines_of_blocks(text.as_bytes(), step, 16),
                lines_of_blocks(text.as_bytes(), step, 3 * LINE_BYTES_MAX),
            ] {
                let too_long: Vec<_> = found
                    .iter()
                    .map(|(number, _, long)| (*number, *long))
                    .collect();
                let expected = [false, false, true, false, true, false, true];
                assert_eq!(too_long, (1..).zip(expected).collect::<Vec<_>>());
                assert_eq!(found[0].1.len(), LINE_BYTES_MAX);
                assert_eq!(found[3].1, b"y");
                assert_eq!(found[5].1, b"z");
                assert!(found[4].1.starts_with(&[b'c'; KEPT_BYTES]));
            }
        }
    }

    proptest! {
        #[test]
        fn lines_are_those_of_a_split_wherever_blocks_end(
            text in proptest::collection::vec(prop_oneof![3 => Just(b'a'), 1 => Just(b'\n')], 0..300),
            step in 1_usize..40,
            block_bytes in 1_usize..60,
        ) {
            let mut expected: Vec<&[u8]> = text.split(|&byte| byte == b'\n').collect();
            if expected.last().is_some_and(|last| last.is_empty()) {
                expected.pop();
            }
            let expected: Found = (1..).zip(expected).map(|(at, line)| (at, line.to_vec(), false)).collect();
            prop_assert_eq!(&lines(&text, step), &expected);
            prop_assert_eq!(&lines_of_blocks(&text, step, block_bytes), &expected);
        }
    }
}
