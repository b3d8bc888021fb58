//! Vetted rows on their way from the thread that vetted them to the one that builds.

use std::net::IpAddr;
use std::ops::Range;

use ipnet::IpNet;

use super::catalog::SetForm;
use super::digest::RowDigest;
use super::vet::Vetted;
use crate::matching::NameHash;
use crate::model::{IndicatorValue, NameList, Scope};

/// Vetted rows of one feed, in order, in memory of their own: about 100 bytes a row and its
/// texts. What equals that of the row before it is kept once.
#[derive(Debug, Default)]
pub struct RowBatch {
    rows: Vec<Kept>,
    names: NameList,
    /// Patterns.
    texts: String,
    /// Words of sets, and details.
    bytes: Vec<u8>,
}

/// A row of a batch.
#[derive(Clone, Debug)]
struct Kept {
    value: Value,
    narrowed: bool,
    reserved: bool,
    /// The set; its words lie in `words`.
    set: SetForm<'static>,
    words: Range<u32>,
    detail: Range<u32>,
    hash: NameHash,
    digest: RowDigest,
}

/// What is listed, with texts elsewhere.
#[derive(Clone, Debug)]
enum Value {
    /// A place among the names.
    Name(u32, Scope),
    /// A range of the texts.
    Pattern(Range<u32>),
    /// A prefix.
    Prefix(IpNet),
    /// An address and a port.
    Endpoint(IpAddr, u16),
}

impl RowBatch {
    /// How many rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Bytes in use.
    pub fn bytes(&self) -> usize {
        size_of::<Kept>() * self.rows.len()
            + 4 * self.names.len()
            + self.names.text_len()
            + self.texts.len()
            + self.bytes.len()
    }

    /// Forgets the rows and keeps the memory.
    pub fn clear(&mut self) {
        self.rows.clear();
        self.names.clear();
        self.texts.clear();
        self.bytes.clear();
    }

    /// Adds a row; `false`, and no row, when four thousand million bytes are in use.
    pub fn push(&mut self, row: &Vetted<'_>) -> bool {
        let kept = self.keep(row);
        let fits = kept.is_some();
        self.rows.extend(kept);
        fits
    }

    /// The rows, in order.
    pub(super) fn rows(&self) -> impl Iterator<Item = Vetted<'_>> {
        self.rows.iter().filter_map(|row| self.row(row))
    }

    /// A row as it was pushed.
    fn row<'a>(&'a self, kept: &'a Kept) -> Option<Vetted<'a>> {
        let value = match kept.value {
            Value::Name(place, scope) => IndicatorValue::Name {
                name: self.names.get(place)?,
                scope,
            },
            Value::Pattern(ref range) => IndicatorValue::Pattern(self.texts.get(wide(range))?),
            Value::Prefix(net) => IndicatorValue::Prefix(net),
            Value::Endpoint(ip, port) => IndicatorValue::Endpoint { ip, port },
        };
        Some(Vetted {
            value,
            narrowed: kept.narrowed,
            reserved: kept.reserved,
            set: kept.set.with_words(self.bytes.get(wide(&kept.words))?),
            detail: self.bytes.get(wide(&kept.detail))?,
            hash: kept.hash,
            digest: kept.digest,
        })
    }

    /// Keeps the texts of a row; `None` when there is no room.
    fn keep(&mut self, row: &Vetted<'_>) -> Option<Kept> {
        let value = match row.value {
            IndicatorValue::Name { name, scope } => Value::Name(self.names.push(name)?, scope),
            IndicatorValue::Pattern(text) => {
                let start = u32::try_from(self.texts.len()).ok()?;
                let end = u32::try_from(self.texts.len() + text.len()).ok()?;
                self.texts.push_str(text);
                Value::Pattern(start..end)
            }
            IndicatorValue::Prefix(net) => Value::Prefix(net),
            IndicatorValue::Endpoint { ip, port } => Value::Endpoint(ip, port),
        };
        let last = self.rows.last();
        let (last_words, last_detail) = last.map_or((0..0, 0..0), |last| {
            (last.words.clone(), last.detail.clone())
        });
        Some(Kept {
            value,
            narrowed: row.narrowed,
            reserved: row.reserved,
            set: row.set.with_words(&[]),
            words: self.keep_bytes(row.set.words(), last_words)?,
            detail: self.keep_bytes(row.detail, last_detail)?,
            hash: row.hash,
            digest: row.digest,
        })
    }

    /// Where `bytes` lie now: at `last`, if they are the same.
    fn keep_bytes(&mut self, bytes: &[u8], last: Range<u32>) -> Option<Range<u32>> {
        if self.bytes.get(wide(&last)) == Some(bytes) {
            return Some(last);
        }
        let start = u32::try_from(self.bytes.len()).ok()?;
        let end = u32::try_from(self.bytes.len() + bytes.len()).ok()?;
        self.bytes.extend_from_slice(bytes);
        Some(start..end)
    }
}

/// A range of places.
fn wide(range: &Range<u32>) -> Range<usize> {
    range.start as usize..range.end as usize
}
