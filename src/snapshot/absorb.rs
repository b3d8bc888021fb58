//! Layers into one: what is visible of a layer goes into a builder, without a feed being read again.

use std::hint::black_box;

use super::build::{BuildError, FeedId, SnapshotBuilder};
use super::catalog::SetId;
use super::layer::{Layer, Placed, Stacked};
use super::rows::Row;
use super::tables::Class;
use crate::matching::{HashKey, NameHash};
use crate::model::{IndicatorValue, NameList};

/// How many names are looked up together: one wait for memory serves them all.
const TOGETHER: usize = 256;

impl SnapshotBuilder {
    /// Adds all that a snapshot's layer shows. Its feeds are those of this builder if it has them
    /// by name. O(rows), some 300 ns each for a large one.
    ///
    /// # Errors
    /// [`BuildError::Full`] when there is no room.
    pub(super) fn absorb(&mut self, stacked: &Stacked) -> Result<(), BuildError> {
        let layer = &*stacked.layer;
        let mut feeds = Vec::with_capacity(layer.catalog.feeds().len());
        for info in layer.catalog.feeds() {
            let known = self.feed(&info.name);
            feeds.push(known.unwrap_or_else(|| self.add_feed(info.clone())));
        }
        for counts in stacked.counts() {
            let mut own = self.counts.iter_mut();
            if let Some(own) = own.find(|own| own.name == counts.name) {
                own.add_all(&counts);
            }
        }
        for (name, digest) in stacked.digests() {
            let own = self.feed(&name);
            let own = own.and_then(|feed| self.contents.digests.get_mut(usize::from(feed.0)));
            if let Some(own) = own {
                own.add_rows(&digest);
            }
        }
        let mut absorbed = Absorbed {
            key: self.key,
            builder: self,
            layer,
            feeds,
            sets: vec![None; layer.catalog.sets_len()],
            words: Vec::new(),
            names: NameList::default(),
            waiting: Vec::with_capacity(TOGETHER),
            full: false,
        };
        layer.each_row(&mut |placed| {
            if stacked.shows(placed.row) {
                absorbed.take(&placed);
            }
        });
        absorbed.flush();
        if absorbed.full {
            return Err(BuildError::Full);
        }
        Ok(())
    }

    /// The feed with this name.
    pub(super) fn feed(&self, name: &str) -> Option<FeedId> {
        let mut counts = self.counts.iter();
        let number = counts.position(|counts| &*counts.name == name)?;
        u16::try_from(number).ok().map(FeedId)
    }
}

/// A layer on its way into a builder.
struct Absorbed<'b, 'l> {
    key: HashKey,
    builder: &'b mut SnapshotBuilder,
    layer: &'l Layer,
    /// The builder's number of each feed of the layer.
    feeds: Vec<FeedId>,
    /// The builder's number of each set of the layer that was met.
    sets: Vec<Option<SetId>>,
    words: Vec<u8>,
    /// Names whose rows wait.
    names: NameList,
    waiting: Vec<(Placed<'static>, NameHash)>,
    full: bool,
}

impl Absorbed<'_, '_> {
    /// Takes a row; names wait until there are enough of them.
    fn take(&mut self, placed: &Placed<'_>) {
        let IndicatorValue::Name { name, .. } = placed.value else {
            let done = self.place(placed, placed.value, NameHash::default());
            self.full |= done.is_none();
            return;
        };
        let hash = self.key.hash(name);
        self.full |= self.names.push(name).is_none();
        let placed = Placed {
            rule: placed.rule,
            class: Class::Name,
            key: placed.key,
            // Its name is among those that wait.
            value: IndicatorValue::Pattern(""),
            row: placed.row,
        };
        self.waiting.push((placed, hash));
        if self.waiting.len() >= TOGETHER {
            self.flush();
        }
    }

    /// Places the names that wait.
    fn flush(&mut self) {
        let (names, waiting) = (
            std::mem::take(&mut self.names),
            std::mem::take(&mut self.waiting),
        );
        let rules = &self.builder.contents.rules;
        let touched = waiting
            .iter()
            .map(|(placed, hash)| rules.of(placed.rule).touch(*hash));
        black_box(touched.fold(0, |all, one| all ^ one));
        for (place, (placed, hash)) in (0..).zip(&waiting) {
            let done = names.get(place).and_then(|name| {
                let scope = placed.row.scope();
                self.place(placed, IndicatorValue::Name { name, scope }, *hash)
            });
            self.full |= done.is_none();
        }
        (self.names, self.waiting) = (names, waiting);
        self.names.clear();
        self.waiting.clear();
    }

    /// Places a row; `None` when there is no room.
    fn place(
        &mut self,
        placed: &Placed<'_>,
        value: IndicatorValue<'_>,
        hash: NameHash,
    ) -> Option<()> {
        let catalog = &self.layer.catalog;
        let feed = *self
            .feeds
            .get(usize::from(catalog.feed_number(placed.row)?))?;
        let contents = &mut self.builder.contents;
        let set = match self.sets.get_mut(placed.row.set().0 as usize)? {
            Some(set) => *set,
            unknown => {
                let form = catalog.set_form(placed.row, &mut self.words)?;
                *unknown.insert(contents.catalog.set(feed.0, form).ok()?)
            }
        };
        let any_port = contents
            .catalog
            .feeds()
            .get(usize::from(feed.0))?
            .ignore_ports;
        let form = catalog.detail_form(placed.row);
        let detail = contents.catalog.details().add(form).ok()?;
        let tables = contents.rules.tables(placed.rule);
        let (key, rows) = tables.insert(&value, hash, any_port).ok()?;
        if rows.is_full() {
            return None;
        }
        rows.push(key, Row::new(set, placed.row.scope(), detail));
        if !catalog.is_removed(placed.row) {
            contents.samples.offer(feed.0, placed.rule, &value);
        }
        Some(())
    }
}
