//! Spaces between a separator and a quote. To the letter they make the quotes part of the cell, so that
//! a comma between them would end it; who writes `"a", "b,c"` means two cells.

use std::borrow::Cow;

/// Where in a row a byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// At the start of a cell.
    Start,
    /// In a cell without quotes, or behind the closing quote.
    Bare,
    /// Between quotes.
    Quoted,
    /// Behind a quote that may close the cell, or be the first of two that mean one.
    Quote,
}

/// `line` without the spaces that stand between `delimiter` and a quote; `open` if it starts between
/// quotes. Borrowed when there are none. O(`line.len()`).
pub(super) fn without_spaces(line: &[u8], delimiter: u8, open: bool) -> Cow<'_, [u8]> {
    let suspect = delimiter != b' ' && line.windows(2).any(|two| two == [b' ', b'"']);
    if !suspect {
        return Cow::Borrowed(line);
    }
    let mut kept = Vec::with_capacity(line.len());
    let mut place = if open { Place::Quoted } else { Place::Start };
    // How many of the bytes kept last are spaces at the start of a cell.
    let mut n_spaces = 0;
    for &byte in line {
        if byte == b' ' && place == Place::Start {
            n_spaces += 1;
        } else {
            if byte == b'"' && place == Place::Start {
                kept.truncate(kept.len() - n_spaces);
            }
            n_spaces = 0;
            place = place.after(byte, delimiter);
        }
        kept.push(byte);
    }
    Cow::Owned(kept)
}

impl Place {
    /// The place behind `byte`.
    fn after(self, byte: u8, delimiter: u8) -> Self {
        match self {
            Self::Quoted if byte == b'"' => Self::Quote,
            Self::Quoted => Self::Quoted,
            Self::Quote | Self::Start if byte == b'"' => Self::Quoted,
            Self::Start | Self::Bare | Self::Quote if byte == delimiter => Self::Start,
            Self::Start | Self::Bare | Self::Quote => Self::Bare,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(line: &str, open: bool, expected: &str) {
        let actual = without_spaces(line.as_bytes(), b',', open);
        assert_eq!(String::from_utf8_lossy(&actual), expected, "line {line:?}");
    }

    #[test]
    fn only_spaces_between_a_separator_and_a_quote_go() {
        check("\"a\", \"b,c\",   \"d\"", false, "\"a\",\"b,c\",\"d\"");
        check("a, b, \"c\"", false, "a, b,\"c\"");
        check("a \"b\", c \"d\"", false, "a \"b\", c \"d\"");
        check(
            "\"a, \"\"b\"\", c\", \"d\"",
            false,
            "\"a, \"\"b\"\", c\",\"d\"",
        );
        check("a, \"b\", \"c\"", true, "a, \"b\",\"c\"");
        check("  \"a\"", false, "\"a\"");
        check("a,b", false, "a,b");
    }

    proptest! {
        #[test]
        fn any_cells_come_back(
            cells in proptest::collection::vec("[a, \"]{0,6}", 1..5),
            spaces in proptest::collection::vec(0_usize..3, 5),
        ) {
            let quoted: Vec<String> = cells
                .iter()
                .map(|cell| format!("\"{}\"", cell.replace('"', "\"\"")))
                .collect();
            let mut spaced = String::new();
            for (cell, &n) in quoted.iter().zip(&spaces) {
                spaced += &format!("{}{cell},", " ".repeat(n));
            }
            let expected = quoted.join(",") + ",";
            let actual = without_spaces(spaced.as_bytes(), b',', false);
            prop_assert_eq!(String::from_utf8_lossy(&actual), expected);
        }
    }
}
