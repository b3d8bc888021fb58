//! `bench decode`: records of every format to keys, to events, and to what the usual libraries
//! make of them.
//!
//! Three contenders over the same records: `gannet` for the keys (all that the miss path does),
//! `gannet` for whole events (what a candidate costs), and a rival. Before a time is told, every
//! record is decoded by all three and what they find is compared.

use std::hint::black_box;
use std::net::IpAddr;

use super::harness::{BenchError, Contender, Settings, Step, TurnError, Work, WrongAnswer, run};
use super::result::ResultRow;
use super::rivals::{
    CollectorRow, DnstapRow, GannetBatch, GannetRows, Goflow2Messages, Goflow2Row, Keys, Rival,
    ZeekConnRow, ZeekDnsRow,
};
use super::traffic::{Traffic, Workload};
use crate::decode::{self, Item, KeyScanner, KeySink, Outcome};
use crate::model::{Answer, Event, EventFormat, EventKind, Named};

/// How decoding is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeOptions {
    /// Events of a turn; the records are walked over as often as that takes.
    pub events: u64,
    /// How many turns.
    pub settings: Settings,
}

/// Measures the decoders of a workload over `traffic`, whose records are all events of it.
/// Three rows: `gannet` for keys and for events, and the rival.
///
/// # Errors
/// [`BenchError`] when decoders disagree or fail.
pub fn decode(
    workload: Workload,
    traffic: &Traffic,
    options: DecodeOptions,
    progress: &mut dyn FnMut(&str, Step),
) -> Result<Vec<ResultRow>, BenchError> {
    let measure = match workload {
        Workload::ZeekDns => measure::<ZeekDnsRow>,
        Workload::ZeekConn => measure::<ZeekConnRow>,
        Workload::Dnstap => measure::<DnstapRow>,
        Workload::DnsCollectorJson => measure::<CollectorRow>,
        Workload::Goflow2Protobuf => measure::<Goflow2Messages>,
        Workload::Goflow2Json => measure::<Goflow2Row>,
        Workload::GannetJson => measure::<GannetRows>,
        Workload::GannetProtobuf => measure::<GannetBatch>,
    };
    let mut rows = measure(traffic, options, progress)?;
    for row in &mut rows {
        row.format = Some(workload.as_str().to_owned());
    }
    Ok(rows)
}

/// The records of a file that all three contenders can read, as a workload, and how many were
/// left out: those that are no event, those of another kind than the first event, and those that
/// the rival does not understand. `None` when nothing is left.
pub fn readable(traffic: &Traffic) -> Option<(Workload, Traffic, u64)> {
    let first = traffic
        .values()
        .find_map(|value| events_of(traffic.format(), value)?.into_iter().next())?;
    let flow = matches!(first.kind, EventKind::Flow(_));
    let workload = match traffic.format() {
        EventFormat::ZeekJson if flow => Workload::ZeekConn,
        format @ (EventFormat::ZeekJson
        | EventFormat::Dnstap
        | EventFormat::DnsCollectorJson
        | EventFormat::Goflow2Protobuf
        | EventFormat::Goflow2Json
        | EventFormat::GannetJson
        | EventFormat::GannetProtobuf) => Workload::of(format),
    };
    let reads = match workload {
        Workload::ZeekDns => reads::<ZeekDnsRow>,
        Workload::ZeekConn => reads::<ZeekConnRow>,
        Workload::Dnstap => reads::<DnstapRow>,
        Workload::DnsCollectorJson => reads::<CollectorRow>,
        Workload::Goflow2Protobuf => reads::<Goflow2Messages>,
        Workload::Goflow2Json => reads::<Goflow2Row>,
        Workload::GannetJson => reads::<GannetRows>,
        Workload::GannetProtobuf => reads::<GannetBatch>,
    };
    let mut kept = Traffic::empty(traffic.format());
    for value in traffic.values() {
        let Some(events) = events_of(traffic.format(), value) else {
            continue;
        };
        let one_log = |event: &Event| matches!(event.kind, EventKind::Flow(_)) == flow;
        let zeek = traffic.format() == EventFormat::ZeekJson;
        if (!zeek || events.iter().all(one_log)) && reads(value, events.len() as u64) {
            kept.push_record(value);
        }
    }
    let left_out = (traffic.len() - kept.len()) as u64;
    (!kept.is_empty()).then_some((workload, kept, left_out))
}

/// Whether a rival finds `events` events in `record`.
fn reads<R: Rival>(record: &[u8], events: u64) -> bool {
    R::decode(record).is_ok_and(|row| row.events() == events)
}

/// The events of a record; `None` if anything in it is no event.
fn events_of(format: EventFormat, record: &[u8]) -> Option<Vec<Event>> {
    let mut items = Items::default();
    decode::keys(format, record, &mut items);
    let event = |item: &&[u8]| decode::event(format, item, None).ok().flatten();
    let events: Option<Vec<Event>> = items.bytes.iter().map(event).collect();
    events.filter(|events| items.others == 0 && !events.is_empty())
}

/// Measures all three contenders.
fn measure<R: Rival>(
    traffic: &Traffic,
    options: DecodeOptions,
    progress: &mut dyn FnMut(&str, Step),
) -> Result<Vec<ResultRow>, BenchError> {
    let format = traffic.format();
    let mut items = Items::default();
    for value in traffic.values() {
        decode::keys(format, value, &mut items);
    }
    let events = items.bytes.len() as u64;
    let walks = options.events.div_ceil(events.max(1)).max(1);
    let work = |decoded| Work {
        ops: decoded,
        bytes: traffic.bytes() as u64 * walks,
        answers: Some(decoded),
    };
    let mut contenders = [
        Contender::new(
            "gannet",
            || found(traffic, events, items.others),
            |_| Ok(work(walk_keys(traffic, walks))),
        ),
        Contender::new(
            "gannet",
            || Ok(()),
            |_| Ok(work(walk_events(format, &items.bytes, walks)?)),
        ),
        Contender::new(
            R::ENGINE,
            || agree::<R>(traffic),
            |_| Ok(work(walk_rival::<R>(traffic, walks)?)),
        ),
    ];
    let measured = run(&mut contenders, options.settings, progress)?;
    let event_ns = measured.get(1).map(|event| event.ns_per_op.max(1e-6));
    let faces = ["keys", "event", "event"];
    Ok(measured
        .iter()
        .zip(faces)
        .map(|(measured, face)| {
            let per_event = 1e9 / measured.ns_per_op.max(1e-6);
            ResultRow {
                face: Some(face.to_owned()),
                times_gannet_event: event_ns.map(|ns| measured.ns_per_op / ns),
                events_per_second: Some(per_event),
                events_per_record: Some(events as f64 / traffic.len().max(1) as f64),
                questions: Some(events),
                working_set_bytes: Some(traffic.bytes() as u64),
                ..ResultRow::of("decode", measured, "gannet")
            }
        })
        .collect())
}

/// The key face over all records. Returns how many events it found.
fn walk_keys(traffic: &Traffic, walks: u64) -> u64 {
    let mut scanner = KeyScanner::new(traffic.format());
    let mut count = Count::default();
    for _ in 0..walks {
        for value in traffic.values() {
            scanner.keys(value, &mut count);
        }
    }
    black_box(count.seen);
    count.events
}

/// The event face over all items.
fn walk_events(format: EventFormat, items: &[&[u8]], walks: u64) -> Result<u64, TurnError> {
    let mut events = 0;
    for _ in 0..walks {
        for item in items {
            let event = decode::event(format, item, None)?;
            events += u64::from(event.is_some());
            black_box(&event);
        }
    }
    Ok(events)
}

/// A rival over all records.
fn walk_rival<R: Rival>(traffic: &Traffic, walks: u64) -> Result<u64, TurnError> {
    let mut events = 0;
    for _ in 0..walks {
        for value in traffic.values() {
            let row = R::decode(value)?;
            events += row.events();
            black_box(&row);
        }
    }
    Ok(events)
}

/// Checks that every item is an event and that they are as many as were made.
fn found(traffic: &Traffic, events: u64, others: u64) -> Result<(), WrongAnswer> {
    let made = traffic.truth().events();
    if others == 0 && (made == 0 || made == events) {
        return Ok(());
    }
    Err(WrongAnswer {
        question: "all records".to_owned(),
        expected: format!("{made} events and nothing else"),
        answered: format!("{events} events, {others} other items"),
    })
}

/// Checks record by record that what the rival finds is among the keys and in the events. Of
/// made records, whose forms the rival knows all, it must find what the events hold, too.
fn agree<R: Rival>(traffic: &Traffic) -> Result<(), WrongAnswer> {
    let made = traffic.truth().events() > 0;
    let (mut rival, mut keys, mut held) = (Keys::default(), Found::default(), Keys::default());
    for (number, value) in traffic.values().enumerate() {
        let wrong = |expected: String, answered: &str| WrongAnswer {
            question: format!("record {number}"),
            expected,
            answered: answered.to_owned(),
        };
        let row = R::decode(value).map_err(|error| wrong("a row".into(), &error.to_string()))?;
        rival.clear();
        row.keys(&mut rival);
        rival.settle();
        keys.0.clear();
        decode::keys(traffic.format(), value, &mut keys);
        keys.0.settle();
        held.clear();
        for event in events_of(traffic.format(), value).into_iter().flatten() {
            hold(&event, &mut held);
        }
        held.settle();
        for (what, has, must_have) in [
            ("the keys", &keys.0, &rival),
            ("the keys", &keys.0, &held),
            ("the events", &held, &rival),
        ] {
            if let Some(missing) = has.missing(must_have) {
                return Err(wrong(format!("{missing} in {what}"), "nothing like it"));
            }
        }
        if let Some(missing) = rival.missing(&held).filter(|_| made) {
            return Err(wrong(missing, "nothing like it"));
        }
    }
    Ok(())
}

/// Takes out of an event what can be matched.
fn hold(event: &Event, keys: &mut Keys) {
    match &event.kind {
        EventKind::Dns(dns) => {
            keys.name(dns.qname.as_bytes());
            for answer in &dns.answers {
                match answer {
                    Answer::Name(name) => keys.name(name.as_bytes()),
                    Answer::Address(ip) => keys.address(*ip),
                }
            }
        }
        EventKind::Flow(flow) => {
            keys.address(flow.source.ip);
            keys.address(flow.destination.ip);
        }
    }
}

/// Counts what it is given, looking at each key as little as one can.
#[derive(Default)]
struct Count {
    events: u64,
    seen: usize,
}

impl<'r> KeySink<'r> for Count {
    #[inline]
    fn name(&mut self, name: &[u8]) {
        self.seen = self.seen.wrapping_add(black_box(name).len());
    }

    #[inline]
    fn address(&mut self, address: IpAddr, port: Option<u16>) {
        black_box((address, port));
    }

    #[inline]
    fn end(&mut self, item: Item<'r>) {
        self.events += u64::from(item.outcome == Outcome::Event);
    }
}

/// Keeps the events of records, and counts what else is there.
#[derive(Default)]
struct Items<'r> {
    bytes: Vec<&'r [u8]>,
    others: u64,
}

impl<'r> KeySink<'r> for Items<'r> {
    fn name(&mut self, _: &[u8]) {}

    fn address(&mut self, _: IpAddr, _: Option<u16>) {}

    fn end(&mut self, item: Item<'r>) {
        match item.outcome {
            Outcome::Event => self.bytes.push(item.bytes),
            Outcome::Ignored | Outcome::Rejected(_) => self.others += 1,
        }
    }
}

/// Keeps the keys of records.
#[derive(Default)]
struct Found(Keys);

impl<'r> KeySink<'r> for Found {
    fn name(&mut self, name: &[u8]) {
        self.0.name(name);
    }

    fn address(&mut self, address: IpAddr, _: Option<u16>) {
        self.0.address(address);
    }

    fn end(&mut self, _: Item<'r>) {}
}

#[cfg(test)]
mod tests;
