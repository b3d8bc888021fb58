//! Sleeps until a socket has something or a deadline passes. On `mio`, which the runtime of the
//! control plane brings anyway; its edge-triggered events cost one call of the system for a
//! connection's whole life, where one-shot events cost one for every wake-up.

use std::io;
use std::time::Instant;

use mio::{Events, Poll, Registry, Token, Waker};

/// Sleeps for one worker.
pub struct Poller {
    poll: Poll,
    events: Events,
}

impl Poller {
    /// One with nothing to wait for.
    ///
    /// # Errors
    /// When the system gives no more file descriptors.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            poll: Poll::new()?,
            events: Events::with_capacity(EVENTS_MAX),
        })
    }

    /// What ends a wait from another thread.
    ///
    /// # Errors
    /// When the system gives no more file descriptors.
    pub fn waker(&self) -> io::Result<Waker> {
        Waker::new(self.registry(), WAKER)
    }

    /// Where connections register.
    pub fn registry(&self) -> &Registry {
        self.poll.registry()
    }

    /// Sleeps until something may be ready or `deadline` passes, or a signal comes. Which
    /// connection is ready is not told: polling one that is not costs one read of nothing.
    ///
    /// # Errors
    /// What the system says.
    pub fn wait(&mut self, now: Instant, deadline: Instant) -> io::Result<()> {
        let timeout = deadline.saturating_duration_since(now);
        match self.poll.poll(&mut self.events, Some(timeout)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            result => result,
        }
    }
}

/// The number of the waker; no connection has it.
const WAKER: Token = Token(usize::MAX);

/// Most events that one wait brings; more come with the next.
const EVENTS_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::time::Duration;

    use kafka_protocol::messages::MetadataRequest;

    use super::super::address::{BrokerAddress, Family};
    use super::super::connection::Connection;
    use super::super::error::ConnectionError;
    use super::super::metadata::Metadata;
    use super::super::testing::{Scripted, ask_for, frame, options, start, stay};
    use super::*;

    /// Asks every broker `rounds` times; which broker answered when, by place in the list.
    fn ask_all(brokers: &[Scripted], rounds: usize) -> Result<Vec<usize>, ConnectionError> {
        let options = options(&[]);
        let mut poller = Poller::new().unwrap();
        let mut connections = Vec::new();
        for (at, broker) in brokers.iter().enumerate() {
            let port = broker.address().port().into();
            let broker = BrokerAddress::new("127.0.0.1", port).unwrap();
            let addresses = broker.resolve(Family::Any).unwrap();
            let place = (poller.registry(), Token(at));
            let connection = Connection::start(&broker, &addresses, &options, place, start())?;
            connections.push((connection, rounds));
        }
        let mut answered = Vec::new();
        loop {
            let now = Instant::now();
            for (at, (connection, left)) in connections.iter_mut().enumerate() {
                while let Some(response) = connection.poll(now)? {
                    assert_eq!(response.body, [u8::try_from(at).unwrap(); 9][..]);
                    answered.push(at);
                }
                if connection.ready() && connection.in_flight() == 0 && *left > 0 {
                    connection.send((3, 4), &Metadata::request(["dns"]), now)?;
                    *left -= 1;
                }
            }
            if answered.len() == brokers.len() * rounds {
                return Ok(answered);
            }
            let due = connections.iter().filter_map(|(it, _)| it.deadline()).min();
            poller.wait(now, due.unwrap()).unwrap();
        }
    }

    #[test]
    fn one_wait_is_for_all_connections_and_none_holds_up_another() {
        let (go_on, wait) = std::sync::mpsc::channel::<()>();
        let brokers: Vec<Scripted> = [Some(wait), None, None]
            .into_iter()
            .zip(0_u8..)
            .map(|(wait, at)| {
                let go_on = (at == 2).then(|| go_on.clone());
                Scripted::with_versions(move |mut stream| {
                    for _ in 0..3 {
                        let (asked, _) = ask_for::<MetadataRequest>(&mut stream);
                        // The first broker answers once the last one has answered everything,
                        // whose last answer may be seen together with it.
                        if let Some(wait) = &wait {
                            let _ = wait.recv();
                        }
                        stream
                            .write_all(&frame(asked.correlation_id, &[at; 9]))
                            .unwrap();
                    }
                    drop(go_on);
                    stay(stream);
                })
            })
            .collect();
        drop(go_on);
        let answered = ask_all(&brokers, 3).unwrap();
        let first = answered.iter().position(|at| *at == 0).unwrap();
        let others = answered[..first].iter().filter(|at| **at == 2).count();
        assert!(answered.len() == 9 && others >= 2, "{answered:?}");
        brokers.into_iter().for_each(Scripted::join);
    }

    #[test]
    fn a_wait_without_anything_to_come_ends_at_its_deadline() {
        let mut poller = Poller::new().unwrap();
        let now = Instant::now();
        let deadline = now + Duration::from_millis(30);
        poller.wait(now, deadline).unwrap();
        assert!(Instant::now() >= deadline);
        poller.wait(deadline, now).unwrap();
    }
}
