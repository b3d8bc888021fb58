//! What a candidate snapshot would suddenly hit in recent traffic: the rule that finds a poisoned
//! list of which no row is known to be harmless.

use std::fmt::{self, Display, Formatter};

use super::exposure::Exposure;
use super::limits::{Grouped, HitLimits, LIMITS_OF, Share};

/// Something that a candidate would hit far too often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explosion {
    /// What.
    pub what: Exploded,
    /// What the snapshot in use hits.
    pub before: Share,
    /// What the candidate would hit.
    pub now: Share,
    /// What it may hit, of [`LIMITS_OF`] events.
    pub limit: u32,
}

/// What would hit far too often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exploded {
    /// One indicator.
    Indicator {
        /// Its value, canonical.
        value: String,
        /// A feed that lists it.
        feed: String,
    },
    /// All indicators of one feed together.
    Feed {
        /// Its name.
        feed: String,
    },
    /// All indicators together.
    All,
}

/// Fewer hit events than that are chance.
pub const EXPLOSION_HITS_MIN: u64 = 100;

/// A sample of fewer events tells nothing.
pub const SAMPLE_EVENTS_MIN: u64 = 10_000;

/// What a candidate would hit beyond the limits and more than ten times as often as the snapshot in
/// use, both judged by the same sample: indicators with the most hits first, then feeds, then all.
/// Without a snapshot in use, the default exposure stands for it: then the limits alone count.
pub fn judge(running: &Exposure, candidate: &Exposure, limits: HitLimits) -> Vec<Explosion> {
    if candidate.events < SAMPLE_EVENTS_MIN {
        return Vec::new();
    }
    let mut explosions = Vec::new();
    for (value, hits) in candidate.most_hit(usize::MAX) {
        let (before, now) = (running.of_value(value), candidate.of_value(value));
        explosions.extend(explosion(before, now, limits.indicator_hits_max, || {
            Exploded::Indicator {
                value: value.to_owned(),
                feed: hits.feed.clone(),
            }
        }));
    }
    for feed in candidate.by_feed.keys() {
        let (before, now) = (running.of_feed(feed), candidate.of_feed(feed));
        explosions.extend(explosion(before, now, limits.feed_hits_max, || {
            Exploded::Feed { feed: feed.clone() }
        }));
    }
    let (before, now) = (running.of_all(), candidate.of_all());
    explosions.extend(explosion(before, now, limits.hits_max, || Exploded::All));
    explosions
}

/// The explosion of one thing, if it is one.
fn explosion(
    before: Share,
    now: Share,
    limit: u32,
    what: impl FnOnce() -> Exploded,
) -> Option<Explosion> {
    let explodes = now.hits >= EXPLOSION_HITS_MIN && now.exceeds(limit) && now.outgrows(before);
    explodes.then(|| Explosion {
        what: what(),
        before,
        now,
        limit,
    })
}

impl Display for Explosion {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "it would hit {} recent events", self.now)?;
        match &self.what {
            Exploded::Indicator { value, feed } => write!(f, " with `{value}` of feed `{feed}`")?,
            Exploded::Feed { feed } => write!(f, " with feed `{feed}`")?,
            Exploded::All => {}
        }
        write!(
            f,
            " (now {}; at most {} of {})",
            self.before,
            Grouped(self.limit.into()),
            Grouped(LIMITS_OF.into())
        )
    }
}

#[cfg(test)]
mod tests;
