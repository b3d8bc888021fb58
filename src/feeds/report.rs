//! What a feed held, in counts and samples.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::reason::{self, Reason};
use crate::model::{EventTime, FeedFormat};

/// What a feed held. `rows` = `accepted` + all `refused` + `ignored`, always.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeedReport {
    /// Lines that are neither blank nor comment nor header. A `csv` row over several lines is
    /// one, unless it is refused for a quote that is never closed: then each line counts.
    pub rows: u64,
    /// Rows whose every value was taken.
    pub accepted: u64,
    /// Rows with a value that was not, by reason; their other values were taken.
    pub refused: BTreeMap<Reason, u64>,
    /// Rows that belong to the format but list nothing (`127.0.0.1 localhost`).
    pub ignored: u64,
    /// Indicators that were taken: a row may hold several.
    pub indicators: u64,
    /// The first [`FeedReport::SAMPLES_MAX`] refused rows.
    pub samples: Vec<RefusedRow>,
    /// Values that were defanged (`hxxp`, `[.]`).
    pub refanged: u64,
    /// Remarks about what was accepted, by kind.
    pub warnings: BTreeMap<Reason, u64>,
    /// Bytes read, once inflated.
    pub bytes: u64,
    /// The format that was told from the content; none if it was said.
    pub guessed: Option<FeedFormat>,
    /// When the list was made, by its own word.
    pub stated: Option<EventTime>,
    /// The newest date of a row: when it was seen, made, or is valid from.
    pub newest: Option<EventTime>,
}

impl FeedReport {
    /// Most refused rows that are kept.
    pub const SAMPLES_MAX: usize = 10;

    /// Adds rows that came later, whose indicators are counted elsewhere.
    pub fn add_rows(&mut self, later: Self) {
        self.rows += later.rows;
        self.accepted += later.accepted;
        self.ignored += later.ignored;
        self.refanged += later.refanged;
        self.newest = self.newest.max(later.newest);
        for (reason, count) in later.refused {
            *self.refused.entry(reason).or_default() += count;
        }
        for (remark, count) in later.warnings {
            *self.warnings.entry(remark).or_default() += count;
        }
        let room = Self::SAMPLES_MAX.saturating_sub(self.samples.len());
        self.samples.extend(later.samples.into_iter().take(room));
    }

    /// Rows that were refused, for whatever reason.
    pub fn refused_total(&self) -> u64 {
        self.refused.values().sum()
    }

    /// Refused rows that make one doubt the format: those of [`reason::UNDERSTOOD`] do not.
    pub(super) fn refused_in_doubt(&self) -> u64 {
        let refused = self.refused.iter();
        refused
            .filter(|(reason, _)| !reason::UNDERSTOOD.contains(reason))
            .map(|(_, count)| count)
            .sum()
    }
}

/// A row that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedRow {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: u64,
    /// Why.
    pub reason: Reason,
    /// The start of the row, control characters escaped; at most [`RefusedRow::TEXT_MAX`]
    /// characters.
    pub text: String,
}

impl RefusedRow {
    /// Most characters of a row that are kept.
    pub const TEXT_MAX: usize = 120;

    /// What of `row` can be shown.
    pub(super) fn shown(row: &[u8]) -> String {
        let start = row.get(..4 * Self::TEXT_MAX).unwrap_or(row);
        let mut shown = String::new();
        let mut n_chars = 0;
        for character in String::from_utf8_lossy(start).chars() {
            // Directional marks and zero-width characters could fake what a terminal shows.
            let hidden = character.is_control()
                || matches!(character, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                    | '\u{2060}'..='\u{206f}' | '\u{feff}');
            let escaped: String = if hidden {
                character.escape_default().collect()
            } else {
                character.into()
            };
            n_chars += escaped.chars().count();
            if n_chars > Self::TEXT_MAX {
                break;
            }
            shown.push_str(&escaped);
        }
        shown
    }
}
