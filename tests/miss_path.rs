//! The miss path allocates nothing: probes of what is not listed, counted by an allocator.
#![allow(
    unsafe_code,
    reason = "a global allocator cannot be written without it"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::net::IpAddr;
use std::time::Duration;

use gannet::matching::NameProbe;
use gannet::model::{
    DomainName, Indicator, IndicatorState, IndicatorValue, NAME_LEN_MAX, NameEngine, Role, Scope,
};
use gannet::snapshot::{BuildOptions, FeedInfo, Publisher, Snapshot, SnapshotBuilder};

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
