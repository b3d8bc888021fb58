//! The broker's side of SASL: what all mechanisms have in common, and SCRAM by the letter of
//! RFC 5802, from nothing but HMAC and a hash.

use std::net::TcpStream;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use kafka_protocol::messages::{
    SaslAuthenticateRequest, SaslAuthenticateResponse, SaslHandshakeRequest, SaslHandshakeResponse,
};
use kafka_protocol::protocol::StrBytes;
use ring::{digest, hmac};

use super::{Asked, ask_for, tell};

/// A name that SCRAM must escape, and a password that no message may show.
pub(in super::super) const NAME: &str = "a,b=c";
pub(in super::super) const PASSWORD: &str = "hunter2=,\u{e9}";

/// Agrees to `mechanism`.
pub(in super::super) fn agree(stream: &mut TcpStream, mechanism: &'static str) {
    let (asked, request) = ask_for::<SaslHandshakeRequest>(stream);
    assert_eq!(request.mechanism.as_str(), mechanism);
    let offered = ["GSSAPI", mechanism].map(StrBytes::from_static_str);
    let response = SaslHandshakeResponse::default().with_mechanisms(offered.to_vec());
    tell(stream, &asked, &response);
}

/// The next message of the client.
pub(in super::super) fn hear(stream: &mut TcpStream) -> (Asked, String) {
    let (asked, request) = ask_for::<SaslAuthenticateRequest>(stream);
    (
        asked,
        String::from_utf8(request.auth_bytes.to_vec()).unwrap(),
    )
}

/// Answers a message.
pub(in super::super) fn say(stream: &mut TcpStream, asked: &Asked, message: impl Into<Bytes>) {
    let response = SaslAuthenticateResponse::default().with_auth_bytes(message.into());
    tell(stream, asked, &response);
}

/// Refuses a message with words.
pub(in super::super) fn refuse(stream: &mut TcpStream, asked: &Asked, words: String) {
    let response = SaslAuthenticateResponse::default()
        .with_error_code(58)
        .with_error_message(Some(StrBytes::from_string(words)));
    tell(stream, asked, &response);
}

/// What a broker that follows RFC 5802 does differently.
#[derive(Clone, Copy, PartialEq)]
pub(in super::super) enum Twist {
    /// Nothing.
    None,
    /// It knows another password, and says so as Kafka does.
    OtherPassword,
    /// It does not know the password, and lets anybody in.
    Impostor,
    /// It repeats a nonce of its own.
    OtherNonce,
    /// It asks for few iterations.
    FewIterations,
    /// It says that all is well before it has proved anything.
    Hasty,
    /// It ends the exchange with a word.
    Word,
}

/// `Hi()` of RFC 5802, section 2.2.
fn stretch(hash: hmac::Algorithm, password: &str, salt: &[u8], iterations: u32) -> Vec<u8> {
    let key = hmac::Key::new(hash, password.as_bytes());
    let mut round = hmac::sign(&key, &[salt, &[0, 0, 0, 1]].concat());
    let mut result = round.as_ref().to_vec();
    for _ in 1..iterations {
        round = hmac::sign(&key, round.as_ref());
        for (byte, other) in result.iter_mut().zip(round.as_ref()) {
            *byte ^= other;
        }
    }
    result
}

/// The broker's side of SCRAM, RFC 5802, section 3.
pub(in super::super) fn scram(stream: &mut TcpStream, sha512: bool, twist: Twist) {
    let (hash, plain) = if sha512 {
        (hmac::HMAC_SHA512, &digest::SHA512)
    } else {
        (hmac::HMAC_SHA256, &digest::SHA256)
    };
    let sign = |key: &[u8], text: &str| {
        let key = hmac::Key::new(hash, key);
        hmac::sign(&key, text.as_bytes()).as_ref().to_vec()
    };
    let (asked, first) = hear(stream);
    let bare = first.strip_prefix("n,,").unwrap();
    let nonce = bare.strip_prefix("n=a=2Cb=3Dc,r=").unwrap();
    assert!(nonce.len() >= 18 && !nonce.contains(','), "{nonce}");
    let whole = match twist {
        Twist::OtherNonce => "abcdefghijklmnopqrstuvwxyz0123456789".to_owned(),
        _ => format!("{nonce}more"),
    };
    let iterations = if twist == Twist::FewIterations {
        1
    } else {
        4096
    };
    let salt = b"some salt";
    let server_first = format!("r={whole},s={},i={iterations}", STANDARD.encode(salt));
    match twist {
        Twist::Hasty => return say(stream, &asked, Bytes::new()),
        Twist::Word => return say(stream, &asked, format!("e=no {PASSWORD}")),
        _ => say(stream, &asked, server_first.clone()),
    }
    if matches!(twist, Twist::OtherNonce | Twist::FewIterations) {
        return;
    }
    let password = match twist {
        Twist::OtherPassword | Twist::Impostor => "guess",
        _ => PASSWORD,
    };
    let (asked, last) = hear(stream);
    let (without_proof, proof) = last.rsplit_once(",p=").unwrap();
    assert_eq!(without_proof, format!("c=biws,r={whole}"));
    let signed = format!("{bare},{server_first},{without_proof}");
    let salted = stretch(hash, password, salt, iterations);
    let stored = digest::digest(plain, &sign(&salted, "Client Key"));
    let signature = sign(stored.as_ref(), &signed);
    let proof = STANDARD.decode(proof).unwrap();
    assert_eq!(proof.len(), signature.len());
    let client_key: Vec<u8> = proof.iter().zip(signature).map(|(a, b)| a ^ b).collect();
    let right = digest::digest(plain, &client_key).as_ref() == stored.as_ref();
    match (twist, right) {
        (Twist::OtherPassword, false) => {
            return refuse(stream, &asked, format!("invalid {PASSWORD}"));
        }
        (Twist::Impostor, false) | (_, true) => {}
        (_, false) => panic!("the proof is wrong"),
    }
    let server_key = sign(&salted, "Server Key");
    let verifier = STANDARD.encode(sign(&server_key, &signed));
    say(stream, &asked, format!("v={verifier}"));
}
