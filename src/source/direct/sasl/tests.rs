//! Mechanisms against a broker of the test's own: PLAIN, SCRAM by the letter of RFC 5802, and
//! OAUTHBEARER. What is refused is said as such, and no secret is in any message.

use std::net::TcpStream;
use std::time::Instant;

use kafka_protocol::messages::{SaslAuthenticateResponse, SaslHandshakeResponse};
use proptest::prelude::*;

use super::super::error::Fault;
use super::super::testing::scram::{NAME, PASSWORD, Twist, agree, hear, refuse, say, scram};
use super::super::testing::{Client, Scripted, ask_for, stay, tell, tell_these_versions};
use super::*;
use crate::config::OauthSettings;

/// The properties of a mechanism.
fn properties(mechanism: &'static str) -> Vec<(&'static str, &'static str)> {
    vec![
        ("security.protocol", "sasl_plaintext"),
        ("sasl.mechanism", mechanism),
        ("sasl.username", NAME),
        ("sasl.password", PASSWORD),
        ("enable.sasl.oauthbearer.unsecure.jwt", "true"),
        (
            "sasl.oauthbearer.config",
            "principal=admin extension_traceId=7",
        ),
    ]
}

/// Checks that `mechanism` is agreed upon and that `script` then lets us in.
fn accepted(mechanism: &'static str, script: impl FnOnce(&mut TcpStream) + Send + 'static) {
    let broker = Scripted::with_versions(move |mut stream| {
        agree(&mut stream, mechanism);
        script(&mut stream);
        stay(stream);
    });
    let mut client = Client::new(&[broker.address()], &properties(mechanism));
    client.make_ready().unwrap();
    drop(client);
    broker.join();
}

/// What a client finds wrong with `script`, and all that it says about it.
fn refused(
    mechanism: &'static str,
    script: impl FnOnce(&mut TcpStream) + Send + 'static,
) -> (SaslError, String) {
    let broker = Scripted::with_versions(move |mut stream| {
        agree(&mut stream, mechanism);
        script(&mut stream);
        stay(stream);
    });
    let (fault, text) = Client::new(&[broker.address()], &properties(mechanism)).fault();
    broker.join();
    assert!(fault.lasting(), "{text}");
    let told = format!("{text} {fault:?}");
    for secret in [PASSWORD, "hunter2", "eyJhbGci"] {
        assert!(!told.contains(secret), "{told}");
    }
    let Fault::Sasl(error) = fault else {
        panic!("{text}");
    };
    (error, text)
}

#[test]
fn plain_tells_name_and_password() {
    accepted("PLAIN", |stream| {
        let (asked, message) = hear(stream);
        assert_eq!(asked.api_version, 2);
        assert_eq!(message, format!("\0{NAME}\0{PASSWORD}"));
        say(stream, &asked, "");
    });
}

#[test]
fn scram_with_both_hashes_is_understood_by_a_broker_that_follows_the_rfc() {
    accepted("SCRAM-SHA-256", |stream| scram(stream, false, Twist::None));
    accepted("SCRAM-SHA-512", |stream| scram(stream, true, Twist::None));
}

#[test]
fn oauth_tells_a_token_and_its_extensions() {
    accepted("OAUTHBEARER", |stream| {
        let (asked, message) = hear(stream);
        let token = message.strip_prefix("n,,\x01auth=Bearer ").unwrap();
        let token = token.strip_suffix("\x01traceId=7\x01\x01").unwrap();
        let claims = token.split('.').nth(1).unwrap();
        let claims = String::from_utf8(URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
        assert!(claims.contains(r#""sub":"admin""#), "{claims}");
        assert!(claims.contains(r#""exp":1003600"#), "{claims}");
        say(stream, &asked, "");
    });
}

#[test]
fn a_wrong_password_is_said_as_such_and_not_shown() {
    let plain = refused("PLAIN", |stream| {
        let (asked, _) = hear(stream);
        refuse(stream, &asked, format!("no {PASSWORD}\nhere"));
    });
    assert!(
        plain.1.ends_with("for PLAIN (code 58): no (secret) here"),
        "{}",
        plain.1
    );
    for (mechanism, sha512) in [("SCRAM-SHA-256", false), ("SCRAM-SHA-512", true)] {
        let (error, text) = refused(mechanism, move |stream| {
            scram(stream, sha512, Twist::OtherPassword);
        });
        assert!(
            matches!(error, SaslError::Refused { code: 58, .. }),
            "{text}"
        );
        assert!(text.contains("invalid (secret)"), "{text}");
    }
}

#[test]
fn a_refused_token_is_said_as_such_and_not_shown() {
    let words = refused("OAUTHBEARER", |stream| {
        let (asked, message) = hear(stream);
        let token = message["n,,\x01auth=Bearer ".len()..].to_owned();
        let token = token.split('\x01').next().unwrap().to_owned();
        refuse(stream, &asked, format!("bad token {token}"));
    });
    assert!(words.1.ends_with("bad token (secret)"), "{}", words.1);
    // As RFC 7628 has it, in what looks like success.
    let (error, text) = refused("OAUTHBEARER", |stream| {
        let (asked, _) = hear(stream);
        say(stream, &asked, r#"{"status":"invalid_token"}"#);
    });
    assert!(
        matches!(error, SaslError::Refused { code: 0, .. }),
        "{text}"
    );
    assert!(text.contains("invalid_token"), "{text}");
}

#[test]
fn a_broker_that_does_not_prove_itself_with_scram_is_refused() {
    for (twist, expected) in [
        (Twist::Impostor, ScramError::Signature),
        (Twist::OtherNonce, ScramError::Nonce),
        (Twist::FewIterations, ScramError::Iterations(1)),
        (Twist::Hasty, ScramError::Malformed),
        (Twist::Word, ScramError::Server("no (secret)".to_owned())),
    ] {
        for (mechanism, sha512) in [("SCRAM-SHA-256", false), ("SCRAM-SHA-512", true)] {
            let (error, text) = refused(mechanism, move |stream| scram(stream, sha512, twist));
            let SaslError::Scram { source, .. } = error else {
                panic!("{text}");
            };
            assert_eq!(source, expected, "{text}");
        }
    }
}

#[test]
fn a_mechanism_that_is_not_offered_is_told_with_those_that_are() {
    let broker = Scripted::with_versions(|mut stream| {
        let (asked, _) = ask_for::<SaslHandshakeRequest>(&mut stream);
        let offered = ["GSSAPI", "PLAIN"].map(StrBytes::from_static_str);
        let response = SaslHandshakeResponse::default()
            .with_error_code(33)
            .with_mechanisms(offered.to_vec());
        tell(&mut stream, &asked, &response);
        stay(stream);
    });
    let properties = properties("SCRAM-SHA-512");
    let (_, text) = Client::new(&[broker.address()], &properties).fault();
    assert!(
        text.contains(r#"SCRAM-SHA-512, only ["GSSAPI", "PLAIN"]"#),
        "{text}"
    );
    broker.join();
}

#[test]
fn a_broker_without_sasl_is_told() {
    for apis in [&[[1, 4, 12]][..], &[[17, 0, 0]], &[[17, 0, 1], [1, 4, 12]]] {
        let broker = Scripted::new(move |mut stream| {
            tell_these_versions(&mut stream, apis);
            if apis[0] == [17, 0, 1] {
                agree(&mut stream, "PLAIN");
            }
            stay(stream);
        });
        let (fault, text) = Client::new(&[broker.address()], &properties("PLAIN")).fault();
        assert!(matches!(fault, Fault::Version { .. }), "{text}");
        broker.join();
    }
}

#[test]
fn a_session_is_renewed_before_its_end_if_it_has_one() {
    for (version, lifetime_ms, expected_s) in [
        (2, 100_000, Some(85)),
        (1, 100_000, Some(85)),
        (0, 0, None),
        (2, 0, None),
        (2, -1, None),
        (2, i64::MIN, None),
    ] {
        let broker = Scripted::new(move |mut stream| {
            tell_these_versions(&mut stream, &[[17, 0, 1], [36, 0, version]]);
            agree(&mut stream, "PLAIN");
            let (asked, _) = hear(&mut stream);
            assert_eq!(asked.api_version, version);
            let response =
                SaslAuthenticateResponse::default().with_session_lifetime_ms(lifetime_ms);
            tell(&mut stream, &asked, &response);
            stay(stream);
        });
        let mut client = Client::new(&[broker.address()], &properties("PLAIN"));
        let before = Instant::now();
        client.make_ready().unwrap();
        let renew_at = client.connection.renew_at();
        let life = expected_s.map(Duration::from_secs);
        assert_eq!(renew_at.is_some(), life.is_some(), "{lifetime_ms}");
        if let (Some(renew_at), Some(life)) = (renew_at, life) {
            assert!((before + life..=Instant::now() + life).contains(&renew_at));
        }
        drop(client);
        broker.join();
    }
}

#[test]
fn a_life_without_end_does_no_harm() {
    let mut body = vec![0, 0, 0, 0, 1];
    body.extend(i64::MAX.to_be_bytes());
    body.push(0);
    let answer = Authenticated::read(&body, 2).unwrap();
    let life = answer.lifetime.unwrap().mul_f64(0.85);
    let _ = Instant::now().checked_add(life);
}

/// All mechanisms.
fn mechanisms() -> Vec<SaslSettings> {
    let account = Account {
        username: NAME.to_owned(),
        password: PASSWORD.to_owned(),
    };
    vec![
        SaslSettings::Plain(account.clone()),
        SaslSettings::ScramSha256(account.clone()),
        SaslSettings::ScramSha512(account),
        SaslSettings::OauthUnsecured(OauthSettings::read("principal=a").unwrap()),
    ]
}

proptest! {
    #[test]
    fn no_answer_breaks_an_exchange_and_none_shows_a_secret(
        bytes in proptest::collection::vec(any::<u8>(), 0..60),
        prefix in prop::sample::select(vec![
            &b""[..], b"\0\0", b"\0\0\0\0\0", b"\0\0\xff\xff\0\0\0\x20r=", b"\0\x3a\0\x0dhunter2=,\xc3\xa9",
        ]),
        version in 0_i16..=2,
    ) {
        let answer = [prefix, &bytes].concat();
        for settings in mechanisms() {
            let mut exchange = Exchange::new(&settings);
            let named = exchange.answer(&answer, version, Duration::ZERO);
            let result = if named.is_ok() {
                exchange.answer(&answer, version, Duration::ZERO)
            } else {
                named
            };
            if let Err(error) = result {
                let told = format!("{error} {error:?}");
                prop_assert!(!told.contains(PASSWORD), "{}", told);
            }
        }
    }
}
