//! Addresses in text. Lengths of octets are as good as random, and a branch that cannot be foreseen
//! costs more than all the arithmetic here: the octets of an IPv4 address are found by the places of
//! its dots, and computed each by the same instructions.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use wide::u8x16;

use crate::model::unmapped;

/// The address that `text` writes, unmapped: what `model::parse_address` accepts, without its
/// cost for the names and short addresses that most texts are.
#[inline]
pub(in crate::decode) fn address(text: &[u8]) -> Option<IpAddr> {
    if text.first()?.is_ascii_digit()
        && let Some(address) = ipv4(text)
    {
        return Some(IpAddr::V4(address));
    }
    // The first group of an IPv6 address has at most four digits.
    let start = text.get(..5).unwrap_or(text);
    if start.iter().all(|&byte| byte != b':') {
        return None;
    }
    ipv6(text).map(|address| unmapped(IpAddr::V6(address)))
}

/// The IPv6 address that `text` writes: up to eight groups of hexadecimal digits, one gap, and
/// perhaps an IPv4 address in place of the last two groups.
fn ipv6(text: &[u8]) -> Option<Ipv6Addr> {
    let mut groups = [0_u16; 8];
    let mut count = 0;
    let mut gap = None;
    let mut rest = text;
    if let Some(after) = rest.strip_prefix(b"::") {
        (rest, gap) = (after, Some(0));
    }
    while gap != Some(count) || !rest.is_empty() {
        let (group, after) = hex_group(rest)?;
        if let [b'.', ..] = after {
            let [a, b, c, d] = ipv4(rest)?.octets();
            for pair in [[a, b], [c, d]] {
                *groups.get_mut(count)? = u16::from_be_bytes(pair);
                count += 1;
            }
            break;
        }
        *groups.get_mut(count)? = group;
        count += 1;
        rest = match after {
            [] => break,
            [b':', b':', after @ ..] if gap.is_none() => {
                gap = Some(count);
                after
            }
            [b':', after @ ..] if !after.is_empty() => after,
            _ => return None,
        };
    }
    match gap {
        None if count == groups.len() => {}
        // A gap stands for one group at least.
        Some(gap) if count < groups.len() => {
            let missing = groups.len() - count;
            groups.get_mut(gap..)?.rotate_right(missing);
        }
        Some(_) | None => return None,
    }
    Some(groups.into())
}

/// One to four hexadecimal digits as a number, and what follows them.
#[inline]
fn hex_group(text: &[u8]) -> Option<(u16, &[u8])> {
    let (mut group, mut rest) = (0_u16, text);
    while let [byte, after @ ..] = rest {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            _ => break,
        };
        if text.len() - rest.len() == 4 {
            return None;
        }
        group = group << 4 | u16::from(digit);
        rest = after;
    }
    (rest.len() < text.len()).then_some((group, rest))
}

/// The IPv4 address that `text` writes: four decimal numbers without leading zeros.
#[inline]
fn ipv4(text: &[u8]) -> Option<Ipv4Addr> {
    let [start, middle, end] = dots(text)?;
    let len = text.len();
    let octets = [
        octet_at(text, 0, start)?,
        octet_at(text, start + 1, middle.wrapping_sub(start + 1))?,
        octet_before(text, end, end.wrapping_sub(middle + 1))?,
        octet_before(text, len, len.wrapping_sub(end + 1))?,
    ];
    let valid = octets.iter().fold(true, |all, octet| all & octet.valid);
    let bits = octets.iter().fold(0, |bits, octet| bits << 8 | octet.value);
    valid.then(|| Ipv4Addr::from_bits(bits))
}

/// The places of the dots in 7 to 15 bytes of which three are dots and the others digits.
#[inline]
fn dots(text: &[u8]) -> Option<[usize; 3]> {
    let len = text.len();
    let (low, high) = match len {
        8..=15 => {
            let low = u64::from_le_bytes(*text.first_chunk()?);
            let high = u64::from_le_bytes(*text.last_chunk()?);
            (low, high >> 8 >> (8 * (15 - len)))
        }
        7 => {
            let low = u32::from_le_bytes(*text.first_chunk()?);
            let high = u32::from_le_bytes(*text.last_chunk()?);
            (u64::from(low) | u64::from(high >> 8) << 32, 0)
        }
        _ => return None,
    };
    let lane = u8x16::new((u128::from(low) | u128::from(high) << 64).to_le_bytes());
    let digits = lane ^ u8x16::splat(b'0');
    let is_digit = digits.min(u8x16::splat(9)).simd_eq(digits);
    let dots = lane.simd_eq(u8x16::splat(b'.')).to_bitmask();
    let after_first = dots & dots.wrapping_sub(1);
    let after_second = after_first & after_first.wrapping_sub(1);
    let after_third = after_second & after_second.wrapping_sub(1);
    let three = (after_second != 0) & (after_third == 0);
    let all = (1 << len) - 1;
    let place = |dots: u32| dots.trailing_zeros() as usize;
    (three & (is_digit.to_bitmask() | dots == all))
        .then(|| [dots, after_first, after_second].map(place))
}

/// A number between dots.
#[derive(Clone, Copy, Debug)]
struct Octet {
    value: u32,
    /// Whether it has one to three digits, no needless zero, and is at most 255.
    valid: bool,
}

/// The number of the `len` digits from `start` on, behind which there are four bytes or more.
#[inline(always)]
fn octet_at(text: &[u8], start: usize, len: usize) -> Option<Octet> {
    let bytes = text.get(start..)?.first_chunk()?;
    let digits = u32::from_le_bytes(*bytes) ^ DIGITS;
    Some(octet(digits << unused(len), len))
}

/// The number of the `len` digits before `end`, before which there are four bytes or more.
#[inline(always)]
fn octet_before(text: &[u8], end: usize, len: usize) -> Option<Octet> {
    let bytes = text.get(..end)?.last_chunk()?;
    let digits = u32::from_le_bytes(*bytes) ^ DIGITS;
    Some(octet(digits >> unused(len) << unused(len), len))
}

/// How many bits of four bytes `len` digits leave.
#[inline(always)]
fn unused(len: usize) -> usize {
    32_usize.wrapping_sub(8 * len) & 31
}

/// The number of `len` digits, of which the last one is the highest byte, and which zeros precede.
#[inline(always)]
fn octet(digits: u32, len: usize) -> Octet {
    let value = (digits >> 24) + 10 * (digits >> 16 & 0xff) + 100 * (digits >> 8 & 0xff);
    let place = len.wrapping_sub(1);
    // The least number of one, two and three digits.
    let least = 0x64_0a_00_u32 >> (8 * (place & 3)) & 0xff;
    Octet {
        value,
        valid: (place < 3) & (value >= least) & (value <= 255),
    }
}

/// Four bytes of the digit zero.
const DIGITS: u32 = u32::from_le_bytes(*b"0000");

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::parse_address;

    /// The definition, which knows text only.
    fn oracle(text: &[u8]) -> Option<IpAddr> {
        parse_address(std::str::from_utf8(text).ok()?).ok()
    }

    #[test]
    fn octets_of_every_length_and_value_are_read_at_every_place() {
        for octet in (0..1100).map(|octet| octet.to_string()) {
            for octet in [octet.clone(), format!("0{octet}"), format!("{octet}.")] {
                for text in [
                    format!("{octet}.1.22.3"),
                    format!("1.{octet}.1.1"),
                    format!("255.255.{octet}.255"),
                    format!("1.1.1.{octet}"),
                ] {
                    let text = text.as_bytes();
                    assert_eq!(address(text), oracle(text), "{}", text.escape_ascii());
                }
            }
        }
    }

    proptest! {
        #[test]
        fn addresses_are_those_of_the_model(text in "[0-9a-f.:]{0,18}") {
            prop_assert_eq!(address(text.as_bytes()), parse_address(&text).ok());
        }

        #[test]
        fn long_addresses_are_those_of_the_model(
            groups in proptest::collection::vec("[0-9a-fA-F]{0,5}", 0..10),
            tail in "(:|::)?([0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]\\.[0-9])?",
        ) {
            let text = groups.join(":") + &tail;
            prop_assert_eq!(address(text.as_bytes()), parse_address(&text).ok(), "{}", text);
        }

        #[test]
        fn dotted_addresses_are_those_of_the_model(text in "[012]?[0-9]{1,2}(\\.[0-9]{1,3}){2,4}") {
            prop_assert_eq!(address(text.as_bytes()), parse_address(&text).ok());
        }

        #[test]
        fn addresses_with_a_byte_changed_are_those_of_the_model(
            octets in any::<[u8; 4]>(),
            shift in 0_u32..8,
            at in 0_usize..16,
            byte in prop_oneof![Just(b'.'), b'/'..=b':', any::<u8>()],
            change in 0..3,
        ) {
            let [a, b, c, d] = octets.map(|octet| octet >> shift);
            let mut text = format!("{a}.{b}.{c}.{d}").into_bytes();
            let at = at % text.len();
            match change {
                0 => text[at] = byte,
                1 => text.insert(at, byte),
                _ => drop(text.remove(at)),
            }
            prop_assert_eq!(address(&text), oracle(&text), "{}", text.escape_ascii());
        }
    }
}
