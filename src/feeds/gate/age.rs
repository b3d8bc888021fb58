//! How old a list is: by its own dates where it has some, else by its last change. An old list is
//! told to be stale and matches on, since to have none would be worse; but a version that is older
//! than the last good copy is a mistake of whoever delivers it.

use std::path::Path;
use std::time::Duration;

use super::store::CopyFacts;
use super::written;
use crate::config::FeedConfig;
use crate::feeds::{FeedReport, read};
use crate::model::EventTime;
use crate::snapshot::Gone;

/// What a list says of its age.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dates {
    /// When it was made.
    pub stated: Option<EventTime>,
    /// The newest date of a row.
    pub newest: Option<EventTime>,
}

/// How old a list is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Age {
    /// When it was made or changed last; `None` where nobody knows.
    pub dated: Option<EventTime>,
    /// When its files were last changed, that is when it came; `None` where nobody knows.
    pub changed: Option<EventTime>,
    /// From when on it is too old; `None`: never.
    pub stale_from: Option<EventTime>,
}

/// A date so far ahead of the clock is a plan or a mistake, and says nothing about age.
const AHEAD_MAX: Duration = Duration::from_secs(86_400);

/// Rows that a provider withdrew take their dates with them: a list whose rows alone have dates went
/// back in time only if the newest one is older by more than this,
const ROWS_BACK: Duration = Duration::from_secs(86_400);

/// and if so many of them are gone.
const ROWS_GONE_MIN: u64 = 10;

impl Dates {
    /// Those of what was read, as far as they can be right.
    pub fn of(report: &FeedReport, now: EventTime) -> Self {
        let likely = |at: &EventTime| *at <= now.saturating_add(AHEAD_MAX);
        Self {
            stated: report.stated.filter(likely),
            newest: report.newest.filter(likely),
        }
    }

    /// Those of a copy.
    pub(super) fn of_copy(facts: &CopyFacts) -> Self {
        let parsed = |text: &Option<String>| EventTime::parse_rfc3339(text.as_ref()?).ok();
        Self {
            stated: parsed(&facts.stated),
            newest: parsed(&facts.newest),
        }
    }

    /// Why a version with these dates is older than the one before it, of which `gone` is not in it;
    /// `None` if it is not.
    pub(super) fn rollback(self, before: Self, gone: &Gone) -> Option<String> {
        let (what, now, then) = match (self, before) {
            (
                Self {
                    stated: Some(now), ..
                },
                Self {
                    stated: Some(then), ..
                },
            ) => {
                if now >= then {
                    return None;
                }
                ("it was made", now, then)
            }
            _ => {
                let (now, then) = (self.newest?, before.newest?);
                if now.saturating_add(ROWS_BACK) >= then || gone.gone < ROWS_GONE_MIN {
                    return None;
                }
                ("its newest row is of", now, then)
            }
        };
        let (now, then) = (written(now), written(then));
        Some(format!(
            "rollback: {what} {now}, and the last good copy {then}"
        ))
    }
}

impl Age {
    /// The age of a feed with these dates that was last changed at `changed`.
    pub fn of(feed: &FeedConfig, dates: Dates, changed: Option<EventTime>) -> Self {
        let dated = dates.stated.or(dates.newest).or(changed);
        let stale_from = dated.zip(feed.age_max);
        Self {
            dated,
            changed,
            stale_from: stale_from.map(|(dated, max)| dated.saturating_add(max)),
        }
    }

    /// Whether it is too old.
    pub fn is_stale(&self, now: EventTime) -> bool {
        self.stale_from.is_some_and(|from| from <= now)
    }
}

/// When the files of a feed were last changed, not later than now.
pub(super) fn changed(path: &Path, now: EventTime) -> Option<EventTime> {
    let (files, _) = read::files(path).ok()?;
    let times = files.iter().filter_map(|file| {
        let changed = std::fs::metadata(file).and_then(|known| known.modified());
        let at = jiff::Timestamp::try_from(changed.ok()?).ok()?;
        let nanos = i64::try_from(at.as_nanosecond()).ok()?;
        Some(EventTime::from_nanos(nanos))
    });
    times.max().map(|at| at.min(now))
}

/// When a copy was last changed before it was copied, else when it was copied.
pub(super) fn copy_changed(facts: &CopyFacts) -> Option<EventTime> {
    let changed = EventTime::parse_rfc3339(&facts.changed);
    let made = || EventTime::parse_rfc3339(&facts.made);
    changed.or_else(|_| made()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An instant of a day, and a few seconds.
    fn day(day: i64, seconds: i64) -> Option<EventTime> {
        EventTime::from_parts(day * 86_400 + seconds, 0).ok()
    }

    /// Dates of a header and of the newest row.
    fn dates(stated: Option<EventTime>, newest: Option<EventTime>) -> Dates {
        Dates { stated, newest }
    }

    #[track_caller]
    fn check(now: Dates, before: Dates, gone: u64, expected: bool) {
        let gone = Gone {
            before: 100,
            gone,
            kept: Vec::new(),
        };
        let found = now.rollback(before, &gone);
        assert_eq!(found.is_some(), expected, "{found:?}");
    }

    #[test]
    fn a_header_that_is_older_by_a_second_is_a_rollback_and_rows_need_more_than_a_day_and_ten_gone()
    {
        check(dates(day(9, 0), None), dates(day(9, 1), None), 0, true);
        check(dates(day(9, 1), None), dates(day(9, 1), None), 50, false);
        check(dates(None, day(8, 0)), dates(None, day(9, 1)), 10, true);
        check(dates(None, day(8, 0)), dates(None, day(9, 1)), 9, false);
        check(dates(None, day(8, 1)), dates(None, day(9, 1)), 50, false);
        check(dates(day(9, 0), None), dates(None, day(10, 0)), 50, false);
        // What says when it was made may well lose its newest rows.
        check(
            dates(day(9, 2), day(2, 0)),
            dates(day(9, 1), day(8, 0)),
            50,
            false,
        );
    }

    #[test]
    fn dates_that_lie_ahead_say_nothing() {
        let report = FeedReport {
            stated: day(11, 1),
            newest: day(11, 0),
            ..FeedReport::default()
        };
        let now = day(10, 0).unwrap();
        assert_eq!(Dates::of(&report, now), dates(None, day(11, 0)));
    }

    #[test]
    fn a_list_is_as_old_as_it_says_and_else_as_its_last_change() {
        let mut feed = FeedConfig::new(
            "feed".to_owned(),
            "feed".into(),
            crate::model::FeedFormat::Plain,
            crate::model::Role::C2,
        );
        feed.age_max = Some(Duration::from_secs(86_400));
        for (dates, expected) in [
            (dates(day(3, 0), day(9, 0)), day(3, 0)),
            (dates(None, day(9, 0)), day(9, 0)),
            (dates(None, None), day(5, 0)),
        ] {
            let age = Age::of(&feed, dates, day(5, 0));
            assert_eq!(age.dated, expected);
            assert_eq!(age.changed, day(5, 0));
            let from = age.stale_from.unwrap();
            assert!(age.is_stale(from));
            assert!(!age.is_stale(from.saturating_add_nanos(-1)));
        }
        feed.age_max = None;
        assert!(!Age::of(&feed, dates(day(3, 0), None), None).is_stale(EventTime::MAX));
    }
}
