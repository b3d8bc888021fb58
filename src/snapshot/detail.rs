//! What is an indicator's own: its id, its written form, its reference and its validity. Kept
//! as bytes, so that a row without any of them takes none.

use crate::model::EventTime;

/// The part of an indicator that it rarely shares with others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Detail<'a> {
    /// The feed's own id for it.
    pub(super) id: Option<&'a str>,
    /// The written form, where it differs from the canonical value.
    pub(super) written: Option<&'a str>,
    /// Where to read about it.
    pub(super) reference: Option<&'a str>,
    /// First instant at which it is valid.
    pub(super) valid_from: Option<EventTime>,
    /// First instant at which it is no longer valid.
    pub(super) valid_until: Option<EventTime>,
}

impl Detail<'_> {
    /// Appends the form in which a detail is kept: the fields that are there, after a byte that
    /// says which; nothing if there are none.
    pub(super) fn write(&self, bytes: &mut Vec<u8>) {
        let Detail {
            id,
            written,
            reference,
            valid_from,
            valid_until,
        } = *self;
        let flag = |there: bool, flag: u8| if there { flag } else { 0 };
        let flags = flag(valid_from.is_some(), FROM)
            | flag(valid_until.is_some(), UNTIL)
            | flag(id.is_some(), ID)
            | flag(written.is_some(), WRITTEN)
            | flag(reference.is_some(), REFERENCE);
        if flags == 0 {
            return;
        }
        bytes.push(flags);
        for time in [valid_from, valid_until].into_iter().flatten() {
            bytes.extend_from_slice(&time.nanos().to_le_bytes());
        }
        for text in [id, written, reference].into_iter().flatten() {
            let text = cut(text);
            let len = u16::try_from(text.len()).unwrap_or(u16::MAX);
            bytes.extend_from_slice(&len.to_le_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
    }
}

/// Where a detail lies; `NONE` for an empty one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DetailId(u32);

impl DetailId {
    /// The empty detail.
    pub(super) const NONE: Self = Self(u32::MAX);
}

/// All details of a snapshot.
#[derive(Debug, Default)]
pub(super) struct Details {
    bytes: Vec<u8>,
    /// The last one added: rows of one feed often share all they have.
    last: Option<DetailId>,
}

/// There is no room for one more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DetailsFull;

impl Details {
    /// Keeps a detail in the form of [`Detail::write`], or finds that the last one equals it.
    pub(super) fn add(&mut self, written: &[u8]) -> Result<DetailId, DetailsFull> {
        if written.is_empty() {
            return Ok(DetailId::NONE);
        }
        if let Some(last) = self.last.filter(|&last| self.is(last, written)) {
            return Ok(last);
        }
        let id = u32::try_from(self.bytes.len()).map_err(|_| DetailsFull)?;
        if id == u32::MAX {
            return Err(DetailsFull);
        }
        self.bytes.extend_from_slice(written);
        self.last = Some(DetailId(id));
        Ok(DetailId(id))
    }

    /// Whether the detail at `id` is the one with this form.
    pub(super) fn is(&self, id: DetailId, written: &[u8]) -> bool {
        if id == DetailId::NONE || written.is_empty() {
            return id == DetailId::NONE && written.is_empty();
        }
        // The form says where it ends, so none is the start of another.
        let kept = self.bytes.get(id.0 as usize..).unwrap_or_default();
        kept.starts_with(written)
    }

    /// The detail at `id`.
    pub(super) fn read(&self, id: DetailId) -> Detail<'_> {
        let mut rest = self.bytes.get(id.0 as usize..).unwrap_or_default();
        let flags = take(&mut rest, 1).first().copied().unwrap_or_default();
        let has = |flag: u8| flags & flag != 0;
        // The fields stand in this order.
        let valid_from = has(FROM).then(|| read_time(&mut rest));
        let valid_until = has(UNTIL).then(|| read_time(&mut rest));
        let id = has(ID).then(|| read_text(&mut rest));
        let written = has(WRITTEN).then(|| read_text(&mut rest));
        let reference = has(REFERENCE).then(|| read_text(&mut rest));
        Detail {
            id,
            written,
            reference,
            valid_from,
            valid_until,
        }
    }

    /// The form of the detail at `id`, as [`Detail::write`] made it.
    pub(super) fn form(&self, id: DetailId) -> &[u8] {
        let all = self.bytes.get(id.0 as usize..).unwrap_or_default();
        let mut rest = all;
        let flags = take(&mut rest, 1).first().copied().unwrap_or_default();
        for _ in 0..(flags & (FROM | UNTIL)).count_ones() {
            read_time(&mut rest);
        }
        for _ in 0..(flags & (ID | WRITTEN | REFERENCE)).count_ones() {
            read_text(&mut rest);
        }
        all.get(..all.len() - rest.len()).unwrap_or_default()
    }

    /// Gives back the room for more.
    pub(super) fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
    }

    /// Memory, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.capacity()
    }
}

/// Most bytes kept of an id, a written form or a reference; longer ones are cut.
pub(super) const TEXT_LEN_MAX: usize = 4096;

/// `text`, or as much of it as is kept.
pub(super) fn cut(text: &str) -> &str {
    let mut end = text.len().min(TEXT_LEN_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or(text)
}

const FROM: u8 = 1;
const UNTIL: u8 = 2;
const ID: u8 = 4;
const WRITTEN: u8 = 8;
const REFERENCE: u8 = 16;

/// Splits `count` bytes off the front, or none if there are fewer.
fn take<'a>(rest: &mut &'a [u8], count: usize) -> &'a [u8] {
    let (front, back) = rest.split_at_checked(count).unwrap_or_default();
    *rest = back;
    front
}

/// Reads an instant.
fn read_time(rest: &mut &[u8]) -> EventTime {
    let bytes = take(rest, 8).try_into().unwrap_or_default();
    EventTime::from_nanos(i64::from_le_bytes(bytes))
}

/// Reads a text after its length.
pub(super) fn read_text<'a>(rest: &mut &'a [u8]) -> &'a str {
    let len = u16::from_le_bytes(take(rest, 2).try_into().unwrap_or_default());
    std::str::from_utf8(take(rest, usize::from(len))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn form(detail: &Detail<'_>) -> Vec<u8> {
        let mut bytes = Vec::new();
        detail.write(&mut bytes);
        bytes
    }

    proptest! {
        #[test]
        fn details_are_read_as_they_were_added(
            rows in proptest::collection::vec((
                proptest::option::of("[a-z\u{fc}]{0,3}"),
                proptest::option::of("[a-z]{0,3}"),
                proptest::option::of("[a-z]{0,3}"),
                proptest::option::of(any::<i64>()),
                proptest::option::of(any::<i64>()),
            ), 0..8)
        ) {
            let rows: Vec<Detail<'_>> = rows
                .iter()
                .map(|(id, written, reference, from, until)| Detail {
                    id: id.as_deref(),
                    written: written.as_deref(),
                    reference: reference.as_deref(),
                    valid_from: from.map(EventTime::from_nanos),
                    valid_until: until.map(EventTime::from_nanos),
                })
                .collect();
            let mut details = Details::default();
            let ids: Vec<DetailId> = rows
                .iter()
                .map(|row| details.add(&form(row)).unwrap())
                .collect();
            for (row, &id) in rows.iter().zip(&ids) {
                for other in &rows {
                    prop_assert_eq!(details.is(id, &form(other)), row == other);
                }
            }
            let read: Vec<Detail<'_>> = ids.iter().map(|&id| details.read(id)).collect();
            for (row, &id) in rows.iter().zip(&ids) {
                prop_assert_eq!(details.form(id), form(row));
            }
            prop_assert_eq!(read, rows);
        }
    }

    #[test]
    fn shared_and_empty_details_take_no_room() {
        let mut details = Details::default();
        let until = Detail {
            valid_until: Some(EventTime::MAX),
            ..Detail::default()
        };
        let first = details.add(&form(&until)).unwrap();
        let len = details.bytes.len();
        assert_eq!(details.add(&form(&until)), Ok(first));
        assert_eq!(details.add(&[]), Ok(DetailId::NONE));
        assert_eq!(details.bytes.len(), len);
    }

    #[test]
    fn long_texts_are_cut_at_a_character() {
        let long = "\u{fc}".repeat(TEXT_LEN_MAX);
        assert_eq!(cut(&long).len(), TEXT_LEN_MAX);
        assert_eq!(cut(&format!("a{long}")).len(), TEXT_LEN_MAX - 1);
    }
}
