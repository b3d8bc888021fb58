//! Domain names in the one normal form that feeds and events share. What cannot be
//! brought into that form is an error with a reason, never a guess.

mod list;

use std::borrow::Cow;
use std::fmt;

pub use list::NameList;

/// Most bytes of a normalized name, without the trailing dot (RFC 1035: 255 on the wire).
pub const NAME_LEN_MAX: usize = 253;

/// Most bytes of one label.
pub const LABEL_LEN_MAX: usize = 63;

/// Scratch space for one name: the caller owns it, so that one serves a whole batch.
pub type NameBuf = [u8; NAME_LEN_MAX];

/// A normalized domain name: ASCII without upper case, no trailing dot, 1 to
/// [`NAME_LEN_MAX`] bytes, labels of 1 to 63 bytes. Bytes that would be ambiguous or unsafe
/// in text (a dot inside a label, controls, space, backslash) are never in it.
/// Only [`DomainName::parse`] makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DomainName<'a>(&'a str);

/// Why bytes are not a domain name that can be listed or matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing is left after the trailing dot (the root).
    #[error("empty name")]
    Empty,
    /// Two dots in a row, or a leading dot.
    #[error("empty label")]
    EmptyLabel,
    /// A label of more than 63 bytes.
    #[error("label longer than 63 bytes")]
    LabelTooLong,
    /// More than [`NAME_LEN_MAX`] bytes.
    #[error("name longer than 253 bytes")]
    TooLong,
    /// A control byte, a space, a stray backslash, or bytes that are not UTF-8.
    #[error("byte that cannot stand in a name")]
    BadByte,
    /// Not ASCII, and UTS 46 has no A-label for it.
    #[error("not a valid internationalized name")]
    Idna,
}

impl NameError {
    /// The value of a `reason` label: a small closed set.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Empty => "empty_name",
            Self::EmptyLabel => "empty_label",
            Self::LabelTooLong => "label_too_long",
            Self::TooLong => "name_too_long",
            Self::BadByte => "bad_byte",
            Self::Idna => "idna",
        }
    }
}

impl<'a> DomainName<'a> {
    /// Parses `raw` (text form: labels with dots, one trailing dot allowed, `\DDD`, `\xHH` and
    /// `\X` escapes undone), borrowing it when it is already normal and `scratch` when it must
    /// change. Allocates only for names that are not ASCII or hold escapes; O(`raw.len()`).
    ///
    /// # Errors
    /// [`NameError`] when a byte, a label or the whole name breaks the rules above.
    pub fn parse(raw: &'a [u8], scratch: &'a mut NameBuf) -> Result<Self, NameError> {
        let raw = raw.strip_suffix(b".").unwrap_or(raw);
        let mut label_len = 0_usize;
        let mut upper = false;
        for &byte in raw {
            match CLASS[usize::from(byte)] {
                Class::Plain => label_len += 1,
                Class::Upper => {
                    upper = true;
                    label_len += 1;
                }
                Class::Dot => {
                    check_label(label_len)?;
                    label_len = 0;
                }
                Class::Bad => return Err(NameError::BadByte),
                Class::Escape | Class::High => return Self::parse_slow(raw, scratch),
            }
        }
        if raw.is_empty() {
            return Err(NameError::Empty);
        }
        check_label(label_len)?;
        if raw.len() > NAME_LEN_MAX {
            return Err(NameError::TooLong);
        }
        let text = if upper {
            let lower = &mut scratch[..raw.len()];
            lower.copy_from_slice(raw);
            lower.make_ascii_lowercase();
            &*lower
        } else {
            raw
        };
        std::str::from_utf8(text)
            .map(Self)
            .map_err(|_| NameError::BadByte)
    }

    /// What can still be said of a name that [`Self::parse`] refuses: the labels right of the
    /// last unfit one, below a `*` that stands for all others and that no feed can list. Tunnels
    /// put raw bytes into labels, and what is above those is listed all the same. `None` when
    /// nothing is left. O(`raw.len()`); allocates as [`Self::parse`] does.
    pub fn parse_below(raw: &[u8], scratch: &'a mut NameBuf) -> Option<Self> {
        let raw = raw.strip_suffix(b".").unwrap_or(raw);
        let mut rest = raw;
        let mut fit = raw;
        while !rest.is_empty() {
            let (label, after) = split_label(rest);
            let mut parsed = [0; NAME_LEN_MAX];
            if DomainName::parse(label, &mut parsed).is_err() || rest.len() == raw.len() {
                fit = after;
            }
            rest = after;
        }
        // Of too many labels, as many as find room behind the star.
        while fit.len() + STAR.len() > NAME_LEN_MAX {
            (_, fit) = split_label(fit);
        }
        let mut parsed = [0; NAME_LEN_MAX];
        let below = DomainName::parse(fit, &mut parsed).ok()?.0.as_bytes();
        let text = scratch.get_mut(..STAR.len() + below.len())?;
        let (star, rest) = text.split_at_mut(STAR.len());
        star.copy_from_slice(STAR);
        rest.copy_from_slice(below);
        std::str::from_utf8(text).ok().map(Self)
    }

    /// The rare way: escapes and names that are not ASCII.
    fn parse_slow(raw: &[u8], scratch: &'a mut NameBuf) -> Result<Self, NameError> {
        let plain = unescape(raw)?;
        let text: Cow<'_, str> = if plain.is_ascii() {
            Cow::Owned(String::from_utf8_lossy(&plain).to_ascii_lowercase())
        } else {
            let text = std::str::from_utf8(&plain).map_err(|_| NameError::BadByte)?;
            if text.len() > 4 * NAME_LEN_MAX {
                return Err(NameError::TooLong);
            }
            let ascii = idna::domain_to_ascii_cow(text.as_bytes(), idna::AsciiDenyList::EMPTY)
                .map_err(|_| NameError::Idna)?;
            Cow::Owned(ascii.into_owned())
        };
        let text = text.strip_suffix('.').unwrap_or(&text);
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.len() > NAME_LEN_MAX {
            return Err(NameError::TooLong);
        }
        for label in text.split('.') {
            check_label(label.len())?;
        }
        let normal = text
            .bytes()
            .all(|byte| matches!(CLASS[usize::from(byte)], Class::Plain | Class::Dot));
        if !normal {
            return Err(NameError::BadByte);
        }
        let kept = &mut scratch[..text.len()];
        kept.copy_from_slice(text.as_bytes());
        std::str::from_utf8(kept)
            .map(Self)
            .map_err(|_| NameError::BadByte)
    }

    /// The text of the name.
    pub fn as_str(self) -> &'a str {
        self.0
    }

    /// The name, then each parent: `a.b.c`, `b.c`, `c`. At most 127 borrowed slices.
    pub fn suffixes(self) -> impl Iterator<Item = &'a str> {
        std::iter::successors(Some(self.0), |name| {
            name.split_once('.').map(|(_, rest)| rest)
        })
    }
}

impl fmt::Display for DomainName<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

/// What stands for labels that cannot be told.
const STAR: &[u8] = b"*.";

/// The first label of a name as written, and what follows its dot.
fn split_label(raw: &[u8]) -> (&[u8], &[u8]) {
    let mut escaped = false;
    let end = raw.iter().position(|&byte| {
        let ends = byte == b'.' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    });
    match end.and_then(|end| raw.split_at_checked(end)) {
        Some((label, dotted)) => (label, dotted.get(1..).unwrap_or_default()),
        None => (raw, &[]),
    }
}

/// Checks the length of a label.
fn check_label(len: usize) -> Result<(), NameError> {
    match len {
        0 => Err(NameError::EmptyLabel),
        1..=LABEL_LEN_MAX => Ok(()),
        _ => Err(NameError::LabelTooLong),
    }
}

/// Undoes `\DDD`, `\xHH` and `\X`. A byte that would read as a label separator is refused,
/// since `a\.b` is one label and must never equal `a.b`.
fn unescape(raw: &[u8]) -> Result<Vec<u8>, NameError> {
    let mut plain = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((&byte, tail)) = rest.split_first() {
        if byte != b'\\' {
            plain.push(byte);
            rest = tail;
            continue;
        }
        let (value, tail) = match tail {
            [b'x' | b'X', high, low, tail @ ..]
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                (hex_digit(*high) * 16 + hex_digit(*low), tail)
            }
            [a @ b'0'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', tail @ ..] => {
                let value =
                    u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0');
                (u8::try_from(value).map_err(|_| NameError::BadByte)?, tail)
            }
            [value, tail @ ..] => (*value, tail),
            [] => return Err(NameError::BadByte),
        };
        if value == b'.' {
            return Err(NameError::BadByte);
        }
        plain.push(value);
        rest = tail;
    }
    Ok(plain)
}

/// The value of an ASCII hexadecimal digit.
fn hex_digit(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit - b'A' + 10,
    }
}

/// What a byte means in the text form of a name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Stands for itself.
    Plain,
    /// An upper-case ASCII letter.
    Upper,
    /// The label separator.
    Dot,
    /// A backslash.
    Escape,
    /// Not ASCII.
    High,
    /// Never allowed: controls, space, delete.
    Bad,
}

/// The class of every byte.
static CLASS: [Class; 256] = {
    let mut table = [Class::Plain; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = match byte {
            0..=0x20 | 0x7f => Class::Bad,
            0x2e => Class::Dot,
            0x41..=0x5a => Class::Upper,
            0x5c => Class::Escape,
            0x80.. => Class::High,
            _ => Class::Plain,
        };
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(raw: &[u8], expected: Result<&str, NameError>) {
        let mut scratch = [0; NAME_LEN_MAX];
        let actual = DomainName::parse(raw, &mut scratch).map(DomainName::as_str);
        assert_eq!(actual, expected, "input {:?}", String::from_utf8_lossy(raw));
    }

    #[test]
    fn a_name_has_one_normal_form() {
        check(b"a.b.com", Ok("a.b.com"));
        check(b"A.Com.", Ok("a.com"));
        check(b"_dmarc.Example.org", Ok("_dmarc.example.org"));
        check(b"-odd-.x", Ok("-odd-.x"));
        check(
            "b\u{fc}cher.example".as_bytes(),
            Ok("xn--bcher-kva.example"),
        );
        check(
            "B\u{dc}CHER.example".as_bytes(),
            Ok("xn--bcher-kva.example"),
        );
        check("fa\u{df}.de".as_bytes(), Ok("xn--fa-hia.de"));
        check(
            "\u{424}\u{418}\u{428}\u{418}\u{41d}\u{413}.\u{440}\u{444}".as_bytes(),
            Ok("xn--c1ajau6aza.xn--p1ai"),
        );
        check(b"xn--BCHER-kva.example", Ok("xn--bcher-kva.example"));
        check(b"xn--example-.org", Ok("xn--example-.org"));
        check(br"b\xc3\xbccher.example", Ok("xn--bcher-kva.example"));
        check(br"\097b.example", Ok("ab.example"));
    }

    #[test]
    fn unfit_names_say_why() {
        check(b"", Err(NameError::Empty));
        check(b".", Err(NameError::Empty));
        check(b"a..b", Err(NameError::EmptyLabel));
        check(b".a", Err(NameError::EmptyLabel));
        check(b"a b.com", Err(NameError::BadByte));
        check(b"a\0b.com", Err(NameError::BadByte));
        check(br"a\.b.example", Err(NameError::BadByte));
        check(br"a\046b.example", Err(NameError::BadByte));
        check(b"a.\\", Err(NameError::BadByte));
        check(b"\xff\xfe.com", Err(NameError::BadByte));
        check("a".repeat(64).as_bytes(), Err(NameError::LabelTooLong));
        check("abcdefg.".repeat(32).as_bytes(), Err(NameError::TooLong));
    }

    #[test]
    fn of_an_unfit_name_what_is_right_of_the_last_unfit_label_counts() {
        let long = format!("{}.bad.example", "a".repeat(64));
        let longer = format!("{}bad.example", "abcdefg.".repeat(40));
        let kept = format!("*.{}bad.example", "abcdefg.".repeat(30));
        for (raw, expected) in [
            (&b"a b.t.Bad.Example."[..], Some("*.t.bad.example")),
            (b"a b.ok.c d.bad.example", Some("*.bad.example")),
            (b"\xff\xfe.bad.example", Some("*.bad.example")),
            (br"\200\201.x.bad.example", Some("*.x.bad.example")),
            (br"a\.b.bad.example", Some("*.bad.example")),
            (br"a\\.bad.example", Some("*.bad.example")),
            (b"a..bad.example", Some("*.bad.example")),
            (b".bad.example", Some("*.bad.example")),
            (
                "a b.b\u{fc}cher.example".as_bytes(),
                Some("*.xn--bcher-kva.example"),
            ),
            (long.as_bytes(), Some("*.bad.example")),
            (longer.as_bytes(), Some(&kept)),
            (b"bad.exam ple", None),
            (b"a b", None),
            (b"", None),
            (b".", None),
        ] {
            let mut scratch = [0; NAME_LEN_MAX];
            let actual = DomainName::parse_below(raw, &mut scratch).map(DomainName::as_str);
            assert_eq!(actual, expected, "input {:?}", String::from_utf8_lossy(raw));
        }
    }

    #[test]
    fn suffixes_go_from_the_name_to_its_top() {
        let mut scratch = [0; NAME_LEN_MAX];
        let name = DomainName::parse(b"a.b.com", &mut scratch).unwrap();
        assert_eq!(
            name.suffixes().collect::<Vec<_>>(),
            ["a.b.com", "b.com", "com"]
        );
    }

    proptest! {
        #[test]
        fn whatever_is_left_of_an_unfit_name_is_a_name_below_it(
            raw in "[ab.\\\\ \\.\u{e4}]{0,40}(\\.[a-b]{1,3}){0,3}"
        ) {
            let mut scratch = [0; NAME_LEN_MAX];
            if let Some(name) = DomainName::parse_below(raw.as_bytes(), &mut scratch) {
                let text = name.as_str();
                let mut again = [0; NAME_LEN_MAX];
                prop_assert_eq!(DomainName::parse(text.as_bytes(), &mut again), Ok(name));
                let tail = text.strip_prefix("*").unwrap();
                if raw.is_ascii() && !raw.contains('\\') {
                    let plain = raw.strip_suffix('.').unwrap_or(&raw);
                    prop_assert!(plain.ends_with(tail), "{} of {}", text, raw);
                }
            }
        }

        #[test]
        fn normalizing_twice_changes_nothing(raw in proptest::collection::vec(any::<u8>(), 0..80)) {
            let mut scratch = [0; NAME_LEN_MAX];
            if let Ok(name) = DomainName::parse(&raw, &mut scratch) {
                let text = name.as_str().to_owned();
                let mut again = [0; NAME_LEN_MAX];
                prop_assert_eq!(DomainName::parse(text.as_bytes(), &mut again).map(|name| name.0.to_owned()), Ok(text));
            }
        }

        #[test]
        fn case_and_a_trailing_dot_do_not_matter(text in "[a-zA-Z_-]{1,9}(\\.[a-zA-Z0-9]{1,9}){0,4}") {
            let (mut one, mut two) = ([0; NAME_LEN_MAX], [0; NAME_LEN_MAX]);
            let upper = format!("{}.", text.to_ascii_uppercase());
            prop_assert_eq!(
                DomainName::parse(text.as_bytes(), &mut one),
                DomainName::parse(upper.as_bytes(), &mut two)
            );
        }
    }
}
