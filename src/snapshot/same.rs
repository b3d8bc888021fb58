//! Which feeds list the same: equal sets of values, whatever else their rows say.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Snapshot;
use super::digest::{ValueSum, value_sum};
use super::layer::Rule;

impl Snapshot {
    /// The pairs of feeds that list the same values in at least `rows_min` rows, in the order of the
    /// feeds. Names count whatever they cover. Feeds that change row by row are left out.
    ///
    /// O(feeds) as long as no two feeds have as many rows, else O(rows).
    pub fn same_lists(&self, rows_min: u64) -> Vec<(Arc<str>, Arc<str>)> {
        let mut by_rows: BTreeMap<u64, Vec<&Arc<str>>> = BTreeMap::new();
        for feed in &self.feeds {
            let rows = feed.indicators + feed.allow_rules;
            if rows >= rows_min && !self.is_keyed(&feed.name) {
                by_rows.entry(rows).or_default().push(&feed.name);
            }
        }
        by_rows.retain(|_, feeds| feeds.len() > 1);
        let mut pairs = Vec::new();
        for feeds in by_rows.values() {
            let sums: Vec<ValueSum> = self.sums(feeds);
            for (at, (one, sum)) in feeds.iter().zip(&sums).enumerate() {
                let others = feeds.iter().zip(&sums).skip(at + 1);
                let same = others.filter(|(_, other)| *other == sum);
                pairs.extend(same.map(|(other, _)| (Arc::clone(one), Arc::clone(other))));
            }
        }
        pairs
    }

    /// Whether a feed changes row by row.
    fn is_keyed(&self, feed: &str) -> bool {
        let mut feeds = (self.stack.layers()).flat_map(|stacked| stacked.layer.catalog.feeds());
        feeds.any(|info| info.keyed && &*info.name == feed)
    }

    /// What the values add up to that each of these feeds lists.
    fn sums(&self, feeds: &[&Arc<str>]) -> Vec<ValueSum> {
        let mut sums = vec![ValueSum::default(); feeds.len()];
        for stacked in self.stack.layers() {
            let catalog = &stacked.layer.catalog;
            // By the number of a feed in this layer: its place among those asked for.
            let place = |info: &super::FeedInfo| feeds.iter().position(|feed| **feed == info.name);
            let places: Vec<Option<usize>> = catalog.feeds().iter().map(place).collect();
            if places.iter().all(Option::is_none) {
                continue;
            }
            stacked.layer.each_row(&mut |placed| {
                let feed = catalog.feed_number(placed.row).map(usize::from);
                let place = feed.and_then(|feed| places.get(feed).copied().flatten());
                let sum = place.and_then(|place| sums.get_mut(place));
                let Some(sum) = sum.filter(|_| placed.rule != Rule::Revoked) else {
                    return;
                };
                if stacked.shows(placed.row) && !catalog.is_removed(placed.row) {
                    sum.add(value_sum(&placed.value));
                }
            });
        }
        sums
    }
}
