//! Keys that transfers are signed with. The secret is read from its file for each transfer and kept
//! nowhere else; no error, log line or debug form holds it.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::tsig::{Algorithm, Key, KeyName};

use super::error::Failure;

/// A key that a zone's server and we share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TsigKey {
    /// Its name, which the server knows it by.
    pub name: String,
    /// How it signs.
    pub algorithm: TsigAlgorithm,
    /// The file of its secret, in base64.
    pub secret_file: PathBuf,
}

/// How a key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TsigAlgorithm {
    /// `hmac-sha1`, for servers that know nothing newer.
    HmacSha1,
    /// `hmac-sha256`.
    HmacSha256,
    /// `hmac-sha384`.
    HmacSha384,
    /// `hmac-sha512`.
    HmacSha512,
}

/// Longest file of a secret. The longest that is of use takes 172 bytes.
const SECRET_FILE_BYTES_MAX: u64 = 4096;

impl TsigAlgorithm {
    /// Every algorithm.
    pub const ALL: [Self; 4] = [
        Self::HmacSha256,
        Self::HmacSha384,
        Self::HmacSha512,
        Self::HmacSha1,
    ];

    /// Its name as servers and keys write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HmacSha1 => "hmac-sha1",
            Self::HmacSha256 => "hmac-sha256",
            Self::HmacSha384 => "hmac-sha384",
            Self::HmacSha512 => "hmac-sha512",
        }
    }

    /// The algorithm of this name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == name)
    }

    /// The same for the library.
    fn algorithm(self) -> Algorithm {
        match self {
            Self::HmacSha1 => Algorithm::Sha1,
            Self::HmacSha256 => Algorithm::Sha256,
            Self::HmacSha384 => Algorithm::Sha384,
            Self::HmacSha512 => Algorithm::Sha512,
        }
    }
}

impl TsigKey {
    /// The key with its secret. Signatures that are cut short are not taken.
    ///
    /// # Errors
    /// [`Failure`] `KeyName`, `Secret` or `SecretEncoding`.
    pub(super) fn read(&self) -> Result<Key, Failure> {
        let name = self.name.to_ascii_lowercase();
        let name = KeyName::from_str(&name).map_err(|_| Failure::KeyName)?;
        let path = &self.secret_file;
        let mut written = Vec::new();
        File::open(path)
            .and_then(|file| file.take(SECRET_FILE_BYTES_MAX).read_to_end(&mut written))
            .map_err(|source| Failure::Secret {
                path: path.clone(),
                source,
            })?;
        written.retain(|byte| !byte.is_ascii_whitespace());
        let bad = || Failure::SecretEncoding { path: path.clone() };
        let secret = STANDARD.decode(&written).map_err(|_| bad())?;
        if secret.is_empty() {
            return Err(bad());
        }
        Key::new(self.algorithm.algorithm(), &secret, name, None, None).map_err(|_| bad())
    }
}
