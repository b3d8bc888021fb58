//! Reads the names of a DNS message into text.
//!
//! Nearly all names are plain: printable labels of at most 32 bytes. Such a name is copied eight
//! bytes at a time ([`read_plain`]): once it is known where its runs of labels end, every byte in
//! them that is not plain must be the length of a label, and a dot takes its place. Whether that
//! is so is told by their number. All other names are read label by label ([`read_labels`]),
//! which is what the fast way must agree with.

use super::NotDns;
use crate::decode::wire::HIGHS;
use crate::model::NAME_LEN_MAX;

/// Most bytes of a name on the wire, with its length bytes and the root.
pub(super) const WIRE_NAME_MAX: usize = 255;

/// Most compression pointers in one name: one between any two labels.
pub(super) const HOPS_MAX: usize = 127;

/// Room for a name in text form without escapes, and for the rest of a word behind it.
pub(super) const TEXT_ROOM: usize = 264;

/// Room for a name in text form with every byte escaped.
const ESCAPED_LEN_MAX: usize = 4 * WIRE_NAME_MAX;

/// Reads the name at `start`, leaving its text in `text`.
///
/// # Errors
/// [`NotDns`] when it breaks a rule.
#[inline]
pub(super) fn read_name(
    message: &[u8],
    start: usize,
    text: &mut [u8; TEXT_ROOM],
) -> Result<Name, NotDns> {
    match read_plain(message, start, text) {
        Some(name) => Ok(name),
        None => read_labels(message, start, text),
    }
}

/// Reads a name whose labels have at most 32 plain bytes each; none if it is another one or none
/// at all.
#[inline]
fn read_plain(message: &[u8], start: usize, text: &mut [u8; TEXT_ROOM]) -> Option<Name> {
    let (mut at, mut len, mut hops, mut end) = (start, 0, 0, None);
    loop {
        let run = Run::read(message, at)?;
        // The length of a label becomes the dot before it, which the first label has not.
        let lead = usize::from(len == 0 && run.labels > 0);
        let bytes = message.get(at + lead..run.stop)?;
        if len + bytes.len() > NAME_LEN_MAX {
            return None;
        }
        if copy_dotted(message, bytes, run.stop, text.get_mut(len..)?)? != run.labels - lead {
            return None;
        }
        len += bytes.len();
        let Some(target) = run.target else {
            return Some(Name {
                start,
                end: end.unwrap_or(run.stop + 1),
                len,
                special: false,
                work: len + usize::from(len > 0) + hops,
            });
        };
        if target >= at || hops == HOPS_MAX {
            return None;
        }
        end = end.or(Some(run.stop + 2));
        at = target;
        hops += 1;
    }
}

/// Labels in a row, up to the root or a compression pointer.
#[derive(Clone, Copy, Debug)]
struct Run {
    /// How many labels.
    labels: usize,
    /// Where the root or the pointer is.
    stop: usize,
    /// Where the pointer goes; none at the root.
    target: Option<usize>,
}

impl Run {
    /// Longest label of a plain name. The length of a longer one could be taken for a plain byte.
    const LABEL_MAX: u8 = 0x20;

    /// The run at `start`; none if it is cut short, or too long, or a label is.
    #[inline]
    fn read(message: &[u8], start: usize) -> Option<Self> {
        let mut stop = start;
        for labels in 0..=NAME_LEN_MAX / 2 + 1 {
            let target = match *message.get(stop)? {
                0 => None,
                len @ 1..=Self::LABEL_MAX => {
                    stop += usize::from(len) + 1;
                    continue;
                }
                high @ 192.. => {
                    let low = *message.get(stop + 1)?;
                    Some(usize::from(u16::from_be_bytes([high & 0x3f, low])))
                }
                _ => return None,
            };
            return Some(Self {
                labels,
                stop,
                target,
            });
        }
        None
    }
}

/// Copies `bytes`, which end at `stop` of `message`, to the start of `text`, with a dot for every
/// byte that is not plain; gives how many these are. Writes whole words, so beyond the end too.
/// None if there is no room, or no word before `stop`.
#[inline]
fn copy_dotted(message: &[u8], bytes: &[u8], stop: usize, text: &mut [u8]) -> Option<usize> {
    const DOTS: u64 = 0x2e2e_2e2e_2e2e_2e2e;
    let (words, rest) = bytes.as_chunks::<8>();
    let (places, _) = text.as_chunks_mut::<8>();
    let mut lanes = 0;
    let mut copy = |word: u64, place: &mut [u8; 8], within: u64| {
        let special = special(word) & within;
        lanes += special >> 7;
        let whole = special | (special - (special >> 7));
        *place = (word & !whole | DOTS & whole).to_le_bytes();
    };
    let mut places = places.iter_mut();
    for word in words {
        copy(u64::from_le_bytes(*word), places.next()?, u64::MAX);
    }
    if !rest.is_empty() {
        let last = message.get(..stop)?.last_chunk::<8>()?;
        let unused = 64 - 8 * rest.len();
        let word = u64::from_le_bytes(*last) >> unused;
        copy(word, places.next()?, u64::MAX >> unused);
    }
    // A sum of at most 253 in eight lanes.
    usize::try_from(u64::wrapping_mul(lanes, LANES) >> 56).ok()
}

/// One in each byte of a word.
const LANES: u64 = 0x0101_0101_0101_0101;

/// The bytes of `word` that are not plain, by their high bits: as [`is_plain`], for eight at once.
#[inline]
fn special(word: u64) -> u64 {
    // No sum of two bytes below 128 reaches the next byte.
    let low = word & !HIGHS;
    let printable = low + LANES * (0x80 - 0x21);
    let delete = low + LANES;
    let no_dot = (low ^ (LANES * 0x2e)) + LANES * 0x7f;
    let no_backslash = (low ^ (LANES * 0x5c)) + LANES * 0x7f;
    (word | delete | !(printable & no_dot & no_backslash)) & HIGHS
}

/// A name that was read: its text lies in the caller's buffer unless it needs escapes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Name {
    /// Where it begins in the message.
    start: usize,
    /// Where what follows it begins.
    pub(super) end: usize,
    /// Bytes of its text without escapes and trailing dot; 0 for the root.
    pub(super) len: usize,
    /// Whether it holds a byte that must be escaped.
    special: bool,
    /// Bytes and pointers that it took to read.
    pub(super) work: usize,
}

impl Name {
    /// Gives its text form, which begins in `text` if it needs no escapes, to `then`.
    #[inline]
    pub(super) fn show(self, message: &[u8], text: &[u8; TEXT_ROOM], then: impl FnOnce(&[u8])) {
        if self.len == 0 {
            then(b".");
        } else if self.special {
            show_escaped(message, self.start, then);
        } else {
            then(text.get(..self.len).unwrap_or_default());
        }
    }
}

/// Reads any name, label by label: the definition of [`read_name`].
#[cold]
#[inline(never)]
fn read_labels(message: &[u8], start: usize, text: &mut [u8; TEXT_ROOM]) -> Result<Name, NotDns> {
    let mut labels = Labels::new(message, start);
    let mut len = 0;
    let mut special = false;
    while let Some(label) = labels.next()? {
        let room = text.get_mut(len..=len + label.len()).ok_or(NotDns)?;
        let (dot, body) = room.split_last_mut().ok_or(NotDns)?;
        for (to, from) in body.iter_mut().zip(label) {
            *to = *from;
            special |= !is_plain(*from);
        }
        *dot = b'.';
        len += label.len() + 1;
    }
    Ok(Name {
        start,
        end: labels.end.ok_or(NotDns)?,
        len: len.saturating_sub(1),
        special,
        work: len + labels.hops,
    })
}

/// Gives the text of the name at `start`, with escapes, to `then`. Rare, and needs room.
#[cold]
#[inline(never)]
fn show_escaped(message: &[u8], start: usize, then: impl FnOnce(&[u8])) {
    let mut text = [0; ESCAPED_LEN_MAX];
    let mut len = 0;
    let mut push = |byte| {
        if let Some(slot) = text.get_mut(len) {
            *slot = byte;
            len += 1;
        }
    };
    let mut labels = Labels::new(message, start);
    let mut first = true;
    while let Ok(Some(label)) = labels.next() {
        if !first {
            push(b'.');
        }
        first = false;
        for &byte in label {
            if is_plain(byte) {
                push(byte);
            } else {
                push(b'\\');
                push(b'0' + byte / 100);
                push(b'0' + byte / 10 % 10);
                push(b'0' + byte % 10);
            }
        }
    }
    then(text.get(..len).unwrap_or_default());
}

/// Whether a byte of a label stands for itself in text.
fn is_plain(byte: u8) -> bool {
    matches!(byte, 0x21..=0x7e) && byte != b'.' && byte != b'\\'
}

/// The labels of a name, through its compression pointers.
#[derive(Clone, Copy, Debug)]
struct Labels<'m> {
    /// The message.
    message: &'m [u8],
    /// Where the next label or pointer is.
    at: usize,
    /// Where the run of labels began that `at` is in: a pointer must go before it.
    run_at: usize,
    /// Where what follows the name begins; known after the first pointer or the root.
    end: Option<usize>,
    /// Bytes that the name may still have.
    left: usize,
    /// Pointers followed.
    hops: usize,
}

impl<'m> Labels<'m> {
    /// The labels of the name at `start`.
    fn new(message: &'m [u8], start: usize) -> Self {
        Self {
            message,
            at: start,
            run_at: start,
            end: None,
            left: WIRE_NAME_MAX,
            hops: 0,
        }
    }

    /// The next label; none after the root.
    #[inline]
    fn next(&mut self) -> Result<Option<&'m [u8]>, NotDns> {
        loop {
            let Some([len, tail @ ..]) = self.message.get(self.at..) else {
                return Err(NotDns);
            };
            match *len {
                0 => {
                    self.end.get_or_insert(self.at + 1);
                    return if self.left == 0 {
                        Err(NotDns)
                    } else {
                        Ok(None)
                    };
                }
                1..=63 => {
                    let size = usize::from(*len);
                    let label = tail.get(..size).ok_or(NotDns)?;
                    self.left = self.left.checked_sub(size + 1).ok_or(NotDns)?;
                    self.at += size + 1;
                    return Ok(Some(label));
                }
                64..=191 => return Err(NotDns),
                192..=255 => {
                    let low = tail.first().ok_or(NotDns)?;
                    let target = usize::from(*len & 0x3f) << 8 | usize::from(*low);
                    if target >= self.run_at || self.hops == HOPS_MAX {
                        return Err(NotDns);
                    }
                    self.end.get_or_insert(self.at + 2);
                    self.at = target;
                    self.run_at = target;
                    self.hops += 1;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
