//! A connected socket with requests under way: bytes that have not gone yet, and questions
//! whose answers are due, in their order.

use std::collections::VecDeque;
use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use bytes::{Buf as _, Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, RequestHeader};
use kafka_protocol::protocol::{Encodable as _, StrBytes};

use super::error::{Fault, Situation};
use super::frames::{Arrival, FrameError, FrameReader};
use super::transport::Transport;
use super::wire::Wire;

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Response {
    /// The number of the request.
    pub correlation_id: i32,
    /// Of which request.
    pub api_key: i16,
    /// In which version.
    pub api_version: i16,
    /// The answer after its header. Its buffer is used again when the last part is dropped.
    pub body: Bytes,
}

/// A connected socket with requests under way.
pub(super) struct Pipe {
    transport: Transport,
    frames: FrameReader,
    limits: Limits,
    /// Bytes of requests that have not gone yet.
    unsent: BytesMut,
    /// Requests without an answer, oldest first.
    in_flight: VecDeque<InFlight>,
    /// The number of the next request.
    next_id: i32,
    /// Since when an answer is due and no byte came.
    silent_since: Instant,
}

/// What a pipe may do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Most requests without an answer.
    pub(super) in_flight_max: usize,
    /// Longest silence while an answer is due.
    pub(super) silence: Duration,
}

/// A request without an answer.
#[derive(Clone, Copy)]
struct InFlight {
    correlation_id: i32,
    api_key: i16,
    api_version: i16,
    /// Whether tagged fields follow the number in the answer's header.
    tagged: bool,
}

impl Pipe {
    /// A pipe with nothing under way.
    pub(super) fn new(
        transport: Transport,
        frames: FrameReader,
        limits: Limits,
        now: Instant,
    ) -> Self {
        Self {
            transport,
            frames,
            limits,
            unsent: BytesMut::new(),
            in_flight: VecDeque::new(),
            next_id: 0,
            silent_since: now,
        }
    }

    /// How many answers are due.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// When silence is too long, if an answer is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let due = !self.in_flight.is_empty();
        due.then(|| self.silent_since + self.limits.silence)
    }

    /// Goes on with the handshake of TLS; whether it is done.
    pub(super) fn shake_hands(&mut self, situation: &Situation) -> Result<bool, Fault> {
        self.transport.shake_hands().map_err(|error| {
            if error.kind() == io::ErrorKind::UnexpectedEof {
                Fault::of_frame(FrameError::Ended { got: 0, wanted: 0 }, situation)
            } else {
                Fault::of_io(error, situation.phase)
            }
        })
    }

    /// Writes a request behind those that have not gone yet, and lets go what can; returns its
    /// number.
    pub(super) fn submit(
        &mut self,
        (api_key, api_version): (i16, i16),
        client_id: &str,
        body: &[u8],
        (now, phase): (Instant, &'static str),
    ) -> Result<i32, Fault> {
        let refused = |why| Fault::Refused { api_key, why };
        if self.in_flight.len() >= self.limits.in_flight_max.max(1) {
            return Err(refused("too many requests are under way"));
        }
        if self.unsent.len().saturating_add(body.len()) > UNSENT_BYTES_MAX {
            return Err(refused("too many bytes wait to be sent"));
        }
        let request = InFlight {
            correlation_id: self.next_id,
            api_key,
            api_version,
            tagged: response_is_tagged(api_key, api_version),
        };
        write_request(&mut self.unsent, request, client_id, body)?;
        self.next_id = self.next_id.checked_add(1).unwrap_or(0);
        if self.in_flight.is_empty() {
            self.silent_since = now;
        }
        self.in_flight.push_back(request);
        self.flush().map_err(|error| Fault::of_io(error, phase))?;
        Ok(request.correlation_id)
    }

    /// Sends what waits and takes the next answer, if it is whole.
    pub(super) fn receive(
        &mut self,
        situation: &Situation,
        now: Instant,
    ) -> Result<Option<Response>, Fault> {
        let flushed = self.flush();
        match self.frames.read(&mut self.transport) {
            Ok(Arrival::Frame(frame)) => {
                self.silent_since = now;
                return self.take(frame).map(Some);
            }
            Ok(Arrival::Blocked { heard: true }) => self.silent_since = now,
            Ok(Arrival::Blocked { heard: false }) => {}
            Err(error) => return Err(Fault::of_frame(error, situation)),
        }
        // What the broker still said comes before the word that it no longer listens.
        flushed.map_err(|error| Fault::of_io(error, situation.phase))?;
        if self.in_flight.is_empty() && self.frames.midway() {
            return Err(Fault::Unsolicited);
        }
        if self.deadline().is_some_and(|deadline| now >= deadline) {
            return Err(Fault::Silence {
                limit: self.limits.silence,
                waiting: self.in_flight.len(),
            });
        }
        Ok(None)
    }

    /// Sends what waits, as far as the socket takes it.
    fn flush(&mut self) -> io::Result<()> {
        while !self.unsent.is_empty() {
            match self.transport.write(&self.unsent) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(sent) => self.unsent.advance(sent),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.transport.flush()
    }

    /// The answer in `frame`, which must be to the oldest request.
    fn take(&mut self, mut frame: Bytes) -> Result<Response, Fault> {
        let asked = self.in_flight.pop_front().ok_or(Fault::Unsolicited)?;
        let unreadable = |source| Fault::Unreadable {
            api_key: asked.api_key,
            source,
        };
        let mut header = Wire::new(&frame, asked.tagged);
        let got = header.int32().map_err(unreadable)?;
        if got != asked.correlation_id {
            return Err(Fault::Correlation {
                expected: asked.correlation_id,
                got,
            });
        }
        header.skip_tags().map_err(unreadable)?;
        let header_len = frame.len().saturating_sub(header.remaining());
        frame.advance(header_len);
        Ok(Response {
            correlation_id: got,
            api_key: asked.api_key,
            api_version: asked.api_version,
            body: frame,
        })
    }
}

/// Whether the header of an answer has tagged fields.
fn response_is_tagged(api_key: i16, api_version: i16) -> bool {
    ApiKey::try_from(api_key).is_ok_and(|key| key.response_header_version(api_version) >= 1)
}

/// Appends a request with its length and header to `unsent`.
fn write_request(
    unsent: &mut BytesMut,
    request: InFlight,
    client_id: &str,
    body: &[u8],
) -> Result<(), Fault> {
    let (api_key, api_version) = (request.api_key, request.api_version);
    let header = RequestHeader::default()
        .with_request_api_key(api_key)
        .with_request_api_version(api_version)
        .with_correlation_id(request.correlation_id)
        .with_client_id(Some(StrBytes::from_string(client_id.to_owned())));
    let known = ApiKey::try_from(api_key);
    let header_version = known.map_or(1, |key| key.request_header_version(api_version));
    let mut head = BytesMut::new();
    header
        .encode(&mut head, header_version)
        .map_err(|error| Fault::Unwritable {
            api_key,
            version: api_version,
            source: error.into(),
        })?;
    let len = i32::try_from(head.len().saturating_add(body.len()));
    let why = "it is too large";
    let len = len.map_err(|_| Fault::Refused { api_key, why })?;
    unsent.extend_from_slice(&len.to_be_bytes());
    unsent.extend_from_slice(&head);
    unsent.extend_from_slice(body);
    Ok(())
}

/// Most bytes of requests that wait to be sent.
const UNSENT_BYTES_MAX: usize = 16 << 20;
