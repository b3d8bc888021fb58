//! Several threads that parse the blocks of feeds, for one that takes them in order. Each thread
//! reads a block, under a lock, and parses it; the queue keeps the order and is bounded, so that
//! memory is a few blocks a thread, however long the feeds are.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::parsed::Parsed;
use super::steps::{FeedFile, Job, Step, Steps};
use crate::snapshot::Vetter;

/// What is done with each step, in order; with a block also what was found out about it.
pub(super) type Take<'t> = dyn FnMut(Step, &mut Parsed) + 't;

/// A step on its way.
struct Queued {
    step: Step,
    /// For a block, where it comes from once it is parsed.
    parsed: Option<Receiver<Parsed>>,
}

/// What the threads share.
struct Shared<'j> {
    jobs: &'j [Job<'j>],
    /// What vets the rows of each job.
    vetters: &'j [Option<Vetter>],
    /// Where reading is, and where the steps go; none once there is no more to do.
    reading: Mutex<Option<(Steps<'j>, SyncSender<Queued>)>>,
    /// Memory of blocks that were taken.
    spare: Mutex<Vec<Parsed>>,
}

/// Parses what `steps` reads of `jobs` and hands all steps to `take`, on this thread and in order.
/// `threads` counts this one; with one, no other is started.
pub(super) fn run<'j>(
    jobs: &'j [Job<'j>],
    vetters: &'j [Option<Vetter>],
    steps: Steps<'j>,
    threads: usize,
    take: &mut Take<'_>,
) {
    let helpers = threads.saturating_sub(1);
    let (sender, queue) = sync_channel(2 * helpers + 2);
    let shared = Shared {
        jobs,
        vetters,
        reading: Mutex::new(Some((steps, sender))),
        spare: Mutex::default(),
    };
    thread::scope(|scope| {
        // The queue ends with this function, also by a panic, so that no thread waits for ever.
        let queue = queue;
        let mut started = 0;
        for number in 1..=helpers {
            let thread = thread::Builder::new().name(format!("feeds-{number}"));
            let work = || work(&shared);
            started += usize::from(thread.spawn_scoped(scope, work).is_ok());
        }
        if started == 0 {
            work_alone(&shared, take);
            return;
        }
        let mut nothing = Parsed::default();
        for Queued { step, parsed } in queue {
            let Some(parsed) = parsed else {
                take(step, &mut nothing);
                continue;
            };
            // Only a thread that panicked sends nothing, and then the scope panics too.
            let Ok(mut parsed) = parsed.recv() else {
                return;
            };
            take(step, &mut parsed);
            lock(&shared.spare).push(parsed);
        }
    });
}

/// Reads and parses without any other thread.
fn work_alone(shared: &Shared<'_>, take: &mut Take<'_>) {
    let Some((mut steps, _)) = lock(&shared.reading).take() else {
        return;
    };
    let mut vetting = Vetting::default();
    let mut parsed = Parsed::default();
    while let Some(step) = steps.next(&mut parsed.block) {
        if let Step::Block(file) = &step {
            vetting.parse(shared, file, &mut parsed);
        }
        take(step, &mut parsed);
    }
}

/// Reads and parses block after block, until nothing is left or nobody takes any.
fn work(shared: &Shared<'_>) {
    let mut vetting = Vetting::default();
    loop {
        let spare = lock(&shared.spare).pop();
        let mut parsed = spare.unwrap_or_default();
        let Some((file, sender)) = next_block(shared, &mut parsed) else {
            return;
        };
        vetting.parse(shared, &file, &mut parsed);
        if sender.send(parsed).is_err() {
            return;
        }
    }
}

/// Reads up to the next block and queues all steps. Whoever reads next waits until the queue has
/// room for what was read before.
fn next_block(
    shared: &Shared<'_>,
    parsed: &mut Parsed,
) -> Option<(Arc<FeedFile>, SyncSender<Parsed>)> {
    let mut reading = lock(&shared.reading);
    loop {
        let (steps, queue) = reading.as_mut()?;
        let step = steps.next(&mut parsed.block);
        let (block, receiver) = match &step {
            Some(Step::Block(file)) => {
                let (sender, receiver) = sync_channel(1);
                (Some((Arc::clone(file), sender)), Some(receiver))
            }
            Some(
                Step::BeginFile(_) | Step::EndFile { .. } | Step::WholeFeed(_) | Step::EndFeed(_),
            )
            | None => (None, None),
        };
        let queued = step.map(|step| Queued {
            step,
            parsed: receiver,
        });
        let sent = queued.is_some_and(|queued| queue.send(queued).is_ok());
        if !sent {
            *reading = None;
            return None;
        }
        if block.is_some() {
            return block;
        }
    }
}

/// A thread's vetter for the feed that it met last.
#[derive(Default)]
struct Vetting(Option<(usize, Vetter)>);

impl Vetting {
    /// Parses a block of `file`.
    fn parse(&mut self, shared: &Shared<'_>, file: &FeedFile, parsed: &mut Parsed) {
        let Some(job) = shared.jobs.get(file.job) else {
            return;
        };
        if self.0.as_ref().is_none_or(|(known, _)| *known != file.job) {
            let vetter = shared.vetters.get(file.job).cloned().flatten();
            self.0 = vetter.map(|vetter| (file.job, vetter));
        }
        let vetter = self.0.as_mut().map(|(_, vetter)| vetter);
        parsed.parse(&file.options(job), vetter);
    }
}

/// The lock's content. A thread that panicked leaves it whole, and its panic goes on in the scope.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
