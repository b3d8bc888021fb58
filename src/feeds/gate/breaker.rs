//! The breaker: watches what every indicator and every feed hits, and mutes one that suddenly hits
//! far too much. It is there for the list that looked harmless when it was tried on a sample.
//!
//! *When it trips.* Within a window that slides by tenths, an indicator of a feed that changed a short
//! while ago (`watch`) has at least `hits_min` hits, which are more than its limit lets it have of the
//! window's events, and more than ten times its share of before that change. A feed trips likewise by the hits of all its
//! indicators, without those that are muted or released: when one value explains it, only that value
//! is muted. Whoever hits twice its limit is found within half a window.
//!
//! *What is before.* [`Breaker::swapped`] makes the shares of the window what was before, unless the
//! change before that one is less than a window ago: what nobody has watched for a whole window is not
//! yet usual, and two changes in a row must not make it so. What is muted is never usual. What explodes
//! without a change of its feed is an outbreak, and nothing to be muted; nor is a feed judged that has
//! not changed since the start, of which there is no before.
//!
//! *What an operator decides stays.* A muted value or feed stays muted, over changes of the snapshot
//! too, until [`Breaker::release`]: a list that was poisoned once is not trusted by itself. What was
//! released is never muted again by the breaker, over changes too, since an operator looked at it and
//! does not want to be asked again every time that feeds are fetched; [`Breaker::mute`] mutes it,
//! [`Breaker::forget`] has it judged like everything else. A released feed is exempt as a feed; its
//! single values are still judged, each by itself.
//!
//! Counts are bounded, and never too high: it never trips on less than the rule says, and misses
//! hits only up to the part `1 / VALUES_KEPT` of all. Pure: the clock is an argument.

mod baseline;
mod trip;
mod window;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::heavy::{Pair, PairRef};
use super::limits::{HitLimits, Share};
use super::subject::{Muted, Subject};

pub use trip::Trip;

use baseline::Baseline;
use window::Window;

/// When the breaker trips.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerOptions {
    /// What an indicator and a feed may hit.
    pub limits: HitLimits,
    /// Over how long hits are counted.
    pub window: Duration,
    /// Fewer hits in a window are chance.
    pub hits_min: u64,
    /// How long after a change of a feed what it lists is judged.
    pub watch: Duration,
}

impl Default for BreakerOptions {
    fn default() -> Self {
        Self {
            limits: HitLimits::default(),
            window: Duration::from_secs(10),
            hits_min: 2_000,
            watch: Duration::from_secs(600),
        }
    }
}

/// What was hit of late, and what is muted for it.
#[derive(Clone, Debug)]
pub struct Breaker {
    options: BreakerOptions,
    window: Window,
    baseline: Baseline,
    /// The last change of the snapshot, or the first observation.
    changed_at: Option<Instant>,
    /// The feeds that changed of late, and when.
    changed: BTreeMap<String, Instant>,
    muted: Muted,
    released: Muted,
}

/// Most values that are muted; if one more trips, its feed is muted.
pub const MUTED_VALUES_MAX: usize = 10_000;

impl Breaker {
    /// A breaker that has seen nothing: everything is new to it.
    pub fn new(options: BreakerOptions) -> Self {
        Self {
            window: Window::new(options.window),
            options,
            baseline: Baseline::default(),
            changed_at: None,
            changed: BTreeMap::new(),
            muted: Muted::default(),
            released: Muted::default(),
        }
    }

    /// Counts events, and hits by value and feed: those of a value that several feeds list are told
    /// for each of them. Hits on what is muted may be told too. What trips is muted at once, indicators
    /// first, those with the most hits before others.
    ///
    /// Meant for the sums of many batches, some times a second: O(hits, and indicators hit in the
    /// newest tenth of the window).
    pub fn observe<'h>(
        &mut self,
        now: Instant,
        events: u64,
        hits: impl IntoIterator<Item = (&'h str, &'h str, u64)>,
    ) -> Vec<Trip> {
        self.changed_at.get_or_insert(now);
        self.window.advance(now);
        let watch = self.options.watch;
        self.changed
            .retain(|_, since| now.saturating_duration_since(*since) < watch);
        self.window.add_events(events);
        for (value, feed, count) in hits {
            self.window.add_hits(PairRef { value, feed }, count);
            if !self.muted.has_value(value) && !self.released.has_value(value) {
                self.window.add_feed_hits(feed, count);
            }
        }
        let mut trips = self.trip_values();
        trips.extend(self.trip_feeds());
        trips
    }

    /// A new snapshot was published, in which these feeds have changed: what is usual is what was hit
    /// until now.
    pub fn swapped(&mut self, now: Instant, changed: impl IntoIterator<Item = String>) {
        let changed = changed.into_iter().map(|feed| (feed, now));
        self.changed.extend(changed);
        self.window.advance(now);
        let since = self.changed_at.replace(now);
        let watched =
            since.is_some_and(|since| now.saturating_duration_since(since) >= self.options.window);
        if watched && self.window.events() > 0 {
            self.baseline = Baseline::of(&self.window, &self.muted, self.options.limits);
        }
    }

    /// What is muted.
    pub fn muted(&self) -> &Muted {
        &self.muted
    }

    /// What an operator does not want to be muted.
    pub fn released(&self) -> &Muted {
        &self.released
    }

    /// Mutes what an operator wants to be muted, or what was muted before a restart.
    pub fn mute(&mut self, subject: Subject) {
        self.leave_out(&subject);
        self.released.remove(&subject);
        self.muted.insert(subject);
    }

    /// Ends a mute, and exempts from now on.
    pub fn release(&mut self, subject: Subject) {
        self.leave_out(&subject);
        self.muted.remove(&subject);
        self.released.insert(subject);
    }

    /// Ends a mute or an exemption: it is judged like everything else again.
    pub fn forget(&mut self, subject: &Subject) {
        self.muted.remove(subject);
        self.released.remove(subject);
    }

    /// Takes the hits of a value out of those of its feeds, unless they are already.
    fn leave_out(&mut self, subject: &Subject) {
        if let Subject::Value(value) = subject
            && !self.muted.has_value(value)
            && !self.released.has_value(value)
        {
            self.window.leave_out(value);
        }
    }

    /// Mutes every value that hits too much.
    fn trip_values(&mut self) -> Vec<Trip> {
        let mut found: Vec<(Share, Pair)> = Vec::new();
        for pair in self.window.newest_pairs() {
            let spoken_for =
                self.muted.mutes(&pair.value, &pair.feed) || self.released.has_value(&pair.value);
            if spoken_for || !self.changed.contains_key(&*pair.feed) {
                continue;
            }
            let now = self.share(self.window.hits(pair.as_ref()));
            let before = self.baseline.value(&pair.value);
            if self.is_too_much(now, before, self.options.limits.indicator_hits_max) {
                found.push((now, pair.clone()));
            }
        }
        found.sort_by(|(a, a_pair), (b, b_pair)| b.hits.cmp(&a.hits).then(a_pair.cmp(b_pair)));
        let mut trips = Vec::with_capacity(found.len());
        for (now, pair) in found {
            // Another feed that lists the value may have come first.
            if self.muted.mutes(&pair.value, &pair.feed) {
                continue;
            }
            let muted = if self.muted.values_len() < MUTED_VALUES_MAX {
                Subject::Value(pair.value.to_string())
            } else {
                Subject::Feed(pair.feed.to_string())
            };
            self.leave_out(&muted);
            self.muted.insert(muted.clone());
            trips.push(Trip {
                muted,
                before: self.baseline.value(&pair.value),
                value: Some(pair.value.into_string()),
                feed: pair.feed.into_string(),
                now,
                limit: self.options.limits.indicator_hits_max,
                window: self.options.window,
            });
        }
        trips
    }

    /// Mutes every feed that hits too much without a value that explains it.
    fn trip_feeds(&mut self) -> Vec<Trip> {
        let mut trips = Vec::new();
        for feed in self.window.newest_feeds() {
            let spoken_for = self.muted.has_feed(feed) || self.released.has_feed(feed);
            if spoken_for || !self.changed.contains_key(feed) {
                continue;
            }
            let now = self.share(self.window.feed_hits(feed));
            let before = self.baseline.feed(feed);
            if self.is_too_much(now, before, self.options.limits.feed_hits_max) {
                trips.push(Trip {
                    muted: Subject::Feed(feed.to_owned()),
                    value: None,
                    feed: feed.to_owned(),
                    before,
                    now,
                    limit: self.options.limits.feed_hits_max,
                    window: self.options.window,
                });
            }
        }
        for trip in &trips {
            self.muted.insert(trip.muted.clone());
        }
        trips
    }

    /// So many hits of the window's events.
    fn share(&self, hits: u64) -> Share {
        let of = self.window.events();
        Share { hits, of }
    }

    /// The rule.
    fn is_too_much(&self, now: Share, before: Share, limit: u32) -> bool {
        now.hits >= self.options.hits_min && now.exceeds(limit) && now.outgrows(before)
    }
}

#[cfg(test)]
mod tests;
