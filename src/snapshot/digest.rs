//! The hash of a snapshot's content. Every feed and row is hashed on its own and the hashes are
//! added up, so that the order in which they came does not count.

use std::net::IpAddr;

use super::build::FeedInfo;
use super::catalog::TAGS_MAX;
use super::detail::cut;
use crate::model::{EventTime, Indicator, IndicatorValue, Named, Scope, VictimDirection};

/// The sum so far.
#[derive(Debug, Default)]
pub(super) struct Digest {
    sum: [u64; 4],
    /// The fields of the row at hand.
    scratch: Vec<u8>,
}

/// Names this way of hashing: a change of it changes every hash.
const VERSION: &str = "gannet.snapshot.v1";

impl Digest {
    /// Adds a feed with its rules.
    pub(super) fn add_feed(&mut self, feed: &FeedInfo) {
        let FeedInfo {
            name,
            victim,
            grace,
            ignore_ports,
            overrides,
        } = feed;
        self.scratch.clear();
        self.text("feed");
        self.text(name);
        self.text(victim.map_or("", VictimDirection::as_str));
        self.scratch
            .extend_from_slice(&grace.as_nanos().to_le_bytes());
        self.scratch
            .extend([u8::from(*ignore_ports), u8::from(*overrides)]);
        self.add_scratch();
    }

    /// Adds a row of the feed named `feed`, after the guard had its say.
    pub(super) fn add_row(&mut self, feed: &str, indicator: &Indicator<'_>) {
        let Indicator {
            value,
            written,
            id,
            role,
            malware,
            confidence,
            valid_from,
            valid_until,
            state,
            reference,
            tags,
        } = indicator;
        self.scratch.clear();
        self.text("row");
        self.text(feed);
        self.value(value);
        self.text(written);
        self.text(role.as_str());
        self.text(state.as_str());
        self.scratch.push(*confidence);
        self.option(*id);
        self.option(*malware);
        self.option(*reference);
        self.time(*valid_from);
        self.time(*valid_until);
        for tag in tags.iter().take(TAGS_MAX) {
            self.text(tag);
        }
        self.add_scratch();
    }

    /// The hash: 32 hexadecimal digits.
    pub(super) fn finish(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(VERSION.as_bytes());
        for lane in self.sum {
            hasher.update(&lane.to_le_bytes());
        }
        let mut hex = hasher.finalize().to_hex().to_string();
        hex.truncate(32);
        hex
    }

    /// Adds the hash of the scratch to the sum.
    fn add_scratch(&mut self) {
        let hash = blake3::hash(&self.scratch);
        for (lane, bytes) in self.sum.iter_mut().zip(hash.as_bytes().as_chunks().0) {
            *lane = lane.wrapping_add(u64::from_le_bytes(*bytes));
        }
    }

    /// Appends a text, as much of it as is kept, with its length, so that neighbors cannot
    /// run together.
    fn text(&mut self, text: &str) {
        let text = cut(text);
        let len = u32::try_from(text.len()).unwrap_or(u32::MAX);
        self.scratch.extend_from_slice(&len.to_le_bytes());
        self.scratch.extend_from_slice(text.as_bytes());
    }

    /// Appends a text that may be missing.
    fn option(&mut self, text: Option<&str>) {
        self.scratch.push(u8::from(text.is_some()));
        self.text(text.unwrap_or_default());
    }

    /// Appends an instant that may be missing.
    fn time(&mut self, time: Option<EventTime>) {
        self.scratch.push(u8::from(time.is_some()));
        let nanos = time.unwrap_or_default().nanos();
        self.scratch.extend_from_slice(&nanos.to_le_bytes());
    }

    /// Appends what is listed.
    fn value(&mut self, value: &IndicatorValue<'_>) {
        self.text(value.class());
        match value {
            IndicatorValue::Name { name, scope } => {
                self.text(name.as_str());
                self.scratch.push(match scope {
                    Scope::Exact => 0,
                    Scope::Subtree => 1,
                    Scope::Below => 2,
                });
            }
            IndicatorValue::Pattern(text) => self.text(text),
            IndicatorValue::Prefix(net) => {
                self.address(net.addr());
                self.scratch.push(net.prefix_len());
            }
            IndicatorValue::Endpoint { ip, port } => {
                self.address(*ip);
                self.scratch.extend_from_slice(&port.to_le_bytes());
            }
        }
    }

    /// Appends an address.
    fn address(&mut self, ip: IpAddr) {
        match ip {
            IpAddr::V4(ip) => {
                self.scratch.push(4);
                self.scratch.extend_from_slice(&ip.octets());
            }
            IpAddr::V6(ip) => {
                self.scratch.push(6);
                self.scratch.extend_from_slice(&ip.octets());
            }
        }
    }
}
