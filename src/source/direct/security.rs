//! How brokers are reached, from librdkafka's own properties, so that one table of the
//! configuration serves both readers. What only librdkafka can do is said in one line. Nothing
//! is read or opened here.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::address::Family;
use super::properties::{Kind, kind};
use crate::config::OauthSettings;

/// How brokers are reached and what proves who is who.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Security {
    /// TLS, if it is asked for.
    pub(super) tls: Option<TlsSettings>,
    /// SASL, if it is asked for.
    pub(super) sasl: Option<SaslSettings>,
    /// Limits and names of connections.
    pub(super) network: Network,
}

/// Limits and names of connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// `client.id`: what brokers call us in their logs and quotas.
    pub client_id: String,
    /// `broker.address.family`.
    pub family: Family,
    /// `socket.connection.setup.timeout.ms`: longest time until a connection is ready.
    pub setup_timeout: Duration,
    /// `socket.timeout.ms`: longest silence while an answer is due.
    pub request_timeout: Duration,
    /// `receive.message.max.bytes`: largest answer.
    pub frame_bytes_max: usize,
}

/// What TLS is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct TlsSettings {
    /// Who is trusted.
    pub(super) authorities: Authorities,
    /// Our own certificates and our key, if brokers want them.
    pub(super) identity: Option<(Pem, Pem)>,
    /// How much of a broker's certificate is checked.
    pub(super) check: CertificateCheck,
}

/// Who is trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Authorities {
    /// Whom the system trusts.
    #[default]
    System,
    /// The certificates of a file, or of a folder of files.
    Location(PathBuf),
    /// Certificates in the property itself.
    Inline(String),
}

/// PEM, or where it is.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Pem {
    /// In a file.
    File(PathBuf),
    /// In the property itself.
    Inline(String),
}

impl fmt::Debug for Pem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.fmt(formatter),
            Self::Inline(_) => formatter.write_str("Inline"),
        }
    }
}

/// How much of a broker's certificate is checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum CertificateCheck {
    /// Its authority and its host name.
    #[default]
    Full,
    /// Its authority, not its host name.
    AnyName,
    /// Nothing: whoever is in between can read everything.
    Nothing,
}

/// How we prove who we are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SaslSettings {
    /// Name and password, as they are.
    Plain(Account),
    /// A proof of the password, with SHA-256.
    ScramSha256(Account),
    /// A proof of the password, with SHA-512.
    ScramSha512(Account),
    /// A token without signature, of our own making.
    OauthUnsecured(OauthSettings),
}

impl SaslSettings {
    /// The name of the mechanism in the protocol.
    pub(super) fn mechanism(&self) -> &'static str {
        match self {
            Self::Plain(_) => "PLAIN",
            Self::ScramSha256(_) => "SCRAM-SHA-256",
            Self::ScramSha512(_) => "SCRAM-SHA-512",
            Self::OauthUnsecured(_) => "OAUTHBEARER",
        }
    }
}

/// A name and its password.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Account {
    /// The name.
    pub(super) username: String,
    /// The password; no message shows it.
    pub(super) password: String,
}

impl fmt::Debug for Account {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Account")
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// Why only librdkafka can reach these brokers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{property}` needs the librdkafka reader: {why}")]
pub struct Unsupported {
    /// Which property.
    pub property: String,
    /// What about it. Never its value, unless that is a word of a closed set.
    pub why: &'static str,
}

impl Unsupported {
    /// A property and what about it.
    pub(super) fn new(property: &str, why: &'static str) -> Self {
        Self {
            property: property.to_owned(),
            why,
        }
    }
}

impl Security {
    /// What `properties` ask for. Properties of what librdkafka alone does (groups, its queues,
    /// producing) are passed over.
    ///
    /// # Errors
    /// [`Unsupported`] when a property or its value could change how brokers are reached and
    /// is not known here, or when a value is missing or malformed: librdkafka then says so.
    pub(super) fn of(properties: &BTreeMap<String, String>) -> Result<Self, Unsupported> {
        for (name, value) in properties {
            match kind(name) {
                Kind::Read | Kind::Harmless => {}
                Kind::OnlyAs(values) => {
                    if !values.iter().any(|known| known.eq_ignore_ascii_case(value)) {
                        return Err(Unsupported::new(name, "this value is not known here"));
                    }
                }
                Kind::Refused(why) => return Err(Unsupported::new(name, why)),
                Kind::Unknown => return Err(Unsupported::new(name, "it is not known here")),
            }
        }
        let given = Given(properties);
        let (with_tls, with_sasl) = given.protocol()?;
        Ok(Self {
            tls: with_tls.then(|| given.tls()).transpose()?,
            sasl: with_sasl.then(|| given.sasl()).transpose()?,
            network: given.network()?,
        })
    }
}

/// Properties as given; empty ones count as not given.
struct Given<'a>(&'a BTreeMap<String, String>);

impl Given<'_> {
    /// The value of the first of `names` that is given.
    fn any(&self, names: &[&'static str]) -> Option<(&'static str, &str)> {
        names.iter().find_map(|name| {
            let value = self.0.get(*name).filter(|value| !value.is_empty())?;
            Some((*name, value.as_str()))
        })
    }

    /// The value of a property.
    fn text(&self, name: &'static str) -> Option<&str> {
        self.any(&[name]).map(|(_, value)| value)
    }

    /// A boolean as librdkafka writes it.
    fn flag(&self, name: &'static str, default: bool) -> Result<bool, Unsupported> {
        let value = self.text(name).map(str::to_ascii_lowercase);
        match value.as_deref() {
            None => Ok(default),
            Some("true" | "t" | "1") => Ok(true),
            Some("false" | "f" | "0") => Ok(false),
            Some(_) => Err(Unsupported::new(name, "it is not a boolean")),
        }
    }

    /// A number.
    fn number(&self, name: &'static str, default: u32) -> Result<u32, Unsupported> {
        self.text(name).map_or(Ok(default), |value| {
            let wrong = |_| Unsupported::new(name, "it is not a number in range");
            value.trim().parse().map_err(wrong)
        })
    }

    /// Whether TLS and SASL are asked for.
    fn protocol(&self) -> Result<(bool, bool), Unsupported> {
        let name = "security.protocol";
        let written = self.text(name).map(str::to_ascii_lowercase);
        match written.as_deref() {
            None | Some("plaintext") => Ok((false, false)),
            Some("ssl") => Ok((true, false)),
            Some("sasl_plaintext") => Ok((false, true)),
            Some("sasl_ssl") => Ok((true, true)),
            Some(_) => Err(Unsupported::new(name, "it is not a protocol")),
        }
    }

    /// What TLS is made of.
    fn tls(&self) -> Result<TlsSettings, Unsupported> {
        let name = "ssl.endpoint.identification.algorithm";
        let named = match self.text(name).map(str::to_ascii_lowercase).as_deref() {
            None | Some("https") => true,
            Some("none") => false,
            Some(_) => return Err(Unsupported::new(name, "it is neither `https` nor `none`")),
        };
        let check = match (
            self.flag("enable.ssl.certificate.verification", true)?,
            named,
        ) {
            (false, _) => CertificateCheck::Nothing,
            (true, false) => CertificateCheck::AnyName,
            (true, true) => CertificateCheck::Full,
        };
        let location = self.text("ssl.ca.location");
        let authorities = match (self.text("ssl.ca.pem"), location) {
            (Some(_), Some(_)) => {
                return Err(Unsupported::new(
                    "ssl.ca.pem",
                    "there is `ssl.ca.location` too",
                ));
            }
            (Some(pem), None) => Authorities::Inline(pem.to_owned()),
            (None, Some(path)) if path != "probe" => Authorities::Location(path.into()),
            (None, _) => Authorities::System,
        };
        let certificates = self.pem("ssl.certificate.location", "ssl.certificate.pem")?;
        let key = self.pem("ssl.key.location", "ssl.key.pem")?;
        let identity = match (certificates, key) {
            (Some(certificates), Some(key)) => Some((certificates, key)),
            (None, None) => None,
            (Some(_), None) => return Err(Unsupported::new("ssl.key.location", MISSING)),
            (None, Some(_)) => return Err(Unsupported::new("ssl.certificate.location", MISSING)),
        };
        Ok(TlsSettings {
            authorities,
            identity,
            check,
        })
    }

    /// PEM from one of two properties.
    fn pem(
        &self,
        location: &'static str,
        inline: &'static str,
    ) -> Result<Option<Pem>, Unsupported> {
        match (self.text(location), self.text(inline)) {
            (Some(_), Some(_)) => Err(Unsupported::new(inline, "it is given as a file too")),
            (Some(path), None) => Ok(Some(Pem::File(path.into()))),
            (None, Some(pem)) => Ok(Some(Pem::Inline(pem.to_owned()))),
            (None, None) => Ok(None),
        }
    }

    /// How we prove who we are.
    fn sasl(&self) -> Result<SaslSettings, Unsupported> {
        let (name, mechanism) = self
            .any(&["sasl.mechanisms", "sasl.mechanism"])
            .unwrap_or(("sasl.mechanisms", "GSSAPI"));
        match mechanism {
            "PLAIN" => self.account().map(SaslSettings::Plain),
            "SCRAM-SHA-256" => self.account().map(SaslSettings::ScramSha256),
            "SCRAM-SHA-512" => self.account().map(SaslSettings::ScramSha512),
            "OAUTHBEARER" => self.oauth().map(SaslSettings::OauthUnsecured),
            "GSSAPI" => Err(Unsupported::new(name, "it asks for GSSAPI (Kerberos)")),
            _ => Err(Unsupported::new(name, "its mechanism is not known here")),
        }
    }

    /// Name and password.
    fn account(&self) -> Result<Account, Unsupported> {
        let text = |name| {
            self.text(name)
                .ok_or_else(|| Unsupported::new(name, MISSING))
        };
        let (username, password) = (text("sasl.username")?, text("sasl.password")?);
        // In PLAIN a zero byte would end the name early.
        if username.contains('\0') || password.contains('\0') {
            return Err(Unsupported::new(
                "sasl.username",
                "name or password has a zero byte",
            ));
        }
        Ok(Account {
            username: username.to_owned(),
            password: password.to_owned(),
        })
    }

    /// What a token without signature says.
    fn oauth(&self) -> Result<OauthSettings, Unsupported> {
        let method = "sasl.oauthbearer.method";
        match self.text(method).map(str::to_ascii_lowercase).as_deref() {
            None | Some("default") => {}
            Some(_) => {
                return Err(Unsupported::new(
                    method,
                    "tokens come from elsewhere (OIDC)",
                ));
            }
        }
        let unsecured = "enable.sasl.oauthbearer.unsecure.jwt";
        if !self.flag(unsecured, false)? {
            return Err(Unsupported::new(
                unsecured,
                "without it tokens come from elsewhere",
            ));
        }
        let name = "sasl.oauthbearer.config";
        OauthSettings::read(self.text(name).unwrap_or_default())
            .map_err(|why| Unsupported::new(name, why))
    }

    /// Limits and names of connections.
    fn network(&self) -> Result<Network, Unsupported> {
        let family = "broker.address.family";
        let milliseconds = |name, default| self.number(name, default).map(u64::from);
        let setup = milliseconds("socket.connection.setup.timeout.ms", 30_000)?;
        let request = milliseconds("socket.timeout.ms", 60_000)?;
        let frame_bytes_max = self.number("receive.message.max.bytes", 100_000_000)?;
        let client_id = self.text("client.id").unwrap_or("gannet");
        if client_id.len() > CLIENT_ID_BYTES_MAX {
            return Err(Unsupported::new("client.id", "it is too long"));
        }
        Ok(Network {
            client_id: client_id.to_owned(),
            family: match self.text(family).map(str::to_ascii_lowercase).as_deref() {
                None | Some("any") => Family::Any,
                Some("v4") => Family::V4,
                Some("v6") => Family::V6,
                Some(_) => return Err(Unsupported::new(family, "it is not a family")),
            },
            setup_timeout: Duration::from_millis(setup.max(1)),
            request_timeout: Duration::from_millis(request.max(1)),
            frame_bytes_max: usize::try_from(frame_bytes_max).unwrap_or(usize::MAX),
        })
    }
}

/// Why a property is named that is not there.
const MISSING: &str = "it is missing";
/// Longest client id, in bytes.
const CLIENT_ID_BYTES_MAX: usize = 1000;

#[cfg(test)]
mod tests;
