//! A scan finds what a naive search finds, however it is run: with any number of threads, any
//! compression and either engine for names. With the real binary, over files.
#![allow(clippy::print_stdout, reason = "says what is skipped")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use serde_json::{Value, json};

#[path = "support/run.rs"]
pub mod run;

use run::{ROW, check_sums, gannet};

/// Hits as item, value and field.
type Found = BTreeSet<(u64, String, String)>;

/// Numbers that are the same in every run.
struct Rng(u64);

impl Rng {
    /// A number below `end`.
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    /// A name of one to four labels from a small alphabet, some of them odd, under `example`.
    fn name(&mut self) -> String {
        let labels = ["a", "b", "ab", "A", "a b", "\u{e4}", "x-y", "_a"];
        let count = 1 + self.below(4);
        let labels: Vec<&str> = (0..count)
            .map(|_| {
                let odd = self.below(8) == 0;
                labels[usize::try_from(self.below(if odd { 8 } else { 4 })).unwrap()]
            })
            .collect();
        format!("{}.example", labels.join("."))
    }

    /// An address from a small network.
    fn address(&mut self) -> String {
        if self.below(4) == 0 {
            format!("2001:db8::{:x}", self.below(40))
        } else {
            format!("203.0.113.{}", self.below(60))
        }
    }
}

/// Rows of DNS transactions and connections, with something else among them.
fn rows(count: u64) -> String {
    let mut rng = Rng(42);
    let mut text = String::new();
    for number in 0..count {
        let at = 1_767_225_600 + number;
        let row = match rng.below(8) {
            0 => json!({"_path": "conn", "ts": at, "uid": "C", "proto": "tcp",
                "id.orig_h": rng.address(), "id.orig_p": 50000,
                "id.resp_h": rng.address(), "id.resp_p": 443, "conn_state": "SF"}),
            1 if number % 3 == 0 => json!({"_path": "http", "ts": at, "host": "a.example"}),
            _ => {
                let answers: Vec<String> = (0..rng.below(4))
                    .map(|which| {
                        if which == 0 {
                            // Names with a space are texts among answers.
                            rng.name().replace(' ', "")
                        } else {
                            rng.address()
                        }
                    })
                    .collect();
                json!({"_path": "dns", "ts": at, "id.orig_h": "198.51.100.7",
                    "id.orig_p": 5353, "id.resp_h": "192.0.2.53", "id.resp_p": 53,
                    "query": rng.name(), "qtype": 1, "rcode": 0, "answers": answers})
            }
        };
        text.push_str(&format!("{row}\n"));
    }
    text
}

/// What is listed by [`feed`].
struct Listed {
    names: BTreeSet<String>,
    nets: Vec<IpNet>,
}

/// A feed as text and as what it lists.
fn feed() -> (String, Listed) {
    let mut rng = Rng(7);
    let usual = |name: &String| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '.');
    let names: BTreeSet<String> = (0..40)
        .map(|_| rng.name().to_ascii_lowercase())
        .filter(usual)
        .collect();
    let nets: Vec<IpNet> = ["203.0.113.0/29", "203.0.113.4/32", "2001:db8::8/125"]
        .map(|net| net.parse().unwrap())
        .to_vec();
    let mut text: Vec<String> = names.iter().cloned().collect();
    text.extend(nets.iter().map(ToString::to_string));
    (text.join("\n"), Listed { names, nets })
}

/// Every listed name that is `name` or above it.
fn names_above(listed: &Listed, name: &str) -> Vec<String> {
    let name = name.to_ascii_lowercase();
    let covers = |text: &&String| name == **text || name.ends_with(&format!(".{text}"));
    listed.names.iter().filter(covers).cloned().collect()
}

/// Every listed network around `address`, written as hits write it.
fn nets_around(listed: &Listed, address: IpAddr) -> Vec<String> {
    let nets = listed.nets.iter().filter(|net| net.contains(&address));
    nets.map(|net| {
        if net.prefix_len() == net.max_prefix_len() {
            net.addr().to_string()
        } else {
            net.to_string()
        }
    })
    .collect()
}

/// The hits in `rows`, found as slowly and as plainly as can be.
fn naive(rows: &str, listed: &Listed) -> Found {
    let mut found = BTreeSet::new();
    for (item, row) in (0..).zip(rows.lines()) {
        let row: Value = serde_json::from_str(row).unwrap();
        let text = |key: &str| row[key].as_str().unwrap_or_default();
        let address = |key: &str| text(key).parse::<IpAddr>().unwrap();
        let mut seen: Vec<(Vec<String>, &str)> = Vec::new();
        if text("_path") == "dns" {
            seen.push((names_above(listed, text("query")), "qname"));
            let answers = row["answers"].as_array().into_iter().flatten();
            for answer in answers.filter_map(Value::as_str) {
                match answer.parse() {
                    Ok(address) => seen.push((nets_around(listed, address), "answer")),
                    Err(_) => seen.push((names_above(listed, answer), "cname")),
                }
            }
        } else if text("_path") == "conn" {
            // What lists both ends is shown at the far one.
            seen.push((nets_around(listed, address("id.resp_h")), "dst"));
            seen.push((nets_around(listed, address("id.orig_h")), "src"));
        }
        let mut first = BTreeMap::new();
        for (values, field) in seen {
            for value in values {
                first.entry(value).or_insert(field);
            }
        }
        found.extend(
            first
                .into_iter()
                .map(|(value, field)| (item, value, field.to_owned())),
        );
    }
    found
}

/// The hits of a run; each must be there once.
#[track_caller]
fn found(hits: &[Value]) -> Found {
    let place = |hit: &Value| {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let found = &hit["match"];
        let item = hit["source"]["offset"].as_u64().unwrap();
        (item, text(&found["value"]), text(&found["field"]))
    };
    let places: Found = hits.iter().map(place).collect();
    assert_eq!(places.len(), hits.len(), "a hit came twice");
    places
}

/// Checks that both are the same; shows only where they are not.
#[track_caller]
fn check_same(actual: &Found, expected: &Found, what: &str) {
    let missing: Vec<_> = expected.difference(actual).take(5).collect();
    let extra: Vec<_> = actual.difference(expected).take(5).collect();
    assert!(
        missing.is_empty() && extra.is_empty(),
        "{what}: missing {missing:?}, extra {extra:?}"
    );
}

/// Hits in an order of their own, without the time of the run.
fn timeless(mut hits: Vec<Value>) -> Vec<String> {
    for hit in &mut hits {
        hit.as_object_mut().unwrap().remove("matched_at");
    }
    let mut lines: Vec<String> = hits.iter().map(Value::to_string).collect();
    lines.sort();
    lines
}

/// Writes a file, with the directories above it.
fn write(path: &Path, content: impl AsRef<[u8]>) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, content).unwrap();
}

/// `content` with gzip.
fn gzip(content: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(content).unwrap();
    gzip.finish().unwrap()
}

/// A file of the real data beside the checkout, if it is there.
fn shared_data(path: &str) -> Option<PathBuf> {
    let full = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data")).join(path);
    if !full.exists() {
        println!("skipped: no data ({path})");
        return None;
    }
    Some(full)
}

#[test]
fn hits_are_those_of_a_naive_search_however_the_scan_runs() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let rows = rows(6_000);
    let (text, listed) = feed();
    write(&at("feed.txt"), text);
    write(&at("plain/dns.log"), &rows);
    write(&at("gzip/dns.log.gz"), gzip(rows.as_bytes()));
    write(
        &at("zstd/dns.log.zst"),
        zstd::encode_all(rows.as_bytes(), 1).unwrap(),
    );
    let expected = naive(&rows, &listed);
    assert!(expected.len() > 5_000, "{}", expected.len());
    let mut first: Option<Vec<String>> = None;
    for (input, threads, engine) in [
        ("plain/dns.log", "1", "table"),
        ("plain/dns.log", "8", "table"),
        ("gzip/dns.log.gz", "2", "table"),
        ("zstd/dns.log.zst", "2", "table"),
        ("plain/dns.log", "2", "aho-corasick"),
    ] {
        let scan = ["scan", "--feed", "feed.txt", "--input", input];
        let how = ["--threads", threads, "--names", engine];
        let ran = gannet(directory.path(), &[&scan[..], &how].concat());
        assert_eq!(ran.code, 0, "{}", ran.err);
        let hits = ran.json();
        let what = format!("{input} {threads} {engine}");
        check_same(&found(&hits), &expected, &what);
        let lines = timeless(hits);
        let same = *first.get_or_insert_with(|| lines.clone()) == lines;
        assert!(same, "{what}");
    }
}

#[test]
fn every_record_is_accounted_for_whatever_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    write(&path.join("feed.txt"), "bad.example\n");
    let deep = format!("{{\"a\":{}", "[".repeat(1_000_000));
    let mut content = Vec::new();
    for line in [
        ROW.as_bytes(),
        b"",
        b"not JSON",
        deep.as_bytes(),
        &vec![b'z'; 17 << 20],
        &ROW.replace("www.", "w\0w.").into_bytes(),
        b"\xff\xfe\n{\"_path\":\"dns\",\"query\":\"\xff.bad.example\"}",
        br#"{"_path":"http","host":"www.bad.example"}"#,
        ROW.replace("www.bad", "fine").as_bytes(),
        ROW.replace("www.bad", "tunnel \\\\200.bad").as_bytes(),
        b"{}",
        b"[1]",
        b"\0\0\0",
    ] {
        content.extend_from_slice(line);
        content.extend_from_slice(b"\r\n");
    }
    content.extend_from_slice(&ROW.as_bytes()[..40]);
    write(&path.join("odd.log"), &content);
    write(&path.join("binary.log"), &gzip(&content)[4..]);
    let formats = [
        "zeek-json",
        "dnstap",
        "dns-collector-json",
        "goflow2-protobuf",
    ];
    for format in formats
        .iter()
        .chain(&["goflow2-json", "gannet-json", "gannet-protobuf"])
    {
        for file in ["odd.log", "binary.log"] {
            let input = format!("{format}:{file}");
            let scan = [
                "scan",
                "--feed",
                "feed.txt",
                "--summary",
                "-",
                "--input",
                &input,
            ];
            let ran = gannet(path, &scan);
            assert_eq!(ran.code, 0, "{input}: {}", ran.err);
            let summary = ran.object();
            check_sums(&summary);
            if input == "zeek-json:odd.log" {
                let count = |key: &str| summary[key].as_u64().unwrap();
                assert_eq!((count("matched"), count("unmatched")), (2, 1), "{summary}");
                assert_eq!(summary["rejected"]["too_long"], 1, "{summary}");
                assert_eq!(summary["rejected"]["too_deep"], 1, "{summary}");
            }
        }
    }
}

#[test]
fn a_stream_that_is_cut_gives_all_whole_records_and_fails() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    write(&path.join("feed.txt"), "bad.example\n");
    let rows = format!("{ROW}\n").repeat(5000);
    let (gzip, zstd) = (
        gzip(rows.as_bytes()),
        zstd::encode_all(rows.as_bytes(), 1).unwrap(),
    );
    write(&path.join("cut.log.gz"), &gzip[..gzip.len() - 8]);
    write(&path.join("cut.log.zst"), &zstd[..zstd.len() - 8]);
    for input in ["cut.log.gz", "cut.log.zst"] {
        let scan = [
            "scan",
            "--feed",
            "feed.txt",
            "--summary",
            "-",
            "--input",
            input,
        ];
        let ran = gannet(path, &scan);
        let summary = ran.object();
        assert_eq!(ran.code, 1, "{summary}");
        check_sums(&summary);
        assert!(
            ran.err.contains(&format!("cannot read {input} after ")),
            "{}",
            ran.err
        );
        assert_eq!(summary["rejected"], json!({}));
    }
    let scan = [
        "scan",
        "--feed",
        "feed.txt",
        "--summary",
        "-",
        "--input",
        "cut.log.gz",
    ];
    assert_eq!(gannet(path, &scan).object()["matched"], 5000);
}

#[test]
fn items_of_files_of_one_name_have_ids_of_their_own() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    write(&path.join("feed.txt"), "bad.example\n");
    write(&path.join("monday/dns.log"), format!("{ROW}\n"));
    write(
        &path.join("tuesday/dns.log"),
        ROW.replace("25600.5", "99600.5"),
    );
    let scan = ["scan", "--feed", "feed.txt", "--input", "monday/dns.log"];
    let hits = gannet(path, &[&scan[..], &["--input", "tuesday/dns.log"]].concat()).json();
    let ids: BTreeSet<String> = hits.iter().map(|hit| hit["hit_id"].to_string()).collect();
    assert_eq!((hits.len(), ids.len()), (2, 2));
    // The same file is still the same, compressed or not.
    write(&path.join("later/dns.log.gz"), gzip(ROW.as_bytes()));
    let again = gannet(
        path,
        &["scan", "--feed", "feed.txt", "--input", "later/dns.log.gz"],
    );
    assert!(ids.contains(&again.object()["hit_id"].to_string()));
}

/// What the truth and a hit must agree on.
fn truth_of(line: &Value, stream: &Value, found: &Value) -> String {
    json!([
        stream,
        line["event_time"],
        line["client"]["ip"],
        line["client"]["port"],
        found["field"],
        found["value"],
        line["campaign"],
        line["evidence"],
        line["victim_evidence"],
        line["victim_reason"]
    ])
    .to_string()
}

#[test]
fn a_scan_of_a_made_operation_finds_the_truth() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let made = [
        "generate",
        "--out",
        "made",
        "--events",
        "20000",
        "--victims",
        "800",
    ];
    let ran = gannet(
        path,
        &[&made[..], &["--indicators", "300", "--seed", "3"]].concat(),
    );
    assert_eq!(ran.code, 0, "{}", ran.err);
    let inputs = [
        "zeek-json:events/dns.jsonl",
        "dnstap:events/dnstap.fstrm",
        "dns-collector-json:events/collector.jsonl",
        "goflow2-protobuf:events/flows.binpb",
        "zeek-json:events/conn.jsonl",
    ];
    let mut scan = vec!["scan", "-c", "gannet.toml", "--summary", "counts.json"];
    scan.extend(inputs.iter().flat_map(|input| ["--input", input]));
    let made = path.join("made");
    let ran = gannet(&made, &scan);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let mut found: Vec<String> = ran
        .json()
        .iter()
        .map(|hit| {
            // A file is named as its topic, but for its ending.
            let file = hit["source"]["topic"].as_str().unwrap();
            let stream = file.split('.').next().unwrap();
            truth_of(hit, &json!(stream), &hit["match"])
        })
        .collect();
    let truth = std::fs::read_to_string(made.join("truth/hits.jsonl")).unwrap();
    let mut expected: Vec<String> = truth
        .lines()
        .map(|line| {
            let line: Value = serde_json::from_str(line).unwrap();
            truth_of(&line, &line["stream"], &line)
        })
        .collect();
    found.sort();
    expected.sort();
    assert!(expected.len() > 800, "{}", expected.len());
    let differs = found
        .iter()
        .zip(&expected)
        .find(|(one, other)| one != other);
    assert_eq!((found.len(), differs), (expected.len(), None));
    let counts = std::fs::read_to_string(made.join("counts.json")).unwrap();
    let counts: Value = serde_json::from_str(&counts).unwrap();
    check_sums(&counts);
    assert_eq!(
        (&counts["records"], &counts["ignored"]),
        (&json!(20000), &json!(0))
    );
}

#[test]
fn real_rows_give_the_hits_of_a_naive_search() {
    let Some(log) = shared_data("events/zed-sample-data/dns.zeek-json.log.gz") else {
        return;
    };
    let mut rows = String::new();
    let file = std::fs::File::open(&log).unwrap();
    flate2::read::MultiGzDecoder::new(file)
        .read_to_string(&mut rows)
        .unwrap();
    // Every ninth name of the log is listed, if a feed may list it.
    let mut seen = BTreeSet::new();
    for row in rows.lines() {
        let row: Value = serde_json::from_str(row).unwrap();
        seen.extend(row["query"].as_str().map(str::to_ascii_lowercase));
    }
    let plain = |name: &&String| {
        let usual = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let last = name.rsplit('.').next().unwrap_or_default();
        name.contains('.') && name.chars().all(usual) && last.chars().all(char::is_alphabetic)
    };
    let picked: Vec<&String> = seen.iter().filter(plain).step_by(9).collect();
    let nets = ["151.101.0.0/16", "134.71.3.16/32", "2607:f8b0::/32"];
    let directory = tempfile::tempdir().unwrap();
    let names: Vec<&str> = picked.iter().map(|name| name.as_str()).collect();
    let text = [&names[..], &nets].concat().join("\n");
    write(&directory.path().join("feed.txt"), text);
    let log = log.to_str().unwrap();
    let ran = gannet(
        directory.path(),
        &["scan", "--feed", "feed.txt", "--input", log],
    );
    assert_eq!(ran.code, 0, "{}", ran.err);
    // What is listed without the names below it, or not at all, says `lookup`.
    let below: Vec<String> = names.iter().map(|name| format!("x.{name}")).collect();
    let mut ask = vec!["lookup", "--json", "--feed", "feed.txt"];
    ask.extend(below.iter().map(String::as_str));
    let answers = gannet(directory.path(), &ask).json();
    let whole: BTreeSet<String> = names
        .iter()
        .zip(&answers)
        .filter(|(_, answer)| answer["would_match"] == true)
        .map(|(name, _)| (*name).to_owned())
        .collect();
    assert!(whole.len() + 20 > names.len() && whole.len() > 100);
    let listed = Listed {
        names: whole,
        nets: nets.map(|net| net.parse().unwrap()).to_vec(),
    };
    let expected = naive(&rows, &listed);
    let mut actual = found(&ran.json());
    actual.retain(|(_, value, _)| listed.names.contains(value) || !names.contains(&&**value));
    assert!(expected.len() > 1000, "{}", expected.len());
    check_same(&actual, &expected, "real rows");
}
