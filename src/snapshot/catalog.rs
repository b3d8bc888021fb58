//! What indicators mean: feeds, words, attribute sets and details, each kept once. A row of a
//! plain feed names one attribute set and has nothing of its own.

use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashMap;

use super::build::FeedInfo;
use super::detail::{Detail, Details, DetailsFull, cut, read_text};
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
    /// Whether its feed lists it no longer.
    removed: bool,
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
            let grace = match (self.set(row), self.feed(row)) {
                (Some(set), Some(feed)) if !set.removed => feed.grace,
                _ => Duration::ZERO,
            };
            at >= until.saturating_add(grace)
        });
        if expired {
            Validity::Expired
        } else {
            Validity::Valid
        }
    }

    /// The number of a row's feed.
    pub(super) fn feed_number(&self, row: Row) -> Option<u16> {
        self.set(row).map(|set| set.feed)
    }

    /// Whether its feed lists a row no longer.
    pub(super) fn is_removed(&self, row: Row) -> bool {
        self.set(row).is_some_and(|set| set.removed)
    }

    /// The feeds, in the order of their numbers.
    pub(super) fn feeds(&self) -> &[FeedInfo] {
        &self.feeds
    }

    /// How many attribute sets there are.
    pub(super) fn sets_len(&self) -> usize {
        self.sets.len()
    }

    /// What is a row's own.
    pub(super) fn detail(&self, row: Row) -> Detail<'_> {
        self.details.read(row.detail)
    }

    /// The same in the form in which it is kept.
    pub(super) fn detail_form(&self, row: Row) -> &[u8] {
        self.details.form(row.detail)
    }

    /// The form of a row's set, with its words in `words`, as [`SetForm::write`] made it.
    pub(super) fn set_form<'w>(&self, row: Row, words: &'w mut Vec<u8>) -> Option<SetForm<'w>> {
        let set = self.set(row)?;
        let word = |number: u32| self.words.get(number as usize).map_or("", |word| word);
        let tags = self.tags.get(set.tags_start as usize..).unwrap_or_default();
        let tags = tags.iter().take(usize::from(set.tags_len));
        SetForm::write_words(
            set.malware.checked_sub(1).map(word),
            tags.map(|&number| word(number)),
            words,
        );
        Some(SetForm {
            role: set.role,
            state: set.state,
            confidence: set.confidence,
            removed: set.removed,
            words,
        })
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

/// Collects the meaning of rows. No allocation for a row whose set was seen before.
#[derive(Debug, Default)]
pub(super) struct CatalogBuilder {
    catalog: Catalog,
    /// Words are chosen by strangers: the map's hash has a random key.
    word_ids: HashMap<Arc<str>, u32>,
    /// Sets by their feed and their [`SetForm`].
    set_ids: HashMap<Box<[u8]>, SetId>,
    /// The set at hand, and the last one with its number.
    wanted: Vec<u8>,
    last: Option<(Vec<u8>, SetId)>,
}

/// An attribute set without its feed, as bytes: equal sets of one feed have equal forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SetForm<'a> {
    /// What it is used for.
    pub(super) role: Role,
    /// What became of it.
    pub(super) state: IndicatorState,
    /// 0 to 100.
    confidence: u8,
    /// Whether its feed lists it no longer: then it ends without the feed's grace.
    pub(super) removed: bool,
    /// Whether there is a malware family, then it and the tags, each after its length.
    words: &'a [u8],
}

impl<'a> SetForm<'a> {
    /// The form of the set of `indicator`, in `words`.
    pub(super) fn write(indicator: &Indicator<'_>, words: &'a mut Vec<u8>) -> Self {
        let tags = indicator.tags.iter().take(TAGS_MAX).copied();
        Self::write_words(indicator.malware, tags, words);
        Self {
            role: indicator.role,
            state: indicator.state,
            confidence: indicator.confidence,
            removed: false,
            words,
        }
    }

    /// Writes the words of a set.
    fn write_words<'t>(
        malware: Option<&'t str>,
        tags: impl Iterator<Item = &'t str>,
        words: &mut Vec<u8>,
    ) {
        words.clear();
        for word in malware.into_iter().chain(tags) {
            if words.is_empty() {
                words.push(u8::from(malware.is_some()));
            }
            let word = cut(word);
            let len = u16::try_from(word.len()).unwrap_or(u16::MAX);
            words.extend_from_slice(&len.to_le_bytes());
            words.extend_from_slice(word.as_bytes());
        }
    }

    /// The same set with its words elsewhere.
    pub(super) fn with_words<'b>(self, words: &'b [u8]) -> SetForm<'b> {
        SetForm {
            role: self.role,
            state: self.state,
            confidence: self.confidence,
            removed: self.removed,
            words,
        }
    }

    /// Its words.
    pub(super) fn words(self) -> &'a [u8] {
        self.words
    }

    /// Appends all of it as bytes, which the hash of the snapshot takes in.
    pub(super) fn append(self, bytes: &mut Vec<u8>) {
        // No confidence is above 100.
        let confidence = self.confidence | u8::from(self.removed) << 7;
        bytes.extend([self.role as u8, self.state as u8, confidence]);
        bytes.extend_from_slice(self.words);
    }

    /// The malware family and the tags.
    fn read(self) -> (Option<&'a str>, impl Iterator<Item = &'a str>) {
        let (&has_malware, mut rest) = self.words.split_first().unwrap_or((&0, &[]));
        let malware = (has_malware != 0).then(|| read_text(&mut rest));
        let tags = std::iter::from_fn(move || (!rest.is_empty()).then(|| read_text(&mut rest)));
        (malware, tags)
    }
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

    /// The number of a set of the feed with this number.
    pub(super) fn set(&mut self, feed: u16, form: SetForm<'_>) -> Result<SetId, DetailsFull> {
        self.wanted.clear();
        self.wanted.extend(feed.to_le_bytes());
        form.append(&mut self.wanted);
        if let Some((last, id)) = &self.last
            && *last == self.wanted
        {
            return Ok(*id);
        }
        let id = match self.set_ids.get(self.wanted.as_slice()) {
            Some(&id) => id,
            None => self.push_set(feed, form)?,
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

    /// The number of the feed of a row.
    pub(super) fn feed_number(&self, row: Row) -> Option<u16> {
        self.catalog.feed_number(row)
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
    fn push_set(&mut self, feed: u16, form: SetForm<'_>) -> Result<SetId, DetailsFull> {
        let (malware, tags) = form.read();
        let malware = match malware {
            Some(malware) => self.word(malware)? + 1,
            None => 0,
        };
        let id = u32::try_from(self.catalog.sets.len()).map_err(|_| DetailsFull)?;
        let tags_start = u32::try_from(self.catalog.tags.len()).map_err(|_| DetailsFull)?;
        if id >> 30 != 0 {
            return Err(DetailsFull);
        }
        for tag in tags {
            let tag = self.word(tag)?;
            self.catalog.tags.push(tag);
        }
        let tags_len = self.catalog.tags.len() - tags_start as usize;
        self.catalog.sets.push(AttributeSet {
            feed,
            role: form.role,
            state: form.state,
            confidence: form.confidence,
            removed: form.removed,
            malware,
            tags_start,
            tags_len: u16::try_from(tags_len).unwrap_or(u16::MAX),
        });
        self.set_ids
            .insert(self.wanted.as_slice().into(), SetId(id));
        Ok(SetId(id))
    }

    /// The number of a word.
    fn word(&mut self, word: &str) -> Result<u32, DetailsFull> {
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
