//! Durations and sizes as people write them: `1h30m`, `64 MiB`.

use std::fmt::Write as _;
use std::time::Duration;

/// Units of time with their milliseconds, longest first.
const TIME_UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Units of size with their bytes.
const SIZE_UNITS: [(&str, u64); 9] = [
    ("", 1),
    ("B", 1),
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

/// Parses `30s`, `500ms`, `7d`, `1h30m`: whole numbers, each with its unit, the longer unit
/// first, each unit once. `None`: anything else, or more than 64 bits of milliseconds.
pub(super) fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut total_ms: u64 = 0;
    let mut units = TIME_UNITS.iter();
    loop {
        let (number, after) = split_number(rest)?;
        let unit_len = after
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(unit_len)?;
        let (_, unit_ms) = units.find(|(name, _)| *name == unit)?;
        total_ms = total_ms.checked_add(number.checked_mul(*unit_ms)?)?;
        rest = after.trim_start();
        if rest.is_empty() {
            return Some(Duration::from_millis(total_ms));
        }
    }
}

/// Parses `64 MiB`, `1 MB`, `512`: a whole number and a unit of bytes. `None`: anything else,
/// or more than 64 bits.
pub(super) fn parse_size(text: &str) -> Option<u64> {
    let (number, unit) = split_number(text.trim())?;
    let (_, bytes) = SIZE_UNITS.iter().find(|(name, _)| *name == unit)?;
    number.checked_mul(*bytes)
}

/// The shortest text that [`parse_duration`] reads as `duration`, in whole milliseconds.
pub(super) fn write_duration(duration: Duration) -> String {
    let mut left = duration.as_millis();
    let mut text = String::new();
    for (unit, unit_ms) in TIME_UNITS {
        let number = left / u128::from(unit_ms);
        left %= u128::from(unit_ms);
        if number > 0 {
            let _ = write!(text, "{number}{unit}");
        }
    }
    if text.is_empty() {
        text.push_str("0s");
    }
    text
}

/// The shortest text that [`parse_size`] reads as `bytes`, in binary units.
pub(super) fn write_size(bytes: u64) -> String {
    let fitting = SIZE_UNITS
        .iter()
        .rev()
        .take(3)
        .find(|(_, unit)| bytes >= *unit && bytes.is_multiple_of(*unit));
    match fitting {
        Some((name, unit)) => format!("{} {name}", bytes / unit),
        None => bytes.to_string(),
    }
}

/// The leading digits as a number, and what follows them without its leading blanks.
fn split_number(text: &str) -> Option<(u64, &str)> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, rest) = text.split_at_checked(digits)?;
    Some((number.parse().ok()?, rest.trim_start()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check_duration(text: &str, expected_ms: Option<u64>) {
        let expected = expected_ms.map(Duration::from_millis);
        assert_eq!(parse_duration(text), expected, "{text:?}");
    }

    #[test]
    fn durations_are_read_as_people_write_them() {
        check_duration("30s", Some(30_000));
        check_duration("500ms", Some(500));
        check_duration("7d", Some(604_800_000));
        check_duration("1h30m", Some(5_400_000));
        check_duration(" 1 h 30 m ", Some(5_400_000));
        check_duration("1d1h1m1s1ms", Some(90_061_001));
        check_duration("0s", Some(0));
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in [
            "",
            "30",
            "s",
            "-1s",
            "1.5s",
            "1s1h",
            "1s1s",
            "1 week",
            "1S",
            "1s,",
            "1sm",
            "30s x",
            "99999999999999999999s",
            "9999999999999999d",
        ] {
            check_duration(text, None);
        }
    }

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, expected) in [
            ("0", Some(0)),
            ("512", Some(512)),
            ("512B", Some(512)),
            ("1 kB", Some(1_000)),
            ("1 MB", Some(1_000_000)),
            ("64 MiB", Some(67_108_864)),
            ("2GiB", Some(2_147_483_648)),
            ("1 mb", None),
            ("MiB", None),
            ("-1", None),
            ("1.5 MiB", None),
            ("99999999999 GiB", None),
        ] {
            assert_eq!(parse_size(text), expected, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(ms in 0_u64..1 << 40, bytes in any::<u64>()) {
            let duration = Duration::from_millis(ms);
            prop_assert_eq!(parse_duration(&write_duration(duration)), Some(duration));
            prop_assert_eq!(parse_size(&write_size(bytes)), Some(bytes));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[0-9dhms .é]{0,8}") {
            let _ = parse_duration(&text);
            let _ = parse_size(&text);
        }
    }
}
