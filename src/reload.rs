//! When a snapshot is built anew: exactly one build at a time, beside the snapshot in use, which
//! stays in use when the build fails.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::config::Config;
use crate::feeds::gate::{self, Passed};
use crate::feeds::{LoadError, LoadedFeed};
use crate::snapshot::{Protected, Publisher, SnapshotReader};

/// Builds snapshots and publishes them.
pub struct Reloader {
    config: Config,
    /// What no feed could list at the last build.
    protected: Mutex<Arc<Protected>>,
    /// The generation of the last build; held while one builds.
    building: Mutex<u64>,
    /// None before the first snapshot.
    publisher: Mutex<Option<Publisher>>,
}

/// What a build came to.
#[derive(Debug)]
pub enum Reload {
    /// A new snapshot is in use.
    Published(Box<Published>),
    /// The snapshot in use, if there is one, stays in use.
    Failed(Vec<LoadError>),
}

/// A snapshot that was published.
#[derive(Debug)]
pub struct Published {
    /// Its generation.
    pub generation: u64,
    /// Its hash.
    pub hash: String,
    /// Its indicators.
    pub indicators: u64,
    /// Its allow rules.
    pub allow_rules: u64,
    /// Bytes of memory that it takes.
    pub bytes: usize,
    /// How long the build took.
    pub took: Duration,
    /// What the feeds held.
    pub feeds: Vec<LoadedFeed>,
    /// Which versions of them they are.
    pub passed: Vec<Passed>,
}

impl Reloader {
    /// A reloader of the feeds of a configuration; nothing is loaded yet.
    pub fn new(config: Config) -> Self {
        Self {
            config,
            protected: Mutex::default(),
            building: Mutex::new(0),
            publisher: Mutex::new(None),
        }
    }

    /// Builds a snapshot from the feeds as they are now and publishes it. A call that comes
    /// while another builds waits for it and then builds again: its feeds may be newer.
    /// Takes as long as the feeds take; not for a worker's thread.
    pub fn reload(&self) -> Reload {
        let mut generation = lock(&self.building);
        let options = match gate::build_options(&self.config) {
            Ok(options) => options,
            Err(error) => return Reload::Failed(vec![error.into()]),
        };
        *lock(&self.protected) = Arc::clone(&options.protected);
        let store = gate::store(&self.config.gate);
        let feeds = &self.config.feeds;
        let mut gated = match gate::load_gated(feeds, store.as_ref(), &options, *generation + 1) {
            Ok(gated) => gated,
            Err(errors) => return Reload::Failed(errors),
        };
        *generation += 1;
        if let Some(store) = &store {
            gated.keep(store);
        }
        let (loaded, passed) = (gated.loaded, gated.passed);
        let snapshot = loaded.snapshot;
        let published = Published {
            generation: snapshot.generation(),
            hash: snapshot.hash().to_owned(),
            indicators: snapshot.indicators(),
            allow_rules: snapshot.allow_rules(),
            bytes: snapshot.bytes(),
            took: loaded.took,
            feeds: loaded.feeds,
            passed,
        };
        let mut publisher = lock(&self.publisher);
        match &mut *publisher {
            Some(publisher) => publisher.publish(snapshot),
            None => *publisher = Some(Publisher::new(snapshot)),
        }
        Reload::Published(Box::new(published))
    }

    /// What no feed could list at the last build.
    pub fn protected(&self) -> Arc<Protected> {
        Arc::clone(&lock(&self.protected))
    }

    /// A reader of what is published; none before the first snapshot.
    pub fn reader(&self) -> Option<SnapshotReader> {
        lock(&self.publisher).as_ref().map(Publisher::reader)
    }

    /// Frees replaced snapshots that no worker holds any more; how many are left.
    pub fn retire(&self) -> usize {
        lock(&self.publisher).as_mut().map_or(0, Publisher::retire)
    }
}

/// The lock's content; what a panic left behind is still whole, since it is replaced whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
