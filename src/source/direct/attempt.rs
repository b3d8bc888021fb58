//! The addresses of a broker, one after the other, until one takes a connection.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use super::error::Fault;

/// An address that is being tried.
pub(super) struct Attempt {
    socket: TcpStream,
    /// Those after it.
    untried: VecDeque<SocketAddr>,
    /// How many were tried, this one included.
    tried: usize,
    /// When the next address is tried instead.
    until: Instant,
}

/// How far an attempt is.
pub(super) enum Progress {
    /// The socket is connected.
    Connected(TcpStream),
    /// It is not known yet.
    Pending(Attempt),
    /// Another address is being tried.
    Another(Attempt),
}

impl Attempt {
    /// Tries the first of `addresses` that can be tried. A connected socket must be polled
    /// under `token`; all addresses together have until `deadline`.
    pub(super) fn first(
        addresses: &[SocketAddr],
        times: (Instant, Instant),
        place: (&Registry, Token),
    ) -> Result<Self, Fault> {
        Self::next(addresses.iter().copied().collect(), 0, None, times, place)
    }

    /// When it must be looked at even if nothing comes.
    pub(super) fn until(&self) -> Instant {
        self.until
    }

    /// Looks whether the socket is connected, and tries the next address if it will not be.
    pub(super) fn go_on(
        self,
        (now, deadline): (Instant, Instant),
        place: (&Registry, Token),
    ) -> Result<Progress, Fault> {
        let failure = match self.state() {
            Ok(true) => return Ok(Progress::Connected(self.socket)),
            Ok(false) if now < self.until || self.untried.is_empty() => {
                return Ok(Progress::Pending(self));
            }
            Ok(false) => io::ErrorKind::TimedOut.into(),
            Err(error) => error,
        };
        let Self {
            socket,
            untried,
            tried,
            until: _,
        } = self;
        drop(socket);
        let next = Self::next(untried, tried, Some(failure), (now, deadline), place)?;
        Ok(Progress::Another(next))
    }

    /// Tries the first of `untried` that can be tried; `failure` is of the one before.
    fn next(
        mut untried: VecDeque<SocketAddr>,
        mut tried: usize,
        mut failure: Option<io::Error>,
        (now, deadline): (Instant, Instant),
        (registry, token): (&Registry, Token),
    ) -> Result<Self, Fault> {
        while let Some(address) = untried.pop_front() {
            tried = tried.saturating_add(1);
            let both = Interest::READABLE | Interest::WRITABLE;
            let socket = TcpStream::connect(address).and_then(|mut socket| {
                registry.register(&mut socket, token, both)?;
                Ok(socket)
            });
            let left = deadline.saturating_duration_since(now);
            let shares = u32::try_from(untried.len())
                .unwrap_or(u32::MAX)
                .saturating_add(1);
            match socket {
                Ok(socket) => {
                    return Ok(Self {
                        socket,
                        untried,
                        tried,
                        until: now + left / shares,
                    });
                }
                Err(error) => failure = Some(error),
            }
        }
        Err(Fault::Connect {
            tried,
            source: failure.unwrap_or_else(|| io::ErrorKind::AddrNotAvailable.into()),
        })
    }

    /// Whether the socket is connected, or why it will not be.
    fn state(&self) -> io::Result<bool> {
        if let Some(error) = self.socket.take_error()? {
            return Err(error);
        }
        match self.socket.peer_addr() {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(false),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::time::Duration;

    use super::super::poller::Poller;
    use super::*;

    /// Connects until the system takes no more connections for `listener`, which accepts none.
    fn fill(listener: &TcpListener) -> Vec<std::net::TcpStream> {
        let address = listener.local_addr().unwrap();
        let patience = Duration::from_millis(200);
        let mut held = Vec::new();
        while let Ok(stream) = std::net::TcpStream::connect_timeout(&address, patience) {
            held.push(stream);
            assert!(held.len() < 10_000, "the system takes any number");
        }
        held
    }

    #[test]
    fn an_address_that_never_answers_takes_only_its_share_of_the_time() {
        let (full, good) = (
            TcpListener::bind(("127.0.0.1", 0)).unwrap(),
            TcpListener::bind(("127.0.0.1", 0)).unwrap(),
        );
        let held = fill(&full);
        let addresses = [full, good].map(|listener| (listener.local_addr().unwrap(), listener));
        let places = [addresses[0].0, addresses[1].0];
        let poller = Poller::new().unwrap();
        let place = (poller.registry(), Token(0));
        let now = Instant::now();
        let share = Duration::from_secs(5);
        let deadline = now + share + share;

        let attempt = Attempt::first(&places, (now, deadline), place).unwrap();
        assert_eq!(attempt.until(), now + share);
        let early = now + share - Duration::from_millis(1);
        let Progress::Pending(attempt) = attempt.go_on((early, deadline), place).unwrap() else {
            panic!("nobody accepts");
        };
        let Progress::Another(mut attempt) = attempt.go_on((now + share, deadline), place).unwrap()
        else {
            panic!("the next address is due");
        };
        assert_eq!(
            attempt.until(),
            deadline,
            "the last one has all that is left"
        );
        let socket = loop {
            match attempt.go_on((now + share, deadline), place).unwrap() {
                Progress::Connected(socket) => break socket,
                Progress::Pending(pending) => attempt = pending,
                Progress::Another(_) => panic!("it is the last address"),
            }
            assert!(now.elapsed() < share, "it must connect");
        };
        assert_eq!(socket.peer_addr().unwrap(), places[1]);
        drop(held);
    }
}
