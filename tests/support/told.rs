//! What Gannet told: hits without their copies, and the last state of every episode.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::client::Received;
use super::naive::{self, Expected, Key};

/// The ids of the hits in `records`.
pub fn ids(records: &[Received]) -> BTreeSet<String> {
    let id = |record: &Received| {
        let hit: Value = serde_json::from_slice(&record.value).expect("JSON");
        hit["hit_id"].as_str().expect("an id").to_owned()
    };
    records.iter().map(id).collect()
}

/// What is wrong with `hits` besides copies: lost, spurious, or of one id and yet different.
pub fn faults(hits: &[Value], expected: &BTreeMap<Key, Expected>) -> Vec<String> {
    let mut faults = Vec::new();
    let mut by_id: BTreeMap<String, Value> = BTreeMap::new();
    for hit in hits {
        let mut hit = hit.clone();
        let id = hit["hit_id"].as_str().expect("an id").to_owned();
        if let Some(object) = hit.as_object_mut() {
            object.remove("matched_at");
        }
        match by_id.get(&id) {
            Some(first) if *first != hit => faults.push(format!("{first} became {hit}")),
            Some(_) => {}
            None => {
                by_id.insert(id, hit);
            }
        }
    }
    let mut found: BTreeMap<Key, u32> = BTreeMap::new();
    for hit in by_id.values() {
        *found.entry(naive::key(hit)).or_default() += 1;
    }
    for (key, ids) in &found {
        if *ids > 1 {
            faults.push(format!("{ids} ids of one hit {key:?}"));
        }
        if !expected.contains_key(key) {
            faults.push(format!("spurious {key:?}"));
        }
    }
    let lost = expected.keys().filter(|key| !found.contains_key(*key));
    faults.extend(lost.map(|key| format!("lost {key:?}")));
    faults
}

/// Fails when there is anything wrong with `hits` besides copies.
#[track_caller]
pub fn check(hits: &[Value], expected: &BTreeMap<Key, Expected>) {
    let faults = faults(hits, expected);
    let first: Vec<&String> = faults.iter().take(5).collect();
    assert!(faults.is_empty(), "{} faults: {first:#?}", faults.len());
}

/// The last state of each episode on the compacted topic, by its key.
pub fn states(records: &[Received]) -> BTreeMap<String, Value> {
    let mut states = BTreeMap::new();
    for record in records {
        let episode: Value = serde_json::from_slice(&record.value).expect("JSON");
        let id = episode["episode_id"].as_str().expect("an id").to_owned();
        assert_eq!(record.key.as_deref(), Some(id.as_bytes()));
        states.insert(id, episode);
    }
    states
}

/// The sums of the last states.
pub fn sums(records: &[Received]) -> BTreeMap<(String, String), naive::Sums> {
    states(records).values().map(naive::told).collect()
}
