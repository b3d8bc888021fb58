//! `gannet bench kafka`: the whole job on a topic of a real Kafka, beside the bare reading of it.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use super::records::{made, made_snapshot, refusal, step_text, workload};
use super::{Told, above_zero, tell, turns, with_progress};
use crate::cli::{Outcome, Usage};
use crate::config::{ClusterConfig, FetchThread};
use crate::lab::EmbeddedBroker;
use crate::lab::bench::kafka::{
    Compression, Host, KafkaOptions, LatencyOptions, MadeTopic, TopicOptions, kafka, latency, swap,
};
use crate::lab::bench::{
    FeedOptions, MadeFeed, ResultRow, Settings, Traffic, TrafficOptions, Workload,
};
use crate::model::Named;
use crate::snapshot::{BuildOptions, Publisher, SnapshotReader};

/// The arguments of `gannet bench kafka`.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// A Kafka to measure on; topics are made there and deleted again.
    #[arg(long, value_name = "HOST:PORT", required_unless_present = "embedded")]
    brokers: Option<String>,

    /// The embedded broker instead, which has no room for many records: good for a try.
    #[arg(long, conflicts_with = "brokers")]
    embedded: bool,

    /// A property of librdkafka, such as security.protocol=ssl. Repeatable.
    #[arg(long = "property", value_name = "NAME=VALUE", value_parser = property,
        conflicts_with = "embedded")]
    properties: Vec<(String, String)>,

    /// What is sent: see `bench pipeline`.
    #[arg(long, value_name = "FORMAT", default_value = "zeek-json", value_parser = workload)]
    format: Workload,

    /// Events in the topic.
    #[arg(long, value_name = "N", default_value = "5000000", value_parser = above_zero)]
    events: usize,

    /// Events in a record [default: as producers of the format send them].
    #[arg(long, value_name = "K")]
    events_per_record: Option<NonZeroU32>,

    /// How records are compressed: none, lz4, zstd.
    #[arg(long, value_name = "CODEC", default_value = "zstd", value_parser = codec)]
    codec: Compression,

    /// Partitions of the topic.
    #[arg(long, value_name = "N", default_value_t = 4,
        value_parser = clap::value_parser!(i32).range(1..=1024))]
    partitions: i32,

    /// Made names that are listed.
    #[arg(long, value_name = "N", default_value_t = 100_000,
        value_parser = clap::value_parser!(u32).range(..=i64::from(FeedOptions::NAMES_MAX)))]
    indicators: u32,

    /// Made prefixes and addresses that are listed.
    #[arg(long, value_name = "N", default_value_t = 20_000,
        value_parser = clap::value_parser!(u32).range(..=i64::from(FeedOptions::PREFIXES_MAX)))]
    prefixes: u32,

    /// The share of events that hit something listed, 0 to 1.
    #[arg(long, value_name = "SHARE", default_value = "0.001", value_parser = super::pipeline::share)]
    hit_share: f64,

    /// Workers, each a thread with its own reader.
    #[arg(long, value_name = "W", default_value = "1", value_parser = above_zero)]
    workers: usize,

    /// Whether each of them fetches on a thread of its own: auto (with more cores than workers), on,
    /// off.
    #[arg(long, value_name = "WHEN", default_value = "auto", value_parser = fetch_thread)]
    fetch_thread: FetchThread,

    /// Turns of each contender, at least 3.
    #[arg(long, value_name = "N", default_value = "5", value_parser = turns)]
    turns: usize,

    /// Also hold this share of what was measured, and tell how long a hit takes to be visible.
    #[arg(long, value_name = "SHARE", value_parser = super::pipeline::share)]
    rate: Option<f64>,

    /// For how many seconds the rate is held.
    #[arg(long, value_name = "S", default_value_t = 10, requires = "rate",
        value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,

    /// Also build another snapshot of so many names while the whole job goes on, publish it, and tell
    /// how long a worker stands still and how fast it is meanwhile.
    #[arg(long, value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=i64::from(FeedOptions::NAMES_MAX)))]
    swap: Option<u32>,

    /// What made records follow from.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    #[command(flatten)]
    pub(super) told: Told,
}

/// Measures and tells.
pub(super) fn run(arguments: &Arguments) -> Outcome {
    let started = Instant::now();
    let embedded = match arguments.embedded {
        true => Some(EmbeddedBroker::start()?),
        false => None,
    };
    let mut cluster = ClusterConfig::new(arguments.brokers.clone().unwrap_or_default());
    cluster.properties.extend(arguments.properties.clone());
    let host = embedded
        .as_ref()
        .map_or(Host::Kafka(&cluster), Host::Embedded);
    let rows = with_progress(|progress| arguments.measure(host, progress))?;
    tell(&arguments.told, started, rows)
}

impl Arguments {
    /// Measures on `host`.
    fn measure(
        &self,
        host: Host<'_>,
        progress: &mut dyn FnMut(&str),
    ) -> anyhow::Result<Vec<ResultRow>> {
        progress("making records");
        let feed = FeedOptions {
            names: self.indicators,
            prefixes: self.prefixes,
            seed: self.seed,
        };
        let feed = MadeFeed::new(feed).map_err(refusal)?;
        let traffic = self.traffic(&feed)?;
        progress("building the snapshot");
        let mut publisher = Publisher::new(made_snapshot(&feed, BuildOptions::default())?);
        let snapshots = publisher.reader();
        progress("filling the topic");
        let topic = MadeTopic::make(host, &traffic, self.topic(self.events as u64))?;
        let options = KafkaOptions {
            workers: self.workers,
            fetch_thread: self.fetch_thread.applies(self.workers),
            settings: Settings {
                turns: self.turns,
                warmups: 1,
            },
        };
        let name = self.format.as_str();
        let mut rows = kafka(
            &topic,
            &traffic,
            &snapshots,
            &options,
            &mut |engine, step| {
                progress(&step_text(name, engine, step));
            },
        )?;
        for row in &mut rows {
            row.format = Some(name.to_owned());
        }
        let most = rows.first().and_then(|row| row.records_per_second);
        if let (Some(share), Some(most)) = (self.rate, most) {
            progress("holding a rate");
            let rate = LatencyOptions {
                rate: most * share,
                lasts: Duration::from_secs(self.seconds),
            };
            rows.push(self.latency(host, &traffic, &snapshots, (&options, rate))?);
        }
        if let Some(names) = self.swap {
            progress("changing the snapshot");
            rows.push(self.swapped(&topic, &mut publisher, &options, names)?);
        }
        Ok(rows)
    }

    /// How long it takes from append to visible hit at a rate.
    fn latency(
        &self,
        host: Host<'_>,
        traffic: &Traffic,
        snapshots: &SnapshotReader,
        options: (&KafkaOptions, LatencyOptions),
    ) -> anyhow::Result<ResultRow> {
        let stock = MadeTopic::make(host, traffic, self.topic(1))?;
        let topic = MadeTopic::make(host, traffic, self.topic(0))?;
        let found = latency(&topic, &stock, snapshots, options)
            .map_err(|error| anyhow::anyhow!("cannot hold the rate: {error}"))?;
        Ok(ResultRow {
            ops: Some(found.hits),
            records_per_second: Some(found.rate),
            latency_ms_p50: Some(found.p50_ms),
            latency_ms_p99: Some(found.p99_ms),
            latency_ms_p999: Some(found.p999_ms),
            ..self.row("kafka-latency")
        })
    }

    /// How a change to a snapshot of so many `names` is felt.
    fn swapped(
        &self,
        topic: &MadeTopic,
        publisher: &mut Publisher,
        options: &KafkaOptions,
        names: u32,
    ) -> anyhow::Result<ResultRow> {
        let feed = FeedOptions {
            names,
            prefixes: self.prefixes,
            seed: self.seed,
        };
        let feed = MadeFeed::new(feed).map_err(refusal)?;
        let next = || Ok(made_snapshot(&feed, BuildOptions::default())?);
        let found = swap(topic, publisher, options, next)
            .map_err(|error| anyhow::anyhow!("cannot change the snapshot: {error}"))?;
        Ok(ResultRow {
            size: Some(names.into()),
            build_seconds: Some(found.build_ms / 1e3),
            records_per_second: Some(found.before),
            rate_kept: found.during.map(|during| during / found.before.max(1e-9)),
            pause_ms_max: found.pause_ms,
            ..self.row("kafka-swap")
        })
    }

    /// A row of `bench` about `gannet`, without figures.
    fn row(&self, bench: &str) -> ResultRow {
        ResultRow {
            bench: bench.to_owned(),
            engine: "gannet".to_owned(),
            format: Some(self.format.as_str().to_owned()),
            codec: Some(self.codec.as_str().to_owned()),
            threads: Some(self.workers as u64),
            ..ResultRow::default()
        }
    }

    /// The records that are sent.
    fn traffic(&self, feed: &MadeFeed) -> anyhow::Result<Traffic> {
        if self.embedded && self.events > EMBEDDED_EVENTS_MAX {
            let text = format!("the embedded broker has room for {EMBEDDED_EVENTS_MAX} events");
            return Err(Usage(text).into());
        }
        let mut options = TrafficOptions {
            events: self.events as u64,
            hit_share: self.hit_share,
            seed: self.seed,
            ..TrafficOptions::new(self.format)
        };
        if let Some(events) = self.events_per_record {
            options.events_per_record = events;
        }
        made(&options, feed)
    }

    /// A topic for `events`.
    fn topic(&self, events: u64) -> TopicOptions {
        TopicOptions {
            events,
            partitions: self.partitions,
            codec: self.codec,
        }
    }
}

/// What the embedded broker keeps of records of 500 bytes in four partitions.
const EMBEDDED_EVENTS_MAX: usize = 20_000;

/// A property and its value.
fn property(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        Some(_) | None => Err("write it as NAME=VALUE".to_owned()),
    }
}

/// When each worker gets a thread that fetches.
fn fetch_thread(text: &str) -> Result<FetchThread, String> {
    FetchThread::from_name(text).map_err(|error| error.to_string())
}

/// The compression that `text` names.
fn codec(text: &str) -> Result<Compression, String> {
    Compression::from_name(text).map_err(|error| error.to_string())
}
