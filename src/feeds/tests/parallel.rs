//! However many threads load feeds, and wherever their blocks end, the result is the one of
//! taking row after row.

use std::sync::Arc;

use super::*;
use crate::config::FeedConfig;
use crate::feeds::load::{LoadError, LoadedFeed, Plan, fill};
use crate::snapshot::{
    BuildOptions, FeedInfo, HashKey, Refusal, Snapshot, SnapshotBuilder, VALUE_INDICATORS_MAX,
};

/// A feed of these files, or of one.
fn feed(directory: &TempDir, name: &str, format: FeedFormat, files: &[Vec<u8>]) -> FeedConfig {
    let path = directory.path().join(name);
    if let [file] = files {
        fs::write(&path, file).unwrap();
    } else {
        fs::create_dir(&path).unwrap();
        for (number, file) in files.iter().enumerate() {
            fs::write(path.join(format!("family-{number}.txt")), file).unwrap();
        }
    }
    FeedConfig::new(name, path, format, Role::C2)
}

fn builder() -> SnapshotBuilder {
    SnapshotBuilder::new(BuildOptions {
        hash_key: Some(HashKey::new(1, 2)),
        ..BuildOptions::default()
    })
}

/// All that a load can say, and all that the snapshot holds.
fn outcome(
    loaded: Result<(SnapshotBuilder, Vec<LoadedFeed>), Vec<LoadError>>,
) -> (String, Option<String>) {
    match loaded {
        Ok((builder, feeds)) => {
            let snapshot = builder.build(1).unwrap();
            (format!("{feeds:?}"), Some(all_of(&snapshot)))
        }
        Err(errors) => (format!("{errors:?}"), None),
    }
}

/// A snapshot, key by key, word by word; where names lie in the tables too.
fn all_of(snapshot: &Snapshot) -> String {
    format!("{snapshot:?}")
}

/// The definition: every feed parsed on its own, every row added as it comes.
fn one_by_one(feeds: &[FeedConfig]) -> Result<(SnapshotBuilder, Vec<LoadedFeed>), Vec<LoadError>> {
    let mut builder = builder();
    let (mut loaded, mut errors) = (Vec::new(), Vec::new());
    for feed in feeds {
        let id = builder.add_feed(FeedInfo {
            name: Arc::from(feed.name.as_str()),
            victim: feed.victim,
            grace: feed.grace,
            ignore_ports: feed.ignore_ports,
            overrides: feed.overrides,
            keyed: false,
        });
        let (mut narrowed, mut reserved, mut duplicates) = (0, 0, 0);
        let parsed = parse(&feed.path, &ParseOptions::of(feed), &mut |indicator| {
            let accepted = builder.add(id, indicator).map_err(Refusal::reason)?;
            narrowed += u64::from(accepted.narrowed);
            reserved += u64::from(accepted.reserved);
            duplicates += u64::from(accepted.duplicate);
            Ok(())
        });
        let name = feed.name.clone();
        match parsed {
            Ok(report) => loaded.push(LoadedFeed {
                name,
                report,
                narrowed,
                reserved,
                duplicates,
            }),
            Err(source) => errors.push(LoadError::Feed { name, source }),
        }
    }
    if errors.is_empty() {
        Ok((builder, loaded))
    } else {
        Err(errors)
    }
}

#[track_caller]
fn check(feeds: &[FeedConfig], plans: &[(usize, usize)]) {
    let expected = outcome(one_by_one(feeds));
    for &(threads, block_bytes) in plans {
        let plan = Plan {
            threads,
            block_bytes,
        };
        let actual = outcome(fill(plan, feeds, builder()));
        assert_eq!(actual.0, expected.0, "{plan:?}");
        assert!(actual.1 == expected.1, "other contents by {plan:?}");
    }
}

const PLANS: [(usize, usize); 5] = [(1, 16), (1, 32 << 10), (2, 16), (4, 1), (4, 300)];

#[test]
fn whatever_a_text_holds_is_the_same_on_all_threads() {
    let long = "a".repeat(70_000);
    let names: String = (0..300).map(|n| format!("n{n}.example\n")).collect();
    let texts: [Vec<u8>; 10] = [
        b"".to_vec(),
        b"\xef\xbb\xbfone.example".to_vec(),
        b"one.example\r\nTWO.example\r\n\r\n# x\r\nthree.example\r\n".to_vec(),
        format!("one.example\n{long}\ntwo.example").into_bytes(),
        long.into_bytes(),
        b"one.example\0\n".to_vec(),
        format!("{names}a\0b.example\n{names}").into_bytes(),
        "b\u{fc}cher.example\nm\u{fc}nchen.example\nb\u{fc}cher.example\n"
            .repeat(9)
            .into_bytes(),
        format!("{names}com\ngithub.io\n/path\n{names}co.uk\n10.0.0.0/7\n").into_bytes(),
        "203.0.113.1-203.0.113.9\n198.51.100.7:443\n*login-bank*\n*ab*\nx.test:80\n"
            .repeat(7)
            .into_bytes(),
    ];
    for text in &texts {
        let directory = TempDir::new().unwrap();
        let feed = feed(
            &directory,
            "feed",
            FeedFormat::Plain,
            std::slice::from_ref(text),
        );
        check(&[feed], &PLANS);
    }
    // Real blocks need more than the head that is looked at.
    let mut large = Vec::new();
    for n in 0..60_000 {
        writeln!(large, "n{}.example", n % 50_000).unwrap();
        if n % 1000 == 0 {
            large.extend_from_slice(b"no such row\n");
        }
    }
    let directory = TempDir::new().unwrap();
    let plain = feed(&directory, "plain", FeedFormat::Plain, &[large.clone()]);
    let packed = feed(&directory, "packed", FeedFormat::Plain, &[gzip(&large)]);
    check(&[plain, packed], &[(1, 32 << 10), (3, 32 << 10), (3, 4096)]);
}

#[test]
fn a_format_that_is_guessed_is_the_same_on_all_threads() {
    let directory = TempDir::new().unwrap();
    let texts = [
        "bad.example\ntwo.example\n",
        "0.0.0.0 bad.example\n0.0.0.0 two.example\n",
        "value,malware\nbad.example,x\n",
        "$ORIGIN rpz.example.\nbad.example CNAME .\nok.example CNAME rpz-passthru.\n",
    ];
    let mut feeds = Vec::new();
    for (number, text) in texts.iter().enumerate() {
        let files = vec![text.as_bytes().to_vec(); 1 + number % 2];
        feeds.push(feed(
            &directory,
            &format!("feed-{number}"),
            FeedFormat::Auto,
            &files,
        ));
    }
    check(&feeds, &PLANS);
    let unlike = feed(
        &directory,
        "unlike",
        FeedFormat::Auto,
        &[b"no list".to_vec()],
    );
    feeds.insert(1, unlike);
    check(&feeds, &PLANS);
}

#[test]
fn rows_that_only_the_builder_can_refuse_count_where_they_stand() {
    // A hosts row goes on behind a refused name; a range stops at a refused prefix.
    let mut json = String::new();
    for id in 0..VALUE_INDICATORS_MAX + 20 {
        json += &format!("{{\"value\":\"bad.example\",\"id\":\"{id}\"}}\n");
        json += &format!(
            "{{\"value\":\"n{id}.example\",\"tags\":[\"t{}\"]}}\n",
            id % 3
        );
        json += &format!("{{\"value\":\"203.0.113.5-203.0.113.6\",\"id\":\"{id}\"}}\n");
        if id % 50 == 0 {
            json += "{\"value\":\"com\"}\n{\"value\":\"*ab*\"}\n{}\n";
        }
    }
    let mut hosts = String::new();
    for n in 0..40 {
        hosts += &format!("0.0.0.0 a{n}.example com b{n}.example *ab* c{n}.example\n");
        hosts += &format!("0.0.0.0 d{n}.example e{n}.example\n");
    }
    let again: Vec<&str> = json
        .lines()
        .enumerate()
        .filter(|(number, line)| line.contains("tags") || *number < 50)
        .map(|(_, line)| line)
        .collect();
    let again = again.join("\n");
    let directory = TempDir::new().unwrap();
    let feeds = [
        feed(
            &directory,
            "json",
            FeedFormat::GannetJson,
            &[json.clone().into_bytes()],
        ),
        feed(
            &directory,
            "hosts",
            FeedFormat::Hosts,
            &[hosts.into_bytes()],
        ),
        feed(
            &directory,
            "again",
            FeedFormat::GannetJson,
            &[again.into_bytes()],
        ),
    ];
    check(&feeds, &[(1, 64), (1, 32 << 10), (3, 64), (3, 1000)]);
    let (_, loaded) = one_by_one(&feeds).unwrap();
    assert_eq!(loaded[0].report.refused["too_many_of_value"], 2 * 20);
    assert_eq!(loaded[1].report.refused["public_suffix"], 40);
}

#[test]
fn a_block_of_more_rows_than_are_kept_is_parsed_by_the_builder() {
    // 64 prefixes a line of 30 bytes.
    let mut ranges = String::new();
    for n in 0..255 {
        for m in 0..4 {
            ranges += &format!("10.{n}.{}.1-10.{n}.{}.254\n", 2 * m, 2 * m + 1);
        }
    }
    let directory = TempDir::new().unwrap();
    let ranges = feed(
        &directory,
        "ranges",
        FeedFormat::Plain,
        &[ranges.into_bytes()],
    );
    check(&[ranges], &[(1, 1 << 20), (2, 1 << 20), (2, 2000)]);
}

#[test]
fn one_feed_that_fails_does_not_hide_what_is_wrong_with_others() {
    let directory = TempDir::new().unwrap();
    let mut feeds = vec![
        feed(
            &directory,
            "good",
            FeedFormat::Plain,
            &[b"one.example\n".to_vec()],
        ),
        feed(
            &directory,
            "bad",
            FeedFormat::Plain,
            &[b"no list\n/a\n".to_vec()],
        ),
        feed(&directory, "page", FeedFormat::Plain, &[b"<html>".to_vec()]),
        feed(
            &directory,
            "cut",
            FeedFormat::Plain,
            &[{
                let mut packed = gzip("one.example\n".repeat(20_000).as_bytes());
                packed.truncate(packed.len() / 2);
                packed
            }],
        ),
        feed(
            &directory,
            "csv",
            FeedFormat::Csv,
            &[b"id,name\n1,2\n".to_vec()],
        ),
        feed(
            &directory,
            "last",
            FeedFormat::Plain,
            &[b"two.example\n".to_vec()],
        ),
    ];
    feeds[5].path = directory.path().join("missing");
    check(&feeds, &PLANS);
    let errors = one_by_one(&feeds).unwrap_err();
    let feeds: Vec<&str> = errors.iter().map(LoadError::feed).collect();
    assert_eq!(feeds, ["bad", "page", "cut", "csv", "last"]);
}

#[test]
fn real_lists_are_the_same_on_all_threads() {
    let Some(root) = real_lists::data("blocklistproject") else {
        return;
    };
    let directory = TempDir::new().unwrap();
    let real = |name: &str, format, file: &str| FeedConfig {
        path: root.join(file),
        ..feed(&directory, name, format, &[Vec::new()])
    };
    let feeds = [
        real("hosts", FeedFormat::Hosts, "scam.txt"),
        real("plain", FeedFormat::Plain, "alt-version/ransomware-nl.txt"),
        real("adblock", FeedFormat::Adblock, "adguard/ransomware-ags.txt"),
    ];
    check(&feeds, &[(1, 32 << 10), (3, 1000)]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn threads_and_blocks_change_nothing(
        feeds in proptest::collection::vec((
            proptest::sample::select(FeedFormat::ALL),
            proptest::collection::vec(text(), 1..4),
        ), 1..4),
        threads in 1_usize..5,
        block_bytes in 1_usize..80,
    ) {
        let directory = TempDir::new().unwrap();
        let feeds: Vec<FeedConfig> = feeds
            .into_iter()
            .enumerate()
            .map(|(number, (format, files))| feed(&directory, &number.to_string(), format, &files))
            .collect();
        check(&feeds, &[(threads, block_bytes)]);
    }
}

/// Rows of every format, good ones mostly, and bytes that are none.
fn text() -> impl Strategy<Value = Vec<u8>> {
    let name = || "[a-c]{1,2}\\.(example|test|com|github\\.io)";
    let row = prop_oneof![
        4 => name().prop_map(String::into_bytes),
        1 => name().prop_map(|name| name.to_uppercase().into_bytes()),
        1 => name().prop_map(|name| format!("0.0.0.0 {name} com b.{name}").into_bytes()),
        1 => name().prop_map(|name| format!("||{name}^").into_bytes()),
        1 => (name(), 0_u8..3, 0_u8..3).prop_map(|(name, id, tag)| format!(
            "{{\"value\":\"{name}\",\"id\":\"{id}\",\"tags\":[\"{tag}\"],\"state\":\"{}\"}}",
            if id == 2 { "revoked" } else { "active" }
        ).into_bytes()),
        1 => name().prop_map(|name| format!("value,malware\n\"{name}\",\"a\nb\"").into_bytes()),
        1 => Just(b"203.0.113.1-203.0.113.7".to_vec()),
        1 => Just(b"*ab*\n*login-bank*".to_vec()),
        1 => Just("b\u{fc}cher.example".into()),
        1 => proptest::collection::vec(telling_byte(), 0..12),
    ];
    let ends = prop_oneof![3 => Just(&b"\n"[..]), 1 => Just(&b"\r\n"[..])];
    (any::<bool>(), proptest::collection::vec((row, ends), 0..40)).prop_map(|(open, rows)| {
        let mut text = Vec::new();
        for (row, end) in rows {
            text.extend(row);
            text.extend_from_slice(end);
        }
        if open {
            text.pop();
        }
        text
    })
}
