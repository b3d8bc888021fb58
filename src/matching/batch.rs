//! Names of many events, waiting to be looked up together: the lookups of a batch do not depend
//! on each other, so the memory that they touch is fetched side by side, and ten million listed
//! names cost hardly more than ten thousand.

use super::plain::Plain;

/// Names, each with the hash that decides whether it is looked at again. Its room is made once.
#[derive(Debug)]
pub struct NameBatch {
    /// The names.
    pub(super) names: Vec<Queued>,
    /// Which names passed the filter: room for the lookup.
    pub(super) passed: Vec<u32>,
}

/// A name in a batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Queued {
    /// It.
    pub(super) name: Plain,
    /// Where nothing with this hash is listed or lies above something listed, nothing covers it.
    pub(super) gate: u64,
    /// To whom it belongs.
    pub(super) owner: u32,
}

/// Names that a batch holds.
const NAMES: usize = 256;

impl NameBatch {
    /// An empty batch. About 33 KiB.
    pub fn new() -> Self {
        Self {
            names: Vec::with_capacity(NAMES),
            passed: Vec::with_capacity(NAMES),
        }
    }

    /// Whether it must be looked up before more is added.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.names.len() >= NAMES
    }

    /// How much is in it: for [`Self::rewind`].
    #[inline]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether nothing is in it.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Adds room for a name, to be filled where it lies.
    #[inline(always)]
    pub(super) fn add(&mut self, owner: u32) -> Option<&mut Queued> {
        self.names.push(Queued {
            name: Plain::NONE,
            gate: 0,
            owner,
        });
        self.names.last_mut()
    }

    /// Forgets what was added since it was `len` long.
    #[inline]
    pub fn rewind(&mut self, len: usize) {
        self.names.truncate(len);
    }
}

impl Default for NameBatch {
    fn default() -> Self {
        Self::new()
    }
}
