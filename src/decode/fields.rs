//! The full face of the JSON formats: the members of an object by way of `serde_json`, in the
//! order in which they are written, so that the last of several can count. Independent of the
//! walker of the key face, except that both share its check of structure and depth.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::{Reject, json};

/// The members of an object, in written order; values as they are written.
#[derive(Debug, Default)]
pub(super) struct Members<'r>(Vec<(String, &'r RawValue)>);

impl<'r> Members<'r> {
    /// Reads `item`: one JSON object.
    ///
    /// # Errors
    /// [`Reject::Empty`], [`Reject::NotJson`], [`Reject::TooDeep`], or [`Reject::Schema`] when
    /// it is some other JSON value.
    pub(super) fn read(item: &'r [u8]) -> Result<Self, Reject> {
        json::check(item)?;
        serde_json::from_slice(item).map_err(|_| Reject::NotJson)
    }

    /// The members of `value`, if it is an object.
    pub(super) fn of(value: &'r RawValue) -> Option<Self> {
        read(value, '{')
    }

    /// All members, in written order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &'r RawValue)> {
        self.0.iter().map(|(key, value)| (key.as_str(), *value))
    }

    /// The last value of `key`; `None` when there is none or it is null.
    pub(super) fn last(&self, key: &str) -> Option<&'r RawValue> {
        let (_, value) = self.0.iter().rev().find(|(name, _)| name == key)?;
        (value.get() != "null").then_some(*value)
    }
}

impl<'de: 'r, 'r> Deserialize<'de> for Members<'r> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

/// Collects the members of an object.
struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}

/// The elements of `value`, if it is a list.
pub(super) fn elements(value: &RawValue) -> Option<Vec<&RawValue>> {
    read(value, '[')
}

/// The text of `value`, if it is a string.
pub(super) fn text(value: &RawValue) -> Option<String> {
    read(value, '"')
}

/// Reads `value`, if it starts with `first`.
fn read<'r, T: Deserialize<'r>>(value: &'r RawValue, first: char) -> Option<T> {
    let text = value.get();
    text.starts_with(first)
        .then(|| serde_json::from_str(text).ok())?
}

/// The text of `value`, if it is a string, or as it is written, if it is a number or boolean.
pub(super) fn scalar(value: &RawValue) -> Option<String> {
    match value.get().as_bytes().first() {
        Some(b'"') => text(value),
        Some(b'{' | b'[' | b'n') | None => None,
        Some(_) => Some(value.get().to_owned()),
    }
}
