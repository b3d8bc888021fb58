//! SCRAM (RFC 5802, RFC 7677) with SHA-256 and SHA-512: the client's side of the exchange, as
//! texts in and out. The password never leaves; the broker must prove that it knows it too.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac, pbkdf2};

use super::security::Account;

/// Which hash is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ScramHash {
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

impl ScramHash {
    /// It in its three uses.
    fn algorithms(
        self,
    ) -> (
        pbkdf2::Algorithm,
        hmac::Algorithm,
        &'static digest::Algorithm,
    ) {
        match self {
            Self::Sha256 => (
                pbkdf2::PBKDF2_HMAC_SHA256,
                hmac::HMAC_SHA256,
                &digest::SHA256,
            ),
            Self::Sha512 => (
                pbkdf2::PBKDF2_HMAC_SHA512,
                hmac::HMAC_SHA512,
                &digest::SHA512,
            ),
        }
    }
}

/// Why an exchange ends without agreement.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScramError {
    /// A message is not one of SCRAM.
    #[error("its message is not one of SCRAM")]
    Malformed,
    /// The nonce does not go on from ours: someone repeats an old exchange.
    #[error("its nonce does not continue ours")]
    Nonce,
    /// Too few iterations protect nothing; too many only keep us busy.
    #[error("it asks for {0} iterations, not {ITERATIONS_MIN} to {ITERATIONS_MAX}")]
    Iterations(u64),
    /// It does not know the password: whoever answers is not the broker.
    #[error("its signature is wrong, so it does not know the password")]
    Signature,
    /// It ended the exchange with a word of its own.
    #[error("it ended the exchange: {0}")]
    Server(String),
}

/// An exchange whose first message was sent.
pub(super) struct ScramStart {
    hash: ScramHash,
    password: String,
    nonce: String,
    /// The first message without its header.
    bare: String,
}

/// An exchange whose proof was sent.
pub(super) struct ScramProof {
    /// What the broker must prove to know.
    server_key: hmac::Key,
    /// What both sides have signed.
    signed: String,
}

impl ScramStart {
    /// Starts an exchange; `nonce` is printable, without commas, and never used before.
    /// Returns the first message as well.
    pub(super) fn new(hash: ScramHash, account: &Account, nonce: String) -> (Self, Vec<u8>) {
        let name = account.username.replace('=', "=3D").replace(',', "=2C");
        let bare = format!("n={name},r={nonce}");
        let message = format!("n,,{bare}").into_bytes();
        let start = Self {
            hash,
            password: account.password.clone(),
            nonce,
            bare,
        };
        (start, message)
    }

    /// Takes the broker's first message; returns the proof to send. Takes the time of the
    /// iterations, some 0.2 s at most.
    pub(super) fn prove(self, message: &[u8]) -> Result<(ScramProof, Vec<u8>), ScramError> {
        let message = std::str::from_utf8(message).map_err(|_| ScramError::Malformed)?;
        if message.len() > MESSAGE_BYTES_MAX {
            return Err(ScramError::Malformed);
        }
        if let Some(word) = message.strip_prefix("e=") {
            return Err(ScramError::Server(word.to_owned()));
        }
        let mut parts = message.split(',');
        let mut part = |name| parts.next().and_then(|part: &str| part.strip_prefix(name));
        let nonce = part("r=").ok_or(ScramError::Malformed)?;
        let salt = part("s=").ok_or(ScramError::Malformed)?;
        let iterations = part("i=").ok_or(ScramError::Malformed)?;
        if nonce.len() <= self.nonce.len() || !nonce.starts_with(&self.nonce) {
            return Err(ScramError::Nonce);
        }
        let salt = STANDARD.decode(salt).map_err(|_| ScramError::Malformed)?;
        let iterations: u64 = iterations.parse().map_err(|_| ScramError::Malformed)?;
        let allowed = u32::try_from(iterations)
            .ok()
            .filter(|count| (ITERATIONS_MIN..=ITERATIONS_MAX).contains(count))
            .and_then(std::num::NonZeroU32::new)
            .ok_or(ScramError::Iterations(iterations))?;

        let (stretch, sign, hash) = self.hash.algorithms();
        let mut salted = vec![0; hash.output_len()];
        pbkdf2::derive(
            stretch,
            allowed,
            &salt,
            self.password.as_bytes(),
            &mut salted,
        );
        let salted = hmac::Key::new(sign, &salted);
        let client_key = hmac::sign(&salted, b"Client Key");
        let server_key = hmac::sign(&salted, b"Server Key");
        let stored_key = digest::digest(hash, client_key.as_ref());

        let without_proof = format!("c={BINDING},r={nonce}");
        let signed = format!("{},{message},{without_proof}", self.bare);
        let stored_key = hmac::Key::new(sign, stored_key.as_ref());
        let signature = hmac::sign(&stored_key, signed.as_bytes());
        let both = client_key.as_ref().iter().zip(signature.as_ref());
        let proof: Vec<u8> = both.map(|(key, signature)| key ^ signature).collect();
        let answer = format!("{without_proof},p={}", STANDARD.encode(proof));
        let proof = ScramProof {
            server_key: hmac::Key::new(sign, server_key.as_ref()),
            signed,
        };
        Ok((proof, answer.into_bytes()))
    }
}

impl ScramProof {
    /// Takes the broker's last message: its own proof.
    pub(super) fn check(&self, message: &[u8]) -> Result<(), ScramError> {
        let message = std::str::from_utf8(message).map_err(|_| ScramError::Malformed)?;
        if let Some(word) = message.strip_prefix("e=") {
            return Err(ScramError::Server(word.to_owned()));
        }
        let first = message
            .split(',')
            .next()
            .and_then(|part| part.strip_prefix("v="));
        let signature = first.ok_or(ScramError::Malformed)?;
        let signature = STANDARD
            .decode(signature)
            .map_err(|_| ScramError::Malformed)?;
        hmac::verify(&self.server_key, self.signed.as_bytes(), &signature)
            .map_err(|_| ScramError::Signature)
    }
}

/// "No channel binding", in base64.
const BINDING: &str = "biws";
/// Fewest iterations (RFC 7677; Kafka's own least).
const ITERATIONS_MIN: u32 = 4096;
/// Most iterations: a worker waits for them. Kafka's own most is 16,384.
const ITERATIONS_MAX: u32 = 262_144;
/// Longest message of a broker, in bytes.
const MESSAGE_BYTES_MAX: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    const NONCE: &str = "rOprNGfwEbeRWgbNEkqO";
    const FIRST: &str = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                         s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";

    fn start(hash: ScramHash) -> ScramStart {
        let account = Account {
            username: "user".to_owned(),
            password: "pencil".to_owned(),
        };
        ScramStart::new(hash, &account, NONCE.to_owned()).0
    }

    #[track_caller]
    fn fails(first: &str, expected: &ScramError) {
        let error = start(ScramHash::Sha256).prove(first.as_bytes()).err();
        assert_eq!(error.as_ref(), Some(expected), "{first}");
    }

    #[test]
    fn the_example_of_rfc_7677_comes_out() {
        let (proof, answer) = start(ScramHash::Sha256).prove(FIRST.as_bytes()).unwrap();
        assert_eq!(
            String::from_utf8(answer).unwrap(),
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
             p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        let last = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";
        assert_eq!(proof.check(last), Ok(()));
        let other = b"v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";
        assert_eq!(proof.check(other), Err(ScramError::Signature));
        assert_eq!(proof.check(b"v="), Err(ScramError::Signature));
        assert_eq!(proof.check(b""), Err(ScramError::Malformed));
        assert_eq!(
            proof.check(b"e=other-error"),
            Err(ScramError::Server("other-error".to_owned()))
        );
    }

    #[test]
    fn the_same_exchange_with_sha_512_comes_out_as_another_implementation_has_it() {
        let (proof, answer) = start(ScramHash::Sha512).prove(FIRST.as_bytes()).unwrap();
        let answer = String::from_utf8(answer).unwrap();
        assert!(
            answer.ends_with(
                ",p=gMGXRcevScNtxZ6/8lQYpGtnsNAc3mGcmNomv+xnoOMw+3R2xNJdMNnzMlTN8PPC6wdp6dybEmDY\
                 XYTxwnYPJQ=="
            ),
            "{answer}"
        );
        let last = "v=ZQnYEgWQMFmmsM8aQMF0nDDCy/AgCzkwk8CmMZYcMg0vSVlKDanekLtifDSeVGT4+5ZxXnJq\
                    199RVG2rR7N7Zw==";
        assert_eq!(proof.check(last.as_bytes()), Ok(()));
        assert_eq!(
            proof.check(&last.as_bytes()[..30]),
            Err(ScramError::Signature)
        );
    }

    #[test]
    fn names_are_escaped() {
        let account = Account {
            username: "a=b,c".to_owned(),
            password: String::new(),
        };
        let (_, message) = ScramStart::new(ScramHash::Sha256, &account, "x".to_owned());
        assert_eq!(message, b"n,,n=a=3Db=2Cc,r=x");
    }

    #[test]
    fn a_broker_that_asks_for_too_little_or_too_much_is_refused() {
        for iterations in [0, 1, 4095, 262_145, u64::MAX] {
            fails(
                &FIRST.replace("4096", &iterations.to_string()),
                &ScramError::Iterations(iterations),
            );
        }
    }

    #[test]
    fn a_broker_that_does_not_play_by_the_rules_is_refused() {
        fails("", &ScramError::Malformed);
        fails("m=x,r=y,s=,i=4096", &ScramError::Malformed);
        fails(
            "e=unknown-user",
            &ScramError::Server("unknown-user".to_owned()),
        );
        fails(&FIRST.replace("r=rO", "r=xO"), &ScramError::Nonce);
        fails(
            &format!("r={NONCE},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"),
            &ScramError::Nonce,
        );
        fails(&FIRST.replace("s=W22", "s=!!"), &ScramError::Malformed);
        fails(&FIRST.replace("4096", "-1"), &ScramError::Malformed);
        fails(
            &format!("{FIRST}{}", ",x=".repeat(2000)),
            &ScramError::Malformed,
        );
    }
}
