//! The daemon around its work: dry runs, topics, and brokers that are not there.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::client::{Cluster, Sent};
use crate::support::plan::{self, FEED, Plan};
use crate::support::setup::{PARTITIONS, Setup, text};
use crate::support::{eventually, kafka, process};

/// Longest time that a stop may take when nobody answers: the drain, and closing.
const STOP_MAX: Duration = Duration::from_secs(15);

#[test]
fn a_dry_run_produces_and_commits_nothing() {
    let setup = Setup::on(Cluster::best(), "dry", FEED);
    let mut plan = Plan::new(19, 500);
    let rows: Vec<Vec<u8>> = (0..500).map(|_| plan::bytes(&plan.dns())).collect();
    let producer = setup.producer();
    let garbage = Sent {
        value: b"garbage".to_vec(),
        ..Sent::default()
    };
    producer.send(&setup.topic("dns"), 0, &garbage);
    producer.spread(&setup.topic("dns"), PARTITIONS, &rows);
    let mut gannet = setup.start(&["--dry-run"]);
    eventually("everything is read", || {
        (gannet.metric("gannet_records_total", &[])? == 501).then_some(())
    });
    assert!(gannet.metric("gannet_hits_total", &[]) > Some(0));
    assert_eq!(gannet.metric("gannet_dead_letters_total", &[]), Some(1));
    assert_eq!(gannet.stop().code(), Some(0));
    let count = usize::try_from(PARTITIONS).expect("partitions");
    let committed = setup
        .cluster
        .committed(&setup.group(), &setup.topic("dns"), PARTITIONS);
    assert_eq!(committed, vec![None; count]);
    assert_eq!(
        setup.cluster.ends(&setup.topic("hits"), PARTITIONS),
        vec![0; count]
    );
    assert_eq!(setup.cluster.ends(&setup.topic("dead"), 1), [0]);
}

/// Runs `gannet topics` and gives its exit code and what it found.
fn topics(setup: &Setup, action: &str, more: &[&str]) -> (Option<i32>, Value) {
    let config = setup.written();
    let mut arguments = vec!["topics", action, "--json", "--config", text(&config)];
    arguments.extend(more);
    let output = process::run(&arguments);
    let told = serde_json::from_slice(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    (
        output.status.code(),
        told.unwrap_or_else(|error| panic!("{error}: {errors}")),
    )
}

#[test]
fn topics_are_missed_made_and_found_wanting() {
    let test = "topics_are_missed_made_and_found_wanting";
    let Some(cluster) = Cluster::real_or_skip(test) else {
        return;
    };
    let mut setup = Setup::bare(cluster, "topics");
    setup.feed("bad.example\n");
    setup.options.identify = Some("store = \"episodes.redb\"".to_owned());
    let (code, told) = topics(&setup, "check", &[]);
    let missing = told["topics"].as_array().map_or(0, Vec::len);
    assert_eq!(
        (code, missing, &told["ok"]),
        (Some(1), 6, &Value::Bool(false))
    );

    let (code, told) = topics(&setup, "create", &["--partitions", "3"]);
    let made = told["topics"].as_array().into_iter().flatten();
    let made = made.filter(|topic| topic["created"] == true && topic["partitions"] == 3);
    assert_eq!(
        (code, made.count()),
        (Some(1), 3),
        "input topics stay missing"
    );

    let (code, _) = topics(&setup, "create", &["--inputs", "create"]);
    assert_eq!(code, Some(0));
    eventually("every broker knows of the new topics", || {
        let (code, told) = topics(&setup, "check", &[]);
        (code == Some(0) && told["ok"] == true).then_some(())
    });

    let wanting = Setup::bare(
        Cluster::real_or_skip(test).expect("the broker was there"),
        "wanting",
    );
    wanting.feed("bad.example\n");
    wanting.cluster.create(&wanting.topic("episodes"), 1);
    let (code, told) = topics(&wanting, "check", &[]);
    let episodes = told["topics"].as_array().into_iter().flatten();
    let problem = episodes
        .filter(|topic| topic["name"] == wanting.topic("episodes").as_str())
        .map(|topic| topic["problems"][0].as_str().unwrap_or_default().to_owned())
        .next();
    assert_eq!(code, Some(1));
    assert_eq!(
        problem.as_deref(),
        Some("cleanup.policy is `delete`, should be `compact`")
    );
}

#[test]
fn brokers_that_do_not_answer_are_waited_for() {
    let setup = Setup::bare(Cluster::embedded(), "nobody");
    setup.feed("bad.example\n");
    let nobody = format!("127.0.0.1:{}", kafka::free_port().expect("a port"));
    let configuration = setup.configuration();
    let config = setup.path("nobody.toml");
    let configuration = configuration.replace(&setup.cluster.brokers(), &nobody);
    std::fs::write(&config, configuration).expect("a configuration");
    let log = setup.path("nobody.log");
    let mut gannet = process::Instance::start(&config, &log, &[]);
    gannet.await_readiness("it says why it is not ready", |status, body| {
        let wanted = format!("brokers: no answer from brokers `{nobody}`");
        let reason = body["reasons"][0].as_str().unwrap_or_default();
        status == 503 && reason.starts_with(&wanted)
    });
    eventually("it tries again", || {
        (gannet.log().matches("will try again").count() >= 2).then_some(())
    });
    assert_eq!(gannet.get("/livez").map(|answer| answer.status), Some(200));
    let asked = Instant::now();
    assert_eq!(gannet.stop().code(), Some(0));
    assert!(asked.elapsed() < STOP_MAX, "{:?}", asked.elapsed());
}

#[test]
fn brokers_that_go_away_do_not_hold_up_a_stop() {
    let mut setup = Setup::on(Cluster::embedded(), "gone", FEED);
    setup.options.identify = Some("store = \"episodes.redb\"".to_owned());
    let mut gannet = setup.start(&[]);
    gannet.await_assigned();
    drop(setup);
    let asked = Instant::now();
    let code = gannet.stop().code();
    assert!(matches!(code, Some(0 | 1)), "{code:?}");
    assert!(asked.elapsed() < STOP_MAX, "{:?}", asked.elapsed());
}
