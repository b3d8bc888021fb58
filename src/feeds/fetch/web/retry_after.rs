//! How long a server that is busy asks to be left alone. Pure.

use std::time::{Duration, SystemTime};

/// Longest time that a server can put us off.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// The time in a `Retry-After` header: seconds, or a date (of the past: no time); at most a day.
/// `None` when it is neither.
pub(super) fn parse(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    let wait = if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        Duration::from_secs(value.parse().unwrap_or(u64::MAX))
    } else {
        let date = httpdate::parse_http_date(value).ok()?;
        date.duration_since(now).unwrap_or_default()
    };
    Some(wait.min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Sun, 06 Nov 1994 08:49:37 GMT.
    const NOW_S: u64 = 784_111_777;

    #[track_caller]
    fn check(value: &str, expected_s: Option<u64>) {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW_S);
        let expected = expected_s.map(Duration::from_secs);
        assert_eq!(parse(value, now), expected, "{value}");
    }

    #[test]
    fn seconds_and_dates_are_told_apart() {
        check("120", Some(120));
        check(" 0 ", Some(0));
        check("Sun, 06 Nov 1994 08:50:37 GMT", Some(60));
        check("Sunday, 06-Nov-94 08:50:37 GMT", Some(60));
        check("Sun Nov  6 08:50:37 1994", Some(60));
        check("Sun, 06 Nov 1994 08:49:36 GMT", Some(0));
    }

    #[test]
    fn nobody_puts_us_off_longer_than_a_day() {
        let day = Some(86_400);
        check("86401", day);
        check("99999999999999999999999999", day);
        check("Tue, 06 Nov 2294 08:49:37 GMT", day);
    }

    #[test]
    fn what_is_neither_is_nothing() {
        for value in [
            "",
            "-1",
            "1.5",
            "soon",
            "06 Nov 1994",
            "1994-11-06T08:49:37Z",
        ] {
            check(value, None);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_survived(value in "\\PC{0,40}", now_s in any::<u32>()) {
            let now = SystemTime::UNIX_EPOCH + Duration::from_secs(now_s.into());
            prop_assert!(parse(&value, now).is_none_or(|wait| wait <= RETRY_AFTER_MAX));
        }
    }
}
