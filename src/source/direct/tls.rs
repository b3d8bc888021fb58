//! TLS from settings: certificates and keys are read here, once; nothing else of the reader
//! opens files. On `rustls` with `ring`, as the rest of the program.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::security::{Authorities, CertificateCheck, Pem, TlsSettings};

/// Why TLS cannot be set up. Messages name files, never what is in them.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is too large for what it should be.
    #[error("{path} has more than {PEM_BYTES_MAX} bytes")]
    TooLarge {
        /// Which.
        path: PathBuf,
    },
    /// There is nobody to trust.
    #[error("{place} has no usable certificate of an authority")]
    NoAuthority {
        /// Where was looked.
        place: String,
    },
    /// Our own certificates cannot be used.
    #[error("{place} has no usable certificate")]
    NoCertificate {
        /// Where was looked.
        place: String,
    },
    /// Our key cannot be used.
    #[error("{place} has no usable private key")]
    NoKey {
        /// Where was looked.
        place: String,
    },
    /// Our key needs a password, and none is given: with `ssl.key.password` the librdkafka
    /// reader is taken before any key is read.
    #[error("the private key in {place} is encrypted and `ssl.key.password` is not given")]
    EncryptedKey {
        /// Where it is.
        place: String,
    },
    /// Key and certificates do not make an identity.
    #[error("the certificate and the private key cannot be used together")]
    Identity {
        /// Why.
        source: rustls::Error,
    },
    /// The library refused its own defaults.
    #[error("TLS cannot be set up")]
    Library {
        /// Why.
        source: rustls::Error,
    },
}

/// Reads what `settings` name and makes the client's side of TLS.
///
/// # Errors
/// [`TlsError`].
pub(super) fn configure(settings: &TlsSettings) -> Result<Arc<ClientConfig>, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|source| TlsError::Library { source })?;
    let builder = match settings.check {
        CertificateCheck::Full => {
            builder.with_root_certificates(authorities(&settings.authorities)?)
        }
        CertificateCheck::AnyName => {
            let roots = Some(authorities(&settings.authorities)?);
            let verifier = Arc::new(LessThanAll { roots, provider });
            builder
                .dangerous()
                .with_custom_certificate_verifier(verifier)
        }
        CertificateCheck::Nothing => {
            let verifier = Arc::new(LessThanAll {
                roots: None,
                provider,
            });
            builder
                .dangerous()
                .with_custom_certificate_verifier(verifier)
        }
    };
    let config = match &settings.identity {
        None => builder.with_no_client_auth(),
        Some((certificates, private)) => builder
            .with_client_auth_cert(chain(certificates)?, key(private)?)
            .map_err(|source| TlsError::Identity { source })?,
    };
    Ok(Arc::new(config))
}

/// Who is trusted.
fn authorities(authorities: &Authorities) -> Result<RootCertStore, TlsError> {
    let (found, place) = match authorities {
        Authorities::System => {
            // Single files that cannot be read are passed over; that none is left is an error.
            let found = rustls_native_certs::load_native_certs().certs;
            let place = "the system (set `ssl.ca.location`)".to_owned();
            (found, place)
        }
        Authorities::Location(path) if path.is_dir() => {
            let found = rustls_native_certs::load_certs_from_paths(None, Some(path));
            (found.certs, path.display().to_string())
        }
        Authorities::Location(path) => {
            let pem = read(path)?;
            (certificates(&pem), path.display().to_string())
        }
        Authorities::Inline(pem) => (certificates(pem.as_bytes()), "`ssl.ca.pem`".to_owned()),
    };
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found);
    if roots.is_empty() {
        return Err(TlsError::NoAuthority { place });
    }
    Ok(roots)
}

/// Our own certificates, ours first.
fn chain(pem: &Pem) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let (bytes, place) = contents(pem, "`ssl.certificate.pem`")?;
    // A chain with a hole in it would only be refused by the broker.
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) | Err(_) => Err(TlsError::NoCertificate { place }),
    }
}

/// Our key.
fn key(pem: &Pem) -> Result<PrivateKeyDer<'static>, TlsError> {
    let (bytes, place) = contents(pem, "`ssl.key.pem`")?;
    let text = String::from_utf8_lossy(&bytes);
    if text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED") {
        return Err(TlsError::EncryptedKey { place });
    }
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|_| TlsError::NoKey { place })
}

/// All certificates of PEM that can be read.
fn certificates(pem: &[u8]) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(pem).flatten().collect()
}

/// The bytes of PEM, and what to call the place.
fn contents(pem: &Pem, property: &str) -> Result<(Vec<u8>, String), TlsError> {
    match pem {
        Pem::File(path) => Ok((read(path)?, path.display().to_string())),
        Pem::Inline(pem) => Ok((pem.clone().into_bytes(), property.to_owned())),
    }
}

/// The content of a file of at most [`PEM_BYTES_MAX`] bytes.
fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let cannot = |source| TlsError::Read {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(cannot)?;
    let mut bytes = Vec::new();
    let read = file.take(PEM_BYTES_MAX + 1).read_to_end(&mut bytes);
    if u64::try_from(read.map_err(cannot)?).is_ok_and(|read| read <= PEM_BYTES_MAX) {
        Ok(bytes)
    } else {
        Err(TlsError::TooLarge {
            path: path.to_owned(),
        })
    }
}

/// Checks less of a broker's certificate, because the configuration says so.
#[derive(Debug)]
struct LessThanAll {
    /// Whom its certificate must come from, under any name; `None` for anybody.
    roots: Option<RootCertStore>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for LessThanAll {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if let Some(roots) = &self.roots {
            let certificate = ParsedCertificate::try_from(end_entity)?;
            let known = self.provider.signature_verification_algorithms.all;
            verify_server_cert_signed_by_trust_anchor(
                &certificate,
                roots,
                intermediates,
                now,
                known,
            )?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// Largest file of certificates or keys.
const PEM_BYTES_MAX: u64 = 4 << 20;

#[cfg(test)]
mod tests;
