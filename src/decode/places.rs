//! Finds where the wanted fields of a flat protobuf message lie, without reading values that
//! nobody asks for.
//!
//! Numbers of flow records have one to ten bytes, and hardly two records have the same lengths: a
//! reader that branches on them guesses wrong all the time. So the ends of all numbers within 64
//! bytes (the bytes without a high bit) are taken as the bits of one word, and two bits a field
//! tell its tag and its value, whatever their lengths. What is unusual, and a message shorter than
//! that, is walked field by field by [`Fields`], which is what the words must agree with.

use crate::decode::wire::{Broken, Fields, HIGHS, squeezed};

/// The fields of a message that a reader wants, each of one type.
#[derive(Debug)]
pub(super) struct Wanted {
    /// By the bytes of a tag (see [`index`]): 0, the number of a wanted field, or [`WRONG`].
    kinds: [u8; KINDS],
}

/// Tags of at most two bytes and field numbers below 128.
const KINDS: usize = 0x800;

/// The kind of a wanted field in a type that it should not have, and of what is no field.
const WRONG: u8 = 1;

/// The kind of the first wanted field.
const FIRST: u8 = 2;

/// Most wanted fields of a message.
const WANTED_MAX: usize = 18;

/// The place of a field that is not there.
const ABSENT: usize = usize::MAX;

/// Bytes that are looked at together.
const BLOCK: usize = u64::BITS as usize;

impl Wanted {
    /// The wanted fields by their tags, of numbers below 128.
    #[expect(clippy::indexing_slicing, reason = "runs when it is compiled")]
    pub(super) const fn of(tags: &[u32]) -> Self {
        assert!(
            tags.len() <= WANTED_MAX,
            "more fields than there is room for"
        );
        let mut kinds = [0; KINDS];
        let mut number = 0;
        while number < 128 {
            let mut wire_type = 0;
            while wire_type < 8 {
                let tag = number << 3 | wire_type;
                let kind = kind(tag, tags);
                if number < 16 {
                    kinds[tag as usize] = kind;
                }
                kinds[long_index(tag)] = kind;
                wire_type += 1;
            }
            number += 1;
        }
        Self { kinds }
    }

    /// Notes in `places` where in its message the wanted fields lie. Linear; allocates nothing.
    ///
    /// # Errors
    /// [`Broken`] when the bytes are no message or a wanted field has another type.
    #[inline]
    pub(super) fn find(&self, places: &mut Places<'_>) -> Result<(), Broken> {
        let at = self.find_by_blocks(places)?;
        if at != places.message.len() {
            self.find_by_fields(at, places)?;
        }
        match places.starts.get(usize::from(WRONG)) {
            Some(&ABSENT) => Ok(()),
            Some(_) | None => Err(Broken),
        }
    }

    /// Walks the message up to where something unusual begins, and gives the place.
    #[inline]
    fn find_by_blocks(&self, places: &mut Places<'_>) -> Result<usize, Broken> {
        let message = places.message;
        let Some(last) = message.last_chunk::<BLOCK>() else {
            return Ok(0);
        };
        let mut at = 0;
        while at < message.len() {
            // The last block reaches back, so that it is a whole one, too.
            let (block, block_at) = match message.get(at..).and_then(<[u8]>::first_chunk) {
                Some(block) => (block, at),
                None => (last, message.len() - BLOCK),
            };
            let ends = ends(block);
            if has_long_run(ends) {
                return Ok(at);
            }
            let mut place = at - block_at;
            // The ends from `place` on.
            let mut ends = ends & u64::MAX << (place % BLOCK);
            loop {
                // Without the end of the tag: the end of the value is the lowest.
                let value_ends = ends & ends.wrapping_sub(1);
                if value_ends == 0 {
                    break;
                }
                let Some(&[first, second]) = block.get(place..).and_then(<[u8]>::first_chunk)
                else {
                    break;
                };
                let kind = match self.kinds.get(index(first, second)) {
                    Some(kind) => usize::from(*kind),
                    None if second < 0x80 => 0,
                    None => return Ok(block_at + place),
                };
                if let Some(start) = places.starts.get_mut(kind) {
                    *start = block_at + place;
                }
                if first & 7 == 0 {
                    place = value_ends.trailing_zeros() as usize + 1;
                    ends = value_ends & value_ends.wrapping_sub(1);
                    continue;
                }
                let tag_len = if first < 0x80 { 1 } else { 2 };
                let value_at = place + tag_len;
                let value_len = match (first & 7, block.get(value_at)) {
                    (1, _) => 8,
                    (2, Some(len @ 0..0x80)) => 1 + usize::from(*len),
                    (2, _) => return Ok(block_at + place),
                    (5, _) => 4,
                    _ => return Err(Broken),
                };
                place = value_at + value_len;
                if place >= BLOCK {
                    break;
                }
                ends &= u64::MAX << (place % BLOCK);
            }
            let next = block_at + place;
            if next == at {
                return Ok(at);
            }
            if next > message.len() {
                return Err(Broken);
            }
            at = next;
        }
        Ok(at)
    }

    /// Walks the fields of the message from `at` on, one by one.
    #[cold]
    #[inline(never)]
    fn find_by_fields(&self, at: usize, places: &mut Places<'_>) -> Result<(), Broken> {
        let message = places.message;
        let mut fields = Fields::new(message.get(at..).unwrap_or_default());
        loop {
            let start = message.len() - fields.rest().len();
            let Some(tag) = fields.tag()? else {
                return Ok(());
            };
            let kind = self.kinds.get(long_index(tag));
            let kind = kind.map_or(0, |kind| usize::from(*kind));
            if let Some(place) = places.starts.get_mut(kind) {
                *place = start;
            }
            fields.skip(tag)?;
        }
    }
}

/// The place in the table of kinds of the tag that begins with these two bytes, of which the
/// second belongs to it if the first has the high bit.
#[inline]
fn index(first: u8, second: u8) -> usize {
    if first < 0x80 {
        usize::from(first)
    } else {
        usize::from(u16::from_le_bytes([first, second]))
    }
}

/// The place in the table of kinds of `tag` written in two bytes; beyond the table if two are not
/// enough.
const fn long_index(tag: u32) -> usize {
    if tag < 128 << 3 {
        (tag & 0x7f | 0x80 | tag >> 7 << 8) as usize
    } else {
        KINDS
    }
}

/// The kind of `tag` among the `wanted`.
const fn kind(tag: u32, wanted: &[u32]) -> u8 {
    let mut kind = if tag >> 3 == 0 { WRONG } else { 0 };
    let mut rest = wanted;
    let mut next = FIRST;
    while let [one, tail @ ..] = rest {
        if *one == tag {
            return next;
        }
        if *one >> 3 == tag >> 3 {
            kind = WRONG;
        }
        rest = tail;
        next += 1;
    }
    kind
}

/// Which bytes of `block` end a number: one bit a byte, the first byte's lowest.
#[inline]
fn ends(block: &[u8; BLOCK]) -> u64 {
    let (words, _) = block.as_chunks::<8>();
    let ends = |word: usize| words.get(word).map_or(0, |word| ends_in_word(*word)) << (8 * word);
    // In pairs, so that no word waits for all others.
    let low = (ends(0) | ends(1)) | (ends(2) | ends(3));
    let high = (ends(4) | ends(5)) | (ends(6) | ends(7));
    low | high
}

/// Which of eight bytes end a number, in the low eight bits.
#[inline]
fn ends_in_word(bytes: [u8; 8]) -> u64 {
    // The high bits, moved to the lowest and then gathered by a sum of shifts.
    let lows = (!u64::from_le_bytes(bytes) & HIGHS) >> 7;
    lows.wrapping_mul(0x0102_0408_1020_4080) >> 56
}

/// Whether nine bytes in a row do not end a number: it may be too long.
#[inline]
fn has_long_run(ends: u64) -> bool {
    let two = !ends & !ends >> 1;
    let four = two & two >> 2;
    let eight = four & four >> 4;
    eight & !ends >> 8 != 0
}

/// Where the wanted fields of a message lie. Of a field that is there twice the last one counts.
#[derive(Debug)]
pub(super) struct Places<'m> {
    /// The message.
    message: &'m [u8],
    /// Where each kind of field begins, or [`ABSENT`].
    starts: [usize; WANTED_MAX + FIRST as usize],
}

impl<'m> Places<'m> {
    /// Room for the places in `message`, without any yet.
    pub(super) fn new(message: &'m [u8]) -> Self {
        Self {
            message,
            starts: [ABSENT; WANTED_MAX + FIRST as usize],
        }
    }

    /// The number in a wanted field, given by its place in the list; 0 if it is not there.
    #[inline]
    pub(super) fn varint(&self, wanted: usize) -> u64 {
        varint(self.value(wanted)).unwrap_or(0)
    }

    /// The bytes in a wanted field, given by its place in the list; none if it is not there.
    #[inline]
    pub(super) fn bytes(&self, wanted: usize) -> &'m [u8] {
        Fields::new(self.value(wanted)).bytes().unwrap_or_default()
    }

    /// The message from the value of a wanted field on; none of it if it is not there.
    #[inline]
    fn value(&self, wanted: usize) -> &'m [u8] {
        let start = self.starts.get(wanted + usize::from(FIRST));
        match start.and_then(|start| self.message.get(*start..)) {
            Some([..0x80, value @ ..] | [_, ..0x80, value @ ..]) => value,
            Some(field) => after_long_tag(field),
            None => &[],
        }
    }
}

/// What follows a tag of more bytes than it needs.
#[cold]
fn after_long_tag(field: &[u8]) -> &[u8] {
    let mut fields = Fields::new(field);
    fields.tag().map_or(&[], |_| fields.rest())
}

/// The number at the start of `bytes`, read without a branch on its length.
#[inline]
fn varint(bytes: &[u8]) -> Option<u64> {
    if let Some(word) = bytes.first_chunk() {
        let word = u64::from_le_bytes(*word);
        let ends = !word & HIGHS;
        if ends != 0 {
            return Some(squeezed(word & (ends ^ (ends - 1))));
        }
    }
    Fields::new(bytes).varint().ok()
}

#[cfg(test)]
mod tests;
