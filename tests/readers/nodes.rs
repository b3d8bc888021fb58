//! Three nodes whose leaders move, die and come back, while both readers read what is being sent.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::thread;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use super::read::{Opening, READERS, Reader};
use super::support::client::Cluster;
use super::support::kafka::nodes::{IDS, Nodes, nodes_or_skip};
use super::support::{PATIENCE, eventually};

/// Partitions of every topic here.
const PARTITIONS: i32 = 3;

/// A topic that is written to and read at the same time.
struct Stream<'a> {
    brokers: &'a str,
    topic: &'a str,
    /// Records sent to each partition, and, by each reader, read of it.
    sent: Counts,
    read: [Counts; READERS.len()],
    /// Nothing more is sent.
    ended: AtomicBool,
    /// How many records there are in all, once that is known.
    total: OnceLock<usize>,
    /// Everything is over, well or not.
    over: AtomicBool,
}

/// Records of each partition.
type Counts = [AtomicI64; 3];

impl Stream<'_> {
    /// Sends numbers to every partition until it is ended, and waits until they are there.
    fn send(&self) {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.brokers);
        // Whatever is sent again is there once, and in order.
        config.set("enable.idempotence", "true");
        config.set("linger.ms", "5");
        let producer: BaseProducer = config.create().expect("a producer");
        while !self.ended.load(Ordering::Acquire) {
            for (partition, sent) in (0..PARTITIONS).zip(&self.sent) {
                let number = sent.load(Ordering::Acquire);
                let payload = number.to_string();
                let record = BaseRecord::<(), str>::to(self.topic)
                    .partition(partition)
                    .payload(&payload);
                match producer.send(record) {
                    Ok(()) => sent.store(number + 1, Ordering::Release),
                    Err((error, _)) => assert_eq!(
                        error.rdkafka_error_code(),
                        Some(RDKafkaErrorCode::QueueFull)
                    ),
                }
            }
            producer.poll(Duration::from_millis(1));
        }
        producer.flush(PATIENCE).expect("records are there");
    }

    /// Reads until it is over; then everything must have been read once and in order.
    fn read(&self, choice: Reader, counts: &Counts) {
        let mut opening = Opening::new(choice, self.brokers, &[self.topic]);
        // Whoever keeps the group may die: nobody is put out of it for that.
        opening.session_timeout = Duration::from_secs(40);
        let mut reading = opening.open();
        while !self.over.load(Ordering::Acquire) {
            reading.step();
            for ((_, partition), seen) in &reading.read {
                let at = usize::try_from(*partition).expect("a partition");
                let count = i64::try_from(seen.len()).expect("a count");
                counts[at].store(count, Ordering::Release);
            }
            if self
                .total
                .get()
                .is_some_and(|total| reading.count() >= *total)
            {
                break;
            }
        }
        let Some(total) = self.total.get() else {
            // Somebody else has failed.
            return;
        };
        reading.exactly(*total);
        for ((_, partition), seen) in &reading.read {
            let mut numbered = seen.iter().zip(0_i64..);
            let wrong = numbered.find(|(seen, number)| {
                let value = number.to_string().into_bytes();
                seen.offset != *number || seen.value != Some(value)
            });
            assert!(wrong.is_none(), "{choice:?}, {partition}: {wrong:?}");
        }
        assert_eq!(reading.gaps, [], "{choice:?}");
    }

    /// Waits until all readers have read, of every partition, records that were sent after now.
    #[track_caller]
    fn until_read_on(&self, what: &str) {
        let now = self
            .sent
            .each_ref()
            .map(|sent| sent.load(Ordering::Acquire));
        eventually(what, || {
            let beyond = |counts: &Counts| {
                let mut pairs = counts.iter().zip(now);
                pairs.all(|(count, now)| count.load(Ordering::Acquire) > now + 10)
            };
            self.read.iter().all(beyond).then_some(())
        });
    }
}

/// Ends what others wait for, also when a test fails.
struct Over<'a>(&'a Stream<'a>);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.ended.store(true, Ordering::Release);
        self.0.over.store(true, Ordering::Release);
    }
}

/// Sends and reads with all readers while `disturb` goes on; all that was sent must be read by each,
/// once and in order.
fn read_throughout(nodes: &'static Nodes, name: &str, disturb: impl FnOnce(&Stream<'_>)) {
    let cluster = Cluster::Real(&nodes.broker);
    let topic = format!("{name}-{}", std::process::id());
    cluster.create(&topic, PARTITIONS);
    let stream = Stream {
        brokers: &nodes.broker.address,
        topic: &topic,
        sent: Counts::default(),
        read: <[Counts; READERS.len()]>::default(),
        ended: AtomicBool::new(false),
        total: OnceLock::new(),
        over: AtomicBool::new(false),
    };
    let stream = &stream;
    thread::scope(|scope| {
        let over = Over(stream);
        let sender = scope.spawn(|| stream.send());
        let readers = READERS.iter().zip(&stream.read);
        let readers: Vec<_> = readers
            .map(|(choice, counts)| scope.spawn(move || stream.read(*choice, counts)))
            .collect();
        stream.until_read_on("all readers read");
        disturb(stream);
        stream.ended.store(true, Ordering::Release);
        sender.join().expect("all is sent");
        let sent = stream.sent.iter().map(|sent| sent.load(Ordering::Acquire));
        let total = usize::try_from(sent.sum::<i64>()).expect("a count");
        stream.total.get_or_init(|| total);
        eventually("all readers end", || {
            readers
                .iter()
                .all(|reader| reader.is_finished())
                .then_some(())
        });
        drop(over);
    });
}

#[test]
fn every_record_is_read_once_while_leaders_are_moved() {
    let Some(nodes) = nodes_or_skip("every_record_is_read_once_while_leaders_are_moved") else {
        return;
    };
    read_throughout(*nodes, "moved", |stream| {
        for round in 0..3 {
            for (partition, at) in (0..PARTITIONS).zip(round..) {
                let id = IDS[at % IDS.len()];
                nodes.lead(stream.topic, partition, id);
                assert_eq!(nodes.leader(stream.topic, partition), id);
            }
            stream.until_read_on("records of the new leaders are read");
        }
    });
}

#[test]
fn every_record_is_read_once_when_a_node_dies_and_comes_back() {
    let Some(nodes) = nodes_or_skip("every_record_is_read_once_when_a_node_dies") else {
        return;
    };
    read_throughout(*nodes, "killed", |stream| {
        // The worst of all: it leads a partition and keeps the group.
        let id = nodes.leader("__consumer_offsets", 0);
        nodes.lead(stream.topic, 0, id);
        stream.until_read_on("records of this leader are read");
        nodes.kill(id);
        eventually("another node leads", || {
            (nodes.leader(stream.topic, 0) != id).then_some(())
        });
        stream.until_read_on("records of the other leader are read");
        nodes.start(id);
        nodes.until_in_sync(stream.topic, 0);
        nodes.lead(stream.topic, 0, id);
        stream.until_read_on("records of the node that came back are read");
    });
}
