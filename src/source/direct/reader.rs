//! The reader that fetches by itself. librdkafka holds the membership in the group, with all
//! partitions paused, and keeps the offsets; what is assigned is fetched here, on the worker's own
//! thread or on one beside it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Place;
use super::connection::Start;
use super::fetch_thread::FetchThread;
use super::fetcher::{Extent, Fetcher};
use super::portion::Portion;
use super::settings::FetchSettings;
use crate::source::membership::{Fetching, Membership, Wish};
use crate::source::{
    CommitWait, FetchSums, Gap, KafkaReaderOptions, NextOffset, Progress, ReadLimits, Record,
    RecordReader, SourceError, Stream, StreamId,
};

/// A member of the consumer group that fetches by itself.
pub struct DirectReader {
    membership: Membership,
    fetcher: Fetches,
    streams: Arc<[Stream]>,
    /// What is being handed out.
    portion: Portion,
    /// The offset after what was handed out, a partition.
    handed: BTreeMap<Place, i64>,
    held: bool,
    /// When the membership was served last.
    served_at: Option<Instant>,
    /// Partitions that must be told where to go on, and the offset that they wanted.
    lost: Vec<(Place, Option<i64>)>,
    /// They are not asked about before this.
    repair_at: Option<Instant>,
    /// Records that were gone before they could be read.
    gaps: Vec<Gap>,
}

/// Where fetching is done.
enum Fetches {
    /// On the worker's thread.
    Within(Box<Fetcher>),
    /// On a thread of its own.
    Beside(FetchThread),
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
        let fetcher = Fetcher::new(settings, &options.streams, Instant::now())?;
        let fetcher = if options.fetch_thread {
            let name = format!("fetch-{}", options.member);
            Fetches::Beside(FetchThread::start(fetcher, name)?)
        } else {
            Fetches::Within(Box::new(fetcher))
        };
        Ok(Self {
            fetcher,
            membership: Membership::join(options, Fetching::Ours)?,
            streams: Arc::clone(&options.streams),
            portion: Portion::default(),
            handed: BTreeMap::new(),
            held: false,
            served_at: None,
            lost: Vec::new(),
            repair_at: None,
            gaps: Vec::new(),
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
                self.assign(self.membership.starts(), now);
                None
            }
        }
    }

    /// Fetches `places` from now on, and nothing else.
    fn assign(&mut self, places: impl IntoIterator<Item = (Place, Option<i64>)>, now: Instant) {
        self.portion.clear();
        self.handed.clear();
        self.lost.clear();
        self.repair_at = None;
        match &mut self.fetcher {
            Fetches::Within(fetcher) => fetcher.assign(places, now),
            Fetches::Beside(thread) => thread.assign(places.into_iter().collect()),
        }
    }

    /// Tells partitions whose offset is out of range where to go on: at the earliest record that
    /// is left. What is gone is noted.
    fn repair(&mut self, now: Instant) -> Result<(), SourceError> {
        let lost = match &mut self.fetcher {
            Fetches::Within(fetcher) => fetcher.take_lost(),
            Fetches::Beside(thread) => std::mem::take(&mut thread.notes().lost),
        };
        for (place, wanted) in lost {
            self.lost.retain(|(earlier, _)| *earlier != place);
            self.lost.push((place, wanted));
        }
        if self.repair_at.is_some_and(|at| now < at) {
            return Ok(());
        }
        while let Some(&(place, wanted)) = self.lost.last() {
            if let Some(found) = self.streams.get(usize::from(place.0.0)) {
                let found = self.membership.place_to_go_on(&found.topic, place, wanted);
                // Asking may have taken long; the others are not to wait for it again at once.
                let (resumed, gap) = found.inspect_err(|_| {
                    self.repair_at = Some(Instant::now() + REPAIR_EVERY);
                })?;
                self.gaps.extend(gap);
                match &mut self.fetcher {
                    Fetches::Within(fetcher) => fetcher.go_on(place, wanted, resumed),
                    Fetches::Beside(thread) => thread.go_on(place, wanted, resumed),
                }
            }
            self.lost.pop();
        }
        Ok(())
    }

    /// Makes a portion ready if there is none, waiting for it for up to `wait`; whether there is one.
    fn supply(&mut self, now: Instant, wait: Duration) -> Result<bool, SourceError> {
        if !self.portion.is_empty() {
            return Ok(true);
        }
        match &mut self.fetcher {
            Fetches::Within(fetcher) => {
                self.portion.clear();
                if !fetcher.prepare(&mut self.portion, now) && !wait.is_zero() {
                    fetcher.wait(now, now + wait)?;
                }
            }
            Fetches::Beside(thread) => match thread.next(wait) {
                Ok(Some(portion)) => {
                    thread.give_back(std::mem::replace(&mut self.portion, portion));
                }
                Ok(None) => {}
                Err(error) => return Err(SourceError::Fatal(error.to_string())),
            },
        }
        Ok(!self.portion.is_empty())
    }

    /// Hands out what is ready; whether there was anything.
    fn lend(&mut self, records_max: usize, handle: &mut dyn FnMut(&[Record<'_>])) -> bool {
        let handed = &mut self.handed;
        self.portion.lend(records_max, handle, |place, offset| {
            handed.insert(place, offset);
        })
    }

    /// What went wrong, if nothing else is there to be done.
    fn trouble(&mut self) -> Result<(), SourceError> {
        let trouble = match &mut self.fetcher {
            Fetches::Within(fetcher) => fetcher.take_trouble(),
            Fetches::Beside(thread) => thread.notes().trouble.take(),
        };
        match trouble {
            Some(error) if error.is_unfit() => Err(SourceError::Unfit(error)),
            Some(error) => Err(error.into()),
            None => Ok(()),
        }
    }

    /// Hands out nothing for up to `wait`, but lets brokers answer.
    fn pause(&mut self, now: Instant, wait: Duration) -> Result<(), SourceError> {
        match &mut self.fetcher {
            Fetches::Within(fetcher) => fetcher.wait(now, now + wait)?,
            Fetches::Beside(_) => std::thread::sleep(wait),
        }
        Ok(())
    }

    /// How far each partition goes.
    fn extents(&self) -> Vec<(Place, Extent)> {
        match &self.fetcher {
            Fetches::Within(fetcher) => fetcher.extents(),
            Fetches::Beside(thread) => thread.notes().extents.clone(),
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
        let mut wait = Duration::ZERO;
        loop {
            if let Some(progress) = self.serve_membership(now) {
                return Ok(progress);
            }
            if let Fetches::Within(fetcher) = &mut self.fetcher {
                fetcher.turn(Start::at(now));
            }
            self.repair(now)?;
            if self.held {
                self.pause(now, wait)?;
            } else if self.supply(now, wait)? && self.lend(limits.records_max, handle) {
                return Ok(Progress::Read);
            }
            self.trouble()?;
            if now >= until {
                return Ok(Progress::Idle);
            }
            now = Instant::now();
            wait = until.saturating_duration_since(now).min(SERVE_EVERY);
        }
    }

    fn commit(&mut self, offsets: &[NextOffset], wait: CommitWait) -> Result<(), SourceError> {
        self.membership.commit(offsets, wait)
    }

    fn release(&mut self) -> Result<(), SourceError> {
        self.assign([], Instant::now());
        self.membership.release()
    }

    fn hold(&mut self, on: bool) -> Result<(), SourceError> {
        self.held = on;
        Ok(())
    }

    fn lag(&self) -> Vec<(StreamId, i32, i64)> {
        let lag = |(place, extent): (Place, Extent)| {
            let handed = self.handed.get(&place).copied();
            let handed = handed.map_or(extent.from, |handed| handed.max(extent.from));
            let (stream, partition) = place;
            (stream, partition, extent.end.saturating_sub(handed).max(0))
        };
        self.extents().into_iter().map(lag).collect()
    }

    fn take_gaps(&mut self) -> Vec<Gap> {
        self.gaps.append(&mut match &mut self.fetcher {
            Fetches::Within(fetcher) => fetcher.take_gaps(),
            Fetches::Beside(thread) => std::mem::take(&mut thread.notes().gaps),
        });
        std::mem::take(&mut self.gaps)
    }

    fn assigned(&self) -> usize {
        self.membership.assigned()
    }

    fn take_fetched(&mut self) -> FetchSums {
        match &mut self.fetcher {
            Fetches::Within(fetcher) => fetcher.take_sums(),
            Fetches::Beside(thread) => std::mem::take(&mut thread.notes().sums),
        }
    }
}

/// How often the library is let do what it has to. A rebalance waits for it this long at most.
const SERVE_EVERY: Duration = Duration::from_millis(20);
/// How often brokers are asked where partitions start, while they do not answer.
const REPAIR_EVERY: Duration = Duration::from_secs(1);
