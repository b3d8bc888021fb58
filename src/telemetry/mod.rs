//! What the program says about itself: logs on standard error, metrics for Prometheus.
//!
//! [`names`] holds every metric as a documented constant. Modules count in plain integers and
//! publish once a batch through [`handles`], [`fetching`] and [`feeds`], which are looked up once. [`prometheus`]
//! turns it all into text. No label ever holds a name, an address or a subscriber.

pub mod feeds;
pub mod fetching;
pub mod handles;
pub mod logs;
pub mod names;
pub mod prometheus;

pub use feeds::{FeedMetrics, FreshnessMetrics};
pub use fetching::FetchMetrics;
pub use handles::{
    Count, Counts, HitCounts, HitMetrics, IdentifyMetrics, Level, SnapshotMetrics, SourceMetrics,
    SourceStats, WorkerMetrics,
};
pub use logs::{LogError, LogFormat};
pub use names::Metric;
