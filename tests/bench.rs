//! `gannet bench match`, `readme` and `report` with the real binary: every engine at every size,
//! the operator's own data, what is refused, and that only what is asked for is written.

use std::collections::BTreeSet;
use std::path::Path;

#[path = "support/run.rs"]
pub mod run;

use run::{ROW, Ran, gannet};
use serde_json::Value;

/// Runs a command line, written with single spaces.
#[track_caller]
fn bench(directory: &Path, line: &str) -> Ran {
    let arguments: Vec<&str> = line.split(' ').collect();
    gannet(directory, &arguments)
}

/// The results of a run that ends well.
#[track_caller]
fn results(directory: &Path, line: &str) -> Value {
    let ran = bench(directory, line);
    assert_eq!(ran.code, 0, "{line}\n{}", ran.err);
    ran.object()
}

/// The smallest run.
const SMALL: &str = "bench match --sizes 100,1000 --prefix-sizes 200 --ops 500 --turns 3";

/// A directory with feeds and records.
fn workplace() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let other = ROW.replace("bad.example", "good.example");
    for (name, content) in [
        ("feed.txt", "bad.example\n203.0.113.0/28\nother.example\n"),
        ("names.txt", "bad.example\n"),
        ("suffix.txt", "co.uk\n"),
        ("dns.log", &format!("{ROW}\n{other}\n{other}\n{other}\n")),
        ("empty.log", ""),
        ("text.json", "{}\n"),
    ] {
        std::fs::write(directory.path().join(name), content).unwrap();
    }
    directory
}

#[test]
fn every_engine_is_measured_at_every_size_and_share_of_hits() {
    let directory = workplace();
    let report = results(directory.path(), &format!("{SMALL} --json"));
    assert_eq!(report["schema"], "gannet.bench.v1");
    assert!(report["machine"]["cores"].as_u64().unwrap() > 0);
    assert!(report["machine"]["cpu"].is_string());
    assert_eq!(report["command"], format!("gannet {SMALL} --json"));
    let rows = report["results"].as_array().unwrap();
    let mut expected = BTreeSet::new();
    for share in ["0.99", "0.5", "0.999"] {
        for engine in ["gannet", "gannet-batched", "aho-corasick", "hashbrown"] {
            for size in [100, 1000] {
                expected.insert(format!("domains {size} {engine} {share}"));
            }
        }
        for engine in ["gannet", "iprange", "trie"] {
            expected.insert(format!("prefixes 200 {engine} {share}"));
        }
    }
    let found: BTreeSet<String> = rows
        .iter()
        .map(|row| {
            let text = |field: &str| row[field].as_str().unwrap().to_owned();
            let (size, misses) = (&row["size"], &row["miss_share"]);
            format!("{} {size} {} {misses}", text("bench"), text("engine"))
        })
        .collect();
    assert_eq!(found, expected);
    assert_eq!(rows.len(), expected.len());
    for row in rows {
        for field in [
            "ns_per_op",
            "cpu_ns_per_op",
            "times_gannet",
            "cpu_times_gannet",
            "build_seconds",
            "bytes_per_indicator",
        ] {
            let value = row[field].as_f64().unwrap();
            assert!(value.is_finite() && value > 0.0, "{field}: {row}");
        }
        assert!(row["spread"].as_f64().unwrap() >= 0.0, "{row}");
        assert_eq!((&row["ops"], &row["turns"]), (&500.into(), &3.into()));
    }
}

#[test]
fn engines_and_sizes_that_are_asked_for_are_all_there_is() {
    let directory = workplace();
    let line = "bench match --sizes 50 --engines hashbrown,trie --ops 100 --turns 3 --json";
    let report = results(directory.path(), line);
    let rows = report["results"].as_array().unwrap();
    assert_eq!(rows.len(), 3);
    for row in rows {
        assert_eq!(
            (&row["engine"], &row["size"]),
            (&"hashbrown".into(), &50.into())
        );
        // There is no ratio to someone who took no part.
        assert!(row.get("times_gannet").is_none(), "{row}");
    }
}

#[test]
fn ones_own_feeds_and_records_are_the_table_and_the_questions() {
    let directory = workplace();
    let line = "bench match --feed feed.txt --input dns.log --turns 3 --json";
    let report = results(directory.path(), line);
    let of = |bench: &str| {
        let rows = report["results"].as_array().unwrap();
        let rows = rows.iter().filter(|row| row["bench"] == bench);
        rows.map(|row| {
            (
                row["size"].clone(),
                row["ops"].clone(),
                row["miss_share"].clone(),
            )
        })
        .collect::<Vec<_>>()
    };
    let names = of("domains");
    assert_eq!(names.len(), 4);
    assert!(
        names
            .iter()
            .all(|row| *row == (2.into(), 4.into(), 0.75.into())),
        "{names:?}"
    );
    let prefixes = of("prefixes");
    assert_eq!(prefixes.len(), 3);
    assert_eq!(prefixes[0].0, 1);
}

#[test]
fn a_table_for_people_names_every_engine() {
    let directory = workplace();
    let line = "bench match --sizes 50 --prefix-sizes 50 --ops 100 --turns 3";
    let ran = bench(directory.path(), line);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let text = String::from_utf8(ran.out).unwrap();
    for word in [
        "domains",
        "prefixes",
        "gannet-batched",
        "aho-corasick",
        "hashbrown",
        "trie",
    ] {
        assert!(text.contains(word), "{word}\n{text}");
    }
    assert_eq!(ran.err, "", "progress is for terminals");
}

#[test]
fn what_cannot_be_meant_exits_2_and_what_cannot_be_done_1() {
    let directory = workplace();
    let known = "gannet, gannet-batched, aho-corasick, hashbrown, iprange, trie";
    for (line, code, says) in [
        ("bench", 2, "match"),
        ("bench match --sizes 0", 2, "--sizes"),
        ("bench match --sizes 100000001", 2, "--sizes"),
        ("bench match --sizes 1,x", 2, "--sizes"),
        ("bench match --prefix-sizes 0", 2, "--prefix-sizes"),
        ("bench match --ops 0", 2, "above 0"),
        ("bench match --ops 99999999999", 2, "at most"),
        ("bench match --turns 2", 2, "from 3"),
        ("bench match --engines gannet,btree", 2, known),
        ("bench match --feed feed.txt --sizes 5", 2, "--sizes"),
        (
            "bench match --feed klingon:feed.txt",
            2,
            "`klingon` is not one of auto, plain",
        ),
        ("bench match --input what.bin", 2, "write FORMAT:PATH"),
        ("bench match --feed gone.txt", 1, "gone.txt"),
        ("bench match --input gone.log", 1, "gone.log"),
        (
            "bench match --feed suffix.txt",
            1,
            "the feeds list no name and no prefix",
        ),
        (
            "bench match --input empty.log",
            1,
            "the records hold no name",
        ),
        (
            "bench match --sizes 9 --report no/where.html",
            1,
            "cannot write no/where.html",
        ),
        ("bench match --sizes 9 --engines trie", 1, "fits the tables"),
        (
            "bench match --sizes 5 --ops 900000000 --turns 3",
            1,
            "MiB are available",
        ),
        ("bench readme", 2, "RESULTS.json"),
        ("bench readme gone.json", 1, "cannot use gone.json"),
        ("bench readme text.json", 1, "not a gannet.bench.v1 object"),
        ("bench report text.json", 2, "--out"),
        (
            "bench report text.json --out x.html",
            1,
            "not a gannet.bench.v1 object",
        ),
    ] {
        let ran = bench(directory.path(), line);
        assert_eq!(ran.code, code, "{line}\n{}", ran.err);
        assert!(
            ran.err.contains(says),
            "{line}: `{says}` is not in\n{}",
            ran.err
        );
        assert!(ran.out.is_empty(), "{line}");
    }
}

#[test]
fn results_become_a_section_of_a_readme_and_a_page() {
    let directory = workplace();
    let at = |name: &str| directory.path().join(name);
    let line = "bench match --sizes 50 --ops 100 --turns 3 --json --report now.html";
    let ran = bench(directory.path(), line);
    assert_eq!(ran.code, 0, "{}", ran.err);
    std::fs::write(at("r.json"), &ran.out).unwrap();

    let printed = bench(directory.path(), "bench readme r.json");
    let section = String::from_utf8(printed.out).unwrap();
    assert!(section.contains("| indicators | engine |"), "{section}");
    assert!(section.contains(&format!("$ gannet {line}\n")), "{section}");

    let marks = [
        "<!-- written by gannet bench readme -->",
        "<!-- end of what gannet bench readme wrote -->",
    ];
    let readme = format!("# T\n{}\nold\n{}\nend\n", marks[0], marks[1]);
    std::fs::write(at("README.md"), readme).unwrap();
    assert_eq!(
        bench(directory.path(), "bench readme r.json --into README.md").code,
        0
    );
    let written = std::fs::read_to_string(at("README.md")).unwrap();
    assert!(
        written.starts_with("# T\n") && written.ends_with("end\n"),
        "{written}"
    );
    assert!(
        written.contains(section.trim_end()) && !written.contains("old"),
        "{written}"
    );
    std::fs::write(at("bare.md"), "# T\n").unwrap();
    let refused = bench(directory.path(), "bench readme r.json --into bare.md");
    assert_eq!(refused.code, 1);
    assert!(
        refused.err.contains("cannot change bare.md"),
        "{}",
        refused.err
    );

    assert_eq!(
        bench(directory.path(), "bench report r.json --out page.html").code,
        0
    );
    for name in ["now.html", "page.html"] {
        let page = std::fs::read_to_string(at(name)).unwrap();
        assert!(
            page.contains("<h2>Listed names</h2>") && page.ends_with("</html>\n"),
            "{name}"
        );
    }
}
