//! The miss path allocates nothing: probes of what is not listed, counted by an allocator.
#![allow(
    unsafe_code,
    reason = "a global allocator cannot be written without it"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::net::IpAddr;
use std::time::Duration;

use gannet::encode;
use gannet::hits::Orientation;
use gannet::matching::NameProbe;
use gannet::model::{
    Answer, DnsEvent, DnsMessage, DnsSide, DomainName, Event, EventFormat, EventKind, EventTime,
    FlowEvent, Half, Hit, HostPort, Indicator, IndicatorState, IndicatorValue, Initiator,
    NAME_LEN_MAX, NameEngine, Named, Role, Scope, TimeSource,
};
use gannet::pipeline::{BatchStats, DeadLetter, Output, Path, Scratch, process};
use gannet::snapshot::{BuildOptions, FeedInfo, Publisher, Snapshot, SnapshotBuilder};

use gannet::source::{Record, RecordHeaders, Stream, StreamId};

/// The system's allocator, with a count of this thread's allocations.
struct Counting;

thread_local! {
    /// How often this thread allocated.
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call goes to `System` as it came; counting touches no memory of the heap.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promises are those that `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the pointer came from `System` with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How many allocations `work` makes.
fn allocations(work: impl FnOnce()) -> u64 {
    let before = COUNT.with(Cell::get);
    work();
    COUNT.with(Cell::get) - before
}

fn snapshot(names: NameEngine) -> Snapshot {
    let mut builder = SnapshotBuilder::new(BuildOptions {
        names,
        ..BuildOptions::default()
    });
    let feed = builder.add_feed(FeedInfo {
        name: "feed".into(),
        victim: None,
        grace: Duration::ZERO,
        ignore_ports: false,
        overrides: false,
        keyed: false,
    });
    let mut add = |value: IndicatorValue<'_>| {
        let indicator = Indicator {
            value,
            written: "as written",
            id: None,
            role: Role::C2,
            malware: None,
            confidence: 75,
            valid_from: None,
            valid_until: None,
            state: IndicatorState::Active,
            reference: None,
            tags: &[],
        };
        builder.add(feed, &indicator).unwrap();
    };
    for number in 0..5000_u32 {
        let mut scratch = [0; NAME_LEN_MAX];
        let text = format!("bad{number}.example");
        let name = DomainName::parse(text.as_bytes(), &mut scratch).unwrap();
        add(IndicatorValue::Name {
            name,
            scope: Scope::Subtree,
        });
        add(IndicatorValue::Endpoint {
            ip: IpAddr::from((0xc612_0000 + number).to_be_bytes()),
            port: 443,
        });
    }
    add(IndicatorValue::Pattern("*login-bank*"));
    add(IndicatorValue::Prefix("2001:db8:1::/48".parse().unwrap()));
    add(IndicatorValue::Prefix("203.0.113.0/24".parse().unwrap()));
    builder.build(1).unwrap()
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(vec![1_u8])), 1);
}

#[test]
fn misses_allocate_nothing() {
    let deep = "a.".repeat(126);
    let names = [
        "www.good.example",
        "WWW.GOOD.EXAMPLE.",
        "notbad1.example",
        "login-bank",
        "a",
        deep.as_str(),
        "",
        "a..b",
        "a b.example",
    ];
    let addresses = ["198.51.100.1", "198.18.0.1", "2001:db8:2::1", "::1"];
    let addresses = addresses.map(|text| text.parse::<IpAddr>().unwrap());
    for engine in [NameEngine::Table, NameEngine::AhoCorasick] {
        let publisher = Publisher::new(snapshot(engine));
        let mut reader = publisher.reader();
        let mut missed = 0;
        let count = allocations(|| {
            let snapshot = reader.current();
            for name in names {
                let probe = snapshot.probe_name(name.as_bytes());
                missed += usize::from(probe != NameProbe::Candidate);
            }
            for ip in addresses {
                missed += usize::from(!snapshot.probe_address(ip, None));
                missed += usize::from(!snapshot.probe_address(ip, Some(80)));
            }
        });
        // All but the pattern's own literal.
        assert_eq!((missed, count), (names.len() + 2 * addresses.len() - 1, 0));
    }
}

/// Counts what comes out.
#[derive(Default)]
struct Counts {
    hits: u64,
    dead: u64,
}

impl Output for Counts {
    fn hit(&mut self, _hit: &mut Hit) {
        self.hits += 1;
    }

    fn dead(&mut self, _dead: &DeadLetter<'_>) {
        self.dead += 1;
    }
}

/// A DNS event about `qname` and a flow to `remote`.
fn events(qname: &str, remote: &str) -> [Event; 2] {
    let end = |ip: &str, port| HostPort {
        ip: ip.parse().unwrap(),
        port: Some(port),
    };
    let event = |kind| Event {
        time: EventTime::from_nanos(1_767_225_600_140_000_000),
        time_source: TimeSource::Event,
        observer: None,
        hint: None,
        sampling_rate: 1,
        kind,
    };
    let dns = DnsEvent {
        client: Some(end("100.64.0.7", 53123)),
        resolver: Some(end("100.64.255.53", 53)),
        side: DnsSide::Client,
        message: DnsMessage::Response,
        qname: qname.to_owned(),
        qtype: Some(1),
        rcode: Some(0),
        answers: vec![
            Answer::Name("cdn.good.example".to_owned()),
            Answer::Address("198.51.100.80".parse().unwrap()),
        ],
        blocked: false,
    };
    let half = Half {
        packets: Some(3),
        bytes: Some(1500),
        payload: Some(900),
    };
    let flow = FlowEvent {
        source: end("100.64.0.7", 50123),
        destination: end(remote, 443),
        protocol: Some(6),
        forward: half,
        reverse: None,
        tcp_flags: Some(0x1b),
        state: None,
        initiator: Initiator::Source,
    };
    [event(EventKind::Dns(dns)), event(EventKind::Flow(flow))]
}

/// How many allocations a batch of `copies` records of each format makes, and what came out.
fn batch(snapshot: &Snapshot, events: &[Event; 2], copies: usize) -> (u64, BatchStats, Counts) {
    let streams: Vec<Stream> = EventFormat::ALL
        .iter()
        .map(|format| Stream {
            source: "test".to_owned(),
            topic: format.as_str().to_owned(),
            format: *format,
        })
        .collect();
    let mut values = Vec::new();
    for (stream, format) in EventFormat::ALL.iter().enumerate() {
        for event in events {
            let mut value = Vec::new();
            encode::event::write(*format, std::slice::from_ref(event), &mut value);
            // Formats of flows have no DNS, and the other way round.
            if !value.is_empty() {
                values.push((StreamId(u16::try_from(stream).unwrap()), value));
            }
        }
    }
    let records: Vec<Record<'_>> = std::iter::repeat_n(&values, copies)
        .flatten()
        .map(|(stream, value)| Record {
            stream: *stream,
            partition: 0,
            offset: 7,
            timestamp_ms: None,
            key: None,
            value: Some(value),
            headers: RecordHeaders::default(),
        })
        .collect();
    let orientation = Orientation::default();
    let path = Path {
        snapshot,
        orientation: &orientation,
        streams: &streams,
        cluster: "test",
        now: EventTime::from_nanos(0),
    };
    let (mut stats, mut counts) = (BatchStats::new(streams.len()), Counts::default());
    let mut scratch = Scratch::new(&streams);
    let made = allocations(|| process(&records, path, &mut scratch, &mut counts, &mut stats));
    (made, stats, counts)
}

#[test]
fn the_whole_path_of_a_miss_allocates_nothing() {
    let snapshot = snapshot(NameEngine::Table);
    let missed = events("www.good.example", "198.51.100.7");
    let (one, ..) = batch(&snapshot, &missed, 1);
    let (many, stats, counts) = batch(&snapshot, &missed, 1000);
    let total = stats.total();
    assert_eq!(
        (total.unmatched, total.matched),
        (total.records, 0),
        "{total:?}"
    );
    assert_eq!((counts.hits, counts.dead), (0, 0));
    // What a batch allocates is for the batch, not for its records.
    assert_eq!(one, many);
    // The same records with a listed name and address do allocate, so the count would show it.
    let (hits, _, counts) = batch(&snapshot, &events("www.bad7.example", "203.0.113.9"), 1000);
    assert!(hits > many && counts.hits >= 1000, "{hits} {}", counts.hits);
}
