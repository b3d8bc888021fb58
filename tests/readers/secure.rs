//! Brokers that want to know who is there, and that prove who they are: both readers come in by every
//! way that is open to them, and what keeps them out is said.

use std::collections::BTreeMap;
use std::thread;
use std::time::Instant;

use kafka_protocol::messages::{MetadataRequest, SaslAuthenticateRequest, SaslHandshakeRequest};
use kafka_protocol::protocol::StrBytes;

use super::read::{BOTH, Opening, Reader};
use super::support::client::{Cluster, Producer, Sent};
use super::support::kafka::secure::{
    Authority, Listener, MECHANISMS, ONLY_MECHANISM, PASSWORD, SCOPE, SESSION, Secure, USER,
    secure_or_skip,
};
use super::support::kafka::wire::Wire;

/// Partitions of every topic here.
const PARTITIONS: i32 = 3;
/// Records of every partition.
const RECORDS: usize = 300;

/// A topic of the node and what is in it.
struct Filled {
    node: &'static Secure,
    topic: String,
    /// The values of each partition.
    values: BTreeMap<i32, Vec<Vec<u8>>>,
}

/// A way to the node.
#[derive(Clone)]
struct Way {
    host: &'static str,
    listener: Listener,
    properties: Vec<(&'static str, String)>,
}

/// The same way with something wrong about it.
struct Wrong {
    /// What is wrong.
    what: &'static str,
    /// As it should be.
    right: Way,
    /// As it is.
    wrong: Way,
    /// What the direct reader says of it.
    words: &'static [&'static str],
}

impl Filled {
    /// A topic of `name`, or `None` after saying that `test` was skipped.
    fn or_skip(test: &str, name: &str) -> Option<Self> {
        let node = secure_or_skip(test)?;
        let cluster = Cluster::Real(&node.broker);
        let topic = format!("{name}-{}", std::process::id());
        cluster.create(&topic, PARTITIONS);
        let producer = Producer::to(&cluster);
        let mut values = BTreeMap::new();
        for partition in 0..PARTITIONS {
            // Some are larger than what TLS encrypts at a time, and than what is read at a time.
            let len = |at| if at % 100 == 50 { 300_000 } else { at };
            let value = |at| format!("{partition}/{at}/{}", "x".repeat(len(at))).into_bytes();
            let of: Vec<Vec<u8>> = (0..RECORDS).map(value).collect();
            for value in &of {
                let value = value.clone();
                let sent = Sent {
                    value,
                    ..Sent::default()
                };
                producer.send(&topic, partition, &sent);
            }
            values.insert(partition, of);
        }
        producer.flush();
        Some(Self {
            node,
            topic,
            values,
        })
    }

    /// Checks that a reader that goes `way` reads every record, in order.
    fn check(&self, choice: Reader, way: &Way) {
        let mut reading = way.opening(choice, self.node, &self.topic).open();
        reading.exactly(self.values.values().map(Vec::len).sum());
        for ((_, partition), seen) in &reading.read {
            let offsets: Vec<i64> = seen.iter().map(|seen| seen.offset).collect();
            let expected: Vec<i64> = (0..).take(RECORDS).collect();
            assert_eq!(offsets, expected, "{choice:?}");
            let values = seen.iter().map(|seen| seen.value.as_deref());
            let expected = self.values[partition].iter();
            assert!(values.eq(expected.map(|value| Some(value.as_slice()))));
        }
        assert_eq!(reading.errors, [""; 0], "{choice:?}");
    }

    /// Checks that a reader that goes the wrong way says so and reads nothing, and that one that goes
    /// the right way reads everything.
    fn check_wrong(&self, choice: Reader, case: &Wrong) {
        let what = format!("{}, {choice:?}", case.what);
        let mut reading = case.wrong.opening(choice, self.node, &self.topic).open();
        reading.until(&what, |reading| !reading.errors.is_empty());
        if choice == Reader::Direct {
            let error = &reading.errors[0];
            for words in case.words {
                assert!(error.contains(words), "{what}: {error}");
            }
        }
        for _ in 0..10 {
            reading.step();
        }
        assert_eq!((reading.count(), reading.reader.assigned()), (0, 0));
        for error in &reading.errors {
            assert!(!error.contains(PASSWORD), "{what}: {error}");
            assert!(!error.contains(WRONG_PASSWORD), "{what}: {error}");
        }
        drop(reading);
        self.check(choice, &case.right);
    }
}

impl Way {
    /// One without security.
    fn plain() -> Self {
        Self {
            host: "127.0.0.1",
            listener: Listener::Plain,
            properties: Vec::new(),
        }
    }

    /// With TLS, its authority in a property.
    fn tls(node: &Secure) -> Self {
        Self::plain()
            .to(Listener::Tls)
            .with("security.protocol", "ssl")
            .with("ssl.ca.pem", &node.authority.pem)
    }

    /// With TLS and a certificate of our own.
    fn mutual(node: &Secure) -> Self {
        let identity = node.authority.sign(USER, &[]);
        Self::tls(node)
            .to(Listener::Mutual)
            .with("ssl.certificate.pem", &identity.pem)
            .with("ssl.key.pem", &identity.key_pem)
    }

    /// With SASL.
    fn sasl(mechanism: &str) -> Self {
        let way = Self::plain()
            .to(Listener::Sasl)
            .with("security.protocol", "sasl_plaintext")
            .with("sasl.mechanism", mechanism);
        if mechanism == "OAUTHBEARER" {
            return way
                .with("enable.sasl.oauthbearer.unsecure.jwt", "true")
                .with(
                    "sasl.oauthbearer.config",
                    &format!("principal={USER} scope={SCOPE}"),
                );
        }
        way.with("sasl.username", USER)
            .with("sasl.password", PASSWORD)
    }

    /// With SASL over TLS.
    fn sasl_tls(node: &Secure, mechanism: &str) -> Self {
        Self::sasl(mechanism)
            .to(Listener::SaslTls)
            .with("security.protocol", "sasl_ssl")
            .with("ssl.ca.pem", &node.authority.pem)
    }

    /// How a reader of `topic` is opened that goes this way.
    fn opening(&self, choice: Reader, node: &Secure, topic: &str) -> Opening {
        let brokers = format!("{}:{}", self.host, node.port(self.listener));
        let opening = Opening::new(choice, &brokers, &[topic]);
        let properties = self.properties.iter();
        properties.fold(opening, |opening, (name, value)| opening.with(name, value))
    }

    /// The same to another listener.
    fn to(mut self, listener: Listener) -> Self {
        self.listener = listener;
        self
    }

    /// The same by another name of the host.
    fn by(mut self, host: &'static str) -> Self {
        self.host = host;
        self
    }

    /// The same with another value of a property; an empty one counts as none.
    fn with(mut self, property: &'static str, value: &str) -> Self {
        self.properties.retain(|(name, _)| *name != property);
        if !value.is_empty() {
            self.properties.push((property, value.to_owned()));
        }
        self
    }

    /// What is wrong about `wrong`, where this would be right.
    fn but(self, what: &'static str, wrong: Self, words: &'static [&'static str]) -> Wrong {
        Wrong {
            what,
            right: self,
            wrong,
            words,
        }
    }
}

/// A password that is nobody's.
const WRONG_PASSWORD: &str = "open-barley";

/// Does `check` with every case and either reader, all at the same time: most of it is waiting.
fn for_each<T: Sync>(cases: &[T], check: impl Fn(Reader, &T) + Sync) {
    thread::scope(|scope| {
        for case in cases {
            for choice in BOTH {
                let check = &check;
                scope.spawn(move || check(choice, case));
            }
        }
    });
}

#[test]
fn every_record_is_read_by_every_secure_way() {
    let name = "every_record_is_read_by_every_secure_way";
    let Some(filled) = Filled::or_skip(name, "secure") else {
        return;
    };
    let node = filled.node;
    let directory = tempfile::tempdir().expect("a directory");
    let authority = directory.path().join("authority.pem");
    std::fs::write(&authority, &node.authority.pem).expect("a file");
    let in_a_file = Way::tls(node)
        .with("ssl.ca.pem", "")
        .with("ssl.ca.location", &authority.display().to_string());
    let mut ways = vec![Way::plain(), Way::tls(node), in_a_file, Way::mutual(node)];
    ways.extend(MECHANISMS.map(Way::sasl));
    ways.extend(MECHANISMS.map(|mechanism| Way::sasl_tls(node, mechanism)));
    ways.push(Way::sasl(ONLY_MECHANISM).to(Listener::OneMechanism));
    for_each(&ways, |choice, way| filled.check(choice, way));
}

#[test]
fn refused_credentials_are_said_as_such_without_the_password() {
    let name = "refused_credentials_are_said_as_such_without_the_password";
    let Some(filled) = Filled::or_skip(name, "refused") else {
        return;
    };
    let node = filled.node;
    let [plain, scram256, scram512, oauth] = MECHANISMS;
    let sasl = |mechanism| Way::sasl(mechanism);
    let tls = |mechanism| Way::sasl_tls(node, mechanism);
    let wrong = |way: Way| way.with("sasl.password", WRONG_PASSWORD);
    let unscoped = format!("principal={USER}");
    let cases = [
        sasl(plain).but(
            "a wrong password of PLAIN",
            wrong(sasl(plain)),
            &["refused our credentials for PLAIN"],
        ),
        tls(scram256).but(
            "a wrong password of SCRAM-SHA-256",
            wrong(tls(scram256)),
            &["refused our credentials for SCRAM-SHA-256"],
        ),
        sasl(scram512).but(
            "a wrong password of SCRAM-SHA-512",
            wrong(sasl(scram512)),
            &["refused our credentials for SCRAM-SHA-512"],
        ),
        tls(scram512).but(
            "a user whom nobody knows",
            tls(scram512).with("sasl.username", "nobody"),
            &["refused our credentials for SCRAM-SHA-512"],
        ),
        sasl(oauth).but(
            "a token without the scope",
            sasl(oauth).with("sasl.oauthbearer.config", &unscoped),
            &["refused our credentials for OAUTHBEARER", "scope"],
        ),
        sasl(ONLY_MECHANISM).to(Listener::OneMechanism).but(
            "a mechanism that is not offered",
            sasl(plain).to(Listener::OneMechanism),
            &["does not offer the mechanism PLAIN", ONLY_MECHANISM],
        ),
        Way::plain().but(
            "SASL where nobody asks for it",
            sasl(plain).to(Listener::Plain),
            &["does not offer the mechanism PLAIN"],
        ),
        sasl(plain).but(
            "no SASL where it is asked for",
            Way::plain().to(Listener::Sasl),
            &["`security.protocol`"],
        ),
    ];
    for_each(&cases, |choice, case| filled.check_wrong(choice, case));
}

#[test]
fn what_is_wrong_with_tls_is_said() {
    let name = "what_is_wrong_with_tls_is_said";
    let Some(filled) = Filled::or_skip(name, "tls") else {
        return;
    };
    let node = filled.node;
    let foreign = Authority::named("a foreign authority");
    let identity = foreign.sign(USER, &[]);
    let (tls, mutual) = (Way::tls(node), Way::mutual(node));
    let sasl = Way::sasl_tls(node, "PLAIN");
    let cases = [
        tls.clone().but(
            "an authority that is not trusted",
            tls.clone().with("ssl.ca.pem", &foreign.pem),
            &["an authority that is not trusted", "`ssl.ca.location`"],
        ),
        sasl.clone().but(
            "an authority that is not trusted, before SASL",
            sasl.clone().with("ssl.ca.pem", &foreign.pem),
            &["an authority that is not trusted", "`ssl.ca.location`"],
        ),
        tls.clone().but(
            "another name of the host",
            tls.clone().by("localhost"),
            &["not for this host name"],
        ),
        mutual.clone().but(
            "no certificate where one is asked for",
            tls.clone().to(Listener::Mutual),
            &["does it want a certificate", "`ssl.certificate.location`"],
        ),
        mutual.clone().but(
            "a certificate of a foreign authority",
            mutual
                .with("ssl.certificate.pem", &identity.pem)
                .with("ssl.key.pem", &identity.key_pem),
            &["does it want a certificate", "`ssl.certificate.location`"],
        ),
        tls.clone().but(
            "no TLS where it is asked for",
            Way::plain().to(Listener::Tls),
            &["`security.protocol`"],
        ),
        Way::plain().but(
            "TLS where nobody asks for it",
            tls.to(Listener::Plain),
            &["`security.protocol`"],
        ),
        sasl.clone().but(
            "SASL without TLS where TLS is asked for",
            sasl.with("security.protocol", "sasl_plaintext"),
            &["`security.protocol`"],
        ),
    ];
    for_each(&cases, |choice, case| filled.check_wrong(choice, case));
}

#[test]
fn reading_goes_on_unseen_when_the_broker_wants_to_know_again_who_is_there() {
    let name = "reading_goes_on_unseen_when_the_broker_wants_to_know_again_who_is_there";
    let Some(node) = secure_or_skip(name) else {
        return;
    };
    let mut never_renewed = log_in(node.port(Listener::ShortSessions));
    assert!(is_served(&mut never_renewed));
    let mut ways = MECHANISMS
        .map(|mechanism| Way::sasl(mechanism).to(Listener::ShortSessions))
        .to_vec();
    // The first token does not last as long as the test: another one must be made in time.
    let short_lived = format!("principal={USER} scope={SCOPE} lifeSeconds=6");
    let oauth = Way::sasl("OAUTHBEARER").to(Listener::ShortSessions);
    ways.push(oauth.with("sasl.oauthbearer.config", &short_lived));
    let cases: Vec<(usize, Way)> = ways.into_iter().enumerate().collect();
    for_each(&cases, |choice, (number, way)| {
        let cluster = Cluster::Real(&node.broker);
        let topic = format!("sessions-{number}-{choice:?}-{}", std::process::id());
        cluster.create(&topic, 1);
        let producer = Producer::to(&cluster);
        let mut reading = way.opening(choice, node, &topic).open();
        let mut sent = 0;
        // On a busy machine a reader may be late, and is then put out once; not every time.
        for _ in 0..6 {
            reading.errors.clear();
            let until = Instant::now() + SESSION.mul_f64(1.5);
            while Instant::now() < until {
                producer.send(&topic, 0, &Sent::default());
                sent += 1;
                reading.until("a record is read", |reading| reading.count() == sent);
            }
            if reading.errors.is_empty() {
                break;
            }
        }
        assert_eq!(reading.errors, [""; 0], "{choice:?}, {number}");
        reading.exactly(sent);
    });
    assert!(!is_served(&mut never_renewed), "sessions do not end");
}

/// A connection on which a password was told once.
fn log_in(port: u16) -> Wire {
    let mut wire = Wire::to(port).expect("a connection");
    let plain = StrBytes::from_static_str("PLAIN");
    let named = wire.ask(&SaslHandshakeRequest::default().with_mechanism(plain), 1);
    assert_eq!(named.map(|named| named.error_code), Some(0));
    let told = format!("\0{USER}\0{PASSWORD}").into_bytes();
    let told = SaslAuthenticateRequest::default().with_auth_bytes(told.into());
    let believed = wire.ask(&told, 1).expect("an answer");
    let session = i64::try_from(SESSION.as_millis()).expect("a short time");
    assert_eq!(
        (believed.error_code, believed.session_lifetime_ms),
        (0, session)
    );
    wire
}

/// Whether a request is answered.
fn is_served(wire: &mut Wire) -> bool {
    let nothing = MetadataRequest::default().with_topics(Some(Vec::new()));
    wire.ask(&nothing, 4).is_some()
}
