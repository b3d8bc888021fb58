//! Patterns: substrings and globs of names. One Aho-Corasick automaton finds the longest
//! literal of each; a find is confirmed on the whole name.

use aho_corasick::AhoCorasick;
use aho_corasick::automaton::OverlappingState;
use hashbrown::HashMap;

use super::KeyId;
use super::names::TableError;
use crate::model::{DomainName, NAME_LEN_MAX};

/// Fewest bytes of a pattern's longest literal: shorter ones are in every other name.
pub const PATTERN_LITERAL_MIN: usize = 3;

/// Most patterns of one table.
pub const PATTERNS_MAX: usize = 50_000;

/// Why a text is not a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// No run of three bytes without a wildcard.
    #[error("pattern without a literal of 3 bytes")]
    TooShort,
    /// Longer than any name.
    #[error("pattern longer than 253 bytes")]
    TooLong,
    /// An upper-case letter, a control, a space, a backslash, or not ASCII: in no name.
    #[error("pattern with a byte that is in no name")]
    BadByte,
    /// There are [`PATTERNS_MAX`] already.
    #[error("too many patterns")]
    TooMany,
}

/// Finds the patterns that fit a name.
#[derive(Debug, Default)]
pub struct PatternTable {
    texts: Vec<Box<str>>,
    /// One literal a pattern, under the pattern's number; `None` without patterns.
    literals: Option<AhoCorasick>,
}

/// Collects patterns for a [`PatternTable`]. A text has one key, however often it is inserted.
#[derive(Debug, Default)]
pub struct PatternTableBuilder {
    texts: Vec<Box<str>>,
    ids: HashMap<Box<str>, KeyId>,
}

impl PatternTableBuilder {
    /// The key of the pattern `text`, if it is there.
    pub fn find(&self, text: &str) -> Option<KeyId> {
        self.ids.get(text).copied()
    }

    /// The key of the pattern `text`.
    ///
    /// # Errors
    /// [`PatternError`] when it is none, or one too many.
    pub fn insert(&mut self, text: &str) -> Result<KeyId, PatternError> {
        if let Some(&id) = self.ids.get(text) {
            return Ok(id);
        }
        if text.len() > NAME_LEN_MAX {
            return Err(PatternError::TooLong);
        }
        let fits = |byte: u8| byte.is_ascii_graphic() && !byte.is_ascii_uppercase();
        if !text.bytes().all(|byte| fits(byte) && byte != b'\\') {
            return Err(PatternError::BadByte);
        }
        if literal(text).len() < PATTERN_LITERAL_MIN {
            return Err(PatternError::TooShort);
        }
        if self.texts.len() >= PATTERNS_MAX {
            return Err(PatternError::TooMany);
        }
        let id = KeyId::from_index(self.texts.len());
        self.texts.push(text.into());
        self.ids.insert(text.into(), id);
        Ok(id)
    }

    /// The table.
    ///
    /// # Errors
    /// [`TableError`] when the automaton cannot hold the literals.
    pub fn build(self) -> Result<PatternTable, TableError> {
        if self.texts.is_empty() {
            return Ok(PatternTable::default());
        }
        let literals = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .build(self.texts.iter().map(|text| literal(text)))
            .map_err(|source| TableError::Automaton {
                patterns: self.texts.len(),
                source: Box::new(source),
            })?;
        Ok(PatternTable {
            texts: self.texts,
            literals: Some(literals),
        })
    }
}

impl PatternTable {
    /// Whether there are no patterns.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// How many patterns there are.
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// The text of a pattern; empty if there is none with this number.
    pub fn text(&self, id: KeyId) -> &str {
        self.texts.get(id.index()).map_or("", |text| text)
    }

    /// Whether a pattern may fit the raw name: any case, a trailing dot. Allocates nothing for
    /// ASCII names without escapes; O(length) unless a literal is found.
    pub fn probe(&self, raw: &[u8]) -> bool {
        let Some(literals) = &self.literals else {
            return false;
        };
        let plain = raw.is_ascii() && !raw.contains(&b'\\');
        if plain && !literals.is_match(raw) {
            return false;
        }
        let mut scratch = [0; NAME_LEN_MAX];
        DomainName::parse(raw, &mut scratch).is_ok_and(|name| {
            let mut fits = false;
            self.walk(name, |_| fits = true);
            fits
        })
    }

    /// Appends to `found` the patterns that fit `name`, each once, in the order of their texts.
    pub fn fitting(&self, name: DomainName<'_>, found: &mut Vec<KeyId>) {
        let before = found.len();
        self.walk(name, |id| {
            if !found.iter().skip(before).any(|&known| known == id) {
                found.push(id);
            }
        });
        if let Some(added) = found.get_mut(before..) {
            added.sort_by_key(|&id| self.text(id));
        }
    }

    /// Memory, in bytes.
    pub fn bytes(&self) -> usize {
        let texts: usize = self.texts.iter().map(|text| text.len()).sum();
        let slots = self.texts.capacity() * size_of::<Box<str>>();
        texts + slots + self.literals.as_ref().map_or(0, AhoCorasick::memory_usage)
    }

    /// Loses its automaton: for the test of the self-test.
    #[cfg(test)]
    pub(crate) fn forget(&mut self) {
        self.literals = None;
    }

    /// Hands out the patterns that fit `name`, some perhaps repeatedly.
    fn walk(&self, name: DomainName<'_>, mut visit: impl FnMut(KeyId)) {
        let Some(literals) = &self.literals else {
            return;
        };
        let mut state = OverlappingState::start();
        loop {
            literals.find_overlapping(name.as_str(), &mut state);
            let Some(found) = state.get_match() else {
                return;
            };
            let id = KeyId::from_index(found.pattern().as_usize());
            if fits(self.text(id), name.as_str()) {
                visit(id);
            }
        }
    }
}

/// Whether a pattern fits a name: a substring without wildcards, else a glob of all of it.
pub fn fits(pattern: &str, name: &str) -> bool {
    if pattern.contains(WILDCARDS) {
        glob(pattern.as_bytes(), name.as_bytes())
    } else {
        name.contains(pattern)
    }
}

/// Any run of bytes, and any one byte.
const WILDCARDS: [char; 2] = ['*', '?'];

/// The longest run without a wildcard.
fn literal(pattern: &str) -> &str {
    pattern
        .split(WILDCARDS)
        .max_by_key(|run| run.len())
        .unwrap_or_default()
}

/// Whether a glob fits all of `text`. O(`pattern` times `text`), both bounded by a name.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut here) = (0, 0);
    // Where to go on when what follows the last `*` does not fit: one byte further.
    let mut retry: Option<(usize, usize)> = None;
    while let Some(&byte) = text.get(here) {
        match pattern.get(at) {
            Some(b'*') => {
                retry = Some((at + 1, here));
                at += 1;
            }
            Some(&wanted) if wanted == b'?' || wanted == byte => {
                at += 1;
                here += 1;
            }
            Some(_) | None => {
                let Some((after, from)) = retry else {
                    return false;
                };
                retry = Some((after, from + 1));
                (at, here) = (after, from + 1);
            }
        }
    }
    pattern.iter().skip(at).all(|&rest| rest == b'*')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn table(patterns: &[&str]) -> PatternTable {
        let mut builder = PatternTableBuilder::default();
        for pattern in patterns {
            builder.insert(pattern).unwrap();
        }
        builder.build().unwrap()
    }

    fn found(table: &PatternTable, raw: &str) -> Vec<String> {
        let mut scratch = [0; NAME_LEN_MAX];
        let name = DomainName::parse(raw.as_bytes(), &mut scratch).unwrap();
        let mut found = Vec::new();
        table.fitting(name, &mut found);
        assert_eq!(table.probe(raw.as_bytes()), !found.is_empty(), "{raw}");
        found.iter().map(|&id| table.text(id).to_owned()).collect()
    }

    /// The definition of a glob, written to be obviously right and slow.
    fn glob_oracle(pattern: &[u8], text: &[u8]) -> bool {
        match pattern {
            [] => text.is_empty(),
            [b'*', rest @ ..] => (0..=text.len()).any(|skip| glob_oracle(rest, &text[skip..])),
            [first, rest @ ..] => {
                !text.is_empty()
                    && (*first == b'?' || *first == text[0])
                    && glob_oracle(rest, &text[1..])
            }
        }
    }

    #[test]
    fn substrings_fit_anywhere_and_globs_fit_whole_names() {
        let table = table(&["login-bank", "*login-bank*", "pay??.*", "*.pay.example"]);
        assert_eq!(
            found(&table, "my.login-bank.example"),
            ["*login-bank*", "login-bank"]
        );
        assert_eq!(found(&table, "Pay01.Example."), ["pay??.*"]);
        assert_eq!(found(&table, "xpay01.example"), [""; 0]);
        assert_eq!(found(&table, "a.pay.example"), ["*.pay.example"]);
        assert_eq!(found(&table, "pay.example"), [""; 0]);
    }

    #[test]
    fn a_pattern_found_twice_is_reported_once() {
        assert_eq!(found(&table(&["abab"]), "ababab.abab"), ["abab"]);
    }

    #[test]
    fn escapes_and_other_scripts_are_probed_as_parsed() {
        let table = table(&["xn--bcher", "abc"]);
        assert!(table.probe("b\u{fc}cher.example".as_bytes()));
        assert!(table.probe(br"\097bc.example"));
        assert!(!table.probe(b"abc example"));
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        let mut builder = PatternTableBuilder::default();
        for (text, error) in [
            ("", PatternError::TooShort),
            ("ab", PatternError::TooShort),
            ("*ab?cd*", PatternError::TooShort),
            ("Login", PatternError::BadByte),
            ("log in", PatternError::BadByte),
            (r"log\in", PatternError::BadByte),
            ("b\u{fc}cher", PatternError::BadByte),
            (&"a".repeat(254), PatternError::TooLong),
        ] {
            assert_eq!(builder.insert(text), Err(error), "{text}");
        }
        for number in 0..PATTERNS_MAX {
            assert!(builder.insert(&format!("abc{number}")).is_ok());
        }
        assert_eq!(builder.insert("one-more"), Err(PatternError::TooMany));
        assert_eq!(builder.insert("abc0"), Ok(KeyId(0)));
    }

    proptest! {
        #[test]
        fn globs_agree_with_the_oracle(pattern in "[ab*?]{0,8}", text in "[ab]{0,8}") {
            prop_assert_eq!(
                glob(pattern.as_bytes(), text.as_bytes()),
                glob_oracle(pattern.as_bytes(), text.as_bytes())
            );
        }

        #[test]
        fn the_table_finds_what_each_pattern_fits(
            patterns in proptest::collection::btree_set("[ab*?.]{0,2}[ab]{3}[ab*?.]{0,2}", 0..8),
            name in "[ab]{1,4}(\\.[ab]{1,4}){0,2}",
        ) {
            let patterns: Vec<&str> = patterns.iter().map(String::as_str).collect();
            let expected: Vec<&str> =
                patterns.iter().copied().filter(|pattern| fits(pattern, &name)).collect();
            prop_assert_eq!(found(&table(&patterns), &name), expected);
        }
    }
}
