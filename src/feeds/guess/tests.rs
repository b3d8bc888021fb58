//! A small sample of every format is told for what it is, and nothing is told of what is no list.

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::feeds::tests::{options, shown};
use crate::feeds::{FeedReport, parse};
use crate::model::Named;

/// Samples of each format but the one that stands for the others.
const SAMPLES: [(FeedFormat, &str); 33] = [
    (
        FeedFormat::Plain,
        "# hosts, addresses\nbad.example\n203.0.113.5\n",
    ),
    (
        FeedFormat::Plain,
        "bad[.]example # seen\n203.0.113.0/24\nhxxp://two[.]example\n",
    ),
    (FeedFormat::Plain, "198.51.100.7:443\n[2001:db8::1]:80\n"),
    (FeedFormat::Plain, "[2001:db8::1]:80\n"),
    (
        FeedFormat::Plain,
        "# domain, ip or url\nbad.example\n*.two.example\n*login-bank*\n",
    ),
    (
        FeedFormat::Hosts,
        "# c\n127.0.0.1 localhost\n0.0.0.0 bad.example\n",
    ),
    (
        FeedFormat::Hosts,
        "127.0.0.1\tbad.example\r\n:: two.example # c\r\n",
    ),
    (
        FeedFormat::Adblock,
        "! Title: bad\n||bad.example^\n@@||ok.example^\n",
    ),
    (FeedFormat::Adblock, "[Adblock Plus 2.0]\nbad.example\n"),
    (FeedFormat::Csv, "value,malware\nbad.example,lumma\n"),
    (FeedFormat::Csv, "# id,\"Domain\"\n1,\"bad.example\"\n"),
    (FeedFormat::Csv, "domain\nbad.example\n"),
    (
        FeedFormat::Dnsmasq,
        "# c\naddress=/bad.example/0.0.0.0\nserver=/two.example/\n",
    ),
    (
        FeedFormat::UrlhausCsv,
        "# URLhaus\n# id,dateadded,url,url_status,last_online,threat,tags,urlhaus_link,reporter\n\
        \"1\",\"2026-01-01 00:00:00\",\"http://203.0.113.9:8080/i\",\"online\",\"\",\"x\",\"\",\"\",\"r\"\n",
    ),
    (
        FeedFormat::ThreatfoxCsv,
        "# ThreatFox\n# \"first_seen_utc\",\"ioc_id\",\"ioc_value\",\"ioc_type\",\"threat_type\"\n\
        \"2026-01-01 00:00:00\", \"1\", \"203.0.113.66:443\", \"ip:port\", \"botnet_cc\"\n",
    ),
    (
        FeedFormat::ThreatfoxJson,
        "{\"query_status\":\"ok\",\"data\":[{\"id\":\"1\",\"ioc\":\"203.0.113.66:443\"}]}",
    ),
    (
        FeedFormat::ThreatfoxJson,
        "{\n  \"1\": [\n  {\n \"ioc_value\" : \"203.0.113.66:443\"\n }]}",
    ),
    (
        FeedFormat::FeodoCsv,
        "# Feodo\n\"first_seen_utc\",\"dst_ip\",\"dst_port\",\"c2_status\",\"last_online\",\"malware\"\n\
        \"2026-01-01 00:00:00\",\"203.0.113.66\",\"443\",\"online\",\"2026-01-01\",\"x\"\n# END\n",
    ),
    (
        FeedFormat::SpamhausDrop,
        "; DROP List\n203.0.113.0/24 ; SBL1\n",
    ),
    (
        FeedFormat::SpamhausDrop,
        "{\"cidr\":\"203.0.113.0\\/24\",\"sblid\":\"SBL1\"}\n{\"type\":\"metadata\"}\n",
    ),
    (
        FeedFormat::Misp,
        "{\"Event\":{\"info\":\"x\",\"Attribute\":[{\"type\":\"domain\",\"value\":\"bad.example\"}]}}",
    ),
    (
        FeedFormat::Misp,
        "{\"u\":{\"info\":\"x\",\"Orgc\":{\"name\":\"x\"},\"timestamp\":\"1767225600\"}}",
    ),
    (
        FeedFormat::Stix2,
        "{\"type\": \"bundle\", \"id\": \"bundle--1\", \"objects\": [{\"type\": \"indicator\"}]}",
    ),
    (
        FeedFormat::Stix2,
        "{\"type\":\"indicator\",\"spec_version\":\"2.1\",\"pattern\":\"[domain-name:value='a']\"}\n",
    ),
    (
        FeedFormat::Rpz,
        "$TTL 60\n@ SOA a. b. 1 2 3 4 5\nbad.example CNAME .\n",
    ),
    (
        FeedFormat::Rpz,
        "; zone\nrpz.example. 60 IN SOA a. b. 1 2 3 4 5\n",
    ),
    (
        FeedFormat::Rpz,
        "bad.example CNAME .\n*.two.example 60 IN CNAME rpz-drop.\n",
    ),
    (
        FeedFormat::ZeekIntel,
        "#fields\tindicator\tindicator_type\tmeta.source\nbad.example\tIntel::DOMAIN\tx\n",
    ),
    (
        FeedFormat::SuricataDataset,
        "YmFkLmV4YW1wbGU=\ndHdvLmV4YW1wbGU=\n",
    ),
    (
        FeedFormat::Maltrail,
        "# Copyright (c) 2014-2026 Maltrail developers\n\nbad.example\n203.0.113.5:443\n/gate.php\n",
    ),
    (
        FeedFormat::GannetJson,
        "{\"schema\":\"gannet.indicator.v1\",\"value\":\"bad.example\"}\n",
    ),
    (
        FeedFormat::GannetJson,
        "{\"value\":\"bad.example\",\"tags\":[\"Event\"]}\n",
    ),
    (
        FeedFormat::GannetJson,
        "{\"id\":\"1\",\"value\":\"203.0.113.5\"}",
    ),
];

#[test]
fn a_sample_of_every_format_is_told_for_what_it_is() {
    for (format, sample) in SAMPLES {
        assert_eq!(guess(sample.as_bytes()), Some(format), "{sample}");
        let marked = format!("\u{feff}{sample}");
        assert_eq!(guess(marked.as_bytes()), Some(format), "{sample}");
    }
    for format in FeedFormat::ALL {
        let sampled = SAMPLES.iter().any(|(known, _)| known == format);
        assert_eq!(sampled, *format != FeedFormat::Auto, "{format:?}");
    }
}

#[test]
fn nothing_is_told_of_what_is_no_list() {
    for text in [
        "",
        "# nothing\n",
        "<!DOCTYPE html><html>",
        "  <html>\nbad.example\n",
        "Access to this list needs a key.\nAsk for one at www.example\n",
        "word\nother\n",
        "{}",
        "{\"error\":\"no key\"}",
        "[\"bad.example\"]",
        "value;malware\nbad.example;x\n",
        "203.0.113.5 www.example\n203.0.113.6 two.example\n",
        "bad.example\n/a\n/b\nc d\n",
    ] {
        assert_eq!(guess(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn a_row_that_is_cut_at_the_end_of_the_head_does_not_count() {
    let row = "0.0.0.0 bad.example\n";
    let text = format!(
        "{}{}",
        "#".repeat(HEAD_BYTES - 24),
        "\n0.0.0.0 a.test\n0.0.0.0 b.test\n"
    );
    assert_eq!(guess(text.as_bytes()), Some(FeedFormat::Hosts));
    assert_eq!(
        guess(row.repeat(10_000).as_bytes()),
        Some(FeedFormat::Hosts)
    );
    assert_eq!(guess("a".repeat(3 * HEAD_BYTES).as_bytes()), None);
}

/// What a directory of these files, or a file of its own, comes to.
fn parse_files(
    format: FeedFormat,
    files: &[(&str, &str)],
) -> (Vec<String>, Result<FeedReport, FeedError>) {
    let directory = TempDir::new().unwrap();
    for (name, text) in files {
        std::fs::write(directory.path().join(name), text).unwrap();
    }
    let path = match files {
        [(name, _)] => directory.path().join(name),
        _ => directory.path().to_owned(),
    };
    let mut found = Vec::new();
    let parsed = parse(&path, &options(format), &mut |indicator| {
        found.push(shown(indicator));
        Ok(())
    });
    (found, parsed)
}

#[test]
fn a_guessed_feed_is_read_as_one_of_that_format_whatever_its_name() {
    for (format, sample) in SAMPLES {
        let files = [("hosts", sample)];
        let said = parse_files(format, &files);
        let guessed = parse_files(FeedFormat::Auto, &files);
        assert_eq!(guessed.0, said.0, "{sample}");
        match (guessed.1, said.1) {
            (Ok(mut guessed), Ok(mut said)) => {
                assert_eq!((guessed.guessed, said.guessed), (Some(format), None));
                // They name files in directories of their own.
                assert_eq!(guessed.samples.len(), said.samples.len(), "{sample}");
                guessed.samples.clear();
                said.samples.clear();
                let unsaid = FeedReport {
                    guessed: None,
                    ..guessed
                };
                assert_eq!(unsaid, said, "{sample}");
            }
            (guessed, said) => {
                let reason = |parsed: Result<_, FeedError>| parsed.map_err(|error| error.reason());
                assert_eq!(reason(guessed), reason(said), "{sample}");
            }
        }
    }
}

#[test]
fn the_first_file_of_a_directory_decides() {
    let files = [("a.txt", "||bad.example^\n"), ("b.txt", "||two.example^\n")];
    let (found, report) = parse_files(FeedFormat::Auto, &files);
    let expected = ["name subtree bad.example", "name subtree two.example"];
    assert_eq!(found, expected);
    assert_eq!(report.unwrap().guessed, Some(FeedFormat::Adblock));
    let files = [("a", "value\nbad.example\n"), ("b", "value\ntwo.example\n")];
    assert_eq!(parse_files(FeedFormat::Auto, &files).0, expected);
    let reason =
        |files: &[(&str, &str)]| parse_files(FeedFormat::Auto, files).1.unwrap_err().reason();
    assert_eq!(
        reason(&[("a", "no list"), ("b", "bad.example\n")]),
        "unknown"
    );
    assert_eq!(reason(&[]), "empty");
}

#[test]
fn a_feed_that_is_like_no_format_says_so() {
    let (_, parsed) = parse_files(FeedFormat::Auto, &[("list", "no such list\n")]);
    let error = parsed.unwrap_err();
    assert_eq!(error.reason(), "unknown");
    assert!(
        error.to_string().ends_with("list: write it down"),
        "{error}"
    );
    for empty in ["", "\n# nothing\n"] {
        let (_, parsed) = parse_files(FeedFormat::Auto, &[("list", empty)]);
        assert_eq!(parsed.unwrap_err().reason(), "empty");
    }
    let (_, parsed) = parse_files(FeedFormat::Auto, &[("list", "<html>")]);
    assert_eq!(parsed.unwrap_err().reason(), "html");
}

proptest! {
    #[test]
    fn any_bytes_are_survived(
        sample in proptest::sample::select(&SAMPLES[..]),
        noise in proptest::collection::vec(any::<u8>(), 0..40),
        at in any::<proptest::sample::Index>(),
    ) {
        let mut text = sample.1.as_bytes().to_vec();
        let at = at.index(text.len());
        text.splice(at..at, noise);
        guess(&text);
        guess(&text[at..]);
    }
}
