//! Short plain names, which nearly all are: looked at sixteen bytes at a time, for where their
//! labels start.
//!
//! Lengths of names and labels are as good as random, and a branch that cannot be foreseen costs
//! more than all the arithmetic here. So bytes are read in lanes that overlap, as many of a short
//! name as of a long one, and nothing is done once a byte or once a label.

use wide::u8x16;

use super::hash::Unusual;

/// Most bytes of a short name: a word has a bit for each, and no label of it is too long.
pub(super) const SHORT_MAX: usize = 63;

/// Bytes that are looked at together.
pub(super) const LANE: usize = 16;

/// Bytes of which three lanes leave none out.
pub(super) const LANES_MAX: usize = 3 * LANE;

/// A short plain name that was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plain<'t> {
    /// It ends with the name.
    pub(super) text: &'t [u8],
    /// How much of it is the name.
    pub(super) len: usize,
    /// Lanes of it and where they start, the last one last: all of it up to [`LANES_MAX`] bytes.
    pub(super) lanes: [(usize, &'t [u8; LANE]); 3],
    /// How long the suffix of two labels is: all of the name where there are not that many.
    pub(super) two: usize,
    /// The same of three.
    pub(super) three: usize,
}

impl<'t> Plain<'t> {
    /// Looks at a name of `len` bytes at the end of `text`, which has a lane or more. What stands
    /// in front of the name must be plain and hold no dot.
    ///
    /// # Errors
    /// [`Unusual`] of a name that is not plain, as `Suffixes` says, and of one that is not short.
    #[inline(always)]
    pub(super) fn look(text: &'t [u8], len: usize) -> Result<Self, Unusual> {
        let all = text.len();
        if all > SHORT_MAX {
            return Err(Unusual);
        }
        let last = all.checked_sub(LANE).ok_or(Unusual)?;
        let lanes = [
            (0, text.first_chunk().ok_or(Unusual)?),
            (last / 2, lane_at(text, last / 2)?),
            (last, text.last_chunk().ok_or(Unusual)?),
        ];
        let mut seen = Seen::default();
        for (start, lane) in lanes {
            seen.add(lane, start);
        }
        if all > LANES_MAX {
            for start in [LANE, last - LANE] {
                seen.add(lane_at(text, start)?, start);
            }
        }
        let first = 1 << (all - len);
        let starts = seen.dots << 1 | first;
        // An empty label ends where it starts.
        let ends = seen.dots | 1 << all;
        if (starts & ends != 0) | seen.is_unusual() {
            return Err(Unusual);
        }
        let two = without_highest(starts) | first;
        let three = without_highest(two) | first;
        let [two, three] = [two, three].map(|starts| all - highest(starts));
        Ok(Self {
            text,
            len,
            lanes,
            two,
            three,
        })
    }

    /// The last lane of the text.
    #[inline(always)]
    pub(super) fn last(&self) -> &'t [u8; LANE] {
        self.lanes[2].1
    }
}

/// The lane of a text that starts at a place.
#[inline(always)]
fn lane_at(text: &[u8], start: usize) -> Result<&[u8; LANE], Unusual> {
    let lane = text.get(start..).and_then(<[u8]>::first_chunk);
    lane.ok_or(Unusual)
}

/// What was seen of the bytes of a text.
#[derive(Default)]
struct Seen {
    /// A bit for each dot.
    dots: u64,
    /// Of all bytes how far the farthest is above the first one that prints, in some order.
    above: u8x16,
    /// Not zero where a backslash is.
    escapes: u8x16,
}

impl Seen {
    /// Looks at the lane that starts at a place.
    #[inline(always)]
    fn add(&mut self, lane: &[u8; LANE], start: usize) {
        let lane = u8x16::new(*lane);
        let all = u8x16::splat;
        self.dots |= u64::from(lane.simd_eq(all(b'.')).to_bitmask()) << start;
        self.above = self.above.max(lane - all(b'!'));
        self.escapes |= lane.simd_eq(all(b'\\'));
    }

    /// Whether there are bytes that only a full parse can judge: not ASCII, not printing, a
    /// backslash.
    #[inline(always)]
    fn is_unusual(&self) -> bool {
        let beyond = self.above.saturating_sub(u8x16::splat(b'~' - b'!')) | self.escapes;
        beyond.simd_eq(u8x16::default()).to_bitmask() != 0xffff
    }
}

/// The place of the highest bit. There must be one.
#[inline(always)]
fn highest(bits: u64) -> usize {
    bits.checked_ilog2().unwrap_or(0) as usize
}

/// The bits without the highest. There must be one.
#[inline(always)]
fn without_highest(bits: u64) -> u64 {
    bits ^ 1 << highest(bits)
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::matching::hash::Suffixes;

    /// Names of every length that lanes begin and end at, most of them plain.
    pub(in crate::matching) fn raw_name() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            proptest::collection::vec(proptest::sample::select(b"aB1.".to_vec()), 0..70),
            proptest::collection::vec("[a-cX-Z]{1,20}", 1..6)
                .prop_map(|labels| labels.join(".").into_bytes()),
            proptest::collection::vec(
                prop_oneof![
                    8 => proptest::sample::select(b"abAZ09-_.".to_vec()),
                    1 => any::<u8>(),
                ],
                0..40
            ),
            // Now and then too long.
            proptest::collection::vec("[aB]{1,3}|[aB]{50,64}", 1..30)
                .prop_map(|labels| labels.join(".").into_bytes()),
        ]
    }

    /// A name at the end of a text of a lane at least.
    pub(in crate::matching) fn filled(name: &[u8]) -> Vec<u8> {
        let filler = LANE.saturating_sub(name.len());
        [&vec![b'x'; filler], name].concat()
    }

    #[test]
    fn every_byte_is_seen_at_every_place() {
        for len in LANE..=SHORT_MAX {
            for place in 0..len {
                for byte in 0..=u8::MAX {
                    let mut text = b"aZ[@-`_9b:C!~{z".repeat(5);
                    text.truncate(len);
                    text[place] = byte;
                    let mut seen = Seen::default();
                    let last = len - LANE;
                    for start in [0, last.min(LANE), last.saturating_sub(LANE), last] {
                        seen.add(lane_at(&text, start).unwrap(), start);
                    }
                    assert_eq!(seen.dots, u64::from(byte == b'.') << place);
                    let unusual = !byte.is_ascii_graphic() || byte == b'\\';
                    assert_eq!(seen.is_unusual(), unusual);
                    let ends = byte == b'.' && [0, len - 1].contains(&place);
                    assert_eq!(Plain::look(&text, len).is_err(), unusual || ends);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn short_names_are_judged_as_any_name(name in raw_name()) {
            let text = filled(&name);
            let plain = Plain::look(&text, name.len());
            let seen = plain.map(|plain| [plain.len, plain.two, plain.three]);
            let expected = match Suffixes::of(&name).map(Iterator::collect::<Vec<usize>>) {
                Ok(suffixes) if name.len() <= SHORT_MAX => {
                    let start = |labels: usize| suffixes.get(labels - 1).copied().unwrap_or(0);
                    Ok([0, start(2), start(3)].map(|start| name.len() - start))
                }
                Ok(_) | Err(Unusual) => Err(Unusual),
            };
            prop_assert_eq!(seen, expected);
            let lanes = plain.map(|plain| plain.lanes.to_vec()).unwrap_or_default();
            for (start, lane) in lanes {
                prop_assert_eq!(&lane[..], &text[start..start + LANE]);
            }
        }
    }
}
