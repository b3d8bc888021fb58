//! What can go wrong with a connection. Every message names the broker's address; none shows
//! a password. After any of these the connection is of no more use.

use std::error::Error;
use std::fmt;
use std::io;
use std::time::Duration;

use rustls::CertificateError;

use super::address::BrokerAddress;
use super::frames::FrameError;
use super::sasl::SaslError;
use super::wire::WireError;

/// What went wrong, and with which broker.
#[derive(Debug)]
pub struct ConnectionError {
    /// The broker.
    pub broker: BrokerAddress,
    /// What went wrong.
    pub fault: Fault,
}

impl fmt::Display for ConnectionError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "broker {}: {}", self.broker, self.fault)
    }
}

impl Error for ConnectionError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.fault.source()
    }
}

/// What went wrong with a broker.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// None of its addresses takes connections.
    #[error("cannot connect to any of its {tried} addresses")]
    Connect {
        /// How many there are.
        tried: usize,
        /// Why not to the last one.
        source: io::Error,
    },
    /// It was not ready in time.
    #[error("not ready within {limit:?}: still {phase}")]
    Setup {
        /// How long it had.
        limit: Duration,
        /// What it did at the end.
        phase: &'static str,
    },
    /// It did not say a word while an answer was due.
    #[error("no word for {limit:?} while {waiting} answers are due")]
    Silence {
        /// How long it had.
        limit: Duration,
        /// How many answers are due.
        waiting: usize,
    },
    /// It closed the connection between two answers.
    #[error("it closed the connection while {phase}, {waiting} answers due{hint}")]
    Closed {
        /// What it did at the end.
        phase: &'static str,
        /// How many answers are due.
        waiting: usize,
        /// What to look at.
        hint: &'static str,
    },
    /// It closed the connection in the middle of an answer.
    #[error("it closed the connection after {got} of {wanted} bytes of an answer")]
    ClosedMidway {
        /// What came.
        got: usize,
        /// What should have come.
        wanted: usize,
    },
    /// The connection broke.
    #[error("the connection broke while {phase}")]
    Broken {
        /// What it did at the end.
        phase: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// The length of an answer is impossible or larger than is allowed.
    #[error("an answer of {written} bytes is announced, which is not 4 to {max}{hint}")]
    Length {
        /// As announced.
        written: i32,
        /// What is allowed.
        max: usize,
        /// What to look at.
        hint: &'static str,
    },
    /// An answer to another question than the oldest one.
    #[error("an answer to request {got} came, where {expected} is next")]
    Correlation {
        /// The number of the oldest question.
        expected: i32,
        /// The number in the answer.
        got: i32,
    },
    /// An answer to no question.
    #[error("it sent what nobody asked for")]
    Unsolicited,
    /// The certificate comes from nobody who is trusted.
    #[error("its certificate comes from an authority that is not trusted (`ssl.ca.location`)")]
    Authority {
        /// What the library says.
        source: rustls::Error,
    },
    /// The certificate is of another host.
    #[error("its certificate is not for this host name (`ssl.endpoint.identification.algorithm`)")]
    HostName {
        /// What the library says.
        source: rustls::Error,
    },
    /// The certificate is bad in another way.
    #[error("its certificate is not valid")]
    Certificate {
        /// What the library says.
        source: rustls::Error,
    },
    /// It ended TLS, mostly because it wants another certificate of ours.
    #[error("it ended TLS (does it want a certificate, `ssl.certificate.location`?)")]
    TlsRefused {
        /// What the library says.
        source: rustls::Error,
    },
    /// TLS failed in another way.
    #[error("TLS failed (is this a listener with TLS?)")]
    Tls {
        /// What the library says.
        source: rustls::Error,
    },
    /// Neither a name nor an address that TLS could check.
    #[error("its host is not a name that TLS can check")]
    ServerName,
    /// We could not prove who we are, or the broker not who it is.
    #[error(transparent)]
    Sasl(SaslError),
    /// It refused to tell its versions.
    #[error("it refused to tell its versions (code {code})")]
    VersionsRefused {
        /// Kafka's code.
        code: i16,
    },
    /// It has no version of a request that is known here.
    #[error("request {api_key} is offered as {offered:?}, known here as {known:?}")]
    Version {
        /// Which request.
        api_key: i16,
        /// First and last version offered, if any.
        offered: Option<(i16, i16)>,
        /// First and last version known.
        known: (i16, i16),
    },
    /// An answer cannot be read.
    #[error("its answer to request {api_key} cannot be read")]
    Unreadable {
        /// Which request.
        api_key: i16,
        /// What is wrong.
        source: WireError,
    },
    /// A request cannot be written in the version that was wanted.
    #[error("request {api_key} cannot be written in version {version}")]
    Unwritable {
        /// Which request.
        api_key: i16,
        /// In which version.
        version: i16,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A request too many or too large, or before the connection is ready.
    #[error("request {api_key} cannot be sent: {why}")]
    Refused {
        /// Which request.
        api_key: i16,
        /// Why.
        why: &'static str,
    },
}

impl Fault {
    /// Whether trying again is in vain until somebody changes something, here or at the
    /// broker: credentials, certificates, versions. Worth an early word and long pauses.
    pub fn lasting(&self) -> bool {
        match self {
            Self::Authority { .. }
            | Self::HostName { .. }
            | Self::Certificate { .. }
            | Self::TlsRefused { .. }
            | Self::Tls { .. }
            | Self::ServerName
            | Self::Sasl(_)
            | Self::VersionsRefused { .. }
            | Self::Version { .. } => true,
            Self::Connect { .. }
            | Self::Setup { .. }
            | Self::Silence { .. }
            | Self::Closed { .. }
            | Self::ClosedMidway { .. }
            | Self::Broken { .. }
            | Self::Length { .. }
            | Self::Correlation { .. }
            | Self::Unsolicited
            | Self::Unreadable { .. }
            | Self::Unwritable { .. }
            | Self::Refused { .. } => false,
        }
    }

    /// What an error of a socket means, which may be one of TLS.
    pub(super) fn of_io(error: io::Error, phase: &'static str) -> Self {
        let tls = error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match tls {
            // What was good when the connection got ready can be good again.
            Some(tls) if phase != READY => Self::of_tls(tls.clone()),
            Some(_) | None => Self::Broken {
                phase,
                source: error,
            },
        }
    }

    /// What an error of TLS means.
    fn of_tls(source: rustls::Error) -> Self {
        use CertificateError::{
            BadSignature, NotValidForName, NotValidForNameContext, UnknownIssuer,
        };
        use rustls::Error::{AlertReceived, InvalidCertificate};
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "the library's own enum, which grows"
        )]
        match &source {
            // A signature is bad when an authority was made anew under its old name.
            InvalidCertificate(UnknownIssuer | BadSignature) => Self::Authority { source },
            InvalidCertificate(NotValidForName | NotValidForNameContext { .. }) => {
                Self::HostName { source }
            }
            InvalidCertificate(_) => Self::Certificate { source },
            AlertReceived(_) => Self::TlsRefused { source },
            _ => Self::Tls { source },
        }
    }

    /// What an error of an answer's bytes means.
    pub(super) fn of_frame(error: FrameError, now: &Situation) -> Self {
        let &Situation {
            phase,
            waiting,
            served,
            frame_bytes_max,
        } = now;
        match error {
            FrameError::Ended { wanted: 0, .. } => Self::Closed {
                phase,
                waiting,
                hint: if served { "" } else { CLOSED_HINT },
            },
            FrameError::Ended { got, wanted } => Self::ClosedMidway { got, wanted },
            FrameError::Length { written } => {
                // A record of TLS starts with its kind and the version 3.
                let tls = !served && matches!(written.to_be_bytes(), [0x14..=0x17, 3, ..]);
                Self::Length {
                    written,
                    max: frame_bytes_max,
                    hint: if tls { TLS_HINT } else { "" },
                }
            }
            FrameError::Io(error) => Self::of_io(error, phase),
        }
    }
}

/// How far a connection is, for what is said of its end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Situation {
    /// What it does.
    pub(super) phase: &'static str,
    /// How many answers are due.
    pub(super) waiting: usize,
    /// Whether it has answered a question that was not about the connection itself.
    pub(super) served: bool,
    /// Largest answer.
    pub(super) frame_bytes_max: usize,
}

/// What a connection does when requests may go out.
pub(super) const READY: &str = "ready";
/// What to look at when a broker closes before its first answer.
const CLOSED_HINT: &str = " (does this listener want another `security.protocol`?)";
/// What to look at when TLS comes where none was asked for.
const TLS_HINT: &str = " (these are bytes of TLS: is `security.protocol` right?)";
