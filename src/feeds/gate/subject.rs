//! What can be muted: a value, by whatever feed it is listed, or all that a feed lists.

use std::collections::BTreeSet;
use std::fmt::{self, Display, Formatter};

use serde::{Deserialize, Serialize};

use crate::snapshot;

/// A value or a feed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "what", content = "name", rename_all = "snake_case")]
pub enum Subject {
    /// A canonical value.
    Value(String),
    /// A feed's name.
    Feed(String),
}

impl Display for Subject {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(value) => write!(f, "`{value}`"),
            Self::Feed(feed) => write!(f, "feed `{feed}`"),
        }
    }
}

/// A set of values and of feeds: what is muted, or what is not to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Muted {
    values: BTreeSet<String>,
    feeds: BTreeSet<String>,
}

impl Muted {
    /// Whether a value is in it.
    pub fn has_value(&self, value: &str) -> bool {
        self.values.contains(value)
    }

    /// Whether a feed is in it.
    pub fn has_feed(&self, feed: &str) -> bool {
        self.feeds.contains(feed)
    }

    /// Whether what a feed says of a value is muted. A hit of which that holds for every feed that
    /// lists its value is not sent.
    pub fn mutes(&self, value: &str, feed: &str) -> bool {
        self.has_feed(feed) || self.has_value(value)
    }

    /// Whether nothing is in it: then nobody need ask.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty() && self.feeds.is_empty()
    }

    /// How many values are in it.
    pub(super) fn values_len(&self) -> usize {
        self.values.len()
    }

    /// Whether it is in the set.
    pub fn contains(&self, subject: &Subject) -> bool {
        match subject {
            Subject::Value(value) => self.has_value(value),
            Subject::Feed(feed) => self.has_feed(feed),
        }
    }

    /// Puts it into the set; whether it was not there.
    pub(super) fn insert(&mut self, subject: Subject) -> bool {
        match subject {
            Subject::Value(value) => self.values.insert(value),
            Subject::Feed(feed) => self.feeds.insert(feed),
        }
    }

    /// Takes it out of the set; whether it was there.
    pub(super) fn remove(&mut self, subject: &Subject) -> bool {
        match subject {
            Subject::Value(value) => self.values.remove(value),
            Subject::Feed(feed) => self.feeds.remove(feed),
        }
    }
}

impl From<&Muted> for snapshot::Muted {
    fn from(muted: &Muted) -> Self {
        Self {
            values: muted.values.clone(),
            feeds: muted.feeds.clone(),
        }
    }
}

impl FromIterator<Subject> for Muted {
    fn from_iter<I: IntoIterator<Item = Subject>>(subjects: I) -> Self {
        let mut muted = Self::default();
        for subject in subjects {
            muted.insert(subject);
        }
        muted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_muted_in_every_feed_and_a_feed_with_every_value() {
        let muted: Muted = [
            Subject::Value("v.example".to_owned()),
            Subject::Feed("f".to_owned()),
        ]
        .into_iter()
        .collect();
        assert!(muted.mutes("v.example", "other"));
        assert!(muted.mutes("other.example", "f"));
        assert!(!muted.mutes("other.example", "other"));
        assert!(!muted.mutes("f", "v.example"));
        let json = serde_json::to_string(&muted).unwrap();
        assert_eq!(json, r#"{"values":["v.example"],"feeds":["f"]}"#);
    }
}
