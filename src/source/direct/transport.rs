//! A socket that never waits, encrypted or not, behind plain reads and writes. What TLS finds
//! wrong comes as an `io::Error` that holds the `rustls::Error`.

use std::io::{self, Read, Write};

use mio::net::TcpStream;
use rustls::ClientConnection;

/// A connected socket.
pub(super) enum Transport {
    /// As it is.
    Plain(TcpStream),
    /// With TLS on it.
    Tls(Box<TlsStream>),
}

impl Transport {
    /// Goes on with the handshake of TLS; whether it is done.
    pub(super) fn shake_hands(&mut self) -> io::Result<bool> {
        match self {
            Self::Plain(_) => Ok(true),
            Self::Tls(stream) => stream.shake_hands(),
        }
    }
}

impl Read for Transport {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Transport {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            Self::Tls(stream) => {
                let taken = stream.session.writer().write(bytes)?;
                unless_blocked(stream.push())?;
                if taken == 0 && !bytes.is_empty() {
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                Ok(taken)
            }
        }
    }

    /// Sends what can go now; the rest goes with the next call, which is no error.
    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Tls(stream) => unless_blocked(stream.push()),
        }
    }
}

/// TLS over a socket.
pub(super) struct TlsStream {
    socket: TcpStream,
    session: ClientConnection,
    /// What came from the socket: the library alone would ask the system for 4 kB at a time.
    staged: Vec<u8>,
    /// Where in `staged` the bytes are that the library has not seen.
    unseen: std::ops::Range<usize>,
}

impl TlsStream {
    /// TLS that starts on a connected socket.
    pub(super) fn new(socket: TcpStream, session: ClientConnection) -> Self {
        Self {
            socket,
            session,
            staged: vec![0; STAGED_BYTES],
            unseen: 0..0,
        }
    }

    /// Goes on with the handshake; whether it is done.
    fn shake_hands(&mut self) -> io::Result<bool> {
        loop {
            unless_blocked(self.push())?;
            if !self.session.is_handshaking() {
                return Ok(true);
            }
            match self.pull() {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
    }

    /// Takes encrypted bytes in and decrypts them; 0 at the end of the socket.
    fn pull(&mut self) -> io::Result<usize> {
        if self.unseen.is_empty() {
            let read = self.socket.read(&mut self.staged)?;
            self.unseen = 0..read;
        }
        let mut unseen = self.staged.get(self.unseen.clone()).unwrap_or_default();
        let seen = self.session.read_tls(&mut unseen)?;
        self.unseen.start = self.unseen.start.saturating_add(seen);
        if let Err(error) = self.session.process_new_packets() {
            // The other side is told why, if it still listens.
            let _ = self.push();
            return Err(io::Error::new(io::ErrorKind::InvalidData, error));
        }
        Ok(seen)
    }

    /// Sends what is encrypted.
    fn push(&mut self) -> io::Result<()> {
        while self.session.wants_write() {
            if self.session.write_tls(&mut self.socket)? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        Ok(())
    }

    /// Reads decrypted bytes. An end without the farewell of TLS is an end as well: answers
    /// have lengths, so nothing can be cut off unseen.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.session.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
                read => return read,
            }
            if self.pull()? == 0 {
                return Ok(0);
            }
            unless_blocked(self.push())?;
        }
    }
}

/// That something had to stop is no error.
fn unless_blocked(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
        result => result,
    }
}

/// Encrypted bytes that one read may bring: some sixteen records of TLS.
const STAGED_BYTES: usize = 256 << 10;
