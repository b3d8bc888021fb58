//! Handles to metrics. They are looked up once, when a part starts; then publishing is one
//! atomic operation a handle. The plain structs beside them are what stages return.

use metrics::{Counter, Gauge, Label};

use crate::model::{Evidence, Named};

use super::names::{
    BATCHES, COMMITS, EPISODES, EPISODES_SENT, EVENTS, HITS, HITS_WAITING, IDENTIFIED,
    LEASE_REJECTS, LEASES, Metric, MetricKind, OFFSET_GAP_RECORDS, OFFSET_GAPS, REBALANCES,
    RECORD_BYTES, RECORDS, REJECTED, REPEATS, SNAPSHOT_BYTES, SNAPSHOT_GENERATION,
    SNAPSHOT_INDICATORS, UNACKNOWLEDGED, VICTIM_EVIDENCE, VICTIMS,
};

/// A handle to one counter.
pub struct Count(Counter);

impl Count {
    /// Looks up the counter `metric` with these values of its labels, in their order.
    pub fn register(metric: Metric, label_values: &[&str]) -> Self {
        debug_assert_eq!(metric.kind, MetricKind::Counter, "{}", metric.name);
        Self(metrics::counter!(metric.name, labels(metric, label_values)))
    }

    /// Adds `n`.
    pub fn add(&self, n: u64) {
        self.0.increment(n);
    }
}

/// A handle to one gauge.
pub struct Level(Gauge);

impl Level {
    /// Looks up the gauge `metric` with these values of its labels, in their order.
    pub fn register(metric: Metric, label_values: &[&str]) -> Self {
        debug_assert_eq!(metric.kind, MetricKind::Gauge, "{}", metric.name);
        Self(metrics::gauge!(metric.name, labels(metric, label_values)))
    }

    /// Sets it. Exact up to 2^53.
    pub fn set(&self, value: u64) {
        self.set_fraction(float(value));
    }

    /// Sets it to a number that may have a fraction.
    pub fn set_fraction(&self, value: f64) {
        self.0.set(value);
    }
}

/// Handles to one counter for each value of its last label.
pub struct Counts<const N: usize>([Count; N]);

impl<const N: usize> Counts<N> {
    /// Looks up the counter `metric` for each of `values` of its last label; the labels before
    /// it have the values `first`.
    pub fn register(metric: Metric, first: &[&str], values: [&str; N]) -> Self {
        Self(values.map(|value| {
            let label_values: Vec<&str> = first.iter().copied().chain([value]).collect();
            Count::register(metric, &label_values)
        }))
    }

    /// Adds to each, in the order of the values.
    pub fn add(&self, ns: &[u64; N]) {
        for (count, n) in self.0.iter().zip(ns) {
            if *n > 0 {
                count.add(*n);
            }
        }
    }
}

/// What became of the records of one source in one batch. `N` is the number of reasons.
///
/// Items in = `matched` + `unmatched` + `ignored` + the sum of `rejected`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceStats<const N: usize> {
    /// Records read.
    pub records: u64,
    /// Bytes of their values.
    pub bytes: u64,
    /// Events with at least one hit.
    pub matched: u64,
    /// Events without.
    pub unmatched: u64,
    /// Items that are not events of ours.
    pub ignored: u64,
    /// Items that could not be decoded, by reason.
    pub rejected: [u64; N],
}

impl<const N: usize> Default for SourceStats<N> {
    fn default() -> Self {
        Self {
            records: 0,
            bytes: 0,
            matched: 0,
            unmatched: 0,
            ignored: 0,
            rejected: [0; N],
        }
    }
}

/// The metrics of one source in one worker.
pub struct SourceMetrics<const N: usize> {
    records: Count,
    bytes: Count,
    /// Matched, unmatched, ignored, rejected.
    outcomes: Counts<4>,
    rejected: Counts<N>,
}

impl<const N: usize> SourceMetrics<N> {
    /// Looks up the handles of `source`. `reject_reasons` are in the order of
    /// [`SourceStats::rejected`].
    pub fn register(source: &str, reject_reasons: [&str; N]) -> Self {
        let outcomes = ["matched", "unmatched", "ignored", "rejected"];
        Self {
            records: Count::register(RECORDS, &[source]),
            bytes: Count::register(RECORD_BYTES, &[source]),
            outcomes: Counts::register(EVENTS, &[source], outcomes),
            rejected: Counts::register(REJECTED, &[source], reject_reasons),
        }
    }

    /// Publishes one batch.
    pub fn add(&self, stats: &SourceStats<N>) {
        let SourceStats {
            records,
            bytes,
            matched,
            unmatched,
            ignored,
            rejected,
        } = stats;
        self.records.add(*records);
        self.bytes.add(*bytes);
        let rejected_total = rejected.iter().sum();
        self.outcomes
            .add(&[*matched, *unmatched, *ignored, rejected_total]);
        self.rejected.add(rejected);
    }
}

/// The hits of one batch, by evidence in the order of `Evidence::ALL`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HitCounts {
    /// From DNS.
    pub dns: [u64; 5],
    /// From flows.
    pub flow: [u64; 5],
    /// Those of both that speak for an infected client.
    pub victim_evidence: u64,
}

/// The metrics of hits in one worker.
pub struct HitMetrics {
    dns: Counts<5>,
    flow: Counts<5>,
    victim_evidence: Count,
}

impl HitMetrics {
    /// Looks up the handles.
    pub fn register() -> Self {
        let mut names = [""; 5];
        for (name, evidence) in names.iter_mut().zip(Evidence::ALL) {
            *name = evidence.as_str();
        }
        Self {
            dns: Counts::register(HITS, &["dns"], names),
            flow: Counts::register(HITS, &["flow"], names),
            victim_evidence: Count::register(VICTIM_EVIDENCE, &[]),
        }
    }

    /// Publishes one batch.
    pub fn add(&self, counts: &HitCounts) {
        let HitCounts {
            dns,
            flow,
            victim_evidence,
        } = counts;
        self.dns.add(dns);
        self.flow.add(flow);
        self.victim_evidence.add(*victim_evidence);
    }
}

/// What a worker's consumer does.
pub struct WorkerMetrics {
    /// Batches processed.
    pub batches: Count,
    /// Commits that the broker took.
    pub commits_ok: Count,
    /// Commits that failed.
    pub commits_failed: Count,
    /// Partitions came.
    pub rebalances_assigned: Count,
    /// Partitions were handed over.
    pub rebalances_revoked: Count,
    /// Partitions were taken from us.
    pub rebalances_lost: Count,
    /// Gaps in the offsets.
    pub offset_gaps: Count,
    /// Offsets in them.
    pub offset_gap_records: Count,
    /// What waits for acknowledgement in all workers.
    pub unacknowledged: Level,
}

impl WorkerMetrics {
    /// Looks up the handles.
    pub fn register() -> Self {
        Self {
            batches: Count::register(BATCHES, &[]),
            commits_ok: Count::register(COMMITS, &["ok"]),
            commits_failed: Count::register(COMMITS, &["failed"]),
            rebalances_assigned: Count::register(REBALANCES, &["assigned"]),
            rebalances_revoked: Count::register(REBALANCES, &["revoked"]),
            rebalances_lost: Count::register(REBALANCES, &["lost"]),
            offset_gaps: Count::register(OFFSET_GAPS, &[]),
            offset_gap_records: Count::register(OFFSET_GAP_RECORDS, &[]),
            unacknowledged: Level::register(UNACKNOWLEDGED, &[]),
        }
    }
}

/// The snapshot in use.
pub struct SnapshotMetrics {
    generation: Level,
    indicators: Level,
    bytes: Level,
}

impl SnapshotMetrics {
    /// Looks up the handles.
    pub fn register() -> Self {
        Self {
            generation: Level::register(SNAPSHOT_GENERATION, &[]),
            indicators: Level::register(SNAPSHOT_INDICATORS, &[]),
            bytes: Level::register(SNAPSHOT_BYTES, &[]),
        }
    }

    /// Publishes what is now in use.
    pub fn set(&self, generation: u64, indicators: u64, bytes: u64) {
        self.generation.set(generation);
        self.indicators.set(indicators);
        self.bytes.set(bytes);
    }
}

/// The identify stage. `N` is the number of ways of attribution, `M` that of the reasons for
/// which a lease is refused.
pub struct IdentifyMetrics<const N: usize, const M: usize> {
    /// Hits attributed, by how.
    pub identified: Counts<N>,
    /// Repeats dropped.
    pub repeats: Count,
    /// Hits that wait for leases.
    pub hits_waiting: Level,
    /// Episodes in the store.
    pub episodes: Level,
    /// Subscribers with victim evidence.
    pub victims: Level,
    /// Leases in memory.
    pub leases: Level,
    /// Lease records refused, by reason.
    pub lease_rejects: Counts<M>,
    /// Episodes sent out.
    pub episodes_sent: Count,
}

impl<const N: usize, const M: usize> IdentifyMetrics<N, M> {
    /// Looks up the handles for these ways and reasons.
    pub fn register(attributions: [&str; N], lease_reject_reasons: [&str; M]) -> Self {
        Self {
            identified: Counts::register(IDENTIFIED, &[], attributions),
            repeats: Count::register(REPEATS, &[]),
            hits_waiting: Level::register(HITS_WAITING, &[]),
            episodes: Level::register(EPISODES, &[]),
            victims: Level::register(VICTIMS, &[]),
            leases: Level::register(LEASES, &[]),
            lease_rejects: Counts::register(LEASE_REJECTS, &[], lease_reject_reasons),
            episodes_sent: Count::register(EPISODES_SENT, &[]),
        }
    }
}

/// The labels of `metric` with their values.
fn labels(metric: Metric, values: &[&str]) -> Vec<Label> {
    debug_assert_eq!(metric.labels.len(), values.len(), "{}", metric.name);
    metric
        .labels
        .iter()
        .zip(values)
        .map(|(label, value)| Label::new(*label, (*value).to_owned()))
        .collect()
}

/// `value` as a float, in two exact halves.
fn float(value: u64) -> f64 {
    let high = u32::try_from(value >> 32).unwrap_or(u32::MAX);
    let low = u32::try_from(value & u64::from(u32::MAX)).unwrap_or(u32::MAX);
    f64::from(high) * 4_294_967_296.0 + f64::from(low)
}

#[cfg(test)]
mod tests {
    use super::super::prometheus::recorded;
    use super::*;

    #[test]
    fn a_batch_is_published_under_the_names_of_its_source() {
        let ((), text) = recorded(|| {
            let metrics = SourceMetrics::register("resolvers", ["empty", "not_json"]);
            let stats = SourceStats {
                records: 10,
                bytes: 4120,
                matched: 1,
                unmatched: 5,
                ignored: 2,
                rejected: [0, 3],
            };
            metrics.add(&stats);
            metrics.add(&stats);
        });
        for line in [
            "gannet_records_total{source=\"resolvers\"} 20",
            "gannet_record_bytes_total{source=\"resolvers\"} 8240",
            "gannet_events_total{source=\"resolvers\",outcome=\"matched\"} 2",
            "gannet_events_total{source=\"resolvers\",outcome=\"unmatched\"} 10",
            "gannet_events_total{source=\"resolvers\",outcome=\"ignored\"} 4",
            "gannet_events_total{source=\"resolvers\",outcome=\"rejected\"} 6",
            "gannet_rejected_total{source=\"resolvers\",reason=\"empty\"} 0",
            "gannet_rejected_total{source=\"resolvers\",reason=\"not_json\"} 6",
        ] {
            assert!(text.lines().any(|other| other == line), "{line}\n{text}");
        }
    }

    #[test]
    fn hits_are_published_by_kind_and_evidence() {
        assert_eq!(Evidence::ALL.len(), 5);
        let ((), text) = recorded(|| {
            HitMetrics::register().add(&HitCounts {
                dns: [0, 4, 0, 0, 0],
                flow: [0, 0, 0, 0, 2],
                victim_evidence: 5,
            });
        });
        for line in [
            "gannet_hits_total{kind=\"dns\",evidence=\"resolved\"} 4",
            "gannet_hits_total{kind=\"flow\",evidence=\"transferred\"} 2",
            "gannet_hits_total{kind=\"flow\",evidence=\"looked_up\"} 0",
            "gannet_victim_evidence_total 5",
        ] {
            assert!(text.lines().any(|other| other == line), "{line}\n{text}");
        }
    }

    #[test]
    fn levels_show_the_last_value() {
        let ((), text) = recorded(|| {
            SnapshotMetrics::register().set(1, 5, 6);
            SnapshotMetrics::register().set(2, 20_000, 1 << 40);
            WorkerMetrics::register().unacknowledged.set(7);
            let identify = IdentifyMetrics::register(["exact", "none"], ["not_json"]);
            identify.identified.add(&[3, 0]);
            identify.leases.set(9);
        });
        for line in [
            "gannet_snapshot_generation 2",
            "gannet_snapshot_indicators 20000",
            "gannet_snapshot_bytes 1099511627776",
            "gannet_unacknowledged 7",
            "gannet_commits_total{result=\"failed\"} 0",
            "gannet_identified_total{attribution=\"exact\"} 3",
            "gannet_leases 9",
        ] {
            assert!(text.lines().any(|other| other == line), "{line}\n{text}");
        }
    }

    #[test]
    fn floats_are_exact_where_they_can_be() {
        for value in [0, 1, u64::from(u32::MAX), 1 << 32, (1 << 53) - 1, 1 << 63] {
            assert_eq!(format!("{:.0}", float(value)), value.to_string());
        }
    }
}
