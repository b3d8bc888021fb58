//! What became of the attempts to fetch a feed: when its server last had nothing newer, since when and
//! why it gives nothing, and when it is asked again. It is kept beside what was fetched, for whoever
//! looks without the daemon.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};

use super::fetch::{FetchFailure, Fetched, fetch};
use super::now;
use crate::config::{FeedConfig, Origin};
use crate::feeds::gate::write_json;
use crate::model::EventTime;

/// What became of the attempts to fetch one feed. All of it is unknown of a feed that is not fetched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attempts {
    /// When what is there was last found to be the newest, or came as such.
    pub fetched_at: Option<EventTime>,
    /// When the next attempt is due; `None` where nobody plans one.
    pub next_at: Option<EventTime>,
    /// What is wrong, if the last attempt failed.
    pub failing: Option<Failing>,
}

/// Attempts that fail one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failing {
    /// When the first of them failed.
    pub since: EventTime,
    /// Why the last of them did.
    pub what: String,
}

/// As it stands in the file, with times in RFC 3339.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Written {
    fetched: Option<String>,
    next: Option<String>,
    failing_since: Option<String>,
    failure: Option<String>,
}

/// The file, beside what was fetched.
const FILE: &str = "attempts.json";

impl Attempts {
    /// What is kept of a feed; nothing where nothing can be read.
    pub fn of(feed: &FeedConfig) -> Self {
        if feed.origin == Origin::Path {
            return Self::default();
        }
        let text = fs::read(file(&feed.path)).unwrap_or_default();
        let written: Written = serde_json::from_slice(&text).unwrap_or_default();
        let time = |text: Option<String>| EventTime::parse_rfc3339(&text?).ok();
        let failing = time(written.failing_since).zip(written.failure);
        Self {
            fetched_at: time(written.fetched),
            next_at: time(written.next),
            failing: failing.map(|(since, what)| Failing { since, what }),
        }
    }

    /// Fetches a feed if there is a new version of it, and notes what became of it; `None` for one that
    /// no server is asked for. Blocks for as long as the feed's limits allow, over HTTP only until
    /// `stop` is set: not for a thread of a runtime.
    ///
    /// # Errors
    /// [`FetchFailure`]. What was there before still is.
    pub fn fetch(
        &mut self,
        feed: &FeedConfig,
        stop: &AtomicBool,
    ) -> Option<Result<Fetched, FetchFailure>> {
        let fetched = fetch(feed, stop)?;
        let failure = fetched.as_ref().err();
        // One that is stopped says nothing of its server.
        if failure.is_none() || !stop.load(Ordering::Relaxed) {
            self.note(now(), failure.map(|failure| failure.what.as_str()));
        }
        Some(fetched)
    }

    /// Notes that an attempt has ended at `at`, and with what failure if it failed.
    pub(super) fn note(&mut self, at: EventTime, failure: Option<&str>) {
        let Some(what) = failure else {
            self.fetched_at = Some(at);
            self.failing = None;
            return;
        };
        let since = self.failing.as_ref().map_or(at, |failing| failing.since);
        self.failing = Some(Failing {
            since,
            what: what.to_owned(),
        });
    }

    /// Keeps it beside what was fetched, whole or not at all. What cannot be written is told in the
    /// log: whoever looks sees what was kept before.
    pub fn keep(&self, feed: &FeedConfig) {
        let path = file(&feed.path);
        if let Err(error) = self.write(&path) {
            tracing::warn!(feed = feed.name, %error, "cannot keep when a feed was fetched");
        }
    }

    fn write(&self, path: &Path) -> io::Result<()> {
        let failing = self.failing.as_ref();
        let text = |at: EventTime| at.to_string();
        let written = Written {
            fetched: self.fetched_at.map(text),
            next: self.next_at.map(text),
            failing_since: failing.map(|failing| failing.since.to_string()),
            failure: failing.map(|failing| failing.what.clone()),
        };
        fs::create_dir_all(path.parent().unwrap_or_else(|| Path::new("")))?;
        write_json(path, &written)
    }
}

/// Where it is kept.
fn file(path: &Path) -> PathBuf {
    path.with_file_name(FILE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{FeedFormat, Role};

    /// A feed that is fetched into a directory.
    fn feed(directory: &Path) -> FeedConfig {
        let path = directory.join("feed/fetched/list");
        let mut feed = FeedConfig::new("feed".to_owned(), path, FeedFormat::Plain, Role::C2);
        feed.origin = Origin::Topic("indicators".to_owned());
        feed
    }

    /// An instant, in seconds.
    fn at(seconds: i64) -> EventTime {
        EventTime::from_parts(seconds, 0).unwrap()
    }

    #[test]
    fn failures_have_failed_since_the_first_of_them_until_one_attempt_succeeds() {
        let mut attempts = Attempts::default();
        attempts.note(at(10), None);
        attempts.note(at(20), Some("one"));
        attempts.note(at(30), Some("two"));
        let failing = |since, what: &str| {
            let (since, what) = (at(since), what.to_owned());
            Some(Failing { since, what })
        };
        assert_eq!(attempts.failing, failing(20, "two"));
        assert_eq!(attempts.fetched_at, Some(at(10)));
        attempts.note(at(40), None);
        assert_eq!(
            (attempts.failing.clone(), attempts.fetched_at),
            (None, Some(at(40)))
        );
        attempts.note(at(50), Some("three"));
        assert_eq!(attempts.failing, failing(50, "three"));
    }

    #[test]
    fn what_is_kept_is_read_again_and_what_cannot_be_read_is_unknown() {
        let directory = tempfile::tempdir().unwrap();
        let mut feed = feed(directory.path());
        assert_eq!(Attempts::of(&feed), Attempts::default());
        let mut attempts = Attempts::default();
        attempts.note(at(10), None);
        attempts.keep(&feed);
        assert_eq!(Attempts::of(&feed), attempts);
        attempts.note(at(20), Some("it says: \"no\"\n"));
        attempts.next_at = Some(at(30));
        attempts.keep(&feed);
        assert_eq!(Attempts::of(&feed), attempts);
        // A feed of files in the same place is not fetched.
        let origin = std::mem::replace(&mut feed.origin, Origin::Path);
        assert_eq!(Attempts::of(&feed), Attempts::default());
        feed.origin = origin;
        for text in ["", "[]", "{\"fetched\":\"yesterday\",\"failing_since\":7}"] {
            fs::write(file(&feed.path), text).unwrap();
            assert_eq!(Attempts::of(&feed), Attempts::default(), "{text}");
        }
        // Where it cannot be written, what was kept stays.
        attempts.keep(&feed);
        fs::create_dir(file(&feed.path).with_extension("unfinished")).unwrap();
        Attempts::default().keep(&feed);
        assert_eq!(Attempts::of(&feed), attempts);
    }
}
