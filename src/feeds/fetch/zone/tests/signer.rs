//! TSIG signatures of answers, written from RFC 8945 alone: what the library checks, it shall not
//! have made. Signs with HMAC-SHA256, and any messages of an answer or none.

use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::base::Name;
use ring::hmac;

/// What signs the messages of an answer.
pub(super) struct Signer {
    key: hmac::Key,
    name: Vec<u8>,
    /// When it signs.
    seconds: u64,
    /// What the next signature is of, before its own message.
    pending: Vec<u8>,
    first: bool,
}

impl Signer {
    /// Signs answers to a question of this signature.
    pub(super) fn new(secret: &str, name: &str, question: &[u8], seconds: u64) -> Self {
        let secret = STANDARD.decode(secret).unwrap();
        let mut signer = Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, &secret),
            name: wire(name),
            seconds,
            pending: Vec::new(),
            first: true,
        };
        signer.follow(question);
        signer
    }

    /// Starts anew behind a signature.
    fn follow(&mut self, mac: &[u8]) {
        let len = u16::try_from(mac.len()).unwrap();
        self.pending = [&len.to_be_bytes(), mac].concat();
    }

    /// Leaves a message unsigned.
    pub(super) fn leave(&mut self, message: Vec<u8>) -> Vec<u8> {
        self.pending.extend_from_slice(&message);
        message
    }

    /// Signs a message.
    pub(super) fn sign(&mut self, mut message: Vec<u8>) -> Vec<u8> {
        let algorithm = wire("hmac-sha256");
        let time = &self.seconds.to_be_bytes()[2..];
        let fudge = 300_u16.to_be_bytes();
        let mut signed = std::mem::take(&mut self.pending);
        signed.extend_from_slice(&message);
        if std::mem::replace(&mut self.first, false) {
            // Name, class ANY, time to live 0, algorithm; then time; then no error and no more.
            signed.extend_from_slice(&self.name);
            signed.extend_from_slice(&[0, 255, 0, 0, 0, 0]);
            signed.extend_from_slice(&algorithm);
            signed.extend_from_slice(&[time, &fudge, &[0; 4]].concat());
        } else {
            signed.extend_from_slice(&[time, &fudge].concat());
        }
        let mac = hmac::sign(&self.key, &signed);
        let id = [message[0], message[1]];
        let data = [
            &algorithm[..],
            time,
            &fudge,
            &[0, 32],
            mac.as_ref(),
            &id,
            &[0; 4],
        ]
        .concat();
        message[11] += 1;
        message.extend_from_slice(&self.name);
        message.extend_from_slice(&[0, 250, 0, 255, 0, 0, 0, 0]);
        message.extend_from_slice(&u16::try_from(data.len()).unwrap().to_be_bytes());
        message.extend_from_slice(&data);
        self.follow(mac.as_ref());
        message
    }
}

/// A name as on the wire.
fn wire(name: &str) -> Vec<u8> {
    Name::<Vec<u8>>::from_str(name).unwrap().as_slice().to_vec()
}
