//! Searches in the bytes of JSON: ends of strings and numbers, escapes, white space.

use super::vector::{LANE, PAIR, digits_and_dots, digits_and_dots_of_half, ends_of_plain};

/// How many bytes stand before the quote that ends a string, given what follows its opening
/// quote, which may be anything; and whether escapes are among them. `None` also where they are
/// not UTF-8.
#[cold]
#[inline(never)]
pub(super) fn special_end(bytes: &[u8]) -> Option<(usize, bool)> {
    let mut rest = bytes;
    let (mut escaped, mut ascii) = (false, true);
    loop {
        let (_, found) = rest.split_at_checked(plain_len(rest))?;
        match found {
            [b'\\', after @ ..] => {
                rest = escape(after)?.1;
                escaped = true;
            }
            [b'"', ..] => {
                let end = bytes.len() - found.len();
                let valid = ascii || std::str::from_utf8(bytes.get(..end)?).is_ok();
                return valid.then_some((end, escaped));
            }
            [byte, after @ ..] if !byte.is_ascii() => {
                rest = after;
                ascii = false;
            }
            _ => return None,
        }
    }
}

/// One in each of eight bytes.
const ONES: u64 = u64::MAX / 0xff;

/// How many bytes stand before the first that ends the plain part of a string: a quote, or what
/// needs a closer look.
#[inline(always)]
pub(super) fn plain_len(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    while let Some((lane, after)) = rest.split_first_chunk::<PAIR>() {
        let ends = ends_of_plain(lane);
        if ends != 0 {
            return bytes.len() - rest.len() + ends.trailing_zeros() as usize;
        }
        rest = after;
    }
    let plain = |byte: &u8| matches!(byte, b' '..0x80) && !matches!(byte, b'"' | b'\\');
    bytes.len() - rest.len() + rest.iter().take_while(|byte| plain(byte)).count()
}

/// How many digits stand at the start of eight bytes, of which the first is the lowest.
#[inline(always)]
fn leading_digits(word: u64) -> usize {
    let word = word ^ (ONES * 0x30);
    // A carry can only come from a byte that is no digit, so the lowest find is exact.
    let found = (word.wrapping_add(ONES * 0x76) | word) & (ONES * 0x80);
    // At most 8, so the widening is exact.
    (found.trailing_zeros() / 8) as usize
}

/// What follows the number, `true`, `false` or `null` at the start of `bytes`.
#[inline(always)]
pub(super) fn after_bare(bytes: &[u8]) -> Option<&[u8]> {
    let (&first, after) = bytes.split_first()?;
    match first {
        b't' => after.strip_prefix(b"rue"),
        b'f' => after.strip_prefix(b"alse"),
        b'n' => after.strip_prefix(b"ull"),
        _ => after_number(bytes),
    }
}

/// What follows the list of numbers at the start of `bytes`, if it has no white space.
#[inline(always)]
pub(super) fn after_numbers(bytes: &[u8]) -> Option<&[u8]> {
    let mut rest = bytes.strip_prefix(b"[")?;
    loop {
        match after_number(rest)? {
            [b',', after @ ..] => rest = after,
            [b']', after @ ..] => return Some(after),
            _ => return None,
        }
    }
}

/// What follows the number at the start of `bytes`.
#[inline(always)]
fn after_number(bytes: &[u8]) -> Option<&[u8]> {
    let short = after_short_number(bytes);
    short.or_else(|| after_long_number(bytes))
}

/// What follows a number of less than eight digits and nothing else.
#[inline(always)]
fn after_short_number(bytes: &[u8]) -> Option<&[u8]> {
    let (word, _) = bytes.split_first_chunk::<8>()?;
    let first = word.first();
    let digits = leading_digits(u64::from_le_bytes(*word));
    let behind = word.get(digits)?;
    let zero_first = (first == Some(&b'0')) & (digits > 1);
    let ends = matches!(behind, b',' | b'}' | b']');
    (ends & (digits > 0) & !zero_first).then(|| bytes.get(digits..))?
}

/// [`after_number`] of a number that is not short.
#[inline(always)]
fn after_long_number(bytes: &[u8]) -> Option<&[u8]> {
    let plain = match (bytes.first_chunk(), bytes.first_chunk()) {
        (Some(window), _) => after_plain_number(bytes, PAIR, digits_and_dots(window)),
        (None, Some(window)) => after_plain_number(bytes, LANE, digits_and_dots_of_half(window)),
        (None, None) => after_number_near_end(bytes),
    };
    plain.or_else(|| after_any_number(bytes))
}

/// What follows a number of digits with at most one dot among them, given where the first bytes,
/// as many as a `window` has, have digits and dots. Nearly all numbers are such.
#[inline(always)]
fn after_plain_number(bytes: &[u8], window: usize, places: (u32, u32)) -> Option<&[u8]> {
    let (digits, dots) = places;
    let len = (digits | dots).trailing_ones();
    if len as usize == window {
        return None;
    }
    let behind = bytes.get(len as usize)?;
    let dots = dots & !(u32::MAX.checked_shl(len)?);
    let whole = (dots | 1 << len).trailing_zeros();
    let one_dot = dots & dots.wrapping_sub(1) == 0;
    let no_zero_first = (whole == 1) | (bytes.first() != Some(&b'0'));
    let plain = (whole > 0) & (whole + 1 != len) & one_dot & no_zero_first;
    if plain & !matches!(behind, b'e' | b'E') {
        return bytes.get(len as usize..);
    }
    None
}

/// [`after_plain_number`] near the end of a row.
#[inline(never)]
fn after_number_near_end(bytes: &[u8]) -> Option<&[u8]> {
    let mut window = [0; LANE];
    window.get_mut(..bytes.len())?.copy_from_slice(bytes);
    after_plain_number(bytes, LANE, digits_and_dots_of_half(&window))
}

/// [`after_number`] of any number.
#[inline(never)]
fn after_any_number(bytes: &[u8]) -> Option<&[u8]> {
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
        let digits = leading_digits(u64::from_le_bytes(*word));
        if digits < word.len() {
            rest = rest.get(digits..)?;
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
pub(super) fn unescape<'b>(raw: &[u8], buffer: &'b mut [u8]) -> Option<&'b [u8]> {
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
#[inline]
pub(super) fn trimmed(bytes: &[u8]) -> &[u8] {
    match bytes {
        [first, .., last] if *first > b' ' && *last > b' ' => bytes,
        _ => trimmed_at_ends(bytes),
    }
}

/// [`trimmed`], where there is something to be trimmed.
#[cold]
#[inline(never)]
fn trimmed_at_ends(bytes: &[u8]) -> &[u8] {
    let mut rest = behind_white(bytes);
    while let [before @ .., b' ' | b'\t' | b'\r' | b'\n'] = rest {
        rest = before;
    }
    rest
}

/// `bytes` without JSON's white space at the start.
#[inline]
pub(super) fn behind_white(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes;
    while let [b' ' | b'\t' | b'\r' | b'\n', after @ ..] = rest {
        rest = after;
    }
    rest
}

/// `bytes` without JSON's white space at the start, up to the end of a line.
#[cold]
#[inline(never)]
pub(super) fn behind_blanks(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes;
    while let [b' ' | b'\t' | b'\r', after @ ..] = rest {
        rest = after;
    }
    rest
}
