//! Every default, in one place. `config/gannet.toml` repeats them for people; a test compares.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use crate::model::{FeedFormat, OutputFormat, Role};

use super::{
    ChangeLimits, ClusterConfig, CsvColumns, DeadConfig, EpisodesConfig, FeedConfig, FetchThread,
    HttpConfig, IdentifyConfig, KafkaConfig, LeaseSource, LogConfig, Origin, ReaderChoice,
    TopicConfig, WorkersConfig,
};

/// How long the broker waits for a silent member.
pub(super) const SESSION_TIMEOUT: Duration = Duration::from_secs(10);
/// How sure a feed is of its rows.
pub(super) const CONFIDENCE: u8 = 50;

impl ClusterConfig {
    /// The cluster at `brokers`, without properties.
    pub fn new(brokers: impl Into<String>) -> Self {
        Self {
            brokers: brokers.into(),
            properties: BTreeMap::new(),
        }
    }
}

impl KafkaConfig {
    /// Dynamic membership in `group` with a session of 10 s.
    pub fn new(cluster: ClusterConfig, group: impl Into<String>) -> Self {
        Self {
            cluster,
            group: group.into(),
            instance: None,
            session_timeout: SESSION_TIMEOUT,
            reader: ReaderChoice::Auto,
            fetch_thread: FetchThread::Auto,
        }
    }
}

impl FetchThread {
    /// Whether each of so many `workers` gets a thread that fetches, on this machine.
    pub fn applies(self, workers: usize) -> bool {
        match self {
            Self::Auto => workers < cores(),
            Self::On => true,
            Self::Off => false,
        }
    }
}

/// Processors that we may use.
fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

impl FeedConfig {
    /// How long what a feed no longer lists is kept, where nobody says.
    pub const KEEP_REMOVED: Duration = Duration::from_secs(7 * 86_400);
    /// How long one fetch may take, where nobody says.
    pub const TIMEOUT: Duration = Duration::from_secs(120);
    /// Most bytes of a feed, once inflated, where nobody says: 4 GiB.
    pub const SIZE_MAX: u64 = 4 << 30;

    /// A feed that says nothing beyond what it must.
    pub fn new(name: impl Into<String>, path: PathBuf, format: FeedFormat, role: Role) -> Self {
        Self {
            name: name.into(),
            path,
            origin: Origin::Path,
            refresh: Duration::from_secs(10),
            size_max: Self::SIZE_MAX,
            format,
            role,
            confidence: CONFIDENCE,
            malware: None,
            names: None,
            victim: None,
            grace: Duration::ZERO,
            valid_for: None,
            keep_removed: Self::KEEP_REMOVED,
            age_max: None,
            ignore_ports: false,
            overrides: false,
            columns: CsvColumns::default(),
            limits: ChangeLimits::default(),
        }
    }
}

impl Default for WorkersConfig {
    /// One worker a core that this process may use.
    fn default() -> Self {
        Self {
            threads: cores(),
            batch_records_max: 8192,
            batch_wait: Duration::from_millis(50),
            commit_interval: Duration::from_secs(1),
            drain_timeout: Duration::from_secs(4),
            unacknowledged_max: 100_000,
        }
    }
}

impl TopicConfig {
    /// Where hits go unless `[hits]` says otherwise.
    pub fn hits() -> Self {
        Self {
            topic: "gannet.hits".to_owned(),
            format: OutputFormat::Json,
        }
    }
}

impl Default for DeadConfig {
    fn default() -> Self {
        Self {
            topic: "gannet.dead".to_owned(),
            value_bytes_max: 512 << 10,
        }
    }
}

impl Default for EpisodesConfig {
    fn default() -> Self {
        Self {
            topic: "gannet.episodes".to_owned(),
            format: OutputFormat::Json,
            update_interval: Duration::from_secs(3600),
        }
    }
}

impl IdentifyConfig {
    /// The stage over `leases`, with its state in the file `store`.
    pub fn new(leases: Vec<LeaseSource>, store: PathBuf) -> Self {
        Self {
            leases,
            store,
            quiet_period: Duration::from_secs(86_400),
            lease_delay: Duration::from_secs(10),
            lease_grace: Duration::from_secs(60),
            guard_band: Duration::from_secs(2),
            wait_max: Duration::from_secs(600),
            waiting_max: 100_000,
            repeats_kept: Duration::from_secs(7 * 86_400),
            commit_hits_max: 5_000,
            leases_max: 20_000_000,
        }
    }
}

impl Default for HttpConfig {
    /// This machine alone.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 9464)),
        }
    }
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            filter: "info".to_owned(),
            json: false,
        }
    }
}
