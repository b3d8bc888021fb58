//! Feeds into a snapshot: every feed is parsed, every row offered to the builder, and the whole
//! built beside whatever is in use. One feed that cannot be used fails the load.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{FeedError, FeedReport, ParseOptions, Reason, parse};
use crate::config::FeedConfig;
use crate::snapshot::{BuildError, BuildOptions, FeedInfo, Refusal, Snapshot, SnapshotBuilder};

/// A snapshot with what its feeds held.
#[derive(Debug)]
pub struct Loaded {
    /// The snapshot.
    pub snapshot: Snapshot,
    /// What each feed held, in the order of the configuration.
    pub feeds: Vec<LoadedFeed>,
    /// How long it took.
    pub took: Duration,
}

/// What one feed held.
#[derive(Clone, Debug)]
pub struct LoadedFeed {
    /// The feed's name.
    pub name: String,
    /// Its rows.
    pub report: FeedReport,
    /// Rows accepted with a remark by the builder: narrowed to the exact name, reserved.
    pub narrowed: u64,
    /// Rows that list reserved names or documentation networks.
    pub reserved: u64,
    /// Rows that repeat another.
    pub duplicates: u64,
}

/// Why feeds do not make a snapshot. The one in use stays in use.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A feed cannot be used.
    #[error("feed `{name}`")]
    Feed {
        /// The feed's name.
        name: String,
        /// Why.
        source: FeedError,
    },
    /// The builder refused a feed or the whole.
    #[error("cannot build a snapshot")]
    Build(#[from] BuildError),
}

impl LoadError {
    /// The feed that it is about; empty when it is about all of them.
    pub fn feed(&self) -> &str {
        match self {
            Self::Feed { name, .. } => name,
            Self::Build(_) => "",
        }
    }
}

/// Loads `feeds`. All feeds are read even if one fails, so that every mistake shows at once.
///
/// # Errors
/// Every [`LoadError`], at least one.
pub fn load(
    feeds: &[FeedConfig],
    options: BuildOptions,
    generation: u64,
) -> Result<Loaded, Vec<LoadError>> {
    let started = Instant::now();
    let mut builder = SnapshotBuilder::new(options);
    let mut loaded = Vec::with_capacity(feeds.len());
    let mut errors = Vec::new();
    for feed in feeds {
        match load_feed(feed, &mut builder) {
            Ok(feed) => loaded.push(feed),
            Err(error) => errors.push(error),
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let snapshot = builder
        .build(generation)
        .map_err(|error| vec![LoadError::Build(error)])?;
    Ok(Loaded {
        snapshot,
        feeds: loaded,
        took: started.elapsed(),
    })
}

fn load_feed(feed: &FeedConfig, builder: &mut SnapshotBuilder) -> Result<LoadedFeed, LoadError> {
    let id = builder.add_feed(FeedInfo {
        name: Arc::from(feed.name.as_str()),
        victim: feed.victim,
        grace: feed.grace,
        ignore_ports: feed.ignore_ports,
        overrides: feed.overrides,
    });
    let (mut narrowed, mut reserved, mut duplicates) = (0, 0, 0);
    let report = parse(&feed.path, &ParseOptions::of(feed), &mut |indicator| {
        let accepted = builder
            .add(id, indicator)
            .map_err(|refusal: Refusal| Reason::from(refusal.reason()))?;
        narrowed += u64::from(accepted.narrowed);
        reserved += u64::from(accepted.reserved);
        duplicates += u64::from(accepted.duplicate);
        Ok(())
    })
    .map_err(|source| LoadError::Feed {
        name: feed.name.clone(),
        source,
    })?;
    Ok(LoadedFeed {
        name: feed.name.clone(),
        report,
        narrowed,
        reserved,
        duplicates,
    })
}
