//! Sixteen bytes at a time: the searches in which a row of JSON spends its time, by the vector
//! instructions that every x86-64 has. Elsewhere, and in the tests, they are plain loops.
//!
//! The only place of the key scan with `unsafe`: the instructions read whole arrays, at any
//! alignment.

/// Bytes that are looked at together.
pub(super) const LANE: usize = 16;

/// Bytes that are compared together.
pub(super) const PAIR: usize = 2 * LANE;

/// How many bytes at the start of both are the same.
#[inline(always)]
pub(super) fn same_len(one: &[u8; PAIR], other: &[u8; PAIR]) -> usize {
    let (one_low, one_high) = halves(one);
    let (other_low, other_high) = halves(other);
    let low = u32::from(equal(one_low, other_low));
    let high = u32::from(equal(one_high, other_high));
    (high << LANE | low).trailing_ones() as usize
}

/// How many bytes stand before the first `byte`; [`LANE`] when there is none.
#[inline(always)]
pub(super) fn find(byte: u8, bytes: &[u8; LANE]) -> usize {
    let found = u32::from(equal(bytes, &[byte; LANE]));
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
#[cfg(target_arch = "x86_64")]
#[inline]
#[expect(
    unsafe_code,
    reason = "vector instructions; 16 bytes read from arrays of 16 bytes"
)]
pub(super) fn survey(bytes: &[u8]) -> Survey {
    use std::arch::x86_64::{
        _mm_cmpeq_epi8, _mm_loadu_si128, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128,
        _mm_set1_epi8, _mm_setzero_si128, _mm_storeu_si128,
    };
    let (lanes, rest) = bytes.as_chunks::<LANE>();
    // The last lane overlaps the one before it, which changes nothing.
    let Some(last) = bytes.last_chunk::<LANE>() else {
        return survey_plainly(rest);
    };
    let mut lowest = [0; LANE];
    // SAFETY: x86-64 always has SSE2; each load reads, and the store writes, the 16 bytes of an
    // array that is borrowed for as long as the call takes, at any alignment.
    let (high, backslash) = unsafe {
        let (mut low, mut all, mut found) =
            (_mm_set1_epi8(-1), _mm_setzero_si128(), _mm_setzero_si128());
        for lane in lanes.iter().chain([last]) {
            let lane = _mm_loadu_si128(lane.as_ptr().cast());
            low = _mm_min_epu8(low, lane);
            all = _mm_or_si128(all, lane);
            found = _mm_or_si128(found, _mm_cmpeq_epi8(lane, _mm_set1_epi8(0x5c)));
        }
        _mm_storeu_si128(lowest.as_mut_ptr().cast(), low);
        (_mm_movemask_epi8(all) != 0, _mm_movemask_epi8(found) != 0)
    };
    Survey {
        lowest: lowest.into_iter().fold(u8::MAX, u8::min),
        high,
        backslash,
    }
}

/// Looks at all `bytes`.
#[cfg(not(target_arch = "x86_64"))]
pub(super) fn survey(bytes: &[u8]) -> Survey {
    survey_plainly(bytes)
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
#[cfg(target_arch = "x86_64")]
#[inline(always)]
#[expect(
    unsafe_code,
    reason = "vector instructions; 16 bytes read from arrays of 16 bytes"
)]
fn equal(one: &[u8; LANE], other: &[u8; LANE]) -> u16 {
    use std::arch::x86_64::{_mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8};
    // SAFETY: x86-64 always has SSE2, and each load reads the 16 bytes of an array that is
    // borrowed for as long as the call takes; unaligned loads ask nothing of the address.
    let set = unsafe {
        let one = _mm_loadu_si128(one.as_ptr().cast());
        let other = _mm_loadu_si128(other.as_ptr().cast());
        _mm_movemask_epi8(_mm_cmpeq_epi8(one, other))
    };
    // The instruction leaves the upper half zero.
    u16::try_from(set).unwrap_or(u16::MAX)
}

/// The set of places where both have the same byte, the first one lowest.
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
fn equal(one: &[u8; LANE], other: &[u8; LANE]) -> u16 {
    equal_plainly(one, other)
}

/// The definition.
#[cfg(any(test, not(target_arch = "x86_64")))]
fn equal_plainly(one: &[u8; LANE], other: &[u8; LANE]) -> u16 {
    let pairs = one.iter().zip(other).enumerate();
    pairs.fold(0, |set, (place, (one, other))| {
        set | u16::from(one == other) << place
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
            let half = one.first_chunk::<LANE>().unwrap();
            let expected = half.iter().position(|&own| own == byte).unwrap_or(LANE);
            prop_assert_eq!(find(byte, half), expected);
        }
    }
}
