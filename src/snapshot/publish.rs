//! Hands snapshots to the workers: whole, without a lock, and so that the memory of an old one
//! is given back by the control plane and never by a worker.

use std::sync::Arc;

use arc_swap::{ArcSwap, Cache};

use super::Snapshot;

/// The writing end, owned by whoever rebuilds snapshots.
#[derive(Debug)]
pub struct Publisher {
    latest: Arc<ArcSwap<Snapshot>>,
    /// Replaced snapshots that a reader may still hold. While they are here, no reader's drop
    /// is the last one.
    retired: Vec<Arc<Snapshot>>,
}

impl Publisher {
    /// Publishes the first snapshot.
    pub fn new(first: Snapshot) -> Self {
        Self {
            latest: Arc::new(ArcSwap::from_pointee(first)),
            retired: Vec::new(),
        }
    }

    /// A reader, for one worker.
    pub fn reader(&self) -> SnapshotReader {
        SnapshotReader {
            cache: Cache::new(Arc::clone(&self.latest)),
        }
    }

    /// The newest snapshot. Drop it soon: it is kept as long as anyone holds it.
    pub fn current(&self) -> Arc<Snapshot> {
        self.latest.load_full()
    }

    /// Replaces the snapshot. Readers see it with their next [`SnapshotReader::current`]; the
    /// old one is kept until [`Self::retire`] finds that no reader holds it.
    pub fn publish(&mut self, snapshot: Snapshot) {
        self.retired.push(self.latest.swap(Arc::new(snapshot)));
    }

    /// Frees the replaced snapshots that no reader holds any more. Returns how many are left.
    /// Call it now and then from the control plane; freeing a large snapshot takes milliseconds.
    pub fn retire(&mut self) -> usize {
        // Nobody can take a new hold of a replaced snapshot, so a count of one is final.
        self.retired.retain(|old| Arc::strong_count(old) > 1);
        self.retired.len()
    }
}

/// A reader's view of the newest snapshot. Each worker has its own; cloning gives another.
#[derive(Clone)]
pub struct SnapshotReader {
    cache: Cache<Arc<ArcSwap<Snapshot>>, Arc<Snapshot>>,
}

impl SnapshotReader {
    /// The newest snapshot. Call once a batch, so that exactly one judges it.
    ///
    /// One atomic load unless a new one was published.
    pub fn current(&mut self) -> &Arc<Snapshot> {
        self.cache.load()
    }
}

impl std::fmt::Debug for SnapshotReader {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("SnapshotReader")
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{BuildOptions, SnapshotBuilder};
    use super::*;

    fn snapshot(generation: u64) -> Snapshot {
        SnapshotBuilder::new(BuildOptions::default())
            .build(generation)
            .unwrap()
    }

    #[test]
    fn a_reader_sees_a_new_snapshot_with_its_next_look() {
        let mut publisher = Publisher::new(snapshot(1));
        let mut reader = publisher.reader();
        let held = Arc::clone(reader.current());
        publisher.publish(snapshot(2));
        assert_eq!(held.generation(), 1);
        assert_eq!(reader.current().generation(), 2);
        assert_eq!(publisher.current().generation(), 2);
        assert_eq!(publisher.reader().current().generation(), 2);
    }

    #[test]
    fn only_retire_frees_and_only_what_no_reader_holds() {
        let mut publisher = Publisher::new(snapshot(1));
        let mut reader = publisher.reader();
        let old = Arc::downgrade(reader.current());
        publisher.publish(snapshot(2));
        assert_eq!(publisher.retire(), 1);
        // The reader lets go, but the memory is not its to free.
        assert_eq!(reader.current().generation(), 2);
        assert!(old.upgrade().is_some());
        assert_eq!(publisher.retire(), 0);
        assert!(old.upgrade().is_none());
    }

    #[test]
    fn readers_outlive_the_publisher() {
        let publisher = Publisher::new(snapshot(1));
        let mut reader = publisher.reader();
        drop(publisher);
        assert_eq!(reader.current().generation(), 1);
    }

    #[test]
    fn every_look_of_many_threads_is_at_a_whole_snapshot_in_order() {
        let mut publisher = Publisher::new(snapshot(0));
        std::thread::scope(|scope| {
            for _ in 0..2 {
                let mut reader = publisher.reader();
                scope.spawn(move || {
                    let mut seen = 0;
                    while seen < 50 {
                        let now = reader.current().generation();
                        assert!(now >= seen, "{now} after {seen}");
                        seen = now;
                        std::thread::yield_now();
                    }
                });
            }
            for generation in 1..=50 {
                publisher.publish(snapshot(generation));
                publisher.retire();
            }
        });
        assert_eq!(publisher.retire(), 0);
    }
}
