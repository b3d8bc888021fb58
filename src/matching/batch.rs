//! Names of many events, hashed and waiting to be looked up together: the lookups of a batch do
//! not depend on each other, so the memory that they touch is fetched side by side, and ten
//! million listed names cost hardly more than ten thousand.

/// Hashes of label suffixes, each with the event that it belongs to. Its room is made once.
#[derive(Debug)]
pub struct NameBatch {
    /// Hashes of suffixes.
    pub(super) hashes: Vec<u64>,
    /// To whom each hash belongs.
    pub(super) owners: Vec<u32>,
    /// Which hashes passed the filter: room for the lookup.
    pub(super) passed: Vec<u32>,
}

/// Hashes that a batch should hold at most; the last name may add 127.
const HASHES: usize = 1024;

/// Room for the hashes of a batch.
const ROOM: usize = HASHES + 128;

impl NameBatch {
    /// An empty batch. About 18 KiB.
    pub fn new() -> Self {
        Self {
            hashes: Vec::with_capacity(ROOM),
            owners: Vec::with_capacity(ROOM),
            passed: Vec::with_capacity(ROOM),
        }
    }

    /// Whether it should be looked up before more is added.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.hashes.len() >= HASHES
    }

    /// How much is in it: for [`Self::rewind`].
    #[inline]
    pub fn len(&self) -> usize {
        self.hashes.len()
    }

    /// Whether nothing is in it.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// Forgets what was added since it was `len` long.
    #[inline]
    pub fn rewind(&mut self, len: usize) {
        self.hashes.truncate(len);
        self.owners.truncate(len);
    }

    /// Adds a hash.
    #[inline]
    pub(super) fn push(&mut self, hash: u64, owner: u32) {
        self.hashes.push(hash);
        self.owners.push(owner);
    }
}

impl Default for NameBatch {
    fn default() -> Self {
        Self::new()
    }
}
