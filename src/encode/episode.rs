//! Episodes to bytes: `gannet.episode.v1` and `gannet.v1.Episode`.

use prost::Message;
use serde::Serialize;

use crate::model::{Episode, EpisodeId, EventTime, Named, OutputFormat, Spell};
use crate::proto;

use super::json::{self, EndpointJson, Text, words};

/// Appends `episode` in `format`. ECS has no form of its own for episodes: they are written as
/// native JSON there.
pub fn episode(format: OutputFormat, episode: &Episode, out: &mut Vec<u8>) {
    match format {
        OutputFormat::Json | OutputFormat::Ecs => json::append(&EpisodeJson::new(episode), out),
        OutputFormat::Protobuf => {
            out.extend_from_slice(&message(episode).encode_to_vec());
        }
    }
}

/// A whole episode.
#[derive(Serialize)]
struct EpisodeJson<'a> {
    schema: &'static str,
    episode_id: Text<EpisodeId>,
    subscriber: &'a str,
    campaign: &'a str,
    operator: Option<&'a str>,
    country: Option<&'a str>,
    contact: Option<&'a str>,
    first_seen: Text<EventTime>,
    last_seen: Text<EventTime>,
    hits: u64,
    victim_hits: u64,
    victim: bool,
    evidence: &'static str,
    flags: Vec<&'static str>,
    attribution: &'static str,
    roles: Vec<&'static str>,
    indicators: &'a [String],
    feeds: &'a [String],
    spells: Vec<SpellJson>,
    client: Option<EndpointJson>,
    advice: AdviceJson,
}

/// A run of hits.
#[derive(Serialize)]
struct SpellJson {
    first_seen: Text<EventTime>,
    last_seen: Text<EventTime>,
    hits: u64,
}

/// What the subscriber should be told: a word for programs, a text for people.
#[derive(Serialize)]
struct AdviceJson {
    kind: &'static str,
    text: &'static str,
}

impl<'a> EpisodeJson<'a> {
    /// The form of `episode`.
    fn new(episode: &'a Episode) -> Self {
        Self {
            schema: "gannet.episode.v1",
            episode_id: Text(episode.episode_id),
            subscriber: &episode.subscriber,
            campaign: &episode.campaign,
            operator: episode.operator.as_deref(),
            country: episode.country.as_deref(),
            contact: episode.contact.as_deref(),
            first_seen: Text(episode.first_seen),
            last_seen: Text(episode.last_seen),
            hits: episode.hits,
            victim_hits: episode.victim_hits,
            victim: episode.victim(),
            evidence: episode.evidence.as_str(),
            flags: words(&episode.flags),
            attribution: episode.attribution.as_str(),
            roles: words(&episode.roles),
            indicators: &episode.indicators,
            feeds: &episode.feeds,
            spells: episode.spells.iter().copied().map(spell_json).collect(),
            client: episode.client.map(EndpointJson::new),
            advice: AdviceJson {
                kind: episode.advice.as_str(),
                text: episode.advice.text(),
            },
        }
    }
}

/// The JSON form of `spell`.
fn spell_json(spell: Spell) -> SpellJson {
    SpellJson {
        first_seen: Text(spell.first_seen),
        last_seen: Text(spell.last_seen),
        hits: spell.hits,
    }
}

/// The message of `episode`.
fn message(episode: &Episode) -> proto::Episode {
    let owned = |words: Vec<&str>| words.into_iter().map(str::to_owned).collect();
    proto::Episode {
        episode_id: episode.episode_id.to_string(),
        subscriber: episode.subscriber.clone(),
        campaign: episode.campaign.clone(),
        operator: episode.operator.clone().unwrap_or_default(),
        country: episode.country.clone().unwrap_or_default(),
        contact: episode.contact.clone().unwrap_or_default(),
        first_seen_ns: episode.first_seen.nanos(),
        last_seen_ns: episode.last_seen.nanos(),
        hits: episode.hits,
        victim_hits: episode.victim_hits,
        evidence: episode.evidence.as_str().to_owned(),
        flags: owned(words(&episode.flags)),
        attribution: episode.attribution.as_str().to_owned(),
        roles: owned(words(&episode.roles)),
        indicators: episode.indicators.clone(),
        feeds: episode.feeds.clone(),
        spells: episode
            .spells
            .iter()
            .map(|spell| proto::Spell {
                first_seen_ns: spell.first_seen.nanos(),
                last_seen_ns: spell.last_seen.nanos(),
                hits: spell.hits,
            })
            .collect(),
        client_ip: episode
            .client
            .map_or_else(String::new, |client| client.ip.to_string()),
        client_port: episode.client.and_then(|client| client.port).map(u32::from),
        advice: episode.advice.as_str().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Advice, Attribution, Endpoint, Evidence, Flag, Role};

    /// An episode of one spell.
    fn sample() -> Episode {
        let at = |seconds: i64| {
            EventTime::from_nanos(1_767_225_600_000_000_000 + seconds * 1_000_000_000)
        };
        Episode {
            episode_id: EpisodeId([0; 16]),
            subscriber: "line-0042".into(),
            campaign: "win.lumma".into(),
            operator: Some("ISP A".into()),
            country: Some("VN".into()),
            contact: None,
            first_seen: at(0),
            last_seen: at(60),
            hits: 2,
            victim_hits: 1,
            evidence: Evidence::Connected,
            flags: vec![Flag::Blocked],
            attribution: Attribution::Grace,
            roles: vec![Role::C2, Role::Payload],
            indicators: vec!["bad.example".into()],
            feeds: vec!["f".into()],
            spells: vec![Spell {
                first_seen: at(0),
                last_seen: at(60),
                hits: 2,
            }],
            client: Some(Endpoint {
                ip: [198, 51, 100, 7].into(),
                port: Some(50_000),
            }),
            advice: Advice::Phishing,
        }
    }

    #[test]
    fn the_json_form_is_as_promised() {
        let expected = [
            r#"{"schema":"gannet.episode.v1","episode_id":"aaaaaaaaaaaaaaaaaaaaaaaaaa","#,
            r#""subscriber":"line-0042","campaign":"win.lumma","operator":"ISP A","country":"VN","#,
            r#""contact":null,"first_seen":"2026-01-01T00:00:00.000000000Z","#,
            r#""last_seen":"2026-01-01T00:01:00.000000000Z","hits":2,"victim_hits":1,"victim":true,"#,
            r#""evidence":"connected","flags":["blocked"],"attribution":"grace","#,
            r#""roles":["c2","payload"],"indicators":["bad.example"],"feeds":["f"],"#,
            r#""spells":[{"first_seen":"2026-01-01T00:00:00.000000000Z","#,
            r#""last_seen":"2026-01-01T00:01:00.000000000Z","hits":2}],"#,
            r#""client":{"ip":"198.51.100.7","port":50000},"advice":{"kind":"phishing","#,
            r#""text":"Someone on this line contacted a deceiving site. "#,
            r#"Change every password that was entered there and watch the accounts."}}"#,
        ];
        for format in [OutputFormat::Json, OutputFormat::Ecs] {
            let mut out = Vec::new();
            episode(format, &sample(), &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected.concat());
        }
    }

    #[test]
    fn the_protobuf_form_says_the_same() {
        let mut out = Vec::new();
        episode(OutputFormat::Protobuf, &sample(), &mut out);
        let message = proto::Episode::decode(&*out).unwrap();
        assert_eq!(message.advice, "phishing");
        assert_eq!(message.client_port, Some(50_000));
        assert_eq!(message.spells.len(), 1);
        assert_eq!((message.hits, message.victim_hits), (2, 1));
    }
}
