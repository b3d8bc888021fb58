//! Names of many events, hashed and waiting to be looked up together: the lookups of a batch do
//! not depend on each other, so the memory that they touch is fetched side by side, and ten
//! million listed names cost hardly more than ten thousand.

/// Hashes of label suffixes, name by name. Its room is made once.
#[derive(Debug)]
pub struct NameBatch {
    /// Hashes of suffixes, those of a name side by side.
    pub(super) hashes: Vec<u64>,
    /// The names.
    pub(super) names: Vec<Queued>,
    /// Which names passed the filter: room for the lookup.
    pub(super) passed: Vec<u32>,
}

/// A name in a batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Queued {
    /// Where its hashes start: the first one decides whether the others are looked at.
    pub(super) start: u32,
    /// To whom it belongs.
    pub(super) owner: u32,
}

/// Hashes that a batch should hold at most; the last name may add 127.
const HASHES: usize = 1024;

/// Room for the hashes of a batch.
const ROOM: usize = HASHES + 128;

impl NameBatch {
    /// An empty batch. About 23 KiB.
    pub fn new() -> Self {
        Self {
            hashes: Vec::with_capacity(ROOM),
            names: Vec::with_capacity(ROOM),
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
        self.names.len()
    }

    /// Whether nothing is in it.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Forgets what was added since it was `len` long.
    #[inline]
    pub fn rewind(&mut self, len: usize) {
        if let Some(first) = self.names.get(len) {
            self.hashes.truncate(first.start as usize);
            self.names.truncate(len);
        }
    }

    /// Begins a name with the hash that decides.
    #[inline]
    pub(super) fn begin(&mut self, hash: u64, owner: u32) {
        // A batch holds a few thousand hashes at most.
        let start = u32::try_from(self.hashes.len()).unwrap_or(u32::MAX);
        self.names.push(Queued { start, owner });
        self.hashes.push(hash);
    }

    /// Adds a hash to the name that was begun last.
    #[inline]
    pub(super) fn add(&mut self, hash: u64) {
        self.hashes.push(hash);
    }

    /// The hashes of the name at `place`.
    pub(super) fn of(&self, place: usize) -> &[u64] {
        let start = |place: usize| self.names.get(place).map(|name| name.start as usize);
        let end = start(place + 1).unwrap_or(self.hashes.len());
        let start = start(place).unwrap_or(end);
        self.hashes.get(start..end).unwrap_or_default()
    }
}

impl Default for NameBatch {
    fn default() -> Self {
        Self::new()
    }
}
