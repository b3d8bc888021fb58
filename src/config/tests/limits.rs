//! Every limit and every rule is exceeded once.

use super::{REQUIRED, check_refused, mistakes, no_env, parse, with, with_password};
use crate::config::Config;

#[test]
fn each_limit_is_kept() {
    for (section, key, value, message) in [
        ("kafka", "session_timeout", "\"31m\"", "must be 1s to 30m"),
        (
            "kafka",
            "session_timeout",
            "30",
            "must be a duration in quotes",
        ),
        ("kafka", "instance", "\"\"", "letters, digits"),
        (
            "kafka",
            "reader",
            "\"librdkaka\"",
            "is not one of auto, direct, librdkafka",
        ),
        ("kafka", "fetch_thread", "true", "must be text in quotes"),
        (
            "kafka",
            "fetch_thread",
            "\"yes\"",
            "is not one of auto, on, off",
        ),
        (
            "matching",
            "names",
            "\"trie\"",
            "is not one of table, aho-corasick",
        ),
        (
            "matching",
            "invalid",
            "\"keep\"",
            "is not one of drop, emit",
        ),
        (
            "workers",
            "threads",
            "0",
            "must be \"auto\" or a whole number from 1 to 1024",
        ),
        ("workers", "threads", "\"all\"", "must be \"auto\" or"),
        ("workers", "batch_records_max", "65537", "from 1 to 65536"),
        ("workers", "batch_records_max", "-1", "from 1 to 65536"),
        ("workers", "batch_records_max", "1.5", "from 1 to 65536"),
        ("workers", "batch_wait", "\"0s\"", "must be 1ms to 10s"),
        ("workers", "commit_interval", "\"6m\"", "must be 10ms to 5m"),
        (
            "workers",
            "drain_timeout",
            "\"99ms\"",
            "must be 100ms to 15m",
        ),
        (
            "workers",
            "drain_timeout",
            "\"5001ms\"",
            "more than half of `kafka.session_timeout`",
        ),
        ("workers", "unacknowledged_max", "0", "from 1 to 10000000"),
        ("hits", "topic", "\"..\"", "`..` is not a name"),
        ("hits", "format", "\"ecs\"", "is not one of json, protobuf"),
        ("dead", "value_max", "\"17 MiB\"", "must be 0 to 16 MiB"),
        ("dead", "value_max", "\"1 mib\"", "is not a size"),
        ("dead", "value_max", "1.5", "must be a size"),
        (
            "episodes",
            "update_interval",
            "\"31d\"",
            "must be 0s to 30d",
        ),
        (
            "http",
            "listen",
            "\"localhost:9464\"",
            "is not an address with a port",
        ),
        ("log", "filter", "\"gannet=loud\"", "is not a filter"),
        ("log", "format", "\"yaml\"", "is not one of text, json"),
    ] {
        let text = if section == "kafka" {
            with("group", &format!("{key} = {value}"))
        } else {
            format!("{REQUIRED}[{section}]\n{key} = {value}\n")
        };
        check_refused(&text, &format!("{section}.{key}"), message);
    }
    for (key, value, message) in [
        ("confidence", "101", "from 0 to 100"),
        ("malware", "\" \"", "must not be empty"),
        ("names", "\"below\"", "is not one of exact, subtree"),
        ("victim", "\"both\"", "is not one of outbound"),
        ("grace", "\"3651d\"", "must be 0s to 3650d"),
        ("ports", "true", "not a boolean"),
        ("overrides", "\"yes\"", "must be true or false"),
        ("delimiter", "\"||\"", "one ASCII character"),
        ("delimiter", "'\"'", "one ASCII character"),
    ] {
        let text = with("role = ", &format!("{key} = {value}")).replace("\"plain\"", "\"csv\"");
        check_refused(&text, &format!("feed[0].{key}"), message);
    }
    let long = "m".repeat(257);
    let text = with("role = ", &format!("malware = \"{long}\""));
    check_refused(&text, "feed[0].malware", "at most 256 bytes");
    let text = REQUIRED.replace("\"gannet\"", "\"a\\nb\"");
    check_refused(&text, "kafka.group", "none of control");
    let text = REQUIRED.replace("\"resolvers\"", &format!("\"{}\"", "n".repeat(65)));
    check_refused(&text, "source[0].name", "1 to 64 letters");
    for brokers in ["", "a", "a:", ":1", "a:0", "a:1,,b:1", "a:1 b:1", "a:70000"] {
        let text = REQUIRED.replace("127.0.0.1:9092", brokers);
        check_refused(&text, "kafka.brokers", "is not `host:port`");
    }
}

#[test]
fn each_limit_of_identify_is_kept() {
    for (key, value, message) in [
        ("store", "\"/\"", "is a directory"),
        ("quiet_period", "\"0s\"", "must be 1s to 365d"),
        ("lease_delay", "\"2d\"", "must be 0s to 1d"),
        (
            "lease_delay",
            "\"10m\"",
            "must be longer than `lease_delay`",
        ),
        ("lease_grace", "\"2d\"", "must be 0s to 1d"),
        ("guard_band", "\"61m\"", "must be 0s to 1h"),
        ("wait_max", "\"8d\"", "must be 1s to 7d"),
        ("wait_max", "\"10s\"", "must be longer than `lease_delay`"),
        ("waiting_max", "0", "from 1 to"),
        ("repeats_kept", "\"366d\"", "must be 1m to 365d"),
        (
            "repeats_kept",
            "\"1m\"",
            "must not be shorter than `wait_max`",
        ),
        ("commit_hits_max", "0", "from 1 to"),
        ("leases_max", "0", "from 1 to"),
    ] {
        let store = if key == "store" {
            ""
        } else {
            "store = \"s/e.redb\"\n"
        };
        let text = format!("{REQUIRED}[identify]\nleases = []\n{store}{key} = {value}\n");
        let at = match message {
            "must be longer than `lease_delay`" => "wait_max",
            _ => key,
        };
        check_refused(&text, &format!("identify.{at}"), message);
    }
    let identify = |lease: &str| format!("{REQUIRED}[identify]\nstore = \"s\"\nleases = [{lease}]");
    let format = "format = \"gannet-json\"";
    for (lease, key, message) in [
        (
            format!("{{ {format} }}"),
            "topic",
            "is missing, and `path` is too",
        ),
        (
            format!("{{ topic = \"a\", path = \"b\", {format} }}"),
            "path",
            "beside `topic`",
        ),
        ("{ topic = \"a\" }".to_owned(), "format", "is missing"),
        (
            "{ topic = \"a\", format = \"kea-json\" }".to_owned(),
            "format",
            "not in this version",
        ),
        (
            format!("{{ topic = \"dns\", {format} }}"),
            "topic",
            "already `source[0].topics[0]`",
        ),
    ] {
        check_refused(
            &identify(&lease),
            &format!("identify.leases[0].{key}"),
            message,
        );
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    let store = file.path().join("e.redb");
    let text = format!("{REQUIRED}[identify]\nleases = []\nstore = {store:?}\n");
    check_refused(&text, "identify.store", "is not a directory");
    let bare = format!("{REQUIRED}[identify]\n");
    let found = mistakes(&bare);
    assert_eq!(
        found,
        [
            "14:1: identify.leases: is missing",
            "14:1: identify.store: is missing",
        ]
    );
    assert!(parse(&identify("")).is_ok());
}

#[test]
fn no_name_leads_to_another_directory() {
    let text = REQUIRED.replace("name = \"operation\"", "name = \"..\"");
    check_refused(&text, "feed[0].name", "`..` is not a name");
}

#[test]
fn names_and_topics_have_one_owner() {
    let feed = REQUIRED.split_once("[[feed]]").unwrap().1;
    let text = format!("{REQUIRED}[[feed]]{feed}");
    check_refused(
        &text,
        "feed[1].name",
        "`operation` is already `feed[0].name`",
    );
    let text = REQUIRED.replace("[\"dns\"]", "[\"dns\", \"dns\"]");
    check_refused(
        &text,
        "source[0].topics[1]",
        "already `source[0].topics[0]`",
    );
    let text = REQUIRED.replace("[\"dns\"]", "[]");
    check_refused(&text, "source[0].topics", "at least one");
    let text = REQUIRED.replace("\"dns\"", "\"gannet.hits\"");
    check_refused(&text, "hits.topic", "already `source[0].topics[0]`");
    let text = format!("{REQUIRED}[episodes]\ntopic = \"gannet.dead\"\n");
    check_refused(&text, "episodes.topic", "already `dead.topic`");
    let text = REQUIRED.replace("\"dns\"", "\"gannet.hits\"");
    let other = format!("{text}[kafka.output]\nbrokers = \"other.example:9092\"\n");
    assert!(
        parse(&other).is_ok(),
        "two clusters have topics of their own"
    );
    let same = format!("{text}[kafka.output]\nbrokers = \"a.example:1, 127.0.0.1:9092\"\n");
    check_refused(&same, "hits.topic", "already `source[0].topics[0]`");
}

#[test]
fn columns_belong_to_csv_alone() {
    let text = with("role = ", "delimiter = \";\"");
    check_refused(&text, "feed[0].delimiter", "`csv` alone");
    let text = format!("{REQUIRED}[feed.columns]\nvalue = \"v\"\n");
    check_refused(&text, "feed[0].columns", "`csv` alone");
}

#[test]
fn properties_that_are_ours_are_refused_with_the_reason() {
    for (key, message) in [
        ("enable.auto.commit", "committed only after"),
        ("enable.auto.offset.store", "committed only after"),
        ("auto.offset.reset", "`start` of each source"),
        ("group.id", "write it as `kafka.group`"),
        ("enable.idempotence", "all in-sync replicas"),
        ("acks", "all in-sync replicas"),
    ] {
        for written in [key.to_owned(), format!("\"{key}\"")] {
            let text = format!("{REQUIRED}[kafka.properties]\n{written} = true\n");
            check_refused(&text, &format!("kafka.properties.{key}"), message);
            let text = format!("{REQUIRED}[kafka.output.properties]\n{written} = true\n");
            check_refused(&text, &format!("kafka.output.properties.{key}"), message);
        }
    }
    let text = format!("{REQUIRED}[kafka.properties]\na.b = [\"secret\"]\n");
    check_refused(
        &text,
        "kafka.properties.a.b",
        "must be text, a decimal number",
    );
    let text = format!("{REQUIRED}[kafka.properties]\na = \"${{GONE}}\"\n");
    check_refused(&text, "kafka.properties.a", "`GONE` is not set");
}

#[test]
fn incomplete_credentials_are_refused() {
    let at = |directory: &tempfile::TempDir, text: &str| {
        let path = directory.path().join("gannet.toml");
        let errors = Config::parse(text, &path, &no_env).expect_err(text).errors;
        let keys: Vec<String> = errors.iter().map(|error| error.key.clone()).collect();
        assert!(
            errors
                .iter()
                .all(|error| !error.message.contains("hunter2"))
        );
        keys.join(" ")
    };
    let (directory, text) = with_password(b"hunter2");
    let file = "password_file = \"password\"\n";
    assert_eq!(
        at(&directory, &text.replace(file, "")),
        "kafka.password_file"
    );
    assert_eq!(
        at(&directory, &text.replace("username = \"u\"\n", "")),
        "kafka.username"
    );
    assert_eq!(
        at(
            &directory,
            &text.replace("security.protocol", "client.rack")
        ),
        "kafka.username"
    );
    assert_eq!(
        at(&directory, &text.replace("sasl.mechanisms", "client.rack")),
        "kafka.username"
    );
    assert_eq!(
        at(&directory, &format!("{text}sasl.password = \"hunter2\"\n")),
        "kafka.username"
    );
    assert_eq!(
        at(&directory, &text.replace("\"password\"", "\"gone\"")),
        "kafka.password_file"
    );
    let long = vec![b'x'; (64 << 10) + 1];
    for password in [&b"\n"[..], b"\xff", &long] {
        let (directory, text) = with_password(password);
        assert_eq!(at(&directory, &text), "kafka.password_file");
    }
}
