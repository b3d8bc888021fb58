//! How events are decoded without Gannet: `serde_json` into typed structs, types of `prost`, and
//! `hickory-proto` for DNS messages, each used as its documentation shows and as well as we know
//! how. What comes out owns its texts, as it does wherever events are handed on.
//!
//! A rival holds what an event needs and passes over the rest, as Gannet does; of protobuf
//! messages it has the fields of the published schemas.

mod collector;
mod dnstap;
mod gannet;
mod goflow2;
mod zeek;

use std::net::IpAddr;

use serde::Deserializer;
use serde::de::{DeserializeOwned, Error, Visitor};

use super::harness::TurnError;
use crate::model::{DomainName, NAME_LEN_MAX};

pub(super) use collector::CollectorRow;
pub(super) use dnstap::DnstapRow;
pub(super) use gannet::{GannetBatch, GannetRows};
pub(super) use goflow2::{Goflow2Messages, Goflow2Row};
pub(super) use zeek::{ZeekConnRow, ZeekDnsRow};

/// What a record becomes in the ordinary way.
pub(super) trait Rival: Sized {
    /// The libraries that do it.
    const ENGINE: &'static str;

    /// Decodes a record whole.
    ///
    /// # Errors
    /// What the library says.
    fn decode(record: &[u8]) -> Result<Self, TurnError>;

    /// How many events it holds.
    fn events(&self) -> u64;

    /// Takes out what can be matched, for comparison. Not measured.
    fn keys(&self, keys: &mut Keys);
}

/// What of a record can be matched, in a form that can be compared: normal names that are fit
/// to match, and addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Keys {
    /// Names.
    pub(super) names: Vec<String>,
    /// Addresses.
    pub(super) addresses: Vec<IpAddr>,
}

impl Keys {
    /// Adds a name, if it is one.
    pub(super) fn name(&mut self, raw: &[u8]) {
        let mut scratch = [0; NAME_LEN_MAX];
        if let Ok(name) = DomainName::parse(raw, &mut scratch) {
            self.names.push(name.as_str().to_owned());
        }
    }

    /// Adds an address.
    pub(super) fn address(&mut self, ip: IpAddr) {
        self.addresses.push(crate::model::unmapped(ip));
    }

    /// Adds an item of an answer that is a name or an address.
    fn answer(&mut self, text: &str) {
        match text.parse() {
            Ok(ip) => self.address(ip),
            Err(_) => self.name(text.as_bytes()),
        }
    }

    /// Adds the 4 or 16 bytes of an address.
    fn octets(&mut self, bytes: &[u8]) {
        if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
            self.address(v4.into());
        } else if let Ok(v6) = <[u8; 16]>::try_from(bytes) {
            self.address(v6.into());
        }
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.names.clear();
        self.addresses.clear();
    }

    /// Brings them into one order, each once.
    pub(super) fn settle(&mut self) {
        self.names.sort_unstable();
        self.names.dedup();
        self.addresses.sort_unstable();
        self.addresses.dedup();
    }

    /// Something that `other` has and this has not. Both are settled.
    pub(super) fn missing(&self, other: &Self) -> Option<String> {
        let name = |name: &&String| self.names.binary_search(name).is_err();
        let address = |ip: &&IpAddr| self.addresses.binary_search(ip).is_err();
        let name = other.names.iter().find(name).cloned();
        name.or_else(|| other.addresses.iter().find(address).map(IpAddr::to_string))
    }
}

/// One JSON value as a typed struct.
fn from_json<T: DeserializeOwned>(record: &[u8]) -> Result<T, TurnError> {
    Ok(serde_json::from_slice(record)?)
}

/// A time as a number of seconds or as RFC 3339, in nanoseconds since the epoch.
fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    deserializer.deserialize_any(TimeVisitor)
}

/// Reads either form of a time.
struct TimeVisitor;

impl Visitor<'_> for TimeVisitor {
    type Value = i64;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("seconds or RFC 3339")
    }

    fn visit_f64<E: Error>(self, seconds: f64) -> Result<i64, E> {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a float saturates, and nobody looks at times out of range"
        )]
        let nanos = (seconds * 1e9) as i64;
        Ok(nanos)
    }

    fn visit_u64<E: Error>(self, seconds: u64) -> Result<i64, E> {
        let seconds = i64::try_from(seconds).map_err(E::custom)?;
        Ok(seconds.saturating_mul(1_000_000_000))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<i64, E> {
        let time: jiff::Timestamp = text.parse().map_err(E::custom)?;
        i64::try_from(time.as_nanosecond()).map_err(E::custom)
    }
}

#[cfg(test)]
mod tests;
