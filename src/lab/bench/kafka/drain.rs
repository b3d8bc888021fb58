//! The bare consumer of librdkafka by its batch call, which `rdkafka` does not wrap: the rival, and
//! the yardstick of what a client library can give.
#![expect(
    unsafe_code,
    reason = "the batch call is only to be had as it is in C; without it the rival would be slower than it can be"
)]

use std::ptr::NonNull;

use rdkafka::bindings::{
    rd_kafka_consume_batch_queue, rd_kafka_message_destroy, rd_kafka_message_t,
    rd_kafka_queue_destroy, rd_kafka_queue_get_consumer, rd_kafka_queue_t,
};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaRespErr;

use super::drained;
use super::topic::MadeTopic;
use crate::lab::bench::harness::{Clock, TurnError, Work};
use crate::source::consumer_config;

/// Reads the topic by the batch call and does nothing with it.
pub(super) fn turn(topic: &MadeTopic, clock: &mut Clock<'_>) -> Result<Work, TurnError> {
    let mut config = consumer_config(topic.cluster());
    config.set("group.id", topic.group("drain", 0));
    let consumer: BaseConsumer = config.create()?;
    let mut list = TopicPartitionList::new();
    for partition in 0..topic.options().partitions {
        list.add_partition_offset(topic.name(), partition, Offset::Beginning)?;
    }
    consumer.assign(&list)?;
    let mut queue = Queue::of(&consumer).ok_or("the consumer has no queue")?;
    drained(topic, clock, || Ok(queue.take()))
}

/// The queue of a consumer, and room for messages.
struct Queue<'c> {
    queue: NonNull<rd_kafka_queue_t>,
    messages: Vec<*mut rd_kafka_message_t>,
    /// The queue lives no longer than this.
    _consumer: &'c BaseConsumer,
}

impl<'c> Queue<'c> {
    /// The queue of `consumer`.
    fn of(consumer: &'c BaseConsumer) -> Option<Self> {
        // SAFETY: the client is alive as long as `consumer` is borrowed; the call gives a reference
        // of its own to the queue, or null.
        let queue = unsafe { rd_kafka_queue_get_consumer(consumer.client().native_ptr()) };
        Some(Self {
            queue: NonNull::new(queue)?,
            messages: vec![std::ptr::null_mut(); MESSAGES_MAX],
            _consumer: consumer,
        })
    }

    /// Takes what is there; how many records, and the bytes of their values.
    fn take(&mut self) -> (u64, u64) {
        // SAFETY: the queue is ours until `drop`, and `messages` has room for as many as are asked
        // for.
        let count = unsafe {
            rd_kafka_consume_batch_queue(
                self.queue.as_ptr(),
                WAIT_MS,
                self.messages.as_mut_ptr(),
                self.messages.len(),
            )
        };
        let count = usize::try_from(count).unwrap_or(0);
        let (mut records, mut bytes) = (0, 0);
        for &message in self.messages.iter().take(count) {
            // SAFETY: the call has filled in `count` messages, which are ours until they are
            // destroyed, once each, here.
            unsafe {
                if (*message).err == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
                    records += 1;
                    bytes += (*message).len as u64;
                }
                rd_kafka_message_destroy(message);
            }
        }
        (records, bytes)
    }
}

impl Drop for Queue<'_> {
    fn drop(&mut self) {
        // SAFETY: the reference is ours and is not used again.
        unsafe { rd_kafka_queue_destroy(self.queue.as_ptr()) }
    }
}

/// Most messages of a call.
const MESSAGES_MAX: usize = 10_000;
/// Longest wait of a call.
const WAIT_MS: i32 = 100;
