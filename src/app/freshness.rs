//! How fresh feeds are, judged at the moment when somebody asks: on the command line, over HTTP and in
//! the metrics alike.

use std::time::Duration;

use serde_json::json;

use super::attempts::Attempts;
use crate::config::FeedConfig;
use crate::feeds::gate::{Passed, Version, written};
use crate::model::EventTime;

/// How fresh a feed is at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// How long ago what is in use came, or was found to be the newest.
    pub age: Option<Duration>,
    /// When that was made, by its own dates, else when it was changed last.
    pub dated: Option<EventTime>,
    /// When that is or was too old.
    pub stale_from: Option<EventTime>,
    /// Whether it is.
    pub stale: bool,
    /// What became of the attempts to fetch it.
    pub attempts: Attempts,
    /// When it was changed last.
    changed: Option<EventTime>,
    /// The moment.
    now: EventTime,
}

impl Freshness {
    /// Of a feed, of which this version passed, if any did.
    pub fn of(passed: Option<&Passed>, attempts: &Attempts, now: EventTime) -> Self {
        let age = passed.map(|passed| passed.age).unwrap_or_default();
        // A server speaks for the newest version, not for an older one that is used in its place.
        let found = attempts
            .fetched_at
            .filter(|_| passed.is_some_and(|passed| passed.version == Version::Current));
        let came = age.changed.max(found).map(|at| between(at, now));
        Self {
            age: came,
            dated: age.dated,
            stale_from: age.stale_from,
            stale: age.is_stale(now),
            attempts: attempts.clone(),
            changed: age.changed,
            now,
        }
    }

    /// Puts it into the object of a feed, one of `gannet.feeds.v1`.
    pub fn tell(&self, told: &mut serde_json::Value) {
        let Some(told) = told.as_object_mut() else {
            return;
        };
        let failing = self.attempts.failing.as_ref();
        let failing =
            failing.map(|failing| json!({"since": written(failing.since), "error": failing.what}));
        for (key, value) in [
            ("age_seconds", json!(self.age.map(|age| age.as_secs()))),
            ("dated", json!(self.dated.map(written))),
            ("stale_from", json!(self.stale_from.map(written))),
            ("stale", json!(self.stale)),
            ("fetched", json!(self.attempts.fetched_at.map(written))),
            ("next_refresh", json!(self.attempts.next_at.map(written))),
            ("failing", json!(failing)),
        ] {
            told.insert(key.to_owned(), value);
        }
    }

    /// In words: a line for what is known of its age, and one for each thing that is wrong.
    pub fn lines(&self) -> Vec<String> {
        let age = self.age.map(|age| format!("{} old", span(age)));
        let dated = self.dated.filter(|_| self.dated != self.changed);
        let dated = dated.map(|at| format!("made {}", written(at)));
        let next = self.attempts.next_at.map(|at| {
            if at < self.now {
                format!("refresh was due {} ago", span(between(at, self.now)))
            } else {
                format!("next refresh in {}", span(between(self.now, at)))
            }
        });
        let known: Vec<String> = [age, dated, next].into_iter().flatten().collect();
        let mut lines = Vec::new();
        if !known.is_empty() {
            lines.push(known.join(", "));
        }
        if let Some(failing) = &self.attempts.failing {
            let since = written(failing.since);
            lines.push(format!("not fetched since {since}: {}", failing.what));
        }
        if let (true, Some(from)) = (self.stale, self.stale_from) {
            lines.push(format!("stale since {}", written(from)));
        }
        lines
    }
}

/// The object of a feed of which nothing is there, one of `gannet.feeds.v1`.
pub fn missing_json(feed: &FeedConfig) -> serde_json::Value {
    json!({"name": feed.name, "state": "missing"})
}

/// The time from one instant to another; none if that is not later.
fn between(from: EventTime, to: EventTime) -> Duration {
    let nanos = to.nanos().saturating_sub(from.nanos());
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(0))
}

/// A time as people say it: in the largest unit of which there are two, rounded down.
fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (days, hours, minutes) {
        (2.., _, _) => format!("{days} days"),
        (_, 2.., _) => format!("{hours} h"),
        (_, _, 2..) => format!("{minutes} min"),
        _ => format!("{seconds} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::attempts::Failing;
    use crate::feeds::gate::Age;

    /// An instant, in seconds.
    fn at(seconds: i64) -> EventTime {
        EventTime::from_parts(seconds, 0).unwrap()
    }

    /// A feed that came in second 1000 and is stale from second 5000 on.
    fn passed(dated: Option<EventTime>, version: Version) -> Passed {
        Passed {
            name: "feed".to_owned(),
            version,
            age: Age {
                dated: dated.or_else(|| Some(at(1000))),
                changed: Some(at(1000)),
                stale_from: Some(at(5000)),
            },
            same_as: Vec::new(),
            trouble: String::new(),
        }
    }

    /// A copy that is used in the place of what was held back.
    fn held() -> Version {
        Version::LastGood {
            reason: "it is empty".to_owned(),
            made: "1970-01-01T00:16:40Z".to_owned(),
        }
    }

    #[test]
    fn a_feed_is_as_old_as_what_came_last_or_was_last_found_to_be_the_newest() {
        let asked = Attempts {
            fetched_at: Some(at(3000)),
            ..Attempts::default()
        };
        let never = Attempts::default();
        for (passed, attempts, age) in [
            (Some(passed(None, Version::Current)), &never, Some(3000)),
            (Some(passed(None, Version::Current)), &asked, Some(1000)),
            // What the server gave is not what is used.
            (Some(passed(None, held())), &asked, Some(3000)),
            (None, &asked, None),
            (None, &never, None),
        ] {
            let fresh = Freshness::of(passed.as_ref(), attempts, at(4000));
            assert_eq!(fresh.age, age.map(Duration::from_secs), "{passed:?}");
        }
        let ahead = Freshness::of(Some(&passed(None, held())), &never, at(999));
        assert_eq!(ahead.age, Some(Duration::ZERO));
    }

    #[test]
    fn whether_it_is_stale_is_judged_at_the_moment() {
        let passed = passed(None, Version::Current);
        let stale = |now| Freshness::of(Some(&passed), &Attempts::default(), at(now)).stale;
        assert_eq!((stale(4999), stale(5000)), (false, true));
    }

    #[test]
    fn only_a_date_of_the_list_itself_is_said() {
        for (dated, said) in [
            (Some(at(7)), "50 min old, made 1970-01-01T00:00:07Z"),
            (None, "50 min old"),
        ] {
            let passed = passed(dated, Version::Current);
            let fresh = Freshness::of(Some(&passed), &Attempts::default(), at(4000));
            assert_eq!(fresh.lines(), [said]);
            assert_eq!(fresh.dated, dated.or_else(|| Some(at(1000))));
        }
    }

    #[test]
    fn the_object_and_the_lines_say_the_same() {
        let attempts = Attempts {
            fetched_at: Some(at(1000)),
            next_at: Some(at(6000)),
            failing: Some(Failing {
                since: at(2000),
                what: "no route".to_owned(),
            }),
        };
        let passed = passed(Some(at(7)), Version::Current);
        let late = Freshness::of(Some(&passed), &attempts, at(5000));
        let mut told = json!({"name": "feed"});
        late.tell(&mut told);
        let expected = json!({
            "name": "feed", "age_seconds": 4000, "dated": "1970-01-01T00:00:07Z",
            "stale_from": "1970-01-01T01:23:20Z", "stale": true,
            "fetched": "1970-01-01T00:16:40Z", "next_refresh": "1970-01-01T01:40:00Z",
            "failing": {"since": "1970-01-01T00:33:20Z", "error": "no route"},
        });
        assert_eq!(told, expected);
        assert_eq!(
            late.lines(),
            [
                "66 min old, made 1970-01-01T00:00:07Z, next refresh in 16 min",
                "not fetched since 1970-01-01T00:33:20Z: no route",
                "stale since 1970-01-01T01:23:20Z",
            ]
        );
        let later = Freshness::of(Some(&passed), &attempts, at(6059));
        assert!(later.lines()[0].ends_with("refresh was due 59 s ago"));
        let unknown = Freshness::of(None, &Attempts::default(), at(1));
        assert_eq!(unknown.lines(), [""; 0]);
        let mut told = json!({});
        unknown.tell(&mut told);
        assert_eq!(
            (&told["age_seconds"], &told["failing"]),
            (&json!(null), &json!(null))
        );
    }

    #[test]
    fn times_are_said_in_the_largest_unit_of_which_there_are_two() {
        for (seconds, said) in [
            (0, "0 s"),
            (119, "119 s"),
            (120, "2 min"),
            (7199, "119 min"),
            (7200, "2 h"),
            (172_799, "47 h"),
            (172_800, "2 days"),
        ] {
            assert_eq!(span(Duration::from_secs(seconds)), said);
        }
    }
}
