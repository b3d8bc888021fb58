//! How the direct reader fetches, from librdkafka's own properties.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use super::access::{Access, AccessError};
use super::address::{AddressError, BrokerAddress};

/// How brokers are reached and what is asked of them.
#[derive(Clone, Debug)]
pub struct FetchSettings {
    /// How brokers are reached.
    pub(super) access: Access,
    /// `bootstrap.servers`.
    pub(super) bootstrap: Vec<BrokerAddress>,
    /// `fetch.wait.max.ms`: how long a broker may wait for the first byte.
    pub(super) wait: Duration,
    /// `fetch.min.bytes`: how many bytes it waits for.
    pub(super) bytes_min: i32,
    /// `fetch.max.bytes`: most bytes of an answer.
    pub(super) answer_bytes_max: usize,
    /// `max.partition.fetch.bytes`: most bytes of a partition in an answer.
    pub(super) partition_bytes_max: i32,
    /// `queued.max.messages.kbytes`: most bytes that are fetched and not handed out, or under way,
    /// over all partitions. What is ready to be handed out comes on top: a portion of a megabyte or
    /// one batch, and up to five of those with a thread that fetches.
    pub(super) queue_bytes: usize,
    /// `isolation.level`: whether records of open and aborted transactions are read too.
    pub(super) uncommitted: bool,
}

/// Why the direct reader cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Brokers cannot be reached with these properties.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The list of brokers cannot be read.
    #[error(transparent)]
    Brokers(#[from] AddressError),
    /// A property has no value that can be used.
    #[error("`{property}` is `{value}`, which the direct reader cannot use")]
    Value {
        /// Which property.
        property: &'static str,
        /// Its value.
        value: String,
    },
}

impl FetchSettings {
    /// What `properties` say, those not set being as librdkafka has them.
    ///
    /// # Errors
    /// [`SettingsError`] when only librdkafka can read with these properties, or nobody can.
    pub fn from_properties(
        brokers: &str,
        properties: &BTreeMap<String, String>,
    ) -> Result<Self, SettingsError> {
        let find = |names: &[&'static str]| {
            let found = names
                .iter()
                .find_map(|name| properties.get_key_value(*name));
            found.map(|(_, value)| value.as_str())
        };
        let level = find(&["isolation.level"]).unwrap_or("read_committed");
        let uncommitted = match level {
            "read_committed" => false,
            "read_uncommitted" => true,
            other => return Err(wrong("isolation.level", other)),
        };
        let partition = find(&["max.partition.fetch.bytes", "fetch.message.max.bytes"]);
        let wait = number("fetch.wait.max.ms", find(&["fetch.wait.max.ms"]), 500)?;
        let kilobytes: usize = number(
            "queued.max.messages.kbytes",
            find(&["queued.max.messages.kbytes"]),
            65_536,
        )?;
        let answer = find(&["fetch.max.bytes"]);
        Ok(Self {
            access: Access::from_properties(properties)?,
            bootstrap: BrokerAddress::list(brokers)?,
            wait: Duration::from_millis(wait),
            bytes_min: number("fetch.min.bytes", find(&["fetch.min.bytes"]), 1)?,
            answer_bytes_max: number("fetch.max.bytes", answer, 52_428_800)?,
            partition_bytes_max: number("max.partition.fetch.bytes", partition, 1_048_576)?,
            queue_bytes: kilobytes.saturating_mul(1024),
            uncommitted,
        })
    }
}

/// The number that a property has, or `default`.
fn number<T: FromStr>(
    property: &'static str,
    value: Option<&str>,
    default: T,
) -> Result<T, SettingsError> {
    match value {
        Some(value) => value.trim().parse().map_err(|_| wrong(property, value)),
        None => Ok(default),
    }
}

/// A value that cannot be used.
fn wrong(property: &'static str, value: &str) -> SettingsError {
    SettingsError::Value {
        property,
        value: value.to_owned(),
    }
}
