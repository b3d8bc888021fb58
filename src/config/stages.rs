//! The sections of the stages and of what surrounds them: `[matching]`, `[workers]`, `[hits]`,
//! `[dead]`, `[episodes]`, `[identify]`, `[http]`, `[log]`.

use std::path::PathBuf;
use std::time::Duration;

use super::inputs::Unique;
use super::reader::{Section, Wrong};
use super::units::write_duration;
use super::value::{
    Item, auto_or_count, choice, count, duration, listen, log_filter, named, named_or_later, path,
    size, topic, topic_format,
};
use super::{
    DeadConfig, EpisodesConfig, HttpConfig, IdentifyConfig, LeaseLocation, LeaseSource, LogConfig,
    MatchingConfig, TopicConfig, WorkersConfig,
};

/// A day.
const DAY: Duration = Duration::from_secs(86_400);

/// Reads `[matching]`.
pub(super) fn matching(document: &mut Section<'_>) -> MatchingConfig {
    let mut section = document.section("matching");
    let base = MatchingConfig::default();
    let invalid = &[("drop", false), ("emit", true)];
    let matching = MatchingConfig {
        names: section.or("names", base.names, named),
        emit_invalid: section.or("invalid", base.emit_invalid, choice(invalid)),
    };
    section.finish();
    matching
}

/// Reads `[workers]`, which must drain well within `session_timeout`.
pub(super) fn workers(document: &mut Section<'_>, session_timeout: Duration) -> WorkersConfig {
    let mut section = document.section("workers");
    let mut base = WorkersConfig::default();
    base.drain_timeout = base.drain_timeout.min(session_timeout / 2);
    let millis = Duration::from_millis;
    let workers = WorkersConfig {
        threads: section.or(
            "threads",
            base.threads,
            auto_or_count(base.threads, 1..=1024),
        ),
        batch_records_max: section.or(
            "batch_records_max",
            base.batch_records_max,
            count(1..=65_536),
        ),
        batch_wait: section.or(
            "batch_wait",
            base.batch_wait,
            duration(millis(1)..=millis(10_000)),
        ),
        commit_interval: section.or(
            "commit_interval",
            base.commit_interval,
            duration(millis(10)..=millis(300_000)),
        ),
        drain_timeout: section.or(
            "drain_timeout",
            base.drain_timeout,
            duration(millis(100)..=millis(900_000)),
        ),
        unacknowledged_max: section.or(
            "unacknowledged_max",
            base.unacknowledged_max,
            count(1..=10_000_000),
        ),
    };
    if workers.drain_timeout > session_timeout / 2 {
        section.reject(
            "drain_timeout",
            format!(
                "{} is more than half of `kafka.session_timeout` ({}): the broker would give our \
                 partitions away while we drain",
                write_duration(workers.drain_timeout),
                write_duration(session_timeout)
            ),
        );
    }
    section.finish();
    workers
}

/// Reads `[hits]`; its topic is taken from `topics`, as those of the next two are.
pub(super) fn hits(document: &mut Section<'_>, topics: &mut Unique) -> TopicConfig {
    let mut section = document.section("hits");
    let base = TopicConfig::hits();
    let hits = TopicConfig {
        topic: section.or("topic", base.topic, topic),
        format: section.or("format", base.format, topic_format),
    };
    take(&section, topics, &hits.topic, "hits.topic");
    section.finish();
    hits
}

/// Reads `[dead]`.
pub(super) fn dead(document: &mut Section<'_>, topics: &mut Unique) -> DeadConfig {
    let mut section = document.section("dead");
    let base = DeadConfig::default();
    let dead = DeadConfig {
        topic: section.or("topic", base.topic, topic),
        value_bytes_max: section.or("value_max", base.value_bytes_max, size(0..=16 << 20)),
    };
    take(&section, topics, &dead.topic, "dead.topic");
    section.finish();
    dead
}

/// Reads `[episodes]`.
pub(super) fn episodes(document: &mut Section<'_>, topics: &mut Unique) -> EpisodesConfig {
    let mut section = document.section("episodes");
    let base = EpisodesConfig::default();
    let episodes = EpisodesConfig {
        topic: section.or("topic", base.topic, topic),
        format: section.or("format", base.format, topic_format),
        update_interval: section.or(
            "update_interval",
            base.update_interval,
            duration(Duration::ZERO..=30 * DAY),
        ),
    };
    take(&section, topics, &episodes.topic, "episodes.topic");
    section.finish();
    episodes
}

/// Takes the topic of `section`.
fn take(section: &Section<'_>, topics: &mut Unique, topic: &str, key: &str) {
    if let Err(taken) = topics.take(topic, key.to_owned()) {
        section.reject("topic", taken);
    }
}

/// Reads `[identify]`; without the section the stage is not configured.
pub(super) fn identify(document: &mut Section<'_>, topics: &mut Unique) -> Option<IdentifyConfig> {
    let mut section = document.section("identify");
    let leases: Vec<Option<LeaseSource>> = section
        .sections("leases")
        .into_iter()
        .enumerate()
        .map(|(index, section)| lease_source(section, index, topics))
        .collect();
    section.require("leases");
    let store = section.required("store", store);
    let base = IdentifyConfig::new(Vec::new(), PathBuf::new());
    let second = Duration::from_secs(1);
    let identify = IdentifyConfig {
        quiet_period: section.or(
            "quiet_period",
            base.quiet_period,
            duration(second..=365 * DAY),
        ),
        lease_delay: section.or(
            "lease_delay",
            base.lease_delay,
            duration(Duration::ZERO..=DAY),
        ),
        lease_grace: section.or(
            "lease_grace",
            base.lease_grace,
            duration(Duration::ZERO..=DAY),
        ),
        guard_band: section.or(
            "guard_band",
            base.guard_band,
            duration(Duration::ZERO..=DAY / 24),
        ),
        wait_max: section.or("wait_max", base.wait_max, duration(second..=7 * DAY)),
        waiting_max: section.or("waiting_max", base.waiting_max, count(1..=100_000_000)),
        repeats_kept: section.or(
            "repeats_kept",
            base.repeats_kept,
            duration(60 * second..=365 * DAY),
        ),
        commit_hits_max: section.or(
            "commit_hits_max",
            base.commit_hits_max,
            count(1..=1_000_000),
        ),
        leases_max: section.or("leases_max", base.leases_max, count(1..=500_000_000)),
        ..base
    };
    if identify.wait_max <= identify.lease_delay {
        section.reject(
            "wait_max",
            "must be longer than `lease_delay`, or every hit waits in vain",
        );
    }
    if identify.repeats_kept < identify.wait_max {
        section.reject("repeats_kept", "must not be shorter than `wait_max`");
    }
    let present = section.present();
    section.finish();
    if !present {
        return None;
    }
    Some(IdentifyConfig {
        leases: leases.into_iter().collect::<Option<_>>()?,
        store: store?,
        ..identify
    })
}

/// A path at which the store can be made.
fn store(item: &Item<'_>) -> Result<PathBuf, Wrong> {
    let path = path(item)?;
    if path.is_dir() {
        return Err(format!("`{}` is a directory: name a file in it", path.display()).into());
    }
    match path.parent() {
        Some(parent) if parent.exists() && !parent.is_dir() => {
            Err(format!("`{}` is not a directory", parent.display()).into())
        }
        Some(_) | None => Ok(path),
    }
}

/// Reads one of `identify.leases`.
fn lease_source(
    mut section: Section<'_>,
    index: usize,
    topics: &mut Unique,
) -> Option<LeaseSource> {
    let topic = section.optional("topic", topic);
    let path = section.optional("path", path);
    let format = section.required("format", named_or_later(LATER_LEASE_FORMATS));
    if let Some(topic) = &topic {
        take(
            &section,
            topics,
            topic,
            &format!("identify.leases[{index}].topic"),
        );
    }
    match (section.has("topic"), section.has("path")) {
        (true, true) => section.reject("path", "is there beside `topic`: name one of them"),
        (false, false) => section.reject("topic", "is missing, and `path` is too"),
        (true, false) | (false, true) => {}
    }
    section.finish();
    let location = topic
        .map(LeaseLocation::Topic)
        .or_else(|| path.map(LeaseLocation::Path));
    Some(LeaseSource {
        location: location?,
        format: format?,
    })
}

/// Lease formats that a later version will know.
const LATER_LEASE_FORMATS: &[&str] = &[
    "radius-detail",
    "radius-json",
    "kea-json",
    "isc-dhcpd",
    "cgnat-json",
    "static-csv",
];

/// Reads `[http]`; without the section nothing listens.
pub(super) fn http(document: &mut Section<'_>) -> Option<HttpConfig> {
    let mut section = document.section("http");
    let base = HttpConfig::default();
    let listen = section.or("listen", base.listen, listen);
    let present = section.present();
    section.finish();
    present.then_some(HttpConfig { listen })
}

/// Reads `[log]`.
pub(super) fn log(document: &mut Section<'_>) -> LogConfig {
    let mut section = document.section("log");
    let base = LogConfig::default();
    let log = LogConfig {
        filter: section.or("filter", base.filter, log_filter),
        json: section.or(
            "format",
            base.json,
            choice(&[("text", false), ("json", true)]),
        ),
    };
    section.finish();
    log
}
