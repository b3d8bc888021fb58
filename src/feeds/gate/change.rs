//! How much a feed may change from one version to the next.

use super::age::Dates;
use crate::config::{ChangeLimits, FeedConfig};
use crate::snapshot::Gone;

/// Changes of so few indicators are never held back.
const CHANGE_MIN: u64 = 100;

/// What is wrong with how many indicators a feed lists, given what its copies listed.
pub(super) fn change(now: u64, history: &[u64], limits: ChangeLimits) -> Option<String> {
    let usual = median(history)?;
    let gone = usual.saturating_sub(now);
    let added = now.saturating_sub(usual);
    if gone >= CHANGE_MIN && percent(gone, usual) > u64::from(limits.shrink_max) {
        return Some(format!(
            "it lists {now} indicators, {}% less than the usual {usual} (shrink_max {}%)",
            percent(gone, usual),
            limits.shrink_max
        ));
    }
    if added >= CHANGE_MIN && percent(added, usual) > u64::from(limits.growth_max) {
        return Some(format!(
            "it lists {now} indicators, {}% more than the usual {usual} (growth_max {}%)",
            percent(added, usual),
            limits.growth_max
        ));
    }
    None
}

/// What is wrong with how many indicators of a feed were replaced, given how many were before.
pub(super) fn churn(gone: &Gone, history: &[u8], limits: ChangeLimits) -> Option<String> {
    let replaced = percent(gone.gone, gone.before);
    let usual = history.iter().copied().max().unwrap_or_default();
    let most = u64::from(limits.churn_max.max(usual));
    if gone.gone < CHANGE_MIN || replaced <= most {
        return None;
    }
    Some(format!(
        "of {} indicators that it listed, {} are gone, {replaced}% (churn_max {most}%)",
        gone.before, gone.gone
    ))
}

/// What is wrong with the dates of a feed, given those of the version before. A topic cannot go back.
pub(super) fn rolled_back(
    feed: &FeedConfig,
    now: Dates,
    before: Dates,
    gone: &Gone,
) -> Option<String> {
    if feed.limits.rollback || feed.origin.is_topic() {
        return None;
    }
    now.rollback(before, gone)
}

/// How many of a hundred a part is of a whole.
pub(super) fn percent(part: u64, whole: u64) -> u64 {
    part.saturating_mul(100) / whole.max(1)
}

/// The middle one of some numbers.
fn median(numbers: &[u64]) -> Option<u64> {
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied()
}
