//! Brokers with good and bad certificates, and what is said of them; TLS that is cut, dripped
//! or something else altogether.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use rustls::version::{TLS12, TLS13};

use super::super::access::{Access, AccessError};
use super::super::error::Fault;
use super::super::testing::authority::{
    Authority, Encrypted, Identity, beneath, encrypted, server,
};
use super::super::testing::{Client, Scripted, ask, frame, stay, tell_versions};
use super::*;

/// The last year of what is good for long.
const LAST: i32 = 4000;

/// A broker that tells its versions over TLS and stays.
fn broker(identity: &Identity, clients: Option<&Authority>) -> Scripted {
    encrypted(server(identity, clients, &[&TLS13, &TLS12]), 4096, settle)
}

/// Tells versions and stays.
fn settle(mut stream: Encrypted) {
    tell_versions(&mut stream);
    stay(beneath(stream));
}

/// Whether a client with `properties` gets ready, or what it finds wrong.
fn outcome(broker: Scripted, properties: &[(&str, &str)]) -> Result<(), (Fault, String)> {
    let mut all = vec![("security.protocol", "ssl")];
    all.extend(properties);
    let mut client = Client::new(&[broker.address()], &all);
    let result = client.make_ready();
    drop(client);
    broker.join();
    result.map_err(|error| {
        let text = error.to_string();
        assert!(text.contains("localhost"), "{text}");
        (error.fault, text)
    })
}

/// The fault that a client with `properties` finds.
fn fault(broker: Scripted, properties: &[(&str, &str)]) -> (Fault, String) {
    outcome(broker, properties).expect_err("the broker must not be accepted")
}

/// `pem` in a file of its own.
fn file(directory: &tempfile::TempDir, name: &str, pem: &str) -> String {
    let path = directory.path().join(name);
    std::fs::write(&path, pem).unwrap();
    path.display().to_string()
}

#[test]
fn an_authority_is_trusted_from_a_file_a_folder_and_the_property_itself() {
    let (authority, other) = (Authority::new(), Authority::new());
    let identity = authority.sign("localhost", LAST);
    let directory = tempfile::tempdir().unwrap();
    let both = format!("some words\n{}{}", other.pem, authority.pem);
    let path = file(&directory, "ca.pem", &both);
    let folder = directory.path().display().to_string();
    for property in [
        ("ssl.ca.location", path.as_str()),
        ("ssl.ca.location", folder.as_str()),
        ("ssl.ca.pem", authority.pem.as_str()),
    ] {
        outcome(broker(&identity, None), &[property]).unwrap();
    }
}

#[test]
fn an_unknown_authority_is_told_unless_nothing_is_checked() {
    let authority = Authority::new();
    let trusted = ("ssl.ca.pem", authority.pem.as_str());
    let any_name = ("ssl.endpoint.identification.algorithm", "none");
    for other in [Authority::named("second"), Authority::new()] {
        let identity = other.sign("localhost", LAST);
        for properties in [&[trusted][..], &[trusted, any_name]] {
            let (fault, text) = fault(broker(&identity, None), properties);
            assert!(matches!(fault, Fault::Authority { .. }), "{text}");
            assert!(fault.lasting() && text.contains("ssl.ca.location"));
        }
        let nothing = ("enable.ssl.certificate.verification", "false");
        outcome(broker(&identity, None), &[trusted, nothing]).unwrap();
    }
}

#[test]
fn another_host_name_is_told_unless_names_are_not_checked() {
    let authority = Authority::new();
    let identity = authority.sign("broker.example", LAST);
    let trusted = ("ssl.ca.pem", authority.pem.as_str());
    let (fault, text) = fault(broker(&identity, None), &[trusted]);
    assert!(matches!(fault, Fault::HostName { .. }), "{text}");
    assert!(fault.lasting() && text.contains("identification.algorithm"));
    let any_name = ("ssl.endpoint.identification.algorithm", "none");
    outcome(broker(&identity, None), &[trusted, any_name]).unwrap();
}

#[test]
fn an_expired_certificate_is_told_whether_names_are_checked_or_not() {
    let authority = Authority::new();
    let identity = authority.sign("localhost", 2001);
    let trusted = ("ssl.ca.pem", authority.pem.as_str());
    let any_name = ("ssl.endpoint.identification.algorithm", "none");
    for properties in [&[trusted][..], &[trusted, any_name]] {
        let (fault, text) = fault(broker(&identity, None), properties);
        let Fault::Certificate { source } = &fault else {
            panic!("{text}");
        };
        assert!(source.to_string().contains("xpired"), "{source}");
        assert!(fault.lasting());
    }
}

#[test]
fn a_literal_address_is_checked_against_the_certificate() {
    let authority = Authority::new();
    for (name, good) in [("127.0.0.1", true), ("127.0.0.2", false)] {
        let broker = broker(&authority.sign(name, LAST), None);
        let properties = [
            ("security.protocol", "ssl"),
            ("ssl.ca.pem", authority.pem.as_str()),
        ];
        let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), broker.address().port());
        let mut client = Client::named("127.0.0.1", &[address], &properties).unwrap();
        let ready = client.make_ready();
        drop(client);
        broker.join();
        match ready {
            Ok(()) => assert!(good, "{name}"),
            Err(error) => assert!(
                !good && matches!(error.fault, Fault::HostName { .. }),
                "{error}"
            ),
        }
    }
}

#[test]
fn our_own_certificate_is_shown_from_files_and_properties() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let identity = authority.sign("localhost", LAST);
    let ours = clients.sign("client", LAST);
    let directory = tempfile::tempdir().unwrap();
    let certificate = file(&directory, "certificate.pem", &ours.pem);
    let key = file(&directory, "key.pem", &ours.key_pem);
    let trusted = ("ssl.ca.pem", authority.pem.as_str());
    for (certificate, key) in [
        (
            ("ssl.certificate.location", certificate.as_str()),
            ("ssl.key.location", key.as_str()),
        ),
        (
            ("ssl.certificate.pem", ours.pem.as_str()),
            ("ssl.key.pem", ours.key_pem.as_str()),
        ),
    ] {
        let broker = broker(&identity, Some(&clients));
        outcome(broker, &[trusted, certificate, key]).unwrap();
    }
}

#[test]
fn a_broker_that_wants_another_certificate_of_ours_is_told() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let identity = authority.sign("localhost", LAST);
    let stranger = authority.sign("client", LAST);
    let trusted = ("ssl.ca.pem", authority.pem.as_str());
    let certificate = ("ssl.certificate.pem", stranger.pem.as_str());
    let key = ("ssl.key.pem", stranger.key_pem.as_str());
    for properties in [&[trusted][..], &[trusted, certificate, key]] {
        for versions in [&[&TLS13][..], &[&TLS12]] {
            let config = server(&identity, Some(&clients), versions);
            let (fault, text) = fault(encrypted(config, 4096, settle), properties);
            assert!(matches!(fault, Fault::TlsRefused { .. }), "{text}");
            assert!(text.contains("ssl.certificate.location"), "{text}");
        }
    }
}

/// A broker with versions of TLS and the properties that trust it.
fn trusted(
    versions: &[&'static rustls::SupportedProtocolVersion],
    piece: usize,
    script: impl FnOnce(Encrypted) + Send + 'static,
) -> (Scripted, String) {
    let authority = Authority::new();
    let config = server(&authority.sign("localhost", LAST), None, versions);
    (encrypted(config, piece, script), authority.pem)
}

#[test]
fn answers_and_requests_of_many_megabytes_are_whole() {
    for versions in [&[&TLS13][..], &[&TLS12]] {
        let large: Vec<u8> = (0..3_000_000_u32).map(|at| at.to_le_bytes()[1]).collect();
        let expected = large.clone();
        let (broker, pem) = trusted(versions, usize::MAX, move |mut stream| {
            tell_versions(&mut stream);
            for _ in 0..2 {
                let asked = ask(&mut stream);
                assert!(asked.rest.ends_with(&large), "{} bytes", asked.rest.len());
                let answer = frame(asked.correlation_id, &large);
                stream.write_all(&answer).unwrap();
            }
            stay(beneath(stream));
        });
        let properties = [("security.protocol", "ssl"), ("ssl.ca.pem", pem.as_str())];
        let mut client = Client::new(&[broker.address()], &properties);
        client.make_ready().unwrap();
        for _ in 0..2 {
            client.send(3, &expected).unwrap();
        }
        for _ in 0..2 {
            assert!(client.next().unwrap().body == expected);
        }
        drop(client);
        broker.join();
    }
}

#[test]
fn bytes_that_come_one_at_a_time_are_as_good() {
    let (broker, pem) = trusted(&[&TLS13, &TLS12], 1, |mut stream| {
        tell_versions(&mut stream);
        let asked = ask(&mut stream);
        let answer = frame(asked.correlation_id, b"slow");
        stream.write_all(&answer).unwrap();
        stay(beneath(stream));
    });
    let properties = [("security.protocol", "ssl"), ("ssl.ca.pem", pem.as_str())];
    let mut client = Client::new(&[broker.address()], &properties);
    client.make_ready().unwrap();
    client.send(3, b"").unwrap();
    assert_eq!(client.next().unwrap().body, b"slow"[..]);
    drop(client);
    broker.join();
}

/// What a client that trusts the broker finds wrong with `script`.
fn fault_within(script: impl FnOnce(Encrypted) + Send + 'static) -> (Fault, String) {
    let (broker, pem) = trusted(&[&TLS13, &TLS12], 4096, script);
    let properties = [("security.protocol", "ssl"), ("ssl.ca.pem", pem.as_str())];
    let found = Client::new(&[broker.address()], &properties).fault();
    broker.join();
    found
}

#[test]
fn an_end_in_the_middle_is_told_with_and_without_a_farewell() {
    for farewell in [true, false] {
        let (fault, text) = fault_within(move |mut stream| {
            tell_versions(&mut stream);
            let asked = ask(&mut stream);
            let answer = frame(asked.correlation_id, &[7; 100]);
            stream.write_all(&answer[..50]).unwrap();
            if farewell {
                stream.conn.send_close_notify();
            }
            stream.flush().unwrap();
        });
        let Fault::ClosedMidway {
            got: 46,
            wanted: 104,
        } = fault
        else {
            panic!("{text}");
        };
    }
    let (fault, text) = fault_within(|mut stream| {
        tell_versions(&mut stream);
        ask(&mut stream);
        stream.conn.send_close_notify();
        stream.flush().unwrap();
    });
    assert!(matches!(fault, Fault::Closed { waiting: 1, .. }), "{text}");
}

#[test]
fn what_is_not_tls_in_the_middle_is_told_and_may_be_better_next_time() {
    let (fault, text) = fault_within(|mut stream| {
        tell_versions(&mut stream);
        ask(&mut stream);
        let mut socket = beneath(stream);
        socket.write_all(&[0x17, 3, 3, 0, 20]).unwrap();
        socket.write_all(&[9; 20]).unwrap();
        stay(socket);
    });
    assert!(matches!(&fault, Fault::Broken { .. }), "{text}");
    assert!(!fault.lasting());
}

#[test]
fn an_end_or_something_else_instead_of_a_handshake_is_told() {
    let trust = Authority::new().pem;
    let properties = [("ssl.ca.pem", trust.as_str())];
    let plain = Scripted::new(|mut socket| {
        socket.write_all(&[0, 0, 0, 9, 0, 0, 0, 0]).unwrap();
        stay(socket);
    });
    let (told, text) = fault(plain, &properties);
    assert!(matches!(told, Fault::Tls { .. }), "{text}");
    assert!(text.contains("listener with TLS"), "{text}");
    let closed = Scripted::new(|mut socket| {
        // The client's hello is read whole, so that the end is no reset.
        let mut head = [0; 5];
        socket.read_exact(&mut head).unwrap();
        let len = usize::from(u16::from_be_bytes([head[3], head[4]]));
        socket.read_exact(&mut vec![0; len]).unwrap();
    });
    let (told, text) = fault(closed, &properties);
    assert!(
        matches!(told, Fault::Closed { .. }) && text.contains("shaking hands"),
        "{text}"
    );
}

/// Why access with `properties` is refused.
fn refused(properties: &[(&str, &str)]) -> TlsError {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let mut all: BTreeMap<String, String> = properties.iter().map(owned).collect();
    all.insert("security.protocol".to_owned(), "ssl".to_owned());
    match Access::from_properties(&all) {
        Err(AccessError::Tls(error)) => {
            let told = format!("{error} {error:?}");
            assert!(!told.contains("hunter2") && !error.to_string().contains('\n'));
            error
        }
        Err(AccessError::Unsupported(error)) => panic!("{error}"),
        Ok(_) => panic!("{properties:?}"),
    }
}

#[test]
fn what_cannot_be_used_is_told_with_its_place_and_without_its_content() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("missing.pem").display().to_string();
    let error = refused(&[("ssl.ca.location", &missing)]);
    assert!(matches!(error, TlsError::Read { .. }) && error.to_string().contains(&missing));

    let words = file(&directory, "words.pem", "hunter2");
    let error = refused(&[("ssl.ca.location", &words)]);
    assert!(matches!(error, TlsError::NoAuthority { .. }) && error.to_string().contains(&words));
    let error = refused(&[("ssl.ca.pem", "hunter2")]);
    assert!(error.to_string().contains("`ssl.ca.pem`"), "{error}");

    let large = directory.path().join("large.pem");
    let sparse = File::create(&large).unwrap();
    sparse.set_len(PEM_BYTES_MAX + 1).unwrap();
    let error = refused(&[("ssl.ca.location", &large.display().to_string())]);
    assert!(matches!(error, TlsError::TooLarge { .. }), "{error}");
}

#[test]
fn an_identity_that_cannot_be_used_is_told() {
    let authority = Authority::new();
    let (ours, other) = (authority.sign("a", LAST), authority.sign("b", LAST));
    let with = |certificate: &str, key: &str| {
        refused(&[
            ("ssl.ca.pem", authority.pem.as_str()),
            ("ssl.certificate.pem", certificate),
            ("ssl.key.pem", key),
        ])
    };
    let error = with(&ours.pem, &other.key_pem);
    assert!(matches!(error, TlsError::Identity { .. }), "{error}");
    let error = with(&ours.pem, "hunter2");
    assert!(matches!(error, TlsError::NoKey { .. }), "{error}");
    let error = with("hunter2", &ours.key_pem);
    assert!(matches!(error, TlsError::NoCertificate { .. }), "{error}");
    let cut = format!("{}-----BEGIN CERTIFICATE-----\nMIIB", ours.pem);
    let error = with(&cut, &ours.key_pem);
    assert!(matches!(error, TlsError::NoCertificate { .. }), "{error}");
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nhunter2\n";
    let error = with(&ours.pem, encrypted);
    assert!(matches!(error, TlsError::EncryptedKey { .. }), "{error}");
}
