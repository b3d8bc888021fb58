//! Sixteen bytes at a time: the searches in which a row of JSON spends its time.

use wide::u8x16;

/// Bytes that are looked at together.
pub(super) const LANE: usize = 16;

/// Bytes that are compared together.
pub(super) const PAIR: usize = 2 * LANE;

/// How many bytes at the start of both are the same.
#[inline(always)]
pub(super) fn same_len(one: &[u8; PAIR], other: &[u8; PAIR]) -> usize {
    let (one_low, one_high) = halves(one);
    let (other_low, other_high) = halves(other);
    let low = equal(one_low, other_low);
    let high = equal(one_high, other_high);
    (high << LANE | low).trailing_ones() as usize
}

/// How many bytes at the start of both are the same.
#[inline(always)]
pub(super) fn same_half(one: &[u8; LANE], other: &[u8; LANE]) -> usize {
    equal(one, other).trailing_ones() as usize
}

/// How many bytes stand before the first `byte`; [`LANE`] when there is none.
#[inline(always)]
pub(super) fn find(byte: u8, bytes: &[u8; LANE]) -> usize {
    let found = equal(bytes, &[byte; LANE]);
    (found | 1 << LANE).trailing_zeros() as usize
}

/// What can be said of many bytes together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Survey {
    /// The lowest of them; 255 when there are none.
    pub(super) lowest: u8,
    /// Whether any is not ASCII.
    pub(super) high: bool,
    /// Whether any is a backslash.
    pub(super) backslash: bool,
}

/// Looks at all `bytes`.
#[inline]
pub(super) fn survey(bytes: &[u8]) -> Survey {
    let (lanes, rest) = bytes.as_chunks::<LANE>();
    // The last lane overlaps the one before it, which changes nothing.
    let Some(last) = bytes.last_chunk::<LANE>() else {
        return survey_plainly(rest);
    };
    let (mut low, mut all, mut found) = (u8x16::splat(u8::MAX), u8x16::splat(0), u8x16::splat(0));
    for lane in lanes.iter().chain([last]) {
        let lane = u8x16::new(*lane);
        low = low.min(lane);
        all |= lane;
        found |= lane.simd_eq(u8x16::splat(b'\\'));
    }
    Survey {
        lowest: low.reduce_min(),
        high: all.to_bitmask() != 0,
        backslash: found.to_bitmask() != 0,
    }
}

/// The definition of [`survey`].
#[inline]
fn survey_plainly(bytes: &[u8]) -> Survey {
    let mut survey = Survey {
        lowest: u8::MAX,
        high: false,
        backslash: false,
    };
    for &byte in bytes {
        survey.lowest = survey.lowest.min(byte);
        survey.high |= !byte.is_ascii();
        survey.backslash |= byte == b'\\';
    }
    survey
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

/// The set of places where both have the same byte, the first one lowest.
#[inline(always)]
fn equal(one: &[u8; LANE], other: &[u8; LANE]) -> u32 {
    u8x16::new(*one).simd_eq(u8x16::new(*other)).to_bitmask()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definition of [`equal`].
    fn equal_plainly(one: &[u8; LANE], other: &[u8; LANE]) -> u32 {
        let pairs = one.iter().zip(other).enumerate();
        pairs.fold(0, |set, (place, (one, other))| {
            set | u32::from(one == other) << place
        })
    }

    proptest! {
        #[test]
        fn places_of_equal_bytes_are_those_of_the_definition(
            one in any::<[u8; LANE]>(),
            flips in proptest::collection::vec((0..LANE, any::<u8>()), 0..20),
        ) {
            let mut other = one;
            for (place, byte) in flips {
                other[place] = byte;
            }
            prop_assert_eq!(equal(&one, &other), equal_plainly(&one, &other));
        }

        #[test]
        fn a_survey_sees_every_byte(
            mut bytes in proptest::collection::vec(0x20_u8..0x80, 0..70),
            changes in proptest::collection::vec((0_usize..70, any::<u8>()), 0..3),
        ) {
            for (place, change) in changes {
                if let Some(byte) = bytes.get_mut(place) {
                    *byte = change;
                }
            }
            prop_assert_eq!(survey(&bytes), survey_plainly(&bytes));
        }

        #[test]
        fn lengths_are_those_of_a_plain_search(
            one in proptest::collection::vec(0_u8..3, PAIR),
            place in 0..=PAIR,
            byte in 0_u8..4,
        ) {
            let one: [u8; PAIR] = one.try_into().unwrap();
            let mut other = one;
            if let Some(byte) = other.get_mut(place) {
                *byte ^= 0x80;
            }
            prop_assert_eq!(same_len(&one, &other), place);
            let halves = (one.first_chunk().unwrap(), other.first_chunk().unwrap());
            prop_assert_eq!(same_half(halves.0, halves.1), place.min(LANE));
            let half = one.first_chunk::<LANE>().unwrap();
            let expected = half.iter().position(|&own| own == byte).unwrap_or(LANE);
            prop_assert_eq!(find(byte, half), expected);
        }
    }
}
