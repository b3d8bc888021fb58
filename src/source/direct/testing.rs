//! A scripted broker on loopback, and a client that drives a connection to it, for tests.

pub(super) mod authority;
pub(super) mod logs;
pub(super) mod scram;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use kafka_protocol::protocol::{Encodable, HeaderVersion, Request};
use mio::Token;

use super::access::Access;
use super::address::BrokerAddress;
use super::connection::{Connection, ConnectionOptions, Start};
use super::error::{ConnectionError, Fault};
use super::frames::FramePool;
use super::pipe::Response;
use super::poller::Poller;

/// Longest wait for something that must happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// A broker that takes one connection and does what it is told.
pub(super) struct Scripted {
    address: SocketAddr,
    thread: Option<JoinHandle<()>>,
}

impl Scripted {
    /// One that does `script` with its connection.
    pub(super) fn new(script: impl FnOnce(TcpStream) + Send + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let thread = std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            stream.set_write_timeout(Some(PATIENCE)).unwrap();
            script(stream);
        });
        Self {
            address,
            thread: Some(thread),
        }
    }

    /// One that tells its versions and then does `script`.
    pub(super) fn with_versions(script: impl FnOnce(TcpStream) + Send + 'static) -> Self {
        Self::new(|mut stream| {
            tell_versions(&mut stream);
            script(stream);
        })
    }

    /// Where it is.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits for the end of the script.
    pub(super) fn join(mut self) {
        self.thread.take().unwrap().join().unwrap();
    }
}

/// Waits until the client has gone.
pub(super) fn stay(mut stream: TcpStream) {
    let _ = std::io::copy(&mut stream, &mut std::io::sink());
}

/// A request as a broker sees it.
pub(super) struct Asked {
    pub(super) api_key: i16,
    pub(super) api_version: i16,
    pub(super) correlation_id: i32,
    /// What follows the number: the client's id and the body.
    pub(super) rest: Vec<u8>,
}

/// Reads a request.
pub(super) fn ask(stream: &mut impl Read) -> Asked {
    let mut len = [0; 4];
    stream.read_exact(&mut len).unwrap();
    let mut bytes = vec![0; usize::try_from(u32::from_be_bytes(len)).unwrap()];
    stream.read_exact(&mut bytes).unwrap();
    Asked {
        api_key: i16::from_be_bytes([bytes[0], bytes[1]]),
        api_version: i16::from_be_bytes([bytes[2], bytes[3]]),
        correlation_id: i32::from_be_bytes(bytes[4..8].try_into().unwrap()),
        rest: bytes[8..].to_vec(),
    }
}

/// Reads a request of one kind.
pub(super) fn ask_for<R: Request>(stream: &mut impl Read) -> (Asked, R) {
    let asked = ask(stream);
    let request = request_of(&asked);
    (asked, request)
}

/// What was asked, which is of one kind.
pub(super) fn request_of<R: Request>(asked: &Asked) -> R {
    assert_eq!(asked.api_key, R::KEY);
    let tags = usize::from(R::header_version(asked.api_version) >= 2);
    let client_id = usize::from(u16::from_be_bytes([asked.rest[0], asked.rest[1]]));
    let mut body = &asked.rest[2 + client_id + tags..];
    let request = R::decode(&mut body, asked.api_version).unwrap();
    assert!(body.is_empty(), "{} bytes too many", body.len());
    request
}

/// Answers a request.
pub(super) fn tell<R: Encodable + HeaderVersion>(
    stream: &mut impl Write,
    asked: &Asked,
    response: &R,
) {
    let mut body = BytesMut::new();
    if R::header_version(asked.api_version) >= 1 {
        body.extend([0]);
    }
    response.encode(&mut body, asked.api_version).unwrap();
    let bytes = frame(asked.correlation_id, &body);
    stream.write_all(&bytes).unwrap();
}

/// The bytes of an answer.
pub(super) fn frame(correlation_id: i32, body: &[u8]) -> Vec<u8> {
    let len = i32::try_from(body.len() + 4).unwrap();
    let mut bytes = len.to_be_bytes().to_vec();
    bytes.extend(correlation_id.to_be_bytes());
    bytes.extend(body);
    bytes
}

/// Answers the question for versions: fetch, metadata, SASL and versions.
pub(super) fn tell_versions(stream: &mut (impl Read + Write)) {
    let sasl = [[17, 0, 1], [36, 0, 2]];
    tell_these_versions(
        stream,
        &[[1, 4, 12], [3, 4, 12], [18, 0, 3], sasl[0], sasl[1]],
    );
}

/// Answers it with at most 126 requests, each with its first and last version.
pub(super) fn tell_these_versions(stream: &mut (impl Read + Write), apis: &[[i16; 3]]) {
    let asked = ask(stream);
    answer_with_versions(stream, &asked, apis);
}

/// Answers the question for versions that was `asked`.
pub(super) fn answer_with_versions(stream: &mut impl Write, asked: &Asked, apis: &[[i16; 3]]) {
    assert_eq!((asked.api_key, asked.api_version), (18, 3));
    let mut body = vec![0, 0, u8::try_from(apis.len() + 1).unwrap()];
    for api in apis {
        body.extend(api.iter().flat_map(|number| number.to_be_bytes()));
        body.push(0);
    }
    body.extend([0, 0, 0, 0, 0]);
    stream
        .write_all(&frame(asked.correlation_id, &body))
        .unwrap();
}

/// What connections with librdkafka's `properties` have in common.
pub(super) fn options(properties: &[(&str, &str)]) -> Arc<ConnectionOptions> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let properties: BTreeMap<String, String> = properties.iter().map(owned).collect();
    let access = Access::from_properties(&properties).unwrap();
    let frames = FramePool::new(access.network.frame_bytes_max, 2);
    Arc::new(ConnectionOptions {
        access,
        frames,
        in_flight_max: 3,
    })
}

/// Now, a million seconds after the epoch.
pub(super) fn start() -> Start {
    Start {
        now: Instant::now(),
        unix_time: Duration::from_secs(1_000_000),
    }
}

/// A connection that is driven by hand.
pub(super) struct Client {
    pub(super) connection: Connection,
    poller: Poller,
}

impl Client {
    /// One to `addresses`, which are called `localhost`, with librdkafka's `properties`.
    pub(super) fn new(addresses: &[SocketAddr], properties: &[(&str, &str)]) -> Self {
        Self::named("localhost", addresses, properties).unwrap()
    }

    /// One to `addresses`, which are called `host`.
    pub(super) fn named(
        host: &str,
        addresses: &[SocketAddr],
        properties: &[(&str, &str)],
    ) -> Result<Self, ConnectionError> {
        let options = options(properties);
        let poller = Poller::new().unwrap();
        let port = addresses.first().map_or(1, SocketAddr::port);
        let broker = BrokerAddress::new(host, port.into()).unwrap();
        let place = (poller.registry(), Token(0));
        let connection = Connection::start(&broker, addresses, &options, place, start())?;
        Ok(Self { connection, poller })
    }

    /// Polls until the connection is ready.
    pub(super) fn make_ready(&mut self) -> Result<(), ConnectionError> {
        self.drive(|connection, _| connection.ready().then_some(()))
    }

    /// Polls until an answer comes.
    pub(super) fn next(&mut self) -> Result<Response, ConnectionError> {
        self.drive(|_, response| response)
    }

    /// Polls until `done` has something.
    fn drive<T>(
        &mut self,
        done: impl Fn(&Connection, Option<Response>) -> Option<T>,
    ) -> Result<T, ConnectionError> {
        let patience = Instant::now() + PATIENCE;
        loop {
            let now = Instant::now();
            let response = self.connection.poll(now)?;
            let came = response.is_some();
            if let Some(found) = done(&self.connection, response) {
                return Ok(found);
            }
            if !came {
                let deadline = self.connection.deadline().unwrap_or(patience);
                self.poller.wait(now, deadline.min(patience)).unwrap();
            }
            assert!(now < patience, "waited in vain");
        }
    }

    /// Sends a request of `key` with `body`.
    pub(super) fn send(&mut self, key: i16, body: &[u8]) -> Result<i32, ConnectionError> {
        self.connection.send_body(key, 4, body, Instant::now())
    }

    /// What goes wrong on the way to being ready, or else with the answer to a request.
    pub(super) fn fault(mut self) -> (Fault, String) {
        let error = match self.make_ready() {
            Ok(()) => {
                let sent = self.send(3, b"body");
                sent.and_then(|_| self.next()).unwrap_err()
            }
            Err(error) => error,
        };
        let text = error.to_string();
        let name = self.connection.broker().to_string();
        assert!(text.contains(&name) && !text.contains('\n'), "{text}");
        (error.fault, text)
    }
}
