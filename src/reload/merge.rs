//! When layers of the snapshot in use become one: beside everything else, and nothing matches
//! differently afterwards.

use std::sync::Arc;

use super::{Reloader, lock};
use crate::snapshot::{BuildError, BuildOptions, SnapshotBuilder};

/// Layers are merged when those above the lowest have so many rows, or an eighth of it.
const MERGE_ROWS: u64 = 100_000;

impl Reloader {
    /// Merges the layers of the snapshot in use, if there is enough above the lowest; whether it
    /// did. Snapshots are published meanwhile as ever.
    ///
    /// # Errors
    /// [`BuildError`]; then all layers stay as they are.
    pub fn merge(&self) -> Result<bool, BuildError> {
        let (options, merge) = {
            let mut built = lock(&self.built);
            let Some(current) = self.current() else {
                return Ok(false);
            };
            let (above, below) = current.rows_above();
            if built.merge.is_some() || above < MERGE_ROWS.max(below / 8) {
                return Ok(false);
            }
            let merge = Arc::new(current.begin_merge());
            built.merge = Some(Arc::clone(&merge));
            // Rows that may be listed are merged: nothing is refused any more.
            let options = BuildOptions {
                protected: Arc::default(),
                ..self.options(&built)
            };
            (options, merge)
        };
        let layer = merge.build(SnapshotBuilder::new(options));
        let mut built = lock(&self.built);
        built.merge = None;
        let layer = layer?;
        if let Some(current) = self.current() {
            let merged = current.merged(&merge, layer);
            merged.self_test(Some(&current), &self.protected())?;
            // The same indicators, so the number stays.
            lock(&self.in_use).publish(&merged);
        }
        Ok(true)
    }
}
