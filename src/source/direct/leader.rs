//! A broker that leads some of our partitions: the connection to it, and the one question that is
//! under way.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kafka_protocol::messages::ApiKey;
use mio::{Registry, Token};

use super::DirectError;
use super::address::BrokerAddress;
use super::backoff::Backoff;
use super::cluster::open;
use super::connection::{Connection, ConnectionOptions, Start};
use super::fetch::{FETCH_VERSION_MAX, FETCH_VERSION_MIN, Terms, Wanted, request};
use super::pipe::Response;

/// A broker and the connection to it.
pub(super) struct Leader {
    broker: BrokerAddress,
    token: Token,
    /// Present while it works, or may do so soon.
    connection: Option<Connection>,
    /// Bytes that the answer under way may take, and since when it is due.
    due: Option<(usize, Instant)>,
    /// Not to be bothered before this.
    quiet_until: Option<Instant>,
    backoff: Backoff,
}

impl Leader {
    /// One that nobody has connected to yet.
    pub(super) fn new(broker: BrokerAddress, token: Token) -> Self {
        Self {
            broker,
            token,
            connection: None,
            due: None,
            quiet_until: None,
            backoff: Backoff::new(RECONNECT_MIN, RECONNECT_MAX),
        }
    }

    /// Where it is.
    pub(super) fn broker(&self) -> &BrokerAddress {
        &self.broker
    }

    /// Connects if need be, goes on, and returns the next answer if one is whole. To be called
    /// until it returns `None`.
    ///
    /// # Errors
    /// [`DirectError`]; what was asked is not answered any more, and the next connection waits.
    pub(super) fn poll(
        &mut self,
        options: &Arc<ConnectionOptions>,
        registry: &Registry,
        start: Start,
    ) -> Result<Option<(Response, Duration)>, DirectError> {
        let result = self.go_on(options, registry, start);
        if result.is_err() {
            self.connection = None;
            self.due = None;
            self.quiet_until = Some(start.now + self.backoff.next(start.now));
        }
        result
    }

    /// The same, with what went wrong not cleared up.
    fn go_on(
        &mut self,
        options: &Arc<ConnectionOptions>,
        registry: &Registry,
        start: Start,
    ) -> Result<Option<(Response, Duration)>, DirectError> {
        let renews =
            |connection: &Connection| connection.renew_at().is_some_and(|at| at <= start.now);
        if self.due.is_none() && self.connection.as_ref().is_some_and(renews) {
            self.connection = None;
        }
        if self.connection.is_none() {
            if self.quiet(start.now) {
                return Ok(None);
            }
            let at = (registry, self.token);
            self.connection = Some(open(&self.broker, options, at, start)?);
        }
        let Some(connection) = &mut self.connection else {
            return Ok(None);
        };
        let Some(response) = connection.poll(start.now)? else {
            return Ok(None);
        };
        self.backoff.reset();
        let since = self.due.take().map_or(start.now, |(_, since)| since);
        Ok(Some((response, start.now.saturating_duration_since(since))))
    }

    /// Whether it may be asked now.
    pub(super) fn may_be_asked(&self, now: Instant) -> bool {
        self.due.is_none()
            && !self.quiet(now)
            && self.connection.as_ref().is_some_and(Connection::ready)
    }

    /// Asks for `wanted`.
    ///
    /// # Errors
    /// [`DirectError`] when the question cannot be sent.
    pub(super) fn ask<'a>(
        &mut self,
        wanted: impl IntoIterator<Item = Wanted<'a>>,
        terms: &Terms,
        now: Instant,
    ) -> Result<(), DirectError> {
        let Some(connection) = &mut self.connection else {
            return Ok(());
        };
        let key = ApiKey::Fetch as i16;
        let version = connection.version(key, FETCH_VERSION_MIN, FETCH_VERSION_MAX)?;
        let question = request(wanted, terms, version);
        connection.send((key, version), &question, now)?;
        let bytes = usize::try_from(terms.bytes_max).unwrap_or(0);
        self.due = Some((bytes, now));
        Ok(())
    }

    /// Leaves it alone for `wait`.
    pub(super) fn leave_alone(&mut self, wait: Duration, now: Instant) {
        self.quiet_until = Some(now + wait);
    }

    /// Gives the connection up, and whatever was asked.
    pub(super) fn hang_up(&mut self, now: Instant) {
        self.connection = None;
        self.due = None;
        self.quiet_until = Some(now + self.backoff.next(now));
    }

    /// Whether it is to be left alone.
    fn quiet(&self, now: Instant) -> bool {
        self.quiet_until.is_some_and(|until| now < until)
    }

    /// Bytes that the answer under way may take.
    pub(super) fn due_bytes(&self) -> usize {
        self.due.map_or(0, |(bytes, _)| bytes)
    }

    /// When it must be polled even if nothing comes.
    pub(super) fn deadline(&self, now: Instant) -> Option<Instant> {
        let connection = self.connection.as_ref().and_then(Connection::deadline);
        let quiet = self.quiet_until.filter(|until| *until > now);
        [connection, quiet].into_iter().flatten().min()
    }
}

/// Shortest wait before the next connection.
const RECONNECT_MIN: Duration = Duration::from_millis(50);
/// Longest wait before the next connection.
const RECONNECT_MAX: Duration = Duration::from_secs(2);
