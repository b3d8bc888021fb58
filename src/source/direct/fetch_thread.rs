//! Fetching on a thread of its own, beside the worker's: brokers are asked, batches checked and
//! inflated there while the worker matches. Portions go over a short channel and come back to be
//! filled again; what else there is to know is left in a shared place.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{
    Receiver, RecvTimeoutError, Sender, SyncSender, TryRecvError, TrySendError, channel,
    sync_channel,
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle, park_timeout};
use std::time::{Duration, Instant};

use mio::Waker;

use super::connection::Start;
use super::fetcher::{Extent, Fetcher};
use super::portion::Portion;
use super::{DirectError, Place};
use crate::source::{FetchSums, Gap};

/// A fetcher at work on its own thread, which ends when this is dropped.
pub(super) struct FetchThread {
    orders: Option<Sender<Order>>,
    portions: Receiver<(u64, Portion)>,
    returns: Sender<Portion>,
    shared: Arc<Shared>,
    waker: Waker,
    /// Counts assignments: portions and notes of an earlier one are of no interest.
    assignment: u64,
    thread: Option<JoinHandle<()>>,
}

/// What the thread is told.
enum Order {
    /// Fetch these, and nothing else: the number of the assignment, and where each begins.
    Assign(u64, Vec<(Place, Option<i64>)>),
    /// Go on with a partition that was out of range where it wanted to, at an offset.
    GoOn(Place, Option<i64>, i64),
}

/// What both threads look at.
#[derive(Default)]
struct Shared {
    notes: Mutex<Notes>,
    /// Whether the channel of portions was full: whoever takes one then says so.
    full: AtomicBool,
}

/// What there is to know beside the records.
#[derive(Default)]
pub(super) struct Notes {
    /// Of which assignment the next three are.
    assignment: u64,
    /// Partitions that have to be told where to go on, and the offset that they wanted.
    pub(super) lost: Vec<(Place, Option<i64>)>,
    /// How far each partition goes.
    pub(super) extents: Vec<(Place, Extent)>,
    /// What went wrong last.
    pub(super) trouble: Option<DirectError>,
    /// Records that were gone before they could be read.
    pub(super) gaps: Vec<Gap>,
    /// What fetching came to.
    pub(super) sums: FetchSums,
}

impl Notes {
    /// Forgets what is of an earlier assignment.
    fn begin(&mut self, assignment: u64) {
        self.assignment = assignment;
        self.lost.clear();
        self.extents.clear();
        self.trouble = None;
    }
}

impl FetchThread {
    /// Lets `fetcher` work on a thread called `name`.
    ///
    /// # Errors
    /// [`DirectError::Poller`] and [`DirectError::Thread`] when the system refuses.
    pub(super) fn start(fetcher: Fetcher, name: String) -> Result<Self, DirectError> {
        let waker = fetcher.waker().map_err(DirectError::Poller)?;
        let (orders, ordered) = channel();
        let (filled, portions) = sync_channel(PORTIONS_AHEAD);
        let (returns, returned) = channel();
        let shared = Arc::new(Shared::default());
        let work = Work {
            fetcher,
            ordered,
            filled,
            returned,
            shared: Arc::clone(&shared),
            assignment: 0,
            ready: None,
            spare: Portion::default(),
        };
        let thread = Builder::new().name(name);
        let thread = thread.spawn(move || work.run());
        Ok(Self {
            orders: Some(orders),
            portions,
            returns,
            shared,
            waker,
            assignment: 0,
            thread: Some(thread.map_err(DirectError::Thread)?),
        })
    }

    /// Fetches `places` from now on, and nothing else.
    pub(super) fn assign(&mut self, places: Vec<(Place, Option<i64>)>) {
        self.assignment = self.assignment.wrapping_add(1);
        self.notes().begin(self.assignment);
        self.order(Order::Assign(self.assignment, places));
    }

    /// Goes on with `place`, which was out of range at `wanted`, at `offset`.
    pub(super) fn go_on(&self, place: Place, wanted: Option<i64>, offset: i64) {
        self.order(Order::GoOn(place, wanted, offset));
    }

    /// Tells the thread something, which it hears at once.
    fn order(&self, order: Order) {
        if let Some(orders) = &self.orders {
            // It fails only if the thread has ended, which `next` says.
            let _ = orders.send(order);
        }
        self.wake();
    }

    /// Wakes the thread if it sleeps.
    fn wake(&self) {
        if let Err(error) = self.waker.wake() {
            tracing::debug!(%error, "the fetching thread wakes by itself");
        }
    }

    /// The next portion, waiting for it for up to `wait`.
    ///
    /// # Errors
    /// [`DirectError::Ended`] when the thread has ended.
    pub(super) fn next(&self, wait: Duration) -> Result<Option<Portion>, DirectError> {
        let until = Instant::now() + wait;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let (assignment, portion) = match self.portions.recv_timeout(left) {
                Ok(portion) => portion,
                Err(RecvTimeoutError::Timeout) => return Ok(None),
                Err(RecvTimeoutError::Disconnected) => return Err(DirectError::Ended),
            };
            if self.shared.full.swap(false, Ordering::AcqRel) {
                self.wake();
            }
            if assignment == self.assignment {
                return Ok(Some(portion));
            }
            self.give_back(portion);
        }
    }

    /// Gives a portion back, to be filled again.
    pub(super) fn give_back(&self, mut portion: Portion) {
        portion.clear();
        // Without the thread nobody wants it.
        let _ = self.returns.send(portion);
    }

    /// What there is to know.
    pub(super) fn notes(&self) -> MutexGuard<'_, Notes> {
        self.shared.notes()
    }
}

impl Drop for FetchThread {
    fn drop(&mut self) {
        self.orders = None;
        self.wake();
        if let Some(thread) = self.thread.take() {
            // If it panicked, the panic was told where it happened.
            let _ = thread.join();
        }
    }
}

impl Shared {
    /// What there is to know.
    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread's side.
struct Work {
    fetcher: Fetcher,
    ordered: Receiver<Order>,
    filled: SyncSender<(u64, Portion)>,
    returned: Receiver<Portion>,
    shared: Arc<Shared>,
    assignment: u64,
    /// A portion for which there was no room.
    ready: Option<Portion>,
    /// An empty one.
    spare: Portion,
}

/// What becomes of a portion.
enum Sent {
    /// It went over.
    Over,
    /// There is none, or no room for it.
    Nothing,
    /// Nobody reads any more.
    Nowhere,
}

impl Work {
    /// Works until nobody gives orders any more.
    fn run(mut self) {
        while self.follow_orders() {
            let now = Instant::now();
            self.fetcher.turn(Start::at(now));
            let sent = self.send(now);
            self.take_notes();
            match sent {
                Sent::Over => {}
                Sent::Nowhere => return,
                // What became due since then is not slept over: it is reckoned from the same time.
                Sent::Nothing => {
                    if let Err(error) = self.fetcher.wait(now, now + WAIT_MAX) {
                        error.note(&mut self.shared.notes().trouble);
                        park_timeout(WAIT_MAX);
                    }
                }
            }
        }
    }

    /// Does what it was told; whether it is to go on.
    fn follow_orders(&mut self) -> bool {
        loop {
            match self.ordered.try_recv() {
                Ok(Order::Assign(assignment, places)) => {
                    self.assignment = assignment;
                    self.ready = None;
                    self.fetcher.assign(places, Instant::now());
                }
                Ok(Order::GoOn(place, wanted, offset)) => {
                    self.fetcher.go_on(place, wanted, offset);
                }
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    /// Sends the next portion.
    fn send(&mut self, now: Instant) -> Sent {
        let portion = match self.ready.take() {
            Some(ready) => ready,
            None if self.fetcher.prepare(&mut self.spare, now) => {
                let next = self.returned.try_recv().unwrap_or_default();
                std::mem::replace(&mut self.spare, next)
            }
            None => return Sent::Nothing,
        };
        // Said before it is tried, so that whoever makes room in between knows.
        self.shared.full.store(true, Ordering::Release);
        match self.filled.try_send((self.assignment, portion)) {
            Ok(()) => {
                self.shared.full.store(false, Ordering::Release);
                Sent::Over
            }
            Err(TrySendError::Full((_, portion))) => {
                self.ready = Some(portion);
                Sent::Nothing
            }
            Err(TrySendError::Disconnected(_)) => Sent::Nowhere,
        }
    }

    /// Leaves what there is to know.
    fn take_notes(&mut self) {
        let fetcher = &mut self.fetcher;
        let mut notes = self.shared.notes();
        notes.gaps.append(&mut fetcher.take_gaps());
        notes.sums.add(fetcher.take_sums());
        // Of an assignment that is over nobody wants to know the rest.
        if notes.assignment != self.assignment {
            return;
        }
        notes.lost.append(&mut fetcher.take_lost());
        notes.extents = fetcher.extents();
        if let Some(trouble) = fetcher.take_trouble() {
            trouble.note(&mut notes.trouble);
        }
    }
}

/// Portions that wait for the worker, beside the one that it works on and the one that is filled.
const PORTIONS_AHEAD: usize = 2;

/// How long the thread sleeps at most.
const WAIT_MAX: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests;
