//! What a scanner remembers of the rows of a stream: its leaps. A leap is the very bytes that led
//! from one value that must be read to the next one: keys, and between them whole members of no
//! interest whose values come again and again. A writer repeats most of that row after row, so a
//! row is walked by comparing what lies ahead with the leap that is expected there, and only the
//! values between leaps are read.
//!
//! Leaps are taken only where reading their bytes again could only give the same and end at the
//! same byte: behind another value in an object of the same kind, or behind the bracket that opens
//! one. So what is remembered changes how fast a row is read, never what is found in it.

use super::habits::{Habit, Habits};
use super::leap::{End, Leap, NO_KEY, NOWHERE};

/// What a key means to a format.
pub(in crate::decode) trait Meaning: Copy {
    /// That it means nothing.
    const NOTHING: Self;

    /// The level of objects in which no key means anything.
    const ELSEWHERE: u8;

    /// What is noted when the value of such a member is passed over unread, as bits that
    /// [`Route::noted`] tells; `None` if its value must be read.
    fn passing(self) -> Option<u8>;
}

/// The leaps of one stream. `F` is what a key means to its format.
#[derive(Debug)]
pub(in crate::decode) struct Route<F> {
    /// First one for each level, of which only `next` means something, as of other origins; then
    /// those of rows; room.
    leaps: Box<[Leap<F>; PLACES]>,
    /// How many there are.
    len: usize,
    /// Which values come again.
    habits: Habits,
    /// What was noted of members that were passed over in the row at hand.
    noted: u8,
    /// How often the row at hand was not as expected.
    surprises: usize,
    /// Whether the leaps are to be forgotten before the next row.
    stale: bool,
}

/// Where in an object a walk stands: before its first member or behind some value.
#[derive(Clone, Copy, Debug)]
pub(in crate::decode) struct Spot {
    /// The leap that led to the value, or to the first member the origin; else [`NOWHERE`].
    leap: u8,
    /// The number of the kind of object, whose keys always mean the same: its level, or the leap
    /// that is the origin of objects of no interest under some key.
    pub(super) origin: u8,
}

impl Spot {
    /// Before the first member of an object of `level`, which is below [`LEVELS`].
    #[inline(always)]
    pub(in crate::decode) fn first(level: u8) -> Self {
        Self {
            leap: level,
            origin: level,
        }
    }

    /// Whether it is before the first member.
    pub(super) fn is_first(self) -> bool {
        self.leap == self.origin
    }
}

/// Levels that there may be.
const LEVELS: usize = 8;

/// Room for leaps: one for each number that a byte can be. 64 KiB, of which a stream uses a tenth.
const PLACES: usize = 256;

/// Most leaps, those of levels included.
const LEAPS_MAX: usize = 240;

/// Most leaps that are tried at one place.
const OTHERS_MAX: usize = 16;

/// Most surprises of a row that the route learns from. What a row can cost beyond being read is
/// bounded by it.
const SURPRISES_MAX: usize = 32;

impl<F: Meaning> Route<F> {
    /// A route that is not known yet. It makes its room at once.
    pub(in crate::decode) fn new() -> Self {
        let leaps = vec![Leap::none(); PLACES].into_boxed_slice();
        let leaps = leaps.try_into();
        Self {
            leaps: leaps.unwrap_or_else(|_| Box::new([Leap::none(); PLACES])),
            len: LEVELS,
            habits: Habits::new(),
            noted: 0,
            surprises: 0,
            stale: false,
        }
    }

    /// Goes back to the start of a row.
    #[inline(always)]
    pub(super) fn restart(&mut self) {
        self.noted = 0;
        self.surprises = 0;
        if self.habits.row() | self.stale {
            self.forget();
        }
    }

    /// What was noted of members that were passed over in the row at hand.
    #[inline(always)]
    pub(in crate::decode) fn noted(&self) -> u8 {
        self.noted
    }

    /// Whether the bytes ahead of a spot are expected. If so, moves the spot to the end of the leap
    /// that they are, and says how many bytes that is, what is there, and what the key before means.
    #[inline(always)]
    pub(super) fn expect(&mut self, spot: &mut Spot, ahead: &[u8]) -> Option<(usize, End, F)> {
        let mut number = self.leap(spot.leap)?.next;
        let mut leap = self.leap(number)?;
        if !leap.lies(ahead) {
            number = self.other(spot.leap, number, ahead);
            if number == NOWHERE {
                return None;
            }
            leap = self.leap(number)?;
        }
        spot.leap = number;
        let found = (usize::from(leap.len), leap.end, leap.meaning);
        self.noted |= leap.noted;
        Some(found)
    }

    /// The leap with a number: there always is one.
    #[inline(always)]
    fn leap(&self, number: u8) -> Option<&Leap<F>> {
        self.leaps.get(usize::from(number))
    }

    /// Which leap lies ahead, of those of the ring in which `first` is, which does not;
    /// [`NOWHERE`] if none does.
    #[inline(never)]
    fn other(&mut self, from: u8, first: u8, ahead: &[u8]) -> u8 {
        let mut number = first;
        while let Some(leap) = self.leap(number) {
            number = leap.other;
            if number == first || number == NOWHERE {
                break;
            }
            let likely = self.leap(number).is_some_and(|leap| leap.mark_lies(ahead));
            if likely && self.leap(number).is_some_and(|leap| leap.lies(ahead)) {
                // What comes twice where something else was expected is expected from now on.
                if let Some(before) = self.leaps.get_mut(usize::from(from)) {
                    if before.doubt {
                        before.next = number;
                    }
                    before.doubt = !before.doubt;
                }
                return number;
            }
        }
        NOWHERE
    }

    /// Counts a surprise; says whether it may be learned from.
    pub(super) fn surprise(&mut self) -> bool {
        self.surprises += 1;
        self.surprises <= SURPRISES_MAX
    }

    /// Before the first member of the object of no interest that is the value behind a spot.
    /// Objects under different keys have little in common, so each kind has leaps of its own, as far
    /// as there is room.
    pub(super) fn inside(&mut self, spot: Spot) -> Spot {
        let elsewhere = Spot::first(F::ELSEWHERE);
        let Some(leap) = self.leap(spot.leap).filter(|_| spot.leap != NOWHERE) else {
            return elsewhere;
        };
        if leap.inside != NOWHERE {
            return Spot::first(leap.inside);
        }
        let (origin, stop) = (leap.origin, leap.stop);
        let Some(number) = self.room() else {
            return elsewhere;
        };
        for alike in self.alike(origin, stop) {
            alike.inside = number;
        }
        Spot::first(number)
    }

    /// The number of the next leap, if there is room for it; else all will be forgotten.
    fn room(&mut self) -> Option<u8> {
        if self.len == LEAPS_MAX {
            self.stale = true;
            return None;
        }
        let number = u8::try_from(self.len).ok();
        self.len += 1;
        number
    }

    /// The habit of a member whose values come again and again, as far as is known; `key` is as
    /// written.
    pub(super) fn habit(&mut self, spot: Spot, key: &[u8]) -> Option<Habit> {
        self.habits.of(stop_of(spot.origin, key))
    }

    /// Takes note of a value of a member.
    pub(super) fn saw(&mut self, habit: Habit, value: &[u8]) {
        self.habits.saw(habit, digest(value));
    }

    /// Takes note of the `bytes` that led from a spot to the value of a `key` (as written; the end of
    /// an object has none), and moves the spot there. `noted` is of all members on the way.
    pub(super) fn learn(
        &mut self,
        spot: &mut Spot,
        bytes: &[u8],
        (end, meaning): (End, F),
        key: Option<&[u8]>,
        noted: u8,
    ) {
        self.noted |= noted;
        let from = std::mem::replace(&mut spot.leap, NOWHERE);
        if from == NOWHERE || self.surprises > SURPRISES_MAX || self.habits.surveys() {
            return;
        }
        let (Some(before), Some(mut leap)) = (self.leap(from), Leap::new(bytes, (end, meaning)))
        else {
            return;
        };
        let (first, before_stop) = (before.next, before.stop);
        leap.noted = noted;
        leap.origin = spot.origin;
        leap.stop = key.map_or(NO_KEY, |key| stop_of(spot.origin, key));
        if let Some(alike) = self.alike(leap.origin, leap.stop).next() {
            (leap.next, leap.inside) = (alike.next, alike.inside);
        }
        let (last, others) = self.last_of(first);
        // Where there are many, the last one tried goes.
        let many = (others == OTHERS_MAX).then_some(last);
        let Some(number) = many.or_else(|| self.room()) else {
            return;
        };
        leap.other = if others == 0 { number } else { first };
        if others > 0 {
            if let Some(first) = self.leaps.get_mut(usize::from(first)) {
                first.mark_apart(&mut leap);
            }
            if let Some(last) = self.leaps.get_mut(usize::from(last)) {
                last.other = number;
            }
        }
        if let Some(place) = self.leaps.get_mut(usize::from(number)) {
            *place = leap;
        }
        if others == 0 {
            if let Some(before) = self.leaps.get_mut(usize::from(from)) {
                before.next = number;
            }
            for alike in self.alike(spot.origin, before_stop) {
                alike.next = number;
            }
        }
        spot.leap = number;
    }

    /// The leaps of an origin that end at a stop. Nothing of one origin may be taken for something of
    /// another, whatever keys a stranger chooses: there the same key means something else.
    fn alike(&mut self, origin: u8, stop: u64) -> impl Iterator<Item = &mut Leap<F>> {
        let same = move |leap: &&mut Leap<F>| leap.stop == stop && leap.origin == origin;
        let known = self.leaps.iter_mut().take(self.len).filter(same);
        known.filter(move |_| stop != NO_KEY)
    }

    /// The last leap of the ring that begins with `first`, and how many there are.
    fn last_of(&self, first: u8) -> (u8, usize) {
        let (mut last, mut count) = (first, 0);
        while let Some(leap) = self.leap(last).filter(|_| last != NOWHERE) {
            count += 1;
            if leap.other == first {
                break;
            }
            last = leap.other;
        }
        (last, count)
    }

    /// Forgets all leaps.
    #[cold]
    fn forget(&mut self) {
        self.stale = false;
        self.len = LEVELS;
        self.leaps.fill(Leap::none());
    }
}

/// A number for a key in objects of an origin. What follows keys that share one is only tried
/// together.
fn stop_of(origin: u8, key: &[u8]) -> u64 {
    digest(key) ^ u64::from(origin)
}

/// A number for some bytes. Nothing but speed depends on different bytes having different ones.
fn digest(bytes: &[u8]) -> u64 {
    bytes.iter().fold(bytes.len() as u64, |digest, &byte| {
        (digest ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
