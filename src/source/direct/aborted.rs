//! Which batches hold no records for a reader: the markers of the broker, and what was written in
//! transactions that were aborted. Decides as the Java client does.
//!
//! A reader of everything (`read_uncommitted`) is given no aborted transactions by the broker, and
//! then only markers are left out.

use std::collections::HashSet;
use std::iter::Peekable;
use std::vec::IntoIter;

use super::batch::{Batch, BatchError};
use super::codec::Codec;

#[cfg(test)]
mod tests;

/// The aborted transactions of one partition in one fetch response. Holds as much as the
/// response lists; empty it holds nothing and costs nothing.
#[derive(Clone, Debug)]
pub struct Transactions {
    /// Those that have not begun at the batch in hand, by first offset: offset and producer.
    ahead: Peekable<IntoIter<(i64, i64)>>,
    /// Producers that are inside an aborted transaction. The hash is keyed: ids are the
    /// cluster's.
    open: HashSet<i64>,
}

impl Transactions {
    /// The aborted transactions that a response lists for a partition: producer and first offset,
    /// in any order.
    pub fn new(aborted: impl IntoIterator<Item = (i64, i64)>) -> Self {
        let mut ahead: Vec<(i64, i64)> = aborted
            .into_iter()
            .map(|(producer_id, first_offset)| (first_offset, producer_id))
            .collect();
        ahead.sort_unstable();
        Self {
            ahead: ahead.into_iter().peekable(),
            open: HashSet::new(),
        }
    }

    /// Whether the records of `batch` are for a reader. Ask for every batch of the partition, in
    /// their order, before it is inflated.
    ///
    /// # Errors
    /// [`BatchError::Marker`] when it cannot be told whether the batch ends an aborted
    /// transaction; no broker writes such a one.
    pub fn keeps(&mut self, batch: &Batch<'_>) -> Result<bool, BatchError> {
        if batch.producer_id < 0 {
            return Ok(!batch.control);
        }
        while let Some((_, producer_id)) = self
            .ahead
            .next_if(|&(first_offset, _)| first_offset <= batch.last_offset)
        {
            self.open.insert(producer_id);
        }
        let aborted = !self.open.is_empty() && self.open.contains(&batch.producer_id);
        if !batch.control {
            return Ok(!(aborted && batch.transactional));
        }
        if aborted && is_abort(batch)? {
            self.open.remove(&batch.producer_id);
        }
        Ok(false)
    }
}

/// Whether the control batch `batch` ends a transaction by aborting it. Its first record's key
/// is the version and the kind of marker, two bytes each; what follows belongs to later versions.
fn is_abort(batch: &Batch<'_>) -> Result<bool, BatchError> {
    let broken = BatchError::Marker {
        base_offset: batch.base_offset,
    };
    if batch.codec != Codec::None {
        return Err(broken);
    }
    let Some(first) = batch.records(batch.payload).next() else {
        return Ok(false);
    };
    match first?.key {
        Some(&[version, _, kind_high, kind_low, ..]) if version < 0x80 => {
            Ok(u16::from_be_bytes([kind_high, kind_low]) == ABORT)
        }
        Some(_) | None => Err(broken),
    }
}

/// The kind of the marker that aborts; that which commits is 1.
const ABORT: u16 = 0;
