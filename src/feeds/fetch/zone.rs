//! Policy zones by zone transfer: all of a zone (AXFR, RFC 5936) or what changed in it (IXFR,
//! RFC 1995), signed with TSIG (RFC 8945) where a key is given, written as a zone file that the
//! parser of policy zones reads. Only the file `target` outlives a transfer: it is the old zone or
//! the new one, and whole.
//!
//! [`transfer`] blocks, since the answer is one stream that is read to its end and written to a file
//! on the way: it belongs on a thread of its own, not on a runtime. It uses as much memory as the
//! differences take, at most [`DIFFERENCES_BYTES_MAX`], and for a whole zone that of one message.
//!
//! Records that are not below the zone's name are written as they come: the parser counts them as
//! refused, with samples, as it does in a file.

mod answer;
mod body;
mod connection;
mod differences;
mod error;
mod key;
mod line;
mod question;
mod sequence;
#[cfg(test)]
mod tests;
mod writer;

use std::net::SocketAddr;
use std::path::Path;
use std::str::FromStr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use domain::base::Name;
use domain::rdata::tsig::Time48;
use domain::tsig::Key;

pub use differences::DIFFERENCES_BYTES_MAX;
pub use error::{Failure, TransferError, Tried, TsigFault};
pub use key::{TsigAlgorithm, TsigKey};

use answer::Answer;
use body::Body;
use connection::Connection;
use error::Rcode;
use question::{Asked, Question};
use writer::Limits;

/// A zone's name.
type ZoneName = Name<Vec<u8>>;

/// Which zone, and from where.
#[derive(Clone, Debug)]
pub struct ZoneOptions {
    /// The zone's name.
    pub zone: String,
    /// Its servers, tried in order.
    pub servers: Vec<SocketAddr>,
    /// The key that questions and answers are signed with, if any.
    pub tsig: Option<TsigKey>,
    /// Longest time for all of it, a day at most. Each server gets an equal share of what is left.
    pub timeout: Duration,
    /// Most bytes that a server may send for one question, and most that the file may have.
    pub bytes_max: u64,
    /// Most records of the zone, and most that a server may send for one question.
    pub records_max: u64,
}

/// What became of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transferred {
    /// The zone is still what the file holds.
    Unchanged,
    /// The file holds a new one.
    New {
        /// The zone's serial.
        serial: u32,
        /// How many records the file holds.
        records: u64,
        /// Whether only the differences were sent.
        incremental: bool,
    },
}

/// Transfers a zone to the file `target`. `known` is the serial of the zone that the file holds, or
/// held: an older one is refused, and differences are asked for if the file is really there. `now` is
/// the time at the start, `id` the number of the question, which the answer must have too. What a
/// process that was killed more than a day before left unfinished beside the file is removed.
///
/// # Errors
/// [`TransferError`] when no server gave the zone: what the last of them did, and in short the
/// others. The file is then as it was.
pub fn transfer(
    options: &ZoneOptions,
    known: Option<u32>,
    target: &Path,
    now: SystemTime,
    id: u16,
) -> Result<Transferred, TransferError> {
    let failed = |failure| TransferError {
        zone: options.zone.clone(),
        server: None,
        before: Vec::new(),
        failure,
    };
    writer::remove_left_behind(target, now).map_err(failed)?;
    let transfer = Transfer::new(options, known, target, now, id).map_err(failed)?;
    let mut last = None;
    let mut before = Vec::new();
    for (index, server) in options.servers.iter().enumerate() {
        if let Some((server, failure)) = last.take() {
            before.push(Tried::new(server, &failure));
        }
        let n_left = u32::try_from(options.servers.len() - index).unwrap_or(u32::MAX);
        match transfer.run(*server, n_left) {
            Ok(transferred) => return Ok(transferred),
            Err(failure) => last = Some((*server, failure)),
        }
    }
    Err(match last {
        Some((server, failure)) => TransferError {
            server: Some(server),
            before,
            ..failed(failure)
        },
        None => failed(Failure::NoServer),
    })
}

/// What holds for every server that is asked.
struct Transfer<'a> {
    /// As configured.
    options: &'a ZoneOptions,
    /// The zone's name.
    zone: ZoneName,
    /// The key, its secret read.
    key: Option<Key>,
    /// The serial that nothing older may come after.
    known: Option<u32>,
    /// Whether the file holds the zone of that serial.
    held: bool,
    /// The file.
    target: &'a Path,
    /// The time at the start.
    now: SystemTime,
    /// When that was, to measure from.
    started: Instant,
    /// The number of the first question.
    id: u16,
}

/// What an answer came to.
enum Outcome {
    /// The file is what it shall be.
    Done(Transferred),
    /// The differences are none of the zone that the file holds, or the server sends none.
    Unfit,
}

impl<'a> Transfer<'a> {
    /// Reads what has to be read before anybody is asked.
    ///
    /// # Errors
    /// [`Failure`] `ZoneName`, `KeyName`, `Secret` or `SecretEncoding`.
    fn new(
        options: &'a ZoneOptions,
        known: Option<u32>,
        target: &'a Path,
        now: SystemTime,
        id: u16,
    ) -> Result<Self, Failure> {
        let zone = options.zone.to_ascii_lowercase();
        let zone = ZoneName::from_str(&zone).map_err(|_| Failure::ZoneName)?;
        let key = options.tsig.as_ref().map(TsigKey::read).transpose()?;
        let held = known.is_some_and(|known| differences::holds(target, &zone, known));
        Ok(Self {
            options,
            zone,
            key,
            known,
            held,
            target,
            now,
            started: Instant::now(),
            id,
        })
    }

    /// Transfers from one server, which is one of `n_left` that may still be asked.
    ///
    /// # Errors
    /// Why it did not.
    fn run(&self, server: SocketAddr, n_left: u32) -> Result<Transferred, Failure> {
        let timeout = self.options.timeout.min(TIMEOUT_MAX);
        let left = timeout.saturating_sub(self.started.elapsed());
        let deadline = Instant::now() + left / n_left.max(1);
        if let (Some(known), true) = (self.known, self.held) {
            match self.ask(server, deadline, Asked::Since(known), self.id) {
                Ok(Outcome::Done(transferred)) => return Ok(transferred),
                Ok(Outcome::Unfit) | Err(Failure::Rcode(Rcode::FORMERR | Rcode::NOTIMP)) => {}
                Err(failure) => return Err(failure),
            }
        }
        match self.ask(server, deadline, Asked::Whole, self.id.wrapping_add(1))? {
            Outcome::Done(transferred) => Ok(transferred),
            Outcome::Unfit => Err(Failure::OtherAuthority),
        }
    }

    /// Asks a server one question and takes the answer.
    ///
    /// # Errors
    /// Why there is none that can be used.
    fn ask(
        &self,
        server: SocketAddr,
        deadline: Instant,
        asked: Asked,
        id: u16,
    ) -> Result<Outcome, Failure> {
        let question = Question {
            zone: &self.zone,
            asked,
            id,
        };
        let (message, signed) = question.message(self.key.clone(), self.time())?;
        let limits = Limits {
            bytes: self.options.bytes_max,
            records: self.options.records_max,
        };
        let mut connection = Connection::open(server, deadline, limits.bytes)?;
        connection.send(&message)?;
        let known = self.known.map(|serial| (serial, self.held));
        let mut answer = Answer::new(question, signed, known);
        let mut body = Body::new(self.target, limits);
        let mut buffer = message;
        loop {
            buffer = connection.receive(buffer)?;
            let taken;
            (taken, buffer) = answer.take(buffer, self.time(), &mut body)?;
            match taken {
                answer::Taken::More => {}
                answer::Taken::Unchanged => return Ok(Outcome::Done(Transferred::Unchanged)),
                answer::Taken::Unfit => return Ok(Outcome::Unfit),
                answer::Taken::All => break,
            }
        }
        drop(connection);
        Ok(body.finish()?.map_or(Outcome::Unfit, Outcome::Done))
    }

    /// The time, to sign with and to compare signatures with.
    fn time(&self) -> Time48 {
        let now = self.now.checked_add(self.started.elapsed());
        let now = now.unwrap_or(self.now);
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        // A TSIG holds seconds in 48 bits, which last for millions of years.
        Time48::from_u64(since.as_secs().min(TIME_MAX))
    }
}

/// Longest time that is ever taken.
const TIMEOUT_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// The last second that fits into a TSIG.
const TIME_MAX: u64 = (1 << 48) - 1;
