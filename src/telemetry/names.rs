//! Every metric: its name, kind, labels and help. Labels take their values from closed sets or
//! from the configuration, never from the traffic.

/// A metric as Prometheus sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// `gannet_<subject>_<unit>_total` for counters; base units.
    pub name: &'static str,
    /// Whether it only grows.
    pub kind: MetricKind,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// What it counts, in one sentence.
    pub help: &'static str,
}

/// Whether a metric only grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
}

/// Is 1; says which build this is.
pub const BUILD_INFO: Metric = gauge(
    "gannet_build_info",
    &["version"],
    "Is 1; says which build this is.",
);

/// Records read.
pub const RECORDS: Metric = counter("gannet_records_total", &["source"], "Records read.");

/// Bytes of the values of records read.
pub const RECORD_BYTES: Metric = counter(
    "gannet_record_bytes_total",
    &["source"],
    "Bytes of the values of records read.",
);

/// Items of records by outcome: matched, unmatched, rejected, ignored.
pub const EVENTS: Metric = counter(
    "gannet_events_total",
    &["source", "outcome"],
    "Items of records by outcome: matched, unmatched, rejected, ignored.",
);

/// Items that could not be decoded.
pub const REJECTED: Metric = counter(
    "gannet_rejected_total",
    &["source", "reason"],
    "Items that could not be decoded.",
);

/// Names in events that cannot match anything.
pub const NAMES_UNFIT: Metric = counter(
    "gannet_names_unfit_total",
    &["reason"],
    "Names in events that cannot match anything.",
);

/// Hits made.
pub const HITS: Metric = counter("gannet_hits_total", &["kind", "evidence"], "Hits made.");

/// Hits that speak for an infected client.
pub const VICTIM_EVIDENCE: Metric = counter(
    "gannet_victim_evidence_total",
    &[],
    "Hits that speak for an infected client.",
);

/// Hits that the broker acknowledged.
pub const HITS_ACKNOWLEDGED: Metric = counter(
    "gannet_hits_acknowledged_total",
    &[],
    "Hits that the broker acknowledged.",
);

/// Dead letters made.
pub const DEAD_LETTERS: Metric = counter(
    "gannet_dead_letters_total",
    &["reason"],
    "Dead letters made.",
);

/// Deliveries that failed and were tried again or given up.
pub const DELIVERY_ERRORS: Metric = counter(
    "gannet_delivery_errors_total",
    &[],
    "Deliveries that failed and were tried again or given up.",
);

/// Batches processed.
pub const BATCHES: Metric = counter("gannet_batches_total", &[], "Batches processed.");

/// Commits of offsets: ok, failed.
pub const COMMITS: Metric = counter(
    "gannet_commits_total",
    &["result"],
    "Commits of offsets: ok, failed.",
);

/// Rebalances: assigned, revoked, lost.
pub const REBALANCES: Metric = counter(
    "gannet_rebalances_total",
    &["kind"],
    "Rebalances: assigned, revoked, lost.",
);

/// Gaps in the offsets of a source: records that were gone before they were read.
pub const OFFSET_GAPS: Metric = counter(
    "gannet_offset_gaps_total",
    &[],
    "Gaps in the offsets of a source: records that were gone before they were read.",
);

/// Offsets inside such gaps; at most so many records were lost.
pub const OFFSET_GAP_RECORDS: Metric = counter(
    "gannet_offset_gap_records_total",
    &[],
    "Offsets inside such gaps; at most so many records were lost.",
);

/// Records between what was read and the end of a partition.
pub const CONSUMER_LAG: Metric = gauge(
    "gannet_consumer_lag_records",
    &["topic", "partition"],
    "Records between what was read and the end of a partition.",
);

/// Answers of brokers to the direct reader, with records or without.
pub const FETCH_ANSWERS: Metric = counter(
    "gannet_fetch_answers_total",
    &[],
    "Answers of brokers to the direct reader, with records or without.",
);

/// Bytes of record batches as they were sent, of the direct reader.
pub const FETCH_BYTES: Metric = counter(
    "gannet_fetch_bytes_total",
    &[],
    "Bytes of record batches as they were sent, of the direct reader.",
);

/// Record batches of the direct reader.
pub const FETCH_BATCHES: Metric = counter(
    "gannet_fetch_batches_total",
    &[],
    "Record batches of the direct reader.",
);

/// Time from question to answer, summed over all answers.
pub const FETCH_WAITED: Metric = counter(
    "gannet_fetch_wait_microseconds_total",
    &[],
    "Time from question to answer, summed over all answers.",
);

/// Time that brokers asked the direct reader to be quiet.
pub const FETCH_THROTTLED: Metric = counter(
    "gannet_fetch_throttled_microseconds_total",
    &[],
    "Time that brokers asked the direct reader to be quiet.",
);

/// Time that checking and inflating batches took.
pub const FETCH_INFLATING: Metric = counter(
    "gannet_fetch_inflating_microseconds_total",
    &[],
    "Time that checking and inflating batches took.",
);

/// Hits and dead letters that wait for acknowledgement.
pub const UNACKNOWLEDGED: Metric = gauge(
    "gannet_unacknowledged",
    &[],
    "Hits and dead letters that wait for acknowledgement.",
);

/// The generation of the snapshot in use.
pub const SNAPSHOT_GENERATION: Metric = gauge(
    "gannet_snapshot_generation",
    &[],
    "The generation of the snapshot in use.",
);

/// Indicators in the snapshot in use.
pub const SNAPSHOT_INDICATORS: Metric = gauge(
    "gannet_snapshot_indicators",
    &[],
    "Indicators in the snapshot in use.",
);

/// Bytes of the snapshot in use.
pub const SNAPSHOT_BYTES: Metric = gauge(
    "gannet_snapshot_bytes",
    &[],
    "Bytes of the snapshot in use.",
);

/// Reloads of feeds: ok, failed.
pub const RELOADS: Metric = counter(
    "gannet_reloads_total",
    &["result"],
    "Reloads of feeds: ok, failed.",
);

/// Rows of a feed at its last load.
pub const FEED_ROWS: Metric = gauge(
    "gannet_feed_rows",
    &["feed"],
    "Rows of a feed at its last load.",
);

/// Rows of a feed that became indicators or allow rules at its last load.
pub const FEED_ACCEPTED: Metric = gauge(
    "gannet_feed_accepted",
    &["feed"],
    "Rows of a feed that became indicators or allow rules at its last load.",
);

/// Rows of a feed that were refused at its last load.
pub const FEED_REFUSED: Metric = gauge(
    "gannet_feed_refused",
    &["feed", "reason"],
    "Rows of a feed that were refused at its last load.",
);

/// When a feed was last loaded, in seconds since the epoch.
pub const FEED_LAST_SUCCESS: Metric = gauge(
    "gannet_feed_last_success_timestamp_seconds",
    &["feed"],
    "When a feed was last loaded, in seconds since the epoch.",
);

/// How long ago what is in use of a feed came, or was found to be the newest.
pub const FEED_AGE: Metric = gauge(
    "gannet_feed_age_seconds",
    &["feed"],
    "How long ago what is in use of a feed came, or was found to be the newest.",
);

/// Whether a feed is stale, by its dates older than its age_max: 0 or 1.
pub const FEED_STALE: Metric = gauge(
    "gannet_feed_stale",
    &["feed"],
    "Whether a feed is stale, by its dates older than its age_max: 0 or 1.",
);

/// Events hit by what a feed lists.
pub const FEED_HITS: Metric = counter(
    "gannet_feed_hits_total",
    &["feed"],
    "Events hit by what a feed lists.",
);

/// What is muted at this moment: values, feeds.
pub const MUTED: Metric = gauge(
    "gannet_muted",
    &["what"],
    "What is muted at this moment: values, feeds.",
);

/// What the breaker has muted: values, feeds.
pub const BREAKER_TRIPS: Metric = counter(
    "gannet_breaker_trips_total",
    &["what"],
    "What the breaker has muted: values, feeds.",
);

/// Matches that made no hit because they are muted.
pub const MATCHES_MUTED: Metric = counter(
    "gannet_matches_muted_total",
    &[],
    "Matches that made no hit because they are muted.",
);

/// Whether what the feed is now was held back and its last good copy is in use: 0 or 1.
pub const FEED_HELD: Metric = gauge(
    "gannet_feed_held",
    &["feed"],
    "Whether what the feed is now was held back and its last good copy is in use: 0 or 1.",
);

/// Hits attributed for the first time, by how: exact, grace, ambiguous, shared, none.
pub const IDENTIFIED: Metric = counter(
    "gannet_identified_total",
    &["attribution"],
    "Hits attributed for the first time, by how: exact, grace, ambiguous, shared, none.",
);

/// Hits that were dropped as repeats.
pub const REPEATS: Metric = counter(
    "gannet_repeats_total",
    &[],
    "Hits that were dropped as repeats.",
);

/// Hits that wait for leases.
pub const HITS_WAITING: Metric = gauge("gannet_hits_waiting", &[], "Hits that wait for leases.");

/// Episodes in the store.
pub const EPISODES: Metric = gauge("gannet_episodes", &[], "Episodes in the store.");

/// Subscribers with an episode that has victim evidence.
pub const VICTIMS: Metric = gauge(
    "gannet_victims",
    &[],
    "Subscribers with an episode that has victim evidence.",
);

/// Leases in memory.
pub const LEASES: Metric = gauge("gannet_leases", &[], "Leases in memory.");

/// Lease records that were refused.
pub const LEASE_REJECTS: Metric = counter(
    "gannet_lease_rejects_total",
    &["reason"],
    "Lease records that were refused.",
);

/// Episodes sent out.
pub const EPISODES_SENT: Metric = counter("gannet_episodes_sent_total", &[], "Episodes sent out.");

/// All metrics, in the order above.
pub const ALL: [Metric; 47] = [
    BUILD_INFO,
    RECORDS,
    RECORD_BYTES,
    EVENTS,
    REJECTED,
    NAMES_UNFIT,
    HITS,
    VICTIM_EVIDENCE,
    HITS_ACKNOWLEDGED,
    DEAD_LETTERS,
    DELIVERY_ERRORS,
    BATCHES,
    COMMITS,
    REBALANCES,
    OFFSET_GAPS,
    OFFSET_GAP_RECORDS,
    CONSUMER_LAG,
    FETCH_ANSWERS,
    FETCH_BYTES,
    FETCH_BATCHES,
    FETCH_WAITED,
    FETCH_THROTTLED,
    FETCH_INFLATING,
    UNACKNOWLEDGED,
    SNAPSHOT_GENERATION,
    SNAPSHOT_INDICATORS,
    SNAPSHOT_BYTES,
    RELOADS,
    FEED_ROWS,
    FEED_ACCEPTED,
    FEED_REFUSED,
    FEED_LAST_SUCCESS,
    FEED_AGE,
    FEED_STALE,
    FEED_HITS,
    MUTED,
    BREAKER_TRIPS,
    MATCHES_MUTED,
    FEED_HELD,
    IDENTIFIED,
    REPEATS,
    HITS_WAITING,
    EPISODES,
    VICTIMS,
    LEASES,
    LEASE_REJECTS,
    EPISODES_SENT,
];

/// A counter.
const fn counter(
    name: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
) -> Metric {
    Metric {
        name,
        kind: MetricKind::Counter,
        labels,
        help,
    }
}

/// A gauge.
const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric {
        name,
        kind: MetricKind::Gauge,
        labels,
        help,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// This file.
    const SOURCE: &str = include_str!("names.rs");

    #[test]
    fn names_follow_the_rules_and_are_unique() {
        for metric in ALL {
            let plain = |c: char| c.is_ascii_lowercase() || c == '_';
            assert!(metric.name.starts_with("gannet_"), "{}", metric.name);
            assert!(metric.name.chars().all(plain), "{}", metric.name);
            assert_eq!(
                metric.name.ends_with("_total"),
                metric.kind == MetricKind::Counter,
                "{}",
                metric.name
            );
        }
        let names: BTreeSet<&str> = ALL.iter().map(|metric| metric.name).collect();
        assert_eq!(names.len(), ALL.len());
    }

    #[test]
    fn every_constant_is_listed_and_documented_with_its_help() {
        let declared: Vec<&str> = SOURCE
            .lines()
            .filter_map(|line| line.strip_prefix("pub const "))
            .filter_map(|line| line.split_once(": Metric ="))
            .map(|(name, _)| name)
            .collect();
        assert_eq!(declared.len(), ALL.len());
        for (name, metric) in declared.iter().zip(ALL) {
            let documented = format!("/// {}\npub const {name}: Metric", metric.help);
            assert!(SOURCE.contains(&documented), "{name}");
        }
    }
}
