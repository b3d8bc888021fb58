//! What the identify stage knows of leases: topics are read to the end that they have before
//! hits are judged, files once.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::{Active, IdentifyOutput, IdentifyStage, IdentifyStageError};
use crate::decode;
use crate::identify::{Identifier, Inserted};
use crate::model::LeaseFormat;
use crate::sink::MessageSink;
use crate::source::PartitionReader;

/// Most lease records taken in one go.
const LEASES_BATCH: usize = 10_000;

/// A lease topic and how far it was read.
pub(super) struct LeaseTopic {
    pub(super) topic: String,
    pub(super) format: LeaseFormat,
    pub(super) reader: PartitionReader,
}

impl<S: MessageSink> IdentifyStage<S> {
    /// Reads every lease topic to the end that it has now.
    pub(super) fn catch_up_leases(
        &self,
        active: &mut Active,
        stop: &AtomicBool,
        report: &mut dyn FnMut(IdentifyOutput<'_>),
    ) -> Result<(), IdentifyStageError> {
        active.refreshed_at = Instant::now();
        if active.leases.is_empty() {
            return Ok(());
        }
        let asked_at = (self.options.now)();
        for topic in &mut active.leases {
            while topic.reader.behind()? > 0 && !stop.load(Ordering::Relaxed) {
                let records = topic.reader.read(LEASES_BATCH, Duration::from_millis(50))?;
                let mut rejected = 0;
                for record in &records {
                    rejected += take_leases(topic.format, &record.value, &mut active.identifier);
                }
                report(IdentifyOutput::Leases {
                    known: active.identifier.leases().len(),
                    rejected,
                    topic: &topic.topic,
                    positions: &topic.reader.positions(),
                });
            }
        }
        let known_until = asked_at.saturating_sub(self.options.identify.lease_delay);
        active.identifier.set_known_until(known_until);
        Ok(())
    }
}

/// Reads a lease file whole; says how many lines are no leases.
pub(super) fn read_lease_file(
    path: &Path,
    format: LeaseFormat,
    identifier: &mut Identifier,
) -> Result<u64, IdentifyStageError> {
    let bytes = std::fs::read(path).map_err(|source| IdentifyStageError::LeaseFile {
        path: path.to_owned(),
        source,
    })?;
    Ok(take_leases(format, &bytes, identifier))
}

/// Takes the leases of one record or file; says how many items are none.
fn take_leases(format: LeaseFormat, bytes: &[u8], identifier: &mut Identifier) -> u64 {
    let mut rejected = 0;
    decode::lease::leases(format, bytes, &mut |lease| {
        let taken = lease.is_ok_and(|lease| match identifier.leases().insert(&lease) {
            Inserted::New | Inserted::Replaced => true,
            Inserted::Refused => false,
        });
        rejected += u64::from(!taken);
    });
    rejected
}
