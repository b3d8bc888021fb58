//! Feeds into a snapshot: every feed is parsed, every row offered to the builder, and the whole
//! built beside whatever is in use. One feed that cannot be used fails the load.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::blocks::BLOCK_BYTES;
use super::crew;
use super::gate::PopularError;
use super::parsed::{Progress, Target};
use super::steps::{Job, Step, Steps};
use super::{FeedError, FeedReport, ParseOptions};
use crate::config::{FeedConfig, Origin};
use crate::snapshot::{
    BuildError, BuildOptions, FeedId, FeedInfo, Snapshot, SnapshotBuilder, Vetter,
};

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
    /// What no feed may list is not known.
    #[error("cannot guard the feeds")]
    Popular(#[from] PopularError),
    /// The builder refused a feed or the whole.
    #[error("cannot build a snapshot")]
    Build(#[from] BuildError),
}

impl LoadError {
    /// The feed that it is about; empty when it is about all of them.
    pub fn feed(&self) -> &str {
        match self {
            Self::Feed { name, .. } => name,
            Self::Popular(_) | Self::Build(_) => "",
        }
    }
}

/// Most threads that load feeds: the one that builds has no use for more.
pub const THREADS_MAX: usize = 8;

/// How many threads load feeds where nobody says: as many as this process may use at once, but
/// of many not all, since loading is never the most urgent that they have to do.
pub fn threads() -> usize {
    let available = thread::available_parallelism().map_or(1, usize::from);
    (available - available / 4).clamp(1, THREADS_MAX)
}

/// Loads `feeds` with [`threads`]. All feeds are read even if one fails, so that every mistake
/// shows at once.
///
/// # Errors
/// Every [`LoadError`], at least one.
pub fn load(
    feeds: &[FeedConfig],
    options: BuildOptions,
    generation: u64,
) -> Result<Loaded, Vec<LoadError>> {
    load_on(threads(), feeds, options, generation)
}

/// As [`load`], on so many threads, this one among them. The snapshot and all that is counted
/// are the same for any number.
///
/// # Errors
/// Every [`LoadError`], at least one.
pub fn load_on(
    threads: usize,
    feeds: &[FeedConfig],
    options: BuildOptions,
    generation: u64,
) -> Result<Loaded, Vec<LoadError>> {
    let builder = SnapshotBuilder::new(options);
    load_with(threads, feeds, builder, generation, &mut |_| {})
}

/// As [`load_on`], into a builder to which `more` adds what else there is once all feeds are in it.
pub(super) fn load_with(
    threads: usize,
    feeds: &[FeedConfig],
    builder: SnapshotBuilder,
    generation: u64,
    more: &mut dyn FnMut(&mut SnapshotBuilder),
) -> Result<Loaded, Vec<LoadError>> {
    let started = Instant::now();
    let (mut builder, loaded) = fill(Plan::usual(threads), feeds, builder)?;
    more(&mut builder);
    let snapshot = builder
        .build(generation)
        .map_err(|error| vec![LoadError::Build(error)])?;
    Ok(Loaded {
        snapshot,
        feeds: loaded,
        took: started.elapsed(),
    })
}

/// How the work is divided.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    /// Threads, this one among them.
    pub(super) threads: usize,
    /// Bytes of a block.
    pub(super) block_bytes: usize,
}

impl Plan {
    /// On so many threads, with blocks as they usually are.
    pub(super) fn usual(threads: usize) -> Self {
        Self {
            threads,
            block_bytes: BLOCK_BYTES,
        }
    }
}

/// Adds all feeds with their rows to a builder.
pub(super) fn fill(
    plan: Plan,
    feeds: &[FeedConfig],
    mut builder: SnapshotBuilder,
) -> Result<(SnapshotBuilder, Vec<LoadedFeed>), Vec<LoadError>> {
    let ids: Vec<FeedId> = feeds
        .iter()
        .map(|feed| builder.add_feed(feed_info(feed)))
        .collect();
    let vetters: Vec<Option<Vetter>> = ids.iter().map(|&id| builder.vetter(id)).collect();
    let jobs: Vec<Job<'_>> = feeds
        .iter()
        .map(|feed| Job {
            path: &feed.path,
            options: ParseOptions::of(feed),
        })
        .collect();
    let mut rest = jobs.iter().zip(feeds).zip(&ids);
    let mut ended: Vec<Result<LoadedFeed, LoadError>> = Vec::with_capacity(feeds.len());
    let mut at_hand = Progress::default();
    let steps = Steps::new(&jobs, plan.block_bytes);
    crew::run(&jobs, &vetters, steps, plan.threads, &mut |step, parsed| {
        let Some(((job, config), &feed)) = rest.clone().next() else {
            return;
        };
        let mut target = Target {
            builder: &mut builder,
            feed,
            progress: &mut at_hand,
        };
        let end = match step {
            Step::BeginFile(file) => {
                target.progress.tally.begin_file(&file.path, file.guessed);
                return;
            }
            Step::Block(file) => return parsed.add_to(&mut target, &file.options(job)),
            Step::EndFile { bytes, of_several } => {
                return target.progress.tally.end_file(bytes, of_several);
            }
            Step::WholeFeed(files) => target.add_whole(job, files),
            Step::EndFeed(end) => end,
        };
        let progress = std::mem::take(&mut at_hand);
        ended.push(finish(config, end, progress));
        rest.next();
    });
    let mut loaded = Vec::with_capacity(feeds.len());
    let mut errors = Vec::new();
    for feed in ended {
        match feed {
            Ok(feed) => loaded.push(feed),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() {
        Ok((builder, loaded))
    } else {
        Err(errors)
    }
}

/// What a feed came to in the end.
fn finish(
    feed: &FeedConfig,
    end: Result<(), FeedError>,
    progress: Progress,
) -> Result<LoadedFeed, LoadError> {
    let Progress { tally, remarks } = progress;
    let report = end.and_then(|()| tally.finish(&feed.path, feed.origin.is_topic()));
    let report = report.map_err(|source| LoadError::Feed {
        name: feed.name.clone(),
        source,
    })?;
    Ok(LoadedFeed {
        name: feed.name.clone(),
        report,
        narrowed: remarks.narrowed,
        reserved: remarks.reserved,
        duplicates: remarks.duplicates,
    })
}

/// The rules of a feed, as a builder wants them.
pub fn feed_info(feed: &FeedConfig) -> FeedInfo {
    FeedInfo {
        name: Arc::from(feed.name.as_str()),
        victim: feed.victim,
        grace: feed.grace,
        ignore_ports: feed.ignore_ports,
        overrides: feed.overrides,
        keyed: matches!(feed.origin, Origin::Topic(_)),
    }
}
