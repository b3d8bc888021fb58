//! One pass over JSON lines for the key face of the JSON formats. It checks structure, depth,
//! escapes and UTF-8 as strictly as a full parser, borrows keys and strings from the record,
//! and allocates nothing. It gives no meaning to anything: that is for the formats.
//!
//! A key that occurs twice is handed out twice. Wherever a format keeps a single value, the
//! last one written counts, here and in its full decoding.

use memchr::memchr;

use super::{ITEMS_MAX, Item, JSON_DEPTH_MAX, KeySink, Outcome, Reject};
use leap::{End, LEAP_LEN_MAX};
pub(super) use route::{Meaning, Route, Spot};
use scan::{
    after_bare, after_numbers, behind_blanks, behind_white, plain_len, special_end, trimmed,
    unescape,
};

mod habits;
mod leap;
mod route;
mod scan;
mod vector;

/// Most bytes of a string with escapes that are undone: enough for every name that
/// `model::DomainName::parse` can accept (4 × 253 bytes of UTF-8, each written `\xHH`).
pub(super) const PLAIN_LEN_MAX: usize = 4096;

/// What some writers put before the first byte of a text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Walks the lines of `record`: each line that is not blank is one item, which `row` reads by
/// the `route` and whose end goes to `sink`. What `row` reads goes on behind the line, of which it
/// says what follows it ([`Cursor::end`]): most records are one line, so none is searched for its
/// end unless it is rejected. A record without any is one item, rejected as empty; what follows
/// [`ITEMS_MAX`] lines is one item, rejected as too many. O(`record.len()`).
pub(super) fn rows<'r, F: Meaning, S: KeySink<'r>>(
    record: &'r [u8],
    route: &mut Route<F>,
    sink: &mut S,
    mut row: impl FnMut(Cursor<'r>, &mut Route<F>, &mut S) -> Result<(&'r [u8], Outcome), Reject>,
) {
    // Its last byte is not looked at before the others: it may still be far away.
    let mut rest = behind_white(record.strip_prefix(BYTE_ORDER_MARK).unwrap_or(record));
    if rest.is_empty() {
        let outcome = Outcome::Rejected(Reject::Empty);
        sink.end(Item {
            bytes: record,
            outcome,
        });
    }
    let mut items = 0;
    while !rest.is_empty() {
        if items == ITEMS_MAX {
            let outcome = Outcome::Rejected(Reject::TooMany);
            return sink.end(Item {
                bytes: trimmed(rest),
                outcome,
            });
        }
        items += 1;
        let mut cursor = Cursor::new(rest);
        route.restart();
        let entered = cursor.row();
        let (after, outcome) = match entered.and_then(|()| row(cursor, route, sink)) {
            Ok((after, outcome)) => (after, outcome),
            Err(reject) => (behind_line(rest), Outcome::Rejected(reject)),
        };
        let line = rest.get(..rest.len() - after.len());
        sink.end(Item {
            bytes: trimmed(line.unwrap_or(rest)),
            outcome,
        });
        rest = behind_white(after);
    }
}

/// What follows the line at the start of `bytes`.
#[inline(never)]
fn behind_line(bytes: &[u8]) -> &[u8] {
    let end = memchr(b'\n', bytes).unwrap_or(bytes.len());
    bytes.get(end..).unwrap_or_default()
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
    let mut cursor = Cursor::new(item);
    cursor.row()?;
    while cursor.key()?.is_some() {
        cursor.skip()?;
    }
    let after = cursor.end()?;
    after.is_empty().then_some(()).ok_or(Reject::NotJson)
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

/// A place in a row, which ends where its line ends. After [`Cursor::row`] or [`Cursor::object`] the members of the object are
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
}

impl<'r> Cursor<'r> {
    /// A cursor before a row, which has no white space around it, and what follows its line.
    #[inline]
    fn new(row: &'r [u8]) -> Self {
        Self {
            rest: row,
            depth: 0,
            opened: false,
        }
    }

    /// Goes into the object that a row is.
    ///
    /// # Errors
    /// Also [`Reject::Schema`] when the row is JSON but no object.
    #[inline(always)]
    pub(super) fn row(&mut self) -> Result<(), Reject> {
        if self.object()? {
            return Ok(());
        }
        self.end().and(Err(Reject::Schema))
    }

    /// What follows the line of the row that was read: nothing else is on it.
    #[inline(always)]
    pub(super) fn end(mut self) -> Result<&'r [u8], Reject> {
        self.white();
        if matches!(self.rest, [] | [b'\n', ..]) {
            Ok(self.rest)
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

    /// Reads on to the next value of an object that must be read, by what the `route` remembers or
    /// by what `read` says of keys, and says what its key means; at the end of the object leaves it
    /// and returns `None`.
    ///
    /// `spot` is where the walk through this object stands: [`Spot::first`] at first.
    #[inline(always)]
    pub(super) fn member<F: Meaning>(
        &mut self,
        route: &mut Route<F>,
        spot: &mut Spot,
        read: impl Fn(Text<'r>) -> F,
    ) -> Result<Option<F>, Reject> {
        loop {
            let (end, meaning);
            if let Some((len, at_end, means)) = route.expect(spot, self.rest) {
                self.rest = self.rest.get(len..).ok_or(Reject::NotJson)?;
                (end, meaning) = (at_end, means);
            } else {
                (*self, end, meaning) = self.behind_surprise(route, spot, &read)?;
            }
            match end {
                End::Pass => self.pass(route, *spot)?,
                End::Read => return Ok(Some(meaning)),
                End::Close => {
                    self.depth -= 1;
                    self.opened = false;
                    return Ok(None);
                }
            }
        }
    }

    /// A cursor where the route did not foresee to go, and what is there: behind member after member
    /// up to a value that must be read, or that differs from row to row.
    #[cold]
    #[inline(never)]
    fn behind_surprise<F: Meaning>(
        mut self,
        route: &mut Route<F>,
        spot: &mut Spot,
        read: impl Fn(Text<'r>) -> F,
    ) -> Result<(Self, End, F), Reject> {
        let learns = route.surprise();
        self.opened = spot.is_first();
        let (mut start, mut noted) = (self.rest, 0);
        // The last member that was passed: what led to its value, what that means, and what follows.
        let mut passed: Option<(&[u8], F, Text<'r>, &[u8])> = None;
        loop {
            let key = self.key()?;
            if start.len() - self.rest.len() > LEAP_LEN_MAX
                && let Some((led, meaning, key, after)) = passed.take()
            {
                // Too much for one leap: one to the value of that member, and another behind it.
                route.learn(spot, led, (End::Pass, meaning), Some(key.raw), noted);
                (start, noted) = (after, 0);
            }
            let led = start.get(..start.len() - self.rest.len());
            let led = led.unwrap_or_default();
            let Some(key) = key else {
                let end = (End::Close, F::NOTHING);
                route.learn(spot, led, end, None, noted);
                self.depth += 1;
                return Ok((self, End::Close, F::NOTHING));
            };
            let meaning = read(key);
            let passing = meaning.passing();
            noted |= passing.unwrap_or_default();
            let repeats = passing.is_some() && learns && self.at_scalar();
            let habit = repeats.then(|| route.habit(*spot, key.raw)).flatten();
            let Some(habit) = habit else {
                let end = passing.map_or(End::Read, |_| End::Pass);
                route.learn(spot, led, (end, meaning), Some(key.raw), noted);
                return Ok((self, end, meaning));
            };
            let before = self.rest;
            self.skip()?;
            let value = before.get(..before.len() - self.rest.len());
            route.saw(habit, value.unwrap_or_default());
            passed = Some((led, meaning, key, self.rest));
        }
    }

    /// Whether a string, number, `true`, `false` or `null` stands here, without white space.
    fn at_scalar(&self) -> bool {
        !matches!(self.rest.first(), None | Some(b'{' | b'[' | ..=b' '))
    }

    /// Whether another element of a list follows; at its end leaves it.
    #[inline(always)]
    pub(super) fn element(&mut self) -> Result<bool, Reject> {
        self.more(b']')
    }

    /// Reads a string; any other value is skipped and is `None`.
    #[inline(always)]
    pub(super) fn text(&mut self) -> Result<Option<Text<'r>>, Reject> {
        if let Some(text) = self.plain_string() {
            return Ok(Some(text));
        }
        let (after, value) = self.behind_scalar()?;
        *self = after;
        Ok(value.and_then(Text::if_quoted))
    }

    /// Reads a string of plain bytes, if one stands here; else nothing.
    #[inline(always)]
    fn plain_string(&mut self) -> Option<Text<'r>> {
        let inner = self.rest.strip_prefix(b"\"")?;
        let (raw, after) = inner.split_at_checked(plain_len(inner))?;
        self.rest = after.strip_prefix(b"\"")?;
        Some(Text {
            raw,
            escaped: false,
            quoted: true,
        })
    }

    /// Reads a string, number, `true` or `false`; any other value is skipped and is `None`.
    #[inline(always)]
    pub(super) fn scalar(&mut self) -> Result<Option<Text<'r>>, Reject> {
        if let Some(text) = self.plain_string() {
            return Ok(Some(text));
        }
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

    /// Reads the value behind a spot and forgets it. The members of an object are read by the
    /// `route`, as such that mean nothing.
    #[inline(always)]
    pub(super) fn pass<F: Meaning>(
        &mut self,
        route: &mut Route<F>,
        spot: Spot,
    ) -> Result<(), Reject> {
        if self.rest.first() == Some(&b'{') {
            *self = self.behind_object(route, spot)?;
            return Ok(());
        }
        self.skip()
    }

    /// A cursor behind the object that starts here, the value behind a spot. Recursion ends at
    /// [`JSON_DEPTH_MAX`].
    #[inline(never)]
    fn behind_object<F: Meaning>(
        mut self,
        route: &mut Route<F>,
        spot: Spot,
    ) -> Result<Self, Reject> {
        self.object()?;
        let mut inside = route.inside(spot);
        while self.member(route, &mut inside, |_| F::NOTHING)?.is_some() {
            self.skip()?;
        }
        Ok(self)
    }

    /// Reads any value and forgets it.
    #[inline(always)]
    pub(super) fn skip(&mut self) -> Result<(), Reject> {
        let after = match self.rest.first() {
            Some(b'"') if self.plain_string().is_some() => return Ok(()),
            Some(b'[') if (self.depth as usize) < JSON_DEPTH_MAX => after_numbers(self.rest),
            _ => after_bare(self.rest),
        };
        if let Some(after) = after {
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
            Some((..=b' ', _)) => behind_blanks(self.rest).strip_prefix(&[byte]),
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
            self.rest = behind_blanks(self.rest);
        }
    }

    /// Reads a string whose opening quote is taken.
    #[inline]
    fn string(&mut self) -> Option<Text<'r>> {
        let (end, escaped) = special_end(self.rest)?;
        let (raw, after) = self.rest.split_at_checked(end)?;
        self.rest = after.get(1..)?;
        Some(Text {
            raw,
            escaped,
            quoted: true,
        })
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
