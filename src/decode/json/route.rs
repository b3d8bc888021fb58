//! What a scanner remembers of the rows of a stream: the members in the order in which they
//! came, each as the very bytes that led to its value, and of values of no interest the value
//! too. A writer repeats most of that row after row, so most members are passed by comparing 32
//! bytes instead of being read.
//!
//! Remembered bytes are only taken for what they were in the same context (an object of the same
//! level, before its first member or behind another) where reading them again could only give
//! the same and end at the same byte. So what is remembered changes how fast a row is read,
//! never what is found in it.

use super::vector::{LANE, PAIR, same_half, same_len};

/// The remembered members of one stream. `F` is what a key means to its format.
#[derive(Debug)]
pub(in crate::decode) struct Route<F> {
    /// In the order of rows, each where a row was first seen to have it.
    steps: Vec<Step<F>>,
    /// The step that is expected next.
    next: usize,
    /// How many members of the row at hand were not expected.
    surprises: usize,
    /// Counts rows down to when values are learned anew.
    thaw: u32,
}

/// One member. Aligned, so that it lies in one line of the cache.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Step<F> {
    /// The bytes from the end of the value before it to its own value; behind them its own value
    /// and the byte that followed it, if they are known; zeros behind.
    bytes: [u8; PAIR],
    /// How many bytes lead to the value.
    key_len: u8,
    /// How many bytes lead behind it; more than there are when it is not known.
    len: u8,
    /// Where it was met.
    context: Context,
    /// What the key means.
    meaning: F,
    /// How many more new values are worth remembering.
    patience: u8,
}

/// Where in a row a member is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Context(u16);

impl Context {
    /// In an object of `level`, a number of the format's own, before its `first` member or not.
    #[inline(always)]
    pub(super) fn new(level: u8, first: bool) -> Self {
        Self(u16::from(level) << 1 | u16::from(first))
    }
}

/// What the route says of the bytes ahead.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known<F> {
    /// How many of them lead to the value.
    pub(super) key_len: usize,
    /// What the key means.
    pub(super) meaning: F,
    /// The value.
    pub(super) value: Value,
}

/// The value of a member, as far as the route knows it.
#[derive(Clone, Copy, Debug)]
pub(in crate::decode) struct Value {
    /// How many bytes ahead it has; 0 when it must be read.
    pub(super) len: usize,
    /// The step of its member.
    step: usize,
}

/// Most steps: rows with more different members are read in part without.
const STEPS_MAX: usize = 96;

/// How many steps are passed over in search of the one at hand: members that a row does not have.
const AHEAD: usize = 8;

/// Most unexpected members of a row that the route learns from. What a row can cost beyond being
/// read is bounded by it.
const SURPRISES_MAX: usize = 32;

/// How many new values in a row a step remembers before it keeps what it has.
const PATIENCE: u8 = 4;

/// After how many rows steps have patience again.
const ROWS: u32 = 1024;

impl<F: Copy> Route<F> {
    /// A route that is not known yet. About 6 KiB.
    pub(in crate::decode) fn new() -> Self {
        Self {
            steps: Vec::with_capacity(STEPS_MAX),
            next: 0,
            surprises: 0,
            thaw: ROWS,
        }
    }

    /// Goes back to the start of a row.
    #[inline(always)]
    pub(super) fn restart(&mut self) {
        (self.next, self.surprises) = (0, 0);
        self.thaw -= 1;
        if self.thaw == 0 {
            self.thaw = ROWS;
            for step in &mut self.steps {
                step.patience = PATIENCE;
            }
        }
    }

    /// What the bytes ahead are, if they are expected.
    #[inline(always)]
    pub(super) fn expect(&mut self, ahead: &[u8], context: Context) -> Option<Known<F>> {
        let step = self.steps.get(self.next)?;
        let same = step.same(ahead);
        if same >= usize::from(step.key_len) && step.context == context {
            let known = step.known(same, self.next);
            self.next += 1;
            return Some(known);
        }
        self.look_ahead(ahead, context)
    }

    /// Looks for the bytes ahead a few steps further on.
    #[inline(never)]
    fn look_ahead(&mut self, ahead: &[u8], context: Context) -> Option<Known<F>> {
        let later = self.steps.iter().enumerate().skip(self.next + 1);
        for (place, step) in later.take(AHEAD) {
            let same = step.same(ahead);
            if same >= usize::from(step.key_len) && step.context == context {
                self.next = place + 1;
                return Some(step.known(same, place));
            }
        }
        None
    }

    /// Takes note of what was read in place of an expected member: the bytes that led to its
    /// value.
    #[inline(never)]
    pub(super) fn learn(&mut self, key: &[u8], context: Context, meaning: F) -> Value {
        self.surprises += 1;
        let mut step = Step {
            bytes: [0; PAIR],
            key_len: u8::try_from(key.len()).unwrap_or(UNKNOWN),
            len: UNKNOWN,
            context,
            meaning,
            patience: PATIENCE,
        };
        let mut value = Value {
            len: 0,
            step: STEPS_MAX,
        };
        let Some(kept) = step.bytes.get_mut(..key.len()) else {
            return value;
        };
        if self.surprises > SURPRISES_MAX {
            return value;
        }
        kept.copy_from_slice(key);
        let same = |known: &Step<F>| known.context == context && known.key() == Some(key);
        if let Some(place) = self.steps.iter().position(same) {
            value.step = place;
            self.next = place + 1;
        } else if self.steps.len() < STEPS_MAX {
            value.step = self.next.min(self.steps.len());
            self.steps.insert(value.step, step);
            self.next = value.step + 1;
        }
        value
    }

    /// Takes note of a value of no interest: its bytes with the byte that followed it, which
    /// tells that it ended there.
    #[inline(always)]
    pub(super) fn learn_value(&mut self, value: Value, bytes: &[u8]) {
        if let Some(step) = self.steps.get_mut(value.step)
            && step.patience > 0
        {
            step.patience -= 1;
            step.keep_value(bytes);
        }
    }
}

impl<F: Copy> Step<F> {
    /// How many of its bytes are those ahead.
    #[inline(always)]
    fn same(&self, ahead: &[u8]) -> usize {
        match ahead.first_chunk() {
            Some(ahead) => same_len(ahead, &self.bytes),
            None => self.same_of_few(ahead),
        }
    }

    /// [`Self::same`] near the end of a row.
    #[inline(never)]
    fn same_of_few(&self, ahead: &[u8]) -> usize {
        let (halves, mut same) = (self.bytes.as_chunks().0, 0);
        if let (Some(ahead), Some(half)) = (ahead.first_chunk(), halves.first()) {
            same = same_half(ahead, half);
            if same < LANE {
                return same;
            }
        }
        let rest = ahead.iter().zip(&self.bytes).skip(same);
        same + rest.take_while(|(ahead, own)| ahead == own).count()
    }

    /// What it says when `same` of its bytes are those ahead.
    #[inline(always)]
    fn known(&self, same: usize, place: usize) -> Known<F> {
        let value_len = if same > usize::from(self.len) {
            usize::from(self.len - self.key_len)
        } else {
            0
        };
        Known {
            key_len: usize::from(self.key_len),
            meaning: self.meaning,
            value: Value {
                len: value_len,
                step: place,
            },
        }
    }

    /// The bytes that lead to its value.
    fn key(&self) -> Option<&[u8]> {
        self.bytes.get(..usize::from(self.key_len))
    }

    /// Keeps a value with the byte behind it, if there is room.
    #[inline(never)]
    fn keep_value(&mut self, bytes: &[u8]) {
        let start = usize::from(self.key_len);
        let end = start + bytes.len();
        self.len = UNKNOWN;
        if let Some(kept) = self.bytes.get_mut(start..end) {
            kept.copy_from_slice(bytes);
            self.len = u8::try_from(end - 1).unwrap_or(UNKNOWN);
        }
    }
}

/// More bytes than there are.
const UNKNOWN: u8 = u8::MAX;
