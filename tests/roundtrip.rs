//! What is encoded decodes to the same: hits and episodes in both native forms, for arbitrary
//! values. Lives here because neither `encode` nor `decode` may know the other.

use std::net::IpAddr;

use gannet::model::{
    Advice, Attribution, Direction, DnsFacts, Endpoint, Episode, EpisodeId, EventFingerprint,
    EventTime, Evidence, Field, Flag, FlowFacts, Hit, HitId, HitKind, HitMatch, IndicatorState,
    MatchKind, MatchedIndicator, Named, OutputFormat, Position, Role, Side, SnapshotId, Spell,
    TimeSource, VictimDirection, VictimReason, unmapped,
};
use gannet::{decode, encode};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

/// Any value of a closed set.
fn word<T: Named + std::fmt::Debug>() -> impl Strategy<Value = T> {
    proptest::sample::select(T::ALL)
}

/// Any text with something in it: quotes, escapes and characters of all lengths.
fn text() -> impl Strategy<Value = String> {
    "[a-c\"\\\\\n\u{0}\u{e4}\u{1f41f}]{1,8}"
}

/// Any instant that has a written form.
fn time() -> impl Strategy<Value = EventTime> {
    prop_oneof![
        any::<i64>().prop_map(EventTime::from_nanos),
        (0_i64..3).prop_map(EventTime::from_nanos),
    ]
}

/// Any address and port.
fn endpoint() -> impl Strategy<Value = Endpoint> {
    (any::<IpAddr>(), of(any::<u16>())).prop_map(|(ip, port)| Endpoint {
        ip: unmapped(ip),
        port,
    })
}

/// Any event part.
fn kind() -> impl Strategy<Value = HitKind> {
    let dns = (text(), of(text()), of(text()), vec(text(), 0..4)).prop_map(
        |(qname, qtype, rcode, answers)| {
            HitKind::Dns(DnsFacts {
                qname,
                qtype,
                rcode,
                answers,
            })
        },
    );
    let count = || of(any::<u64>());
    let flow = (
        of(any::<u8>()),
        [count(), count(), count(), count()],
        of(any::<u8>()),
    )
        .prop_map(|(protocol, counts, tcp_flags)| {
            let [bytes_out, bytes_in, packets_out, packets_in] = counts;
            HitKind::Flow(FlowFacts {
                protocol,
                bytes_out,
                bytes_in,
                packets_out,
                packets_in,
                tcp_flags,
            })
        });
    prop_oneof![dns, flow]
}

/// Any match part.
fn matched() -> impl Strategy<Value = HitMatch> {
    let class = proptest::sample::select(&["name", "pattern", "prefix", "endpoint"][..]);
    (
        word::<Field>(),
        word::<MatchKind>(),
        class,
        of(word::<Side>()),
        text(),
        any::<bool>(),
    )
        .prop_map(
            |(field, kind, class, side, value, valid_at_event)| HitMatch {
                field,
                kind,
                class,
                side,
                value,
                valid_at_event,
            },
        )
}

/// Any indicator.
fn indicator() -> impl Strategy<Value = MatchedIndicator> {
    let words = (
        word::<Role>(),
        word::<IndicatorState>(),
        word::<VictimDirection>(),
    );
    let texts = (text(), of(text()), text(), of(text()), of(text()));
    let rest = (any::<u8>(), of(time()), of(time()), vec(text(), 0..3));
    (words, texts, rest).prop_map(|(words, texts, rest)| {
        let (role, state, victim_direction) = words;
        let (feed, id, written, malware, reference) = texts;
        let (confidence, valid_from, valid_until, tags) = rest;
        MatchedIndicator {
            feed: feed.into(),
            id,
            written,
            role,
            malware: malware.map(Into::into),
            confidence,
            valid_from,
            valid_until,
            state,
            victim_direction,
            reference,
            tags: tags.into_iter().map(Into::into).collect(),
        }
    })
}

/// Any position.
fn position() -> impl Strategy<Value = Position> {
    let numbers = (any::<i32>(), any::<i64>(), any::<u32>());
    (text(), text(), numbers, of(text())).prop_map(|(cluster, topic, numbers, observer)| Position {
        cluster,
        topic,
        partition: numbers.0,
        offset: numbers.1,
        index: numbers.2,
        observer,
    })
}

/// Any hit.
fn hit() -> impl Strategy<Value = Hit> {
    let ids = (any::<[u8; 16]>(), any::<[u8; 16]>());
    let times = (time(), word::<TimeSource>(), time());
    let ends = (of(endpoint()), of(text()), of(endpoint()));
    let parts = (kind(), matched(), text(), vec(indicator(), 0..3));
    let words = (
        word::<Evidence>(),
        vec(word::<Flag>(), 0..3),
        word::<Direction>(),
        of(word::<VictimReason>()),
    );
    let rest = (
        any::<u64>(),
        any::<u64>(),
        text(),
        position(),
        any::<bool>(),
    );
    (ids, times, ends, parts, words, rest).prop_map(|(ids, times, ends, parts, words, rest)| Hit {
        hit_id: HitId(ids.0),
        event_fp: EventFingerprint(ids.1),
        event_time: times.0,
        time_source: times.1,
        matched_at: times.2,
        client: ends.0,
        client_hint: ends.1,
        remote: ends.2,
        kind: parts.0,
        matched: parts.1,
        campaign: parts.2,
        indicators: parts.3,
        evidence: words.0,
        flags: words.1,
        direction: words.2,
        victim_reason: words.3,
        sampling_rate: rest.0,
        snapshot: SnapshotId {
            generation: rest.1,
            hash: rest.2,
        },
        source: rest.3,
        truncated: rest.4,
    })
}

/// Any episode.
fn episode() -> impl Strategy<Value = Episode> {
    let spell = (time(), time(), any::<u64>()).prop_map(|(first_seen, last_seen, hits)| Spell {
        first_seen,
        last_seen,
        hits,
    });
    let texts = (text(), text(), of(text()), of(text()), of(text()));
    let numbers = (time(), time(), any::<u64>(), any::<u64>());
    let words = (
        word::<Evidence>(),
        vec(word::<Flag>(), 0..3),
        word::<Attribution>(),
        vec(word::<Role>(), 0..3),
        word::<Advice>(),
    );
    let lists = (
        vec(text(), 0..3),
        vec(text(), 0..3),
        vec(spell, 0..3),
        of(endpoint()),
    );
    (any::<[u8; 16]>(), texts, numbers, words, lists).prop_map(
        |(id, texts, numbers, words, lists)| Episode {
            episode_id: EpisodeId(id),
            subscriber: texts.0,
            campaign: texts.1,
            operator: texts.2,
            country: texts.3,
            contact: texts.4,
            first_seen: numbers.0,
            last_seen: numbers.1,
            hits: numbers.2,
            victim_hits: numbers.3,
            evidence: words.0,
            flags: words.1,
            attribution: words.2,
            roles: words.3,
            advice: words.4,
            indicators: lists.0,
            feeds: lists.1,
            spells: lists.2,
            client: lists.3,
        },
    )
}

/// The forms that hold everything.
const NATIVE: [OutputFormat; 2] = [OutputFormat::Json, OutputFormat::Protobuf];

proptest! {
    #[test]
    fn a_hit_survives_both_native_forms(hit in hit()) {
        for format in NATIVE {
            let mut bytes = Vec::new();
            encode::hit(format, &hit, &mut bytes);
            prop_assert_eq!(decode::hit::hit(format, &bytes), Ok(hit.clone()), "{:?}", format);
        }
    }

    #[test]
    fn an_episode_survives_both_native_forms(episode in episode()) {
        for format in NATIVE {
            let mut bytes = Vec::new();
            encode::episode(format, &episode, &mut bytes);
            let again = decode::hit::episode(format, &bytes);
            prop_assert_eq!(again, Ok(episode.clone()), "{:?}", format);
        }
    }

    #[test]
    fn ecs_is_always_one_json_object(hit in hit()) {
        let mut bytes = Vec::new();
        encode::hit(OutputFormat::Ecs, &hit, &mut bytes);
        let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        prop_assert!(value["event"]["id"].is_string());
    }
}
