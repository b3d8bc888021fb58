//! The sample against a queue that forgets the oldest.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

/// A key that owns what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Key {
    Name(Vec<u8>),
    Address(IpAddr, Option<u16>),
}

impl Key {
    fn of(key: SampleKey<'_>) -> Self {
        match key {
            SampleKey::Name(name) => Self::Name(name.to_vec()),
            SampleKey::Address(ip, port) => Self::Address(ip, port),
        }
    }

    fn as_key(&self) -> SampleKey<'_> {
        match self {
            Self::Name(name) => SampleKey::Name(name),
            Self::Address(ip, port) => SampleKey::Address(*ip, *port),
        }
    }

    /// How many bytes it takes.
    fn len(&self) -> usize {
        match self {
            Self::Name(name) => 3 + name.len(),
            Self::Address(IpAddr::V4(_), port) => 5 + port.map_or(0, |_| 2),
            Self::Address(IpAddr::V6(_), port) => 17 + port.map_or(0, |_| 2),
        }
    }
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Whether an address is a subscriber's.
fn is_own(ip: IpAddr) -> bool {
    ip == address("198.51.100.7")
}

fn push(sample: &mut TrafficSample, event: &[Key]) {
    sample.push(event.iter().map(Key::as_key), is_own);
}

fn held(sample: &TrafficSample) -> Vec<Vec<Key>> {
    let events = sample.events();
    events.map(|keys| keys.map(Key::of).collect()).collect()
}

/// What is kept of an event.
fn kept(event: &[Key]) -> Vec<Key> {
    let keys = event.iter().filter_map(|key| match key {
        Key::Name(_) => Some(key.clone()),
        Key::Address(ip, port) => {
            let ip = unmapped(*ip);
            (!is_own(ip)).then_some(Key::Address(ip, *port))
        }
    });
    keys.collect()
}

/// The most recent events, within bounds.
fn recent(events: &[Vec<Key>], events_max: usize, bytes_max: usize) -> Vec<Vec<Key>> {
    let mut queue: VecDeque<Vec<Key>> = VecDeque::new();
    let bytes = |queue: &VecDeque<Vec<Key>>| queue.iter().flatten().map(Key::len).sum::<usize>();
    for event in events {
        queue.push_back(kept(event));
        while queue.len() > events_max || bytes(&queue) > bytes_max {
            queue.pop_front();
        }
    }
    queue.into()
}

fn key() -> impl Strategy<Value = Key> {
    let ip = proptest::sample::select(vec![
        address("198.51.100.7"),
        address("::ffff:198.51.100.7"),
        address("203.0.113.66"),
        address("::ffff:203.0.113.66"),
        address("2001:db8::7"),
    ]);
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..700).prop_map(Key::Name),
        (ip, any::<Option<u16>>()).prop_map(|(ip, port)| Key::Address(ip, port)),
    ]
}

fn events() -> impl Strategy<Value = Vec<Vec<Key>>> {
    proptest::collection::vec(proptest::collection::vec(key(), 0..5), 0..60)
}

proptest! {
    #[test]
    fn with_bytes_to_spare_it_is_a_queue(events in events(), events_max in 1_usize..40) {
        let mut sample = TrafficSample::new(events_max, 1 << 20);
        for event in &events {
            push(&mut sample, event);
        }
        prop_assert_eq!(held(&sample), recent(&events, events_max, usize::MAX));
        prop_assert_eq!(sample.len(), events.len().min(events_max));
    }

    #[test]
    fn of_bytes_it_loses_no_more_than_what_one_event_takes(
        events in events(),
        events_max in 20_usize..60,
        bytes_max in 2 * EVENT_BYTES_MAX..6 * EVENT_BYTES_MAX,
    ) {
        let mut sample = TrafficSample::new(events_max, bytes_max);
        for at in 0..events.len() {
            push(&mut sample, &events[at]);
            let so_far = &events[..=at];
            let most = recent(so_far, events_max, bytes_max);
            let least = recent(so_far, events_max, bytes_max - EVENT_BYTES_MAX);
            let held = held(&sample);
            prop_assert!(most.ends_with(&held), "not the most recent ones");
            prop_assert!(held.ends_with(&least), "{} of at least {}", held.len(), least.len());
        }
    }
}

#[test]
fn subscribers_are_left_out_and_their_events_count() {
    let (own, far) = (address("::ffff:198.51.100.7"), address("203.0.113.66"));
    let mut sample = TrafficSample::default();
    push(
        &mut sample,
        &[
            Key::Address(own, Some(50_000)),
            Key::Address(far, Some(443)),
        ],
    );
    push(&mut sample, &[Key::Address(own, None)]);
    let unknown = [
        Key::Address(far, Some(1)),
        Key::Address(address("2001:db8::7"), Some(2)),
    ];
    push(&mut sample, &unknown);
    let expected = [vec![Key::Address(far, Some(443))], vec![], unknown.to_vec()];
    assert_eq!(held(&sample), expected);
}

#[test]
fn no_event_takes_more_than_its_share() {
    let mut sample = TrafficSample::new(10, 0);
    push(
        &mut sample,
        &vec![Key::Name(b"a.example".to_vec()); EVENT_KEYS_MAX + 1],
    );
    assert_eq!(held(&sample)[0].len(), EVENT_KEYS_MAX);
    let long = Key::Name(vec![b'a'; EVENT_BYTES_MAX - 2]);
    let longest = Key::Name(vec![b'a'; EVENT_BYTES_MAX - 3]);
    let endless = Key::Name(vec![b'a'; 1 << 17]);
    let short = Key::Name(b"b.example".to_vec());
    push(&mut sample, &[long, endless, longest.clone(), short]);
    assert_eq!(held(&sample), [[longest]]);
}

#[test]
fn nothing_is_allocated_after_it_was_made() {
    let mut sample = TrafficSample::new(100, 1 << 16);
    let before = (sample.events.capacity(), sample.unfinished.capacity());
    for at in 0..10_000 {
        push(&mut sample, &vec![Key::Name(vec![b'a'; at % 500]); at % 90]);
    }
    assert_eq!(
        (sample.events.capacity(), sample.unfinished.capacity()),
        before
    );
    assert_eq!(sample.bytes.len(), 1 << 16);
}
