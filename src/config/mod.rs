//! The configuration as it is meant: checked, with every default filled in. [`Config::load`]
//! makes it from a TOML file and reports every mistake of the file at once. The written form,
//! its rules, its defaults and its errors live in the children; `config/gannet.toml` documents
//! every key.

mod defaults;
mod error;
mod expand;
mod feeds;
mod gate;
mod inputs;
mod kafka;
mod load;
mod oauth;
mod reader;
mod stages;
mod units;
mod value;

#[cfg(test)]
mod tests;

mod client;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

pub use error::{ConfigError, ConfigErrors};
pub use feeds::{Origin, TsigConfig, WebConfig, ZoneConfig};
pub use gate::{ChangeLimits, GateConfig, HitLimits};
pub use oauth::{OauthSettings, OauthToken};

use crate::model::{
    EventFormat, FeedFormat, LeaseFormat, NameEngine, Named, OutputFormat, Role, Scope,
    VictimDirection,
};

/// A whole configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The cluster that is read.
    pub kafka: KafkaConfig,
    /// The cluster that is written; the same unless `[kafka.output]` names another.
    pub output: ClusterConfig,
    /// What is read and how it is decoded.
    pub sources: Vec<SourceConfig>,
    /// Where indicators come from.
    pub feeds: Vec<FeedConfig>,
    /// `[gate]`.
    pub gate: GateConfig,
    /// Which networks are whose.
    pub networks: NetworksConfig,
    /// How indicators are found.
    pub matching: MatchingConfig,
    /// How the match stage works on Kafka.
    pub workers: WorkersConfig,
    /// Where hits go.
    pub hits: TopicConfig,
    /// Where undecodable records go.
    pub dead: DeadConfig,
    /// Where episodes go.
    pub episodes: EpisodesConfig,
    /// How hits become victims; without it only the match stage can run.
    pub identify: Option<IdentifyConfig>,
    /// Health and metrics; without it nothing listens.
    pub http: Option<HttpConfig>,
    /// What is logged.
    pub log: LogConfig,
}

/// A Kafka cluster. Its `Debug` form shows the names of the properties, never their values:
/// passwords are among them.
#[derive(Clone, PartialEq, Eq)]
pub struct ClusterConfig {
    /// `host:port`, with commas.
    pub brokers: String,
    /// Raw librdkafka properties, credentials included; they win over ours.
    pub properties: BTreeMap<String, String>,
}

impl fmt::Debug for ClusterConfig {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ClusterConfig")
            .field("brokers", &self.brokers)
            .field("properties", &self.properties.keys())
            .finish()
    }
}

/// The cluster that is read, and our membership in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaConfig {
    /// The cluster.
    pub cluster: ClusterConfig,
    /// The consumer group; the identify stage uses `<group>.identify`.
    pub group: String,
    /// The name of this instance, for static membership.
    pub instance: Option<String>,
    /// How long the broker waits for a silent member.
    pub session_timeout: Duration,
    /// Who fetches records.
    pub reader: ReaderChoice,
    /// Whether a worker's direct reader fetches on a thread of its own.
    pub fetch_thread: FetchThread,
}

/// Who fetches records from Kafka.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReaderChoice {
    /// We do, wherever we can reach the brokers as configured; else librdkafka does.
    #[default]
    Auto,
    /// We do.
    Direct,
    /// librdkafka does.
    Librdkafka,
}

/// Whether a worker's direct reader fetches, checks and inflates on a thread of its own, while the
/// worker matches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FetchThread {
    /// Where there are more cores than workers.
    #[default]
    Auto,
    /// It does.
    On,
    /// It does so on the worker's thread: fewer threads, and a little less processor time in all.
    Off,
}

impl Named for FetchThread {
    const ALL: &'static [Self] = &[Self::Auto, Self::On, Self::Off];

    fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::On => "on",
            Self::Off => "off",
        }
    }
}

/// One `[[source]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceConfig {
    /// Its name in logs and metrics.
    pub name: String,
    /// Its topics.
    pub topics: Vec<String>,
    /// How their records are decoded.
    pub format: EventFormat,
    /// Where to start without a committed offset.
    pub start: Start,
}

/// Where to start without a committed offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// The oldest record.
    Earliest,
    /// Only what comes from now on.
    Latest,
}

/// One `[[feed]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedConfig {
    /// Its name in hits, logs and metrics.
    pub name: String,
    /// A file, or a directory whose files are all read; of what is fetched, where it is put.
    pub path: PathBuf,
    /// Where it comes from.
    pub origin: Origin,
    /// How often it is looked for anew.
    pub refresh: Duration,
    /// Most bytes of it, once inflated.
    pub size_max: u64,
    /// How it is parsed.
    pub format: FeedFormat,
    /// What its indicators are used for, where a row does not say.
    pub role: Role,
    /// 0 to 100, where a row does not say.
    pub confidence: u8,
    /// The malware family, where a row does not say.
    pub malware: Option<String>,
    /// What a bare name means; `None`: as the format does.
    pub names: Option<Scope>,
    /// In which direction contact is victim evidence; `None`: by each indicator's role.
    pub victim: Option<VictimDirection>,
    /// How long an indicator is valid from its newest date on, where it says no end; `None`: for
    /// ever.
    pub valid_for: Option<Duration>,
    /// How long indicators stay valid beyond their `valid_until`.
    pub grace: Duration,
    /// How long what it no longer lists is kept for events before that.
    pub keep_removed: Duration,
    /// A list that is older is stale: it matches on, and is told to be.
    pub age_max: Option<Duration>,
    /// Whether `address:port` matches the address on every port.
    pub ignore_ports: bool,
    /// Whether its indicators or allow rules win whatever their specificity.
    pub overrides: bool,
    /// For `csv`: which column holds what.
    pub columns: CsvColumns,
    /// How much it may change.
    pub limits: ChangeLimits,
}

/// Which column of a `csv` feed holds what, by its name in the header line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CsvColumns {
    /// The indicator itself; `None`: the first of `value`, `indicator`, `ioc`, `domain`, `ip`.
    pub value: Option<String>,
    /// The feed's id.
    pub id: Option<String>,
    /// The malware family.
    pub malware: Option<String>,
    /// The role.
    pub role: Option<String>,
    /// The confidence.
    pub confidence: Option<String>,
    /// Start of validity (RFC 3339, or `YYYY-MM-DD[ HH:MM:SS]` in UTC).
    pub valid_from: Option<String>,
    /// End of validity, written as the start.
    pub valid_until: Option<String>,
    /// A link.
    pub reference: Option<String>,
    /// Tags, with commas.
    pub tags: Option<String>,
    /// The separator: one ASCII character; `None`: `,`.
    pub delimiter: Option<u8>,
}

/// Which networks are whose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworksConfig {
    /// Subscriber space. Empty: the client is the asking or originating side.
    pub own: Vec<IpNet>,
    /// Our resolvers: what they ask speaks for no client.
    pub resolvers: Vec<IpNet>,
    /// Proxies, honeypots, scanners, mail hubs: hits without victim evidence.
    pub exclude: Vec<IpNet>,
    /// Sinkholes beside the well-known ones: who is led there is marked `sinkholed`.
    pub sinkholes: Vec<IpNet>,
}

/// How indicators are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MatchingConfig {
    /// Which structure finds names.
    pub names: NameEngine,
    /// Whether hits outside the validity of their indicators are emitted (and say so).
    pub emit_invalid: bool,
}

/// How the match stage works on Kafka.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkersConfig {
    /// Worker threads, each with its own consumer.
    pub threads: usize,
    /// Most records in one batch.
    pub batch_records_max: usize,
    /// Longest wait for a batch to fill.
    pub batch_wait: Duration,
    /// How often offsets are committed.
    pub commit_interval: Duration,
    /// How long a revocation or shutdown waits for acknowledgements.
    pub drain_timeout: Duration,
    /// Most hits and dead letters that wait for acknowledgement in one worker.
    pub unacknowledged_max: usize,
}

/// A topic that is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicConfig {
    /// Its name.
    pub topic: String,
    /// Its format.
    pub format: OutputFormat,
}

/// Where undecodable records go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadConfig {
    /// The topic.
    pub topic: String,
    /// Longest value that is kept whole; longer ones are cut and say so.
    pub value_bytes_max: usize,
}

/// Where episodes go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpisodesConfig {
    /// The topic, compacted.
    pub topic: String,
    /// Its format (`json` or `protobuf`).
    pub format: OutputFormat,
    /// An episode that only grew is sent at most once in this time.
    pub update_interval: Duration,
}

/// How hits become victims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentifyConfig {
    /// Where leases come from.
    pub leases: Vec<LeaseSource>,
    /// The store's file.
    pub store: PathBuf,
    /// A longer gap between hits starts a new spell.
    pub quiet_period: Duration,
    /// How far behind the clock a lease topic that was read to its end may be.
    pub lease_delay: Duration,
    /// How far outside a lease a hit is still attributed to it (`grace`).
    pub lease_grace: Duration,
    /// How far two subscribers of one address must be apart from a hit (clock skew).
    pub guard_band: Duration,
    /// How long a hit waits for leases before it is attributed provisionally.
    pub wait_max: Duration,
    /// Most hits that wait.
    pub waiting_max: usize,
    /// How long repeats of a hit are recognized; the retention of the hits topic.
    pub repeats_kept: Duration,
    /// Most hits in one commit of the store.
    pub commit_hits_max: usize,
    /// Most leases kept in memory.
    pub leases_max: usize,
}

/// Where leases come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseSource {
    /// A topic or a file.
    pub location: LeaseLocation,
    /// Its format.
    pub format: LeaseFormat,
}

/// A place to read leases from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeaseLocation {
    /// A Kafka topic, read whole at every start.
    Topic(String),
    /// A file, read when the stage starts.
    Path(PathBuf),
}

/// Health and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpConfig {
    /// Where to listen.
    pub listen: SocketAddr,
}

/// What is logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// A `tracing` filter: `info`, `gannet=debug`.
    pub filter: String,
    /// `text` or `json`.
    pub json: bool,
}
