//! Why a zone could not be transferred.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::path::PathBuf;

/// A transfer that failed. The file is as it was.
#[derive(Debug, thiserror::Error)]
#[error("cannot transfer zone {zone}{}{}", From(*.server), Before(.before))]
pub struct TransferError {
    /// The zone.
    pub zone: String,
    /// The last server that was asked; none if nobody was.
    pub server: Option<SocketAddr>,
    /// Those that were asked before.
    pub before: Vec<Tried>,
    /// Why it failed.
    #[source]
    pub failure: Failure,
}

impl TransferError {
    /// The value of a `reason` label: a small closed set.
    pub fn reason(&self) -> &'static str {
        self.failure.reason()
    }
}

/// A server that was asked before another, in vain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tried {
    /// The server.
    pub server: SocketAddr,
    /// The reason.
    pub reason: &'static str,
}

impl Tried {
    /// What came of asking `server`.
    pub(super) fn new(server: SocketAddr, failure: &Failure) -> Self {
        Self {
            server,
            reason: failure.reason(),
        }
    }
}

/// Why a transfer failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// What is configured as the zone's name is no name.
    #[error("the name of the zone is no domain name")]
    ZoneName,
    /// No server is configured.
    #[error("no server is given")]
    NoServer,
    /// What is configured as the key's name is no name.
    #[error("the name of the key is no domain name")]
    KeyName,
    /// The secret cannot be read.
    #[error("cannot read the secret of the key in {}", path.display())]
    Secret {
        /// Its file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The secret is not written as one. What it says instead is nobody's business.
    #[error("the secret of the key in {} is not base64", path.display())]
    SecretEncoding {
        /// Its file.
        path: PathBuf,
    },
    /// No connection.
    #[error("cannot connect")]
    Connect {
        /// Why.
        source: io::Error,
    },
    /// The connection broke.
    #[error("the connection failed")]
    Connection {
        /// How.
        source: io::Error,
    },
    /// The server closed the connection before the zone was whole.
    #[error("the server closed the connection in the middle of the zone")]
    Cut,
    /// The time is over.
    #[error("the server did not send the zone in time")]
    Timeout,
    /// A limit on bytes was exceeded.
    #[error("the zone has more than {max} bytes")]
    TooManyBytes {
        /// The limit.
        max: u64,
    },
    /// A limit on records was exceeded.
    #[error("the zone has more than {max} records")]
    TooManyRecords {
        /// The limit.
        max: u64,
    },
    /// What came is no DNS message, or none that answers.
    #[error("the server's message {what}")]
    Malformed {
        /// What about it.
        what: &'static str,
    },
    /// The answer to another question, by its number.
    #[error("the server answers a question with another number")]
    WrongId,
    /// The answer to another question.
    #[error("the server answers another question")]
    WrongQuestion,
    /// The server says that there is more than it sends.
    #[error("the server cut a message short")]
    Truncated,
    /// The server refuses.
    #[error("the server answers {0}")]
    Rcode(Rcode),
    /// Who signed, or that nobody did, is not as agreed.
    #[error("TSIG: {0}")]
    Tsig(TsigFault),
    /// An answer starts with the SOA record of the zone.
    #[error("the first record is not the zone's SOA")]
    NoHead,
    /// An answer ends with the SOA record that it starts with.
    #[error("the last record is not the SOA that the zone starts with")]
    OtherAuthority,
    /// Something follows the end.
    #[error("records follow the end of the zone")]
    AfterEnd,
    /// The zone is older than the one we had.
    #[error("the zone went back from serial {known} to {offered}")]
    Rollback {
        /// What we had.
        known: u32,
        /// What there is.
        offered: u32,
    },
    /// The file cannot be read or written.
    #[error("cannot write the zone to {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Failure {
    /// What an error to connect means.
    pub(super) fn of_connecting(source: io::Error) -> Self {
        if LATE.contains(&source.kind()) {
            Self::Timeout
        } else {
            Self::Connect { source }
        }
    }

    /// What an error of a connection means.
    pub(super) fn of_connection(source: io::Error) -> Self {
        if LATE.contains(&source.kind()) {
            Self::Timeout
        } else if GONE.contains(&source.kind()) {
            Self::Cut
        } else {
            Self::Connection { source }
        }
    }

    /// The value of a `reason` label: a small closed set.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::ZoneName => "zone_name",
            Self::NoServer => "no_server",
            Self::KeyName => "key_name",
            Self::Secret { .. } | Self::SecretEncoding { .. } => "secret",
            Self::Connect { .. } => "connect",
            Self::Connection { .. } => "connection",
            Self::Cut => "cut",
            Self::Timeout => "timeout",
            Self::TooManyBytes { .. } => "too_many_bytes",
            Self::TooManyRecords { .. } => "too_many_records",
            Self::Malformed { .. } => "malformed",
            Self::WrongId => "wrong_id",
            Self::WrongQuestion => "wrong_question",
            Self::Truncated => "truncated",
            Self::Rcode(Rcode::REFUSED) => "refused",
            Self::Rcode(Rcode::NOTAUTH) => "not_auth",
            Self::Rcode(_) => "rcode",
            Self::Tsig(fault) => fault.reason(),
            Self::NoHead => "no_soa_first",
            Self::OtherAuthority => "no_soa_last",
            Self::AfterEnd => "after_end",
            Self::Rollback { .. } => "rollback",
            Self::Write { .. } => "write",
        }
    }
}

/// Errors that say that the time is over.
const LATE: [ErrorKind; 2] = [ErrorKind::TimedOut, ErrorKind::WouldBlock];

/// Errors that say that the other side is gone.
const GONE: [ErrorKind; 4] = [
    ErrorKind::UnexpectedEof,
    ErrorKind::ConnectionReset,
    ErrorKind::ConnectionAborted,
    ErrorKind::BrokenPipe,
];

/// How a server refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rcode(pub u8);

impl Rcode {
    /// It does not understand.
    pub const FORMERR: Self = Self(1);
    /// It cannot do that.
    pub const NOTIMP: Self = Self(4);
    /// It does not want to.
    pub const REFUSED: Self = Self(5);
    /// It is no server of the zone, or does not know who asks.
    pub const NOTAUTH: Self = Self(9);
}

impl fmt::Display for Rcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            1 => "FORMERR: it does not understand the question",
            2 => "SERVFAIL: it has no zone to give, perhaps it expired there",
            3 => "NXDOMAIN: it has no such zone",
            4 => "NOTIMP: it does no such transfers",
            5 => "REFUSED: it does not give us this zone",
            9 => "NOTAUTH: it is no server of this zone, or does not take our key",
            other => return write!(f, "with error {other}"),
        })
    }
}

/// What is wrong with a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TsigFault {
    /// The server does not know the key.
    #[error("the server says BADKEY, it does not know the key by this name and algorithm")]
    ServerBadKey,
    /// The server has another secret.
    #[error("the server says BADSIG, the secret of the key is not the one that it has")]
    ServerBadSig,
    /// The server has another time.
    #[error("the server says BADTIME, its clock and ours differ{}", Seconds(*.seconds))]
    ServerBadTime {
        /// By how many seconds the server's is ahead, if it says so.
        seconds: Option<i64>,
    },
    /// The server wants longer signatures.
    #[error("the server says BADTRUNC, it wants longer signatures")]
    ServerBadTrunc,
    /// The answer is not signed.
    #[error("the question was signed and the answer is not")]
    Unsigned,
    /// Too many messages in a row are not signed, or the last is not.
    #[error("too many messages are not signed, or the last one is not")]
    TooManyUnsigned,
    /// The answer is signed with another key.
    #[error("the answer is signed with another key")]
    OtherKey,
    /// The signature is wrong.
    #[error("the signature of the answer is wrong")]
    BadSignature,
    /// The signature is too old or too new.
    #[error("the answer was signed at another time than ours")]
    BadTime,
    /// The signature's record cannot be read, or stands where none may.
    #[error("the signature of the answer cannot be read")]
    Malformed,
}

impl TsigFault {
    /// The value of a `reason` label: a small closed set.
    pub fn reason(self) -> &'static str {
        match self {
            Self::ServerBadKey | Self::OtherKey => "tsig_bad_key",
            Self::ServerBadSig | Self::BadSignature => "tsig_bad_sig",
            Self::ServerBadTime { .. } | Self::BadTime => "tsig_bad_time",
            Self::ServerBadTrunc => "tsig_bad_trunc",
            Self::Unsigned | Self::TooManyUnsigned => "tsig_unsigned",
            Self::Malformed => "tsig_malformed",
        }
    }
}

/// A server as the end of a sentence.
struct From(Option<SocketAddr>);

impl fmt::Display for From {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |server| write!(f, " from {server}"))
    }
}

/// Servers that were asked before, as the end of a sentence.
struct Before<'t>(&'t [Tried]);

impl fmt::Display for Before<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|tried| write!(f, ", nor from {} ({})", tried.server, tried.reason))
    }
}

/// By how much clocks differ, as the end of a sentence.
struct Seconds(Option<i64>);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(seconds) => write!(f, " by {} s", seconds.unsigned_abs()),
            None => Ok(()),
        }
    }
}
