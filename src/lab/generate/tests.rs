//! A written operation is whole, equal to itself, and never overwrites anything.

use std::collections::BTreeMap;

use super::*;

/// A small operation.
fn options() -> OperationOptions {
    OperationOptions {
        events: 3_000,
        victims: 200,
        indicators: 400,
        countries: 5,
        seed: 3,
    }
}

/// Every file below `directory`, by its path.
fn files(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(files(&path));
        } else {
            all.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    all
}

/// What a frame stream of dnstap announces.
const DNSTAP_CONTENT: &[u8] = b"protobuf:dnstap.Dnstap";

#[test]
fn equal_options_write_equal_bytes() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut last = 0;
    let report = generate(&options(), one.path(), &mut |events| last = events).unwrap();
    assert_eq!((report.events, last, report.victims), (3_000, 3_000, 200));
    assert_eq!(
        generate(&options(), two.path(), &mut |_| ()).unwrap(),
        report
    );
    let relative = |root: &Path| -> Vec<(PathBuf, Vec<u8>)> {
        let strip = |path: PathBuf| path.strip_prefix(root).unwrap().to_owned();
        files(root)
            .into_iter()
            .map(|(path, bytes)| (strip(path), bytes))
            .collect()
    };
    assert_eq!(relative(one.path()), relative(two.path()));
}

#[test]
fn every_event_and_truth_line_is_in_its_file() {
    let dir = tempfile::tempdir().unwrap();
    let report = generate(&options(), dir.path(), &mut |_| ()).unwrap();
    let lines = |name: &str| {
        let text = fs::read_to_string(dir.path().join(name)).unwrap();
        let is_json = |line: &&str| serde_json::from_str::<serde_json::Value>(line).is_ok();
        text.lines().filter(is_json).count() as u64
    };
    let dnstap = fs::read(dir.path().join("events/dnstap.fstrm")).unwrap();
    let mut frames = 0;
    let mut rest = &dnstap[4 + 4 + 12 + DNSTAP_CONTENT.len()..];
    while rest[..4] != [0; 4] {
        let length = u32::from_be_bytes(rest[..4].try_into().unwrap()) as usize;
        rest = &rest[4 + length..];
        frames += 1;
    }
    assert_eq!(rest, [0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 3]);
    let mut flows = 0;
    let bytes = fs::read(dir.path().join("events/flows.binpb")).unwrap();
    let mut rest = bytes.as_slice();
    while !rest.is_empty() {
        let length = prost::encoding::decode_varint(&mut rest).unwrap();
        rest = &rest[usize::try_from(length).unwrap()..];
        flows += 1;
    }
    let json =
        lines("events/dns.jsonl") + lines("events/conn.jsonl") + lines("events/collector.jsonl");
    assert_eq!(json + frames + flows, report.events);
    assert_eq!(lines("truth/hits.jsonl"), report.hits);
    assert_eq!(lines("truth/victims.jsonl"), report.victims);
    assert_eq!(lines("leases.jsonl"), report.leases);
    let toml: toml::Table = fs::read_to_string(dir.path().join("gannet.toml"))
        .unwrap()
        .parse()
        .unwrap();
    assert_eq!(toml["source"].as_array().map(Vec::len), Some(5));
    for feed in toml["feed"].as_array().unwrap() {
        assert!(dir.path().join(feed["path"].as_str().unwrap()).is_file());
    }
}

#[test]
fn a_directory_with_something_in_it_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("mine"), "kept").unwrap();
    let refused = generate(&options(), dir.path(), &mut |_| ());
    assert!(matches!(refused, Err(GenerateError::NotEmpty { path }) if path == dir.path()));
    assert_eq!(fs::read(dir.path().join("mine")).unwrap(), b"kept");
    let file = dir.path().join("mine");
    assert!(matches!(
        generate(&options(), &file, &mut |_| ()),
        Err(GenerateError::Write { .. })
    ));
    let none = OperationOptions {
        victims: 0,
        ..options()
    };
    assert!(matches!(
        generate(&none, &file, &mut |_| ()),
        Err(GenerateError::Plan(_))
    ));
}
