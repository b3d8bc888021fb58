//! Which topics a configuration needs, and how they must be kept.

use crate::config::{ClusterConfig, Config, LeaseLocation, Origin};
use crate::sink::TopicWanted;

/// Milliseconds in a day.
const DAY_MS: u64 = 86_400_000;

/// The topics of `config` by the cluster that holds them; our own with `partitions`.
pub fn wanted_topics(config: &Config, partitions: i32) -> Vec<(ClusterConfig, Vec<TopicWanted>)> {
    let input = |name: &str, purpose| TopicWanted {
        name: name.to_owned(),
        purpose,
        partitions,
        settings: Vec::new(),
        ours: false,
    };
    let mut read: Vec<TopicWanted> = config
        .sources
        .iter()
        .flat_map(|source| &source.topics)
        .map(|topic| input(topic, "events, written by your sensors"))
        .collect();
    for feed in &config.feeds {
        if let Origin::Topic(topic) = &feed.origin {
            let mut wanted = input(topic, "indicators, written by your analysts");
            wanted.settings = vec![("cleanup.policy", "compact".to_owned())];
            read.push(wanted);
        }
    }
    let mut kept = 7 * DAY_MS;
    if let Some(identify) = &config.identify {
        kept = u64::try_from(identify.repeats_kept.as_millis()).unwrap_or(kept);
        for source in &identify.leases {
            if let LeaseLocation::Topic(topic) = &source.location {
                read.push(input(topic, "leases, written by your access network"));
            }
        }
    }
    let own = |name: &str, purpose, settings| TopicWanted {
        name: name.to_owned(),
        purpose,
        partitions,
        settings,
        ours: true,
    };
    let deleted = ("cleanup.policy", "delete".to_owned());
    let written = vec![
        own(
            &config.hits.topic,
            "hits",
            vec![deleted.clone(), ("retention.ms", kept.to_string())],
        ),
        own(
            &config.dead.topic,
            "undecodable records",
            vec![deleted, ("retention.ms", (7 * DAY_MS).to_string())],
        ),
        own(
            &config.episodes.topic,
            "episodes",
            vec![("cleanup.policy", "compact".to_owned())],
        ),
    ];
    if config.output == config.kafka.cluster {
        read.extend(written);
        vec![(config.kafka.cluster.clone(), read)]
    } else {
        vec![
            (config.kafka.cluster.clone(), read),
            (config.output.clone(), written),
        ]
    }
}
