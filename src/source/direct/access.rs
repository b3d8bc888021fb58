//! What connections are made with: [`Security`] with its files read.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use mio::net::TcpStream;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

use super::address::BrokerAddress;
use super::error::Fault;
use super::security::{Network, SaslSettings, Security, Unsupported};
use super::tls::{TlsError, configure};
use super::transport::{TlsStream, Transport};

/// How brokers are reached, ready for use.
#[derive(Clone)]
pub struct Access {
    /// TLS, if it is asked for.
    tls: Option<Arc<ClientConfig>>,
    /// SASL, if it is asked for.
    pub(super) sasl: Option<SaslSettings>,
    /// Limits and names of connections.
    pub network: Network,
}

impl fmt::Debug for Access {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Access")
            .field("tls", &self.tls.is_some())
            .field("sasl", &self.sasl)
            .field("network", &self.network)
            .finish()
    }
}

/// Why brokers cannot be reached with the properties given.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// Only librdkafka can follow a property: its reader should be taken instead.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    /// Certificates or keys cannot be used, by neither reader.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

impl Access {
    /// Reads librdkafka's `properties` and the certificates and keys that they name; waits
    /// for the disk.
    ///
    /// # Errors
    /// [`AccessError`].
    pub fn from_properties(properties: &BTreeMap<String, String>) -> Result<Self, AccessError> {
        let security = Security::of(properties)?;
        Ok(Self {
            tls: security.tls.as_ref().map(configure).transpose()?,
            sasl: security.sasl,
            network: security.network,
        })
    }

    /// A connected socket as it is used from here on.
    pub(super) fn transport(
        &self,
        socket: TcpStream,
        broker: &BrokerAddress,
    ) -> Result<Transport, Fault> {
        let Some(config) = &self.tls else {
            return Ok(Transport::Plain(socket));
        };
        let name = ServerName::try_from(broker.host().to_owned());
        let name = name.map_err(|_| Fault::ServerName)?;
        let session = ClientConnection::new(Arc::clone(config), name)
            .map_err(|source| Fault::Tls { source })?;
        Ok(Transport::Tls(Box::new(TlsStream::new(socket, session))))
    }
}
