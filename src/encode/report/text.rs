//! Numbers, dates and text as people read them.

use crate::model::EventTime;

/// `text` for HTML, in and out of attributes.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\0' => safe.push('\u{fffd}'),
            _ => safe.push(character),
        }
    }
    safe
}

/// `1,234,567`.
pub fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `1 country`, `2 countries`.
pub(super) fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", number(count), if count == 1 { one } else { many })
}

/// The share of `part` in `whole`, with one decimal: `79.0 %`. Never rounded to all or nothing.
pub(super) fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "\u{2013}".to_owned();
    }
    if part == 0 || part >= whole {
        return if part == 0 { "0 %" } else { "100 %" }.to_owned();
    }
    let per_mille = (u128::from(part) * 2000 / u128::from(whole)).div_ceil(2);
    match per_mille {
        0 => "&lt; 0.1 %".to_owned(),
        1000.. => "&gt; 99.9 %".to_owned(),
        1..1000 => format!("{}.{} %", per_mille / 10, per_mille % 10),
    }
}

/// `part` of `whole` as a CSS or SVG length: `63.25%`.
pub(super) fn length(part: u64, whole: u64) -> String {
    let whole = u128::from(whole.max(1));
    let share = (u128::from(part) * 10_000 / whole).min(10_000);
    format!("{}.{:02}%", share / 100, share % 100)
}

/// `5 January 2026`.
pub(super) fn date(time: EventTime) -> String {
    let (year, month, day) = parts(time);
    format!("{day} {month} {year}")
}

/// `5 Jan`.
pub(super) fn short_date(time: EventTime) -> String {
    let (_, month, day) = parts(time);
    format!("{day} {}", month.get(..3).unwrap_or(month))
}

/// Year, name of the month and day of `time` in UTC.
fn parts(time: EventTime) -> (String, &'static str, usize) {
    let text = time.to_string();
    let mut fields = text.get(..10).unwrap_or_default().split('-');
    let year = fields.next().unwrap_or_default().to_owned();
    let mut next = || fields.next().and_then(|field| field.parse::<usize>().ok());
    let month = next().and_then(|month| MONTHS.get(month.checked_sub(1)?));
    (
        year,
        month.copied().unwrap_or_default(),
        next().unwrap_or(1),
    )
}

/// The months' names.
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        for (value, expected) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (216_000, "216,000"),
            (u64::MAX, "18,446,744,073,709,551,615"),
        ] {
            assert_eq!(number(value), expected);
        }
        assert_eq!(counted(1, "country", "countries"), "1 country");
        assert_eq!(counted(26, "country", "countries"), "26 countries");
    }

    #[test]
    fn shares_are_rounded_but_never_to_all_or_nothing() {
        for (part, whole, expected) in [
            (0, 0, "\u{2013}"),
            (0, 7, "0 %"),
            (7, 7, "100 %"),
            (79, 100, "79.0 %"),
            (1, 3, "33.3 %"),
            (2, 3, "66.7 %"),
            (1, 1_000_000, "&lt; 0.1 %"),
            (999_999, 1_000_000, "&gt; 99.9 %"),
            (u64::MAX - 1, u64::MAX, "&gt; 99.9 %"),
        ] {
            assert_eq!(percent(part, whole), expected, "{part} of {whole}");
        }
        assert_eq!(
            (length(1, 3), length(9, 3)),
            ("33.33%".into(), "100.00%".into())
        );
    }

    #[test]
    fn dates_are_those_of_utc() {
        let time = EventTime::parse_rfc3339("2026-01-05T23:59:59Z").unwrap();
        assert_eq!(date(time), "5 January 2026");
        assert_eq!(short_date(time), "5 Jan");
        assert_eq!(short_date(EventTime::MIN), "21 Sep");
    }

    #[test]
    fn nothing_in_a_text_is_markup() {
        assert_eq!(
            escape("<b a=\"1\" b='2'>&\0"),
            "&lt;b a=&quot;1&quot; b=&#39;2&#39;&gt;&amp;\u{fffd}"
        );
    }
}
