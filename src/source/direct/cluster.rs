//! Who leads what: asks the brokers for metadata when somebody needs it, one broker after the other
//! until one answers, on a connection of its own that does not wait behind fetches.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kafka_protocol::messages::ApiKey;
use mio::{Registry, Token};

use super::DirectError;
use super::address::BrokerAddress;
use super::backoff::Backoff;
use super::connection::{Connection, ConnectionOptions, Start};
use super::metadata::{METADATA_VERSION_MAX, METADATA_VERSION_MIN, Metadata};

/// The brokers and who leads what.
pub(super) struct Cluster {
    options: Arc<ConnectionOptions>,
    /// Who is asked before anybody else is known.
    bootstrap: Vec<BrokerAddress>,
    /// The topics that matter.
    topics: Vec<String>,
    /// What was answered last.
    known: Metadata,
    /// The question under way.
    asking: Option<Asking>,
    /// When to ask next.
    ask_at: Instant,
    backoff: Backoff,
    /// Counts questions, so that each goes to the next broker.
    turn: usize,
}

/// A question under way.
struct Asking {
    connection: Connection,
    sent: bool,
}

impl Cluster {
    /// Nothing is known yet, and everything is to be asked at once.
    pub(super) fn new(
        options: Arc<ConnectionOptions>,
        bootstrap: Vec<BrokerAddress>,
        topics: Vec<String>,
        now: Instant,
    ) -> Self {
        Self {
            options,
            bootstrap,
            topics,
            known: Metadata::default(),
            asking: None,
            ask_at: now,
            backoff: Backoff::new(ASK_WAIT_MIN, ASK_WAIT_MAX),
            turn: 0,
        }
    }

    /// What is known is wrong: it is asked again soon.
    pub(super) fn doubt(&mut self, now: Instant) {
        if self.asking.is_none() && self.ask_at > now + ASK_WAIT_MAX {
            self.ask_at = now + self.backoff.next(now);
        }
    }

    /// Goes on with what is under way; whether a broker has answered.
    ///
    /// # Errors
    /// [`DirectError`] when a broker could not be asked; the next one is asked after a while.
    pub(super) fn poll(&mut self, registry: &Registry, start: Start) -> Result<bool, DirectError> {
        let now = start.now;
        if self.asking.is_none() && now < self.ask_at {
            return Ok(false);
        }
        let answered = self.go_on(registry, start);
        match answered {
            Ok(None) => Ok(false),
            Ok(Some(metadata)) => {
                self.asking = None;
                let throttle = Duration::from_millis(metadata.throttle_ms.into());
                self.ask_at = now + AGE_MAX.max(throttle);
                self.known = metadata;
                if self.complete() {
                    self.backoff.reset();
                } else {
                    self.ask_at = now + self.backoff.next(now).max(throttle);
                }
                Ok(true)
            }
            Err(error) => {
                self.asking = None;
                let wait = self.backoff.next(now);
                self.ask_at = now + if error.lasting() { LASTING_WAIT } else { wait };
                Err(error)
            }
        }
    }

    /// Whether every topic has partitions, and every partition a leader.
    fn complete(&self) -> bool {
        self.topics.iter().all(|name| {
            self.known.topics.get(name).is_some_and(|topic| {
                topic.error_code == 0
                    && topic
                        .partitions
                        .values()
                        .all(|partition| partition.leader.is_some())
            })
        })
    }

    /// Connects, asks, and reads the answer.
    fn go_on(
        &mut self,
        registry: &Registry,
        start: Start,
    ) -> Result<Option<Metadata>, DirectError> {
        let mut asking = match self.asking.take() {
            Some(asking) => asking,
            None => self.connect(registry, start)?,
        };
        let connection = &mut asking.connection;
        let mut answer = connection.poll(start.now)?;
        if connection.ready() && !asking.sent {
            let key = ApiKey::Metadata as i16;
            let version = connection.version(key, METADATA_VERSION_MIN, METADATA_VERSION_MAX)?;
            let request = Metadata::request(self.topics.iter().map(String::as_str));
            connection.send((key, version), &request, start.now)?;
            asking.sent = true;
            answer = connection.poll(start.now)?;
        }
        let Some(answer) = answer else {
            self.asking = Some(asking);
            return Ok(None);
        };
        match Metadata::read(&answer.body, answer.api_version) {
            Ok(metadata) => Ok(Some(metadata)),
            Err(source) => Err(DirectError::Answer {
                broker: asking.connection.broker().to_string(),
                source,
            }),
        }
    }

    /// Starts to connect to the next broker.
    fn connect(&mut self, registry: &Registry, start: Start) -> Result<Asking, DirectError> {
        // Those that were named first come in between: known ones may all have moved.
        let brokers = self.known.brokers.values().chain(&self.bootstrap);
        let brokers: Vec<&BrokerAddress> = brokers.collect();
        let at = self.turn.checked_rem(brokers.len()).unwrap_or(0);
        self.turn = self.turn.wrapping_add(1);
        let broker = *brokers.get(at).ok_or(DirectError::NoBroker)?;
        let connection = open(broker, &self.options, (registry, CLUSTER_TOKEN), start)?;
        Ok(Asking {
            connection,
            sent: false,
        })
    }

    /// Who leads a partition: the broker's id and the leader's epoch.
    pub(super) fn leader(&self, topic: &str, partition: i32) -> Option<(i32, i32)> {
        let (id, _, epoch) = self.known.leader(topic, partition)?;
        Some((id, epoch.unwrap_or(-1)))
    }

    /// Where a broker is.
    pub(super) fn broker(&self, id: i32) -> Option<&BrokerAddress> {
        self.known.brokers.get(&id)
    }

    /// When it must be polled even if nothing comes.
    pub(super) fn deadline(&self) -> Instant {
        let asking = self.asking.as_ref();
        let due = asking.and_then(|asking| asking.connection.deadline());
        due.unwrap_or(self.ask_at)
    }
}

/// Starts to connect to `broker`.
///
/// # Errors
/// [`DirectError`] when it has no address, or none can even be tried.
pub(super) fn open(
    broker: &BrokerAddress,
    options: &Arc<ConnectionOptions>,
    at: (&Registry, Token),
    start: Start,
) -> Result<Connection, DirectError> {
    let addresses = broker.resolve(options.access.network.family)?;
    Ok(Connection::start(broker, &addresses, options, at, start)?)
}

/// By which the poller knows the connection for metadata.
const CLUSTER_TOKEN: Token = Token(0);
/// Shortest wait before the next question.
const ASK_WAIT_MIN: Duration = Duration::from_millis(50);
/// Longest wait before the next question while something is wrong.
const ASK_WAIT_MAX: Duration = Duration::from_secs(1);
/// The wait after what no further try can change, such as a wrong password: many in a row may lock an
/// account.
const LASTING_WAIT: Duration = Duration::from_secs(10);
/// How old metadata may get.
const AGE_MAX: Duration = Duration::from_secs(300);
