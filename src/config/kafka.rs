//! `[kafka]` and `[kafka.output]`: clusters, credentials, raw properties, membership.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use toml::de::DeValue;

use super::defaults::SESSION_TIMEOUT;
use super::reader::{Section, Wrong};
use super::value::{Item, brokers, choice, duration, group, named, path, text, topic, word};
use super::{ClusterConfig, FetchThread, KafkaConfig, ReaderChoice};

/// Properties that are ours to set, and why or where.
const OWNED: [(&str, &str); 18] = [
    ("bootstrap.servers", "write it as `brokers`"),
    ("metadata.broker.list", "write it as `brokers`"),
    ("group.id", "write it as `kafka.group`"),
    ("group.instance.id", "write it as `kafka.instance`"),
    ("session.timeout.ms", "write it as `kafka.session_timeout`"),
    ("auto.offset.reset", "write it as `start` of each source"),
    ("auto.commit.enable", COMMITS),
    ("enable.auto.commit", COMMITS),
    ("auto.commit.interval.ms", COMMITS),
    ("enable.auto.offset.store", COMMITS),
    (
        "group.protocol",
        "rebalances are handed over in a way that needs the classic protocol",
    ),
    (
        "partition.assignment.strategy",
        "rebalances are handed over in a way that needs ours",
    ),
    ("acks", ACKNOWLEDGED),
    ("request.required.acks", ACKNOWLEDGED),
    ("enable.idempotence", ACKNOWLEDGED),
    (
        "transactional.id",
        "delivery is made exact by hit ids, not by transactions",
    ),
    ("enable.partition.eof", "the readers depend on it"),
    ("check.crcs", "records are always checked"),
];

/// Why nobody else may commit.
const COMMITS: &str = "offsets are committed only after what they cover is acknowledged";
/// Why nobody may weaken acknowledgements.
const ACKNOWLEDGED: &str = "a hit counts as delivered only when all in-sync replicas have it";

/// Largest secret that is read, in bytes.
const SECRET_BYTES_MAX: u64 = 64 << 10;

/// Reads `[kafka]` and `[kafka.output]`: the cluster that is read, and the one that is written.
pub(super) fn kafka(document: &mut Section<'_>) -> Option<(KafkaConfig, ClusterConfig)> {
    let mut section = document.required_section("kafka");
    let servers = section.required("brokers", brokers);
    let group = section.required("group", group);
    let instance = section.optional("instance", topic);
    let sessions = Duration::from_secs(1)..=Duration::from_secs(1800);
    let session_timeout = section.or("session_timeout", SESSION_TIMEOUT, duration(sessions));
    let reader = section.or("reader", ReaderChoice::Auto, choice(&READERS));
    let fetch_thread = section.or("fetch_thread", FetchThread::Auto, named);
    let properties = properties_and_credentials(&mut section);
    let output = output(&mut section);
    section.finish();

    let cluster = ClusterConfig {
        brokers: servers?,
        properties,
    };
    let output = match output {
        Output::Same => cluster.clone(),
        Output::SameWith(more) => {
            let mut cluster = cluster.clone();
            cluster.properties.extend(more);
            cluster
        }
        Output::Other(other) => other,
    };
    let kafka = KafkaConfig {
        cluster,
        group: group?,
        instance,
        session_timeout,
        reader,
        fetch_thread,
    };
    Some((kafka, output))
}

/// What `reader` may be.
const READERS: [(&str, ReaderChoice); 3] = [
    ("auto", ReaderChoice::Auto),
    ("direct", ReaderChoice::Direct),
    ("librdkafka", ReaderChoice::Librdkafka),
];

/// What `[kafka.output]` says.
enum Output {
    /// Nothing: the cluster that is read.
    Same,
    /// The cluster that is read, with more properties.
    SameWith(BTreeMap<String, String>),
    /// Another cluster, which inherits nothing.
    Other(ClusterConfig),
}

/// Reads `[kafka.output]`.
fn output(kafka: &mut Section<'_>) -> Output {
    let mut section = kafka.section("output");
    let servers = section.optional("brokers", brokers);
    let properties = properties_and_credentials(&mut section);
    let present = section.present();
    section.finish();
    match servers {
        Some(brokers) => Output::Other(ClusterConfig {
            brokers,
            properties,
        }),
        None if present => Output::SameWith(properties),
        None => Output::Same,
    }
}

/// Reads `username`, `password_file` and `properties` of a cluster into properties.
fn properties_and_credentials(section: &mut Section<'_>) -> BTreeMap<String, String> {
    let username = section.optional("username", word);
    let password_file = section.optional("password_file", path);
    let mut properties = properties(section);
    if !section.has("username") && !section.has("password_file") {
        return properties;
    }
    section.require("username");
    section.require("password_file");
    for (needed, such_as) in [
        (["security.protocol", "security.protocol"], "sasl_ssl"),
        (["sasl.mechanisms", "sasl.mechanism"], "SCRAM-SHA-512"),
    ] {
        if !needed.iter().any(|key| properties.contains_key(*key)) {
            let [key, _] = needed;
            let wrong = format!("needs `{key}` among the properties, such as \"{such_as}\"");
            section.reject("username", wrong);
        }
    }
    if properties.contains_key("sasl.username") || properties.contains_key("sasl.password") {
        section.reject(
            "username",
            "is also among the properties, as `sasl.username`",
        );
    }
    properties.extend(username.map(|name| ("sasl.username".to_owned(), name)));
    if let Some(path) = password_file {
        match secret(&path) {
            Ok(password) => {
                properties.insert("sasl.password".to_owned(), password);
            }
            Err(wrong) => section.reject("password_file", wrong),
        }
    }
    properties
}

/// Reads a `properties` table. Values are never quoted in mistakes: passwords are among them.
fn properties(section: &mut Section<'_>) -> BTreeMap<String, String> {
    let mut section = section.section("properties");
    let mut properties = BTreeMap::new();
    for (key, item) in section.free() {
        if let Some((_, why)) = OWNED.iter().find(|(owned, _)| *owned == key) {
            section.reject(&key, format!("is not a property to set: {why}"));
            continue;
        }
        match property(&item) {
            Ok(value) => {
                properties.insert(key, value);
            }
            Err(wrong) => section.reject(&key, wrong),
        }
    }
    section.finish();
    properties
}

/// The value of a property as librdkafka takes it.
fn property(item: &Item<'_>) -> Result<String, Wrong> {
    match item.value {
        DeValue::Integer(integer) if integer.radix() == 10 => Ok(integer.as_str().to_owned()),
        DeValue::Float(float) => Ok(float.as_str().to_owned()),
        DeValue::Boolean(flag) => Ok(flag.to_string()),
        DeValue::String(_) => text(item),
        DeValue::Integer(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => {
            Err("must be text, a decimal number or a boolean".into())
        }
    }
}

/// The content of a secret's file without line ends at its end.
fn secret(path: &Path) -> Result<String, Wrong> {
    let cannot = |why: String| Wrong::from(format!("cannot read `{}`: {why}", path.display()));
    let file = File::open(path).map_err(|error| cannot(error.to_string()))?;
    let mut secret = String::new();
    file.take(SECRET_BYTES_MAX + 1)
        .read_to_string(&mut secret)
        .map_err(|error| cannot(error.to_string()))?;
    let secret_len = u64::try_from(secret.len()).unwrap_or(u64::MAX);
    let secret = secret.trim_end_matches(['\r', '\n']);
    if secret.is_empty() {
        return Err(cannot("it is empty".to_owned()));
    }
    if secret_len > SECRET_BYTES_MAX {
        return Err(cannot(format!("it has more than {SECRET_BYTES_MAX} bytes")));
    }
    Ok(secret.to_owned())
}
