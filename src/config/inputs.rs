//! `[[source]]` and `[networks]`: what is read, whose is whose.

use std::collections::BTreeMap;

use super::reader::Section;
use super::value::{choice, name, named_or_later, network, topic};
use super::{NetworksConfig, SourceConfig, Start};

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
