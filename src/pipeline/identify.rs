//! The identify stage's loop: one active instance reads all partitions of the hits topic, waits
//! for leases, folds hits into episodes in its store, and sends episodes that are due. Everything
//! that decides lives in `identify`; here are only its ways in and out: `leases` reads what is
//! known of subscribers, `sending` brings episodes out.

mod leases;
mod sending;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::config::{
    ClusterConfig, EpisodesConfig, IdentifyConfig, KafkaConfig, LeaseLocation, TopicConfig,
};
use crate::decode;
use crate::identify::{
    AttributionRules, Identifier, IdentifyError, IncomingHit, Settings, StepReport,
};
use crate::model::EventTime;
use crate::sink::MessageSink;

use crate::source::{Election, OwnedRecord, PartitionReader, SourceError};

use leases::{LeaseTopic, read_lease_file};
use sending::Sending;

/// How often the ends of the lease topics and our standing are asked for when nothing waits.
const REFRESH: Duration = Duration::from_secs(1);

/// How often new partitions are looked for.
const PARTITIONS_REFRESH: Duration = Duration::from_secs(30);

/// How often leases that ended long ago are forgotten, at most.
const FORGET_EVERY: Duration = Duration::from_secs(600);

/// How often episodes and victims are counted; it reads all of them.
const TOTALS_EVERY: Duration = Duration::from_secs(120);

/// How long hits are gathered for one step, at least and at most.
const GATHER_MIN: Duration = Duration::from_millis(50);
const GATHER_MAX: Duration = Duration::from_millis(500);

/// What the stage is told once.
#[derive(Clone)]
pub struct IdentifyStageOptions {
    /// The cluster that holds leases, and our group.
    pub kafka: KafkaConfig,
    /// The cluster that holds hits.
    pub hits_cluster: ClusterConfig,
    /// The hits topic.
    pub hits: TopicConfig,
    /// The episodes topic.
    pub episodes: EpisodesConfig,
    /// How hits become victims.
    pub identify: IdentifyConfig,
    /// The id of the cluster that holds the hits.
    pub cluster: String,
    /// The clock.
    pub now: fn() -> EventTime,
}

/// What the stage reports while it works.
#[derive(Debug)]
pub enum IdentifyOutput<'a> {
    /// Whether this instance is the active one.
    Active(bool),
    /// A step was committed.
    Step {
        /// What it came to.
        report: &'a StepReport,
        /// Hits that could not be decoded.
        rejected: u64,
        /// The next offset of each partition of the hits topic.
        positions: &'a [(i32, i64)],
    },
    /// Leases were read.
    Leases {
        /// Leases known.
        known: usize,
        /// Records that are no leases.
        rejected: u64,
        /// The lease topic, and the next offset of each of its partitions.
        topic: &'a str,
        /// The offsets.
        positions: &'a [(i32, i64)],
    },
    /// Episodes were acknowledged.
    Sent {
        /// How many.
        episodes: u64,
    },
    /// What is known now.
    Totals {
        /// Episodes.
        episodes: u64,
        /// Subscribers with victim evidence.
        victims: u64,
    },
    /// Everything that was read is folded in, sent and acknowledged.
    Idle,
    /// Something failed and is tried again.
    Failed(&'a IdentifyStageError),
}

/// Why the stage cannot go on. It is tried again from its last commit.
#[derive(Debug, thiserror::Error)]
pub enum IdentifyStageError {
    /// Kafka.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The store, or a lease file.
    #[error(transparent)]
    Identify(#[from] IdentifyError),
    /// A lease file could not be read.
    #[error("cannot read leases {path}")]
    LeaseFile {
        /// The full path.
        path: std::path::PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Episodes were not acknowledged in time; they stay due.
    #[error("episodes not acknowledged within {0:?}")]
    NotAcknowledged(Duration),
}

/// The stage.
pub struct IdentifyStage<S> {
    options: IdentifyStageOptions,
    sink: S,
    /// Counts the rounds of sending, so that late acknowledgements of one that was given up
    /// are recognized.
    round: u64,
}

/// The state of the active instance.
struct Active {
    identifier: Identifier,
    hits: PartitionReader,
    leases: Vec<LeaseTopic>,
    confirmed_at: Instant,
    refreshed_at: Instant,
    counted_at: Option<Instant>,
    partitions_at: Instant,
    forgot_at: Instant,
    /// Whether hits still wait for leases that are known.
    more: bool,
    /// Whether the last read found no hits.
    idle: bool,
    /// How long the last step took, its commit included.
    step_took: Duration,
    /// Episodes that are not all acknowledged.
    sending: Option<Sending>,
}

impl<S: MessageSink> IdentifyStage<S> {
    /// A stage that sends episodes to `sink`.
    pub fn new(options: IdentifyStageOptions, sink: S) -> Self {
        Self {
            options,
            sink,
            round: 0,
        }
    }

    /// Stands by until this instance is active, works, and goes back to standing by when it is
    /// overtaken; until `stop`. Failures are reported and tried again.
    ///
    /// # Errors
    /// [`SourceError`] when the client library refuses the configuration.
    pub fn run(
        mut self,
        stop: &AtomicBool,
        report: &mut dyn FnMut(IdentifyOutput<'_>),
    ) -> Result<(), SourceError> {
        let group = format!("{}.identify", self.options.kafka.group);
        let mut member = self.options.kafka.clone();
        member.cluster = self.options.hits_cluster.clone();
        let election = Election::stand(&member, &group, &self.options.hits.topic)?;
        report(IdentifyOutput::Active(false));
        while !stop.load(Ordering::Relaxed) {
            if !election.serve(Duration::from_millis(100)) {
                continue;
            }
            report(IdentifyOutput::Active(true));
            let worked = self
                .open(report)
                .and_then(|mut active| self.work(&mut active, &election, stop, report));
            report(IdentifyOutput::Active(false));
            if let Err(error) = worked {
                report(IdentifyOutput::Failed(&error));
                election.serve(Duration::from_secs(1));
            }
        }
        Ok(())
    }

    /// Opens the store and the topics.
    fn open(
        &self,
        report: &mut dyn FnMut(IdentifyOutput<'_>),
    ) -> Result<Active, IdentifyStageError> {
        let IdentifyStageOptions {
            kafka,
            hits_cluster,
            hits,
            identify,
            cluster,
            episodes,
            ..
        } = &self.options;
        let settings = Settings {
            quiet_period: identify.quiet_period,
            repeats_kept: identify.repeats_kept,
            wait_max: identify.wait_max,
            waiting_max: identify.waiting_max,
            provisional_max: identify.waiting_max,
            leases_max: identify.leases_max,
            update_interval: episodes.update_interval,
            rules: AttributionRules {
                guard_band: identify.guard_band,
                grace: identify.lease_grace,
            },
        };
        let origin = format!("{cluster}/{}", hits.topic);
        let mut identifier = Identifier::open(&identify.store, settings, &origin)?;
        let mut leases = Vec::new();
        for source in &identify.leases {
            match &source.location {
                LeaseLocation::Path(path) => {
                    let rejected = read_lease_file(path, source.format, &mut identifier)?;
                    let topic = path.display().to_string();
                    report(IdentifyOutput::Leases {
                        known: identifier.leases().len(),
                        rejected,
                        topic: &topic,
                        positions: &[],
                    });
                }
                LeaseLocation::Topic(topic) => leases.push(LeaseTopic {
                    topic: topic.clone(),
                    format: source.format,
                    reader: PartitionReader::open(&kafka.cluster, topic, &[])?,
                }),
            }
        }
        if leases.is_empty() {
            identifier.set_known_until(EventTime::MAX);
        }
        let hits = PartitionReader::open(hits_cluster, &hits.topic, &identifier.positions()?)?;
        let now = Instant::now();
        Ok(Active {
            identifier,
            hits,
            leases,
            confirmed_at: now,
            refreshed_at: now,
            counted_at: None,
            partitions_at: now,
            forgot_at: now,
            more: false,
            idle: true,
            step_took: Duration::ZERO,
            sending: None,
        })
    }

    /// Works while this instance is active.
    fn work(
        &mut self,
        active: &mut Active,
        election: &Election,
        stop: &AtomicBool,
        report: &mut dyn FnMut(IdentifyOutput<'_>),
    ) -> Result<(), IdentifyStageError> {
        self.catch_up_leases(active, stop, report)?;
        self.confirm(active, election)?;
        while !stop.load(Ordering::Relaxed) && election.serve(Duration::ZERO) {
            // The slower commits are, the more hits go into each; when none come, episodes
            // that are due do not wait for them.
            let wait = match (active.more, active.idle) {
                (true, _) => Duration::ZERO,
                (false, true) => GATHER_MIN,
                (false, false) => (2 * active.step_took).clamp(GATHER_MIN, GATHER_MAX),
            };
            let records = active
                .hits
                .read(self.options.identify.commit_hits_max, wait)?;
            // Leases that were there before these hits must be known before they are judged.
            if !records.is_empty() || active.refreshed_at.elapsed() > REFRESH {
                self.catch_up_leases(active, stop, report)?;
            }
            let started = Instant::now();
            self.step(active, &records, report)?;
            active.step_took = started.elapsed();
            active.idle = records.is_empty();
            if active.confirmed_at.elapsed() > REFRESH {
                self.confirm(active, election)?;
            }
            self.send_due(active, report)?;
            self.count(active, report)?;
            self.look_after(active)?;
            if records.is_empty() && !active.more && active.sending.is_none() {
                report(IdentifyOutput::Idle);
            }
        }
        self.drain(active, report)
    }

    /// What is done only now and then: looks for new partitions, and when the table of leases
    /// is nearly full, forgets those that ended too long ago for any hit that is kept.
    fn look_after(&self, active: &mut Active) -> Result<(), IdentifyStageError> {
        if active.partitions_at.elapsed() > PARTITIONS_REFRESH {
            active.partitions_at = Instant::now();
            active.hits.refresh()?;
            for topic in &mut active.leases {
                topic.reader.refresh()?;
            }
        }
        let IdentifyConfig {
            leases_max,
            repeats_kept,
            ..
        } = &self.options.identify;
        let crowded = active.identifier.leases().len() > leases_max / 10 * 9;
        if crowded && active.forgot_at.elapsed() > FORGET_EVERY {
            active.forgot_at = Instant::now();
            let horizon = (self.options.now)().saturating_sub(*repeats_kept);
            active.identifier.leases().forget_ended(horizon);
        }
        Ok(())
    }

    /// Folds `records` into the store: one transaction.
    fn step(
        &self,
        active: &mut Active,
        records: &[OwnedRecord],
        report: &mut dyn FnMut(IdentifyOutput<'_>),
    ) -> Result<(), IdentifyStageError> {
        let now = (self.options.now)();
        let mut rejected = 0;
        let mut hits = Vec::with_capacity(records.len());
        for record in records {
            match decode::hit::hit(self.options.hits.format, &record.value) {
                Ok(hit) => hits.push(IncomingHit {
                    hit,
                    partition: record.partition,
                    offset: record.offset,
                    record_time: record.timestamp_ms.map_or(now, EventTime::from_millis),
                }),
                Err(reject) => {
                    rejected += 1;
                    let (partition, offset) = (record.partition, record.offset);
                    tracing::warn!(%reject, partition, offset, "not a hit; passed over");
                }
            }
        }
        let positions = active.hits.positions();
        let step = active.identifier.step(&hits, &positions, now)?;
        active.more = step.more;
        if !records.is_empty() || step.settled.sum() > 0 {
            report(IdentifyOutput::Step {
                report: &step,
                rejected,
                positions: &positions,
            });
        }
        Ok(())
    }

    /// Counts episodes and victims now and then.
    fn count(
        &self,
        active: &mut Active,
        report: &mut dyn FnMut(IdentifyOutput<'_>),
    ) -> Result<(), IdentifyStageError> {
        if active
            .counted_at
            .is_some_and(|at| at.elapsed() < TOTALS_EVERY)
        {
            return Ok(());
        }
        active.counted_at = Some(Instant::now());
        let (mut episodes, mut victims) = (0, std::collections::HashSet::new());
        for episode in active.identifier.episodes()? {
            let episode = episode?;
            episodes += 1;
            if episode.victim() {
                victims.insert(episode.subscriber);
            }
        }
        report(IdentifyOutput::Totals {
            episodes,
            victims: victims.len() as u64,
        });
        Ok(())
    }

    /// Asks the broker whether this instance is still the active one.
    fn confirm(&self, active: &mut Active, election: &Election) -> Result<(), IdentifyStageError> {
        let next = active
            .hits
            .positions()
            .iter()
            .find(|(partition, _)| *partition == 0)
            .map_or(0, |(_, next)| *next);
        election.confirm(next)?;
        active.confirmed_at = Instant::now();
        Ok(())
    }
}
