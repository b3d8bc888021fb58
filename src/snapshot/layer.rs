//! A layer of a snapshot: what some feeds list, compiled once and never changed, with what later
//! layers hide of it.

use std::sync::Arc;

use hashbrown::HashSet;

use super::catalog::Catalog;
use super::counts::FeedCounts;
use super::digest::{FeedDigest, RowDigest, RowHasher};
use super::ids::IdIndex;
use super::rows::Row;
use super::samples::Sample;
use super::tables::{Class, Tables};
use crate::matching::KeyId;
use crate::model::{IndicatorValue, NAME_LEN_MAX, Scope};

/// What some feeds list.
#[derive(Debug)]
pub struct Layer {
    /// What became of each feed's rows, by the number of the feed.
    pub(super) feeds: Vec<FeedCounts>,
    /// The hash of each feed's content.
    pub(super) digests: Vec<FeedDigest>,
    pub(super) catalog: Catalog,
    /// What matches.
    pub(super) listed: Tables,
    /// What must not match.
    pub(super) allowed: Tables,
    /// What its feed withdrew: never matches, but a lookup can say so.
    pub(super) revoked: Tables,
    /// Where the rows of feeds are that change row by row.
    pub(super) ids: IdIndex,
    /// Rows that are in it, for the self-test.
    pub(super) samples: Vec<Sample>,
    /// What is planted in it.
    pub(super) planted: Vec<&'static str>,
}

/// What a row does, which says in which tables it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Rule {
    /// It matches.
    Listed,
    /// It keeps others from matching.
    Allowed,
    /// It was withdrawn.
    Revoked,
}

impl Rule {
    /// All of them.
    pub(super) const ALL: [Self; 3] = [Self::Listed, Self::Allowed, Self::Revoked];
}

/// A row of a layer with what it lists.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed<'l> {
    pub(super) rule: Rule,
    pub(super) class: Class,
    pub(super) key: KeyId,
    /// With the scope of this row.
    pub(super) value: IndicatorValue<'l>,
    pub(super) row: Row,
}

/// A layer in a snapshot: the layer, which other snapshots may share, and what this one hides of it.
#[derive(Clone, Debug)]
pub(super) struct Stacked {
    pub(super) layer: Arc<Layer>,
    pub(super) hidden: Arc<Hidden>,
}

/// The layers of a snapshot.
#[derive(Clone, Debug)]
pub(super) struct Stack {
    /// Nearly all of it.
    pub(super) base: Stacked,
    /// What has changed since that was built, the newest last.
    pub(super) upper: Vec<Stacked>,
}

/// What is hidden of a layer.
#[derive(Clone, Debug, Default)]
pub(super) struct Hidden {
    /// Feeds of which a newer version stands in a later layer, by their numbers.
    feeds: HashSet<u16>,
    /// Rows that were replaced or removed one by one, by feed and id.
    ids: HashSet<(u16, Box<str>)>,
    /// What those rows add to the hash and the counts of their feeds, each once.
    rows: Vec<HiddenRow>,
}

/// A row that is hidden by its id.
#[derive(Clone, Copy, Debug)]
pub(super) struct HiddenRow {
    pub(super) feed: u16,
    pub(super) rule: Rule,
    /// Whether it was one that its feed no longer lists.
    pub(super) removed: bool,
    pub(super) digest: RowDigest,
}

impl Layer {
    /// The tables of a rule.
    pub(super) fn tables(&self, rule: Rule) -> &Tables {
        match rule {
            Rule::Listed => &self.listed,
            Rule::Allowed => &self.allowed,
            Rule::Revoked => &self.revoked,
        }
    }

    /// Memory, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.catalog.bytes()
            + self.listed.bytes()
            + self.allowed.bytes()
            + self.revoked.bytes()
            + self.ids.bytes()
    }

    /// How many rows there are, hidden ones too.
    pub fn rows(&self) -> u64 {
        self.listed.len() + self.allowed.len() + self.revoked.len()
    }

    /// The number of the feed with this name.
    pub(super) fn feed(&self, name: &str) -> Option<u16> {
        let mut feeds = self.catalog.feeds().iter();
        let number = feeds.position(|feed| &*feed.name == name)?;
        u16::try_from(number).ok()
    }

    /// Hands out every row, key by key.
    pub(super) fn each_row(&self, take: &mut dyn FnMut(Placed<'_>)) {
        for rule in Rule::ALL {
            let tables = self.tables(rule);
            tables.each_key(&mut |class, key, value| {
                for row in tables.rows(class, key) {
                    take(Placed {
                        rule,
                        class,
                        key,
                        value: with_scope(value, row.scope()),
                        row,
                    });
                }
            });
        }
    }

    /// Hands out the rows with these ids of a feed that changes row by row. O(ids), and O(keys)
    /// if an address is among what they list.
    pub(super) fn rows_with_ids(
        &self,
        feed: u16,
        ids: &HashSet<&str>,
        take: &mut dyn FnMut(Placed<'_>),
    ) {
        let mut addresses: HashSet<(Rule, Class, KeyId)> = HashSet::new();
        let is_one = |row: Row| {
            self.catalog.feed_number(row) == Some(feed)
                && (self.catalog.detail(row).id).is_some_and(|id| ids.contains(id))
        };
        let mut keys: Vec<(Rule, Class, KeyId)> =
            ids.iter().flat_map(|id| self.ids.find(id)).collect();
        keys.sort_unstable();
        keys.dedup();
        for (rule, class, key) in keys {
            let tables = self.tables(rule);
            let mut scratch = [0; NAME_LEN_MAX];
            let Some(value) = tables.text_value(class, key, &mut scratch) else {
                addresses.insert((rule, class, key));
                continue;
            };
            for row in tables.rows(class, key).filter(|&row| is_one(row)) {
                take(Placed {
                    rule,
                    class,
                    key,
                    value: with_scope(value, row.scope()),
                    row,
                });
            }
        }
        if addresses.is_empty() {
            return;
        }
        for rule in Rule::ALL {
            let tables = self.tables(rule);
            tables.each_address(&mut |class, key, value| {
                if addresses.contains(&(rule, class, key)) {
                    for row in tables.rows(class, key).filter(|&row| is_one(row)) {
                        take(Placed {
                            rule,
                            class,
                            key,
                            value,
                            row,
                        });
                    }
                }
            });
        }
    }

    /// The hash of a row.
    pub(super) fn digest(&self, placed: &Placed<'_>) -> RowDigest {
        let mut words = Vec::new();
        let feed = self.catalog.feed(placed.row).map_or("", |feed| &feed.name);
        let form = self.catalog.set_form(placed.row, &mut words);
        form.map_or_else(RowDigest::default, |form| {
            let detail = self.catalog.detail_form(placed.row);
            RowHasher::new(feed).hash(form, &placed.value, detail)
        })
    }
}

impl Stacked {
    /// A layer of which nothing is hidden.
    pub(super) fn new(layer: Layer) -> Self {
        Self {
            layer: Arc::new(layer),
            hidden: Arc::default(),
        }
    }

    /// Whether a row of the layer is not hidden.
    pub(super) fn shows(&self, row: Row) -> bool {
        let hidden = &*self.hidden;
        if hidden.feeds.is_empty() && hidden.ids.is_empty() {
            return true;
        }
        let catalog = &self.layer.catalog;
        let Some(feed) = catalog.feed_number(row) else {
            return false;
        };
        if hidden.feeds.contains(&feed) {
            return false;
        }
        let info = catalog.feeds().get(usize::from(feed));
        if hidden.ids.is_empty() || !info.is_some_and(|feed| feed.keyed) {
            return true;
        }
        let id = catalog.detail(row).id;
        id.is_none_or(|id| !hidden.ids.contains(&(feed, id.into())))
    }

    /// Whether a feed of the layer is not hidden as a whole.
    pub(super) fn shows_feed(&self, feed: u16) -> bool {
        !self.hidden.feeds.contains(&feed)
    }

    /// Whether single rows of a feed are hidden.
    pub(super) fn hides_rows_of(&self, feed: u16) -> bool {
        self.hidden.ids.iter().any(|(of, _)| *of == feed)
    }

    /// Hides all rows of a feed; what was hidden of it one by one no longer counts.
    pub(super) fn hide_feed(&mut self, name: &str) {
        let Some(feed) = self.layer.feed(name) else {
            return;
        };
        let hidden = Arc::make_mut(&mut self.hidden);
        hidden.feeds.insert(feed);
        hidden.ids.retain(|(of, _)| *of != feed);
        hidden.rows.retain(|row| row.feed != feed);
    }

    /// Hides the rows of a feed that have these ids; hands out those that were not hidden before.
    pub(super) fn hide_ids(
        &mut self,
        name: &str,
        ids: &HashSet<&str>,
        take: &mut dyn FnMut(&Layer, Placed<'_>),
    ) {
        let Some(feed) = self.layer.feed(name).filter(|&feed| self.shows_feed(feed)) else {
            return;
        };
        let layer = Arc::clone(&self.layer);
        let mut found: Vec<(Box<str>, HiddenRow)> = Vec::new();
        layer.rows_with_ids(feed, ids, &mut |placed| {
            if !self.shows(placed.row) {
                return;
            }
            take(&layer, placed);
            let id = layer.catalog.detail(placed.row).id.unwrap_or_default();
            let row = HiddenRow {
                feed,
                rule: placed.rule,
                removed: layer.catalog.is_removed(placed.row),
                digest: layer.digest(&placed),
            };
            found.push((id.into(), row));
        });
        let hidden = Arc::make_mut(&mut self.hidden);
        for (id, row) in found {
            hidden.ids.insert((feed, id));
            hidden.rows.push(row);
        }
    }

    /// The feeds that are hidden here and were not in `then`, an earlier state of the same layer.
    pub(super) fn feeds_hidden_since(&self, then: &Self) -> Vec<Arc<str>> {
        let new = self.hidden.feeds.difference(&then.hidden.feeds);
        let names = new.filter_map(|&feed| self.feed_name(feed));
        names.collect()
    }

    /// The same of rows, by the names of their feeds and their ids.
    pub(super) fn ids_hidden_since(&self, then: &Self) -> Vec<(Arc<str>, Box<str>)> {
        let new = self.hidden.ids.difference(&then.hidden.ids);
        let ids = new.filter_map(|(feed, id)| Some((self.feed_name(*feed)?, id.clone())));
        ids.collect()
    }

    /// The name of a feed.
    fn feed_name(&self, feed: u16) -> Option<Arc<str>> {
        let info = self.layer.catalog.feeds().get(usize::from(feed));
        info.map(|info| Arc::clone(&info.name))
    }

    /// What is counted of each feed that is not hidden, without its hidden rows.
    pub(super) fn counts(&self) -> impl Iterator<Item = FeedCounts> {
        let shown = (0..).zip(&self.layer.feeds);
        let shown = shown.filter(|&(feed, _)| self.shows_feed(feed));
        shown.map(|(feed, counts)| {
            let mut counts = counts.clone();
            for row in self.hidden.rows.iter().filter(|row| row.feed == feed) {
                counts.subtract(row);
            }
            counts
        })
    }

    /// The hash of each feed that is not hidden, without its hidden rows, and the feed's name.
    pub(super) fn digests(&self) -> impl Iterator<Item = (Arc<str>, FeedDigest)> {
        let shown = (0..).zip(self.layer.feeds.iter().zip(&self.layer.digests));
        let shown = shown.filter(|&(feed, _)| self.shows_feed(feed));
        shown.map(|(feed, (counts, digest))| {
            let mut digest = digest.clone();
            for row in self.hidden.rows.iter().filter(|row| row.feed == feed) {
                digest.subtract(row.digest);
            }
            (Arc::clone(&counts.name), digest)
        })
    }
}

impl Stack {
    /// The layers, the oldest first.
    pub(super) fn layers(&self) -> impl Iterator<Item = &Stacked> + Clone {
        std::iter::once(&self.base).chain(&self.upper)
    }

    /// The same, to hide things in.
    pub(super) fn layers_mut(&mut self) -> impl Iterator<Item = &mut Stacked> {
        std::iter::once(&mut self.base).chain(&mut self.upper)
    }
}

/// The same value with another scope, if it is a name.
pub(super) fn with_scope(value: IndicatorValue<'_>, scope: Scope) -> IndicatorValue<'_> {
    match value {
        IndicatorValue::Name { name, .. } => IndicatorValue::Name { name, scope },
        IndicatorValue::Pattern(_)
        | IndicatorValue::Prefix(_)
        | IndicatorValue::Endpoint { .. } => value,
    }
}
