//! One pass over JSON lines for the key face of the JSON formats. It checks structure, depth,
//! escapes and UTF-8 as strictly as a full parser, borrows keys and strings from the record,
//! and allocates nothing. It gives no meaning to anything: that is for the formats.
//!
//! A key that occurs twice is handed out twice. Wherever a format keeps a single value, the
//! last one written counts, here and in its full decoding.

use memchr::memchr;

use super::{ITEMS_MAX, Item, JSON_DEPTH_MAX, KeySink, Outcome, Reject};
use route::Context;
pub(super) use route::{Route, Value};
use scan::{after_bare, after_numbers, quote, special_end, trimmed, unescape, without_white};
use vector::{Survey, survey};

mod route;
mod scan;
mod vector;

/// Most bytes of a string with escapes that are undone: enough for every name that
/// `model::DomainName::parse` can accept (4 × 253 bytes of UTF-8, each written `\xHH`).
pub(super) const PLAIN_LEN_MAX: usize = 4096;

/// Bytes of a record that is likely to be one line.
const LINE_LEN: usize = 4096;

/// What some writers put before the first byte of a text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Walks the lines of `record`: each line that is not blank is one item, which `row` reads by
/// the `route` and whose end goes to `sink`. A record without any is one item, rejected as
/// empty; what follows [`ITEMS_MAX`] lines is one item, rejected as too many.
/// O(`record.len()`).
pub(super) fn rows<'r, F: Copy, S: KeySink<'r>>(
    record: &'r [u8],
    route: &mut Route<F>,
    sink: &mut S,
    mut row: impl FnMut(Cursor<'r>, &mut Route<F>, &mut S) -> Result<Outcome, Reject>,
) {
    let mut rest = trimmed(record.strip_prefix(BYTE_ORDER_MARK).unwrap_or(record));
    if rest.is_empty() {
        let outcome = Outcome::Rejected(Reject::Empty);
        sink.end(Item {
            bytes: record,
            outcome,
        });
    }
    let mut items = 0;
    while !rest.is_empty() {
        // Most records are one line, and looking at all bytes of it is not in vain.
        let mut bytes = (items == 0 && rest.len() < LINE_LEN).then(|| Bytes::of(rest));
        let end = match bytes {
            Some(Bytes::Plain) => rest.len(),
            Some(Bytes::Special | Bytes::Invalid) | None => {
                memchr(b'\n', rest).unwrap_or(rest.len())
            }
        };
        if end < rest.len() {
            bytes = None;
        }
        let (line, after) = rest.split_at_checked(end).unwrap_or((rest, &[]));
        let line = trimmed(line);
        if items == ITEMS_MAX {
            let outcome = Outcome::Rejected(Reject::TooMany);
            return sink.end(Item {
                bytes: rest,
                outcome,
            });
        }
        items += 1;
        let mut cursor = Cursor::new(line, bytes.unwrap_or_else(|| Bytes::of(line)));
        route.restart();
        let entered = cursor.row();
        let outcome = entered
            .and_then(|()| row(cursor, route, sink))
            .unwrap_or_else(Outcome::Rejected);
        sink.end(Item {
            bytes: line,
            outcome,
        });
        rest = trimmed(after);
    }
}

/// Checks that `item` is one JSON object within the depth limit.
///
/// # Errors
/// [`Reject::Empty`], [`Reject::NotJson`], [`Reject::TooDeep`], or [`Reject::Schema`] when it
/// is some other JSON value.
pub(super) fn check(item: &[u8]) -> Result<(), Reject> {
    let item = trimmed(item);
    if item.is_empty() {
        return Err(Reject::Empty);
    }
    let mut cursor = Cursor::new(item, Bytes::of(item));
    cursor.row()?;
    while cursor.key()?.is_some() {
        cursor.skip()?;
    }
    cursor.end()
}

/// A string as it stands between its quotes, or another scalar as it is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text<'r> {
    /// The bytes as written.
    raw: &'r [u8],
    /// Whether escapes are in them.
    escaped: bool,
    /// Whether it is a string.
    quoted: bool,
}

impl Text<'_> {
    /// The text, if it is a string.
    #[inline(always)]
    pub(super) fn if_quoted(self) -> Option<Self> {
        self.quoted.then_some(self)
    }

    /// What `read` makes of the text with its escapes undone; `None` when it has escapes and
    /// is longer than [`PLAIN_LEN_MAX`]. Copies only a text with escapes, to the stack.
    pub(super) fn with_plain<T>(self, read: impl FnOnce(&[u8]) -> T) -> Option<T> {
        if self.escaped {
            self.with_unescaped(read)
        } else {
            Some(read(self.raw))
        }
    }

    /// The rare half of [`Self::with_plain`].
    #[cold]
    #[inline(never)]
    fn with_unescaped<T>(self, read: impl FnOnce(&[u8]) -> T) -> Option<T> {
        let mut buffer = [0; PLAIN_LEN_MAX];
        unescape(self.raw, &mut buffer).map(read)
    }
}

/// A place in a row. After [`Cursor::row`] or [`Cursor::object`] the members of the object are
/// walked with [`Cursor::key`], after [`Cursor::list`] its elements with [`Cursor::element`];
/// before the next of either, exactly one value must be read. All errors are
/// [`Reject::NotJson`] or [`Reject::TooDeep`] where nothing else is said, and end the walk.
///
/// The small methods are inlined always: only then does the place stay in registers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'r> {
    /// What is not yet read.
    rest: &'r [u8],
    /// How many objects and lists are open.
    depth: u32,
    /// Whether nothing was read since the last of them was opened.
    opened: bool,
    /// What bytes the row has.
    bytes: Bytes,
}

/// What bytes a row has: found out for the whole row at once, since that is cheap, so that the
/// search for the end of a string need not look for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bytes {
    /// Neither backslashes nor control bytes: a string ends at the next quote.
    Plain,
    /// Backslashes or control bytes.
    Special,
    /// Not UTF-8.
    Invalid,
}

impl Bytes {
    /// Looks at all bytes of `row`.
    #[inline]
    fn of(row: &[u8]) -> Self {
        let Survey {
            lowest,
            high,
            backslash,
        } = survey(row);
        if high && std::str::from_utf8(row).is_err() {
            Self::Invalid
        } else if lowest < 0x20 || backslash {
            Self::Special
        } else {
            Self::Plain
        }
    }
}

impl<'r> Cursor<'r> {
    /// A cursor before `row`, which has no white space around it and has such bytes.
    #[inline]
    fn new(row: &'r [u8], bytes: Bytes) -> Self {
        Self {
            rest: row,
            depth: 0,
            opened: false,
            bytes,
        }
    }

    /// Goes into the object that a row is.
    ///
    /// # Errors
    /// Also [`Reject::Schema`] when the row is JSON but no object.
    #[inline(always)]
    pub(super) fn row(&mut self) -> Result<(), Reject> {
        if self.bytes == Bytes::Invalid {
            return Err(Reject::NotJson);
        }
        if self.object()? {
            return Ok(());
        }
        self.end().and(Err(Reject::Schema))
    }

    /// Makes sure that nothing follows the row.
    #[inline(always)]
    pub(super) fn end(&self) -> Result<(), Reject> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(Reject::NotJson)
        }
    }

    /// Goes into an object; any other value is skipped. Says which it was.
    #[inline(always)]
    pub(super) fn object(&mut self) -> Result<bool, Reject> {
        self.open(b'{')
    }

    /// Goes into a list; any other value is skipped. Says which it was.
    #[inline(always)]
    pub(super) fn list(&mut self) -> Result<bool, Reject> {
        self.open(b'[')
    }

    /// Reads the next key of an object; at its end leaves it and returns `None`.
    #[inline(always)]
    pub(super) fn key(&mut self) -> Result<Option<Text<'r>>, Reject> {
        if !self.more(b'}')? {
            return Ok(None);
        }
        if !self.take(b'"') {
            return Err(Reject::NotJson);
        }
        let key = self.string();
        if !self.take(b':') {
            return Err(Reject::NotJson);
        }
        key.map(Some).ok_or(Reject::NotJson)
    }

    /// Reads the next key of an object as [`Self::key`] does and says what it means, by what the
    /// `route` remembers or by `read`; at the end of the object leaves it and returns `None`.
    /// The value that follows is for [`Self::pass`], or read as any other.
    ///
    /// `level` is a number for the kind of object: keys of objects of one number must mean the
    /// same.
    #[inline(always)]
    pub(super) fn member<F: Copy>(
        &mut self,
        route: &mut Route<F>,
        level: u8,
        read: impl FnOnce(Text<'r>) -> F,
    ) -> Result<Option<(F, Value)>, Reject> {
        if let [b'}', after @ ..] = self.rest {
            self.rest = after;
            self.opened = false;
            self.depth -= 1;
            return Ok(None);
        }
        let context = Context::new(level, self.opened);
        if let Some(known) = route.expect(self.rest, context) {
            self.rest = self.rest.get(known.key_len..).ok_or(Reject::NotJson)?;
            self.opened = false;
            return Ok(Some((known.meaning, known.value)));
        }
        let (after, key) = self.behind_key()?;
        let len = self.rest.len() - after.rest.len();
        let Some(meaning) = key.map(read) else {
            *self = after;
            return Ok(None);
        };
        let value = route.learn(self.rest.get(..len).unwrap_or_default(), context, meaning);
        *self = after;
        Ok(Some((meaning, value)))
    }

    /// A cursor behind the next key, and the key: [`Self::key`] where it is rarely needed.
    #[cold]
    #[inline(never)]
    fn behind_key(mut self) -> Result<(Self, Option<Text<'r>>), Reject> {
        let key = self.key()?;
        Ok((self, key))
    }

    /// Whether another element of a list follows; at its end leaves it.
    #[inline(always)]
    pub(super) fn element(&mut self) -> Result<bool, Reject> {
        self.more(b']')
    }

    /// Reads a string; any other value is skipped and is `None`.
    #[inline(always)]
    pub(super) fn text(&mut self) -> Result<Option<Text<'r>>, Reject> {
        if self.bytes == Bytes::Plain
            && let Some(rest) = self.rest.strip_prefix(b"\"")
        {
            let (raw, after) = rest.split_at_checked(quote(rest)).ok_or(Reject::NotJson)?;
            self.rest = after.get(1..).ok_or(Reject::NotJson)?;
            return Ok(Some(Text {
                raw,
                escaped: false,
                quoted: true,
            }));
        }
        let (after, value) = self.behind_scalar()?;
        *self = after;
        Ok(value.and_then(Text::if_quoted))
    }

    /// Reads a string, number, `true` or `false`; any other value is skipped and is `None`.
    #[inline(always)]
    pub(super) fn scalar(&mut self) -> Result<Option<Text<'r>>, Reject> {
        self.white();
        let (&first, after) = self.rest.split_first().ok_or(Reject::NotJson)?;
        if first == b'"' {
            self.rest = after;
            return self.string().map(Some).ok_or(Reject::NotJson);
        }
        if matches!(first, b'{' | b'[') {
            *self = self.behind_nested()?;
            return Ok(None);
        }
        let raw = self.bare().ok_or(Reject::NotJson)?;
        let text = Text {
            raw,
            escaped: false,
            quoted: false,
        };
        Ok((first != b'n').then_some(text))
    }

    /// [`Self::scalar`], where it is rarely needed.
    #[inline(never)]
    fn behind_scalar(mut self) -> Result<(Self, Option<Text<'r>>), Reject> {
        let value = self.scalar()?;
        Ok((self, value))
    }

    /// Reads the value of a member and forgets it. The members of objects are read by the
    /// `route`, as those of a `level` on which keys mean `nothing`.
    #[inline(always)]
    pub(super) fn pass<F: Copy>(
        &mut self,
        route: &mut Route<F>,
        value: Value,
        (level, nothing): (u8, F),
    ) -> Result<(), Reject> {
        if value.len > 0 {
            self.rest = self.rest.get(value.len..).ok_or(Reject::NotJson)?;
            return Ok(());
        }
        let before = self.rest;
        if self.rest.first() == Some(&b'{') {
            *self = self.behind_object(route, level, nothing)?;
            return Ok(());
        }
        self.skip()?;
        let len = before.len() - self.rest.len();
        if let Some(bytes) = before.get(..=len) {
            route.learn_value(value, bytes);
        }
        Ok(())
    }

    /// A cursor behind the object that starts here. Recursion ends at [`JSON_DEPTH_MAX`].
    #[inline(never)]
    fn behind_object<F: Copy>(
        mut self,
        route: &mut Route<F>,
        level: u8,
        nothing: F,
    ) -> Result<Self, Reject> {
        self.object()?;
        while let Some((_, value)) = self.member(route, level, |_| nothing)? {
            self.pass(route, value, (level, nothing))?;
        }
        Ok(self)
    }

    /// Reads any value and forgets it.
    #[inline(always)]
    pub(super) fn skip(&mut self) -> Result<(), Reject> {
        if self.bytes == Bytes::Plain
            && let Some(after) = self.rest.strip_prefix(b"\"")
        {
            let after = after.get(quote(after) + 1..);
            self.rest = after.ok_or(Reject::NotJson)?;
            return Ok(());
        }
        if let Some(after) = after_bare(self.rest).or_else(|| after_numbers(self.rest)) {
            self.rest = after;
            return Ok(());
        }
        (*self, _) = self.behind_scalar()?;
        Ok(())
    }

    /// Reads `null` if it stands here; says whether it does.
    pub(super) fn null(&mut self) -> Result<bool, Reject> {
        self.white();
        if self.rest.first() != Some(&b'n') {
            return Ok(false);
        }
        self.bare().map(|_| true).ok_or(Reject::NotJson)
    }

    /// Whether a list stands here.
    pub(super) fn at_list(&mut self) -> bool {
        self.white();
        self.rest.first() == Some(&b'[')
    }

    /// A cursor behind the object or list that starts here. Recursion ends at
    /// [`JSON_DEPTH_MAX`].
    #[inline(never)]
    fn behind_nested(mut self) -> Result<Self, Reject> {
        if self.at_list() {
            self.open(b'[')?;
            while self.element()? {
                self.skip()?;
            }
        } else {
            self.open(b'{')?;
            while self.key()?.is_some() {
                self.skip()?;
            }
        }
        Ok(self)
    }

    /// Goes into what starts with `bracket`; any other value is skipped. Says which it was.
    #[inline(always)]
    fn open(&mut self, bracket: u8) -> Result<bool, Reject> {
        if !self.take(bracket) {
            return self.skip().map(|()| false);
        }
        self.depth += 1;
        if self.depth as usize > JSON_DEPTH_MAX {
            return Err(Reject::TooDeep);
        }
        self.opened = true;
        Ok(true)
    }

    /// Whether another member or element follows; takes the comma before it, or the closing
    /// `bracket`.
    #[inline(always)]
    fn more(&mut self, bracket: u8) -> Result<bool, Reject> {
        let opened = std::mem::take(&mut self.opened);
        if !opened && self.take(b',') {
            return Ok(true);
        }
        if self.take(bracket) {
            self.depth -= 1;
            return Ok(false);
        }
        if opened {
            Ok(true)
        } else {
            Err(Reject::NotJson)
        }
    }

    /// Takes `byte` if it is next, behind any white space.
    #[inline(always)]
    fn take(&mut self, byte: u8) -> bool {
        let after = match self.rest.split_first() {
            Some((&first, after)) if first == byte => Some(after),
            Some((b'!'.., _)) | None => None,
            Some((..=b' ', _)) => without_white(self.rest).strip_prefix(&[byte]),
        };
        if let Some(after) = after {
            self.rest = after;
        }
        after.is_some()
    }

    /// Takes white space.
    #[inline(always)]
    fn white(&mut self) {
        if matches!(self.rest.first(), Some(0..=b' ')) {
            self.rest = without_white(self.rest);
        }
    }

    /// Reads a string whose opening quote is taken.
    #[inline(always)]
    fn string(&mut self) -> Option<Text<'r>> {
        let (text, rest) = if self.bytes == Bytes::Plain {
            let (raw, after) = self.rest.split_at_checked(quote(self.rest))?;
            let text = Text {
                raw,
                escaped: false,
                quoted: true,
            };
            (text, after.split_first()?.1)
        } else {
            let (end, escaped) = special_end(self.rest)?;
            let (raw, after) = self.rest.split_at_checked(end)?;
            let text = Text {
                raw,
                escaped,
                quoted: true,
            };
            (text, after.split_first()?.1)
        };
        self.rest = rest;
        Some(text)
    }

    /// Reads a number, `true`, `false` or `null`.
    #[inline(always)]
    fn bare(&mut self) -> Option<&'r [u8]> {
        let after = after_bare(self.rest)?;
        let raw = self.rest.get(..self.rest.len() - after.len());
        self.rest = after;
        raw
    }
}

#[cfg(test)]
mod tests;
