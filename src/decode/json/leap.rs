//! One leap: the bytes that led from one value that must be read to the next, and what is there.

use super::route::Meaning;
use super::vector::{PAIR, same_places};

/// Bytes that lead from one value to the next. Aligned, so that what is nearly always enough lies
/// in one line of the cache.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(super) struct Leap<F> {
    /// The first bytes; zeros behind.
    head: [u8; PAIR],
    /// A bit for each of them that counts.
    head_places: u32,
    /// How many bytes there are.
    pub(super) len: u8,
    /// How many of them are behind the head.
    tail_len: u8,
    /// What is noted of the members on the way.
    pub(super) noted: u8,
    /// Where it ends.
    pub(super) end: End,
    /// What the key at its end means; nothing if the object ends.
    pub(super) meaning: F,
    /// The leap that is expected behind it; [`NOWHERE`] if none is known.
    pub(super) next: u8,
    /// Another one that was met at the same place: a ring.
    pub(super) other: u8,
    /// If its value is an object of no interest, the origin of leaps in that; else [`NOWHERE`].
    pub(super) inside: u8,
    /// In what kind of objects it lies.
    pub(super) origin: u8,
    /// Whether the last one that came behind it was not the expected one.
    pub(super) doubt: bool,
    /// Where its mark is.
    mark_at: u8,
    /// A few of its bytes by which it is told apart from others of its ring: if they do not lie
    /// ahead, it does not.
    mark: [u8; MARK_LEN],
    /// A number for the key at its end, so that all leaps of its origin that end there go on alike.
    pub(super) stop: u64,
    /// The bytes behind the head.
    tail: [u8; LEAP_LEN_MAX - PAIR],
}

/// Where a leap ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Before a value that must be read.
    Read,
    /// Before a value of no interest.
    Pass,
    /// Behind the object.
    Close,
}

/// Bytes of a mark.
const MARK_LEN: usize = 4;

/// The place of the mark of a leap that is too short for one.
const NO_MARK: u8 = u8::MAX;

/// The stop of what ends at no key.
pub(super) const NO_KEY: u64 = 0;

/// No leap: its place holds one that never lies ahead.
pub(super) const NOWHERE: u8 = u8::MAX;

/// Most bytes of a leap.
pub(super) const LEAP_LEN_MAX: usize = 224;

impl<F: Meaning> Leap<F> {
    /// A leap that never lies ahead: its bytes are never part of a row.
    pub(super) fn none() -> Self {
        Self {
            head: [u8::MAX; PAIR],
            head_places: u32::MAX,
            len: 1,
            tail_len: 0,
            noted: 0,
            end: End::Pass,
            meaning: F::NOTHING,
            next: NOWHERE,
            other: NOWHERE,
            inside: NOWHERE,
            origin: NOWHERE,
            doubt: false,
            mark_at: 0,
            mark: [u8::MAX; MARK_LEN],
            stop: NO_KEY,
            tail: [0; LEAP_LEN_MAX - PAIR],
        }
    }

    /// A leap of these bytes, unless they are too many.
    pub(super) fn new(bytes: &[u8], end: (End, F)) -> Option<Self> {
        let mut leap = Self::none();
        (leap.end, leap.meaning) = end;
        let (head, tail) = bytes.split_at(bytes.len().min(PAIR));
        leap.head = [0; PAIR];
        leap.head.get_mut(..head.len())?.copy_from_slice(head);
        leap.tail.get_mut(..tail.len())?.copy_from_slice(tail);
        leap.len = u8::try_from(bytes.len()).ok()?;
        leap.tail_len = u8::try_from(tail.len()).ok()?;
        // A shift by as many places as there are leaves all.
        let beyond = u32::try_from(head.len()).ok()?;
        leap.head_places = !u32::MAX.checked_shl(beyond).unwrap_or(0);
        leap.set_mark(0);
        Some(leap)
    }

    /// Its bytes.
    fn bytes(&self) -> impl Iterator<Item = u8> + use<F> {
        let all = self.head.into_iter().chain(self.tail);
        all.take(self.len.into())
    }

    /// Gives both marks where they differ.
    pub(super) fn mark_apart(&mut self, other: &mut Self) {
        let same = self.bytes().zip(other.bytes());
        let same = same.take_while(|(own, other)| own == other).count();
        self.set_mark(same);
        other.set_mark(same);
    }

    /// Takes its mark from some place, or from its end if that is before. Without room for one it
    /// has the mark of nothing, which lies everywhere.
    fn set_mark(&mut self, at: usize) {
        let at = at.min(usize::from(self.len).saturating_sub(MARK_LEN));
        let mut bytes = self.bytes().skip(at);
        let mark = std::array::from_fn(|_| bytes.next());
        if let [Some(a), Some(b), Some(c), Some(d)] = mark {
            self.mark = [a, b, c, d];
            self.mark_at = u8::try_from(at).unwrap_or(NO_MARK);
        } else {
            self.mark_at = NO_MARK;
        }
    }

    /// Whether its mark is what lies ahead.
    #[inline(always)]
    pub(super) fn mark_lies(&self, ahead: &[u8]) -> bool {
        let mark = ahead.get(usize::from(self.mark_at)..);
        self.mark_at == NO_MARK || mark.is_some_and(|ahead| ahead.starts_with(&self.mark))
    }

    /// Whether it is what lies ahead.
    #[inline(always)]
    pub(super) fn lies(&self, ahead: &[u8]) -> bool {
        let Some((head, tail)) = ahead.split_first_chunk() else {
            return self.lies_near_end(ahead);
        };
        if same_places(head, &self.head) & self.head_places != self.head_places {
            return false;
        }
        self.tail_len == 0 || self.tail_lies(tail)
    }

    /// Whether its tail, which is not empty, lies ahead.
    #[inline(always)]
    fn tail_lies(&self, ahead: &[u8]) -> bool {
        let (mut left, mut rest) = (usize::from(self.tail_len), ahead);
        for lane in self.tail.as_chunks().0 {
            let Some((chunk, after)) = rest.split_first_chunk() else {
                let last = lane.get(..left);
                return last.is_some_and(|last| rest.starts_with(last));
            };
            let same = same_places(chunk, lane);
            if left <= PAIR {
                return same | u32::MAX << (left - 1) << 1 == u32::MAX;
            }
            if same != u32::MAX {
                return false;
            }
            (left, rest) = (left - PAIR, after);
        }
        false
    }

    /// [`Self::lies`] near the end of a row.
    #[inline(never)]
    fn lies_near_end(&self, ahead: &[u8]) -> bool {
        let bytes = self.head.get(..usize::from(self.len));
        bytes.is_some_and(|bytes| ahead.starts_with(bytes))
    }
}
