//! Feeds that list the same. Two that do from the start are perhaps one list in two formats, and are
//! told; one that turns into another was delivered in its place, and is held back.

use std::sync::Arc;

use super::Passed;
use crate::feeds::{LoadedFeed, reason};

/// Smaller lists are the same by chance.
pub const SAME_ROWS_MIN: u64 = 10;

/// Notes of every feed which others list the same, given the pairs that do.
pub fn tell(same: &[(Arc<str>, Arc<str>)], passed: &mut [Passed], loaded: &mut [LoadedFeed]) {
    for passed in passed {
        let others = same.iter().filter_map(|(one, other)| {
            let is = |feed: &str| feed == passed.name;
            if is(one) {
                Some(&**other)
            } else {
                is(other).then_some(&**one)
            }
        });
        passed.same_as = others.map(str::to_owned).collect();
    }
    for feed in loaded {
        let mut of_pairs = same.iter().flat_map(|(one, other)| [one, other]);
        let report = &mut feed.report;
        if of_pairs.any(|name| **name == *feed.name) {
            let rows = report.indicators;
            report.warnings.insert(reason::SAME_AS_ANOTHER_FEED, rows);
        } else {
            report.warnings.remove(reason::SAME_AS_ANOTHER_FEED);
        }
    }
}
