//! Fetches one feed from where it comes from into the file that is then read; what is needed for the
//! next fetch is kept beside that.

use std::error::Error;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::chain;
use crate::config::{FeedConfig, Origin, WebConfig, ZoneConfig};
use crate::feeds::fetch::taxii::{self, TaxiiOptions, TaxiiState};
use crate::feeds::fetch::web::{self, Validators, WebOptions};
use crate::feeds::fetch::zone::{self, Transferred, TsigAlgorithm, TsigKey, ZoneOptions};
use crate::feeds::gate::write_json;

/// Most objects of a collection and most records of a zone.
const ITEMS_MAX: u64 = 50_000_000;

/// What became of a fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// What is there is the newest.
    Unchanged,
    /// There is a new version.
    New,
}

/// Why a feed could not be fetched. What was there before still is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct FetchFailure {
    /// What went wrong, with its causes.
    pub what: String,
    /// When the server wants to be asked again, if it says so.
    pub retry_after: Option<Duration>,
}

/// What is known of the file that is there.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Known {
    web: Validators,
    taxii: TaxiiState,
    serial: Option<u32>,
}

/// How often it is looked whether to stop.
const LOOK: Duration = Duration::from_millis(50);

/// Fetches a feed if there is a new version of it; `None` for one that no server is asked for.
/// Blocks for as long as the feed's limits allow: not for a thread of a runtime. What comes over HTTP
/// ends with a failure soon after `stop` is set; a transfer of a zone goes on.
///
/// # Errors
/// [`FetchFailure`].
pub(super) fn fetch(feed: &FeedConfig, stop: &AtomicBool) -> Option<Result<Fetched, FetchFailure>> {
    let known = beside(&feed.path);
    let before: Known = fs::read(&known)
        .ok()
        .and_then(|text| serde_json::from_slice(&text).ok())
        .unwrap_or_default();
    let fetched = match &feed.origin {
        Origin::Path | Origin::Topic(_) => return None,
        Origin::Web(config) => made(feed).and_then(|()| from_web(feed, config, before, stop)),
        Origin::Taxii(config) => made(feed).and_then(|()| from_taxii(feed, config, before, stop)),
        Origin::Zone(config) => made(feed).and_then(|()| from_zone(feed, config, before)),
    };
    Some(fetched.and_then(|new| match new {
        None => Ok(Fetched::Unchanged),
        Some(after) => remember(&known, &after).map(|()| Fetched::New),
    }))
}

/// Fetches a list; what is known of it then, if it is a new one.
fn from_web(
    feed: &FeedConfig,
    config: &WebConfig,
    before: Known,
    stop: &AtomicBool,
) -> Result<Option<Known>, FetchFailure> {
    let options = web_options(feed, config);
    let fetching = web::fetch(&options, &before.web, &feed.path, SystemTime::now());
    match run(fetching, stop)?.map_err(|error| failure(&error, error.retry_after()))? {
        web::Fetched::Unchanged => Ok(None),
        web::Fetched::New { validators, .. } => Ok(Some(Known {
            web: validators,
            ..before
        })),
    }
}

/// Fetches a collection; what is known of it then, if there is something new in it.
fn from_taxii(
    feed: &FeedConfig,
    config: &WebConfig,
    before: Known,
    stop: &AtomicBool,
) -> Result<Option<Known>, FetchFailure> {
    let options = TaxiiOptions {
        web: web_options(feed, config),
        objects_max: ITEMS_MAX,
        pages_max: TaxiiOptions::PAGES_MAX,
    };
    let fetching = taxii::fetch(&options, &before.taxii, &feed.path, SystemTime::now());
    match run(fetching, stop)?.map_err(|error| failure(&error, error.retry_after()))? {
        taxii::Fetched::Unchanged => Ok(None),
        taxii::Fetched::New { state, .. } => Ok(Some(Known {
            taxii: state,
            ..before
        })),
    }
}

/// Transfers a zone; what is known of it then, if it is a new one.
fn from_zone(
    feed: &FeedConfig,
    config: &ZoneConfig,
    before: Known,
) -> Result<Option<Known>, FetchFailure> {
    let tsig = config.tsig.as_ref().and_then(|tsig| {
        Some(TsigKey {
            name: tsig.name.clone(),
            algorithm: TsigAlgorithm::of(&tsig.algorithm)?,
            secret_file: tsig.secret_file.clone(),
        })
    });
    let options = ZoneOptions {
        zone: config.zone.clone(),
        servers: config.servers.clone(),
        tsig,
        timeout: config.timeout,
        bytes_max: feed.size_max,
        records_max: ITEMS_MAX,
    };
    let now = SystemTime::now();
    // Nobody can answer who has not seen it: the nanoseconds are as good as chance.
    let nanos = now
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .subsec_nanos();
    let id = u16::try_from(nanos & 0xffff).unwrap_or_default();
    let transferred = zone::transfer(&options, before.serial, &feed.path, now, id);
    match transferred.map_err(|error| failure(&error, None))? {
        Transferred::Unchanged => Ok(None),
        Transferred::New { serial, .. } => Ok(Some(Known {
            serial: Some(serial),
            ..before
        })),
    }
}

/// How a feed is fetched over HTTP.
fn web_options(feed: &FeedConfig, config: &WebConfig) -> WebOptions {
    WebOptions {
        url: config.url.clone(),
        header_files: config.headers.clone(),
        ca: config.ca_file.clone(),
        proxy: config.proxy.clone(),
        timeout: config.timeout,
        bytes_max: feed.size_max,
        any_address: config.any_address,
        same_host_redirects: !config.other_hosts,
    }
}

/// Runs a fetch on this thread, to its end or until `stop` is set: then it is dropped, and what it has
/// written with it.
fn run<T>(fetching: impl Future<Output = T>, stop: &AtomicBool) -> Result<T, FetchFailure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| failure(&error, None))?;
    let fetched = runtime.block_on(async {
        tokio::select! {
            fetched = fetching => Some(fetched),
            () = set(stop) => None,
        }
    });
    // A name that the system still resolves for it is not waited for.
    runtime.shutdown_background();
    fetched.ok_or_else(|| FetchFailure {
        what: "stopped before it was fetched".to_owned(),
        retry_after: None,
    })
}

/// Ends when `stop` is set.
async fn set(stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        tokio::time::sleep(LOOK).await;
    }
}

/// Makes the directory of what is fetched.
fn made(feed: &FeedConfig) -> Result<(), FetchFailure> {
    let directory = feed.path.parent().unwrap_or_else(|| Path::new(""));
    fs::create_dir_all(directory).map_err(|error| at(directory, &error))
}

/// Where it is kept what is known of a file.
fn beside(path: &Path) -> PathBuf {
    path.with_file_name("known.json")
}

/// Keeps what is known, whole or not at all.
fn remember(path: &Path, known: &Known) -> Result<(), FetchFailure> {
    write_json(path, known).map_err(|error| FetchFailure {
        what: format!("cannot write {error}"),
        retry_after: None,
    })
}

/// A failure of something at a path.
fn at(path: &Path, error: &io::Error) -> FetchFailure {
    FetchFailure {
        what: format!("cannot write {}: {error}", path.display()),
        retry_after: None,
    }
}

/// A failure with its causes.
fn failure(error: &dyn Error, retry_after: Option<Duration>) -> FetchFailure {
    FetchFailure {
        what: chain(error),
        retry_after,
    }
}
