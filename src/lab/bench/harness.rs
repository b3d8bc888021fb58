//! Contenders in turns: answers first, then warm-up, then A B A B …, then medians. Knows nothing
//! of what the contenders do.

use std::error::Error;

use super::meter::{Meter, Reading};

/// Fewest turns of a run: a median of less says nothing.
pub const TURNS_MIN: usize = 3;

/// Someone who does the work: an engine by its name, a check of its answers and a turn of work.
pub struct Contender<'w> {
    engine: String,
    check: Box<dyn FnMut() -> Result<(), WrongAnswer> + 'w>,
    turn: Box<Turner<'w>>,
}

/// A turn of work, which may say by the clock what of it counts.
type Turner<'w> = dyn FnMut(usize, &mut Clock<'_>) -> Result<Work, TurnError> + 'w;

/// The clock of a turn: it runs from the turn's start to its end, unless the turn says otherwise.
pub struct Clock<'r> {
    read: &'r mut dyn FnMut() -> Reading,
    started: Reading,
    stopped: Option<Reading>,
}

impl<'r> Clock<'r> {
    /// A clock that has just started.
    fn start_by(read: &'r mut dyn FnMut() -> Reading) -> Self {
        let started = read();
        Self {
            read,
            started,
            stopped: None,
        }
    }

    /// The work begins now: what came before was getting ready.
    pub fn start(&mut self) {
        self.started = (self.read)();
    }

    /// The work is done: what comes after is clearing up.
    pub fn stop(&mut self) {
        self.stopped = Some((self.read)());
    }

    /// What the work cost.
    fn cost(self) -> Reading {
        let Self { read, stopped, .. } = self;
        stopped.unwrap_or_else(read).since(self.started)
    }
}

impl std::fmt::Debug for Clock<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Clock").finish_non_exhaustive()
    }
}

/// What a turn did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Operations: questions, records, events. Never 0.
    pub ops: u64,
    /// Bytes read, where that means something; else 0.
    pub bytes: u64,
    /// A count or checksum of the answers. Whoever gives one must give the same as all others
    /// that give one in the same turn.
    pub answers: Option<u64>,
}

/// An answer that is not the one the oracle gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongAnswer {
    /// What was asked.
    pub question: String,
    /// What the oracle says.
    pub expected: String,
    /// What the contender says.
    pub answered: String,
}

/// Why a turn could not be run.
pub type TurnError = Box<dyn Error + Send + Sync>;

/// How contenders are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Turns that are measured, of each contender; at least [`TURNS_MIN`].
    pub turns: usize,
    /// Turns before them that are not, of each contender.
    pub warmups: usize,
}

/// What a run is about to do, for whoever shows progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Compare answers with the oracle's.
    Check,
    /// A turn that is not measured; from 0.
    Warmup(usize),
    /// A turn that is; from 0.
    Turn(usize),
}

/// A yardstick that cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// A contender's answer is wrong, so its time means nothing.
    #[error("{engine} answers `{}` to {} where `{}` is right", wrong.answered, wrong.question, wrong.expected)]
    Wrong {
        /// Whose answer.
        engine: String,
        /// Question and answers.
        wrong: WrongAnswer,
    },
    /// Two contenders did not find the same in one turn.
    #[error("{engine} finds {found} in turn {turn} where {other} finds {expected}")]
    Disagree {
        /// Who differs.
        engine: String,
        /// From whom.
        other: String,
        /// In which turn, warm-ups included.
        turn: usize,
        /// What it found.
        found: u64,
        /// What the other found.
        expected: u64,
    },
    /// A turn failed.
    #[error("{engine} failed in turn {turn}")]
    Turn {
        /// Whose turn.
        engine: String,
        /// Which, warm-ups included.
        turn: usize,
        /// Why.
        source: TurnError,
    },
    /// A turn did nothing, so there is nothing to divide its time by.
    #[error("{engine} did nothing in turn {turn}")]
    Idle {
        /// Whose turn.
        engine: String,
        /// Which, warm-ups included.
        turn: usize,
    },
    /// Fewer turns were asked for than a median needs.
    #[error("{turns} turns are too few: give at least {TURNS_MIN}")]
    TooFewTurns {
        /// How many.
        turns: usize,
    },
    /// The machine has not enough memory for what was asked.
    #[error(
        "{what} needs about {} MiB of memory and {} MiB are available: ask for smaller sizes",
        needed >> 20,
        available >> 20
    )]
    Memory {
        /// What needs it.
        what: String,
        /// How much, in bytes.
        needed: u64,
        /// How much there is, in bytes.
        available: u64,
    },
    /// A workload or an engine could not be built.
    #[error("cannot build {what}")]
    Build {
        /// What.
        what: String,
        /// Why.
        source: TurnError,
    },
}

/// What a contender's turns came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// Whose.
    pub engine: String,
    /// What the last turn did.
    pub work: Work,
    /// Nanoseconds of an operation, median over turns.
    pub ns_per_op: f64,
    /// Nanoseconds of processor time of an operation, all threads together, median over turns.
    pub cpu_ns_per_op: f64,
    /// How far turns lie apart: slowest less fastest, divided by the median.
    pub spread: f64,
    /// How many times as long as the first contender this one takes: the median over turns of
    /// the ratio within the turn. 1 for the first.
    pub times_first: f64,
    /// The same of processor time, which the machine's other work does not stretch.
    pub cpu_times_first: f64,
    /// Instructions of an operation, median over turns, where the machine tells them.
    pub instructions_per_op: Option<f64>,
    /// How many turns were measured.
    pub turns: usize,
}

impl<'w> Contender<'w> {
    /// A contender named `engine`. `check` compares every answer with an oracle's; `turn` does a
    /// turn's work and is told which turn it is, warm-ups included, so that all contenders can
    /// take the same part of a workload in the same turn.
    pub fn new(
        engine: impl Into<String>,
        check: impl FnMut() -> Result<(), WrongAnswer> + 'w,
        mut turn: impl FnMut(usize) -> Result<Work, TurnError> + 'w,
    ) -> Self {
        Self {
            engine: engine.into(),
            check: Box::new(check),
            turn: Box::new(move |at, _| turn(at)),
        }
    }

    /// A contender whose turns check their own answers, and say when their work begins and ends.
    pub fn with_clock(
        engine: impl Into<String>,
        turn: impl FnMut(usize, &mut Clock<'_>) -> Result<Work, TurnError> + 'w,
    ) -> Self {
        Self {
            engine: engine.into(),
            check: Box::new(|| Ok(())),
            turn: Box::new(turn),
        }
    }

    /// Its name.
    pub fn engine(&self) -> &str {
        &self.engine
    }
}

impl std::fmt::Debug for Contender<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = formatter.debug_struct("Contender");
        shown.field("engine", &self.engine).finish_non_exhaustive()
    }
}

/// Checks all contenders, warms them up, and measures them in turns. Results are in the order of
/// the contenders, compared with the first. `progress` is told each step before it is taken.
///
/// # Errors
/// [`BenchError`] when an answer is wrong, contenders disagree, or a turn fails: no time is told.
pub fn run(
    contenders: &mut [Contender<'_>],
    settings: Settings,
    progress: &mut dyn FnMut(&str, Step),
) -> Result<Vec<Measured>, BenchError> {
    let mut meter = Meter::start();
    run_by(contenders, settings, &mut || meter.read(), progress)
}

/// [`run`] by a clock of the caller's.
pub(super) fn run_by(
    contenders: &mut [Contender<'_>],
    settings: Settings,
    read: &mut dyn FnMut() -> Reading,
    progress: &mut dyn FnMut(&str, Step),
) -> Result<Vec<Measured>, BenchError> {
    let Settings { turns, warmups } = settings;
    if turns < TURNS_MIN {
        return Err(BenchError::TooFewTurns { turns });
    }
    for contender in contenders.iter_mut() {
        progress(&contender.engine, Step::Check);
        (contender.check)().map_err(|wrong| BenchError::Wrong {
            engine: contender.engine.clone(),
            wrong,
        })?;
    }
    let mut taken: Vec<Vec<Turn>> = contenders.iter().map(|_| Vec::new()).collect();
    for turn in 0..warmups + turns {
        let measured = turn.checked_sub(warmups);
        let mut found: Option<(String, u64)> = None;
        for (contender, taken) in contenders.iter_mut().zip(&mut taken) {
            let step = measured.map_or(Step::Warmup(turn), Step::Turn);
            progress(&contender.engine, step);
            let mut clock = Clock::start_by(read);
            let work = (contender.turn)(turn, &mut clock);
            let cost = clock.cost();
            let work = accepted(&contender.engine, turn, work, &mut found)?;
            if measured.is_some() {
                taken.push(Turn { work, cost });
            }
        }
    }
    let Some(first) = taken.first() else {
        return Ok(Vec::new());
    };
    Ok(contenders
        .iter()
        .zip(&taken)
        .map(|(contender, turns)| measured(&contender.engine, turns, first))
        .collect())
}

/// A turn's work and its cost.
#[derive(Clone, Copy)]
struct Turn {
    work: Work,
    cost: Reading,
}

impl Turn {
    /// Nanoseconds of an operation.
    fn ns_per_op(&self) -> f64 {
        self.cost.wall.as_secs_f64() * 1e9 / self.work.ops as f64
    }

    /// Nanoseconds of processor time of an operation.
    fn cpu_ns_per_op(&self) -> f64 {
        self.cost.cpu.as_secs_f64() * 1e9 / self.work.ops as f64
    }
}

/// The work of a turn, if it did some and found what the others found.
fn accepted(
    engine: &str,
    turn: usize,
    work: Result<Work, TurnError>,
    others: &mut Option<(String, u64)>,
) -> Result<Work, BenchError> {
    let engine = engine.to_owned();
    let work = match work {
        Ok(work) if work.ops == 0 => return Err(BenchError::Idle { engine, turn }),
        Ok(work) => work,
        Err(source) => {
            return Err(BenchError::Turn {
                engine,
                turn,
                source,
            });
        }
    };
    match (work.answers, others.as_ref()) {
        (Some(found), Some((other, expected))) if found != *expected => Err(BenchError::Disagree {
            engine,
            other: other.clone(),
            turn,
            found,
            expected: *expected,
        }),
        (Some(found), None) => {
            *others = Some((engine, found));
            Ok(work)
        }
        (Some(_), Some(_)) | (None, _) => Ok(work),
    }
}

/// What `turns` come to, beside those of the `first` contender.
fn measured(engine: &str, turns: &[Turn], first: &[Turn]) -> Measured {
    let times: Vec<f64> = turns.iter().map(Turn::ns_per_op).collect();
    let ns_per_op = median(times.clone());
    let slowest = times.iter().copied().fold(0.0, f64::max);
    let fastest = times.iter().copied().fold(f64::INFINITY, f64::min);
    let ratio = |cost: fn(&Turn) -> f64| {
        // A clock too coarse for a turn must not make a ratio that JSON cannot hold.
        let ratio = |(own, first)| cost(own).max(f64::MIN_POSITIVE) / cost(first).max(1e-6);
        median(turns.iter().zip(first).map(ratio).collect())
    };
    let instructions: Option<Vec<f64>> = turns
        .iter()
        .map(|turn| Some(turn.cost.instructions? as f64 / turn.work.ops as f64))
        .collect();
    Measured {
        engine: engine.to_owned(),
        work: turns.last().map(|turn| turn.work).unwrap_or_default(),
        ns_per_op,
        cpu_ns_per_op: median(turns.iter().map(Turn::cpu_ns_per_op).collect()),
        spread: (slowest - fastest) / ns_per_op.max(1e-6),
        times_first: ratio(Turn::ns_per_op),
        cpu_times_first: ratio(Turn::cpu_ns_per_op),
        instructions_per_op: instructions.map(median),
        turns: turns.len(),
    }
}

/// The median; of an even number of values the mean of the middle two; of none 0.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match (
        values.get(middle),
        middle.checked_sub(1).and_then(|m| values.get(m)),
    ) {
        (Some(&upper), Some(&lower)) if values.len().is_multiple_of(2) => lower.midpoint(upper),
        (Some(&value), _) => value,
        (None, _) => 0.0,
    }
}

#[cfg(test)]
mod tests;
