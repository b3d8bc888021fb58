//! What the breaker says when it trips.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use crate::feeds::gate::limits::{Grouped, LIMITS_OF, Share};
use crate::feeds::gate::subject::Subject;

/// Something that hit too much, and what is muted for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trip {
    /// What is muted from now on.
    pub muted: Subject,
    /// The value that hit too much; `None` when it is the feed as a whole.
    pub value: Option<String>,
    /// The feed, or the one that lists the value.
    pub feed: String,
    /// Its usual share.
    pub before: Share,
    /// Its share of the window.
    pub now: Share,
    /// What it may hit, of [`LIMITS_OF`] events.
    pub limit: u32,
    /// How long the window is.
    pub window: Duration,
}

impl Display for Trip {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(value) = &self.value {
            write!(f, "`{value}` of ")?;
        }
        write!(
            f,
            "feed `{}` hit {} events within {:?} (before {}; at most {} of {}): {} is muted",
            self.feed,
            self.now,
            self.window,
            self.before,
            Grouped(self.limit.into()),
            Grouped(LIMITS_OF.into()),
            self.muted
        )
    }
}
