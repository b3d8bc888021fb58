//! A node that is reached in every secure way: TLS, TLS with certificates on both sides, SASL with
//! every mechanism that needs nothing else, with TLS and without.

use std::fmt::Write as _;
use std::sync::OnceLock;
use std::time::Duration;

pub use super::certificates::Authority;
use super::node::Node;
use super::{Broker, COMMON, SINGLE, START_MAX, await_ready, free_ports, skip};

/// The node.
pub struct Secure {
    /// For whoever needs no security.
    pub broker: Broker,
    /// Who signed its certificate, which is for `127.0.0.1` alone, and whose certificates it takes.
    pub authority: Authority,
    ports: [u16; LISTENERS.len()],
}

/// Where the node can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listener {
    /// Without security.
    Plain,
    /// TLS.
    Tls,
    /// TLS, and a certificate is asked for.
    Mutual,
    /// SASL.
    Sasl,
    /// SASL over TLS.
    SaslTls,
    /// SASL with [`ONLY_MECHANISM`] alone.
    OneMechanism,
    /// SASL that is believed no longer than [`SESSION`].
    ShortSessions,
}

impl Secure {
    /// Where `listener` is.
    pub fn port(&self, listener: Listener) -> u16 {
        let at = LISTENERS.iter().position(|(known, ..)| *known == listener);
        self.ports[at.expect("every listener is in the table")]
    }
}

/// The node, or `None` after saying that `test` was skipped and why.
pub fn secure_or_skip(test: &str) -> Option<&'static Secure> {
    static SECURE: OnceLock<Result<Secure, String>> = OnceLock::new();
    let secure = SECURE.get_or_init(start).as_ref();
    secure.map_err(|reason| skip(test, reason)).ok()
}

fn start() -> Result<Secure, String> {
    let ports = free_ports()?;
    let [controller] = free_ports()?;
    let authority = Authority::named("authority of the node");
    let identity = authority.sign("node", &["127.0.0.1"]);
    let files = [
        ("node.pem", identity.pem + &identity.key_pem),
        ("authority.pem", authority.pem.clone()),
    ];
    let files = files.each_ref().map(|(name, text)| (*name, text.as_str()));
    let users = ["SCRAM-SHA-256", "SCRAM-SHA-512"]
        .map(|mechanism| format!("{mechanism}=[name={USER},password={PASSWORD}]"));
    let [first, second] = &users;
    let arguments = ["--standalone", "--add-scram", first, "--add-scram", second];
    let node = Node::format(&properties(ports, controller), &files, &arguments)?;
    node.start(&["-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"])?;
    let address = format!("127.0.0.1:{}", ports[0]);
    await_ready(&address, 1, START_MAX).map_err(|error| node.complain(&error))?;
    let broker = Broker {
        address,
        node: Some(node),
    };
    Ok(Secure {
        broker,
        authority,
        ports,
    })
}

fn properties(ports: [u16; LISTENERS.len()], controller: u16) -> String {
    let mut listeners = format!("listeners=CONTROLLER://127.0.0.1:{controller}");
    let mut protocols = "listener.security.protocol.map=CONTROLLER:PLAINTEXT".to_owned();
    let mut accounts = String::new();
    for ((listener, name, protocol, mechanisms), port) in LISTENERS.iter().zip(ports) {
        let _ = write!(listeners, ",{name}://127.0.0.1:{port}");
        let _ = write!(protocols, ",{name}:{protocol}");
        if mechanisms.is_empty() {
            continue;
        }
        let prefix = format!("listener.name.{}", name.to_lowercase());
        let enabled = mechanisms.join(",");
        let _ = writeln!(accounts, "{prefix}.sasl.enabled.mechanisms={enabled}");
        for mechanism in *mechanisms {
            let module = module(mechanism);
            let mechanism = mechanism.to_lowercase();
            let _ = writeln!(
                accounts,
                "{prefix}.{mechanism}.sasl.jaas.config=\
                 org.apache.kafka.common.security.{module};"
            );
            if *listener == Listener::ShortSessions {
                let session = SESSION.as_millis();
                let _ = writeln!(
                    accounts,
                    "{prefix}.{mechanism}.connections.max.reauth.ms={session}"
                );
            }
        }
    }
    format!(
        "{COMMON}{SINGLE}{listeners}\n{protocols}\n{accounts}\
         controller.quorum.bootstrap.servers=127.0.0.1:{controller}\n\
         num.network.threads=1\nlistener.name.mutual.ssl.client.auth=required\n\
         ssl.keystore.type=PEM\nssl.keystore.location=node.pem\n\
         ssl.truststore.type=PEM\nssl.truststore.location=authority.pem\n"
    )
}

/// Who proves with `mechanism` that it is [`USER`], and what a token must say.
fn module(mechanism: &str) -> String {
    match mechanism {
        "PLAIN" => format!("plain.PlainLoginModule required user_{USER}=\"{PASSWORD}\""),
        "OAUTHBEARER" => format!(
            "oauthbearer.OAuthBearerLoginModule required \
             unsecuredLoginStringClaim_sub=\"node\" unsecuredValidatorRequiredScope=\"{SCOPE}\""
        ),
        _ => "scram.ScramLoginModule required".to_owned(),
    }
}

/// The one who may come in.
pub const USER: &str = "reader";
/// The password of [`USER`].
pub const PASSWORD: &str = "open-sesame";
/// What a token of OAUTHBEARER must have as its scope.
pub const SCOPE: &str = "read";
/// The mechanisms of SASL.
pub const MECHANISMS: [&str; 4] = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"];
/// What [`Listener::OneMechanism`] has.
pub const ONLY_MECHANISM: &str = "SCRAM-SHA-512";

/// How long the node believes at [`Listener::ShortSessions`] who somebody is.
pub const SESSION: Duration = Duration::from_secs(5);

/// Each listener with its name, its protocol and its mechanisms.
const LISTENERS: [(Listener, &str, &str, &[&str]); 7] = [
    (Listener::Plain, "PLAINTEXT", "PLAINTEXT", &[]),
    (Listener::Tls, "TLS", "SSL", &[]),
    (Listener::Mutual, "MUTUAL", "SSL", &[]),
    (Listener::Sasl, "SASL", "SASL_PLAINTEXT", &MECHANISMS),
    (Listener::SaslTls, "SASLTLS", "SASL_SSL", &MECHANISMS),
    (
        Listener::OneMechanism,
        "ONE",
        "SASL_PLAINTEXT",
        &[ONLY_MECHANISM],
    ),
    (
        Listener::ShortSessions,
        "SHORT",
        "SASL_PLAINTEXT",
        &MECHANISMS,
    ),
];
