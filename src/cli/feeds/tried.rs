//! What lists would hit in a sample of traffic that an operator has at hand: the dry run of the gate,
//! by hand.

use std::ffi::OsString;
use std::fmt::Write;

use serde_json::json;

use super::load;
use crate::app;
use crate::cli::Usage;
use crate::cli::feed_options::{all_of, file_input};
use crate::cli::terminal::thousands;
use crate::config::Config;
use crate::feeds::gate::{self, Explosion, Exposure, Store};
use crate::model::{Networks, TrafficSample};
use crate::pipeline::Sampler;
use crate::snapshot::Snapshot;
use crate::source::{Block, FileInput, FileReader};

/// What the last good copies hit of a sample, and what the lists of now would.
pub(super) struct Tried {
    before: Exposure,
    now: Exposure,
    /// What is more than [gate] lets pass.
    explosions: Vec<Explosion>,
}

/// Most values that are shown.
const SHOWN_MAX: usize = 10;

/// Room of the sample an event, on average, in bytes.
const EVENT_BYTES: usize = 160;

impl Tried {
    /// Tries both on the events of some files.
    pub(super) fn on(files: &[OsString], config: &Config, store: &Store) -> anyhow::Result<Self> {
        let inputs = files.iter().map(|text| file_input(text));
        let sample = sample(inputs.collect::<Result<_, Usage>>()?, config)?;
        let at = Some(app::now());
        let exposure = |snapshot: &Snapshot| {
            Exposure::of(&sample, |key, found| snapshot.would_match(key, at, found))
        };
        let now = exposure(&load(config)?.loaded.snapshot);
        let mut copied = config.feeds.clone();
        copied.retain(|feed| matches!(store.good(&feed.name), Ok(Some(_))));
        let options = gate::build_options(config)?;
        let good = gate::load_good(&copied, store, &options, app::now());
        let before = exposure(&good.map_err(|errors| all_of(&errors))?.loaded.snapshot);
        let explosions = gate::judge(&before, &now, config.gate.hits);
        Ok(Self {
            before,
            now,
            explosions,
        })
    }

    /// For people.
    pub(super) fn as_text(&self, text: &mut String) -> std::fmt::Result {
        writeln!(
            text,
            "of {} events of the sample {} are hit, and {} would be",
            thousands(self.now.events),
            thousands(self.before.hit_events),
            thousands(self.now.hit_events),
        )?;
        for (feed, events) in &self.now.by_feed {
            let before = self.before.by_feed.get(feed).copied().unwrap_or_default();
            writeln!(
                text,
                "  by {feed}: {}, and would be {}",
                thousands(before),
                thousands(*events)
            )?;
        }
        for (value, events) in self.new_values() {
            writeln!(text, "  + {value} would hit {}", thousands(events))?;
        }
        for explosion in &self.explosions {
            writeln!(text, "  the gate would hold it back: {explosion}")?;
        }
        Ok(())
    }

    /// For programs.
    pub(super) fn as_json(&self) -> serde_json::Value {
        let new: Vec<serde_json::Value> = self
            .new_values()
            .into_iter()
            .map(|(value, events)| json!({"value": value, "events": events}))
            .collect();
        let explosions: Vec<String> = self.explosions.iter().map(ToString::to_string).collect();
        json!({
            "events": self.now.events,
            "hit_events": {"before": self.before.hit_events, "now": self.now.hit_events},
            "by_feed": {"before": self.before.by_feed, "now": self.now.by_feed},
            "new_values": new,
            "too_much": explosions,
        })
    }

    /// The values with the most hits that had none.
    fn new_values(&self) -> Vec<(&str, u64)> {
        let all = self.now.most_hit(usize::MAX).into_iter();
        all.filter(|(value, _)| !self.before.by_value.contains_key(*value))
            .map(|(value, hits)| (value, hits.events))
            .take(SHOWN_MAX)
            .collect()
    }
}

/// The last events of some files.
fn sample(inputs: Vec<FileInput>, config: &Config) -> anyhow::Result<TrafficSample> {
    let events = config.gate.sample;
    if events == 0 {
        return Err(Usage("`sample` in [gate] is 0: nothing is tried".to_owned()).into());
    }
    let mut sample = TrafficSample::new(events, events.saturating_mul(EVENT_BYTES));
    let own = Networks::new(config.networks.own.iter().copied());
    let mut samplers: Vec<Sampler> = inputs
        .iter()
        .map(|input| Sampler::new(input.format))
        .collect();
    let mut reader = FileReader::new(inputs);
    let mut block = Block::default();
    while reader.next_block(&mut block)? {
        let Some(sampler) = samplers.get_mut(usize::from(block.stream.0)) else {
            continue;
        };
        for (range, _) in &block.records {
            let record = block.bytes.get(range.clone()).unwrap_or_default();
            sampler.add(record, &mut sample, &|address| own.contains(address));
        }
    }
    Ok(sample)
}
