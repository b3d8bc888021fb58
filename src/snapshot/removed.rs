//! What a feed lists no longer: it stays valid for events before that, for a while.

use super::Snapshot;
use super::build::{FeedId, SnapshotBuilder};
use super::layer::{Layer, Placed, Rule};
use crate::matching::NameHash;
use crate::model::{EventTime, Indicator, IndicatorValue, MatchedIndicator, Scope};

/// An indicator that its feed lists no longer.
#[derive(Clone, Debug, PartialEq)]
pub struct Removed {
    /// Its value, as hits show it.
    pub value: String,
    /// `exact`, `subtree`, `below` or `pattern`; `None` for an address.
    pub scope: Option<&'static str>,
    /// All else; valid until its removal at the latest.
    pub indicator: MatchedIndicator,
}

/// What of a feed is no longer listed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gone {
    /// How many values the feed listed.
    pub before: u64,
    /// How many of them it lists no longer.
    pub gone: u64,
    /// Those that stay for events before their removal, with those removed earlier that still do.
    pub kept: Vec<Removed>,
}

/// What is kept of it, and how long.
#[derive(Clone, Copy, Debug)]
pub struct Keep {
    /// When what is gone now was removed.
    pub at: EventTime,
    /// What was removed before this is not kept any longer.
    pub since: EventTime,
    /// Most that are kept of a feed.
    pub max: usize,
}

impl SnapshotBuilder {
    /// What `snapshot` lists of a feed and this builder, which has its new version, does not.
    /// O(rows of the snapshot).
    pub fn gone(&self, snapshot: &Snapshot, feed: &str, keep: Keep) -> Gone {
        let mut gone = Gone::default();
        let Some(id) = self.feed(feed) else {
            return gone;
        };
        for stacked in snapshot.stack.layers() {
            let Some(number) = stacked.layer.feed(feed) else {
                continue;
            };
            if !stacked.shows_feed(number) {
                continue;
            }
            stacked.layer.each_row(&mut |placed| {
                let of_feed = stacked.layer.catalog.feed_number(placed.row) == Some(number);
                if of_feed && stacked.shows(placed.row) {
                    self.compare(&stacked.layer, &placed, id, keep, &mut gone);
                }
            });
        }
        gone
    }

    /// Adds a row to what is gone, if it is.
    pub(super) fn compare(
        &self,
        layer: &Layer,
        placed: &Placed<'_>,
        feed: FeedId,
        keep: Keep,
        gone: &mut Gone,
    ) {
        if placed.rule == Rule::Revoked {
            return;
        }
        let removed = layer.catalog.is_removed(placed.row);
        gone.before += u64::from(!removed);
        if self.lists(feed, placed.rule, &placed.value) {
            return;
        }
        gone.gone += u64::from(!removed);
        let Some(row) = kept(layer, placed, removed, keep) else {
            return;
        };
        if gone.kept.len() < keep.max {
            gone.kept.push(row);
        }
    }

    /// Whether a feed lists a value, for whatever it is worth.
    fn lists(&self, feed: FeedId, rule: Rule, value: &IndicatorValue<'_>) -> bool {
        let (hash, scope) = match value {
            IndicatorValue::Name { name, scope } => (self.key.hash(*name), Some(*scope)),
            IndicatorValue::Pattern(_)
            | IndicatorValue::Prefix(_)
            | IndicatorValue::Endpoint { .. } => (NameHash::default(), None),
        };
        let catalog = &self.contents.catalog;
        // What was withdrawn is not to come back by having been listed before.
        [rule, Rule::Revoked].into_iter().any(|rule| {
            let rows = self.contents.rules.of(rule).rows_of(value, hash);
            rows.into_iter().flatten().any(|row| {
                catalog.feed_number(row) == Some(feed.0)
                    && scope.is_none_or(|scope| scope == row.scope() || rule == Rule::Revoked)
            })
        })
    }

    /// Adds what a feed lists no longer: it matches until its `valid_until`, without the feed's
    /// grace. What it is about passed the gate when it was listed, and must pass it again.
    pub fn add_removed(&mut self, feed: FeedId, indicator: &Indicator<'_>) {
        let Some(mut vetter) = self.vetter(feed) else {
            return;
        };
        let Ok(row) = vetter.vet_removed(indicator) else {
            return;
        };
        let placed = self.contents.place(feed, &row);
        let counts = self.counts.get_mut(usize::from(feed.0));
        if let (Ok(accepted), Some(counts)) = (placed, counts) {
            counts.removed += u64::from(!accepted.duplicate);
        }
    }
}

/// A row as it is kept; `None` if it is of no use for any event.
fn kept(layer: &Layer, placed: &Placed<'_>, removed: bool, keep: Keep) -> Option<Removed> {
    let value = placed.value.to_string();
    let mut indicator = layer.catalog.indicator(placed.row, &value)?;
    let grace = layer.catalog.feed(placed.row)?.grace;
    let ended = if removed {
        indicator.valid_until
    } else {
        indicator
            .valid_until
            .map(|until| until.saturating_add(grace))
    };
    let until = ended.map_or(keep.at, |ended| ended.min(keep.at));
    let never = indicator.valid_from.is_some_and(|from| from >= until);
    if until < keep.since || never {
        return None;
    }
    indicator.valid_until = Some(until);
    let scope = match placed.value {
        IndicatorValue::Name { scope, .. } => Some(match scope {
            Scope::Exact => "exact",
            Scope::Subtree => "subtree",
            Scope::Below => "below",
        }),
        IndicatorValue::Pattern(_) => Some("pattern"),
        IndicatorValue::Prefix(_) | IndicatorValue::Endpoint { .. } => None,
    };
    Some(Removed {
        value,
        scope,
        indicator,
    })
}
