//! Real records: files of events, read whole into memory, instead of made ones.

use super::{RECORD_TIME_MS, Traffic, TrafficTruth, value_hash};
use crate::decode::{self, Item, KeySink, Outcome};
use crate::model::{EventFormat, EventTime};
use crate::snapshot::Snapshot;
use crate::source::{Block, FileError, FileInput, FileReader};

impl Traffic {
    /// Reads the records of a file (plain, gzip or zstd) until they have `bytes_max` bytes; what
    /// cannot be framed is left out. Nobody knows the truth of them before [`Traffic::judged`].
    ///
    /// # Errors
    /// [`FileError`] when the file cannot be opened or read.
    pub fn read(input: &FileInput, bytes_max: usize) -> Result<Self, FileError> {
        let mut traffic = Self::empty(input.format);
        let mut reader = FileReader::new(vec![input.clone()]);
        let mut block = Block::default();
        while traffic.bytes() < bytes_max && reader.next_block(&mut block)? {
            for (range, _) in &block.records {
                traffic.push_record(block.bytes.get(range.clone()).unwrap_or_default());
            }
        }
        Ok(traffic)
    }

    /// The same records with what must come of them by `snapshot`, the slow way: every event
    /// decoded whole, and the authority asked what matches in it. The probes have no part in it.
    /// Records with something that only looks like an event are left out, and their number is
    /// told: whether such an item is decoded at all hangs on the probes.
    pub fn judged(&self, snapshot: &Snapshot) -> (Self, u64) {
        let mut judged = Self::empty(self.format);
        for value in self.values() {
            let mut judge = Judge {
                format: self.format,
                snapshot,
                truth: judged.truth,
                odd: false,
            };
            decode::keys(self.format, value, &mut judge);
            if !judge.odd {
                judged.truth = judge.truth;
                judged.push_record(value);
            }
        }
        let left_out = (self.len() - judged.len()) as u64;
        (judged, left_out)
    }
}

/// Judges the items of a record.
struct Judge<'s> {
    format: EventFormat,
    snapshot: &'s Snapshot,
    truth: TrafficTruth,
    /// Whether something in it only looks like an event.
    odd: bool,
}

impl<'r> KeySink<'r> for Judge<'_> {
    fn name(&mut self, _: &[u8]) {}

    fn address(&mut self, _: std::net::IpAddr, _: Option<u16>) {}

    fn end(&mut self, item: Item<'r>) {
        match item.outcome {
            Outcome::Event => {}
            Outcome::Ignored | Outcome::Rejected(_) => return,
        }
        let time = EventTime::from_millis(RECORD_TIME_MS);
        let Ok(Some(event)) = decode::event(self.format, item.bytes, Some(time)) else {
            self.odd = true;
            return;
        };
        let mut matches = Vec::new();
        self.snapshot.matches(&event, &mut matches);
        if matches.is_empty() {
            self.truth.unmatched += 1;
        } else {
            self.truth.matched += 1;
        }
        self.truth.hits += matches.len() as u64;
        for found in &matches {
            self.truth.values = self.truth.values.wrapping_add(value_hash(&found.value));
        }
    }
}
