//! The stage as one object: hits and leases in, episodes out. Every step is one transaction of
//! the store, so that after any crash the store holds whole steps and the offsets that belong
//! to them. No clock: `now` enters as an argument.

use std::collections::HashSet;
use std::path::Path;

use redb::{Durability, ReadableTable, ReadableTableMetadata, WriteTransaction};

use super::encoding::decode_episode;
use super::leases::LeaseTable;
use super::repeats::{self, Admission, AdmitRules, Partitions};
use super::report::{Attributions, IncomingHit, Settings, StepReport};
use super::sending::Intervals;
use super::sighting::Sighting;
use super::store::{
    EPISODES, IdentifyError, META, PARTITIONS, PROVISIONAL, QUEUE, Store, WAITING, next_step,
};
use super::waiting::{Aged, Patience, WaitLimits, Waiting, WaitingHit, known};
use super::writer::EpisodeWriter;
use crate::model::{Episode, EventTime};

/// An episode that is to be sent, as it stood when it was asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct DueEpisode {
    /// The episode.
    pub episode: Episode,
    /// Which of its states this is.
    revision: u64,
    /// When it was asked for.
    at: EventTime,
}

/// The identify stage: leases in memory, everything else in its store.
pub struct Identifier {
    store: Store,
    settings: Settings,
    leases: LeaseTable,
    known_until: EventTime,
}

/// Most waiting hits that one step takes up again.
const RETRIES_MAX: usize = 20_000;

/// Ids that a step may forget besides four times as many as it brings.
const FORGET_MIN: usize = 1_000;

/// In [`META`]: the sums of all attributions.
const TOTALS: &str = "totals";

impl Identifier {
    /// Opens the store at `path`, made if it is not there, for the hits of `origin` (cluster
    /// and topic). No leases are known yet.
    ///
    /// # Errors
    /// [`IdentifyError`]; `InUse` when another process has the store.
    pub fn open(path: &Path, settings: Settings, origin: &str) -> Result<Self, IdentifyError> {
        Ok(Self {
            store: Store::open(path, origin)?,
            leases: LeaseTable::new(settings.leases_max),
            settings,
            known_until: EventTime::MIN,
        })
    }

    /// The next offset to read of every partition that was ever read.
    ///
    /// # Errors
    /// [`IdentifyError`] when the store fails.
    pub fn positions(&self) -> Result<Vec<(i32, i64)>, IdentifyError> {
        let txn = self.store.read()?;
        Ok(Partitions::load(&txn.open_table(PARTITIONS)?)?.positions())
    }

    /// The leases, to add more. They are in memory only: every start reads them again.
    pub fn leases(&mut self) -> &mut LeaseTable {
        &mut self.leases
    }

    /// Says that all leases that start before `known_until` are in the table;
    /// [`EventTime::MAX`] when there are no others.
    pub fn set_known_until(&mut self, known_until: EventTime) {
        self.known_until = known_until;
    }

    /// Takes up `hits`, and waiting ones whose time has come, in one transaction. `consumed`
    /// holds the next offset of partitions that were read further than their last hit.
    ///
    /// A hit whose leases are known is attributed and, if that names a subscriber, folded into
    /// its episode; another waits. A hit whose event says whose it is never waits; only what a
    /// lease says of the subscriber is added later.
    ///
    /// # Errors
    /// [`IdentifyError`] when the store fails; then nothing of the step is kept.
    pub fn step(
        &mut self,
        hits: &[IncomingHit],
        consumed: &[(i32, i64)],
        now: EventTime,
    ) -> Result<StepReport, IdentifyError> {
        let kept = self.settings.repeats_kept;
        let txn = self.store.write()?;
        let mut report = StepReport::default();
        let mut partitions = Partitions::load(&txn.open_table(PARTITIONS)?)?;
        let step = next_step(&txn)?;
        let rules = AdmitRules { now, kept, step };
        let mut idle = hits.is_empty() && consumed.is_empty();
        let admitted = repeats::admit(&txn, &mut partitions, hits, rules)?;
        {
            let mut waiting = Waiting::open(&txn, step)?;
            let mut writer = EpisodeWriter::open(&txn, self.intervals())?;
            for (hit, admission) in hits.iter().zip(admitted) {
                match admission {
                    Admission::Repeat => report.repeats += 1,
                    Admission::TooOld => report.too_old += 1,
                    Admission::New => {
                        report.new += 1;
                        let hit = WaitingHit {
                            sighting: Sighting::of(&hit.hit),
                            since: now,
                            settled: false,
                        };
                        let taken = (hit, Patience::Left);
                        self.judge(taken, &mut waiting, &mut writer, &mut report)?;
                    }
                }
            }
            let retried = waiting.take_known(self.known_until, RETRIES_MAX)?;
            report.more = retried.len() == RETRIES_MAX;
            idle &= retried.is_empty();
            for taken in retried {
                self.judge(taken, &mut waiting, &mut writer, &mut report)?;
            }
            let aged = waiting.age(now, self.wait_limits())?;
            idle &= aged == Aged::default();
            report.provisional = aged.provisional;
            report.given_up = aged.given_up;
            (report.waiting, report.waiting_provisional) = waiting.counts()?;
            report.episodes_changed = writer.finish()?;
        }
        if idle {
            // Nothing to keep: no write for every look at an empty topic.
            txn.abort()?;
            return Ok(report);
        }
        let forget_max = 4 * hits.len() + FORGET_MIN;
        repeats::forget(&txn, &partitions, (kept, forget_max))?;
        partitions.advance(hits, consumed);
        partitions.save(&txn)?;
        add_totals(&txn, &report.settled)?;
        txn.commit()?;
        Ok(report)
    }

    /// Settles a hit, or lets it wait.
    fn judge(
        &self,
        (mut hit, patience): (WaitingHit, Patience),
        waiting: &mut Waiting<'_>,
        writer: &mut EpisodeWriter<'_>,
        report: &mut StepReport,
    ) -> Result<(), IdentifyError> {
        let mut identity = hit.sighting.identity(&self.leases, &self.settings.rules);
        let final_now = known(identity.needs, self.known_until);
        if hit.settled && final_now {
            return writer.tell(&hit.sighting, &identity);
        }
        if !final_now {
            // Nothing that may still change enters an episode.
            identity.details = None;
        }
        if !hit.settled && (final_now || hit.sighting.hint.is_some()) {
            report.settled.add(identity.attribution);
            writer.fold(&hit.sighting, &identity)?;
            hit.settled = true;
        }
        if !final_now {
            // The guard band alone often decides, so it is tried before the grace is waited for.
            let guard = self.settings.rules.guard_band;
            let band_end = hit.sighting.event_time.saturating_add(guard);
            let try_at = if known(band_end, self.known_until) {
                identity.needs
            } else {
                identity.needs.min(band_end)
            };
            waiting.park(&hit, try_at, patience)?;
        }
        Ok(())
    }

    /// Episodes that are to be sent at `now`, the longest due first, at most `limit`. They stay
    /// due until [`Identifier::mark_sent`], also across a crash.
    ///
    /// # Errors
    /// [`IdentifyError`] when the store fails.
    pub fn due_episodes(
        &self,
        now: EventTime,
        limit: usize,
    ) -> Result<Vec<DueEpisode>, IdentifyError> {
        let txn = self.store.read()?;
        let queue = txn.open_table(QUEUE)?;
        let episodes = txn.open_table(EPISODES)?;
        let mut due = Vec::new();
        for row in queue.range(..=(now.nanos(), &[0xFF; 16]))?.take(limit) {
            let (key, _) = row?;
            let row = episodes.get(key.value().1)?;
            let (state, sending) = row
                .and_then(|row| decode_episode(row.value()))
                .ok_or(IdentifyError::Damaged { table: "episodes" })?;
            due.push(DueEpisode {
                episode: state.episode(),
                revision: sending.revision,
                at: now,
            });
        }
        Ok(due)
    }

    /// Takes up that the sink has acknowledged `sent`. An episode that has changed since stays
    /// due.
    ///
    /// # Errors
    /// [`IdentifyError`] when the store fails; then they are sent again.
    pub fn mark_sent(&mut self, sent: &[DueEpisode]) -> Result<(), IdentifyError> {
        if sent.is_empty() {
            return Ok(());
        }
        let mut txn = self.store.write()?;
        // It reaches the disk with the next step; if a crash comes first, they are sent again.
        txn.set_durability(Durability::None)
            .map_err(|error| IdentifyError::Store(Box::new(error.into())))?;
        let mut writer = EpisodeWriter::open(&txn, self.intervals())?;
        for due in sent {
            writer.sent(due.episode.episode_id, (due.revision, due.at))?;
        }
        writer.finish()?;
        txn.commit()?;
        Ok(())
    }

    /// All episodes as of the last commit, by id.
    ///
    /// # Errors
    /// [`IdentifyError`] when the store fails, at first or on the way.
    pub fn episodes(
        &self,
    ) -> Result<impl Iterator<Item = Result<Episode, IdentifyError>> + use<>, IdentifyError> {
        let rows = self
            .store
            .read()?
            .open_table(EPISODES)?
            .range::<&[u8; 16]>(..)?;
        Ok(rows.map(|row| {
            let (_, row) = row?;
            let (state, _) =
                decode_episode(row.value()).ok_or(IdentifyError::Damaged { table: "episodes" })?;
            Ok(state.episode())
        }))
    }

    /// How many subscribers are victims: O(episodes).
    ///
    /// # Errors
    /// [`IdentifyError`] when the store fails.
    pub fn victims(&self) -> Result<usize, IdentifyError> {
        let mut victims = HashSet::new();
        for episode in self.episodes()? {
            let episode = episode?;
            if episode.victim() {
                victims.insert(episode.subscriber);
            }
        }
        Ok(victims.len())
    }

    /// How many hits were settled with which attribution since the store was made.
    ///
    /// # Errors
    /// [`IdentifyError`] when the store fails.
    pub fn totals(&self) -> Result<Attributions, IdentifyError> {
        read_totals(&self.store.read()?.open_table(META)?)
    }

    /// How many hits wait, and how many of them are provisional besides.
    ///
    /// # Errors
    /// [`IdentifyError`] when the store fails.
    pub fn waiting(&self) -> Result<(u64, u64), IdentifyError> {
        let txn = self.store.read()?;
        let waiting = txn.open_table(WAITING)?.len()?;
        Ok((waiting, txn.open_table(PROVISIONAL)?.len()?))
    }

    /// When episodes are sent.
    fn intervals(&self) -> Intervals {
        Intervals {
            update: self.settings.update_interval,
            quiet: self.settings.quiet_period,
        }
    }

    /// How long hits wait.
    fn wait_limits(&self) -> WaitLimits {
        WaitLimits {
            wait_max: self.settings.wait_max,
            waiting_max: self.settings.waiting_max,
            provisional_max: self.settings.provisional_max,
        }
    }
}

/// Adds a step's attributions to the sums.
fn add_totals(txn: &WriteTransaction, settled: &Attributions) -> Result<(), IdentifyError> {
    if settled.sum() == 0 {
        return Ok(());
    }
    let mut meta = txn.open_table(META)?;
    let totals = read_totals(&meta)?.plus(settled);
    meta.insert(TOTALS, totals.bytes().as_slice())?;
    Ok(())
}

/// The sums of all attributions.
fn read_totals(
    meta: &impl ReadableTable<&'static str, &'static [u8]>,
) -> Result<Attributions, IdentifyError> {
    meta.get(TOTALS)?
        .map_or(Ok(Attributions::default()), |row| {
            Attributions::from_bytes(row.value()).ok_or(IdentifyError::Damaged { table: "meta" })
        })
}

#[cfg(test)]
mod tests;
