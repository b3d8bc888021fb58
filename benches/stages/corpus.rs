//! What the stages work on: a made feed and made traffic, the same on every machine.

use std::collections::HashMap;
use std::io::Write;

use anyhow::Context;
use gannet::config::FeedConfig;
use gannet::feeds;
use gannet::lab::bench::{FeedOptions, MadeFeed, Traffic, TrafficOptions, Workload};
use gannet::matching::HashKey;
use gannet::model::{FeedFormat, Role, Scope};
use gannet::snapshot::{BuildOptions, Snapshot};
use ipnet::IpNet;

/// What the feed lists.
const FEED: FeedOptions = FeedOptions {
    names: 10_000,
    prefixes: 2_000,
    seed: 1,
};

/// Events of a pass.
pub(crate) const EVENTS: u64 = 2_000;

/// The share of events that are hits, unless a stage wants only hits.
pub(crate) const HIT_SHARE: f64 = 0.01;

/// The feed.
pub(crate) fn feed() -> anyhow::Result<MadeFeed> {
    Ok(MadeFeed::new(FEED)?)
}

/// About [`EVENTS`] events of `workload`.
pub(crate) fn traffic(workload: Workload, hit_share: f64) -> anyhow::Result<Traffic> {
    let options = TrafficOptions {
        events: EVENTS,
        hit_share,
        ..TrafficOptions::new(workload)
    };
    Ok(Traffic::make(&options, &feed()?)?)
}

/// How a snapshot is built here: its names are hashed with a key that is always the same, or
/// counts would differ from run to run.
fn build_options() -> BuildOptions {
    BuildOptions {
        hash_key: Some(HashKey::new(1, 2)),
        ..BuildOptions::default()
    }
}

/// The snapshot of the feed.
pub(crate) fn snapshot() -> anyhow::Result<Snapshot> {
    Ok(feed()?.snapshot(build_options())?)
}

/// The listed names with what they cover.
pub(crate) fn names() -> anyhow::Result<HashMap<String, Scope>> {
    let feed = feed()?;
    Ok((0..FEED.names).map(|index| feed.name(index)).collect())
}

/// The listed prefixes.
pub(crate) fn prefixes() -> anyhow::Result<Vec<IpNet>> {
    let feed = feed()?;
    Ok((0..FEED.prefixes).map(|index| feed.prefix(index)).collect())
}

/// The feed as a plain file.
#[derive(Debug)]
pub(crate) struct PlainFeed {
    config: FeedConfig,
    /// Deleted when it is dropped.
    _file: tempfile::NamedTempFile,
}

impl PlainFeed {
    /// Writes the file.
    pub(crate) fn write() -> anyhow::Result<Self> {
        let feed = feed()?;
        let mut file = tempfile::NamedTempFile::new()?;
        for index in 0..FEED.names {
            writeln!(file, "{}", feed.name(index).0)?;
        }
        for index in 0..FEED.prefixes {
            writeln!(file, "{}", feed.prefix(index))?;
        }
        file.flush()?;
        let path = file.path().to_owned();
        let config = FeedConfig {
            confidence: 75,
            malware: Some("win.alpha".to_owned()),
            ..FeedConfig::new("made", path, FeedFormat::Plain, Role::C2)
        };
        Ok(Self {
            config,
            _file: file,
        })
    }

    /// How many rows it has.
    pub(crate) fn rows() -> u64 {
        u64::from(FEED.names) + u64::from(FEED.prefixes)
    }

    /// Builds a snapshot of it.
    pub(crate) fn load(&self) -> anyhow::Result<Snapshot> {
        match feeds::load(std::slice::from_ref(&self.config), build_options(), 1) {
            Ok(loaded) => Ok(loaded.snapshot),
            Err(mut errors) => Err(errors.pop().context("a load fails for a reason")?.into()),
        }
    }
}
