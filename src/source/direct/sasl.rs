//! SASL within Kafka's own requests: which mechanism, its messages one after the other, and
//! how long the broker believes them. Only bytes in and out; whoever calls sends them.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::BytesMut;
use kafka_protocol::messages::{SaslAuthenticateRequest, SaslHandshakeRequest};
use kafka_protocol::protocol::{Encodable as _, StrBytes};
use ring::rand::{SecureRandom, SystemRandom};

use super::scram::{ScramError, ScramHash, ScramProof, ScramStart};
use super::security::{Account, SaslSettings};
use super::wire::{Wire, WireError};

/// The api key that names a mechanism.
pub(super) const SASL_HANDSHAKE: i16 = 17;
/// Its version from which on messages travel in requests of their own.
pub(super) const SASL_HANDSHAKE_VERSION: i16 = 1;
/// The api key that carries the messages of a mechanism.
pub(super) const SASL_AUTHENTICATE: i16 = 36;
/// The newest version of it that is used; from version 1 on sessions have a life.
pub(super) const SASL_AUTHENTICATE_VERSION_MAX: i16 = 2;

/// Why we could not prove who we are, or the broker not who it is.
#[derive(Debug, thiserror::Error)]
pub enum SaslError {
    /// The broker does not have the mechanism.
    #[error("it does not offer the mechanism {mechanism}, only {offered:?}")]
    Mechanism {
        /// What is configured.
        mechanism: &'static str,
        /// What it has.
        offered: Vec<String>,
    },
    /// The broker refused name, password or token.
    #[error("it refused our credentials for {mechanism} (code {code}): {message}")]
    Refused {
        /// What is configured.
        mechanism: &'static str,
        /// Kafka's code.
        code: i16,
        /// Its own words, cut and without the password.
        message: String,
    },
    /// The exchange of SCRAM failed.
    #[error("the exchange of {mechanism} failed")]
    Scram {
        /// What is configured.
        mechanism: &'static str,
        /// What is wrong.
        source: ScramError,
    },
    /// An answer cannot be read.
    #[error("its answer for {mechanism} cannot be read")]
    Unreadable {
        /// What is configured.
        mechanism: &'static str,
        /// What is wrong.
        source: WireError,
    },
    /// The system has no random numbers.
    #[error("the system gives no random numbers")]
    Random,
}

/// An exchange under way.
pub(super) struct Exchange {
    settings: SaslSettings,
    /// The password or the token, which no message shows, even if the broker says it.
    secret: String,
    step: Step,
}

/// What the next answer means.
enum Step {
    /// The mechanism was named.
    Named,
    /// The one message of PLAIN or OAUTHBEARER was sent.
    Told,
    /// SCRAM's first message was sent.
    Started(ScramStart),
    /// SCRAM's proof was sent.
    Proved(ScramProof),
}

/// What to do after an answer.
pub(super) enum Next {
    /// Send this message.
    Send(Vec<u8>),
    /// Done. The broker believes it for so long, if it says.
    Done(Option<Duration>),
}

impl Exchange {
    /// An exchange with nothing sent yet.
    pub(super) fn new(settings: &SaslSettings) -> Self {
        let secret = match settings {
            SaslSettings::Plain(account)
            | SaslSettings::ScramSha256(account)
            | SaslSettings::ScramSha512(account) => account.password.clone(),
            SaslSettings::OauthUnsecured(_) => String::new(),
        };
        Self {
            settings: settings.clone(),
            secret,
            step: Step::Named,
        }
    }

    /// The body of the request that names the mechanism.
    pub(super) fn handshake(&self) -> BytesMut {
        let mechanism = StrBytes::from_static_str(self.settings.mechanism());
        let request = SaslHandshakeRequest::default().with_mechanism(mechanism);
        let mut body = BytesMut::new();
        // A text of a few letters fits in every version.
        let _ = request.encode(&mut body, SASL_HANDSHAKE_VERSION);
        body
    }

    /// The body of the request that carries `message`.
    pub(super) fn authenticate(message: Vec<u8>, version: i16) -> BytesMut {
        let request = SaslAuthenticateRequest::default().with_auth_bytes(message.into());
        let mut body = BytesMut::new();
        // Messages are short, and fit in every version.
        let _ = request.encode(&mut body, version);
        body
    }

    /// Takes an answer: the first is to the mechanism's name, the others (in `version`) to
    /// messages. `unix_time` is when a token starts to be good.
    pub(super) fn answer(
        &mut self,
        body: &[u8],
        version: i16,
        unix_time: Duration,
    ) -> Result<Next, SaslError> {
        let mechanism = self.settings.mechanism();
        let unreadable = |source| SaslError::Unreadable { mechanism, source };
        if matches!(self.step, Step::Named) {
            self.named(body)?;
            let (step, message) = self.begin(unix_time)?;
            self.step = step;
            return Ok(Next::Send(message));
        }
        let answer = Authenticated::read(body, version).map_err(unreadable)?;
        if answer.code != 0 {
            let message = self.scrub(&answer.message);
            return Err(self.refused(answer.code, message));
        }
        let step = std::mem::replace(&mut self.step, Step::Told);
        let scram = |source| SaslError::Scram {
            mechanism,
            source: self.scrub_scram(source),
        };
        match step {
            Step::Started(start) => {
                let (proof, message) = start.prove(&answer.bytes).map_err(scram)?;
                self.step = Step::Proved(proof);
                Ok(Next::Send(message))
            }
            Step::Proved(proof) => {
                proof.check(&answer.bytes).map_err(scram)?;
                Ok(Next::Done(answer.lifetime))
            }
            // With OAUTHBEARER a refusal is a text in an answer that looks like success.
            Step::Named | Step::Told if !answer.bytes.is_empty() && self.is_oauth() => {
                let message = self.scrub(&String::from_utf8_lossy(&answer.bytes));
                Err(self.refused(answer.code, message))
            }
            Step::Named | Step::Told => Ok(Next::Done(answer.lifetime)),
        }
    }

    /// Whether the mechanism is OAUTHBEARER.
    fn is_oauth(&self) -> bool {
        matches!(self.settings, SaslSettings::OauthUnsecured(_))
    }

    /// A refusal.
    fn refused(&self, code: i16, message: String) -> SaslError {
        SaslError::Refused {
            mechanism: self.settings.mechanism(),
            code,
            message,
        }
    }

    /// Reads the answer to the mechanism's name.
    fn named(&self, body: &[u8]) -> Result<(), SaslError> {
        let mechanism = self.settings.mechanism();
        let unreadable = |source| SaslError::Unreadable { mechanism, source };
        let mut wire = Wire::new(body, false);
        let code = wire.int16().map_err(unreadable)?;
        if code == 0 {
            return Ok(());
        }
        let mut offered = Vec::new();
        for _ in 0..wire.count(MECHANISMS_MAX).map_err(unreadable)? {
            offered.push(self.scrub(wire.text().map_err(unreadable)?));
        }
        Err(SaslError::Mechanism { mechanism, offered })
    }

    /// The first message of the mechanism.
    fn begin(&mut self, unix_time: Duration) -> Result<(Step, Vec<u8>), SaslError> {
        let scram = |hash, account| -> Result<(Step, Vec<u8>), SaslError> {
            let (start, message) = ScramStart::new(hash, account, nonce()?);
            Ok((Step::Started(start), message))
        };
        match &self.settings {
            SaslSettings::Plain(Account { username, password }) => {
                let message = format!("\0{username}\0{password}").into_bytes();
                Ok((Step::Told, message))
            }
            SaslSettings::ScramSha256(account) => scram(ScramHash::Sha256, account),
            SaslSettings::ScramSha512(account) => scram(ScramHash::Sha512, account),
            SaslSettings::OauthUnsecured(oauth) => {
                self.secret = oauth.token(unix_time).text;
                Ok((Step::Told, oauth.message(&self.secret)))
            }
        }
    }

    /// The words of a broker, cut, on one line and without our secret.
    fn scrub(&self, words: &str) -> String {
        let words = if self.secret.is_empty() {
            words.to_owned()
        } else {
            words.replace(&self.secret, "(secret)")
        };
        let plain = |char: char| if char.is_control() { ' ' } else { char };
        words.chars().map(plain).take(WORDS_CHARS_MAX).collect()
    }

    /// The same for what ends an exchange of SCRAM.
    fn scrub_scram(&self, error: ScramError) -> ScramError {
        match error {
            ScramError::Server(words) => ScramError::Server(self.scrub(&words)),
            ScramError::Malformed
            | ScramError::Nonce
            | ScramError::Iterations(_)
            | ScramError::Signature => error,
        }
    }
}

/// An answer to a message.
struct Authenticated {
    code: i16,
    message: String,
    bytes: Vec<u8>,
    /// How long the broker believes us.
    lifetime: Option<Duration>,
}

impl Authenticated {
    /// Reads the body of an answer in `version`.
    fn read(body: &[u8], version: i16) -> Result<Self, WireError> {
        let mut wire = Wire::new(body, version >= 2);
        let code = wire.int16()?;
        let message = wire.text_or_null()?.unwrap_or_default().to_owned();
        let bytes = wire.bytes()?.to_owned();
        let lifetime = if version >= 1 { wire.int64()? } else { 0 };
        let lifetime = u64::try_from(lifetime).ok().filter(|ms| *ms > 0);
        Ok(Self {
            code,
            message,
            bytes,
            lifetime: lifetime.map(Duration::from_millis),
        })
    }
}

/// A nonce that was never used before: 144 random bits in letters.
fn nonce() -> Result<String, SaslError> {
    let mut bytes = [0; 18];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| SaslError::Random)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// Most mechanisms that a broker may name.
const MECHANISMS_MAX: usize = 32;
/// How much of a broker's words is shown.
const WORDS_CHARS_MAX: usize = 300;

#[cfg(test)]
mod tests;
