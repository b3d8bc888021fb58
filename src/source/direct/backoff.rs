//! How long to wait before the next try: twice as long each time, within bounds, and never at the
//! same moment as everybody else.

use std::hash::{BuildHasher as _, RandomState};
use std::time::{Duration, Instant};

/// Waits that grow.
#[derive(Clone, Debug)]
pub(super) struct Backoff {
    min: Duration,
    max: Duration,
    failures: u32,
    /// Differs between any two processes.
    seed: RandomState,
}

impl Backoff {
    /// Waits of `min` to `max`.
    pub(super) fn new(min: Duration, max: Duration) -> Self {
        Self {
            min,
            max,
            failures: 0,
            seed: RandomState::new(),
        }
    }

    /// The next wait: between half and all of what doubling gives.
    pub(super) fn next(&mut self, now: Instant) -> Duration {
        let doubled = self.min.saturating_mul(1 << self.failures.min(16));
        self.failures = self.failures.saturating_add(1);
        let share = u16::try_from(self.seed.hash_one(now) >> 48).unwrap_or(0);
        let share = 0.5 + f64::from(share) / f64::from(u16::MAX) / 2.0;
        doubled.min(self.max).mul_f64(share)
    }

    /// How many failures there were since the last success.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    /// The next wait is a short one again.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_within_bounds_and_start_again_after_a_success() {
        let (min, max) = (Duration::from_millis(50), Duration::from_secs(1));
        let mut backoff = Backoff::new(min, max);
        let now = Instant::now();
        for round in 0..100 {
            let wait = backoff.next(now);
            let most = min.saturating_mul(1 << round.min(16)).min(max);
            assert!(wait >= most / 2 && wait <= most, "{round}: {wait:?}");
        }
        assert_eq!(backoff.failures(), 100);
        backoff.reset();
        assert!(backoff.next(now) <= min);
    }

    #[test]
    fn two_that_fail_together_do_not_come_back_together() {
        let now = Instant::now();
        let waits: std::collections::BTreeSet<Duration> = (0..20)
            .map(|_| Backoff::new(Duration::from_secs(1), Duration::from_secs(9)).next(now))
            .collect();
        assert!(waits.len() > 15, "{waits:?}");
    }
}
