//! The dry run against counting everything.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// What a snapshot lists: values, here names that are hit when they are the key, by feed.
type Lists = Vec<(String, String)>;

fn sample(events: &[Vec<String>]) -> TrafficSample {
    let mut sample = TrafficSample::default();
    for names in events {
        let keys = names.iter().map(|name| SampleKey::Name(name.as_bytes()));
        sample.push(keys, |_| false);
    }
    sample
}

fn exposure(events: &[Vec<String>], lists: &Lists) -> Exposure {
    Exposure::of(&sample(events), |key, found| {
        for (value, feed) in lists {
            if key == SampleKey::Name(value.as_bytes()) {
                found(value, feed);
            }
        }
    })
}

proptest! {
    #[test]
    fn an_event_counts_once_for_a_value_and_once_for_a_feed(
        events in proptest::collection::vec(proptest::collection::vec("[a-d]", 0..4), 0..40),
        lists in proptest::collection::vec(("[a-c]", "[xyz]"), 0..8),
    ) {
        let exposure = exposure(&events, &lists);
        let hit_by = |with: &dyn Fn(&(String, String)) -> bool| {
            let hit = |names: &&Vec<String>| {
                lists.iter().any(|row| with(row) && names.contains(&row.0))
            };
            events.iter().filter(hit).count() as u64
        };
        prop_assert_eq!(exposure.events, events.len() as u64);
        prop_assert_eq!(exposure.hit_events, hit_by(&|_| true));
        for name in ["a", "b", "c", "d"] {
            prop_assert_eq!(exposure.of_value(name).hits, hit_by(&|row| row.0 == name));
        }
        for name in ["x", "y", "z"] {
            prop_assert_eq!(exposure.of_feed(name).hits, hit_by(&|row| row.1 == name));
        }
        for (value, hits) in &exposure.by_value {
            let first = lists.iter().filter(|row| row.0 == *value).map(|row| &row.1).min();
            prop_assert_eq!(Some(&hits.feed), first);
        }
        prop_assert_eq!(exposure.uncounted_max, 0);
    }
}

#[test]
fn addresses_are_judged_with_their_ports() {
    let mut sample = TrafficSample::default();
    let ip = "203.0.113.66".parse().unwrap();
    sample.push([SampleKey::Address(ip, Some(443))], |_| false);
    sample.push([SampleKey::Address(ip, None)], |_| false);
    let exposure = Exposure::of(&sample, |key, found| {
        if key == SampleKey::Address(ip, Some(443)) {
            found("203.0.113.66:443", "c2");
        }
    });
    assert_eq!(exposure.of_all(), Share { hits: 1, of: 2 });
    assert_eq!(exposure.of_value("203.0.113.66:443").hits, 1);
}

#[test]
fn a_list_that_hits_everything_under_names_of_its_own_takes_no_more_memory() {
    let events: Vec<Vec<String>> = (0..100_000)
        .map(|at| {
            let name = format!("h{at}.example");
            if at % 100 == 0 {
                vec![name, "much.example".to_owned()]
            } else {
                vec![name]
            }
        })
        .collect();
    let exposure = Exposure::of(&sample(&events), |key, found| {
        if let SampleKey::Name(name) = key {
            found(std::str::from_utf8(name).unwrap(), "bad");
        }
    });
    assert!(exposure.by_value.len() < 2 * VALUES_KEPT);
    assert!(exposure.uncounted_max <= 101_000 / VALUES_KEPT as u64);
    let much = exposure.of_value("much.example").hits;
    assert!(much <= 1_000 && much + exposure.uncounted_max >= 1_000);
    assert_eq!(exposure.of_feed("bad").hits, 100_000);
    assert_eq!(exposure.most_hit(1)[0].0, "much.example");
}

#[test]
fn the_values_with_the_most_hits_come_first() {
    let lists: Lists = ["a", "b", "c"].map(|name| (name.into(), "x".into())).into();
    let events = ["b", "c", "b", "a", "d"].map(|name| vec![name.to_owned()]);
    let exposure = exposure(&events, &lists);
    let shown: BTreeMap<usize, Vec<&str>> = [0, 2, 9]
        .map(|count| (count, exposure.most_hit(count)))
        .map(|(count, hits)| (count, hits.iter().map(|(value, _)| *value).collect()))
        .into();
    let expected = [(0, vec![]), (2, vec!["b", "a"]), (9, vec!["b", "a", "c"])];
    assert_eq!(shown, expected.into());
}
