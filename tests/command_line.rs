//! What the command line promises: exit codes, what it says about what is wrong, and what it
//! never does to a file. With the real binary, over files.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Stdio};

#[path = "support/run.rs"]
pub mod run;

use run::{ROW, check_sums, gannet, gannet_reading};

/// A configuration around the feed `feed.txt`.
const CONFIGURATION: &str = "[kafka]\nbrokers = \"127.0.0.1:9\"\ngroup = \"g\"\n\n\
    [[source]]\nname = \"r\"\ntopics = [\"dns\"]\nformat = \"zeek-json\"\n\n\
    [[feed]]\nname = \"f\"\npath = \"feed.txt\"\nformat = \"plain\"\nrole = \"c2\"\n";

/// A directory with a feed, a log and configurations, good and bad.
fn workplace() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, content) in [
        ("feed.txt", "bad.example\n203.0.113.0/28\n"),
        ("dns.log", &format!("{ROW}\n").repeat(3)),
        ("empty.log", ""),
        ("blank.log", "\n\n \n"),
        ("page.txt", "<!DOCTYPE html><html>Log in</html>\n"),
        ("empty.txt", ""),
        ("comments.txt", "# nothing\n\n"),
        ("binary.txt", "bad.example\n\0\u{1}\n"),
        ("suffixes.txt", "com\nco.uk\n"),
        ("good.toml", CONFIGURATION),
        ("bad.toml", "[kafka]\nbrokerz = \"x\"\n"),
        (
            "feedless.toml",
            &CONFIGURATION.replace("feed.txt", "gone.txt"),
        ),
    ] {
        std::fs::write(directory.path().join(name), content).unwrap();
    }
    std::fs::create_dir(directory.path().join("hollow")).unwrap();
    directory
}

/// Runs a command line, written with single spaces; checks its exit code and that standard
/// error holds every one of `says`.
#[track_caller]
fn check(directory: &Path, line: &str, code: i32, says: &[&str]) {
    let arguments: Vec<&str> = line.split(' ').collect();
    let ran = gannet(directory, &arguments);
    assert_eq!(ran.code, code, "{line}\n{}", ran.err);
    for part in says {
        assert!(
            ran.err.contains(part),
            "{line}: `{part}` is not in\n{}",
            ran.err
        );
    }
}

#[test]
fn what_cannot_be_meant_exits_2_and_says_what_to_write() {
    let place = workplace();
    let give = "give --feed [FORMAT:]PATH or -c FILE";
    for (line, says) in [
        ("scan", "--input"),
        ("bogus", "bogus"),
        ("scan --input dns.log", give),
        ("lookup bad.example", give),
        (
            "scan --feed feed.txt --input what.bin",
            "what.bin from its name: write FORMAT:PATH",
        ),
        ("scan --feed feed.txt --input -", "write FORMAT:PATH"),
        (
            "scan --feed klingon:feed.txt --input dns.log",
            "`klingon` is not one of auto, plain",
        ),
        (
            "scan --feed feed.txt --input zeek:dns.log",
            "`zeek` is not one of zeek-json",
        ),
        (
            "scan --feed feed.txt --feed ./feed.txt --feed feed.txt --input dns.log",
            "twice",
        ),
        (
            "scan --feed feed.txt --input dns.log --threads 0",
            "--threads",
        ),
        ("scan --feed feed.txt --input dns.log --format xml", "xml"),
        (
            "scan --feed feed.txt -c good.toml --input dns.log",
            "--config",
        ),
        ("scan --names table -c good.toml --input dns.log", "--names"),
        (
            "lookup bad.example --feed feed.txt --at yesterday",
            "2026-01-01T00:00:00Z",
        ),
    ] {
        check(place.path(), line, 2, &[says]);
    }
}

#[test]
fn a_configuration_that_cannot_be_used_exits_78_and_names_every_problem() {
    let place = workplace();
    for command in ["check", "scan --input dns.log", "lookup bad.example"] {
        let line = |file: &str| format!("{command} -c {file}");
        let says = [
            "bad.toml:2:1: kafka.brokerz: unknown key",
            "`brokers`",
            "kafka.group",
        ];
        check(place.path(), &line("bad.toml"), 78, &says);
        check(
            place.path(),
            &line("gone.toml"),
            78,
            &["gone.toml: cannot read it"],
        );
        check(
            place.path(),
            &line("hollow"),
            78,
            &["hollow: cannot read it"],
        );
    }
    check(
        place.path(),
        "check -c feedless.toml",
        78,
        &["`f`", "gone.txt"],
    );
    check(place.path(), "check -c good.toml", 0, &[]);
}

#[test]
fn what_fails_exits_1_and_names_the_file() {
    let place = workplace();
    for (line, says) in [
        (
            "scan --feed feed.txt --input gone/dns.log",
            "cannot open gone/dns.log: No such file",
        ),
        (
            "scan --feed feed.txt --input zeek-json:hollow",
            "cannot open hollow: is a directory",
        ),
        (
            "scan --feed gone.txt --input dns.log",
            "cannot read feed gone.txt: No such file",
        ),
        (
            "scan --feed page.txt --input dns.log",
            "page.txt is a web page",
        ),
        (
            "scan --feed empty.txt --input dns.log",
            "empty.txt has no rows",
        ),
        (
            "scan --feed comments.txt --input dns.log",
            "comments.txt has no rows",
        ),
        (
            "scan --feed binary.txt --input dns.log",
            "binary.txt is not text",
        ),
        ("scan --feed hollow --input dns.log", "hollow has no rows"),
        (
            "scan --feed suffixes.txt --input dns.log",
            "suffixes.txt:1 (public_suffix: `com`)",
        ),
        ("scan -c feedless.toml --input dns.log", "gone.txt"),
        (
            "scan --feed feed.txt --input dns.log --output hollow",
            "cannot write hollow",
        ),
        (
            "scan --feed feed.txt --input dns.log --output gone/x",
            "cannot write gone/x",
        ),
        (
            "scan --feed feed.txt --input dns.log --summary gone/x",
            "cannot write gone/x",
        ),
        (
            "scan --feed feed.txt --input dns.log --output /dev/full",
            "cannot write /dev/full",
        ),
        (
            "scan --feed feed.txt --input dns.log --summary /dev/full",
            "cannot write /dev/full",
        ),
        (
            "report --episodes dns.log --out page.html",
            "dns.log holds no episodes",
        ),
        ("report --episodes gone --out page.html", "cannot open gone"),
        (
            "generate --out hollow/../dns.log",
            "cannot write hollow/../dns.log",
        ),
        ("generate --events 0 --out x", "events must be 1 to"),
    ] {
        check(place.path(), line, 1, &[says]);
    }
    assert!(!place.path().join("page.html").exists());
}

#[test]
fn one_input_that_fails_does_not_keep_the_others_from_being_scanned() {
    let place = workplace();
    let scan = ["scan", "--feed", "feed.txt", "--summary", "-"];
    let inputs = ["--input", "gone.log", "--input", "dns.log"];
    let ran = gannet(place.path(), &[&scan[..], &inputs].concat());
    let summary = ran.object();
    assert_eq!((ran.code, &summary["matched"]), (1, &3.into()));
    let failed = summary["failed"][0].as_str().unwrap();
    assert!(
        failed.starts_with("cannot open gone.log: No such file"),
        "{failed}"
    );
}

#[test]
fn what_holds_nothing_ends_with_zeros() {
    let place = workplace();
    for input in [
        "empty.log",
        "blank.log",
        "zeek-json:/dev/null",
        "dnstap:empty.log",
    ] {
        let scan = [
            "scan",
            "--feed",
            "feed.txt",
            "--summary",
            "-",
            "--input",
            input,
        ];
        let ran = gannet(place.path(), &scan);
        let summary = ran.object();
        assert_eq!((ran.code, &summary["records"]), (0, &0.into()), "{input}");
        check_sums(&summary);
    }
}

#[test]
fn a_file_that_is_to_be_read_is_never_written() {
    let place = workplace();
    std::os::unix::fs::symlink("dns.log", place.path().join("link.log")).unwrap();
    for (options, kept) in [
        (
            "--feed feed.txt --input dns.log --output dns.log",
            "dns.log",
        ),
        (
            "--feed feed.txt --input dns.log --output ./link.log",
            "dns.log",
        ),
        (
            "--feed feed.txt --input dns.log --summary dns.log",
            "dns.log",
        ),
        (
            "--feed feed.txt --input dns.log --output feed.txt",
            "feed.txt",
        ),
        (
            "-c good.toml --input dns.log --output good.toml",
            "good.toml",
        ),
        ("-c good.toml --input dns.log --output feed.txt", "feed.txt"),
    ] {
        let before = std::fs::read(place.path().join(kept)).unwrap();
        let line = format!("scan {options}");
        check(place.path(), &line, 2, &["would overwrite"]);
        assert_eq!(
            std::fs::read(place.path().join(kept)).unwrap(),
            before,
            "{line}"
        );
    }
    let both = "scan --feed feed.txt --input dns.log --output x --summary x";
    check(place.path(), both, 2, &["choose two paths"]);
}

#[test]
fn data_goes_where_it_is_asked_to() {
    let place = workplace();
    let path = place.path();
    let scan = ["scan", "--feed", "feed.txt", "--input", "dns.log"];
    let to = |more: &[&str]| gannet(path, &[&scan[..], more].concat());
    assert_eq!(to(&[]).json().len(), 3);
    assert_eq!(to(&["--summary", "-"]).object()["hits"], 3);
    let ran = to(&["--output", "hits.jsonl", "--summary", "counts.json"]);
    assert_eq!((ran.code, ran.out), (0, Vec::new()));
    let lines = |name: &str| {
        std::fs::read_to_string(path.join(name))
            .unwrap()
            .lines()
            .count()
    };
    assert_eq!((lines("hits.jsonl"), lines("counts.json")), (3, 1));
    let ran = to(&["--output", "/dev/null", "--summary", "-"]);
    assert_eq!((ran.code, &ran.object()["hits"]), (0, &3.into()));
    assert!(ran.err.contains("3 matched"), "{}", ran.err);
    // Standard input, and a path that is not UTF-8.
    let reading = ["scan", "--feed", "feed.txt", "--input", "zeek-json:-"];
    assert_eq!(
        gannet_reading(path, &reading, ROW.as_bytes()).json().len(),
        1
    );
    let odd = OsStr::from_bytes(b"d\xffs.log");
    std::fs::copy(path.join("dns.log"), path.join(odd)).unwrap();
    let arguments = ["scan", "--feed", "feed.txt", "--input"].map(OsStr::new);
    assert_eq!(
        gannet(path, &[&arguments[..], &[odd]].concat())
            .json()
            .len(),
        3
    );
}

#[test]
fn hits_leave_while_their_input_is_still_being_written() {
    let place = workplace();
    let mut child = Command::new(env!("CARGO_BIN_EXE_gannet"))
        .args(["scan", "--feed", "feed.txt", "--input", "zeek-json:-"])
        .current_dir(place.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut hits = BufReader::new(child.stdout.take().unwrap());
    for _ in 0..3 {
        writeln!(input, "{ROW}").unwrap();
        let mut hit = String::new();
        hits.read_line(&mut hit).unwrap();
        assert!(hit.contains("\"gannet.hit.v1\""), "{hit}");
    }
    drop(input);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_reader_of_hits_that_goes_away_is_no_failure() {
    let place = workplace();
    let rows = format!("{ROW}\n").repeat(20_000);
    std::fs::write(place.path().join("many.log"), rows).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_gannet"))
        .args(["scan", "--feed", "feed.txt", "--input", "many.log"])
        .current_dir(place.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut hits = BufReader::new(child.stdout.take().unwrap());
    hits.read_line(&mut String::new()).unwrap();
    drop(hits);
    let ended = child.wait_with_output().unwrap();
    let err = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(0), "{err}");
    assert!(!err.contains("panicked"), "{err}");
}

#[test]
fn lookup_says_whether_and_why_not() {
    let place = workplace();
    for (value, says) in [
        ("www.bad.example", "would match"),
        ("203.0.113.3", "would match"),
        ("203.0.113.3:443", "would match"),
        ("fine.example", "not listed"),
        ("bad..example", "would not match (empty_label)"),
    ] {
        let ran = gannet(place.path(), &["lookup", value, "--feed", "feed.txt"]);
        assert_eq!(ran.code, 0, "{value}");
        let out = String::from_utf8_lossy(&ran.out);
        assert!(out.starts_with(&format!("{value}: {says}")), "{out}");
    }
}

#[test]
fn what_a_feed_lists_and_will_not_match_is_said() {
    let place = workplace();
    let feed = "bad.example\nworse.example\ncom\ngithub.io\n";
    std::fs::write(place.path().join("mixed.txt"), feed).unwrap();
    let says = [
        "feed mixed: 1 of 4 rows refused (public_suffix 1); the first: mixed.txt:3 `com`",
        "feed mixed: 1 names match only themselves",
    ];
    check(
        place.path(),
        "scan --feed mixed.txt --input dns.log",
        0,
        &says,
    );
}
