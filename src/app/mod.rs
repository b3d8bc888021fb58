//! The life of the daemon: build every part, start threads and tasks, serve signals, drain in
//! order. Only here are threads spawned and the clock given out.

mod answers;
mod attempts;
mod background;
mod control;
mod demo;
mod fetch;
mod fresh;
mod freshness;
mod guard;
mod health;
mod identify_stage;
mod match_stage;
mod observe;
mod topic_feed;
mod wanted;

use std::time::SystemTime;

use crate::config::{Config, NetworksConfig};
use crate::hits::{Orientation, known_sinkholes};
use crate::model::{EventTime, Networks};

pub use crate::feeds::chain;
pub use answers::{changed, feed_json, loaded_json, lookup_json, refused_by_gate};
pub use attempts::{Attempts, Failing};
pub use demo::{DemoError, DemoOptions, DemoProgress, DemoResult, Tamper, demo};
pub use fetch::{FetchFailure, Fetched};
pub use freshness::{Freshness, missing_json};
pub use match_stage::{MatchStage, MatchStageOptions, Report};
pub use wanted::wanted_topics;

/// Which stages a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Both.
    All,
    /// Events in, hits out.
    Match,
    /// Hits in, episodes out.
    Identify,
}

/// How the daemon runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunOptions {
    /// Which stages.
    pub role: Role,
    /// Whether nothing is produced and committed.
    pub dry_run: bool,
}

/// Why the daemon could not start.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The runtime or signal handling.
    #[error("cannot start the control plane")]
    Runtime(#[source] std::io::Error),
    /// Metrics.
    #[error(transparent)]
    Metrics(#[from] crate::telemetry::prometheus::InstallError),
    /// The HTTP listener.
    #[error(transparent)]
    Http(#[from] crate::http::HttpError),
    /// The role needs a section that the configuration does not have.
    #[error("the identify stage needs a section [identify]")]
    NoIdentify,
}

/// Runs until SIGTERM or SIGINT; `true` when everything in flight was acknowledged and
/// committed, `false` when a drain took too long.
///
/// # Errors
/// [`AppError`] when a part cannot be started. Brokers that are away, feeds that cannot be
/// used and the like are no errors: they are said, shown in `/readyz`, and tried again.
pub fn run(config: Config, options: RunOptions) -> Result<bool, AppError> {
    if options.role == Role::Identify && config.identify.is_none() {
        return Err(AppError::NoIdentify);
    }
    let exporter = crate::telemetry::prometheus::install()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("gannet-control")
        .enable_all()
        .build()
        .map_err(AppError::Runtime)?;
    let clean = runtime.block_on(control::Control::new(config, options, exporter).run());
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    clean
}

/// The clock.
pub fn now() -> EventTime {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    EventTime::from_nanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

/// Networks as the data path asks them; well-known sinkholes are among its sinkholes.
pub fn orientation(networks: &NetworksConfig) -> Orientation {
    Orientation {
        own: Networks::new(networks.own.iter().copied()),
        resolvers: Networks::new(networks.resolvers.iter().copied()),
        exclude: Networks::new(networks.exclude.iter().copied()),
        sinkholes: Networks::new(known_sinkholes().chain(networks.sinkholes.iter().copied())),
    }
}
