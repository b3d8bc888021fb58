//! What indicators mean: feeds, words, attribute sets and details, each kept once. A row of a
//! plain feed names one attribute set and has nothing of its own.

use std::sync::Arc;

use hashbrown::HashMap;

use super::build::FeedInfo;
use super::detail::{Detail, Details, DetailsFull, cut};
use super::rows::Row;
use crate::model::{EventTime, Indicator, IndicatorState, MatchedIndicator, Role};

/// The number of an attribute set: below 2^30.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SetId(pub(super) u32);

/// Most tags kept of one indicator; more are left out.
pub(super) const TAGS_MAX: usize = 64;

/// What many indicators of a feed have in common.
#[derive(Clone, Copy, Debug)]
struct AttributeSet {
    feed: u16,
    role: Role,
    state: IndicatorState,
    confidence: u8,
    /// The number of the word, plus one; 0 for none.
    malware: u32,
    tags_start: u32,
    tags_len: u16,
}

/// The meaning of rows.
#[derive(Debug, Default)]
pub(super) struct Catalog {
    feeds: Vec<FeedInfo>,
    words: Vec<Arc<str>>,
    sets: Vec<AttributeSet>,
    /// The tags of all sets, as numbers of words.
    tags: Vec<u32>,
    details: Details,
}

/// Whether a row is valid at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Validity {
    /// It is.
    Valid,
    /// It will be.
    NotYet,
    /// It was, beyond its feed's grace too.
    Expired,
}

impl Catalog {
    /// The feed of a row.
    pub(super) fn feed(&self, row: Row) -> Option<&FeedInfo> {
        let set = self.set(row)?;
        self.feeds.get(usize::from(set.feed))
    }

    /// Whether a row is valid at `at`; always, if no instant is given.
    pub(super) fn validity(&self, row: Row, at: Option<EventTime>) -> Validity {
        let Some(at) = at else {
            return Validity::Valid;
        };
        let detail = self.details.read(row.detail);
        if detail.valid_from.is_some_and(|from| at < from) {
            return Validity::NotYet;
        }
        let expired = detail.valid_until.is_some_and(|until| {
            let grace = self
                .feed(row)
                .map_or_else(Default::default, |feed| feed.grace);
            at >= until.saturating_add(grace)
        });
        if expired {
            Validity::Expired
        } else {
            Validity::Valid
        }
    }

    /// A row of the key `value` as a hit shows it.
    pub(super) fn indicator(&self, row: Row, value: &str) -> Option<MatchedIndicator> {
        let set = self.set(row)?;
        let feed = self.feed(row)?;
        let detail = self.details.read(row.detail);
        let word = |number: u32| self.words.get(number as usize).cloned();
        let tags = self.tags.get(set.tags_start as usize..).unwrap_or_default();
        Some(MatchedIndicator {
            feed: feed.name.clone(),
            id: detail.id.map(str::to_owned),
            written: detail.written.unwrap_or(value).to_owned(),
            role: set.role,
            malware: set.malware.checked_sub(1).and_then(word),
            confidence: set.confidence,
            valid_from: detail.valid_from,
            valid_until: detail.valid_until,
            state: set.state,
            victim_direction: feed.victim.unwrap_or_else(|| set.role.victim_direction()),
            reference: detail.reference.map(str::to_owned),
            tags: tags
                .iter()
                .take(usize::from(set.tags_len))
                .filter_map(|&number| word(number))
                .collect(),
        })
    }

    /// Memory, in bytes.
    pub(super) fn bytes(&self) -> usize {
        // A word costs its text, two counters and the pointer to it.
        let words: usize = self.words.iter().map(|word| word.len() + 32).sum();
        words
            + self.sets.capacity() * size_of::<AttributeSet>()
            + 4 * self.tags.capacity()
            + self.details.bytes()
            + self.feeds.capacity() * size_of::<FeedInfo>()
    }

    fn set(&self, row: Row) -> Option<AttributeSet> {
        self.sets.get(row.set().0 as usize).copied()
    }
}

/// Collects the meaning of rows. No allocation for a row whose words were seen before.
#[derive(Debug, Default)]
pub(super) struct CatalogBuilder {
    catalog: Catalog,
    /// Words are chosen by strangers: the map's hash has a random key.
    word_ids: HashMap<Arc<str>, u32>,
    /// Sets by all that is in them, as numbers.
    set_ids: HashMap<Box<[u32]>, SetId>,
    /// The set at hand, and the last one with its number.
    wanted: Vec<u32>,
    last: Option<(Vec<u32>, SetId)>,
}

impl CatalogBuilder {
    /// The feeds so far.
    pub(super) fn feeds(&self) -> &[FeedInfo] {
        &self.catalog.feeds
    }

    /// Adds a feed.
    pub(super) fn push_feed(&mut self, feed: FeedInfo) {
        self.catalog.feeds.push(feed);
    }

    /// The set of what `indicator` shares with others of the feed with this number.
    pub(super) fn set(
        &mut self,
        feed: u16,
        indicator: &Indicator<'_>,
    ) -> Result<SetId, DetailsFull> {
        let malware = match indicator.malware {
            Some(malware) => self.word(malware)? + 1,
            None => 0,
        };
        self.wanted.clear();
        self.wanted.extend([
            u32::from(feed),
            indicator.role as u32,
            indicator.state as u32,
            u32::from(indicator.confidence),
            malware,
        ]);
        for tag in indicator.tags.iter().take(TAGS_MAX) {
            let tag = self.word(tag)?;
            self.wanted.push(tag);
        }
        if let Some((last, id)) = &self.last
            && *last == self.wanted
        {
            return Ok(*id);
        }
        let id = match self.set_ids.get(self.wanted.as_slice()) {
            Some(&id) => id,
            None => self.push_set(feed, indicator, malware)?,
        };
        let (last, last_id) = self.last.get_or_insert_with(|| (Vec::new(), id));
        last.clone_from(&self.wanted);
        *last_id = id;
        Ok(id)
    }

    /// What is `indicator`'s own, given the canonical form of its value.
    pub(super) fn detail<'a>(indicator: &Indicator<'a>, value: &str) -> Detail<'a> {
        let written = cut(indicator.written);
        Detail {
            id: indicator.id.map(cut),
            written: (written != value).then_some(written),
            reference: indicator.reference.map(cut),
            valid_from: indicator.valid_from,
            valid_until: indicator.valid_until,
        }
    }

    /// The details, to read and to add.
    pub(super) fn details(&mut self) -> &mut Details {
        &mut self.catalog.details
    }

    /// The catalog.
    pub(super) fn build(mut self) -> Catalog {
        self.catalog.details.shrink();
        self.catalog.sets.shrink_to_fit();
        self.catalog.tags.shrink_to_fit();
        self.catalog.words.shrink_to_fit();
        self.catalog
    }

    /// Adds the set that `wanted` describes.
    fn push_set(
        &mut self,
        feed: u16,
        indicator: &Indicator<'_>,
        malware: u32,
    ) -> Result<SetId, DetailsFull> {
        let id = u32::try_from(self.catalog.sets.len()).map_err(|_| DetailsFull)?;
        let tags = self.wanted.get(SET_FIELDS..).unwrap_or_default();
        let tags_start = u32::try_from(self.catalog.tags.len()).map_err(|_| DetailsFull)?;
        if id >> 30 != 0 {
            return Err(DetailsFull);
        }
        self.catalog.sets.push(AttributeSet {
            feed,
            role: indicator.role,
            state: indicator.state,
            confidence: indicator.confidence,
            malware,
            tags_start,
            tags_len: u16::try_from(tags.len()).unwrap_or(u16::MAX),
        });
        self.catalog.tags.extend_from_slice(tags);
        self.set_ids
            .insert(self.wanted.as_slice().into(), SetId(id));
        Ok(SetId(id))
    }

    /// The number of a word, cut if it is very long.
    fn word(&mut self, word: &str) -> Result<u32, DetailsFull> {
        let word = cut(word);
        if let Some(&id) = self.word_ids.get(word) {
            return Ok(id);
        }
        let id = u32::try_from(self.catalog.words.len()).map_err(|_| DetailsFull)?;
        if id >= u32::MAX - 1 {
            return Err(DetailsFull);
        }
        let word: Arc<str> = word.into();
        self.catalog.words.push(Arc::clone(&word));
        self.word_ids.insert(word, id);
        Ok(id)
    }
}

/// How many numbers of a described set stand before its tags.
const SET_FIELDS: usize = 5;
