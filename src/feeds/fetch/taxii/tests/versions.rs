//! Which version of an object stays.

use std::collections::BTreeMap;
use std::fs;

use proptest::prelude::*;
use serde_json::value::RawValue;

use super::super::bundle::{Added, Bundle};

/// Adds objects one after another; what became of each.
fn add(bundle: &mut Bundle, objects: &[&str]) -> Vec<Added> {
    let raw = objects
        .iter()
        .map(|object| RawValue::from_string((*object).to_owned()).unwrap());
    raw.map(|raw| bundle.add(&raw)).collect()
}

/// A bundle as it is written.
fn written(bundle: &Bundle) -> String {
    let mut out = Vec::new();
    let len = bundle.write("source", &mut out).unwrap();
    assert_eq!(len, out.len() as u64);
    String::from_utf8(out).unwrap()
}

#[track_caller]
fn check(objects: &[&str], expected: &[Added], kept: &str) {
    let mut bundle = Bundle::default();
    assert_eq!(add(&mut bundle, objects), expected, "{objects:?}");
    let text = written(&bundle);
    assert!(text.contains(kept), "{text}");
}

#[test]
fn the_newest_version_stays_and_of_two_as_new_the_first() {
    use Added::{Changed, Known, Skipped};
    let day = |day: u32, note: &str| {
        format!("{{\"id\":\"a\",\"modified\":\"2025-01-{day:02}T00:00:00Z\",\"n\":\"{note}\"}}")
    };
    let (one, two, other) = (day(1, "one"), day(2, "two"), day(2, "other"));
    check(&[&one, &two], &[Changed, Changed], "two");
    check(&[&two, &one], &[Changed, Known], "two");
    check(&[&two, &other], &[Changed, Known], "two");
    // The same instant, and a later one, written differently.
    let same = "{\"id\":\"a\",\"modified\":\"2025-01-02T01:00:00.000+01:00\",\"n\":\"x\"}";
    check(&[&two, same], &[Changed, Known], "two");
    let later = "{\"id\":\"a\",\"modified\":\"2025-01-01T23:30:00.5-01:00\",\"n\":\"x\"}";
    check(&[&two, later], &[Changed, Changed], "\"x\"");
    // What has no versions is never replaced, and does not replace.
    let bare = "{\"id\":\"a\",\"n\":\"bare\"}";
    check(&[bare, "{\"id\":\"a\"}"], &[Changed, Known], "bare");
    check(&[bare, &one], &[Changed, Changed], "one");
    check(&[&one, bare], &[Changed, Known], "one");
    let created = "{\"id\":\"a\",\"created\":\"2025-01-03T00:00:00Z\",\"n\":\"made\"}";
    check(&[&one, created], &[Changed, Changed], "made");
    let odd = "{\"id\":\"a\",\"modified\":17,\"n\":\"odd\"}";
    check(&[&one, odd], &[Changed, Known], "one");
    for none in [
        "1",
        "[]",
        "\"a\"",
        "null",
        "{}",
        "{\"id\":null}",
        "{\"id\":[]}",
    ] {
        check(&[&one, none], &[Changed, Skipped], "one");
    }
}

/// An object: an id, a version or none, and a mark that tells it from others.
fn object() -> impl Strategy<Value = (char, Option<u32>, u32)> {
    (
        prop::char::range('a', 'c'),
        prop::option::of(1..4u32),
        any::<u32>(),
    )
}

proptest! {
    #[test]
    fn agrees_with_the_definition(
        objects in prop::collection::vec(object(), 0..20),
        cut in 0..20usize,
    ) {
        let texts: Vec<String> = objects.iter().map(|(id, version, mark)| {
            let modified = version.map_or(String::new(), |version| {
                format!("\"modified\":\"2025-01-0{version}T00:00:00Z\",")
            });
            format!("{{{modified}\"id\":\"{id}\",\"mark\":{mark}}}")
        }).collect();
        // The first of the newest of each id.
        let mut expected: BTreeMap<char, (Option<u32>, &str)> = BTreeMap::new();
        for ((id, version, _), text) in objects.iter().zip(&texts) {
            let known = expected.get(id);
            if known.is_none_or(|(known, _)| known < version) {
                expected.insert(*id, (*version, text));
            }
        }
        let expected: Vec<&str> = expected.values().map(|(_, text)| *text).collect();

        // In two fetches, with a file between them.
        let texts: Vec<&str> = texts.iter().map(|text| &text[..]).collect();
        let (before, after) = texts.split_at(cut.min(texts.len()));
        let mut bundle = Bundle::default();
        add(&mut bundle, before);
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("bundle.json");
        let text = written(&bundle);
        fs::write(&path, &text).unwrap();
        let len = text.len() as u64;
        prop_assert!(Bundle::read(&path, len - 1).is_none());
        let mut bundle = Bundle::read(&path, len).unwrap();
        prop_assert_eq!(written(&bundle), text);
        add(&mut bundle, after);

        prop_assert_eq!(bundle.objects(), expected.len() as u64);
        let text = written(&bundle);
        let inner = text.split_once("\"objects\":[\n").unwrap().1;
        let inner = inner.strip_suffix("\n]}\n").unwrap();
        prop_assert_eq!(inner, expected.join(",\n"));
        // What passes the check on the length is not longer when it is written.
        let url = || String::new();
        for limit in [text.len() as u64 - 1, text.len() as u64 + 128] {
            let fits = bundle.check(100, limit, url).is_ok();
            prop_assert_eq!(fits, limit > text.len() as u64);
        }
    }
}
