//! The end of a buffer that a payload is inflated onto, with the limit on what it may take there.

use super::InflateError;

/// A buffer to append to, and how much may be appended.
pub(super) struct Room<'v> {
    /// The buffer.
    into: &'v mut Vec<u8>,
    /// Its length before anything was appended.
    start: usize,
    /// Most bytes that may be appended.
    limit: usize,
}

impl<'v> Room<'v> {
    /// Room for `limit` bytes at the end of `into`.
    pub(super) fn new(into: &'v mut Vec<u8>, limit: usize) -> Self {
        let start = into.len();
        Self { into, start, limit }
    }

    /// How many bytes were appended.
    pub(super) fn used(&self) -> usize {
        self.into.len().saturating_sub(self.start)
    }

    /// How many bytes may still be appended.
    pub(super) fn left(&self) -> usize {
        self.limit.saturating_sub(self.used())
    }

    /// The error of a payload that needs more room.
    pub(super) fn too_large(&self) -> InflateError {
        InflateError::TooLarge { limit: self.limit }
    }

    /// Refuses what goes beyond the limit.
    pub(super) fn check(&self) -> Result<(), InflateError> {
        if self.used() > self.limit {
            return Err(self.too_large());
        }
        Ok(())
    }

    /// Appends `bytes` if there is room for them.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), InflateError> {
        if bytes.len() > self.left() {
            return Err(self.too_large());
        }
        self.into.extend_from_slice(bytes);
        Ok(())
    }

    /// Appends `len` zeros and gives them to be written over.
    pub(super) fn append_zeros(&mut self, len: usize) -> Result<&mut [u8], InflateError> {
        if len > self.left() {
            return Err(self.too_large());
        }
        let from = self.into.len();
        self.into.resize(from.saturating_add(len), 0);
        Ok(self.into.get_mut(from..).unwrap_or_default())
    }

    /// What was appended from the `from`th byte on.
    pub(super) fn appended_since(&self, from: usize) -> &[u8] {
        let from = self.start.saturating_add(from);
        self.into.get(from..).unwrap_or_default()
    }

    /// Reserves memory for `len` bytes, or for one more than may be appended if that is less: the
    /// one tells a payload that goes beyond the limit from one that ends at it.
    pub(super) fn reserve(&mut self, len: usize) {
        self.into
            .reserve_exact(len.min(self.left().saturating_add(1)));
    }

    /// Whether all memory of the buffer is in use.
    pub(super) fn is_full(&self) -> bool {
        self.into.len() == self.into.capacity()
    }

    /// The buffer itself, for decoders that write into its spare memory. They may fill all of it:
    /// [`Room::check`] follows.
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        self.into
    }
}
