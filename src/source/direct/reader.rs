//! The reader that fetches by itself. librdkafka holds the membership in the group, with all
//! partitions paused, and keeps the offsets; what is assigned is fetched here.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::connection::Start;
use super::fetcher::Fetcher;
use super::settings::FetchSettings;
use super::trouble::DirectError;
use crate::source::membership::{Fetching, Membership, Wish};
use crate::source::{
    CommitWait, FetchSums, Gap, KafkaReaderOptions, NextOffset, Progress, ReadLimits, Record,
    RecordReader, SourceError, Stream, StreamId,
};

/// A member of the consumer group that fetches by itself.
pub struct DirectReader {
    membership: Membership,
    fetcher: Fetcher,
    streams: Arc<[Stream]>,
    held: bool,
    /// When the membership was served last.
    served_at: Option<Instant>,
    /// Partitions that must be told where to go on are not asked about before this.
    repair_at: Option<Instant>,
}

impl DirectReader {
    /// Joins the group. Does not wait for brokers: an unreachable one is told by
    /// [`RecordReader::read`] and tried again.
    ///
    /// # Errors
    /// [`SourceError::Kafka`] when the library refuses the configuration, and
    /// [`SourceError::Direct`] when the system refuses what we need.
    pub fn join(
        options: &KafkaReaderOptions,
        settings: FetchSettings,
    ) -> Result<Self, SourceError> {
        Ok(Self {
            fetcher: Fetcher::new(settings, &options.streams, Instant::now())?,
            membership: Membership::join(options, Fetching::Ours)?,
            streams: Arc::clone(&options.streams),
            held: false,
            served_at: None,
            repair_at: None,
        })
    }

    /// Lets the library do what it has to, and says what the group wants.
    fn serve_membership(&mut self, now: Instant) -> Option<Progress> {
        let due = |at: Instant| now.saturating_duration_since(at) >= SERVE_EVERY;
        if self.served_at.is_none_or(due) {
            self.served_at = Some(now);
            self.membership.serve();
        }
        match self.membership.wish()? {
            Wish::Revoking { lost: true } => Some(Progress::Lost),
            Wish::Revoking { lost: false } => Some(Progress::Revoking),
            Wish::Assigned => {
                self.fetcher.assign(self.membership.starts(), now);
                None
            }
        }
    }

    /// Tells partitions whose offset is out of range where to go on: at the earliest record that
    /// is left. What is gone is noted.
    fn repair(&mut self, now: Instant) -> Result<(), SourceError> {
        let lost = self.fetcher.lost_places();
        if lost.is_empty() || self.repair_at.is_some_and(|at| now < at) {
            return Ok(());
        }
        self.repair_at = Some(now + REPAIR_EVERY);
        for (place, wanted) in lost {
            let Some(found) = self.streams.get(usize::from(place.0.0)) else {
                continue;
            };
            let found = self
                .membership
                .place_to_go_on(&found.topic, place, wanted)?;
            let (resumed, gap) = found;
            self.fetcher.note_gaps(gap);
            self.fetcher.go_to(place, resumed);
        }
        self.repair_at = None;
        Ok(())
    }

    /// What went wrong, if nothing else is there to be done.
    fn trouble(&mut self) -> Result<(), SourceError> {
        match self.fetcher.take_trouble() {
            Some(error @ DirectError::OldFormat { .. }) => Err(SourceError::Unfit(error)),
            Some(error) => Err(error.into()),
            None => Ok(()),
        }
    }
}

impl RecordReader for DirectReader {
    fn streams(&self) -> &Arc<[Stream]> {
        &self.streams
    }

    fn read(
        &mut self,
        limits: ReadLimits,
        handle: &mut dyn FnMut(&[Record<'_>]),
    ) -> Result<Progress, SourceError> {
        let mut now = Instant::now();
        let until = now + limits.wait;
        loop {
            if let Some(progress) = self.serve_membership(now) {
                return Ok(progress);
            }
            self.fetcher.turn(start(now));
            self.repair(now)?;
            if !self.held && self.fetcher.lend(limits.records_max, handle, now) {
                return Ok(Progress::Read);
            }
            if self.fetcher.is_unfit() || !self.fetcher.has_records() {
                self.trouble()?;
            }
            if now >= until {
                return Ok(Progress::Idle);
            }
            if self.held || !self.fetcher.has_records() {
                self.fetcher.wait(now, until.min(now + SERVE_EVERY))?;
            }
            now = Instant::now();
        }
    }

    fn commit(&mut self, offsets: &[NextOffset], wait: CommitWait) -> Result<(), SourceError> {
        self.membership.commit(offsets, wait)
    }

    fn release(&mut self) -> Result<(), SourceError> {
        self.fetcher.assign([], Instant::now());
        self.membership.release()
    }

    fn hold(&mut self, on: bool) -> Result<(), SourceError> {
        self.held = on;
        Ok(())
    }

    fn lag(&self) -> Vec<(StreamId, i32, i64)> {
        self.fetcher.lag()
    }

    fn take_gaps(&mut self) -> Vec<Gap> {
        self.fetcher.take_gaps()
    }

    fn assigned(&self) -> usize {
        self.membership.assigned()
    }

    fn take_fetched(&mut self) -> FetchSums {
        self.fetcher.take_sums()
    }
}

/// Now, on both clocks.
fn start(now: Instant) -> Start {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Start {
        now,
        unix_time: since.unwrap_or_default(),
    }
}

/// How often the library is let do what it has to. A rebalance waits for it this long at most.
const SERVE_EVERY: Duration = Duration::from_millis(20);
/// How often brokers are asked where partitions start, while they do not answer.
const REPAIR_EVERY: Duration = Duration::from_secs(1);
