//! Names that a stranger chose: what knowing the hash key would gain, and that without it
//! nothing is gained.

use super::*;
use crate::matching::plain::SHORT_MAX;
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
    let passing = |table: &SuffixTable, name: &str| {
        table
            .filtered(hash_name(name.as_bytes(), &table.key))
            .listed
    };
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
fn short_names_wait_and_long_ones_are_told_at_once() {
    let table = table(&["bad.example".to_owned()], known());
    for len in 13..200 {
        let rest = len - ".bad.example".len();
        let below: Vec<u8> = (0..rest)
            .map(|at| if at % 9 == 8 { b'.' } else { b'W' })
            .collect();
        let text = String::from_utf8(below)
            .unwrap()
            .trim_end_matches('.')
            .to_owned();
        let name = format!("{text}.bad.example");
        let mut batch = NameBatch::new();
        let probe = table.queue(name.as_bytes(), 3, &mut batch);
        let kept = name.len() <= SHORT_MAX;
        assert_eq!(batch.len(), usize::from(kept), "{name}");
        assert_eq!(probe == NameProbe::Miss, kept, "{name}");
        let mut found = Vec::new();
        table.settle(&mut batch, |owner| found.push(owner));
        assert_eq!(found.len(), usize::from(kept), "{name}");
    }
}

#[test]
fn names_below_a_listed_single_label_are_told_at_once() {
    let table = table(&["bad".to_owned(), "a.good".to_owned()], known());
    let mut batch = NameBatch::new();
    for (raw, expected) in [
        ("www.mail.bad", NameProbe::Candidate),
        ("BAD.", NameProbe::Candidate),
        ("www.good", NameProbe::Miss),
        ("bad.good", NameProbe::Miss),
    ] {
        assert_eq!(table.probe(raw.as_bytes()), expected, "{raw}");
        assert_eq!(
            table.queue(raw.as_bytes(), 0, &mut batch),
            expected,
            "{raw}"
        );
    }
    assert!(batch.is_empty());
}
