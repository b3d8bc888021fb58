//! Headers whose values are secret, and the certificates of authorities: small files, read at each
//! fetch so that a new secret counts without a restart.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use reqwest::Certificate;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::error::FetchError;

/// Largest file of a header, in bytes.
const HEADER_BYTES_MAX: u64 = 16 << 10;
/// Largest file of certificates, in bytes.
const CERTIFICATES_BYTES_MAX: u64 = 4 << 20;

/// The headers with the values in their files.
///
/// # Errors
/// [`FetchError::Secret`] with the name of the header and its file, and nothing of its value.
pub(super) fn headers(files: &[(String, PathBuf)]) -> Result<HeaderMap, FetchError> {
    let mut headers = HeaderMap::new();
    for (name, path) in files {
        let (header, value) = header(name, path).map_err(|source| FetchError::Secret {
            name: name.clone(),
            path: path.clone(),
            source,
        })?;
        headers.append(header, value);
    }
    Ok(headers)
}

/// One header.
fn header(name: &str, path: &Path) -> io::Result<(HeaderName, HeaderValue)> {
    let name = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| invalid("that is not the name of a header"))?;
    let bytes = read(path, HEADER_BYTES_MAX)?;
    let bytes = bytes.trim_ascii();
    if bytes.is_empty() {
        return Err(invalid("the file is empty"));
    }
    let mut value = HeaderValue::from_bytes(bytes)
        .map_err(|_| invalid("the file holds more than one line, or control characters"))?;
    value.set_sensitive(true);
    Ok((name, value))
}

/// The authorities in a PEM file.
///
/// # Errors
/// [`FetchError::Authority`] when it cannot be read or holds none.
pub(super) fn authorities(path: &Path) -> Result<Vec<Certificate>, FetchError> {
    let parsed = read(path, CERTIFICATES_BYTES_MAX).and_then(|pem| {
        let parsed = Certificate::from_pem_bundle(&pem).map_err(io::Error::other)?;
        if parsed.is_empty() {
            return Err(invalid("the file holds no certificate"));
        }
        Ok(parsed)
    });
    parsed.map_err(|source| FetchError::Authority {
        path: path.to_owned(),
        source,
    })
}

/// A file of at most `bytes_max` bytes.
fn read(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = bytes_max.saturating_add(1);
    let n_read = File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    if u64::try_from(n_read).is_ok_and(|n_read| n_read <= bytes_max) {
        Ok(bytes)
    } else {
        Err(invalid("the file is too long"))
    }
}

/// An error of what a file holds.
fn invalid(problem: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem)
}
