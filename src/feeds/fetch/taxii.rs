//! A feed that is a collection of a TAXII 2.1 server. [`fetch`] asks for what was added since the
//! last time, page by page (`page`), and merges it into one STIX bundle (`bundle`), which is parsed
//! like any other. Nothing is written before the last page is there.
//!
//! Everything that holds for a fetch over the web holds here too. What a server removes from a
//! collection it does not tell: objects stay until a newer version revokes them or the state is
//! thrown away, which makes the next fetch begin anew.

mod bundle;
mod error;
mod page;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use tokio::time::timeout;

pub use error::TaxiiError;

use super::web::{Allowance, FetchError, Reach, Session, Unfinished, WebOptions, shown, source};
use bundle::Bundle;
use page::{Page, Pages};

/// What to fetch, and within which limits.
#[derive(Clone, Debug)]
pub struct TaxiiOptions {
    /// How: `url` is that of the collection (`…/collections/ID/`). `bytes_max` and `timeout` are for
    /// all pages together, `bytes_max` also for the bundle.
    pub web: WebOptions,
    /// Most objects in the bundle.
    pub objects_max: u64,
    /// Most pages of one fetch.
    pub pages_max: u64,
}

impl TaxiiOptions {
    /// The usual bound on pages: with a server that gives out a hundred objects a page, a million.
    pub const PAGES_MAX: u64 = 10_000;
}

/// How far a collection was read. Kept by the caller beside the bundle; without it, or without the
/// bundle, the next fetch begins anew.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TaxiiState {
    /// A hash of the URL, without user and password: the state of another collection is not used.
    pub source: Option<String>,
    /// When the newest object that was fetched was added, as the server wrote it.
    pub added_after: Option<String>,
}

/// How a fetch ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// The bundle is the newest.
    Unchanged,
    /// There is a new bundle.
    New {
        /// What to hand in at the next fetch.
        state: TaxiiState,
        /// How many objects are in it.
        objects: u64,
        /// How many of them are new, or newer than before.
        changed: u64,
        /// How many were left out: no objects, or without an id.
        skipped: u64,
        /// Its length.
        bytes: u64,
    },
}

/// Fetches what was added to a collection since `known` and merges it into the bundle at `target`:
/// of two versions of an object the one with the later `modified` stays, and of two as new the one
/// that was there. `target` is replaced whole or left as it is, and durable on return.
///
/// `now` is the time that `Retry-After` dates and the dates of the server are compared with. Holds
/// the bundle and two copies of a page in memory; the thread that polls parses, merges and writes:
/// not one that others wait for.
///
/// # Errors
/// [`TaxiiError`]; `target` is as it was, with the exception of [`super::web::fetch`].
pub async fn fetch(
    options: &TaxiiOptions,
    known: &TaxiiState,
    target: &Path,
    now: SystemTime,
) -> Result<Fetched, TaxiiError> {
    let reach = Reach::new(options.web.any_address);
    fetch_within(options, reach, known, target, now).await
}

/// As [`fetch`], with addresses within `reach`.
async fn fetch_within(
    options: &TaxiiOptions,
    reach: Reach,
    known: &TaxiiState,
    target: &Path,
    now: SystemTime,
) -> Result<Fetched, TaxiiError> {
    let session = Session::open(&options.web, reach)?;
    let fetched = fetch_in(&session, options, known, target, now);
    let limit = options.web.timeout;
    let timed_out = |_| FetchError::Timeout {
        url: shown(session.start()),
        limit,
    };
    timeout(limit, fetched).await.map_err(timed_out)?
}

/// Fetches the collection of a session, for as long as it takes.
async fn fetch_in(
    session: &Session,
    options: &TaxiiOptions,
    known: &TaxiiState,
    target: &Path,
    now: SystemTime,
) -> Result<Fetched, TaxiiError> {
    let source = source(session.start());
    let bytes_max = options.web.bytes_max;
    let is_known = known.source.as_ref() == Some(&source) && known.added_after.is_some();
    let old = is_known.then(|| Bundle::read(target, bytes_max)).flatten();
    let is_new = old.is_none();
    let added_after = known.added_after.clone().filter(|_| !is_new);
    let mut bundle = old.unwrap_or_default();
    let mut pages = Pages::new(session, added_after.clone(), target, now)?;
    let mut allowance = Allowance::new(bytes_max);
    let mut n_pages: u64 = 0;
    let (mut changed, mut skipped): (u64, u64) = (0, 0);
    while let Some(page) = pages.next(&mut allowance).await? {
        n_pages = n_pages.saturating_add(1);
        let (n_changed, n_skipped) = merge(&page, &mut bundle);
        changed = changed.saturating_add(n_changed);
        skipped = skipped.saturating_add(n_skipped);
        let url = || shown(session.start());
        bundle.check(options.objects_max, bytes_max, url)?;
        if n_pages >= options.pages_max && page.more {
            return Err(TaxiiError::TooManyPages {
                url: url(),
                limit: options.pages_max,
            });
        }
    }
    let state = TaxiiState {
        added_after: pages.into_newest(),
        source: Some(source.clone()),
    };
    if !is_new && changed == 0 && state.added_after == added_after {
        return Ok(Fetched::Unchanged);
    }
    let mut unfinished = Unfinished::beside(target, now)?;
    let bytes = bundle
        .write(&source, unfinished.file())
        .map_err(|source| FetchError::Write {
            path: target.to_owned(),
            source,
        })?;
    unfinished.finish().await?;
    Ok(Fetched::New {
        state,
        objects: bundle.objects(),
        changed,
        skipped,
        bytes,
    })
}

/// Merges the objects of a page into a bundle: how many changed it, and how many were left out.
fn merge(page: &Page, bundle: &mut Bundle) -> (u64, u64) {
    let (mut changed, mut skipped): (u64, u64) = (0, 0);
    page.each_object(&mut |object| match bundle.add(object) {
        bundle::Added::Changed => changed = changed.saturating_add(1),
        bundle::Added::Known => {}
        bundle::Added::Skipped => skipped = skipped.saturating_add(1),
    });
    (changed, skipped)
}
