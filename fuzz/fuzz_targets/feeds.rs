//! Feeds of every format: parsing ends in counted rows or an error, and a snapshot of what was
//! taken finds all of it. The first byte chooses the format.

#![no_main]

use std::time::Duration;

use gannet::feeds::{ParseOptions, Reason, parse};
use gannet::matching::{HashKey, NameProbe};
use gannet::model::{FeedFormat, IndicatorState, IndicatorValue, Named, Role, Scope};
use gannet::snapshot::{BuildOptions, FeedInfo, SnapshotBuilder};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&choice, text)) = data.split_first() else {
        return;
    };
    let format = FeedFormat::ALL[usize::from(choice) % FeedFormat::ALL.len()];
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), text).expect("a written file");
    let mut builder = SnapshotBuilder::new(BuildOptions {
        hash_key: Some(HashKey::new(1, 2)),
        ..BuildOptions::default()
    });
    let feed = builder.add_feed(FeedInfo {
        name: "fuzz".into(),
        victim: None,
        grace: Duration::ZERO,
        ignore_ports: false,
        overrides: false,
        keyed: false,
    });
    let columns = Default::default();
    let options = ParseOptions {
        format,
        role: Role::C2,
        confidence: 75,
        malware: None,
        names: None,
        valid_for: Some(Duration::from_secs(30 * 86_400)),
        columns: &columns,
        bytes_max: 1 << 30,
        row_by_row: false,
    };
    let mut names = Vec::new();
    let parsed = parse(file.path(), &options, &mut |indicator| {
        let accepted = builder
            .add(feed, indicator)
            .map_err(|refusal| Reason::from(refusal.reason()))?;
        let listed = indicator.role != Role::Allow && indicator.state != IndicatorState::Revoked;
        if let (true, IndicatorValue::Name { name, scope }) = (listed, indicator.value) {
            let below = scope == Scope::Below && !accepted.narrowed;
            let prefix = if below { "www." } else { "" };
            names.push(format!("{prefix}{}", name.as_str()));
        }
        Ok(())
    });
    if parsed.is_err() {
        return;
    }
    // The build tests itself, too.
    let snapshot = builder.build(1).expect("a snapshot");
    for name in names {
        assert_eq!(snapshot.probe_name(name.as_bytes()), NameProbe::Candidate);
    }
});
