//! Short plain names, which nearly all are: looked at sixteen bytes at a time, and hashed where it
//! decides whether anything else is looked at.
//!
//! Lengths of names and labels are as good as random, and a branch that cannot be foreseen costs
//! more than all the arithmetic here. So bytes are read in lanes that overlap, into room of a fixed
//! size with zeros behind the name: whatever a suffix is made of, its hash is that of the block
//! which starts where it starts.

use wide::{i8x16, u8x16};

use super::hash::{BLOCK_LEN, HashKey, Unusual};

/// Most bytes of a short name: a word has a bit for each, and no label of it is too long.
pub(super) const SHORT_MAX: usize = 63;

/// Bytes that are looked at together.
const LANE: usize = 16;

/// Room for a name and for a block that starts at its last byte.
const ROOM: usize = 96;

/// A name of at most [`SHORT_MAX`] bytes in lower case.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plain {
    /// It, then zeros.
    text: [u8; ROOM],
    /// How many bytes it has.
    len: usize,
    /// A bit for each of its dots.
    dots: u64,
}

impl Plain {
    /// No name.
    pub(super) const NONE: Self = Self {
        text: [0; ROOM],
        len: 0,
        dots: 0,
    };

    /// Takes the place of [`Self::NONE`].
    ///
    /// # Errors
    /// [`Unusual`] of a name that is not plain, as `Suffixes` says, and of one that is not short.
    #[inline(always)]
    pub(super) fn set(&mut self, name: &[u8]) -> Result<(), Unusual> {
        let len = name.len();
        if len > SHORT_MAX {
            return Err(Unusual);
        }
        let unusual;
        if let Some(last) = len.checked_sub(2 * LANE) {
            let at = [0, LANE, last, last + LANE];
            let lanes = at.map(|at| look(lane_at(name, at)));
            let [one, two, three, four] = lanes;
            for (at, lane) in at.into_iter().zip(lanes) {
                self.put(at, lane);
            }
            unusual = one.unusual | two.unusual | three.unusual | four.unusual;
        } else if let Some(last) = len.checked_sub(LANE) {
            let (one, two) = (look(lane_at(name, 0)), look(lane_at(name, last)));
            self.put(0, one);
            self.put(last, two);
            unusual = one.unusual | two.unusual;
        } else {
            let mut lane = [b'a'; LANE];
            for (to, from) in lane.iter_mut().zip(name) {
                *to = *from;
            }
            let mut one = look(&lane);
            for filler in one.lower.iter_mut().skip(len) {
                *filler = 0;
            }
            self.put(0, one);
            unusual = one.unusual;
        }
        self.len = len;
        // An empty label is a dot beside a dot, or at an end.
        let ends = 1 | 1 << len >> 1;
        let empty = self.dots & (self.dots >> 1 | ends);
        if (empty != 0) | (unusual.to_bitmask() != 0) | (len == 0) {
            return Err(Unusual);
        }
        Ok(())
    }

    /// Where the suffixes of two and of three labels start; 0 where there are not that many.
    #[inline(always)]
    pub(super) fn starts(&self) -> [usize; 2] {
        let behind_last = |dots: u64| u64::BITS - dots.leading_zeros();
        let without_last =
            |dots: u64| dots & !(1_u64.checked_shl(behind_last(dots)).unwrap_or(0) >> 1);
        let two = without_last(self.dots);
        [two, without_last(two)].map(|dots| behind_last(dots) as usize)
    }

    /// The hash of the suffix that starts at `start`, as `hash_name` has it.
    #[inline(always)]
    pub(super) fn hash(&self, start: usize, key: &HashKey) -> u64 {
        let first = key.take(0, self.block(start));
        if self.len - start > BLOCK_LEN {
            return self.hash_on(first, start, key);
        }
        first
    }

    /// The hash of a suffix of two blocks, given that of the first.
    #[inline(never)]
    fn hash_on(&self, first: u64, start: usize, key: &HashKey) -> u64 {
        key.take(first, self.block(start + BLOCK_LEN))
    }

    /// The name.
    pub(super) fn text(&self) -> &[u8] {
        self.text.get(..self.len).unwrap_or_default()
    }

    /// The block that starts at `start`.
    #[inline(always)]
    fn block(&self, start: usize) -> &[u8; BLOCK_LEN] {
        let block = self.text.get(start..).and_then(<[u8]>::first_chunk);
        block.unwrap_or(&[0; BLOCK_LEN])
    }

    /// Puts what was looked at into its place.
    #[inline(always)]
    fn put(&mut self, at: usize, look: Look) {
        let to = self.text.get_mut(at..).and_then(<[u8]>::first_chunk_mut);
        if let Some(to) = to {
            *to = look.lower;
        }
        self.dots |= u64::from(look.dots.to_bitmask()) << at;
    }
}

/// What sixteen bytes of a name are.
#[derive(Clone, Copy)]
struct Look {
    /// They in lower case.
    lower: [u8; LANE],
    /// Which are dots.
    dots: i8x16,
    /// Which only a full parse can judge: not ASCII, not printing, a backslash.
    unusual: i8x16,
}

/// Looks at sixteen bytes.
#[inline(always)]
fn look(bytes: &[u8; LANE]) -> Look {
    let lane = u8x16::new(*bytes).cast_signed();
    let all = |byte: u8| i8x16::splat(byte.cast_signed());
    // Moved so that letters in upper case are the lowest numbers there are.
    let upper = (lane + all(0x80 - b'A')).simd_lt(all(0x80 + 26));
    let lower = lane | upper & all(0x20);
    // Bytes that are not ASCII are negative here.
    let unusual = lane.simd_lt(all(b'!')) | lane.simd_eq(all(0x7f)) | lane.simd_eq(all(b'\\'));
    Look {
        lower: lower.cast_unsigned().to_array(),
        dots: lane.simd_eq(all(b'.')),
        unusual,
    }
}

/// The lane of `bytes` that starts at a place.
#[inline(always)]
fn lane_at(bytes: &[u8], start: usize) -> &[u8; LANE] {
    let lane = bytes.get(start..).and_then(<[u8]>::first_chunk);
    lane.unwrap_or(&[0; LANE])
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::matching::hash::{Suffixes, hash_name};

    /// Names of every length that lanes and blocks begin and end at, most of them plain.
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

    #[test]
    fn every_byte_is_seen_at_every_place() {
        for byte in 0..=u8::MAX {
            for place in 0..LANE {
                let mut bytes = *b"aZ.[@-`_9b.C!~{z";
                bytes[place] = byte;
                let seen = look(&bytes);
                assert_eq!(seen.lower, bytes.map(|byte| byte.to_ascii_lowercase()));
                for (at, byte) in bytes.into_iter().enumerate() {
                    let is = |lanes: i8x16| lanes.to_bitmask() >> at & 1 == 1;
                    assert_eq!(is(seen.dots), byte == b'.');
                    assert_eq!(is(seen.unusual), !byte.is_ascii_graphic() || byte == b'\\');
                }
            }
        }
    }

    proptest! {
        #[test]
        fn short_names_are_judged_and_hashed_as_any_name(name in raw_name()) {
            let key = HashKey::new(1, 2);
            let mut plain = Plain::NONE;
            let set = plain.set(&name);
            let suffixes = Suffixes::of(&name).map(Iterator::collect::<Vec<usize>>);
            if name.len() > SHORT_MAX {
                prop_assert_eq!(set, Err(Unusual));
            } else if let Ok(suffixes) = suffixes {
                prop_assert_eq!(set, Ok(()));
                prop_assert_eq!(plain.text(), name.to_ascii_lowercase());
                let start = |labels: usize| suffixes.get(labels - 1).copied().unwrap_or(0);
                prop_assert_eq!(plain.starts(), [start(2), start(3)]);
                for start in suffixes {
                    prop_assert_eq!(plain.hash(start, &key), hash_name(&name[start..], &key));
                }
            } else {
                prop_assert_eq!(set, Err(Unusual));
            }
        }
    }
}
