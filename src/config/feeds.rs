//! `[[feed]]`: where indicators come from, how they are parsed, and what they may do.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::defaults::CONFIDENCE;
use super::gate;
use super::inputs::Unique;
use super::reader::{Section, Wrong};
use super::value::{
    Item, choice, delimiter, duration, flag, named, path, percent, scope, size, text, topic, word,
};
use super::{ChangeLimits, CsvColumns, FeedConfig};
use crate::model::{FeedFormat, Named, VictimDirection};

/// Longest grace, lifetime or age.
const LONGEST: Duration = Duration::from_secs(3650 * 86_400);
/// Longest malware name or column name, in bytes.
const WORD_LEN_MAX: usize = 256;

/// Where a feed comes from, if not from a path that somebody else fills.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A file or directory of this machine.
    Path,
    /// A list behind a URL.
    Web(WebConfig),
    /// A collection of a TAXII 2.1 server.
    Taxii(WebConfig),
    /// A response policy zone, by transfer.
    Zone(ZoneConfig),
    /// A compacted topic of `gannet.indicator.v1`, of the cluster that is read.
    Topic(String),
}

/// How a list is fetched over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebConfig {
    /// From where.
    pub url: String,
    /// Headers that are sent, each with the file that holds its value.
    pub headers: Vec<(String, PathBuf)>,
    /// The authority that is trusted in place of the usual ones.
    pub ca_file: Option<PathBuf>,
    /// The proxy; the environment is not asked.
    pub proxy: Option<String>,
    /// How long one fetch may take.
    pub timeout: Duration,
    /// Whether the server may have an address that is not public.
    pub any_address: bool,
    /// Whether it may send us to another host.
    pub other_hosts: bool,
}

/// How a zone is transferred.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneConfig {
    /// Its name.
    pub zone: String,
    /// From which servers, the first that answers.
    pub servers: Vec<SocketAddr>,
    /// The key that signs.
    pub tsig: Option<TsigConfig>,
    /// How long one transfer may take.
    pub timeout: Duration,
}

/// The key that signs a zone transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TsigConfig {
    /// Its name.
    pub name: String,
    /// `hmac-sha256`, `hmac-sha384` or `hmac-sha512`.
    pub algorithm: String,
    /// The file that holds it, in base64.
    pub secret_file: PathBuf,
}

/// Reads every `[[feed]]`; `limits` hold where a feed has none of its own, and what is fetched is
/// kept in `store`.
pub(super) fn feeds(
    document: &mut Section<'_>,
    limits: ChangeLimits,
    store: Option<&Path>,
    topics: &mut Unique,
) -> Vec<FeedConfig> {
    let mut names = Unique::default();
    let sections = document.sections("feed");
    if sections.is_empty() && !document.has("feed") {
        document.reject("feed", "at least one `[[feed]]` is needed");
    }
    let mut feeds = Vec::new();
    for (index, mut section) in sections.into_iter().enumerate() {
        let name = section.required("name", gate::feed_name);
        let taken = name.as_deref();
        let taken = taken.map(|name| names.take(name, format!("feed[{index}].name")));
        if let Some(Err(taken)) = taken {
            section.reject("name", taken);
        }
        let place = Place {
            index,
            store,
            name: name.as_deref(),
        };
        let location = location(&mut section, &place, topics);
        feeds.extend(feed(section, name, location, limits));
    }
    feeds
}

/// Which feed is read.
struct Place<'a> {
    index: usize,
    store: Option<&'a Path>,
    name: Option<&'a str>,
}

/// Reads one `[[feed]]` from `location`.
fn feed(
    mut section: Section<'_>,
    name: Option<String>,
    location: Option<(PathBuf, Origin)>,
    limits: ChangeLimits,
) -> Option<FeedConfig> {
    let format: Option<FeedFormat> = section.required("format", named);
    let role = section.required("role", named);
    let confidence = section.or("confidence", CONFIDENCE, percent);
    let malware = section.optional("malware", short_word);
    let names = section.optional("names", scope);
    let victim: Option<VictimDirection> = section.optional("victim", named);
    let any = || duration(Duration::ZERO..=LONGEST);
    let grace = section.or("grace", Duration::ZERO, any());
    let second = || duration(Duration::from_secs(1)..=LONGEST);
    let valid_for = section.optional("valid_for", second());
    let keep_removed = section.or("keep_removed", FeedConfig::KEEP_REMOVED, any());
    let age_max = section.optional("age_max", second());
    let refresh = section.optional("refresh", second());
    let sizes = size(1..=FeedConfig::SIZE_MAX);
    let size_max = section.optional("size_max", sizes).map(|size| size as u64);
    let ports = &[("match", false), ("ignore", true)];
    let ignore_ports = section.or("ports", false, choice(ports));
    let overrides = section.or("overrides", false, flag);
    let columns = columns(&mut section, format);
    let limits = gate::limits(&mut section, limits);
    if let (Some((_, origin)), Some(format)) = (&location, format)
        && let Some(only) = origin.only_format().filter(|only| *only != format)
    {
        section.reject("format", format!("must be `{}` here", only.as_str()));
    }
    section.finish();
    let (path, origin) = location?;
    Some(FeedConfig {
        refresh: refresh.unwrap_or_else(|| origin.refresh()),
        origin,
        confidence,
        malware,
        names,
        victim,
        grace,
        valid_for,
        keep_removed,
        age_max,
        size_max: size_max.unwrap_or(FeedConfig::SIZE_MAX),
        ignore_ports,
        overrides,
        columns,
        limits,
        ..FeedConfig::new(name?, path, format?, role?)
    })
}

impl Origin {
    /// Whether it is a topic, which changes row by row.
    pub fn is_topic(&self) -> bool {
        matches!(self, Self::Topic(_))
    }

    /// How often it is looked at, where nobody says.
    fn refresh(&self) -> Duration {
        Duration::from_secs(match self {
            Self::Path => 10,
            Self::Web(_) | Self::Taxii(_) => 3600,
            Self::Zone(_) => 900,
            Self::Topic(_) => 1,
        })
    }

    /// The one format in which it comes, if there is only one.
    fn only_format(&self) -> Option<FeedFormat> {
        match self {
            Self::Path | Self::Web(_) => None,
            Self::Taxii(_) => Some(FeedFormat::Stix2),
            Self::Zone(_) => Some(FeedFormat::Rpz),
            Self::Topic(_) => Some(FeedFormat::GannetJson),
        }
    }

    /// Where to it leads, for people: never a secret.
    pub fn place(&self) -> Option<&str> {
        match self {
            Self::Path => None,
            Self::Web(web) | Self::Taxii(web) => Some(web.url.split('?').next().unwrap_or("")),
            Self::Zone(zone) => Some(&zone.zone),
            Self::Topic(topic) => Some(topic),
        }
    }
}

/// The keys that say where a feed comes from.
const LOCATIONS: [&str; 5] = ["path", "url", "taxii", "zone", "topic"];

/// Reads where a feed comes from, and the path where it then is.
fn location(
    section: &mut Section<'_>,
    place: &Place<'_>,
    topics: &mut Unique,
) -> Option<(PathBuf, Origin)> {
    let path = section.optional("path", path);
    let url = section.optional("url", url);
    let taxii = section.optional("taxii", url_of_collection);
    let zone = section.optional("zone", zone_name);
    let topic = section.optional("topic", topic);
    let written: Vec<&str> = (LOCATIONS.into_iter())
        .filter(|key| section.has(key))
        .collect();
    match written.as_slice() {
        [] if !section.present() => return None,
        [] => section.reject(
            "path",
            "is missing, as are `url`, `taxii`, `zone` and `topic`: one of them is needed",
        ),
        [_] => {}
        [first, .., second] => section.reject(second, format!("cannot stand beside `{first}`")),
    }
    let web = web(section, url.or_else(|| taxii.clone()));
    let transfer = transfer(section, zone);
    if let Some(topic) = &topic
        && let Err(taken) = topics.take(topic, format!("feed[{}].topic", place.index))
    {
        section.reject("topic", taken);
    }
    if written.as_slice() == ["path"] {
        return Some((path?, Origin::Path));
    }
    let origin = if let Some(topic) = topic {
        Origin::Topic(topic)
    } else if let Some(transfer) = transfer {
        Origin::Zone(transfer)
    } else if taxii.is_some() {
        Origin::Taxii(web?)
    } else {
        Origin::Web(web?)
    };
    let Some(store) = place.store else {
        let key = written.first().unwrap_or(&"url");
        section.reject(
            key,
            "needs `store` in [gate]: what is fetched is kept there",
        );
        return None;
    };
    let fetched = store.join(place.name?).join("fetched").join("list");
    Some((fetched, origin))
}

/// Reads how a URL is fetched.
fn web(section: &mut Section<'_>, url: Option<String>) -> Option<WebConfig> {
    let mut headers = section.section("header_files");
    let mut header_files = Vec::new();
    for (header, item) in headers.free() {
        match path(&item) {
            Ok(file) => header_files.push((header, file)),
            Err(wrong) => headers.reject(&header, wrong),
        }
    }
    headers.finish();
    let ca_file = section.optional("ca_file", path);
    let proxy = section.optional("proxy", proxy);
    let addresses = &[("public", false), ("any", true)];
    let any_address = section.or("addresses", false, choice(addresses));
    let redirects = &[("same-host", false), ("any", true)];
    let other_hosts = section.or("redirects", false, choice(redirects));
    let timeout = timeout(section);
    let only = ["header_files", "ca_file", "proxy", "addresses", "redirects"];
    let none = !section.has("url") && !section.has("taxii");
    for key in only.into_iter().filter(|key| none && section.has(key)) {
        section.reject(key, "belongs to `url` and `taxii` alone");
    }
    Some(WebConfig {
        url: url?,
        headers: header_files,
        ca_file,
        proxy,
        timeout,
        any_address,
        other_hosts,
    })
}

/// Reads how a zone is transferred.
fn transfer(section: &mut Section<'_>, zone: Option<String>) -> Option<ZoneConfig> {
    let servers = section.list("servers", server).unwrap_or_default();
    let mut key = section.section("tsig");
    let tsig = key.present().then(|| {
        let algorithms = &[
            ("hmac-sha256", "hmac-sha256"),
            ("hmac-sha384", "hmac-sha384"),
            ("hmac-sha512", "hmac-sha512"),
        ];
        Some(TsigConfig {
            name: key.required("name", zone_name)?,
            algorithm: key
                .or("algorithm", "hmac-sha256", choice(algorithms))
                .to_owned(),
            secret_file: key.required("secret_file", path)?,
        })
    });
    key.finish();
    for key in ["servers", "tsig"] {
        if section.has(key) && !section.has("zone") {
            section.reject(key, "belongs to `zone` alone");
        }
    }
    if section.has("zone") && servers.is_empty() && !section.has("servers") {
        section.reject("zone", "needs `servers`, such as [\"192.0.2.53:53\"]");
    }
    Some(ZoneConfig {
        zone: zone?,
        servers,
        tsig: tsig.flatten(),
        timeout: timeout(section),
    })
}

/// How long one fetch may take.
fn timeout(section: &mut Section<'_>) -> Duration {
    let range = Duration::from_millis(100)..=Duration::from_secs(86_400);
    section.or("timeout", FeedConfig::TIMEOUT, duration(range))
}

/// A URL that may be fetched: `https`, or `http` on this machine.
fn url(item: &Item<'_>) -> Result<String, Wrong> {
    let url = word(item)?;
    let rest = url.strip_prefix("https://");
    let rest = rest.or_else(|| {
        let local = url.strip_prefix("http://")?;
        let host = [
            "127.0.0.1:",
            "127.0.0.1/",
            "localhost:",
            "localhost/",
            "[::1]",
        ];
        host.iter()
            .any(|host| local.starts_with(host))
            .then_some(local)
    });
    match rest {
        None => Err("must start with `https://`".into()),
        Some(rest) if rest.is_empty() || rest.starts_with('/') => Err("names no host".into()),
        Some(rest)
            if rest
                .split('/')
                .next()
                .is_some_and(|host| host.contains('@')) =>
        {
            Err("holds a user or password: put them into `header_files`".into())
        }
        Some(_) => Ok(url),
    }
}

/// The URL of a collection.
fn url_of_collection(item: &Item<'_>) -> Result<String, Wrong> {
    let mut url = url(item)?;
    if !url.contains("/collections/") {
        return Err("must be that of a collection: https://…/collections/ID/".into());
    }
    if !url.ends_with('/') {
        url.push('/');
    }
    Ok(url)
}

/// The URL of a proxy.
fn proxy(item: &Item<'_>) -> Result<String, Wrong> {
    let url = word(item)?;
    if url.starts_with("http://") || url.starts_with("https://") {
        return Ok(url);
    }
    Err("must start with `http://` or `https://`".into())
}

/// A name of the DNS.
fn zone_name(item: &Item<'_>) -> Result<String, Wrong> {
    let name = word(item)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.len() > 253 || !name.chars().all(plain) || name.contains("..") {
        return Err(format!("`{}` is no name of a zone or key", name.escape_debug()).into());
    }
    Ok(name.trim_end_matches('.').to_ascii_lowercase())
}

/// A server with its port.
fn server(item: &Item<'_>) -> Result<SocketAddr, Wrong> {
    let written = text(item)?;
    let address = written.parse().ok();
    let address = address.or_else(|| {
        let ip: std::net::IpAddr = written.parse().ok()?;
        Some(SocketAddr::from((ip, 53)))
    });
    address.ok_or_else(|| {
        let written = written.escape_debug();
        format!("`{written}` is not an address such as `192.0.2.53` or `[2001:db8::53]:5353`")
            .into()
    })
}

/// Reads `columns` and `delimiter`, which belong to `csv` alone.
fn columns(feed: &mut Section<'_>, format: Option<FeedFormat>) -> CsvColumns {
    let delimiter = feed.optional("delimiter", delimiter);
    let mut section = feed.section("columns");
    let columns = CsvColumns {
        value: section.optional("value", short_word),
        id: section.optional("id", short_word),
        malware: section.optional("malware", short_word),
        role: section.optional("role", short_word),
        confidence: section.optional("confidence", short_word),
        valid_from: section.optional("valid_from", short_word),
        valid_until: section.optional("valid_until", short_word),
        reference: section.optional("reference", short_word),
        tags: section.optional("tags", short_word),
        delimiter,
    };
    section.finish();
    if format.is_some_and(|format| format != FeedFormat::Csv) {
        for key in ["columns", "delimiter"] {
            if feed.has(key) {
                feed.reject(key, "belongs to the format `csv` alone");
            }
        }
    }
    columns
}

/// A word of bounded length.
fn short_word(item: &Item<'_>) -> Result<String, Wrong> {
    let word = word(item)?;
    if word.len() > WORD_LEN_MAX {
        return Err(format!("must have at most {WORD_LEN_MAX} bytes").into());
    }
    Ok(word)
}
