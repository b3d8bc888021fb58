//! What a right configuration means.

use std::fs;
use std::path::Path;
use std::time::Duration;

use ipnet::IpNet;

use crate::config::*;
use crate::model::{EventFormat, FeedFormat, LeaseFormat, NameEngine, OutputFormat, Role};

use super::{REQUIRED, check_refused, no_env, parse, with, with_password};

/// The smallest complete configuration, as documented.
const SMALLEST: &str = r#"[kafka]
brokers = "127.0.0.1:9092"
group = "gannet"

[[source]]
name = "resolvers"
topics = ["dns"]
format = "zeek-json"

[[source]]
name = "routers"
topics = ["flows"]
format = "goflow2-protobuf"

[[feed]]
name = "operation"
path = "feeds/operation.txt"          # a file or a directory; or url = "https://…", or topic = "…"
format = "plain"
role = "c2"

[networks]
own = ["198.51.100.0/24", "2001:db8::/32"]

[hits]
topic = "gannet.hits"
format = "json"

[identify]
leases = [{ topic = "gannet.leases", format = "gannet-json" }]   # or path = "…"
store = "state/episodes.redb"

[http]
listen = "127.0.0.1:9464"
"#;

#[test]
fn the_smallest_configuration_works_as_it_stands() {
    let config = parse(SMALLEST).unwrap();
    let directory = Path::new("/etc/gannet");
    let source = |name: &str, topic: &str, format| SourceConfig {
        name: name.to_owned(),
        topics: vec![topic.to_owned()],
        format,
        start: Start::Earliest,
    };
    let cluster = ClusterConfig::new("127.0.0.1:9092");
    let expected = Config {
        kafka: KafkaConfig::new(cluster.clone(), "gannet"),
        output: cluster,
        sources: vec![
            source("resolvers", "dns", EventFormat::ZeekJson),
            source("routers", "flows", EventFormat::Goflow2Protobuf),
        ],
        feeds: vec![FeedConfig::new(
            "operation",
            directory.join("feeds/operation.txt"),
            FeedFormat::Plain,
            Role::C2,
        )],
        gate: GateConfig::default(),
        networks: NetworksConfig {
            own: vec![
                "198.51.100.0/24".parse().unwrap(),
                "2001:db8::/32".parse().unwrap(),
            ],
            ..NetworksConfig::default()
        },
        matching: MatchingConfig::default(),
        workers: WorkersConfig::default(),
        hits: TopicConfig::hits(),
        dead: DeadConfig::default(),
        episodes: EpisodesConfig::default(),
        identify: Some(IdentifyConfig::new(
            vec![LeaseSource {
                location: LeaseLocation::Topic("gannet.leases".to_owned()),
                format: LeaseFormat::GannetJson,
            }],
            directory.join("state/episodes.redb"),
        )),
        http: Some(HttpConfig::default()),
        log: LogConfig::default(),
    };
    assert_eq!(config, expected);
}

#[test]
fn what_is_required_is_enough() {
    let config = parse(REQUIRED).unwrap();
    assert_eq!(config.identify, None);
    assert_eq!(config.http, None);
    assert_eq!(config.workers.drain_timeout, Duration::from_secs(4));
}

#[test]
fn every_key_is_read_into_its_place() {
    let config = parse(
        r#"
[kafka]
brokers = "a.example:9092, [2001:db8::1]:9093"
group = "g"
instance = "i-1"
session_timeout = "45s"
reader = "librdkafka"
fetch_thread = "off"
properties = { fetch.min.bytes = 1, "client.rack" = "r1", debug = "all", log.connection.close = false, "socket.keepalive.enable" = true }
[kafka.output]
properties = { "linger.ms" = 5.5 }
[[source]]
name = "s"
topics = ["a", "b"]
format = "dnstap"
start = "latest"
[[feed]]
name = "f"
path = "/feeds/f.csv"
format = "csv"
role = "allow"
confidence = 100
malware = "win.lumma"
names = "exact"
victim = "any"
grace = "7d"
ports = "ignore"
overrides = true
growth_max = 400
churn_max = 70
rollback = "hold"
duplicate = "accept"
refresh = "5s"
size_max = "1 MiB"
valid_for = "90d"
keep_removed = "1d"
age_max = "2h"
delimiter = "\t"
columns = { value = "v", id = "i", malware = "m", role = "r", confidence = "c", valid_from = "vf", valid_until = "vu", reference = "re", tags = "t" }
[networks]
resolvers = ["192.0.2.53"]
exclude = ["2001:db8::1", "203.0.113.9/24"]
sinkholes = ["203.0.113.66"]
[matching]
names = "aho-corasick"
invalid = "emit"
[gate]
store = "/s/feeds"
rollback = "accept"
popular = ["p.csv"]
own_names = ["WWW.ISP.example."]
private = "accept"
shrink_max = 20
growth_max = 500
churn_max = 80
indicator_hits_max = 1
feed_hits_max = 2
hits_max = 3
sample = 4
breaker = "off"
[workers]
threads = 3
batch_records_max = 1
batch_wait = "1ms"
commit_interval = "10ms"
drain_timeout = "100ms"
unacknowledged_max = 7
[hits]
topic = "h"
format = "protobuf"
[dead]
topic = "d"
value_max = "1 MB"
[episodes]
topic = "e"
format = "protobuf"
update_interval = "0s"
[identify]
leases = [{ path = "l.json", format = "gannet-json" }]
store = "/s/e.redb"
quiet_period = "1h"
lease_delay = "1s"
lease_grace = "2s"
guard_band = "3s"
wait_max = "4s"
waiting_max = 5
repeats_kept = "6m"
commit_hits_max = 7
leases_max = 8
[http]
listen = "[::1]:80"
[log]
filter = "warn,gannet=debug"
format = "json"
"#,
    )
    .unwrap();
    let properties: Vec<(&str, &str)> = config
        .output
        .properties
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect();
    assert_eq!(
        properties,
        [
            ("client.rack", "r1"),
            ("debug", "all"),
            ("fetch.min.bytes", "1"),
            ("linger.ms", "5.5"),
            ("log.connection.close", "false"),
            ("socket.keepalive.enable", "true"),
        ]
    );
    assert_eq!(config.kafka.cluster.properties.len(), 5);
    assert_eq!(config.kafka.instance.as_deref(), Some("i-1"));
    assert_eq!(config.kafka.session_timeout, Duration::from_secs(45));
    assert_eq!(config.sources[0].topics, ["a", "b"]);
    assert_eq!(config.sources[0].start, Start::Latest);
    let text = |word: &str| Some(word.to_owned());
    let gate = GateConfig {
        store: Some("/s/feeds".into()),
        popular: vec![config.gate.popular[0].clone()],
        own_names: vec!["www.isp.example".to_owned()],
        private: true,
        limits: ChangeLimits {
            shrink_max: 20,
            growth_max: 500,
            churn_max: 80,
            rollback: true,
            duplicate: false,
        },
        hits: HitLimits {
            indicator_hits_max: 1,
            feed_hits_max: 2,
            hits_max: 3,
        },
        sample: 4,
        breaker: false,
    };
    assert_eq!(config.gate, gate);
    assert_eq!(
        config.feeds,
        [FeedConfig {
            name: "f".to_owned(),
            path: "/feeds/f.csv".into(),
            origin: Origin::Path,
            refresh: Duration::from_secs(5),
            size_max: 1 << 20,
            valid_for: Some(Duration::from_secs(90 * 86_400)),
            keep_removed: Duration::from_secs(86_400),
            age_max: Some(Duration::from_secs(7200)),
            format: FeedFormat::Csv,
            role: Role::Allow,
            confidence: 100,
            malware: text("win.lumma"),
            names: Some(Scope::Exact),
            victim: Some(VictimDirection::Any),
            grace: Duration::from_secs(7 * 86_400),
            ignore_ports: true,
            overrides: true,
            columns: CsvColumns {
                value: text("v"),
                id: text("i"),
                malware: text("m"),
                role: text("r"),
                confidence: text("c"),
                valid_from: text("vf"),
                valid_until: text("vu"),
                reference: text("re"),
                tags: text("t"),
                delimiter: Some(b'\t'),
            },
            limits: ChangeLimits {
                shrink_max: 20,
                growth_max: 400,
                churn_max: 70,
                rollback: false,
                duplicate: true,
            },
        }]
    );
    let nets = |nets: &[IpNet]| nets.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(nets(&config.networks.resolvers), ["192.0.2.53/32"]);
    assert_eq!(
        nets(&config.networks.exclude),
        ["2001:db8::1/128", "203.0.113.0/24"]
    );
    assert_eq!(nets(&config.networks.sinkholes), ["203.0.113.66/32"]);
    assert_eq!(
        config.matching,
        MatchingConfig {
            names: NameEngine::AhoCorasick,
            emit_invalid: true,
        }
    );
    let millis = Duration::from_millis;
    assert_eq!(
        config.workers,
        WorkersConfig {
            threads: 3,
            batch_records_max: 1,
            batch_wait: millis(1),
            commit_interval: millis(10),
            drain_timeout: millis(100),
            unacknowledged_max: 7,
        }
    );
    let topic = |topic: &str| topic.to_owned();
    assert_eq!(
        (config.hits, config.dead, config.episodes),
        (
            TopicConfig {
                topic: topic("h"),
                format: OutputFormat::Protobuf,
            },
            DeadConfig {
                topic: topic("d"),
                value_bytes_max: 1_000_000,
            },
            EpisodesConfig {
                topic: topic("e"),
                format: OutputFormat::Protobuf,
                update_interval: Duration::ZERO,
            },
        )
    );
    assert_eq!(
        config.identify,
        Some(IdentifyConfig {
            leases: vec![LeaseSource {
                location: LeaseLocation::Path("/etc/gannet/l.json".into()),
                format: LeaseFormat::GannetJson,
            }],
            store: "/s/e.redb".into(),
            quiet_period: millis(3_600_000),
            lease_delay: millis(1_000),
            lease_grace: millis(2_000),
            guard_band: millis(3_000),
            wait_max: millis(4_000),
            waiting_max: 5,
            repeats_kept: millis(360_000),
            commit_hits_max: 7,
            leases_max: 8,
        })
    );
    assert_eq!(
        config.http.map(|http| http.listen.to_string()),
        Some("[::1]:80".to_owned())
    );
    assert_eq!(
        (config.log.filter.as_str(), config.log.json),
        ("warn,gannet=debug", true)
    );
}

#[test]
fn the_drain_fits_into_a_short_session() {
    let text = with("group", "session_timeout = \"6s\"");
    let config = parse(&text).unwrap();
    assert_eq!(config.workers.drain_timeout, Duration::from_secs(3));
}

#[test]
fn credentials_become_properties_and_are_never_shown() {
    let (directory, text) = with_password(b"hunter2\r\n");
    let path = directory.path().join("gannet.toml");
    fs::write(&path, &text).unwrap();
    let config = Config::load(&path, &no_env).unwrap();
    let properties = &config.kafka.cluster.properties;
    assert_eq!(properties["sasl.username"], "u");
    assert_eq!(properties["sasl.password"], "hunter2");
    assert_eq!(config.output, config.kafka.cluster);
    let shown = format!("{config:?}");
    assert!(shown.contains("sasl.password"), "{shown}");
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn variables_are_filled_into_values_of_every_kind() {
    let env = |name: &str| match name {
        "BROKERS" => Some("broker.example:9092".to_owned()),
        "THREADS" => Some("5".to_owned()),
        "OVERRIDES" => Some("true".to_owned()),
        "SIZE" => Some("1 MiB".to_owned()),
        _ => None,
    };
    let text = with("role = ", "overrides = \"${OVERRIDES}\"")
        .replace("127.0.0.1:9092", "${BROKERS}")
        .replace("feeds/", "${FEEDS:-lists}/");
    let text = format!(
        "{text}[workers]\nthreads = \"${{THREADS}}\"\nbatch_wait = \"${{WAIT:-1s}}\"\n\
         [dead]\nvalue_max = \"${{SIZE}}\"\n"
    );
    let config = Config::parse(&text, Path::new("g.toml"), &env).unwrap();
    assert_eq!(config.kafka.cluster.brokers, "broker.example:9092");
    assert_eq!(config.workers.threads, 5);
    assert_eq!(config.workers.batch_wait, Duration::from_secs(1));
    assert_eq!(config.dead.value_bytes_max, 1 << 20);
    assert_eq!(config.feeds[0].path, Path::new("lists/operation.txt"));
    assert!(config.feeds[0].overrides);
    let gone = REQUIRED.replace("127.0.0.1:9092", "${BROKERS}");
    check_refused(
        &gone,
        "kafka.brokers",
        "the environment variable `BROKERS` is not set",
    );
}
