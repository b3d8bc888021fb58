//! A TCP connection to a server of a zone: messages with their length before them, until a deadline
//! and up to so many bytes.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::error::Failure;

/// A connection.
#[derive(Debug)]
pub(super) struct Connection {
    /// The stream.
    stream: TcpStream,
    /// When everything must be over.
    deadline: Instant,
    /// How many bytes may still come.
    bytes_left: u64,
    /// How many might at first.
    bytes_max: u64,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// [`Failure`] `Connect` or `Timeout`.
    pub(super) fn open(
        server: SocketAddr,
        deadline: Instant,
        bytes_max: u64,
    ) -> Result<Self, Failure> {
        let stream =
            TcpStream::connect_timeout(&server, left(deadline)?).map_err(Failure::of_connecting)?;
        Ok(Self {
            stream,
            deadline,
            bytes_left: bytes_max,
            bytes_max,
        })
    }

    /// Sends a message.
    ///
    /// # Errors
    /// [`Failure`] `Connection`, `Cut` or `Timeout`.
    pub(super) fn send(&mut self, message: &[u8]) -> Result<(), Failure> {
        let len = u16::try_from(message.len()).map_err(|_| Failure::ZoneName)?;
        let mut bytes = Vec::with_capacity(message.len().saturating_add(2));
        bytes.extend_from_slice(&len.to_be_bytes());
        bytes.extend_from_slice(message);
        let timeout = left(self.deadline)?;
        let stream = &mut self.stream;
        stream
            .set_write_timeout(Some(timeout))
            .and_then(|()| stream.write_all(&bytes))
            .map_err(Failure::of_connection)
    }

    /// Receives a message in place of what `buffer` holds.
    ///
    /// # Errors
    /// [`Failure`] `Connection`, `Cut`, `Timeout` or `TooManyBytes`.
    pub(super) fn receive(&mut self, mut buffer: Vec<u8>) -> Result<Vec<u8>, Failure> {
        let mut len = [0; 2];
        self.fill(&mut len)?;
        let len = u16::from_be_bytes(len);
        let left = self.bytes_left.checked_sub(u64::from(len) + 2);
        self.bytes_left = left.ok_or(Failure::TooManyBytes {
            max: self.bytes_max,
        })?;
        buffer.clear();
        buffer.resize(usize::from(len), 0);
        self.fill(&mut buffer)?;
        Ok(buffer)
    }

    /// Fills `bytes`.
    ///
    /// # Errors
    /// [`Failure`] `Connection`, `Cut` or `Timeout`.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Failure> {
        let mut bytes = bytes;
        while !bytes.is_empty() {
            // Anew for each read: whoever sends a byte now and then shall not have for ever.
            let timeout = left(self.deadline)?;
            let stream = &mut self.stream;
            let read = stream
                .set_read_timeout(Some(timeout))
                .and_then(|()| stream.read(bytes));
            match read {
                Ok(0) => return Err(Failure::Cut),
                Ok(n_read) => bytes = bytes.get_mut(n_read..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Failure::of_connection(error)),
            }
        }
        Ok(())
    }
}

/// The time left until `deadline`.
///
/// # Errors
/// [`Failure::Timeout`] when there is none.
fn left(deadline: Instant) -> Result<Duration, Failure> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(Failure::Timeout);
    }
    Ok(left)
}
