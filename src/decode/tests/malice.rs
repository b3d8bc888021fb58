//! Binary records made to cost as much as they can: one mebibyte of the cheapest bytes that make
//! a reader work. The walk stays linear, and what the key face hands out still covers the event.

use std::hint::black_box;
use std::net::IpAddr;
use std::time::Duration;

use proptest::prelude::*;
use prost::Message;
use prost::encoding::encode_varint;
use rustix::time::{ClockId, clock_gettime};

use super::recorder::{Recorded, check_faces, recorded, unhex};
use crate::decode::{ITEMS_MAX, Item, KeySink, Outcome, Reject, event, keys};
use crate::model::EventFormat;
use crate::proto;

/// A size of the records, and the bytes of the full one.
const SIZE: usize = 1 << 18;
/// How much larger the full record is.
const GROWTH: usize = 4;

/// The items of a record.
fn items(format: EventFormat, record: &[u8]) -> Vec<Recorded> {
    let mut items = recorded(|sink| {
        keys(format, record, sink);
        // A batch may hold nothing, which a recorder does not allow.
        KeySink::end(
            sink,
            Item {
                bytes: &[],
                outcome: Outcome::Ignored,
            },
        );
    });
    items.pop();
    items
}

/// Compares both faces on the first and last items of a record. Gives all of them.
#[track_caller]
fn check(format: EventFormat, record: &[u8]) -> Vec<Recorded> {
    let items = items(format, record);
    let some = 20.min(items.len());
    for item in items[..some].iter().chain(&items[items.len() - some..]) {
        // The rest of a batch that is cut short or too long is no item of its own.
        let rest =
            [Reject::TooMany, Reject::NotProtobuf].map(|reject| Some(Outcome::Rejected(reject)));
        if !(format == EventFormat::GannetProtobuf && rest.contains(&item.outcome))
            && item.outcome != Some(Outcome::Rejected(Reject::TooMany))
        {
            check_faces(item, |bytes, time| event(format, bytes, time));
        }
    }
    items
}

/// How long this thread has run: without the time in which the machine did other things.
fn thread_time() -> Duration {
    let told = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(told).unwrap_or_default()
}

/// How long the key face takes for a record.
fn time(format: EventFormat, record: &[u8]) -> Duration {
    /// A sink that looks at what it gets and keeps nothing.
    struct Sum(usize);
    impl KeySink<'_> for Sum {
        fn name(&mut self, name: &[u8]) {
            self.0 += name.len();
        }
        fn address(&mut self, _address: IpAddr, _port: Option<u16>) {
            self.0 += 1;
        }
        fn end(&mut self, item: Item<'_>) {
            self.0 += item.bytes.len();
        }
    }
    let mut sum = Sum(0);
    let start = thread_time();
    keys(format, black_box(record), &mut sum);
    black_box(sum.0);
    thread_time().saturating_sub(start)
}

/// Asserts that a record four times as large takes at most twelve times as long, measured until
/// it does; work that grows with the square would take sixteen times as long every time. Both
/// faces agree on both.
#[track_caller]
fn check_linear(what: &str, format: EventFormat, make: impl Fn(usize) -> Vec<u8>) {
    let (small, large) = (make(SIZE), make(GROWTH * SIZE));
    assert!(large.len() > 3 * small.len(), "{what} does not grow");
    check(format, &small);
    check(format, &large);
    let (mut least_small, mut least_large) = (Duration::MAX, Duration::MAX);
    for _ in 0..20 {
        least_small = least_small.min(time(format, &small));
        least_large = least_large.min(time(format, &large));
        if least_large <= least_small * 12 {
            return;
        }
    }
    panic!("{what}: {least_small:?}, four times as large {least_large:?}");
}

/// `unit` again and again, up to so many bytes.
fn filled(unit: &[u8], bytes: usize) -> Vec<u8> {
    unit.repeat(bytes / unit.len())
}

/// A length-delimited field.
fn field(number: u32, bytes: &[u8]) -> Vec<u8> {
    let mut field = Vec::new();
    encode_varint(u64::from(number << 3 | 2), &mut field);
    encode_varint(bytes.len() as u64, &mut field);
    [field, bytes.to_vec()].concat()
}

/// Bytes after their length.
fn prefixed(bytes: &[u8]) -> Vec<u8> {
    let mut prefixed = Vec::new();
    encode_varint(bytes.len() as u64, &mut prefixed);
    [prefixed, bytes.to_vec()].concat()
}

/// Fields that cost much for their bytes.
const UNITS: &[&[u8]] = &[
    // Unknown numbers with short and long tags, and with values of one and of ten bytes.
    &[0x98, 0x06, 0],
    &[0xf8, 0x07, 0x80, 0x01],
    &[0x88, 0x80, 0x80, 0x80, 0x01, 0],
    &[
        0x98, 0x06, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1,
    ],
    // Empty bytes, short bytes of high bits, and longer tags and lengths than there need be.
    &[0x82, 0x06, 0],
    &[0x82, 0x06, 4, 0xff, 0xff, 0xff, 0xff],
    &[0x82, 0x86, 0x80, 0x80, 0x00, 0x80, 0x80, 0x80, 0x00],
    // Fixed widths.
    &[0x85, 0x06, 0xff, 0xff, 0xff, 0xff],
    &[0x81, 0x06, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
];

#[test]
fn many_tiny_fields_are_walked_in_linear_time() {
    for unit in UNITS {
        let what = format!("fields {unit:02x?}");
        check_linear(&what, EventFormat::Dnstap, |size| filled(unit, size));
        check_linear(&what, EventFormat::Dnstap, |size| {
            [field(14, &filled(unit, size)), vec![0x78, 1]].concat()
        });
        check_linear(&what, EventFormat::Goflow2Protobuf, |size| {
            [vec![0x08, 4], filled(unit, size)].concat()
        });
        check_linear(&what, EventFormat::Goflow2Protobuf, |size| {
            filled(unit, size)
        });
        check_linear(&what, EventFormat::GannetProtobuf, |size| {
            filled(unit, size)
        });
        for kind in [5, 6] {
            check_linear(&what, EventFormat::GannetProtobuf, |size| {
                field(1, &field(kind, &filled(unit, size)))
            });
        }
    }
}

#[test]
fn wanted_fields_that_come_again_and_again_are_walked_in_linear_time() {
    let ends = [field(6, &[198, 51, 100, 7]), field(7, &[203, 0, 113, 66])].concat();
    check_linear("ends of flows", EventFormat::Goflow2Protobuf, |size| {
        [vec![0x08, 4], filled(&ends, size)].concat()
    });
    let message = field(14, &[0x08, 6]);
    check_linear("messages", EventFormat::Dnstap, |size| {
        filled(&message, size)
    });
    check_linear("policies", EventFormat::Dnstap, |size| {
        [
            field(14, &filled(&field(15, &[0x18, 1]), size)),
            vec![0x78, 1],
        ]
        .concat()
    });
    let dns = field(5, &field(1, &field(1, &[198, 51, 100, 7])));
    let flow = field(6, &field(1, &field(1, &[198, 51, 100, 7])));
    for kind in [dns.clone(), flow.clone(), [dns, flow].concat()] {
        check_linear("merged events", EventFormat::GannetProtobuf, |size| {
            field(1, &filled(&kind, size))
        });
    }
    let answer = field(6, &field(1, b"a"));
    check_linear("answers", EventFormat::GannetProtobuf, |size| {
        field(1, &field(5, &filled(&answer, size)))
    });
    let choices = [field(1, b"a"), field(2, &[192, 0, 2, 1])].concat();
    check_linear(
        "choices of an answer",
        EventFormat::GannetProtobuf,
        |size| field(1, &field(5, &field(6, &filled(&choices, size)))),
    );
}

#[test]
fn many_tiny_items_are_walked_in_linear_time_up_to_their_limit() {
    for item in [&[0x08, 4][..], &[0x20, 1], &[0x30, 0], &[0x32, 0]] {
        let unit = prefixed(item);
        check_linear("prefixed messages", EventFormat::Goflow2Protobuf, |size| {
            filled(&unit, size)
        });
        let record = unit.repeat(ITEMS_MAX + 50_000);
        let items = check(EventFormat::Goflow2Protobuf, &record);
        assert_eq!(items.len(), ITEMS_MAX + 1);
    }
    for item in [&[][..], &[0x20, 1], &[0x2a, 0], &[0x32, 0]] {
        let unit = field(1, item);
        check_linear("events", EventFormat::GannetProtobuf, |size| {
            filled(&unit, size)
        });
        let items = check(
            EventFormat::GannetProtobuf,
            &unit.repeat(ITEMS_MAX + 50_000),
        );
        assert_eq!(items.len(), ITEMS_MAX + 1);
    }
    // A length that reaches one byte too far makes all of it one bare message.
    let mut lie = filled(&prefixed(&[0x20, 1]), SIZE);
    lie.pop();
    let items = check(EventFormat::Goflow2Protobuf, &lie);
    assert_eq!(items.len(), 1);
}

#[test]
fn lengths_beyond_the_end_are_rejected_however_large() {
    for len in [
        2,
        0x7f,
        0x80,
        0xffff,
        u64::from(u32::MAX),
        1 << 62,
        u64::MAX - 1,
        u64::MAX,
    ] {
        let mut lie = Vec::new();
        encode_varint(len, &mut lie);
        lie.push(0);
        let bad = Some(Outcome::Rejected(Reject::NotProtobuf));
        for (format, before) in [
            (EventFormat::Dnstap, vec![0x0a]),
            (EventFormat::Goflow2Protobuf, vec![0x08, 4, 0x32]),
            (
                EventFormat::Goflow2Protobuf,
                [vec![0x08, 4], [0x18, 1].repeat(40), vec![0x32]].concat(),
            ),
            (EventFormat::GannetProtobuf, vec![0x0a]),
        ] {
            let record = [&before[..], &lie].concat();
            let items = check(format, &record);
            assert_eq!(items.last().unwrap().outcome, bad, "{format:?} {len}");
        }
        // Within a message, while the message's own length is right.
        let inner = [&[0x0a][..], &lie].concat();
        let dnstap = [
            field(14, &[vec![0x08, 6, 0x22], lie.clone()].concat()),
            vec![0x78, 1],
        ];
        assert_eq!(check(EventFormat::Dnstap, &dnstap.concat())[0].outcome, bad);
        for kind in [5, 6] {
            let record = field(1, &field(kind, &inner));
            assert_eq!(check(EventFormat::GannetProtobuf, &record)[0].outcome, bad);
        }
    }
}

#[test]
fn messages_of_dns_in_a_dnstap_record_cost_no_more_than_their_bytes() {
    let label = [&[63][..], &[b'x'; 63]].concat();
    let long = [label.repeat(3), vec![0]].concat();
    let odd = [[1, b'.'].repeat(120), vec![0]].concat();
    let singles = [[1, b'a'].repeat(127), vec![0]].concat();
    let pointer = [0xc0, 12];
    for question in [&long[..], &odd, &singles, &[0]] {
        for (rtype, data) in [
            (5, &pointer[..]),
            (5, &[1, b'a', 0xc0, 12]),
            (5, &[0xff, 0xff]),
            (64, &[0, 1, 0xc0, 12, 0, 4, 0, 4, 192, 0, 2, 1]),
            (65, &[0, 1, 0, 0, 4, 0, 0, 0, 6, 0, 0]),
            (1, &[192, 0, 2, 1]),
        ] {
            let mut message = vec![0, 1, 0x81, 0x80, 0, 1, 0xff, 0xff, 0, 0, 0, 0];
            message.extend(question);
            message.extend([0, 1, 0, 1]);
            let head = [0xc0, 12, 0, rtype, 0, 1, 0, 0, 0, 60, 0];
            let len = u8::try_from(data.len()).unwrap();
            let unit = [&head[..], &[len], data].concat();
            let record = |size: usize| {
                let dns = [message.clone(), filled(&unit, size)].concat();
                [
                    field(14, &[vec![0x08, 6], field(14, &dns)].concat()),
                    vec![0x78, 1],
                ]
                .concat()
            };
            // Beyond 64 KiB nothing is read, so the growth is below that.
            let (small, large) = (record(1 << 14), record(1 << 16));
            check(EventFormat::Dnstap, &small);
            let items = check(EventFormat::Dnstap, &large);
            let names: usize = items[0].names.iter().map(String::len).sum();
            assert!(names <= 4 * 65_536 + 2_048, "{names} bytes of names");
            assert!(items[0].addresses.len() <= 65_536 / 4);
            check(EventFormat::Dnstap, &record(1 << 20));
        }
    }
}

#[test]
fn questions_that_are_announced_and_not_there_cost_their_bytes() {
    for unit in [
        &[0, 0, 1, 0, 1][..],
        &[0xc0, 12, 0, 1, 0, 1],
        &[1, b'a', 0, 0, 1, 0, 1],
    ] {
        let mut message = vec![0, 1, 0x81, 0x80, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];
        message.extend(filled(unit, 70_000));
        let record = [
            field(14, &[vec![0x08, 6], field(14, &message)].concat()),
            vec![0x78, 1],
        ];
        check(EventFormat::Dnstap, &record.concat());
    }
}

/// Whole records of the three formats, and their nested parts.
fn parts() -> Vec<Vec<u8>> {
    let dnstap = unhex(
        "0a0472657331120c756e626f756e6420312e327872730806100118012204c63364072a04c000023530839f0338354080f2d6\
         ca064d15cd5b076080f2d6ca066d003b580872431a2b818000010002000000000357775703624164076578616d706c650000\
         010001c00c000500010000012c000603633278c010c02d000100010000003c0004cb0071427801",
    );
    let flow = unhex(
        "080418e80720073204c63364073a04cb00714248dc0b50035a04c000020190010a980114a00106a801cb8703b001bb03d001\
         1bf0018010f0068094d3cca2ca9cc318f80680ecfc929bca9cc318800780ca9ddea0ca9cc318",
    );
    let end = |ip: [u8; 4]| {
        Some(proto::Endpoint {
            ip: ip.to_vec(),
            port: 443,
        })
    };
    let event = proto::Event {
        time_ns: Some(1),
        observer: "res1".to_owned(),
        kind: Some(proto::event::Kind::Flow(proto::Flow {
            source: end([198, 51, 100, 7]),
            destination: end([203, 0, 113, 66]),
            protocol: Some(6),
            ..proto::Flow::default()
        })),
        ..proto::Event::default()
    };
    let dns = proto::Event {
        kind: Some(proto::event::Kind::Dns(proto::Dns {
            qname: "www.bad.example".to_owned(),
            answers: vec![proto::Answer {
                value: Some(proto::answer::Value::Name("c2.bad.example".to_owned())),
            }],
            ..proto::Dns::default()
        })),
        ..event.clone()
    };
    let batch = proto::EventBatch {
        events: vec![event, dns],
    };
    let batch = batch.encode_to_vec();
    let message = dnstap[22..dnstap.len() - 2].to_vec();
    vec![dnstap, message, flow.clone(), prefixed(&flow), batch]
}

proptest! {
    #[test]
    fn what_is_glued_from_pieces_of_records_is_covered_by_its_keys(
        pieces in proptest::collection::vec(
            (0_usize..5, any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..6),
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let parts = parts();
        let mut record = Vec::new();
        for (part, from, to) in pieces {
            let part = &parts[part];
            let (from, to) = (from.index(part.len() + 1), to.index(part.len() + 1));
            // Every other piece is whole, so that much of it parses.
            record.extend(if from < to { &part[from..to] } else { part });
        }
        for (at, value) in edits {
            let at = at.index(record.len());
            record[at] = value;
        }
        check(EventFormat::Dnstap, &record);
        check(EventFormat::Goflow2Protobuf, &record);
        check(EventFormat::GannetProtobuf, &record);
    }
}
