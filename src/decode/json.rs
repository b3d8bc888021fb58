//! One pass over JSON lines for the key face of the JSON formats. It checks structure, depth,
//! escapes and UTF-8 as strictly as a full parser, borrows keys and strings from the record,
//! and allocates nothing. It gives no meaning to anything: that is for the formats.
//!
//! A key that occurs twice is handed out twice. Wherever a format keeps a single value, the
//! last one written counts, here and in its full decoding.

use memchr::memchr;

use super::{ITEMS_MAX, Item, JSON_DEPTH_MAX, KeySink, Outcome, Reject};

/// Most bytes of a string with escapes that are undone: enough for every name that
/// `model::DomainName::parse` can accept (4 × 253 bytes of UTF-8, each written `\xHH`).
pub(super) const PLAIN_LEN_MAX: usize = 4096;

/// Most bytes of a key with escapes that can still be one of ours.
const KEY_LEN_MAX: usize = 64;

/// What some writers put before the first byte of a text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Walks the lines of `record`: each line that is not blank is one item, which `row` reads and
/// whose end goes to `sink`. A record without any is one item, rejected as empty; what follows
/// [`ITEMS_MAX`] lines is one item, rejected as too many. O(`record.len()`).
pub(super) fn lines<'r, S: KeySink>(
    record: &'r [u8],
    sink: &mut S,
    mut row: impl FnMut(&mut Cursor<'r>, &mut S) -> Result<Outcome, Reject>,
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
        let end = memchr(b'\n', rest).unwrap_or(rest.len());
        let (line, after) = rest.split_at_checked(end).unwrap_or((rest, &[]));
        let bytes = trimmed(line);
        if items == ITEMS_MAX {
            let outcome = Outcome::Rejected(Reject::TooMany);
            return sink.end(Item {
                bytes: rest,
                outcome,
            });
        }
        items += 1;
        let outcome = row(&mut Cursor::new(bytes), sink).unwrap_or_else(Outcome::Rejected);
        sink.end(Item { bytes, outcome });
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
    Cursor::new(item).row(|cursor, _| cursor.skip())
}

/// A string as it stands between its quotes, or another scalar as it is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text<'r> {
    /// The bytes as written.
    raw: &'r [u8],
    /// Whether escapes are in them.
    escaped: bool,
}

impl Text<'_> {
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

/// A place in a row. Every method that reads a value reads exactly one, and every one but
/// [`Cursor::row`] expects to stand before a value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'r> {
    /// What is not yet read.
    rest: &'r [u8],
    /// How many objects and lists are open.
    depth: usize,
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
        let (mut special, mut high) = (0, 0);
        for &byte in row {
            special |= u8::from(byte == b'\\') | u8::from(byte < 0x20);
            high |= byte;
        }
        if !high.is_ascii() && std::str::from_utf8(row).is_err() {
            Self::Invalid
        } else if special == 0 {
            Self::Plain
        } else {
            Self::Special
        }
    }
}

impl<'r> Cursor<'r> {
    /// A cursor before `row`, which has no white space around it.
    #[inline]
    fn new(row: &'r [u8]) -> Self {
        Self {
            rest: row,
            depth: 0,
            bytes: Bytes::of(row),
        }
    }

    /// Reads a whole row: one object, whose members go to `each` as in [`Cursor::object`], and
    /// nothing behind it.
    ///
    /// # Errors
    /// [`Reject::NotJson`], [`Reject::TooDeep`], what `each` says, or [`Reject::Schema`] when
    /// the row is JSON but no object.
    #[inline(always)]
    pub(super) fn row(
        &mut self,
        each: impl FnMut(&mut Self, &[u8]) -> Result<(), Reject>,
    ) -> Result<(), Reject> {
        if self.bytes == Bytes::Invalid {
            return Err(Reject::NotJson);
        }
        let object = self.object(each)?;
        match (self.rest.is_empty(), object) {
            (true, true) => Ok(()),
            (true, false) => Err(Reject::Schema),
            (false, _) => Err(Reject::NotJson),
        }
    }

    /// Reads an object, handing each key (escapes undone; empty when it is too long to be one
    /// of ours) to `each`, which reads the value. Another value is skipped; says which it was.
    #[inline(always)]
    pub(super) fn object(
        &mut self,
        mut each: impl FnMut(&mut Self, &[u8]) -> Result<(), Reject>,
    ) -> Result<bool, Reject> {
        if !self.open(b'{')? {
            return self.skip().map(|()| false);
        }
        let mut buffer = [0; KEY_LEN_MAX];
        let mut more = !self.take(b'}');
        while more {
            if !self.take(b'"') {
                return Err(Reject::NotJson);
            }
            let key = self.string().ok_or(Reject::NotJson)?;
            if !self.take(b':') {
                return Err(Reject::NotJson);
            }
            let key = if key.escaped {
                unescape(key.raw, &mut buffer).unwrap_or_default()
            } else {
                key.raw
            };
            each(self, key)?;
            more = self.more(b'}')?;
        }
        self.depth -= 1;
        Ok(true)
    }

    /// Reads a list, calling `each` before every element, which it reads. Another value is
    /// skipped; says which it was.
    #[inline(always)]
    pub(super) fn list(
        &mut self,
        mut each: impl FnMut(&mut Self) -> Result<(), Reject>,
    ) -> Result<bool, Reject> {
        if !self.open(b'[')? {
            return self.skip().map(|()| false);
        }
        let mut more = !self.take(b']');
        while more {
            each(self)?;
            more = self.more(b']')?;
        }
        self.depth -= 1;
        Ok(true)
    }

    /// Reads a string; any other value is skipped and is `None`.
    #[inline(always)]
    pub(super) fn text(&mut self) -> Result<Option<Text<'r>>, Reject> {
        if self.take(b'"') {
            return self.string().map(Some).ok_or(Reject::NotJson);
        }
        self.skip().map(|()| None)
    }

    /// Reads a string, number, `true` or `false`; any other value is skipped and is `None`.
    #[inline(always)]
    pub(super) fn scalar(&mut self) -> Result<Option<Text<'r>>, Reject> {
        self.white();
        if matches!(self.rest.first(), Some(b'-' | b'0'..=b'9' | b't' | b'f')) {
            let raw = self.bare().ok_or(Reject::NotJson)?;
            let escaped = false;
            return Ok(Some(Text { raw, escaped }));
        }
        self.text()
    }

    /// Reads `null` if it stands here; says whether it does.
    #[inline(always)]
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

    /// Reads any value and forgets it.
    #[inline(always)]
    pub(super) fn skip(&mut self) -> Result<(), Reject> {
        self.white();
        let read = match self.rest.split_first() {
            Some((b'"', after)) => {
                self.rest = after;
                self.string().is_some()
            }
            Some((b'{' | b'[', _)) => {
                *self = self.behind_nested()?;
                true
            }
            _ => self.bare().is_some(),
        };
        if read { Ok(()) } else { Err(Reject::NotJson) }
    }

    /// A cursor behind the object or list that starts here. Recursion ends at
    /// [`JSON_DEPTH_MAX`].
    #[inline(never)]
    fn behind_nested(mut self) -> Result<Self, Reject> {
        if self.rest.first() == Some(&b'{') {
            self.object(|cursor, _| cursor.skip())?;
        } else {
            self.list(Self::skip)?;
        }
        Ok(self)
    }

    /// Whether an object or list starts here with `bracket`; if so goes into it.
    #[inline(always)]
    fn open(&mut self, bracket: u8) -> Result<bool, Reject> {
        if !self.take(bracket) {
            return Ok(false);
        }
        self.depth += 1;
        if self.depth > JSON_DEPTH_MAX {
            return Err(Reject::TooDeep);
        }
        Ok(true)
    }

    /// Whether another member or element follows; takes the comma, or the closing `bracket`.
    #[inline(always)]
    fn more(&mut self, bracket: u8) -> Result<bool, Reject> {
        if self.take(b',') {
            return Ok(true);
        }
        if self.take(bracket) {
            return Ok(false);
        }
        Err(Reject::NotJson)
    }

    /// Takes `byte` if it is next, behind any white space.
    #[inline(always)]
    fn take(&mut self, byte: u8) -> bool {
        self.white();
        match self.rest.split_first() {
            Some((&first, after)) if first == byte => {
                self.rest = after;
                true
            }
            _ => false,
        }
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
        let escaped = false;
        let (text, rest) = if self.bytes == Bytes::Plain {
            let (raw, after) = self.rest.split_at_checked(quote(self.rest))?;
            (Text { raw, escaped }, after.split_first()?.1)
        } else {
            special_string(self.rest)?
        };
        self.rest = rest;
        Some(text)
    }

    /// Reads a number, `true`, `false` or `null`.
    #[inline(always)]
    fn bare(&mut self) -> Option<&'r [u8]> {
        let (&first, after) = self.rest.split_first()?;
        let after = match first {
            b't' => after.strip_prefix(b"rue"),
            b'f' => after.strip_prefix(b"alse"),
            b'n' => after.strip_prefix(b"ull"),
            _ => after_number(self.rest),
        }?;
        let raw = self.rest.get(..self.rest.len() - after.len());
        self.rest = after;
        raw
    }
}

/// The string at the start of `bytes`, which lie behind its opening quote and may be of any
/// kind, and what follows it.
#[cold]
#[inline(never)]
fn special_string(bytes: &[u8]) -> Option<(Text<'_>, &[u8])> {
    let mut rest = bytes;
    let mut escaped = false;
    loop {
        let special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
        let (_, found) = rest.split_at_checked(rest.iter().position(special)?)?;
        match found {
            [b'\\', after @ ..] => rest = escape(after)?.1,
            [b'"', after @ ..] => {
                let raw = bytes.get(..bytes.len() - found.len())?;
                return Some((Text { raw, escaped }, after));
            }
            _ => return None,
        }
        escaped = true;
    }
}

/// One in each of eight bytes.
const ONES: u64 = u64::MAX / 0xff;

/// How many bytes stand before the first quote in `bytes`: eight at a time, since most strings
/// are too short for a vector search to pay.
#[inline(always)]
fn quote(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    while let Some((word, after)) = rest.split_first_chunk::<8>() {
        let word = u64::from_le_bytes(*word) ^ (ONES * 0x22);
        // A borrow can only reach bytes above a true find, so the lowest find is exact.
        let found = word.wrapping_sub(ONES) & !word & (ONES * 0x80);
        if found != 0 {
            return bytes.len() - rest.len() + low_bytes(found);
        }
        rest = after;
    }
    let last = rest.iter().position(|&byte| byte == b'"');
    bytes.len() - rest.len() + last.unwrap_or(rest.len())
}

/// How many whole bytes of `word` lie below its lowest set bit.
#[inline]
fn low_bytes(word: u64) -> usize {
    // At most 8, so the widening is exact.
    (word.trailing_zeros() / 8) as usize
}

/// What follows the number at the start of `bytes`.
#[inline(always)]
fn after_number(bytes: &[u8]) -> Option<&[u8]> {
    let rest = bytes.strip_prefix(b"-").unwrap_or(bytes);
    let mut rest = match rest {
        [b'0', after @ ..] => after,
        _ => after_digits(rest)?,
    };
    if let [b'.', after @ ..] = rest {
        rest = after_digits(after)?;
    }
    if let [b'e' | b'E', after @ ..] = rest {
        rest = match after {
            [b'+' | b'-', after @ ..] => after_digits(after)?,
            _ => after_digits(after)?,
        };
    }
    Some(rest)
}

/// What follows one or more digits at the start of `bytes`.
#[inline(always)]
fn after_digits(bytes: &[u8]) -> Option<&[u8]> {
    let mut rest = bytes;
    while let Some((word, after)) = rest.split_first_chunk::<8>() {
        let word = u64::from_le_bytes(*word) ^ (ONES * 0x30);
        // A carry can only come from a byte that is no digit, so the lowest find is exact.
        let found = (word.wrapping_add(ONES * 0x76) | word) & (ONES * 0x80);
        if found != 0 {
            rest = rest.get(low_bytes(found)..)?;
            return (rest.len() < bytes.len()).then_some(rest);
        }
        rest = after;
    }
    while let [b'0'..=b'9', after @ ..] = rest {
        rest = after;
    }
    (rest.len() < bytes.len()).then_some(rest)
}

/// `raw` with its escapes undone, in `buffer`; `None` when it does not fit.
fn unescape<'b>(raw: &[u8], buffer: &'b mut [u8]) -> Option<&'b [u8]> {
    let mut len = 0;
    let mut rest = raw;
    while let Some((&byte, after)) = rest.split_first() {
        let mut utf8 = [byte, 0, 0, 0];
        let mut written = 1;
        rest = after;
        if byte == b'\\' {
            let (undone, after) = escape(after)?;
            written = undone.encode_utf8(&mut utf8).len();
            rest = after;
        }
        let end = len + written;
        buffer
            .get_mut(len..end)?
            .copy_from_slice(utf8.get(..written)?);
        len = end;
    }
    buffer.get(..len)
}

/// The character that an escape stands for, given what follows its backslash, and what follows
/// the escape. Half a surrogate pair is no escape.
fn escape(bytes: &[u8]) -> Option<(char, &[u8])> {
    let (&kind, after) = bytes.split_first()?;
    let character = match kind {
        b'"' | b'\\' | b'/' => char::from(kind),
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unicode_escape(after),
        _ => return None,
    };
    Some((character, after))
}

/// The character of a `\u` escape, given what follows the `u`, and what follows it.
fn unicode_escape(bytes: &[u8]) -> Option<(char, &[u8])> {
    let (unit, after) = hex_unit(bytes)?;
    if !(0xd800..0xdc00).contains(&unit) {
        return char::from_u32(unit).map(|character| (character, after));
    }
    let (low, after) = hex_unit(after.strip_prefix(br"\u")?)?;
    if !(0xdc00..0xe000).contains(&low) {
        return None;
    }
    let code = 0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
    char::from_u32(code).map(|character| (character, after))
}

/// The value of four hexadecimal digits, and what follows them.
fn hex_unit(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (digits, after) = bytes.split_first_chunk::<4>()?;
    let mut unit = 0;
    for &digit in digits {
        unit = unit * 16 + char::from(digit).to_digit(16)?;
    }
    Some((unit, after))
}

/// `bytes` without JSON's white space at either end.
fn trimmed(bytes: &[u8]) -> &[u8] {
    let mut rest = without_white(bytes);
    while let [before @ .., b' ' | b'\t' | b'\r' | b'\n'] = rest {
        rest = before;
    }
    rest
}

/// `bytes` without JSON's white space at the start.
fn without_white(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes;
    while let [b' ' | b'\t' | b'\r' | b'\n', after @ ..] = rest {
        rest = after;
    }
    rest
}

#[cfg(test)]
mod tests;
