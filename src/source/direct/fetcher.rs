//! Fetches what is assigned from whoever leads it: keeps one question under way at every leader
//! while what was fetched is handed out, bounded by bytes over all partitions and fair among them.
//! Never waits by itself; time comes in as an argument. What it makes of answers is in `answers`.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use mio::{Token, Waker};

use super::cluster::Cluster;
use super::connection::{ConnectionOptions, Start};
use super::fetch::{Terms, Wanted};
use super::frames::FramePool;
use super::leader::Leader;
use super::partition::Partition;
use super::poller::Poller;
use super::portion::Portion;
use super::queue::Queue;
use super::settings::FetchSettings;
use super::{BrokerAddress, DirectError, Place};
use crate::source::{FetchSums, Gap, Stream};

mod answers;

/// What fetches for one worker.
pub(super) struct Fetcher {
    settings: FetchSettings,
    options: Arc<ConnectionOptions>,
    streams: Arc<[Stream]>,
    partitions: BTreeMap<Place, Partition>,
    cluster: Cluster,
    leaders: BTreeMap<i32, Leader>,
    poller: Poller,
    queue: Queue,
    /// The number of the next connection; 0 is that of the cluster.
    next_token: usize,
    /// Counts answers with records.
    turns: u64,
    /// Partitions whose offset is out of range, and whether somebody was told, who has to say where
    /// to go on.
    lost: BTreeMap<Place, bool>,
    gaps: Vec<Gap>,
    /// What went wrong and was not told yet.
    trouble: Option<DirectError>,
    /// What was done since it was last asked.
    sums: FetchSums,
}

/// How far a partition goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    /// The offset where fetching began.
    pub(super) from: i64,
    /// The offset after the last record that may be read.
    pub(super) end: i64,
}

impl Fetcher {
    /// A fetcher with nothing to fetch yet.
    ///
    /// # Errors
    /// [`DirectError::Poller`] when the system gives no more file descriptors.
    pub(super) fn new(
        settings: FetchSettings,
        streams: &Arc<[Stream]>,
        now: Instant,
    ) -> Result<Self, DirectError> {
        let frame_bytes_max = settings.access.network.frame_bytes_max;
        let options = Arc::new(ConnectionOptions {
            access: settings.access.clone(),
            frames: FramePool::new(frame_bytes_max, FRAMES_KEPT),
            in_flight_max: 2,
        });
        let topics = streams.iter().map(|stream| stream.topic.clone()).collect();
        let bootstrap = settings.bootstrap.clone();
        Ok(Self {
            cluster: Cluster::new(Arc::clone(&options), bootstrap, topics, now),
            options,
            streams: Arc::clone(streams),
            partitions: BTreeMap::new(),
            leaders: BTreeMap::new(),
            poller: Poller::new().map_err(DirectError::Poller)?,
            queue: Queue::new(frame_bytes_max),
            next_token: 1,
            turns: 0,
            lost: BTreeMap::new(),
            gaps: Vec::new(),
            trouble: None,
            sums: FetchSums::default(),
            settings,
        })
    }

    /// Fetches `places` from now on, each from its offset, or from its first record where that is
    /// `None`; and nothing else.
    pub(super) fn assign(
        &mut self,
        places: impl IntoIterator<Item = (Place, Option<i64>)>,
        now: Instant,
    ) {
        self.queue.clear();
        self.lost.clear();
        self.trouble = None;
        let bytes_max = self.settings.partition_bytes_max;
        self.partitions = places
            .into_iter()
            .map(|(place, start)| (place, Partition::new(start, bytes_max)))
            .collect();
        self.follow_leaders(now);
    }

    /// Does all that can be done without waiting.
    pub(super) fn turn(&mut self, start: Start) {
        match self.cluster.poll(self.poller.registry(), start) {
            Ok(true) => self.follow_leaders(start.now),
            Ok(false) => {}
            Err(error) => self.note(error),
        }
        let brokers: Vec<i32> = self.leaders.keys().copied().collect();
        for broker in brokers {
            self.serve(broker, start);
        }
    }

    /// What ends a [wait](Self::wait) from another thread.
    ///
    /// # Errors
    /// When the system gives no more file descriptors.
    pub(super) fn waker(&self) -> io::Result<Waker> {
        self.poller.waker()
    }

    /// Sleeps until something may have come, or `until`.
    ///
    /// # Errors
    /// [`DirectError::Poller`].
    pub(super) fn wait(&mut self, now: Instant, until: Instant) -> Result<(), DirectError> {
        let leaders = self.leaders.values();
        let leaders = leaders.filter_map(|leader| leader.deadline(now));
        let retries = self.partitions.values();
        let retries = retries.filter_map(|partition| partition.retry_at.filter(|at| *at > now));
        let deadline = leaders
            .chain(retries)
            .chain([self.cluster.deadline()])
            .fold(until, Instant::min);
        self.poller.wait(now, deadline).map_err(DirectError::Poller)
    }

    /// Makes what was fetched ready in `portion`, which is empty; whether there was anything.
    pub(super) fn prepare(&mut self, portion: &mut Portion, now: Instant) -> bool {
        let partitions = &mut self.partitions;
        let prepared = self.queue.prepare(portion, |place, offset| {
            if let Some(partition) = partitions.get_mut(&place) {
                partition.reach(offset);
            }
        });
        if let Err(fault) = prepared {
            self.stumble(fault, now);
        }
        !portion.is_empty()
    }

    /// What went wrong since the last call, if anything did.
    pub(super) fn take_trouble(&mut self) -> Option<DirectError> {
        self.trouble.take()
    }

    /// Partitions that have to be told where to go on, and the offset that they wanted, if they
    /// wanted a certain one. Each is told once; until it [goes on](Self::go_on) it is not asked for.
    pub(super) fn take_lost(&mut self) -> Vec<(Place, Option<i64>)> {
        let partitions = &self.partitions;
        let untold = self.lost.iter_mut().filter(|(_, told)| !**told);
        let untold = untold.filter_map(|(place, told)| {
            *told = true;
            let partition = partitions.get(place)?;
            Some((*place, partition.wanted()))
        });
        untold.collect()
    }

    /// Goes on with `place`, which was out of range at `wanted`, at `offset`. What was fetched of it
    /// before is made ready all the same. Does nothing if the place wants something else by now.
    pub(super) fn go_on(&mut self, place: Place, wanted: Option<i64>, offset: i64) {
        let fetched = self.queue.has(place);
        let Some(partition) = self.partitions.get_mut(&place) else {
            return;
        };
        if partition.wanted() != wanted || self.lost.remove(&place).is_none() {
            return;
        }
        let prepared = partition.prepared;
        partition.go_to(offset);
        if fetched {
            partition.prepared = prepared;
        }
    }

    /// Fetches `place` again from `offset` on, whatever was fetched of it and is not ready.
    fn fetch_again(&mut self, place: Place, offset: i64) {
        self.queue.forget(place);
        self.lost.remove(&place);
        if let Some(partition) = self.partitions.get_mut(&place) {
            partition.go_to(offset);
        }
    }

    /// How far each partition goes, as far as known.
    pub(super) fn extents(&self) -> Vec<(Place, Extent)> {
        let extent = |(&place, partition): (&Place, &Partition)| {
            let (from, end) = (partition.from, partition.end);
            (end >= 0).then_some((place, Extent { from, end }))
        };
        self.partitions.iter().filter_map(extent).collect()
    }

    /// Records that were gone before they could be read, since the last call.
    pub(super) fn take_gaps(&mut self) -> Vec<Gap> {
        std::mem::take(&mut self.gaps)
    }

    /// What was done since the last call.
    pub(super) fn take_sums(&mut self) -> FetchSums {
        let sums = std::mem::take(&mut self.sums);
        FetchSums {
            inflating: self.queue.take_preparing(),
            ..sums
        }
    }

    /// Takes over what the cluster says about who leads what.
    fn follow_leaders(&mut self, now: Instant) {
        for (&(stream, number), partition) in &mut self.partitions {
            let topic = self.streams.get(usize::from(stream.0));
            let leader = topic.and_then(|stream| self.cluster.leader(&stream.topic, number));
            if leader != partition.leader {
                partition.leader = leader;
                partition.retry_at = None;
            }
            if leader.is_none() {
                self.cluster.doubt(now);
            }
        }
        let led: BTreeMap<i32, &BrokerAddress> = self
            .partitions
            .values()
            .filter_map(|partition| {
                let (id, _) = partition.leader?;
                Some((id, self.cluster.broker(id)?))
            })
            .collect();
        let leaders = &mut self.leaders;
        leaders.retain(|id, leader| led.get(id) == Some(&leader.broker()));
        for (id, broker) in led {
            leaders.entry(id).or_insert_with(|| {
                self.next_token = self.next_token.wrapping_add(1);
                Leader::new(broker.clone(), Token(self.next_token))
            });
        }
        for partition in self.partitions.values_mut() {
            // Nobody answers any more what was asked of a leader that is gone.
            partition.asked.take_if(|(id, _)| !leaders.contains_key(id));
        }
    }

    /// Takes the answers of a leader, and asks it again.
    fn serve(&mut self, broker: i32, start: Start) {
        let now = start.now;
        while let Some(leader) = self.leaders.get_mut(&broker) {
            match leader.poll(&self.options, self.poller.registry(), start) {
                Ok(Some((response, waited))) => {
                    self.sums.waited = self.sums.waited.saturating_add(waited);
                    if let Err(error) = self.take_answer(broker, &response, now) {
                        self.hang_up(broker, now, error);
                    }
                    self.unask(broker);
                }
                Ok(None) => break,
                Err(error) => {
                    self.hang_up(broker, now, error);
                    return;
                }
            }
        }
        if let Err(error) = self.ask(broker, now) {
            self.hang_up(broker, now, error);
        }
    }

    /// Leaves a leader that failed, for a while.
    fn hang_up(&mut self, broker: i32, now: Instant, error: DirectError) {
        if let Some(leader) = self.leaders.get_mut(&broker) {
            leader.hang_up(now);
        }
        self.unask(broker);
        self.cluster.doubt(now);
        self.note(error);
    }

    /// Nothing that this leader was asked for is due any more.
    fn unask(&mut self, broker: i32) {
        for partition in self.partitions.values_mut() {
            partition.asked.take_if(|(asked, _)| *asked == broker);
        }
    }

    /// Asks a leader for all that it leads, those first that had nothing for longest, if there is
    /// room for the answer.
    fn ask(&mut self, broker: i32, now: Instant) -> Result<(), DirectError> {
        let due = self.leaders.values().map(Leader::due_bytes);
        let taken = due.sum::<usize>().saturating_add(self.queue.bytes());
        let budget = self.settings.queue_bytes;
        // An answer stays in memory until its last record was handed out, while others come.
        let share = budget / self.leaders.len().saturating_mul(ANSWERS_HELD).max(1);
        let bytes_max = self
            .settings
            .answer_bytes_max
            .min(share)
            .min(ANSWER_BYTES_MAX);
        let Some(leader) = self.leaders.get_mut(&broker) else {
            return Ok(());
        };
        let full = taken > 0 && taken.saturating_add(bytes_max) > budget;
        if full || !leader.may_be_asked(now) {
            return Ok(());
        }
        let lost = &self.lost;
        let asked = self.partitions.iter_mut();
        let mut asked: Vec<(&Place, &mut Partition)> = asked
            .filter(|(place, partition)| {
                partition.may_be_asked(broker, now) && !lost.contains_key(place)
            })
            .collect();
        if asked.is_empty() {
            return Ok(());
        }
        asked.sort_by_key(|(_, partition)| partition.turn);
        let bytes_max = i32::try_from(bytes_max).unwrap_or(i32::MAX);
        let terms = Terms {
            wait: self.settings.wait,
            bytes_min: self.settings.bytes_min,
            bytes_max,
            uncommitted: self.settings.uncommitted,
        };
        let streams = &self.streams;
        let wanted = asked.iter().filter_map(|((stream, number), partition)| {
            Some(Wanted {
                topic: &streams.get(usize::from(stream.0))?.topic,
                partition: *number,
                offset: partition.position,
                leader_epoch: partition.leader.map_or(-1, |(_, epoch)| epoch),
                fetched_epoch: partition.fetched_epoch,
                bytes_max: partition.bytes_max.min(bytes_max),
            })
        });
        leader.ask(wanted, &terms, now)?;
        for (_, partition) in asked {
            partition.asked = Some((broker, partition.position));
        }
        Ok(())
    }

    /// What a partition is called in messages.
    fn name(&self, (stream, partition): Place) -> String {
        let stream = self.streams.get(usize::from(stream.0));
        let topic = stream.map_or("?", |stream| &stream.topic);
        format!("{topic}/{partition}")
    }

    /// Notes what went wrong.
    fn note(&mut self, error: DirectError) {
        error.note(&mut self.trouble);
    }
}

/// Largest answer that is asked for, however much is allowed: what is fetched should still be in the
/// processor's caches when it is walked over.
const ANSWER_BYTES_MAX: usize = 2 << 20;
/// How many answers of every leader the budget has room for.
const ANSWERS_HELD: usize = 4;
/// How many buffers for answers are kept.
const FRAMES_KEPT: usize = 2;

#[cfg(test)]
pub(super) mod tests;
