//! What a turn costs: time on the wall, time on processors, and instructions where the machine
//! tells them.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// What the clocks say, since some fixed instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Time that passed.
    pub wall: Duration,
    /// Time that processors spent on this process, all threads and the system's part included.
    pub cpu: Duration,
    /// Instructions that this thread and those it started since have run, the system's part left
    /// out; absent where the machine does not tell them.
    pub instructions: Option<u64>,
}

impl Reading {
    /// What passed between `earlier` and this reading.
    pub(super) fn since(self, earlier: Self) -> Self {
        Self {
            wall: self.wall.saturating_sub(earlier.wall),
            cpu: self.cpu.saturating_sub(earlier.cpu),
            instructions: self
                .instructions
                .zip(earlier.instructions)
                .map(|(now, then)| now.saturating_sub(then)),
        }
    }
}

/// The clocks of this process.
pub struct Meter {
    started: Instant,
    instructions: Option<Counter>,
}

impl Meter {
    /// Starts the clocks. Virtual machines and hardened kernels count no instructions; then
    /// readings say nothing of them.
    pub fn start() -> Self {
        Self {
            started: Instant::now(),
            instructions: Counter::start(),
        }
    }

    /// What they say now.
    pub fn read(&mut self) -> Reading {
        let cpu = clock_gettime(ClockId::ProcessCPUTime);
        Reading {
            wall: self.started.elapsed(),
            cpu: Duration::try_from(cpu).unwrap_or_default(),
            instructions: self.instructions.as_mut().and_then(Counter::read),
        }
    }
}

impl std::fmt::Debug for Meter {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Meter").finish_non_exhaustive()
    }
}

/// A counter of instructions.
#[cfg(target_os = "linux")]
struct Counter(perf_event::Counter);

#[cfg(target_os = "linux")]
impl Counter {
    /// Starts counting, where the kernel lets us and the processor can.
    fn start() -> Option<Self> {
        let mut counter = perf_event::Builder::new(perf_event::events::Hardware::INSTRUCTIONS)
            .inherit(true)
            .build()
            .ok()?;
        counter.enable().ok()?;
        Some(Self(counter))
    }

    /// Instructions so far.
    fn read(&mut self) -> Option<u64> {
        self.0.read().ok()
    }
}

/// A counter of instructions: none outside of Linux.
#[cfg(not(target_os = "linux"))]
struct Counter;

#[cfg(not(target_os = "linux"))]
impl Counter {
    /// There is none.
    fn start() -> Option<Self> {
        None
    }

    /// Nothing.
    fn read(&mut self) -> Option<u64> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_run_forward_and_work_takes_processor_time() {
        let mut meter = Meter::start();
        let before = meter.read();
        let mut sum = 0_u64;
        while meter.read().cpu <= before.cpu {
            sum = std::hint::black_box(sum.wrapping_mul(3) + 1);
        }
        let spent = meter.read().since(before);
        assert!(spent.cpu > Duration::ZERO && spent.wall > Duration::ZERO);
        // Whether instructions are counted hangs on the machine; if they are, some were run.
        assert_ne!(spent.instructions, Some(0));
    }

    #[test]
    fn a_reading_without_instructions_leaves_no_difference() {
        let with = Reading {
            instructions: Some(9),
            ..Reading::default()
        };
        assert_eq!(with.since(with).instructions, Some(0));
        assert_eq!(with.since(Reading::default()).instructions, None);
    }
}
