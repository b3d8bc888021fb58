//! The values of the store as bytes: protobuf messages of our own, whose fields are only ever
//! added.

use std::net::IpAddr;

use prost::Message;

use super::episodes::{Earliest, EpisodeState};
use super::numbers::{
    all_numbered, attribution_number, evidence_number, flag_number, numbered, role_number,
};
use super::sending::Sending;
use super::sighting::{Details, Sighting};
use super::waiting::WaitingHit;
use crate::model::{Endpoint, EventTime, HitId, Spell};

/// An episode with its sending; the fields are those of [`EpisodeState`] and [`Sending`].
#[derive(Clone, PartialEq, Message)]
struct EpisodeRow {
    #[prost(string, tag = "1")]
    subscriber: String,
    #[prost(string, tag = "2")]
    campaign: String,
    #[prost(sfixed64, tag = "3")]
    earliest_at: i64,
    #[prost(bytes = "vec", tag = "4")]
    client_ip: Vec<u8>,
    #[prost(uint32, optional, tag = "5")]
    client_port: Option<u32>,
    #[prost(message, optional, tag = "6")]
    told: Option<ToldRow>,
    #[prost(uint64, tag = "7")]
    victim_hits: u64,
    #[prost(uint32, optional, tag = "8")]
    victim_evidence: Option<u32>,
    #[prost(uint32, tag = "9")]
    any_evidence: u32,
    #[prost(uint32, tag = "10")]
    attribution: u32,
    #[prost(uint32, repeated, tag = "11")]
    flags: Vec<u32>,
    #[prost(uint32, repeated, tag = "12")]
    roles: Vec<u32>,
    #[prost(string, repeated, tag = "13")]
    indicators: Vec<String>,
    #[prost(string, repeated, tag = "14")]
    feeds: Vec<String>,
    /// First, last and hits of every spell.
    #[prost(sint64, repeated, tag = "15")]
    spells: Vec<i64>,
    #[prost(uint64, tag = "16")]
    revision: u64,
    #[prost(bool, tag = "17")]
    urgent: bool,
    #[prost(bool, tag = "18")]
    grown: bool,
    #[prost(bool, tag = "19")]
    open: bool,
    #[prost(sfixed64, optional, tag = "20")]
    sent_at: Option<i64>,
    #[prost(sfixed64, optional, tag = "21")]
    queued_at: Option<i64>,
}

/// What a lease says, with the time of the hit that it attributed.
#[derive(Clone, PartialEq, Message)]
struct ToldRow {
    #[prost(sfixed64, tag = "1")]
    at: i64,
    #[prost(string, optional, tag = "2")]
    operator: Option<String>,
    #[prost(string, optional, tag = "3")]
    country: Option<String>,
    #[prost(string, optional, tag = "4")]
    contact: Option<String>,
}

/// A hit that waits; the fields are those of [`Sighting`] and [`WaitingHit`].
#[derive(Clone, PartialEq, Message)]
struct WaitingRow {
    #[prost(bytes = "vec", tag = "1")]
    hit_id: Vec<u8>,
    #[prost(sfixed64, tag = "2")]
    event_time: i64,
    #[prost(bytes = "vec", tag = "3")]
    client_ip: Vec<u8>,
    #[prost(uint32, optional, tag = "4")]
    client_port: Option<u32>,
    #[prost(string, optional, tag = "5")]
    hint: Option<String>,
    #[prost(string, tag = "6")]
    campaign: String,
    #[prost(string, tag = "7")]
    value: String,
    #[prost(uint32, tag = "8")]
    evidence: u32,
    #[prost(uint32, repeated, tag = "9")]
    flags: Vec<u32>,
    #[prost(uint32, repeated, tag = "10")]
    roles: Vec<u32>,
    #[prost(string, repeated, tag = "11")]
    feeds: Vec<String>,
    #[prost(bool, tag = "12")]
    victim: bool,
    #[prost(sfixed64, tag = "13")]
    since: i64,
    #[prost(bool, tag = "14")]
    settled: bool,
}

/// The bytes of an episode with its sending.
pub(super) fn encode_episode(state: &EpisodeState, sending: &Sending) -> Vec<u8> {
    let (client_ip, client_port) = encode_client(state.earliest.client);
    let row = EpisodeRow {
        subscriber: state.subscriber.clone(),
        campaign: state.campaign.clone(),
        earliest_at: state.earliest.at.nanos(),
        client_ip,
        client_port,
        told: state.told.as_ref().map(|(at, details)| ToldRow {
            at: at.nanos(),
            operator: details.operator.clone(),
            country: details.country.clone(),
            contact: details.contact.clone(),
        }),
        victim_hits: state.victim_hits,
        victim_evidence: state.victim_evidence.map(evidence_number),
        any_evidence: evidence_number(state.any_evidence),
        attribution: attribution_number(state.attribution),
        flags: state.flags.iter().copied().map(flag_number).collect(),
        roles: state.roles.iter().copied().map(role_number).collect(),
        indicators: state.indicators.iter().cloned().collect(),
        feeds: state.feeds.iter().cloned().collect(),
        spells: state.spells.iter().flat_map(encode_spell).collect(),
        revision: sending.revision,
        urgent: sending.urgent,
        grown: sending.grown,
        open: sending.open,
        sent_at: sending.sent_at.map(EventTime::nanos),
        queued_at: sending.queued_at.map(EventTime::nanos),
    };
    row.encode_to_vec()
}

/// The episode of `bytes`; `None` when they are no such row.
pub(super) fn decode_episode(bytes: &[u8]) -> Option<(EpisodeState, Sending)> {
    let row = EpisodeRow::decode(bytes).ok()?;
    let client = decode_client(&row.client_ip, row.client_port)?;
    let sending = Sending {
        revision: row.revision,
        urgent: row.urgent,
        grown: row.grown,
        open: row.open,
        sent_at: row.sent_at.map(EventTime::from_nanos),
        queued_at: row.queued_at.map(EventTime::from_nanos),
    };
    let state = EpisodeState {
        subscriber: row.subscriber,
        campaign: row.campaign,
        earliest: Earliest {
            at: EventTime::from_nanos(row.earliest_at),
            hidden: client.is_none(),
            client,
        },
        told: row.told.map(|told| {
            let details = Details {
                operator: told.operator,
                country: told.country,
                contact: told.contact,
            };
            (EventTime::from_nanos(told.at), details)
        }),
        victim_hits: row.victim_hits,
        victim_evidence: match row.victim_evidence {
            Some(number) => Some(numbered(evidence_number, number)?),
            None => None,
        },
        any_evidence: numbered(evidence_number, row.any_evidence)?,
        attribution: numbered(attribution_number, row.attribution)?,
        flags: all_numbered(flag_number, &row.flags)?,
        roles: all_numbered(role_number, &row.roles)?,
        indicators: row.indicators.into_iter().collect(),
        feeds: row.feeds.into_iter().collect(),
        spells: decode_spells(&row.spells)?,
    };
    Some((state, sending))
}

/// The bytes of a hit that waits.
pub(super) fn encode_waiting(hit: &WaitingHit) -> Vec<u8> {
    let sighting = &hit.sighting;
    let (client_ip, client_port) = encode_client(sighting.client);
    let row = WaitingRow {
        hit_id: sighting.hit_id.0.to_vec(),
        event_time: sighting.event_time.nanos(),
        client_ip,
        client_port,
        hint: sighting.hint.clone(),
        campaign: sighting.campaign.clone(),
        value: sighting.value.clone(),
        evidence: evidence_number(sighting.evidence),
        flags: sighting.flags.iter().copied().map(flag_number).collect(),
        roles: sighting.roles.iter().copied().map(role_number).collect(),
        feeds: sighting.feeds.clone(),
        victim: sighting.victim,
        since: hit.since.nanos(),
        settled: hit.settled,
    };
    row.encode_to_vec()
}

/// The hit of `bytes`; `None` when they are no such row.
pub(super) fn decode_waiting(bytes: &[u8]) -> Option<WaitingHit> {
    let row = WaitingRow::decode(bytes).ok()?;
    let sighting = Sighting {
        hit_id: HitId(row.hit_id.try_into().ok()?),
        event_time: EventTime::from_nanos(row.event_time),
        client: decode_client(&row.client_ip, row.client_port)?,
        hint: row.hint,
        campaign: row.campaign,
        value: row.value,
        evidence: numbered(evidence_number, row.evidence)?,
        flags: all_numbered(flag_number, &row.flags)?,
        roles: all_numbered(role_number, &row.roles)?,
        feeds: row.feeds,
        victim: row.victim,
    };
    Some(WaitingHit {
        sighting,
        since: EventTime::from_nanos(row.since),
        settled: row.settled,
    })
}

/// A spell as three numbers; the two times relative to nothing, so that any row stands alone.
fn encode_spell(spell: &Spell) -> [i64; 3] {
    [
        spell.first_seen.nanos(),
        spell
            .last_seen
            .nanos()
            .wrapping_sub(spell.first_seen.nanos()),
        i64::try_from(spell.hits).unwrap_or(i64::MAX),
    ]
}

/// The spells of such numbers.
fn decode_spells(numbers: &[i64]) -> Option<Vec<Spell>> {
    let (triples, []) = numbers.as_chunks::<3>() else {
        return None;
    };
    let spell = |&[first, length, hits]: &[i64; 3]| {
        Some(Spell {
            first_seen: EventTime::from_nanos(first),
            last_seen: EventTime::from_nanos(first.wrapping_add(length)),
            hits: u64::try_from(hits).ok()?,
        })
    };
    triples.iter().map(spell).collect()
}

/// The octets of the address (none without a client) and the port.
fn encode_client(client: Option<Endpoint>) -> (Vec<u8>, Option<u32>) {
    let octets = match client.map(|client| client.ip) {
        Some(IpAddr::V4(ip)) => ip.octets().to_vec(),
        Some(IpAddr::V6(ip)) => ip.octets().to_vec(),
        None => Vec::new(),
    };
    (octets, client.and_then(|client| client.port).map(u32::from))
}

/// The client of such a pair, which may be none; `None` when it is no such pair.
fn decode_client(octets: &[u8], port: Option<u32>) -> Option<Option<Endpoint>> {
    let ip = if octets.is_empty() {
        return Some(None);
    } else if let Ok(octets) = <[u8; 4]>::try_from(octets) {
        IpAddr::from(octets)
    } else {
        IpAddr::from(<[u8; 16]>::try_from(octets).ok()?)
    };
    let port = match port {
        Some(port) => Some(u16::try_from(port).ok()?),
        None => None,
    };
    Some(Some(Endpoint { ip, port }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::samples;
    use super::super::sighting::Identity;
    use super::*;
    use crate::model::{Attribution, Flag};

    fn waiting() -> Sighting {
        let mut hit = samples::hit(7, -5);
        hit.client_hint = Some("line-1".into());
        hit.client = Some(Endpoint {
            ip: "2001:db8::1".parse().unwrap(),
            port: Some(65_535),
        });
        hit.flags = vec![Flag::Blocked, Flag::Sinkholed];
        Sighting::of(&hit)
    }

    #[test]
    fn rows_decode_to_what_was_encoded() {
        let mut plain = Sighting::of(&samples::hit(7, i64::MAX));
        for sighting in [waiting(), plain.clone()] {
            let hit = WaitingHit {
                sighting,
                since: EventTime::from_nanos(-1),
                settled: true,
            };
            assert_eq!(decode_waiting(&encode_waiting(&hit)), Some(hit));
        }
        let identity = Identity {
            attribution: Attribution::Grace,
            subscriber: Some("line-1".into()),
            details: Some(Details {
                operator: Some("ISP A".into()),
                ..Details::default()
            }),
            needs: EventTime::MIN,
        };
        let quiet = std::time::Duration::from_nanos(1);
        let mut state = EpisodeState::new("line-1".into(), &waiting(), &identity, quiet);
        state.fold(&plain, &identity, quiet);
        plain.event_time = EventTime::MIN;
        plain.client = None;
        plain.victim = false;
        state.fold(&plain, &identity, quiet);
        let sending = Sending {
            revision: 3,
            urgent: true,
            grown: false,
            open: true,
            sent_at: Some(EventTime::from_nanos(-9)),
            queued_at: Some(EventTime::MIN),
        };
        let bytes = encode_episode(&state, &sending);
        assert_eq!(decode_episode(&bytes), Some((state, sending)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_row_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            decode_waiting(&bytes);
            decode_episode(&bytes);
        }
    }
}
