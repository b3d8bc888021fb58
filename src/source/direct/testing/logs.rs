//! A broker of tests that leads all partitions of its topics, has their batches in memory, and
//! misbehaves as it is told.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::fetch_response::{
    EpochEndOffset, FetchableTopicResponse, PartitionData,
};
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{
    BrokerId, FetchRequest, FetchResponse, MetadataResponse, TopicName,
};
use kafka_protocol::protocol::{Encodable as _, StrBytes};

use super::{Asked, answer_with_versions, frame, request_of, tell};

/// What a broker does instead of a good answer to a fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Misdeed {
    /// It closes the connection.
    Close,
    /// It closes in the middle of the answer.
    CloseMidway,
    /// It answers another question.
    WrongCorrelation,
    /// It answers with bytes that mean nothing.
    Garbage,
    /// It refuses every partition with this code.
    Code(i16),
    /// It refuses the whole question with this code.
    Refuse(i16),
    /// It changes a byte of the last record.
    Corrupt,
    /// It asks us to be quiet for so many milliseconds.
    Throttle(i32),
    /// It sends nothing.
    Silence,
    /// It says that the log was cut back to this offset.
    CutBack(i64),
}

/// A batch in a log: the offset after it, and its bytes.
pub(in super::super) type Stored = (i64, Vec<u8>);

/// What the broker has and does.
#[derive(Default)]
pub(in super::super) struct State {
    /// Batches of each partition of topic `t`.
    pub(in super::super) logs: BTreeMap<i32, Vec<Stored>>,
    /// What it does with the next fetches.
    pub(in super::super) misdeeds: VecDeque<Misdeed>,
    /// Fetches that came.
    pub(in super::super) fetches: Vec<FetchRequest>,
    ended: bool,
}

/// The broker. It ends when dropped.
pub(in super::super) struct LogBroker {
    pub(in super::super) port: u16,
    state: Arc<Mutex<State>>,
}

impl LogBroker {
    /// One with `logs`.
    pub(in super::super) fn new(logs: BTreeMap<i32, Vec<Stored>>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(Mutex::new(State {
            logs,
            ..State::default()
        }));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.lock().unwrap().ended {
                    return;
                }
                let (stream, shared) = (stream.unwrap(), Arc::clone(&shared));
                std::thread::spawn(move || serve(stream, port, &shared));
            }
        });
        Self { port, state }
    }

    /// What it has and does.
    pub(in super::super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for LogBroker {
    fn drop(&mut self) {
        self.state().ended = true;
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

/// Serves a connection until it is closed.
fn serve(mut stream: TcpStream, port: u16, state: &Mutex<State>) {
    while let Ok(asked) = next(&mut stream) {
        match asked.api_key {
            18 => answer_with_versions(&mut stream, &asked, &[[1, 4, 12], [3, 4, 12], [18, 0, 3]]),
            3 => tell(&mut stream, &asked, &metadata(port, &state.lock().unwrap())),
            _ => {
                if fetch(&mut stream, &asked, state).is_err() {
                    let _ = stream.shutdown(Shutdown::Both);
                    return;
                }
            }
        }
    }
}

/// The next request.
fn next(stream: &mut TcpStream) -> io::Result<Asked> {
    let mut len = [0; 4];
    stream.read_exact(&mut len)?;
    let mut bytes = len.to_vec();
    bytes.resize(4 + usize::try_from(u32::from_be_bytes(len)).unwrap(), 0);
    stream.read_exact(&mut bytes[4..])?;
    Ok(super::ask(&mut bytes.as_slice()))
}

/// Says that this broker leads everything.
fn metadata(port: u16, state: &State) -> MetadataResponse {
    let partition = |partition: &i32| {
        MetadataResponsePartition::default()
            .with_partition_index(*partition)
            .with_leader_id(BrokerId(1))
            .with_leader_epoch(7)
    };
    MetadataResponse::default()
        .with_brokers(vec![
            MetadataResponseBroker::default()
                .with_node_id(BrokerId(1))
                .with_host(StrBytes::from_static_str("127.0.0.1"))
                .with_port(port.into()),
        ])
        .with_topics(vec![
            MetadataResponseTopic::default()
                .with_name(Some(TopicName(StrBytes::from_static_str("t"))))
                .with_partitions(state.logs.keys().map(partition).collect()),
        ])
}

/// Answers a fetch, or does what it is told instead.
fn fetch(stream: &mut TcpStream, asked: &Asked, state: &Mutex<State>) -> io::Result<()> {
    let request: FetchRequest = request_of(asked);
    let (mut answer, misdeed) = {
        let mut state = state.lock().unwrap();
        state.fetches.push(request.clone());
        let misdeed = state.misdeeds.pop_front();
        (answer(&request, &state, misdeed), misdeed)
    };
    if let Some(Misdeed::Refuse(code)) = misdeed {
        answer = FetchResponse::default().with_error_code(code);
    }
    let empty = answer.responses.iter().all(|topic| {
        let parts = topic.partitions.iter();
        parts
            .clone()
            .all(|part| part.records.as_ref().is_none_or(Bytes::is_empty))
    });
    if empty && misdeed.is_none() {
        // As a broker that waits for records, but no longer than a test can bear.
        std::thread::sleep(Duration::from_millis(5));
    }
    let mut body = BytesMut::new();
    if asked.api_version >= 12 {
        body.extend([0]);
    }
    answer.encode(&mut body, asked.api_version).unwrap();
    let mut bytes = frame(asked.correlation_id, &body);
    match misdeed {
        Some(Misdeed::Close) => return Err(io::ErrorKind::Other.into()),
        Some(Misdeed::CloseMidway) => {
            stream.write_all(&bytes[..bytes.len() / 2])?;
            return Err(io::ErrorKind::Other.into());
        }
        Some(Misdeed::WrongCorrelation) => bytes = frame(asked.correlation_id + 1, &body),
        Some(Misdeed::Garbage) => bytes = frame(asked.correlation_id, &[0xff; 90]),
        Some(Misdeed::Silence) => return Ok(()),
        Some(
            Misdeed::Code(_)
            | Misdeed::Refuse(_)
            | Misdeed::Corrupt
            | Misdeed::Throttle(_)
            | Misdeed::CutBack(_),
        )
        | None => {}
    }
    stream.write_all(&bytes)
}

/// The answer to a fetch, in bounds as a broker keeps them.
fn answer(request: &FetchRequest, state: &State, misdeed: Option<Misdeed>) -> FetchResponse {
    let mut left = usize::try_from(request.max_bytes).unwrap();
    let mut first = true;
    let topics = request.topics.iter().map(|topic| {
        let parts = topic.partitions.iter().map(|asked| {
            let log = &state.logs[&asked.partition];
            let end = log.last().map_or(0, |(next, _)| *next);
            let mut room = usize::try_from(asked.partition_max_bytes)
                .unwrap()
                .min(left);
            let mut records = Vec::new();
            for (_, batch) in log.iter().filter(|(next, _)| *next > asked.fetch_offset) {
                if batch.len() > room && !first {
                    break;
                }
                first = false;
                room = room.saturating_sub(batch.len());
                left = left.saturating_sub(batch.len());
                records.extend(batch);
            }
            let mut data = PartitionData::default()
                .with_partition_index(asked.partition)
                .with_high_watermark(end)
                .with_last_stable_offset(end);
            match misdeed {
                Some(Misdeed::Code(code)) => {
                    data.error_code = code;
                    records.clear();
                }
                Some(Misdeed::Corrupt) => {
                    if let Some(byte) = records.last_mut() {
                        *byte ^= 1;
                    }
                }
                Some(Misdeed::CutBack(end)) => {
                    data.diverging_epoch =
                        EpochEndOffset::default().with_epoch(3).with_end_offset(end);
                    records.clear();
                }
                Some(_) | None => {}
            }
            data.with_records(Some(records.into()))
        });
        FetchableTopicResponse::default()
            .with_topic(topic.topic.clone())
            .with_partitions(parts.collect())
    });
    let topics = topics.collect();
    let throttle = match misdeed {
        Some(Misdeed::Throttle(wait)) => wait,
        _ => 0,
    };
    FetchResponse::default()
        .with_throttle_time_ms(throttle)
        .with_responses(topics)
}
