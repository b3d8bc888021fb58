//! One client for one URL and what it leads to: asks, and follows redirects by itself, so that each
//! step is checked and no secret goes where it was not meant to go.

use std::error::Error;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use reqwest::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::{Client, Proxy, Response, StatusCode, Url, redirect};

use super::WebOptions;
use super::error::FetchError;
use super::reach::{Reach, Refused};
use super::retry_after;
use super::secrets;
use super::shown::{shown, shown_text};

/// Most redirects of one request.
const REDIRECTS_MAX: usize = 5;
/// What we call ourselves.
const USER_AGENT: &str = concat!("gannet/", env!("CARGO_PKG_VERSION"));

/// A client with its secrets.
pub(in crate::feeds::fetch) struct Session {
    client: Client,
    start: Url,
    secrets: HeaderMap,
    reach: Reach,
    by_proxy: bool,
    same_host: bool,
}

impl Session {
    /// Reads secrets and certificates and sets up a client. Connects to nobody.
    ///
    /// # Errors
    /// [`FetchError`] `Url`, `Secret`, `Authority` and `Client`.
    pub(in crate::feeds::fetch) fn open(
        options: &WebOptions,
        reach: Reach,
    ) -> Result<Self, FetchError> {
        let start = Url::parse(&options.url).map_err(|_| FetchError::Url {
            url: shown_text(&options.url),
            problem: "that is not a URL",
        })?;
        check_url(&start, &reach)?;
        Ok(Self {
            client: client(options, &start, &reach)?,
            secrets: secrets::headers(&options.header_files)?,
            by_proxy: options.proxy.is_some(),
            same_host: options.same_host_redirects,
            start,
            reach,
        })
    }

    /// The URL of the configuration.
    pub(in crate::feeds::fetch) fn start(&self) -> &Url {
        &self.start
    }

    /// Asks for `url` with `headers` and follows at most five redirects. The answer is no redirect
    /// and does not ask to come back later; its status is not looked at further.
    ///
    /// # Errors
    /// [`FetchError`] `Url`, `Address`, `Connect`, `Answer`, `Redirect` and `Busy`.
    pub(in crate::feeds::fetch) async fn get(
        &self,
        url: &Url,
        headers: &HeaderMap,
        now: SystemTime,
    ) -> Result<Response, FetchError> {
        let mut url = url.clone();
        let mut n_redirects = 0;
        loop {
            let response = self.ask(&url, headers).await?;
            if !is_redirect(response.status()) {
                return not_busy(response, &url, now);
            }
            let redirect = |problem| FetchError::Redirect {
                url: shown(&url),
                problem,
            };
            if n_redirects == REDIRECTS_MAX {
                return Err(redirect("there were five before it"));
            }
            n_redirects += 1;
            url = self.next(&url, &response).map_err(redirect)?;
        }
    }

    /// Asks for `url`, and for nothing that it leads to.
    async fn ask(&self, url: &Url, headers: &HeaderMap) -> Result<Response, FetchError> {
        check_url(url, &self.reach)?;
        let mut headers = headers.clone();
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        let (mut user, mut password) = ("", None);
        if is_same_origin(url, &self.start) {
            headers.extend(self.secrets.clone());
            (user, password) = (self.start.username(), self.start.password());
        }
        let mut asked = url.clone();
        // Neither fails for a URL with a host.
        let _ = asked.set_username(user);
        let _ = asked.set_password(password);
        let sent = self.client.get(asked).headers(headers).send().await;
        let response = sent.map_err(|error| not_sent(error.without_url(), url))?;
        let connected = response.remote_addr().map(|address| address.ip());
        match connected {
            Some(address) if !self.by_proxy && !self.reach.allows(address) => {
                Err(FetchError::Address {
                    url: shown(url),
                    address,
                })
            }
            Some(_) | None => Ok(response),
        }
    }

    /// Where a redirect leads.
    ///
    /// # Errors
    /// Why it is not followed.
    fn next(&self, url: &Url, response: &Response) -> Result<Url, &'static str> {
        let location = response.headers().get(LOCATION);
        let location = location.ok_or("it does not say where to")?;
        let location = location.to_str().map_err(|_| "it leads to no URL")?;
        let next = url.join(location).map_err(|_| "it leads to no URL")?;
        // Plain `http` stays possible where it began, for which there is a rule.
        if next.scheme() != "https" && next.scheme() != url.scheme() {
            return Err("it does not lead to https");
        }
        if self.same_host && next.host_str() != self.start.host_str() {
            return Err("it leads to another host");
        }
        Ok(next)
    }
}

/// Sets up a client that does nothing by itself: no redirect, no proxy of the environment, no
/// address out of reach.
fn client(options: &WebOptions, start: &Url, reach: &Reach) -> Result<Client, FetchError> {
    let failed = |error: reqwest::Error| FetchError::Client {
        url: shown(start),
        source: error.without_url(),
    };
    let mut builder = Client::builder()
        .redirect(redirect::Policy::none())
        .referer(false)
        .user_agent(USER_AGENT)
        .no_proxy();
    if let Some(path) = &options.ca {
        builder = builder.tls_built_in_root_certs(false);
        for authority in secrets::authorities(path)? {
            builder = builder.add_root_certificate(authority);
        }
    }
    builder = match &options.proxy {
        // The only name that is then resolved here is that of the proxy, which may be anywhere.
        Some(proxy) => {
            check_proxy(proxy)?;
            builder.proxy(Proxy::all(proxy).map_err(failed)?)
        }
        None => builder.dns_resolver(Arc::new(reach.clone())),
    };
    builder.build().map_err(failed)
}

/// Refuses a proxy that cannot be one.
fn check_proxy(proxy: &str) -> Result<(), FetchError> {
    match Url::parse(proxy) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(()),
        Ok(_) | Err(_) => Err(FetchError::Url {
            url: shown_text(proxy),
            problem: "a proxy is an http or https URL",
        }),
    }
}

/// Refuses a URL for what is written in it: the scheme, an address.
fn check_url(url: &Url, reach: &Reach) -> Result<(), FetchError> {
    let refuse = |problem| FetchError::Url {
        url: shown(url),
        problem,
    };
    let Some(host) = url.host_str() else {
        return Err(refuse("it has no host"));
    };
    let address: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    match url.scheme() {
        "https" => {}
        "http" if reach.is_any() && address.is_some_and(|address| address.is_loopback()) => {}
        "http" => return Err(refuse("only https is fetched from another machine")),
        _ => return Err(refuse("only https is fetched")),
    }
    if let Some(address) = address.filter(|address| !reach.allows(*address)) {
        let url = shown(url);
        return Err(FetchError::Address { url, address });
    }
    let name = host.trim_end_matches('.');
    if !reach.is_any() && (name == "localhost" || name.ends_with(".localhost")) {
        return Err(refuse("this machine is not public"));
    }
    Ok(())
}

/// Whether two URLs are of one server: scheme, host and port.
fn is_same_origin(one: &Url, other: &Url) -> bool {
    let origin = |url: &Url| (url.scheme().to_owned(), url.port_or_known_default());
    origin(one) == origin(other) && one.host_str() == other.host_str()
}

/// Whether a status redirects.
fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// The response, unless it asks to come back later.
fn not_busy(response: Response, url: &Url, now: SystemTime) -> Result<Response, FetchError> {
    let status = response.status().as_u16();
    if !matches!(status, 429 | 503) {
        return Ok(response);
    }
    let retry_after = response.headers().get(RETRY_AFTER);
    let retry_after = retry_after.and_then(|value| value.to_str().ok());
    Err(FetchError::Busy {
        url: shown(url),
        status,
        retry_after: retry_after.and_then(|value| retry_after::parse(value, now)),
    })
}

/// Why there is no response.
fn not_sent(error: reqwest::Error, url: &Url) -> FetchError {
    let url = shown(url);
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(Refused(address)) = inner.downcast_ref() {
            let address = *address;
            return FetchError::Address { url, address };
        }
        cause = inner.source();
    }
    if error.is_connect() {
        FetchError::Connect { url, source: error }
    } else {
        FetchError::Answer { url, source: error }
    }
}
