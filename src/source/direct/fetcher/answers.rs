//! What a fetcher makes of the answers of leaders: whole batches go into the queue; what is wrong with
//! a partition makes it wait, look for its leader, or ask where to go on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kafka_protocol::error::ResponseError;

use super::super::aborted::Transactions;
use super::super::batch::{BatchError, Batches, Crcs};
use super::super::fetch::{FetchAnswer, Fetched};
use super::super::pipe::Response;
use super::super::queue::{BatchFault, Chunk, QueueFault};
use super::super::{DirectError, Place};
use super::Fetcher;
use crate::source::{Gap, stream_of};

impl Fetcher {
    /// Takes the answer of a leader.
    pub(super) fn take_answer(
        &mut self,
        broker: i32,
        response: &Response,
        now: Instant,
    ) -> Result<(), DirectError> {
        let streams = Arc::clone(&self.streams);
        let stream = |topic: &str| stream_of(&streams, topic);
        let answer = FetchAnswer::read(&response.body, response.api_version, stream);
        let leader = self.leaders.get_mut(&broker);
        let name = || match &leader {
            Some(leader) => leader.broker().to_string(),
            None => broker.to_string(),
        };
        let answer = answer.map_err(|source| DirectError::Answer {
            broker: name(),
            source,
        })?;
        if answer.error_code != 0 {
            return Err(DirectError::Refused {
                broker: name(),
                what: code_name(answer.error_code),
            });
        }
        self.sums.answers = self.sums.answers.saturating_add(1);
        if answer.throttle_ms > 0 {
            let throttle = Duration::from_millis(answer.throttle_ms.into());
            self.sums.throttled = self.sums.throttled.saturating_add(throttle);
            if let Some(leader) = leader {
                leader.leave_alone(throttle.min(THROTTLE_MAX), now);
            }
        }
        for fetched in answer.partitions {
            self.take_fetched(broker, fetched, now);
        }
        Ok(())
    }

    /// Takes what an answer says of a partition, if that was asked for.
    fn take_fetched(&mut self, broker: i32, fetched: Fetched, now: Instant) {
        let place = (fetched.stream, fetched.partition);
        let Some(partition) = self.partitions.get_mut(&place) else {
            return;
        };
        let due = partition.asked.take_if(|(asked, _)| *asked == broker);
        if due.is_none_or(|(_, offset)| offset != partition.position) {
            return;
        }
        let code = ResponseError::try_from_code(fetched.error_code);
        if let Some(code) = code {
            self.refused(place, code, now);
            return;
        }
        partition.end = if self.settings.uncommitted {
            fetched.high_watermark
        } else {
            fetched.last_stable
        };
        if let Some(end) = fetched.diverged_at.filter(|end| *end < partition.position) {
            self.cut_back(place, end);
            return;
        }
        let found = Found::of(&fetched.records, partition.position);
        if found.whole == 0 {
            if let Some(needed) = found.cut {
                let needed = needed.min(self.options.frames.frame_bytes_max());
                partition.bytes_max = i32::try_from(needed).unwrap_or(i32::MAX);
            }
            if let Some(fault) = found.fault {
                let fault = QueueFault {
                    place,
                    offset: partition.position,
                    fault: fault.into(),
                };
                self.complain(fault, now);
            }
            return;
        }
        self.sums.bytes = self.sums.bytes.saturating_add(found.whole as u64);
        self.sums.batches = self.sums.batches.saturating_add(found.count);
        self.turns = self.turns.wrapping_add(1);
        partition.turn = self.turns;
        partition.fetched_epoch = found.epoch;
        let wanted = std::mem::replace(&mut partition.position, found.next);
        partition.known = true;
        self.queue.push(Chunk {
            place,
            batches: fetched.records.slice(..found.whole),
            wanted,
            transactions: Transactions::new(fetched.aborted),
        });
    }

    /// A leader refused a partition.
    fn refused(&mut self, place: Place, code: ResponseError, now: Instant) {
        let Some(partition) = self.partitions.get_mut(&place) else {
            return;
        };
        partition.wait(now);
        let moved = MOVED.contains(&code);
        if code == ResponseError::OffsetOutOfRange {
            self.lost.insert(place, false);
            return;
        }
        if moved {
            self.cluster.doubt(now);
        }
        // Leaders move; it is worth a word only if that takes long.
        if !moved || partition.backoff.failures() > MOVES_MAX {
            let error = DirectError::Partition {
                place: self.name(place),
                what: code.to_string(),
            };
            self.note(error);
        }
    }

    /// The log of a partition was cut back to `end`, below what was fetched of it: what was there
    /// is not there any more, and other records may be in its place.
    fn cut_back(&mut self, place: Place, end: i64) {
        let Some(partition) = self.partitions.get(&place) else {
            return;
        };
        let wanted = partition.position;
        // What was below that and is not ready is forgotten with the rest, and fetched again.
        let again = end.min(partition.prepared);
        tracing::warn!(
            partition = self.name(place),
            wanted,
            end,
            "the log was cut back"
        );
        let (stream, partition) = place;
        self.gaps.push(Gap {
            stream,
            partition,
            wanted,
            resumed: end,
        });
        self.fetch_again(place, again);
    }

    /// A batch that was fetched is bad: it is asked for again, with all that came behind it.
    pub(super) fn stumble(&mut self, fault: QueueFault, now: Instant) {
        self.fetch_again(fault.place, fault.offset);
        self.complain(fault, now);
    }

    /// A batch is bad: its partition waits before it is asked for it again.
    fn complain(&mut self, fault: QueueFault, now: Instant) {
        let QueueFault {
            place,
            offset,
            fault,
        } = fault;
        let name = self.name(place);
        let failures = self.partitions.get_mut(&place).map_or(0, |partition| {
            partition.wait(now);
            partition.backoff.failures()
        });
        // Told at once, though other partitions go on; then more and more rarely.
        if failures.is_power_of_two() {
            tracing::warn!(
                partition = name,
                offset,
                error = &fault as &(dyn std::error::Error + 'static),
                "a batch cannot be read; its partition waits and is asked again"
            );
        }
        let place = name;
        self.note(match fault {
            BatchFault::Batch(BatchError::OldFormat { magic, .. }) => {
                DirectError::OldFormat { place, magic }
            }
            source @ (BatchFault::Batch(_)
            | BatchFault::Inflate(_)
            | BatchFault::TooManyRecords { .. }) => DirectError::Batch {
                place,
                offset,
                source,
            },
        });
    }
}

/// The batches that an answer has of a partition, by their headers.
struct Found {
    /// The offset after them.
    next: i64,
    /// The leader's epoch of the last one.
    epoch: i32,
    /// How many there are.
    count: u64,
    /// Their bytes; what follows is cut short or bad.
    whole: usize,
    /// How many bytes the one has that is cut short.
    cut: Option<usize>,
    /// What is wrong behind them.
    fault: Option<BatchError>,
}

impl Found {
    /// Those in `records`, which were asked for from offset `position` on.
    fn of(records: &[u8], position: i64) -> Self {
        let mut batches = Batches::new(records, Crcs::Trust);
        let mut found = Self {
            next: position,
            epoch: -1,
            count: 0,
            whole: 0,
            cut: None,
            fault: None,
        };
        for batch in &mut batches {
            match batch {
                Ok(batch) if batch.next_offset() > found.next => {
                    found.next = batch.next_offset();
                    found.epoch = batch.leader_epoch;
                    found.count = found.count.saturating_add(1);
                    found.whole = found.whole.saturating_add(batch.total_len);
                }
                // It would be asked for again and again.
                Ok(batch) => {
                    found.fault = Some(BatchError::Backwards {
                        base_offset: batch.base_offset,
                        offset_min: found.next,
                    });
                    break;
                }
                Err(error) => {
                    found.fault = Some(error);
                    break;
                }
            }
        }
        found.cut = batches.cut();
        found
    }
}

/// The name of one of Kafka's codes.
fn code_name(code: i16) -> String {
    match ResponseError::try_from_code(code) {
        Some(known) => known.to_string(),
        None => format!("code {code}"),
    }
}

/// What says that somebody else leads a partition, or soon does.
const MOVED: [ResponseError; 8] = [
    ResponseError::NotLeaderOrFollower,
    ResponseError::FencedLeaderEpoch,
    ResponseError::UnknownLeaderEpoch,
    ResponseError::LeaderNotAvailable,
    ResponseError::ReplicaNotAvailable,
    ResponseError::UnknownTopicOrPartition,
    ResponseError::KafkaStorageError,
    ResponseError::OffsetNotAvailable,
];
/// After how many refusals in a row a partition whose leader moves is worth a word.
const MOVES_MAX: u32 = 5;
/// How long a broker may ask us to be quiet; more is taken for this.
const THROTTLE_MAX: Duration = Duration::from_secs(30);
