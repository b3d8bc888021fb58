//! Everything that is wrong with a configuration file, each with its place.

use std::fmt;
use std::path::PathBuf;

/// All mistakes of one file, in the order of their places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors {
    /// The file.
    pub path: PathBuf,
    /// At least one mistake.
    pub errors: Vec<ConfigError>,
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The key as `section[index].key`, counted from 0; empty for the file as a whole.
    pub key: String,
    /// The line, counted from 1; 0 when the file could not be read at all.
    pub line: usize,
    /// The column in characters, counted from 1.
    pub column: usize,
    /// What is wrong. Never quotes a secret.
    pub message: String,
    /// What was probably meant.
    pub suggestion: Option<String>,
}

impl fmt::Display for ConfigErrors {
    /// One line a mistake: `path:line:column: key: message (did you mean …?)`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.errors.iter().enumerate() {
            if index > 0 {
                formatter.write_str("\n")?;
            }
            write!(formatter, "{}:{error}", self.path.display())?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(formatter, "{}:{}:", self.line, self.column)?;
        }
        if !self.key.is_empty() {
            write!(formatter, " {}:", self.key)?;
        }
        write!(formatter, " {}", self.message)?;
        match &self.suggestion {
            Some(suggestion) => write!(formatter, " (did you mean `{suggestion}`?)"),
            None => Ok(()),
        }
    }
}

/// The line and column, both counted from 1, of the byte at `offset` in `text`.
pub(super) fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let column = before
        .get(line_start..)
        .map_or(0, |line| line.chars().count());
    (line, column + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_lines_and_characters_from_one() {
        let text = "a\nßß = 1\n";
        assert_eq!(place(text, 0), (1, 1));
        assert_eq!(place(text, 2), (2, 1));
        assert_eq!(place(text, 7), (2, 4));
        assert_eq!(place(text, text.len()), (3, 1));
        assert_eq!(place("", 9), (1, 1));
    }

    #[test]
    fn every_part_that_is_there_is_shown_on_one_line() {
        let whole = ConfigError {
            key: String::new(),
            line: 0,
            column: 0,
            message: "cannot read it".to_owned(),
            suggestion: None,
        };
        let key = ConfigError {
            key: "log.format".to_owned(),
            line: 3,
            column: 9,
            message: "is wrong".to_owned(),
            suggestion: Some("text".to_owned()),
        };
        let errors = ConfigErrors {
            path: PathBuf::from("a.toml"),
            errors: vec![whole, key],
        };
        assert_eq!(
            errors.to_string(),
            "a.toml: cannot read it\na.toml:3:9: log.format: is wrong (did you mean `text`?)"
        );
    }
}
