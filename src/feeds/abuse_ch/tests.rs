//! Old and new columns, separators with spaces, commas in cells, and everything that can be wrong with a
//! row.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::feeds::tests::{check_counts, options, parse_text, shown};
use crate::feeds::{FeedReport, parse};
use crate::model::{FeedFormat, Indicator};

/// The start of a dump of URLs.
const URLHAUS: &str = "################\n# abuse.ch URLhaus Database Dump (CSV - recent URLs only) #\n\
    # Last updated: 2026-02-26 12:05:20 (UTC) #\n#\n\
    # id,dateadded,url,url_status,last_online,threat,tags,urlhaus_link,reporter\n";

/// The start of a dump of indicators.
const THREATFOX: &str = "# ThreatFox IOCs: recent additions - CSV #\n#\n\
    # \"first_seen_utc\",\"ioc_id\",\"ioc_value\",\"ioc_type\",\"threat_type\",\"fk_malware\",\
    \"malware_alias\",\"malware_printable\",\"last_seen_utc\",\"confidence_level\",\"is_compromised\",\
    \"reference\",\"tags\",\"anonymous\",\"reporter\"\n";

/// The start of a list of servers.
const FEODO: &str = "# Feodo Tracker\n\
    \"first_seen_utc\",\"dst_ip\",\"dst_port\",\"c2_status\",\"last_online\",\"malware\"\n";

/// All that a row says, without what is absent.
fn every(indicator: &Indicator<'_>) -> String {
    let Indicator {
        id,
        role,
        malware,
        confidence,
        valid_from,
        valid_until,
        reference,
        tags,
        state,
        ..
    } = indicator;
    assert_eq!(*state, crate::model::IndicatorState::Active);
    let word = |word: &Option<&str>| word.unwrap_or("-").to_owned();
    assert_eq!(*valid_from, None, "a sighting begins no validity");
    let seen = valid_until.map_or_else(|| "-".to_owned(), |seen| seen.to_string()[..19].to_owned());
    format!(
        "{} {} {role:?} {} {confidence} {seen} {} {tags:?}",
        shown(indicator),
        word(id),
        word(malware),
        word(reference)
    )
}

/// The rows of `text` and the counts. They have no time to live: their end is when they were seen.
fn rows_of(format: FeedFormat, text: &str) -> (Vec<String>, FeedReport) {
    let options = ParseOptions {
        valid_for: Some(Duration::ZERO),
        ..options(format)
    };
    parse_text(text.as_bytes(), &options, every)
}

/// Checks for what one row after `start` is refused.
#[track_caller]
fn check_refused(format: FeedFormat, start: &str, row: &str, reason: Reason) {
    let (found, report) = rows_of(format, &format!("{start}{row}\n# END\n"));
    assert_eq!(report.refused, [(reason, 1)].into(), "{row}");
    assert_eq!((found.len(), report.rows), (0, 1), "{row}");
}

#[test]
fn the_hosts_of_urls_are_taken() {
    let text = format!(
        "{URLHAUS}\
        \"7\",\"2026-02-26 12:05:20\",\"http://203.0.113.9:58801/i\",\"offline\",\"2026-02-26 12:05:20\",\
        \"malware_download\",\"32-bit,elf\",\"https://info.example/url/7/\",\"rep\"\r\n\
        \"8\",\"2026-02-26 12:05:21\",\"https://bad.example/a,b.exe\",\"online\",\"\",\"malware_download\",\
        \"None\",\"https://info.example/url/8/\",\"rep\"\r\n\
        \"9\",\"2026-02-26 12:05:22\",\"http://bad.test/\",\"online\",\"\",\"malware_download\",\"\",\"\",\"\"\r\n"
    );
    let (found, report) = rows_of(FeedFormat::UrlhausCsv, &text);
    let expected = [
        "endpoint 203.0.113.9:58801 7 C2 - 25 2026-02-26T12:05:20 https://info.example/url/7/ \
         [\"32-bit\", \"elf\", \"host-of-url\"]",
        "name exact bad.example 8 C2 - 25 2026-02-26T12:05:21 https://info.example/url/8/ \
         [\"host-of-url\"]",
        "name subtree bad.test 9 C2 - 50 2026-02-26T12:05:22 - []",
    ];
    assert_eq!(found, expected);
    assert_eq!(report.warnings, [(reason::HOST_OF_URL, 2)].into());
}

#[test]
fn an_older_dump_of_urls_has_fewer_columns() {
    let text = "# id,dateadded,url,url_status,threat,tags,urlhaus_link,reporter\n\
        \"7\",\"2020-01-01 00:00:00\",\"http://bad.example/a\",\"online\",\"malware_download\",\"x\",\"r\",\"rep\"\n";
    let (found, _) = rows_of(FeedFormat::UrlhausCsv, text);
    let expected =
        "name exact bad.example 7 C2 - 25 2020-01-01T00:00:00 r [\"x\", \"host-of-url\"]";
    assert_eq!(found, [expected]);
}

#[test]
fn wrong_rows_of_urls_are_refused() {
    let check = |row, reason| check_refused(FeedFormat::UrlhausCsv, URLHAUS, row, reason);
    check("\"7\",\"2026-02-26 12:05:20\",\"\"", reason::MISSING_VALUE);
    check("\"7\",\"2026-02-26 12:05:20\"", reason::MISSING_VALUE);
    check(
        "\"7\",\"yesterday\",\"http://bad.example/\"",
        reason::BAD_TIME,
    );
    check("\"7\",\"\",\"http://bad..example/a\"", "empty_label");
    check("\"7\",\"\",\"/a\"", reason::PATH);
}

#[test]
fn a_quote_that_is_never_closed_costs_the_lines_that_it_swallows() {
    let text = format!("{URLHAUS}\"7\",\"\",\"http://bad.example/a\n\"8\",\"\",\"x\n");
    let (found, report) = rows_of(FeedFormat::UrlhausCsv, &text);
    assert_eq!(found, [""; 0]);
    assert_eq!(report.refused, [(reason::UNCLOSED_QUOTE, 2)].into());
}

#[test]
fn indicators_of_each_kind_are_taken() {
    let text = format!(
        "{THREATFOX}\
        \"2026-01-01 00:00:00\", \"1\", \"203.0.113.66:443\", \"ip:port\", \"botnet_cc\", \"win.one\", \
        \"One,Uno, Eins\", \"One\", \"\", \"100\", \"False\", \"https://info.example/1\", \"a,b\", \"0\", \"rep\"\n\
        \"2026-01-01 00:00:01\", \"2\", \"bad.example\", \"domain\", \"payload_delivery\", \"js.two\", \
        \"None\", \"Two\", \"\", \"75\", \"True\", \"None\", \"c\", \"0\", \"rep\"\n\
        \"2026-01-01 00:00:02\", \"3\", \"https://bad.test/a?b=1,2\", \"url\", \"payload\", \"None\", \
        \"\", \"Unknown\", \"\", \"50\", \"\", \"\", \"\", \"0\", \"rep\"\n\
        \"2026-01-01 00:00:03\",\"4\",\"[2001:db8::7]:80\",\"ip:port\",\"other\",\"win.one\",\
        \"\",\"One\",\"\",\"\",\"\",\"\",\"\",\"0\",\"rep\"\n\
        \"2026-01-01 00:00:04\",\"5\",\"skim.example\",\"domain\",\"cc_skimming\",\"js.skim\"\n\
        # Number of entries: 5\n"
    );
    let (found, report) = rows_of(FeedFormat::ThreatfoxCsv, &text);
    let expected = [
        "endpoint 203.0.113.66:443 1 C2 win.one 100 2026-01-01T00:00:00 https://info.example/1 [\"a\", \"b\"]",
        "name subtree bad.example 2 Payload js.two 75 2026-01-01T00:00:01 - [\"compromised\", \"c\"]",
        "name exact bad.test 3 Payload - 25 2026-01-01T00:00:02 - [\"host-of-url\"]",
        "endpoint [2001:db8::7]:80 4 C2 win.one 50 2026-01-01T00:00:03 - []",
        "name subtree skim.example 5 Phishing js.skim 50 2026-01-01T00:00:04 - []",
    ];
    assert_eq!(found, expected);
    assert_eq!((report.rows, report.accepted), (5, 5));
}

#[test]
fn an_older_dump_of_indicators_has_fewer_columns() {
    let start = THREATFOX.replace("\"is_compromised\",", "");
    let text = format!(
        "{start}\"2021-01-01 00:00:00\", \"1\", \"bad.example\", \"domain\", \"botnet_cc\", \"win.one\", \
        \"a,b\", \"One\", \"\", \"90\", \"r\", \"t,u\", \"0\", \"rep\"\n"
    );
    let (found, _) = rows_of(FeedFormat::ThreatfoxCsv, &text);
    let expected = "name subtree bad.example 1 C2 win.one 90 2021-01-01T00:00:00 r [\"t\", \"u\"]";
    assert_eq!(found, [expected]);
}

#[test]
fn wrong_rows_of_indicators_are_refused() {
    let check = |row: &str, reason| check_refused(FeedFormat::ThreatfoxCsv, THREATFOX, row, reason);
    let md5 = "0123456789abcdef0123456789abcdef";
    check(
        &format!("\"\", \"1\", \"{md5}\", \"md5_hash\""),
        reason::HASH,
    );
    check("\"\", \"1\", \"00\", \"sha256_hash\"", reason::HASH);
    check("\"\", \"1\", \"00\", \"sha3_384_hash\"", reason::HASH);
    check(
        "\"\", \"1\", \"me@bad.example\", \"email\"",
        reason::UNKNOWN_TYPE,
    );
    check("\"\", \"1\", \"bad.example\"", reason::MISSING_VALUE);
    check("\"\", \"1\", \"\", \"domain\"", reason::MISSING_VALUE);
    check(
        "\"\", \"1\", \"203.0.113.5:0\", \"ip:port\"",
        reason::BAD_PORT,
    );
    check(
        "\"x\", \"1\", \"bad.example\", \"domain\"",
        reason::BAD_TIME,
    );
    let row = "\"\",\"1\",\"bad.example\",\"domain\",\"\",\"\",\"\",\"\",\"\",\"101\"";
    check(row, reason::BAD_CONFIDENCE);
}

#[test]
fn servers_are_endpoints_whether_or_not_they_are_offline() {
    let text = format!(
        "{FEODO}\"2026-01-01 00:00:00\",\"203.0.113.5\",\"443\",\"online\",\"2026-02-01\",\"One\"\n\
        2026-01-01 00:00:01,203.0.113.6,8080,offline,2026-02-01,Two\n\
        \"2026-01-01 00:00:02\",\"203.0.113.7\",\"\",\"offline\",\"\",\"\"\n# END\n"
    );
    let (found, report) = rows_of(FeedFormat::FeodoCsv, &text);
    let expected = [
        "endpoint 203.0.113.5:443 - C2 One 50 2026-02-01T00:00:00 - []",
        "endpoint 203.0.113.6:8080 - C2 Two 50 2026-02-01T00:00:00 - []",
        "prefix 203.0.113.7 - C2 - 50 2026-01-01T00:00:02 - []",
    ];
    assert_eq!(found, expected);
    assert_eq!((report.rows, report.accepted), (3, 3));
}

#[test]
fn wrong_rows_of_servers_are_refused() {
    let check = |row, reason| check_refused(FeedFormat::FeodoCsv, FEODO, row, reason);
    check("\"\",\"bad.example\",\"443\"", reason::BAD_ADDRESS);
    check("\"\",\"203.0.113.5\",\"0\"", reason::BAD_PORT);
    check("\"\",\"203.0.113.5\",\"https\"", reason::BAD_PORT);
    check("\"\",\"\",\"443\"", reason::MISSING_VALUE);
    check("\"never\",\"203.0.113.5\",\"443\"", reason::BAD_TIME);
}

#[test]
fn a_file_without_a_header_is_refused() {
    let directory = tempfile::TempDir::new().unwrap();
    let path = directory.path().join("feed");
    for (format, name) in [
        (FeedFormat::UrlhausCsv, "url"),
        (FeedFormat::ThreatfoxCsv, "ioc_value"),
        (FeedFormat::FeodoCsv, "dst_ip"),
    ] {
        std::fs::write(&path, "\"7\",\"bad.example\"\n").unwrap();
        let error = parse(&path, &options(format), &mut |_| Ok(())).unwrap_err();
        let shown = error.to_string();
        assert!(shown.contains(&format!("no column `{name}`")), "{shown}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_survived(
        bytes in proptest::collection::vec(any::<u8>(), 0..80),
        (format, start) in proptest::sample::select(vec![
            (FeedFormat::UrlhausCsv, URLHAUS),
            (FeedFormat::ThreatfoxCsv, THREATFOX),
            (FeedFormat::FeodoCsv, FEODO),
        ]),
        header in any::<bool>(),
    ) {
        let start = if header { start } else { "" };
        check_counts(format, &[start.as_bytes(), &bytes].concat());
    }
}
