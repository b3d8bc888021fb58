//! Handles to the metrics of feeds: what a load came to, and how fresh a feed is, which changes while
//! nothing is loaded.

use std::time::{Duration, SystemTime};

use super::handles::Level;
use super::names::{
    FEED_ACCEPTED, FEED_AGE, FEED_HELD, FEED_LAST_SUCCESS, FEED_REFUSED, FEED_ROWS, FEED_STALE,
};

/// One feed.
pub struct FeedMetrics {
    feed: String,
    rows: Level,
    accepted: Level,
    last_success: Level,
    held: Level,
}

impl FeedMetrics {
    /// Looks up the handles of `feed`.
    pub fn register(feed: &str) -> Self {
        Self {
            feed: feed.to_owned(),
            rows: Level::register(FEED_ROWS, &[feed]),
            accepted: Level::register(FEED_ACCEPTED, &[feed]),
            last_success: Level::register(FEED_LAST_SUCCESS, &[feed]),
            held: Level::register(FEED_HELD, &[feed]),
        }
    }

    /// Publishes whether its last good copy is in use.
    pub fn held(&self, held: bool) {
        self.held.set(u64::from(held));
    }

    /// Publishes a load at `at`: rows, those accepted, and those refused for every reason that
    /// there is (also the reasons with none, so that an old count does not stay).
    pub fn loaded(&self, at: SystemTime, rows: u64, accepted: u64, refused: &[(&str, u64)]) {
        self.rows.set(rows);
        self.accepted.set(accepted);
        for (reason, n) in refused {
            Level::register(FEED_REFUSED, &[&self.feed, reason]).set(*n);
        }
        let since_epoch = at.duration_since(SystemTime::UNIX_EPOCH);
        self.last_success
            .set_fraction(since_epoch.map_or(0.0, |time| time.as_secs_f64()));
    }
}

/// How fresh one feed is.
pub struct FreshnessMetrics {
    age: Level,
    stale: Level,
}

impl FreshnessMetrics {
    /// Looks up the handles of `feed`.
    pub fn register(feed: &str) -> Self {
        Self {
            age: Level::register(FEED_AGE, &[feed]),
            stale: Level::register(FEED_STALE, &[feed]),
        }
    }

    /// Publishes how old it is, to the second, and whether that is too old.
    pub fn set(&self, age: Duration, stale: bool) {
        self.age.set(age.as_secs());
        self.stale.set(u64::from(stale));
    }
}

#[cfg(test)]
mod tests {
    use super::super::prometheus::recorded;
    use super::*;

    #[test]
    fn what_a_feed_held_and_how_fresh_it_is_stands_under_its_name() {
        let ((), text) = recorded(|| {
            let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_767_225_600_500);
            let feed = FeedMetrics::register("operation");
            feed.loaded(at, 12, 10, &[("not_a_value", 2), ("reserved", 0)]);
            let fresh = FreshnessMetrics::register("operation");
            fresh.set(Duration::from_millis(3_600_900), false);
            FreshnessMetrics::register("old").set(Duration::from_secs(864_000), true);
        });
        for line in [
            "gannet_feed_rows{feed=\"operation\"} 12",
            "gannet_feed_accepted{feed=\"operation\"} 10",
            "gannet_feed_refused{feed=\"operation\",reason=\"not_a_value\"} 2",
            "gannet_feed_last_success_timestamp_seconds{feed=\"operation\"} 1767225600.5",
            "gannet_feed_age_seconds{feed=\"operation\"} 3600",
            "gannet_feed_stale{feed=\"operation\"} 0",
            "gannet_feed_age_seconds{feed=\"old\"} 864000",
            "gannet_feed_stale{feed=\"old\"} 1",
        ] {
            assert!(text.lines().any(|other| other == line), "{line}\n{text}");
        }
    }
}
