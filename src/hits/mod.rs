//! A match and its event become a hit: who is the client, which way it went, how far it went,
//! whether it speaks for an infected client, and under which id it is known. [`hits`] is the
//! entry.
//!
//! Pure: no I/O, no clock, no log. But for `matched_at`, `snapshot` and what depends on the
//! indicators, a hit is a function of its event, its position and the indicator's value alone,
//! so that every copy of it says the same.

use crate::model::{
    Answer, DnsEvent, DnsFacts, Event, EventKind, EventTime, Flag, FlowEvent, FlowFacts, Hit,
    HitKind, HitMatch, Match, MatchedIndicator, Networks, Position, SnapshotId, qtype_name,
    rcode_name,
};

mod answers;
mod evidence;
mod ids;
mod initiator;
mod known;
mod orient;
mod victim;

use answers::Astray;
pub use known::known_sinkholes;
use orient::{End, Ends};

/// Whose networks are whose.
#[derive(Clone, Debug, Default)]
pub struct Orientation {
    /// Subscriber space. Empty: the client is the asking or originating side.
    pub own: Networks,
    /// Our resolvers: what they ask speaks for no client.
    pub resolvers: Networks,
    /// Proxies, honeypots, scanners, mail hubs: hits without victim evidence.
    pub exclude: Networks,
    /// Where sinkholes are: who is led there is infected, but no longer in anyone's hands.
    pub sinkholes: Networks,
}

/// What the hits of one record share.
#[derive(Clone, Copy, Debug)]
pub struct HitContext<'a> {
    /// Whose networks are whose.
    pub orientation: &'a Orientation,
    /// The snapshot that judged the batch.
    pub snapshot: &'a SnapshotId,
    /// When the batch was judged.
    pub matched_at: EventTime,
    /// The record's timestamp, in milliseconds since the epoch; `None` for items of files, whose
    /// ids hash the time of the event instead, so that rotated files of one name differ.
    pub record_time_ms: Option<i64>,
}

/// Appends one hit for each of `matches`, which are all of the event, in their order. The observer
/// of a hit is the event's, else the one in `position`.
pub fn hits(
    event: &Event,
    matches: Vec<Match>,
    position: &Position,
    context: &HitContext<'_>,
    out: &mut Vec<Hit>,
) {
    if matches.is_empty() {
        return;
    }
    let event_fp = ids::event_fp(event);
    let time_ms = context
        .record_time_ms
        .unwrap_or_else(|| event.time.millis());
    let astray = Astray::of(event, &matches, &context.orientation.sinkholes);
    out.extend(matches.into_iter().map(|found| {
        let ends = orient::ends(event, &found, &context.orientation.own);
        let (field, side) = orient::place(event, &found, &ends);
        let reason = victim::reason(event, &found, &ends, side, context.orientation);
        let (kind, truncated) = facts(event, &ends);
        Hit {
            hit_id: ids::hit_id(position, time_ms, &found),
            event_fp,
            event_time: event.time,
            time_source: event.time_source,
            matched_at: context.matched_at,
            client: ends.client,
            client_hint: event.hint.clone(),
            remote: ends.remote,
            kind,
            campaign: campaign(&found.value, &found.indicators).to_owned(),
            evidence: evidence::evidence(event),
            flags: flags(astray, &found.indicators),
            direction: ends.direction,
            victim_reason: reason,
            sampling_rate: event.sampling_rate,
            snapshot: context.snapshot.clone(),
            source: Position {
                observer: event.observer.clone().or_else(|| position.observer.clone()),
                ..position.clone()
            },
            matched: HitMatch {
                field,
                kind: found.kind,
                class: found.class,
                side,
                value: found.value,
                valid_at_event: found.valid_at_event,
            },
            indicators: found.indicators,
            truncated,
        }
    }));
}

/// The malware of the most confident of `indicators` (of equally confident ones the lexically
/// first), else `value`.
fn campaign<'a>(value: &'a str, indicators: &'a [MatchedIndicator]) -> &'a str {
    let highest = indicators
        .iter()
        .map(|indicator| indicator.confidence)
        .max();
    indicators
        .iter()
        .filter(|indicator| Some(indicator.confidence) == highest)
        .filter_map(|indicator| indicator.malware.as_deref())
        .filter(|malware| !malware.is_empty())
        .min()
        .unwrap_or(value)
}

/// What stands beside the evidence: what all hits of the event share, and what the indicators of
/// this one say.
fn flags(astray: Astray, indicators: &[MatchedIndicator]) -> Vec<Flag> {
    let mut flags = Vec::new();
    if astray.blocked {
        flags.push(Flag::Blocked);
    }
    if astray.sinkholed || indicators.iter().any(answers::names_sinkhole) {
        flags.push(Flag::Sinkholed);
    }
    flags
}

/// What a hit shows of `event`, and whether parts of it were left out.
fn facts(event: &Event, ends: &Ends) -> (HitKind, bool) {
    match &event.kind {
        EventKind::Dns(dns) => (
            HitKind::Dns(dns_facts(dns)),
            dns.answers.len() > DnsFacts::ANSWERS_MAX,
        ),
        EventKind::Flow(flow) => (HitKind::Flow(flow_facts(flow, ends.client_end)), false),
    }
}

/// The question and the first answers, as text.
fn dns_facts(dns: &DnsEvent) -> DnsFacts {
    DnsFacts {
        qname: dns.qname.clone(),
        qtype: dns.qtype.map(qtype_name),
        rcode: dns.rcode.map(rcode_name),
        answers: dns
            .answers
            .iter()
            .take(DnsFacts::ANSWERS_MAX)
            .map(|answer| match answer {
                Answer::Name(name) => name.clone(),
                Answer::Address(address) => address.to_string(),
            })
            .collect(),
    }
}

/// The counts of `flow`, turned so that they are seen from the client.
fn flow_facts(flow: &FlowEvent, client: End) -> FlowFacts {
    let reverse = flow.reverse.unwrap_or_default();
    let (sent, received) = match client {
        End::Source => (flow.forward, reverse),
        End::Destination => (reverse, flow.forward),
    };
    FlowFacts {
        protocol: flow.protocol,
        bytes_out: sent.bytes,
        bytes_in: received.bytes,
        packets_out: sent.packets,
        packets_in: received.packets,
        tcp_flags: flow.tcp_flags,
    }
}

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod tests;
