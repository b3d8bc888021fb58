//! A change of the snapshot under full load: how long a worker stands still, and how fast it is while
//! the next one is built beside it.

use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::stage::Crew;
use super::topic::MadeTopic;
use super::{KafkaOptions, PATIENCE, stuck};
use crate::lab::bench::harness::TurnError;
use crate::pipeline::WorkerOutput;
use crate::snapshot::{Publisher, Snapshot};

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SwapResult {
    /// Records a second before the next snapshot was built.
    pub before: f64,
    /// Records a second while it was built; `None` if the topic ended before it was published.
    pub during: Option<f64>,
    /// How long building took, in milliseconds.
    pub build_ms: f64,
    /// The longest time between two batches of a worker from when the next snapshot was published, in
    /// milliseconds; `None` likewise. A batch and waiting for records are in it.
    pub pause_ms: Option<f64>,
}

/// A batch that was done: by whom, when, and how many records it had.
struct Done {
    member: usize,
    at: Instant,
    records: u64,
}

/// Does the whole job on `topic`, and after a quarter of its records builds the `next` snapshot and
/// publishes it.
///
/// # Errors
/// When a worker fails, or the snapshot cannot be built.
pub fn swap(
    topic: &MadeTopic,
    publisher: &mut Publisher,
    options: &KafkaOptions,
    next: impl FnOnce() -> Result<Snapshot, TurnError> + Send,
) -> Result<SwapResult, TurnError> {
    let stop = AtomicBool::new(false);
    let (sender, told) = channel();
    let crew = Crew {
        topic,
        group: topic.group("swap", 0),
        snapshots: publisher.reader(),
        options,
    };
    let report = move |member, output: &WorkerOutput<'_>| {
        if let WorkerOutput::Batch { stats, .. } = output {
            // Whoever does not listen any more has seen enough.
            let _ = sender.send(Done {
                member,
                at: Instant::now(),
                records: stats.streams.iter().map(|stream| stream.records).sum(),
            });
        }
    };
    crew.work(&stop, report, || {
        let mut followed = Followed::default();
        followed.until(&told, topic, topic.records() / 4)?;
        let started = Instant::now();
        thread::scope(|scope| {
            let building = scope.spawn(|| {
                publisher.publish(next().map_err(|error| error.to_string())?);
                Ok::<_, String>(Instant::now())
            });
            followed.until(&told, topic, topic.records())?;
            let published = building.join().map_err(|_| "building panicked")??;
            Ok(followed.result(started, published))
        })
    })
}

/// The batches that were done so far.
#[derive(Default)]
struct Followed {
    batches: Vec<Done>,
    records: u64,
}

impl Followed {
    /// Follows the workers until `records` are done.
    fn until(
        &mut self,
        told: &Receiver<Done>,
        topic: &MadeTopic,
        records: u64,
    ) -> Result<(), TurnError> {
        while self.records < records {
            match told.recv_timeout(PATIENCE) {
                Ok(done) => {
                    self.records += done.records;
                    self.batches.push(done);
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    return Err(stuck(self.records, topic).into());
                }
            }
        }
        Ok(())
    }

    /// What came of it when the next snapshot was begun and published at these times.
    fn result(&self, started: Instant, published: Instant) -> SwapResult {
        let first = self.batches.first().map_or(started, |done| done.at);
        let rate = |from: Instant, to: Instant| {
            let within = self
                .batches
                .iter()
                .filter(|done| done.at > from && done.at <= to);
            let records: u64 = within.map(|done| done.records).sum();
            records as f64 / to.saturating_duration_since(from).as_secs_f64().max(1e-9)
        };
        let goes_on = self.batches.iter().any(|done| done.at > published);
        SwapResult {
            before: rate(first, started),
            during: goes_on.then(|| rate(started, published)),
            build_ms: milliseconds(published.saturating_duration_since(started)),
            pause_ms: goes_on.then(|| milliseconds(self.longest(published))),
        }
    }

    /// The longest time between two batches of the same worker of which the second came after `since`.
    fn longest(&self, since: Instant) -> Duration {
        let mut longest = Duration::ZERO;
        for (at, done) in self.batches.iter().enumerate() {
            let earlier = self.batches.iter().take(at).rev();
            let before = earlier
                .take(EARLIER_MAX)
                .find(|earlier| earlier.member == done.member);
            if let Some(before) = before.filter(|_| done.at > since) {
                longest = longest.max(done.at.saturating_duration_since(before.at));
            }
        }
        longest
    }
}

/// Milliseconds.
fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// How far back the batch before is looked for: a worker that is silent for longer has ended.
const EARLIER_MAX: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_pauses_are_those_of_the_batches() {
        let begun = Instant::now();
        let at = |ms: u64| begun + Duration::from_millis(ms);
        let batch = |member, ms, records| Done {
            member,
            at: at(ms),
            records,
        };
        let batches = vec![
            batch(0, 0, 5),
            batch(1, 100, 100),
            batch(0, 150, 50),
            batch(0, 250, 100),
            batch(1, 300, 30),
            batch(0, 330, 1),
            batch(1, 340, 1),
        ];
        let records = batches.iter().map(|done| done.records).sum();
        let followed = Followed { batches, records };
        let result = followed.result(at(200), at(300));
        assert!((result.before - 750.0).abs() < 1e-6, "{result:?}");
        assert!((result.during.unwrap() - 1300.0).abs() < 1e-6, "{result:?}");
        assert!((result.pause_ms.unwrap() - 80.0).abs() < 1e-6, "{result:?}");
        let late = followed.result(at(200), at(400));
        assert_eq!((late.during, late.pause_ms), (None, None));
    }
}
