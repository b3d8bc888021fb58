//! Event time: nanoseconds since the Unix epoch, UTC, and its written form.

use std::fmt;

use jiff::Timestamp;

/// An instant, in nanoseconds since 1970-01-01T00:00:00Z (1677 to 2262). Windows of two
/// such instants include their start and exclude their end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventTime(i64);

/// Why a text or number is not an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// Neither RFC 3339 nor a number of the expected unit.
    #[error("not a time")]
    NotATime,
    /// Before 1677 or after 2262.
    #[error("time out of range")]
    OutOfRange,
}

impl EventTime {
    /// The earliest instant.
    pub const MIN: Self = Self(i64::MIN);
    /// The latest instant: "for ever".
    pub const MAX: Self = Self(i64::MAX);

    /// From nanoseconds since the epoch.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// From seconds and a fraction in nanoseconds.
    ///
    /// # Errors
    /// [`TimeError::OutOfRange`] outside 1677 to 2262.
    pub fn from_parts(seconds: i64, nanos: u32) -> Result<Self, TimeError> {
        seconds
            .checked_mul(1_000_000_000)
            .and_then(|whole| whole.checked_add(i64::from(nanos)))
            .map(Self)
            .ok_or(TimeError::OutOfRange)
    }

    /// From milliseconds since the epoch; saturates.
    pub fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// Nanoseconds since the epoch.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// Milliseconds since the epoch, rounded down.
    pub const fn millis(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// This instant moved by `nanos`; saturates.
    pub const fn saturating_add_nanos(self, nanos: i64) -> Self {
        Self(self.0.saturating_add(nanos))
    }

    /// This instant moved later by `duration`; saturates.
    pub fn saturating_add(self, duration: std::time::Duration) -> Self {
        self.saturating_add_nanos(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX))
    }

    /// This instant moved earlier by `duration`; saturates.
    pub fn saturating_sub(self, duration: std::time::Duration) -> Self {
        let nanos = i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
        Self(self.0.saturating_sub(nanos))
    }

    /// Parses RFC 3339 with an offset (`Z`, `+01:00`, and the colonless `+0000` that some
    /// loggers write).
    ///
    /// # Errors
    /// [`TimeError`] when the text is no such time. A time without an offset is refused.
    pub fn parse_rfc3339(text: &str) -> Result<Self, TimeError> {
        let timestamp: Timestamp = text.trim().parse().map_err(|_| TimeError::NotATime)?;
        i64::try_from(timestamp.as_nanosecond())
            .map(Self)
            .map_err(|_| TimeError::OutOfRange)
    }
}

impl fmt::Display for EventTime {
    /// RFC 3339 in UTC with nine digits of fraction.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let timestamp =
            Timestamp::from_nanosecond(i128::from(self.0)).unwrap_or(Timestamp::UNIX_EPOCH);
        write!(formatter, "{timestamp:.9}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_print_as_they_parse() {
        for text in [
            "2026-01-01T00:00:00.140000000Z",
            "1969-12-31T23:59:59.999999999Z",
            "2262-04-11T23:47:16.854775807Z",
            "1677-09-21T00:12:43.145224193Z",
        ] {
            assert_eq!(
                EventTime::parse_rfc3339(text).map(|time| time.to_string()),
                Ok(text.into())
            );
        }
    }

    #[test]
    fn offsets_are_taken_in_both_spellings_and_never_guessed() {
        let expected = EventTime::from_parts(1_767_225_600, 140_000_000);
        for text in [
            "2026-01-01T00:00:00.14Z",
            "2026-01-01T01:00:00.140+01:00",
            "2026-01-01T00:00:00.140000+0000",
            "2026-01-01 00:00:00.140Z",
        ] {
            assert_eq!(EventTime::parse_rfc3339(text), expected, "{text}");
        }
        for text in [
            "2026-01-01T00:00:00",
            "2026-01-01 00:00:00.1",
            "yesterday",
            "",
            "1767225600",
        ] {
            assert_eq!(
                EventTime::parse_rfc3339(text),
                Err(TimeError::NotATime),
                "{text}"
            );
        }
    }
}
