//! Authorities of certificates, and brokers that speak TLS with what they sign.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{
    RootCertStore, ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion,
};

use super::{Scripted, stay};

/// An authority.
pub(in super::super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    /// Its certificate.
    pub(in super::super) pem: String,
}

/// A certificate and its key.
pub(in super::super) struct Identity {
    certificate: CertificateDer<'static>,
    key: Vec<u8>,
    /// The certificate.
    pub(in super::super) pem: String,
    /// The key.
    pub(in super::super) key_pem: String,
}

impl Authority {
    /// A new one.
    pub(in super::super) fn new() -> Self {
        Self::named("first")
    }

    /// A new one with a name.
    pub(in super::super) fn named(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        Self {
            certificate: certificate.der().clone(),
            pem: certificate.pem(),
            issuer: Issuer::new(params, key),
        }
    }

    /// A certificate for `name`, which is good until after the year `last`.
    pub(in super::super) fn sign(&self, name: &str, last: i32) -> Identity {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(last, 12, 31);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Identity {
            certificate: certificate.der().clone(),
            pem: certificate.pem(),
            key_pem: key.serialize_pem(),
            key: key.serialize_der(),
        }
    }
}

/// The side of a broker that shows `identity` and, if `clients` is there, wants certificates
/// that it signed.
pub(in super::super) fn server(
    identity: &Identity,
    clients: Option<&Authority>,
    versions: &[&'static SupportedProtocolVersion],
) -> Arc<ServerConfig> {
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(authority.certificate.clone()).unwrap();
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.unwrap())
        }
    };
    let key = PrivateKeyDer::try_from(identity.key.clone()).unwrap();
    let chain = vec![identity.certificate.clone()];
    Arc::new(builder.with_single_cert(chain, key).unwrap())
}

/// A socket that sends at most so many bytes at a time.
pub(in super::super) struct Drip(TcpStream, usize);

impl Read for Drip {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Drip {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write(&bytes[..bytes.len().min(self.1)])
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

/// A broker's side of an encrypted connection.
pub(in super::super) type Encrypted = StreamOwned<ServerConnection, Drip>;

/// A broker that shakes hands, sending `piece` bytes at a time, and then does `script`. If the
/// handshake fails it stays until the client has gone.
pub(in super::super) fn encrypted(
    config: Arc<ServerConfig>,
    piece: usize,
    script: impl FnOnce(Encrypted) + Send + 'static,
) -> Scripted {
    Scripted::new(move |socket| {
        socket.set_nodelay(true).unwrap();
        let session = ServerConnection::new(config).unwrap();
        let mut stream = StreamOwned::new(session, Drip(socket, piece));
        while stream.conn.is_handshaking() {
            if stream.conn.complete_io(&mut stream.sock).is_err() {
                let _ = stream.sock.0.shutdown(Shutdown::Write);
                return stay(stream.sock.0);
            }
        }
        script(stream);
    })
}

/// The socket beneath an encrypted connection, without a farewell.
pub(in super::super) fn beneath(stream: Encrypted) -> TcpStream {
    let StreamOwned { conn, sock } = stream;
    drop(conn);
    sock.0
}
