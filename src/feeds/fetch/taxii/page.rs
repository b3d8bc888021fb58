//! The pages of a collection: how to ask for each, and what an answer (an envelope) holds.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::header::{ACCEPT, HeaderMap, HeaderName, HeaderValue};
use reqwest::{StatusCode, Url};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::TaxiiError;
use crate::feeds::document::{Field, each_entry, flag, is_list, object, text};
use crate::feeds::fetch::web::{Allowance, FetchError, Session, header, receive, shown};
use crate::model::EventTime;

/// How many objects a page should have.
const LIMIT: &str = "1000";
/// The media type that we speak.
const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/taxii+json;version=2.1");
/// When the last object of a page was added to the collection.
const ADDED_LAST: HeaderName = HeaderName::from_static("x-taxii-date-added-last");
/// Longest such date, in bytes.
const DATE_BYTES_MAX: usize = 64;
/// Longest `next` that is sent back, in bytes.
const NEXT_BYTES_MAX: usize = 4096;
/// How far the clock of a server may be ahead of ours.
const AHEAD_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Asks for one page after another.
pub(super) struct Pages<'a> {
    session: &'a Session,
    /// Where the objects are.
    url: Url,
    target: &'a Path,
    now: SystemTime,
    headers: HeaderMap,
    /// The filter of the next request.
    added_after: Option<String>,
    /// The page that the server named.
    next: Option<String>,
    /// When the newest object so far was added.
    newest: Option<String>,
    done: bool,
}

impl<'a> Pages<'a> {
    /// The pages of what was added after a time, for a bundle at `target`.
    ///
    /// # Errors
    /// [`FetchError::Url`] for a URL that has no path.
    pub(super) fn new(
        session: &'a Session,
        added_after: Option<String>,
        target: &'a Path,
        now: SystemTime,
    ) -> Result<Self, FetchError> {
        let mut url = session.start().clone();
        url.path_segments_mut()
            .map_err(|()| FetchError::Url {
                url: shown(session.start()),
                problem: "it has no path",
            })?
            .pop_if_empty()
            .push("objects")
            .push("");
        Ok(Self {
            session,
            url,
            target,
            now,
            headers: HeaderMap::from_iter([(ACCEPT, MEDIA_TYPE)]),
            newest: added_after.clone(),
            added_after,
            next: None,
            done: false,
        })
    }

    /// When the newest object was added, of all that were ever fetched.
    pub(super) fn into_newest(self) -> Option<String> {
        self.newest
    }

    /// The next page; `None` after the last one.
    ///
    /// # Errors
    /// [`TaxiiError`] `Web`, `Envelope` and `Paging`.
    pub(super) async fn next(
        &mut self,
        allowance: &mut Allowance,
    ) -> Result<Option<Page>, TaxiiError> {
        if self.done {
            return Ok(None);
        }
        let response = self
            .session
            .get(&self.request(), &self.headers, self.now)
            .await?;
        if response.status() != StatusCode::OK {
            let status = response.status().as_u16();
            let url = shown(&self.url);
            return Err(FetchError::Status { url, status }.into());
        }
        let added_last = header(&response, &ADDED_LAST, DATE_BYTES_MAX);
        let mut body = Vec::new();
        receive(response, allowance, self.target, &mut body).await?;
        let page = Page::parse(body).map_err(|problem| TaxiiError::Envelope {
            url: shown(&self.url),
            problem,
        })?;
        self.turn(&page, added_last)?;
        Ok(Some(page))
    }

    /// The URL of the next page.
    fn request(&self) -> Url {
        let mut url = self.url.clone();
        let mut query = url.query_pairs_mut();
        query.append_pair("limit", LIMIT);
        if let Some(added_after) = &self.added_after {
            query.append_pair("added_after", added_after);
        }
        if let Some(next) = &self.next {
            query.append_pair("next", next);
        }
        drop(query);
        url
    }

    /// Notes what a page says of the next one: `next` goes with the filter of the first request, and
    /// without it the filter moves on to the last object of the page.
    fn turn(&mut self, page: &Page, added_last: Option<String>) -> Result<(), TaxiiError> {
        let later = added_last.filter(|date| self.is_progress(date));
        if let Some(date) = &later {
            self.newest = Some(date.clone());
        }
        let paging = |problem| TaxiiError::Paging {
            url: shown(&self.url),
            problem,
        };
        self.done = !page.more;
        match (&page.next, later) {
            _ if self.done => {}
            (Some(next), _) if next.len() > NEXT_BYTES_MAX => {
                return Err(paging("the name of the next one is too long"));
            }
            (Some(next), _) => self.next = Some(next.clone()),
            (None, Some(date)) => {
                self.next = None;
                self.added_after = Some(date);
            }
            (None, None) => return Err(paging("neither by name nor by a later date")),
        }
        Ok(())
    }

    /// Whether a date is later than that of every page before, and not of the future: a server could
    /// otherwise make us skip all that it will ever add.
    fn is_progress(&self, date: &str) -> bool {
        let Ok(at) = EventTime::parse_rfc3339(date) else {
            return false;
        };
        let newest = self.newest.as_deref().map(EventTime::parse_rfc3339);
        let is_later = newest.is_none_or(|newest| newest.is_ok_and(|newest| newest < at));
        is_later && at <= latest(self.now)
    }
}

/// The latest date of a server that is believed.
fn latest(now: SystemTime) -> EventTime {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let nanos = since.saturating_add(AHEAD_MAX).as_nanos();
    EventTime::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX))
}

/// One page.
pub(super) struct Page {
    /// Whether others follow.
    pub(super) more: bool,
    /// The name of the next one.
    next: Option<String>,
    /// The objects, as a list.
    objects: Option<Box<RawValue>>,
}

/// An answer as it is written.
#[derive(Deserialize)]
struct Envelope<'d> {
    /// Whether others follow.
    #[serde(borrow, default)]
    more: Field<'d>,
    /// The name of the next one.
    #[serde(borrow, default)]
    next: Field<'d>,
    /// The objects.
    #[serde(borrow, default)]
    objects: Field<'d>,
}

impl Page {
    /// Takes an answer apart.
    fn parse(body: Vec<u8>) -> Result<Self, &'static str> {
        let body = String::from_utf8(body).map_err(|_| "not UTF-8")?;
        let raw: &RawValue = serde_json::from_str(&body).map_err(|_| "not JSON")?;
        let envelope: Envelope<'_> = object(raw).map_err(|_| "not an object")?;
        if envelope.objects.is_some_and(|objects| !is_list(objects)) {
            return Err("its objects are not a list");
        }
        Ok(Self {
            more: flag(envelope.more).unwrap_or(false),
            next: text(envelope.next).map(|next| next.into_owned()),
            objects: envelope.objects.map(ToOwned::to_owned),
        })
    }

    /// Hands out the objects.
    pub(super) fn each_object(&self, each: &mut dyn FnMut(&RawValue)) {
        if let Some(objects) = &self.objects {
            each_entry(objects, each);
        }
    }
}
