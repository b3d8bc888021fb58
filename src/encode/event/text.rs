//! Numbers, addresses, times and JSON strings as text, without the cost of `fmt`.

use std::io::Write as _;
use std::net::IpAddr;

/// Appends a decimal number.
pub(super) fn push_number(out: &mut Vec<u8>, number: u64) {
    let mut digits = [0_u8; 20];
    let mut rest = number;
    let mut len = 0;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (rest % 10).to_le_bytes()[0];
        rest /= 10;
        len += 1;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[digits.len() - len..]);
}

/// Appends a decimal number with leading zeros up to `width` digits.
pub(super) fn push_padded(out: &mut Vec<u8>, number: u64, width: u32) {
    for place in (0..width).rev() {
        let digit = number / 10_u64.pow(place) % 10;
        out.push(b'0' + digit.to_le_bytes()[0]);
    }
}

/// Appends an address.
pub(super) fn push_ip(out: &mut Vec<u8>, ip: IpAddr) {
    match ip {
        IpAddr::V4(v4) => {
            let [a, b, c, d] = v4.octets();
            push_number(out, a.into());
            for octet in [b, c, d] {
                out.push(b'.');
                push_number(out, octet.into());
            }
        }
        IpAddr::V6(v6) => {
            // Writing to a vector cannot fail.
            let _ = write!(out, "{v6}");
        }
    }
}

/// Appends a JSON string with its quotes.
pub(super) fn push_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut plain_from = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&text.as_bytes()[plain_from..at]);
        plain_from = at + 1;
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            _ => {
                let _ = write!(out, "\\u{byte:04x}");
            }
        }
    }
    out.extend_from_slice(&text.as_bytes()[plain_from..]);
    out.push(b'"');
}

/// Appends seconds since the epoch with six digits of fraction.
pub(super) fn push_seconds(out: &mut Vec<u8>, nanos: i64) {
    if nanos < 0 {
        out.push(b'-');
    }
    let micros = nanos.unsigned_abs() / 1_000;
    push_number(out, micros / 1_000_000);
    out.push(b'.');
    push_padded(out, micros % 1_000_000, 6);
}

/// Appends RFC 3339 in UTC with nine digits of fraction.
pub(super) fn push_rfc3339(out: &mut Vec<u8>, nanos: i64) {
    let seconds = nanos.div_euclid(1_000_000_000);
    let (year, month, day) = civil(seconds.div_euclid(86_400));
    let of_day = seconds.rem_euclid(86_400).unsigned_abs();
    push_padded(out, year, 4);
    for (mark, value) in [
        (b'-', month),
        (b'-', day),
        (b'T', of_day / 3_600),
        (b':', of_day / 60 % 60),
        (b':', of_day % 60),
    ] {
        out.push(mark);
        push_padded(out, value, 2);
    }
    out.push(b'.');
    push_padded(out, nanos.rem_euclid(1_000_000_000).unsigned_abs(), 9);
    out.push(b'Z');
}

/// Year, month and day of a day since the epoch in the proleptic Gregorian calendar, counted
/// in years that begin in March so that the leap day comes last.
fn civil(day: i64) -> (u64, u64, u64) {
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (
        year.unsigned_abs(),
        month.unsigned_abs(),
        (of_year - (153 * from_march + 2) / 5 + 1).unsigned_abs(),
    )
}

/// A number that differs between events, for the ids that producers invent.
pub(super) fn mixed(nanos: i64) -> u64 {
    let mut bits = nanos
        .cast_unsigned()
        .wrapping_add(0x9e37_79b9_7f4a_7c15)
        .wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits ^= bits >> 29;
    bits.wrapping_mul(0x94d0_49bb_1331_11eb) ^ (bits >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::EventTime;
    use proptest::prelude::*;

    /// What `push` appends, as text.
    fn text(push: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        push(&mut out);
        String::from_utf8(out).unwrap()
    }

    proptest! {
        #[test]
        fn numbers_are_those_of_fmt(number in any::<u64>(), ip in any::<IpAddr>()) {
            prop_assert_eq!(text(|out| push_number(out, number)), number.to_string());
            prop_assert_eq!(text(|out| push_ip(out, ip)), ip.to_string());
            prop_assert_eq!(text(|out| push_padded(out, number % 1000, 6)), format!("{:06}", number % 1000));
        }

        #[test]
        fn strings_are_those_of_serde_json(string in any::<String>()) {
            let written = text(|out| push_string(out, &string));
            prop_assert_eq!(serde_json::from_str::<String>(&written).unwrap(), string);
        }

        #[test]
        fn times_are_those_of_event_time(nanos in any::<i64>()) {
            prop_assert_eq!(
                text(|out| push_rfc3339(out, nanos)),
                EventTime::from_nanos(nanos).to_string()
            );
        }
    }

    #[test]
    fn seconds_keep_their_microseconds() {
        assert_eq!(
            text(|out| push_seconds(out, 1_767_225_600_000_001_999)),
            "1767225600.000001"
        );
    }
}
