//! What fetching comes to, where we fetch ourselves: which of network, broker and decompression is the
//! limit.

use std::time::Duration;

use super::handles::Count;
use super::names::{
    FETCH_ANSWERS, FETCH_BATCHES, FETCH_BYTES, FETCH_INFLATING, FETCH_THROTTLED, FETCH_WAITED,
};

/// What all workers fetch.
pub struct FetchMetrics {
    answers: Count,
    bytes: Count,
    batches: Count,
    waited: Count,
    throttled: Count,
    inflating: Count,
}

impl FetchMetrics {
    /// Looks up the handles.
    pub fn register() -> Self {
        Self {
            answers: Count::register(FETCH_ANSWERS, &[]),
            bytes: Count::register(FETCH_BYTES, &[]),
            batches: Count::register(FETCH_BATCHES, &[]),
            waited: Count::register(FETCH_WAITED, &[]),
            throttled: Count::register(FETCH_THROTTLED, &[]),
            inflating: Count::register(FETCH_INFLATING, &[]),
        }
    }

    /// Adds answers, the bytes of their batches, and these.
    pub fn add(&self, answers: u64, bytes: u64, batches: u64) {
        self.answers.add(answers);
        self.bytes.add(bytes);
        self.batches.add(batches);
    }

    /// Adds times: from question to answer, what brokers asked us to be quiet, and what it took to
    /// check and inflate batches.
    pub fn spend(&self, waited: Duration, throttled: Duration, inflating: Duration) {
        for (count, time) in [
            (&self.waited, waited),
            (&self.throttled, throttled),
            (&self.inflating, inflating),
        ] {
            count.add(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
        }
    }
}
