//! `[[source]]`, `[[feed]]` and `[networks]`: what is read, what is looked for, whose is whose.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::{FeedFormat, VictimDirection};

use super::defaults::CONFIDENCE;
use super::gate;
use super::reader::{Section, Wrong};
use super::value::{
    Item, choice, delimiter, duration, flag, name, named, named_or_later, network, path, percent,
    scope, topic, word,
};
use super::{ChangeLimits, CsvColumns, FeedConfig, NetworksConfig, SourceConfig, Start};

/// Event formats that a later version will know.
const LATER_EVENT_FORMATS: &[&str] = &[
    "zeek-tsv",
    "powerdns-protobuf",
    "suricata-eve",
    "pmacct-json",
    "vflow-json",
    "ecs-json",
    "json-map",
];
/// Longest grace of a feed.
const GRACE_MAX: Duration = Duration::from_secs(3650 * 86_400);
/// Longest malware name or column name, in bytes.
const WORD_LEN_MAX: usize = 256;

/// Names that must differ, each with the key that has it.
#[derive(Default)]
pub(super) struct Unique {
    taken: BTreeMap<String, String>,
}

impl Unique {
    /// Takes `name` for `key`, or says which key has it.
    pub(super) fn take(&mut self, name: &str, key: String) -> Result<(), String> {
        match self.taken.get(name) {
            Some(holder) => Err(format!("`{name}` is already `{holder}`")),
            None => {
                self.taken.insert(name.to_owned(), key);
                Ok(())
            }
        }
    }
}

/// Reads every `[[source]]`; their topics are taken from `topics`.
pub(super) fn sources(document: &mut Section<'_>, topics: &mut Unique) -> Vec<SourceConfig> {
    let mut names = Unique::default();
    let sections = document.sections("source");
    if sections.is_empty() && !document.has("source") {
        document.reject("source", "at least one `[[source]]` is needed");
    }
    sections
        .into_iter()
        .enumerate()
        .filter_map(|(index, section)| source(section, index, &mut names, topics))
        .collect()
}

/// Reads one `[[source]]`.
fn source(
    mut section: Section<'_>,
    index: usize,
    names: &mut Unique,
    topics: &mut Unique,
) -> Option<SourceConfig> {
    let name = section.required("name", name);
    let listed = section.required_list("topics", topic);
    let format = section.required("format", named_or_later(LATER_EVENT_FORMATS));
    let starts = &[("earliest", Start::Earliest), ("latest", Start::Latest)];
    let start = section.or("start", Start::Earliest, choice(starts));
    if let Some(taken) = name
        .as_deref()
        .and_then(|name| names.take(name, format!("source[{index}].name")).err())
    {
        section.reject("name", taken);
    }
    if listed.as_ref().is_some_and(Vec::is_empty) {
        section.reject("topics", "must name at least one topic");
    }
    for (element, topic) in listed.iter().flatten().enumerate() {
        let key = format!("source[{index}].topics[{element}]");
        if let Err(taken) = topics.take(topic, key) {
            section.reject_element("topics", element, taken);
        }
    }
    section.finish();
    Some(SourceConfig {
        name: name?,
        topics: listed?,
        format: format?,
        start,
    })
}

/// Reads every `[[feed]]`; `limits` hold where a feed has none of its own.
pub(super) fn feeds(document: &mut Section<'_>, limits: ChangeLimits) -> Vec<FeedConfig> {
    let mut names = Unique::default();
    let sections = document.sections("feed");
    if sections.is_empty() && !document.has("feed") {
        document.reject("feed", "at least one `[[feed]]` is needed");
    }
    sections
        .into_iter()
        .enumerate()
        .filter_map(|(index, section)| feed(section, index, &mut names, limits))
        .collect()
}

/// Reads one `[[feed]]`.
fn feed(
    mut section: Section<'_>,
    index: usize,
    names: &mut Unique,
    limits: ChangeLimits,
) -> Option<FeedConfig> {
    let name = section.required("name", name);
    section.refuse(
        "url",
        "is not in this version: fetch it to a file and use `path`",
    );
    section.refuse("topic", "is not in this version: use `path`");
    section.refuse(
        "refresh",
        "is not in this version: files are read again on SIGHUP",
    );
    section.refuse("keep_removed", "is not in this version");
    let path = if section.has("url") || section.has("topic") {
        section.optional("path", path)
    } else {
        section.required("path", path)
    };
    let format: Option<FeedFormat> = section.required("format", named);
    let role = section.required("role", named);
    if let Some(taken) = name
        .as_deref()
        .and_then(|name| names.take(name, format!("feed[{index}].name")).err())
    {
        section.reject("name", taken);
    }
    let confidence = section.or("confidence", CONFIDENCE, percent);
    let malware = section.optional("malware", short_word);
    let names = section.optional("names", scope);
    let victim: Option<VictimDirection> = section.optional("victim", named);
    let grace = section.or(
        "grace",
        Duration::ZERO,
        duration(Duration::ZERO..=GRACE_MAX),
    );
    let ports = &[("match", false), ("ignore", true)];
    let ignore_ports = section.or("ports", false, choice(ports));
    let overrides = section.or("overrides", false, flag);
    let columns = columns(&mut section, format);
    let limits = gate::limits(&mut section, limits);
    section.finish();
    Some(FeedConfig {
        confidence,
        malware,
        names,
        victim,
        grace,
        ignore_ports,
        overrides,
        columns,
        limits,
        ..FeedConfig::new(name?, path?, format?, role?)
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

/// Reads `[networks]`.
pub(super) fn networks(document: &mut Section<'_>) -> NetworksConfig {
    let mut section = document.section("networks");
    let networks = NetworksConfig {
        own: section.list("own", network).unwrap_or_default(),
        resolvers: section.list("resolvers", network).unwrap_or_default(),
        exclude: section.list("exclude", network).unwrap_or_default(),
        sinkholes: section.list("sinkholes", network).unwrap_or_default(),
    };
    section.finish();
    networks
}

/// A word of bounded length.
fn short_word(item: &Item<'_>) -> Result<String, Wrong> {
    let word = word(item)?;
    if word.len() > WORD_LEN_MAX {
        return Err(format!("must have at most {WORD_LEN_MAX} bytes").into());
    }
    Ok(word)
}
