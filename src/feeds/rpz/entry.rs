//! Zone files as entries: a directive or a record with its words, over as many lines as its
//! parentheses span. Quotes and comments end with their line.

use super::super::blocks::Lines;
use super::super::error::FeedError;
use super::super::reason::{self, Reason};
use super::super::report::RefusedRow;

/// Words of an entry that are kept: owner, time to live, class, type, the first word of the data and
/// one more, so that it shows.
const TOKENS_MAX: usize = 6;

/// Most lines of an entry; a parenthesis that is open for longer was never closed.
const ENTRY_LINES_MAX: u64 = 64;

/// What is kept of the first line, to be shown.
const SHOWN_BYTES_MAX: usize = 4 * RefusedRow::TEXT_MAX;

/// One entry; memory that serves entry after entry, at most a line's words more than one line.
#[derive(Debug, Default)]
pub(super) struct Entry {
    /// The number of its first line.
    number: u64,
    /// How many lines it has.
    n_lines: u64,
    /// The start of its first line.
    shown: Vec<u8>,
    /// Whether it starts with white space, so that its owner is that of the last record.
    indented: bool,
    /// The kept words, escapes as written, one after the other.
    text: Vec<u8>,
    /// Where each of them ends.
    ends: Vec<usize>,
    /// How many parentheses are open.
    depth: u32,
}

/// Reads the next entry into `entry`, or what of it could be read and the [`Reason`] to refuse it.
/// Lines without words are skipped. `None` at the end.
///
/// # Errors
/// [`FeedError`] `Read` or `TooLarge`.
pub(super) fn read_entry(
    lines: &mut Lines,
    entry: &mut Entry,
) -> Result<Option<Result<(), Reason>>, FeedError> {
    entry.clear();
    while let Some(line) = lines.next()? {
        if entry.n_lines == 0 {
            entry.begin(line.number, line.bytes);
        }
        entry.n_lines += 1;
        if line.too_long {
            return Ok(Some(Err(reason::LINE_TOO_LONG)));
        }
        if let Err(reason) = entry.feed(line.bytes) {
            return Ok(Some(Err(reason)));
        }
        if entry.depth > 0 {
            if entry.n_lines == ENTRY_LINES_MAX {
                return Ok(Some(Err(reason::UNBALANCED_PARENTHESES)));
            }
        } else if entry.ends.is_empty() {
            entry.clear();
        } else {
            return Ok(Some(Ok(())));
        }
    }
    Ok((entry.n_lines > 0).then_some(Err(reason::UNBALANCED_PARENTHESES)))
}

impl Entry {
    /// The number of its first line.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// How many lines it has.
    pub(super) fn n_lines(&self) -> u64 {
        self.n_lines
    }

    /// The start of its first line.
    pub(super) fn shown(&self) -> &[u8] {
        &self.shown
    }

    /// Whether it starts with white space.
    pub(super) fn indented(&self) -> bool {
        self.indented
    }

    /// The word at `position`, from 0; `None` beyond the last, or beyond those that are kept.
    pub(super) fn token(&self, position: usize) -> Option<&[u8]> {
        let start = match position.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        self.text.get(start..*self.ends.get(position)?)
    }

    /// Forgets everything but its memory.
    fn clear(&mut self) {
        self.n_lines = 0;
        self.depth = 0;
        self.text.clear();
        self.ends.clear();
    }

    /// Notes the first line.
    fn begin(&mut self, number: u64, line: &[u8]) {
        self.number = number;
        self.indented = line.first().is_some_and(|byte| is_blank(*byte));
        self.shown.clear();
        let shown = line.get(..SHOWN_BYTES_MAX).unwrap_or(line);
        self.shown.extend_from_slice(shown);
    }

    /// Takes the words of a line.
    ///
    /// # Errors
    /// The [`Reason`] when its quotes or parentheses do not pair.
    fn feed(&mut self, line: &[u8]) -> Result<(), Reason> {
        let mut rest = line;
        while let Some((&byte, after)) = rest.split_first() {
            rest = match byte {
                b';' => break,
                b'(' => {
                    self.depth = self.depth.saturating_add(1);
                    after
                }
                b')' => {
                    let closed = self.depth.checked_sub(1);
                    self.depth = closed.ok_or(reason::UNBALANCED_PARENTHESES)?;
                    after
                }
                b'"' => {
                    let (word, quote) = split_word(after, |byte| byte == b'"');
                    self.keep(word);
                    let (_, after) = quote.split_first().ok_or(reason::UNCLOSED_QUOTE)?;
                    after
                }
                byte if is_blank(byte) => after,
                _ => {
                    let (word, after) = split_word(rest, ends_word);
                    self.keep(word);
                    after
                }
            };
        }
        Ok(())
    }

    /// Keeps a word if there is room.
    fn keep(&mut self, word: &[u8]) {
        if self.ends.len() < TOKENS_MAX {
            self.text.extend_from_slice(word);
            self.ends.push(self.text.len());
        }
    }
}

/// The word that `bytes` starts with, and the rest from the first byte on that `ends` it without a
/// backslash before.
fn split_word(bytes: &[u8], ends: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    let mut escaped = false;
    let end = bytes.iter().position(|&byte| {
        let end = !escaped && ends(byte);
        escaped = !escaped && byte == b'\\';
        end
    });
    bytes
        .split_at_checked(end.unwrap_or(bytes.len()))
        .unwrap_or((bytes, &[]))
}

/// Whether a byte ends a word that is not quoted.
fn ends_word(byte: u8) -> bool {
    is_blank(byte) || matches!(byte, b';' | b'(' | b')' | b'"')
}

/// Whether a byte is white space.
fn is_blank(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}
