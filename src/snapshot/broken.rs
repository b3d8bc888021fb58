//! Builds that lose the rows of a feed, as a mistake in a table would: to see that it is noticed.

use std::cell::RefCell;

use super::layer::Layer;

thread_local! {
    /// The feed whose rows are lost.
    static LOST: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// From now on, what this thread builds loses the rows of a feed; `None`: of none.
pub(crate) fn lose_rows_of(feed: Option<&str>) {
    LOST.set(feed.map(str::to_owned));
}

/// Loses the rows of a layer that are to be lost.
pub(super) fn lose(layer: &mut Layer) {
    let feed = LOST.with_borrow(|lost| layer.feed(lost.as_deref()?));
    if let Some(feed) = feed {
        let catalog = &layer.catalog;
        layer
            .listed
            .lose(&|row| catalog.feed_number(row) == Some(feed));
    }
}
