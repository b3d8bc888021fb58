//! One attribute of an event: whether it is to be looked for, and what it lists.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::ParseOptions;
use super::super::document::{Field, each_entry, flag, newest, object, text, time, words};
use super::super::reason::{self, Reason};
use super::super::rows::{Facts, Row, Rows, Tags};
use super::{Shared, seconds};
use crate::model::{EventTime, Scope};

/// The galaxies whose clusters are malware.
const MALWARE_GALAXIES: [&str; 12] = [
    "malpedia",
    "mitre-malware",
    "mitre-enterprise-attack-malware",
    "mitre-tool",
    "tool",
    "rat",
    "stealer",
    "ransomware",
    "banker",
    "botnet",
    "backdoor",
    "android",
];

/// An attribute as written.
#[derive(Deserialize)]
struct Written<'d> {
    /// The id that is the same everywhere.
    #[serde(borrow, default)]
    uuid: Field<'d>,
    /// What kind of value it is.
    #[serde(borrow, default, rename = "type")]
    kind: Field<'d>,
    /// The value.
    #[serde(borrow, default)]
    value: Field<'d>,
    /// Whether it is to be looked for.
    #[serde(borrow, default)]
    to_ids: Field<'d>,
    /// Whether it was deleted.
    #[serde(borrow, default)]
    deleted: Field<'d>,
    /// What each model of decay says, when it was asked.
    #[serde(borrow, default)]
    decay_score: Field<'d>,
    /// When it was first seen.
    #[serde(borrow, default)]
    first_seen: Field<'d>,
    /// When it was last seen.
    #[serde(borrow, default)]
    last_seen: Field<'d>,
    /// When somebody said it, or said it again: seconds since the epoch.
    #[serde(borrow, default)]
    timestamp: Field<'d>,
    /// What others said about it.
    #[serde(borrow, default, rename = "Sighting")]
    sightings: Field<'d>,
    /// Its tags.
    #[serde(borrow, default, rename = "Tag")]
    tags: Field<'d>,
    /// Its event, when it was searched for.
    #[serde(borrow, default, rename = "Event")]
    event: Field<'d>,
}

/// What one model of decay says.
#[derive(Deserialize)]
struct Decay<'d> {
    /// Whether the attribute is worth nothing any more.
    #[serde(borrow, default)]
    decayed: Field<'d>,
}

/// The event of an attribute that was searched for.
#[derive(Deserialize)]
struct EventOf<'d> {
    /// The id that is the same everywhere.
    #[serde(borrow, default)]
    uuid: Field<'d>,
}

/// What the value of an attribute is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A name with all below it.
    Domain,
    /// The name of a host.
    Hostname,
    /// A name, and a port.
    HostnamePort,
    /// An address or a prefix.
    Address,
    /// An address, and a port.
    AddressPort,
    /// A name, and an address.
    DomainAddress,
    /// A URL.
    Url,
}

impl Kind {
    /// The kind that a type is; `None` for what neither DNS nor flows show.
    fn of(kind: &str) -> Option<Self> {
        match kind {
            "domain" => Some(Self::Domain),
            "hostname" => Some(Self::Hostname),
            "hostname|port" => Some(Self::HostnamePort),
            "ip-src" | "ip-dst" => Some(Self::Address),
            "ip-src|port" | "ip-dst|port" => Some(Self::AddressPort),
            "domain|ip" => Some(Self::DomainAddress),
            "url" | "uri" => Some(Self::Url),
            _ => None,
        }
    }
}

/// Offers what an attribute lists.
///
/// # Errors
/// The [`Reason`] for which it is refused.
pub(super) fn take(
    entry: &RawValue,
    shared: &Shared<'_>,
    options: &ParseOptions<'_>,
    rows: &mut Rows<'_>,
) -> Result<Row, Reason> {
    let written: Written<'_> = object(entry)?;
    let kind = text(written.kind).ok_or(reason::UNKNOWN_TYPE)?;
    let kind = Kind::of(&kind).ok_or(reason::NOT_NETWORK)?;
    if shared.deleted || flag(written.deleted) == Some(true) {
        return Err(reason::DELETED);
    }
    if flag(written.to_ids) != Some(true) {
        return Err(reason::NOT_FOR_DETECTION);
    }
    if has_decayed(written.decay_score) {
        return Err(reason::DECAYED);
    }
    let value = text(written.value).ok_or(reason::EMPTY_VALUE)?;
    let id = text(written.uuid);
    let event = written
        .event
        .and_then(|event| object::<EventOf<'_>>(event).ok());
    let event = event.and_then(|event| text(event.uuid));
    let words = words(written.tags);
    let all_tags = || words.iter().chain(&shared.tags).map(|tag| &**tag);
    let tags = Tags::of(all_tags());
    let said = Said::of(written.sightings);
    let first_seen = time(written.first_seen)?;
    let seen = first_seen.max(newest([written.last_seen])).max(said.seen);
    let facts = Facts {
        id: id.as_deref(),
        malware: all_tags().find_map(malware).or(options.malware),
        // Who says again that it is bad saw it again, as the models of decay have it.
        seen: seen.max(seconds(written.timestamp)),
        valid_until: said.expired.filter(|&expired| seen <= Some(expired)),
        reference: shared.reference.as_deref().or(event.as_deref()),
        tags: tags.kept(),
        ..Facts::of(options)
    };
    offer(kind, &value, options, &facts, rows)?;
    if tags.dropped() {
        rows.remark(reason::TAGS_DROPPED);
    }
    Ok(Row::Accepted)
}

/// Offers the parts of a value.
fn offer(
    kind: Kind,
    value: &str,
    options: &ParseOptions<'_>,
    facts: &Facts<'_>,
    rows: &mut Rows<'_>,
) -> Result<(), Reason> {
    let host = options.names.unwrap_or(Scope::Exact);
    match kind {
        Kind::Domain => rows.offer(value, options.bare(), facts),
        Kind::Hostname => rows.offer(value, host, facts),
        Kind::Address => rows.offer_address(value, facts),
        Kind::Url => rows.offer_url(value, host, facts),
        Kind::DomainAddress => {
            let (name, address) = pair(value)?;
            let name = rows.offer(name, options.bare(), facts);
            rows.offer_address(address, facts).and(name)
        }
        Kind::AddressPort => {
            let (address, port) = pair(value)?;
            rows.offer_endpoint(address, port, facts)
        }
        Kind::HostnamePort => {
            let (name, _) = pair(value)?;
            rows.offer(name, host, facts)?;
            rows.remark(reason::PORT_DROPPED);
            Ok(())
        }
    }
}

/// The two parts of a value.
fn pair(value: &str) -> Result<(&str, &str), Reason> {
    value.split_once('|').ok_or(reason::MISSING_VALUE)
}

/// What others say about an attribute.
#[derive(Clone, Copy, Debug, Default)]
struct Said {
    /// When it was last seen.
    seen: Option<EventTime>,
    /// When it ended, the newest such instant.
    expired: Option<EventTime>,
}

/// A sighting as written.
#[derive(Deserialize)]
struct Sighting<'d> {
    /// `0`: seen, `1`: seen where it does no harm, `2`: ended.
    #[serde(borrow, default, rename = "type")]
    kind: Field<'d>,
    /// When, in seconds since the epoch.
    #[serde(borrow, default)]
    date_sighting: Field<'d>,
}

impl Said {
    /// What `sightings` come to. That somebody calls it harmless decides nothing: a name that is no
    /// longer to be looked for says so itself.
    fn of(sightings: Field<'_>) -> Self {
        let mut said = Self::default();
        let Some(sightings) = sightings else {
            return said;
        };
        each_entry(sightings, &mut |entry| {
            let Ok(sighting) = object::<Sighting<'_>>(entry) else {
                return;
            };
            let at = seconds(sighting.date_sighting);
            match text(sighting.kind).as_deref() {
                None | Some("0") => said.seen = said.seen.max(at),
                Some("2") => said.expired = said.expired.max(at),
                Some(_) => {}
            }
        });
        said
    }
}

/// Whether every model says so, and there is one.
fn has_decayed(scores: Field<'_>) -> bool {
    let Some(scores) = scores else {
        return false;
    };
    let (mut n_models, mut n_decayed) = (0_u64, 0_u64);
    let listed = each_entry(scores, &mut |score| {
        let decayed = object::<Decay<'_>>(score)
            .ok()
            .and_then(|score| flag(score.decayed));
        n_models += 1;
        n_decayed += u64::from(decayed == Some(true));
    });
    listed && n_models > 0 && n_decayed == n_models
}

/// The malware that a tag names: `misp-galaxy:malpedia="Lumma"`.
fn malware(tag: &str) -> Option<&str> {
    let (galaxy, cluster) = tag.strip_prefix("misp-galaxy:")?.split_once('=')?;
    let name = cluster.trim().trim_matches('"').trim();
    (MALWARE_GALAXIES.contains(&galaxy.trim()) && !name.is_empty()).then_some(name)
}
