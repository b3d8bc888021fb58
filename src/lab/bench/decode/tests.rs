//! Decoders side by side over little traffic, and rivals that are wrong.

use super::*;
use crate::lab::bench::traffic::{FeedOptions, MadeFeed, TrafficOptions};
use crate::source::FileInput;

/// As little as can be measured.
const OPTIONS: DecodeOptions = DecodeOptions {
    events: 600,
    settings: Settings {
        turns: 3,
        warmups: 0,
    },
};

fn made(workload: Workload) -> Traffic {
    let feed = MadeFeed::new(FeedOptions {
        names: 100,
        prefixes: 100,
        seed: 1,
    });
    let options = TrafficOptions {
        events: 300,
        hit_share: 0.1,
        ..TrafficOptions::new(workload)
    };
    Traffic::make(&options, &feed.unwrap()).unwrap()
}

#[test]
fn every_format_is_measured_in_both_faces_and_against_its_rival() {
    for &workload in Workload::ALL {
        let traffic = made(workload);
        let rows = decode(workload, &traffic, OPTIONS, &mut |_, _| {}).unwrap();
        let told: Vec<_> = rows
            .iter()
            .map(|row| (row.engine.as_str(), row.face.as_deref().unwrap()))
            .collect();
        let rival = match workload {
            Workload::Dnstap => "prost+hickory-proto",
            Workload::Goflow2Protobuf | Workload::GannetProtobuf => "prost",
            _ => "serde_json",
        };
        let expected = [("gannet", "keys"), ("gannet", "event"), (rival, "event")];
        assert_eq!(told, expected);
        for row in &rows {
            assert_eq!(row.format.as_deref(), Some(workload.as_str()));
            assert_eq!((row.ops, row.questions), (Some(600), Some(300)));
            assert!(row.ns_per_op.unwrap() > 0.0 && row.bytes_per_second.unwrap() > 0.0);
        }
        assert_eq!(rows[1].times_gannet_event, Some(1.0));
    }
}

/// A rival that finds what is not there.
struct Inventing;

impl Rival for Inventing {
    const ENGINE: &'static str = "inventing";

    fn decode(_: &[u8]) -> Result<Self, TurnError> {
        Ok(Self)
    }

    fn events(&self) -> u64 {
        1
    }

    fn keys(&self, keys: &mut Keys) {
        keys.name(b"invented.example");
    }
}

/// A rival that finds nothing.
struct Lazy;

impl Rival for Lazy {
    const ENGINE: &'static str = "lazy";

    fn decode(_: &[u8]) -> Result<Self, TurnError> {
        Ok(Self)
    }

    fn events(&self) -> u64 {
        1
    }

    fn keys(&self, _: &mut Keys) {}
}

/// A rival that drops every third event.
struct Forgetful(u64);

impl Rival for Forgetful {
    const ENGINE: &'static str = "forgetful";

    fn decode(record: &[u8]) -> Result<Self, TurnError> {
        let events = Goflow2Messages::decode(record)?.events();
        Ok(Self(events - events / 3))
    }

    fn events(&self) -> u64 {
        self.0
    }

    fn keys(&self, _: &mut Keys) {}
}

#[test]
fn a_wrong_rival_is_caught_before_a_time_is_told() {
    let traffic = made(Workload::ZeekDns);
    for (measured, engine) in [
        (
            measure::<Inventing>(&traffic, OPTIONS, &mut |_, _| {}),
            "inventing",
        ),
        (measure::<Lazy>(&traffic, OPTIONS, &mut |_, _| {}), "lazy"),
        (
            measure::<ZeekConnRow>(&traffic, OPTIONS, &mut |_, _| {}),
            "serde_json",
        ),
    ] {
        match measured {
            Err(BenchError::Wrong { engine: found, .. }) => assert_eq!(found, engine),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_rival_that_drops_events_is_caught_in_the_first_turn() {
    let traffic = made(Workload::Goflow2Protobuf);
    let mut bare = Traffic::empty(traffic.format());
    for value in traffic.values() {
        bare.push_record(value);
    }
    // Of records that nobody made a rival may find less in an event, but not fewer events.
    match measure::<Forgetful>(&bare, OPTIONS, &mut |_, _| {}) {
        Err(BenchError::Disagree { engine, found, .. }) => {
            assert_eq!((engine.as_str(), found), ("forgetful", 402));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn of_a_file_only_what_all_can_read_is_measured() {
    let mut mixed = Traffic::empty(EventFormat::ZeekJson);
    let (dns, conn) = (made(Workload::ZeekDns), made(Workload::ZeekConn));
    for (dns, conn) in dns.values().zip(conn.values()).take(20) {
        mixed.push_record(dns);
        mixed.push_record(conn);
        mixed.push_record(b"{\"_path\":\"http\"}");
        mixed.push_record(b"not JSON");
    }
    let (workload, kept, left_out) = readable(&mixed).unwrap();
    assert_eq!(
        (workload, kept.len(), left_out),
        (Workload::ZeekDns, 20, 60)
    );
    assert!(decode(workload, &kept, OPTIONS, &mut |_, _| {}).is_ok());
    assert!(readable(&Traffic::empty(EventFormat::Dnstap)).is_none());
}

#[test]
fn real_rows_are_read_alike() {
    for (name, format, records) in [
        (
            "zed-sample-data/dns.zeek-json.log.gz",
            EventFormat::ZeekJson,
            8_000,
        ),
        ("bind-dnstap/dnstap.saved", EventFormat::Dnstap, 90),
    ] {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/events");
        let path = std::path::Path::new(path).join(name);
        if !path.exists() {
            println!("skipped: no data");
            return;
        }
        let traffic = Traffic::read(&FileInput { path, format }, 4 << 20).unwrap();
        let (workload, kept, left_out) = readable(&traffic).unwrap();
        println!("{name}: {left_out} of {} left out", traffic.len());
        assert!(kept.len() > records);
        decode(workload, &kept, OPTIONS, &mut |_, _| {}).unwrap();
    }
}
