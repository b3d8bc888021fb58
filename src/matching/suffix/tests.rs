//! Names that a stranger chose: what knowing the hash key would gain, and that without it
//! nothing is gained.

use proptest::prelude::*;

use super::*;
use crate::model::NAME_LEN_MAX;

/// The key that the stranger knows.
const KNOWN: (u64, u64) = (1, 2);

/// How many names the stranger makes.
const NAMES: usize = 1_500;

/// Slots of a table of as many names.
const SLOTS: usize = 2_048;

/// Names, of which the stranger keeps those that `suit`.
fn made(suit: impl Fn(&str) -> bool) -> Vec<String> {
    (0_u32..)
        .map(|number| format!("{number:x}.example"))
        .filter(|name| suit(name))
        .take(NAMES)
        .collect()
}

/// The table of `names` under a key.
fn table(names: &[String], key: HashKey) -> SuffixTable {
    let mut table = SuffixTable::new(key);
    let mut scratch = [0; NAME_LEN_MAX];
    for name in names {
        let name = DomainName::parse(name.as_bytes(), &mut scratch).unwrap();
        let hash = hash_name(name.as_str().as_bytes(), &key);
        table.insert(name, Scope::Subtree, hash).unwrap();
    }
    table.finished()
}

fn known() -> HashKey {
    HashKey::new(KNOWN.0, KNOWN.1)
}

/// Keys that the stranger does not know: some at random, and some that are close to the known one.
fn unknown() -> impl Iterator<Item = HashKey> {
    let near = [
        (1, 3),
        (2, 2),
        (2, 1),
        (0, 0),
        (KNOWN.0 + (1 << 63), KNOWN.1),
    ];
    let near = near.into_iter().map(|(a, b)| HashKey::new(a, b));
    near.chain((0..10).map(|_| HashKey::random()))
}

#[test]
fn names_that_collide_under_one_key_do_not_under_another() {
    let key = known();
    let names = made(|name| slot(hash_name(name.as_bytes(), &key), SLOTS) == 7);
    let built = table(&names, known());
    assert_eq!(built.slots.len(), SLOTS);
    // Every name stands behind all that came before it.
    assert!(built.longest_run() >= NAMES);
    for key in unknown() {
        let run = table(&names, key).longest_run();
        // The table is filled to 73 %: what chance alone makes.
        assert!(run < 200, "a run of {run} under {key:?}");
    }
}

#[test]
fn names_that_pass_the_filter_of_one_key_do_not_pass_that_of_another() {
    let listed: Vec<String> = (0..NAMES).map(|number| format!("{number}.test")).collect();
    let passing =
        |table: &SuffixTable, name: &str| table.may_hold(hash_name(name.as_bytes(), &table.key));
    let built = table(&listed, known());
    let names = made(|name| passing(&built, name));
    assert!(names.iter().all(|name| passing(&built, name)));
    for key in unknown() {
        let built = table(&listed, key);
        let passed = names.iter().filter(|name| passing(&built, name)).count();
        assert!(passed < NAMES / 20, "{passed} under {key:?}");
    }
}

#[test]
fn the_longest_names_fit_into_a_batch_that_is_not_full() {
    let deepest = vec!["a"; 127].join(".");
    let depths: Vec<String> = (0..127)
        .map(|skip| deepest[2 * skip..].to_owned())
        .collect();
    let table = table(&depths, known());
    let mut batch = NameBatch::new();
    let room = batch.hashes.capacity();
    let mut names = 0;
    while !batch.is_full() {
        let probe = table.queue(deepest.as_bytes(), names, &mut batch);
        assert_eq!(probe, NameProbe::Miss);
        names += 1;
        assert_eq!(batch.hashes.len(), 127 * names as usize);
    }
    assert_eq!(batch.hashes.capacity(), room, "a batch had to grow");
    let mut found = Vec::new();
    table.settle(&mut batch, |owner| found.push(owner));
    found.dedup();
    assert_eq!(found, (0..names).collect::<Vec<u32>>());
}

proptest! {
    #[test]
    fn a_name_costs_at_most_one_lookup_a_label_and_127_in_all(
        raw in prop_oneof![
            "[aB.]{0,300}",
            proptest::collection::vec("[a-c]{1,3}", 0..200).prop_map(|labels| labels.join(".")),
        ],
    ) {
        let depths: Vec<String> = (1..=127).map(|labels| vec!["b"; labels].join(".")).collect();
        let table = table(&depths, known());
        let mut batch = NameBatch::new();
        let probe = table.queue(raw.as_bytes(), 0, &mut batch);
        let labels = raw.split('.').count();
        prop_assert!(batch.hashes.len() <= labels.min(127));
        // What is told at once leaves nothing behind.
        prop_assert!(probe == NameProbe::Miss || batch.is_empty());
    }
}
