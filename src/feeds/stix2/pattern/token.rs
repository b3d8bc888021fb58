//! The words and signs of a pattern.

use super::super::super::reason::{self, Reason};

/// One word or sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token<'p> {
    /// `[`
    Open,
    /// `]`
    Close,
    /// `(`
    OpenRound,
    /// `)`
    CloseRound,
    /// `,`
    Comma,
    /// `=`, `!=`, `<` and the like.
    Sign(&'p str),
    /// A path, a keyword, a number or a truth value.
    Word(&'p str),
    /// A string, or another constant in quotes, without them.
    Text(String),
}

/// What is left of a pattern.
#[derive(Clone)]
pub(super) struct Tokens<'p> {
    /// The text.
    rest: &'p str,
}

impl<'p> Tokens<'p> {
    /// All of `pattern`.
    pub(super) fn of(pattern: &'p str) -> Self {
        Self { rest: pattern }
    }

    /// The next token; `None` at the end.
    ///
    /// # Errors
    /// [`reason::BAD_PATTERN_SYNTAX`] for what is none.
    pub(super) fn next(&mut self) -> Result<Option<Token<'p>>, Reason> {
        self.rest = self.rest.trim_start();
        let Some(first) = self.rest.chars().next() else {
            return Ok(None);
        };
        let token = match first {
            '[' => self.sign(1, |_| Token::Open),
            ']' => self.sign(1, |_| Token::Close),
            '(' => self.sign(1, |_| Token::OpenRound),
            ')' => self.sign(1, |_| Token::CloseRound),
            ',' => self.sign(1, |_| Token::Comma),
            '=' | '!' | '<' | '>' => {
                let end = self.rest.find(|sign| !"=!<>".contains(sign));
                self.sign(end.unwrap_or(self.rest.len()), Token::Sign)
            }
            '\'' => return self.text().map(Some),
            _ if is_in_word(first) => return self.word_or_constant().map(Some),
            _ => return Err(reason::BAD_PATTERN_SYNTAX),
        };
        Ok(Some(token))
    }

    /// The next `len` bytes.
    fn sign(&mut self, len: usize, make: impl Fn(&'p str) -> Token<'p>) -> Token<'p> {
        let (sign, rest) = self.rest.split_at_checked(len).unwrap_or((self.rest, ""));
        self.rest = rest;
        make(sign)
    }

    /// A string: `\` takes the next character as it is, and so does a quote another quote.
    fn text(&mut self) -> Result<Token<'p>, Reason> {
        let mut text = String::new();
        let mut characters = self.rest.char_indices().skip(1).peekable();
        while let Some((at, character)) = characters.next() {
            match (character, characters.peek()) {
                ('\\', Some(&(_, next))) => {
                    text.push(next);
                    characters.next();
                }
                ('\'', Some(&(_, '\''))) => {
                    text.push('\'');
                    characters.next();
                }
                ('\'', _) => {
                    self.rest = self.rest.get(at + 1..).unwrap_or_default();
                    return Ok(Token::Text(text));
                }
                _ => text.push(character),
            }
        }
        Err(reason::BAD_PATTERN_SYNTAX)
    }

    /// A word, with the keys in quotes and the places in brackets that a path may have; or a constant
    /// whose quotes have a letter before them (`t'2026-01-01T00:00:00Z'`).
    fn word_or_constant(&mut self) -> Result<Token<'p>, Reason> {
        let mut len = 0;
        loop {
            let rest = self.rest.get(len..).unwrap_or_default();
            let word = self.rest.get(..len).unwrap_or_default();
            let step = match rest.chars().next() {
                Some('\'') if matches!(word, "t" | "h" | "b") => {
                    self.rest = rest;
                    return self.text();
                }
                Some('\'') if word.ends_with(['.', ':']) => end_of_key(rest)?,
                Some('[') if word.contains(':') => {
                    rest.find(']').ok_or(reason::BAD_PATTERN_SYNTAX)? + 1
                }
                Some(character) if is_in_word(character) => character.len_utf8(),
                Some(_) | None => break,
            };
            len += step;
        }
        Ok(self.sign(len, Token::Word))
    }

    /// Takes the next token if it is `wanted`.
    pub(super) fn take(&mut self, wanted: &Token<'_>) -> Result<bool, Reason> {
        self.take_if(|token| token == wanted)
    }

    /// Takes the next token if it is the keyword `wanted`.
    pub(super) fn take_word(&mut self, wanted: &str) -> Result<bool, Reason> {
        self.take_if(
            |token| matches!(token, Token::Word(word) if word.eq_ignore_ascii_case(wanted)),
        )
    }

    /// Takes the next token if it is `wanted`, which must be there.
    pub(super) fn expect(&mut self, wanted: &Token<'_>) -> Result<(), Reason> {
        let taken = self.take(wanted)?;
        taken.then_some(()).ok_or(reason::BAD_PATTERN_SYNTAX)
    }

    /// The next token, which must be a word.
    pub(super) fn word(&mut self) -> Result<&'p str, Reason> {
        match self.next()? {
            Some(Token::Word(word)) => Ok(word),
            Some(_) | None => Err(reason::BAD_PATTERN_SYNTAX),
        }
    }

    /// The next token, which must be an operator.
    pub(super) fn operator(&mut self) -> Result<&'p str, Reason> {
        match self.next()? {
            Some(Token::Word(sign) | Token::Sign(sign)) => Ok(sign),
            Some(_) | None => Err(reason::BAD_PATTERN_SYNTAX),
        }
    }

    /// The next token, which must be a constant.
    pub(super) fn constant(&mut self) -> Result<String, Reason> {
        match self.next()? {
            Some(Token::Text(text)) => Ok(text),
            Some(Token::Word(word)) => Ok(word.to_owned()),
            Some(_) | None => Err(reason::BAD_PATTERN_SYNTAX),
        }
    }

    /// Takes the next token if `wanted` says so.
    fn take_if(&mut self, wanted: impl Fn(&Token<'_>) -> bool) -> Result<bool, Reason> {
        let mut ahead = self.clone();
        let found = ahead.next()?.is_some_and(|token| wanted(&token));
        if found {
            *self = ahead;
        }
        Ok(found)
    }
}

/// Whether a word may hold a character.
fn is_in_word(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '-' | '_' | ':' | '.' | '+')
}

/// Where the quoted key ends that `rest` starts with.
fn end_of_key(rest: &str) -> Result<usize, Reason> {
    let inside = rest.get(1..).unwrap_or_default();
    let end = inside.find('\'').ok_or(reason::BAD_PATTERN_SYNTAX)?;
    Ok(end + 2)
}
