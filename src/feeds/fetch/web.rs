//! A feed behind a URL. [`fetch`] brings its file in if it has changed: over https, from a public
//! address, within limits of time and size, whole or not at all.
//!
//! What a server says is never believed: where it sends us (`session`, `reach`), how much it sends
//! (`body`), how long it puts us off (`retry_after`). Secrets come from files at each fetch
//! (`secrets`) and are in no error, log or `Debug`; nothing comes from the environment.

mod body;
mod error;
mod reach;
mod retry_after;
mod secrets;
mod session;
mod shown;
#[cfg(test)]
pub(super) mod tests;
mod unfinished;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use reqwest::header::{
    CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    LAST_MODIFIED,
};
use reqwest::{Response, StatusCode, Url};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

pub use error::FetchError;

pub(super) use body::{Allowance, receive};
pub(super) use reach::Reach;
pub(super) use session::Session;
pub(super) use shown::shown;
pub(super) use unfinished::Unfinished;

/// Longest validator that is remembered, in bytes.
const VALIDATOR_BYTES_MAX: usize = 1024;
/// Longest content type that is handed out, in bytes.
const CONTENT_TYPE_BYTES_MAX: usize = 256;

/// What to fetch, and within which limits.
#[derive(Clone)]
pub struct WebOptions {
    /// The URL: `https`, or plain `http` if it holds a literal loopback address and `any_address`
    /// is true. A user and a password in it become basic authentication.
    pub url: String,
    /// Headers whose values are secret: the name, and the file with the value, which is trimmed and
    /// read at each fetch. Sent to the host and port of `url` and to nobody else.
    pub header_files: Vec<(String, PathBuf)>,
    /// A PEM file of the authorities that are trusted instead of the built-in ones.
    pub ca: Option<PathBuf>,
    /// An `http` or `https` proxy for everything. It resolves the names, so that `any_address` then
    /// speaks only of addresses and of `localhost` in URLs.
    pub proxy: Option<String>,
    /// Longest time for the whole fetch.
    pub timeout: Duration,
    /// Most bytes as received, and as written if the body is inflated on its way.
    pub bytes_max: u64,
    /// Whether addresses that are not public may be connected to.
    pub any_address: bool,
    /// Whether redirects must stay on the host of `url`.
    pub same_host_redirects: bool,
}

impl fmt::Debug for WebOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            url,
            header_files,
            ca,
            proxy,
            timeout,
            bytes_max,
            any_address,
            same_host_redirects,
        } = self;
        f.debug_struct("WebOptions")
            .field("url", &shown::shown_text(url))
            .field("header_files", header_files)
            .field("ca", ca)
            .field("proxy", &proxy.as_deref().map(shown::shown_text))
            .field("timeout", timeout)
            .field("bytes_max", bytes_max)
            .field("any_address", any_address)
            .field("same_host_redirects", same_host_redirects)
            .finish()
    }
}

/// What a server said of the file that is there, so that it need not send it again. Kept by the
/// caller beside the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Validators {
    /// A hash of the URL, without user and password: what it says of another is not used.
    pub source: Option<String>,
    /// The `ETag`.
    pub etag: Option<String>,
    /// The `Last-Modified`.
    pub last_modified: Option<String>,
}

/// How a fetch ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// The file is the newest.
    Unchanged,
    /// There is a new file.
    New {
        /// What to hand in at the next fetch.
        validators: Validators,
        /// Its length.
        bytes: u64,
        /// What the server calls it.
        content_type: Option<String>,
    },
}

/// Fetches what `options` names into `target`, if that is not there or the server has another one
/// than `known` speaks of. `target` is replaced whole or left as it is, and durable on return.
///
/// `now` is the time that a `Retry-After` date is compared with. Files are written by the thread
/// that polls; only what waits for the disk is handed to the runtime.
///
/// # Errors
/// [`FetchError`]; `target` is as it was. An exception: when the directory cannot be made durable,
/// `target` is new, but may be old again after a power cut.
pub async fn fetch(
    options: &WebOptions,
    known: &Validators,
    target: &Path,
    now: SystemTime,
) -> Result<Fetched, FetchError> {
    let reach = Reach::new(options.any_address);
    fetch_within(options, reach, known, target, now).await
}

/// As [`fetch`], with addresses within `reach`.
pub(super) async fn fetch_within(
    options: &WebOptions,
    reach: Reach,
    known: &Validators,
    target: &Path,
    now: SystemTime,
) -> Result<Fetched, FetchError> {
    let session = Session::open(options, reach)?;
    let fetched = fetch_in(&session, options.bytes_max, known, target, now);
    let limit = options.timeout;
    let timed_out = |_| FetchError::Timeout {
        url: shown(session.start()),
        limit,
    };
    timeout(limit, fetched).await.map_err(timed_out)?
}

/// Fetches the URL of a session, for as long as it takes.
async fn fetch_in(
    session: &Session,
    bytes_max: u64,
    known: &Validators,
    target: &Path,
    now: SystemTime,
) -> Result<Fetched, FetchError> {
    let url = session.start();
    let source = source(url);
    let is_known = known.source.as_ref() == Some(&source) && target.is_file();
    let conditions = if is_known {
        conditions(known)
    } else {
        HeaderMap::new()
    };
    let response = session.get(url, &conditions, now).await?;
    if response.status() == StatusCode::NOT_MODIFIED && !conditions.is_empty() {
        return Ok(Fetched::Unchanged);
    }
    if response.status() != StatusCode::OK {
        return Err(FetchError::Status {
            url: shown(url),
            status: response.status().as_u16(),
        });
    }
    let validators = Validators {
        source: Some(source),
        etag: header(&response, &ETAG, VALIDATOR_BYTES_MAX),
        last_modified: header(&response, &LAST_MODIFIED, VALIDATOR_BYTES_MAX),
    };
    let content_type = header(&response, &CONTENT_TYPE, CONTENT_TYPE_BYTES_MAX);
    let mut unfinished = Unfinished::beside(target, now)?;
    let mut allowance = Allowance::new(bytes_max);
    receive(response, &mut allowance, target, unfinished.file()).await?;
    unfinished.finish().await?;
    Ok(Fetched::New {
        validators,
        bytes: allowance.written(),
        content_type,
    })
}

/// The headers that ask only for another file than the known one.
fn conditions(known: &Validators) -> HeaderMap {
    let pairs = [
        (IF_NONE_MATCH, &known.etag),
        (IF_MODIFIED_SINCE, &known.last_modified),
    ];
    let values = pairs.into_iter().filter_map(|(name, value)| {
        let value = HeaderValue::from_str(value.as_deref()?).ok()?;
        Some((name, value))
    });
    values.collect()
}

/// What tells one URL from another without telling a user or a password.
pub(super) fn source(url: &Url) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in [
        url.scheme(),
        url.host_str().unwrap_or_default(),
        &url.port_or_known_default().unwrap_or_default().to_string(),
        url.path(),
        url.query().unwrap_or_default(),
    ] {
        hasher.update(blake3::hash(part.as_bytes()).as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

/// A header of a response, if it is text of at most `bytes_max` bytes.
pub(super) fn header(response: &Response, name: &HeaderName, bytes_max: usize) -> Option<String> {
    let value = response.headers().get(name)?.to_str().ok()?;
    (value.len() <= bytes_max).then(|| value.to_owned())
}
