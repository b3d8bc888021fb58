//! Sixteen bytes at a time: the searches and comparisons in which a row of JSON spends its time.
//! A set of places is a number with a bit for each byte, the first one lowest.

use wide::{i8x16, u8x16};

/// Bytes of a half.
pub(super) const LANE: usize = 16;

/// Bytes that are looked at together.
pub(super) const PAIR: usize = 2 * LANE;

/// The places where both have the same byte.
#[inline(always)]
pub(super) fn same_places(one: &[u8; PAIR], other: &[u8; PAIR]) -> u32 {
    let (one_low, one_high) = halves(one);
    let (other_low, other_high) = halves(other);
    equal(one_high, other_high) << LANE | equal(one_low, other_low)
}

/// The places of what ends the plain part of a string: a quote, or what may need a closer look (a
/// backslash, a control byte, a byte that is not ASCII).
#[inline(always)]
pub(super) fn ends_of_plain(bytes: &[u8; PAIR]) -> u32 {
    let (low, high) = halves(bytes);
    ends_of_half(high) << LANE | ends_of_half(low)
}

/// [`ends_of_plain`] of half of the bytes.
#[inline(always)]
fn ends_of_half(bytes: &[u8; LANE]) -> u32 {
    let lane = u8x16::new(*bytes).cast_signed();
    // Bytes that are not ASCII are negative here.
    let found = lane.simd_lt(all(b' ')) | lane.simd_eq(all(b'"')) | lane.simd_eq(all(b'\\'));
    found.to_bitmask()
}

/// The places of digits and of dots.
#[inline(always)]
pub(super) fn digits_and_dots(bytes: &[u8; PAIR]) -> (u32, u32) {
    let (low, high) = halves(bytes);
    let (low, high) = (digits_and_dots_of_half(low), digits_and_dots_of_half(high));
    (high.0 << LANE | low.0, high.1 << LANE | low.1)
}

/// [`digits_and_dots`] of half of the bytes.
#[inline(always)]
pub(super) fn digits_and_dots_of_half(bytes: &[u8; LANE]) -> (u32, u32) {
    let lane = u8x16::new(*bytes).cast_signed();
    // Moved so that digits are the lowest numbers there are.
    let digits = (lane + all(0x80 - b'0')).simd_lt(all(0x80 + 10));
    (digits.to_bitmask(), lane.simd_eq(all(b'.')).to_bitmask())
}

/// Sixteen times the same byte.
#[inline(always)]
fn all(byte: u8) -> i8x16 {
    i8x16::splat(byte.cast_signed())
}

/// Both halves of 32 bytes.
#[inline(always)]
fn halves(bytes: &[u8; PAIR]) -> (&[u8; LANE], &[u8; LANE]) {
    let (low, high) = bytes.as_chunks::<LANE>().0.split_at(1);
    match (low, high) {
        ([low], [high, ..]) => (low, high),
        _ => (&[0; LANE], &[0; LANE]),
    }
}

/// The places where both have the same byte.
#[inline(always)]
fn equal(one: &[u8; LANE], other: &[u8; LANE]) -> u32 {
    u8x16::new(*one).simd_eq(u8x16::new(*other)).to_bitmask()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The places of bytes that are such.
    fn places(bytes: &[u8], is: impl Fn(usize, u8) -> bool) -> u32 {
        let places = (0..).zip(bytes);
        places.fold(0, |set, (at, &byte)| set | u32::from(is(at, byte)) << at)
    }

    #[test]
    fn every_byte_is_judged_at_every_place() {
        for byte in 0..=u8::MAX {
            for place in 0..PAIR {
                let mut bytes = *b"aZ.7\"-`\\9 .C!~{0:/.;5@[\xffz,0\n17.]";
                bytes[place] = byte;
                let ends = places(&bytes, |_, byte| {
                    !(b' '..0x80).contains(&byte) || matches!(byte, b'"' | b'\\')
                });
                assert_eq!(ends_of_plain(&bytes), ends);
                let digits = places(&bytes, |_, byte| byte.is_ascii_digit());
                let dots = places(&bytes, |_, byte| byte == b'.');
                assert_eq!(digits_and_dots(&bytes), (digits, dots));
            }
        }
    }

    proptest! {
        #[test]
        fn places_of_equal_bytes_are_those_of_the_definition(
            one in any::<[u8; PAIR]>(),
            flips in proptest::collection::vec((0..PAIR, any::<u8>()), 0..20),
        ) {
            let mut other = one;
            for (place, byte) in flips {
                other[place] = byte;
            }
            let same = places(&one, |at, byte| other[at] == byte);
            prop_assert_eq!(same_places(&one, &other), same);
        }
    }
}
