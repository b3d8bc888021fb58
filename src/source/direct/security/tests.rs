//! Properties are read as librdkafka reads them; what only librdkafka can do is said.

use super::super::access::{Access, AccessError};
use super::*;

/// Properties of pairs.
fn properties(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    pairs.iter().map(owned).collect()
}

fn of(pairs: &[(&str, &str)]) -> Result<Security, Unsupported> {
    Security::of(&properties(pairs))
}

#[track_caller]
fn refused(pairs: &[(&str, &str)], property: &str) {
    let error = of(pairs).unwrap_err();
    assert_eq!(error.property, property);
    assert!(!error.to_string().contains("hunter2"), "{error}");
    assert!(!error.to_string().contains('\n'), "{error}");
}

#[test]
fn nothing_is_plain_and_has_the_defaults_of_librdkafka() {
    let security = of(&[]).unwrap();
    assert_eq!((security.tls, security.sasl), (None, None));
    assert_eq!(
        security.network,
        Network {
            client_id: "gannet".to_owned(),
            family: Family::Any,
            setup_timeout: Duration::from_secs(30),
            request_timeout: Duration::from_secs(60),
            frame_bytes_max: 100_000_000,
        }
    );
}

#[test]
fn a_protocol_in_any_case_decides_what_is_used() {
    for (protocol, tls, sasl) in [
        ("plaintext", false, false),
        ("SSL", true, false),
        ("SASL_PLAINTEXT", false, true),
        ("sasl_ssl", true, true),
    ] {
        let security = of(&[
            ("security.protocol", protocol),
            ("sasl.mechanism", "PLAIN"),
            ("sasl.username", "u"),
            ("sasl.password", "p"),
        ])
        .unwrap();
        let found = (security.tls.is_some(), security.sasl.is_some());
        assert_eq!(found, (tls, sasl), "{protocol}");
    }
}

#[test]
fn tls_is_read_whole() {
    let tls = of(&[
        ("security.protocol", "ssl"),
        ("ssl.ca.location", "/ca.pem"),
        ("ssl.certificate.location", "/cert.pem"),
        ("ssl.key.pem", "hunter2"),
        ("ssl.key.location", ""),
        ("ssl.endpoint.identification.algorithm", "none"),
    ])
    .unwrap()
    .tls
    .unwrap();
    assert!(!format!("{tls:?}").contains("hunter2"));
    assert_eq!(
        tls,
        TlsSettings {
            authorities: Authorities::Location("/ca.pem".into()),
            identity: Some((
                Pem::File("/cert.pem".into()),
                Pem::Inline("hunter2".to_owned())
            )),
            check: CertificateCheck::AnyName,
        }
    );
    let check = |name, value| {
        let security = of(&[("security.protocol", "ssl"), (name, value)]).unwrap();
        security.tls.unwrap().check
    };
    let verification = "enable.ssl.certificate.verification";
    assert_eq!(check(verification, "false"), CertificateCheck::Nothing);
    assert_eq!(check(verification, "true"), CertificateCheck::Full);
    assert_eq!(check("ssl.ca.location", "probe"), CertificateCheck::Full);
}

#[test]
fn every_mechanism_is_read_and_no_password_is_shown() {
    let account = Account {
        username: "u".to_owned(),
        password: "hunter2".to_owned(),
    };
    for (mechanism, expected) in [
        ("PLAIN", SaslSettings::Plain(account.clone())),
        ("SCRAM-SHA-256", SaslSettings::ScramSha256(account.clone())),
        ("SCRAM-SHA-512", SaslSettings::ScramSha512(account)),
    ] {
        let security = of(&[
            ("security.protocol", "sasl_ssl"),
            ("sasl.mechanisms", mechanism),
            ("sasl.username", "u"),
            ("sasl.password", "hunter2"),
        ])
        .unwrap();
        assert!(!format!("{security:?}").contains("hunter2"));
        assert_eq!(expected.mechanism(), mechanism);
        assert_eq!(security.sasl, Some(expected));
    }
    let security = of(&[
        ("security.protocol", "sasl_plaintext"),
        ("sasl.mechanisms", "OAUTHBEARER"),
        ("enable.sasl.oauthbearer.unsecure.jwt", "true"),
        ("sasl.oauthbearer.config", "principal=admin"),
    ])
    .unwrap();
    assert_eq!(security.sasl.unwrap().mechanism(), "OAUTHBEARER");
}

#[test]
fn what_only_librdkafka_can_do_names_its_property() {
    let sasl = ("security.protocol", "sasl_ssl");
    let oauth = ("sasl.mechanisms", "OAUTHBEARER");
    refused(&[sasl], "sasl.mechanisms");
    refused(&[sasl, ("sasl.mechanism", "GSSAPI")], "sasl.mechanism");
    refused(&[sasl, ("sasl.mechanism", "hunter2")], "sasl.mechanism");
    refused(&[sasl, ("sasl.mechanism", "PLAIN")], "sasl.username");
    refused(&[sasl, oauth], "enable.sasl.oauthbearer.unsecure.jwt");
    refused(
        &[sasl, oauth, ("sasl.oauthbearer.method", "oidc")],
        "sasl.oauthbearer.method",
    );
    for name in [
        "ssl.key.password",
        "ssl.keystore.location",
        "ssl.cipher.suites",
        "ssl.engine.location",
        "ssl.something.new",
        "sasl.kerberos.service.name",
        "socket.receive.buffer.bytes",
        "client.rack",
        "something.new",
        "plugin.library.paths",
        "broker.version.fallback",
    ] {
        refused(&[(name, "hunter2")], name);
    }
    refused(&[("api.version.request", "false")], "api.version.request");
    refused(&[("security.protocol", "hunter2")], "security.protocol");
    refused(&[("socket.timeout.ms", "hunter2")], "socket.timeout.ms");
    refused(
        &[("security.protocol", "ssl"), ("ssl.key.pem", "hunter2")],
        "ssl.certificate.location",
    );
}

#[test]
fn whoever_asks_for_access_is_told_what_needs_librdkafka_and_why() {
    let oauth = ("sasl.mechanism", "OAUTHBEARER");
    for (asked, property, why) in [
        (vec![], "sasl.mechanisms", "it asks for GSSAPI (Kerberos)"),
        (
            vec![("sasl.mechanism", "GSSAPI")],
            "sasl.mechanism",
            "it asks for GSSAPI (Kerberos)",
        ),
        (
            vec![("sasl.kerberos.keytab", "/keytab")],
            "sasl.kerberos.keytab",
            "Kerberos is not known here",
        ),
        (
            vec![("ssl.cipher.suites", "ALL")],
            "ssl.cipher.suites",
            "cipher suites are not chosen here",
        ),
        (
            vec![oauth, ("sasl.oauthbearer.method", "OIDC")],
            "sasl.oauthbearer.method",
            "tokens come from elsewhere (OIDC)",
        ),
        (
            vec![oauth, ("sasl.oauthbearer.client.secret", "hunter2")],
            "sasl.oauthbearer.client.secret",
            "tokens come from elsewhere (OIDC)",
        ),
        (
            vec![("ssl.key.password", "hunter2")],
            "ssl.key.password",
            "encrypted keys are not read here",
        ),
        (
            vec![("ssl.keystore.location", "/store.p12")],
            "ssl.keystore.location",
            "PKCS#12 is not read here",
        ),
        (
            vec![("client.rack", "r1")],
            "client.rack",
            "this value is not known here",
        ),
    ] {
        let mut all = properties(&asked);
        all.insert("security.protocol".to_owned(), "sasl_ssl".to_owned());
        let error = match Access::from_properties(&all) {
            Err(AccessError::Unsupported(error)) => error,
            other => panic!("{property}: {other:?}"),
        };
        assert_eq!(
            error.to_string(),
            format!("`{property}` needs the librdkafka reader: {why}")
        );
    }
}

#[test]
fn what_concerns_librdkafka_alone_is_passed_over() {
    for name in [
        "fetch.queue.backoff.ms",
        "linger.ms",
        "reconnect.backoff.ms",
        "debug",
    ] {
        assert!(of(&[(name, "1")]).is_ok(), "{name}");
    }
    assert!(of(&[("socket.nagle.disable", "TRUE")]).is_ok());
}
