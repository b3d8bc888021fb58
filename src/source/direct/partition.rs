//! What is known of one assigned partition: where fetching and making ready stand, who leads it, and
//! what keeps it from being asked.

use std::time::{Duration, Instant};

use super::backoff::Backoff;

/// A partition that is read.
#[derive(Clone, Debug)]
pub(super) struct Partition {
    /// The offset to ask for next.
    pub(super) position: i64,
    /// The offset after the last record that is ready to be handed out, or passed over.
    pub(super) prepared: i64,
    /// Where fetching began, the last time that it was told to begin somewhere.
    pub(super) from: i64,
    /// Whether `position` was told to us or fetched up to, so that what is missing there is a gap.
    pub(super) known: bool,
    /// The broker that leads it and its epoch (-1: not known).
    pub(super) leader: Option<(i32, i32)>,
    /// The epoch of what was fetched last; -1 is nothing yet.
    pub(super) fetched_epoch: i32,
    /// Which broker was asked, and for which offset, as long as the answer is due.
    pub(super) asked: Option<(i32, i64)>,
    /// Most bytes of an answer.
    pub(super) bytes_max: i32,
    /// Which of all answers with records was the last with records of it; 0 is none.
    pub(super) turn: u64,
    /// The offset after the last record that may be read; -1 is not known.
    pub(super) end: i64,
    /// Not to be asked before this.
    pub(super) retry_at: Option<Instant>,
    /// How long to wait after the next failure.
    pub(super) backoff: Backoff,
}

impl Partition {
    /// One that is read from `start`, or from its first record if that is `None`.
    pub(super) fn new(start: Option<i64>, bytes_max: i32) -> Self {
        let position = start.unwrap_or(0);
        Self {
            position,
            prepared: position,
            from: position,
            known: start.is_some(),
            leader: None,
            fetched_epoch: -1,
            asked: None,
            bytes_max,
            turn: 0,
            end: -1,
            retry_at: None,
            backoff: Backoff::new(RETRY_MIN, RETRY_MAX),
        }
    }

    /// The offset to ask for next, if it is one that is known to have been there.
    pub(super) fn wanted(&self) -> Option<i64> {
        self.known.then_some(self.position)
    }

    /// Whether `broker` may be asked for it.
    pub(super) fn may_be_asked(&self, broker: i32, now: Instant) -> bool {
        self.asked.is_none()
            && self.leader.is_some_and(|(leader, _)| leader == broker)
            && self.retry_at.is_none_or(|at| at <= now)
    }

    /// Goes on at `offset`, whatever was asked or fetched.
    pub(super) fn go_to(&mut self, offset: i64) {
        self.position = offset;
        self.prepared = offset;
        self.from = offset;
        self.known = true;
        self.fetched_epoch = -1;
        self.asked = None;
        self.retry_at = None;
    }

    /// Waits before it is asked again.
    pub(super) fn wait(&mut self, now: Instant) {
        self.retry_at = Some(now + self.backoff.next(now));
    }

    /// Takes note that everything before `offset` is ready to be handed out.
    pub(super) fn reach(&mut self, offset: i64) {
        if offset > self.prepared {
            self.backoff.reset();
        }
        self.prepared = offset;
        self.known = true;
    }
}

/// Shortest wait after a failure.
const RETRY_MIN: Duration = Duration::from_millis(50);
/// Longest wait after a failure.
const RETRY_MAX: Duration = Duration::from_secs(2);
