//! The hash of a snapshot's content. Every feed and row is hashed on its own and the hashes are
//! added up, so that the order in which they came does not count, nor where they were hashed.

use std::net::IpAddr;
use std::sync::Arc;

use hashbrown::HashSet;

use super::build::FeedInfo;
use super::catalog::SetForm;
use super::detail::cut;
use super::layer::with_scope;
use crate::model::{IndicatorValue, Named, Scope, VictimDirection};

/// The hash of one feed: of its rules, and the sum of those of its rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FeedDigest {
    rules: RowDigest,
    rows: RowDigest,
}

/// The hash of one row, or the sum of many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RowDigest([u64; 4]);

/// What values add up to, in whatever order they come.
pub(super) type ValueSum = RowDigest;

/// Names this way of hashing: a change of it changes every hash.
const VERSION: &str = "gannet.snapshot.v2";

impl FeedDigest {
    /// A feed with its rules and without rows.
    pub(super) fn new(feed: &FeedInfo) -> Self {
        let FeedInfo {
            name,
            victim,
            grace,
            ignore_ports,
            overrides,
            keyed: _,
        } = feed;
        let mut bytes = Vec::new();
        push_text(&mut bytes, "feed");
        push_text(&mut bytes, name);
        push_text(&mut bytes, victim.map_or("", VictimDirection::as_str));
        bytes.extend_from_slice(&grace.as_nanos().to_le_bytes());
        bytes.extend([u8::from(*ignore_ports), u8::from(*overrides)]);
        Self {
            rules: RowDigest::of(&blake3::hash(&bytes)),
            rows: RowDigest::default(),
        }
    }

    /// Adds a row.
    pub(super) fn add(&mut self, row: RowDigest) {
        self.rows.add(row);
    }

    /// Adds all rows of another version of the feed.
    pub(super) fn add_rows(&mut self, other: &Self) {
        self.rows.add(other.rows);
    }

    /// Takes a row away that was added.
    pub(super) fn subtract(&mut self, row: RowDigest) {
        for (lane, gone) in self.rows.0.iter_mut().zip(row.0) {
            *lane = lane.wrapping_sub(gone);
        }
    }
}

/// The hash of feeds, the rules of one that comes in several parts counted once: 32 hexadecimal
/// digits.
pub(super) fn hash_of(feeds: impl Iterator<Item = (Arc<str>, FeedDigest)>) -> String {
    let mut sum = RowDigest::default();
    let mut known = HashSet::new();
    for (name, feed) in feeds {
        if known.insert(name) {
            sum.add(feed.rules);
        }
        sum.add(feed.rows);
    }
    let mut hasher = blake3::Hasher::new();
    hasher.update(VERSION.as_bytes());
    for lane in sum.0 {
        hasher.update(&lane.to_le_bytes());
    }
    let mut hex = hasher.finalize().to_hex().to_string();
    hex.truncate(32);
    hex
}

/// The hash of a value, of a name whatever it covers.
pub(super) fn value_sum(value: &IndicatorValue<'_>) -> ValueSum {
    let mut bytes = Vec::new();
    push_value(&mut bytes, &with_scope(*value, Scope::Exact));
    RowDigest::of(&blake3::hash(&bytes))
}

impl RowDigest {
    /// A hash as four numbers.
    fn of(hash: &blake3::Hash) -> Self {
        let mut lanes = [0; 4];
        for (lane, bytes) in lanes.iter_mut().zip(hash.as_bytes().as_chunks().0) {
            *lane = u64::from_le_bytes(*bytes);
        }
        Self(lanes)
    }

    /// Adds another.
    pub(super) fn add(&mut self, other: Self) {
        for (lane, added) in self.0.iter_mut().zip(other.0) {
            *lane = lane.wrapping_add(added);
        }
    }
}

/// Hashes the rows of one feed. What they share is hashed once into a key, so that for most
/// rows the shortest of hashes is enough.
#[derive(Clone, Debug)]
pub(super) struct RowHasher {
    /// The feed's name, then the set at hand.
    feed: Vec<u8>,
    /// Bytes of the name.
    feed_len: usize,
    /// The key for the set at hand; none before the first.
    key: Option<[u8; 32]>,
    /// The feed and the set that the key is for.
    set: Vec<u8>,
    /// The row at hand.
    row: Vec<u8>,
}

impl RowHasher {
    /// For the feed with this name.
    pub(super) fn new(feed: &str) -> Self {
        let mut bytes = Vec::new();
        push_text(&mut bytes, "set");
        push_text(&mut bytes, feed);
        Self {
            feed_len: bytes.len(),
            feed: bytes,
            key: None,
            set: Vec::new(),
            row: Vec::new(),
        }
    }

    /// The hash of a row, after the guard had its say: its set, its value, and the form of its
    /// detail.
    pub(super) fn hash(
        &mut self,
        set: SetForm<'_>,
        value: &IndicatorValue<'_>,
        detail: &[u8],
    ) -> RowDigest {
        self.feed.truncate(self.feed_len);
        set.append(&mut self.feed);
        let key = match self.key {
            Some(key) if self.set == self.feed => key,
            Some(_) | None => {
                self.set.clone_from(&self.feed);
                *blake3::hash(&self.set).as_bytes()
            }
        };
        self.key = Some(key);
        self.row.clear();
        push_value(&mut self.row, value);
        self.row.extend_from_slice(detail);
        RowDigest::of(&blake3::keyed_hash(&key, &self.row))
    }
}

/// Appends a text, as much of it as is kept, with its length, so that neighbors cannot run
/// together.
fn push_text(bytes: &mut Vec<u8>, text: &str) {
    let text = cut(text);
    let len = u16::try_from(text.len()).unwrap_or(u16::MAX);
    bytes.extend_from_slice(&len.to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
}

/// Appends what is listed: a byte for what it is, then the value.
fn push_value(bytes: &mut Vec<u8>, value: &IndicatorValue<'_>) {
    match value {
        IndicatorValue::Name { name, scope } => {
            bytes.push(match scope {
                Scope::Exact => 0,
                Scope::Subtree => 1,
                Scope::Below => 2,
            });
            push_text(bytes, name.as_str());
        }
        IndicatorValue::Pattern(text) => {
            bytes.push(3);
            push_text(bytes, text);
        }
        IndicatorValue::Prefix(net) => {
            bytes.extend([4, net.prefix_len()]);
            push_address(bytes, net.addr());
        }
        IndicatorValue::Endpoint { ip, port } => {
            bytes.push(5);
            bytes.extend_from_slice(&port.to_le_bytes());
            push_address(bytes, *ip);
        }
    }
}

/// Appends an address.
fn push_address(bytes: &mut Vec<u8>, ip: IpAddr) {
    match ip {
        IpAddr::V4(ip) => {
            bytes.push(4);
            bytes.extend_from_slice(&ip.octets());
        }
        IpAddr::V6(ip) => {
            bytes.push(6);
            bytes.extend_from_slice(&ip.octets());
        }
    }
}
