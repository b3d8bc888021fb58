//! `gannet.episode.v1` and `gannet.v1.Episode`.

use std::borrow::Cow;

use serde::Deserialize;

use crate::decode::Reject;
use crate::model::{Episode, EventTime, Spell};
use crate::proto;

use super::json::{EndJson, time};
use super::protobuf::{port, text};
use super::{all_named, endpoint, filled, from_json, from_protobuf, named};

/// The schema that is read.
const SCHEMA: &str = "gannet.episode.v1";

/// A whole episode. `victim` and the advice's text follow from other fields.
#[derive(Deserialize)]
struct EpisodeJson<'b> {
    schema: Cow<'b, str>,
    episode_id: Cow<'b, str>,
    subscriber: String,
    campaign: String,
    operator: Option<String>,
    country: Option<String>,
    contact: Option<String>,
    first_seen: Cow<'b, str>,
    last_seen: Cow<'b, str>,
    hits: u64,
    victim_hits: u64,
    evidence: Cow<'b, str>,
    #[serde(default)]
    flags: Vec<String>,
    attribution: Cow<'b, str>,
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default)]
    indicators: Vec<String>,
    #[serde(default)]
    feeds: Vec<String>,
    #[serde(default)]
    spells: Vec<SpellJson>,
    #[serde(borrow)]
    client: Option<EndJson<'b>>,
    advice: AdviceJson,
}

/// A run of hits.
#[derive(Deserialize)]
struct SpellJson {
    first_seen: String,
    last_seen: String,
    hits: u64,
}

/// What the subscriber should be told.
#[derive(Deserialize)]
struct AdviceJson {
    kind: String,
}

/// Decodes one episode.
pub(super) fn json(bytes: &[u8]) -> Result<Episode, Reject> {
    let wire: EpisodeJson<'_> = from_json(bytes)?;
    if wire.schema != SCHEMA {
        return Err(Reject::Schema);
    }
    Ok(Episode {
        episode_id: wire.episode_id.parse().map_err(|_| Reject::Schema)?,
        subscriber: wire.subscriber,
        campaign: wire.campaign,
        operator: filled(wire.operator),
        country: filled(wire.country),
        contact: filled(wire.contact),
        first_seen: time(&wire.first_seen)?,
        last_seen: time(&wire.last_seen)?,
        hits: wire.hits,
        victim_hits: wire.victim_hits,
        evidence: named(&wire.evidence)?,
        flags: all_named(&wire.flags)?,
        attribution: named(&wire.attribution)?,
        roles: all_named(&wire.roles)?,
        indicators: wire.indicators,
        feeds: wire.feeds,
        spells: wire
            .spells
            .iter()
            .map(|spell| {
                Ok(Spell {
                    first_seen: time(&spell.first_seen)?,
                    last_seen: time(&spell.last_seen)?,
                    hits: spell.hits,
                })
            })
            .collect::<Result<_, Reject>>()?,
        client: wire.client.as_ref().map_or(Ok(None), EndJson::endpoint)?,
        advice: named(&wire.advice.kind)?,
    })
}

/// Decodes one episode.
pub(super) fn protobuf(bytes: &[u8]) -> Result<Episode, Reject> {
    let message: proto::Episode = from_protobuf(bytes)?;
    let client = if message.client_ip.is_empty() {
        None
    } else {
        Some(endpoint(&message.client_ip, port(message.client_port)?)?)
    };
    Ok(Episode {
        episode_id: message.episode_id.parse().map_err(|_| Reject::Schema)?,
        subscriber: message.subscriber,
        campaign: message.campaign,
        operator: text(message.operator),
        country: text(message.country),
        contact: text(message.contact),
        first_seen: EventTime::from_nanos(message.first_seen_ns),
        last_seen: EventTime::from_nanos(message.last_seen_ns),
        hits: message.hits,
        victim_hits: message.victim_hits,
        evidence: named(&message.evidence)?,
        flags: all_named(&message.flags)?,
        attribution: named(&message.attribution)?,
        roles: all_named(&message.roles)?,
        indicators: message.indicators,
        feeds: message.feeds,
        spells: message
            .spells
            .into_iter()
            .map(|spell| Spell {
                first_seen: EventTime::from_nanos(spell.first_seen_ns),
                last_seen: EventTime::from_nanos(spell.last_seen_ns),
                hits: spell.hits,
            })
            .collect(),
        client,
        advice: named(&message.advice)?,
    })
}
