//! A connection to one broker that never waits: it is started, and then polled until it has no
//! more to do for now. Getting ready (socket, TLS, versions, SASL) is its own affair; from
//! then on requests go out as they come and answers come in their order. Time enters as an
//! argument; sleeping between polls is the business of [`Poller`](super::poller::Poller).

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::BytesMut;
use kafka_protocol::protocol::Encodable;
use mio::net::TcpStream;
use mio::{Registry, Token};

use super::access::Access;
use super::address::BrokerAddress;
use super::attempt::{Attempt, Progress};
use super::error::{ConnectionError, Fault, READY, Situation};
use super::frames::{FramePool, FrameReader};
use super::pipe::{Limits, Pipe, Response};
use super::setup::{Setup, Step};
use super::versions::Versions;

/// What all connections of a worker have in common.
#[derive(Clone, Debug)]
pub struct ConnectionOptions {
    /// How brokers are reached.
    pub access: Access,
    /// Where large answers go; its limit is that of an answer's length.
    pub frames: FramePool,
    /// Most requests under way on one connection.
    pub in_flight_max: usize,
}

/// When a connection starts: on our clock and on the world's, which tokens need.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    /// On our clock.
    pub now: Instant,
    /// Since the epoch.
    pub unix_time: Duration,
}

impl Start {
    /// `now`, on both clocks.
    pub fn at(now: Instant) -> Self {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Self {
            now,
            unix_time: since.unwrap_or_default(),
        }
    }
}

/// A connection to one broker. After an error it must be dropped.
pub struct Connection {
    broker: BrokerAddress,
    options: Arc<ConnectionOptions>,
    registry: Registry,
    token: Token,
    start: Start,
    stage: Stage,
    /// Present once a socket is connected.
    pipe: Option<Pipe>,
    versions: Versions,
    /// From when on the broker may not believe us any more.
    renew_at: Option<Instant>,
    /// Whether a question of the reader was answered.
    served: bool,
}

/// How far a connection is.
enum Stage {
    /// A socket is being connected; the addresses after it are still untried.
    Connecting(Attempt),
    /// TLS shakes hands.
    Encrypting,
    /// Versions and SASL.
    SettingUp(Setup),
    /// Requests may go out.
    Ready,
    /// It has failed.
    Dead,
}

impl Connection {
    /// Starts to connect to the first of `addresses`, the socket addresses of `broker`; the
    /// others are tried in their order, each with an equal part of the time that is left.
    ///
    /// # Errors
    /// [`Fault::Connect`] when none can even be tried.
    pub fn start(
        broker: &BrokerAddress,
        addresses: &[SocketAddr],
        options: &Arc<ConnectionOptions>,
        (registry, token): (&Registry, Token),
        start: Start,
    ) -> Result<Self, ConnectionError> {
        let failed = |fault| ConnectionError {
            broker: broker.clone(),
            fault,
        };
        let connect = |source| failed(Fault::Connect { tried: 0, source });
        let registry = registry.try_clone().map_err(connect)?;
        let deadline = start.now + options.access.network.setup_timeout;
        let attempt = Attempt::first(addresses, (start.now, deadline), (&registry, token));
        Ok(Self {
            broker: broker.clone(),
            options: Arc::clone(options),
            registry,
            token,
            start,
            stage: Stage::Connecting(attempt.map_err(failed)?),
            pipe: None,
            versions: Versions::default(),
            renew_at: None,
            served: false,
        })
    }

    /// Goes on with whatever can go on; returns the next answer, if one is whole. To be called
    /// until it returns `None`: only then does the poller tell of more.
    ///
    /// # Errors
    /// [`ConnectionError`]; the connection must then be dropped.
    pub fn poll(&mut self, now: Instant) -> Result<Option<Response>, ConnectionError> {
        let result = self.advance(now);
        result.map_err(|fault| {
            self.stage = Stage::Dead;
            self.pipe = None;
            self.failed(fault)
        })
    }

    /// Sends a request in a version that the broker offers; returns its number. It goes out
    /// at once as far as the socket takes it, the rest with the next polls.
    ///
    /// # Errors
    /// [`Fault::Refused`] when the connection is not ready or has
    /// [`ConnectionOptions::in_flight_max`] requests under way (it can go on),
    /// [`Fault::Unwritable`] when the version has no such request, or what a write finds.
    pub fn send(
        &mut self,
        (api_key, api_version): (i16, i16),
        request: &impl Encodable,
        now: Instant,
    ) -> Result<i32, ConnectionError> {
        let mut body = BytesMut::new();
        request.encode(&mut body, api_version).map_err(|error| {
            self.failed(Fault::Unwritable {
                api_key,
                version: api_version,
                source: error.into(),
            })
        })?;
        self.send_body(api_key, api_version, &body, now)
    }

    /// The same for a body (what follows the header) that is written already.
    pub(super) fn send_body(
        &mut self,
        api_key: i16,
        api_version: i16,
        body: &[u8],
        now: Instant,
    ) -> Result<i32, ConnectionError> {
        let sent = match &self.stage {
            Stage::Ready => self.submit((api_key, api_version), body, now),
            Stage::Connecting(_) | Stage::Encrypting | Stage::SettingUp(_) | Stage::Dead => {
                let why = NOT_READY;
                Err(Fault::Refused { api_key, why })
            }
        };
        sent.map_err(|fault| self.failed(fault))
    }

    /// Whether requests may go out.
    pub fn ready(&self) -> bool {
        matches!(self.stage, Stage::Ready)
    }

    /// Requests without an answer.
    pub fn in_flight(&self) -> usize {
        self.pipe.as_ref().map_or(0, Pipe::in_flight)
    }

    /// The versions that the broker offers; none before the connection is ready.
    pub fn versions(&self) -> &Versions {
        &self.versions
    }

    /// The newest version of a request between `min` and `max` that the broker offers.
    ///
    /// # Errors
    /// [`Fault::Version`] when there is none.
    pub fn version(&self, api_key: i16, min: i16, max: i16) -> Result<i16, ConnectionError> {
        self.versions.newest(api_key, min, max).ok_or_else(|| {
            self.failed(Fault::Version {
                api_key,
                offered: self.versions.offered(api_key),
                known: (min, max),
            })
        })
    }

    /// The broker.
    pub fn broker(&self) -> &BrokerAddress {
        &self.broker
    }

    /// From when on a new connection should take over, because the broker soon stops to
    /// believe who we are. `None` if it never does.
    pub fn renew_at(&self) -> Option<Instant> {
        self.renew_at
    }

    /// When it must be polled even if nothing comes.
    pub fn deadline(&self) -> Option<Instant> {
        let setup = self.setup_deadline();
        match &self.stage {
            Stage::Connecting(attempt) => Some(attempt.until().min(setup)),
            Stage::Encrypting | Stage::SettingUp(_) => Some(setup),
            Stage::Ready => self.pipe.as_ref().and_then(Pipe::deadline),
            Stage::Dead => None,
        }
    }

    /// When it must be ready.
    fn setup_deadline(&self) -> Instant {
        self.start.now + self.options.access.network.setup_timeout
    }

    /// What it does, in a word for messages.
    fn phase(&self) -> &'static str {
        match &self.stage {
            Stage::Connecting(_) => "connecting",
            Stage::Encrypting => "shaking hands for TLS",
            Stage::SettingUp(setup) => setup.phase(),
            Stage::Ready => READY,
            Stage::Dead => "dead",
        }
    }

    /// A fault with the broker's name.
    fn failed(&self, fault: Fault) -> ConnectionError {
        ConnectionError {
            broker: self.broker.clone(),
            fault,
        }
    }

    /// Goes from stage to stage until there is an answer or nothing more to do for now.
    fn advance(&mut self, now: Instant) -> Result<Option<Response>, Fault> {
        loop {
            let went_on = match &self.stage {
                Stage::Connecting(_) => self.go_on_connecting(now)?,
                Stage::Encrypting => self.go_on_encrypting(now)?,
                Stage::SettingUp(_) => self.go_on_setting_up(now)?,
                Stage::Ready => return self.receive(now),
                Stage::Dead => {
                    return Err(Fault::Broken {
                        phase: "dead",
                        source: io::ErrorKind::NotConnected.into(),
                    });
                }
            };
            if !went_on {
                if now < self.setup_deadline() {
                    return Ok(None);
                }
                return Err(Fault::Setup {
                    limit: self.options.access.network.setup_timeout,
                    phase: self.phase(),
                });
            }
        }
    }

    /// Goes on with connecting.
    fn go_on_connecting(&mut self, now: Instant) -> Result<bool, Fault> {
        let times = (now, self.setup_deadline());
        let Stage::Connecting(attempt) = std::mem::replace(&mut self.stage, Stage::Dead) else {
            return Ok(false);
        };
        match attempt.go_on(times, (&self.registry, self.token))? {
            Progress::Connected(socket) => {
                self.use_socket(socket, now)?;
                Ok(true)
            }
            Progress::Another(attempt) => {
                self.stage = Stage::Connecting(attempt);
                Ok(true)
            }
            Progress::Pending(attempt) => {
                self.stage = Stage::Connecting(attempt);
                Ok(false)
            }
        }
    }

    /// Goes on with a connected socket.
    fn use_socket(&mut self, socket: TcpStream, now: Instant) -> Result<(), Fault> {
        // A small request must not wait for the answer to the one before it.
        let _ = socket.set_nodelay(true);
        let access = &self.options.access;
        let transport = access.transport(socket, &self.broker)?;
        let frames = FrameReader::new(self.options.frames.clone());
        let limits = Limits {
            in_flight_max: self.options.in_flight_max,
            silence: access.network.request_timeout,
        };
        self.pipe = Some(Pipe::new(transport, frames, limits, now));
        self.stage = Stage::Encrypting;
        Ok(())
    }

    /// Goes on with the handshake of TLS, then asks for versions.
    fn go_on_encrypting(&mut self, now: Instant) -> Result<bool, Fault> {
        let situation = self.situation();
        let done = match &mut self.pipe {
            Some(pipe) => pipe.shake_hands(&situation)?,
            None => false,
        };
        if done {
            let sasl = self.options.access.sasl.as_ref();
            let setup = Setup::start(sasl, self.start.unix_time);
            self.take_step(setup, now)?;
        }
        Ok(done)
    }

    /// Takes an answer about the connection itself.
    fn go_on_setting_up(&mut self, now: Instant) -> Result<bool, Fault> {
        let Some(response) = self.receive(now)? else {
            return Ok(false);
        };
        match std::mem::replace(&mut self.stage, Stage::Dead) {
            Stage::SettingUp(setup) => {
                let step = setup.answer(&response, &mut self.versions)?;
                self.take_step(step, now)?;
            }
            other @ (Stage::Connecting(_) | Stage::Encrypting | Stage::Ready | Stage::Dead) => {
                self.stage = other;
            }
        }
        Ok(true)
    }

    /// Sends what getting ready asks for, or is ready.
    fn take_step(&mut self, step: Step, now: Instant) -> Result<(), Fault> {
        match step {
            Step::Ask { setup, api, body } => {
                self.stage = Stage::SettingUp(setup);
                self.submit(api, &body, now)?;
            }
            Step::Ready { lifetime } => {
                // Some time is left for the connection that takes over.
                let used = lifetime.map(|lifetime| lifetime.mul_f64(LIFETIME_SHARE));
                self.renew_at = used.and_then(|used| now.checked_add(used));
                self.stage = Stage::Ready;
            }
        }
        Ok(())
    }

    /// Sends a request.
    fn submit(&mut self, api: (i16, i16), body: &[u8], now: Instant) -> Result<i32, Fault> {
        let phase = self.phase();
        let client_id = &self.options.access.network.client_id;
        match &mut self.pipe {
            Some(pipe) => pipe.submit(api, client_id, body, (now, phase)),
            None => Err(Fault::Refused {
                api_key: api.0,
                why: NOT_READY,
            }),
        }
    }

    /// Sends what waits and takes the next answer, if it is whole.
    fn receive(&mut self, now: Instant) -> Result<Option<Response>, Fault> {
        let situation = self.situation();
        let ready = self.ready();
        let Some(pipe) = &mut self.pipe else {
            return Ok(None);
        };
        let response = pipe.receive(&situation, now)?;
        self.served |= ready && response.is_some();
        Ok(response)
    }

    /// How far it is, for what is said of its end.
    fn situation(&self) -> Situation {
        Situation {
            phase: self.phase(),
            waiting: self.in_flight(),
            served: self.served,
            frame_bytes_max: self.options.frames.frame_bytes_max(),
        }
    }
}

/// Why a request does not go out.
const NOT_READY: &str = "the connection is not ready";
/// Which part of the life that a broker grants is used.
const LIFETIME_SHARE: f64 = 0.85;

#[cfg(test)]
mod tests;
