//! Numbers, addresses, protocols and times as the JSON formats write them. What cannot be read
//! is `None`; nothing is guessed.

mod ip;

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Reject;
use crate::model::{Answer, DomainName, EventTime, NAME_LEN_MAX, TimeSource, unmapped};

pub(super) use ip::address;

/// The address that `text` writes, or the 4 or 16 bytes that it holds in base64.
pub(super) fn packed_address(text: &[u8]) -> Option<IpAddr> {
    if let Some(address) = address(text) {
        return Some(address);
    }
    let mut buffer = [0; 18];
    if !matches!(text.len(), 8 | 24) {
        return None;
    }
    let len = STANDARD.decode_slice(text, &mut buffer).ok()?;
    let bytes = buffer.get(..len)?;
    if let Ok(octets) = <[u8; 4]>::try_from(bytes) {
        return Some(IpAddr::from(octets));
    }
    let octets = <[u8; 16]>::try_from(bytes).ok()?;
    Some(unmapped(IpAddr::from(octets)))
}

/// The port that `text` writes in decimal; 0 stands for none.
#[inline]
pub(super) fn port(text: &[u8]) -> Option<u16> {
    if text.len() > 5 {
        return None;
    }
    let mut value = 0_u32;
    for &byte in text {
        if !byte.is_ascii_digit() {
            return None;
        }
        value = value * 10 + u32::from(byte - b'0');
    }
    u16::try_from(value).ok().filter(|&port| port != 0)
}

/// Whether `protocol` has ports: the fields of ICMP that look like them are type and code.
/// An unknown protocol keeps what it was given.
pub(super) fn has_ports(protocol: Option<u8>) -> bool {
    protocol.is_none_or(|number| matches!(number, TCP | 17 | 33 | 132 | 136))
}

/// The protocol number of TCP.
pub(super) const TCP: u8 = 6;

/// The protocol that `text` names, any case, or writes in decimal.
pub(super) fn protocol(text: &[u8]) -> Option<u8> {
    if let Some((number, _)) = PROTOCOLS
        .iter()
        .find(|(_, name)| text.eq_ignore_ascii_case(name.as_bytes()))
    {
        return Some(*number);
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Protocol names that flow sensors write.
const PROTOCOLS: &[(u8, &str)] = &[
    (TCP, "tcp"),
    (17, "udp"),
    (1, "icmp"),
    (58, "icmp6"),
    (58, "icmpv6"),
    (58, "ipv6-icmp"),
    (2, "igmp"),
    (33, "dccp"),
    (41, "ipv6"),
    (47, "gre"),
    (50, "esp"),
    (51, "ah"),
    (89, "ospf"),
    (103, "pim"),
    (132, "sctp"),
    (136, "udplite"),
];

/// Whether `text` is one of the ways to write that there is nothing.
pub(super) fn absent(text: &[u8]) -> bool {
    matches!(text, b"" | b"-" | b"<nil>")
}

/// `name` in its normal form when it has one, else as written.
pub(super) fn name(name: &str) -> String {
    normal_name(name).unwrap_or_else(|| name.to_owned())
}

/// `name` in its normal form, if it has one.
pub(super) fn normal_name(name: &str) -> Option<String> {
    let mut scratch = [0; NAME_LEN_MAX];
    let name = DomainName::parse(name.as_bytes(), &mut scratch).ok()?;
    Some(name.as_str().to_owned())
}

/// The answer that `text` is, if it is one: an address, else a name.
pub(super) fn answer(text: &str) -> Option<Answer> {
    if absent(text.as_bytes()) {
        return None;
    }
    let address = crate::model::parse_address(text).ok();
    Some(address.map_or_else(|| Answer::Name(name(text)), Answer::Address))
}

/// A unit of time in which a number can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// Seconds, or milliseconds when the number is too large for seconds (above 10¹¹).
    SecondsOrMillis,
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Millis,
    /// Nanoseconds.
    Nanos,
}

/// The instant that `text` writes: RFC 3339 with an offset, or a decimal number of `unit`s
/// since the epoch, exact to the nanosecond.
pub(super) fn time(text: &str, unit: Unit) -> Option<EventTime> {
    let Some(billionths) = billionths(text) else {
        return EventTime::parse_rfc3339(text).ok();
    };
    let nanos = match unit {
        Unit::SecondsOrMillis if billionths.abs() > SECONDS_MAX * BILLION => billionths / 1_000,
        Unit::SecondsOrMillis | Unit::Seconds => billionths,
        Unit::Millis => billionths / 1_000,
        Unit::Nanos => billionths / BILLION,
    };
    i64::try_from(nanos).ok().map(EventTime::from_nanos)
}

/// The largest number that is read as seconds where milliseconds are possible too.
const SECONDS_MAX: i128 = 100_000_000_000;

/// 10⁹.
const BILLION: i128 = 1_000_000_000;

/// The decimal number that `text` writes, in billionths of it, cut to whole ones. Never goes
/// through floating point.
fn billionths(text: &str) -> Option<i128> {
    let (digits, exponent) = match text.split_once(['e', 'E']) {
        Some((digits, exponent)) => (digits, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let unsigned = digits.strip_prefix('-').unwrap_or(digits);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    if whole.is_empty() || exponent.unsigned_abs() > 40 {
        return None;
    }
    let mut value = 0_i128;
    let mut scale = exponent + 9;
    for byte in whole.bytes() {
        value = push_digit(value, byte)?;
    }
    for byte in fraction.bytes() {
        if !byte.is_ascii_digit() {
            return None;
        }
        // Digits that no nanosecond needs are dropped before they could overflow.
        if scale > 0 {
            value = push_digit(value, byte)?;
            scale -= 1;
        }
    }
    let factor = 10_i128.checked_pow(scale.unsigned_abs());
    let scaled = if scale >= 0 {
        value.checked_mul(factor?)?
    } else {
        factor.map_or(0, |factor| value / factor)
    };
    Some(if digits.starts_with('-') {
        -scaled
    } else {
        scaled
    })
}

/// `value` with the decimal digit `byte` behind it.
fn push_digit(value: i128, byte: u8) -> Option<i128> {
    let digit = byte.is_ascii_digit().then(|| i128::from(byte - b'0'))?;
    value.checked_mul(10)?.checked_add(digit)
}

/// The time of an event: its own, else the record's.
///
/// # Errors
/// [`Reject::NoTime`] when there is neither.
pub(super) fn event_time(
    own: Option<EventTime>,
    record: Option<EventTime>,
) -> Result<(EventTime, TimeSource), Reject> {
    match (own, record) {
        (Some(time), _) => Ok((time, TimeSource::Event)),
        (None, Some(time)) => Ok((time, TimeSource::Record)),
        (None, None) => Err(Reject::NoTime),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_decimal_time_is_exact_to_the_nanosecond() {
        for (text, unit, nanos) in [
            (
                "1588205199.827696",
                Unit::Seconds,
                1_588_205_199_827_696_000,
            ),
            (
                "1588205199.827696123",
                Unit::Seconds,
                1_588_205_199_827_696_123,
            ),
            (
                "1588205199.8276961239",
                Unit::Seconds,
                1_588_205_199_827_696_123,
            ),
            (
                "1588205199",
                Unit::SecondsOrMillis,
                1_588_205_199_000_000_000,
            ),
            (
                "1588205199827",
                Unit::SecondsOrMillis,
                1_588_205_199_827_000_000,
            ),
            ("1588205199827", Unit::Millis, 1_588_205_199_827_000_000),
            (
                "1767225601000000001",
                Unit::Nanos,
                1_767_225_601_000_000_001,
            ),
            (
                "1.588205199827696e9",
                Unit::Seconds,
                1_588_205_199_827_696_000,
            ),
            ("15882051998E-1", Unit::Seconds, 1_588_205_199_800_000_000),
            ("-0.25", Unit::Seconds, -250_000_000),
            (
                "2026-01-01T00:00:00.14Z",
                Unit::Seconds,
                1_767_225_600_140_000_000,
            ),
        ] {
            assert_eq!(
                time(text, unit),
                Some(EventTime::from_nanos(nanos)),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "-",
            "NaN",
            "inf",
            "1e99",
            "1e-99x",
            "0x10",
            "1.5.2",
            "99999999999999",
            "1e",
            "2026-01-01T00:00:00",
            "2026-01-01 00:00:00.1",
            "123456789012345678901234567890123",
        ] {
            assert_eq!(time(text, Unit::Seconds), None, "{text}");
        }
    }

    #[test]
    fn zero_and_large_numbers_are_no_port() {
        for (text, expected) in [
            ("53", Some(53)),
            ("65535", Some(65535)),
            ("65536", None),
            ("0", None),
            ("", None),
            ("-1", None),
            ("5.0", None),
            ("000053", None),
        ] {
            assert_eq!(port(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn packed_addresses_are_read_in_both_lengths() {
        for (text, expected) in [
            ("fwAAAQ==", Some("127.0.0.1")),
            ("IAENuAAAAAAAAAAAAAAAAQ==", Some("2001:db8::1")),
            ("AAAAAAAAAAAAAP//ywBxQg==", Some("203.0.113.66")),
            ("203.0.113.66", Some("203.0.113.66")),
            ("fwAAAQ", None),
            ("////////", None),
            ("bad.exam", None),
        ] {
            let expected = expected.map(|text| text.parse().unwrap());
            assert_eq!(packed_address(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn protocols_have_names_and_numbers() {
        for (text, expected) in [("TCP", Some(6)), ("17", Some(17)), ("IPv6-ICMP", Some(58))] {
            assert_eq!(protocol(text.as_bytes()), expected, "{text}");
        }
        assert_eq!(protocol(b"unknown_transport"), None);
        assert_eq!(protocol(b"256"), None);
    }

    proptest! {
        #[test]
        fn any_text_is_a_time_or_none(text in "-?[0-9]{0,40}(\\.[0-9]{0,40})?(e-?[0-9]{0,3})?") {
            for unit in [Unit::SecondsOrMillis, Unit::Seconds, Unit::Millis, Unit::Nanos] {
                let _ = time(&text, unit);
            }
        }
    }
}
