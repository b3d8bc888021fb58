//! From one snapshot to the next without building what has not changed: new versions of feeds, or of
//! single rows, stand in a small layer above the others, which hide what they replace. When there
//! is enough of it, all layers are merged into one, beside the snapshot in use.

use std::sync::Arc;

use hashbrown::{HashMap, HashSet};

use super::Snapshot;
use super::build::{BuildError, FeedId, SnapshotBuilder};
use super::layer::{Layer, Stack, Stacked};
use super::muted::Muted;
use super::removed::{Gone, Keep};

/// The next snapshot in the making.
#[derive(Debug)]
pub struct Update<'s> {
    snapshot: &'s Snapshot,
    stack: Stack,
    /// What is new.
    builder: SnapshotBuilder,
}

/// Some layers of a snapshot on their way into one.
#[derive(Debug)]
pub struct Merge {
    stack: Stack,
}

impl Snapshot {
    /// Begins the next snapshot, with what `builder` has. It must hash names with the same key.
    pub fn update(&self, builder: SnapshotBuilder) -> Update<'_> {
        Update {
            snapshot: self,
            stack: self.stack.clone(),
            builder,
        }
    }

    /// The same under another number, with other indicators muted: what is done when it is published.
    #[must_use]
    pub fn as_published(&self, generation: u64, muted: &Arc<Muted>) -> Self {
        Self {
            muted: Arc::clone(muted),
            generation,
            ..self.clone()
        }
    }

    /// How many rows stand above the lowest layer, and how many in it.
    pub fn rows_above(&self) -> (u64, u64) {
        let above = self.stack.upper.iter().map(|stacked| stacked.layer.rows());
        (above.sum(), self.stack.base.layer.rows())
    }

    /// Begins to merge all layers.
    pub fn begin_merge(&self) -> Merge {
        Merge {
            stack: self.stack.clone(),
        }
    }

    /// The same indicators with the layers of `merge` in one, which is `merged`: what was hidden of
    /// them since it began is hidden of it.
    pub fn merged(&self, merge: &Merge, merged: Layer) -> Self {
        let mut merged = Stacked::new(merged);
        for (now, then) in self.stack.layers().zip(merge.stack.layers()) {
            for name in now.feeds_hidden_since(then) {
                merged.hide_feed(&name);
            }
            let ids = now.ids_hidden_since(then);
            let mut by_feed: HashMap<&str, HashSet<&str>> = HashMap::new();
            for (feed, id) in &ids {
                by_feed.entry(feed).or_default().insert(id);
            }
            for (feed, ids) in by_feed {
                merged.hide_ids(feed, &ids, &mut |_, _| {});
            }
        }
        let upper = self.stack.layers().skip(merge.layers());
        let stack = Stack {
            base: merged,
            upper: upper.cloned().collect(),
        };
        Self::of(
            stack,
            self.emit_invalid,
            self.muted.clone(),
            self.generation,
        )
    }
}

impl Merge {
    /// The layers in one. As long as it takes: the snapshot in use is not touched.
    ///
    /// # Errors
    /// As [`SnapshotBuilder::build_layer`].
    pub fn build(&self, mut builder: SnapshotBuilder) -> Result<Layer, BuildError> {
        for stacked in self.stack.layers() {
            builder.absorb(stacked)?;
        }
        builder.build_layer()
    }

    /// How many layers.
    pub fn layers(&self) -> usize {
        1 + self.stack.upper.len()
    }
}

impl Update<'_> {
    /// Replaces a feed by what the builder has of it; says what it lists no longer. Until
    /// [`SnapshotBuilder::add_removed`], that matches no more.
    pub fn replace(&mut self, feed: &str, keep: Keep) -> Gone {
        let gone = self.builder.gone(self.snapshot, feed, keep);
        for stacked in self.stack.layers_mut() {
            stacked.hide_feed(feed);
        }
        gone
    }

    /// Replaces the rows with these ids of a feed that changes row by row by what the builder has
    /// of it; says which of what they listed is listed no longer.
    pub fn replace_rows(&mut self, feed: &str, ids: &HashSet<&str>, keep: Keep) -> Gone {
        let mut gone = Gone::default();
        let Some(id) = self.builder.feed(feed) else {
            return gone;
        };
        let builder = &self.builder;
        for stacked in self.stack.layers_mut() {
            stacked.hide_ids(feed, ids, &mut |layer, placed| {
                builder.compare(layer, &placed, id, keep, &mut gone);
            });
        }
        gone
    }

    /// The builder, for what a feed lists no longer.
    pub fn builder(&mut self) -> &mut SnapshotBuilder {
        &mut self.builder
    }

    /// The number of a feed in the builder.
    pub fn feed(&self, name: &str) -> Option<FeedId> {
        self.builder.feed(name)
    }

    /// The snapshot with the changes, under the number of the one that they are of. All above the
    /// lowest `closed` layers becomes one layer with what is new.
    ///
    /// # Errors
    /// As [`SnapshotBuilder::build_layer`].
    pub fn finish(mut self, closed: usize) -> Result<Snapshot, BuildError> {
        let closed = closed.saturating_sub(1).min(self.stack.upper.len());
        for stacked in self.stack.upper.split_off(closed) {
            self.builder.absorb(&stacked)?;
        }
        let top = self.builder.build_layer()?;
        self.stack.upper.push(Stacked::new(top));
        Ok(Snapshot::of(
            self.stack,
            self.snapshot.emit_invalid,
            self.snapshot.muted.clone(),
            self.snapshot.generation,
        ))
    }
}
